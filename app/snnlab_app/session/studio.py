"""Pictures for the views of the page, each taken only while somebody looks at it."""

from time import perf_counter
from types import SimpleNamespace

import numpy as np

from snnlab.chip import units
from snnlab.chip.layout import floor
from snnlab.chip.saturation import measure_saturation
from snnlab.chip.spec import BRAINSCALES2
from snnlab.config import Config
from snnlab.learn.health import assess, diagnose
from snnlab.learn.memory import choose_evaluation_batch
from snnlab.learn.network import decode
from snnlab.learn.reach import membrane_histogram, received
from snnlab.learn.setup import Setup, find_calibration
from snnlab.learn.trainer import Progress, Trainer
from snnlab.model.readout import scores
from snnlab.runs.recorder import watch
from snnlab.seeding import key
from snnlab.studies import gradients
from snnlab.studies.confusion import UNKNOWN, confusion, images_of, margins
from snnlab.studies.paths import strongest_links
from snnlab_app.session.inputs import Input, open_inputs
from snnlab_app.session.snapshot import (
    ChipPicture,
    ErrorsPicture,
    Frame,
    GradientsPicture,
    LearnPicture,
)

PICTURE_EVERY = 0.4
"""Seconds between two pictures of one kind while it trains."""
CHUNK_INPUTS = 1000
"""Test inputs asked at a time for the matrix of errors; fewer where memory allows fewer."""
PAGE_INPUTS = 12
"""Inputs of a cell shown at once."""


class Studio:
    """Takes pictures of one training. ``progress`` is that of its newest step."""

    def __init__(self, trainer: Trainer):
        self._trainer, self.inputs = trainer, open_inputs(trainer)
        self.progress: Progress | None = None
        self.stages: tuple[tuple[str, str], ...] = ()
        self._last: tuple[tuple, float, object] = ((), 0.0, None)
        self._twin = Setup(trainer.mapping, trainer.point)
        self._comparison, self._gradients = 0, None
        n = len(trainer.dataset.test_labels)
        room = choose_evaluation_batch(trainer.network.topology, trainer.point)
        self._chunk = min(CHUNK_INPUTS, room)
        self._decided, self._margin = np.full(n, UNKNOWN), np.zeros(n)
        self._asked_of, self._fresh, self._next = None, 0, 0

    def take(self, view: str, wishes: dict, hurry: bool = False) -> object:
        """What ``view`` shows; in a ``hurry`` little of the training's time is taken."""
        makers = {
            "chip": self._chip, "errors": self._errors, "learn": self._learn,
            "compare": self._compare,
        }  # fmt: skip
        if view not in makers:
            return None
        _ = self._trainer.chip  # has the settings follow the knobs
        wanted, (known, at, picture) = (view, wishes), self._last
        if not (hurry and known == wanted and perf_counter() - at < PICTURE_EVERY):
            picture = makers[view](wishes, hurry)
            self._last = wanted, perf_counter(), picture
        return picture

    def frame(self, given: Input, ideal: bool = False) -> Frame:
        """One input on the chip, with its own trial noise.

        ideal : on the ideal chip with the same weights, without mismatch and noise.
        """
        trainer, network, c = self._trainer, self._trainer.network, self._trainer.settings
        trial = key(c.seed, given.noise, given.number)
        chip = self._ideal_chip() if ideal else trainer.chip
        weights = trainer.weights_lsb(chip)
        recording = chip.run(given.events, weights, trial=trial)
        traces = decode(recording, network.scales()[-1])[0]
        classes = trainer.dataset.classes
        return Frame(
            image=given.picture,
            label=given.label,
            recording=recording,
            label_traces=traces,
            readout=c.readout,
            decision=classes[int(scores(traces[None], c.readout)[0].argmax())],
            links=strongest_links(recording, weights),
            kind=self.inputs.kind,
            clip=given.clip,
            energy=trainer.estimate(recording).energy,
        )

    def _ideal_chip(self):
        """The ideal twin of the chip, which is set up once."""
        return self._twin.chip(SimpleNamespace(**{**vars(self._trainer.settings), **Config.IDEAL}))

    # ── the chip ──

    def _chip(self, wishes, hurry):
        trainer, mapping = self._trainer, self._trainer.mapping
        chip, weights = trainer.chip, trainer.weights_lsb()
        layer, neuron = floor.users(mapping)
        quantity = wishes.get("quantity")
        known = units.QUANTITIES[wishes.get("units", units.PHYSICAL)]
        if quantity not in known:
            quantity = known[0]
        if units.is_measured(quantity):
            values = _to_circuits(units.of_neurons(quantity, self.progress.recording), mapping)
        else:
            values = units.of_circuits(quantity, chip.circuits, chip.codes)
        found = find_calibration(trainer.settings, trainer.own_die)
        return ChipPicture(
            quantity=quantity,
            values=values.astype(np.float32),
            layer=layer,
            neuron=neuron,
            dead=chip.die.dead,
            weights=floor.weights_in_place(mapping, weights),
            codes=np.bincount(np.concatenate([w.ravel() for w in weights]) + 63, minlength=127),
            budget=_budget(mapping),
            calibration=found.spreads() if found else {},
            spec=chip.spec,
            saturated=self._saturated(),
        )

    # ── the errors ──

    def _errors(self, wishes, hurry):
        trainer, classes = self._trainer, self._trainer.dataset.classes
        labels = trainer.dataset.test_labels.astype(int)
        self._ask(1 if hurry else len(labels) // self._chunk + 1)
        cell, first = wishes.get("cell"), PAGE_INPUTS * wishes.get("page", 0)
        found = images_of(cell, labels, self._decided, self._margin)
        shown = found[first : first + PAGE_INPUTS]
        pictures, wavs = self.inputs.pictures(shown)
        return ErrorsPicture(
            matrix=confusion(labels, self._decided, len(classes)),
            known=int((self._decided != UNKNOWN).sum()),
            found=len(found),
            images=pictures,
            wavs=wavs,
            index=shown,
            label=labels[shown],
            decision=self._decided[shown],
            margin=self._margin[shown],
        )

    def _ask(self, chunks):
        """Have the network decide on some more test inputs, those asked longest ago."""
        trainer, now = self._trainer, (self._trainer.step, self._trainer.chip)
        if self._asked_of != now:
            self._asked_of, self._fresh = now, 0
        labels, weights = trainer.dataset.test_labels, trainer.weights_lsb()
        trial = key(trainer.settings.seed, "test", trainer.step)
        for _ in range(chunks):
            if self._fresh >= len(labels):
                return
            part = (self._next + np.arange(self._chunk)) % len(labels)
            recording = trainer.chip.run(
                trainer.test_events.take(part), weights, trial=trial, read_hidden=False
            )
            scores = trainer.scores(recording)
            self._decided[part] = scores.argmax(axis=1)
            self._margin[part] = margins(scores, labels[part].astype(int))
            self._next, self._fresh = (
                (self._next + self._chunk) % len(labels),
                self._fresh + self._chunk,
            )

    # ── the learning ──

    def _learn(self, wishes, hurry):
        trainer, recording = self._trainer, self.progress.recording
        edges, share = membrane_histogram(recording)
        surrogate = trainer.surrogate
        who = received(recording, trainer.settings.gradient, surrogate).mean()
        trouble = diagnose(trainer, recording)
        verdict = assess(trainer, trouble)
        self._compare_gradients(wishes.get("comparison", 0))
        return LearnPicture(
            edges, share, surrogate, float(who), trouble, verdict, self.stages, self._saturated(),
            trainer.settings.gradient, self._gradients,
        )  # fmt: skip

    def _saturated(self):
        trainer = self._trainer
        return measure_saturation(
            self.progress.recording, trainer.weights_lsb(), trainer.point.tau_syn
        )

    def _compare_gradients(self, number):
        """Compare the gradients of the present weights, once for each number that is wished for."""
        if number <= self._comparison:
            return
        self._comparison = number
        found = gradients.compare(self._trainer)
        names = ("layer", "method", "cosine", "reached", "agreement", "gain")
        table, hidden = gradients.columns([found]), found.layers[0]
        self._gradients = GradientsPicture(
            step=found.step,
            trained_by=found.trained_by,
            spikes=hidden.spikes,
            cosine=hidden.neuron_cosine,
            rows=tuple(zip(*(table[name] for name in names), strict=True)),
        )

    # ── the comparison ──

    def _compare(self, wishes, hurry):
        """The images that stored runs have kept as well."""
        return watch(self._trainer)


def _to_circuits(by_layer, mapping):
    """Values of neurons on their circuits : float[circuit], NaN where there is no neuron."""
    values = np.full(BRAINSCALES2.n_circuits, np.nan)
    for block in mapping.parts[0].blocks:
        values[block.circuits] = by_layer[block.layer][np.array(block.neurons)][:, None]
    return values


def _budget(mapping):
    report, n, spec = mapping.report(), mapping.n_parts, BRAINSCALES2
    return {
        "circuits": (report.circuits_used, n * spec.n_circuits),
        "synapses": (report.synapses_used, n * spec.n_circuits * spec.synapses_per_circuit),
        "rows": (max(layer.rows for layer in report.layers), spec.synapses_per_circuit),
        "address labels": (sum(mapping.circuits_per_neuron), spec.n_addresses),
    }
