"""What one user sees and decides, without a page: work runs at once, in the caller."""

import inspect

import numpy as np
import param
import pytest
from fake_workers import Desk, FakeWorkers

from analytics.data.export import write_subset
from analytics.data.readers import read
from analytics.descriptors.distances import DistanceSpec, describe
from analytics.evaluation.comparison import measure
from analytics.information.analysis import analyse
from analytics.information.kernel import KernelSpec
from analytics.pipeline import Pipeline
from analytics.runtime.cache import Cache
from analytics.runtime.store import Store
from analytics.selection.base import METHODS
from views.state.columns import lower_first
from views.state.decisions import UNDO_DEPTH
from views.state.jobs import Inline, Worker
from views.state.ordering import DEFAULT_METHODS
from views.state.session import DEMO, Session, Slot

SECONDS = 60
FIGURES = {
    "n_environments": "environments",
    "entropy_nats": "entropy",
    "diversity_nats": "diversity",
    "overlap": "overlap",
    "outliers_kept": "outliers_kept",
    "force_top1pct_kept": "force_top1pct",
    "force_top01pct_kept": "force_top01pct",
}
FREE_ATOM = '1\nProperties=species:S:1:pos:R:3 config_type=IsolatedAtom pbc="F F F"\nC 0 0 0\n'


@pytest.fixture(scope="session")
def small(tmp_path_factory):
    """A sixth of the carbon set: 92 structures, 3982 environments, one isolated atom."""
    path = tmp_path_factory.mktemp("data") / "small.xyz"
    data = read(f"{DEMO}@0:552:6")
    write_subset(data, np.arange(data.n_structures), path)
    return path


@pytest.fixture(scope="session")
def pipeline(tmp_path_factory):
    """Share results, as the sessions of a server do."""
    return Pipeline(Cache(store=Store(tmp_path_factory.mktemp("store"))))


@pytest.fixture
def session(small, pipeline):
    session = Session(Inline(), pipeline)
    session.open(small)
    return session


@pytest.fixture
def cut(small, tmp_path):
    """Write a part of the small set without some of its labels."""

    def write(name="cut.xyz", structures=slice(0, None, 4), *, energies=True, forces=True):
        data = read(
            small,
            energy_key=None if energies else "",
            forces_key=None if forces else "",
        )
        blocks, lines = [], iter(small.read_text().splitlines())
        for line in lines:
            comment = next(lines)
            rows = [next(lines) for _ in range(int(line))]
            if not energies:
                comment = comment.replace("energy=", "unused=")
            if not forces:
                comment = comment.replace(":forces:R:3", ":unused:R:3")
            blocks.append("\n".join([line, comment, *rows]))
        assert (data.energies is None, data.forces is None) == (not energies, not forces)
        path = tmp_path / name
        path.write_text("\n".join(blocks[structures]) + "\n")
        return path

    return write


def methods(session):
    return [slot.method for slot in session.slots]


def orders(session):
    return [slot.selection.structures.tolist() for slot in session.slots]


def isolated_atom(session):
    (index,) = np.flatnonzero(session.dataset.isolated)
    return int(index)


# ---- parameters ---------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Session, Slot])
def test_every_parameter_is_documented(kind):
    own = [name for name in kind.param if name != "name"]
    assert own
    assert [name for name in own if not (kind.param[name].doc or "").strip()] == []


def test_session_knows_nothing_of_panel():
    source = inspect.getsource(inspect.getmodule(Session))
    assert "import panel" not in source
    assert "import bokeh" not in source
    assert "holoviews" not in source


# ---- opening ------------------------------------------------------------------------------------


def test_opens_with_an_answer(session, small):
    assert session.dataset.n_structures == 92
    assert session.analysis.n_structures == 91
    assert session.dataset.name == small.name
    assert methods(session) == list(DEFAULT_METHODS)
    assert session.budget == 9
    assert session.embedding.method == session.map_kind == "PCA"
    assert 0 <= session.active < 92
    assert not session.dataset.isolated[session.active]
    assert session.progress == -1
    assert session.notice == ("success", "")
    assert not session.can_undo
    assert not session.can_redo
    everything = sorted(session.analysis.descriptors.structures.tolist())
    assert [sorted(order) for order in orders(session)] == [everything] * 3


def test_nothing_open_is_a_state_too():
    session = Session(Inline())
    session.set_budget(5)
    session.brush_forces(0, 1)
    session.step(1)
    session.inspect(0)
    session.pin(0)
    session.reject(0)
    session.undo()
    session.redo()
    session.show_map("UMAP")
    session.choose(0, "msc")
    session.reread(energy_key="energy")
    session.reanalyse(DistanceSpec(k=8), KernelSpec())
    session.cancel()
    assert session.dataset is session.analysis is None
    assert (session.active, session.pinned, session.rejected) == (-1, [], [])
    assert session.scores(session.slots[0]) is None
    assert len(session.kept(session.slots[0])) == len(session.kept_rows(session.slots[0])) == 0
    assert len(session.brushed_structures) == 0


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("gone.xyz", None, "no such file"),
        ("empty.xyz", b"", "the file is empty"),
        ("binary.xyz", bytes(range(256)) * 8, "not a text file"),
        ("truncated.xyz", b"4\nProperties=species:S:1:pos:R:3\nC 0 0 0\nC 1 0 0\n", "ends early"),
        ("nan.xyz", b"2\nProperties=species:S:1:pos:R:3\nC 0 0 0\nC nan 0 0\n", ""),
        ("atoms.xyz", FREE_ATOM.encode(), "isolated atoms only"),
    ],
)
def test_what_cannot_be_opened_leaves_all_as_it_was(session, tmp_path, name, content, cause):
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    session.set_brush([1, 2, 3])
    session.pin(4)
    before = (session.opened, session.embedding, session.pinned, session.budget, orders(session))
    session.open(path)
    severity, text = session.notice
    assert severity == "error"
    assert name in text
    assert cause in text
    after = (session.opened, session.embedding, session.pinned, session.budget, orders(session))
    assert all(a is b or a == b for a, b in zip(after, before, strict=True))
    assert session.brush.tolist() == [1, 2, 3]
    assert session.progress == -1
    session.open(path.with_name("gone as well.xyz"))
    assert "gone as well.xyz" in session.notice[1]


def test_first_file_that_fails_leaves_an_empty_session(tmp_path):
    session = Session(Inline())
    session.open(tmp_path / "gone.xyz")
    assert session.opened is None
    assert session.notice[0] == "error"
    assert session.progress == -1


def test_other_label_keys_are_those_of_the_file_shown(session, tmp_path):
    session.open(tmp_path / "gone.xyz")
    session.reread(energy_key="", forces_key="", config_type_key="")
    assert session.notice[0] != "error"
    assert session.dataset.name == "small.xyz"
    assert session.dataset.energies is session.dataset.forces is None


def test_data_set_in_memory_replaces_the_file(session, cut):
    session.open_dataset(read(cut("memory.xyz")))
    assert session.dataset.name == "memory.xyz"
    session.reread(energy_key="")  # there is no file to read again
    assert session.dataset.name == "memory.xyz"
    assert session.dataset.energies is not None


def test_file_without_forces_is_no_error(session, cut, small):
    session.open(cut("energies.xyz", forces=False))
    assert session.dataset.name == "energies.xyz"
    assert methods(session) == ["random", "facility_location", "outlier_score"]
    severity, text = session.notice
    assert severity == "info"
    assert "energies.xyz has no forces" in text
    for slot in session.slots:
        scores = session.scores(slot)
        assert np.isfinite([scores.entropy, scores.diversity, scores.overlap]).all()
        assert np.isnan(scores.force_top1pct).all()
    session.brush_forces(0, np.inf)
    assert len(session.brush) == 0
    session.open(small)  # the method comes back with the forces
    assert methods(session) == list(DEFAULT_METHODS)
    assert session.notice == ("success", "")


def test_method_chosen_since_stays(session, cut, small):
    session.open(cut(forces=False))
    session.choose(2, "msc")
    session.open(small)
    assert methods(session) == ["random", "facility_location", "msc"]


def test_file_without_energies_and_forces_is_no_error(session, cut):
    session.open(cut("bare.xyz", energies=False, forces=False))
    assert session.dataset.name == "bare.xyz"
    assert session.dataset.energies is session.dataset.forces is None
    assert methods(session)[2] == "outlier_score"


def test_single_structure(session, cut):
    session.open(cut("one.xyz", slice(20, 21)))
    assert session.analysis.n_structures == 1
    assert session.budget == 1
    assert orders(session) == [[0]] * 3
    session.set_budget(0)
    assert session.budget == 1
    session.step(1)
    assert session.active == 0
    for decide in (session.pin, session.reject):
        decide(0)
    assert orders(session) == [[]] * 3
    assert [session.scores(slot) for slot in session.slots] == [None] * 3
    session.undo()
    session.undo()
    assert orders(session) == [[0]] * 3


def test_opening_starts_afresh(session, cut):
    session.pin(3)
    session.reject(4)
    session.choose(0, "msc")
    session.set_brush([1])
    session.set_budget(40)
    session.open(cut())
    assert (session.pinned, session.rejected, session.brush.tolist()) == ([], [], [])
    assert session.budget == 2
    assert not session.can_undo
    assert methods(session)[0] == "msc"


@pytest.mark.parametrize("structures", [slice(0, 9), slice(None)])
def test_watchers_see_orders_and_data_of_one_kind(session, cut, structures):
    """Neither the new orders with the old data nor the old orders with the new."""
    smaller = cut("other.xyz", slice(0, 12))
    session.open(smaller)
    seen = []

    def look(*_):
        seen.append([len(session.kept_rows(slot)) for slot in session.slots])
        for slot in session.slots:
            assert slot.selection.source == session.analysis.fingerprint

    session.param.watch(look, ["opened", "embedding", "budget"])
    for slot in session.slots:
        slot.param.watch(look, ["method", "selection", "retention"])
    session.open(cut("again.xyz", structures))
    assert seen


def test_adopt_takes_over_without_work(session, small, pipeline):
    workers = FakeWorkers()
    other = Session(Inline(), Pipeline(pipeline.cache, workers=workers))
    other.adopt(session.opened, small)
    assert workers.called == []
    assert other.opened is session.opened
    assert other.budget == 9
    assert orders(other) == orders(session)
    other.reread(config_type_key="")
    assert not other.dataset.config_type.astype(bool).any()


def test_other_settings_keep_what_was_decided(session):
    session.pin(3)
    session.reject(4)
    session.choose(0, "msc")
    session.set_budget(20)
    before = session.analysis.entropy_nats
    session.reanalyse(DistanceSpec(k=8), KernelSpec(bandwidth=0.02))
    assert session.analysis.descriptors.spec == session.descriptor == DistanceSpec(k=8)
    assert session.analysis.spec == session.kernel == KernelSpec(bandwidth=0.02)
    assert session.analysis.entropy_nats != before
    assert (session.pinned, session.rejected, session.budget) == ([3], [4], 20)
    assert methods(session)[0] == "msc"
    assert all(order[0] == 3 and 4 not in order for order in orders(session))
    opened = session.opened
    session.reanalyse(session.descriptor, session.kernel)
    assert session.opened is opened


# ---- budget -------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "got"), [(-3, 1), (0, 1), (1, 1), (50, 50), (91, 91), (999, 91)])
def test_budget_stays_within_the_data(session, asked, got):
    session.set_budget(asked)
    assert session.budget == got
    for slot in session.slots:
        assert len(session.kept(slot)) == got
        sizes = session.dataset.sizes[session.kept(slot)]
        assert len(session.kept_rows(slot)) == sizes.sum()


def test_budget_refused_is_told_to_whoever_asked(session):
    session.set_budget(91)
    told = []
    session.param.watch(lambda event: told.append(event.new), "budget", onlychanged=False)
    session.set_budget(1000)
    assert told == [91]


def test_kept_sets_are_nested(session):
    for slot in session.slots:
        session.set_budget(5)
        few = session.kept(slot).tolist()
        session.set_budget(30)
        assert session.kept(slot).tolist()[:5] == few


@pytest.mark.parametrize("size", [1, 9, 91])
def test_scores_are_those_of_the_library(session, size):
    session.set_budget(size)
    for slot in session.slots:
        scores, expected = session.scores(slot), measure(session.analysis, slot.selection, size)
        for name, own in FIGURES.items():
            assert getattr(scores, own)[0] == expected[name], name


def test_budget_needs_no_new_order(session):
    before = [slot.selection for slot in session.slots]
    session.set_budget(33)
    assert all(a is slot.selection for a, slot in zip(before, session.slots, strict=True))


# ---- methods ------------------------------------------------------------------------------------


@pytest.mark.parametrize("method", list(METHODS))
def test_any_method_goes_into_any_column(session, method):
    others = orders(session)
    session.choose(1, method)
    assert methods(session) == [DEFAULT_METHODS[0], method, DEFAULT_METHODS[2]]
    assert session.slots[1].selection.method == method
    assert session.slots[1].retention.sizes[-1] == 91
    assert orders(session)[0] == others[0]
    assert orders(session)[2] == others[2]
    assert session.can_undo == (method != DEFAULT_METHODS[1])


def test_method_that_is_not_nested_follows_the_budget(session):
    session.choose(0, "kmeans")
    slot = session.slots[0]
    for budget in (session.budget, 12, 30):
        session.set_budget(budget)
        assert len(slot.selection) == budget
        assert len(session.kept(slot)) == budget
        assert slot.retention.sizes[-1] == session.analysis.n_structures
    session.pin(int(session.analysis.descriptors.structures[0]))
    assert session.analysis.descriptors.structures[0] in session.kept(slot)
    assert len(slot.selection) == 30


def test_method_without_its_energies_is_replaced_for_the_time(session, cut):
    session.choose(1, "highest_energy")
    session.open(cut("forces.xyz", energies=False))
    assert session.slots[1].method == "outlier_score"
    assert "forces.xyz has no energies" in session.notice[1]
    session.open(cut("all.xyz"))
    assert session.slots[1].method == "highest_energy"


def test_reseed_draws_again(session):
    first = orders(session)[0]
    session.reseed(0)
    second = orders(session)[0]
    assert session.slots[0].seed == 1
    assert second != first
    session.reseed(0, 7)
    assert session.slots[0].seed == 7
    session.reseed(0, 0)
    assert orders(session)[0] == first


def test_method_that_cannot_run_leaves_the_old_one(session, cut):
    session.open(cut(forces=False))
    before = orders(session)
    told = []
    session.slots[0].param.watch(lambda event: told.append(event.new), "method", onlychanged=False)
    session.choose(0, "largest_force")
    assert methods(session)[0] == "random"
    assert orders(session) == before
    assert told == ["random"]  # for the widget, which shows the refused one
    assert session.notice[0] == "error"
    assert "needs forces" in session.notice[1]
    assert not session.can_undo


def test_undo_and_redo_of_methods(session):
    start = orders(session)
    session.choose(0, "msc")
    session.reseed(2, 5)
    session.choose(1, "outlier_score")
    end = orders(session)
    for _ in range(3):
        assert session.can_undo
        session.undo()
    assert not session.can_undo
    assert methods(session) == list(DEFAULT_METHODS)
    assert session.slots[2].seed == 0
    assert orders(session) == start
    session.undo()  # nothing left: nothing happens
    for _ in range(3):
        assert session.can_redo
        session.redo()
    assert not session.can_redo
    assert orders(session) == end


def test_new_step_forgets_what_was_undone(session):
    session.choose(0, "msc")
    session.undo()
    session.pin(3)
    assert not session.can_redo
    session.redo()
    assert methods(session)[0] == "random"


def test_undo_goes_back_a_limited_number_of_steps(session):
    for seed in range(UNDO_DEPTH + 5):
        session.reseed(0, seed)
    for _ in range(UNDO_DEPTH + 5):
        session.undo()
    assert session.slots[0].seed == 4


# ---- pins ---------------------------------------------------------------------------------------


def test_pinned_structure_is_in_every_column(session):
    session.set_budget(2)
    outside = next(s for s in range(1, 92) if not any(s in o[:2] for o in orders(session)))
    session.pin(outside)
    assert session.pinned == [outside]
    assert all(outside in session.kept(slot) for slot in session.slots)
    assert all(len(session.kept(slot)) == 2 for slot in session.slots)
    session.pin(outside)
    assert session.pinned == []
    assert not any(outside in session.kept(slot) for slot in session.slots)


def test_an_error_goes_when_the_same_is_asked_again(session):
    done = []
    session.run("one", lambda monitor: 1 / 0, done.append)
    assert session.notice == ("error", "division by zero")
    session.run("other", lambda monitor: 2, done.append)
    session.run("one", lambda monitor: 3, done.append, quiet=True)
    assert session.notice == ("error", "division by zero")
    session.run("one", lambda monitor: 4, done.append)
    assert session.notice == ("", "")
    session.run("one", lambda monitor: 1 / 0, done.append)
    session.notice = ("info", "something else")
    session.run("one", lambda monitor: 5, done.append)
    assert session.notice == ("info", "something else")
    assert done == [2, 3, 4, 5]


def test_titles_keep_the_capitals_that_they_owe_to_no_sentence():
    written = {title: lower_first(title) for title in (METHODS[name].title for name in METHODS)}
    assert written["Largest force"] == "largest force"
    assert written["Coverage-centric (CCS)"] == "coverage-centric (CCS)"
    assert all(written[t] == t for t in ("GraNd", "EL2N", "K-means", "D-optimal design"))


def test_rejected_structure_is_in_no_column(session):
    best = orders(session)[2][0]
    session.reject(best)
    assert session.rejected == [best]
    session.set_budget(91)
    assert not any(best in session.kept(slot) for slot in session.slots)
    session.reject(best)
    assert orders(session)[2][0] == best


def test_pin_and_reject_exclude_each_other(session):
    session.pin(3)
    session.reject(3)
    assert (session.pinned, session.rejected) == ([], [3])
    session.pin(3)
    assert (session.pinned, session.rejected) == ([3], [])
    session.undo()
    assert (session.pinned, session.rejected) == ([], [3])
    session.undo()
    session.undo()
    assert (session.pinned, session.rejected) == ([], [])
    session.redo()
    assert (session.pinned, session.rejected) == ([3], [])
    assert all(order[0] == 3 for order in orders(session))


def test_all_pinned_are_kept_at_any_budget(session):
    session.set_budget(1)
    for structure in (10, 20, 30):
        session.pin(structure)
    assert session.budget == 3
    session.set_budget(2)
    assert session.budget == 3
    assert all(sorted(session.kept(slot)) == [10, 20, 30] for slot in session.slots)


def test_budget_counts_no_rejected(session):
    session.set_budget(91)
    session.reject(10)
    assert session.budget == 90
    assert all(len(session.kept(slot)) == session.budget for slot in session.slots)
    session.set_budget(91)
    assert session.budget == 90


def test_isolated_atom_is_kept_anyway(session):
    atom = isolated_atom(session)
    for decide in (session.pin, session.reject):
        decide(atom)
        assert (session.pinned, session.rejected) == ([], [])
        assert session.notice == ("info", f"structure {atom} is an isolated atom: always kept")
    assert not session.can_undo
    assert not any(atom in order for order in orders(session))


def test_pin_of_nothing(session):
    session.pin(-1)
    assert session.pinned == []


# ---- brush and inspection -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("mode", "rows"),
    [("replace", [2, 5, 9]), ("add", [1, 2, 3, 5, 9]), ("subtract", [1, 3])],
)
def test_brush_modes(session, mode, rows):
    session.set_brush([3, 1, 2, 2])
    assert session.brush.tolist() == [1, 2, 3]
    session.set_brush([9, 5, 2], mode)
    assert session.brush.tolist() == rows


def test_same_brush_is_no_event(session):
    told = []
    session.set_brush([1, 2])
    session.param.watch(told.append, "brush")
    session.set_brush([2, 1])
    session.set_brush([2], "add")
    session.set_brush([7], "subtract")
    assert told == []


def test_brush_over_a_range_of_forces(session):
    norms = session.analysis.force_norms
    low, high = np.quantile(norms, [0.9, 0.95])
    session.brush_forces(low, high)
    assert 0 < len(session.brush) < len(norms)
    assert (norms[session.brush] >= low).all()
    assert (norms[session.brush] <= high).all()
    few = len(session.brush)
    session.brush_forces(high, np.inf, "add")
    assert len(session.brush) > few
    session.brush_forces(0, np.inf, "subtract")
    assert len(session.brush) == 0


def rows_of(session, structures):
    described = session.analysis.descriptors
    return np.flatnonzero(np.isin(described.structures[described.owners], structures))


def test_brushed_structures_are_those_in_the_file(session):
    after = isolated_atom(session) + 1
    session.set_brush(rows_of(session, [after, 50]))
    assert session.brushed_structures.tolist() == [after, 50]


def test_steps_lead_through_the_brushed(session):
    session.set_brush(rows_of(session, [10, 20, 30]))
    session.inspect(12, 3)
    seen = []
    for by in (1, 1, 1, 1, -1, -1):
        session.step(by)
        seen.append(session.active)
    assert seen == [20, 30, 10, 20, 10, 30]
    assert session.active_atom == -1
    session.inspect(12)
    session.step(-1)
    assert session.active == 10


def test_steps_lead_through_all_without_a_brush_and_with_one_point(session):
    for brush in ([], rows_of(session, [50])[:1]):
        session.set_brush(brush)
        session.inspect(91)
        session.step(1)
        assert session.active == 0
        session.step(-1)
        assert session.active == 91


def test_inspection_stays_within_the_data(session):
    session.inspect(5, 2)
    assert (session.active, session.active_atom) == (5, 2)
    for outside in (-1, 92):
        session.inspect(outside)
        assert session.active == 5


# ---- maps ---------------------------------------------------------------------------------------


def test_map_that_cannot_be_made_falls_back(session, cut):
    session.open(cut("dimer.xyz", slice(0, 2)))
    assert session.analysis.n_environments < 16
    pca = session.embedding
    session.show_map("UMAP")
    assert session.map_kind == "PCA"
    assert session.embedding is pca
    assert session.notice[0] == "error"
    assert "at least 16 environments" in session.notice[1]


def test_maps_are_remembered(session, pipeline, monkeypatch):
    made = []
    umap = session.embedding.__class__(
        session.embedding.xy[::-1], session.embedding.laid_out, "UMAP", 0.9
    )
    original = pipeline.embed

    def embed(descriptors, method, **options):
        made.append(method)
        return umap if method == "UMAP" else original(descriptors, method, **options)

    monkeypatch.setattr(pipeline, "embed", embed)
    pca = session.embedding
    session.show_map("UMAP")
    assert session.embedding is umap
    session.show_map("UMAP")
    assert made == ["UMAP"]
    session.show_map("PCA")
    assert session.map_kind == "PCA"
    assert session.embedding is pca
    session.show_map("UMAP")
    session.open(DEMO.parent / "gone.xyz")
    assert session.map_kind == "UMAP"


# ---- work in the background ---------------------------------------------------------------------


class Background:
    """A session on the real worker, whose loop is turned by hand."""

    def __init__(self, pipeline, small):
        self._desk, self.workers = Desk(), FakeWorkers()
        held = Pipeline(pipeline.cache, workers=self.workers)
        self.session = Session(Worker(self._desk.post), held)
        self.session.open(small)
        self.turn()

    def hold(self):
        """Keep the workers busy: what is asked for next has to wait."""
        self.workers.open.clear()

    def turn(self):
        self.workers.open.set()
        self._desk.turn()


@pytest.fixture
def background(pipeline, small):
    background = Background(pipeline, small)
    yield background
    background.turn()


def test_work_shows_that_it_runs_and_leaves_the_rest_alone(background):
    session = background.session
    background.hold()
    session.choose(0, "msc")
    assert session.progress == 0
    assert methods(session) == list(DEFAULT_METHODS)
    session.set_budget(20)
    session.set_brush([1])
    background.turn()
    assert session.progress == -1
    assert session.working_on == ""
    assert methods(session)[0] == "msc"
    assert session.budget == 20


def test_last_choice_wins(background):
    session = background.session
    for choices in (["msc", "outlier_score"], ["msc", "random"]):
        background.hold()
        for method in choices:
            session.choose(0, method)
        background.turn()
        assert methods(session)[0] == choices[-1]
        assert session.slots[0].selection.method == choices[-1]


def test_pin_does_not_lose_the_method_on_its_way(background):
    session = background.session
    background.hold()
    session.choose(0, "msc")
    session.pin(3)
    background.turn()
    assert methods(session)[0] == session.slots[0].selection.method == "msc"
    assert all(order[0] == 3 for order in orders(session))
    session.undo()
    background.turn()
    assert (methods(session)[0], session.pinned) == ("msc", [])
    session.undo()
    background.turn()
    assert methods(session)[0] == "random"


def test_one_step_that_ends_does_not_hide_another_that_runs(background):
    session = background.session
    seen = []
    session.slots[0].param.watch(lambda event: seen.append(session.progress), "selection")
    background.hold()
    session.choose(0, "msc")
    session.choose(1, "msc")
    background.turn()
    assert seen == [0]
    assert session.progress == -1


def test_cancel_leaves_what_is_shown(background):
    session = background.session
    before = orders(session)
    told = []
    session.slots[0].param.watch(lambda event: told.append(event.new), "method", onlychanged=False)
    background.hold()
    session.choose(0, "msc")
    session.pin(3)
    session.show_map("UMAP")
    session.cancel()
    assert session.progress == -1
    assert session.notice == ("info", "cancelled")
    assert session.map_kind == "PCA"
    assert session.pinned == []
    assert told == ["random"]
    background.turn()
    assert orders(session) == before
    assert methods(session) == list(DEFAULT_METHODS)
    assert session.notice == ("info", "cancelled")
    session.choose(0, "msc")
    background.turn()
    assert methods(session)[0] == "msc"


def test_cancelled_step_is_no_step_to_undo(background):
    session = background.session
    for ask in (lambda: session.choose(0, "msc"), lambda: session.pin(3)):
        background.hold()
        ask()
        session.cancel()
        assert not session.can_undo


def test_order_of_the_old_data_is_dropped(background, cut):
    session = background.session
    background.hold()
    session.open(cut("other.xyz"))
    session.choose(0, "msc")
    background.turn()
    assert session.dataset.name == "other.xyz"
    assert methods(session) == list(DEFAULT_METHODS)
    assert all(slot.selection.source == session.analysis.fingerprint for slot in session.slots)


def test_newer_file_replaces_the_one_being_opened(background, cut, tmp_path):
    session = background.session
    background.hold()
    session.open(tmp_path / "gone.xyz")
    session.open(cut("second.xyz"))
    background.turn()
    assert session.dataset.name == "second.xyz"
    assert session.notice == ("success", "")


def test_end_lets_go():
    session, told = Session(Inline()), []
    session.on_end(lambda: told.append(1))
    session.on_end(lambda: told.append(2))
    session.end()
    assert told == [1, 2]


def test_slot_has_the_title_of_its_method():
    assert Slot(method="msc").title == METHODS["msc"].title
    assert isinstance(Slot(), param.Parameterized)


def test_estimates_become_exact_and_nothing_else_changes(small, tmp_path, monkeypatch):
    monkeypatch.setenv("WINNOW_MEMORY_GB", "1e-4")
    monkeypatch.setattr("analytics.information.analysis.SAMPLE", 500)
    session = Session(Inline(), Pipeline(Cache(store=Store(tmp_path / "store"))))
    session.open(small)
    session.choose(2, "outlier_score")
    session.set_budget(20)
    session.pin(30)
    session.set_brush([1, 5])
    assert not session.analysis.exact
    coverage = session.kept(session.slots[1]).tolist()
    seen = []
    session.param.watch(  # nobody sees orders of one analysis beside another
        lambda e: seen.extend(s.selection.source == session.analysis.fingerprint for s in slots),
        ["opened"],
    )
    slots = session.slots
    session.refine()
    assert seen == [True] * 3
    assert session.analysis.exact
    monkeypatch.delenv("WINNOW_MEMORY_GB")
    data = read(small)
    whole = analyse(data, describe(data)).entropy_nats
    assert session.analysis.entropy_nats == pytest.approx(whole, abs=1e-4)
    assert (session.budget, session.pinned, session.brush.tolist()) == (20, [30], [1, 5])
    assert session.kept(session.slots[1]).tolist() == coverage
    scores = session.analysis.outliers.structure_max
    rest = [s for s in session.kept(session.slots[2]) if s != 30]
    by_score = np.lexsort((session.analysis.content_rank, -scores))
    order = session.analysis.descriptors.structures[by_score]
    assert rest == [s for s in order if s != 30][: len(rest)]
    before = session.opened
    session.refine()
    assert session.opened is before
