"""Knobs as command line flags: every one of :class:`Config` has its flag, help and check."""

import argparse
from pathlib import Path

from snnlab.config import Config
from snnlab.recipes import recipe
from snnlab.text.numerals import number, suggest


def add_knobs(
    parser: argparse.ArgumentParser, wanted: tuple[str, ...] | None = None, **defaults: object
) -> None:
    """A flag for each knob, or for the wanted ones; ``defaults`` are those of the command, where
    they are not the knob's."""
    for title, names in Config.GROUPS.items():
        group = parser.add_argument_group(title)
        for name in [name for name in names if wanted is None or name in wanted]:
            flag = "--" + name.replace("_", "-")
            group.add_argument(flag, dest=name, metavar="X", help=_help(name, defaults))


def filled(text: str) -> str:
    """A flag's text; an empty one, e.g. from an unset shell variable, is refused."""
    if not text:
        raise argparse.ArgumentTypeError("is empty: give a value or leave it out")
    return text


def whole(text: str) -> int:
    """A flag's whole number."""
    try:
        return number(text, int)
    except ValueError:
        meant = suggest(text, int)
        raise argparse.ArgumentTypeError(f"invalid int value: {text!r}{meant}") from None


def place(text: str) -> Path:
    """A flag's file or folder."""
    return Path(filled(text))


def add_recipe(parser: argparse.ArgumentParser) -> None:
    """A flag for a recipe, which the knobs' own flags override."""
    parser.add_argument(
        "--recipe",
        type=filled,
        metavar="NAME",
        help="start from named settings (see snnlab recipes)",
    )


def add_data_dir(parser: argparse.ArgumentParser) -> None:
    """A flag for the folder of the data."""
    text = "folder with idx files of the data sets; for data of your own, their folder or file"
    parser.add_argument("--data-dir", type=filled, metavar="DIR", help=text)


def add_tensorboard(parser: argparse.ArgumentParser) -> None:
    """A flag for the folder of TensorBoard curves."""
    text = "write the curves for TensorBoard, too, to a folder of the run's name in this one"
    parser.add_argument("--tensorboard", type=place, metavar="DIR", help=text)


def config(arguments: argparse.Namespace) -> Config:
    """Settings of the recipe if one is given, with the flags that were given on top.

    Raises :class:`SnnlabError` for an unknown recipe or a value that is not allowed.
    """
    given = {name: getattr(arguments, name, None) for name in Config.knobs()}
    changes = {name: Config.read(name, text) for name, text in given.items() if text is not None}
    chosen = getattr(arguments, "recipe", None)
    return recipe(chosen).config(**changes) if chosen else Config.checked(**changes)


def _help(name, defaults):
    default = defaults.get(name, Config.param[name].default)
    shown = "-".join(map(str, default)) if isinstance(default, list) else default
    text = f"{Config.param[name].doc} {Config.allowed(name).capitalize()} (default: {shown})"
    return text.replace("%", "%%")
