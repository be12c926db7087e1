"""A page that its user has left is let go of, with everything that it showed."""

import gc
import logging
import types
import weakref

import panel as pn
import pytest
from bokeh.document import Document

from views.shell.page import Page
from views.state.jobs import Inline
from views.state.session import Session


def served_and_left():
    """Put a page into a document, end its session, and return weak references."""
    pn.extension("tabulator")
    doc, session = Document(), Session(Inline())
    session.page = page = Page(session)
    page.page.server_doc(doc, title="Winnow", location=False)
    ended = types.SimpleNamespace(id="left", _document=doc, destroyed=True)
    for callback in list(doc.session_destroyed_callbacks):
        callback(ended)
    doc.clear()
    return [weakref.ref(each) for each in (doc, session, page)]


@pytest.fixture
def _unlogged():
    """Keep pytest from holding what Panel logs: the records hold the page."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("_unlogged")
@pytest.mark.filterwarnings("ignore")  # of Panel, about its own widgets, when models are made
def test_nothing_of_a_page_stays_when_its_user_has_left():
    left = served_and_left()
    gc.collect()
    assert [each() for each in left] == [None] * 3
