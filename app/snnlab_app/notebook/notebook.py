"""Panel in a notebook: without a network, and with every event of the browser heard in turn."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from contextvars import Context

import panel as pn
from holoviews.core import Dimensioned


def interactive() -> None:
    """Make a notebook ready for plots and sliders, whose scripts and styles come out of packages.

    To be called in the first cell; outside of a notebook it does next to nothing.
    """
    pn.extension(inline=True)
    with suppress(ImportError):
        from IPython import get_ipython

        if (shell := get_ipython()) is not None:
            shell.display_formatter.mimebundle_formatter.for_type(Dimensioned, _plot)
            _one_shell(getattr(shell, "kernel", None))


def later(call: Callable[[], None]) -> None:
    """Call when the event that is being handled is done with, or now if nothing is waiting.

    Panel handles an event within the document of the cell that it came from. A change of another
    cell's document there raises an error, so what an event leads to comes after it.
    """
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        call()
    else:
        loop.call_soon(call, context=Context())


def _plot(element, include=None, exclude=None):
    """An element as Panel shows it: HoloViews alone would fetch Panel's styles from the network."""
    pane = pn.pane.HoloViews(element, linked_axes=False)
    return pane._repr_mimebundle_(include, exclude)


def _one_shell(kernel):
    """Have widgets' messages wait for their turn in the kernel's main thread.

    JupyterLab 4.4 and newer asks ipykernel 7 for a thread per widget ("subshell"). Opening the
    channel waits for running cells, but what is sent through it comes by that thread: it arrives
    before there is a channel and is dropped, or changes a document while a cell does. A kernel
    that does not answer such a request is served as kernels always were (the setting
    ``commsOverSubshells: disabled`` of JupyterLab does the same).
    """
    if "create_subshell_request" in getattr(kernel, "control_handlers", ()):
        kernel.control_handlers["create_subshell_request"] = _unanswered


async def _unanswered(stream, ident, parent):
    pass
