"""``winnow serve``: start the Panel server on a file. Nothing of the page is imported here."""

from __future__ import annotations

import argparse
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

from analytics.cli.errors import UsageError
from analytics.cli.files import input_path

__all__ = ["add_arguments", "find_app", "run", "serve_command"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="data set to open")
    parser.add_argument("--port", type=_port, default=5006, help="(default %(default)s)")
    parser.add_argument(
        "--show",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="open it in a browser (default: no)",
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Run the server until it is stopped."""
    command = serve_command(arguments.file, arguments.port, arguments.show)
    print(f"Winnow: http://localhost:{arguments.port}/app   (Ctrl+C stops it)", flush=True)
    return _run(command)


def serve_command(file: str | None, port: int, show: bool) -> list[str]:
    """Return the command that serves the page."""
    opened = [] if file is None else ["--args", _absolute(file)]
    command = [sys.executable, "-m", "panel", "serve", str(find_app()), "--port", str(port)]
    return [*command, *(["--show"] if show else []), *opened]


def find_app() -> Path:
    """Return the path of the script that the server runs for every visit."""
    found = importlib.util.find_spec("winnow_atomistic.app")
    if found is None or found.origin is None:
        raise UsageError("the page is not installed: there is no module winnow_atomistic.app")
    return Path(found.origin)


def _absolute(file: str) -> str:
    input_path(file)
    return str(Path(file).absolute())


def _run(command: list[str]) -> int:
    if os.name == "posix":  # signals then reach the server, and nobody else
        os.execv(command[0], command)
    return subprocess.call(command)
