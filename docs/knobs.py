"""Write the table of knobs from their declarations: ``python docs/knobs.py``."""

from pathlib import Path

import param

from snnlab.config import Config
from snnlab_app.controls.knobs import ends, shown, unit

PAGE = Path(__file__).parent / "knobs.md"
INTRODUCTION = (
    "# Knobs\n\n"
    "Every setting of a training, as declared in `snnlab/config/knobs.py`. Each is a flag of"
    " `snnlab train`, an attribute of `Config`, a control in the dashboard, a field of a run's"
    " record and a part of a dashboard's link. Flags and Python take values in the unit in"
    " brackets where it differs from the one shown.\n\n"
    "*Live* knobs may be turned between two training steps; the others need a new training"
    " (*restart*)."
)
HEADER = "| knob | default | range | acts | meaning |\n|---|---|---|---|---|"


def page() -> str:
    """The page in Markdown, with one table per group of knobs."""
    groups = [
        "\n".join((f"## {title}\n", HEADER, *map(describe, names)))
        for title, names in Config.GROUPS.items()
    ]
    return "\n\n".join((INTRODUCTION, *groups)) + "\n"


def describe(name: str) -> str:
    """A knob's row: label and flag, default, range with unit, when it acts, and its sentence."""
    knob = Config.param[name]
    cells = (
        f"{knob.label}<br>`--{name.replace('_', '-')}`",
        written(name, knob.default),
        f"{allowed(name)} {units(name)}".strip(),
        "live" if name in Config.LIVE else "restart",
        knob.doc,
    )
    return "| " + " | ".join(cell.replace("|", r"\|") for cell in cells) + " |"


def written(name: str, value) -> str:
    """A value as the dashboard shows it."""
    text = shown(name, value)
    return f"{text:g}" if isinstance(text, float) else str(text) or "–"


def allowed(name: str) -> str:
    """Values a knob takes, in the unit it is shown in."""
    knob = Config.param[name]
    if isinstance(knob, param.Selector):
        return ", ".join(f"`{choice}`" for choice in knob.objects)
    if isinstance(knob, param.List):
        (low, high), (_, most) = knob.within, knob.bounds
        return f"up to {most} numbers from {low} to {high}, joined by `-`"
    low, high = ends(knob) if hasattr(knob, "factor") else knob.bounds
    return f"{_short(low)} to {_short(high)}"


def _short(number):
    """A whole number as it is, another to four digits."""
    return f"{number:.10g}" if float(number).is_integer() else f"{number:.4g}"


def units(name: str) -> str:
    """The unit a knob is shown in, and in brackets the one it is stored in if that differs."""
    shown_in = unit(name)
    stored_in = getattr(Config.param[name], "unit", "")
    if shown_in == "%":
        stored_in = "share of 1"
    return shown_in if stored_in in ("", shown_in) else f"{shown_in} [{stored_in}]"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
