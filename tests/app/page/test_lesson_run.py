"""Lessons in progress, without a page: each bundled one to its end, and what may come between."""

import re

import numpy as np
import pytest
from conftest import idle, until

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.learn.trainer import Trainer
from snnlab.lessons import Scale, bundled, read
from snnlab_app.controls.link import State
from snnlab_app.page.lesson import settings_for
from snnlab_app.page.lesson_run import LessonRun, Phase
from snnlab_app.session.local import Session

SHORT = """
title = "Short"
about = "Short."
question = "How many?"
measure = "accuracy"
scale = {from = 0, to = 100, step = 1}
set = {epochs = 1000, schedule = "constant", beta = 20.0}
warm_up = {steps = 4}
[change]
set = {mismatch = 0.3}
run = {steps = 4}
[[explain]]
text = "From {before} to {measured}."
"""
EXPLANATIONS = {"weight-bits": 2}
"""How many of the first explanations may fit on the bundled digits: 2 bits may be too few there."""


@pytest.fixture
def session():
    session = Session(Config.checked(dataset="digits")).start()
    until(lambda: session.state != "loading")
    yield session
    session.close()


def running(session, lesson):
    """A lesson that has begun, and what makes it go on until a phase."""

    def turn(settings):
        for name, value in settings.items():
            session.turn(name, value)

    run = LessonRun(lesson, session, turn)

    def reach(*phases):
        def there():
            run.see()
            return run.phase in phases

        until(there)

    run.begin({**Config().values(), "dataset": "digits", **lesson.settings})
    return run, reach


@pytest.mark.slow
@pytest.mark.parametrize("name", bundled())
def test_every_lesson_comes_to_its_end_and_makes_its_point(session, name):
    lesson = bundled()[name]
    run, reach = running(session, lesson)
    reach(Phase.ASKING)
    assert session.state == "paused"
    assert run.before["accuracy"].value > 0.7
    scale = isinstance(lesson.answers, Scale)
    run.predict(lesson.answers.low if scale else lesson.answers[0].text)
    reach(Phase.REVEALED)
    assert run.trouble == ""
    measured = run.after[lesson.measure]
    assert measured.low <= measured.value <= measured.high
    values = run.values()
    fitting = [lesson.fill(text.text, values) for text in lesson.explanations]
    assert run.explanation in fitting[: EXPLANATIONS.get(name, 1)], values
    assert re.search(r"\d", run.explanation)
    if not scale:
        assert len(lesson.right(values)) == 1


def test_a_prediction_is_compared_with_what_the_training_measured(session):
    run, reach = running(session, read(SHORT, "short"))
    assert run.phase == Phase.PREPARING
    run.predict(3.0)
    assert run.guess is None, "the question has not been asked yet"
    reach(Phase.ASKING)
    begun = session.snapshot
    assert session.config.beta == 20.0
    run.predict(3.0)
    assert run.phase == Phase.RUNNING
    reach(Phase.REVEALED)
    now = session.snapshot
    assert (session.state, session.config.mismatch) == ("paused", 0.3)
    assert run.steps == (begun.step, now.step) == (4, 8), "as many updates as the lesson names"
    assert run.values()["guess"] == 3.0
    assert run.values()["measured"] == 100 * now.held_out["accuracy"][-1]
    assert run.values()["before"] == 100 * begun.held_out["accuracy"][-1]
    assert run.explanation == "From {:.1f} % to {:.1f} %.".format(
        run.values()["before"], run.values()["measured"]
    )


def test_a_lesson_begins_again_after_a_longer_training(session):
    session.play()
    until(lambda: session.snapshot.step > 30)
    run, reach = running(session, read(SHORT, "short"))
    reach(Phase.ASKING)
    assert session.snapshot.step == 4, "a lesson stops at the very update"
    assert np.all(session.snapshot.history["step"] <= session.snapshot.step)
    assert run.before["accuracy"].value < 0.9


def test_a_restarted_training_that_ends_between_two_looks_is_seen(session):
    """It ends at the very step at which the one before it ended."""
    text = SHORT.replace("set = {mismatch", "restart = true\nset = {mismatch")
    run, reach = running(session, read(text, "short"))
    reach(Phase.ASKING)
    run.predict(3.0)
    for _ in range(10):
        until(lambda: idle(session))
        run.see()
    assert run.phase == Phase.REVEALED
    assert run.steps == (4, 4)


def test_a_change_that_restarts_is_measured_on_the_new_training(session):
    text = SHORT.replace("set = {mismatch", "restart = true\nset = {hidden = [20], mismatch")
    run, reach = running(session, read(text, "short"))
    reach(Phase.ASKING)
    run.predict(3.0)
    reach(Phase.REVEALED)
    assert run.trouble == ""
    assert session.snapshot.frame.recording.spikes[0].n_channels == 20
    assert run.steps[1] == session.snapshot.step


@pytest.mark.parametrize(
    ("meddle", "said"),
    [
        (lambda session: session.turn("beta", 50.0), "Settings were changed"),
        (lambda session: session.reset(), "The training was reset"),
    ],
)
def test_changes_made_during_a_lesson_are_reported(session, meddle, said):
    lesson = read(SHORT.replace("run = {steps = 4}", "run = {seconds = 1.5}"), "short")
    run, reach = running(session, lesson)
    reach(Phase.ASKING)
    session.step()
    until(lambda: session.snapshot.step > run.steps[0])
    run.predict(3.0)
    until(lambda: session.state == "running")
    meddle(session)
    reach(Phase.REVEALED, Phase.FAILED)
    assert run.trouble.startswith(said)


@pytest.mark.parametrize("asked", [True, False])
def test_a_reset_during_a_lesson_leaves_no_numbers(session, asked):
    """While the question is asked, or after the prediction."""
    lesson = read(SHORT.replace("run = {steps = 4}", "run = {steps = 400}"), "short")
    run, reach = running(session, lesson)
    reach(Phase.ASKING)
    if not asked:
        run.predict(3.0)
        until(lambda: session.snapshot.step > 4)
    session.reset()
    until(lambda: session.snapshot.step == 0 and idle(session))
    if asked:
        run.predict(3.0)
    else:
        session.play()
    reach(Phase.FAILED)
    assert run.trouble == "The training was reset during the lesson: start the lesson again."
    assert run.after == {}


def test_a_lesson_begins_after_a_training_that_failed(session, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "advance", _failing)
        session.play()
        until(lambda: session.state == "failed")
    run, reach = running(session, read(SHORT, "short"))
    assert run.phase == Phase.PREPARING
    reach(Phase.ASKING)
    assert (session.snapshot.step, session.config.beta) == (4, 20.0)


def test_a_lesson_whose_training_fails_again_at_once_ends(session):
    """Too fast for any state but the failure to be seen."""
    session.turn("side", 28)  # which the digits do not have
    session.reset()
    until(lambda: session.state == "failed")
    run = LessonRun(read(SHORT, "short"), session, lambda settings: None)
    run.begin({"side": 28})
    until(lambda: session.failures == 2 and idle(session))
    run.see()
    assert (run.phase, run.trouble) == (Phase.FAILED, "The training has failed.")


def test_a_reset_before_the_first_step_is_noticed(session):
    lesson = read(SHORT.replace("warm_up = {steps = 4}", "warm_up = {steps = 900}"), "short")
    run, _ = running(session, lesson)
    until(lambda: run.see() or session.state == "running")
    run.see()
    session.reset()
    until(lambda: session.state == "ready" and idle(session))
    run.see()
    run.see()
    assert run.trouble.startswith("The training was reset")


def _failing(trainer):
    raise SnnlabError("no")


def test_a_training_that_fails_ends_the_lesson(session):
    run, reach = running(session, read(SHORT, "short"))
    reach(Phase.ASKING)
    session.close()
    run.predict(3.0)
    reach(Phase.FAILED)
    assert run.trouble


def test_a_lesson_takes_images_where_the_page_has_recordings():
    lesson = read(SHORT, "short")
    kept = settings_for(lesson, Config.checked(dataset="mnist", side=28, hidden=[90]))
    assert (kept["dataset"], kept["side"], kept["beta"]) == ("mnist", 28, 20.0)
    link = State({"seed": 7, "beta": 3.0, "side": 16}, lesson="another")
    below = settings_for(lesson, Config.checked(dataset="mnist", side=28), link)
    assert (below["seed"], below["beta"], below["side"]) == (7, 20.0, 28)
    other = settings_for(lesson, Config.checked(dataset="spoken-digits", hidden=[186], side=28))
    assert (other["dataset"], other["side"], other["beta"]) == ("digits", 16, 20.0)
    assert other["hidden"] == kept["hidden"] == Config().hidden
