"""Power, energy and rate: the published anchors, conservation, and ranges that mean something."""

from itertools import product

import holoviews as hv
import numpy as np
import pytest
from builders import random_spikes, random_weights, spikes

from snnlab import plotting
from snnlab.chip import power
from snnlab.chip.constants import INFERENCE_PERIOD
from snnlab.chip.emulator import Chip, OperatingPoint
from snnlab.chip.layout.mapping import Mapping
from snnlab.chip.power.activity import before, everything
from snnlab.chip.power.coefficients import COEFFICIENTS, Counts, cost
from snnlab.chip.power.estimation import (
    MODES,
    PUBLISHED_POWER,
    WORKING_POINT,
    PowerEstimate,
    estimate,
    estimate_activity,
)
from snnlab.chip.recording import Recording
from snnlab.errors import SnnlabError

PARTS = ("static", *COEFFICIENTS)
QUANTITIES = (*PARTS, "activity", "power", "energy", "rate", "latency")
END = 1475
"""Ticks of 8 ns in the 11.8 µs of an image in inference."""


def recording(inputs, hidden, samples=20, sizes=(246, 10), n_channels=256):
    """A recording of given spikes, lists of ticks per image; what the CADC saw does not count."""
    events = [spikes([[(t, 0) for t in image] for image in layer], n_channels)
              for layer in (inputs, hidden)]  # fmt: skip
    cadc = tuple(np.full((len(inputs), samples, n), 80, np.uint8) for n in sizes)
    return Recording(events[0], tuple(events[1:]), cadc)


def at_the_working_point(samples=20, hidden=20):
    return recording([range(100, 154)] * 3, [range(800, 800 + hidden)] * 3, samples)


def corners(constant, amounts):
    """Every combination of the coefficients' ends, one after the other."""
    ends = [(c.low, c.high) for c in COEFFICIENTS.values()]
    sums = [constant + float(np.dot(corner, amounts)) for corner in product(*ends)]
    return min(sums), max(sums)


# The published totals


@pytest.mark.parametrize("samples", [20, 7])
def test_the_published_totals_are_met(samples):
    """200 mW, 2.4 µJ and 85 000 images/s at 11.8 µs and 20 hidden spikes."""
    now = estimate(at_the_working_point(samples), "inference")
    assert now.power == pytest.approx(0.2, rel=1e-12)
    assert now.energy == pytest.approx(2.4e-6, rel=0.05)
    assert now.rate == pytest.approx(85e3, rel=0.05)
    assert now.latency == pytest.approx(11.8e-6, rel=1e-12)


def test_the_first_versions_bound_is_kept_by_every_combination_of_coefficients():
    """Less than 300 mW at 70 000 images/s."""
    counts = before(at_the_working_point(), 1 / 70e3)
    now = PowerEstimate.of(counts, 1 / 70e3)
    assert now.rate == pytest.approx(70e3)
    assert now.ranges["power"][1] < 0.3


def test_at_the_working_point_the_split_is_open_and_the_total_is_not():
    ranges = estimate(at_the_working_point()).ranges
    assert ranges["power"] == pytest.approx((0.2, 0.2), rel=1e-12)
    for part in PARTS:
        low, high = ranges[part]
        assert high > 1.3 * low


def test_the_static_part_dominates_whatever_the_coefficients():
    now = estimate(at_the_working_point())
    assert now.ranges["static"][0] > 0.5 * now.power
    assert now.ranges["activity"][1] < now.ranges["static"][0]


# What is counted


def test_every_part_by_hand():
    """Two images, 4-3-2 network: 3 and 1 input spikes, 2 and 0 hidden ones, in 11.8 µs."""
    rec = recording([[0, 5, 9], [7]], [[20, 30], []], 7, sizes=(3, 2), n_channels=4)
    now = estimate(rec)
    assert now.synaptic == pytest.approx(5e-12 * (2 * 3 + 1 * 2) / 11.8e-6)
    assert now.spikes == pytest.approx(100e-12 * 1 / 11.8e-6)
    assert now.readout == pytest.approx(30e-9 * 7 / 11.8e-6)
    assert now.links == pytest.approx(15e-12 * (2 * 32 + 7 * 2 * 8) / 11.8e-6)


def test_in_training_everything_leaves_the_chip():
    """34 µs with 20 samples of 5 neurons; hidden spikes are sent as well."""
    rec = recording([[0, 5, 9], [7]], [[20, 4249], []], 20, sizes=(3, 2), n_channels=4)
    assert everything(rec) == Counts(2 * 3 + 1 * 2, 1, 20, (2 + 1) * 32 + 20 * 5 * 8)
    now = estimate(rec, "training")
    assert now.latency == pytest.approx(34e-6)
    assert now.spikes == pytest.approx(100e-12 / 34e-6)


def test_inference_sees_only_the_beginning_of_a_longer_recording():
    """Spikes by tick, samples by time: the rest of the 34 µs does not count."""
    short = recording([[0, END - 1]], [[1, END - 1]], 7)
    long = recording([[0, END - 1, END, 4000]], [[1, END - 1, END, END, 4249]], 20)
    assert estimate(long) == estimate(short)
    assert before(short, INFERENCE_PERIOD) == Counts(2 * 246 + 2 * 10, 2, 7, 2 * 32 + 7 * 10 * 8)


def test_a_shorter_recording_of_the_chip_tells_the_same():
    """The same chip recorded for 7 samples instead of 20: what falls within 11.8 µs is the same."""
    rng = np.random.default_rng(0)
    events, sizes = random_spikes(rng, 20, 40, rate=0.8), (40, 30, 5)
    early = events.tick < 1480
    counts = np.bincount(events.owner[early], minlength=20)
    cut = type(events)(np.concatenate([[0], np.cumsum(counts)]), events.tick[early],
                       events.channel[early], 40, events.ids)  # fmt: skip
    weights = random_weights(rng, sizes, mean=20)
    long, short = (
        Chip(Mapping(sizes), point=OperatingPoint(samples=samples)).run(e, weights)
        for samples, e in ((20, events), (7, cut))
    )
    assert estimate(short).spikes > 0
    assert estimate(long) == estimate(short)


def test_several_hidden_layers_drive_one_another():
    events = [spikes([[(1, 0)] * n], 9) for n in (4, 3, 2)]
    cadc = tuple(np.zeros((1, 7, n), np.uint8) for n in (6, 5, 3))
    counts = before(Recording(events[0], tuple(events[1:]), cadc), INFERENCE_PERIOD)
    assert counts == Counts(4 * 6 + 3 * 5 + 2 * 3, 5, 7, 4 * 32 + 7 * 3 * 8)


def test_a_layer_more_needs_no_conversion_more():
    """All columns are converted at once."""
    one = recording([[3]], [[9]], 7, sizes=(10, 5))
    two = Recording(one.inputs, one.spikes * 2, (one.cadc[0], *one.cadc))
    assert estimate(two).readout == estimate(one).readout


@pytest.mark.parametrize("mode", power.MODES)
def test_without_images_the_chip_still_converts(mode):
    now = estimate(recording([], []), mode)
    assert now.synaptic == now.spikes == 0
    assert now.readout > 0


# Conservation, monotony, ranges


@pytest.fixture(params=power.MODES)
def some(request):
    """An estimate away from the working point."""
    return estimate(recording([range(90)] * 2, [range(50), range(70)]), request.param)


def test_parts_add_up_to_the_whole(some):
    assert sum(getattr(some, part) for part in PARTS) == pytest.approx(some.power, rel=1e-15)
    assert some.static + some.activity == some.power
    assert some.energy == some.power * some.latency
    assert some.rate * some.latency == pytest.approx(1.0, rel=1e-15)


def test_every_quantity_has_a_range_and_lies_in_it(some):
    assert set(some.ranges) == set(QUANTITIES)
    for name, (low, high) in some.ranges.items():
        assert low <= getattr(some, name) <= high, name
        assert low > 0


def test_ranges_are_those_of_all_combinations():
    counts, latency = Counts(9e3, 90.0, 4.0, 7e3), 20e-6
    now, each = PowerEstimate.of(counts, latency), np.array(counts) / latency
    paper = np.array(WORKING_POINT) / INFERENCE_PERIOD
    assert now.ranges["static"] == pytest.approx(corners(0.2, -paper))
    assert now.ranges["activity"] == pytest.approx(corners(0.0, each))
    assert now.ranges["power"] == pytest.approx(corners(0.2, each - paper))
    whole = corners(0.2 * latency, (each - paper) * latency)
    assert now.ranges["energy"] == pytest.approx(whole)
    for k, part in enumerate(COEFFICIENTS):
        assert now.ranges[part] == pytest.approx(corners(0.0, each * (np.arange(4) == k)))


def test_more_spikes_are_more_power():
    now = [estimate(at_the_working_point(hidden=n)) for n in (0, 10, 20, 40, 80)]
    for quantity in ("spikes", "synaptic", "activity", "power", "energy"):
        assert (np.diff([getattr(e, quantity) for e in now]) > 0).all()
    assert len({e.static for e in now}) == 1
    lows, highs = np.transpose([e.ranges["power"] for e in now])
    assert (np.diff(lows) > 0).all()
    assert (np.diff(highs) > 0).all()


def test_the_uncertainty_of_the_whole_grows_with_the_distance_from_the_working_point():
    widths = [
        np.ptp(estimate(at_the_working_point(hidden=n)).ranges["power"]) for n in (20, 40, 80)
    ]
    assert widths[0] < 1e-12
    assert widths[2] == pytest.approx(3 * widths[1])


def test_coefficients_are_declared_with_range_and_reasoning():
    for coefficient in COEFFICIENTS.values():
        assert 0 < coefficient.low < coefficient.value < coefficient.high
        assert len(coefficient.reasoning) > 80
    assert tuple(COEFFICIENTS) == Counts._fields


# Moving on early


@pytest.mark.parametrize("time", [0.5e-6, 5.1e-6, 8e-6, INFERENCE_PERIOD])
def test_the_saving_is_the_difference_of_two_energies(time):
    rec = recording([range(0, 3000, 30)] * 2, [range(200, 3000, 40)] * 2)
    value, (low, high) = power.saving(rec, time)
    difference = estimate(rec).energy - power.until(rec, time).energy
    assert value == pytest.approx(difference, abs=1e-18)
    spared = np.subtract(before(rec, INFERENCE_PERIOD), before(rec, time))
    left = 1 - time / INFERENCE_PERIOD
    expected = corners(PUBLISHED_POWER * (INFERENCE_PERIOD - time),
                       spared - left * np.array(WORKING_POINT))  # fmt: skip
    assert (low, high) == pytest.approx(expected, abs=1e-18)
    assert low <= value <= high


def test_the_saving_has_a_smaller_range_than_the_energies():
    """The same coefficients hold before and after."""
    rec = at_the_working_point()
    _, (low, high) = power.saving(rec, 8.5e-6)
    widths = [np.ptp(e.ranges["energy"]) for e in (estimate(rec), power.until(rec, 8.5e-6))]
    assert high - low == pytest.approx(widths[1] - widths[0], abs=1e-18)


def test_a_sample_at_the_very_end_is_taken():
    rec = recording([[0]], [[]])
    assert [before(rec, k * 1.7e-6).readout for k in range(1, 20)] == list(range(2, 21))
    assert before(rec, 1.69e-6).readout == 1


@pytest.mark.parametrize("time", [0.0, -1e-6, float("nan"), float("inf")])
def test_a_time_that_is_none_is_refused(time):
    with pytest.raises(SnnlabError, match=r"readout time .* is not allowed: give a time above 0"):
        power.until(at_the_working_point(), time)


def test_a_recording_too_short_is_told_what_is_needed():
    with pytest.raises(SnnlabError) as error:
        power.until(at_the_working_point(samples=6), 11.8e-6)
    assert str(error.value) == (
        "recording of 6 CADC samples is too short for 11.8 µs: record 7 or more"
    )
    assert estimate(at_the_working_point(samples=6), "training").latency == pytest.approx(10.2e-6)


def test_an_image_recorded_for_less_than_the_papers_ends_with_its_last_sample():
    """Six samples, the last at 8.5 µs: more images per second than at 11.8 µs."""
    short = estimate(at_the_working_point(samples=6), "inference")
    assert short.latency == pytest.approx(8.5e-6)
    assert short.rate == pytest.approx(estimate(at_the_working_point()).rate * 11.8 / 8.5)
    assert short == power.until(at_the_working_point(samples=6), short.latency)


def test_an_unknown_mode_is_refused():
    with pytest.raises(SnnlabError, match="power mode 'idle' is unknown: use one of inference, tr"):
        estimate(at_the_working_point(), "idle")


# Drawn


@pytest.mark.parametrize(("static", "whole"), [(True, "power"), (False, "activity")])
def test_the_split_is_drawn_with_its_range(static, whole):
    few, many = (estimate(at_the_working_point(hidden=n)) for n in (20, 80))
    drawn = plotting.power_split({"few": few, "many": many}, static=static)
    hv.renderer("bokeh").get_plot(drawn)
    bars, whiskers = drawn
    heights = bars.dframe().groupby("estimate")[whole].sum()
    for name, now in {"few": few, "many": many}.items():
        assert heights[name] == pytest.approx(1e3 * getattr(now, whole))
    low, high = (1e3 * watt for watt in many.ranges[whole])
    row = whiskers.dframe().set_index("estimate").loc["many"]
    assert row[whole] - row["below"] == pytest.approx(low)
    assert row[whole] + row["above"] == pytest.approx(high)
    titles = bars.dframe()["part"].unique().tolist()
    assert ("static, 120–190 mW" in titles) == static
    assert "estimate" in drawn.opts.get("plot").kwargs["ylabel"]


def test_cost_is_linear():
    a, b = Counts(1.0, 2.0, 3.0, 4.0), Counts(5.0, 6.0, 7.0, 8.0)
    assert cost(a.minus(b.times(2.0))) == pytest.approx(cost(a) - 2 * cost(b))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("samples", [20, 5])
def test_activity_alone_is_that_of_the_whole_estimate(mode, samples):
    shown = at_the_working_point(samples)
    whole = estimate(shown, mode).activity
    assert estimate_activity(shown, mode) == pytest.approx(whole, rel=1e-12)
