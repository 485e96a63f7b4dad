"""The web server of the dashboard."""

import panel as pn

from snnlab.config import Config
from snnlab.errors import SnnlabError
from snnlab_app.main import dashboard
from snnlab_app.pool import Compute

CHECK_LEFT_MS = 1000
LEFT_AFTER_MS = 60_000
"""A closed tab says so; one that was lost may come back within a minute."""
LONGEST = 7 * 24 * 3600
"""Seconds for which an open page may come back: a whole week's course."""


def serve(settings: dict, compute: Compute, address: str, port: int, show: bool = True) -> None:
    """Serve the dashboard until interrupted; every visitor starts with ``settings``.

    Raises :class:`~snnlab.errors.SnnlabError` if the address cannot be listened on.
    """
    try:
        pn.serve(
            {"/": lambda: dashboard(Config.checked(**settings), compute)},
            address=address,
            port=port,
            show=show,
            title="snnlab",
            check_unused_sessions_milliseconds=CHECK_LEFT_MS,
            unused_session_lifetime_milliseconds=LEFT_AFTER_MS,
            session_token_expiration=LONGEST,
            websocket_origin=[f"{address}:{port}", f"localhost:{port}"],
        )
    except OSError as error:
        raise SnnlabError(
            f"cannot listen on {address}:{port} ({error.strerror}): choose another --port"
        ) from None
