"""The Retrain stage: what it knows, what follows the budget, and how points become a brush."""

import io

import numpy as np
import pandas as pd
import pytest
from ase import Atoms
from bokeh.events import PanStart, SelectionGeometry, Tap
from numpy.testing import assert_allclose
from retrain_makers import make_structures

from analytics.data.dataset import Dataset
from analytics.data.readers import dataset_from_atoms
from analytics.evaluation.retrain.errors import Now, Spread
from analytics.evaluation.retrain.evaluate import COLUMNS, WHOLE_POOL
from analytics.pipeline import Pipeline
from analytics.selection.base import METHODS
from views.retrain.parity_points import MANY, _density, _inside
from views.retrain.state import FILE, HOLD_OUT, LEFT_OUT, TAIL, RetrainState
from views.retrain.view import RetrainView
from views.state.jobs import Inline
from views.state.painting import METHOD
from views.state.properties import FORCE_ERROR
from views.state.session import Session

# panel-material-ui 0.16 meets its own deprecation in every FileDownload,
# Panel's table one of pandas
pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning"
    ),
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame.reset_index"),
]


def open_session(dataset: Dataset) -> Session:
    session = Session(Inline(), Pipeline())
    session.open_dataset(dataset)
    assert session.opened is not None, session.notice
    return session


@pytest.fixture(scope="module")
def opened():
    pytest.importorskip("featomic")
    return open_session(dataset_from_atoms(make_structures(model=True), name="made.xyz")).opened


@pytest.fixture
def session(opened):
    session = Session(Inline(), Pipeline())
    session.adopt(opened, "made.xyz")
    return session


@pytest.fixture(scope="module")
def looked_at(opened):
    """The stage of a session that several tests look at; see `view`."""
    session = Session(Inline(), Pipeline())
    session.adopt(opened, "made.xyz")
    return session, RetrainView(session)


@pytest.fixture
def shared(looked_at):
    session, view = looked_at
    budget = session.budget
    yield session
    view.parity.what.value, view.parity.aligned.value = "force", False
    view.state.looked_at = HOLD_OUT
    session.set_brush(np.empty(0, dtype=np.int64))
    session.set_budget(budget)


@pytest.fixture
def view(looked_at, shared):
    return looked_at[1]


@pytest.fixture(scope="module")
def tried(opened):
    session = Session(Inline(), Pipeline())
    session.adopt(opened, "made.xyz")
    return session, RetrainState(session, resamples=2, shown=True)


# ---- what is computed ---------------------------------------------------------------------------


def test_a_report_has_the_errors_of_the_columns_that_are_shown(session):
    state = RetrainState(session, resamples=2, shown=True)
    titles = [slot.title for slot in session.slots]
    for table in state.report_tables():
        assert [name for name, *_ in table.rows] == [*titles, "all structures", "MACE"]
        assert "2 resamples" in table.notes[0]
    state.shown = False  # somebody looks at another stage, and wants fewer columns there
    session.n_columns = 2
    for table in state.report_tables():
        assert [name for name, *_ in table.rows] == [*titles[:2], "all structures", "MACE"]


def test_nothing_is_computed_until_it_is_looked_at(session):
    state = RetrainState(session, resamples=2)
    assert state.runs == {}
    state.shown = True
    assert set(state.runs) == {HOLD_OUT, TAIL}
    assert len(state.runs[HOLD_OUT].repetitions) == 2


def test_parity_and_ranks_do_not_wait_for_all_resamples(session):
    state, seen = RetrainState(session, resamples=3), {"parities": [], "put_back": []}
    for name, counts in seen.items():
        state.param.watch(
            lambda e, counts=counts: counts.append(len(state.runs[HOLD_OUT].repetitions)), name
        )
    state.shown = True
    assert seen["parities"][0] < 3
    assert seen["put_back"][0] < 3
    assert len(state.runs[HOLD_OUT].repetitions) == 3


def test_errors_at_the_budget_are_those_of_a_fit_from_scratch(tried):
    session, state = tried
    session.set_budget(12)
    for column, slot in enumerate(session.slots):
        expected = []
        for each in state.runs[HOLD_OUT].repetitions:
            size = state.size_in(HOLD_OUT)
            assert size == round(12 / 30 * len(each.check.pool))
            members = each.check.orders[str(column)].order[:size]
            test = each.check.tests[0]
            assert len(np.intersect1d(members, test.structures)) == 0
            fit = each.check.equations.fit(members)
            expected.append(test.errors(fit)[0].force_rmse_ev_a)
        found = state.now[HOLD_OUT][str(column)].total
        assert_allclose(found.force, np.mean(expected), rtol=1e-6)
        assert_allclose(found.force_std, np.std(expected, ddof=1), rtol=1e-4, atol=1e-9)
        assert METHODS[slot.method].title


def test_more_structures_end_at_the_whole_pool(tried):
    session, state = tried
    session.set_budget(30)
    for test in (HOLD_OUT, TAIL):
        whole = state.now[test]["whole"].total
        for column in "012":
            assert_allclose(state.now[test][column].total.energy, whole.energy, rtol=1e-6)


def test_another_method_orders_only_its_column_again(session):
    state = RetrainState(session, resamples=2, shown=True)
    before = state.runs[HOLD_OUT].repetitions[0].check.orders
    session.choose(2, "outlier_score")
    after = state.runs[HOLD_OUT].repetitions[0].check.orders
    assert after["0"] is before["0"]
    assert after["2"].order.tolist() != before["2"].order.tolist()


def test_a_method_that_answers_for_one_budget_follows_it(session):
    session.choose(0, "kmeans")
    state = RetrainState(session, resamples=2, shown=True)
    for budget in (9, 15):
        session.set_budget(budget)
        curve = state.runs[HOLD_OUT].repetitions[0].curves["0"]
        assert_allclose(curve.shares, [state.size_in(HOLD_OUT) / 24])
        assert len(state.runs[HOLD_OUT].repetitions[0].check.orders["0"].order) == round(
            budget / 30 * 24
        )


def test_pins_and_rejections_hold_in_every_resample(session):
    session.pin(3)
    session.reject(4)
    state = RetrainState(session, resamples=3, shown=True)
    run = state.runs[HOLD_OUT]
    for each in run.repetitions:
        order = run.ground.structures[each.check.orders["1"].order]
        assert 4 not in order
        if 3 in run.ground.structures[each.check.pool]:
            assert order[0] == 3


def test_class_left_out_is_not_trained_on(session):
    state = RetrainState(session, resamples=2, shown=True)
    state.outside = next(v for k, v in state.outsides.items() if "square" in k)
    run = state.runs[state.outside]
    labels = session.dataset.config_type[run.ground.structures]
    for each in run.repetitions:
        assert set(labels[each.check.pool]) == {"chain"}
    assert set(state.now[state.outside]["0"].classes) == {"square"}


def test_file_of_the_user_becomes_a_test(session, tmp_path):
    from ase.io import write

    path = tmp_path / "mine.xyz"
    write(path, make_structures(6, seed=5), format="extxyz")
    state = RetrainState(session, resamples=2, shown=True)
    state.add_file(path)
    assert state.outside == FILE + "mine.xyz"
    assert state.now[state.outside]["1"].total.n_structures == 6
    assert np.isfinite(state.now[state.outside]["1"].total.force)


def test_what_is_wrong_with_a_test_is_said_while_another_is_chosen(session, tmp_path):
    from ase.io import write

    pool = make_structures(model=True)  # as the session has them
    write(tmp_path / "mine.xyz", make_structures(6, seed=5) + pool[:2], format="extxyz")
    view = RetrainView(session)
    view.state.shown = True
    view.state.add_file(tmp_path / "mine.xyz")
    said = "mine.xyz: 2 of 8 frames (6, 7) are in made.xyz too"
    assert said in view.curves_head.object
    view.state.outside = TAIL
    assert said in view.curves_head.object


def test_file_with_a_foreign_species_is_refused(session, tmp_path):
    from ase.io import write

    atoms = make_structures(2)[0]
    atoms.symbols[0] = "Si"
    write(tmp_path / "si.xyz", atoms, format="extxyz")
    state = RetrainState(session, resamples=2, shown=True)
    state.add_file(tmp_path / "si.xyz")
    assert session.notice[0] == "error"
    assert "Si" in session.notice[1]
    assert state.outside == TAIL


def test_without_labels_it_says_why():
    bare = [Atoms(a.symbols, a.positions) for a in make_structures(8)]
    session = open_session(dataset_from_atoms(bare, name="bare.xyz"))
    view = RetrainView(session)
    assert "neither energies nor forces" in view.state.problem
    assert view.problem.visible
    assert "neither energies nor forces" in view.message.object
    assert not view.fits.visible


def test_without_the_package_it_says_why_and_still_shows_models(session, monkeypatch, tmp_path):
    import sys

    monkeypatch.setitem(sys.modules, "featomic", None)
    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path))
    shifted = make_structures(12, seed=77, model=True)
    session = open_session(dataset_from_atoms(shifted, name="other.xyz"))
    view = RetrainView(session)
    assert "featomic" in view.state.problem
    assert view.parity.card.visible
    assert len(view.parity.plots[len(session.every_slot)].source.data["x"]) > 0


# ---- other models -------------------------------------------------------------------------------


def test_model_of_the_file_is_shown_beside(shared, view):
    assert [model.model for model in view.state.models] == ["MACE"]
    now = view.state.now[HOLD_OUT]["MACE"]
    assert_allclose(now.total.energy, 100.0, rtol=1e-6)
    assert_allclose(now.total.force, 0.1, rtol=1e-6)
    assert "MACE" in view.classes.body.object
    view.parity.aligned.value = True
    assert view.state.now[HOLD_OUT]["MACE"].total.energy < 1e-6
    held_out = view.state.tests_of(HOLD_OUT)[0].structures
    assert view.state.parities["MACE"].structures.tolist() == held_out.tolist()


def test_a_file_with_the_same_structures_has_predictions_of_its_own(session, monkeypatch):
    worse = make_structures(model=True)
    for atoms in worse:
        atoms.info["MACE_energy"] += 0.2 * len(atoms)
    again = dataset_from_atoms(worse, name="worse.xyz")
    assert again.fingerprint == session.dataset.fingerprint
    monkeypatch.setattr(session.pipeline, "read", lambda *args, **rest: again)
    state = RetrainState(session, resamples=2, shown=True)
    state.add_file("worse.xyz")
    assert_allclose(state.now[HOLD_OUT]["MACE"].total.energy, 100.0, rtol=1e-6)
    assert_allclose(state.now[FILE + "worse.xyz"]["MACE"].total.energy, 300.0, rtol=1e-6)


# ---- what is written ----------------------------------------------------------------------------


def test_an_error_smaller_than_its_spread_says_so_and_is_not_ranked(shared, view):
    now = view.state.now
    rows = [Spread(417.4, 514.1, 0.2, 0.01, 5, 2), Spread(450.2, 31.7, 0.3, 0.01, 5, 2)]
    few = {str(at): Now(total, {"chain": total}) for at, total in enumerate([*rows, rows[1]])}
    view.state.now = {HOLD_OUT: few}
    first, second = (view.cards[at].object for at in (0, 1))
    table = view.classes.body.object
    view.state.now = now
    assert "420<small> ± 510</small>" in first
    assert "energy, hold-out: the spread over resamples is larger than the error" in first
    assert "450<small> ± 32</small>" in second
    assert "not ranked" not in second
    assert "0.200<small> ± 0.010</small>" in first
    assert '<td class="gap" title="± 510">420 ○</td>' in table


# ---- parity and brush ---------------------------------------------------------------------------


def test_lasso_in_forces_brushes_atoms(shared, view):
    plot = view.parity.plots[0]
    parity = view.state.parities["0"]
    atom = 7
    x, y = parity.forces[atom, 0], parity.predicted_forces[atom, 0]
    box = {"type": "rect", "x0": x - 1e-9, "x1": x + 1e-9, "y0": y - 1e-9, "y1": y + 1e-9}
    plot.figure._trigger_event(PanStart(plot.figure, modifiers=None))
    plot.figure._trigger_event(SelectionGeometry(plot.figure, geometry=box, final=True))
    described = shared.analysis.descriptors
    assert described.environments[shared.brush].tolist() == [parity.atoms[atom]]
    assert len(plot.brushed.data["x"]) == 3  # its components, in every plot
    assert len(view.parity.plots[2].brushed.data["x"]) == 3


def test_environments_can_be_coloured_by_the_error_of_their_force(shared, view):
    shared.paint(FORCE_ERROR.name)
    parity, environments = view.state.parities["1"], shared.analysis.descriptors.environments
    found = np.full(shared.dataset.n_environments, np.nan)
    found[environments] = shared.colouring.of(1)
    errors = np.linalg.norm(parity.predicted_forces - parity.forces, axis=1)
    tested = np.isin(parity.atoms, environments)
    assert_allclose(found[parity.atoms[tested]], errors[tested])
    assert np.isfinite(found).sum() == tested.sum()
    assert "force_error_1" in shared.properties
    shared.paint(METHOD)


def test_lasso_in_energies_brushes_structures(shared, view):
    view.parity.what.value = "energy"
    parity, plot = view.state.parities["1"], view.parity.plots[1]
    low, high = parity.energies.min() - 9, parity.energies.max() + 9
    outline = {"type": "poly", "x": [low, high, high, low], "y": [-99, -99, 99, 99]}
    plot.figure._trigger_event(SelectionGeometry(plot.figure, geometry=outline, final=True))
    assert shared.brushed_structures.tolist() == sorted(parity.structures)


def test_click_shows_structure_and_atom(shared, view):
    parity, plot = view.state.parities["2"], view.parity.plots[2]
    x, y = parity.forces[4, 1], parity.predicted_forces[4, 1]
    plot.figure._trigger_event(Tap(plot.figure, x=x, y=y))
    row = shared.dataset.rows(shared.active).start + shared.active_atom
    assert row == parity.atoms[4]
    assert len(plot.active.data["x"]) == 3


def test_left_out_is_what_was_not_kept(shared, view):
    view.state.looked_at = LEFT_OUT
    for column, slot in enumerate(shared.slots):
        parity = view.state.parities[str(column)]
        assert sorted({*parity.structures, *shared.kept(slot)}) == list(range(30))
        assert len(parity.structures) == 30 - shared.budget


def test_crowded_points_are_told_apart_by_colour():
    rng = np.random.default_rng(0)
    few = rng.normal(size=(MANY - 1, 2))
    assert set(_density(few)) == {0.5}
    crowd, stray = rng.normal(0, 1e-3, size=(MANY, 2)), np.array([[5.0, 5.0], [-5.0, -4.0]])
    density = _density(np.vstack([crowd, stray]))
    assert density.max() == density[:MANY].max() == 1.0
    assert (density[MANY:] == 0.0).all()


@pytest.mark.parametrize("seed", range(3))
def test_points_in_a_polygon(seed):
    rng = np.random.default_rng(seed)
    corners = rng.normal(size=3) + 1j * rng.normal(size=3)
    points = rng.normal(size=(200, 2))
    outline = np.column_stack([corners.real, corners.imag])
    side = [_side(outline, points, i) for i in range(3)]
    expected = np.all(np.array(side) > 0, axis=0) | np.all(np.array(side) < 0, axis=0)
    assert _inside(points, outline).tolist() == expected.tolist()


def _side(outline, points, i):
    a, b = outline[i], outline[(i + 1) % 3]
    edge, to = b - a, points - a
    return edge[0] * to[:, 1] - edge[1] * to[:, 0]


# ---- what to put back, and what is taken home ---------------------------------------------------


def test_what_helps_most_is_offered(shared, view):
    found = view.state.put_back
    kept = shared.kept(shared.slots[1])
    assert sorted({*found.structures, *kept}) == list(range(30))
    assert (np.diff(found.loss) <= 1e-12).all()
    best = found.structures[:10].tolist()
    assert view.back.table.value["#"].tolist() == best
    view.back.brush_listed()
    assert shared.brushed_structures.tolist() == sorted(best)
    before = shared.budget
    view.back.pin_listed()
    assert shared.pinned == sorted(best)
    assert shared.budget == max(before, 10)
    shared.undo()
    assert shared.pinned == []


def test_error_reduction_is_that_of_a_new_fit(shared, view):
    state = view.state
    ground, found = state.runs[HOLD_OUT].ground, state.put_back
    kept, best = shared.kept(shared.slots[1]), found.structures[0]
    every = np.arange(30)

    def force_error(structures):
        fit = ground.equations.fit(structures)
        rows = ground.equations.design.force_rows.astype(float)
        errors = rows @ fit[: rows.shape[1]] - ground.equations.design.forces
        return np.sqrt(np.mean(errors**2))

    assert ground.structures.tolist() == every.tolist()
    gain = force_error(kept) - force_error([*kept, best])
    assert_allclose(found.force_ev_a[0], gain, atol=1e-6)


def test_table_has_the_columns_of_the_command(shared, view):
    table = pd.read_csv(io.BytesIO(view.classes.csv().read()))
    assert list(table.columns) == list(COLUMNS)
    assert set(table["method"]) == {WHOLE_POOL, *(slot.method for slot in shared.slots)}
    assert set(table["test"]) == {HOLD_OUT, TAIL}
    assert set(table["resample"]) == set(range(5))
    assert np.isfinite(table["force_rmse_ev_a"]).all()
    classes = pd.read_csv(io.BytesIO(view.classes.classes_csv().read()))
    assert {"chain", "square", "all"} == set(classes["config_type"])


def test_another_data_set_starts_afresh(session):
    view = RetrainView(session)
    old = view.state.runs[HOLD_OUT]
    session.open_dataset(dataset_from_atoms(make_structures(16, seed=9), name="next.xyz"))
    assert view.state.runs[HOLD_OUT] is not old
    assert view.state.models == []
    assert view.state.size_in(HOLD_OUT) == max(1, round(session.budget / 16 * 13))
    view.restyle(True)
