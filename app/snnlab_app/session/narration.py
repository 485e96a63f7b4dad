"""One weight update described stage by stage, in numbers."""

from collections.abc import Callable

import numpy as np

from snnlab.events import TICK
from snnlab.learn.reach import received
from snnlab.learn.trainer import Progress, Trainer
from snnlab.text.numerals import group_digits


def narrate(
    trainer: Trainer, advance: Callable[[], Progress]
) -> tuple[Progress, tuple[tuple[str, str], ...]]:
    """Call ``advance``; returns its progress, and for each stage its name and what happened."""
    floats, codes = trainer.network.arrays(), trainer.weights_lsb()
    progress = advance()
    return progress, tuple(_stages(trainer, progress, floats, codes))


def _stages(trainer, progress, floats, codes):
    recording, n = progress.recording, progress.samples
    inputs, hidden = recording.inputs, sum(len(layer.tick) for layer in recording.spikes)
    samples = sum(cadc.size for cadc in recording.cadc)
    first = inputs.tick.min(initial=2**16 - 1) * TICK
    yield (
        "Encode",
        f"{n} images become {group_digits(len(inputs.tick))} input spikes, the first after"
        f" {1e6 * first:.1f} µs",
    )
    yield (
        "Forward on the chip",
        f"{group_digits(hidden)} hidden spikes, {hidden / n:.1f} an image;"
        f" {group_digits(samples)} CADC samples",
    )
    right = round(progress.accuracy * n)
    yield "Loss", f"Loss {progress.loss:.3f}; the highest score is right for {right} of {n} images"
    yield (
        "Injection",
        f"{group_digits(samples)} measured potentials and {group_digits(hidden)} measured spikes"
        " replace those of the ideal model",
    )
    who = received(recording, trainer.settings.gradient, trainer.surrogate).mean()
    norms = [float(np.linalg.norm(g)) for g in trainer.gradients]
    yield (
        "Surrogate backward",
        f"{100 * who:.0f} % of the hidden neurons receive gradient; its norm is"
        f" {' and '.join(f'{norm:.3g}' for norm in norms)}, layer by layer",
    )
    moved = [abs(b - a).mean() for a, b in zip(floats, trainer.network.arrays(), strict=True)]
    scale = trainer.network.scales()[0]
    after = trainer.weights_lsb()
    changed = sum(int((a != b).sum()) for a, b in zip(codes, after, strict=True))
    whole = sum(a.size for a in after)
    yield (
        "Adam and rounding",
        f"Hidden weights move by {moved[0] * scale:.2f} LSB on average; {group_digits(changed)} of"
        f" {group_digits(whole)} rounded weights change",
    )
    spec = recording.spec
    clipped = sum(int((np.abs(a.astype(int)) == spec.weight_max_lsb).sum()) for a in after)
    yield (
        "Write",
        f"{group_digits(whole)} signed {spec.weight_bits}-bit weights are on the chip,"
        f" {group_digits(clipped)} of them at ±{spec.weight_max_lsb}",
    )
