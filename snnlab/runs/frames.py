"""A few test images on the chip, recorded at several moments of a training."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from snnlab.chip.recording import Recording
from snnlab.chip.spec import ChipSpec
from snnlab.errors import SnnlabError
from snnlab.events import Events
from snnlab.files import load_npz, npz, write_whole

MAX_MOMENTS, MAX_BYTES = 100, 2**26
"""Moments kept of one training, and their bytes; longer trainings and those of large networks keep
every second, third, … epoch."""
WIDTH, HEIGHT = 160, 90
"""Of a thumbnail."""


@dataclass(frozen=True, eq=False)
class Frames:
    """Test images as the chip saw them at several moments.

    step : int64[frame] weight updates before it; image : int64[frame] index of the test image;
    scale : float64[frame] LSB per model unit of the label layer; recording : a batch of all frames.
    """

    step: np.ndarray
    image: np.ndarray
    scale: np.ndarray
    recording: Recording

    def __len__(self) -> int:
        return len(self.step)

    def one(self, frame: int) -> Recording:
        """One frame's recording, a batch of one image."""
        return self.recording.take(np.array([frame]))

    def stride(self, epochs: int) -> int:
        """Epochs from one moment to the next in a training of ``epochs``, by the first moment."""
        first = self._only(self.step == self.step[0])
        size = sum(np.asarray(array).nbytes for array in _arrays(first).values())
        return -(-epochs // max(1, min(MAX_MOMENTS, MAX_BYTES // size)))

    def until(self, step: int) -> "Frames":
        """The frames of up to ``step`` weight updates."""
        return self._only(self.step <= step)

    def newest(self) -> "Frames":
        """The frames of the last moment."""
        return self._only(self.step == self.step.max(initial=0))

    def _only(self, wanted):
        index = np.flatnonzero(wanted)
        kept = self.recording.take(index)
        return Frames(self.step[index], self.image[index], self.scale[index], kept)

    def save(self, path: Path) -> None:
        """Write an ``npz`` file; raises OSError."""
        write_whole(path, npz(_arrays(self)))

    @classmethod
    def load(cls, path: Path) -> "Frames":
        """Read what :meth:`save` wrote; raises :class:`SnnlabError` for anything else."""
        arrays = load_npz(path, "frames", "step, image, scale, …")
        try:
            return _checked(_frames(arrays))
        except Exception as error:  # arrays that do not go together fail in many ways
            raise SnnlabError(f"frames {path}: no frames in it ({type(error).__name__})") from None


def join(parts: Iterable[Frames]) -> Frames:
    """Frames one after the other."""
    parts = list(parts)
    together = (np.concatenate([getattr(p, n) for p in parts]) for n in ("step", "image", "scale"))
    return Frames(*together, join_recordings([part.recording for part in parts]))


def join_recordings(recordings: Sequence[Recording]) -> Recording:
    """Recordings of several batches as one batch."""
    layers = zip(*(r.spikes for r in recordings), strict=True)
    return Recording(
        _chain([r.inputs for r in recordings]),
        tuple(map(_chain, layers)),
        tuple(map(np.concatenate, zip(*(r.cadc for r in recordings), strict=True))),
        recordings[-1].correction,
        recordings[-1].spec,
        recordings[-1].recurrent,
    )


def _chain(events):
    """Batches of spikes as one."""
    counts = np.concatenate([e.counts for e in events])
    tick, channel, ids = (
        np.concatenate([getattr(e, n) for e in events]) for n in ("tick", "channel", "ids")
    )
    offsets = np.concatenate([[0], np.cumsum(counts)])
    return Events(offsets, tick, channel, events[0].n_channels, ids)


def thumbnail(frames: Frames, accuracy: Sequence[float]) -> str:
    """An SVG picture: spikes of the newest frame over time, and test accuracy over epochs.

    accuracy : 0 to 1, of each epoch.
    """
    recording = frames.one(len(frames) - 1)
    last = max(
        recording.inputs.tick.max(initial=1), *(s.tick.max(initial=1) for s in recording.spikes)
    )
    first, dots = 0, []
    total = sum(layer.n_channels for layer in recording.spikes)
    for layer in recording.spikes:
        x = WIDTH * layer.tick / last
        y = HEIGHT * (first + layer.channel) / total
        dots += [f"M{a:.1f} {b:.1f}h1" for a, b in zip(x, y, strict=True)]
        first += layer.n_channels
    x = np.linspace(0, WIDTH, len(accuracy))
    line = " ".join(f"{a:.1f},{HEIGHT * (1 - b):.1f}" for a, b in zip(x, accuracy, strict=True))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 160 90">'
        f'<path d="{"".join(dots)}" stroke="#888"/>'
        f'<polyline points="{line}" fill="none" stroke="#c33" stroke-width="2"/></svg>'
    )


_PARTS = ("offsets", "tick", "channel", "n_channels", "ids")


def _arrays(frames):
    recording = frames.recording
    arrays = {"step": frames.step, "image": frames.image, "scale": frames.scale}
    if recording.recurrent:
        arrays["recurrent"] = np.array(recording.recurrent)
    arrays |= {f"spec_{name}": np.array(getattr(recording.spec, name)) for name in ChipSpec.LIMITS}
    for k, events in enumerate((recording.inputs, *recording.spikes)):
        arrays |= {f"{part}_{k}": np.asarray(getattr(events, part)) for part in _PARTS}
    arrays |= {f"cadc_{k}": cadc for k, cadc in enumerate(recording.cadc)}
    return arrays | {f"correction_{k}": c for k, c in enumerate(recording.correction)}


def _checked(frames):
    """Frames whose parts fit each other; raises ValueError."""
    recording, n = frames.recording, len(frames.step)
    events, cadc, scale = (recording.inputs, *recording.spikes), recording.cadc, frames.scale
    sound = (
        all(a.shape == (n,) for a in (frames.step, frames.image, scale))
        and all(a.dtype.kind in "iu" for a in (frames.step, frames.image))
        and (scale.dtype.kind == "f" and (np.isfinite(scale) & (scale > 0)).all())
        and (all(len(e) == n for e in events) and len(cadc) == len(events))
        and all(a.ndim == 3 and a.dtype == np.uint8 and len(a) == n for a in cadc)
        and len({a.shape[1] for a in cadc}) == 1
        and all(a.shape[2] == e.n_channels for a, e in zip(cadc, recording.spikes, strict=False))
        and all(map(_corrects, recording.correction, cadc))
        and set(recording.recurrent) <= set(range(len(recording.spikes)))
    )
    if not sound:
        raise ValueError("parts of frames that do not fit each other")
    return frames


def _corrects(correction, cadc):
    numbers = correction.dtype.kind in "if" and np.isfinite(correction).all()
    return correction.shape == cadc.shape[2:] and numbers


def _frames(arrays):
    def layers(name):
        return sum(key.startswith(f"{name}_") for key in arrays)

    def events(k):
        parts = {part: arrays[f"{part}_{k}"] for part in _PARTS}
        return Events(**{**parts, "n_channels": int(parts["n_channels"])}).checked()

    inputs, *spikes = map(events, range(layers("tick")))
    cadc, correction = (
        tuple(arrays[f"{name}_{k}"] for k in range(layers(name))) for name in ("cadc", "correction")
    )
    recurrent = tuple(map(int, arrays.get("recurrent", ())))  # older files have none
    # Nor have they the variant of the chip: bits are today's.
    spec = {n: arrays[f"spec_{n}"].item() for n in ChipSpec.LIMITS if f"spec_{n}" in arrays}
    return Frames(
        *(arrays[name] for name in ("step", "image", "scale")),
        Recording(inputs, tuple(spikes), cadc, correction, ChipSpec(**spec), recurrent),
    )
