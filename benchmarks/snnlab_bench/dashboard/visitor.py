"""A visitor without a browser: a client of the dashboard's protocol that draws nothing.

Many of them run on one machine without slowing down the server.
"""

import asyncio
import json
import re
from contextlib import suppress
from html import unescape
from time import monotonic
from uuid import uuid4

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClosedError, websocket_connect

DRAWING = 0.03
"""Time that a browser takes to draw an update : s."""
STEP = re.compile(r"(\w+): step ([\d,]*\d)")


class Visitor:
    """One page. ``updates`` : arrival times of plots; ``step`` : the step it shows."""

    def __init__(self, url: str):
        self._url = url
        self.updates: list[float] = []
        self.step, self.lost = 0, False
        self._said: set[str] = set()
        self._link = ""
        self._labels: dict[str, str] = {}
        self._changed, self._speaking = asyncio.Event(), asyncio.Lock()

    async def come(self) -> "Visitor":
        """Open the page and listen for its updates."""
        page = await AsyncHTTPClient().fetch(self._url, request_timeout=120)
        token = re.search(r'"token":"([^"]+)"', page.body.decode())[1]
        server, _, place = self._url.removeprefix("http://").partition("/")
        path = place.partition("?")[0]
        address = f"ws://{server}/{path}/ws" if path else f"ws://{server}/ws"
        request = HTTPRequest(
            address,
            headers={"Origin": f"http://{server}"},
            connect_timeout=120,
            request_timeout=120,
        )
        self._socket = await websocket_connect(
            request, subprotocols=["bokeh", token], max_message_size=2**26
        )
        loop = asyncio.get_running_loop()
        self._replies = {kind: loop.create_future() for kind in ("ACK", "PULL-DOC-REPLY")}
        self._task = asyncio.create_task(self._listen())
        await self._reply("ACK")
        await self._say("PULL-DOC-REQ", {})
        self._find((await self._reply("PULL-DOC-REPLY"))["doc"])
        for name, values in (
            ("data_event", [["model", {"id": self._bridge}], ["data", "here"]]),
            ("document_ready", []),
        ):
            await self._event(name, values)
        return self

    async def click(self, label: str, then: str) -> float:
        """Click a button; returns the time until its label is ``then`` : s."""
        button, start = self._button(label), monotonic()
        await self._press(button)
        while self._labels[button] != then:
            self._changed.clear()
            await self._changed.wait()
        return monotonic() - start

    async def let_watch(self) -> str:
        """Choose "Share live view" in the menu; returns the address for watchers."""
        labels = [entry["label"] for entry in self._entries]
        click = {"type": "map", "entries": [
            ["type", "click"], ["item", labels.index("Share live view")],
        ]}  # fmt: skip
        await self._event("data_event", [["model", {"id": self._menu}], ["data", click]])
        while not self._link:
            self._changed.clear()
            await self._changed.wait()
        return self._url + self._link

    def _button(self, label):
        return next(button for button, name in self._labels.items() if name == label)

    async def _press(self, button):
        target = self._buttons[button]
        await self._event("dom_event", [["model", {"id": target}], ["node", "click"], ["data", {}]])

    async def until(self, said: str) -> None:
        """Wait until the page has shown a status that starts with ``said``."""
        while not any(text.startswith(said) for text in self._said):
            self._changed.clear()
            await self._changed.wait()

    async def leave(self) -> None:
        """Close the page."""
        server = self._url.partition("//")[2].partition("/")[0]
        await AsyncHTTPClient().fetch(f"http://{server}/left", method="POST", body=self._goodbye)
        self._task.cancel()
        self._socket.close()

    # ── the protocol ──

    async def _reply(self, kind):
        return await asyncio.wait_for(self._replies[kind], 120)

    async def _say(self, kind, content):
        async with self._speaking:  # one message at a time
            for part in ({"msgid": uuid4().hex, "msgtype": kind}, {}, content):
                await self._socket.write_message(json.dumps(part))

    async def _event(self, name, values):
        data = {"type": "event", "name": name, "values": {"type": "map", "entries": values}}
        sent = {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": data}
        with suppress(WebSocketClosedError):  # the listener notices that the page is lost
            await self._say("PATCH-DOC", {"events": [sent]})

    async def _listen(self):
        while True:
            text = await self._socket.read_message()
            if text is None:
                self.lost = True
                self._changed.set()
                return
            header = json.loads(text)
            await self._socket.read_message()
            content = await self._socket.read_message()
            for _ in range(2 * header.get("num_buffers", 0)):
                await self._socket.read_message()
            if header["msgtype"] in self._replies:
                self._replies[header["msgtype"]].set_result(json.loads(content))
            elif header["msgtype"] == "PATCH-DOC":
                self._patched(json.loads(content)["events"])

    def _patched(self, events):
        for event in events:
            attribute, new = event.get("attr"), event.get("new")
            if attribute == "text" and event["model"]["id"] == self._data:
                self._link = new
            elif attribute == "text":
                self._note(new)
            elif attribute == "label" and event["model"]["id"] in self._labels:
                self._labels[event["model"]["id"]] = new
            elif attribute == "sent":
                self.updates.append(monotonic())
                asyncio.get_running_loop().call_later(DRAWING, self._drawn, new)
        self._changed.set()

    def _note(self, html):
        if not isinstance(html, str) or len(html) > 300:
            return  # no status
        text = unescape(re.sub("<[^>]*>", "", unescape(html))).strip()
        self._said.add(text[:40])
        if progress := STEP.match(text):
            self.step = int(progress[2].replace(",", ""))

    def _drawn(self, number):
        if not self.lost:
            drawn = [["model", {"id": self._bridge}], ["data", ["drawn", number, DRAWING]]]
            self._answer = asyncio.ensure_future(self._event("data_event", drawn))

    def _find(self, document):
        """Find the bridge and the buttons among the page's models, and note its texts."""
        self._buttons = {}
        for model in _models(document):
            self._note(model["attributes"].get("text"))
            kind, data = model["attributes"].get("class_name"), model["attributes"].get("data")
            if kind == "Bridge":
                self._bridge, self._data = model["id"], data["id"]
                self._goodbye = data["attributes"]["goodbye"]
            elif kind == "MenuButton":
                entries = _plain(data["attributes"].get("items", []))
                if any(entry.get("label") == "Share live view" for entry in entries):
                    self._menu, self._entries = model["id"], entries
            elif kind == "Button":
                self._labels[data["id"]] = data["attributes"].get("label")
                self._buttons[data["id"]] = model["id"]


def _models(part):
    """All models of a document as JSON, at any depth."""
    if isinstance(part, dict):
        if "id" in part and "attributes" in part:
            yield part
        part = list(part.values())
    if isinstance(part, list):
        for each in part:
            yield from _models(each)


def _plain(entries):
    """A list of dictionaries as Python has them, from the form in which a document carries them."""
    return [dict(entry["entries"]) if isinstance(entry, dict) else {} for entry in entries]
