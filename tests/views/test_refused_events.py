"""An event of a page that is refused is told with the lock of its document, never without."""

import asyncio
import weakref
from concurrent.futures import ThreadPoolExecutor

import panel as pn
import pytest
from panel.io.state import set_curdoc

from analytics.runtime.errors import WinnowError
from views.shell.server import _refuse
from views.state.jobs import Inline
from views.state.session import Session


@pytest.mark.parametrize(
    ("error", "told"),
    [(WinnowError("no such file"), "no such file"), (KeyError("x"), "that was not done: 'x'")],
)
def test_a_refused_event_is_told_with_the_lock(pipeline, visited, error, told):
    session, doc = Session(Inline(), pipeline), visited

    async def event():
        with set_curdoc(doc):
            assert pn.state.curdoc is doc
            _refuse(weakref.ref(session), error)
        await asyncio.sleep(0.05)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, event()).result()
    assert session.notice[1] != told
    (tell,) = doc.later
    tell()
    assert session.notice == ("error", told)


def test_a_page_that_has_gone_is_told_nothing(pipeline, visited):
    session, doc = Session(Inline(), pipeline), visited
    doc.session_context = None

    async def event():
        with set_curdoc(doc):
            _refuse(weakref.ref(session), WinnowError("too late"))
        await asyncio.sleep(0.05)

    with ThreadPoolExecutor(1) as thread:
        thread.submit(asyncio.run, event()).result()
    assert doc.later == []
