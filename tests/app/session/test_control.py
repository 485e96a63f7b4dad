"""Everything that a training does for who controls it, whether it computes here or elsewhere."""

import pickle
import time
from contextlib import ExitStack
from types import SimpleNamespace

import numpy as np
import pytest
from conftest import until
from refusal import refused
from sessions import ENDLESS, READY, visiting

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab_app.compute.pool import Compute
from snnlab_app.compute.remote import RemoteSession
from snnlab_app.session import control
from snnlab_app.session.control import Order, State, TrainingControl, toggles
from snnlab_app.session.local import Session
from snnlab_app.session.snapshot import Mark
from snnlab_app.session.tasks import TASKS


@pytest.fixture(scope="module")
def compute():
    with Compute(ENDLESS) as compute:
        yield compute


@pytest.fixture(params=["local", "remote"])
def kind(request):
    return request.param


@pytest.fixture
def begin(kind, request):
    """A session of its kind, which loads."""
    if kind == "local":
        return lambda config: Session(config).start()
    compute = request.getfixturevalue("compute")
    return lambda config: RemoteSession(compute, config)


@pytest.fixture
def visit(begin):
    with visiting(begin, **ENDLESS) as visit:
        yield visit


@pytest.fixture
def session(visit):
    return visit()


def test_it_loads_and_shows_the_untrained_network(session):
    assert session.state == "ready"
    assert session.message == READY
    snapshot = session.snapshot
    assert snapshot.origin == "bundled with scikit-learn"
    assert snapshot.step == 0
    assert snapshot.test_accuracy < 0.35
    assert snapshot.history["step"].tolist() == [0]
    assert snapshot.frame.image.shape == (16, 16)


def test_step_is_one_weight_update(session):
    session.step()
    until(lambda: session.snapshot.step == 1)
    until(lambda: session.state == "paused")
    time.sleep(0.1)
    assert (session.state, session.snapshot.step) == ("paused", 1)


def test_it_trains_until_paused(session):
    session.play()
    until(lambda: session.snapshot.step > 60)
    session.pause()
    until(lambda: session.state == "paused")
    step = session.snapshot.step
    time.sleep(0.2)
    assert session.snapshot.step == step
    if isinstance(session, Session):
        assert session._trainer.step == step
    accuracy = session.snapshot.history["accuracy"]
    assert accuracy[-5:].mean() > accuracy[0]


def test_it_trains_for_as_many_updates_as_it_is_asked_for(session):
    """Counted from where it is; the next time without a number until paused."""
    for last in (7, 12):
        session.play(last - session.snapshot.step)
        until(lambda last=last: session.snapshot.step == last and session.state == "paused")
    session.play()
    until(lambda: session.snapshot.step > 30)
    session.pause()
    until(lambda: session.state == "paused")


def test_snapshots_are_never_changed_after_they_were_taken(session):
    session.play()
    until(lambda: session.snapshot.step > 5)
    taken = session.snapshot
    copies = {name: values.copy() for name, values in taken.history.items()}
    step = taken.step
    until(lambda: session.snapshot.step > step + 20)
    assert taken.step == step
    for name, values in copies.items():
        np.testing.assert_array_equal(taken.history[name], values)


def test_reset_begins_anew_with_the_same_seed(session):
    session.step()
    until(lambda: session.snapshot.step == 1)
    loss = session.snapshot.history["loss"]
    session.reset()
    until(lambda: session.snapshot.step == 0)
    session.step()
    until(lambda: session.snapshot.step == 1)
    np.testing.assert_array_equal(session.snapshot.history["loss"], loss)


def test_the_watched_image_has_the_same_noise_every_time(session):
    first = session.snapshot
    session.show(0)
    until(lambda: session.snapshot is not first)
    for a, b in zip(first.frame.recording.cadc, session.snapshot.frame.recording.cadc, strict=True):
        np.testing.assert_array_equal(a, b)
    session.show(3)
    until(lambda: not np.array_equal(session.snapshot.frame.image, first.frame.image))


def test_live_knobs_leave_marks_after_the_first_update_until_a_reset(session):
    session.turn("beta", 5.0)
    session.step()
    until(lambda: session.snapshot.step == 1)
    assert session.snapshot.marks == ()
    session.turn("mismatch", 0.3)
    until(lambda: session.snapshot.marks)
    session.turn("hidden", [64])
    session.step()
    until(lambda: session.snapshot.step == 2)
    assert session.snapshot.marks == (Mark(1, "Mismatch → 30 %"),)
    session.reset()
    until(lambda: session.snapshot.step == 0)
    assert session.snapshot.marks == ()
    assert session.snapshot.transferred["step"].size == 0


def test_held_out_images_are_asked_at_each_rest_and_while_it_trains(session):
    held_out = session.snapshot.held_out
    assert held_out.keys() == {"step", "accuracy", "low", "high"}
    assert held_out["step"].tolist() == [0]
    session.play()
    until(lambda: len(session.snapshot.held_out["step"]) >= 3)
    session.pause()
    until(lambda: session.state == "paused")
    snapshot = session.snapshot
    assert snapshot.held_out["step"][-1] == snapshot.step
    low, accuracy, high = (snapshot.held_out[name] for name in ("low", "accuracy", "high"))
    assert ((low < accuracy) & (accuracy < high)).all()
    assert accuracy[-1] > accuracy[0]


def test_a_network_too_large_is_said_and_mended_by_a_reset(session):
    session.turn("hidden", [300])
    session.reset()
    until(lambda: session.state == "failed")
    assert "630 neuron circuits, the chip has 512" in session.message
    session.turn("hidden", [64])
    session.reset()
    until(lambda: session.state == "ready")
    assert session.snapshot.frame.recording.cadc[0].shape[2] == 64


def test_a_size_that_the_data_do_not_have_is_said_and_mended_by_a_reset(session):
    session.turn("side", 28)
    session.reset()
    until(lambda: session.state == "failed")
    assert "digits has no images of 28×28" in session.message
    session.turn("side", 16)
    session.reset()
    until(lambda: session.state == "ready")


def test_a_wrong_value_is_refused_at_once_and_goes_nowhere(session):
    with pytest.raises(SnnlabError, match=r"mismatch = 2 is not allowed: a number from 0 to 0\.5"):
        session.turn("mismatch", 2)
    session.step()
    until(lambda: session.snapshot.step == 1)
    assert session.config.mismatch == 0.0


def test_a_training_ends_with_the_last_epoch_and_goes_on_for_as_many_again(visit):
    session = visit(epochs=1)
    session.play()
    until(lambda: session.state == "finished")
    assert session.snapshot.done == 1.0
    assert session.snapshot.tests["step"].tolist() == [0, 15]
    states = "ready", "running", "paused", session.state
    assert [toggles(state) for state in states] == ["Train", "Pause", "Train", "Train on"]
    session.step()
    until(lambda: (session.snapshot.step, session.state) == (16, "paused"))
    session.play()
    until(lambda: session.state == "finished")
    assert session.snapshot.tests["step"].tolist() == [0, 15, 30]
    until(lambda: session.config.epochs == 2)
    session.turn("epochs", 3)
    session.play()
    until(lambda: session.snapshot.step == 45)
    until(lambda: session.state == "finished")
    assert session.config.epochs == 3
    session.close()
    until(lambda: session.state == "closed")


def test_without_network_it_says_so_and_trains_on_digits(kind, monkeypatch, tmp_path):
    monkeypatch.delenv("SNNLAB_DATA", raising=False)
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path))
    monkeypatch.setenv("SNNLAB_MIRROR", "http://127.0.0.1:9")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    config = Config.checked(side=28, hidden=[64])
    with ExitStack() as stack:
        if kind == "local":
            session = Session(config).start()
        else:
            session = RemoteSession(stack.enter_context(Compute(config.values())), config)
        stack.callback(session.close)
        until(lambda: session.state == "ready")
        assert (session.config.dataset, session.config.side) == ("digits", 16)
        assert session.notice == (
            "mnist could not be fetched (no network, nothing cached):"
            " training on scikit-learn's bundled digits instead."
        )


def test_a_click_trains_and_the_next_one_pauses(session):
    session.toggle()
    until(lambda: session.state == "running")
    session.toggle()
    until(lambda: session.state == "paused")


def test_a_narrated_step_says_what_each_stage_did(session):
    session.look_at("learn")
    session.narrate()
    until(lambda: session.snapshot.step == 1 and session.snapshot.view == "learn")
    assert [title for title, _ in session.snapshot.picture.stages][0::6] == ["Encode", "Write"]


def test_a_drawing_is_on_the_chip_until_an_image_is_chosen(session):
    drawing = np.full((16, 16), 200, np.uint8)
    drawing[4:] = 0
    session.draw(drawing)
    until(lambda: session.snapshot.frame.label is None)
    np.testing.assert_array_equal(session.snapshot.frame.image, drawing)
    session.show(1)
    until(lambda: session.snapshot.frame.label is not None)


# ── orders ──


class Notes(TrainingControl):
    """Writes orders down."""

    def __init__(self):
        self.orders, self.state = [], State.PAUSED

    def order(self, order):
        self.orders.append(order)


def test_each_method_gives_one_order_and_each_order_has_a_method():
    notes, pixels = Notes(), np.zeros((2, 2), np.uint8)
    notes.play()
    notes.pause()
    notes.step()
    notes.narrate()
    notes.reset()
    notes.show(3)
    notes.draw(pixels)
    notes.look_at("chip", {"page": 1})
    notes.turn("beta", 3.0)
    notes.give("place")
    notes.say(b"RIFF", 4)
    notes.teach(b"RIFF", 7)
    c = control
    assert notes.orders == [
        c.Play(), c.Pause(), c.Step(), c.Narrate(), c.Reset(), c.Show(3), notes.orders[6],
        c.LookAt("chip", {"page": 1}), c.Turn("beta", 3.0), c.Give("place"),
        c.Hear(b"RIFF", 4), c.Teach(b"RIFF", 7),
    ]  # fmt: skip
    assert notes.orders[6].pixels is pixels
    ends = {c.Open, c.Close}
    assert {type(order) for order in notes.orders} == {*Order.__subclasses__()} - ends
    assert {*TASKS} == {*Order.__subclasses__()} - {c.Open}


def test_what_was_added_is_given_to_every_further_process():
    sent = []
    compute = SimpleNamespace(open=lambda session: 1, send=lambda *order: sent.append(order))
    session = RemoteSession(compute, Config())
    for k in range(control.MAX_TAUGHT):
        session.teach(b"RIFF", k % 10)
    assert len(sent) == control.MAX_TAUGHT
    assert session.taught[:3] == (0, 1, 2)
    assert session.beginning().taught[1] == (b"RIFF", 1)
    refused(lambda: session.teach(b"RIFF", 0), "100 recordings of yours", "most that are taken")
    assert len(session.taught) == len(sent) == control.MAX_TAUGHT


def test_added_sounds_have_a_size_together():
    compute = SimpleNamespace(open=lambda session: 1, send=lambda *order: None)
    session = RemoteSession(compute, Config())
    half = bytes(control.MAX_TAUGHT_BYTES // 2)
    session.teach(half, 0)
    session.teach(half, 1)
    refused(lambda: session.teach(b"RIFF", 2), "more than 32 MB together", "cut them")
    assert session.taught == (0, 1)


def test_a_click_asks_for_what_the_state_calls_for():
    notes = Notes()
    for state in State:
        notes.state = state
        notes.toggle()
    pausing = [order for order in notes.orders if order == control.Pause()]
    assert (len(notes.orders), len(pausing)) == (len(State), 1)


def test_orders_cannot_be_changed_and_travel_as_they_are():
    order = control.LookAt("errors", {"cell": (1, 2)})
    with pytest.raises(AttributeError):
        order.view = "chip"
    assert pickle.loads(pickle.dumps(order)) == order
    drawn = pickle.loads(pickle.dumps(control.Draw(np.arange(4, dtype=np.uint8))))
    np.testing.assert_array_equal(drawn.pixels, np.arange(4))
    assert pickle.loads(pickle.dumps(State.RUNNING)) is State.RUNNING
