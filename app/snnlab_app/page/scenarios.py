"""The gallery of scenarios and lessons."""

from collections.abc import Callable, Mapping
from html import escape

from snnlab.lessons import Lesson
from snnlab.recipes import recipes
from snnlab_app.browser.dialog import Dialog
from snnlab_app.page.sketches import sketch

LESSONS, SCENARIOS, RESEARCH = "Lessons: predict, then see", "Scenarios", "Settings for research"


class Gallery:
    """A dialog with a card for each lesson and recipe; ``begin`` gets the name of the chosen."""

    def __init__(self, begin: Callable[[str], None], lessons: Mapping[str, Lesson]):
        self._begin, self._names = begin, {*lessons, *recipes()}
        self.dialog = Dialog(
            self._press, heading="Scenarios", wide=True, content=_content(lessons)
        )  # fmt: skip

    def open(self) -> None:
        """Open the dialog."""
        self.dialog.open()

    def _press(self, name):
        if name in self._names:
            self._begin(name)


def _content(lessons):
    simple_first = sorted(recipes().items(), key=lambda item: len(item[1].settings))
    scenarios = {name: r for name, r in simple_first if r.look_for}
    research = {name: r for name, r in recipes().items() if not r.look_for}
    return (
        _section(LESSONS, {n: _card(v, sketch(v.settings | v.change)) for n, v in lessons.items()})
        + _section(SCENARIOS, {n: _card(r, _drawn(r)) for n, r in scenarios.items()})
        + _section(RESEARCH, {n: _card(r) for n, r in research.items()}, "plain")
    )


def _section(title, cards, kind=""):
    items = "".join(
        f'<li><button data-press="{escape(name)}" data-close>{card}</button></li>'
        for name, card in cards.items()
    )
    return f'<section><h3>{title}</h3><ul class="{kind}">{items}</ul></section>'


def _drawn(entry):
    """What a recipe adds to its base, drawn with the data set it is for."""
    return sketch({"dataset": entry.settings.get("dataset", "mnist"), **entry.own})


def _card(entry, drawing=""):
    return f"{drawing}<b>{escape(entry.title)}</b><span>{escape(entry.about)}</span>"
