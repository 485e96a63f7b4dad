"""Lessons from TOML files, checked: an error names file, field, value and remedy."""

import tomllib
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from types import MappingProxyType

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.lessons.condition import parse
from snnlab.lessons.lesson import PLACEHOLDER, Choice, Explanation, Lesson, Scale, Until
from snnlab.lessons.measures import MEASURES, NAMES
from snnlab.recipes import recipe, recipes
from snnlab.text.spelling import did_you_mean

MAX_TEXT, MAX_ABOUT, MAX_TITLE = 400, 120, 60
"""Characters of a text, of its sentence in the list, and of a title: a lesson's card is slim."""
MAX_BYTES = 64_000
MAX_LESSONS = 100
MAX_CHOICES = 6
MAX_SCALE_STEPS = 1000
FIELDS = (
    "title", "about", "place", "recipe", "set", "warm_up", "question", "measure", "scale",
    "choices", "change", "explain", "next",
)  # fmt: skip
MEASURED = ("measured", "before", "low", "high")
"""Names of what the question is about: after and before the change, and the interval after it."""
LIMITS = {"steps": (1, 100_000), "epochs": (0.01, 1000), "seconds": (1, 3600), "accuracy": (1, 100)}


@cache
def bundled() -> MappingProxyType[str, Lesson]:
    """The lessons that come with snnlab, by name."""
    texts = {
        file.name: file.read_text("utf-8")
        for file in files("snnlab.lessons").iterdir()
        if file.name.endswith(".toml")
    }
    return MappingProxyType(_ordered(texts, {}))


def read_folder(folder: Path) -> dict[str, Lesson]:
    """The lessons that come with snnlab, and those in the TOML files of a folder, by name.

    Raises :class:`SnnlabError` if the folder or one of its files is not valid.
    """
    try:
        paths = sorted(path for path in folder.iterdir() if path.suffix == ".toml")
        large = [path for path in paths if path.stat().st_size > MAX_BYTES]
    except OSError as error:
        raise SnnlabError(f"lessons {folder}: {error.strerror}: give a folder") from None
    if not paths or len(paths) > MAX_LESSONS:
        raise SnnlabError(
            f"lessons {folder}: {len(paths)} TOML files: give a folder with 1 to {MAX_LESSONS}"
        )
    if large:
        raise SnnlabError(f"lesson {large[0].name}: more than {MAX_BYTES} bytes: shorten it")
    return {**bundled(), **_ordered({path.name: _text(path) for path in paths}, bundled())}


def _text(path):
    try:
        return path.read_text("utf-8")
    except OSError as error:
        raise SnnlabError(f"lesson {path.name}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise SnnlabError(f"lesson {path.name}: not UTF-8: save it as such") from None


def _ordered(texts: Mapping[str, str], taken: Mapping[str, Lesson]) -> dict[str, Lesson]:
    """Lessons of the texts of files, by name; ``taken`` are names that exist already."""
    found = {}
    for file, text in texts.items():
        name = file.removesuffix(".toml")
        if name in taken or name in list(recipes()):
            raise SnnlabError(f"lesson {file}: the name {name!r} is taken: rename the file")
        found[name] = read(text, name)
    for lesson in found.values():
        known = (*found, *taken, *recipes())
        if lesson.following is not None and lesson.following not in known:
            meant = did_you_mean(lesson.following, known)
            raise SnnlabError(
                f"lesson {lesson.name}.toml: next = {lesson.following!r} is unknown: give the name"
                f" of a lesson or recipe{meant}"
            )
    return dict(sorted(found.items(), key=lambda item: (item[1].place, item[0])))


def read(text: str, name: str) -> Lesson:
    """The lesson of a TOML text, named as its file without the ending.

    Raises :class:`SnnlabError` with the file, the field, its value and the remedy.
    """
    try:
        return _lesson(_Table(tomllib.loads(text), "", FIELDS), name)
    except tomllib.TOMLDecodeError as error:
        raise SnnlabError(f"lesson {name}.toml: not valid TOML: {error}") from None
    except SnnlabError as error:
        raise SnnlabError(f"lesson {name}.toml: {error}") from None


class _Table:
    """Takes the fields of a table one by one, each with its check."""

    def __init__(self, fields: object, where: str, known: tuple[str, ...]):
        if not isinstance(fields, dict):
            raise SnnlabError(f"{where} = {fields!r} is not a table: give {', '.join(known)}")
        self.fields, self._where = fields, where
        for name in fields:
            if name not in known:
                meant = did_you_mean(name, known)
                raise SnnlabError(f"{self.at(name)} is unknown: use {', '.join(known)}{meant}")

    def at(self, name: str) -> str:
        return f"{self._where}.{name}" if self._where else name

    def wrong(self, name: str, remedy: str) -> SnnlabError:
        if name not in self.fields:
            return SnnlabError(f"{self.at(name)} is missing: {remedy}")
        return SnnlabError(f"{self.at(name)} = {self.fields[name]!r} is not allowed: {remedy}")

    def take(self, name: str, valid: Callable[[object], bool], remedy: str, *default):
        """The value of a field, or the default if it is missing and there is one."""
        if name not in self.fields and default:
            return default[0]
        value = self.fields.get(name)
        if not valid(value):
            raise self.wrong(name, remedy)
        return value

    def text(self, name: str, most: int = MAX_TEXT) -> str:
        remedy = f"give a text of 1 to {most} characters"
        return self.take(name, lambda v: isinstance(v, str) and 0 < len(v.strip()) <= most, remedy)

    def number(self, name: str, low: float, high: float, *default, whole: bool = False):
        kind = "a whole number" if whole else "a number"
        types = (int,) if whole else (int, float)
        remedy = f"give {kind} from {low:g} to {high:g}"
        return self.take(name, lambda v: type(v) in types and low <= v <= high, remedy, *default)

    def checked(self, name: str, read: Callable, *default):
        """What ``read`` makes of a field; its error is given the field's name."""
        if name not in self.fields and default:
            return default[0]
        try:
            return read(self.fields.get(name))
        except SnnlabError as error:
            raise SnnlabError(f"{self.at(name)}: {error}") from None


def _lesson(table, name):
    measure = table.take(
        "measure", lambda v: v in list(MEASURES), f"give one of {', '.join(MEASURES)}"
    )
    scale = "scale" in table.fields
    if scale == ("choices" in table.fields):
        raise SnnlabError("scale, choices: give one of them, which are the possible predictions")
    names = (*NAMES, *MEASURED)
    answers = _scale(table) if scale else _choices(table, names)
    names += ("guess",) if scale else ()
    known = tuple(recipes())
    base = table.take("recipe", lambda v: v in known, f"give one of {', '.join(known)}", None)
    given = recipe(base).settings if base else {}
    settings = {**given, **table.checked("set", _settings, {})}
    change = _Table(table.fields.get("change"), "change", ("set", "restart", "run"))
    restart = change.take("restart", lambda v: type(v) is bool, "give true or false", False)
    turned = change.checked("set", lambda given: _settings(given, settings))
    needy = [knob for knob in turned if knob not in Config.LIVE]
    if needy and not restart:
        raise SnnlabError(f"change.set: {needy[0]} needs a new training: add restart = true")
    return Lesson(
        name=name,
        place=table.number("place", 0, 1000, 1000, whole=True),
        title=table.text("title", MAX_TITLE),
        about=table.text("about", MAX_ABOUT),
        settings=settings,
        warm_up=table.checked("warm_up", lambda given: _until(given, "warm_up"), Until(steps=1)),
        question=table.text("question"),
        measure=measure,
        answers=answers,
        change=turned,
        restart=restart,
        run=_until(change.fields.get("run"), "change.run"),
        explanations=_explanations(table, names),
        following=table.take("next", lambda v: isinstance(v, str), "give a name", None),
    )


def _settings(given, base=None):
    """Knobs by name as the configuration has them."""
    if not isinstance(given, dict):
        raise SnnlabError(f"{given!r} is not a table of knobs: write for example {{beta = 20.0}}")
    config = Config.checked(**{**(base or {}), **given})
    return {name: getattr(config, name) for name in given}


def _until(given, where):
    table = _Table(given, where, tuple(LIMITS))
    if not table.fields:
        raise SnnlabError(f"{where} is empty: give {', '.join(LIMITS)}, one or several")
    whole = {"steps"}
    return Until(**{n: table.number(n, *LIMITS[n], whole=n in whole) for n in table.fields})


def _scale(table):
    inner = _Table(table.fields["scale"], "scale", ("from", "to", "step"))
    low = inner.number("from", 0, 1e6)
    high = inner.number("to", low, 1e6)
    if high == low:
        raise inner.wrong("to", f"give a number above from = {low:g}")
    step = inner.number("step", (high - low) / MAX_SCALE_STEPS, high - low)
    return Scale(float(low), float(high), float(step))


def _choices(table, names):
    given = table.take(
        "choices", lambda v: isinstance(v, list) and 2 <= len(v) <= MAX_CHOICES,
        f"give 2 to {MAX_CHOICES} tables with text and when",
    )  # fmt: skip
    found = []
    for k, one in enumerate(given, start=1):
        inner = _Table(one, f"choices {k}", ("text", "when"))
        found.append(
            Choice(
                inner.text("text", MAX_TITLE), inner.checked("when", lambda t: parse(t, names))
            )
        )  # fmt: skip
    if len({choice.text for choice in found}) < len(found):
        raise SnnlabError("choices: two of them have the same text: give different ones")
    return tuple(found)


def _explanations(table, names):
    given = table.take(
        "explain", lambda v: isinstance(v, list) and v, "give at least one table with text"
    )
    found = []
    for k, one in enumerate(given, start=1):
        inner = _Table(one, f"explain {k}", ("text", "when"))
        when = inner.checked("when", lambda t: parse(t, names), None)
        text = inner.text("text")
        unknown = [n for n in PLACEHOLDER.findall(text) if n not in names]
        if unknown:
            raise inner.wrong("text", f"{{{unknown[0]}}} is unknown: use {', '.join(names)}")
        if (when is None) != (k == len(given)):
            raise SnnlabError(
                f"explain {k}: give when to every explanation but the last, which holds otherwise"
            )
        found.append(Explanation(text, when))
    return tuple(found)
