"""A reverse proxy of some sixty lines, as nginx and its like stand in front of a server."""

import asyncio
import shutil
import subprocess
from pathlib import Path
from threading import Thread

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from tornado.websocket import WebSocketHandler, websocket_connect

CONFIGURATION = Path(__file__).parents[3] / "deploy" / "nginx.conf"
HOP = {"connection", "content-length", "transfer-encoding", "date", "server", "keep-alive"}
"""Headers of one connection, which a proxy writes itself."""


class Proxy:
    """Passes on what is asked under ``prefix`` : cut off, or kept if ``keep`` is true.

    ``passed``: methods and paths as the server saw them; ``outside``: what was asked beside it.
    """

    def __init__(self, prefix: str, keep: bool = False):
        self.prefix, self.keep, self.target = prefix, keep, ""
        self.passed: list[tuple[str, str]] = []
        self.outside: list[str] = []
        (self._socket,) = bind_sockets(0, "127.0.0.1")
        self.port = self._socket.getsockname()[1]
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def upstream(self, handler) -> str:
        """Where a request goes on to, from the root of the server."""
        path = handler.request.uri
        path = path if self.keep else path.removeprefix(self.prefix)
        self.passed.append((handler.request.method, path))
        return self.target.rstrip("/") + path

    def close(self) -> None:
        """Let go of the port."""
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _run(self):
        asyncio.set_event_loop(self._loop)
        routes = [
            (rf"{self.prefix}/(?:.*/)?ws", _Socket, {"proxy": self}),
            (rf"{self.prefix}/.*", _Page, {"proxy": self}),
            (r".*", _Outside, {"proxy": self}),
        ]
        server = HTTPServer(Application(routes))
        server.add_socket(self._socket)
        self._loop.run_forever()
        server.stop()


class Nginx:
    """The real one, as ``deploy/nginx.conf`` sets it up, with other ports and no limit on logins.

    As :class:`Proxy`; it starts when it is given its target.
    """

    prefix, keep = "/snnlab", False

    def __init__(self, folder: Path, port: int):
        self.port, self._folder, self._process = port, folder, None

    @property
    def target(self) -> str:
        return ""

    @target.setter
    def target(self, url: str) -> None:
        site = CONFIGURATION.read_text("utf-8")
        for written, here in (
            ("listen 80;", f"listen 127.0.0.1:{self.port};"),
            ("http://snnlab:5006/", url), ("rate=10r/m", "rate=100r/s"),
        ):  # fmt: skip
            assert written in site
            site = site.replace(written, here)
        (self._folder / "nginx.conf").write_text(
            f"daemon off; pid {self._folder}/pid; error_log {self._folder}/error.log;\n"
            "events {}\nhttp {\nlog_format short '$request_method $request_uri';\n"
            f"access_log {self._folder}/access.log short;\n{site}\n}}\n"
        )
        command = [shutil.which("nginx"), "-p", self._folder, "-c", self._folder / "nginx.conf"]
        self._process = subprocess.Popen([*map(str, command)])

    @property
    def passed(self) -> list[tuple[str, str]]:
        lines = (self._folder / "access.log").read_text().splitlines()
        return [tuple(line.split(" ", 1)) for line in lines]

    @property
    def outside(self) -> list[str]:
        return [path for _, path in self.passed if not path.startswith(self.prefix)]

    def close(self) -> None:
        self._process.terminate()
        self._process.wait(30)


class _Page(RequestHandler):
    def initialize(self, proxy):
        self._proxy = proxy

    async def get(self):
        asked = self.request
        answer = await AsyncHTTPClient().fetch(
            HTTPRequest(
                self._proxy.upstream(self), method=asked.method, headers=asked.headers,
                body=asked.body or None, follow_redirects=False, allow_nonstandard_methods=True,
                request_timeout=60, decompress_response=False,
            ),
            raise_error=False,
        )  # fmt: skip
        self.set_status(answer.code, answer.reason)
        self.clear_header("Content-Type")
        for name, value in answer.headers.get_all():
            if name.lower() not in HOP:
                self.add_header(name, value)
        if answer.code not in (204, 304):
            self.write(answer.body)

    post = get


class _Socket(WebSocketHandler):
    def initialize(self, proxy):
        self._proxy, self._far = proxy, None

    def check_origin(self, origin):
        return True

    def select_subprotocol(self, subprotocols):
        return subprotocols[0]

    async def get(self):
        url = self._proxy.upstream(self).replace("http", "ws", 1)
        kept = ("Host", "Origin", "Cookie")
        headers = {n: self.request.headers[n] for n in kept if n in self.request.headers}
        spoken = self.request.headers["Sec-WebSocket-Protocol"].replace(" ", "").split(",")
        request = HTTPRequest(url, headers=headers)
        self._far = await websocket_connect(
            request, subprotocols=spoken, max_message_size=2**26,
            on_message_callback=self._back,
        )  # fmt: skip
        await super().get()

    def _back(self, message):
        if message is None:
            self.close()
        elif self.ws_connection is not None:
            self.write_message(message, binary=isinstance(message, bytes))

    def on_message(self, message):
        self._far.write_message(message, binary=isinstance(message, bytes))

    def on_close(self):
        self._far.close()


class _Outside(RequestHandler):
    def initialize(self, proxy):
        self._proxy = proxy

    def prepare(self):
        self._proxy.outside.append(self.request.uri)
        self.set_status(404)
        self.finish()
