"""Theme of the page: fonts, sizes, and colours of the dark and light mode."""

from snnlab.plotting import BLUE

HEADER_HEIGHT = 44
SIDEBAR_WIDTH, SIDEBAR_WIDTH_PRESENTING = 280, 220
"""Pixels."""
_SHEET = {
    "@media (max-width: 600px)": {
        # The library's paper is a column of the window, and would grow to all of its height.
        "position": "fixed !important", "flex": "none !important",
        "top": "auto !important", "bottom": 0, "left": 0, "right": 0, "width": "100vw !important",
        "height": "72dvh !important", "borderRadius": "12px 12px 0 0", "& .MuiToolbar-root": {
            "display": "none",
        },
    },
}  # fmt: skip
"""Style of the drawer on a phone: a sheet from the bottom, so that the displays stay visible."""


def _scheme(primary, on_primary, bar, ink, line):
    """Colours and component styles of a light or dark page."""
    return {
        "typography": {"fontFamily": "system-ui, -apple-system, 'Segoe UI', sans-serif"},
        "shape": {"borderRadius": 8},
        "palette": {"primary": {"main": primary, "contrastText": on_primary}},
        "components": {
            "MuiAppBar": {"styleOverrides": {"root": {
                "backgroundColor": f"{bar} !important", "backgroundImage": "none",
                "color": f"{ink} !important",
                "boxShadow": "none", "borderBottom": f"1px solid {line}",
            }}},
            "MuiToolbar": {"styleOverrides": {"root": {
                "minHeight": f"{HEADER_HEIGHT}px !important", "paddingLeft": "12px !important",
                "paddingRight": "8px !important",
            }}},
            "MuiDrawer": {"styleOverrides": {"paper": _SHEET}},
            # The title is the heading of the page; the empty text above the drawer is no heading.
            "MuiTypography": {"defaultProps": {"variantMapping": {"h3": "h1", "h5": "div"}}},
            "MuiAccordion": {"defaultProps": {"slotProps": {"heading": {"component": "h2"}}}},
            # Else an empty element would be named by the description of a knob.
            "MuiTooltip": {"defaultProps": {"describeChild": True}},
        },
    }  # fmt: skip


THEME = {
    "light": _scheme(BLUE, "#FFFFFF", "#FFFFFF", "#1F2328", "#D5D9DE"),
    "dark": _scheme("#3D9BD1", "#0C1117", "#16191D", "#E6E8EB", "#33383F"),
}
"""The accent colour is lighter in dark mode, with dark text on it, so that both are readable."""

# Plots are transparent: the card behind them is dark or light.
AXIS = "#7C828C"
LIGHTER = {
    "#0072b2": "#4fa8e0", "#d55e00": "#f07a3c", "#009e73": "#2fc39a", "#56b4e9": "#b8e2f8",
}  # fmt: skip
"""Colours of curves and points that would hardly be seen on a dark ground, or not be told from the
others there, and those used there."""
INK = {"light": "#5A606A", "dark": "#A7ADB7"}
"""Text colour in plots: contrast over 6 to 1 on both backgrounds."""

FIRST_PAINT = """
@media (prefers-color-scheme: dark) { html:root { background-color: #121212; color: #E6E8EB } }
"""
"""Colours until the page's own are there."""
FRAME = {
    # By this rule of the library what stands in the header keeps the colours of the page.
    ".MuiAppBar-root": {"bgcolor": "primary.contrastText", "color": "primary.main"},
    "& .header .title": {"color": "inherit", "fontSize": "19px", "fontWeight": 700},
    "& .header a": {"color": "inherit"},
    "& .header .MuiToolbar-root > .MuiBox-root": {"minWidth": 0},
    "& .header .MuiIconButton-root": {"marginRight": "4px", "padding": "6px"},
    "& .header .MuiLinearProgress-root": {"display": "none"},
    "@media (max-width: 899px)": {
        "& .header .title": {"position": "absolute", "clipPath": "inset(50%)", "width": "1px"},
    },
}
"""Style of the page around its content."""
PRESENTING = {
    **FRAME,
    "--type": 1.3,
    "& .header": {"display": "none"},
    "& .main .MuiToolbar-root, & .sidebar .MuiToolbar-root": {"display": "none"},
}
"""Likewise in presenter mode, without the header."""
HEADER_TABS = {
    "minWidth": 0,
    "& .MuiTabs-root": {"minHeight": f"{HEADER_HEIGHT}px"},
    "& .MuiTab-root": {
        "minWidth": 0, "minHeight": f"{HEADER_HEIGHT}px", "padding": "0 11px", "fontSize": "14px",
        "textTransform": "none", "letterSpacing": 0,
    },
    "& .MuiTab-root.Mui-selected": {"fontWeight": 700},
    "& .MuiTabs-root + .MuiBox-root": {"display": "none"},
    "@media (max-width: 899px)": {
        "& .MuiTabs-scroller": {"maskImage": "linear-gradient(to left, transparent, black 12px)"},
        "& .MuiTab-root:last-child": {"paddingRight": "16px"},
    },
}  # fmt: skip
"""Style of the tabs; where some are out of sight, the last in sight fade."""
STAGE = """
:host { overflow: auto; height: 100%; display: flex; flex-direction: column; flex-wrap: nowrap }
@media (max-width: 899px) {
  :host > .view.live { flex: 1 0 auto !important; height: max-content !important }
}
"""
"""Style of what is below the header; where the displays are one column, it is scrolled to the last
of them."""
RUN_ROW = """
:host { align-items: center; flex: 0 0 auto; gap: 4px 8px; padding: 4px 8px 2px }
:host > * { flex: 0 0 auto }
:host > .status { flex: 1 1 170px }
:host > .numbers { flex: 0 0 auto; width: auto !important; max-width: 100% }
@media (max-width: 899px) {
  :host { flex-wrap: wrap; gap: 2px 4px; padding: 2px 4px }
  :host > .numbers { flex: 1 1 100%; overflow-x: auto }
}
"""
"""Style of the row of the run's controls; where it is narrow, the numbers have one of their own."""
DONE = """
:host {
  position: sticky !important; top: 0; z-index: 2; background: var(--panel-surface-color);
}
@media (min-width: 900px) { :host { display: none !important } }
"""
"""Style of the button that puts the drawer away, at its top however far it is scrolled; beside the
displays, the drawer may stay."""
KNOB = ".MuiFormControl-root > .MuiFormLabel-root { font-size: 14px }"
"""Style of a knob."""
DOCK = """
:host { display: none !important }
@media (max-width: 899px) and (min-height: 600px) {
  :host {
    display: flex !important; position: sticky; bottom: 0; flex: 0 0 auto; z-index: 5;
    background: var(--panel-surface-color); border-top: 1px solid rgba(124, 130, 140, 0.4);
  }
}
"""
"""Style of the first knobs at the bottom of a phone's screen; a low window has no room for them."""

CARD = {
    "background": "var(--panel-surface-color)",
    "color": "var(--panel-on-surface-color)",
    "border-radius": "8px",
    "box-shadow": "0 1px 3px rgba(0, 0, 0, 0.22)",
    "border": "1px solid rgba(124, 130, 140, 0.22)",
}
"""A plain box is drawn ten times faster than a component."""

HEAD = """
:host { align-items: center; min-height: 26px; flex: 0 0 auto !important; overflow: hidden }
"""
"""Style of the line above a display."""
LIVE_HEAD = """
:host {
  align-items: center; flex: 0 0 auto !important; max-height: 28px; overflow: hidden; gap: 6px;
}
@media (max-width: 899px) { :host > .on-desk { display: none } }
"""
"""Style of the line above the displays: the image, its decision, and which image it is."""
NUMBERS = """
@media (max-width: 1599px) { .figures > :last-child { display: none } }
@media (max-width: 2079px) { :host(.large) .figures > :last-child { display: none } }
@media (max-width: 1399px) {
  .figures > :nth-child(2), .figures > :nth-child(4) .long { display: none }
}
@media (max-width: 1819px) {
  :host(.large) .figures > :nth-child(2), :host(.large) .figures > :nth-child(4) .long {
    display: none
  }
}
@media (max-width: 600px) {
  .figures .long { display: none }
  .figures > :first-child span { display: none !important }
}
"""
"""Style of the numbers in one line: the accuracy of batches, which the curves tell as well, and the
speed show only where there is room. On a projector one number says since which step, on a phone
none does, and the interval of the test accuracy is left out. The class ``large`` asks for windows
as much wider as the type of presenter mode is."""
SHRINKS = {"flex": "0 1 auto", "min-width": "0"}
"""Style of a text that makes room for what stands beside it."""
TITLE_FONT = "font: 600 calc(14px * var(--type, 1))/1.4 system-ui"
NOTE_FONT = "font: calc(12px * var(--type, 1))/1.4 system-ui; opacity: 0.8"
"""Style of the name of a display, and of what it says beside it."""
ONE_LINE = """
:host > * > div, :host div { white-space: nowrap; overflow: hidden; text-overflow: ellipsis }
@media (min-width: 900px) and (max-width: 1399px) {
  .roomy { display: none }
  .narrows > * { width: 20px !important }
}
@media (min-width: 900px) and (max-width: 1819px) {
  :host(.large) .roomy { display: none }
  :host(.large) .narrows > * { width: 20px !important }
}
@media (min-width: 900px) and (max-width: 1399px) { :host(.large) .spare { display: none } }
"""
"""Style of a text that stays on one line, cut where there is no room; on a projector words of the
class ``roomy`` are left out, and a bar in one of the class ``narrows`` is short. Large type, by the
class ``large``, needs wider windows; on a projector it leaves out those of the class ``spare``."""
LIVE_GRID = """
:host {
  display: grid !important; gap: 8px; padding: 2px 8px 8px; min-height: 440px;
  flex: 1 0 0 !important;
  grid-template-columns: 5fr 0.6fr 2.7fr 3.7fr;
  grid-template-rows: minmax(0, 0.66fr) minmax(0, 0.66fr) minmax(0, 1fr);
  grid-template-areas:
    "raster raster hidden-membranes hidden-membranes"
    "raster raster output-membranes output-membranes"
    "accuracy power power spikes";
}
:host > * { min-width: 0; min-height: 0; width: auto !important; height: auto !important }
@media (max-width: 899px) {
  :host {
    flex: 0 0 auto !important; gap: 5px; padding: 2px 4px 4px; height: max-content !important;
    grid-template-columns: minmax(0, 1fr);
    grid-template-rows: 170px 112px 122px 104px 160px;
    grid-template-areas: "raster" "membranes" "accuracy" "power" "spikes";
  }
  :host > .membranes { grid-area: membranes !important }
  :host > .off-phone { display: none !important }
}
"""
"""Places of the displays: all on one screen; one column on a phone, where one kind of membranes
shows at a time."""
TINY = {"fontSize": "12px", "textTransform": "none", "padding": "0 6px", "minHeight": "24px"}
"""Style of the small buttons in the titles of displays."""
TINY_SELECT = """
.MuiInputLabel-root { position: absolute; clip-path: inset(50%); width: 1px; height: 1px }
.MuiInputBase-root { font-size: 12px !important; height: 24px }
.MuiOutlinedInput-notchedOutline { top: 0 !important }
.MuiOutlinedInput-notchedOutline legend { display: none }
.MuiSelect-select { padding: 2px 24px 2px 8px !important }
"""
"""Style of the small selects there; their names are for screen readers only."""
INLINE_SLIDER = """
.MuiFormControl-root { flex-direction: row !important; align-items: center; gap: 8px }
.MuiFormControl-root > .MuiFormLabel-root { font-size: 13px; white-space: nowrap; flex: 0 0 auto }
.MuiFormControl-root > .MuiBox-root { min-width: 60px }
"""
"""Style of a slider with its name beside it."""
