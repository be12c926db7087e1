"""A window that connects after its session was given up: no page was written for the new one."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import panel as pn
import panel_material_ui as pmui
from bokeh.client import pull_session
from bokeh.models import ImportedStyleSheet

from views.shell.server import new_session

SECONDS = 20


def test_its_style_sheets_are_those_of_this_server():
    def app():
        new_session()
        return pn.Column(pmui.Button(label="Go"), pn.widgets.Tabulator(), pn.widgets.TextInput())

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def visit():
        until = time.monotonic() + SECONDS
        while True:
            try:
                session = pull_session(url=f"http://localhost:{port}/")
                break
            except OSError:
                assert time.monotonic() < until, "the server did not start"
                time.sleep(0.1)
        found = [sheet.url for sheet in session.document.select({"type": ImportedStyleSheet})]
        session.close()
        return found

    server = pn.serve(app, port=port, threaded=True, show=False, verbose=False)
    try:
        # in a thread of its own: the main one has a running event loop once Playwright was used
        with ThreadPoolExecutor(1) as client:
            urls = client.submit(visit).result()
    finally:
        server.stop()
    assert urls
    assert [url for url in urls if not url.startswith("static/extensions/panel/")] == []
