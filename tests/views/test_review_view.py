"""Reviewing, options and certificates without a browser: work runs at once, in the caller."""

import json
import re

import ase.io
import numpy as np
import pytest
from fake_workers import FakeWorkers

from analytics.curation.duplicates import near_duplicates
from analytics.curation.force_cut import force_cut
from analytics.data.export import write_subset
from analytics.data.readers import read
from analytics.descriptors.auto import AutoSpec
from analytics.descriptors.channels import SpeciesDistanceSpec
from analytics.descriptors.distances import DistanceSpec
from analytics.evaluation.redundancy import learning_curve, redundancy
from analytics.information.analysis import LEAST_SAMPLE
from analytics.pipeline import Pipeline
from analytics.runtime.cache import Cache
from analytics.runtime.store import Store
from analytics.selection.base import METHODS
from analytics.selection.coverage import FacilityLocationSpec
from views.compare.certificate_card import CertificateCard
from views.compare.certificates import Certificates
from views.compare.method_options import MethodOptions, described
from views.data.view import DataView
from views.kit.text import shortened
from views.review.parts import PARTS
from views.review.state import Review
from views.review.view import ReviewView
from views.shell.export_dialog import Export, file_name
from views.state.jobs import Inline
from views.state.session import DEMO, Session

#: Bokeh fills the source of a table in a way that pandas is going to change.
pytestmark = [
    pytest.mark.filterwarnings("ignore:The inplace keyword in DataFrame:Warning"),
    # panel-material-ui 0.16 meets its own deprecation in every FileDownload
    pytest.mark.filterwarnings(
        "ignore:Both '(color|variant)' and 'button_:PendingDeprecationWarning"
    ),
]


@pytest.fixture(scope="module")
def with_copies(tmp_path_factory):
    """A part of the carbon set in which the first three structures come twice, one relabelled."""
    folder = tmp_path_factory.mktemp("review")
    data = read(f"{DEMO}@0:552:16")
    path, again = folder / "plain.xyz", folder / "again.xyz"
    write_subset(data, np.arange(data.n_structures), path)
    write_subset(data, [1, 2, 3], again)
    text = again.read_text().replace("energy=-", "energy=-1")
    (folder / "copies.xyz").write_text(path.read_text() + text)
    return folder / "copies.xyz"


@pytest.fixture
def session(with_copies, pipeline):
    session = Session(Inline(), pipeline)
    session.open(with_copies)
    return session


@pytest.fixture
def view(session):
    view = ReviewView(session)
    view.state.shown = True
    return view


@pytest.fixture
def state(view):
    return view.state


class TestReview:
    def test_what_was_worked_out_is_there_when_the_file_is_opened_again(
        self, view, state, with_copies, tmp_path
    ):
        found = {name: getattr(state, name) for name in PARTS}
        moved = tmp_path / "elsewhere.xyz"
        moved.write_text(with_copies.read_text())
        workers, cache = FakeWorkers(), Cache(store=view._session.pipeline.cache.store)
        again = Session(Inline(), Pipeline(cache, workers=workers))
        again.open(moved)
        other = ReviewView(again)
        other.state.shown = True
        assert again.notice[0] != "error"
        assert other.state.waiting == []
        assert not {*PARTS} & {*workers.called}
        for name in PARTS:
            assert type(getattr(other.state, name)) is type(found[name])
        assert other.state.duplicates.copies.tolist() == found["duplicates"].copies.tolist()
        one, two = (
            [r.entropy_nats for r in x] for x in (other.state.redundancy, found["redundancy"])
        )
        assert one == two
        other.state.set_tolerance(0.2)  # another setting is another finding
        assert "duplicates" in workers.called

    def test_nothing_starts_until_it_is_looked_at(self, session):
        state = Review(session)
        assert all(getattr(state, part) is None for part in PARTS)
        state.shown = True
        assert state.waiting == []
        assert all(getattr(state, part) is not None for part in PARTS)

    def test_copies_are_found_and_rejected_in_one_step(self, session, view):
        n = session.dataset.n_structures
        copies = view.state.duplicates.copies
        assert {n - 3, n - 2, n - 1} <= set(copies.tolist())
        assert not view.duplicates.reject.disabled
        view.duplicates.reject.param.trigger("clicks")
        assert session.rejected == copies.tolist()
        assert view.duplicates.reject.disabled
        for slot in session.slots:
            assert not np.isin(copies, slot.selection.structures).any()
        session.undo()
        assert session.rejected == []
        assert not view.duplicates.reject.disabled

    def test_what_is_pinned_is_not_rejected_with_the_others(self, session, state):
        copy = int(state.duplicates.copies[-1])
        session.pin(copy)
        state.reject(
            dict.fromkeys(state.duplicates.copies.tolist(), "a copy"),
            "copies",
            step="Near-duplicates",
        )
        assert session.pinned == [copy]
        assert copy not in session.rejected
        assert "1 pinned stay" in session.notice[1]

    def test_why_copies_were_rejected_is_in_the_recipe(self, session, view):
        n, first = session.dataset.n_structures, int(view.state.duplicates.copies[0])
        view.duplicates.reject.param.trigger("clicks")
        recipe = json.loads(Export(session)._recipe().read())
        removed = [entry for entry in recipe["ledger"] if entry["step"] == "reject"]
        reasons = {at: entry["reason"] for entry in removed for at in entry["structures"]}
        assert sorted(reasons) == view.state.duplicates.copies.tolist()
        assert reasons[n - 1] == "exact duplicate of 3"
        session.undo()
        session.reject(first)  # by hand: nobody said why
        assert session.reasons.get(first) is None
        session.undo()
        assert session.rejected == []

    def test_reasons_go_and_come_with_undo_and_redo(self, session):
        session.reject_all([1, 2], {1: "too hot", 2: "too cold", 3: "not asked for"})
        assert session.reasons == {1: "too hot", 2: "too cold"}
        session.undo()
        assert session.reasons == {}
        session.redo()
        assert session.reasons == {1: "too hot", 2: "too cold"}
        session.reject(1)  # takes the rejection back, and what was said about it
        session.reject(1)
        assert session.reasons == {2: "too cold"}
        session.undo()
        session.undo()
        assert session.reasons == {1: "too hot", 2: "too cold"}
        session.open(f"{DEMO}@0:552:60")
        assert session.reasons == {}

    def test_another_tolerance_is_looked_for_anew(self, session, state):
        state.set_tolerance(0.0)
        data, analysis = session.dataset, session.analysis
        expected = near_duplicates(data, analysis.descriptors, state.duplicates.spec)
        assert state.duplicates.spec.tolerance == 0.0
        np.testing.assert_array_equal(state.duplicates.representative, expected.representative)

    def test_a_changed_energy_is_a_conflict(self, session, view):
        n = session.dataset.n_structures
        exact = [c for c in view.state.conflicts.energies if c.exact]
        pairs = {tuple(sorted(c.structures.tolist())) for c in exact}
        assert {(1, n - 3), (2, n - 2), (3, n - 1)} <= pairs
        assert view.conflicts.table.visible

    def test_a_row_brushes_its_structures_and_shows_the_first(self, session, view):
        group = view.state.duplicates.groups[0]
        view.state.show(group.tolist())
        assert session.active == group[0]
        assert set(session.brushed_structures.tolist()) == set(group.tolist())
        session.step(1)
        assert session.active in group[1:]

    def test_an_atom_is_shown_as_the_atom_it_is(self, session, state):
        rows = session.dataset.rows(2)
        state.show([2], [rows.start + 1])
        assert (session.active, session.active_atom) == (2, 1)
        assert len(session.brush) == 1

    def test_tables_hold_what_was_found(self, view):
        found = view.state.duplicates
        assert len(view.duplicates.table.value) == len(found.groups)
        assert view.duplicates.table.value["copies"].sum() == len(found.copies)

    def test_another_data_set_starts_anew_only_while_it_is_looked_at(self, session, state):
        state.shown = False
        before = state.duplicates
        session.open(f"{DEMO}@0:552:30")
        assert state.duplicates is before
        state.shown = True
        assert len(state.duplicates.representative) == session.dataset.n_structures

    def test_cancel_stops_and_go_on_goes_on(self, session):
        state = Review(session)
        state.param.watch(lambda e: session.cancel(), "duplicates", queued=True)
        state.shown = True
        assert state.stopped
        assert state.waiting
        assert state.scan is None
        state.go_on()
        assert state.waiting == []
        assert state.scan is not None


class TestLittleToShow:
    def test_a_single_structure(self, session):
        view = ReviewView(session)
        view.state.shown = True
        assert view.curve.body.visible
        session.open(f"{DEMO}@5:6")
        assert "nan" not in view.tiles.object
        assert not view.curve.body.visible
        assert "a single structure" in view.curve._card.head.object
        assert view.scan.body.visible
        assert not view.duplicates.table.visible
        assert "none" in view.duplicates._card.head.object

    def test_a_file_without_labels(self, session, tmp_path):
        frames = ase.io.read(DEMO, "20:552:90")
        for atoms in frames:
            atoms.calc = None
        ase.io.write(tmp_path / "bare.xyz", frames, format="extxyz")
        session.open(tmp_path / "bare.xyz")
        view = ReviewView(session)
        view.state.shown = True
        for card in (view.conflicts, view.energies, view.cut):
            assert "no" in view.conflicts._card.head.object.lower()
            assert "nothing to" in card._card.head.object
        assert "no forces" in view.conflicts.forces_head.object
        assert not view.cut.slider.visible
        session.open(f"{DEMO}@20:552:90")
        assert view.cut.slider.visible

    def test_what_is_estimated_says_so(self, with_copies, tmp_path, monkeypatch):
        monkeypatch.setenv("WINNOW_MEMORY_GB", "1e-4")
        monkeypatch.setattr("analytics.information.analysis.SAMPLE", 500)
        session = Session(Inline(), Pipeline(Cache(store=Store(tmp_path / "store"))))
        session.open(with_copies)
        analysis = session.analysis
        assert analysis.sampled == LEAST_SAMPLE  # 500 would take more than is given
        view = ReviewView(session)
        view.state.redundancy = redundancy(analysis)
        view.state.curve = learning_curve(analysis, orders=2)
        assert "Sampled:" in view.redundancy._card.head.object
        assert "±" in view.redundancy.rows.object
        assert "Estimated from" in view.curve._card.head.object

    def test_long_names_keep_both_ends(self):
        name = "amorphous_carbon_quenched_from_the_melt_at_high_density_7"
        short = shortened(name, 30)
        assert len(short) == 30
        assert short.startswith("amorphous_")
        assert short.endswith("_density_7")
        assert shortened("graphene", 30) == "graphene"


class TestExport:
    @pytest.mark.parametrize(
        ("data", "stem"),
        [
            ("carbon.xyz.gz", "carbon"),
            ("train.v2_final.extxyz", "train.v2_final"),
            ("a set, of mine (2).xyz", "a_set_of_mine_2"),
            ("folder", "folder"),
            ("x" * 300 + ".xyz", "x" * 100),
            (".xyz", "data"),
        ],
    )
    def test_files_are_named_after_the_data_set(self, session, data, stem):
        selection = session.slots[1].selection
        assert file_name(data, selection, 7) == f"{stem}_facility_location_7"

    def test_draws_differ_in_their_names(self, session):
        selection = session.slots[0].selection
        assert file_name("a.xyz", selection, 3) == f"a_random_3_seed{selection.seed}"

    def test_the_dialog_tells_what_was_decided(self, session):
        export = Export(session)
        export._open()
        assert "rejected" not in export.text.object
        session.reject(4)
        session.pin(5)
        assert "1 pinned and 1 rejected" in export.text.object
        assert all(item.filename in export.text.object for item in export.downloads.values())
        assert "Nothing is written on the server" in export.text.object


class TestCut:
    def test_it_says_what_would_go(self, session, view):
        norms = session.dataset.force_norms
        limit = float(np.quantile(norms[np.isfinite(norms)], 0.995))
        view.state.limit = limit
        cut = view.state.cut()
        data = session.dataset
        expected = [
            s
            for s in range(data.n_structures)
            if not data.isolated[s] and (norms[data.rows(s)] > limit).any()
        ]
        assert cut.structures.tolist() == expected
        assert sum(lost for _, lost, _ in cut.classes) == len(expected)
        assert 0 < cut.tail_lost <= 1
        view.cut.reject.param.trigger("clicks")
        assert session.rejected == expected
        session.undo()
        assert session.rejected == []

    def test_nothing_above_the_top(self, session, view):
        assert len(force_cut(session.dataset, np.inf).structures) == 0
        assert view.cut.reject.disabled


class TestAgainst:
    def test_a_part_of_the_file_leaks_completely(self, session, view, tmp_path):
        write_subset(session.dataset, [0, 1, 2, 3], tmp_path / "test.xyz")
        view.state.compare_with(str(tmp_path / "test.xyz"))
        found = view.state.against.found
        assert found.test.tolist() == [0, 1, 2, 3][-len(found.test) :]
        assert found.exact.all()
        assert found.n_test == len(found.test)
        # an environment that is there once only is not covered by itself being there once more
        assert len(view.against.table.value) == found.n_test
        assert view.against.table.visible

    def test_a_file_that_is_not_there_is_told(self, session, state, tmp_path):
        state.compare_with(str(tmp_path / "none.xyz"))
        assert state.against is None
        assert session.notice[0] == "error"


class TestOptions:
    def test_options_change_the_order_and_undo_takes_them_back(self, session):
        slot = session.slots[1]
        before = slot.selection
        session.set_options(1, FacilityLocationSpec(width=0.5))
        assert slot.spec == FacilityLocationSpec(width=0.5)
        assert slot.selection.spec == FacilityLocationSpec(width=0.5)
        assert slot.selection.fingerprint != before.fingerprint
        session.undo()
        assert slot.spec is None
        assert slot.selection.fingerprint == before.fingerprint
        session.redo()
        assert slot.spec == FacilityLocationSpec(width=0.5)

    def test_defaults_are_no_step(self, session):
        session.set_options(1, METHODS["facility_location"].spec())
        assert not session.can_undo

    def test_another_method_has_its_own_defaults(self, session):
        session.set_options(1, FacilityLocationSpec(width=0.5))
        session.choose(1, "saturated_coverage")
        assert session.slots[1].spec is None
        assert session.slots[1].options == METHODS["saturated_coverage"].spec()

    def test_options_stay_with_another_file(self, session):
        session.set_options(1, FacilityLocationSpec(width=0.5))
        session.open(f"{DEMO}@0:552:30")
        assert session.slots[1].selection.spec == FacilityLocationSpec(width=0.5)

    def test_a_method_that_is_not_nested_is_asked_with_its_options(self, session):
        session.choose(0, "hybrid")
        session.set_options(0, METHODS["hybrid"].spec(first="kmeans", second="random"))
        assert not session.slots[0].selection.nested
        session.set_budget(session.budget + 2)
        assert len(session.slots[0].selection) == session.budget
        assert session.slots[0].selection.spec.first == "kmeans"

    @pytest.mark.parametrize("method", list(METHODS))
    def test_every_method_has_its_form(self, session, method):
        session.slots[0].method = method
        dialog = MethodOptions(session)
        dialog.show(0)
        assert dialog.form.spec() == METHODS[method].spec()
        assert dialog.dialog.open
        assert ":math:" not in dialog.about.object
        assert "\\" not in dialog.about.object

    def test_a_form_sets_the_options(self, session):
        dialog = MethodOptions(session)
        dialog.show(1)
        dialog.form.widgets["width"].value = 1.0
        dialog.use.param.trigger("clicks")
        assert session.slots[1].spec == FacilityLocationSpec(width=1.0)
        assert not dialog.dialog.open

    def test_fields_made_later_follow_the_theme(self, session):
        dialog = MethodOptions(session)
        dialog.restyle(True)
        for column in (1, 0, 1):
            dialog.show(column)
        assert all(field.dark_theme for field in dialog.form.widgets.values())
        assert dialog.use.dark_theme
        dialog.restyle(False)
        assert not dialog.form.widgets["width"].dark_theme

    def test_descriptions_are_escaped(self):
        assert "&lt;b&gt;" in described("A <b> method.")

    def test_formulas_are_written_in_signs(self):
        said = described(METHODS["least_variance"].about)
        assert "Σ<sub>t</sub> tr(M<sub>S</sub><sup>-1</sup> A<sub>t</sub>) / (tr A<sub>t" in said
        assert "Λ" in said
        for name in METHODS:
            said = described(METHODS[name].about)
            assert not re.search(r"\\|mathrm|frac\b|quad|:math:", said), name


class TestCertificates:
    def test_the_band_is_that_of_the_objective(self, session):
        state = Certificates(session)
        state.refresh()
        (certificate,) = state.columns.values()
        curve, selection = certificate.curve, session.slots[1].selection
        assert list(state.columns) == [1]
        assert (curve.value <= curve.bound + 1e-12).all()
        ratio = curve.value[9] / curve.bound[9]
        assert ratio == pytest.approx(selection.certificate(10), abs=1e-9)
        for found in certificate.fewest:
            assert found.at_least <= found.found
            assert curve.value[found.found - 1] >= found.share * (1 - 1e-9)

    def test_tightening_improves_and_lasts_until_the_order_changes(self, session):
        state, slot = Certificates(session), session.slots[1]
        state.refresh()
        online = slot.certificate(session.budget)
        state.tighten()
        assert len(slot.tight) == 1
        assert slot.certificate(session.budget) >= online
        assert state.columns[1].tight == tuple(slot.tight)
        session.reject(5)
        assert slot.tight == []

    def test_that_of_another_order_goes_at_once(self, session, monkeypatch):
        card, waiting = CertificateCard(session), []
        card.state.refresh()
        assert len(card.sources[1].data["x"]) > 10
        assert "of the best possible" in card.text.object
        submit = session.run

        def later(stage, *given, **named):
            if stage == "certificates":
                waiting.append(lambda: submit(stage, *given, **named))
            else:
                submit(stage, *given, **named)

        monkeypatch.setattr(session, "run", later)
        session.reject(5)
        assert card.__panel__().visible
        assert len(card.sources[1].data["x"]) == 0
        assert "of the best possible" not in card.text.object
        assert "working out the bound" in card.text.object
        waiting[-1]()
        assert len(card.sources[1].data["x"]) > 10
        assert "of the best possible" in card.text.object

    def test_nothing_is_shown_without_an_objective(self, session):
        card = CertificateCard(session)
        card.state.refresh()
        assert card.__panel__().visible
        session.choose(1, "random")
        assert not card.__panel__().visible


class TestDescriptors:
    def test_another_descriptor_brings_its_options_and_its_bandwidth(self, session):
        view = DataView(session)
        view.kind.value = "species_distances"
        assert set(view.descriptor.widgets) == {"k", "cutoff", "species"}
        view.recompute.param.trigger("clicks")
        assert session.descriptor == SpeciesDistanceSpec()
        assert session.analysis.descriptors.spec.species == "C"

    def test_arrays_of_the_file_are_offered(self, session):
        view = DataView(session)
        view.kind.value = "stored"
        assert "key" in view.descriptor.widgets
        view.recompute.param.trigger("clicks")
        # without a numeric array there is nothing to read, and the old analysis stays
        assert session.notice[0] == "error"
        assert session.descriptor == AutoSpec()

    def test_the_width_is_a_word_or_a_number(self, session):
        view = DataView(session)
        assert view.kernel.widgets["bandwidth"].value == "auto"
        for said, value in (("published", 0.015), ("0.02", 0.02)):
            view.kernel.widgets["bandwidth"].value = said
            view.recompute.param.trigger("clicks")
            assert session.analysis.spec.bandwidth == value
        view.kernel.widgets["bandwidth"].value = "wide"
        view.recompute.param.trigger("clicks")
        assert session.notice == ("error", "bandwidth is 'wide', not a number or auto or published")
        assert session.analysis.spec.bandwidth == 0.02

    def test_what_is_shown_follows_what_was_analysed(self, session):
        view = DataView(session)
        session.reanalyse(DistanceSpec(k=16), session.kernel)
        assert view.kind.value == "distances"
        assert view.descriptor.widgets["k"].value == 16
