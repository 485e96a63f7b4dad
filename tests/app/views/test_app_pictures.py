"""What the session shows to each view, without a page."""

import numpy as np
import pytest
from conftest import idle, until

from snnlab.chip.capmem import NOMINAL
from snnlab.chip.layout.floor import NOTHING
from snnlab.chip.spec import ChipSpec
from snnlab.chip.units import CODES, PHYSICAL
from snnlab.config import Config
from snnlab_app.session.local import Session
from snnlab_app.session.studio import PAGE_INPUTS


@pytest.fixture(scope="module")
def trained():
    config = Config.checked(dataset="digits", epochs=10_000, schedule="constant", hidden=[100])
    session = Session(config).start()
    until(lambda: session.state == "ready")
    session.play()
    until(lambda: session.snapshot.step > 60)
    session.pause()
    until(lambda: session.state == "paused")
    yield session
    session.close()


@pytest.fixture
def session(trained):
    """One training for all tests, its knobs as they were before each."""
    before = trained.config.values()
    yield trained
    for name, value in before.items():
        if trained.config.values()[name] != value:
            trained.turn(name, value)
    until(lambda: idle(trained))


def picture(session, view, **wishes):
    session.look_at(view, wishes)
    until(lambda: idle(session))  # and no earlier picture is taken for this one
    assert session.snapshot.view == view
    assert session.snapshot.units == wishes.get("units", PHYSICAL)
    return session.snapshot.picture


def test_the_chip_shows_what_is_written_and_who_is_dead(session):
    session.turn("killed", [3, 4])
    shown = picture(session, "chip", quantity="spikes / image, measured")
    assert np.flatnonzero(shown.dead).tolist() == [3, 4]
    network = session._trainer.network.weights_lsb()
    assert (shown.weights != NOTHING).sum() == sum(w.size for w in network)
    assert shown.codes.sum() == sum(w.size for w in network)
    assert shown.budget["circuits"] == (2 * 100 + 10, 512)
    hidden = shown.layer == 0
    per_image = np.nansum(shown.values[hidden]) / 2  # a neuron has two circuits
    assert per_image == pytest.approx(session._publisher._studio.progress.spikes, rel=1e-4)


def test_the_chip_shows_weights_of_the_bits_that_are_set(session):
    session.turn("weight_bits", 3)
    session.turn("cadc_bits", 5)
    shown = picture(session, "chip")
    assert shown.spec == ChipSpec(weight_bits=3, cadc_bits=5)
    assert {*(np.flatnonzero(shown.codes) - 63)} <= {*range(-63, 64, 9)}
    session.turn("weight_bits", 6)
    assert {*(np.flatnonzero(picture(session, "chip").codes) - 63)} > {*range(-3, 4)}


def test_calibration_is_shown_once_it_was_measured(session):
    assert picture(session, "chip").calibration == {}
    session.turn("die", "uncalibrated")
    session.turn("calibration", "measured")
    before, after = picture(session, "chip").calibration["threshold"]
    assert after < 0.7 * before


def test_a_die_as_drawn_has_nominal_codes_and_a_calibrated_one_its_own(session):
    session.turn("die", "uncalibrated")
    named = {"units": CODES, "quantity": "threshold (10-bit code)"}
    shown = picture(session, "chip", **named)
    assert (session.snapshot.units, shown.quantity) == (CODES, named["quantity"])
    assert (shown.values == NOMINAL["threshold"]).all()
    session.turn("calibration", "measured")
    shown = picture(session, "chip", **named)
    codes = session._trainer.chip.codes["threshold"]
    np.testing.assert_array_equal(shown.values, codes)
    assert 10 < codes.std() < 100
    assert picture(session, "chip", quantity=named["quantity"]).quantity != named["quantity"]


def test_every_test_image_is_in_the_matrix_and_the_wrong_ones_can_be_paged(session):
    shown = picture(session, "errors")
    labels = session._trainer.dataset.test_labels
    assert shown.known == shown.matrix.sum() == len(labels)
    np.testing.assert_array_equal(shown.matrix.sum(axis=1), np.bincount(labels))
    assert shown.found == shown.matrix.sum() - shown.matrix.trace()
    assert (shown.margin <= 0).all()
    assert (np.diff(shown.margin) >= 0).all()
    seen = list(shown.index)
    for page in range(1, -(-shown.found // PAGE_INPUTS)):
        seen += list(picture(session, "errors", page=page).index)
    assert len(set(seen)) == len(seen) == shown.found


def test_a_cell_holds_its_images_only(session):
    shown = picture(session, "errors", cell=(3, 3))
    assert shown.found == shown.matrix[3, 3] > 0
    assert set(shown.label) == set(shown.decision) == {3}


def test_the_share_of_neurons_follows_the_steepness(session):
    shares = []
    for beta in (0.1, 10.0, 200.0):
        session.turn("beta", beta)
        shown = picture(session, "learn")
        assert shown.surrogate.beta == beta
        assert shown.share.sum() == pytest.approx(1.0)
        shares.append(shown.reached)
    assert shares[0] == 1.0 > shares[1] > shares[2] > 0.0


def test_the_share_of_neurons_follows_the_shape(session):
    shares = {}
    for shape in ("triangle", "sigmoid"):
        session.turn("surrogate", shape)
        shown = picture(session, "learn")
        assert (shown.surrogate.shape, shown.surrogate.beta) == (shape, 10.0)
        shares[shape] = shown.reached
    assert shares["triangle"] < shares["sigmoid"]


def test_a_slow_step_is_one_step_told_in_seven_stages(session):
    step = session.snapshot.step
    session.look_at("learn")
    session.narrate()
    until(lambda: session.snapshot.step == step + 1)
    names = [name for name, _ in session.snapshot.picture.stages]
    assert names == [
        "Encode", "Forward on the chip", "Loss", "Injection", "Surrogate backward",
        "Adam and rounding", "Write",
    ]  # fmt: skip
    assert all(any(c.isdigit() for c in told) for _, told in session.snapshot.picture.stages)


def test_a_drawing_goes_onto_the_chip_until_an_image_is_picked(session):
    pixels = np.zeros((16, 16), np.uint8)
    pixels[3:13, 7:9] = 255
    picture(session, "sample")
    session.draw(pixels)
    until(lambda: session.snapshot.frame.label is None)
    frame = session.snapshot.frame
    assert len(frame.recording.inputs.tick) == 20
    assert frame.decision in session.snapshot.classes
    session.show(5)
    until(lambda: session.snapshot.frame.label is not None)


def test_weights_left_out_of_the_loop_do_not_come_back(session):
    session.look_at("live")
    assert len(session.snapshot.transferred["step"]) == 0
    session.turn("mismatch", 0.5)
    session.turn("die_seed", 3)
    session.play()
    until(lambda: len(session.snapshot.transferred["step"]) >= 4)
    session.pause()
    until(lambda: session.state == "paused")
    left, looped = session.snapshot.transferred["left"], session.snapshot.history["accuracy"]
    assert looped[-10:].mean() > left[-1]
    assert left[-1] < 0.9
    steps, accuracy = (session.snapshot.held_out[name] for name in ("step", "accuracy"))
    shared = len(steps) - len(left)
    np.testing.assert_array_equal(steps[shared:], session.snapshot.transferred["step"])
    assert accuracy[shared] == left[0], "both begin at the change"
    assert accuracy[-1] > left[-1]
