"""Connections that ask for nothing keep nobody out, and messages of strangers fill no log."""

import logging
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from views.shell import crowds

ROOT = Path(__file__).resolve().parents[2]
#: A server that may open few files; a visitor comes while all that it may take are half open.
SERVER = """
import asyncio, resource, socket, sys
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler
from views.shell import crowds

class Page(RequestHandler):
    def get(self):
        self.write("here it is")

async def main():
    crowds.FILES = 0
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, 256))
    crowds.expect_crowds()
    sockets = bind_sockets(0, "127.0.0.1")
    server = HTTPServer(Application([("/", Page)]))
    server.add_sockets(sockets)
    print(sockets[0].getsockname()[1], flush=True)
    await asyncio.to_thread(sys.stdin.read)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="sockets are no files there")
def test_connections_that_ask_for_nothing_keep_nobody_out(tmp_path):
    log, crowd = tmp_path / "log", []
    with log.open("w") as out:
        server = subprocess.Popen(
            [sys.executable, "-c", SERVER], cwd=ROOT, text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=out,
        )  # fmt: skip
    try:
        port = int(server.stdout.readline())
        for at in range(400):
            crowd.append(socket.create_connection(("127.0.0.1", port), timeout=60))
            if at % 2:
                crowd[-1].send(b"GET / HTTP/1.1\r\nHost: ")
        with socket.create_connection(("127.0.0.1", port), timeout=60) as visitor:
            visitor.send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n")
            assert visitor.recv(1000).startswith(b"HTTP/1.1 200")
    finally:
        for one in crowd:
            one.close()
        server.communicate("", timeout=60)
    assert log.read_text().splitlines() == [
        "too many connections at once: those that wait longest are closed"
    ]


def refused(error):
    """Return what is logged, as Bokeh does, of a message with an error."""
    try:
        error()
    except Exception as caught:
        record = logging.LogRecord(
            "bokeh", logging.ERROR, "", 0, "error\n message: %r \n error: %r",
            ("x" * 10**6, caught), (type(caught), caught, caught.__traceback__),
        )  # fmt: skip
        assert crowds._shortly(record)
        return logging.Formatter().format(record)


def test_a_refused_message_is_one_short_line():
    said = refused(lambda: int("x\n2026-01-01 all is well\0" + "y" * 1000))
    assert len(said.splitlines()) == 1
    assert len(said) < 500
    assert said.isprintable()


def test_a_fault_of_ours_keeps_its_traceback():
    assert "Traceback" in refused(lambda: crowds._is_last(None))
