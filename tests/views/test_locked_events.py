"""An event that comes while a change waits is handled with the lock of its document."""

from functools import partial

import panel as pn
import panel_material_ui as pmui
import pytest
from panel.io.state import set_curdoc, state

from views.shell.locked_events import lock_events


@pytest.fixture(autouse=True)
def locked():
    pn.extension()  # the server's way of running coroutines
    lock_events()


def test_an_event_behind_a_change_waits_for_the_lock(visited):
    field, doc = pmui.TextInput(), visited
    with set_curdoc(doc):
        state._change_callbacks[doc] = {"typed": None}  # what was typed waits to be handled
        field._server_event(doc, None)
    del state._change_callbacks[doc]
    (handle,) = doc.later
    # Bokeh takes the lock for whatever does not say that it does without
    assert not getattr(handle, "nolock", False)


def test_an_urgent_change_waits_for_the_lock(visited):
    field, doc = pmui.TextInput(), visited
    with set_curdoc(doc):
        state.execute(partial(field._change_coroutine, doc, event_id="typed"), schedule=True)
    (handle,) = doc.later
    assert not getattr(handle, "nolock", False)
