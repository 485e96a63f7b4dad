"""The trainings of the reproduction with their seeds and epochs, most important first.

A seed is also the number of its die, so every seed has its own chip. Nothing is selected by test
accuracy: recipes are fixed in advance, and the accuracy after the last epoch is reported.
"""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, field, replace

from snnlab.errors import SnnlabError
from snnlab.recipes import recipe
from snnlab.reproduce.job import Job
from snnlab.studies.ann import AnnSettings
from snnlab.text.spelling import did_you_mean

STUDIES = ("table1", "sparsity", "mismatch", "neuron-death", "latency")
SEEDS = (1, 2, 3, 4, 5)
FRESH = 101
"""A die that was never used to choose hyper-parameters."""

QUICK = "quick: bundled digits"
"""Mark on every figure of the quick version."""

SOFTWARE = {"die": "ideal", "cadc_noise": 0.0, "threshold_drift": 0.0, "spike_jitter": 0.0}
"""The emulator without mismatch and trial noise, for our own recipes: weights still have 6 bits and
potentials 8. The paper's own software network is trained with its settings for Fashion-MNIST."""


@dataclass(frozen=True)
class Training:
    """One configuration, trained once for each seed.

    studies : of STUDIES, those that need it; changes : knobs changed from the recipe;
    measures : measurements of the trained network besides its evaluation (see ``job``);
    ann : settings of an ANN, if it is one; software : whether it is the paper's software network
    (:mod:`snnlab.studies.software`); quick : whether it is the quick version, on other
    images than its name says.
    """

    name: str
    recipe: str
    studies: tuple[str, ...]
    seeds: tuple[int, ...] = SEEDS
    changes: dict = field(default_factory=dict)
    measures: tuple[str, ...] = ()
    ann: AnnSettings | None = None
    software: bool = False
    quick: bool = False

    def jobs(self) -> list[Job]:
        """One job for each seed."""
        return [self._job(seed) for seed in self.seeds]

    @property
    def epochs(self) -> int:
        """Passes through the training images."""
        return self._job(self.seeds[0]).settings["epochs"]

    def smaller(self) -> "Training":
        """The quick version, on few and small images."""
        changes = {**self.changes, "dataset": "digits", "epochs": 2}
        ann = self.ann and replace(self.ann, epochs=2)
        return replace(self, seeds=self.seeds[:1], changes=changes, ann=ann, quick=True)

    def _job(self, seed):
        label = f"{self.name}, seed {seed}"
        turned = {"seed": seed, "die_seed": seed, **self.changes}
        settings = recipe(self.recipe).config(**turned).values()
        if self.ann is None:
            kind = "software" if self.software else "snn"
            return Job(kind, settings, self.measures, label)
        own = {**asdict(self.ann), "seed": seed}
        data = {name: settings[name] for name in ("dataset", "side", "hidden")}
        return Job("ann", {**own, **data}, (), label)


def _loop(sigma):
    """In the loop on dies of this decalibration."""
    return Training(loop_name(sigma), "augmented", ("mismatch",), changes={"mismatch": sigma})


def loop_name(sigma: float) -> str:
    """Name of the training in the loop at this decalibration."""
    return f"in the loop, {sigma:.0%}"


def _front(rho):
    changes = {"rho_burst": rho, "epochs": 14}
    return Training(f"front, ρ_b = {rho:g}", "augmented", ("sparsity",), changes=changes)


def _deep(name, hidden):
    return Training(name, "augmented", ("table1",), changes={"hidden": hidden, "epochs": 14})


AUGMENTED_ANN = AnnSettings(rotation=0.2618, dropout=0.4)

PLAN = (
    Training("best", "best", STUDIES, measures=("silenced",)),
    Training("fashion", "fashion-best", ("table1",)),
    Training("sparse", "sparse", ("sparsity", "latency")),
    Training("sparser", "sparser", ("sparsity",)),
    _loop(0.5),
    _loop(0.3),
    Training("software, for transfer", "augmented", ("mismatch",), changes=SOFTWARE,
             measures=("transferred",)),
    Training("robust", "robust", ("neuron-death",), measures=("silenced",)),
    Training("fresh die", "best", ("table1",), (FRESH,)),
    Training("ANN", "best", ("table1",), ann=AnnSettings()),
    Training("ANN, augmented", "best", ("table1",), ann=AUGMENTED_ANN),
    Training("ANN, Fashion", "fashion-best", ("table1",), ann=AnnSettings()),
    Training("early", "early", ("table1", "latency")),
    Training("paper", "paper", ("table1", "neuron-death", "latency", "sparsity"),
             measures=("silenced",)),
    Training("paper, augmented", "paper-augmented", ("table1", "neuron-death"),
             measures=("silenced",)),
    Training("paper, Fashion", "paper-fashion", ("table1",)),
    Training("paper, Fashion, software", "paper-fashion", ("table1",), software=True),
    Training("software", "best", ("table1",), changes=SOFTWARE),
    Training("software, Fashion", "fashion-best", ("table1",), changes=SOFTWARE),
    _loop(0.0), _loop(0.4), _loop(0.2), _loop(0.1),
    _deep("two hidden layers", [128, 236]),
    _deep("three hidden layers", [128, 123, 123]),
    _front(5e-4), _front(2e-2), _front(0.1),
)  # fmt: skip


def plan(study: str, quick: bool = False, seeds: int | None = None) -> tuple[Training, ...]:
    """Trainings of a study, or of "all"; quick ones are on scikit-learn's digits.

    seeds : limit on the seeds of each. Raises :class:`SnnlabError` for an unknown study or a wrong
    number of seeds.
    """
    if study not in (*STUDIES, "all"):
        meant = did_you_mean(study, (*STUDIES, "all"))
        raise SnnlabError(f"study {study!r} is unknown: use {', '.join(STUDIES)} or all{meant}")
    if seeds is not None and not 1 <= seeds <= len(SEEDS):
        raise SnnlabError(f"seeds = {seeds} is not allowed: 1 to {len(SEEDS)}")
    wanted = [t for t in PLAN if study in (*t.studies, "all")]
    return tuple(t.smaller() if quick else replace(t, seeds=t.seeds[:seeds]) for t in wanted)


def all_jobs(trainings: tuple[Training, ...]) -> Iterator[Job]:
    """Jobs of all trainings in order, without duplicates."""
    seen = set()
    for training in trainings:
        for job in training.jobs():
            if job.key not in seen:
                seen.add(job.key)
                yield job
