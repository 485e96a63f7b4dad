"""The door of the web server: logins, headers of every answer, and what is not handed out."""

import asyncio
import re
import sys
from functools import partial

import panel as pn
from panel.auth import AUTH_PROVIDERS, BasicAuthProvider, BasicLoginHandler
from panel.io.server import ComponentResourceHandler
from tornado.web import HTTPError, OutputTransform, RequestHandler

from snnlab.errors import SnnlabError
from snnlab_app import access as access_
from snnlab_app import passwords
from snnlab_app.leaving import Left

SLOW_DOWN = 1.0
"""Seconds after which a wrong password is answered."""
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "frame-ancestors 'self'",
    "Referrer-Policy": "same-origin",
}


def options(access) -> dict:
    """What ``panel.serve`` needs for this :class:`~snnlab_app.access.Access`."""
    given = {
        "transforms": [_Headers],
        "extra_patterns": [(r"/components/(.*)", _Known), (r"/left", Left)],
    }
    if access.passwords:
        given |= {"auth_provider": _Passwords(access.passwords)}
    if access.oauth:
        if access.oauth not in AUTH_PROVIDERS:
            known = ", ".join(sorted(set(AUTH_PROVIDERS) - {"basic"}))
            raise SnnlabError(f"no OAuth provider {access.oauth!r}: choose one of {known}")
        pn.config.authorize_callback = partial(_authorized, access)
        given |= {"oauth_provider": access.oauth}
    if access.passwords or access.oauth:
        given["cookie_secret"] = access_.derived("logins").hex()
    return given


def known_only(server, names: list[str]) -> None:
    """Answer under these names only.

    A page elsewhere can have its name mean this machine ("DNS rebinding"); to the browser, and to
    Tornado, page and server are of one origin then.
    """
    known = "|".join(map(re.escape, names))
    server._tornado.add_handlers(rf"(?!(?:{known})$).*", [(r".*", _Stranger, {"names": names})])


def _authorized(access, user_info):
    return access.admits(pn.state.user)


class _Passwords(BasicAuthProvider):
    """Panel's page for logging in, over a file of hashes."""

    def __init__(self, file):
        self._file = file
        super().__init__()

    @property
    def login_handler(self):
        return type("_Login", (_Login,), {"file": self._file})


class _Login(BasicLoginHandler):
    """Hashing takes a while on purpose: beside the page's loop, one at a time."""

    _turn = asyncio.Lock()

    async def post(self):
        name = self.get_argument("username", "")
        password = self.get_argument("password", "")
        async with self._turn:
            admitted = await asyncio.to_thread(passwords.admits, self.file, name, password)
        if not admitted:
            await asyncio.sleep(SLOW_DOWN)
        self._validate = lambda *_: admitted
        super().post()


class _Headers(OutputTransform):
    """Headers that every answer has."""

    def transform_first_chunk(self, status_code, headers, chunk, finishing):
        for name, value in HEADERS.items():
            headers[name] = value
        return status_code, headers, chunk


class _Stranger(RequestHandler):
    """Whatever is asked under a name that is not the server's."""

    def initialize(self, names):
        self._names = " or ".join(names)

    def prepare(self):
        self.set_status(421)
        self.set_header("Content-Type", "text/plain")
        self.finish(
            f"snnlab goes by {self._names} only; another name is told to it with --origin\n"
        )


class _Known(ComponentResourceHandler):
    """Files of components. Panel's own would import any module that an address names."""

    def parse_url_path(self, path):
        if path.split("/")[0] not in sys.modules:
            raise HTTPError(404, "Module not found")
        return super().parse_url_path(path)
