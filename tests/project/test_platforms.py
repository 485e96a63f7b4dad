"""What is otherwise on Windows and macOS, simulated here: calls that are missing or mean something
else, processes that are spawned, code pages, files that are in use."""

import ast
import errno
import os
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import pytest
from conftest import PATIENCE, Server

from snnlab import files, process
from snnlab.files import write_whole

ROOT = Path(__file__).parents[2]
WINDOWS = SimpleNamespace(name="nt", kill=None)
FOLDER = "Größe, β & Leerzeichen"
WITHOUT = f"""
import builtins, os, signal

for name in {("fork", "sched_getaffinity", "nice", "getloadavg", "killpg")}:
    delattr(os, name)
for name in {("pthread_sigmask", "SIGKILL", "SIGHUP", "SIGUSR1")}:
    delattr(signal, name)

def imported(name, globals=None, *rest, known=builtins.__import__, **named):
    ours = (globals or {{}}).get("__name__", "").startswith("snnlab")
    if ours and name in {("fcntl", "resource", "termios", "pwd", "grp")}:
        raise ModuleNotFoundError(f"No module named {{name!r}}")
    return known(name, globals, *rest, **named)

builtins.__import__ = imported
"""
"""What every Python process of a test begins with: POSIX is missing, so nothing can be forked."""


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """A folder of an unusual name, and the environment of a system without POSIX."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "sitecustomize.py").write_text(WITHOUT, "utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'site'}:{os.environ.get('PYTHONPATH', '')}")
    (tmp_path / FOLDER).mkdir()
    return tmp_path / FOLDER


def snnlab(*arguments, at):
    done = subprocess.run(
        [sys.executable, "-m", "snnlab", *arguments],
        cwd=at, capture_output=True, encoding="utf-8", timeout=500,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_simulated_system_cannot_fork(elsewhere):
    code = "import multiprocessing as m; m.get_context('fork').Process(target=print).start()"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "has no attribute 'fork'" in done.stderr


@pytest.mark.slow
def test_a_training_needs_no_posix(elsewhere):
    small = ("--dataset", "digits", "--hidden", "10")
    snnlab("train", *small, "--epochs", "1", "--out", "μ-run", at=elsewhere)
    assert "μ-run" in snnlab("runs", "list", ".", at=elsewhere)
    snnlab("export", "μ-run", "netz.nir", at=elsewhere)
    code = "from snnlab.nir import read_nir; print(len(read_nir('netz.nir').nodes))"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=elsewhere, capture_output=True, text=True
    )
    assert int(done.stdout) > 3, done.stderr


@pytest.mark.slow
@pytest.mark.parametrize("storage", ["größen.db", "größen.journal"])
def test_a_sweep_spawns_its_processes(elsewhere, storage):
    said = snnlab(
        "sweep", "--dataset", "digits", "--hidden", "10", "--epochs", "1", "--workers", "2",
        "--vary", "beta=1:200:log", "--trials", "2", "--storage", storage, at=elsewhere,
    )  # fmt: skip
    assert "trial" in said
    assert (elsewhere / storage).is_file()


@pytest.mark.slow
def test_the_dashboard_spawns_its_processes(elsewhere, monkeypatch):
    monkeypatch.chdir(elsewhere)
    server = Server("--dataset", "digits").wait(300)
    with urllib.request.urlopen(server.url, timeout=PATIENCE) as page:
        assert b"<title>snnlab" in page.read()
    assert "Traceback" not in server.stop()


# Calls that mean something else


class Kernel32:
    """What ``is_running`` asks of Windows; ``ended`` processes can still be opened."""

    def __init__(self, running=(), ended=(), denied=()):
        self.running, self.ended, self.denied, self.handles, self.error = (
            running, ended, denied, [], 0
        )  # fmt: skip

    def OpenProcess(self, access, inherit, number):
        self.error = 5 if number in self.denied else 87
        if number not in (*self.running, *self.ended):
            return 0
        self.handles.append(number)
        return number

    def WaitForSingleObject(self, handle, milliseconds):
        return 0x102 if handle in self.running else 0

    def CloseHandle(self, handle):
        self.handles.remove(handle)


def test_windows_is_asked_for_a_process_without_a_signal(monkeypatch):
    kernel = Kernel32(running=(7,), ended=(8,), denied=(9,))
    monkeypatch.setattr(process, "os", WINDOWS)  # it has no kill that could be called
    monkeypatch.setattr(process.ctypes, "WinDLL", lambda *_, **__: kernel, raising=False)
    monkeypatch.setattr(process.ctypes, "get_last_error", lambda: kernel.error, raising=False)
    assert [process.is_running(number) for number in (7, 8, 9, 10)] == [True, False, True, False]
    assert kernel.handles == []


def test_a_process_is_seen_until_it_has_ended():
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    assert process.is_running(child.pid)
    child.communicate(b"\n")
    assert not process.is_running(child.pid)


def test_ctrl_c_needs_no_signal_mask(monkeypatch):
    monkeypatch.delattr(signal, "pthread_sigmask")
    with process.ignore_ctrl_c():
        assert signal.getsignal(signal.SIGINT) is not None


# Files that others read, or may not link to


@pytest.fixture
def in_use(monkeypatch):
    """Replacing a file fails as often as asked for; Windows waits are taken for over."""
    monkeypatch.setattr(files, "REPLACE_WAITS", (0, 0, 0))
    known = os.replace

    def fail(times):
        left = iter(range(times))

        def replace(source, target):
            if next(left, None) is not None:
                raise PermissionError(errno.EACCES, "used by another process", str(target))
            known(source, target)

        monkeypatch.setattr(files.os, "replace", replace)

    return fail


def test_a_file_in_use_is_replaced_when_it_is_free(in_use, tmp_path):
    in_use(3)
    write_whole(tmp_path / "file", lambda file: file.write(b"new"))
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_file_that_stays_in_use_stays_as_it_was(in_use, tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    in_use(4)
    with pytest.raises(PermissionError):
        write_whole(tmp_path / "file", lambda file: file.write(b"new"))
    assert [path.read_bytes() for path in tmp_path.iterdir()] == [b"old"]


def test_a_journal_on_windows_needs_no_link(monkeypatch, tmp_path):
    from snnlab.sweeps import storage

    def refuse(*_, **__):
        raise OSError(errno.EPERM, "a required privilege is not held by the client")

    monkeypatch.setattr(os, "symlink", refuse)
    monkeypatch.setattr(storage, "os", SimpleNamespace(**{**vars(os), "name": "nt"}))
    where = str(tmp_path / "sweep.journal")
    study = storage.optuna().create_study(storage=storage.open_storage(where), study_name="one")
    study.tell(study.ask(), 1.0)
    assert storage.load_study("one", where).best_value == 1.0


@pytest.mark.parametrize("number", [errno.EADDRINUSE, errno.EACCES])
def test_a_port_that_windows_reserves_is_passed_over(number, capsys):
    from snnlab_app.server.serve import _listening

    def listen(port):
        if port < 5008:
            raise OSError(number, "not permitted")
        return f"server on {port}"

    assert _listening(listen, "127.0.0.1", range(5006, 5010)) == "server on 5008"
    assert "the dashboard is on port 5008" in capsys.readouterr().out


# Code pages: text is written and read in UTF-8, whatever the system's default


def text_without_encoding(tree):
    """Lines of calls that would take the system's encoding."""
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        name = getattr(node.func, "attr", getattr(node.func, "id", ""))
        named = {keyword.arg: keyword.value for keyword in node.keywords}
        if {"encoding", "force_zip64", None} & named.keys():
            continue
        mode = [a.value for a in node.args if isinstance(a, ast.Constant)] or [""]
        if (
            (name == "read_text" and not node.args)
            or (name == "write_text" and len(node.args) < 2)
            or (name == "open" and str(mode[-1]) in ("r", "w", "a", "x", "rt", "wt"))
            or (name in ("run", "Popen", "check_output") and "text" in named)
        ):
            yield node.lineno


@pytest.mark.parametrize("package", ["snnlab", "app/snnlab_app"])
def test_no_text_depends_on_the_code_page(package):
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line in text_without_encoding(ast.parse(path.read_text("utf-8")))
    ]
    assert found == []


def test_text_without_encoding_is_found():
    code = "p.read_text(); p.write_text(t); open(n, 'w'); run(c, text=True); open(n, 'rb')"
    assert len(list(text_without_encoding(ast.parse(code)))) == 4
