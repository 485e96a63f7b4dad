"""Names that ``snnlab.nir`` imports on first use, for type checkers and editors."""

from snnlab.nir.export import export_run as export_run
from snnlab.nir.export import to_nir as to_nir
from snnlab.nir.file import read_nir as read_nir
from snnlab.nir.file import write_nir as write_nir
from snnlab.nir.load import from_nir as from_nir
