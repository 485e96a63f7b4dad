"""Names that ``snnlab`` imports on first use, for type checkers and editors."""

from snnlab.chip.die import Die as Die
from snnlab.chip.emulator import Chip as Chip
from snnlab.chip.layout.mapping import Mapping as Mapping
from snnlab.chip.operating_point import OperatingPoint as OperatingPoint
from snnlab.chip.recording import Recording as Recording
from snnlab.config import Config as Config
from snnlab.data import Dataset as Dataset
from snnlab.data import load as load
from snnlab.data.images.encoding import latency_encode as latency_encode
from snnlab.data.spikes import RecordedSpikes as RecordedSpikes
from snnlab.data.spikes import load_spikes as load_spikes
from snnlab.errors import SnnlabError as SnnlabError
from snnlab.events import Events as Events
from snnlab.learn.network import Network as Network
from snnlab.learn.trainer import Progress as Progress
from snnlab.learn.trainer import Trainer as Trainer
from snnlab.recipes import recipe as recipe
from snnlab.studies.classifier import classify as classify
from snnlab_app.notebook.inline import dashboard as dashboard
from snnlab_app.notebook.notebook import interactive as interactive

__version__: str
