"""Figures that are drawn once in a process; every page gets copies.

HoloViews takes a tenth of a second to draw a figure, a copy takes a fraction of that.
"""

import json
import re
from collections.abc import Callable, Iterable
from functools import lru_cache

import holoviews as hv
from bokeh.core.serialization import Deserializer, Serializer
from bokeh.models import Plot
from bokeh.util.serialization import make_id

from snnlab_app.panel_fixes import rendered

_ID = re.compile(r'"id": "([^"]+)"')


class Template:
    """A drawn element, with the Bokeh models of its leaves by label."""

    def __init__(self, element: hv.Element | hv.Overlay):
        self._leaves: dict[str, tuple[str, str | None]] = {}
        self.dimensions: dict[str, list[str]] = {}
        figure = rendered(element, self._remember)
        self._json = json.dumps(_plain(Serializer(deferred=False).encode(figure)))

    def _remember(self, leaf):
        source, glyph = leaf.handles.get("source"), leaf.handles.get("glyph")
        if source is not None:
            label = leaf.current_frame.label
            self._leaves[label] = source.id, glyph.id if glyph else None
            self.dimensions[label] = [d.pprint_label for d in leaf.current_frame.dimensions()]

    def copy(self) -> tuple[Plot, dict[str, object], dict[str, object]]:
        """A figure that belongs to no page, and its sources and glyphs by label."""
        ids: dict[str, str] = {}

        def renumber(match):
            return f'"id": "{ids.setdefault(match[1], make_id())}"'

        decoder = Deserializer()
        figure = decoder.deserialize(json.loads(_ID.sub(renumber, self._json)))
        model = {old: decoder._references[new] for old, new in ids.items()}
        sources = {label: model.get(source) for label, (source, _) in self._leaves.items()}
        glyphs = {label: model.get(glyph) for label, (_, glyph) in self._leaves.items()}
        return figure, sources, glyphs


def _plain(part):
    """A serialized model whose constants are written as such, except the labels of a legend, as
    HoloViews has them."""
    if isinstance(part, list):
        return [_plain(inner) for inner in part]
    if not isinstance(part, dict):
        return part
    if part.get("type") == "value" and len(part) == 2:
        return _plain(part["value"])
    return {name: inner if name == "label" else _plain(inner) for name, inner in part.items()}


@lru_cache(maxsize=128)
def template(make: Callable[..., hv.Element | hv.Overlay], *arguments) -> Template:
    """The figure of the element that ``make(*arguments)`` gives; drawn when first asked for."""
    return Template(make(*arguments))


def draw_ahead(drawings: Iterable[tuple], later: Callable[[Callable[[], None]], None]) -> None:
    """Draw templates, one each time ``later`` calls: who opens a view first does not wait for them.

    drawings : the arguments of :func:`template`.
    """
    left = iter(drawings)

    def draw():
        if (drawing := next(left, None)) is not None:
            template(*drawing)
            later(draw)

    later(draw)
