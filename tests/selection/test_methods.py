"""What every method must do, whatever it does."""

from __future__ import annotations

import os

import numpy as np
import pytest
from makers import Recorder, make_analysis
from numpy.testing import assert_array_equal

from analytics.information import Analysis
from analytics.runtime.errors import Cancelled, WinnowError
from analytics.selection import METHODS, Budget, Method, select
from analytics.selection.base import NoOptions, Order, Pool, register

ALL = list(METHODS)
DETERMINISTIC = [name for name in ALL if not METHODS[name].random]


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return make_analysis(seed=3, isolated=2)


def test_the_methods_of_the_issue_are_there() -> None:
    assert {"random", "facility_location", "msc", "largest_force", "outlier_score"} <= set(ALL)
    for name in ALL:
        entry = METHODS[name]
        assert entry.name == name
        assert entry.title
        assert entry.summary
        assert entry.kind in {"random", "coverage", "importance", "stratified"}


@pytest.mark.parametrize("method", ALL)
class TestEveryMethod:
    def test_a_full_order_holds_every_structure_once(self, method: str, analysis: Analysis) -> None:
        found = select(analysis, method)
        assert sorted(found.structures) == list(range(analysis.n_structures))  # no isolated atom
        assert_array_equal(analysis.descriptors.structures[found.positions], found.structures)
        assert len(found.gains) == len(found) == analysis.n_structures
        assert not found.structures.flags.writeable
        assert (found.method, found.unit) == (method, "structures")

    @pytest.mark.parametrize("size", [0, 1, 2, 9, 25, 1000])
    def test_a_short_run_is_a_prefix_of_a_long_one(
        self, method: str, analysis: Analysis, size: int
    ) -> None:
        long, short = select(analysis, method), select(analysis, method, size=size)
        assert len(short) == min(size, analysis.n_structures)
        assert_array_equal(short.structures, long.structures[:size])
        assert_array_equal(short.gains, long.gains[:size])

    def test_it_is_the_same_again_and_on_any_machine(
        self, method: str, analysis: Analysis, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        one = select(analysis, method, seed=7)
        monkeypatch.setattr(os, "cpu_count", lambda: 5)
        two = select(make_analysis(seed=3, isolated=2), method, seed=7)
        assert_array_equal(one.structures, two.structures)
        assert_array_equal(one.gains, two.gains)
        assert one.fingerprint == two.fingerprint

    def test_forced_in_comes_first_and_forced_out_never(
        self, method: str, analysis: Analysis
    ) -> None:
        found = select(analysis, method, keep=[20, 3, 11], drop=[0, 24])
        assert found.structures[:3].tolist() == [3, 11, 20]
        assert sorted(found.structures) == list(range(1, 24))
        assert found.keep.tolist() == [3, 11, 20]
        assert found.drop.tolist() == [0, 24]
        short = select(analysis, method, size=5, keep=[20, 3, 11], drop=[0, 24])
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

    def test_it_can_be_cancelled(self, method: str, analysis: Analysis) -> None:
        with pytest.raises(Cancelled):
            select(analysis, method, monitor=Recorder(cancel_at=1))

    def test_progress_stays_between_nothing_and_all(self, method: str, analysis: Analysis) -> None:
        told = Recorder()
        select(analysis, method, monitor=told)
        assert all(0 <= f <= 1 for f in told.fractions)

    def test_isolated_atoms_may_be_named_but_are_never_listed(
        self, method: str, analysis: Analysis
    ) -> None:
        found = select(analysis, method, keep=[25], drop=[26])
        assert sorted(found.structures) == list(range(25))


@pytest.mark.parametrize("method", DETERMINISTIC)
def test_relabelling_the_structures_relabels_the_picks(method: str) -> None:
    rng = np.random.default_rng(5)
    sizes = rng.integers(2, 7, 20)
    blocks = [rng.normal(size=(s, 3)) * rng.uniform(0.2, 1.5) for s in sizes]
    one = make_analysis(np.concatenate(blocks), sizes.tolist(), forces=True)
    order = rng.permutation(20)
    two = make_analysis(
        np.concatenate([blocks[s] for s in order]), [int(sizes[s]) for s in order], forces=True
    )
    if METHODS[method].needs_forces:  # the forces of the two are not those of the same structures
        forces = one.dataset.take(order)
        object.__setattr__(two, "dataset", forces)
    found, mixed = select(one, method), select(two, method)
    # up to ties, which the lowest index decides: random values have none until nothing is gained
    sure = int((found.gains > 1e-3).sum()) if method == "facility_location" else 20
    assert_array_equal(order[mixed.structures[:sure]], found.structures[:sure])


class TestForces:
    def test_a_method_that_needs_forces_says_so(self) -> None:
        analysis = make_analysis(forces=False)
        for name in ALL:
            if METHODS[name].needs_forces:
                with pytest.raises(WinnowError, match=r"needs forces, and made\.xyz has none"):
                    select(analysis, name)
            else:
                assert len(select(analysis, name)) == 25

    def test_largest_force_first_zero_then_missing_last(self) -> None:
        analysis = make_analysis(sizes=[2] * 6)
        forces = np.zeros((12, 3))
        forces[1], forces[4], forces[8:10] = [0, 3, 4], [1, 0, 0], np.nan
        forces[6], forces[7] = np.nan, [0, 0, 2.0]
        object.__setattr__(analysis.dataset, "forces", forces)
        found = select(analysis, "largest_force")
        assert found.structures.tolist() == [0, 3, 2, 1, 5, 4]
        assert found.gains[:5].tolist() == [5, 2, 1, 0, 0]
        assert np.isnan(found.gains[5])


def test_outlier_score_order() -> None:
    values = np.array([[0.0], [0.1], [9.0], [0.2], [5.0], [5.3]])
    assert select(make_analysis(values), "outlier_score").structures[0] == 2


def test_random_depends_on_the_seed_alone() -> None:
    analysis = make_analysis()
    orders = {tuple(select(analysis, "random", seed=s).structures) for s in range(20)}
    assert len(orders) == 20
    state = np.random.get_state()[1].copy()  # noqa: NPY002
    select(analysis, "random")
    assert_array_equal(state, np.random.get_state()[1])  # noqa: NPY002


def test_random_is_uniform() -> None:
    analysis = make_analysis(sizes=[1] * 5)
    first = [select(analysis, "random", seed=s, size=1).structures[0] for s in range(500)]
    assert np.all(np.abs(np.bincount(first, minlength=5) - 100) < 45)  # 5 sigma


class TestErrors:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"keep": [27]}, "keep names structure 27; the data set has 0 to 26"),
            ({"drop": [-1]}, "drop names structure -1"),
            ({"keep": [3], "drop": [3]}, "structure 3 is both forced in and forced out"),
            ({"size": -1}, "size is -1"),
            ({"spec": {"width": 9}}, "width is 9, outside"),
            ({"spec": {"height": 9}}, "FacilityLocationSpec has no option height"),
            ({"spec": NoOptions()}, "Facility location takes FacilityLocationSpec"),
        ],
    )
    def test_bad_arguments(self, analysis: Analysis, options: dict, message: str) -> None:
        with pytest.raises(ValueError, match=message):
            select(analysis, **options)

    def test_an_unknown_method(self, analysis: Analysis) -> None:
        with pytest.raises(WinnowError, match="unknown selection method 'best'; known are"):
            select(analysis, "best")


class TestBudget:
    @pytest.mark.parametrize(
        ("value", "n", "structures"),
        [
            (0, 10, 0),
            (0.1, 214, 21),
            (0.001, 214, 1),
            (0.999, 10, 10),
            (1, 214, 1),
            (1.0, 214, 1),
            (7, 5, 5),
            (0.5, 0, 0),
            (3, 0, 0),
        ],
    )
    def test_shares_and_counts(self, value: float, n: int, structures: int) -> None:
        assert Budget(value).structures(n) == structures

    @pytest.mark.parametrize("value", [-0.1, -3, float("nan"), float("inf"), 1.5, 10.2])
    def test_what_is_no_budget(self, value: float) -> None:
        with pytest.raises(ValueError, match="budget is"):
            Budget(value)

    def test_it_grows_with_its_value(self) -> None:
        sizes = [Budget(v).structures(100) for v in (*np.linspace(0, 0.999, 50), 1000)]
        assert sizes == sorted(sizes)


def test_a_method_of_ones_own() -> None:
    def backwards(pool: Pool, spec: NoOptions, *, rng, monitor) -> Order:
        return pool.ranked(np.arange(pool.analysis.n_structures, dtype=float))

    try:
        register(Method("backwards", "Backwards", "importance", "last first", NoOptions, backwards))
        found = select(make_analysis(sizes=[1] * 4), "backwards", size=3)
        assert found.structures.tolist() == [3, 2, 1]
        assert found.certificate(2) is None
    finally:
        METHODS._items.pop("backwards", None)


def test_a_selection_is_told_apart_by_all_it_depends_on() -> None:
    analysis = make_analysis()
    runs = [
        select(analysis),
        select(analysis, spec={"width": 1.0}),
        select(analysis, keep=[1]),
        select(analysis, drop=[1]),
        select(analysis, size=5),
        select(analysis, "msc"),
        select(analysis, "random"),
        select(analysis, "random", seed=1),
        select(make_analysis(bandwidth=0.6)),
    ]
    assert len({run.fingerprint for run in runs}) == len(runs)
