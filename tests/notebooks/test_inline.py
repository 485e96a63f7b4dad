"""The dashboard inside a notebook, without one: it trains here, and its sliders act here."""

import asyncio
import sys
import threading
from types import SimpleNamespace

import panel as pn
import pytest
from conftest import aside, until

import snnlab
from snnlab import Config, SnnlabError
from snnlab_app.notebook.notebook import later


def move(slider, value):
    aside(setattr, slider, "value", value)


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
    move(live.knobs["mismatch"], 30.0)  # %
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


@pytest.mark.parametrize("name", ["mismach", "surrogate", "hidden", "weight_bits"])
def test_a_knob_without_a_slider_is_refused_before_anything_starts(name):
    before = threading.active_count()
    with pytest.raises(SnnlabError, match=f"knob '{name}' cannot have a slider: give some of "):
        snnlab.dashboard(dataset="digits", knobs=(name,))
    assert threading.active_count() == before


def test_the_line_says_what_it_is_measured_on_and_what_the_session_has_to_say(live):
    until(lambda: live.state == "ready")
    live.session.step()
    until(lambda: live.state == "paused")
    live.session.notice = "on other data"
    live.refresh()
    value = live.session.snapshot.held_out["accuracy"][-1]
    assert f"accuracy {value:.1%} on 250 test images" in live._status.value
    assert live._status.value.endswith("; on other data")


def test_every_position_of_a_slider_is_a_value_that_comes_back_as_it_is(live):
    for name in ("beta", "learning_rate"):
        slider = live.knobs[name]
        assert isinstance(slider, pn.widgets.DiscreteSlider)
        for value in slider.values:
            move(slider, value)
            live.refresh()
            assert slider.value == value
            assert getattr(live.config, name) == pytest.approx(value, rel=1e-12)
    low, high, step = (getattr(live.knobs["mismatch"], end) for end in ("start", "end", "step"))
    assert (high - low) / step == pytest.approx(round((high - low) / step))


def test_what_an_event_leads_to_comes_after_it_and_out_of_its_document():
    seen = []

    async def event():
        pn.state.curdoc = "the document of the event"
        later(lambda: seen.append(pn.state.curdoc))
        seen.append("handled")
        await asyncio.sleep(0)

    aside(asyncio.run, event())
    assert seen == ["handled", None]


def test_the_kernel_is_asked_for_no_thread_per_widget(monkeypatch):
    asked = []

    async def answer(stream, ident, parent):
        asked.append(parent)

    kernel = SimpleNamespace(control_handlers={"create_subshell_request": answer})
    formatter = SimpleNamespace(for_type=lambda kind, function: None)
    shown = SimpleNamespace(mimebundle_formatter=formatter)
    shell = SimpleNamespace(kernel=kernel, display_formatter=shown)
    monkeypatch.setattr(pn, "extension", lambda **settings: None)
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace(get_ipython=lambda: shell))
    snnlab.interactive()
    aside(asyncio.run, kernel.control_handlers["create_subshell_request"](None, None, {}))
    assert not asked
