"""``snnlab app``: the dashboard, and the limits of its server."""

import argparse
import getpass
import importlib
import importlib.util
import sys
from contextlib import ExitStack
from pathlib import Path

from snnlab import install
from snnlab.commands.flags import add_data_dir, add_knobs, add_recipe, config, filled, whole
from snnlab.config.limits import Limits
from snnlab.errors import SnnlabError
from snnlab.process import freeze_imports

MAX_WORKERS, LAST_PORT = 64, 65535


def add_app(commands) -> None:
    """Add the command to a parser's commands."""
    app = commands.add_parser("app", help="open the dashboard in the browser")
    app.set_defaults(command=_app)
    add_data_dir(app)
    app.add_argument(
        "--address", type=filled, default="127.0.0.1", help="address to listen on (loopback)"
    )
    app.add_argument(
        "--port",
        type=_port,
        help="port to listen on (default: the first that is free from 5006 on; with --origin 5006)",
    )
    app.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    _add_access(app)
    app.add_argument(
        "--workers", type=whole, default=1, metavar="N",
        help="compute processes, which share the visitors (default: 1)",
    )  # fmt: skip
    app.add_argument(
        "--lessons", type=Path, metavar="FOLDER", help="also offer the lessons (TOML) in a folder"
    )
    app.add_argument("--admin", action="store_true", help="also serve a server status page")
    for name in Limits.names():
        limit = Limits.param[name]
        app.add_argument(
            f"--max-{name}", metavar="N", help=f"{limit.doc} (default: {limit.default:g})"
        )
    add_recipe(app)
    add_knobs(app)


def _port(text):
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port: give 1 to {LAST_PORT}")
    return int(text)


def add_password(commands) -> None:
    """Add the command that writes what ``snnlab app --basic-auth`` reads."""
    password = commands.add_parser("password", help="write a password for: snnlab app --basic-auth")
    password.set_defaults(command=_password)
    password.add_argument("file", metavar="FILE", type=Path, help="password file to write")
    password.add_argument("name", metavar="NAME", help="who logs in with it")


def _add_access(app):
    app.add_argument("--basic-auth", metavar="FILE", help="admit by the passwords in this file")
    app.add_argument("--oauth", metavar="PROVIDER", help="admit by a provider, e.g. github, google")
    text = "users of the provider to admit: names, @domains or *"
    app.add_argument("--users", default="", metavar="A,B", help=text)
    app.add_argument("--origin", action="append", default=[], metavar="HOST:PORT",
                     help="name by which browsers reach the server, e.g. of a proxy")  # fmt: skip
    app.add_argument("--prefix", default="", metavar="PATH",
                     help="path that a proxy keeps, e.g. /snnlab")  # fmt: skip
    app.add_argument("--no-login", action="store_true", help="admit everyone without a login")


def _access(arguments):
    """The access options, checked before anything is started."""
    access = importlib.import_module("snnlab_app.server.access").Access(
        passwords=Path(arguments.basic_auth) if arguments.basic_auth else None,
        oauth=arguments.oauth,
        users=tuple(filter(None, (user.strip() for user in arguments.users.split(",")))),
        origins=tuple(arguments.origin),
        anyone=arguments.no_login,
        prefix=arguments.prefix,
    )
    access.check(arguments.address)
    return access


def _password(arguments):
    _check_dashboard()
    if sys.stdin.isatty():
        password = getpass.getpass(f"Password of {arguments.name}: ")
        if password != getpass.getpass("Once more: "):
            raise SnnlabError("the two passwords differ: nothing is written")
    else:
        password = sys.stdin.readline().rstrip("\n")
    importlib.import_module("snnlab_app.server.passwords").keep(
        arguments.file, arguments.name, password
    )
    print(f"{arguments.file}: {arguments.name} may log in")
    return 0


def _check_dashboard():
    if importlib.util.find_spec("panel_material_ui") is None:
        raise install.missing("the dashboard is", "app")


def _app(arguments):
    settings = config(arguments)
    _check_dashboard()
    access = _access(arguments)
    from snnlab.lessons import bundled, read_folder
    from snnlab.text.progress import ctrl_c

    lessons = read_folder(arguments.lessons) if arguments.lessons else bundled()

    # By name only: the library does not import its dashboard. The computing process loads data and
    # kernels while the page's libraries are imported. Ctrl-C is deferred until both are done: an
    # interrupted import may swallow it, and an interrupted start leaves a waiting process.
    limits = _limits(arguments)
    with ExitStack() as started:
        with ctrl_c() as pressed, freeze_imports():
            store = importlib.import_module("snnlab_app.compute.store").Store(limits.stored)
            compute = importlib.import_module("snnlab_app.compute.pool").Compute(
                settings.values(), arguments.data_dir,
                workers=arguments.workers, limits=limits, store=store,
            )  # fmt: skip
            started.enter_context(compute)
            page = importlib.import_module("snnlab_app.server.serve")
        if pressed.is_set():
            raise KeyboardInterrupt
        page.serve(
            settings.values(), compute, arguments.address, arguments.port,
            show=not arguments.no_browser, access=access, admin=arguments.admin, lessons=lessons,
        )  # fmt: skip
    return 0


def _limits(arguments):
    if not 1 <= arguments.workers <= MAX_WORKERS:
        raise SnnlabError(
            f"--workers {arguments.workers} is not allowed: 1 to {MAX_WORKERS}; more than the"
            " number of cores does not help"
        )
    given = {name: getattr(arguments, f"max_{name}") for name in Limits.names()}
    return Limits.read(**{name: text for name, text in given.items() if text is not None})
