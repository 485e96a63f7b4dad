"""``snnlab lessons``: the lessons that a dashboard offers, and links that open them."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlencode, urlsplit

from snnlab.commands.flags import filled
from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab.lessons import bundled, read_folder
from snnlab.recipes import recipes
from snnlab.text.spelling import did_you_mean
from snnlab.text.tables import aligned


def add_lessons(commands) -> None:
    """Add the command to a parser's commands."""
    lessons = commands.add_parser("lessons", help="list lessons, and make links that open them")
    lessons.set_defaults(command=_lessons, prints=True)
    text = "lesson or recipe (default: every lesson)"
    lessons.add_argument("names", nargs="*", metavar="NAME", help=text)
    lessons.add_argument(
        "--lessons", type=Path, metavar="FOLDER", help="a folder with more lessons (TOML)"
    )
    text = "address of the dashboard, e.g. https://lab.school.example/snnlab/"
    lessons.add_argument("--link", type=filled, metavar="URL", help=text)
    text = "further settings of the link, named as in snnlab train --help"
    lessons.add_argument("--set", action="append", default=[], metavar="KNOB=VALUE", help=text)
    text = "knobs that the page does not show, e.g. learning_rate,batch"
    lessons.add_argument("--hide", type=_names, default=(), metavar="A,B", help=text)


def _names(text):
    return tuple(filter(None, (name.strip() for name in text.split(","))))


def _lessons(arguments):
    lessons = read_folder(arguments.lessons) if arguments.lessons else bundled()
    known = {name: lesson.title for name, lesson in lessons.items()}
    known |= {name: recipe.title for name, recipe in recipes().items()}
    names = arguments.names or list(lessons)
    if arguments.link is None:
        _refuse_link_flags(arguments)
    for name in names:
        if name not in known:
            meant = did_you_mean(name, known)
            raise SnnlabError(f"no lesson {name!r}: choose one of {', '.join(known)}{meant}")
    if arguments.link is None:
        print(aligned([(name, known[name], _about(lessons, name)) for name in names]))
        return 0
    settings = dict(map(_setting, arguments.set))
    links = [link(arguments.link, name, settings, arguments.hide) for name in names]
    print("\n".join(f"{known[name]}\n  {url}" for name, url in zip(names, links, strict=True)))
    return 0


def _about(lessons, name):
    return lessons[name].about if name in lessons else recipes()[name].about


def _refuse_link_flags(arguments: argparse.Namespace) -> None:
    for flag in ("set", "hide"):
        if getattr(arguments, flag):
            raise SnnlabError(f"--{flag} is for links: give --link URL, too")


def _setting(text):
    name, equals, value = text.partition("=")
    if not equals:
        raise SnnlabError(f"--set {text}: give a knob and its value, e.g. --set seed=7")
    return name, Config.read(name, value)


def _is_page(address):
    try:
        parts = urlsplit(address)
    except ValueError:  # half of an IPv6 address
        return False
    is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
    return is_web and not (parts.query or parts.fragment)


def link(address: str, lesson: str, settings: dict, hide: Sequence[str] = ()) -> str:
    """The link that opens a lesson on a dashboard, with other settings, and without some knobs.

    address : of the dashboard's page, with the path that a proxy gives it; settings : by name.
    Raises :class:`SnnlabError` for another kind of address, a knob that does not exist, or a value
    that is not allowed.
    """
    if not _is_page(address):
        raise SnnlabError(
            f"--link {address}: give the dashboard's address, as https://lab.school.example/snnlab/"
        )
    Config.checked(**settings)
    if unknown := [name for name in hide if name not in Config.knobs()]:
        meant = did_you_mean(unknown[0], Config.knobs())
        known = ", ".join(Config.knobs())
        raise SnnlabError(f"--hide {unknown[0]}: no such knob, there are {known}{meant}")
    fields = {"lesson": lesson}
    for name, value in settings.items():
        fields[name] = "-".join(map(str, value)) if isinstance(value, list) else str(value)
    if hide:
        fields["hide"] = ",".join(hide)
    return f"{address.rstrip('/')}/?{urlencode(fields, safe=',')}"
