"""Who may come in: raw clients, without a browser's manners, against `winnow serve`."""

import asyncio
import base64
import gzip
import json
import os
import re
import shutil
import socket
import stat
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from types import SimpleNamespace

import pytest
from bokeh.protocol import Protocol
from bokeh.util.token import generate_jwt_token, get_session_id
from tornado.httpclient import HTTPRequest
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.websocket import websocket_connect

from views.shell import access
from views.shell.access import Gate

ROOT = Path(__file__).resolve().parents[1]
TOKEN = "let-me-in"
#: Seconds that a crowded machine may take for anything.
PATIENCE = 180
#: Module names that everything imports sooner or later.
STRANGERS = ("random", "numpy", "panel", "sitecustomize", "views", "stolen")


def run(attack):
    """Run it in a loop of its own thread: after browser tests that of Playwright runs here."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(lambda: asyncio.run(attack())).result()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Client:
    """One person: requests as they write them, with the cookies that they have."""

    def __init__(self, port, cookie=""):
        self.port, self.cookie = port, cookie

    def get(self, path, method="GET", body=None, **headers):
        """Return the answer to a request, redirections as they are."""
        link = HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            link.request(method, path, body, headers={"Cookie": self.cookie, **headers})
            answer = link.getresponse()
            return SimpleNamespace(
                code=answer.status,
                headers=answer.headers,
                body=answer.read().decode(errors="replace"),
            )
        finally:
            link.close()

    def enter(self, path="/app"):
        """Show the token, and keep the cookie."""
        answer = self.get(f"{path}?token={TOKEN}")
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        return answer

    def page(self, path="/app"):
        """Open the page; return the signed session that its web socket has to name."""
        answer = self.get(path)
        assert answer.code == 200
        return re.search(r'"token":"([^"]+)"', answer.body)[1]

    def connect(self, session, path="/app/ws", **headers):
        """Ask for the web socket of a session: "welcome", "closed", or the code of a refusal."""
        link = HTTPConnection("127.0.0.1", self.port, timeout=60)
        asked = {
            "Cookie": self.cookie, "Upgrade": "websocket", "Connection": "Upgrade",
            "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(),
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Protocol": f"bokeh, {session}",
        }  # fmt: skip
        try:
            link.request("GET", path, headers=asked | headers)
            answer = link.getresponse()
            if answer.status != 101:
                return answer.status
            return "welcome" if answer.fp.read(1) == b"\x81" else "closed"
        finally:
            link.close()


@contextmanager
def running(folder, *arguments, ready="Winnow: http", **told):
    """Run `winnow serve` in a folder; give its client, its log and its process."""
    port, log = free_port(), folder / "log"
    with log.open("w") as out:
        process = subprocess.Popen(
            [sys.executable, "-P", "-m", "analytics.cli", "serve", "--port", str(port), *arguments],
            cwd=folder, stdout=out, stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONPATH": str(ROOT), "WINNOW_TOKEN": TOKEN, **told},
        )  # fmt: skip
    try:
        until = time.monotonic() + PATIENCE
        while ready not in log.read_text():
            waiting = process.poll() is None and time.monotonic() < until
            assert waiting, log.read_text()
            time.sleep(0.05)
        yield SimpleNamespace(client=lambda: Client(port), port=port, log=log, folder=folder)
    finally:
        process.kill()
        process.wait(20)


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """Serve the page from a folder with modules that nobody should import."""
    folder = tmp_path_factory.mktemp("strangers")
    for name in STRANGERS:
        (folder / f"{name}.py").write_text(
            f"open({str(folder / 'imported')!r}, 'a').write('{name} ')"
        )
    with running(folder) as server:
        yield server


# ---- the token ------------------------------------------------------------------------------


ROUTES = (
    "/", "/app", "/app/", "/app/metadata", "/app/autoload.js?bokeh-autoload-element=1",
    "/static/js/bokeh.min.js", "/app/static/js/bokeh.min.js", "/favicon.ico",
    "/static/extensions/panel/panel.min.js", "/components/views.inspector.atoms_view/a/b/c",
    "/nothing", "//app", "/app/ws",
)  # fmt: skip


@pytest.mark.parametrize("path", ROUTES)
@pytest.mark.parametrize("method", ["GET", "POST", "HEAD", "PUT"])
def test_every_route_needs_the_token(served, path, method):
    for client in (
        served.client(),
        Client(served.port, f'winnow-{served.port}="2|1:0|10:1|a|b|c"'),
    ):
        answer = client.get(path, method)
        assert answer.code == 403
        if method != "HEAD":
            assert "the address with the token stands in the terminal" in answer.body.lower()
        mark = "&" if "?" in path else "?"
        for wrong in ("", "let-me-im", f"{TOKEN}x", "%00", "%ff"):
            assert client.get(f"{path}{mark}token={wrong}", method).code == 403


def test_the_token_is_shown_once(served):
    person = served.client()
    answer = person.enter("/app")
    assert (answer.code, answer.headers["Location"]) == (302, "/app")
    told = answer.headers["Set-Cookie"]
    assert f"winnow-{served.port}=" in told
    assert "HttpOnly" in told
    assert "SameSite=Lax" in told
    assert TOKEN not in told
    assert person.get("/app").code == person.get("/static/js/bokeh.min.js").code == 200
    assert person.get(f"/app?token={TOKEN}").headers.get("Set-Cookie") is None  # known already
    # never to another server, whatever the address
    assert person.get(f"//elsewhere.example/a?b=1&token={TOKEN}").headers["Location"] == (
        "/elsewhere.example/a?b=1"
    )
    log = served.log.read_text().splitlines()
    assert sum(TOKEN in line for line in log) == 1  # the address that was printed


def test_cookies_outlive_the_server_but_not_their_secret(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    secret = access._secret.__wrapped__
    first = secret()
    assert secret() == first
    file = tmp_path / "winnow" / "cookie_secret"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.chmod(0o644)
    assert secret() != first  # others may have read it
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nowhere")
    assert len(secret()) == 32


def test_it_listens_to_this_machine_and_says_so_when_it_does(served):
    told = served.log.read_text().splitlines()[0]
    assert told == f"Winnow: http://localhost:{served.port}/app?token={TOKEN}   (Ctrl+C stops it)"
    with socket.socket() as probe:
        probe.settimeout(5)
        assert probe.connect_ex((socket.gethostbyname(socket.gethostname()), served.port)) != 0 or (
            socket.gethostbyname(socket.gethostname()).startswith("127.")
        )


@pytest.mark.parametrize(
    "name",
    [
        "evil.example",
        "evil.example:{}",
        "169.254.169.254",
        "localhost.evil.example",
        "[::2]",
        "[",
        "",
    ],
)
def test_a_name_that_was_made_to_lead_here_gets_nothing(served, name):
    person = served.client()
    person.enter()
    answer = person.get("/app", Host=name.format(served.port))
    assert answer.code in (400, 403)


def test_every_answer_says_how_it_may_be_used(served):
    person = served.client()
    person.enter()
    for client, path in (
        (person, "/app"),
        (person, "/static/js/bokeh.min.js"),
        (person, "/x"),
        (served.client(), "/app"),
    ):
        headers = client.get(path).headers
        policy = headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "http" not in policy
        assert "*" not in policy
        assert "frame-ancestors 'self'" in policy
        assert headers["X-Frame-Options"] == "SAMEORIGIN"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Referrer-Policy"] == "no-referrer"
        assert "Server" not in headers


# ---- sessions -------------------------------------------------------------------------------


def test_a_session_is_of_whoever_opened_it(served):
    mine, other = served.client(), served.client()
    mine.enter()
    other.enter()
    session = mine.page()
    assert mine.connect(session) == "welcome"
    assert mine.connect(session) == "welcome"  # a lost connection comes back
    assert other.connect(session) == 403  # also with a token of their own
    assert served.client().connect(session) == 403
    assert Client(served.port, "winnow-1=a").connect(session) == 403


def test_a_session_cannot_be_made_up(served):
    mine, other = served.client(), served.client()
    mine.enter()
    other.enter()
    session = mine.page()
    name, _, cookie = other.cookie.partition("=")
    claimed = {"cookies": {name: cookie.strip('"')}, "headers": {}, "arguments": {}}
    for stolen in (get_session_id(session), "chosen"):
        for signed in ({"signed": False}, {"signed": True, "secret_key": b"guessed"}):
            assert other.connect(generate_jwt_token(stolen, extra_payload=claimed, **signed)) == (
                "closed"
            )
    head, _, signature = session.partition(".")
    payload = json.loads(base64.urlsafe_b64decode(head + "=" * (-len(head) % 4)))
    payload["cookies"] = {name: cookie.strip('"')}
    changed = base64.urlsafe_b64encode(json.dumps(payload).encode()).decode().rstrip("=")
    assert other.connect(f"{changed}.{signature}") in ("closed", 403)
    for garbage in ("", ".", "a.b", "é", "e30.e30"):
        assert other.connect(garbage) in ("closed", 400, 403)
    assert mine.connect(session) == "welcome"


def test_a_page_of_another_site_cannot_connect(served):
    person = served.client()
    person.enter()
    session = person.page()
    own = ("http://127.0.0.1:{}", "https://127.0.0.1:{}")
    others = (
        *("http://localhost:{}", "http://127.0.0.1:1", "http://127.0.0.1", "null", "file://"),
        *("http://evil.example", "http://127.0.0.1:{}.evil.example", "127.0.0.1:{}"),
    )
    assert person.connect(session) == "welcome"  # no browser: it says no origin
    for origin in own:
        assert person.connect(session, Origin=origin.format(served.port)) == "welcome"
    for origin in others:
        assert person.connect(session, Origin=origin.format(served.port)) == 403


class Wire:
    """A web socket that sends what no page would."""

    def __init__(self, link):
        self._link = link

    @classmethod
    @asynccontextmanager
    async def of(cls, person, path="/app"):
        session = person.page(path)
        request = HTTPRequest(
            f"ws://127.0.0.1:{person.port}{path}/ws", headers={"Cookie": person.cookie}
        )
        link = await websocket_connect(request, subprotocols=["bokeh", session])
        wire = cls(link)
        try:
            await wire._message()
            await wire.patch(READY)
            yield wire
        finally:
            link.close()
            while await link.read_message() is not None:
                pass

    async def _message(self):
        head = json.loads(await asyncio.wait_for(self._link.read_message(), 60))
        await self._link.read_message()
        content = json.loads(await self._link.read_message())
        for _ in range(2 * head.get("num_buffers", 0)):
            await self._link.read_message()
        return head, content

    async def ask(self, kind, content):
        head = PROTOCOL.create("PULL-DOC-REQ").header | {"msgtype": kind}
        for part in (head, {}, content):
            await self._link.write_message(json.dumps(part))
        while True:
            answer, content = await self._message()
            if answer.get("reqid") == head["msgid"]:
                return answer["msgtype"], content

    async def patch(self, *events):
        return (await self.ask("PATCH-DOC", {"events": events}))[0]

    async def models(self):
        found = {}

        def look(tree):
            for item in tree.values() if isinstance(tree, dict) else tree:
                if isinstance(item, dict | list):
                    look(item)
            if isinstance(tree, dict) and "attributes" in tree and tree.get("type") == "object":
                found[tree["id"]] = (tree["name"].rpartition(".")[2], tree["attributes"])

        look((await self.ask("PULL-DOC-REQ", {}))[1])
        return found

    async def put(self, model, **values):
        """Write properties of a model."""
        for name, new in values.items():
            about = {"kind": "ModelChanged", "model": {"id": model}, "attr": name, "new": new}
            answer = await self.patch(about)
        return answer

    async def show(self, stage, kind):
        """Show a stage; return its models once there is one of a kind."""
        tabs = _find(await self.until(lambda models: _has(models, "StageTabs")), "StageTabs")
        for _ in range(60):  # what is put before the page is complete, nobody hears
            for title in ("Compare", stage):
                await self.put(tabs, value=title)
            await asyncio.sleep(1)
            models = await self.models()
            if _has(models, kind):
                return models
        raise AssertionError(f"{stage} never came")

    async def says(self, *words):
        """Wait until the notice says something."""

        def said(models):
            texts = [about.get("object") for name, about in models.values() if "Notice" in name]
            return any(all(word in (text or "") for word in words) for text in texts)

        await self.until(said)

    async def until(self, holds):
        end = time.monotonic() + PATIENCE  # the first work of a server waits for its worker
        while time.monotonic() < end:
            models = await self.models()
            if holds(models):
                return models
            await asyncio.sleep(0.3)
        raise AssertionError("it never came")


PROTOCOL = Protocol()
READY = {
    "kind": "MessageSent",
    "msg_type": "bokeh_event",
    "msg_data": {
        "type": "event", "name": "document_ready", "values": {"type": "map", "entries": []}
    },
}  # fmt: skip
STRANGE = (
    None, "no such", "../../etc/passwd", -1, 10**12, 0.5, True, [], ["a"],
    {"type": "number", "value": "nan"}, {"type": "map", "entries": []},
)  # fmt: skip


def _has(models, kind):
    return any(name.startswith(kind) for name, _ in models.values())


def _find(models, kind, **about):
    return next(
        id_
        for id_, (name, attributes) in models.items()
        if name.startswith(kind) and about.items() <= attributes.items()
    )


def test_values_that_no_widget_offers_are_refused_and_the_page_goes_on(served):
    async def attack():
        person = served.client()
        person.enter()
        async with Wire.of(person) as wire:
            models = await wire.until(lambda models: _has(models, "StageTabs"))
            for id_, (name, attributes) in models.items():
                if "value" not in attributes or not name.startswith(("Select", "StageTabs", "Int")):
                    continue
                for new in STRANGE:
                    assert await wire.put(id_, value=new) in ("OK", "ERROR")
            await wire.says("that was not done")
            return await wire.patch(READY)

    assert run(attack) == "OK"
    assert served.client().enter().code == 302


def _upload(model, name, content):
    data = {
        "name": name, "type": "", "chunk": 1, "total_chunks": 1,
        "data": {"type": "bytes", "data": base64.b64encode(gzip.compress(content)).decode()},
    }  # fmt: skip
    entries = [
        ["model", {"id": model}],
        ["data", {"type": "map", "entries": [list(pair) for pair in data.items()]}],
    ]
    values = {"type": "map", "entries": entries}
    event = {"type": "event", "name": "data_event", "values": values}
    return {"kind": "MessageSent", "msg_type": "bokeh_event", "msg_data": event}


def test_uploads_are_looked_at_by_the_server(served):
    async def attack():
        person = served.client()
        person.enter()
        async with Wire.of(person) as wire:
            zone = _find(await wire.show("Data", "DropZone"), "", class_name="DropZone")
            for name in ("../../odd.xyz", "..", "a\0b", "x" * 300):
                await wire.patch(_upload(zone, name, b"1\n\nC 0 0 0\n"))
                await wire.says(name.replace("\0", "?")[:60].replace("'", "&"), "name")
            await wire.patch(_upload(zone, "broken.xyz", b"what is this"))
            await wire.says("broken.xyz")

    run(attack)


# ---- a group: logins, a prefix, nginx ----------------------------------------------------------

NGINX = """
daemon off; pid {folder}/pid; error_log stderr; worker_processes 1;
events {{ }}
http {{
  access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 127.0.0.1:{front};
    location /winnow/ {{
      proxy_pass http://127.0.0.1:{back};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection "upgrade";
      proxy_set_header Host $http_host;
    }}
  }}
}}
"""


class Member(Client):
    """Somebody with a login, behind a path."""

    def log_in(self, name, password):
        body = f"username={name}&password={password}"
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        answer = self.get("/winnow/login", "POST", body, **kind)
        told = answer.headers.get_all("Set-Cookie", [])
        self.cookie = "; ".join(cookie.partition(";")[0] for cookie in told if "user=" in cookie)
        return answer


@pytest.fixture(scope="module")
def group(tmp_path_factory):
    """Serve the page to people who log in."""
    folder = tmp_path_factory.mktemp("group")
    (folder / "users.json").write_text(json.dumps({"ann": "a1", "bob": "b1"}))
    (folder / "sets").mkdir()
    options = ("--prefix", "winnow", "--origin", "lab.example", "--basic-auth", "users.json")
    options += ("--root", "sets")
    with running(folder, *options) as server:
        yield server


def members(port):
    """Return two people who have logged in."""
    ann, bob = Member(port), Member(port)
    ann.log_in("ann", "a1")
    bob.log_in("bob", "b1")
    return ann, bob


def test_a_login_takes_the_place_of_the_token(group):
    assert TOKEN not in group.log.read_text()
    stranger = Member(group.port)
    for path in ("/winnow/app", f"/winnow/app?token={TOKEN}"):
        assert stranger.get(path).code == 302
        assert "login" in stranger.get(path).headers["Location"]
    assert stranger.get("/winnow/login").code == 200
    assert stranger.log_in("ann", "wrong").code == 302
    assert stranger.cookie == ""
    assert stranger.connect("x", "/winnow/app/ws") == 403
    ann, bob = members(group.port)
    session = ann.page("/winnow/app")
    assert ann.connect(session, "/winnow/app/ws") == "welcome"
    assert bob.connect(session, "/winnow/app/ws") == 403
    assert stranger.connect(session, "/winnow/app/ws") == 403
    assert ann.connect(session, "/winnow/app/ws", Origin="http://evil.example") == 403
    assert ann.get("/winnow/components/antigravity/a/b/c").code == 403


def test_a_visitor_names_no_file_outside_the_folders(group):
    async def attack():
        ann, _ = members(group.port)
        async with Wire.of(ann, "/winnow/app") as wire:
            models = await wire.show("Data", "DropZone")
            field = _find(models, "TextInput", label="or a path on the machine that runs Winnow")
            button = _find(models, "Button", label="Open path")
            for at, path in enumerate(("/etc/hosts", "../users.json", f"{group.folder}/log")):
                await wire.put(field, value=path)
                await wire.put(button, clicks=at + 1)
                await wire.says(path, "there is no such file in")

    run(attack)


@pytest.mark.skipif(not shutil.which("nginx"), reason="nginx is not installed")
def test_nginx_hands_the_page_on_under_a_path(group, tmp_path):
    front, conf = free_port(), tmp_path / "nginx.conf"
    conf.write_text(NGINX.format(folder=tmp_path, front=front, back=group.port))
    proxy = subprocess.Popen(["nginx", "-p", str(tmp_path), "-c", str(conf)])
    try:
        ann, bob = members(group.port)
        ann.port = bob.port = front
        until = time.monotonic() + 30
        while proxy.poll() is None and time.monotonic() < until:
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", front)) == 0:
                    break
        session = ann.page("/winnow/app")
        there = {"Host": "lab.example", "Origin": "https://lab.example"}
        assert ann.connect(session, "/winnow/app/ws", **there) == "welcome"
        assert bob.connect(session, "/winnow/app/ws", **there) == 403
        assert ann.get("/winnow/static/js/bokeh.min.js", **there).code == 200
        elsewhere = {"Host": "lab.example", "Origin": "https://evil.example"}
        assert ann.connect(session, "/winnow/app/ws", **elsewhere) == 403
    finally:
        proxy.terminate()
        proxy.wait(20)


# ---- what is imported -----------------------------------------------------------------------


def test_nothing_is_imported_from_the_working_folder_nor_by_an_address(served):
    person = served.client()
    person.enter()
    person.page()
    for name in ("stolen", "antigravity", "this", "..stolen", "tests.test_access", "os", ""):
        for rest in ("X/__css__/a", "", "/", "X/_resources/css/a"):
            answer = person.get(f"/components/{name}/{rest}")
            assert answer.code in (400, 403, 404), name
    assert not (served.folder / "imported").exists()


# ---- the gate by itself ---------------------------------------------------------------------


def asked(peer="127.0.0.1", host="localhost:5006", path="/app", **headers):
    context = SimpleNamespace(address=(peer, 4000), remote_ip=peer, protocol="http")
    return HTTPServerRequest(
        headers=HTTPHeaders({"Host": host, **headers}),
        connection=SimpleNamespace(context=context),
        start_line=RequestStartLine("GET", path, "HTTP/1.1"),
    )


@pytest.mark.parametrize(
    ("request_", "answered"),
    [
        (asked(), True),
        (asked("127.8.9.1"), True),
        (asked("::1", "[::1]:5006"), True),
        (asked("::ffff:127.0.0.1"), True),
        (asked(host="winnow.localhost"), True),
        (asked("192.168.1.7"), False),
        (asked("::ffff:192.168.1.7"), False),
        (asked("fe80::1%eth0"), False),
        (asked("192.168.1.7", **{"X-Forwarded-For": "127.0.0.1"}), False),
        (asked("192.168.1.7", **{"X-Real-Ip": "127.0.0.1"}), False),
        (asked(**{"X-Forwarded-For": "192.168.1.7"}), False),
        (asked(**{"X-Forwarded-For": "127.0.0.1, 192.168.1.7"}), False),
        (asked(**{"X-Real-Ip": "10.0.0.1"}), False),
        (asked(**{"Forwarded": "for=10.0.0.1"}), False),
        (asked(**{"X-Forwarded-For": "127.0.0.1"}), True),
        (asked(host="evil.example:5006"), False),
        (asked(host="192.168.1.7:5006"), False),
    ],
)
def test_a_plain_panel_serve_answers_this_machine_only(request_, answered):
    assert bool(Gate().refusal(request_, None)) != answered
    assert not Gate(open=True).refusal(request_, None)


def test_a_plain_panel_serve_asks_for_a_token_if_there_is_one(monkeypatch):
    monkeypatch.setenv("WINNOW_TOKEN", TOKEN)
    monkeypatch.setenv("WINNOW_ORIGIN", "lab.example, other.example:8443")
    gate = Gate.from_environment()
    assert "token" in gate.refusal(asked(), None)
    assert "token" in gate.refusal(asked(host="lab.example"), None)
    assert "token" in gate.refusal(asked(host="other.example:8443"), None)
    assert "does not know itself" in gate.refusal(asked(host="evil.example"), None)


def test_show_tells_the_browser_where_without_telling_everybody(monkeypatch, capsys):
    opened = []
    monkeypatch.setattr(access.webbrowser, "open", opened.append)
    monkeypatch.setattr(access, "IOLoop", SimpleNamespace(current=lambda: SimpleNamespace(
        call_later=lambda seconds, act, **how: how
    )))  # fmt: skip
    monkeypatch.setenv("WINNOW_ADDRESS", "http://localhost:5006/app")
    monkeypatch.setenv("WINNOW_SHOW", "1")
    access._announce(Gate(token=TOKEN))
    told = f"http://localhost:5006/app?token={TOKEN}"
    assert capsys.readouterr().out == f"Winnow: {told}   (Ctrl+C stops it)\n"
    file = Path(opened[0].removeprefix("file://"))
    assert TOKEN not in opened[0]
    assert told in file.read_text()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    file.unlink()


def test_in_a_notebook_the_token_is_part_of_every_address():
    gate = Gate(token=TOKEN, framed=True)
    assert not gate.refusal(asked(path=f"/{TOKEN}/app"), None)
    for path in ("/app", "/", "", "*"):
        assert gate.refusal(asked(path=path), None)
    assert gate.refusal(asked(path=f"/x/{TOKEN}/app"), None)
    assert gate.refusal(asked(path=f"/{TOKEN}x/app"), None)
    assert "X-Frame-Options" not in gate.headers()
    assert "frame-ancestors" not in gate.headers()["Content-Security-Policy"]
