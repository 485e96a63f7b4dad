"""Logins: passwords and OAuth, asked by a client that may lie."""

import json
import os
import re
import socket
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from callers import NAME, PASSWORD, Visitor, guarded_server
from conftest import Server, until

from snnlab.errors import SnnlabError
from snnlab_app.server import access, passwords
from snnlab_app.server.access import Access


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    yield from guarded_server(tmp_path_factory.mktemp("door"))


# ── requests ──


def test_a_body_without_end_is_refused(guarded):
    address = urllib.parse.urlsplit(guarded.url)
    with closing(HTTPConnection(address.hostname, address.port, timeout=120)) as connection:
        connection.putrequest("POST", "/login")
        connection.putheader("Content-Length", str(10**9))
        connection.endheaders()
        assert connection.getresponse().status in (400, 413)
    assert Visitor(guarded).get()[0] == 200


# ── passwords ──


def test_without_a_password_there_is_a_login_and_no_dashboard(guarded):
    visitor = Visitor(guarded)
    status, url, _, text = visitor.get()
    assert (status, urllib.parse.urlsplit(url).path) == (200, "/login")
    assert 'type="password"' in text
    assert visitor.token() is None
    for path in ("autoload.js?bokeh-autoload-element=x", "metadata"):
        assert "/login" in visitor.get(path)[1] or visitor.get(path)[0] in (401, 403)


@pytest.mark.parametrize(
    "form",
    [
        {"username": NAME, "password": "wrong"}, {"username": "bob", "password": PASSWORD},
        {"username": "", "password": ""}, {"username": NAME, "password": ""},
        {"username": NAME + ":", "password": PASSWORD}, {"username": NAME, "password": "\0" * 5000},
    ],
)  # fmt: skip
def test_a_wrong_password_stays_outside(guarded, form):
    visitor = Visitor(guarded)
    assert "/login" in visitor.get("login", **form)[1]
    assert "user" not in {cookie.name for cookie in visitor.cookies}
    assert visitor.token() is None


def test_the_right_password_opens(guarded):
    visitor = Visitor(guarded)
    status, url, _, text = visitor.get("login", username=NAME, password=PASSWORD)
    assert (status, urllib.parse.urlsplit(url).path) == (200, "/")
    assert "<title>snnlab</title>" in text
    assert visitor.first_word(visitor.token(), guarded.url.rstrip("/")) == "ACK"
    cookie = next(cookie for cookie in visitor.cookies if cookie.name == "user")
    assert cookie.has_nonstandard_attr("HttpOnly")
    # Who has the token but no cookie has nothing.
    assert Visitor(guarded).first_word(visitor.token(), guarded.url.rstrip("/")) != "ACK"
    visitor.get("logout")
    assert visitor.token() is None


def test_a_forged_cookie_is_none(guarded):
    visitor = Visitor(guarded)
    visitor._opener.addheaders = [("Cookie", "user=alice; user=2|1:0|10:1|4:user|8:YWxpY2U=|00")]
    assert visitor.token() is None


def test_after_the_login_nobody_is_sent_elsewhere(guarded):
    visitor = Visitor(guarded)
    visitor.get("login?next=http://evil.example/")
    _, url, _, _ = visitor.get("login", username=NAME, password=PASSWORD)
    assert url.startswith(guarded.url)


@pytest.mark.parametrize("odd", ["%0d%0aX:1", "%7f", "%00", "%c3%bc%e2%82%ac"])
def test_an_odd_place_to_go_to_after_the_login_is_no_error(guarded, odd):
    visitor = Visitor(guarded)
    status, url, _, text = visitor.get(f"login?next=/{odd}", username=NAME, password=PASSWORD)
    assert status in (200, 404), text
    assert url.startswith(guarded.url)
    assert "<title>snnlab</title>" in visitor.get()[3], "and the login holds"


def test_without_its_file_of_passwords_the_server_says_so(guarded):
    content = guarded.file.read_bytes()
    try:
        for broken in (None, b"alice\n"):
            guarded.file.write_bytes(broken) if broken else guarded.file.unlink()
            status, _, _, text = Visitor(guarded).get("login", username=NAME, password=PASSWORD)
            assert status == 503
            assert "Logins are not possible now: tell whoever runs this server." in text
            assert 'type="password"' in text
    finally:
        guarded.file.write_bytes(content)
        guarded.file.chmod(0o600)
    said = [line for line in guarded.printed().splitlines() if str(guarded.file) in line]
    assert ["cannot be read" in said[0], "line 1 is not a name" in said[1]] == [True, True]
    assert "SnnlabError" not in guarded.printed(), "no traceback"
    assert Visitor(guarded).get("login", username=NAME, password=PASSWORD)[0] == 200


def test_no_password_is_seen_from_outside(guarded):
    """Neither in the list of processes, nor in what the server prints, nor in the file."""
    listed = subprocess.run(["ps", "axww"], capture_output=True, text=True, check=True).stdout
    assert PASSWORD not in listed
    assert PASSWORD not in guarded.printed()
    assert PASSWORD not in guarded.file.read_text()
    if os.name == "posix":
        assert guarded.file.stat().st_mode & 0o077 == 0


def test_a_password_is_added_while_it_serves(guarded):
    passwords.keep(guarded.file, "carol", "another password")
    _, url, _, _ = Visitor(guarded).get("login", username="carol", password="another password")
    assert urllib.parse.urlsplit(url).path == "/"


def test_the_command_writes_what_the_server_reads(tmp_path):
    command = [sys.executable, "-m", "snnlab", "password", str(tmp_path / "p"), "dave"]
    done = subprocess.run(command, input="long enough\n", text=True, capture_output=True)
    assert done.returncode == 0, done.stderr
    assert passwords.admits(tmp_path / "p", "dave", "long enough")
    done = subprocess.run(command, input="short\n", text=True, capture_output=True)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert passwords.admits(tmp_path / "p", "dave", "long enough")


@pytest.mark.parametrize("content", ["", "alice\n", "alice:plain\n", "a b:$argon2id$\n", "\xff\n"])
def test_a_file_that_is_none_is_said(tmp_path, content):
    (tmp_path / "p").write_bytes(content.encode("latin-1"))
    with pytest.raises(SnnlabError, match="snnlab password"):
        Access(passwords=tmp_path / "p").check("127.0.0.1")


def test_the_secret_outlives_the_server_and_is_for_the_owner_only(tmp_path, monkeypatch):
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "cache"))
    first = access.derived("logins")
    assert access.derived("logins") == first != access.derived("sessions")
    (file,) = (tmp_path / "cache").iterdir()
    assert first != file.read_bytes()
    if os.name == "posix":
        assert file.stat().st_mode & 0o077 == 0
        file.chmod(0o644)
        assert access.derived("logins") != first, "others may have read it"
    file.write_bytes(b"short")
    assert len(access.derived("logins")) == 32
    (tmp_path / "file").touch()
    monkeypatch.setenv("SNNLAB_CACHE", str(tmp_path / "file"))
    assert access.derived("logins") != access.derived("logins"), "nowhere to keep it"


# ── OAuth ──


class _Provider(BaseHTTPRequestHandler):
    """An OAuth provider that vouches for whoever ``who`` says."""

    who = "ann@school.example"

    def do_GET(self):
        path, _, query = self.path.partition("?")
        if path == "/authorize":
            asked = dict(urllib.parse.parse_qsl(query))
            self.send_response(302)
            back = urllib.parse.urlencode({"code": "c0de", "state": asked["state"]})
            self.send_header("Location", f"{asked['redirect_uri']}?{back}")
            self.end_headers()
        else:
            self._json({"email": self.who})

    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self._json({"access_token": "t0ken", "token_type": "bearer"})

    def _json(self, content):
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(json.dumps(content).encode())

    def log_message(self, *_):
        pass


@contextmanager
def provider():
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Provider)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def listens(url):
    address = urllib.parse.urlsplit(url)
    with socket.socket() as probe:
        return probe.connect_ex((address.hostname, address.port)) == 0


@pytest.mark.slow
def test_oauth_admits_whom_it_is_told_to(monkeypatch):
    with provider() as url:
        server = Server(
            "--dataset", "digits", "--oauth", "generic", "--users", "@school.example,eve@x.example",
            PANEL_OAUTH_KEY="key", PANEL_OAUTH_SECRET="secret",
            PANEL_OAUTH_AUTHORIZE_URL=f"{url}/authorize", PANEL_OAUTH_TOKEN_URL=f"{url}/token",
            PANEL_OAUTH_USER_URL=f"{url}/user",
        )  # fmt: skip
        try:
            monkeypatch.setattr(_Provider, "who", "ann@school.example")
            ann = Visitor(server)
            until(lambda: listens(server.url))
            assert "<title>snnlab</title>" in ann.get()[3]
            assert ann.first_word(ann.token(), server.url.rstrip("/")) == "ACK"
            monkeypatch.setattr(_Provider, "who", "mallory@elsewhere.example")
            mallory = Visitor(server)
            status, _, _, text = mallory.get()
            assert (status, "not authorized" in text) == (403, True)
            assert not re.search("(src|href)=.https?:", text), "the page asks another site"
            assert mallory.token() is None
            # A token of somebody else's does not help either without a cookie of one's own.
            assert Visitor(server).first_word(ann.token(), server.url.rstrip("/")) != "ACK"
        finally:
            printed = server.stop()
        assert "secret" not in printed


@pytest.mark.parametrize(
    ("users", "who", "in_"),
    [
        (("ann",), "ann", True), (("Ann",), "ann", True), (("ann",), "anna", False),
        (("@x.org",), "a@x.org", True), (("@x.org",), "a@y.x.org", False),
        (("@x.org",), "a@x.org.evil.example", False), (("@x.org",), "@x.org@evil", False),
        (("*",), "anyone", True), (("*",), None, False), (("*",), "", False), ((), "ann", False),
    ],
)  # fmt: skip
def test_whom_a_list_admits(users, who, in_):
    assert Access(oauth="github", users=users).admits(who) is in_
