"""Visitors of the page without a browser: raw websocket clients that speak Bokeh's protocol.

A browser takes more of a small machine than the server does; thirty of these fit beside it. What
they measure ends when the server's answer has arrived, not when it has been drawn.
"""

from __future__ import annotations

import asyncio
import json
import re
import time
from collections.abc import Callable, Iterator
from html import unescape as html_unescape
from typing import Any
from uuid import uuid4

from tornado.httpclient import AsyncHTTPClient, HTTPRequest
from tornado.websocket import WebSocketClientConnection, websocket_connect

__all__ = ["Visitor"]

#: A document with its arrays, bytes.
LARGEST = 2**30
#: Seconds until an answer counts as missing.
PATIENCE = 300


class Visitor:
    """One user: the document as it was served, and every change the server sends since.

    Attributes
    ----------
    models : dict of str to dict
        Attributes of every model that was sent, by its id; changed as the server changes them.
    heard : list of (float, set of str)
        When each answer arrived (`time.perf_counter`), and the models that it changed.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._socket: WebSocketClientConnection
        self._reading: asyncio.Task[None]
        self._replies: dict[str, asyncio.Future[dict[str, Any]]] = {}
        self._changed = asyncio.Event()
        self.models: dict[str, dict[str, Any]] = {}
        self.heard: list[tuple[float, set[str]]] = []

    async def open(self) -> None:
        """Ask for the page and its document, and say that it is shown, as a browser does."""
        request = HTTPRequest(self._address, request_timeout=300, follow_redirects=True)
        answer = await AsyncHTTPClient().fetch(request)
        token = re.search(r'"token":"([^"]+)"', answer.body.decode())
        if token is None:
            raise RuntimeError(f"no page of Winnow at {self._address}")
        place = answer.effective_url.partition("?")[0].replace("http", "ws", 1) + "/ws"
        cookies = "; ".join(
            each.partition(";")[0] for each in answer.headers.get_list("Set-Cookie")
        )
        self._socket = await websocket_connect(
            HTTPRequest(place, headers={"Cookie": cookies} if cookies else {}),
            subprotocols=["bokeh", token.group(1)],
            max_message_size=LARGEST,
        )
        for _ in range(3):  # the server hears nothing before it has said that it listens
            await self._socket.read_message()
        self._reading = asyncio.create_task(self._read())
        reply = await self._ask("PULL-DOC-REQ", {})
        self._keep(reply["doc"])
        await self.tell({"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": _ready()})

    def close(self) -> None:
        """Leave, as a closed tab does."""
        self._reading.cancel()
        self._socket.close()

    def find(self, **wanted: Any) -> str:
        """Return the id of the first model with these attributes."""
        for name, attributes in self.models.items():
            if all(attributes.get(key) == value for key, value in wanted.items()):
                return name
        raise LookupError(f"no model with {wanted}")

    def has(self, **wanted: Any) -> bool:
        """Say whether there is a model with these attributes."""
        try:
            return bool(self.find(**wanted))
        except LookupError:
            return False

    def says(self, text: str) -> bool:
        """Say whether a part of the page has a text, as HTML."""
        texts = (attributes.get("text") for attributes in self.models.values())
        return any(text in html_unescape(each) for each in texts if isinstance(each, str))

    async def set(self, model: str, **attributes: Any) -> None:
        """Change a model, as a user's hand does."""
        self.models[model] |= attributes
        await self.tell(
            *(
                {"kind": "ModelChanged", "model": {"id": model}, "attr": name, "new": value}
                for name, value in attributes.items()
            )
        )

    async def tell(self, *events: dict[str, Any]) -> None:
        """Send changes and events, and wait until the server has taken them."""
        await self._ask("PATCH-DOC", {"events": list(events)})

    async def until(self, condition: Callable[[], bool], seconds: float = 120.0) -> None:
        """Wait until something holds for what the server has sent."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def _ask(self, kind: str, content: dict[str, Any]) -> dict[str, Any]:
        name = uuid4().hex
        self._replies[name] = asyncio.get_running_loop().create_future()
        for part in ({"msgid": name, "msgtype": kind}, {}, content):
            await self._socket.write_message(json.dumps(part))
        try:
            async with asyncio.timeout(PATIENCE):
                return await self._replies[name]
        finally:
            del self._replies[name]

    async def _read(self) -> None:
        while True:
            header = await self._frame()
            await self._frame()  # metadata
            content = await self._frame()
            for _ in range(2 * header.get("num_buffers", 0)):
                await self._socket.read_message()
            if header["msgtype"] == "PATCH-DOC":
                self.heard.append((time.perf_counter(), set(self._patch(content))))
                self._changed.set()
            waiting = self._replies.get(header.get("reqid", ""))
            if waiting is not None and not waiting.done():
                waiting.set_result(content)

    async def _frame(self) -> dict[str, Any]:
        frame = await self._socket.read_message()
        if frame is None:
            raise ConnectionError("the server has closed the connection")
        found: dict[str, Any] = json.loads(frame)
        return found

    def _patch(self, content: dict[str, Any]) -> Iterator[str]:
        for event in content["events"]:
            self._keep(event)
            name = (event.get("model") or {}).get("id")
            if event["kind"] in ("ModelChanged", "ColumnDataChanged"):
                self.models.setdefault(name, {})[event["attr"]] = event.get("new")
            if name:
                yield name

    def _keep(self, tree: Any) -> None:
        """Take note of the models in a document or a change."""
        waiting = [tree]
        while waiting:
            item = waiting.pop()
            if isinstance(item, dict):
                if item.get("type") == "object" and "id" in item:
                    self.models[item["id"]] = {
                        **item.get("attributes", {}),
                        "kind": item["name"],
                    }
                waiting.extend(reversed(item.values()))
            elif isinstance(item, list):
                waiting.extend(reversed(item))


def _ready() -> dict[str, Any]:
    return {"type": "event", "name": "document_ready", "values": {"type": "map"}}
