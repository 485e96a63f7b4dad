"""The dashboard as a person uses it, in a real browser."""

import os
import re
import signal
import subprocess

import pytest
from browsing import (
    PLOTS,
    choose,
    figure,
    pause,
    play,
    press,
    says,
    steps,
    tab,
    tile,
    wait_for,
)
from PIL import Image
from playwright.sync_api import Page, expect

from snnlab.config import Config
from snnlab_app.compute.remote import RESUMED
from snnlab_app.views import VIEWS

pytestmark = pytest.mark.browser

SLIDERS = [Config.param[name].label for name in ("mismatch", "rho_burst", "beta")]


def test_learning_shows_everywhere(dashboard: Page):
    before = {name: figure(dashboard, name) for name in PLOTS}
    power = tile(dashboard, "Power by activity (est.)")
    assert tile(dashboard, "Test accuracy") < 35

    play(dashboard)
    wait_for(dashboard, lambda: tile(dashboard, "Test accuracy") > 80)
    pause(dashboard)
    for name in PLOTS:  # a canvas is painted after its number says so
        wait_for(dashboard, lambda name=name: figure(dashboard, name) != before[name])
    assert tile(dashboard, "Power by activity (est.)") != power
    assert tile(dashboard, "Hidden spikes / image") > 5
    dashboard.set_viewport_size({"width": 1600, "height": 900})  # where there is room for it
    assert tile(dashboard, "Emulated images/s") > 100


def test_sliders_act_while_it_trains(dashboard: Page):
    play(dashboard)
    wait_for(dashboard, lambda: tile(dashboard, "Test accuracy") > 60)
    for name in SLIDERS:
        slider = dashboard.get_by_role("slider", name=re.compile(re.escape(name)))
        value = slider.get_attribute("aria-valuenow")
        before = {name: figure(dashboard, name) for name in PLOTS[:5]}
        power = tile(dashboard, "Power by activity (est.)")
        slider.focus()
        for _ in range(4):
            slider.press("ArrowRight")
        assert slider.get_attribute("aria-valuenow") != value
        for plot, pixels in before.items():
            wait_for(dashboard, lambda p=plot, old=pixels: figure(dashboard, p) != old)
        wait_for(dashboard, lambda old=power: tile(dashboard, "Power by activity (est.)") != old)
        wait_for(dashboard, lambda: tile(dashboard, "Test accuracy") > 80)


def test_more_mismatch_is_another_chip_at_once(dashboard: Page):
    before = figure(dashboard, "Hidden membranes")
    slider = dashboard.get_by_role("slider", name=re.compile(re.escape(SLIDERS[0])))
    slider.focus()
    slider.press("End")
    assert slider.get_attribute("aria-valuenow") == "50"
    wait_for(dashboard, lambda: figure(dashboard, "Hidden membranes") != before, 10_000)
    expect(dashboard.get_by_text(re.compile("^Ready · scikit-learn digits"))).to_be_visible()


def test_burst_regularisation_lowers_spikes(dashboard: Page):
    play(dashboard)
    wait_for(dashboard, lambda: tile(dashboard, "Test accuracy") > 80)
    spikes = tile(dashboard, "Hidden spikes / image")
    slider = dashboard.get_by_role("slider", name=re.compile(re.escape(SLIDERS[1])))
    slider.focus()
    slider.press("End")
    wait_for(dashboard, lambda: tile(dashboard, "Hidden spikes / image") < 0.5 * spikes)


def test_step_and_reset(dashboard: Page):
    accuracy = figure(dashboard, "Accuracy")
    dashboard.get_by_role("button", name="Step", exact=True).click()
    expect(dashboard.get_by_text("paused: step 1, epoch 0")).to_be_visible()
    wait_for(dashboard, lambda: figure(dashboard, "Accuracy") != accuracy)
    dashboard.get_by_role("button", name="Reset", exact=True).click()
    expect(dashboard.get_by_text(re.compile("^Ready · scikit-learn digits"))).to_be_visible()


def test_a_click_is_answered_while_it_trains(dashboard: Page):
    play(dashboard)
    wait_for(dashboard, lambda: tile(dashboard, "Batch accuracy") > 30)
    before = steps(dashboard)
    for now, then in [("Pause", "Train"), ("Train", "Pause")] * 10:
        dashboard.get_by_role("button", name=now, exact=True).click()
        expect(dashboard.get_by_role("button", name=then, exact=True)).to_be_visible()
    wait_for(dashboard, lambda: steps(dashboard) > before)
    expect(dashboard.get_by_text(re.compile("^running: step"))).to_be_visible()


def test_two_visitors_do_not_meet(dashboard: Page, digits_server):
    other = dashboard.context.new_page()
    other.goto(digits_server.url)
    expect(other.locator(".bk-Figure")).to_have_count(len(PLOTS))
    play(dashboard)
    wait_for(dashboard, lambda: tile(dashboard, "Test accuracy") > 60)
    assert tile(other, "Test accuracy") < 35
    expect(other.get_by_role("button", name="Train", exact=True)).to_be_visible()


@pytest.mark.slow
def test_a_killed_computing_process_is_said_and_the_training_goes_on(
    new_dashboard: Page, digits_server
):
    play(new_dashboard)
    wait_for(new_dashboard, lambda: tile(new_dashboard, "Test accuracy") > 60)
    mine = ["pgrep", "-P", str(digits_server.process.pid), "-f", "spawn_main"]
    os.kill(int(subprocess.check_output(mine)), signal.SIGKILL)
    expect(new_dashboard.get_by_text(RESUMED).first).to_be_visible()
    said = re.compile("^this training was interrupted, and continues from step [0-9]+$")
    expect(new_dashboard.get_by_text(said).first).to_be_visible()
    expect(new_dashboard.get_by_role("button", name="Pause", exact=True)).to_be_visible()
    wait_for(new_dashboard, lambda: tile(new_dashboard, "Test accuracy") > 60)


def test_it_fits_a_phone(dashboard: Page):
    dashboard.set_viewport_size({"width": 390, "height": 844})
    dashboard.reload()
    expect(dashboard.locator(".bk-Figure")).to_have_count(len(PLOTS))
    assert dashboard.evaluate("document.documentElement.scrollWidth") <= 390
    choose(dashboard, "Tour")
    expect(dashboard.get_by_text(re.compile("^1 of 5: "))).to_be_visible()


@pytest.mark.slow
def test_going_through_the_views_leaves_nothing_behind(new_dashboard: Page):
    """Models, nodes and listeners: BokehJS keeps those of a figure that is drawn again."""
    wire = new_dashboard.context.new_cdp_session(new_dashboard)

    def models():
        return new_dashboard.evaluate("Bokeh.documents[0]._all_models.size")

    def held():
        wire.send("HeapProfiler.collectGarbage")
        counted = wire.send("Memory.getDOMCounters")
        return models(), counted["nodes"], counted["jsEventListeners"]

    def settle():
        """Wait until what is laid out later is there as well."""
        counts = []
        wait_for(new_dashboard, lambda: counts.append(models()) or counts[-5:] == 5 * counts[-1:])

    def through():
        for view in VIEWS:
            tab(new_dashboard, view.title)
            settle()

    for _ in range(2):
        through()
    before = held()
    through()
    now = held()
    assert now[0] <= before[0]
    assert now[1] < 1.1 * before[1]
    assert now[2] < 1.1 * before[2]


def test_escape_closes_the_dialogs(dashboard: Page):
    for entry in ("Tour", "What is this?"):
        choose(dashboard, entry)
        expect(dashboard.get_by_role("dialog")).to_be_visible()
        dashboard.keyboard.press("Escape")
        expect(dashboard.get_by_role("dialog")).to_have_count(0)


def test_a_refused_text_leaves_its_field_and_errors_name_knobs_not_flags(dashboard: Page):
    dashboard.get_by_role("button", name="Chip", exact=True).click()
    field = dashboard.get_by_role("textbox", name=re.compile("^Hidden neurons"))
    for refused in ("many", "twice many"):
        field.fill(refused)
        field.press("Enter")
        expect(
            dashboard.get_by_text(re.compile(f"Hidden neurons = {refused} is not allowed"))
        ).to_be_visible()
        expect(field).to_have_value("246")
    field.fill("300")
    field.press("Enter")
    expect(dashboard.get_by_text("“Hidden neurons” acts once you press Reset.")).to_be_visible()
    press(dashboard, "Reset")
    said = dashboard.get_by_text("partition it into 2 parts (Chips or runs 2)").first
    expect(said).to_be_visible()


def test_the_same_picture_may_be_dropped_again(dashboard: Page, tmp_path):
    tab(dashboard, "Sample")
    says(dashboard, "^It shows “").to_be_visible()
    file, image = tmp_path / "a.png", Image.new("L", (40, 40), 255)
    image.paste(0, (10, 5, 16, 35))
    image.save(file)
    for _ in range(2):
        dashboard.locator("input[type=file]").last.set_input_files(file)
        says(dashboard, "^It decides “").to_be_visible()
        press(dashboard, "Clear drawing")
        says(dashboard, "^It shows “").to_be_visible()
