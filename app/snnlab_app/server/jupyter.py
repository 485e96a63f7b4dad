"""The dashboard in JupyterLab's launcher, for jupyter-server-proxy, which finds it by entry point.

The Jupyter server imports this module, so it imports no library.
"""

import sys
from pathlib import Path

ICON = Path(__file__).with_name("launcher.svg")
START_SECONDS = 300
"""Time for the first start: libraries are read from a cold disk, often one on a network."""


def launcher() -> dict:
    """How to start the dashboard, and its entry in the launcher.

    The dashboard answers under its own address only, and never learns that of the hub: the proxy
    calls it by its own. Whoever gets that far was admitted by Jupyter, which also compares the
    origin of websockets with its own host.
    """
    address = "127.0.0.1:{port}"
    return {
        "command": [sys.executable, "-m", "snnlab", "app", "--no-browser", "--port", "{port}"],
        "request_headers_override": {"Host": address, "Origin": f"http://{address}"},
        "timeout": START_SECONDS,
        "new_browser_tab": True,
        "launcher_entry": {"title": "snnlab", "icon_path": str(ICON), "category": "Notebook"},
    }
