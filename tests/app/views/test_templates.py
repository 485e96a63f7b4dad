"""Figures that are drawn once and copied, empty boxes before a view is built, named progress."""

from types import SimpleNamespace

import holoviews as hv
import numpy as np
import pytest
from bokeh.document import Document

from snnlab.config import Config
from snnlab_app.plots.live import LivePlot
from snnlab_app.plots.progress import ProgressBar
from snnlab_app.plots.template import draw_ahead, template
from snnlab_app.views import VIEWS


def drawn(color):
    """A curve and points."""
    none = np.empty(0)
    curve = hv.Curve((none, none), "step", "accuracy", label="curve").opts(color=color)
    return curve * hv.Scatter((none, none), "step", "accuracy", label="points")


def test_copies_of_a_figure_have_nothing_in_common():
    one, other = LivePlot(template(drawn, "red"), 300), LivePlot(template(drawn, "red"), 300)
    assert template(drawn, "red") is template(drawn, "red")
    page = Document()
    page.add_root(one.figure)
    page.add_root(other.figure)  # refused if a model belonged to both
    ids = [{model.id for model in plot.figure.references()} for plot in (one, other)]
    assert len(ids[0]) == len(ids[1]) > 30
    assert not ids[0] & ids[1]
    one.feed("curve", np.arange(3.0), np.arange(3.0))
    one.feed("points", np.arange(2.0), np.arange(2.0))
    assert len(one.source("curve").data["accuracy"]) == 3
    assert len(other.source("curve").data["accuracy"]) == 0
    assert [row[0] for row in one.table()[1]] == ["curve"] * 3 + ["points"] * 2


def test_a_copy_is_drawn_like_the_element_itself():
    once, copied = LivePlot(drawn("green"), 300), LivePlot(template(drawn, "green"), 300)
    assert copied.table()[0] == once.table()[0]
    for label in ("curve", "points"):
        mine, its = (plot.glyphs[label] for plot in (copied, once))
        assert type(mine) is type(its)
        assert mine.line_color == its.line_color
    assert copied.figure.yaxis[0].axis_label == once.figure.yaxis[0].axis_label


def test_figures_are_drawn_ahead_one_at_a_time():
    waiting, made = [], []

    def make(name):
        made.append(name)
        return drawn(name)

    draw_ahead([(make, "blue"), (make, "gray")], waiting.append)
    for expected in (["blue"], ["blue", "gray"], ["blue", "gray"]):
        waiting.pop()()
        assert made == expected
    assert waiting == []
    template(make, "blue")
    assert len(made) == 2


@pytest.mark.parametrize("kind", [kind for kind in VIEWS if kind.drawings])
def test_what_is_drawn_ahead_is_what_a_view_uses(kind):
    for drawing in kind.drawings:
        template(*drawing)
    hits = template.cache_info().hits
    session = SimpleNamespace(config=Config(), snapshot=None, look_at=lambda *_: None)
    view = kind(session)
    assert not view.is_built
    view.open()
    assert view.is_built
    assert template.cache_info().hits >= hits + len(kind.drawings)


def test_a_progress_bar_has_a_name_and_a_value():
    bar = ProgressBar('of "it"')
    assert 'role="progressbar" aria-label="of &quot;it&quot;" aria-valuenow="0"' in bar.object
    bar.show(0.256)
    assert 'aria-valuenow="26"' in bar.object
    bar.show(None)
    assert "aria-valuenow" not in bar.object
