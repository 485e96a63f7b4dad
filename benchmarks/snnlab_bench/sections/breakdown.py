"""Where the time goes: the cost of each kind of work, from differences, against the roofline.

All on one thread and by CPU time, which a busy machine disturbs least.
"""

from dataclasses import replace

import numpy as np
import torch

from snnlab.chip.operating_point import OperatingPoint
from snnlab.chip.threads import use_threads
from snnlab.learn.network import decode
from snnlab_bench import machine
from snnlab_bench.harness import interleaved, timed
from snnlab_bench.network import Trained

BATCH = 200
PADDED = 256
OPERATIONS = {"input spikes": 16, "steps": 10, "CADC samples": 37}
"""Arithmetic for one neuron, counted in the kernel's source; noise is part of a sample."""
L1_BYTES = {"input spikes": 48, "steps": 68, "CADC samples": 17}
"""Bytes loaded and stored for the same."""


def measure(trained: Trained, threads: int) -> dict:
    """Microseconds of one image by kind of work, milliseconds of one step, the machine's limits."""
    use_threads(1)
    torch.set_num_threads(1)
    found = {"image": image(trained), "step": step(trained), "limits": machine.limits()}
    use_threads(threads)
    found["at_best"] = at_best(found["image"]["counts"], found["limits"])
    return found


def image(trained: Trained) -> dict[str, dict[str, float]]:
    """Microseconds of one image in inference mode, and how often each kind of work is done."""
    point = OperatingPoint.inference()
    steps = point.samples * point.substeps
    events = trained.images(BATCH)
    took = _cpu_us(_variants(trained, point, events))
    quiet = took["no spikes"]
    parts = {
        "input spikes": took["no weights"] - quiet,
        "steps": (quiet - took["few steps"]) * steps / (steps - point.samples),
        "CADC samples": (quiet - took["one sample"]) * point.samples / (point.samples - 1),
        "hidden spikes": took["whole"] - took["no weights"],
    }
    rest = took["whole"] - sum(parts.values())
    counts = {"input spikes": len(events.tick) / BATCH, "steps": steps}
    return {
        "us": {**parts, "rest": rest, "whole": took["whole"]},
        "counts": {**counts, "CADC samples": point.samples},
        "alone_us": took["image alone"] * BATCH,
    }


def _variants(trained, point, events):
    """Runs of a batch that each leave something out; the last is of one image only."""
    chip, weights = trained.chip(point), trained.weights_lsb
    # One converter period cut into all the steps: as many steps, but one sample.
    one_sample = trained.chip(replace(point, samples=1, substeps=point.samples * point.substeps))
    few_steps = trained.chip(replace(point, substeps=1))
    none = replace(
        events, offsets=np.zeros_like(events.offsets), tick=events.tick[:0],
        channel=events.channel[:0],
    )  # fmt: skip
    zero, alone = [np.zeros_like(w) for w in weights], events.take(np.arange(1))
    return {
        "whole": lambda: chip.run(events, weights),
        "no weights": lambda: chip.run(events, zero),
        "no spikes": lambda: chip.run(none, zero),
        "one sample": lambda: one_sample.run(none, zero),
        "few steps": lambda: few_steps.run(none, zero),
        "image alone": lambda: chip.run(alone, weights),
    }


def step(trained: Trained) -> dict[str, float]:
    """Milliseconds of one training step with 100 images, by kind of work."""
    trainer = trained.trainer(learning_rate=0.0)
    trainer.advance()
    index = np.arange(trainer.settings.batch)
    events = trainer.train_events.take(index)
    chip, weights_lsb = trainer.chip, trainer.network.weights_lsb()
    backward = _backward(trainer, chip.run(events, weights_lsb))
    works = {
        "whole": trainer.advance,
        "taking the batch": lambda: trainer.train_events.take(index),
        "chip": lambda: chip.run(events, weights_lsb),
        "adjoint": backward,
    }
    took = {name: 1e-3 * BATCH * us for name, us in _cpu_us(works).items()}
    whole = took.pop("whole")
    return {**took, "loss, Adam, Python": whole - sum(took.values()), "whole": whole}


def _backward(trainer, recording):
    """The backward pass of a recording, with gradients of one everywhere."""
    network = trainer.network
    weights, d_traces = network.arrays(), np.ones_like(decode(recording, 1.0))
    d_counts = [np.ones((len(recording.inputs), n), np.float32) for n in network.sizes[1:-1]]
    gradient = trainer.gradient
    return lambda: gradient.backward(recording, weights, d_traces, d_counts)


def _cpu_us(works):
    """Microseconds of CPU time, as a median, over ``BATCH``."""
    times = interleaved({name: timed(work) for name, work in works.items()}, most=100)
    return {name: 1e6 * float(np.median(t.cpu)) / BATCH for name, t in times.items()}


def at_best(counts: dict[str, float], limits: dict[str, float]) -> dict[str, float]:
    """Microseconds a core needs at least: the longer of arithmetic and L1 traffic."""
    return {
        kind: 1e6
        * count
        * PADDED
        * max(
            OPERATIONS[kind] / limits["product_ops"],
            L1_BYTES[kind] / limits["l1_bytes"],
        )
        for kind, count in counts.items()
    }


def told(found: dict) -> str:
    """What was found, in words."""
    us, best, whole = found["image"]["us"], found["at_best"], found["image"]["us"]["whole"]
    lines = [f"an image in inference mode takes one core {whole:.1f} µs (by CPU time):"]
    for kind, part in us.items():
        least = f", at best {best[kind]:.1f}" if kind in best else ""
        lines.append(f"  {kind:18} {part:6.1f} µs {part / whole:5.0%}{least}")
    lines.append(f"  alone in its batch {found['image']['alone_us']:.0f} µs, most of it Python")
    lines.append("a training step with 100 images takes one core:")
    lines += [f"  {kind:18} {ms:6.2f} ms" for kind, ms in found["step"].items()]
    reach = ", ".join(f"{name} {rate / 1e9:.0f} G/s" for name, rate in found["limits"].items())
    return "\n".join([*lines, f"a core reaches {reach}"])
