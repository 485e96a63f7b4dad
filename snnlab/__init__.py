"""snnlab: spiking networks on an emulated analog neuromorphic chip, trained in the loop.

>>> from snnlab import Config, Trainer, load
>>> trainer = Trainer(Config(dataset="digits"), load("digits"))
>>> progress = next(iter(trainer))

Names are imported on first use, so that ``import snnlab`` costs nothing.
"""

from importlib import import_module

from snnlab.lazy import lazy

_HOME = {
    "Chip": "snnlab.chip.emulator",
    "Config": "snnlab.config",
    "Dataset": "snnlab.data",
    "Die": "snnlab.chip.die",
    "Events": "snnlab.events",
    "Mapping": "snnlab.chip.layout.mapping",
    "Network": "snnlab.learn.network",
    "OperatingPoint": "snnlab.chip.operating_point",
    "Progress": "snnlab.learn.trainer",
    "RecordedSpikes": "snnlab.data.spikes.recorded",
    "Recording": "snnlab.chip.recording",
    "SnnlabError": "snnlab.errors",
    "Trainer": "snnlab.learn.trainer",
    "classify": "snnlab.studies.classifier",
    "dashboard": "snnlab_app.notebook.inline",
    "interactive": "snnlab_app.notebook.notebook",
    "latency_encode": "snnlab.data.images.encoding",
    "load": "snnlab.data",
    "load_spikes": "snnlab.data.spikes.files",
    "recipe": "snnlab.recipes",
}

_find, __dir__, __all__ = lazy(__name__, _HOME)


def __getattr__(name: str):
    return import_module("snnlab.install").version() if name == "__version__" else _find(name)
