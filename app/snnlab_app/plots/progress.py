"""A progress bar with a name, in plain HTML."""

from html import escape

from snnlab_app.panel_fixes import Markup

_BAR = (
    '<div role="progressbar" aria-label="{name}"{now} style="height: 4px; border-radius: 2px;'
    ' background: rgba(124, 130, 140, 0.3)">'
    '<div style="width: {percent}%; height: 4px; border-radius: 2px;'
    ' background: var(--panel-primary-color, #0072B2)"></div></div>'
)


class ProgressBar(Markup):
    """Shows a share of work that is done, or that it has begun."""

    def __init__(self, name: str, **look):
        super().__init__("", **{"sizing_mode": "stretch_width", "margin": (4, 12), **look})
        self._name = escape(name, quote=True)
        self.show(0.0)

    def show(self, fraction: float | None) -> None:
        """The share done, 0 to 1; None while it is unknown."""
        percent = round(100 * min(max(fraction or 0.0, 0.0), 1.0))
        now = "" if fraction is None else f' aria-valuenow="{percent}"'
        html = _BAR.format(name=self._name, now=now, percent=max(1, percent))
        if html != self.object:
            self.object = html
