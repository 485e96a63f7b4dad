"""A training kept on disk: it continues, and goes on where it cannot be kept any more."""

import errno
from types import SimpleNamespace

import pytest

from snnlab.config import Config
from snnlab.data import load
from snnlab.learn.trainer import Trainer
from snnlab.runs import recorder
from snnlab.runs.recorder import Recorder
from snnlab.runs.run import Run
from snnlab_app.compute.remote import session_of
from snnlab_app.session import persistence
from snnlab_app.session.persistence import Keeping


@pytest.fixture
def keeping(tmp_path):
    kept = Keeping(tmp_path / "kept")
    config = Config.checked(dataset="digits", hidden=[20], batch=500, samples=4)
    kept.begin(Trainer(config, load("digits")))
    return kept


def full(path, write):
    raise OSError(errno.ENOSPC, "No space left on device", str(path))


def test_a_disk_that_is_full_from_the_start_costs_nothing_but_the_copy(keeping, monkeypatch):
    """The die is written first."""
    monkeypatch.setattr(recorder, "write_whole", full)
    assert keeping.advance().step == 1
    assert keeping.trouble.startswith("this training continues but is not kept: run folder")
    assert keeping.trouble.endswith("No space left on device; its former content is kept")
    assert keeping.advance().step == 2


def test_an_update_after_which_nothing_could_be_written_is_not_lost(keeping, monkeypatch):
    assert keeping.advance().step == 1
    monkeypatch.setattr(recorder, "write_whole", full)
    keeping._recorder.every = 0.0
    after = keeping.advance()
    assert (after.step, keeping._trainer.step) == (2, 2)
    assert keeping.trouble
    ended = keeping.advance()
    assert (ended.step, ended.evaluation is not None) == (3, True)


def test_what_fails_when_all_is_written_is_said_too(keeping, monkeypatch):
    keeping.advance()
    monkeypatch.setattr(Recorder, "save", lambda self: self._guarded(lambda: full("x", None)))
    keeping.save(dict)
    assert keeping.trouble
    assert keeping.folder is None


def test_a_folder_that_cannot_be_deleted_costs_the_next_training_nothing_but_the_copy(
    keeping, monkeypatch
):
    """As on a disk that is read-only by now."""
    keeping.advance()
    kept, before = keeping.folder, Run.open(keeping.folder).record
    monkeypatch.setattr(persistence.shutil, "rmtree", lambda path, ignore_errors: None)
    keeping.begin(Trainer(keeping._trainer.config, load("digits")))
    assert keeping.trouble == (
        f"this training continues but is not kept: folder {kept} cannot be deleted: make it"
        " writable"
    )
    assert [keeping.advance().step for _ in range(2)] == [1, 2]
    keeping.save(dict)
    assert Run.open(kept).record == before


def test_a_training_that_an_earlier_server_kept_continues(tmp_path):
    """So a lesson that the page's link names must not begin on it."""
    store = SimpleNamespace(folder=lambda visitor: tmp_path / visitor, own=lambda visitor: None)
    compute, wanted = SimpleNamespace(store=store), Config.checked(dataset="digits", beta=3.0)
    keeping = Keeping(tmp_path / "known")
    keeping.begin(Trainer(Config.checked(dataset="digits", hidden=[20], batch=200), load("digits")))
    keeping.advance()
    known, new = (session_of(visitor, compute, wanted) for visitor in ("known", "new"))
    assert (known.continues, known.config.hidden, known.config.beta) == (True, [20], 10.0)
    assert (new.continues, new.config) == (False, wanted)
