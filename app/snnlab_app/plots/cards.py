"""The boxes of a view, in plain HTML, which is cheap to render."""

import re
from collections.abc import Callable
from html import escape

import panel as pn
import panel_material_ui as pmui
from panel_material_ui.base import MaterialComponent

from snnlab.plotting import GREEN, GREY
from snnlab_app.panel_fixes import Markup
from snnlab_app.plots.theme import CARD, HEAD, NUMBERS, TINY

PERCENT = re.compile(r"(?<=\d)%")
"""As the library writes it; on the page a space stands before it, as before every unit."""
_TITLE = '<div role="heading" aria-level="2" style="font: 600 14px/1.4 system-ui">{}</div>'
_TILES = (
    '<div style="display: grid; gap: 8px;'
    ' grid-template-columns: repeat(auto-fit, minmax(148px, 1fr))">{}</div>'
)
_TILE = (
    '<div role="group" aria-label="{name}" style="padding: 8px 12px; border-radius: 8px;'
    " background: var(--panel-surface-color); color: var(--panel-on-surface-color);"
    ' border: 1px solid rgba(124, 130, 140, 0.22); box-shadow: 0 1px 3px rgba(0, 0, 0, 0.22)">'
    '<div style="font: 12px/1.3 system-ui; opacity: 0.8">{name}</div>'
    '<div style="font: 600 20px/1.3 system-ui; font-variant-numeric: tabular-nums">{text}</div>'
    "</div>"
)

_LINE = '<div class="figures" style="display: flex; gap: 4px 14px; overflow: hidden">{}</div>'
_FIGURE = (
    '<div role="group" aria-label="{name}" style="white-space: nowrap">'
    '<div style="font: calc(11px * var(--type, 1))/1.2 system-ui; opacity: 0.8">{name}</div>'
    '<div style="font: 600 calc(16px * var(--type, 1))/1.25 system-ui;'
    ' font-variant-numeric: tabular-nums">{text}</div>'
    "</div>"
)


def flex(width: int, grow: float = 1) -> dict[str, str]:
    """Style: grow from ``width`` pixels, wrap when the row is full."""
    return {"flex": f"{grow} 1 {width}px", "min-width": f"min({width}px, 94%)"}


def row(*content) -> pn.FlexBox:
    """Boxes side by side over the whole width, wrapped where it is narrow."""
    return pn.FlexBox(
        *content, align_items="stretch", sizing_mode="stretch_width", styles={"flex": "1 1 100%"}
    )


def as_the_page_is(parts: list[pn.viewable.Viewable]) -> list[pn.viewable.Viewable]:
    """These parts, to be shown now: those made with the page do not know that it is dark by now."""
    dark = pn.config.theme == "dark"
    for widget in [one for part in parts for one in part.select(MaterialComponent)]:
        widget.dark_theme = dark
    return parts


def small(text: str) -> str:
    """HTML of a unit, a range or a change beside a number; a phone leaves out since when it is."""
    look = "font-size: 12px; font-weight: 400; opacity: 0.8; display: inline-block"
    change, since, when = map(escape, text.partition(" since "))
    later = f'<span class="long" style="white-space: pre">{since}{when}</span>'
    return f'<span style="{look}">{change}{later}</span>'


def card(title: str, styles: dict[str, str], *content) -> pn.Column:
    """A box with a title."""
    return pn.Column(
        pn.pane.HTML(_TITLE.format(escape(title)), margin=(8, 12, 2, 12)),
        *content,
        margin=5,
        sizing_mode="stretch_width",
        styles={**CARD, **styles},
    )


def retitle(box: pn.Column, title: str) -> None:
    """Give a box that :func:`card` has made another title."""
    if box[0].object != (titled := _TITLE.format(escape(title))):
        box[0].object = titled


class Text(Markup):
    """A text that is sent only when it changes; screen readers announce it if ``polite``."""

    def __init__(self, polite: bool = False, **look):
        self._attributes = ' role="status" aria-live="polite"' if polite else ""
        self._said = None
        look = {"margin": (2, 12, 8, 12), "sizing_mode": "stretch_width", **look}
        super().__init__("", **look)

    def say(self, words: str, roomy: str = "") -> None:
        """Show plain text; ``roomy`` : what a projector leaves out at its end."""
        said = escape(PERCENT.sub(" %", words))
        if roomy:
            said += f'<span class="roomy">{escape(roomy)}</span>'
        if said != self._said:
            self._said = said
            self.object = f'<div{self._attributes} style="font: 14px/1.45 system-ui">{said}</div>'


def split_bar(static: float, activity: float, look: str) -> str:
    """HTML of a bar of power as its static base and what activity adds, to scale.

    static, activity : in one unit; look : width and height in CSS. The words beside it say the
    numbers.
    """
    share = 100.0 * static / (static + activity)
    parts = f"{GREY} {share:.1f}%, {GREEN} {share:.1f}%"
    return (
        '<span aria-hidden="true" style="display: inline-block; border-radius: 7px; background:'
        f' linear-gradient(90deg, {parts}); {look}"></span>'
    )


def display(area: str, title: Markup, panes: list, *controls) -> pn.Column:
    """A box of the live screen, filled by the visible one of ``panes``; ``area`` is its place."""
    head = pn.Row(title, *controls, sizing_mode="stretch_width", margin=0, stylesheets=[HEAD])
    return pn.Column(
        head, *panes, margin=0, sizing_mode="stretch_both",
        styles={**CARD, "grid-area": area, "overflow": "hidden"},
    )  # fmt: skip


def enlarge(component: pn.viewable.Viewable, on: bool) -> None:
    """Say by the class ``large`` that its type is large, or no longer."""
    others = [name for name in component.css_classes if name != "large"]
    component.css_classes = [*others, "large"] if on else others


def tiny(label: str, act: Callable[[], None], **look) -> pmui.Button:
    """A small button in the title of a display."""
    button = pmui.Button(
        label=label, variant="text", size="small", margin=0, sx=TINY, height=24, **look
    )
    button.on_click(lambda _: act())
    return button


class Tiles:
    """Numbers with their names, in a grid, or ``compact`` in one line."""

    def __init__(self, compact: bool = False):
        self._compact = compact
        margin, classes = (0, ["numbers"]) if compact else (5, [])
        self._html = Markup(
            "", margin=margin, sizing_mode="stretch_width", css_classes=classes,
            stylesheets=[NUMBERS],
        )  # fmt: skip

    def panel(self) -> pn.pane.HTML:
        """The tiles as one component."""
        return self._html

    def enlarge(self, on: bool) -> None:
        """Leave room for large type, or as usual again."""
        enlarge(self._html, on)

    def show(self, values: dict[str, str]) -> None:
        """Show numbers by name; values may contain trusted markup."""
        whole, tile = (_LINE, _FIGURE) if self._compact else (_TILES, _TILE)
        html = whole.format("".join(tile.format(name=n, text=text) for n, text in values.items()))
        if html != self._html.object:
            self._html.object = html
