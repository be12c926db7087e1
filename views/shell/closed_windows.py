"""Closed windows: what of a visitor's connection is no news to whoever runs the server.

Panel writes a message in several parts; once one of them fails, nobody awaits those before it, and
asyncio logs a traceback for each (docs/upstream.md). The administrator of a server is not to look
for a fault whenever somebody closes a tab. Neither for one whenever a theme gives a table its style
sheets: the browser sends them back whole, and Bokeh warns that it knows them (docs/upstream.md).
"""

from __future__ import annotations

import asyncio
import warnings
from typing import Any

from bokeh.util.warnings import BokehUserWarning
from tornado.websocket import WebSocketClosedError

__all__ = ["expect_closed_windows"]


def expect_closed_windows(loop: asyncio.AbstractEventLoop) -> None:
    """Log nothing for closed windows and known style sheets; everything else as before."""
    warnings.filterwarnings("ignore", "reference already known", BokehUserWarning)
    if loop.get_exception_handler() is None:
        loop.set_exception_handler(_handle)


def _handle(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    if not isinstance(context.get("exception"), WebSocketClosedError):
        loop.default_exception_handler(context)
