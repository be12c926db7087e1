"""The Density stage without a browser: what is shown, kept, trained, cut, and refused."""

import csv
import inspect
import queue
import threading
from dataclasses import replace

import numpy as np
import panel_material_ui as pmui
import pytest

from analytics.density.claims import check_claims
from analytics.density.pictures import density_slice
from analytics.density.readers import EMBEDDED
from analytics.density.results import COLUMNS, precomputed
from analytics.density.study import FULL
from views.density import state as state_module
from views.density.bar import table_csv
from views.density.measured import Measured, effective
from views.density.panels import Facts
from views.density.slices import image_of
from views.density.state import DensityState
from views.density.view import DensityView
from views.density.words import relabel
from views.state.jobs import Inline, Worker
from views.state.session import Session

pytestmark = [
    pytest.mark.filterwarnings(
        "ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning"
    ),
]
SECONDS = 60


def gaussians(n=5, shape=(8, 8, 9), electrons=2.0):
    """One atom in a skewed cell that moves; its density is a periodic Gaussian."""
    rng = np.random.default_rng(0)
    cell = np.array([[3.2, 0.0, 0.0], [0.8, 3.1, 0.0], [0.0, 0.3, 3.4]])
    axes = [np.arange(m) / m for m in shape]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), -1).reshape(-1, 3) @ cell
    shifts = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3), -1).reshape(-1, 3) @ cell
    places, densities = rng.uniform(0, 1, (n, 2, 3)) @ cell, []
    for atoms in places:
        far = points[:, None, None] - atoms[:, None] - shifts
        total = np.exp(-(far**2).sum(-1) / 0.9).sum((1, 2))
        volume = abs(np.linalg.det(cell)) / 0.529177210903**3 / len(points)
        densities.append((total * electrons / (total.sum() * volume)).reshape(shape))
    return {"rho": np.array(densities), "pos": places, "cell": cell, "Z": np.array([1, 1])}


@pytest.fixture
def own(tmp_path):
    path = tmp_path / "made.npz"
    np.savez(path, **gaussians())
    return path


@pytest.fixture
def state(own):
    """The stage with a small system of the user's own."""
    state = DensityState(session := Session(Inline()))
    state.open_files([own])
    assert session.notice == ("", "")
    return state


@pytest.fixture
def quick(monkeypatch):
    """Train few and small models."""
    monkeypatch.setattr(state_module, "TRAINED", {"points": (0.5, 0.1), "snapshots": (0.5,)})


def notice(state):
    return state._session.notice


# ---- parameters, looking up ---------------------------------------------------------------------


def test_every_parameter_is_documented():
    own = [name for name in DensityState.param if name != "name"]
    assert [name for name in own if not (DensityState.param[name].doc or "").strip()] == []


def test_state_knows_nothing_of_panel():
    source = inspect.getsource(state_module)
    assert "panel" not in source.split('"""', 2)[2]
    assert "bokeh" not in source


def test_labels_that_mean_the_same_are_the_same():
    options = {"ccs": {"beta": 0.1, "scale": "log"}}
    assert effective("ccs", options) == effective("ccs:beta=0.1:scale=log", {})
    assert effective("ccs", options) != effective("ccs", {})
    assert effective(FULL, options) == (FULL, ())


def test_figures_are_those_of_the_summary():
    results = precomputed("al")
    measured = Measured(results)
    for row in results.summary().to_dict(orient="records"):
        found = measured.figure(row["method"], row["kept"], "density_error_pct")
        assert found.mean == pytest.approx(row["density_error_pct_mean"])
        assert found.spread == pytest.approx(row["density_error_pct_std"])
        assert found.seeds == row["seeds"]
    curve = measured.curve("random", "nrmse")
    assert list(curve.kept) == sorted(curve.kept)
    assert (curve.low <= curve.mean).all()
    assert (curve.mean <= curve.high).all()


def test_errors_by_condition_make_up_those_of_seen_and_unseen():
    results = precomputed("al")
    found = Measured(results).by_condition("random", 0.1)
    rows = [r for r in results.rows if (r["method"], r["kept"]) == ("random", 0.1)]
    rows = [r for r in rows if r["steps"] == results.steps]
    unseen = [found[name] for name in found if name not in results.facts["conditions_seen"]]
    # as many snapshots of each condition: the mean over snapshots is that over conditions
    assert np.mean(unseen) == pytest.approx(
        np.mean([r["unseen_error_pct"] for r in rows]), rel=1e-4
    )
    (seen,) = (found[name] for name in results.facts["conditions_seen"])
    assert seen == pytest.approx(np.mean([r["density_error_pct"] for r in rows]), rel=1e-4)
    card = DensityView(Session(Inline())).columns.heads[0].card.object
    assert all(f"{name} (unseen): " in card for name in found if name != "4.05 Å")


# ---- systems ------------------------------------------------------------------------------------


def test_precomputed_results_need_no_work():
    class Never(Inline):
        def _start(self, job):
            raise AssertionError(f"{job.stage} was started")

    state = DensityState(Session(Never()))
    for system in EMBEDDED:
        state.open_system(system, prepare=False)
        assert state.results is precomputed(system)
        if state.results is not None:
            assert state.claims() == check_claims(state.results)
            assert state.n_candidates == state.results.facts["n_points"]


def test_options_choose_among_the_precomputed_curves():
    state = DensityState(Session(Inline()))
    state.open_system("al", prepare=False)
    assert state.label(1) == "ccs"
    state.beta = 0.1
    assert state.label(1) == "ccs:beta=0.1:scale=linear"
    state.strata = 7
    assert state.label(1) is None
    assert state.figure(1, "density_error_pct") == (None, None)
    assert state.label(0) == "random"


def test_what_is_read_of_many_files_is_said_once(state, monkeypatch):
    notes = ["a: 9 points", "b: 9 points", "c: 7: 8", "d: 9 points"]
    facts = {**state.facts, "notes": notes}
    monkeypatch.setattr(type(state), "facts", property(lambda self: facts))
    read = [text for name, text in Facts(state)._rows() if name == "read"]
    assert read == ["a and 2 others: 9 points", "c: 7: 8"]


def test_own_files_replace_the_system(state):
    assert state.system == ""
    assert state.results is None
    assert state.facts["n_train"] + state.facts["n_test"] == 5
    assert [len(c.rows) for c in state.chosen] == [round(0.01 * state.n_candidates)] * 3


@pytest.mark.parametrize("bad", ["missing", "text", "negative", "single"])
def test_bad_files_are_named_and_nothing_is_lost(state, tmp_path, bad):
    before = (state.prepared, state.title, state.chosen)
    path = tmp_path / "bad.npz"
    if bad == "text":
        path.write_text("no density")
    elif bad != "missing":
        arrays = gaussians(1 if bad == "single" else 3)
        arrays["rho"] = arrays["rho"] - (0.1 if bad == "negative" else 0.0)
        np.savez(path, **arrays)
    state.open_files([path])
    severity, text = notice(state)
    assert severity == "error"
    assert "bad" in text
    assert (state.prepared, state.title, state.chosen) == before


def old_chgcar(rho, places, cell):
    """Return a CHGCAR of VASP 4, which names no elements."""
    volume = abs(np.linalg.det(cell)) / 0.529177210903**3
    rows = [" ".join(map(repr, row.tolist())) for row in (*cell, *places)]
    values = " ".join(f"{v:.10E}" for v in (rho * volume).transpose(2, 1, 0).ravel())
    shape = " ".join(map(str, rho.shape))
    return "\n".join(["old", "1.0", *rows[:3], "2", "Cartesian", *rows[3:], "", shape, values])


def test_elements_that_a_file_leaves_open_are_asked_and_come_back(own, tmp_path):
    made = gaussians()
    paths = [tmp_path / f"CHGCAR_{at}" for at in range(3)]
    for at, path in enumerate(paths):
        path.write_text(old_chgcar(made["rho"][at], made["pos"][at], made["cell"]))
    view = DensityView(Session(Inline()))
    view.state.open_files([own])
    before = view.state.prepared
    view.own.path.value = str(tmp_path / "CHGCAR_*")
    view.own.open.param.trigger("clicks")
    assert view.state.prepared is before
    assert view.state.asked == ["1"]
    assert view.own.species.visible
    view.own.species.value = "1=H"
    view.own.open.param.trigger("clicks")
    assert view.state.prepared.data.n_snapshots == 3
    assert not view.own.species.visible
    again = DensityState(Session(Inline()))
    again.bring_back({"paths": view.state.paths, "species": view.state.species})
    assert again.prepared.data == view.state.prepared.data


# ---- what is kept -------------------------------------------------------------------------------


def test_kept_points_follow_the_slider_without_training(state):
    for share in (0.5, 0.1, 0.05):
        state.kept = share
        for column in state.chosen:
            assert column.kept == share
            assert len(column.rows) == round(share * state.n_candidates)
            assert column.histogram.points.sum() == len(column.rows)
    assert state.results is None


def test_options_change_what_ccs_keeps(state):
    state.kept = 0.1
    before = state.chosen
    state.beta = 0.5
    assert not np.array_equal(before[1].rows, state.chosen[1].rows)
    assert state.chosen[0] is before[0]
    scores = state.prepared.study.pool, state.prepared.candidates("points").scores.grand
    hardest = np.argsort(-scores[1], kind="stable")[: len(scores[1]) // 2]
    assert not np.isin(state.chosen[1].rows, hardest).any()


def test_whole_snapshots(state):
    state.set_unit("snapshots")
    assert state.kept in state.shares
    state.kept = 0.5
    for column in state.chosen:
        assert column.n_snapshots == round(0.5 * state.n_candidates)
        owners = state.prepared.study.pool.snapshots[column.rows]
        assert set(np.bincount(owners)) == {0, 8 * 8 * 9}


# ---- training -----------------------------------------------------------------------------------


def test_training_fills_curves_and_claims(state, quick):
    state.seeds = 1
    state.train()
    assert notice(state) == ("", "")
    assert not state.training
    assert state.results is state.trained
    done, total = state.arrived
    assert done == total == len(state.results.rows)
    assert state.measured.shares("ccs") == (0.01, 0.1, 0.5)
    assert [c.verdict for c in state.claims()] == [c.verdict for c in check_claims(state.results)]


def test_table_has_the_columns_of_the_command(state, quick):
    state.seeds = 1
    state.train()
    rows = list(csv.DictReader(table_csv(state)))
    assert list(rows[0]) == list(COLUMNS)
    assert {row["method"] for row in rows} == {FULL, "random", "ccs", "grand"}
    assert all(row["energy_error_mev_atom"] == "" for row in rows)


def test_results_stream_in_and_stay_after_a_cancel(own):
    """The queue is the event loop: what is posted runs here, one after another."""
    posted = queue.SimpleQueue()
    session = Session(Worker(posted.put))
    state = DensityState(session)

    def until(condition):
        while not condition():
            posted.get(timeout=SECONDS)()

    state.open_files([own])
    until(lambda: state.prepared is not None and state.chosen[0] is not None)
    state.train()
    until(lambda: state.arrived[0] >= 2)
    assert state.training
    session.cancel()
    kept = state.arrived[0]
    assert not state.training
    assert len(state.results.rows) == kept < state.arrived[1]
    while not posted.empty():
        posted.get()()
    assert len(state.results.rows) == kept
    deadline = threading.Event()
    session.run("probe", lambda monitor: None, lambda _: deadline.set())
    until(deadline.is_set)  # the worker is free again


# ---- slice --------------------------------------------------------------------------------------


def test_slice_trains_its_model_once_and_matches_the_core(state):
    state.kept = 0.1
    state.draw_slice()
    assert state.cut is None
    state.draw_slice(train=True)
    model = state.cut_model
    assert (model.method, model.kept, model.seed) == ("ccs", 0.1, 0)
    state.position = 0.5
    state.draw_slice(train=True)
    assert state.cut_model is model
    wanted = density_slice(state.prepared.study, model, state.snapshot, axis=2, position=0.5)
    np.testing.assert_array_equal(state.cut.error, wanted.error)
    state.kept = 0.5
    state.draw_slice()
    assert state.cut is None


def test_oblique_plane_is_drawn_where_it_is(state):
    state.draw_slice(train=True)
    cut = state.cut
    raster, left, bottom, width, height = image_of(cut, cut.true)
    rows, columns = raster.shape
    i = np.floor((cut.x - left) / width * columns).astype(int)
    j = np.floor((cut.y - bottom) / height * rows).astype(int)
    np.testing.assert_array_equal(raster[j, i], cut.true)
    assert np.isnan(raster).any()


# ---- page ---------------------------------------------------------------------------------------


def test_view_shows_columns_claims_and_both_themes(own):
    view = DensityView(Session(Inline()))
    assert view.state.results is precomputed("al")
    text = view.claims.text.object
    for claim in view.state.claims():
        assert claim.verdict.capitalize() in text
    assert "precomputed" in text
    for column, head in enumerate(view.columns.heads):
        assert "at 1" in head.card.object
        drawn = view.columns.kept[column].data["x"]
        assert len(drawn) == len(view.state.chosen[column].rows)
    view.restyle(True)
    view.restyle(False)
    view.bar.kept.value = 0
    assert view.state.kept == min(view.state.shares)
    view.state.open_files([own])
    assert "not trained yet" in view.columns.heads[0].card.object
    assert view.bar.system.value == "own"


def test_slice_is_drawn_with_the_colours_of_its_bar(own):
    """A crystal has linear colours, a molecule in vacuum logarithmic ones."""
    view = DensityView(Session(Inline()))
    slices, seen = view.slices, []
    view.state.open_files([own])
    for target in ("root", "density"):
        study = view.state.prepared.study
        study = replace(study, spec=replace(study.spec, target=target))
        view.state.prepared = replace(view.state.prepared, study=study)
        view.state.draw_slice(train=True)
        for name, bar in zip(("true", "predicted"), slices.bars, strict=False):
            images = [r for r in slices.figures[name].renderers if r.name == "image"]
            shown = [r for r in images if r.visible]
            assert [r.glyph.color_mapper for r in shown] == [bar.color_mapper]
            assert bar.color_mapper.high == view.state.cut.true.max()
        seen.append(type(bar.color_mapper).__name__)
    assert seen == ["LogColorMapper", "LinearColorMapper"]


def test_choice_tells_the_browser_its_new_label():
    choice, sent = pmui.Select(options={"1 · GraNd": 1}, value=1), []
    model = choice.get_root()
    relabel(choice, {"1 · EL2N": 1}, 1)
    model.data.on_change("value", lambda attr, old, new: sent.append(new))
    assert model.data.value == "1 · EL2N"
