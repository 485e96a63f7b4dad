"""The records of a plan as numbers: quantities of each seed, their mean and spread."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from snnlab.reproduce.cache import Cache
from snnlab.reproduce.plan import Training

REFERENCE_SHARE = 0.15
"""Share of silenced hidden neurons in the paper's figure of robustness."""


@dataclass(frozen=True)
class Quantity:
    """What is read off a record: its unit, digits shown, and how to get it."""

    unit: str
    digits: int
    of: Callable[[dict], float]


def error_increase(result: dict, share: float = REFERENCE_SHARE) -> float:
    """How much the test error grows when this share of hidden neurons is silenced, in % of it."""
    by_share = result["silenced"]
    whole = 1.0 - by_share["0.0"]
    return 100.0 * (1.0 - by_share[str(share)] - whole) / whole if whole else float("nan")


QUANTITIES = {
    "accuracy": Quantity("%", 2, lambda r: 100.0 * r["accuracy"]),
    "spikes": Quantity("", 1, lambda r: r["spikes"]),
    "within_8us": Quantity("%", 2, lambda r: 100.0 * r["within_8us"]),
    "error_increase": Quantity("%", 0, error_increase),
    "energy": Quantity("µJ", 2, lambda r: 1e6 * r["energy"]),
    "power": Quantity("mW", 0, lambda r: 1e3 * r["power"]),
    "rate": Quantity("k/s", 1, lambda r: 1e-3 * r["rate"]),
}


@dataclass(frozen=True, eq=False)
class Sample:
    """One quantity over the seeds of a training."""

    values: np.ndarray

    @property
    def mean(self) -> float:
        return float(self.values.mean())

    @property
    def sd(self) -> float:
        """Of the seeds, with n − 1; NaN for a single one."""
        return float(self.values.std(ddof=1)) if len(self.values) > 1 else float("nan")

    def text(self, digits: int) -> str:
        """Mean ± sd, or the only value."""
        spread = f" ± {self.sd:.{digits}f}" if len(self.values) > 1 else ""
        return f"{self.mean:.{digits}f}{spread}"


class Records:
    """What the cache holds of some trainings."""

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
        """Whether any of it is the small version, on other images than its name says."""
        return any(training.quick for training in self.trainings.values())

    def of(self, name: str) -> list[dict]:
        """Results of the seeds that are done; none if the training is not part of the study."""
        return [record["result"] for _, record in self._found.get(name, [])]

    def sample(self, name: str, quantity: str) -> Sample | None:
        """A quantity over the seeds that have it, None if there are none."""
        return self.sampled(name, QUANTITIES[quantity].of)

    def sampled(self, name: str, of: Callable[[dict], float]) -> Sample | None:
        """Any number read off the results."""
        values = [of(result) for result in self.of(name)]
        return Sample(np.array(values)) if values else None

    def versions(self) -> list[dict[str, str]]:
        """Of what computed each record."""
        return [record["versions"] for pairs in self._found.values() for _, record in pairs]

    def flat(self) -> list[dict]:
        """One row for each training and seed, for a table: settings, results and versions."""
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
