"""Curves that stay short, and what is kept of them."""

import numpy as np

from snnlab_app.session.history import MAX_POINTS, History


def filled(n, every=1):
    history = History()
    for k in range(n):
        history.add(step=k * every, loss=2.0 * k)
    return history


def test_the_newest_point_is_shown_at_any_grain():
    for n in (1, MAX_POINTS - 1, MAX_POINTS + 1, 5 * MAX_POINTS + 3):
        steps = filled(n).arrays()["step"]
        assert steps[-1] > n - 1 - 8
        assert (np.diff(steps) > 0).all()


def test_points_far_apart_go_on_one_by_one_after_they_were_kept():
    again = History.of(filled(4, every=600).kept(), 10**6)
    again.add(step=2400, loss=8.0)
    again.add(step=3000, loss=10.0)
    assert again.arrays()["step"].tolist() == [0, 600, 1200, 1800, 2400, 3000]


def test_a_curve_without_points_can_be_kept():
    again = History.of(History().kept(), 10)
    again.add(step=0, loss=1.0)
    assert again.arrays()["loss"].tolist() == [1.0]


def test_a_long_curve_keeps_its_grain():
    history = filled(3 * MAX_POINTS)
    again = History.of(history.kept(), 10**6)
    for k in range(3 * MAX_POINTS, 3 * MAX_POINTS + 8):
        history.add(step=k, loss=2.0 * k)
        again.add(step=k, loss=2.0 * k)
    np.testing.assert_array_equal(again.arrays()["loss"], history.arrays()["loss"])


def test_one_curve_is_blanked_and_goes_on():
    history = History()
    history.blank("loss")
    assert history.arrays() == {}
    history.add(step=0, loss=1.0)
    history.blank("loss")
    history.add(step=1, loss=2.0)
    curves = history.arrays()
    assert curves["step"].tolist() == [0, 1]
    np.testing.assert_array_equal(curves["loss"], [np.nan, 2.0])


def test_curves_kept_under_other_names_begin_again():
    kept = filled(5).kept()
    again = History.of({**kept, "power": kept["loss"]}, 10**6)
    again.add(step=5, loss=1.0)
    assert {name: curve.tolist() for name, curve in again.arrays().items()} == {
        "step": [5.0], "loss": [1.0],
    }  # fmt: skip
