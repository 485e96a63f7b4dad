"""The views of a page, one module each."""

from snnlab_app.views.base import View
from snnlab_app.views.chip import ChipView
from snnlab_app.views.compare import CompareView
from snnlab_app.views.errors import ErrorsView
from snnlab_app.views.learn import LearnView
from snnlab_app.views.live import LiveView
from snnlab_app.views.plane import PlaneView
from snnlab_app.views.sample import SampleView
from snnlab_app.views.sweep import SweepView

VIEWS: tuple[type[View], ...] = (
    LiveView, ChipView, SampleView, ErrorsView, PlaneView, LearnView, SweepView,
    CompareView,
)  # fmt: skip
"""Views in tab order."""
NAMES = tuple(view.name for view in VIEWS)
