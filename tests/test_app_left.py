"""What is left in a server of the pages that were closed: nothing."""

import asyncio
import os
import socket
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import pytest
from conftest import until

from snnlab_bench.visitor import Visitor

PAGES = 6
COUNTING = """
import gc, sys, threading
from bokeh.document import Document
from snnlab.cli import main

def count():
    for _ in sys.stdin:
        gc.collect()
        print("documents", sum(type(o) is Document for o in gc.get_objects()), flush=True)

threading.Thread(target=count, daemon=True).start()
main(["app", "--no-browser", "--dataset", "digits", "--port", sys.argv[1]])
"""


@pytest.fixture
def server():
    """A dashboard that says, for every line it is given, how many documents it holds."""
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


def documents(process):
    """How many there are now."""
    process.stdin.write("\n")
    process.stdin.flush()
    return int(next(line.split()[1] for line in process.stdout if line.startswith("documents")))


async def _come_and_go(url, pages):
    visitors = [await Visitor(url).come() for _ in range(pages)]
    await visitors[0].click("Train", "Pause")
    for visitor in visitors:
        await visitor.leave()


@pytest.mark.slow
def test_a_closed_page_is_freed(server):
    """But the last one that something was done with, which may live on until the next comes."""
    process, url = server
    with ThreadPoolExecutor(1) as thread:  # the browser's tests leave a loop running in this one
        thread.submit(asyncio.run, _come_and_go(url, PAGES)).result()
    until(lambda: documents(process) <= 1)
