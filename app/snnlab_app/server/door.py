"""HTTP security of the web server: logins, response headers, refused host names.

A proxy may have removed a path prefix from every address, so redirects and cookie paths are sent
relative to the current page instead of to the root of the host.
"""

import asyncio
import logging
import re
from functools import partial
from pathlib import Path

import panel as pn
from panel.auth import AUTH_PROVIDERS, BasicAuthProvider, BasicLoginHandler, OAuthProvider
from tornado.web import OutputTransform, RedirectHandler, RequestHandler

from snnlab.errors import SnnlabError
from snnlab_app.browser.leaving import Left
from snnlab_app.panel_fixes import LoadedComponents, add_handlers
from snnlab_app.server import passwords
from snnlab_app.server.access import ORIGIN, Access, derived

_log = logging.getLogger(__name__)

REFUSAL_SECONDS = 1.0
"""Seconds after which a wrong password is answered."""
ENTRANCE = str(Path(__file__).with_name("entrance.html"))
"""Login page; Panel's own one would load images and fonts from a CDN."""
WRONG = "Unknown name or wrong password."
SHUT = "Logins are not possible now: tell whoever runs this server."
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Referrer-Policy": "same-origin",
}


def login_options(access: Access) -> dict:
    """Arguments of ``panel.serve`` for logins, and for the headers of every answer."""
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
        pn.config.cookie_path = ""  # for cookies that Panel sets besides the login
        given |= {"auth_provider": _OAuth(), "cookie_path": ""}
    if access.passwords or access.oauth:
        given["cookie_secret"] = derived("logins").hex()
    return given


def known_only(server, names: list[str]) -> None:
    """Answer requests for these host names only.

    A foreign page can make its host name resolve to this machine (DNS rebinding); browser and
    Tornado then treat page and server as one origin.
    """
    known = "|".join(map(re.escape, names))
    add_handlers(server, rf"(?!(?:{known})$).*", [(r".*", _Stranger, {"names": names})])


def lead(server, root: str) -> None:
    """Redirect addresses with an extra trailing slash, or without the one of ``root``.

    From there, the relative links of a page would point elsewhere.
    """
    beside = [(rf"{root}(\w+)/", RedirectHandler, {"url": root + "{0}", "permanent": False})]
    if root != "/":
        given = {"url": root, "permanent": False}
        beside += [(path, RedirectHandler, given) for path in ("/", root[:-1])]
    add_handlers(server, ".*", beside)


def _authorized(access, user_info):
    return access.admits(pn.state.user)


def relative(target: str, path: str) -> str:
    """A relative path from one path of this server to another."""
    return "./" + "../" * (path.count("/") - 1) + target.lstrip("/")


class _Here:
    """Set a cookie for the folder of the current page, restricted to HTTPS if used."""

    def set_cookie(self, name, value, *arguments, **options):
        options |= {"path": None, "secure": self.request.protocol == "https"}
        super().set_cookie(name, value, *arguments, **options)


class _Entrance:
    """Panel's login and logout with our own pages."""

    def __init__(self):
        super().__init__(login_template=ENTRANCE, logout_template=ENTRANCE, error_template=ENTRANCE)

    @property
    def login_handler(self):
        return type("_Login", (_Here, super().login_handler), {})

    @property
    def logout_handler(self):
        return type("_Logout", (_Here, super().logout_handler), {})


class _OAuth(_Entrance, OAuthProvider):
    """Login through an OAuth provider."""


class _Passwords(_Entrance, BasicAuthProvider):
    """Login by password, checked against a file of hashes."""

    def __init__(self, file):
        self._file = file
        super().__init__()

    @property
    def login_handler(self):
        given = {"file": self._file, "page": self._login_template}
        return type("_Login", (_Login,), given)


class _Login(_Here, BasicLoginHandler):
    """Check a password outside the event loop, one at a time, as hashing is slow on purpose."""

    _turn = asyncio.Lock()

    def get(self):
        self._show("")

    async def post(self):
        name = self.get_argument("username", "")
        password = self.get_argument("password", "")
        try:
            async with self._turn:
                admitted = await asyncio.to_thread(passwords.admits, self.file, name, password)
        except SnnlabError as error:  # the file was removed or broken since the server began
            _log.error("%s", error)
            self.set_status(503)
            self._show(SHUT)
            return
        if admitted:
            self.set_current_user(name)
            asked = self.get_argument("next", "")
            known = asked and asked.isprintable()  # no header can have a line break
            self.redirect(relative(asked, self.request.path) if known else "./")
        else:
            await asyncio.sleep(REFUSAL_SECONDS)
            self.set_status(403)
            self._show(WRONG)

    def _show(self, trouble):
        self.set_header("Cache-Control", "no-store")
        self.write(self.page.render(login_endpoint=self._login_endpoint, errormessage=trouble))


class _Headers(OutputTransform):
    """Headers of every response."""

    def __init__(self, request):
        self._path = request.path

    def transform_first_chunk(self, status_code, headers, chunk, finishing):
        for name, value in HEADERS.items():
            headers[name] = value
        if (target := headers.get("Location", "")).startswith("/"):
            headers["Location"] = relative(target, self._path)
        return status_code, headers, chunk


class _Stranger(RequestHandler):
    """Handler of requests for a host name that is not the server's."""

    def initialize(self, names):
        self._names = " or ".join(names)

    def prepare(self):
        self.set_status(421)
        self.set_header("Content-Type", "text/plain")
        host = self.request.host.lower()
        shown = host if ORIGIN.fullmatch(host) else "HOST:PORT"
        self.finish(
            f"this snnlab answers as {self._names}: to have it answer under this address, start it"
            f" with --origin {shown}\n"
        )
