"""A JupyterLab to visit."""

import os
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from conftest import free_port, until

QUIET = {"SNNLAB_FAST": "1", "NUMBA_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}


@contextmanager
def jupyterlab(folder: Path, base_url: str = "/") -> Iterator[str]:
    """JupyterLab on a folder, below a path as a hub would start it; its address, without a slash
    at the end."""
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension"
    settings.mkdir(parents=True)
    (settings / "tracker.jupyterlab-settings").write_text('{"windowingMode": "none"}')
    port = free_port()
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}",
        "--ServerApp.ip=127.0.0.1", "--IdentityProvider.token=", f"--notebook-dir={folder}",
        f"--ServerApp.base_url={base_url}", "--LabApp.news_url=",
        "--LabApp.check_for_updates_class=jupyterlab.NeverCheckForUpdate",
    ]  # fmt: skip
    own = {name: str(folder / name) for name in ("JUPYTER_CONFIG_DIR", "IPYTHONDIR")}
    own["JUPYTERLAB_SETTINGS_DIR"] = str(folder / "settings")
    address = f"http://127.0.0.1:{port}{base_url.rstrip('/')}"
    with (folder / "log").open("w") as log:
        server = subprocess.Popen(
            command, env={**os.environ, **QUIET, **own}, stdout=log, stderr=log, cwd=folder
        )
        try:
            until(lambda: _answers(f"{address}/api") or server.poll(), 90)
            assert server.poll() is None, (folder / "log").read_text()
            yield address
        finally:
            server.terminate()
            server.wait(timeout=120)


def _answers(url):
    try:
        with urllib.request.urlopen(url, timeout=5):
            return True
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
