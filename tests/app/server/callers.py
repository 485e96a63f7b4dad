"""A client of the dashboard that is no browser and may lie, and a server with a password."""

import asyncio
import http.cookiejar
import json
import re
import urllib.error
import urllib.parse
import urllib.request

from conftest import Server, aside
from tornado.httpclient import HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

from snnlab_app.server import passwords

NAME, PASSWORD = "alice", "six-bit weights"


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


def guarded_server(folder):
    """For a fixture: a server that admits NAME with PASSWORD; its passwords are in ``folder``."""
    file = folder / "passwords"
    passwords.keep(file, NAME, PASSWORD)
    server = Server("--dataset", "digits", "--basic-auth", str(file)).wait()
    server.file = file
    yield server
    server.stop()
