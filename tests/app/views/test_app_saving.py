"""What a view gives its visitor: the moments it keeps, and the animation drawn from them."""

from io import BytesIO

import numpy as np
import pytest
from builders import random_spikes
from PIL import Image

from snnlab.chip import power
from snnlab.chip.recording import Recording
from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab_app.plots import film, recent
from snnlab_app.plots.axes import ticks
from snnlab_app.plots.recent import KEPT_SECONDS, MAX_SECONDS, Moment, Recent
from snnlab_app.session.snapshot import Frame, Snapshot

DIGITS = tuple("0123456789")


def recording(rng, hidden=246, steps=20):
    """One image with some spikes and noisy membranes."""
    inputs = random_spikes(rng, 1, 256, last=1600)
    spikes = random_spikes(rng, 1, hidden, rate=0.2, last=1600)
    cadc = tuple(rng.integers(60, 200, (1, steps, n)).astype(np.uint8) for n in (hidden, 10))
    return Recording(inputs, (spikes,), cadc)


def snapshot(step, rng, classes=DIGITS, hidden=246):
    """What a session shows after some steps."""
    shown = recording(rng, hidden)
    past = np.arange(0.0, step + 1)
    curve = {"step": past, "accuracy": np.clip(past / 100, 0, 0.95), "spikes": 50 - past / 10}
    curve |= {"activity": 1e-3 * (30 - past / 20), "power": 201 - past / 20}
    traces = rng.normal(0, 0.3, (20, 10)).cumsum(0).astype(np.float32)
    frame = Frame(np.zeros((16, 16), np.uint8), "7", shown, traces, "max", "7", None)
    tests = {name: curve[name][::20] for name in ("step", "accuracy")}
    values = dict.fromkeys(Snapshot.__dataclass_fields__)
    values |= {"settings": Config().values()}
    values |= {"classes": classes, "step": step, "test_accuracy": 0.94, "history": curve}
    values |= {"tests": tests, "marks": (), "frame": frame, "view": "live"}
    accuracy = tests["accuracy"]
    values |= {"held_out": {**tests, "low": accuracy - 0.03, "high": accuracy + 0.03}}
    values |= {"activity_at_start": 0.030, "images_per_second": 9000.0}
    values |= {"transferred": {"step": np.empty(0), "left": np.empty(0)}}
    values |= {"power": power.estimate(shown, "inference")}
    return Snapshot(**{k: v for k, v in values.items() if k in Snapshot.__dataclass_fields__})


@pytest.fixture
def clock(monkeypatch):
    """What the time is, in seconds; to be set."""
    now = [1000.0]
    monkeypatch.setattr(recent, "monotonic", lambda: now[0])
    return now


def kept(clock, snapshots, every=0.16):
    keeper = Recent()
    for each in snapshots:
        keeper.see(each)
        clock[0] += every
    return keeper


def test_the_last_seconds_are_kept_and_no_more(clock):
    rng = np.random.default_rng(1)
    keeper = kept(clock, [snapshot(step, rng) for step in range(100)])
    seconds = sum(moment.seconds for moment in keeper.moments())
    assert KEPT_SECONDS <= seconds <= KEPT_SECONDS + 2 * MAX_SECONDS
    assert keeper.moments()[-1].step == keeper.newest.step == 99
    assert len(keeper.moments()) / seconds >= 5


def test_a_pause_is_cut_and_a_reset_begins_again(clock):
    rng = np.random.default_rng(2)
    keeper = kept(clock, [snapshot(5, rng)])
    clock[0] += 60
    keeper.see(snapshot(6, rng))
    assert keeper.moments()[-1].seconds == MAX_SECONDS
    clock[0] += 1
    keeper.see(snapshot(0, rng))
    assert [moment.step for moment in keeper.moments()] == [0]
    clock[0] += 1
    keeper.see(snapshot(3, rng, hidden=100))
    assert [moment.step for moment in keeper.moments()] == [3]


def test_moments_in_quick_succession_are_not_all_kept(clock):
    rng = np.random.default_rng(3)
    assert len(kept(clock, [snapshot(step, rng) for step in range(12)], 0.05).moments()) == 4


@pytest.mark.parametrize("kind", ["webp", "gif"])
def test_an_animation_has_every_moment_and_is_small(kind, clock):
    rng = np.random.default_rng(4)
    keeper = kept(clock, [snapshot(300 + step, rng) for step in range(50)])
    data = film.animation(keeper.moments(), keeper.newest, "snnlab · Live", "Settings: σ", kind)
    assert len(data) <= film.MAX_BYTES
    with Image.open(BytesIO(data)) as animation:
        assert animation.format.lower() == kind
        assert animation.size == film.SIZE
        assert animation.n_frames == len(keeper.moments()) >= 5 * KEPT_SECONDS
        pictures = []
        for k in (0, 20):
            animation.seek(k)
            pictures.append(np.asarray(animation.convert("RGB")).copy())
    left, top, right, bottom = 70, 82, 540, 330
    raster = [picture[top:bottom, left:right] for picture in pictures]
    assert (raster[0] != raster[1]).any()
    assert (raster[0] != 255).mean() > 0.02


def test_too_few_moments_are_refused_in_one_line():
    moment = Moment(0.1, 0, None, "")
    with pytest.raises(SnnlabError, match="press Train"):
        film.animation([moment], None, "", "")


def test_ticks_are_round_and_few():
    assert ticks(0, 100) == [0, 20, 40, 60, 80, 100]
    assert ticks(27.3, 30.1) == [28, 29, 30]
    assert ticks(-0.4, 1.31) == [0, 0.5, 1]
