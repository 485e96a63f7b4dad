"""Searches over the knobs: an Optuna study, its trials, and the processes that train them.

Imports ``learn`` and what is below it, not ``runs``.
"""

from snnlab.lazy import lazy

__getattr__, __dir__, __all__ = lazy(
    __name__,
    {
        "Plan": "snnlab.sweeps.plan",
        "best_of": "snnlab.sweeps.outcome",
        "sweep": "snnlab.sweeps.search",
    },
)
