"""The web server of the dashboard."""

import panel as pn
import torch

from snnlab_app.main import dashboard

CHECK_LEFT_MS = 1000
LEFT_AFTER_MS = 2000
"""A closed tab is noticed within seconds, so that its training ends."""


def serve(address: str, port: int, data_dir: str | None = None, show: bool = True) -> int:
    """Serve the dashboard until interrupted."""
    torch.set_num_threads(1)
    pn.serve(
        {"/": lambda: dashboard(data_dir)},
        address=address,
        port=port,
        show=show,
        title="snnlab",
        check_unused_sessions_milliseconds=CHECK_LEFT_MS,
        unused_session_lifetime_milliseconds=LEFT_AFTER_MS,
        websocket_origin=[f"{address}:{port}", f"localhost:{port}"],
    )
    return 0
