"""Training step and inference compared with other libraries, and agreement of their networks."""

from collections.abc import Iterator
from pathlib import Path
from shutil import which

import numpy as np

from snnlab.chip.die import Die
from snnlab.chip.operating_point import OperatingPoint
from snnlab_bench.harness import Row, Seconds, Spread, Times, interleaved, timed
from snnlab_bench.network import Trained
from snnlab_bench.peers.contest import CHECKED, LARGE, SMALL, PeerError, peers
from snnlab_bench.peers.networks import PEERS
from snnlab_bench.peers.worker import COMPILED

UNCOMPILED, COMPILED_TOO, INFERENCE, EPOCH = 10.0, 5.0, 5.0, 8.0
"""Targets: a step against the fastest peer that is not compiled, and against the fastest of all;
inference; an epoch with its test against torch by hand."""
BY_HAND = "torch by hand"
REPEATS = 10
"""Steps in a row, as in a training: the first one after another process finds cold caches."""
NO_NOISE = {"cadc_noise": 0.0, "threshold_drift": 0.0, "spike_jitter": 0.0}


def rows(trained: Trained, threads: int, full: bool) -> Iterator[Row]:
    """Ratio of the fastest peer's time to ours.

    One of the peers is compiled where a C++ compiler is found.
    """
    compiler = next(filter(which, ("g++", "clang++", "c++")), None)
    names = [*PEERS, *([f"{BY_HAND}{COMPILED}"] if compiler else [])]
    with peers(trained, names, threads) as (running, missing, folder):
        alike = _alike(trained, running, missing, folder)
        lacking = () if compiler else ("no C++ compiler found: no peer is compiled",)
        yield from _step(trained, running, (*alike, *missing.values(), *lacking))
        yield _inference(trained, running)
        yield _epoch(trained, running)


def _step(trained, running, alike):
    trainer = trained.trainer(learning_rate=0.0)
    ours = {"snnlab": timed(trainer.advance, REPEATS)}
    theirs = {name: peer.task("step", REPEATS) for name, peer in running.items()}
    times = _measured(ours, theirs)
    plain = {name: theirs[name] for name in theirs if not name.endswith(COMPILED)}
    what = f"training step, batch {SMALL}, 20 steps"
    yield _row("peers-step", what, UNCOMPILED, ours, plain, times, alike)
    if len(plain) < len(theirs):
        what = "the same, compiled peers too"
        yield _row("peers-step-compiled", what, COMPILED_TOO, ours, theirs, times)


def _inference(trained, running):
    chip = trained.chip(OperatingPoint.inference())
    ours, theirs = {}, {}
    for key, count in {"small": SMALL, "large": LARGE}.items():
        events, repeats = trained.images(count), LARGE // count

        def work(events=events):
            return trained.classify(chip, events)

        ours[f"snnlab, batch {count}"] = _per_image(timed(work, repeats), count)
        for name, peer in running.items():
            theirs[f"{name}, batch {count}"] = _per_image(peer.task(key, repeats), count)
    what = "inference, 7 CADC periods, at the best batch"
    return _row("peers-inference", what, INFERENCE, ours, theirs, _measured(ours, theirs))


def _epoch(trained, running):
    """All training images in batches, and all test images. The peer has its batch at hand, and does
    without reading, shuffling and encoding."""
    trainer = trained.trainer(learning_rate=0.0)
    steps, tests = trainer.steps_per_epoch, -(-len(trained.dataset.test_labels) // LARGE)
    ours, theirs = {"snnlab": timed(lambda: [trainer.advance() for _ in range(steps)])}, {}
    if BY_HAND in running:
        parts = running[BY_HAND].task("step", steps), running[BY_HAND].task("large", tests)

        def by_hand():
            (step, image), (step_cpu, image_cpu) = zip(*(part() for part in parts), strict=True)
            return Seconds(steps * step + tests * image, steps * step_cpu + tests * image_cpu)

        theirs[BY_HAND] = by_hand
    times = interleaved({**ours, **theirs}, seconds=15.0, least=3) if theirs else {}
    what = f"an epoch of {len(trained.dataset.train_labels)} images, with its test"
    return _row("peers-epoch", what, EPOCH, ours, theirs, times)


def _per_image(contender, count):
    def counted():
        took = contender()
        return Seconds(took.wall / count, took.cpu / count)

    return counted


def _measured(ours, theirs):
    return interleaved({**ours, **theirs}, seconds=15.0) if theirs else {}


def _row(key, what, target, ours, theirs, times, notes=()):
    if not theirs:
        return Row(key, what, None, target, "no peer runs", notes=notes)
    median = {name: _median(times[name]) for name in (*ours, *theirs)}
    mine, fastest = (min(names, key=median.get) for names in (ours, theirs))
    shown = {name: f"{name} {_shown(seconds)}" for name, seconds in median.items()}
    batches = {name.partition(", ")[2] for name in shown}
    lists = ["; ".join(v for k, v in shown.items() if k.endswith(b)) for b in sorted(batches)]
    return Row(
        key,
        what,
        Spread.of(times[fastest].wall / times[mine].wall),
        target,
        f"{shown[mine]} against {shown[fastest]}",
        notes=(*lists, *notes),
        details={"seconds": median},
    )


def _shown(seconds):
    if seconds > 1.0:
        return f"{seconds:.2f} s"
    return f"{1e3 * seconds:.1f} ms" if seconds > 1e-3 else f"{1e6 * seconds:.1f} µs"


def _median(times: Times) -> float:
    return float(np.median(times.wall))


def _alike(trained, running, missing, folder) -> list[str]:
    """Agreement of each peer's spikes and predictions with an ideal die without noise, as text.

    Peers that do not run are moved from ``running`` to ``missing``.
    """
    ideal = trained.chip(OperatingPoint(**NO_NOISE), Die.ideal())
    recording = ideal.run(trained.images(CHECKED), trained.weights_lsb)
    ours = recording.spikes[0].count_by_channel()
    lines = [f"hidden spikes per image: ideal die {ours.sum() / CHECKED:.1f}"]
    for name in list(running):
        try:
            running[name].task("check")()
            lines.append(_compared(name, folder, ours, trained.dataset.test_labels[:CHECKED]))
        except PeerError as error:
            missing[name] = str(error)
            del running[name]
    return lines


def _compared(name: str, folder: Path, ours: np.ndarray, labels: np.ndarray) -> str:
    with np.load(folder / f"{name}.npz", allow_pickle=False) as file:
        counts, answers = file["counts"], file["answers"]
    equal, right = (counts == ours).mean(), (answers == labels).mean()
    return (
        f"{name} {counts.sum() / len(ours):.1f}; spike counts of {equal:.1%} of the neurons equal,"
        f" accuracy {right:.1%}"
    )
