"""A run's curves for TensorBoard: ``tensorboard --logdir DIR`` shows those of many runs."""

from contextlib import closing, contextmanager, suppress
from dataclasses import asdict
from datetime import datetime
from pathlib import Path

from snnlab.errors import SnnlabError
from snnlab.install import missing
from snnlab.quantities import EPOCH, STEP, quantities
from snnlab.runs.run import Run
from snnlab.runs.schema import EpochRecord
from snnlab.runs.steps import Steps


def step_curves() -> dict[str, str]:
    """Names of the curves of every weight update, by column."""
    return {name: f"step/{q.curve}" for name, q in quantities(STEP).items() if q.curve}


def epoch_curves() -> dict[str, str]:
    """Names of the curves of every epoch, by column."""
    return {name: f"{_group(q)}/{q.curve}" for name, q in quantities(EPOCH).items() if q.curve}


def _group(quantity):
    if quantity.estimate:
        return "estimate"
    return "test" if quantity.name.startswith("test_") else "train"


class Board:
    """Event files of one run in ``folder``; earlier event files there are superseded.

    Raises :class:`SnnlabError` if TensorBoard is not installed or the folder cannot be written.
    """

    def __init__(self, folder: Path, settings: dict, created: str):
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError:
            raise missing("TensorBoard is", "tensorboard") from None
        self._folder, self._clock = folder, _seconds(created)
        self._steps, self._epochs, self._ends = 0, 0, {}
        rows = "\n".join(f"| {name} | {value} |" for name, value in settings.items())
        with self._guarded():
            self._writer = SummaryWriter(str(folder), purge_step=0)
            self._writer.add_text("settings", f"| knob | value |\n|---|---|\n{rows}", 0)

    @contextmanager
    def _guarded(self):
        try:
            yield
        except OSError as error:
            raise SnnlabError(
                f"TensorBoard folder {self._folder} cannot be written: {error.strerror}"
            ) from None

    def write(self, steps: Steps, epochs: list[EpochRecord]) -> None:
        """Write the rows that were added to a run's tables since the last call. A curve's clock is
        time spent training. Raises :class:`SnnlabError` as above."""
        with self._guarded():
            new, names = steps.columns(self._steps), step_curves()
            for values in zip(*(column.tolist() for column in new.values()), strict=True):
                row = dict(zip(new, values, strict=True))
                self._clock += row["seconds"]
                self._ends[row["epoch"]] = row["step"]
                self._scalars(names, row, row["step"])
            for record in epochs[self._epochs :]:
                # an older run has kept no steps
                step = self._ends.get(record.epoch, record.epoch)
                self._scalars(epoch_curves(), asdict(record), step)
            self._writer.flush()
        self._steps, self._epochs = len(steps), len(epochs)

    def _scalars(self, names, row, step):
        for column, tag in names.items():
            if row[column] == row[column]:  # an older run's energy is unknown
                self._writer.add_scalar(tag, row[column], step, self._clock)

    def close(self) -> None:
        """Close the files; everything is written already."""
        with suppress(OSError):
            self._writer.close()


def export(run: Run, folder: Path) -> None:
    """Write a kept run to a folder of its name in ``folder``; raises :class:`SnnlabError`."""
    steps, epochs = Steps.of(run.steps(), run.folder), run.epochs()
    with closing(Board(Path(folder) / run.name, run.settings, run.record["created"])) as board:
        board.write(steps, epochs)


def _seconds(created):
    try:
        return datetime.fromisoformat(created).timestamp()
    except ValueError:  # an older run does not say
        return 0.0
