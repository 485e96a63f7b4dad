"""One training of the reproduction, from settings to a record of plain numbers."""

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property, lru_cache
from time import perf_counter

from snnlab.config import Config
from snnlab.install import missing, version

SCHEMA = 1
"""Version of a job's result; changing it invalidates older records."""


@dataclass(frozen=True, eq=False)
class Job:
    """One training with its measurements.

    kind : "snn", "software" or "ann"; settings : all its settings by name, plain; measures :
    measurements besides the evaluation, "silenced" or "transferred"; label : display name.
    """

    kind: str
    settings: dict
    measures: tuple[str, ...]
    label: str

    @cached_property
    def key(self) -> str:
        """Hash of all that determines the result: changed settings, measures, library version.

        Knobs at their defaults are omitted, so that a new knob does not invalidate old records.
        """
        content = [SCHEMA, version(), self.kind, self._turned(), sorted(self.measures)]
        text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False)
        return hashlib.sha256(text.encode()).hexdigest()[:20]

    def matches(self, settings: dict) -> bool:
        """Whether a record's settings are these, its unknown knobs at their defaults."""
        return {**self._defaults(), **settings} == self.settings

    def _turned(self):
        defaults, none = self._defaults(), object()
        return {k: v for k, v in self.settings.items() if v != defaults.get(k, none)}

    def _defaults(self):
        return {} if self.kind == "ann" else Config().values()

    @property
    def work(self) -> float:
        """Cost in epochs of spiking training; an ANN's epoch is far shorter."""
        return self.settings["epochs"] * (0.1 if self.kind == "ann" else 1.0)


def run(job: Job, data_dir: str | None = None) -> dict:
    """Train and measure; the record's ``result`` and ``seconds``.

    Raises :class:`~snnlab.errors.SnnlabError` when the training cannot be done or diverges.
    """
    dataset = _dataset(job.settings["dataset"], job.settings["side"], data_dir)
    start = perf_counter()
    result = {"snn": _snn, "software": _software, "ann": _ann}[job.kind](job, dataset)
    return {"result": result, "seconds": perf_counter() - start}


@lru_cache(maxsize=2)
def _dataset(name, side, data_dir):
    from snnlab.data import load

    return load(name, side, data_dir=data_dir)


def _snn(job, dataset):
    from snnlab.learn.trainer import Trainer
    from snnlab.reproduce.examine import MEASURES, examine

    trainer = Trainer(Config.checked(**job.settings), dataset)
    right, losses = [], []
    for progress in trainer:
        right.append(progress.accuracy * progress.samples)
        losses.append(progress.loss * progress.samples)
    last = trainer.steps_per_epoch
    images = len(trainer.source.labels("train"))
    result = {
        "accuracy": progress.evaluation.accuracy,
        "spikes": progress.evaluation.spikes,
        "train_accuracy": sum(right[-last:]) / images,
        "train_loss": sum(losses[-last:]) / images,
        **examine(trainer),
    }
    return {**result, **{name: MEASURES[name](trainer) for name in job.measures}}


def _software(job, dataset):
    from snnlab.studies.software import train_software

    return train_software(Config.checked(**job.settings), dataset)._asdict()


def _ann(job, dataset):
    try:
        import torch
    except ModuleNotFoundError:
        raise missing("PyTorch is", "torch") from None

    from snnlab.studies.ann import AnnSettings, train_ann

    torch.set_num_threads(1)  # jobs run side by side
    own = {k: v for k, v in job.settings.items() if k in AnnSettings.__dataclass_fields__}
    return {"accuracy": train_ann(AnnSettings(**own), dataset)}
