"""Recorded spikes as a data set: the same training as with the images they were encoded from."""

from dataclasses import replace

import numpy as np
import pytest
from builders import spikes
from refusal import refused

from snnlab import Config, Trainer, load
from snnlab.data.source import TEST_IDS
from snnlab.data.spikes import RecordedSpikes
from snnlab.runs.recorder import Recorder
from snnlab.runs.run import Run


@pytest.fixture(scope="module")
def digits():
    """Two hundred images of the bundled digits."""
    return load("digits").first(200, 50)


def settings(**knobs):
    return Config.checked(dataset="digits", hidden=[20], batch=50, epochs=1, **knobs)


def recorded(data):
    """The spikes that the images of a data set become, as if somebody had recorded them."""
    trainer = Trainer(settings(), data)
    return RecordedSpikes(
        "recorded", trainer.train_events, data.train_labels, trainer.test_events, data.test_labels,
        data.classes,
    )  # fmt: skip


def test_a_training_on_recorded_spikes_is_the_one_on_their_images(digits):
    by_images, by_spikes = Trainer(settings(), digits), Trainer(settings(), recorded(digits))
    for mine, theirs in zip(by_images, by_spikes, strict=True):
        np.testing.assert_array_equal(mine.recording.cadc[-1], theirs.recording.cadc[-1])
        assert (mine.loss, mine.evaluation) == (theirs.loss, theirs.evaluation)
    for mine, theirs in zip(by_images.network.arrays(), by_spikes.network.arrays(), strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_an_input_may_have_any_number_of_channels():
    events = spikes([[(100, 0), (300, 6)], [(50, 3)], []], 7)
    data = RecordedSpikes("seven", events, [0, 1, 1], events, [0, 1, 0], ("left", "right"))
    trainer = Trainer(settings(), data)
    assert trainer.network.weights[0].shape == (7, 20)
    assert trainer.advance().evaluation.accuracy in (0.0, 1 / 3, 2 / 3, 1.0)


def test_a_run_lasts_as_long_as_the_last_spike_needs():
    events = spikes([[(60_000, 0)], [(50, 1)]], 2)
    trainer = Trainer(settings(), RecordedSpikes("late", events, [0, 1], events, [0, 1], "ab"))
    assert trainer.point.samples == 284  # 60 000 ticks of 8 ns are 282.4 periods of 1.7 µs
    early = RecordedSpikes("early", EVENTS, [0, 1], EVENTS, [0, 1], "ab")
    assert Trainer(settings(), early).point.samples == settings().samples


def test_no_test_recording_shares_its_noise_with_a_training_recording():
    events = spikes([[(100, 0)], [(50, 1)]], 2)
    data = RecordedSpikes("two", events, [0, 1], events, [0, 1], "ab")
    assert data.events("train").ids.tolist() == [0, 1]
    assert data.events("test").ids.tolist() == [TEST_IDS, TEST_IDS + 1]


def test_a_run_goes_on_with_its_recordings_and_with_no_others(digits, tmp_path):
    data = recorded(digits)
    whole = Trainer(settings(), data)
    for _ in whole:
        pass
    recorder = Recorder(tmp_path / "run", Trainer(settings(), data))
    recorder.advance()
    recorder.save()
    again = Recorder.resume(Run.open(tmp_path / "run"), recorded(digits))
    while not again.trainer.finished:
        again.advance()
    for mine, theirs in zip(again.trainer.network.arrays(), whole.network.arrays(), strict=True):
        np.testing.assert_array_equal(mine, theirs)
    others = replace(data, test_labels=data.test_labels[::-1])
    refused(lambda: Recorder.resume(Run.open(tmp_path / "run"), others), "trained on other")


EVENTS = spikes([[(100, 0)], [(50, 1)]], 2)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"train_labels": [0]}, "1 train_labels for 2 recordings"),
        ({"test_labels": [0, 2]}, "test_labels range from 0 to 2, 2 classes allow 0 to 1"),
        ({"test_labels": [0, -1]}, "test_labels range from -1 to 0"),
        ({"test": spikes([[(1, 0)], [(1, 0)]], 3)}, "2 channels for training, 3 for the test"),
        ({"train_groups": [0]}, "1 train_groups for 2 recordings"),
        ({"train_groups": [0, 1], "groups": ("one",)}, "range from 0 to 1, 1 groups allow 0 to 0"),
        ({"unit": 0.0}, "unit = 0.0 s per tick"),
        ({"first": 2}, "channels 2, 2 + 1, … of 2"),
        ({"train": [1, 2]}, "train is list: give Events"),
        ({"train_labels": [0.5, 1]}, "train_labels are float64: give whole"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_one_line(change, said):
    given = {
        "name": "two", "train": EVENTS, "train_labels": [0, 1],
        "test": EVENTS, "test_labels": [0, 1], "classes": ("a", "b"),
    }  # fmt: skip
    refused(
        lambda: Trainer(settings(), RecordedSpikes(**{**given, **change})), "data set two", said
    )
