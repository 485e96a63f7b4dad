"""Decision time: hand-made recordings, a slow twin, and a trained network."""

import holoviews as hv
import numpy as np
import pytest
import torch
from builders import spikes
from conftest import real

from snnlab import plotting
from snnlab.chip.power.estimation import estimate
from snnlab.chip.recording import Recording
from snnlab.chip.spec import BRAINSCALES2
from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.learn.memory import EVALUATION_BATCH
from snnlab.learn.network import decode
from snnlab.learn.trainer import Trainer
from snnlab.model.readout import scores
from snnlab.seeding import key
from snnlab.studies.decision import (
    accuracy_over_time,
    decided_within,
    decision_time,
    decisions,
    first_spike,
    stopped_at,
)

DT_CADC, INFERENCE_PERIOD = BRAINSCALES2.dt_cadc, BRAINSCALES2.inference_period


def labelled(traces, first):
    """A recording from label potentials in LSB above rest [image, step, label] and the tick of each
    image's first input spike (None for none)."""
    cadc = (80 + np.asarray(traces)).astype(np.uint8)
    sent = spikes([[] if tick is None else [(tick, 0), (tick + 50, 1)] for tick in first], 2)
    hidden = spikes([[] for _ in first], 3)
    return Recording(sent, (hidden,), (np.full((*cadc.shape[:2], 3), 80, np.uint8), cadc))


def one(*potentials, first=100):
    """One image, two labels: pairs of potentials at each step."""
    return labelled([potentials], [first])


def slow_decision_time(recording):
    """Image after image, sample after sample, backwards from the end."""
    times = []
    cadc = recording.cadc[-1].astype(int)
    for image in range(len(cadc)):
        mine = recording.inputs.tick[recording.inputs.owner == image]
        best, decided = [-(10**6)] * cadc.shape[2], []
        for sample in cadc[image]:
            best = [max(b, v - v0) for b, v, v0 in zip(best, sample, cadc[image, 0], strict=True)]
            decided.append(best.index(max(best)))
        time = float("nan")
        for step in reversed(range(len(decided))):
            since = step * DT_CADC - min(mine, default=np.inf) * 8e-9
            if decided[step] != decided[-1] or since < -1e-15:
                break
            time = since
        times.append(time)
    return np.array(times)


@pytest.fixture
def random_recording():
    """300 images of noise that drifts, 5 labels; the first 3 without input."""
    rng = np.random.default_rng(0)
    walk = rng.normal(0, 4, (300, 20, 5)).cumsum(axis=1)
    first = [None] * 3 + rng.integers(0, 4200, 297).tolist()
    return labelled(np.clip(walk, -55, 145), first)


# Decisions and their times


def test_a_decision_that_flips_once():
    """Label 1 leads from the third sample on: 2 × 1.7 µs, less the spike at 0.8 µs."""
    rec = one((0, 0), (5, 3), (6, 9), (7, 20))
    np.testing.assert_array_equal(decisions(rec), [[0, 0, 1, 1]])
    np.testing.assert_allclose(decision_time(rec), [2 * 1.7e-6 - 0.8e-6])


def test_the_highest_potential_so_far_counts_not_the_present_one():
    rec = one((0, 0), (30, 0), (10, 20), (0, 29))
    np.testing.assert_array_equal(decisions(rec), [[0, 0, 0, 0]])
    np.testing.assert_allclose(decision_time(rec), [1.7e-6 - 0.8e-6])


def test_each_trace_starts_from_its_own_first_sample():
    """An offset of the converter means nothing."""
    np.testing.assert_array_equal(decisions(one((50, 0), (52, 9), (55, 11))), [[0, 1, 1]])


def test_a_decision_that_comes_and_goes_has_fallen_when_it_stays():
    rec = one((0, 0), (1, 5), (6, 5), (6, 7), (6, 7))
    np.testing.assert_array_equal(decisions(rec), [[0, 1, 0, 1, 1]])
    np.testing.assert_allclose(decision_time(rec), [3 * 1.7e-6 - 0.8e-6])


def test_a_change_at_the_last_sample_is_a_decision_at_the_last_sample():
    np.testing.assert_allclose(decision_time(one((0, 0), (3, 1), (3, 4))), [3.4e-6 - 0.8e-6])


@pytest.mark.parametrize(("tick", "sample"), [(0, 0), (1, 1), (212, 1), (213, 2), (425, 2)])
def test_nothing_is_decided_before_the_first_input_spike(tick, sample):
    """1.7 µs are 212.5 ticks; a decision that stands from the start falls with the first sample
    since the spike."""
    rec = one((0, 0), (5, 0), (9, 0), (9, 0), first=tick)
    np.testing.assert_allclose(decision_time(rec), [sample * 1.7e-6 - tick * 8e-9], atol=1e-12)


def test_images_without_input_have_no_decision_time():
    rec = labelled([[(0, 0), (0, 9)]] * 3, [None, 10, None])
    np.testing.assert_array_equal(np.isnan(decision_time(rec)), [True, False, True])
    np.testing.assert_array_equal(first_spike(rec), [np.inf, 80e-9, np.inf])


def test_an_input_after_the_last_sample_decides_nothing():
    assert np.isnan(decision_time(one((0, 0), (3, 4), first=300))).all()


def test_a_last_image_without_input_is_no_trouble():
    """Its place in the list of spikes is one beyond the end."""
    rec = labelled([[(0, 0), (0, 9)]] * 2, [10, None])
    np.testing.assert_allclose(decision_time(rec), [1.7e-6 - 80e-9, np.nan])


def test_no_images_no_times():
    assert decision_time(labelled(np.zeros((0, 7, 2)), [])).shape == (0,)


def test_decision_times_agree_with_their_twin(random_recording):
    got, twin = decision_time(random_recording), slow_decision_time(random_recording)
    np.testing.assert_allclose(got, twin, atol=1e-15)
    assert np.isnan(got[:3]).all()
    assert len(np.unique(decisions(random_recording)[:, -1])) == 5
    assert (got[~np.isnan(got)] >= 0).all()


def test_the_decision_is_the_final_one_from_then_on(random_recording):
    decided, times = decisions(random_recording), decision_time(random_recording)
    first = first_spike(random_recording)
    for image in np.flatnonzero(np.isfinite(times)):
        step = round((times[image] + first[image]) / DT_CADC)
        assert (decided[image, step:] == decided[image, -1]).all()
        before_spike = (step - 1) * DT_CADC < first[image]
        assert before_spike or decided[image, step - 1] != decided[image, -1]


# Accuracy over time


def test_accuracy_over_time_by_hand():
    rec = labelled(
        [[(0, 0), (0, 5), (0, 9)], [(0, 0), (0, 5), (8, 5)], [(0, 0), (2, 0), (2, 7)]], [0, 0, None]
    )
    time, accuracy = accuracy_over_time(rec, np.array([1, 0, 1]))
    np.testing.assert_allclose(time, [0, 1.7e-6, 3.4e-6])
    np.testing.assert_allclose(accuracy, [1 / 3, 1 / 3, 1.0])


@pytest.mark.parametrize("readout", Config.param["readout"].objects)
def test_the_last_accuracy_is_that_of_the_decoded_labels(random_recording, readout):
    """As the trainer reads out, whatever the label layer's scale."""
    labels = np.random.default_rng(1).integers(0, 5, 300)
    _, accuracy = accuracy_over_time(random_recording, labels, readout)
    for scale in (250.0, 31.7):
        traces = torch.from_numpy(decode(random_recording, scale).astype(float))
        decoded = scores(traces.round(decimals=9), readout).argmax(axis=1).numpy()
        np.testing.assert_array_equal(decoded, decisions(random_recording, readout)[:, -1])
        assert accuracy[-1] == (decoded == labels).mean()


def test_the_sum_of_what_lies_above_rest_decides_by_hand():
    """Label 0 is high once and a little below rest later, label 1 a little above for long."""
    rec = one((0, 0), (9, 4), (-1, 4), (-1, 2), *[(0, 0)] * 4)
    np.testing.assert_array_equal(decisions(rec, "sum"), [[0, 0, 0, 1, 1, 1, 1, 1]])
    np.testing.assert_array_equal(decisions(rec), [[0] * 8])
    np.testing.assert_allclose(decision_time(rec, "sum"), [3 * 1.7e-6 - 0.8e-6])
    np.testing.assert_array_equal(decided_within(rec, 2.0e-6, "sum"), [0])
    np.testing.assert_array_equal(decided_within(rec, 6.0e-6, "sum"), [1])
    assert stopped_at(rec, np.array([1]), 5.2e-6, "sum").accuracy == 1.0


@pytest.mark.parametrize(("images", "labels"), [(3, 2), (0, 0)])
def test_labels_that_do_not_fit_are_refused(images, labels):
    rec = labelled(np.zeros((images, 7, 2)), [0] * images)
    with pytest.raises(SnnlabError, match=f"{labels} labels given for a recording of {images} im"):
        accuracy_over_time(rec, np.zeros(labels, int))


# Decided within a time


def test_the_last_sample_within_the_time_decides():
    """First spike at 0.8 µs: after 1 µs the sample at 1.7 µs has been taken, that at 3.4 not."""
    rec = one((0, 0), (0, 1), (2, 1), (2, 3), first=100)
    at = [decided_within(rec, 1e-6 * t)[0] for t in (0.0, 0.8, 1.0, 2.5, 2.6, 4.3, 100.0)]
    assert at == [0, 0, 1, 1, 0, 1, 1]
    np.testing.assert_array_equal(decided_within(one((0, 0), (0, 1), first=None), 1e-6), [1])


def test_a_decision_before_the_first_spike_is_refused():
    with pytest.raises(SnnlabError, match=r"decision time -1e-06 s is not allowed: give 0 or more"):
        decided_within(one((0, 0), (0, 1)), -1e-6)


# Stopping


def test_stopping_earlier_saves_energy(random_recording):
    labels = decisions(random_recording)[:, 5]
    stop = stopped_at(random_recording, labels, 5 * DT_CADC)
    assert stop.accuracy == 1.0
    assert stop.power.rate == pytest.approx(1 / (5 * DT_CADC))
    assert stop.saved == pytest.approx(estimate(random_recording).energy - stop.power.energy)
    assert stop.saved_range[0] < stop.saved < stop.saved_range[1]
    times = np.array([2e-6, 5e-6, 8e-6, INFERENCE_PERIOD])
    saved = [stopped_at(random_recording, labels, time).saved for time in times]
    assert (np.diff(saved) < 0).all()
    assert saved[-1] == pytest.approx(0.0, abs=1e-18)


def test_the_last_sample_before_the_stop_decides():
    """3.5 µs hold the samples at 0, 1.7 and 3.4 µs."""
    rec = one(*[(0, 0), (0, 1), (2, 1), (2, 3), (2, 3), (2, 3), (9, 3), (9, 20)])
    at = [stopped_at(rec, np.array([0]), 1e-6 * t).accuracy for t in (1.8, 3.5, 5.2, 11.8)]
    assert at == [0.0, 1.0, 0.0, 1.0]


@pytest.mark.parametrize("time", [11.9e-6, 34e-6, float("inf")])
def test_stopping_later_than_inference_does_is_refused(random_recording, time):
    with pytest.raises(SnnlabError, match=r"later than the 11\.8 µs of an image in inference"):
        stopped_at(random_recording, np.zeros(300, int), time)


@pytest.mark.parametrize("time", [0.0, -1e-6, float("nan")])
def test_stopping_before_the_start_is_refused(random_recording, time):
    with pytest.raises(SnnlabError, match="give a time above 0"):
        stopped_at(random_recording, np.zeros(300, int), time)


# Drawn


def test_the_histogram_holds_every_decided_image_once(random_recording):
    times = decision_time(random_recording)
    drawn = plotting.decision_times(times)
    hv.renderer("bokeh").get_plot(drawn)
    bars, median = drawn
    assert bars.dimension_values("images").sum() == np.isfinite(times).sum()
    assert median.data == pytest.approx(1e6 * np.nanmedian(times))
    np.testing.assert_allclose(np.diff(bars.edges), 1.7)


def test_a_histogram_of_nothing_is_drawn():
    drawn = plotting.decision_times(np.array([np.nan]))
    hv.renderer("bokeh").get_plot(drawn)
    bars = next(leaf for leaf in drawn if isinstance(leaf, hv.Histogram))
    assert bars.dimension_values("images").sum() == 0
    assert [type(leaf) for leaf in drawn if leaf is not bars] == [], "no median"


def test_accuracy_over_time_is_drawn_in_percent_and_microseconds():
    drawn = plotting.accuracy_over_time(np.array([0, 1.7e-6]), np.array([0.1, 0.97]))
    hv.renderer("bokeh").get_plot(drawn)
    line = next(leaf for leaf in drawn if leaf.label == "accuracy over time")
    np.testing.assert_allclose(line.array(), [[0, 10], [1.7, 97]])


# A trained network


@pytest.mark.slow
def test_a_trained_network_decides_in_time():
    """MNIST after one epoch: the decisions are those of the evaluation, and most fall early."""
    trainer = Trainer(Config(epochs=1), real("mnist"))
    *_, progress = trainer
    labels, trial = trainer.dataset.test_labels, key(trainer.config.seed, "test", trainer.step)
    weights = trainer.network.weights_lsb()
    right, times, last = np.zeros(20), [], 0.0
    for first in range(0, len(labels), EVALUATION_BATCH):
        part = np.arange(first, first + EVALUATION_BATCH)
        rec = trainer.chip.run(trainer.test_events.take(part), weights, trial=trial)
        right += len(part) * accuracy_over_time(rec, labels[part])[1]
        times.append(decision_time(rec))
        last += stopped_at(rec, labels[part], INFERENCE_PERIOD).saved
    accuracy, times = right / len(labels), np.concatenate(times)
    assert accuracy[-1] == pytest.approx(progress.evaluation.accuracy, abs=1e-12)
    assert accuracy[0] < 0.2
    assert np.isfinite(times).all()
    assert 2e-6 < np.median(times) < 15e-6
    assert np.quantile(times, 0.05) >= 0
    assert abs(last) < 1e-15
    now = estimate(rec)
    assert 0.19 < now.power < 0.23
    assert now.static > 5 * now.activity
