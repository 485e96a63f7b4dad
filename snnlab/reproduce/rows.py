"""The table of results: published values, targets, measured values."""

from dataclasses import dataclass

from snnlab.quantities import RECORD, quantities
from snnlab.reproduce.plan import QUICK, loop_name
from snnlab.reproduce.records import Records
from snnlab.text.tables import markdown

MAX_DEVIATION_SD = 2.0
"""Standard deviations within which a fresh die counts as equal."""


@dataclass(frozen=True)
class Row:
    """One row of the table.

    training : of the plan; quantity : a name of RECORD; paper, rival : published values, of chip
    and of software or ANN; least, most : bounds of the mean; spikes : largest number of hidden
    spikes per image; like : training whose mean it must match within two standard deviations.
    """

    what: str
    training: str
    quantity: str = "accuracy"
    paper: str = ""
    rival: str = ""
    least: float | None = None
    most: float | None = None
    spikes: float | None = None
    like: str | None = None

    def target(self) -> str:
        """In words."""
        if self.like:
            return f"as {self.like}, within {MAX_DEVIATION_SD:g} sd"
        low, high = self.least, self.most
        if low is not None and high is not None:
            text = f"{low:g} to {high:g}"
        elif low is not None:
            text = f"≥ {low:g}"
        else:
            text = f"≤ {high:g}" if high is not None else ""
        return f"{text} at ≤ {self.spikes:g} spikes" if self.spikes else text

    def verdict(self, records: Records) -> str:
        """Whether the target is met; empty without target or result, and in the quick version."""
        sample = records.sample(self.training, self.quantity)
        if sample is None or not self.target() or records.trainings[self.training].quick:
            return ""
        if self.like:
            return self._as_like(sample, records)
        met = (self.least is None or sample.mean >= self.least) and (
            self.most is None or sample.mean <= self.most
        )
        if self.spikes:
            met = met and records.sample(self.training, "spikes").mean <= self.spikes
        return "met" if met else "not met"

    def _as_like(self, sample, records):
        other = records.sample(self.like, self.quantity)
        if other is None or len(other.values) < 2:
            return ""
        return "met" if abs(sample.mean - other.mean) <= MAX_DEVIATION_SD * other.sd else "not met"


ROWS = (
    Row("MNIST, paper's settings", "paper", paper="97.2 ± 0.1", rival="97.5 / 98.1",
        least=96.9, most=97.5),
    Row("MNIST, paper's settings, rotation and dropout", "paper, augmented", paper="97.6 ± 0.1",
        rival="98.0 / 98.7", least=97.3, most=97.9),
    Row("MNIST", "best", paper="97.6 ± 0.1", rival="98.0 / 98.7", least=98.5),
    Row("MNIST, a fresh die", "fresh die", like="best"),
    Row("MNIST at few spikes", "sparse", paper="97.2", least=98.0, spikes=20),
    Row("MNIST at fewest spikes", "sparser", paper="slightly less", least=97.5, spikes=10),
    Row("MNIST, decided 8 µs after the first input spike", "early", "within_8us",
        paper="97.2–97.6", least=98.0),
    Row("Fashion-MNIST, paper's settings", "paper, Fashion", paper="84.2 ± 0.2",
        rival="85.5 / 88.0", least=83.7, most=84.7),
    Row("Fashion-MNIST, paper's settings, software SNN", "paper, Fashion, software",
        rival="85.5 (SNN)", least=85.0, most=86.0),
    Row("Fashion-MNIST", "fashion", paper="84.2 ± 0.2", rival="85.5 / 88.0", least=88.0),
    Row("MNIST, σ_d = 30 %, in the loop", loop_name(0.3), paper="hardly affected", least=98.0),
    Row("MNIST, σ_d = 50 %, in the loop", loop_name(0.5), paper="visibly less", least=97.5),
    Row("MNIST error increase, 15 % of hidden neurons silenced (%)", "robust", "error_increase",
        paper="+10", most=10.0),
    Row("same, paper's settings with 40 % dropout", "paper, augmented", "error_increase",
        paper="+10"),
    Row("same, paper's settings", "paper", "error_increase", paper="+37"),
    Row("energy per image (µJ, estimate), paper's settings", "paper", "energy", paper="2.4",
        least=2.28, most=2.52),
    Row("power (mW, estimate), paper's settings", "paper", "power", paper="200",
        least=190, most=210),
    Row("images per second (k/s), paper's settings", "paper", "rate", paper="85",
        least=80.75, most=89.25),
    Row("MNIST, two hidden layers, 256-128-236-10", "two hidden layers"),
    Row("MNIST, three hidden layers, 256-128-123-123-10", "three hidden layers"),
    Row("MNIST, software SNN, same size", "software", rival="98.0 (SNN)"),
    Row("Fashion-MNIST, software SNN, same size", "software, Fashion", rival="85.5 (SNN)"),
    Row("MNIST, ReLU ANN, same size", "ANN", rival="98.1 (ANN)"),
    Row("MNIST, ReLU ANN, rotation and dropout", "ANN, augmented", rival="98.7 (ANN)"),
    Row("Fashion-MNIST, ReLU ANN, same size", "ANN, Fashion", rival="88.0 (ANN)"),
)  # fmt: skip

HEAD = (
    "what", "paper: chip", "paper: software / ANN", "target", "ours", "hidden spikes", "seeds",
    "target met",
)  # fmt: skip


def table(records: Records) -> str:
    """Markdown table of the rows whose trainings belong to the study; missing values are dashes."""
    rows = [_cells(row, records) for row in ROWS if row.training in records.trainings]
    return markdown(HEAD, rows, right=range(1, len(HEAD)))


def _cells(row, records):
    sample = records.sample(row.training, row.quantity)
    wanted = records.trainings[row.training].seeds
    ours = sample.text(quantities(RECORD)[row.quantity].digits) if sample else "–"
    done = len(sample.values) if sample else 0
    seeds = f"{done}" if done == len(wanted) else f"{done} of {len(wanted)}"
    what = row.what
    if records.trainings[row.training].quick:
        what = f"{QUICK} ({what})"
    verdict = row.verdict(records)
    if verdict and done < len(wanted):
        verdict += " so far"
    return (
        what, row.paper, row.rival, row.target(), f"**{ours}**" if sample else ours,
        _spikes(row, records), seeds, verdict,
    )  # fmt: skip


def _spikes(row, records):
    if records.trainings[row.training].ann is not None:
        return ""
    sample = records.sample(row.training, "spikes")
    return sample.text(quantities(RECORD)["spikes"].digits) if sample else ""
