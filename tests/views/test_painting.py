"""Colours by anything: scales, categories, legends that brush, what follows decisions. No page."""

import ase.io
import numpy as np
import pytest
from numpy.testing import assert_array_equal

from analytics.curation.properties import Property
from views.compare.colour_by import ColourBy
from views.compare.plane_axes import PlaneAxes
from views.inspector.inspector import Inspector
from views.kit.scales import colours
from views.state.choices import choices_of, choose
from views.state.colouring import LEVELS, MOST, colouring_of
from views.state.jobs import Inline
from views.state.painting import METHOD
from views.state.session import Session

NUMBER = Property("x", "X", "eV")
WORD = Property("w", "W", kind="category")


@pytest.fixture
def session(small, pipeline):
    session = Session(Inline(), pipeline)
    session.open(small)
    return session


def by_hand(values, low, high, log):
    """Put one number at a time on the scale."""
    found = []
    for value in values:
        if np.isnan(value):
            found.append(-1)
            continue
        value = min(max(value, low), high)
        a, b, x = (np.log(v) for v in (low, high, value)) if log else (low, high, value)
        found.append(min(int((x - a) / (b - a) * LEVELS), LEVELS - 1))
    return found


@pytest.mark.parametrize("log", [False, True])
def test_numbers_are_put_on_a_scale_that_ends_at_quantiles(log):
    rng = np.random.default_rng(0)
    values = 10.0 ** rng.uniform(-2, 2, 500) if log else rng.normal(size=500)
    values[::50] = np.nan
    found = colouring_of(NUMBER, (values,))
    assert found.log is log
    finite = values[~np.isnan(values)]
    assert_array_equal((found.low, found.high), np.quantile(finite, (0.01, 0.99)))
    assert np.abs(found.levels() - by_hand(values, found.low, found.high, log)).max() <= 1
    assert_array_equal(found.levels() < 0, np.isnan(values))
    assert found.missing == 10
    assert found.legend.counts.sum() == len(finite)
    assert found.legend.below == (finite < found.low).sum() > 0
    assert_array_equal(found.levels(rows=np.array([3, 50])), found.levels()[[3, 50]])


def test_a_range_of_the_legend_is_what_lies_in_it_and_its_ends_take_what_is_beyond():
    values = np.array([-100.0, *np.linspace(0, 1, 400), 100.0, np.nan])
    found = colouring_of(NUMBER, (values,))
    assert_array_equal(found.within(0.25, 0.5), np.flatnonzero((values >= 0.25) & (values <= 0.5)))
    assert_array_equal(found.within(found.low, found.high), np.arange(402))


def test_signed_numbers_have_zero_in_the_middle():
    found = colouring_of(Property("e", "E", signed=True), (np.linspace(-1, 3, 200),))
    assert found.low == -found.high
    assert abs(int(found.levels()[50]) - LEVELS // 2) <= 1


def test_values_of_columns_share_one_scale_and_a_range_is_of_any_of_them():
    first, second = np.array([0.0, 1.0, 2.0]), np.array([2.0, 1.0, 0.0])
    found = colouring_of(NUMBER, (first, second))
    assert found.per_column
    assert_array_equal(found.of(1), second)
    assert_array_equal(found.levels(0), found.levels(1)[::-1])
    assert_array_equal(found.within(1.5, 5.0), [0, 2])


@pytest.mark.parametrize("values", [[], [np.nan, np.nan], [1.0, 1.0], [0.0, 0.0, np.inf]])
def test_nothing_and_all_alike_have_a_scale(values):
    found = colouring_of(NUMBER, (np.array(values, dtype=float),))
    assert len(found.levels()) == len(values)
    assert np.all(np.diff(found.legend.edges) > 0)
    assert found.legend.counts.sum() == np.isfinite(values).sum()


def test_the_commonest_words_have_colours_and_the_rest_shares_one():
    words = np.array([f"class {n:02d}" for n in range(20) for _ in range(30 - n)] + [""] * 7)
    found = colouring_of(WORD, (words,))
    assert found.categories == (*(f"class {n:02d}" for n in range(MOST)), "other")
    assert found.counts.sum() == len(words) - 7
    assert found.missing == 7
    assert_array_equal(found.members("class 03"), np.flatnonzero(words == "class 03"))
    assert_array_equal(found.members(""), np.flatnonzero(words == ""))
    assert_array_equal(
        found.members("other"),
        np.flatnonzero(
            np.char.compare_chararrays(words, np.full(len(words), f"class {MOST:02d}"), ">=", True)
            & (words != "")
        ),
    )


@pytest.mark.parametrize("dark", [False, True])
def test_every_level_has_a_colour_and_no_two_classes_have_the_same(dark):
    for shown in (NUMBER, Property("e", "E", signed=True)):
        assert len(colours(colouring_of(shown, (np.arange(9.0),)), dark)) == LEVELS
    words = np.array([f"class {n:02d}" for n in range(20)])
    assert len(set(colours(colouring_of(WORD, (words,)), dark))) == MOST + 1
    element = Property("element", "Element", of="environment", kind="category")
    made = colours(colouring_of(element, (np.array(["H", "C", "C", "O"]),)), dark)
    assert len(set(made)) == 3
    assert "#ffffff" not in made or dark


def test_a_page_opens_with_the_colours_of_the_methods(session):
    assert session.colour_by == METHOD
    assert session.colouring is None


@pytest.mark.parametrize("name", ["element", "config_type", "energy_per_atom", "force", "kept_2"])
def test_whatever_is_offered_can_be_coloured_by(session, name):
    session.paint(name)
    assert session.colouring.shown == session.property_of(name)
    assert len(session.colouring.levels(1)) == session.analysis.n_environments


def test_everything_that_is_offered_has_a_scale(session):
    for shown in session.offered():
        session.paint(shown.name)
        assert session.colour_by == shown.name


def test_clusters_are_found_when_they_are_asked_for(session):
    assert "cluster" not in session.properties
    session.paint("cluster")
    found = session.colouring
    assert found.shown.kind == "category"
    assert found.counts.sum() == session.analysis.n_environments
    assert_array_equal(found.counts, np.sort(found.counts)[::-1])
    assert "cluster" in session.properties  # a filter can name it from now on


def test_the_legend_brushes_a_range_and_a_category(session):
    session.paint("force")
    norms = session.analysis.force_norms
    session.brush_values(2.0, 1.0)
    assert_array_equal(session.brush, np.flatnonzero((norms >= 1.0) & (norms <= 2.0)))
    session.paint("config_type")
    classes = session.properties.of_environments("config_type")
    commonest = session.colouring.categories[0]
    session.brush_category(commonest)
    assert_array_equal(session.brush, np.flatnonzero(classes == commonest))
    session.brush_category("no such class")
    assert len(session.brush) == 0


def test_what_is_kept_and_decided_follows(session):
    session.paint("kept_1")
    kept = session.colouring.members("kept")
    assert_array_equal(kept, np.sort(session.kept_rows(session.slots[0])))
    session.set_budget(session.budget + 3)
    assert len(session.colouring.members("kept")) > len(kept)
    session.paint("decision")
    session.reject(int(session.analysis.descriptors.structures[0]))
    assert_array_equal(session.colouring.members("rejected"), np.arange(session.analysis.sizes[0]))
    assert session.properties.of_structures("kept_by").max() <= 3


def test_a_property_that_another_file_has_not_gives_way_to_the_methods(session, tmp_path):
    session.paint("force")
    session.size("energy_per_atom")
    bare = tmp_path / "bare.xyz"
    line = 'Lattice="4 0 0 0 4 0 0 0 4" Properties=species:S:1:pos:R:3 pbc="T T T"'
    bare.write_text("".join(f"2\n{line}\nC 0 0 0\nC 1.{n} 0 0\n" for n in range(5)))
    session.open(bare)
    assert session.colour_by == METHOD
    assert session.colouring is None
    assert session.sizing is None


def test_any_two_numbers_are_a_map(session):
    session.show_map("plane")
    x, y = session.plane()
    assert (x.name, y.name) == ("outlier_score", "force")
    assert session.embedding.method == session.map_kind == "plane"
    session.show_plane("energy_per_atom", "natoms")
    assert_array_equal(
        session.embedding.xy[:, 0], session.properties.of_environments("energy_per_atom")
    )
    session.plane_y = "force"
    assert "|F| (eV/Å)" in session.embedding.axes[1]
    session.show_map("PCA")
    assert session.embedding.method == "PCA"
    session.plane_y = "natoms"  # nobody looks at the plane
    assert session.embedding.method == "PCA"
    session.show_plane("no such column", "natoms")
    assert session.plane()[0].name == "outlier_score"


def test_atoms_have_the_colours_of_the_maps_until_another_is_picked(session):
    assert session.atoms_colouring.shown.name == "outlier_score"
    session.paint("force")
    assert session.atoms_colouring is session.colouring
    session.paint_atoms("element")
    assert session.atoms_colouring.shown.name == "element"
    assert session.colouring.shown.name == "force"
    session.paint_atoms("")
    assert session.atoms_colouring is session.colouring


def test_a_saved_choice_is_taken_and_a_strange_one_is_not(session):
    chosen = choices_of(session, ["colour_by", "plane_x"])
    assert chosen == {}
    choose(session, ["colour_by"], {"colour_by": "force"})
    assert session.colouring.shown.name == "force"
    choose(session, ["colour_by", "size_by"], {"colour_by": "of a newer one", "size_by": "formula"})
    assert session.colour_by == METHOD
    assert session.colouring is None
    assert session.size_by == ""


@pytest.mark.parametrize(
    ("shown", "values"),
    [(NUMBER, np.array([1.0, 2.0, np.nan, 4.0])), (WORD, np.array(["a", "b", "", "c"]))],
)
def test_values_of_structures_are_those_of_their_atoms(shown, values):
    owners = np.array([3, 0, 0, 1, 2, 3, 3])
    ours, theirs = (
        colouring_of(shown, (values,), owners=owners),
        colouring_of(shown, (values[owners],)),
    )
    assert_array_equal(ours.levels(), theirs.levels())
    assert ours.categories == theirs.categories
    assert_array_equal(ours.counts, theirs.counts)
    assert (ours.low, ours.high, ours.missing) == (theirs.low, theirs.high, theirs.missing)


def test_selects_set_the_session_and_follow_it(session):
    view = ColourBy(session)
    assert view.scale is None  # made when it is first looked at
    view.colour.value = "force"
    assert session.colouring.shown.name == "force"
    assert view.scale.shown["heights"]
    session.set_brush(session.colouring.within(session.colouring.low, session.colouring.high))
    assert view.scale.brushed == view.scale.shown["heights"]
    session.paint("config_type")
    assert view.colour.value == "config_type"
    assert view.scale.shown["chips"]
    view.size.value = "natoms"
    assert session.sizing.shown.name == "natoms"
    session.paint(METHOD)
    assert view.colour.value == METHOD
    assert view.legend.styles["display"] == "none"


def test_axes_of_the_plane_are_chosen_where_it_is_shown(session):
    axes = PlaneAxes(session)
    assert not axes.selects
    session.show_map("plane")
    assert [select.value for select in axes.selects.values()] == ["outlier_score", "force"]
    axes.selects["plane_y"].value = "natoms"
    assert session.embedding.axes[1] == "Atoms"
    session.show_map("PCA")
    assert axes.row.styles["display"] == "none"


class Late(Inline):
    """Carries out at once what opens a file, the rest when told to: as colours in a page come."""

    def __init__(self):
        super().__init__()
        self.waiting = []

    def submit(self, job):
        """See `Runner`."""
        if job.stage == "open":
            super().submit(job)
        else:
            self.waiting.append(job)

    def carry_out(self):
        while self.waiting:
            super().submit(self.waiting.pop(0))


def test_a_large_file_after_a_small_one_does_not_meet_its_colours(small, pipeline, tmp_path):
    """Who draws atoms looks as soon as the file is there, before its colours are."""
    few = tmp_path / "few.xyz"
    ase.io.write(few, ase.io.read(small, "10:14"))
    runner = Late()
    session = Session(runner, pipeline)
    session.open(few)
    session.paint("force")
    runner.carry_out()
    inspector = Inspector(session)
    assert len(inspector.atoms.colors) == session.dataset.sizes[session.active]
    session.open(small)
    assert session.colouring is session.atoms_colouring is session.sizing is None
    session.inspect(20)
    runner.carry_out()
    assert len(session.colouring.of(0)) == session.analysis.n_environments
    assert len(inspector.atoms.colors) == session.dataset.sizes[20]
