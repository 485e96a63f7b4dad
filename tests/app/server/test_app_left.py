"""What is left in a server of the pages that were closed: nothing."""

import asyncio
import os
import socket
import subprocess
import sys
import urllib.request
from contextlib import suppress

import pytest
from conftest import aside, until

from snnlab_bench.dashboard.visitor import Visitor

PAGES = 6
COUNTING = """
import gc, sys, threading
from bokeh.document import Document
from bokeh.plotting import figure
from snnlab.commands.main import main
from snnlab_app.server import spare

spare.QUIET = float("inf")  # no page is made ahead: it would be counted

def count():
    for _ in sys.stdin:
        gc.collect()
        kinds = [type(o) for o in gc.get_objects()]
        print("left", kinds.count(Document), kinds.count(figure), flush=True)

threading.Thread(target=count, daemon=True).start()
main(["app", "--no-browser", "--dataset", "digits", "--port", sys.argv[1]])
"""


@pytest.fixture
def server():
    """A dashboard that says, for each line it is given, its documents and figures."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    with subprocess.Popen(
        [sys.executable, "-c", COUNTING, port],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        env={**os.environ, "PYTHONWARNINGS": ""},
    ) as process:  # fmt: skip
        url = f"http://127.0.0.1:{port}/"
        until(lambda: answers(url))
        yield process, url
        process.terminate()


def answers(url):
    with suppress(OSError):
        return urllib.request.urlopen(f"{url}left", b"", timeout=5).status == 204
    return False


def left(process):
    """How many documents and figures there are now."""
    process.stdin.write("\n")
    process.stdin.flush()
    line = next(line for line in process.stdout if line.startswith("left"))
    return [int(word) for word in line.split()[1:]]


async def _come_and_go(url, process):
    """Pages that come together and go; what the server held with one of them."""
    first = await Visitor(url).come()
    await first.click("Train", "Pause")
    one = left(process)
    visitors = [await Visitor(url).come() for _ in range(PAGES)]
    for visitor in (first, *visitors):
        await visitor.leave()
    return one


@pytest.mark.slow
def test_a_closed_page_is_freed(server):
    """But the last one that something was done with, which may live on until the next comes."""
    process, url = server
    one = aside(asyncio.run, _come_and_go(url, process))
    assert min(one) > 0
    until(lambda: all(now <= then for now, then in zip(left(process), one, strict=True)))
