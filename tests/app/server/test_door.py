"""Who may connect: a real server on loopback, its answers, and the flags that open it."""

import urllib.error
import urllib.parse
import urllib.request
from functools import partial

import pytest
from bokeh.server.util import create_hosts_allowlist
from callers import Visitor
from conftest import Server

from snnlab.commands.main import main
from snnlab.errors import SnnlabError
from snnlab_app.browser import leaving
from snnlab_app.server.access import Access
from snnlab_app.server.door import login_options


@pytest.fixture(scope="module")
def plain():
    server = Server("--dataset", "digits").wait()
    yield server
    server.stop()


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


@pytest.mark.parametrize(
    "word", [b"", b"nobody's", b"left", b"left nobody's", b"\xff" * 9, b"x" * 100_000]
)
def test_a_goodbye_that_is_nobodys_is_answered_like_any(plain, word):
    with urllib.request.urlopen(plain.url + "left", data=word, timeout=120) as answer:
        assert (answer.status, answer.read()) == (204, b"")


class Tab:
    """Writes down what its visit hears."""

    def __init__(self):
        self.heard = []
        self.leaves, self.stays, self.left = (
            partial(self.heard.append, what) for what in ("leaves", "stays", "left")
        )


def test_a_goodbye_is_obeyed_once_and_only_whose_it_is():
    tabs = [Tab() for _ in range(3)]
    first, second, third = (leaving.expect(tab) for tab in tabs)
    leaving.forget(third)
    for word in (first, first, third, "", second[:-1]):
        leaving.said("left", word)
    assert [tab.heard for tab in tabs] == [["left"], [], []]
    for what in ("leaves", "stays", "leaves", "is here", "", "left", "leaves"):
        leaving.said(what, second)
    assert [tab.heard for tab in tabs] == [["left"], ["leaves", "stays", "leaves", "left"], []]


@pytest.mark.parametrize(
    "path",
    ["static/../../../../etc/passwd", "static/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
     "static/extensions/panel/../../../../../etc/passwd", "static//etc/passwd"],
)  # fmt: skip
def test_no_file_outside_is_served(plain, path):
    status, *_, text = Visitor(plain).get(path)
    assert status in (400, 403, 404)
    assert "root:" not in text


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
        login_options(Access(oauth="nobody", users=("a",)))


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
