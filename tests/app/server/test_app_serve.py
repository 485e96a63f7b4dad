"""The port that the server listens on."""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from contextlib import contextmanager, suppress
from errno import EADDRINUSE, EADDRNOTAVAIL
from pathlib import Path
from urllib.request import urlopen

import pytest
from conftest import leave_out
from refusal import refused

from snnlab_app.server.access import Access
from snnlab_app.server.serve import PORT, _listening


class Taken:
    """Listens on every port but some, as a machine does where others listen already."""

    def __init__(self, *taken, error=EADDRINUSE):
        self.taken, self.error, self.asked = taken, error, []

    def __call__(self, port):
        self.asked.append(port)
        if port in self.taken:
            raise OSError(self.error, os.strerror(self.error))
        return port


def test_the_next_free_port_is_taken_and_said(capsys):
    assert _listening(Taken(5006, 5007), "127.0.0.1", range(5006, 5106)) == 5008
    assert capsys.readouterr().out == "port 5006 is taken: the dashboard is on port 5008\n"
    assert _listening(Taken(), "127.0.0.1", range(5006, 5106)) == 5006
    assert capsys.readouterr().out == ""


def test_a_port_that_was_asked_for_is_the_only_one():
    listen = Taken(5010)
    refused(lambda: _listening(listen, "::1", [5010]), "cannot listen on ::1:5010 (Address already")
    assert listen.asked == [5010]


def test_what_is_wrong_with_the_address_is_wrong_on_every_port():
    listen = Taken(5006, error=EADDRNOTAVAIL)
    refused(lambda: _listening(listen, "10.9.8.7", range(5006, 5106)), "cannot listen on 10.9.8.7:")
    assert listen.asked == [5006]
    refused(lambda: _listening(Taken(5006, error=EADDRNOTAVAIL), "x", [5006]), "another --address")
    refused(lambda: _listening(Taken(5006), "x", [5006]), "choose another --port")


@pytest.mark.parametrize(("address", "origins", "seen"), [
    ("127.0.0.1", (), "http://127.0.0.1:5006"), ("::1", (), "http://localhost:5006"),
    ("0.0.0.0", ("lab.school.example",), "lab.school.example"),
])  # fmt: skip
def test_an_address_that_is_printed_is_one_that_is_answered(address, origins, seen):
    access = Access(origins=origins)
    assert access.seen_at(address, 5006) == seen
    assert re.sub("^http://|:5006$", "", seen) in access.hosts(address)


def test_where_no_port_is_free_one_is_to_be_chosen():
    refused(lambda: _listening(Taken(1, 2), "127.0.0.1", range(1, 3)), "choose another --port")


@contextmanager
def an_app(*flags):
    """``snnlab app``; gives its process."""
    process = subprocess.Popen(
        [sys.executable, "-m", "snnlab", "app", "--no-browser", "--dataset", "digits", *flags],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


@pytest.mark.slow
def test_a_server_goes_to_a_free_port_by_itself():
    with socket.socket() as other:
        with suppress(OSError):  # somebody else has it anyway
            other.bind(("127.0.0.1", PORT))
            other.listen()
        with an_app() as process:
            said = next(line for line in process.stdout if "is taken" in line)
            port = int(said.split()[-1])
            assert said == f"port {PORT} is taken: the dashboard is on port {port}\n"
            assert port > PORT
            with urlopen(f"http://127.0.0.1:{port}/") as answer:
                assert answer.status == 200


def test_a_port_that_browsers_know_by_an_origin_stays(capsys):
    with socket.socket() as other:
        with suppress(OSError):
            other.bind(("127.0.0.1", PORT))
            other.listen()
        with an_app("--origin", "lab.example") as process:
            said = process.stdout.read()
        assert process.returncode == 2
    assert f"cannot listen on 127.0.0.1:{PORT} (Address already in use)" in said


@pytest.mark.parametrize(("port", "flags"), [("", ""), ("PORT=5010", " --port 5010")])
def test_make_takes_a_port(port, flags):
    if shutil.which("make") is None:
        leave_out(FileNotFoundError("make"))
    place = Path(__file__).parents[3]
    outer = {"PORT", "VENV", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"}  # of make test
    printed = subprocess.run(
        ["make", "-n", "--assume-old=.venv/.app", "app", *port.split()],
        cwd=place, capture_output=True, text=True, check=True,
        env={name: value for name, value in os.environ.items() if name not in outer},
    ).stdout  # fmt: skip
    assert printed.splitlines()[-1].rstrip() == f".venv/bin/snnlab app{flags}"
