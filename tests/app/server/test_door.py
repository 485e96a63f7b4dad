"""Who may come in: a real server on loopback, asked by a client that is no browser and may lie."""

import asyncio
import http.cookiejar
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
from functools import partial
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import pytest
from bokeh.server.util import create_hosts_allowlist
from conftest import Server, aside, until
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from snnlab.commands.main import main
from snnlab.errors import SnnlabError
from snnlab_app.browser import leaving
from snnlab_app.server import access, door, passwords
from snnlab_app.server.access import Access

NAME, PASSWORD = "alice", "six-bit weights"


@pytest.fixture(scope="module")
def plain():
    server = Server("--dataset", "digits").wait()
    yield server
    server.stop()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    file = tmp_path_factory.mktemp("door") / "passwords"
    passwords.keep(file, NAME, PASSWORD)
    server = Server("--dataset", "digits", "--basic-auth", str(file)).wait()
    server.file = file
    yield server
    server.stop()


@pytest.fixture(scope="module")
def prefixed(guarded):
    flags = ("--basic-auth", str(guarded.file), "--prefix", "/snnlab", "--admin")
    server = Server("--dataset", "digits", *flags)
    server.url += "snnlab/"
    yield server.wait()
    server.stop()


class Visitor:
    """A client with cookies."""

    def __init__(self, server):
        self.server, self.cookies = server, http.cookiejar.CookieJar()
        self._opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))

    def get(self, path="", **form):
        """Status, address in the end, headers and text."""
        data = urllib.parse.urlencode(form).encode() if form else None
        try:
            with self._opener.open(self.server.url + path, data, timeout=120) as answer:
                return (
                    answer.status,
                    answer.url,
                    answer.headers,
                    answer.read().decode(errors="replace"),
                )
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.url, error.headers, error.read().decode()

    def token(self):
        found = re.search(r'"token":"([^"]+)"', self.get()[3])
        return found and found[1]

    def first_word(self, token, origin=None, host=None):
        """The first thing a websocket hears: "ACK", or the reason why it hears nothing."""
        url = self.server.url.replace("http", "ws", 1) + "ws"
        headers = {"Cookie": "; ".join(f"{c.name}={c.value}" for c in self.cookies)}
        if origin:
            headers["Origin"] = origin
        if host:
            headers["Host"] = host

        async def ask():
            request = HTTPRequest(url, headers=headers)
            try:
                wire = await websocket_connect(request, subprotocols=["bokeh", token])
            except HTTPClientError as error:
                return error.code
            word = await asyncio.wait_for(wire.read_message(), 20)
            kind = "closed" if word is None else json.loads(word)["msgtype"]
            wire.close()
            while word is not None:
                word = await asyncio.wait_for(wire.read_message(), 20)
            return kind

        return aside(asyncio.run, ask())


# ── origin ──


def test_a_page_of_ours_may_connect(plain):
    visitor = Visitor(plain)
    origin = plain.url.rstrip("/")
    assert visitor.first_word(visitor.token(), origin) == "ACK"
    assert visitor.first_word(visitor.token(), origin.replace("127.0.0.1", "localhost")) == "ACK"


@pytest.mark.parametrize(
    "origin",
    ["http://evil.example", "https://127.0.0.1", "null", "http://127.0.0.1.evil.example:5006"],
)
def test_a_foreign_page_may_not(plain, origin):
    visitor = Visitor(plain)
    assert visitor.first_word(visitor.token(), origin) == 403


def test_the_log_says_which_flag_admits_a_page(plain):
    """Bokeh alone would name a flag of its own."""
    Visitor(plain).first_word("token", "https://lab.school.example:8443")
    assert "start the server with --origin lab.school.example:8443\n" in plain.printed()
    assert "--allow-websocket-origin" not in plain.printed()


def test_a_name_made_to_mean_this_machine_is_foreign_too(plain):
    """DNS rebinding: the browser believes that page and server are of one origin."""
    visitor = Visitor(plain)
    port = plain.url.rsplit(":", 1)[1].strip("/")
    host = f"evil.example:{port}"
    assert visitor.first_word(visitor.token(), f"http://{host}", host) == 421
    for path in ("", "autoload.js?bokeh-autoload-element=x", "static/js/bokeh.min.js"):
        request = urllib.request.Request(plain.url + path, headers={"Host": host})
        with pytest.raises(urllib.error.HTTPError, match="421") as refused:
            urllib.request.urlopen(request, timeout=120)
        assert f"--origin {host}\n" in refused.value.read().decode()
        refused.value.close()


def test_a_tunnel_may_end_at_another_port(plain):
    visitor = Visitor(plain)
    assert visitor.first_word(visitor.token(), "http://localhost:8080", "localhost:8080") == "ACK"
    assert visitor.first_word(visitor.token(), "http://localhost:8080") == 403


def test_a_token_must_be_one_that_the_server_signed(plain):
    from bokeh.util.token import generate_jwt_token, generate_session_id

    visitor = Visitor(plain)
    made_up = generate_jwt_token(generate_session_id(signed=False), signed=False)
    assert visitor.first_word(made_up, plain.url.rstrip("/")) in (403, "closed")


# ── answers ──


@pytest.mark.parametrize("path", ["", "static/js/bokeh.min.js", "nothing", "favicon.ico"])
def test_every_answer_has_the_headers(plain, path):
    _, _, headers, _ = Visitor(plain).get(path)
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "frame-ancestors 'self'"


def test_components_hand_out_files_and_import_nothing(plain):
    """Panel's own handler imports any module that the address names."""
    status, *_, text = Visitor(plain).get("components/this/x/_css/y")
    assert status == 404
    assert "Zen" not in plain.printed(), text
    status, *_ = Visitor(plain).get("components/os/x/_css/../../etc/passwd")
    assert status in (403, 404)


@pytest.mark.parametrize("word", [b"", b"nobody's", b"\xff" * 9, b"x" * 100_000])
def test_a_goodbye_that_is_nobodys_is_answered_like_any(plain, word):
    with urllib.request.urlopen(plain.url + "left", data=word, timeout=120) as answer:
        assert (answer.status, answer.read()) == (204, b"")


def test_a_goodbye_is_obeyed_once_and_only_whose_it_is():
    heard = []
    first, second, third = (leaving.expect(partial(heard.append, k)) for k in range(3))
    leaving.forget(third)
    for word in (first, first, third, "", second[:-1]):
        leaving.said(word)
    assert heard == [0]
    leaving.said(second)
    assert heard == [0, 1]


@pytest.mark.parametrize(
    "path",
    ["static/../../../../etc/passwd", "static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
     "static/extensions/panel/../../../../../etc/passwd", "static//etc/passwd"],
)  # fmt: skip
def test_no_file_outside_is_served(plain, path):
    status, *_, text = Visitor(plain).get(path)
    assert status in (400, 403, 404)
    assert "root:" not in text


def test_a_body_without_end_is_refused(guarded):
    address = urllib.parse.urlsplit(guarded.url)
    with closing(HTTPConnection(address.hostname, address.port, timeout=120)) as connection:
        connection.putrequest("POST", "/login")
        connection.putheader("Content-Length", str(10**9))
        connection.endheaders()
        assert connection.getresponse().status in (400, 413)
    assert Visitor(guarded).get()[0] == 200


# ── behind a proxy ──


def ask(server, path, form=None, **headers):
    """Status, headers and text of one answer, which is not followed elsewhere."""
    address = urllib.parse.urlsplit(server.url)
    with closing(HTTPConnection(address.hostname, address.port, timeout=30)) as connection:
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        body = form and urllib.parse.urlencode(form)
        connection.request("POST" if form else "GET", path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode(errors="replace")


@pytest.mark.parametrize(
    ("asked", "sent_to"),
    [
        ("", "./"), ("?next=%2F", "./"), ("?next=%2Fwatch%3Fof%3Dx", "./watch?of=x"),
        ("?next=%2F%2Fevil.example", "./evil.example"),
        ("?next=http%3A%2F%2Fevil.example%2F", "./http://evil.example/"),
        ("?next=%2F%5Cevil.example", "./\\evil.example"),
    ],
)  # fmt: skip
def test_a_login_leads_to_a_place_beside_it(guarded, asked, sent_to):
    """Whatever a proxy cut off before it; and to no other site, whoever made the link."""
    form = {"username": NAME, "password": PASSWORD}
    status, headers, _ = ask(guarded, f"/login{asked}", form)
    assert (status, headers["Location"]) == (302, sent_to)


@pytest.mark.parametrize(
    ("path", "sent_to"),
    [("/", "./login"), ("/watch?of=x", "./login"), ("/metadata", "./login"),
     ("/watch/metadata", "./../login")],
)  # fmt: skip
def test_the_way_to_the_login_is_relative(guarded, path, sent_to):
    status, headers, _ = ask(guarded, path)
    assert (status, headers["Location"].partition("?")[0]) == (302, sent_to)


@pytest.mark.parametrize(
    ("path", "sent_to"),
    [("/", "/snnlab/"), ("/snnlab", "/snnlab/"), ("/snnlab?v=1", "/snnlab/?v=1"),
     ("/snnlab/watch/?of=x", "/snnlab/watch?of=x"), ("/snnlab/login/", "/snnlab/login")],
)  # fmt: skip
def test_who_is_beside_an_address_is_led_to_it(prefixed, path, sent_to):
    status, headers, _ = ask(prefixed, path)
    assert status == 302
    assert headers["Location"].startswith("./")
    assert urllib.parse.urljoin(path, headers["Location"]) == sent_to


def test_with_a_prefix_the_dashboard_is_below_it_alone(prefixed):
    for path in ("/login", "/ws", "/static/js/bokeh.min.js", "/left", "/snnlabs/"):
        assert ask(prefixed, path)[0] == 404
    form = {"username": NAME, "password": PASSWORD}
    status, headers, _ = ask(prefixed, "/snnlab/login", form)
    assert (status, headers["Location"]) == (302, "./")
    status, headers, _ = ask(prefixed, "/snnlab/login?next=%2Fsnnlab%2Fwatch%3Fof%3Dx", form)
    assert urllib.parse.urljoin("/snnlab/login", headers["Location"]) == "/snnlab/watch?of=x"
    assert "/snnlab/admin?key=" in prefixed.printed()


@pytest.mark.parametrize(("scheme", "secure"), [("http", False), ("https", True)])
def test_cookies_are_for_the_path_of_the_dashboard(guarded, scheme, secure):
    """As the browser sees it: other users' servers on the same host, as on a hub, get none."""
    form = {"username": NAME, "password": PASSWORD}
    for answer in (
        ask(guarded, "/login", form, **{"X-Forwarded-Proto": scheme}),
        ask(guarded, "/logout", **{"X-Forwarded-Proto": scheme}),
    ):
        cookies = answer[1].get_all("Set-Cookie")
        assert any(cookie.startswith("user=") for cookie in cookies)
        assert not any("path" in cookie.lower() for cookie in cookies)
        assert all(("; secure" in cookie.lower()) is secure for cookie in cookies)


def test_no_page_asks_another_site_for_anything(guarded):
    visitor = Visitor(guarded)
    form = {"username": NAME, "password": "wrong"}
    texts = [ask(guarded, "/login")[2], ask(guarded, "/login", form)[2]]
    texts += [ask(guarded, path)[2] for path in ("/nothing", "/logout", "/autoload.js", "/login/")]
    visitor.get("login", username=NAME, password=PASSWORD)
    texts += [visitor.get(path)[3] for path in ("", "watch?of=x", "nothing", "metadata")]
    for text in texts:
        assert not re.search(r"""(src|href|action|url)\s*[=(]\s*["']?(https?:)?//""", text), text
        assert not re.search(r"""(src|href|action)=["']?/""", text), "it would miss a prefix"


def test_the_right_way_in_is_asked_for_again_after_a_wrong_password(guarded):
    form = {"username": NAME, "password": "wrong"}
    status, _, text = ask(guarded, "/login?next=%2Fwatch%3Fof%3Dx", form)
    assert (status, door.WRONG in text, '<form method="post">' in text) == (403, True, True)


@pytest.mark.parametrize(
    ("target", "path", "seen"),
    [
        ("/", "/", "./"), ("/", "/login", "./"), ("/watch?of=x", "/login", "./watch?of=x"),
        ("/login", "/watch/metadata", "./../login"), ("/snnlab/", "/snnlab", "./snnlab/"),
        ("/a:b", "/c", "./a:b"), ("/snnlab/", "/snnlab/login", "./../snnlab/"),
    ],
)  # fmt: skip
def test_a_path_as_it_is_seen_from_another(target, path, seen):
    assert door.relative(target, path) == seen
    for cut in ("", "/user/ann/proxy/5006"):
        there = urllib.parse.urljoin(f"http://host{cut}{path}", seen)
        assert there == f"http://host{cut}{target}"


@pytest.mark.parametrize(
    ("given", "root"),
    [("", "/"), ("/", "/"), ("snnlab", "/snnlab/"), ("/snnlab", "/snnlab/"),
     ("/user/a@b.c/proxy/absolute/5006/", "/user/a@b.c/proxy/absolute/5006/")],
)  # fmt: skip
def test_a_prefix_may_be_written_with_or_without_slashes(given, root):
    given = Access(prefix=given)
    given.check("127.0.0.1")
    assert given.root == root


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


# ── what is refused before anything starts ──


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--address", "0.0.0.0"], "--basic-auth FILE"),
        (["--address", "::"], "--basic-auth FILE"),
        (["--address", "192.0.2.7"], "--no-login if that is meant"),
        (["--address", "0.0.0.0", "--no-login"], "--origin HOST:PORT"),
        (["--origin", "*"], "give a host name"),
        (["--origin", "a.*.example"], "give a host name"),
        (["--origin", "a:b"], "give a host name"),
        (["--origin", ""], "give a host name"),
        (["--origin", "http://x"], "give a host name"),
        (["--prefix", "C:/Program Files/snnlab"], "give the path that the proxy passes on"),
        (["--prefix", "/a//b"], "give the path that the proxy passes on"),
        (["--prefix", "https://x/snnlab"], "give the path that the proxy passes on"),
        (["--prefix", "/(a+)+"], "give the path that the proxy passes on"),
        (["--basic-auth", "missing"], "snnlab password missing NAME"),
        (["--oauth", "github"], "PANEL_OAUTH_KEY and PANEL_OAUTH_SECRET"),
    ],
)
def test_an_open_door_needs_a_word(capsys, monkeypatch, tmp_path, flags, said):
    monkeypatch.chdir(tmp_path)
    for name in ("PANEL_OAUTH_KEY", "PANEL_OAUTH_SECRET"):
        monkeypatch.delenv(name, raising=False)
    assert main(["app", *flags]) == 2
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.err.count("\n") == 1


def test_oauth_needs_to_know_whom(monkeypatch):
    for name in ("PANEL_OAUTH_KEY", "PANEL_OAUTH_SECRET"):
        monkeypatch.setenv(name, "x")
    with pytest.raises(SnnlabError, match="everyone with an account"):
        Access(oauth="github").check("127.0.0.1")
    with pytest.raises(SnnlabError, match="choose one of"):
        Access(oauth="nobody", users=("a",)).options("127.0.0.1", 5006)


@pytest.mark.parametrize("address", ["127.0.0.1", "127.9.9.9", "localhost", "::1"])
def test_loopback_needs_nothing(address):
    Access().check(address)
    assert Access(origins=("Lab.example:8443", "x.example")).hosts(address)[-2:] == [
        "lab.example", "x.example",
    ]  # fmt: skip
    hosts = Access().options(address, 5006)["websocket_origin"]
    assert "127.0.0.1:5006" in create_hosts_allowlist(hosts, 5006)
    assert {"localhost", "127.0.0.1"} <= {*Access().hosts(address)}
    assert "*" not in "".join(hosts)
