"""The Outliers stage without a browser: the list, stepping, decisions, what is said."""

from dataclasses import replace

import numpy as np
import pytest

import winnow_atomistic as winnow
from analytics.curation.outlier_list import ATOMS, STRUCTURES
from analytics.evaluation.prefixes import prefix_metrics
from analytics.pipeline import Pipeline
from analytics.runtime.cache import Cache
from views.compare.rows import score_rows
from views.data.headlines import headline_tiles
from views.outliers.state import EVERY_CLASS, Outliers
from views.outliers.view import OutliersView
from views.state.jobs import Inline
from views.state.session import Session

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning"
    ),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame"),
]


@pytest.fixture(scope="module")
def opened(pipeline, small):
    session = Session(Inline(), pipeline)
    session.open(small)
    return session.opened


@pytest.fixture
def session(opened, pipeline):
    session = Session(Inline(), pipeline)
    session.adopt(opened, "small.xyz")
    return session


def test_nothing_is_listed_before_the_stage_is_looked_at(session):
    state = Outliers(session)
    assert state.found is None
    session.step(1)
    state.shown = True
    assert len(state.found) == session.analysis.n_structures
    assert session.active == state.structure == state.found.structures[0]
    assert session.active_atom == state.found.atoms[0]


def test_the_arrow_keys_step_through_the_list_while_it_is_seen(session):
    state = Outliers(session, shown=True)
    order = state.found.structures.tolist()
    seen = [session.active]
    for _ in range(3):
        session.step(1)
        seen.append(session.active)
    assert seen == order[:4]
    session.step(-1)
    assert session.active == order[2]
    state.look_at(len(order) - 1)
    session.step(1)
    assert state.at == 0
    state.shown = False
    session.inspect(5)
    session.step(1)
    assert session.active == 6


def test_of_a_class_and_of_atoms(session):
    state = Outliers(session, shown=True)
    whole = state.found
    name = str(session.dataset.config_type[whole.structures[-1]])
    state.config_type = name
    assert set(session.dataset.config_type[state.found.structures]) == {name}
    state.param.update(of=ATOMS, config_type=EVERY_CLASS)
    assert state.found.total == session.analysis.n_environments
    assert state.found.scores[0] == session.analysis.outliers.environment.max()


def test_decisions_go_to_the_ledger_with_what_is_unusual_or_the_reason_given(session):
    state = Outliers(session, shown=True)
    first, second = (int(s) for s in state.found.structures[:2])
    state.reject()
    assert session.rejected == [first]
    assert session.reasons[first] == "; ".join(state.found.why[0])
    assert session.ledger[-1].step == "Outliers"
    state.reject()
    assert session.rejected == []
    state.step(1)
    state.reject(" melted ")
    assert session.reasons[second] == "melted"
    session.undo()
    assert session.rejected == []
    state.pin()
    assert session.pinned == [second]
    state.brush()
    assert np.array_equal(session.brush, np.sort(state.found.rows))


def test_the_page_shows_the_row_beside_its_nearest(session):
    view = OutliersView(session, shown=True)
    found, data = view.state.found, session.dataset
    assert view.table.value["#"].tolist() == data.frame_indices[found.structures].tolist()
    assert f"Structure {data.frame_indices[found.structures[0]]}, C" in str(
        view.pair.titles[0].object
    )
    assert view.pair.atoms[0].selected == found.atoms[0]
    assert len(view.pair.atoms[1].frame["symbols"]) > 0
    view.pair.environment.value = True
    assert view.pair.atoms[0].selected == 0
    session.step(9)
    assert (view.state.at, view.table.page, view.table.selection) == (9, 2, [9])
    assert found.why[9][0] in str(view.why.object)
    before = view.table.value["kept by"].tolist()
    session.set_budget(session.analysis.n_structures)
    assert view.table.value["kept by"].tolist() != before
    assert all(cell.count("●") == 3 for cell in view.table.value["kept by"])
    view.reject.clicks += 1
    assert view.reject.variant == "contained"


def test_of_a_sampled_set_it_says_what_is_known(opened):
    session = Session(Inline(), Pipeline(Cache()))
    analysis = opened.analysis
    sampled = winnow.analyse(opened.dataset, analysis.descriptors, analysis.spec, sample=200)
    session.adopt(replace(opened, analysis=sampled), "small.xyz")
    view = OutliersView(session, shown=True)
    assert 0 < len(view.state.found) < sampled.n_structures
    assert "are not ranked" in str(view.list.head.object)
    session.step(1)
    seen = view.state.structure
    session.refine()
    assert view.state.structure == session.active == seen
    assert session.analysis.exact
    assert len(view.state.found) == sampled.n_structures
    assert "not ranked" not in str(view.list.head.object)
    assert view.of.value == STRUCTURES


def test_estimated_figures_keep_their_unit_and_their_error(opened):
    analysis = opened.analysis
    sampled = winnow.analyse(opened.dataset, analysis.descriptors, analysis.spec, sample=200)
    picks = winnow.select(sampled, "random").positions
    rows = {}
    for kind, each in (("exact", analysis), ("sampled", sampled)):
        scores = prefix_metrics(each, picks, np.array([12]))
        rows[kind] = {row.name: row for row in score_rows([scores], each, ("random",))[0]}
    for name, row in rows["sampled"].items():
        assert row.unit.split(" full ")[0] == rows["exact"][name].unit.split(" full ")[0]
        assert rows["exact"][name].spread == ""
    assert float(rows["sampled"]["Coverage"].spread) > 0
    assert "estimated from 200 environments" in rows["sampled"]["Coverage"].hint
    assert headline_tiles(sampled, None).count("±") == 3
    assert "±" not in headline_tiles(analysis, None)
