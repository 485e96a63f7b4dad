"""A training on disk: recorded, resumed to the bit, listed, queried, exported.

Imports ``learn`` and what is below it, not ``sweeps``.
"""

from snnlab.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Run": "snnlab.runs.run",
        "find_run": "snnlab.runs.run",
        "list_runs": "snnlab.runs.run",
        "load_weights": "snnlab.runs.run",
        "resume": "snnlab.runs.training",
        "train": "snnlab.runs.training",
    },
)
