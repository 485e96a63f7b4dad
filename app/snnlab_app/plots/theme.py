"""Theme of the page: fonts, sizes, and colours of the dark and light mode."""

from snnlab.plotting import BLUE

_BOTH = {
    "typography": {"fontFamily": "system-ui, -apple-system, 'Segoe UI', sans-serif"},
    "shape": {"borderRadius": 8},
}
THEME = {
    "light": {**_BOTH, "palette": {"primary": {"main": BLUE}}},
    "dark": {**_BOTH, "palette": {"primary": {"main": "#3D9BD1"}}},
}
"""The accent colour is lighter in dark mode, so that text in it, and white on it, stay readable."""

# Plots are transparent: the card behind them is dark or light.
AXIS = "#7C828C"
INK = {"light": "#5A606A", "dark": "#A7ADB7"}
"""Text colour in plots: contrast over 6 to 1 on both backgrounds."""

NARROW_TABS = {
    "@media (max-width: 600px)": {
        "& .MuiTab-root": {
            "minWidth": 0, "padding": "12px 4px", "fontSize": "12.5px", "textTransform": "none",
            "letterSpacing": 0,
        },
    },
}  # fmt: skip
"""Style on a phone: all tab names are visible at once."""

SWIPED = """
@media (max-width: 600px) {
  [id^=flexbox] {
    flex-wrap: nowrap !important; overflow-x: auto; padding-top: 8px; white-space: nowrap;
  }
  [id^=flex-item] > * { flex-shrink: 0; }
}
"""
"""Style on a phone: a long row scrolls sideways instead of wrapping over half the screen."""

CARD = {
    "background": "var(--panel-surface-color)",
    "color": "var(--panel-on-surface-color)",
    "border-radius": "8px",
    "box-shadow": "0 1px 3px rgba(0, 0, 0, 0.22)",
    "border": "1px solid rgba(124, 130, 140, 0.22)",
}
"""A plain box is drawn ten times faster than a component."""
