"""What was chosen in the stages of a page comes back with its session."""

import numpy as np
import pytest

from analytics.data.export import write_subset
from analytics.data.readers import read
from analytics.pipeline import Pipeline
from analytics.runtime.cache import Cache
from analytics.runtime.store import Store
from views.shell.page import Page
from views.state.jobs import Inline
from views.state.saver import Immediate, Saver
from views.state.session import DEMO, Session
from views.state.shelf import Shelf

pytestmark = [  # of Panel's table and buttons
    pytest.mark.filterwarnings("ignore:The inplace keyword"),
    pytest.mark.filterwarnings(
        "ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning"
    ),
]


def test_the_stage_and_what_was_chosen_there_come_back(tmp_path):
    pipeline, shelf = Pipeline(Cache(store=Store(tmp_path / "store"))), Shelf(root=tmp_path)
    write_subset(read(DEMO), np.arange(0, 552, 48), path := tmp_path / "small.xyz")

    def page():
        session = Session(Inline(), pipeline)
        saver = Saver(session, shelf, Immediate())
        made = Page(session)
        made.attach(saver)
        return made, saver

    first, saver = page()
    saver.start(path)
    saver.session.open(path)
    first.stage.value = "Review"
    first.rooms["Review"].stage._view.state.set_tolerance(0.3)
    first.rooms["Review"].stage._view.state.limit = 2.5
    assert first.connection.session == saver.name_on_shelf != ""
    saver.of_page = first.save()

    second, other = page()
    other.open(saver.name_on_shelf, print)
    assert second.stage.value == "Review"
    state = second.rooms["Review"].stage._view.state
    assert (state.tolerance, state.limit) == (0.3, 2.5)
    assert second.save() == first.save()
    assert first.connection.elsewhere
