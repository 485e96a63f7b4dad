"""Sessions computed in a process of their own: the page's side, the process, and their ends."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
import weakref
from multiprocessing import Pipe
from threading import Event, Thread

import numpy as np
import pytest
from conftest import PATIENCE, free_port, until
from sessions import ENDLESS, READY, visiting

from snnlab.config import Config
from snnlab_app.compute.pool import Compute
from snnlab_app.compute.remote import LOST, MAX_FALLS, RemoteSession
from snnlab_app.compute.worker import _Host
from snnlab_app.session.control import Close, Open, Play, Turn
from snnlab_app.session.local import Session


@pytest.fixture(scope="module")
def compute():
    with Compute(ENDLESS) as compute:
        yield compute


@pytest.fixture
def visit(compute):
    """Opens sessions, ready, and closes them in the end."""
    with visiting(lambda config: RemoteSession(compute, config), **ENDLESS) as visit:
        yield visit


def process_of(session):
    return session._compute._homes[session._number]


def take_turns(session):
    """What a visitor might do; returns the last snapshot."""
    for step in (1, 2, 3):
        session.step()
        until(lambda step=step: session.snapshot.step == step)
    until(lambda: session.state == "paused")
    label = session.snapshot.frame.label
    session.turn("mismatch", 0.4)
    session.show(4)
    until(lambda: session.snapshot.frame.label != label)
    session.step()
    until(lambda: session.snapshot.step == 4)
    return session.snapshot


def assert_same(a, b, path="snapshot"):
    assert type(a) is type(b), path
    if dataclasses.is_dataclass(a):
        a, b = ({f.name: getattr(x, f.name) for f in dataclasses.fields(x)} for x in (a, b))
    if isinstance(a, dict):
        assert a.keys() == b.keys(), path
        for name in a.keys() - {"images_per_second"}:
            assert_same(a[name], b[name], f"{path}.{name}")
    elif isinstance(a, tuple):
        assert len(a) == len(b), path
        for k, pair in enumerate(zip(a, b, strict=True)):
            assert_same(*pair, f"{path}[{k}]")
    elif isinstance(a, np.ndarray):
        assert a.dtype == b.dtype, path
        np.testing.assert_array_equal(a, b, path)
    else:
        assert a == b, path


def test_the_same_snapshots_as_here_bit_for_bit(visit):
    local = Session(Config.checked(**ENDLESS)).start()
    until(lambda: local.state == "ready")
    remote = visit()
    assert (remote.state, remote.message) == ("ready", READY)
    assert_same(local.snapshot, remote.snapshot)
    assert_same(take_turns(local), take_turns(remote))
    local.close()


def test_two_sessions_do_not_meet(visit):
    one, other = visit(), visit()
    untouched = other.snapshot
    one.turn("beta", 50.0)
    one.play()
    until(lambda: one.snapshot.step > 20)
    other.show(0)
    until(lambda: other.snapshot is not untouched)
    assert (other.state, other.snapshot.step, other.config.beta) == ("ready", 0, 10.0)
    assert process_of(one) is process_of(other)


class Silent:
    """Computes nothing; counts the sessions that were opened."""

    opened = 0

    def open(self, session):
        self.opened += 1
        return 0

    def send(self, *order):
        pass


def test_a_session_that_waits_takes_no_place_until_it_begins():
    compute = Silent()
    session = RemoteSession(compute, Config(), waits=True)
    assert (compute.opened, session.state, session.message) == (0, "loading", "starting")
    session.begin()
    assert compute.opened == 1
    with Compute() as never_asked:
        RemoteSession(never_asked, Config(), waits=True).close()
        assert never_asked.state() == []


class Leaving(Silent):
    """The visitor leaves while the session is opened in another process."""

    def __init__(self):
        self.sent, self.session = [], None

    def open(self, session):
        if self.session:
            self.session.close()
        self.opened += 1
        return self.opened

    def send(self, number, order):
        self.sent.append((number, type(order)))


def test_whoever_left_is_not_computed_for_when_the_process_ends(tmp_path):
    compute = Leaving()
    gone = RemoteSession(compute, Config(), tmp_path)
    gone.close()
    gone.lose()
    assert (compute.opened, gone.state) == (1, "closed")


def test_whoever_leaves_while_another_process_takes_over_is_closed_there(tmp_path):
    compute = Leaving()
    session = compute.session = RemoteSession(compute, Config(), tmp_path)
    session.lose()
    assert compute.opened == 2
    assert (2, Close) in compute.sent


def test_whoever_leaves_when_the_process_has_ended_leaves_no_folder(tmp_path):
    """Else the process deletes it when it is told that the visitor has left."""
    (tmp_path / "run").mkdir()
    left = RemoteSession(Silent(), Config(), tmp_path / "run")
    for _ in range(MAX_FALLS + 1):
        left.lose()
    assert (left.message, (tmp_path / "run").exists()) == (LOST, True)
    left.close()
    assert not (tmp_path / "run").exists()
    (tmp_path / "run").mkdir()
    left = RemoteSession(Silent(), Config(), tmp_path / "run")
    left.close()
    assert (tmp_path / "run").exists(), "by the process, which may write there until then"
    left.lose()
    assert not (tmp_path / "run").exists()


class Turning(Silent):
    """The visitor turns a knob while the session is opened in another process."""

    def __init__(self):
        self.session, self.threads, self.settings, self.orders = None, [], None, []

    def open(self, session):
        self.settings, self.orders = session.beginning().settings, []
        if self.session:
            self.threads.append(Thread(target=self.session.turn, args=("beta", 50.0)))
            self.threads[-1].start()
            self.threads[-1].join(0.2)  # it may take longer than to turn a knob
        self.opened += 1
        return self.opened

    def send(self, number, order):
        if number == self.opened:
            self.orders.append(order)


def test_a_knob_turned_while_another_process_takes_over_is_turned_there(tmp_path):
    compute = Turning()
    session = compute.session = RemoteSession(compute, Config(), tmp_path)
    session.lose()
    for thread in compute.threads:
        thread.join()
    assert compute.settings["beta"] == 50.0 or Turn("beta", 50.0) in compute.orders
    own = session.config.values() | {"epochs": 77}
    session.hear(settings=(len(compute.orders), own))
    assert session.config.epochs == 77, "all orders were counted"


def test_settings_on_their_way_are_not_taken_back():
    session = RemoteSession(Silent(), Config())
    stale, own = session.config.values(), session.config.values() | {"dataset": "digits"}
    session.turn("beta", 50.0)
    session.hear(settings=(0, stale), message="as of before the turn")
    assert (session.config.beta, session.message) == (50.0, "as of before the turn")
    session.hear(settings=(1, own | {"beta": 50.0}))
    assert (session.config.beta, session.config.dataset) == (50.0, "digits")


def test_a_page_that_does_not_listen_holds_up_nobody():
    host = _Host(ENDLESS)
    ours, theirs = Pipe()
    Thread(target=host.report, args=(theirs,), daemon=True).start()
    host.obey(7, Open(ENDLESS))
    host.obey(7, Play())
    visit = host._visits[7]

    def stuck():
        told, step = visit._known["snapshot"], visit.session._trainer.step
        time.sleep(0.5)
        return visit._known["snapshot"] is told and visit.session._trainer.step > step

    until(lambda: visit.session.state == "running")
    until(stuck)
    now, steps = visit.session._trainer.step, []
    while not steps or steps[-1] < now:
        number, news = ours.recv()
        assert number == 7
        if "snapshot" in news:
            steps.append(news["snapshot"].step)
    assert len(steps) < 100  # what a pipe holds, and then the newest
    assert steps == sorted(steps)
    host.obey(7, Close())
    host.obey(7, Close())
    until(lambda: not visit.session._thread.is_alive())


def test_closing_waits_for_no_step_and_the_session_is_forgotten(monkeypatch):
    begun, goes_on, update = Event(), Event(), Session._update

    def held(session):
        begun.set()
        assert goes_on.wait(PATIENCE)
        return update(session)

    monkeypatch.setattr(Session, "_update", held)
    host = _Host(ENDLESS)
    ours, theirs = Pipe()
    Thread(target=host.report, args=(theirs,), daemon=True).start()
    host.obey(0, Open(ENDLESS))
    session = weakref.ref(host._visits[0].session)
    host.obey(0, Play())
    assert begun.wait(PATIENCE)
    thread = session()._thread
    host.obey(0, Close())
    assert thread.is_alive()  # in the middle of its step
    goes_on.set()
    until(lambda: not thread.is_alive())
    until(lambda: session() is None)
    ours.close()


def test_a_killed_process_is_said_and_followed_by_another(visit):
    one, other = visit(), visit()
    one.turn("beta", 50.0)
    image = one.snapshot.frame.image
    one.show(4)
    until(lambda: not np.array_equal(one.snapshot.frame.image, image))
    image = one.snapshot.frame.image
    one.play()
    until(lambda: one.snapshot.step > 5)
    dead = process_of(one)
    assert process_of(other) is dead
    os.kill(dead.pid, signal.SIGKILL)
    for session in (one, other):
        until(lambda s=session: s.state == "failed", 5)
        assert session.message == LOST
        session.play()  # nobody there to do it
        session.turn("rho_burst", 1e-3)

    one.reset()
    assert one.state == "loading"
    assert process_of(one) is not dead
    until(lambda: one.state == "ready")
    assert one.snapshot.step == 0
    assert (one.config.beta, one.config.rho_burst) == (50.0, 1e-3)
    until(lambda: np.array_equal(one.snapshot.frame.image, image))
    one.step()
    until(lambda: one.snapshot.step == 1)
    assert other.state == "failed"


def test_a_process_that_cannot_start_is_not_tried_forever(monkeypatch):
    with Compute({"mismatch": "never a number"}) as compute:
        session = RemoteSession(compute, Config.checked(**ENDLESS))
        first = process_of(session)
        until(lambda: session.state == "failed")
        assert session.message == LOST
        time.sleep(0.2)
        assert compute._processes == [first]
        session.reset()
        assert process_of(session) is not first


def gone(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


PARENT = """
import sys, time
from snnlab_app.compute.pool import Compute
if __name__ == "__main__":
    compute = Compute({"dataset": "digits"})
    print(compute._processes[0].pid, flush=True)
    time.sleep(float(sys.argv[1]))
    compute.__exit__()
"""


@pytest.mark.parametrize("moment", [0.0, pytest.param(3.0, marks=pytest.mark.slow)])
def test_no_orphan_is_left_by_a_killed_server(tmp_path, moment):
    (tmp_path / "parent.py").write_text(PARENT)
    command = [sys.executable, tmp_path / "parent.py", "60"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:
        pid = int(parent.stdout.readline())
        time.sleep(moment)
        assert not gone(pid)
        parent.kill()
    until(lambda: gone(pid))


def imported(module):
    """What a fresh interpreter has loaded after importing a module, in that order."""
    code = f"import sys, {module}; print(*sys.modules)"
    return subprocess.check_output([sys.executable, "-c", code], text=True).split()


def test_the_page_is_there_without_torch_and_numba():
    assert not {"torch", "numba", "llvmlite"} & {*imported("snnlab_app.server.serve")}


def test_what_computes_loads_neither_torch_nor_what_draws_nor_filters():
    idle = {"torch", "panel", "bokeh", "holoviews", "scipy.signal", "scipy.io"}
    assert not idle & {*imported("snnlab_app.compute.worker")}


@pytest.mark.parametrize("while_it", [pytest.param("starts", marks=pytest.mark.slow), "serves"])
def test_ctrl_c_ends_both_processes_quietly(while_it):
    command = [sys.executable, "-m", "snnlab", "app", "--no-browser", "--dataset", "digits"]
    app = subprocess.Popen(
        [*command, "--port", str(free_port())],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    if while_it == "serves":
        assert app.stdout.readline().startswith("Launching server")
        time.sleep(0.5)
    else:
        until(lambda: len(members(app.pid)) > 2)  # the server, the computing, Python's tracker
    os.killpg(app.pid, signal.SIGINT)
    printed, _ = app.communicate(timeout=PATIENCE)
    assert (app.returncode, printed) == {
        "starts": (130, "snnlab: stopped\n"), "serves": (0, "")
    }[while_it]  # fmt: skip
    until(lambda: not members(app.pid))


def members(group):
    """Processes of a group, by pid."""
    listed = subprocess.check_output(["ps", "-A", "-o", "pgid=,pid="], text=True)
    return [pid for pgid, pid in map(str.split, listed.splitlines()) if int(pgid) == group]
