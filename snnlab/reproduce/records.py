"""The records of a plan as numbers: quantities of each seed, their mean and spread."""

from collections.abc import Callable
from dataclasses import dataclass
from operator import itemgetter

import numpy as np

from snnlab.quantities import RECORD, quantities
from snnlab.reproduce.cache import Cache
from snnlab.reproduce.plan import Training

REFERENCE_SHARE = 0.15
"""Share of silenced hidden neurons in the paper's figure on robustness."""


def error_increase(result: dict, share: float = REFERENCE_SHARE) -> float:
    """Relative growth of the test error when this share of hidden neurons is silenced."""
    by_share = result["silenced"]
    whole = 1.0 - by_share["0.0"]
    return (1.0 - by_share[str(share)] - whole) / whole if whole else float("nan")


DERIVED = {"error_increase": error_increase}
"""Quantities computed from a record."""


@dataclass(frozen=True, eq=False)
class Sample:
    """One quantity over the seeds of a training."""

    values: np.ndarray

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def sd(self) -> float:
        """Sample standard deviation over the seeds (n − 1); NaN for a single one."""
        return float(self.values.std(ddof=1)) if len(self.values) > 1 else float("nan")

    def text(self, digits: int) -> str:
        """Mean ± sd, or the only value."""
        spread = f" ± {self.sd:.{digits}f}" if len(self.values) > 1 else ""
        return f"{self.mean:.{digits}f}{spread}"


class Records:
    """The cached records of some trainings."""

    def __init__(self, trainings: tuple[Training, ...], cache: Cache):
        self.trainings = {training.name: training for training in trainings}
        self._found, self.failures = {}, {}
        for training in trainings:
            jobs = training.jobs()
            pairs = [(job, cache.get(job)) for job in jobs]
            self._found[training.name] = [(j, record) for j, record in pairs if record]
            bad = {j.label: cache.failure(j) for j, record in pairs if not record}
            self.failures.update({label: why for label, why in bad.items() if why})

    @property
    def quick(self) -> bool:
        """Whether any training is the quick version, on other images than its name says."""
        return any(training.quick for training in self.trainings.values())

    def of(self, name: str) -> list[dict]:
        """Results of the finished seeds; empty if the training is not part of the study."""
        return [record["result"] for _, record in self._found.get(name, [])]

    def sample(self, name: str, quantity: str) -> Sample | None:
        """A quantity of RECORD in its displayed unit over the seeds, None without results."""
        of, known = DERIVED.get(quantity, itemgetter(quantity)), quantities(RECORD)[quantity]
        return self.sampled(name, lambda result: known.shown(of(result)))

    def sampled(self, name: str, of: Callable[[dict], float]) -> Sample | None:
        """A number computed from each seed's result."""
        values = [of(result) for result in self.of(name)]
        return Sample(np.array(values)) if values else None

    def versions(self) -> list[dict[str, str]]:
        """Versions of the libraries that computed each record."""
        return [record["versions"] for pairs in self._found.values() for _, record in pairs]

    def flat(self) -> list[dict]:
        """Table rows, one for each training and seed: settings, results and versions."""
        return [
            {
                "training": name,
                "kind": job.kind,
                **{f"set_{key}": _plain(value) for key, value in job.settings.items()},
                **{key: value for key, value in record["result"].items() if _flat(value)},
                **_by_share("silenced", record["result"]),
                **_by_share("transferred", record["result"]),
                "seconds": record["seconds"],
                **{f"version_{key}": value for key, value in record["versions"].items()},
                "key": job.key,
            }
            for name, pairs in self._found.items()
            for job, record in pairs
        ]


def _plain(value):
    return "-".join(map(str, value)) if isinstance(value, list | tuple) else value


def _flat(value):
    return isinstance(value, int | float) or (isinstance(value, list) and value)


def _by_share(name, result):
    return {f"{name}_{share}": value for share, value in result.get(name, {}).items()}
