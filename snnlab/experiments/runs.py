"""A run: everything one training was and became, as a folder of plain files."""

import json
import platform
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.files import npz, write_whole
from snnlab.learn.trainer import Trainer

SCHEMA = 1


@dataclass(frozen=True)
class EpochRecord:
    """Means over one epoch of training, accuracies in 0…1, spikes per image, seconds of work."""

    epoch: int
    loss: float
    train_accuracy: float
    train_spikes: float
    test_accuracy: float
    test_spikes: float
    seconds: float


def save_run(folder: Path, trainer: Trainer, epochs: list[EpochRecord]) -> None:
    """Write or replace a run: ``config.json``, ``metrics.json``, ``weights.npz``, ``die.npz``.

    Each file is complete or not there. Raises :class:`SnnlabError` if the folder cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / "config.json", _json(_config(trainer)))
        write_whole(folder / "metrics.json", _json([asdict(epoch) for epoch in epochs]))
        write_whole(folder / "weights.npz", npz(_layers(trainer.network.arrays())))
        write_whole(folder / "die.npz", npz(trainer.chip.die.arrays()))
    except OSError as error:
        raise SnnlabError(f"run folder {folder} cannot be written: {error.strerror}") from None


def load_config(folder: Path) -> Config:
    """Settings of a run; raises :class:`SnnlabError` for a missing or foreign folder."""
    path = folder / "config.json"
    try:
        settings = json.loads(path.read_text())["settings"]
        return Config.checked(**settings)
    except FileNotFoundError:
        raise SnnlabError(f"run {folder}: no {path.name} in it, give the folder of a run") from None
    except SnnlabError as error:
        raise SnnlabError(f"run {folder}: {error}") from None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise SnnlabError(
            f"run {folder}: {path.name} holds no settings ({type(error).__name__})"
        ) from None


def load_weights(path: Path) -> list[np.ndarray]:
    """Weights of a run folder or of an ``npz`` file with ``layer_0``, ``layer_1``, …

    Raises :class:`SnnlabError` for a missing, unreadable or foreign file.
    """
    path = path / "weights.npz" if path.is_dir() else path
    try:
        # numpy leaves a file that it opened itself open when it is no zip.
        with path.open("rb") as handle, np.load(handle, allow_pickle=False) as file:
            weights = [file[f"layer_{k}"] for k in range(len(file.files))]
    except FileNotFoundError:
        raise SnnlabError(f"weights {path}: no such file") from None
    except Exception as error:  # zipfile, zlib and numpy raise many kinds for damaged files
        raise SnnlabError(
            f"weights {path}: not an npz file of layer_0, layer_1, … ({type(error).__name__})"
        ) from None
    for layer, weight in enumerate(weights):
        if weight.ndim != 2 or not np.issubdtype(weight.dtype, np.floating):
            raise SnnlabError(
                f"weights {path}: layer_{layer} is {weight.dtype} of shape {weight.shape},"
                " expected float[input, neuron]"
            )
    return weights


def _layers(weights):
    return {f"layer_{k}": weight for k, weight in enumerate(weights)}


def _config(trainer):
    return {
        "schema": SCHEMA,
        "settings": trainer.config.values(),
        "network": str(trainer.mapping),
        "weight_scales_lsb": trainer.network.scales(),
        "steps": trainer.step,
        "data": trainer.dataset.origin,
        "versions": {
            "python": platform.python_version(),
            **{name: version(name) for name in ("snnlab", "numpy", "numba", "torch")},
        },
    }


def _json(value):
    return lambda file: file.write(json.dumps(value, indent=2).encode())
