"""The figures of the reproduction, as series of points."""

from dataclasses import dataclass, replace
from operator import itemgetter

import numpy as np

from snnlab.plotting import Series
from snnlab.reproduce.plan import QUICK, loop_name
from snnlab.reproduce.records import Records, Sample, error_increase
from snnlab.studies.stress import SHARES, SIGMAS

ACCURACY = "test accuracy (%)"


@dataclass(frozen=True)
class Figure:
    """Series with file name, caption and axis labels."""

    name: str
    caption: str
    xlabel: str
    ylabel: str
    series: list[Series]


def figures(records: Records) -> list[Figure]:
    """Figures with records; those of the quick version are marked."""
    made = (make(records) for make in (_mismatch, _death, _sparsity, _front, _latency))
    found = [figure for figure in made if figure.series]
    return list(map(_marked, found)) if records.quick else found


def _marked(figure):
    caption, xlabel = f"{QUICK}. {figure.caption}", f"{figure.xlabel}; {QUICK}"
    return replace(figure, caption=caption, xlabel=xlabel)


def _mismatch(records):
    loop = [(s, records.sample(loop_name(s), "accuracy")) for s in SIGMAS]
    name = "software, for transfer"
    moved = [(s, records.sampled(name, lambda r, s=s: 100 * r["transferred"][str(s)]))
             for s in SIGMAS]  # fmt: skip
    ideal = records.sample(name, "accuracy")
    series = [_series("in the loop", loop, 100.0), _series("transferred", moved, 100.0)]
    if ideal:
        series.append(_series("software", [(s, ideal) for s in SIGMAS], 100.0))
    return Figure(
        "mismatch", "Decalibrated dies: trained in the loop, trained in software and transferred"
        " to the same dies, and the software network itself. Mean ± sd over seeds.",
        "decalibration σ_d (%)", ACCURACY, _drawn(series),
    )  # fmt: skip


def _death(records):
    series = []
    for name in ("robust", "best", "paper, augmented", "paper"):
        points = [
            (share, records.sampled(name, lambda r, share=share: 100 * error_increase(r, share)))
            for share in SHARES
        ]
        series.append(_series(name, points, 100.0))
    series.append(Series("published, dropout", np.array([15.0]), np.array([10.0]), line=False))
    series.append(Series("published", np.array([15.0]), np.array([37.0]), line=False))
    return Figure(
        "neuron-death", "Hidden neurons silenced after training: how much the test error grows,"
        " relative; mean of five choices of neurons each. Mean ± sd over seeds.",
        "silenced hidden neurons (%)", "error increase (%)", _drawn(series, published=2),
    )  # fmt: skip


def _sparsity(records):
    return Figure(
        "sparsity", "Accuracy at different strengths of burst regularisation.",
        "hidden spikes per image", ACCURACY,
        _drawn([*_against(records, "spikes"),
                Series("published", np.array([20.0]), np.array([97.2]), line=False)], published=1),
    )  # fmt: skip


def _front(records):
    return Figure(
        "energy", "Accuracy against the energy of one image (estimate).",
        "energy per image (µJ, estimate)", ACCURACY,
        _drawn([*_against(records, "energy"),
                Series("published", np.array([2.4]), np.array([97.6]), line=False)], published=1),
    )  # fmt: skip


def _against(records, quantity):
    """Accuracy over a quantity: the sparse MNIST networks, and the paper's settings."""
    ours = ["best", "sparse", "sparser", *(n for n in records.trainings if n.startswith("front"))]
    for title, names in (("ours", ours), ("paper's settings", ["paper"])):
        found = [(records.sample(n, quantity), records.sample(n, "accuracy")) for n in names]
        points = sorted(((x.mean, y) for x, y in found if x and y), key=itemgetter(0))
        yield _series(title, points)


def _latency(records):
    series = []
    for name in ("best", "early", "sparse", "paper"):
        results = records.of(name)
        if results:
            accuracy = 100.0 * np.array([r["accuracy_over_time"] for r in results])
            time = 1e6 * np.array(results[0]["times"])
            spread = accuracy.std(axis=0, ddof=1) if len(accuracy) > 1 else None
            series.append(Series(name, time[1:], accuracy.mean(axis=0)[1:], _tail(spread)))
    return Figure(
        "latency", "Accuracy if the decision is taken at each CADC sample. Mean ± sd over seeds.",
        "time from the image's start (µs)", ACCURACY, series,
    )  # fmt: skip


def _tail(spread):
    return None if spread is None else spread[1:]


def _series(name: str, points: list[tuple[float, Sample | None]], factor: float = 1.0) -> Series:
    known = [(factor * x, sample) for x, sample in points if sample]
    return Series(
        name, np.array([x for x, _ in known]), np.array([s.mean for _, s in known]),
        np.array([s.sd for _, s in known]),
    )  # fmt: skip


def _drawn(series, published=0):
    """Series with points, if any but the published ones has points."""
    ours = [one for one in series[: len(series) - published] if len(one.x)]
    return [*ours, *series[len(series) - published :]] if ours else []
