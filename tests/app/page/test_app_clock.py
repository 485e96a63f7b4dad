"""When pages are drawn, on a clock of the test's own."""

import pytest

from snnlab_app.browser.clock import ACTIVE_SECONDS, DRAWING_SHARE, Clock


class Page:
    """Draws at once, which takes ``cost`` seconds; always has something new."""

    urgent, wants = False, True

    def __init__(self, cost=0.01):
        self.cost, self.drawn, self.done = cost, 0, None

    def draw(self, done):
        self.drawn += 1
        done(self.cost)


class Slow(Page):
    """Is not done before the test says so."""

    def draw(self, done):
        self.drawn, self.done = self.drawn + 1, done


@pytest.fixture
def time():
    return [1000.0]


@pytest.fixture
def clock(time):
    return Clock(lambda: time[0])  # never started: the test looks itself


def run(clock, time, seconds):
    end = time[0] + seconds
    while time[0] < end:
        clock.look()
        time[0] += 0.05


def test_one_page_is_drawn_at_every_look(clock, time):
    page = Page()
    clock.add(page)
    run(clock, time, 2.0)
    assert page.drawn == pytest.approx(40, abs=1)


def test_many_pages_share_the_time_equally_and_leave_some(clock, time):
    pages = [Page(0.02) for _ in range(30)]
    for page in pages:
        clock.add(page)
    run(clock, time, 20)
    counts = [page.drawn for page in pages]
    assert max(counts) - min(counts) <= 1
    busy = sum(page.drawn * page.cost for page in pages) / 20
    assert 0.85 * DRAWING_SHARE < busy < 1.1 * DRAWING_SHARE


def test_pages_that_have_nothing_to_draw_take_no_share(clock, time):
    idle = [Page(0.02) for _ in range(100)]
    busy = Page(0.02)
    for page in (*idle, busy):
        clock.add(page)
    clock.look()
    for page in idle:
        page.wants = False
    run(clock, time, ACTIVE_SECONDS + 20)
    before = busy.drawn
    run(clock, time, 10)
    assert busy.drawn - before > 100


def test_who_clicked_does_not_wait_for_its_time(clock, time):
    page, other = Page(10.0), Page(0.01)
    for each in (page, other):
        clock.add(each)
    clock.look()
    clock.look()
    assert page.drawn == 1
    page.urgent = True
    clock.look()
    assert page.drawn == 2


def test_a_pause_of_the_server_is_not_charged_to_the_page_that_it_hit(clock, time):
    pages = [Page(0.01) for _ in range(30)]
    for page in pages:
        clock.add(page)
    run(clock, time, 2.0)
    pages[7].cost = 3.0
    run(clock, time, 1.0)
    pages[7].cost, before = 0.01, pages[7].drawn
    run(clock, time, 4.0)
    assert pages[7].drawn > before + 2


def test_a_page_is_not_drawn_again_before_it_is_done(clock, time):
    page = Slow()
    clock.add(page)
    run(clock, time, 1.0)
    assert page.drawn == 1
    page.done(0.0)
    run(clock, time, 0.1)
    assert page.drawn == 2


def test_a_page_that_is_gone_is_forgotten_even_while_it_draws(clock, time):
    page = Slow()
    clock.add(page)
    clock.look()
    clock.remove(page)
    clock.remove(page)
    page.done(0.1)
    run(clock, time, 1.0)
    assert page.drawn == 1
