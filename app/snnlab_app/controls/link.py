"""The state of a page as a link: canonical, versioned, every field checked on its own.

Everything is written, defaults too, so that a link means the same when the defaults have moved.
Numbers are written so that reading gives the same bits.
"""

from typing import NamedTuple
from urllib.parse import parse_qsl, urlencode

from snnlab.chip.units import PHYSICAL, UNITS
from snnlab.config import Config
from snnlab.data.catalogue import CATALOGUE
from snnlab.errors import SnnlabError, plain

VERSION = "1"
MAX_CHARACTERS, MAX_SHOWN = 8000, 40
MAX_DESCRIBED, MAX_PART = 3, 100
"""Ignored parts of a link that a notice describes, and characters of each."""
OTHERS = ("v", "view", "units", "lesson", "hide")


class State(NamedTuple):
    """What a link says: settings by name, the view to open, a lesson's recipe, knobs to hide, units
    to show quantities in, and what of it was ignored, in words."""

    settings: dict
    view: str | None = None
    lesson: str | None = None
    hide: tuple[str, ...] = ()
    units: str = PHYSICAL
    ignored: tuple[str, ...] = ()


def query(config: Config, view: str, units: str = PHYSICAL) -> str:
    """The link's part after the question mark."""
    fields = {name: written(value) for name, value in config.values().items()}
    return urlencode({"v": VERSION, "view": view, "units": units, **fields})


def written(value) -> str:
    """A setting as text."""
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)


def read(text: str, views: tuple[str, ...], lessons: tuple[str, ...]) -> State:
    """What a query says; what makes no sense in it is named and left out."""
    if len(text) > MAX_CHARACTERS:
        return State({}, ignored=(f"a link of {len(text)} characters",))
    settings, found, ignored = {}, {}, []
    for name, value in parse_qsl(text.lstrip("?"), keep_blank_values=True):
        try:
            if name in settings or name in found:
                raise SnnlabError("given twice")
            if name in OTHERS:
                found[name] = _other(name, value, views, lessons)
            else:
                settings[name] = setting(name, value)
        except SnnlabError as error:
            shown = plain(f"{name}={value}")
            cut = shown if len(shown) <= MAX_SHOWN else shown[:MAX_SHOWN] + "…"
            ignored.append(f"{cut} ({error})")
    known = {name: value for name, value in found.items() if name in State._fields}
    return State(settings, **known, ignored=tuple(ignored))


def describe_ignored(ignored: tuple[str, ...]) -> str:
    """What of a link was ignored, in a sentence for a notice; knobs by their labels."""
    parts = [_labelled(part) for part in ignored[:MAX_DESCRIBED]]
    if (more := len(ignored) - MAX_DESCRIBED) > 0:
        parts.append(f"{more} more")
    return f"Ignored in the link: {'; '.join(parts)}."


def _labelled(part):
    name, _, value = part.partition("=")
    text = f"{Config.param[name].label} {value}" if name in Config.knobs() else part
    return text if len(text) <= MAX_PART else text[:MAX_PART] + "…"


def _other(name, value, views, lessons):
    if name == "hide":
        hidden = tuple(part for part in value.split(",") if part)
        unknown = [part for part in hidden if part not in (*Config.knobs(), *ALIASES)]
        if unknown:
            raise SnnlabError(f"no such knob: {plain(unknown[0])[:MAX_SHOWN]}")
        return tuple(ALIASES.get(part, part) for part in hidden)
    allowed = {"v": (VERSION,), "view": views, "units": UNITS, "lesson": lessons}[name]
    if value not in allowed:
        raise SnnlabError(f"one of {', '.join(allowed)}")
    return value


ALIASES = {"lr": "learning_rate"}


def setting(name: str, text: str):
    """A setting from text; raises :class:`SnnlabError` with what is allowed."""
    if name not in Config.knobs():
        raise SnnlabError("no such knob")
    try:
        value = Config.read(name, text)
        return Config.checked(**{name: value}).values()[name]
    except SnnlabError:
        raise SnnlabError(Config.allowed(name)) from None


def as_python(config: Config) -> str:
    """The same training as a script."""
    plain = Config().values()
    changed = {name: v for name, v in config.values().items() if v != plain[name]}
    arguments = "".join(f"    {name}={value!r},\n" for name, value in changed.items())
    listed = f"\n{arguments}" if arguments else ""
    size = "" if config.side == 16 else f", side={config.side}"
    if CATALOGUE[config.dataset].own:
        size += ", data_dir='my-data'"  # wherever the reader has it
    return (
        "from snnlab import Config, Trainer, load\n\n"
        f"config = Config.checked({listed})\n"
        f"for progress in Trainer(config, load({config.dataset!r}{size})):\n"
        "    if progress.evaluation:\n"
        "        print(progress.epoch + 1, progress.evaluation)\n"
    )
