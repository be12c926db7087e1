"""Changes of the seconds in which a page is drawn, but has not said that it is ready."""

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import panel as pn
from bokeh.client import pull_session
from bokeh.document.events import ModelChangedEvent
from bokeh.plotting import figure

from views.shell.early_changes import send_early_changes

SECONDS = 20


def _pulled(port, until):
    while True:
        try:
            return pull_session(url=f"http://localhost:{port}/")
        except OSError:
            assert time.monotonic() < until, "the server did not start"
            time.sleep(0.1)


def test_a_plot_follows_on_a_page_that_has_not_said_that_it_is_ready():
    send_early_changes()
    send_early_changes()  # every page asks for it
    sent = []

    def app():
        asked, drawn = pn.widgets.TextInput(label="asked"), figure(title="before")

        def reply(event):
            with pn.io.hold():  # as clicks and results are carried out
                drawn.title.text = event.new

        asked.param.watch(reply, "value")
        pn.state.curdoc.on_change(sent.append)
        return pn.Column(asked, pn.pane.Bokeh(drawn))

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]

    def visit():
        until = time.monotonic() + SECONDS
        session = _pulled(port, until)
        field = session.document.select_one({"title": "asked"})
        field.value = "after"  # no document_ready was sent, nor will be
        titles = []
        while not titles and time.monotonic() < until:
            session.force_roundtrip()
            changed = [event for event in sent if isinstance(event, ModelChangedEvent)]
            titles = [event.new for event in changed if event.attr == "text"]
        session.close()
        return titles

    server = pn.serve(app, port=port, threaded=True, show=False, verbose=False)
    try:
        # in a thread of its own: the main one has a running event loop once Playwright was used
        with ThreadPoolExecutor(1) as client:
            assert client.submit(visit).result() == ["after"]
    finally:
        server.stop()
