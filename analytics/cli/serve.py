"""``winnow serve``: start the Panel server on a file. Nothing of the page is imported here."""

from __future__ import annotations

import argparse
import importlib.util
import ipaddress
import os
import re
import secrets
import socket
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from analytics.cli.errors import UsageError
from analytics.cli.files import input_paths
from analytics.descriptors.model_files import FOLDERS

__all__ = ["Serving", "add_arguments", "find_app", "run"]

HOME = "127.0.0.1"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("file", nargs="?", metavar="FILE", help="data set to open")
    parser.add_argument("--port", type=_port, default=5006, help="(default %(default)s)")
    parser.add_argument(
        "--show",
        action=argparse.BooleanOptionalAction,
        default=None,
        help="open it in a browser (default: no)",
    )
    who = parser.add_argument_group("who may come in (see SECURITY.md)")
    who.add_argument(
        "--host",
        default=HOME,
        metavar="ADDRESS",
        help="address to listen on (default %(default)s: this machine only; 0.0.0.0 is all)",
    )
    who.add_argument(
        "--token",
        metavar="TEXT",
        help="what the page asks for once (default: WINNOW_TOKEN, otherwise a new one; the "
        "variable is better, for other users of the machine see a command line)",
    )
    who.add_argument(
        "--root",
        action="append",
        default=[],
        metavar="DIR",
        help="visitors open files in this folder only; repeat it for more folders",
    )
    who.add_argument(
        "--no-paths",
        action="store_true",
        help="visitors name no files of this machine at all: they drop theirs on the page",
    )
    who.add_argument(
        "--models",
        action="append",
        default=[],
        metavar="DIR",
        help="folder of model files (MACE) that visitors may describe environments with; a model "
        "is a program, so there is none otherwise; repeat it for more folders",
    )
    who.add_argument(
        "--basic-auth",
        metavar="FILE",
        help="ask for a login instead of the token: JSON that maps names to passwords",
    )
    who.add_argument(
        "--origin",
        action="append",
        default=[],
        metavar="NAME",
        help="host name under which a proxy hands the page on; repeat it for more names",
    )
    who.add_argument(
        "--prefix", default="", metavar="PATH", help="path under which a proxy hands the page on"
    )


def _port(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 0 < int(text) < 65536):
        raise argparse.ArgumentTypeError(f"{text!r} is not a port (1 to 65535)")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Run the server until it is stopped."""
    serving = Serving(
        file=arguments.file,
        port=arguments.port,
        show=bool(arguments.show),
        host=arguments.host,
        token=arguments.token or os.environ.get("WINNOW_TOKEN", ""),
        roots=tuple(_folder("--root", root) for root in arguments.root),
        models=tuple(_folder("--models", folder) for folder in arguments.models),
        paths=not arguments.no_paths,
        login=None if arguments.basic_auth is None else _logins(arguments.basic_auth),
        origins=tuple(arguments.origin),
        prefix=arguments.prefix.strip("/"),
    )
    if not serving.local:
        who = "knows a login" if serving.login else "has the token"
        print(
            f"Winnow listens on {arguments.host}: whoever reaches this machine and {who} "
            "can open files as you, and without https everything passes the network readably",
            flush=True,
        )
    return _run(serving.command(), serving.environment())


def _logins(text: str) -> str:
    """Return the path of the logins; Panel would take the name of a missing file for a password."""
    file = Path(text).expanduser().resolve()
    if not file.is_file():
        raise UsageError(f"--basic-auth {text}: there is no such file")
    return str(file)


def _folder(flag: str, text: str) -> str:
    folder = Path(text).expanduser().resolve()
    if not folder.is_dir():
        raise UsageError(f"{flag} {text}: there is no such folder")
    return str(folder)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How the page is served: where, and who may come in.

    Attributes
    ----------
    file : str, optional
        What every page opens with (default: the carbon set that comes with Winnow).
    port : int
    host : str
        Address to listen on.
    show : bool
        Whether a browser is opened.
    token : str
        What the page asks for; empty: a new one.
    roots : tuple of str
        Folders that visitors open files in; empty: all.
    models : tuple of str
        Folders of model files that visitors may use.
    paths : bool
        Whether visitors may name files of this machine.
    login : str, optional
        File with names and passwords that are asked for instead of the token.
    origins : tuple of str
        Host names under which a proxy hands the page on.
    prefix : str
        Path under which a proxy hands the page on.
    framed : bool
        Whether a notebook shows the page in a frame; the token is then part of every address.
    """

    file: str | None = None
    port: int = 5006
    host: str = HOME
    show: bool = False
    token: str = ""
    roots: tuple[str, ...] = ()
    models: tuple[str, ...] = ()
    paths: bool = True
    login: str | None = None
    origins: tuple[str, ...] = ()
    prefix: str = ""
    framed: bool = False

    def __post_init__(self) -> None:
        token = self.token or secrets.token_urlsafe(24)
        if not re.fullmatch(r"[A-Za-z0-9._~-]+", token):  # as it stands in an address
            raise UsageError("a token consists of letters, digits and . _ ~ -")
        object.__setattr__(self, "token", token)

    @property
    def local(self) -> bool:
        """Whether it listens to this machine only."""
        try:
            return self.host == "localhost" or ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def address(self) -> str:
        """Where the page is, without the token that it asks for."""
        anywhere = self.host in ("0.0.0.0", "::")
        host = "localhost" if self.local else socket.gethostname() if anywhere else self.host
        host = f"[{host}]" if ":" in host else host
        return f"http://{host}:{self.port}/{self._prefix}app"

    @property
    def url(self) -> str:
        """Where the page is, as whoever started it may open it."""
        asked = "" if self.framed or self.login else f"?token={self.token}"
        return f"{self.address}{asked}"

    @property
    def _prefix(self) -> str:
        parts = (self.token if self.framed else "", self.prefix)
        return "".join(f"{part}/" for part in parts if part)

    def command(self) -> list[str]:
        """Return the command that serves the page: nothing is imported from where it is run."""
        opened = [] if self.file is None else ["--args", _absolute(self.file)]
        # in one word: a token may begin with a hyphen
        prefix = [f"--prefix={self._prefix.strip('/')}"] if self._prefix else []
        return [
            *(sys.executable, "-P", "-m", "panel", "serve", str(find_app()), "--warm"),
            *("--address", self.host, "--port", str(self.port), *prefix),
            # whose page it is, and where it came from, is looked at by `views.shell.access`
            *("--session-ids", "signed", "--allow-websocket-origin", "*"),
            *("--log-level", "warning"),
            *opened,
        ]

    def environment(self) -> Mapping[str, str]:
        """Return what the server is told, besides the command: other users see that one."""
        told = {
            "BOKEH_SECRET_KEY": secrets.token_hex(32),
            "PANEL_BASIC_AUTH": self.login or os.environ.get("PANEL_BASIC_AUTH", ""),
            "PANEL_COOKIE_SECRET": os.environ.get("PANEL_COOKIE_SECRET") or secrets.token_hex(32),
            "WINNOW_ADDRESS": self.address,
            "WINNOW_FRAME": "1" if self.framed else "",
            FOLDERS: os.pathsep.join(self.models),
            "WINNOW_NO_PATHS": "" if self.paths else "1",
            "WINNOW_OPEN": "" if self.local else "1",
            "WINNOW_ORIGIN": ",".join(self.origins),
            "WINNOW_ROOT": os.pathsep.join(self.roots),
            "WINNOW_SHOW": "1" if self.show else "",
            "WINNOW_TOKEN": self.token,
        }
        unset = {name for name, value in told.items() if not value}
        kept = {name: value for name, value in os.environ.items() if name not in unset}
        return kept | {name: value for name, value in told.items() if value}


def find_app() -> Path:
    """Return the path of the script that the server runs for every visit."""
    found = importlib.util.find_spec("winnow_atomistic.app")
    if found is None or found.origin is None:
        raise UsageError("the page is not installed: there is no module winnow_atomistic.app")
    return Path(found.origin)


def _absolute(file: str) -> str:
    input_paths(file)
    return str(Path(file).absolute())


def _run(command: list[str], environment: Mapping[str, str]) -> int:
    if os.name == "posix":  # signals then reach the server, and nobody else
        os.execve(command[0], command, environment)
    return subprocess.call(command, env=environment)
