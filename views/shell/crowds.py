"""Crowds: connections that ask for nothing take nobody's place, and refused messages fill no log.

Whoever reaches the port can connect to it, token or not. Tornado waits an hour for what such a
connection asks, and once no more files can be opened it tries to accept the next one without end,
with a traceback in the log each time. Bokeh writes a message that it cannot use into the log whole.
"""

from __future__ import annotations

import logging
import time
import traceback
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from tornado.httpserver import HTTPServer
from tornado.iostream import IOStream

try:
    import resource
except ImportError:  # Windows, whose sockets are no files
    resource = None  # type: ignore[assignment]

__all__ = ["expect_crowds"]

_LOG = logging.getLogger(__name__)
#: Seconds that a request, or its body, may take to arrive.
PATIENCE = 60.0
#: Files that the server wants to be able to open, sockets among them, and those kept for its work.
FILES, KEPT = 8192, 96
#: Characters of a message that are logged.
LONGEST = 200
#: Where errors are ours, and their traceback is wanted.
_OURS = tuple(str(Path(__file__).resolve().parents[2] / name) for name in ("views", "analytics"))


@cache
def expect_crowds() -> None:
    """Limit how long and how many connections wait, and what is logged of refused messages."""
    _allow_files()
    _limit_connections()
    logging.getLogger("bokeh.server.protocol_handler").addFilter(_shortly)


def _allow_files() -> None:
    if resource is not None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        most = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
        with suppress(ValueError, OSError):
            if soft != resource.RLIM_INFINITY and soft < most:
                resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


def _limit_connections() -> None:
    take, told = HTTPServer.handle_stream, [0.0]
    streams: WeakKeyDictionary[IOStream, None] = WeakKeyDictionary()  # the oldest first

    def handle_stream(server: HTTPServer, stream: IOStream, address: Any) -> None:
        about = server.conn_params
        about.header_timeout = min(about.header_timeout or PATIENCE, PATIENCE)
        about.body_timeout = min(about.body_timeout or PATIENCE, PATIENCE)
        if _is_last(stream):
            _close_oldest(server, streams)
            if time.monotonic() - told[0] > PATIENCE:
                told[0] = time.monotonic()
                _LOG.warning("too many connections at once: those that wait longest are closed")
        streams[stream] = None
        take(server, stream, address)

    HTTPServer.handle_stream = handle_stream  # type: ignore[method-assign]


def _is_last(stream: IOStream) -> bool:
    """Whether hardly another file can be opened: the lowest number that is free is given."""
    if resource is None:
        return False
    most, number = resource.getrlimit(resource.RLIMIT_NOFILE)[0], stream.socket.fileno()
    return most != resource.RLIM_INFINITY and number >= most - KEPT


def _close_oldest(server: HTTPServer, streams: WeakKeyDictionary[IOStream, None]) -> None:
    """Close the quarter that came first, of all connections that are no web socket.

    One would not do: the next connection gets its number, which is low, and the one after it is
    again one more than before.
    """
    asking = {connection.stream for connection in server._connections}
    for stream in set(streams) - asking:  # a web socket by now, or closed
        del streams[stream]
    for stream in list(streams)[: len(asking) // 4 + 1]:
        del streams[stream]
        stream.close()


def _shortly(record: logging.LogRecord) -> bool:
    """Make one line of a message that was refused; a fault of ours keeps its traceback."""
    error = record.exc_info[1] if record.exc_info else None
    if error is not None:
        frames = traceback.extract_tb(error.__traceback__)
        if not any(frame.filename.startswith(_OURS) for frame in frames):
            record.exc_info = None
        said = ascii(f"{type(error).__name__}: {error}"[:LONGEST])[1:-1]
        record.msg, record.args = "a message of a page was refused: %s", (said,)
    return True
