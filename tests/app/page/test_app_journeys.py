"""A person's ways through the dashboard, each asserted on what the page shows."""

import json
import re
from urllib.parse import parse_qsl

import pytest
from browsing import (
    canvas,
    choose,
    figure,
    pause,
    play,
    press,
    save,
    says,
    slider,
    steps,
    tab,
    tile,
    wait_for,
)
from playwright.sync_api import Page, expect

from snnlab.learn.health import SETTLING_STEPS

pytestmark = pytest.mark.browser


def trained(page, accuracy=60):
    play(page)
    wait_for(page, lambda: tile(page, "Batch accuracy") > accuracy)


def test_1_the_space_bar_trains_and_spikes_move(dashboard: Page):
    raster = canvas(dashboard)
    dashboard.keyboard.press("Space")
    wait_for(dashboard, lambda: canvas(dashboard) != raster)
    wait_for(dashboard, lambda: tile(dashboard, "Batch accuracy") > 80)
    dashboard.keyboard.press("Space")
    says(dashboard, "^paused: step").to_be_visible()


def test_1_the_tour_has_five_steps_and_opens_again(dashboard: Page):
    for _ in range(2):
        dashboard.keyboard.press("?")
        for step in range(1, 6):
            says(dashboard, f"^{step} of 5: ").to_be_visible()
            dashboard.get_by_role("button", name="Next" if step < 5 else "Done").click()
        expect(dashboard.get_by_role("dialog")).to_have_count(0)


def test_2_a_swapped_chip_breaks_it_and_the_loop_repairs_it(dashboard: Page):
    trained(dashboard, 85)
    accuracy = figure(dashboard, "Accuracy")
    mismatch = slider(dashboard, "Mismatch")
    mismatch.focus()
    for _ in range(3):
        mismatch.press("PageUp")
    press(dashboard, "Swap chip")
    tab(dashboard, "Chip")
    says(dashboard, "of 512 circuits dead").to_be_visible()
    tab(dashboard, "Live")
    wait_for(dashboard, lambda: tile(dashboard, "Batch accuracy") > 80)
    wait_for(dashboard, lambda: figure(dashboard, "Accuracy") != accuracy)


def test_2_recalibrating_evens_the_circuits_out(dashboard: Page):
    tab(dashboard, "Chip")
    dashboard.get_by_role("button", name="Chip", exact=True).click()
    summary = dashboard.get_by_text(re.compile("over the circuits"))
    expect(summary).to_be_visible()
    slider(dashboard, "Mismatch").press("End")
    wait_for(dashboard, lambda: _spread(summary) > 15)
    press(dashboard, "Recalibrate")
    says(dashboard, "^Thresholds: .* LSB after").to_be_visible()
    wait_for(dashboard, lambda: _spread(summary) < 10)


def _spread(summary):
    return float(re.search(r"std. dev. ([\d.]+)", summary.inner_text())[1])


def test_2_the_ideal_twin_has_no_spread_and_undo_brings_the_chip_back(dashboard: Page):
    tab(dashboard, "Chip")
    summary = dashboard.get_by_text(re.compile("over the circuits"))
    wait_for(dashboard, lambda: _spread(summary) > 1)
    press(dashboard, "Ideal twin")
    wait_for(dashboard, lambda: _spread(summary) == 0)
    dashboard.keyboard.press("Control+z")
    wait_for(dashboard, lambda: _spread(summary) > 1)


def a_wheel_over_it_moves_the_page(page, drawn):
    """Not what is drawn, unless one of the figure's tools is chosen."""
    screen, pixels = page.viewport_size, "canvas => canvas.toDataURL()"
    page.set_viewport_size({"width": 1400, "height": 700})
    before = drawn.bounding_box()["y"]
    shown = drawn.locator("canvas").first.evaluate(pixels)
    drawn.hover(position={"x": 200, "y": 150})
    page.mouse.wheel(0, 120)
    wait_for(page, lambda: drawn.bounding_box()["y"] < before - 100, 20_000)
    assert drawn.locator("canvas").first.evaluate(pixels) == shown
    page.mouse.wheel(0, -120)
    page.set_viewport_size(screen)
    wait_for(page, lambda: drawn.bounding_box()["y"] == before, 20_000)


def test_2_a_tapped_circuit_dies_and_a_slider_kills_many(dashboard: Page):
    tab(dashboard, "Chip")
    says(dashboard, "0 of 512 circuits dead").to_be_visible()
    floor = dashboard.locator(".bk-Figure:visible").first
    a_wheel_over_it_moves_the_page(dashboard, floor)
    box = floor.bounding_box()
    floor.click(position={"x": 0.4 * box["width"], "y": 0.46 * box["height"]})
    says(dashboard, "1 of 512 circuits dead").to_be_visible()
    slider(dashboard, "Dead neurons").press("PageUp")
    wait_for(
        dashboard,
        lambda: int(re.search(r"(\d+) of 512 circuits", dashboard.get_by_text(
            re.compile("of 512 circuits dead")).first.inner_text())[1]) > 20,
    )  # fmt: skip


def test_3_regularisation_lowers_spikes_and_the_energy_of_activity(dashboard: Page):
    trained(dashboard, 80)
    tab(dashboard, "Energy")
    words = dashboard.get_by_text(re.compile("^About .* µJ from activity"))
    expect(words).to_be_visible()
    plane, before = canvas(dashboard, 1), _activity(words)
    slider(dashboard, "Burst regularisation").press("End")
    wait_for(dashboard, lambda: _activity(words) < before)
    assert canvas(dashboard, 1) != plane


def _activity(words):
    return float(re.search(r"of which ([\d.]+) µJ", words.inner_text())[1])


def test_4_steepness_moves_the_curve_and_the_share_of_neurons(dashboard: Page):
    trained(dashboard, 70)
    wait_for(dashboard, lambda: steps(dashboard) > SETTLING_STEPS)
    pause(dashboard)
    tab(dashboard, "Learn")
    wait_for(dashboard, lambda: tile(dashboard, "Neurons receiving gradient") > 5)
    usual, picture = tile(dashboard, "Neurons receiving gradient"), canvas(dashboard)
    steepness = slider(dashboard, "Surrogate steepness")
    steepness.press("Home")
    wait_for(dashboard, lambda: tile(dashboard, "Neurons receiving gradient") == 100)
    says(dashboard, "so flat that every neuron gets nearly the same").to_be_visible()
    assert canvas(dashboard) != picture
    steepness.press("End")
    wait_for(dashboard, lambda: tile(dashboard, "Neurons receiving gradient") < usual)


def test_5_a_drawn_digit_goes_through_the_chip(new_dashboard: Page):
    trained(new_dashboard, 95)
    pause(new_dashboard)
    tab(new_dashboard, "Sample")
    says(new_dashboard, "^It shows “").to_be_visible()
    raster = figure(new_dashboard, "Raster")
    pad = new_dashboard.locator(".bk-Figure:visible").first
    pad.hover()  # which waits until it stands still
    pad = pad.bounding_box()
    bar = [(0.1 * k, 0.25) for k in range(3, 8)]
    seven = bar + [(0.7 - 0.04 * k, 0.1 * k) for k in range(3, 9)]
    for k, (x, y) in enumerate(seven):
        place = pad["x"] + x * pad["width"], pad["y"] + y * pad["height"]
        new_dashboard.mouse.move(*place)
        if k == 0:
            new_dashboard.mouse.down()
    new_dashboard.mouse.up()
    says(new_dashboard, "^It decides “.*Decided .* µs after the first spike").to_be_visible()
    wait_for(new_dashboard, lambda: figure(new_dashboard, "Raster") != raster)


@pytest.mark.slow
@pytest.mark.both_stacks
def test_6_a_tapped_cell_shows_its_images_and_one_on_the_chip(dashboard: Page):
    trained(dashboard, 80)
    pause(dashboard)
    tab(dashboard, "Errors")
    says(dashboard, "of 359 test images misclassified").to_be_visible()
    matrix = dashboard.locator(".bk-Figure:visible").first
    box = matrix.bounding_box()
    matrix.click(position={"x": 0.575 * box["width"], "y": 0.54 * box["height"]})
    found = re.compile("images of (.) classified as (.),")
    says(dashboard, found).to_be_visible()
    shows, decided = found.search(dashboard.get_by_text(found).first.inner_text()).groups()
    name = re.compile(f"^test image \\d+: {shows} (taken for {decided}|classified correctly)")
    picture = dashboard.get_by_role("button", name=name).first
    number = re.search(r"\d+", picture.get_attribute("aria-label"))[0]
    picture.click()
    expect(slider(dashboard, "Test image")).to_have_attribute("aria-valuenow", number)


@pytest.mark.slow
@pytest.mark.both_stacks
def test_7_a_slow_step_lights_every_stage(dashboard: Page):
    tab(dashboard, "Learn")
    press(dashboard, "Step in slow motion")
    seen = set()
    for _ in range(200):
        lit = dashboard.locator("[aria-current=step]").locator("visible=true")
        if lit.count():
            seen.add(lit.first.inner_text().split("\n")[0])
        dashboard.wait_for_timeout(100)
        if len(seen) == 7:
            break
    assert len(seen) == 7, seen
    says(dashboard, "input spikes, the first after").to_be_visible()
    says(dashboard, "^paused: step 1").to_be_visible()


def test_8_pinned_runs_are_compared(new_dashboard: Page):
    trained(new_dashboard)
    pause(new_dashboard)
    tab(new_dashboard, "Compare")
    press(new_dashboard, "Pin run")
    says(new_dashboard, "^1 pinned").to_be_visible()
    slider(new_dashboard, "Mismatch").press("End")
    row = new_dashboard.get_by_role("row", name=re.compile("^run 1"))
    expect(row).to_contain_text("Mismatch 0 %")
    with new_dashboard.expect_download() as download:
        press(new_dashboard, "Settings (JSON)")
    assert json.loads(download.value.path().read_text())["mismatch"] == 0.5


@pytest.mark.slow
@pytest.mark.both_stacks
def test_a_click_right_behind_another_change_is_obeyed(new_dashboard: Page):
    trained(new_dashboard)
    pause(new_dashboard)
    tab(new_dashboard, "Compare")
    for count in (1, 2, 3):
        pin = new_dashboard.get_by_role("button", name="Pin run", exact=True).element_handle()
        live = new_dashboard.get_by_role("tab", name="Live", exact=True).element_handle()
        new_dashboard.evaluate("([tab, button]) => { tab.click(); button.click(); }", [live, pin])
        tab(new_dashboard, "Compare")
        says(new_dashboard, f"^{count} pinned").to_be_visible()


def test_8_a_copied_link_restores_everything(dashboard: Page, clipboard):
    slider(dashboard, "Mismatch").press("End")
    tab(dashboard, "Chip")
    press(dashboard, "Swap chip")
    choose(dashboard, "Copy link")
    wait_for(dashboard, lambda: "die_seed=2" in clipboard())
    link = clipboard()
    fields = dict(parse_qsl(link.split("?")[1]))
    assert (fields["v"], fields["view"], fields["mismatch"]) == ("1", "chip", "0.5")
    other = dashboard.context.new_page()
    other.goto(link)
    expect(slider(other, "Mismatch")).to_have_attribute("aria-valuenow", "50")
    expect(other.get_by_role("tab", name="Chip", selected=True)).to_be_visible()
    choose(dashboard, "Copy as Python")
    wait_for(dashboard, lambda: "Config.checked(" in clipboard())
    assert "die_seed=2" in clipboard()


def header(page, figure):
    """First line of the table of one figure that is shown."""
    return save(page, f"{figure} as CSV")[1].decode().splitlines()[0]


@pytest.mark.slow
def test_chip_codes_are_a_toggle_that_a_link_carries(dashboard: Page, clipboard):
    trained(dashboard)
    pause(dashboard)
    potentials = canvas(dashboard, 1)
    choose(dashboard, "Show chip codes")
    wait_for(dashboard, lambda: canvas(dashboard, 1) != potentials)
    assert header(dashboard, "Hidden membranes") == "curve,time (µs),CADC sample (LSB)"
    tab(dashboard, "Sample")
    says(dashboard, "^It shows “").to_be_visible()
    press(dashboard, "Figures to save")
    assert header(dashboard, "Scores so far") == "curve,label,readout (LSB)"
    tab(dashboard, "Chip")
    says(dashboard, r"^threshold \(10-bit code\): mean 511, std. dev. 0 ").to_be_visible()
    choose(dashboard, "Copy link")
    wait_for(dashboard, lambda: "units=codes" in clipboard())
    other = dashboard.context.new_page()
    other.goto(clipboard())
    says(other, r"^threshold \(10-bit code\): mean 511").to_be_visible()
    choose(other, "Show physical units")
    says(other, "^threshold − leak \\(LSB\\): ").to_be_visible()
    tab(other, "Live")
    says(other, "^It shows “").to_be_visible()
    assert header(other, "Output membranes") == "curve,time (µs),potential (ϑ = 1)"
    choose(dashboard, "Show physical units")  # for the tests after this one


@pytest.mark.slow
@pytest.mark.both_stacks
def test_junk_in_a_link_is_named_and_escaped(new_dashboard: Page):
    url = new_dashboard.url.split("?")[0]
    new_dashboard.goto(
        f"{url}?v=1&beta=9999&die=<img src=x onerror=alert(1)>&hide=mismatch&lesson=tiny"
    )
    notice = r"^Ignored in the link: Surrogate steepness 9999 \(a number from 0.1 to 200\)"
    says(new_dashboard, notice).to_be_visible()
    says(new_dashboard, r"Die <img src=x onerror=alert\(1\)>").to_be_visible()
    assert new_dashboard.locator("img[src=x]").count() == 0
    says(new_dashboard, "^20 hidden neurons instead").to_be_visible()
    expect(slider(new_dashboard, "Mismatch")).to_have_count(0)


def test_a_recipe_is_loaded_and_undone_as_one(dashboard: Page):
    press(dashboard, "Scenarios")
    dashboard.get_by_role("button", name=re.compile("^10 spikes an image")).click()
    says(dashboard, "^MNIST at no more than 10 hidden spikes per image").to_be_visible()
    steepness = slider(dashboard, "Surrogate steepness")
    expect(steepness).to_have_attribute("aria-valuetext", "4")
    tab(dashboard, "Sample")
    expect(slider(dashboard, "Time (µs)")).to_have_attribute("max", re.compile("^10.2"))
    choose(dashboard, "Undo")
    expect(steepness).to_have_attribute("aria-valuetext", "10")


@pytest.mark.slow
@pytest.mark.both_stacks
def test_starting_over_brings_the_defaults_back_as_one(dashboard: Page, clipboard):
    mismatch = slider(dashboard, "Mismatch")
    usual = mismatch.get_attribute("aria-valuenow")
    mismatch.press("End")
    press(dashboard, "Swap chip")
    play(dashboard)
    wait_for(dashboard, lambda: steps(dashboard) > 5)
    choose(dashboard, "Start over with defaults")
    says(dashboard, "^Ready · scikit-learn digits").to_be_visible()
    expect(mismatch).to_have_attribute("aria-valuenow", usual)
    choose(dashboard, "Undo")
    expect(mismatch).to_have_attribute("aria-valuenow", "50")
    choose(dashboard, "Copy link")
    wait_for(dashboard, lambda: "die_seed=2" in clipboard())


def test_keys_are_left_alone_while_somebody_types(dashboard: Page):
    press(dashboard, "Chip")
    field = dashboard.get_by_role("textbox", name=re.compile("Killed circuits"))
    field.click()
    field.press_sequentially("3.")
    dashboard.wait_for_timeout(400)
    says(dashboard, "^Ready · scikit-learn digits").to_be_visible()
