"""Networks from and to other libraries, as NIR graphs.

Imports ``runs`` and ``learn``.
"""

from snnlab.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "to_nir": "snnlab.nir.export",
        "export_run": "snnlab.nir.export",
        "from_nir": "snnlab.nir.load",
        "read_nir": "snnlab.nir.file",
        "write_nir": "snnlab.nir.file",
    },
)
