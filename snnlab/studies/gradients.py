"""The microscope: gradients of one batch by several methods, side by side.

All methods differentiate the cross-entropy of the same recording, so they differ only in how they
model a spike. The response of the chip is measured: its loss in runs with the same trial noise and
weights moved by one LSB in random directions.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from snnlab.chip.die import Die
from snnlab.chip.emulator import Chip
from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2
from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.learn.gradient.methods import GRADIENTS
from snnlab.learn.loss import classification
from snnlab.learn.network import decode
from snnlab.learn.trainer import Trainer
from snnlab.model.gradients import COMPARED, TITLES, title_of
from snnlab.model.readout import differentiate, scores
from snnlab.runs.run import Run, data_of, load_weights
from snnlab.runs.schema import Change
from snnlab.seeding import key, stream
from snnlab.text.tables import aligned

REACHED = 0.01
"""A neuron counts as reached if its gradient is at least this fraction of the largest in its layer:
a convention."""
DIRECTIONS = 16
IMAGES = 100


@dataclass(frozen=True, eq=False)
class LayerGradients:
    """Gradients of one layer's weights by each method of :data:`~snnlab.model.gradients.TITLES`.

    norm : float64[method], of the whole gradient; cosine : float64[method, method];
    neuron_cosine : float64[method, neuron], with the gradient of the method that trains;
    neuron_norm : float64[method, neuron], relative to its norm; NaN where either is zero;
    reached : float64[method], share of neurons;
    measured : float64[direction], slopes of the chip's loss per LSB; predicted : float64[method,
    direction], those by the gradients; without directions if none were asked for; spikes :
    float64[neuron], per image, NaN for labels.
    """

    name: str
    norm: np.ndarray
    cosine: np.ndarray
    neuron_cosine: np.ndarray
    neuron_norm: np.ndarray
    reached: np.ndarray
    measured: np.ndarray
    predicted: np.ndarray
    spikes: np.ndarray

    @property
    def agreement(self) -> np.ndarray:
        """Cosine of predicted and measured slopes : float64[method]; NaN where either is zero.

        1 if the method predicts every change of the loss up to one factor; 0 ± 1 / √directions for
        a random gradient.
        """
        return np.array([_cosine(slopes, self.measured) for slopes in self.predicted])

    @property
    def gain(self) -> np.ndarray:
        """Norm of the predicted slopes over that of the measured ones : float64[method]; NaN if
        these are zero."""
        length = np.linalg.norm(self.measured)
        return np.linalg.norm(self.predicted, axis=1) / length if length else self.norm * np.nan


@dataclass(frozen=True, eq=False)
class Comparison:
    """Gradients of one batch.

    trained_by : index in :data:`~snnlab.model.gradients.TITLES`; loss : cross-entropy.
    """

    step: int
    loss: float
    trained_by: int
    layers: tuple[LayerGradients, ...]


def compare(trainer: Trainer, *, images: int = IMAGES, directions: int = DIRECTIONS) -> Comparison:
    """The gradients of a trainer's present weights on some of its training images.

    Its weights and noise do not change. images : of the batch; directions : random ones per layer
    in which the chip's loss is measured, two runs each; 0 for none. Raises :class:`SnnlabError` for
    no images or a negative number of directions.
    """
    if images < 1 or directions < 0:
        raise SnnlabError(
            f"comparison of gradients on {images} images in {directions} directions is not"
            " possible: give 1 image or more, 0 directions or more"
        )
    _ = trainer.chip  # has the settings follow the knobs
    labels = trainer.source.labels("train")
    part = _some(labels, images)
    events = trainer.train_events.take(part)
    trial = key(trainer.settings.seed, "gradients", trainer.step)
    recording = trainer.chip.run(events, trainer.weights_lsb(), trial=trial)
    loss = _Loss(trainer, labels[part].astype(np.int64))
    d_traces, value = loss.slope(recording)
    grads = gradients(trainer, recording, d_traces)
    slopes = _Slopes(trainer, events, trial, loss) if directions else None
    return Comparison(
        trainer.step, value, _in_force(trainer),
        tuple(
            _of_layer(trainer, recording, layer, [g[layer] for g in grads], slopes, directions)
            for layer in range(len(trainer.network.weights))
        ),
    )  # fmt: skip


def _some(labels, n):
    """Indices of ``n`` inputs: the first, or where classes are missing there, as data are sorted by
    class, as many spread evenly."""
    first = np.arange(min(n, len(labels)))
    if len(np.unique(labels[first])) == min(n, len(np.unique(labels))):
        return first
    return np.linspace(0, len(labels) - 1, len(first)).round().astype(np.int64)


def gradients(
    trainer: Trainer, recording: Recording, d_traces: np.ndarray
) -> list[list[np.ndarray]]:
    """Gradients of every method that is compared, float32[input, neuron] for each layer.

    d_traces : float32[image, step, label], of the loss with respect to the label traces. Spike
    counts are left out: their penalty has no exact gradient to compare with.
    """
    scales = trainer.network.scales()
    weights = [
        w.astype(np.float32) / np.float32(scale)
        for w, scale in zip(trainer.weights_lsb(), scales, strict=True)
    ]
    hidden = trainer.network.topology.hidden
    d_counts = [np.zeros((len(d_traces), layer.size), np.float32) for layer in hidden]
    return [
        GRADIENTS[name](
            replace(trainer.surrogate, at_spike=at), trainer.model, trainer.point
        ).backward(recording, weights, d_traces, d_counts)
        for name, at in COMPARED.values()
    ]


def follow(
    config: Config,
    dataset,
    epochs: int | None = None,
    *,
    die: Die | None = None,
    changes: Sequence[Change] = (),
    **options,
) -> Iterator[Comparison]:
    """Comparisons over a training: before it, and after each of ``epochs`` (all, if None).

    die : one of your own; changes : of knobs, during the training; options : of :func:`compare`.
    """
    trainer = Trainer(config, dataset, die=die)
    yield compare(trainer, **options)
    while True:
        for change in changes:  # before anything is asked: one may be of the number of epochs
            if change.step == trainer.step:
                config.set(change.knob, change.after)
        if trainer.finished or trainer.epoch >= (epochs or config.epochs):
            return
        if trainer.advance().evaluation:
            yield compare(trainer, **options)


def study(
    run: Run, data_dir: str | None = None, epochs: int = 0, tell=None, **options
) -> list[Comparison]:
    """The comparison of a run's trained network, or over its first ``epochs``, trained again.

    Training is deterministic, so it is repeated from the run's settings, die and recorded changes
    of knobs, from random weights.
    tell : called as ``tell(message, fraction)``; options : of :func:`compare`. Raises
    :class:`SnnlabError` if run or data are missing or do not fit, epochs are negative, or a
    training that began with given weights, which a run does not keep, is to be repeated.
    """
    if epochs < 0:
        raise SnnlabError(
            f"epochs = {epochs} is not allowed: give 0 for the trained network, or how many to"
            " repeat"
        )
    if epochs and run.record["given_weights"]:
        raise SnnlabError(
            f"run {run.folder} began with given weights, which it does not keep: its training"
            " cannot be repeated. Leave out --epochs to compare its trained network"
        )
    dataset, die = data_of(run, data_dir), run.own_die()
    if not epochs:
        trainer = Trainer(run.config, dataset, load_weights(run.folder), die)
        return [replace(compare(trainer, **options), step=run.record["steps"])]
    found = []
    start = Config.checked(**run.settings_at(0))
    for comparison in follow(start, dataset, epochs, die=die, changes=run.changes, **options):
        found.append(comparison)
        if tell:
            tell(f"training again, {len(found) - 1} of {epochs} epochs", len(found) / (epochs + 1))
    return found


def table(comparison: Comparison) -> str:
    """A comparison as text: a block of lines for each layer."""
    blocks = []
    for layer in comparison.layers:
        own = comparison.trained_by
        rows = [("", "norm", "cosine", "reached", "agreement", "gain")]
        for k, name in enumerate(TITLES):
            rows.append((
                name + " *" * (k == own), f"{layer.norm[k]:.3g}",
                _shown(layer.cosine[own, k], "+.3f"), f"{layer.reached[k]:.0%}",
                _shown(layer.agreement[k], "+.2f"), _shown(layer.gain[k], ".2f"),
            ))  # fmt: skip
        blocks.append(f"{layer.name}\n{aligned(rows, right=range(1, 6))}")
    return "\n\n".join(blocks)


def legend(directions: int = DIRECTIONS) -> str:
    """What the columns of :func:`table` say; directions : random ones per layer, as measured."""
    error = 1 / np.sqrt(max(directions, 1))
    return (
        "* trains this run. cosine: with the gradient that trains; reached: share of neurons with"
        " at least\n1 % of the largest gradient; agreement: cosine of predicted and measured slopes"
        f" of the chip's loss\nalong {directions} random directions (±{error:.2f} if a method knew"
        " nothing); gain: their lengths,\npredicted over measured."
    )


def columns(comparisons: list[Comparison]) -> dict[str, list]:
    """Comparisons as a table: one row for each step, layer and method."""
    out = {name: [] for name in (
        "step", "loss", "layer", "method", "norm", "cosine", "reached", "agreement", "gain",
    )}  # fmt: skip
    for one in comparisons:
        for layer in one.layers:
            for k, name in enumerate(TITLES):
                row = (
                    one.step, one.loss, layer.name, name, layer.norm[k],
                    layer.cosine[one.trained_by, k], layer.reached[k], layer.agreement[k],
                    layer.gain[k],
                )  # fmt: skip
                for column, value in zip(out.values(), row, strict=True):
                    column.append(value if isinstance(value, str | int) else float(value))
    return out


def _shown(value, form):
    return f"{value:{form}}" if np.isfinite(value) else "–"


def _in_force(trainer):
    return title_of(trainer.settings.gradient, trainer.settings.at_spike)


class _Loss:
    """Cross-entropy of a recording's label traces."""

    def __init__(self, trainer, labels):
        self._readout, self._labels = trainer.settings.readout, labels
        self._gain, self._smooth = trainer.settings.logit_gain, trainer.settings.label_smoothing
        self._scale = trainer.network.scales()[-1]

    def value(self, recording):
        return self.slope(recording)[1]

    def slope(self, recording):
        """Gradient with respect to the label traces, and the loss."""
        traces = decode(recording, self._scale)
        given = scores(traces, self._readout)
        loss, d_scores = classification(given, self._labels, self._gain, self._smooth)
        return differentiate(traces, d_scores, self._readout), loss


class _Slopes:
    """Slopes of the chip's loss, by moving its weights."""

    def __init__(self, trainer, events, trial, loss):
        chip = trainer.chip
        self._chip = Chip(  # with all bits of a weight, to move it by one LSB
            chip.mapping, chip.die, chip.point, codes=chip.codes, correction=chip.correction,
            spec=replace(chip.spec, weight_bits=BRAINSCALES2.weight_bits),
        )  # fmt: skip
        self._weights, self._events = trainer.weights_lsb(), events
        self._trial, self._loss, self._seed = trial, loss, trainer.settings.seed

    def measure(self, layer, count):
        """Directions int8[direction, input, neuron], of ±1 LSB, and the slopes along them."""
        start = self._weights[layer]
        free = np.abs(start) < BRAINSCALES2.weight_max_lsb
        toward, slopes = [], []
        for k in range(count):
            signs = stream(self._seed, "directions", layer, k).integers(0, 2, start.shape, np.int8)
            toward.append((2 * signs - 1) * free)
            ends = [self._run(layer, start + side * toward[-1]) for side in (1, -1)]
            slopes.append((ends[0] - ends[1]) / 2)
        return np.array(toward), np.array(slopes)

    def _run(self, layer, moved):
        weights = [*self._weights[:layer], moved.astype(np.int8), *self._weights[layer + 1 :]]
        return self._loss.value(
            self._chip.run(self._events, weights, trial=self._trial, read_hidden=False)
        )


def _of_layer(trainer, recording, layer, grads, slopes, directions):
    own = _in_force(trainer)
    flat = [g.astype(float) for g in grads]
    norms = np.array([np.linalg.norm(g, axis=0) for g in flat])  # [method, neuron]
    dots = (np.array(flat) * flat[own]).sum(axis=1)
    with np.errstate(divide="ignore", invalid="ignore"):
        neuron_cosine = dots / (norms * norms[own])
        neuron_norm = np.where(norms[own] > 0, norms / norms[own], np.nan)
        reached = (norms >= REACHED * norms.max(axis=1, keepdims=True)) & (norms > 0)
    scale = trainer.network.scales()[layer]
    toward, measured = slopes.measure(layer, directions) if slopes else (np.empty(0), np.empty(0))
    is_label = layer == len(trainer.network.weights) - 1
    counts = np.full((1, grads[0].shape[1]), np.nan)
    return LayerGradients(
        name="labels" if is_label else f"hidden layer {layer + 1}",
        norm=np.linalg.norm(norms, axis=1),
        cosine=np.array([[_cosine(a, b) for b in flat] for a in flat]),
        neuron_cosine=neuron_cosine,
        neuron_norm=neuron_norm,
        reached=reached.mean(axis=1),
        measured=measured,
        predicted=np.array([[(g * d).sum() / scale for d in toward] for g in flat]),
        spikes=(counts if is_label else recording.spikes[layer].count_by_channel()).mean(axis=0),
    )


def _cosine(a, b):
    length = np.linalg.norm(a) * np.linalg.norm(b)
    return float((a * b).sum() / length) if length else np.nan
