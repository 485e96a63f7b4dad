"""Speed of inference relative to the real chip."""

from collections.abc import Iterator

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.spec import BRAINSCALES2
from snnlab_bench.harness import Row, Spread, interleaved, timed
from snnlab_bench.network import Trained

CHIP_RATE = 85_000.0
"""Images per second that the chip classifies (Cramer et al. 2022)."""
TRAINING_RATE = 1.0 / (BRAINSCALES2.training_samples * BRAINSCALES2.dt_cadc)
BATCH = 1000


def rows(trained: Trained, threads: int, full: bool) -> Iterator[Row]:
    """Real-time factors of inference and training mode, with the default die and noise."""
    point = OperatingPoint.inference()
    yield _row(trained, threads, "inference, 11.8 µs per image", point, CHIP_RATE, 2.0)
    point = OperatingPoint()
    yield _row(trained, threads, "training mode, 34 µs per image", point, TRAINING_RATE, 4.0)


def _row(trained, threads, what, point, chip_rate, target):
    chip, events = trained.chip(point), trained.images(BATCH)
    times = interleaved({what: timed(lambda: trained.classify(chip, events))})[what]
    rate, alone = Spread.of(BATCH / times.wall), Spread.of(BATCH * threads / times.cpu).median
    accuracy, spikes = trained.accuracy(chip), len(events.tick) / BATCH
    return Row(
        what.split(",")[0].replace(" ", "-"),
        what,
        Spread.of(BATCH / times.wall / chip_rate),
        target,
        f"{rate.median:,.0f} images/s against the chip's {chip_rate:,.0f}",
        notes=(
            f"test accuracy {accuracy:.2%}, {spikes:.0f} input spikes per image",
            f"{alone:,.0f} images/s on otherwise idle cores (estimate from CPU time)",
        ),
        details={"images_per_s": rate.median, "images_per_s_by_cpu": alone, "accuracy": accuracy},
    )
