"""Addresses of the dashboard behind a proxy: relative, below a prefix, on no other site."""

import re
import urllib.error
import urllib.parse
import urllib.request
from contextlib import closing
from http.client import HTTPConnection

import pytest
from callers import NAME, PASSWORD, Visitor, guarded_server
from conftest import Server

from snnlab_app.server import door
from snnlab_app.server.access import Access


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    yield from guarded_server(tmp_path_factory.mktemp("door"))


@pytest.fixture(scope="module")
def prefixed(guarded):
    flags = ("--basic-auth", str(guarded.file), "--prefix", "/snnlab", "--admin")
    server = Server("--dataset", "digits", *flags)
    server.url += "snnlab/"
    yield server.wait()
    server.stop()


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
