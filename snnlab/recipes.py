"""Recipes: the registry of named, versioned settings.

Command line, dashboard, links and notebooks load them by name from ``recipes.toml`` beside this
file. Each is checked against :class:`Config` when read.
"""

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.text.spelling import did_you_mean

FIELDS = ("version", "title", "about", "base", "set", "view", "look_for")
MAX_TITLE = 40
"""Characters of a title, which fits a card of the dashboard."""


@dataclass(frozen=True)
class Recipe:
    """A named configuration.

    version : increased whenever the settings change; title : as the dashboard shows it; about :
    purpose, one sentence; settings : values of knobs by name, all others are at their defaults;
    own : those that it sets itself, without its base; view : the view of the dashboard to open,
    None to keep the open one; look_for : what to observe there, one sentence or empty.
    """

    name: str
    version: int
    title: str
    about: str
    settings: dict
    own: dict
    view: str | None = None
    look_for: str = ""

    def config(self, **changes) -> Config:
        """The configuration, with some knobs turned; raises :class:`SnnlabError` for bad values."""
        return Config.checked(**{**self.settings, **changes})


def recipe(name: str) -> Recipe:
    """The recipe of this name; raises :class:`SnnlabError` for an unknown one."""
    known = recipes()
    if name not in list(known):
        meant = did_you_mean(name, known)
        raise SnnlabError(f"recipe {name!r} is unknown: choose one of {', '.join(known)}{meant}")
    return known[name]


@cache
def recipes() -> MappingProxyType[str, Recipe]:
    """All recipes by name, in the order of the file."""
    return MappingProxyType(read(files("snnlab").joinpath("recipes.toml").read_text("utf-8")))


def read(text: str) -> dict[str, Recipe]:
    """Recipes of a TOML text by name; a base comes before the recipes that build on it.

    Raises :class:`SnnlabError` with the recipe's name and the remedy if one is not valid.
    """
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SnnlabError(f"recipes: no TOML ({error})") from None
    found = {}
    for name, table in tables.items():
        try:
            found[name] = _recipe(name, table, found)
        except SnnlabError as error:
            raise SnnlabError(f"recipe {name}: {error}") from None
    return found


def _recipe(name, table, above):
    if not isinstance(table, dict) or not set(table) <= set(FIELDS):
        raise SnnlabError(f"give a table with no other entries than {', '.join(FIELDS)}")
    version, about, base = table.get("version"), table.get("about"), table.get("base")
    if type(version) is not int or version < 1 or not isinstance(about, str) or not about:
        raise SnnlabError("give version, a whole number from 1, and about, a sentence")
    title = table.get("title", name.replace("-", " ").capitalize())
    if not isinstance(title, str) or not 0 < len(title) <= MAX_TITLE:
        raise SnnlabError(f"give title, a text of 1 to {MAX_TITLE} characters, or leave it out")
    if base is not None and base not in list(above):
        raise SnnlabError(f"its base {base!r} does not stand above it")
    given = table.get("set", {})
    if not isinstance(given, dict):
        raise SnnlabError("set is not a table of knobs")
    view, look_for = table.get("view"), table.get("look_for", "")
    if not isinstance(view, str | None) or not isinstance(look_for, str):
        raise SnnlabError("give view, the name of a view, and look_for, a sentence, or neither")
    settings = {**(above[base].settings if base else {}), **given}
    Config.checked(**settings)
    return Recipe(name, version, title, about, settings, given, view, look_for)
