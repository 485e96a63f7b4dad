"""A class watches its teacher's training, each on a page of their own."""

import re
from types import SimpleNamespace

import panel as pn
import pytest
from browsing import canvas, choose, pause, play, says, slider, tab, tile, wait_for
from playwright.sync_api import Page, expect

from snnlab.config import Config
from snnlab_app.compute.pool import Compute
from snnlab_app.compute.remote import RemoteSession
from snnlab_app.controls.knobs import describe
from snnlab_app.page.watching import NOT_SHARED, READ_ONLY, Watched, name_of
from snnlab_app.session.control import TrainingControl


@pytest.mark.slow
@pytest.mark.browser
def test_who_has_the_link_sees_the_same_and_changes_nothing(dashboard: Page, clipboard):
    choose(dashboard, "Share live view")
    wait_for(dashboard, lambda: "/watch?of=" in clipboard())
    pupil = dashboard.context.new_page()
    pupil.goto(clipboard())
    says(pupil, "^Ready").to_be_visible()
    raster = canvas(pupil)
    play(dashboard)
    says(pupil, "^running: step").to_be_visible()
    wait_for(pupil, lambda: canvas(pupil) != raster)
    wait_for(pupil, lambda: tile(pupil, "Batch accuracy") > 60)
    slider(dashboard, "Mismatch").press("End")
    says(pupil, "^Settings: .*Mismatch 50").to_be_visible()
    tab(dashboard, "Chip")
    says(pupil, "^The chip from above").to_be_visible()
    pupil.get_by_role("combobox", name="Colour circuits by").click()
    pupil.get_by_role("menuitem").last.click()
    says(pupil, "^You are watching").to_be_visible()
    tab(dashboard, "Compare")
    elsewhere = says(pupil, "^The view that is open there is not shown here. Settings: .*Mismatch")
    elsewhere.to_be_visible()
    late = dashboard.context.new_page()
    late.goto(pupil.url)
    says(late, "^The view that is open there is not shown here.").to_be_visible()
    wait_for(late, lambda: tile(late, "Batch accuracy") > 60)
    late.close()
    step = tile(pupil, "Batch accuracy")
    wait_for(pupil, lambda: tile(pupil, "Batch accuracy") != step)
    tab(dashboard, "Live")
    says(pupil, "^Settings: .*Mismatch 50").to_be_visible()
    expect(pupil.get_by_text("The chip from above")).to_be_hidden()
    pause(dashboard)
    says(pupil, "^paused: step").to_be_visible()
    copy = pupil.get_by_role("link", name="Try it yourself").get_attribute("href")
    own = dashboard.context.new_page()
    own.goto(re.sub("watch.*", copy.removeprefix("./"), pupil.url))
    expect(slider(own, "Mismatch")).to_have_attribute("aria-valuenow", "50")
    dashboard.close()
    says(pupil, "^nobody shares").to_be_visible()


def test_a_watched_session_is_that_of_its_owner_as_long_as_there_is_one():
    name = name_of("visitor")
    assert name != name_of("visitors")
    with Compute() as compute:
        watched = Watched(compute, name)
        assert (watched.state, watched.message, watched.snapshot) == ("loading", NOT_SHARED, None)
        assert watched.failures == 0
        session = RemoteSession(compute, Config.checked(dataset="digits"))
        compute.shared[name] = session
        session.turn("beta", 20.0)
        assert (watched.config, watched.heard) == (session.config, session.heard)
        for each in (*TrainingControl.REPORTED, "config"):
            assert getattr(watched, each) is getattr(session, each)
        session.close()
        assert watched.message == NOT_SHARED


def test_who_watches_gives_no_orders(monkeypatch):
    said, name = [], name_of("visitor")
    area = SimpleNamespace(info=lambda words, duration: said.append(words))
    monkeypatch.setattr(type(pn.state), "notifications", area)
    with Compute() as compute:
        watched = Watched(compute, name)
        session = compute.shared[name] = RemoteSession(compute, Config.checked(dataset="digits"))
        watched.play()
        watched.toggle()
        watched.show(3)
        watched.turn("beta", 20.0)
        watched.give("place")
        assert said == [READ_ONLY] * 5
        assert (session._sent, session.config.beta, session.given) == (0, 10.0, None)
        with pytest.raises(AttributeError):
            watched.upload(b"")
        session.close()


def test_settings_are_described_in_the_unit_people_read():
    assert describe(Config()) == "Default settings"
    changed = Config.checked(dataset="digits", mismatch=0.3, hidden=[40, 30])
    assert describe(changed) == "Settings: Data set digits, Hidden neurons 40-30, Mismatch 30.0 %"
