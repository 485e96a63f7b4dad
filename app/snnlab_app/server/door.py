"""The door of the web server: logins, headers of every answer, and what is not handed out.

A proxy may have cut a path off the front of every address, so none is sent back that begins at the
root of the host, nor a cookie for all of it: a browser reckons both from where it is.
"""

import asyncio
import re
from functools import partial
from pathlib import Path

import panel as pn
from panel.auth import AUTH_PROVIDERS, BasicAuthProvider, BasicLoginHandler, OAuthProvider
from tornado.web import OutputTransform, RedirectHandler, RequestHandler

from snnlab.errors import SnnlabError
from snnlab_app.browser.leaving import Left
from snnlab_app.panel_fixes import LoadedComponents, add_handlers
from snnlab_app.server import access as access_
from snnlab_app.server import passwords

REFUSAL_SECONDS = 1.0
"""Seconds after which a wrong password is answered."""
ENTRANCE = str(Path(__file__).with_name("entrance.html"))
"""Panel's own pages for logging in would load their pictures and letters from elsewhere."""
WRONG = "Unknown name or wrong password."
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Referrer-Policy": "same-origin",
}


def options(access) -> dict:
    """What ``panel.serve`` needs for this :class:`~snnlab_app.server.access.Access`."""
    given = {
        "transforms": [_Headers],
        "extra_patterns": [(r"/components/(.*)", LoadedComponents), (r"/left", Left)],
    }
    if access.passwords:
        given["auth_provider"] = _Passwords(access.passwords)
    if access.oauth:
        if access.oauth not in AUTH_PROVIDERS:
            known = ", ".join(sorted(set(AUTH_PROVIDERS) - {"basic"}))
            raise SnnlabError(f"no OAuth provider {access.oauth!r}: choose one of {known}")
        pn.config.oauth_provider, pn.config.auth_template = access.oauth, ENTRANCE
        pn.config.authorize_callback = partial(_authorized, access)
        pn.config.cookie_path = ""  # of cookies that Panel sets again beside the login
        given |= {"auth_provider": _OAuth(), "cookie_path": ""}
    if access.passwords or access.oauth:
        given["cookie_secret"] = access_.derived("logins").hex()
    return given


def known_only(server, names: list[str]) -> None:
    """Answer under these names only.

    A page elsewhere can have its name mean this machine ("DNS rebinding"); to the browser, and to
    Tornado, page and server are of one origin then.
    """
    known = "|".join(map(re.escape, names))
    add_handlers(server, rf"(?!(?:{known})$).*", [(r".*", _Stranger, {"names": names})])


def lead(server, root: str) -> None:
    """Send who is beside an address to it: a slash too many, or the one of ``root`` left out.

    From there, all that a page names relative to itself would be somewhere else.
    """
    beside = [(rf"{root}(\w+)/", RedirectHandler, {"url": root + "{0}", "permanent": False})]
    if root != "/":
        given = {"url": root, "permanent": False}
        beside += [(path, RedirectHandler, given) for path in ("/", root[:-1])]
    add_handlers(server, ".*", beside)


def _authorized(access, user_info):
    return access.admits(pn.state.user)


def relative(target: str, path: str) -> str:
    """A path of this server as it is reached from another; both as the server sees them."""
    return "./" + "../" * (path.count("/") - 1) + target.lstrip("/")


class _Here:
    """Cookies for what lies beside the page that sets them; kept to HTTPS if that came by it."""

    def set_cookie(self, name, value, *arguments, **options):
        options |= {"path": None, "secure": self.request.protocol == "https"}
        super().set_cookie(name, value, *arguments, **options)


class _Entrance:
    """Panel's login and logout with pages of our own."""

    def __init__(self):
        super().__init__(login_template=ENTRANCE, logout_template=ENTRANCE, error_template=ENTRANCE)

    @property
    def login_handler(self):
        return type("_Login", (_Here, super().login_handler), {})

    @property
    def logout_handler(self):
        return type("_Logout", (_Here, super().logout_handler), {})


class _OAuth(_Entrance, OAuthProvider):
    """Log in by an account at another site."""


class _Passwords(_Entrance, BasicAuthProvider):
    """Log in by a password, checked against a file of hashes."""

    def __init__(self, file):
        self._file = file
        super().__init__()

    @property
    def login_handler(self):
        given = {"file": self._file, "page": self._login_template}
        return type("_Login", (_Login,), given)


class _Login(_Here, BasicLoginHandler):
    """Hashing takes a while on purpose: beside the page's loop, one at a time."""

    _turn = asyncio.Lock()

    def get(self):
        self._show("")

    async def post(self):
        name = self.get_argument("username", "")
        password = self.get_argument("password", "")
        async with self._turn:
            admitted = await asyncio.to_thread(passwords.admits, self.file, name, password)
        if admitted:
            self.set_current_user(name)
            asked = self.get_argument("next", "")
            self.redirect(relative(asked, self.request.path) if asked else "./")
        else:
            await asyncio.sleep(REFUSAL_SECONDS)
            self.set_status(403)
            self._show(WRONG)

    def _show(self, trouble):
        self.set_header("Cache-Control", "no-store")
        self.write(self.page.render(login_endpoint=self._login_endpoint, errormessage=trouble))


class _Headers(OutputTransform):
    """Headers that every answer has."""

    def __init__(self, request):
        self._path = request.path

    def transform_first_chunk(self, status_code, headers, chunk, finishing):
        for name, value in HEADERS.items():
            headers[name] = value
        if (target := headers.get("Location", "")).startswith("/"):
            headers["Location"] = relative(target, self._path)
        return status_code, headers, chunk


class _Stranger(RequestHandler):
    """Whatever is asked under a name that is not the server's."""

    def initialize(self, names):
        self._names = " or ".join(names)

    def prepare(self):
        self.set_status(421)
        self.set_header("Content-Type", "text/plain")
        host = self.request.host.lower()
        shown = host if access_.ORIGIN.fullmatch(host) else "HOST:PORT"
        self.finish(
            f"this snnlab answers as {self._names}: to have it answer under this address, start it"
            f" with --origin {shown}\n"
        )
