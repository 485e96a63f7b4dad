"""Recordings as the input of a training: who learns and who tests, time, channels, variations."""

from dataclasses import replace

import numpy as np
import pytest
from builders import spikes
from recordings import recordings
from refusal import refused

from snnlab import Config, Trainer
from snnlab.data.spikes.recorded import RecordedSpikes
from snnlab.data.spikes.source import SpikeSource
from snnlab.events import TICK
from snnlab.learn.feed import count_samples

WINDOW = 65_000


def settings(**knobs):
    return Config.checked(**{"hidden": [10], "batch": 4, "epochs": 1, "duration": 0.2, **knobs})


def source(data, **knobs):
    return SpikeSource(data, settings(**knobs), WINDOW)


def content(dataset):
    """Label, speaker and spikes of every recording of both parts, in any order."""
    return sorted(
        (int(dataset.labels(part)[k]), int(dataset.groups_of(part)[k]),
         tuple(dataset.events(part).take([k]).tick.tolist()))
        for part in ("train", "test") for k in range(len(dataset.events(part)))
    )  # fmt: skip


# ── who learns, who tests ──


def test_further_recordings_learn_as_somebody_else():
    data, more = recordings(n=24), recordings(n=6, seed=5).train
    grown = data.with_training(more, np.array([1, 0, 1, 1]), "me")
    n = len(data.train)
    assert (len(grown.train), len(grown.test)) == (n + 4, len(data.test))
    assert grown.train_labels[n:].tolist() == [1, 0, 1, 1]
    assert grown.groups == (*data.groups, "me")
    assert grown.train_groups[n:].tolist() == [3] * 4
    np.testing.assert_array_equal(grown.train.take(np.arange(n, n + 4)).tick, more.tick)
    assert grown.train.ids.tolist() == list(range(n + 4))
    again = grown.with_training(more, np.zeros(4), "me")
    assert again.groups == grown.groups
    assert again.train_groups[n + 4 :].tolist() == [3] * 4
    nobody = recordings(n=24, train_groups=(), test_groups=(), groups=())
    assert nobody.with_training(more, np.zeros(4), "me").groups == ()
    assert set(grown.held_out(["me"]).test_groups) == {3}


def test_further_recordings_that_do_not_fit_are_one_line():
    data, more = recordings(n=24), recordings(n=6, channels=30).train
    refused(lambda: data.with_training(more, np.zeros(4), "me"), "30 channels cannot join", "20")
    same = recordings(n=6).train
    refused(lambda: data.with_training(same, np.full(4, 9), "me"), "train_labels range from 0 to 9")


def test_a_held_out_speaker_tests_alone_and_never_learns():
    data = recordings(n=24)
    for speaker in range(3):
        parted = data.held_out([speaker])
        assert set(parted.test_groups) == {speaker}
        assert set(parted.train_groups) == {0, 1, 2} - {speaker}
        assert content(parted) == content(data)
    assert content(data.held_out(["speaker 1"])) == content(data.held_out([1]))


def test_for_validation_the_test_set_is_never_seen():
    data = recordings(n=60)
    parted = data.for_validation(0.25)
    both = sorted((*parted.train.tick.tolist(), *parted.test.tick.tolist()))
    assert both == sorted(data.train.tick.tolist())
    kinds = parted.test_labels * 3 + parted.test_groups
    assert (np.bincount(kinds) >= 1).all()
    assert len(parted.test) == pytest.approx(0.25 * len(data.train), abs=6)


def test_for_validation_single_recordings_of_speakers_count_together():
    """Of words that each of five speakers says once, one of each is set aside."""
    data = recordings(n=20)
    n = len(data.train)
    labels, speakers = np.arange(n) % 2, np.arange(n) // 2
    names = tuple(f"speaker {k}" for k in range(speakers.max() + 1))
    once = replace(data, train_labels=labels, train_groups=speakers, groups=names).checked()
    assert sorted(once.for_validation().test_labels.tolist()) == [0, 1]
    alone = once.take(np.array([0, 1]), np.array([2]))
    refused(alone.for_validation, "2 training recordings, one of each class: none can be set aside")


def test_the_knobs_divide_the_recordings():
    data = recordings(n=60)
    whole = Trainer(settings(), data).dataset
    assert (len(whole.train), len(whole.test)) == (40, 20)
    trainer = Trainer(settings(split="validation"), data)
    assert len(trainer.source.labels("train")) + len(trainer.source.labels("test")) == 40
    out = Trainer(settings(held_out=[2]), data).dataset
    assert set(out.test_groups) == {2}


def test_unknown_speakers_are_one_line():
    data = recordings()
    refused(lambda: data.held_out([3]), "data set made has no group 3: 0 speaker 0, 1 speaker 1")
    refused(lambda: data.held_out(["speaker 4"]), "has no group 'speaker 4'")
    refused(lambda: data.held_out([0, 1, 2]), "holding out 3 of 3 groups leaves 0 recordings")
    nobody = recordings(groups=(), train_groups=(), test_groups=())
    refused(lambda: nobody.held_out([0]), "no group 0: none known")


# ── time and channels ──


def test_recorded_time_is_played_faster():
    data = recordings()
    events = source(data, speedup=1000.0).events("train")
    expected = np.floor(data.train.tick * (25e-6 / 1000.0 / TICK))
    np.testing.assert_array_equal(events.tick, expected)
    twice = source(data, speedup=2000.0).events("train")
    np.testing.assert_allclose(twice.tick, events.tick / 2.0, atol=1.0)


@pytest.mark.parametrize(
    ("duration", "speedup", "samples"),
    [(0.2, 2000.0, 60), (1.0, 2000.0, 296), (0.6, 4000.0, 90), (0.01, 50_000.0, 2)],
)
def test_a_run_lasts_for_the_duration_heard(duration, speedup, samples):
    data = recordings()
    assert count_samples(data, settings(duration=duration, speedup=speedup)) == samples


def test_what_comes_after_the_duration_is_not_heard():
    data = recordings()
    trainer = Trainer(settings(duration=0.05), data)
    window = trainer.point.window
    heard, whole = trainer.train_events, source(data).events("train")
    assert 0 < len(heard.tick) < len(whole.tick)
    assert len(heard.tick) == np.count_nonzero(whole.tick < 0.05 / 2000.0 / TICK)
    assert window * TICK * 2000.0 == pytest.approx(0.05, abs=2 * 1.7e-6 * 2000)


@pytest.mark.parametrize(("duration", "speedup"), [(0.1, 5e4), (0.01, 5e4), (0.2, 2e3)])
def test_the_same_spikes_are_heard_however_fast_they_are_played(duration, speedup):
    data = recordings()
    heard = Trainer(settings(duration=duration, speedup=speedup), data).train_events
    assert len(heard.tick) == np.count_nonzero(data.train.tick * 25e-6 < duration)


def test_recordings_of_which_hardly_a_spike_is_heard_are_one_line():
    """Such as those with times in milliseconds; a few long ones among others are let through."""
    data = recordings(unit=25e-3)
    refused(
        lambda: Trainer(settings(), data), "data set made", "of 240 spikes of 8 training recordings"
        " lie in the 0.2 s that are played: give times in seconds, or raise duration",
    )  # fmt: skip
    assert len(source(recordings(spikes=0, n=6)).events("train").tick) == 0


def test_a_run_longer_than_the_time_stamps_is_one_line():
    refused(
        lambda: Trainer(settings(duration=1.1), recordings()),
        "1.1 s at a speedup of 2000 last 550 µs on the chip", "523.6 µs: lower duration or raise",
    )  # fmt: skip


def test_a_chip_hears_only_some_channels():
    data = recordings(channels=700, every=9, first=70)
    chosen = source(data)
    assert chosen.n_channels == 70
    events, all_of_them = chosen.events("train"), source(recordings(channels=700)).events("train")
    kept = (all_of_them.channel >= 70) & ((all_of_them.channel - 70) % 9 == 0)
    np.testing.assert_array_equal(events.tick, all_of_them.tick[kept])
    np.testing.assert_array_equal(events.channel, (all_of_them.channel[kept] - 70) // 9)
    assert Trainer(settings(), data).network.weights[0].shape == (70, 10)


# ── variations ──


VARIED = {
    "stretch": {"stretch": 0.2}, "shift": {"shift": 3.0}, "noise": {"channel_noise": 1.5},
    "blend": {"blend": 1.0}, "all": {"stretch": 0.1, "shift": 1.0, "channel_noise": 1.0,
                                     "blend": 0.5},
}  # fmt: skip


@pytest.mark.parametrize("varied", VARIED)
def test_variations_are_valid_and_change_with_the_epoch_alone(varied):
    data = recordings(n=30)
    by = source(data, **VARIED[varied])
    assert by.augments
    index = np.array([3, 11, 0, 7])
    first, again, later = by.batch(index, 0).checked(), by.batch(index, 0), by.batch(index, 1)
    for name in ("offsets", "tick", "channel", "ids"):
        np.testing.assert_array_equal(getattr(first, name), getattr(again, name))
    different = [len(first.tick) != len(later.tick) or (first.tick != later.tick).any()
                 or (first.channel != later.channel).any()]  # fmt: skip
    assert any(different)
    for k, one in enumerate(index):  # whatever else is in the batch
        alone, place = by.batch(np.array([one]), 0), first.take([k])
        np.testing.assert_array_equal(alone.tick, place.tick)
        np.testing.assert_array_equal(alone.channel, place.channel)


def test_without_variations_a_batch_is_the_recordings():
    data = recordings()
    plain = source(data)
    assert not plain.augments
    batch = plain.batch(np.array([2, 0]), 5)
    np.testing.assert_array_equal(batch.tick, plain.events("train").take([2, 0]).tick)


def test_stretching_scales_all_times_of_a_recording_alike():
    data = recordings(n=30, spikes=20)
    plain, varied = (source(data, duration=0.3, stretch=share) for share in (0.0, 0.2))
    index = np.arange(20)
    before, after = plain.batch(index, 0), varied.batch(index, 0)
    np.testing.assert_array_equal(before.offsets, after.offsets)
    ratio = (after.tick + 0.5).reshape(20, 20) / (before.tick + 0.5).reshape(20, 20)
    typical = np.median(ratio, axis=1)
    assert 0.8 <= typical.min() < 0.95
    assert 1.05 < typical.max() <= 1.2
    late = before.tick.reshape(20, 20) > 2_000
    np.testing.assert_allclose(np.where(late, ratio / typical[:, None], 1.0), 1.0, atol=2e-3)


def test_a_shift_moves_all_channels_of_a_recording_alike():
    events = spikes([[(100 * k, 10 + k) for k in range(20)]] * 40, 40)
    data = RecordedSpikes("ramps", events, [0] * 40, events, [0] * 40, "a", unit=25e-6)
    after = source(data, shift=4.0).batch(np.arange(40), 0)
    moved = after.channel.reshape(40, 20).astype(int) - np.arange(10, 30)
    assert (moved == moved[:, :1]).all()
    assert set(moved[:, 0]) == set(range(-4, 5))


def test_channel_noise_is_normal_and_drawn_before_channels_are_left_out():
    n = 4_000
    events = spikes([[(k, 340) for k in range(n)]], 700)
    data = RecordedSpikes("one", events, [0], events, [0], "a", unit=25e-6)
    after = source(data, channel_noise=20.0, speedup=2000.0).batch(np.array([0]), 0)
    moved = after.channel.astype(int) - 340
    assert abs(moved.mean()) < 1.0
    assert moved.std() == pytest.approx(20.0, rel=0.05)
    chosen = RecordedSpikes(
        "one", events, [0], events, [0], "a", unit=25e-6, first=70, every=9
    )  # channel 340 is the 30th of those kept
    some = source(chosen, channel_noise=20.0).batch(np.array([0]), 0)
    assert len(some.tick) == pytest.approx(n / 9, rel=0.15)
    assert some.channel.astype(int).mean() == pytest.approx(30.0, abs=0.5)


def test_blending_takes_half_the_spikes_of_each_of_two_recordings_of_a_class():
    data = recordings(n=30, spikes=60)
    plain, blended = source(data), source(data, blend=1.0)
    every = plain.events("train")
    pairs = [set(zip(one.tick.tolist(), one.channel.tolist(), strict=True))
             for one in (every.take([k]) for k in range(len(every)))]  # fmt: skip
    partners = set()
    for k in range(20):
        made = blended.batch(np.array([k]), 0)
        assert (np.diff(made.tick.astype(int)) >= 0).all()
        given = set(zip(made.tick.tolist(), made.channel.tolist(), strict=True))
        others = given - pairs[k]
        matches = [j for j in range(len(pairs)) if j != k and others and others <= pairs[j]]
        if matches:
            assert data.train_labels[matches[0]] == data.train_labels[k]
            assert len(others) == pytest.approx(30, abs=14)
            partners.add(matches[0])
    assert len(partners) > 5


def test_recordings_are_learned():
    data = recordings(n=90, spikes=120, unit=25e-6)
    config = settings(epochs=6, hidden=[20], readout="sum", learning_rate=5e-3, batch=10)
    *_, last = Trainer(config, data)
    assert last.evaluation.accuracy > 0.9
