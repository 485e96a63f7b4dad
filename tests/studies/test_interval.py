"""The confidence interval of an accuracy."""

import numpy as np
import pytest

from snnlab.studies.interval import Z95, wilson_interval


@pytest.mark.parametrize(("right", "n"), [(1, 10), (25, 250), (240, 250), (5000, 10_000)])
def test_at_its_ends_the_share_is_just_compatible_with_what_was_found(right, n):
    """The definition: a true share p is 1.96 of its own standard deviations away from right/n."""
    low, high = wilson_interval(right, n)
    assert low < right / n < high
    for p in (low, high):
        assert abs(right / n - p) == pytest.approx(Z95 * np.sqrt(p * (1 - p) / n))


@pytest.mark.parametrize("n", [1, 10, 250])
def test_all_or_none_right_still_leaves_a_width_within_the_bounds(n):
    none, all_ = wilson_interval(0, n), wilson_interval(n, n)
    assert none == pytest.approx((0.0, Z95**2 / (n + Z95**2)), abs=1e-12)
    assert none[0] >= 0.0
    assert all_ == pytest.approx((1 - none[1], 1.0))


def test_it_holds_the_true_share_in_95_of_100_draws():
    rng = np.random.default_rng(0)
    for p in (0.1, 0.5, 0.97):
        ends = np.array([wilson_interval(k, 250) for k in rng.binomial(250, p, 4000)])
        held = ((ends[:, 0] <= p) & (p <= ends[:, 1])).mean()
        assert 0.93 < held < 0.97
