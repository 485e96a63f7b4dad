"""The dashboard inside a notebook, without one: it trains here, and its sliders act here."""

import pytest
from conftest import until

import snnlab
from snnlab import Config, SnnlabError


@pytest.fixture
def live():
    shown = snnlab.dashboard(dataset="digits", hidden=[20], epochs=50)
    yield shown
    shown.close()


def test_it_trains_in_this_process_and_is_drawn(live):
    until(lambda: live.state == "ready")
    live.refresh()
    live.session.play()
    until(lambda: live.session.snapshot.step >= 3)
    live.session.pause()
    until(lambda: live.state == "paused")
    live.refresh()
    drawn = live.plots["spikes"].figure.renderers[0].data_source.data
    assert drawn["step"][-1] == live.session.snapshot.step
    assert len(drawn["step"]) == len(drawn["spikes"])


def test_a_slider_turns_the_knob_and_a_turned_knob_moves_its_slider(live):
    live.knobs["mismatch"].value = 30.0  # %
    assert live.config.mismatch == pytest.approx(0.3)
    live.session.turn("beta", 25.0)
    live.refresh()
    assert live.knobs["beta"].value == 25.0


def test_a_config_is_taken_as_it_is():
    config = Config(dataset="digits", hidden=[20])
    shown = snnlab.dashboard(config, knobs=("dropout",))
    assert shown.config is config
    assert list(shown.knobs) == ["dropout"]
    shown.close()
    assert shown.state == "closed"


def test_a_wrong_setting_is_refused():
    with pytest.raises(SnnlabError, match="beta"):
        snnlab.dashboard(beta=-1.0)
