"""Closed windows: a message that could not be sent since its window was closed is no error.

Panel writes a message in several parts; once one of them fails, nobody awaits those before it, and
asyncio logs a traceback for each (docs/upstream.md). The administrator of a server is not to look
for a fault whenever somebody closes a tab.
"""

from __future__ import annotations

import asyncio
from typing import Any

from tornado.websocket import WebSocketClosedError

__all__ = ["expect_closed_windows"]


def expect_closed_windows(loop: asyncio.AbstractEventLoop) -> None:
    """Log nothing for closed windows; everything else as before."""
    if loop.get_exception_handler() is None:
        loop.set_exception_handler(_handle)


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), WebSocketClosedError):
        loop.default_exception_handler(context)
