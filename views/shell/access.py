"""Access: who may come in. Token, cookie, login, host names and headers of the server.

Everything that is asked of the server passes one gate: documents, web sockets, scripts. What the
gate asks for is told in environment variables, which `winnow serve` sets; a plain
``panel serve app.py``, which listens everywhere, is kept to this machine.
"""

from __future__ import annotations

import hmac
import ipaddress
import logging
import os
import secrets
import sys
import webbrowser
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Template
from tempfile import NamedTemporaryFile
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import panel as pn
from bokeh.document import Document
from bokeh.server.tornado import BokehTornado
from bokeh.util.token import get_token_payload
from tornado.httputil import HTTPHeaders, HTTPServerRequest
from tornado.ioloop import IOLoop
from tornado.web import (
    RequestHandler,
    create_signed_value,
    decode_signed_value,
    stream_request_body,
)

from analytics.runtime import html
from views.shell.crowds import expect_crowds

__all__ = ["Gate", "guard"]

#: Days that a browser is remembered for.
REMEMBERED = 30
#: Nothing is fetched from elsewhere or sent there. Bokeh makes functions from the texts of its
#: callbacks (eval), writes scripts and styles into the document (inline), and Panel imports the
#: modules of its components from memory (blob).
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data: blob:; font-src 'self' data:; "
    "connect-src 'self' blob: data:; "
    "worker-src 'self' blob:; object-src 'none'; base-uri 'none'; form-action 'self'"
)
HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
}
#: Where proxies write down for whom they ask.
FORWARDED = ("X-Forwarded-For", "X-Real-Ip", "Forwarded")
#: What is shown instead of the page.
REFUSED = Template(Path(__file__).with_name("refused.html").read_text("utf-8"))
NO_TOKEN = (
    "This page needs the token of its server. The address with the token stands in the terminal "
    "that Winnow was started in, after “Winnow:”; whoever started it can pass it on."
)
NOT_HERE = (
    "This server answers the machine that it runs on, and nobody else. `winnow serve --host` opens "
    "it up, with a token."
)


@dataclass(frozen=True, slots=True)
class Gate:
    """What is asked of everybody who wants something from the server.

    Attributes
    ----------
    token : str
        Whoever shows it comes in, and is known by a cookie afterwards; empty: nobody is asked.
    open : bool
        Whether the server is meant for other machines, too.
    names : tuple of str
        Host names it is known by elsewhere, behind a proxy for one.
    framed : bool
        Whether pages of others, notebooks, may show the page in a frame. The token is then the
        first part of every address: a browser keeps no cookies for a frame of another site.
    """

    token: str = ""
    open: bool = False
    names: tuple[str, ...] = ()
    framed: bool = False

    @classmethod
    def from_environment(cls) -> Gate:
        """Read what `winnow serve`, or who runs ``panel serve``, has asked for."""
        names = os.environ.get("WINNOW_ORIGIN", "").split(",")
        return cls(
            os.environ.get("WINNOW_TOKEN", ""),
            bool(os.environ.get("WINNOW_OPEN")),
            tuple(name.strip().lower() for name in names if name.strip()),
            bool(os.environ.get("WINNOW_FRAME")),
        )

    def refusal(self, request: HTTPServerRequest, app: BokehTornado | None) -> str:
        """Say why nobody gets an answer to a request; empty if it is answered."""
        login = _has_login(app)
        if not (login or self.token or self.open or _from_this_machine(request)):
            return NOT_HERE
        if not (login or self.open or _names_this_machine(request) or self._named(request.host)):
            name = _host_name(request.host)
            return f"This server does not know itself as {name!r}: see `winnow serve --origin`."
        if not login and self.token and not self._shown(request):
            return NO_TOKEN
        if _is_socket(request) and not self._may_connect(request, app):
            return "A page of another site, or of somebody else, cannot connect to this one."
        if _names_module(request.path) not in sys.modules:
            return "There is no such component."
        return ""

    def entrance(self, request: HTTPServerRequest, app: BokehTornado | None) -> str:
        """Return the address to go on to for a request that shows the token in its address."""
        shown = [value for key, value in parse_qsl(request.query) if key == "token"]
        asked = self.token and not _has_login(app) and shown and not _is_socket(request)
        if not asked or request.method != "GET" or not _same(shown[-1], self.token):
            return ""
        rest = urlencode([pair for pair in parse_qsl(request.query) if pair[0] != "token"])
        # of this server: an address that begins with two slashes would lead elsewhere
        return f"/{request.path.lstrip('/')}{'?' if rest else ''}{rest}"

    def _shown(self, request: HTTPServerRequest) -> bool:
        if self.framed and _same(request.path.lstrip("/").partition("/")[0], self.token):
            return True
        return bool(_visitor(request))

    def _named(self, host: str) -> bool:
        return host.lower() in self.names or _host_name(host) in self.names

    def _may_connect(self, request: HTTPServerRequest, app: BokehTornado | None) -> bool:
        """Whether a web socket comes from a page of this server, and of the same visitor."""
        origin = request.headers.get("Origin")
        place = (origin or "").lower().partition("://")[2]
        # Bokeh looks at the origin as well, unless it is told to let everything pass
        checked = app is None or "*" not in app.websocket_origins
        if origin and not (checked or place == request.host.lower() or self._named(place)):
            return False
        login = _has_login(app)
        if self.framed or not (self.token or login):
            return True
        offered = request.headers.get("Sec-WebSocket-Protocol", "").split(",")
        with suppress(Exception):  # it is text from outside, in whatever state
            opened_by = get_token_payload(offered[-1].strip())["cookies"]
            if login:
                user = request.cookies.get("user")
                return _login_name(opened_by.get("user")) == _login_name(user and user.value)
            return bool(opened_by[_cookie_name(request.host)] == _visitor(request))
        return False

    def headers(self) -> dict[str, str]:
        """Return what every answer says about how it may be used."""
        if self.framed:
            return {**HEADERS, "Content-Security-Policy": POLICY}
        return {
            **HEADERS,
            "Content-Security-Policy": f"{POLICY}; frame-ancestors 'self'",
            "X-Frame-Options": "SAMEORIGIN",
        }


def _has_login(app: BokehTornado | None) -> bool:
    """Whether Panel asks for a password or an account (basic auth, OAuth)."""
    if app is None:  # nobody tells the script which server runs it
        return bool(pn.config.basic_auth or pn.config.oauth_provider)
    return bool(app.auth_provider.get_user or app.auth_provider.get_user_async)


def _same(told: str, secret: str) -> bool:
    return hmac.compare_digest(told.encode(errors="replace"), secret.encode())


def _is_socket(request: HTTPServerRequest) -> bool:
    return request.headers.get("Upgrade", "").lower() == "websocket"


def _host_name(host: str) -> str:
    with suppress(ValueError):
        return (urlsplit(f"//{host}").hostname or "").lower()
    return ""


def _loopback(address: str) -> bool:
    with suppress(ValueError):
        known = ipaddress.ip_address(address.partition("%")[0])
        return (getattr(known, "ipv4_mapped", None) or known).is_loopback
    return False


def _names_this_machine(request: HTTPServerRequest) -> bool:
    """Whether a browser asked for this machine, not for a name that was made to lead here."""
    name = _host_name(request.host)
    return name == "localhost" or name.endswith(".localhost") or _loopback(name)


def _from_this_machine(request: HTTPServerRequest) -> bool:
    """Whether who asks is on this machine, as is everybody they say they ask for."""
    address = request.connection.context.address  # type: ignore[union-attr]
    peer = address[0] if isinstance(address, tuple) else "127.0.0.1"  # a socket in the file system
    return _loopback(peer) and all(
        _loopback(told.strip())
        for name in FORWARDED
        # the request that a page's script runs for has a plain dictionary
        for line in HTTPHeaders(request.headers).get_list(name)
        for told in line.split(",")
    )


def _names_module(path: str) -> str:
    """Return the module whose component a request asks for: Panel would import it by its name."""
    _, found, rest = path.partition("/components/")
    return rest.split("/")[0] if found else "builtins"


# ---- who is known already ---------------------------------------------------------------------


@cache
def _secret() -> bytes:
    """Return what cookies are signed with: kept in a file, so that they outlive the server."""
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    file = Path(state, "winnow", "cookie_secret")
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with suppress(FileExistsError):
            made = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(made, "wb") as out:
                out.write(secrets.token_bytes(32))
        about, kept = file.stat(), file.read_bytes()
        private = os.name != "posix" or (about.st_uid == os.getuid() and not about.st_mode & 0o077)
        if private and len(kept) == 32:
            return kept
    return secrets.token_bytes(32)


def _cookie_name(host: str) -> str:
    """Return the name of the cookie: browsers keep one jar for all ports of a machine."""
    with suppress(ValueError):
        return f"winnow-{urlsplit(f'//{host}').port or 'port'}"
    return "winnow-port"


def _visitor(request: HTTPServerRequest) -> str:
    """Return the cookie of a browser that has shown the token; empty if it is none of ours."""
    name = _cookie_name(request.host)
    morsel = request.cookies.get(name)
    value = morsel.value if morsel else ""
    known = decode_signed_value(_secret().hex(), name, value, max_age_days=REMEMBERED)
    return value if known else ""


def _login_name(cookie: str | None) -> bytes | None:
    """Return who has logged in; None for a guest, where Panel is told to let them in."""
    secret = pn.config.cookie_secret
    return decode_signed_value(secret, "user", cookie) if secret and cookie else None


# ---- answers ----------------------------------------------------------------------------------


@stream_request_body
class _Refused(RequestHandler):
    """Answers with one sentence; what was sent along is not kept."""

    def initialize(self, why: str) -> None:
        self._why = why

    def prepare(self) -> None:
        self.set_status(403)
        self.set_header("Cache-Control", "no-store")
        self.finish(REFUSED.substitute(why=html.p(self._why)))

    def data_received(self, chunk: bytes) -> None:
        pass


class _Entrance(RequestHandler):
    """Remembers a browser that has shown the token, and takes the token out of its address."""

    def initialize(self, onward: str) -> None:
        self._onward = onward

    def get(self, *_: Any) -> None:
        if not _visitor(self.request):
            name = _cookie_name(self.request.host)
            value = create_signed_value(_secret().hex(), name, secrets.token_urlsafe(16))
            self.set_cookie(
                name,
                value.decode(),
                expires_days=REMEMBERED,
                httponly=True,
                samesite="Lax",
                secure=self.request.protocol == "https",
            )
        self.set_header("Cache-Control", "no-store")
        self.redirect(self._onward)


def _dress(request: Any, headers: dict[str, str], code: int | None = None) -> None:
    """Have the answer to a request carry headers, whoever writes it."""
    write = request.connection.write_headers

    def write_headers(start_line: Any, written: HTTPHeaders, chunk: bytes | None = None) -> Any:
        for name, value in headers.items():
            written[name] = value
        with suppress(KeyError):
            del written["Server"]
        line = start_line if code is None else start_line._replace(code=code, reason="Forbidden")
        return write(line, written, chunk)

    request.connection.write_headers = write_headers


# ---- the gate in the server -------------------------------------------------------------------


def guard(doc: Document) -> bool:
    """Put the gate before every server of this process; say whether a document may be served.

    `panel serve` makes its server before it runs the script of the page, so that the gate can
    only stand in the class, and the request that the script runs for first has passed it by.
    """
    if hasattr(BokehTornado.find_handler, "gate"):
        return True
    gate = Gate.from_environment()
    _put_up(gate)
    expect_crowds()
    request: Any = doc.session_context.request if doc.session_context else None
    if (
        getattr(request, "connection", None) is None
    ):  # the server warms up: it listens when its loop runs
        logging.getLogger("bokeh.server.util").setLevel(logging.ERROR)  # its look at origins
        IOLoop.current().add_callback(_announce, gate)
        return True
    print(f"Winnow: {_answered(gate)}", flush=True)
    why = gate.refusal(request, None)
    _dress(request, gate.headers(), 403 if why else None)
    if why:
        doc.template = f"{{% block inner_body %}}{html.p(why)}{{% endblock %}}"
    return not why


def _put_up(gate: Gate) -> None:
    find: Callable[..., Any] = BokehTornado.find_handler

    def find_handler(app: BokehTornado, request: HTTPServerRequest, **kwargs: Any) -> Any:
        _dress(request, gate.headers())
        onward = gate.entrance(request, app)
        why = "" if onward else gate.refusal(request, app)
        if not (onward or why):
            return find(app, request, **kwargs)
        request.uri = request.path  # it is logged, and a token is none of the log's business
        if onward:
            return app.get_handler_delegate(request, _Entrance, {"onward": onward})
        return app.get_handler_delegate(request, _Refused, {"why": why})

    find_handler.gate = gate  # type: ignore[attr-defined]
    BokehTornado.find_handler = find_handler  # type: ignore[method-assign]


def _answered(gate: Gate) -> str:
    """Say who gets an answer from a plain `panel serve`."""
    if _has_login(None):
        return "answers whoever logs in"
    if gate.token:
        return "answers whoever shows the token of WINNOW_TOKEN"
    if gate.open:
        return "answers everybody who reaches this port, as WINNOW_OPEN asks for"
    return (
        "answers this machine only, but every user of it; `winnow serve` asks for a token as well"
    )


def _announce(gate: Gate) -> None:
    """Print the address, now that the port listens, and open it if that was asked for."""
    address = os.environ.get("WINNOW_ADDRESS", "")
    if gate.token and not gate.framed and not _has_login(None):
        address += f"?token={gate.token}"
    if address:
        print(f"Winnow: {address}   (Ctrl+C stops it)", flush=True)
    if address and os.environ.get("WINNOW_SHOW"):
        # a browser is told the address on its command line, which every user of the machine sees
        with NamedTemporaryFile("w", suffix=".html", prefix="winnow-", delete=False) as file:
            refresh = {"http-equiv": "refresh", "content": f"0;url={address}"}
            file.write(html.element("meta", **refresh))
        webbrowser.open(Path(file.name).as_uri())
        IOLoop.current().call_later(60, Path(file.name).unlink, missing_ok=True)
