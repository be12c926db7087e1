"""What every registered method must do, whatever it does; methods added later are in by name."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from makers import Recorder, make_analysis, real_file, relabelled
from numpy.testing import assert_allclose, assert_array_equal

import winnow_atomistic as winnow
from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis
from analytics.runtime.cache import shared_cache
from analytics.runtime.errors import Cancelled, WinnowError
from analytics.runtime.registry import options_of
from analytics.selection.base import METHODS, at_size, is_nested, select
from analytics.selection.scores import SCORES

ALL = list(METHODS)
NESTED = [name for name in ALL if is_nested(name)]
UNNESTED = [name for name in ALL if not is_nested(name)]
CONDITIONAL = [name for name in ALL if any(m.conditional for m in METHODS[name].family())]
OTHERS = [name for name in ALL if name not in CONDITIONAL]
#: Their ties go to the lowest index, as in QUESTS.
AS_QUESTS = ("msc", "fps")
SIZES = [3, 8, 1, 5, 2, 7, 4, 4, 6, 3, 8, 2, 5, 1, 6, 7, 2, 3, 5, 4, 8, 6, 1, 3, 5]


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return make_analysis(sizes=SIZES, seed=3, isolated=2)


@pytest.fixture
def forget(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Return a function after which no method remembers anything, in memory or on disk."""
    monkeypatch.setenv("WINNOW_CACHE_LIMIT", "0")
    return shared_cache().clear


def reference_for(analysis: Analysis, rows: slice = slice(0, 9)) -> Descriptors:
    """A reference set of three structures: environments of the set itself."""
    own = analysis.descriptors
    values = own.values[rows]
    return replace(
        own,
        values=values,
        structures=np.arange(3),
        structure_offsets=np.array([0, len(values) // 3, 2 * len(values) // 3, len(values)]),
        environments=np.arange(len(values)),
        source="reference",
        fingerprint="",
    )


def test_the_methods_of_the_issue_are_there() -> None:
    expected = {
        *("random", "stratified"),
        *("facility_location", "saturated_coverage", "msc", "fps"),
        *("farthest_environment", "farthest_mean", "kmeans"),
        *("largest_force", "highest_energy", "outlier_score", "structure_entropy"),
        *("ccs", "hybrid"),
    }
    assert expected <= set(ALL)
    assert set(SCORES) <= set(ALL)


@pytest.mark.parametrize("method", ALL)
class TestEveryMethod:
    def test_it_is_described(self, method: str, analysis: Analysis) -> None:
        entry = METHODS[method]
        assert entry.name == method
        assert 0 < len(entry.title) <= 24  # the chooser of a column is narrow
        assert 0 < len(entry.summary) <= 48
        assert entry.kind in {"random", "coverage", "importance", "mixed"}
        text = entry.about
        for word in ("Good at", "Cost: ", "References"):
            assert word in text, f"{method} does not say: {word}"
        for item in options_of(entry.spec):
            assert item.help

    def test_a_full_order_holds_every_structure_once(self, method: str, analysis: Analysis) -> None:
        found = select(analysis, method)
        assert sorted(found.structures) == list(range(analysis.n_structures))  # no isolated atom
        assert_array_equal(analysis.descriptors.structures[found.positions], found.structures)
        assert len(found.gains) == len(found) == analysis.n_structures
        assert found.gains.dtype == np.float64
        assert not found.structures.flags.writeable
        assert (found.method, found.unit) == (method, "structures")
        assert found.nested == is_nested(method)
        assert found.reference == ""
        assert found.information is None
        if found.bound is not None:
            assert found.bound.shape == found.gains.shape
            assert np.all(found.bound >= np.cumsum(found.gains) * (1 - 1e-6))

    @pytest.mark.parametrize("size", [0, 1, 2, 9, 25, 1000])
    def test_it_has_the_size_asked_for(self, method: str, analysis: Analysis, size: int) -> None:
        found = select(analysis, method, size=size)
        assert len(found) == len(np.unique(found.structures)) == min(size, 25)
        if is_nested(method):
            whole = select(analysis, method)
            assert_array_equal(found.structures, whole.structures[:size])
            assert_array_equal(found.gains, whole.gains[:size])

    def test_it_is_the_same_again_and_on_any_machine(
        self, method: str, analysis: Analysis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = select(analysis, method, size=12, seed=7)
        monkeypatch.setattr(os, "cpu_count", lambda: 5)
        two = select(make_analysis(sizes=SIZES, seed=3, isolated=2), method, size=12, seed=7)
        assert_array_equal(one.structures, two.structures)
        assert_array_equal(one.gains, two.gains)
        assert one.fingerprint == two.fingerprint

    def test_the_seed_matters_where_it_is_said_to(self, method: str, analysis: Analysis) -> None:
        orders = {
            tuple(select(analysis, method, size=12, seed=s).structures.tolist()) for s in range(8)
        }
        if not METHODS[method].random:
            assert len(orders) == 1
        elif not METHODS[method].parts or method == "ccs":
            assert len(orders) > 1

    def test_forced_in_comes_first_and_forced_out_never(
        self, method: str, analysis: Analysis
    ) -> None:
        found = select(analysis, method, keep=[20, 3, 11], drop=[0, 24])
        assert found.structures[:3].tolist() == [3, 11, 20]
        assert sorted(found.structures) == list(range(1, 24))
        assert found.keep.tolist() == [3, 11, 20]
        assert found.drop.tolist() == [0, 24]
        short = select(analysis, method, size=5, keep=[20, 3, 11], drop=[0, 24])
        assert len(short) == 5
        assert short.structures[:3].tolist() == [3, 11, 20]
        assert not {0, 24} & set(short.structures.tolist())
        if is_nested(method):
            assert_array_equal(short.structures, found.structures[:5])
        assert len(select(analysis, method, size=1, keep=[20, 3, 11])) == 3  # never fewer

    def test_all_forced_out_or_in(self, method: str, analysis: Analysis) -> None:
        assert len(select(analysis, method, drop=range(25))) == 0
        assert select(analysis, method, keep=range(25)).structures.tolist() == list(range(25))

    def test_one_structure(self, method: str) -> None:
        assert select(make_analysis(sizes=[4]), method).structures.tolist() == [0]
        assert select(make_analysis(sizes=[1]), method).structures.tolist() == [0]

    def test_nothing_but_duplicates(self, method: str) -> None:
        analysis = make_analysis(np.ones((12, 3)), [3, 3, 3, 3])
        assert sorted(select(analysis, method).structures) == [0, 1, 2, 3]
        assert len(select(analysis, method, size=2)) == 2

    @pytest.mark.usefixtures("no_ticks")
    def test_it_can_be_cancelled(self, method: str) -> None:
        analysis = make_analysis(sizes=SIZES[:10], seed=3, isolated=2)  # run once per checkpoint
        select(analysis, method, size=6)  # equations of a potential are kept, not made again
        counted = Recorder()
        select(analysis, method, size=6, monitor=counted)
        assert counted.checkpoints
        for at in range(1, counted.checkpoints + 1):
            monitor = Recorder(cancel_at=at)
            with pytest.raises(Cancelled):
                select(analysis, method, size=6, monitor=monitor)
            assert monitor.checkpoints == at

    @pytest.mark.usefixtures("no_ticks")
    def test_it_can_be_cancelled_when_nothing_is_remembered(
        self, method: str, analysis: Analysis, forget: Callable[[], None]
    ) -> None:
        counted, warm = Recorder(), Recorder()
        forget()
        select(analysis, method, size=12, monitor=counted)
        select(analysis, method, size=12, monitor=warm)
        if METHODS[method].by_model:  # what takes long there is watched as well
            assert counted.checkpoints >= warm.checkpoints + 3
        # not the last ones: how many there are depends a little on the time things take
        for at in sorted({1, 2, counted.checkpoints // 3, counted.checkpoints // 2} - {0}):
            if at > counted.checkpoints:
                continue
            forget()
            monitor, cancelled = Recorder(cancel_at=at), False
            try:
                select(analysis, method, size=12, monitor=monitor)
            except Cancelled:
                cancelled = True
            # those that were waiting for others ask once more each; a run that is quicker than
            # the first, in which kernels are compiled, may end before it has asked so often
            assert cancelled == (monitor.checkpoints >= at)
            assert monitor.checkpoints <= at + 2
            assert cancelled or at > 1

    def test_progress_stays_between_nothing_and_all(self, method: str, analysis: Analysis) -> None:
        told = Recorder()
        select(analysis, method, size=12, monitor=told)
        assert all(0 <= f <= 1 for f in told.fractions)

    def test_isolated_atoms_may_be_named_but_are_never_listed(
        self, method: str, analysis: Analysis
    ) -> None:
        found = select(analysis, method, keep=[25], drop=[26])
        assert sorted(found.structures) == list(range(25))

    @pytest.mark.parametrize("budget", [0, 1, 7, 30, 109, 500])
    def test_a_budget_of_environments(self, method: str, analysis: Analysis, budget: int) -> None:
        assert analysis.n_environments == 109
        found = select(analysis, method, size=budget, unit="environments")
        used = int(analysis.sizes[found.positions].sum())
        assert found.unit == "environments"
        assert used <= budget
        if is_nested(method):
            whole = select(analysis, method)
            assert_array_equal(found.structures, whole.structures[: len(found)])
            following = whole.positions[len(found) : len(found) + 1]
            assert used + int(analysis.sizes[following].sum()) > budget or len(found) == 25
        elif budget >= 30:
            assert used > 0
        if budget >= 109:
            assert len(found) == 25
        forced = select(analysis, method, size=budget, unit="environments", keep=[1, 10])
        assert forced.structures[:2].tolist() == [1, 10]
        assert analysis.sizes[forced.positions].sum() <= max(budget, 16)

    def test_the_order_of_the_file_decides_nothing(self, method: str) -> None:
        # spread unevenly, so that no two structures bring the same
        rng = np.random.default_rng(5)
        sizes = rng.integers(3, 8, 25)
        blocks = [rng.normal(size=(size, 3)) * rng.uniform(0.2, 1.5) for size in sizes]
        analysis = make_analysis(np.concatenate(blocks), sizes.tolist())
        size = None if method in NESTED else 9
        found = select(analysis, method, size=size, seed=4)
        for seed in range(3):
            order = np.random.default_rng(seed).permutation(25)
            mixed = select(relabelled(analysis, order), method, size=size, seed=4)
            sure = len(found)
            if method in AS_QUESTS:  # up to the first tie, which the lowest index decides
                ties = np.flatnonzero(~(np.abs(np.diff(found.gains)) > 1e-4))
                sure = int(ties[0]) if len(ties) else sure
            assert sure > 8
            assert_array_equal(order[mixed.structures[:sure]], found.structures[:sure])
            assert_allclose(mixed.gains[:sure], found.gains[:sure], rtol=1e-12)

    def test_ties_are_broken_by_content_and_copies_by_place(self, method: str) -> None:
        # seven structures, three of them three times: what is told apart is told by content
        once = make_analysis(sizes=[3, 5, 4, 4, 2, 6, 3], seed=2)
        source = np.array([0, 1, 2, 3, 4, 5, 6, 1, 4, 6, 1, 4, 6])
        expected = None
        for seed in range(4):
            order = source[np.random.default_rng(seed).permutation(len(source))]
            found = select(relabelled(once, order), method, size=9, seed=1)
            for copies in (np.flatnonzero(order == s) for s in (1, 4, 6)):
                picked = found.structures[np.isin(found.structures, copies)]
                if not METHODS[method].random:  # a draw may take any of them
                    assert_array_equal(picked, copies[: len(picked)])
            if method not in AS_QUESTS:
                expected = order[found.structures] if expected is None else expected
                assert_array_equal(order[found.structures], expected)

    def test_missing_labels_are_named(self, method: str) -> None:
        bare = make_analysis(sizes=SIZES, forces=False)
        object.__setattr__(bare.dataset, "energies", None)
        entry = METHODS[method]
        needs = "forces" if entry.needs_forces else "energies" if entry.needs_energies else ""
        if needs:
            with pytest.raises(WinnowError, match=rf"{entry.title} needs .*made\.xyz has none"):
                select(bare, method)
        else:
            try:
                said = f"{len(select(bare, method))} structures"
            except WinnowError as error:  # one that needs energies or forces, whichever there are
                said = str(error)
            assert re.search(r"25 structures|made\.xyz.*(energies|forces)", said)

    def test_structures_may_have_no_class(self, method: str, analysis: Analysis) -> None:
        plain = make_analysis(sizes=SIZES, seed=3)
        object.__setattr__(plain.dataset, "config_type", np.full(25, ""))
        assert len(select(plain, method, size=6)) == 6


@pytest.mark.parametrize("method", UNNESTED)
def test_what_is_not_nested_is_asked_again(method: str, analysis: Analysis) -> None:
    long = select(analysis, method, size=12, keep=[4], drop=[7], seed=2)
    short = at_size(analysis, long, 6)
    assert not long.nested
    again = select(analysis, method, size=6, keep=[4], drop=[7], seed=2)
    assert_array_equal(short.structures, again.structures)
    assert at_size(analysis, long, 12) is long


@pytest.mark.parametrize("method", NESTED)
def test_what_is_nested_is_not_asked_again(method: str, analysis: Analysis) -> None:
    long = select(analysis, method, size=12)
    assert at_size(analysis, long, 6) is long


@pytest.mark.parametrize("method", CONDITIONAL)
class TestWithAReference:
    def test_it_starts_from_what_is_there(self, method: str, analysis: Analysis) -> None:
        reference = reference_for(analysis)
        found = select(analysis, method, size=12, reference=reference)
        assert len(np.unique(found.structures)) == 12
        assert found.reference == reference.fingerprint
        assert found.fingerprint != select(analysis, method, size=12).fingerprint
        forced = select(analysis, method, size=6, keep=[9], drop=[1], reference=reference)
        assert forced.structures[0] == 9
        assert 1 not in forced.structures

    def test_the_information_gained_is_the_delta_entropy(
        self, method: str, analysis: Analysis
    ) -> None:
        reference = reference_for(analysis)
        found = select(analysis, method, size=8, reference=reference)
        x, offsets = analysis.descriptors.values, analysis.descriptors.structure_offsets
        there = [np.asarray(reference.values)]
        assert found.information is not None
        for number, s in enumerate(found.positions):
            own = x[offsets[s] : offsets[s + 1]]
            delta = winnow.delta_entropy(
                own, np.concatenate(there), bandwidth=analysis.spec.bandwidth
            )
            assert_allclose(found.information[number], delta.mean(), rtol=1e-4, atol=1e-5)
            there.append(own)

    def test_a_copy_of_what_is_there_comes_last(self, method: str) -> None:
        # four structures far apart; the reference holds the first, so that it brings nothing
        values = np.repeat(np.array([[0.0], [40.0], [90.0], [150.0]]), 3, axis=0)
        analysis = make_analysis(values + 0.1 * np.arange(12)[:, None] % 3, [3] * 4)
        reference = reference_for(analysis, slice(0, 3))
        found = select(analysis, method, size=3, reference=reference)
        if method != "hybrid":  # one of its parts knows nothing of the reference
            assert 0 not in found.structures

    def test_an_empty_reference_is_none(self, method: str, analysis: Analysis) -> None:
        empty = replace(
            reference_for(analysis),
            values=analysis.descriptors.values[:0],
            structures=np.empty(0, dtype=int),
            structure_offsets=np.zeros(1, dtype=int),
            environments=np.empty(0, dtype=int),
        )
        plain = select(analysis, method, size=9)
        assert_array_equal(
            select(analysis, method, size=9, reference=empty).structures, plain.structures
        )

    def test_another_descriptor_is_refused(self, method: str, analysis: Analysis) -> None:
        other = replace(reference_for(analysis), spec="something else")
        with pytest.raises(WinnowError, match="they cannot be compared"):
            select(analysis, method, reference=other)


@pytest.mark.parametrize("method", OTHERS)
def test_a_reference_is_refused_where_it_would_be_ignored(method: str, analysis: Analysis) -> None:
    with pytest.raises(WinnowError, match="cannot start from a reference set"):
        select(analysis, method, reference=reference_for(analysis))


@pytest.mark.parametrize("method", [name for name in ALL if METHODS[name].random])
def test_random_draws_do_not_touch_the_global_state(method: str, analysis: Analysis) -> None:
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    select(analysis, method, size=5)
    assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


@pytest.mark.parametrize("method", ALL)
def test_silicon_in_another_order(
    method: str, silicon: tuple[Analysis, np.ndarray, Analysis]
) -> None:
    analysis, order, mixed = silicon
    found, other = (select(each, method, size=20, seed=1) for each in (analysis, mixed))
    assert_array_equal(order[other.structures], found.structures)
    assert_allclose(other.gains, found.gains, rtol=1e-12)


@pytest.fixture(scope="module")
def silicon() -> tuple[Analysis, np.ndarray, Analysis]:
    """A fifth of the silicon set of mlearn, an order, and the set in that order."""
    dataset = winnow.read(real_file("mlearn_Si_train.xyz"))
    dataset = dataset.take(np.arange(0, dataset.n_structures, 5))
    order = np.random.default_rng(0).permutation(dataset.n_structures)
    one, two = (
        winnow.analyse(each, winnow.describe(each)) for each in (dataset, dataset.take(order))
    )
    return one, order, two
