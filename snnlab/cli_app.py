"""``snnlab app``: the dashboard, and the limits of its server."""

import argparse
import importlib
import importlib.util
from contextlib import ExitStack

from snnlab.errors import SnnlabError
from snnlab.flags import add_data_dir, add_knobs, add_recipe, config, filled
from snnlab.limits import Limits

MOST_WORKERS, LAST_PORT = 64, 65535


def add_app(commands) -> None:
    """Add the command to the parser's."""
    app = commands.add_parser("app", help="open the dashboard in the browser")
    app.set_defaults(command=_app)
    add_data_dir(app)
    app.add_argument(
        "--address", type=filled, default="127.0.0.1", help="address to listen on (loopback)"
    )
    app.add_argument("--port", type=_port, default=5006, help="port to listen on (default 5006)")
    app.add_argument("--no-browser", action="store_true", help="do not open a browser window")
    app.add_argument(
        "--workers", type=int, default=1, metavar="N",
        help="processes to compute in, among which visitors are spread (default: 1)",
    )  # fmt: skip
    for name in Limits.names():
        limit = Limits.param[name]
        app.add_argument(
            f"--max-{name}", metavar="N", help=f"{limit.doc} (default: {limit.default:g})"
        )
    add_recipe(app)
    add_knobs(app)


def _port(text):
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= LAST_PORT):
        raise argparse.ArgumentTypeError(f"{text!r} is no port: give 1 to {LAST_PORT}")
    return int(text)


def _app(arguments):
    settings = config(arguments)
    if importlib.util.find_spec("panel_material_ui") is None:
        raise SnnlabError('the dashboard is not installed: pip install "snnlab[app]"')
    from snnlab.experiments.terminal import ctrl_c

    # By name only: the library does not import its dashboard. The computing process gets data and
    # kernels ready while the page's libraries are imported. Ctrl-C waits for both: an interrupted
    # import may swallow it, and half a start of a process leaves one that waits for the rest.
    limits = _limits(arguments)
    with ExitStack() as started:
        with ctrl_c() as pressed:
            store = importlib.import_module("snnlab_app.store").Store(limits.stored)
            compute = importlib.import_module("snnlab_app.pool").Compute(
                settings.values(), arguments.data_dir,
                workers=arguments.workers, limits=limits, store=store,
            )  # fmt: skip
            started.enter_context(compute)
            page = importlib.import_module("snnlab_app.serve")
        if pressed.is_set():
            raise KeyboardInterrupt
        page.serve(
            settings.values(), compute, arguments.address, arguments.port,
            show=not arguments.no_browser,
        )  # fmt: skip
    return 0


def _limits(arguments):
    if not 1 <= arguments.workers <= MOST_WORKERS:
        raise SnnlabError(
            f"--workers {arguments.workers} is not allowed: 1 to {MOST_WORKERS}; more than the"
            " machine has cores help nobody"
        )
    given = {name: getattr(arguments, f"max_{name}") for name in Limits.names()}
    return Limits.read(**{name: text for name, text in given.items() if text is not None})
