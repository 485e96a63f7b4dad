"""Looks of the page, once: fonts, sizes, and what follows from dark or light."""

from snnlab.plotting import BLUE

THEME = {
    "palette": {"primary": {"main": BLUE}},
    "typography": {"fontFamily": "system-ui, -apple-system, 'Segoe UI', sans-serif"},
    "shape": {"borderRadius": 8},
}

# Plots are transparent, so the card they sit on decides between dark and light.
AXIS = "#8A8F98"
