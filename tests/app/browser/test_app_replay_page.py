"""The replay in a real browser: how often it draws, what holds still, what moves with what."""

from itertools import pairwise

import pytest
from browsing import figure, pause, play, press, says, slider, steps, tab, wait_for
from playwright.sync_api import Page, expect

MOTION = True
pytestmark = pytest.mark.browser

FRAMES = 120
"""Pictures that the browser shows while those of a canvas are counted."""
MIN_SHARE = 0.4
"""Share of them on which the canvas has changed: 24 a second where the browser shows 60."""


COUNT = """(canvas, frames) => new Promise(resolve => {
  const before = canvas.frames
  const count = left => {
    if (left > 0) requestAnimationFrame(() => count(left - 1))
    else resolve(canvas.frames - before)
  }
  requestAnimationFrame(() => count(frames))
})"""


def place(page, name):
    return page.get_by_role("figure", name=name, exact=True).locator("canvas").first


def count_pictures(page, name):
    """Pictures drawn on a canvas while the browser shows ``FRAMES``."""
    return place(page, name).evaluate(COUNT, FRAMES)


def clock(page):
    return page.get_by_role("slider", name="Time (µs)").evaluate("slider => slider.valueAsNumber")


def wait_for_clock(page, condition):
    """Until the time shown is so: the page draws it with its next picture."""
    wait_for(page, lambda: condition(clock(page)), 10_000)


def open_sample(page):
    tab(page, "Sample")
    says(page, "^It shows “").to_be_visible()
    expect(place(page, "Raster")).to_be_visible()


@pytest.fixture
def sample(dashboard: Page) -> Page:
    """The view Sample at rest, at the end of the newest recording."""
    open_sample(dashboard)
    follow = dashboard.get_by_role("button", name="Follow live").locator("visible=true")
    if follow.count():
        follow.first.click()
        says(dashboard, "^Live, step").to_be_visible()
    return dashboard


@pytest.mark.slow
@pytest.mark.both_stacks
def test_it_plays_twenty_pictures_a_second_while_it_trains(new_dashboard: Page):
    open_sample(new_dashboard)
    play(new_dashboard)
    says(new_dashboard, "^running: step").to_be_visible()
    new_dashboard.get_by_role("combobox", name="Speed").select_option("1")
    press(new_dashboard, "Play")
    before = steps(new_dashboard)
    for name in ("Network", "Raster"):
        assert count_pictures(new_dashboard, name) >= MIN_SHARE * FRAMES, name
    wait_for(new_dashboard, lambda: steps(new_dashboard) > before)


def test_a_recording_that_is_looked_at_holds_still_while_it_trains(dashboard: Page):
    open_sample(dashboard)
    play(dashboard)
    wait_for(dashboard, lambda: steps(dashboard) > 20)
    time = slider(dashboard, "Time (µs)")
    time.focus()
    time.press("ArrowLeft")
    says(dashboard, "^Replay of step").to_be_visible()
    names = ("Network", "Raster", "Output membranes", "Hidden membranes")
    dashboard.wait_for_timeout(300)
    before, step = [figure(dashboard, name) for name in names], steps(dashboard)
    wait_for(dashboard, lambda: steps(dashboard) > step + 20)
    assert [figure(dashboard, name) for name in names] == before
    press(dashboard, "Follow live")
    says(dashboard, "^Live, step").to_be_visible()
    wait_for(dashboard, lambda: all(
        figure(dashboard, name) != old for name, old in zip(names, before, strict=True)
    ))  # fmt: skip
    expect(dashboard.get_by_role("button", name="Follow live")).to_be_hidden()
    pause(dashboard)


def test_the_keyboard_steps_by_one_sample_and_moves_network_and_raster(sample: Page):
    time = slider(sample, "Time (µs)")
    end = clock(sample)
    seen = [(figure(sample, "Network"), figure(sample, "Raster"))]
    for key, expected in (
        ("Home", 0.0), ("ArrowRight", 1.7), ("ArrowRight", 3.4), ("ArrowLeft", 1.7), ("End", end),
    ):  # fmt: skip
        time.press(key)
        wait_for_clock(sample, lambda now, at=expected: now == pytest.approx(at, abs=0.02))
        expect(time).to_have_attribute("aria-valuetext", f"{expected:.1f} µs")
        sample.wait_for_timeout(200)
        seen.append((figure(sample, "Network"), figure(sample, "Raster")))
    for before, after in pairwise(seen):
        assert before[0] != after[0]
        assert before[1] != after[1]
    assert seen[2] == seen[4], "the same moment is the same picture"
    press(sample, "Next sample")
    assert clock(sample) == end, "there is nothing after the end"
    press(sample, "Previous sample")
    wait_for_clock(sample, lambda now: now == pytest.approx(end - 1.7, abs=0.02))


def test_a_drag_over_the_raster_scrubs(sample: Page):
    network = figure(sample, "Network")
    raster = sample.get_by_role("figure", name="Raster", exact=True)
    raster.hover()  # which waits until it stands still
    box = raster.bounding_box()
    sample.mouse.move(box["x"] + 0.8 * box["width"], box["y"] + 60)
    sample.mouse.down()
    sample.mouse.move(box["x"] + 0.3 * box["width"], box["y"] + 60, steps=4)
    sample.mouse.up()
    wait_for_clock(sample, lambda now: 2 < now < 0.4 * 34)
    says(sample, "^Replay of step").to_be_visible()
    wait_for(sample, lambda: figure(sample, "Network") != network)


def test_another_image_is_taken_at_once(sample: Page):
    slider(sample, "Time (µs)").press("Home")
    before = figure(sample, "Network")
    slider(sample, "Test image").press("ArrowRight")
    says(sample, "^Live, step").to_be_visible()
    wait_for(sample, lambda: figure(sample, "Network") != before)


def test_a_loop_shows_the_newest_recording_once_the_training_rests(dashboard: Page):
    shown = dashboard.get_by_role("figure", name="Network", exact=True).locator("canvas").first
    play(dashboard)
    wait_for(dashboard, lambda: steps(dashboard) > 50)
    pause(dashboard)
    rests = steps(dashboard)
    wait_for(dashboard, lambda: shown.evaluate("canvas => canvas.step") == rests, 4_000)


@pytest.mark.slow
def test_a_loop_moves_by_itself_and_rests_where_motion_is_reduced(new_dashboard: Page):
    tab(new_dashboard, "Chip")
    says(new_dashboard, "circuits dead").to_be_visible()
    seen = {figure(new_dashboard, "Circuits")}
    wait_for(
        new_dashboard, lambda: seen.add(figure(new_dashboard, "Circuits")) or len(seen) > 5, 20_000
    )
    new_dashboard.emulate_media(reduced_motion="reduce")
    assert_still(new_dashboard, "Circuits")
    open_sample(new_dashboard)
    assert_still(new_dashboard, "Network", "Raster")


def assert_still(page, *names):
    """Figures that do not change for two seconds."""
    page.wait_for_timeout(500)
    before = [figure(page, name) for name in names]
    for _ in range(10):
        page.wait_for_timeout(200)
        assert [figure(page, name) for name in names] == before


def test_the_ideal_twin_stands_beside_the_die_under_one_cursor(dashboard: Page):
    open_sample(dashboard)
    slider(dashboard, "Mismatch").press("End")
    names = ("Raster", "Raster of the ideal twin", "Output membranes of the ideal twin")
    for name in names[1:]:
        expect(dashboard.get_by_role("figure", name=name, exact=True)).to_be_hidden()
    time = slider(dashboard, "Time (µs)")
    time.press("Home")  # a recording that is looked at does not hide the twin
    dashboard.get_by_role("switch", name="Beside the ideal twin").click()
    says(dashboard, "[0-9]+ of [0-9]+ hidden spikes differ: ").to_be_visible()
    for name in names:
        expect(dashboard.get_by_role("figure", name=name, exact=True)).to_be_visible()
    dashboard.wait_for_timeout(300)
    before = [figure(dashboard, name) for name in names]
    assert before[0] != before[1]
    time.press("End")
    wait_for(dashboard, lambda: all(
        figure(dashboard, name) != old for name, old in zip(names, before, strict=True)
    ))  # fmt: skip
    dashboard.get_by_role("switch", name="Beside the ideal twin").click()
    expect(dashboard.get_by_role("figure", name=names[1], exact=True)).to_be_hidden()


def test_a_pdf_is_refused_in_words_that_say_what_to_do(sample: Page, tmp_path):
    file = tmp_path / "digit.pdf"
    file.write_bytes(b"%PDF-1.4\n%%EOF")
    sample.locator("input[type=file]").last.set_input_files(file)
    says(sample, "not a readable picture: it is a PDF, save it as PNG").to_be_visible()


@pytest.mark.slow
@pytest.mark.both_stacks
def test_the_first_visit_while_it_trains_shows_content_soon(new_dashboard: Page):
    play(new_dashboard)
    wait_for(new_dashboard, lambda: steps(new_dashboard) > 5)
    for view, name in (("Sample", "Network"), ("Chip", "Circuits")):
        tab(new_dashboard, view)
        expect(place(new_dashboard, name)).to_be_visible()
        wait_for(
            new_dashboard,
            lambda n=name: place(new_dashboard, n).evaluate("canvas => canvas.frames") > 0,
        )
    pause(new_dashboard)


@pytest.mark.slow
@pytest.mark.both_stacks
def test_ideal_and_real_stand_side_by_side_on_a_projector(new_dashboard: Page):
    new_dashboard.set_viewport_size({"width": 1280, "height": 720})
    open_sample(new_dashboard)
    new_dashboard.get_by_label("Beside the ideal twin").click()
    names = ("Raster", "Raster of the ideal twin")
    here, there = (new_dashboard.get_by_role("figure", name=name, exact=True) for name in names)
    expect(there).to_be_visible()
    real, ideal = here.bounding_box(), there.bounding_box()
    assert ideal["x"] >= real["x"] + real["width"]
    assert (ideal["y"], ideal["height"]) == (real["y"], real["height"])
    assert real["y"] + real["height"] <= 720, "below the screen"
