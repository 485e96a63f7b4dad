"""Measurements in a separate process: ``python -m snnlab_bench.sections.probe NAME [N]``.

Each prints one line of JSON.
"""

import json
import sys
from pathlib import Path
from time import perf_counter

import torch

MB = 2**20


def memory(batch: int) -> dict[str, float]:
    """Peak memory of a step with ``batch`` images above that of a step with ten : MB."""
    from snnlab_bench.network import Random

    Random(batch=10).step()
    before, large = _now(), Random(batch=batch)
    for _ in range(3):
        large.step()
    return {"mb": (_peak() - before) / MB, "baseline_mb": before / MB}


def growth(steps: int) -> dict[str, float]:
    """Growth of a training's peak memory on digits, from the hundredth step to the last : MB."""
    from snnlab import Config, Trainer, load

    settled, config = 0, Config(dataset="digits", epochs=10_000, schedule="constant")
    for progress in Trainer(config, load("digits")):
        if progress.step == 100:
            settled = _peak()
        if progress.step == steps:
            break
    return {"mb": (_peak() - settled) / MB, "baseline_mb": settled / MB}


def recordings(batches: int) -> dict[str, float]:
    """Growth of peak memory over batches of 100 made recordings of 294 CADC samples in the network
    70-186R-10, from the tenth batch to the last : MB."""
    from snnlab import Config, Trainer
    from snnlab_bench.network import make_recordings

    config = Config.checked(
        dataset="spikes", hidden=[186], recurrent="trained", returned=0.0, readout="sum",
        duration=0.995, batch=100, epochs=10_000, schedule="constant",
    )  # fmt: skip
    trainer, settled = Trainer(config, make_recordings()), 0
    while trainer.step < batches:
        trainer.advance()
        settled = _peak() if trainer.step == 10 else settled
    return {
        "mb": (_peak() - settled) / MB, "baseline_mb": settled / MB,
        "samples": trainer.point.samples,
    }  # fmt: skip


def spoken(epochs: int) -> dict[str, float]:
    """Peak memory of epochs of spoken digits above that of a training that is ready : MB."""
    from snnlab_bench.network import Spoken

    trainer = Spoken().trainer(learning_rate=0.0, batch=2)
    trainer.advance()  # compiled, and test recordings in the chip's time
    _ = trainer.test_events
    before, trainer = _now(), Spoken().trainer(learning_rate=0.0)
    while trainer.epoch < epochs:
        trainer.advance()
    return {"mb": (_peak() - before) / MB, "baseline_mb": before / MB}


def start(_: int) -> dict[str, float]:
    """Time until all kernels of a training are ready : s, the first pass minus a second one."""
    from snnlab import Config, Trainer, load

    dataset = load("digits")
    trainer = Trainer(Config(dataset="digits"), dataset)
    _ = trainer.train_events, trainer.test_events
    took = []
    for _ in range(2):
        begin = perf_counter()
        trainer.prepare(lambda message, fraction: None)
        took.append(perf_counter() - begin)
    return {"seconds": took[0] - took[1]}


def _peak():
    """Largest resident memory so far : bytes."""
    try:
        import resource
    except ImportError:  # on Windows
        import psutil

        return psutil.Process().memory_info().peak_wset
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss  # on Linux not below the parent's
    return _status("VmHWM") or (peak if sys.platform == "darwin" else 1024 * peak)


def _now():
    """Resident memory : bytes; if the system does not report it, the largest so far."""
    return _status("VmRSS") or _peak()


def _status(field):
    """A field of Linux's process status : bytes; 0 on other systems."""
    try:
        lines = Path("/proc/self/status").read_text("ascii").splitlines()
    except OSError:
        return 0
    return next(1024 * int(line.split()[1]) for line in lines if line.startswith(field))


if __name__ == "__main__":
    torch.set_num_threads(1)
    probes = {f.__name__: f for f in (memory, growth, recordings, spoken, start)}
    probe = probes[sys.argv[1]]
    print(json.dumps(probe(int(sys.argv[2]))))
