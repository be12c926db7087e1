"""Cards that work something out when asked: calibration, influence, how much is enough, claims."""

import io

import ase.io
import numpy as np
import pandas as pd
import pytest
from ase.io import write
from retrain_makers import make_structures

from analytics.claims.report import check_claims
from analytics.data.readers import dataset_from_atoms
from analytics.pipeline import Pipeline
from views.retrain.claims import ClaimsCard
from views.retrain.enough import EnoughCard
from views.retrain.view import RetrainView
from views.review.influence import _rare
from views.review.view import ReviewView
from views.state.jobs import Inline
from views.state.on_request import OnRequest
from views.state.session import Session

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning"
    ),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame"),
]


@pytest.fixture(scope="module")
def opened():
    pytest.importorskip("featomic")
    session = Session(Inline(), Pipeline())
    session.open_dataset(dataset_from_atoms(make_structures(), name="made.xyz"))
    return session.opened


@pytest.fixture
def session(opened):
    session = Session(Inline(), Pipeline())
    session.adopt(opened, "made.xyz")
    return session


def words(card):
    return str(card.head.object)


def test_a_request_is_answered_once_asked_and_goes_with_its_data(session, opened):
    request = OnRequest(session, "question")
    assert request.result is None
    request.ask(lambda analysis, monitor: analysis.n_structures)
    assert (request.result, request.running) == (opened.analysis.n_structures, False)
    session.open_dataset(dataset_from_atoms(make_structures()[:8], name="other.xyz"))
    assert request.result is None


def test_why_a_request_failed_is_said_until_it_is_asked_again(session):
    request = OnRequest(session, "question")

    def refuses(analysis, monitor):
        raise ValueError("no labels to learn")

    request.ask(refuses)
    assert (request.result, request.running) == (None, False)
    assert request.problem == "no labels to learn"
    request.ask(lambda analysis, monitor: 1)
    assert (request.result, request.problem) == (1, "")


def test_calibration_and_influence_wait_for_their_buttons(session):
    view = ReviewView(session, shown=False)
    for card in (view.calibration, view.influence):
        assert card.request.result is None
        assert not card.body.visible
    card = view.influence
    card.ask()
    found = card.request.result
    assert "each left out once" in words(card)
    hurting = [int(s) for s in found.table["structure"][:3]]
    assert card.table.value["#"].tolist()[:3] == hurting  # frames count as structures here
    card.order.value = "Helps most"
    assert card.table.value["force error"].is_monotonic_decreasing
    card.order.value = "Doubtful labels"
    assert card.labels.visible
    assert not card.table.visible
    first = int(found.labels["structure"].iloc[0])
    card._on_click(type("Event", (), {"row": 0}))
    assert session.active == first
    card.reject_shown()
    assert session.rejected == [first]
    assert [(r.structure, r.step) for r in session.ledger] == [(first, card.NAME)]


def test_calibration_says_its_verdict_and_marks_the_width_in_use(session):
    card = ReviewView(session, shown=False).calibration
    card.ask()
    found = card.request.result
    assert found.verdict.split(".")[0] in words(card)
    spans = {item.name: item for item in card.plot.center if item.name}
    assert spans["chosen"].location == found.chosen
    at = found.metrics.index("coverage")
    np.testing.assert_array_equal(card._sources["coverage"].data["y"], found.force[at].mean(axis=1))
    assert spans["flat"].visible == (not found.nothing_to_rank)


def test_budgets_with_reasons_move_the_budget_and_bounds_follow_it(session):
    card = EnoughCard(session)
    card.ask()
    found = card.request.result
    offered = [button for button in card.moves if button.visible]
    assert len(offered) == len(found.recommended.candidates) >= 1
    card._move(0)
    share = found.recommended.candidates[0].share
    assert session.budget == max(1, round(share * session.analysis.n_structures))
    before = card.bounds.object
    session.set_budget(session.analysis.n_structures)
    assert card.bounds.object != before
    assert [each.points[0].rise for each in found.bounds] == [0.0] * len(found.bounds)
    for sentence in found.redundancy.verdict.sentences:
        assert sentence.split()[0] in str(card.redundancy.object)


def test_outlier_scores_are_correlated_with_errors_at_the_budget(session):
    view = RetrainView(session)
    card = view.outliers
    card.ask()
    found = card.request.result
    assert set(found.table["method"]) == {"0", "1", "2"}
    assert "press again" not in words(card)
    session.set_budget(session.budget + 2)
    assert "press again" in words(card)


def test_claims_stand_with_verdict_and_reason(session):
    card = ClaimsCard(session)
    names = ["msc_information", "msc_published_tests"]
    card.request.ask(lambda analysis, monitor: check_claims(analysis, names, resamples=2))
    text = str(card.answers.object)
    for answer in card.request.result.answers:
        assert answer.verdict.capitalize() in text
    assert "cannot be asked" in words(card)


def test_two_potentials_judge_and_where_they_disagree_is_said(session):
    view = RetrainView(session)
    first = view.state.now
    view.state.judges = "SOAP-GAP and linear ACE"
    for test, by in first.items():  # those of the first potential stay what they were
        assert view.state.now[test]["0"].total.force == pytest.approx(by["0"].total.force)
    assert all(set(by) == {"SOAP-GAP", "linear ACE"} for by in view.state.leading.values())
    view.state.leading = {
        ("hold_out", "force"): {"SOAP-GAP": {"0"}, "linear ACE": {"1", "2"}},
        ("hold_out", "energy"): {"SOAP-GAP": {"1"}, "linear ACE": {"1"}},
    }
    said = str(view.agreement.object)
    assert "no winner" in said
    assert f"energy on hold-out: {session.slots[1].title}" in said
    view.state.judges = "linear ACE"
    assert view.state.now["hold_out"]["0"].total.force != first["hold_out"]["0"].total.force
    assert view.state.leading == {}
    assert "inear ACE" in str(view.footer.object)


def test_curves_count_atoms_where_structures_differ_in_size(session):
    view = RetrainView(session)
    state = view.state
    state.atoms = True
    plot = view.curves.figures["inside", "force"]
    assert plot.xaxis.axis_label == "atoms kept (%)"
    for column in range(3):
        dot = view.curves._sources["inside", "force"][f"now-{column}"].data["x"]
        assert dot == [pytest.approx(100 * state.atoms_at("hold_out", str(column)))]
    assert state.atoms_at("hold_out", "7") != state.atoms_at("hold_out", "7")  # NaN: not known


def test_another_file_tells_its_novelty_at_a_rate_and_gives_a_replay_set(session, tmp_path):
    write(tmp_path / "pool.xyz", make_structures(12, seed=7), format="extxyz")
    view = ReviewView(session, shown=False)
    view.state.shown = True
    card, part = view.against, view.against.replay
    assert not part._part.visible
    view.state.compare_with(tmp_path / "pool.xyz")
    assert part._part.visible
    assert "false-alarm rate" in str(card._card.head.object)
    chances = card.table.value["by chance"].to_numpy()
    np.testing.assert_allclose(
        np.sort(chances), np.sort(100 * view.state.against.found.novelty.p_value)
    )
    part.size.value = 3
    part.ask()
    found = part.request.result
    assert len(found.selection) == 3
    again = ase.io.read(io.StringIO(part.file().getvalue().decode()), ":", format="extxyz")
    assert [len(atoms) for atoms in again] == [
        int(found.analysis.dataset.sizes[s]) for s in found.selection.structures
    ]
    view.state.compare_with(tmp_path / "pool.xyz")
    assert part.request.result is None


def test_a_class_that_fits_no_others_is_called_rare():
    scores = {"energy_score": [9.0, 8.0, 1.0, 7.0], "force_score": [1.0, np.nan, 1.0, 1.0]}
    table = pd.DataFrame({"config_type": ["hot", "hot", "cold", "cold"], **scores})
    assert "Most of hot are" in _rare(table)
    assert _rare(table[table["config_type"] == "cold"]) == ""
