"""What the tests of the page's state share: results, and a small data set."""

import numpy as np
import pytest
from bokeh.document import Document

from analytics.data.export import write_subset
from analytics.data.readers import read
from analytics.pipeline import Pipeline
from analytics.runtime.cache import Cache
from analytics.runtime.store import Store
from views.state.session import DEMO


class Visited(Document):
    """A document that somebody looks at, and that notes what is to be done with its lock."""

    session_context = object()

    def __init__(self):
        super().__init__()
        self.later = []

    def add_next_tick_callback(self, callback):
        self.later.append(callback)


@pytest.fixture
def visited():
    """A document that somebody looks at."""
    return Visited()


@pytest.fixture(scope="module")
def pipeline(tmp_path_factory):
    """Share results, as the sessions of a server do."""
    return Pipeline(Cache(store=Store(tmp_path_factory.mktemp("store"))))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A few structures of the carbon set."""
    path = tmp_path_factory.mktemp("data") / "small.xyz"
    write_subset(read(DEMO), np.arange(0, 552, 24), path)
    return path
