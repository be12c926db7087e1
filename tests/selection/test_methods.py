"""Selections and budgets, and the simplest of the methods; see also test_conformance."""

from __future__ import annotations

import numpy as np
import pytest
from makers import make_analysis
from numpy.testing import assert_array_equal

from analytics.information.analysis import Analysis
from analytics.runtime.errors import WinnowError
from analytics.runtime.registry import NoOptions
from analytics.selection.base import METHODS, Budget, Method, Order, Pool, register, select

ALL = list(METHODS)


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    return make_analysis(seed=3, isolated=2)


class TestForces:
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
            ({"size": -1}, "budget is -1: an int from 0 on is a count, a float above 0"),
            ({"size": 1.5}, r"budget is 1\.5"),
            ({"size": True}, "budget is True"),
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
            (1.0, 214, 214),
            (0.5, 45, 22),
            (7, 5, 5),
            (0.5, 0, 0),
            (1.0, 0, 0),
            (3, 0, 0),
            (np.int32(3), 214, 3),
            (np.float32(0.5), 214, 107),
            (np.float64(1), 214, 214),
        ],
    )
    def test_shares_and_counts(self, value: float, n: int, structures: int) -> None:
        assert Budget(value).of(n) == structures

    @pytest.mark.parametrize(
        "value",
        [-0.1, -3, 0.0, float("nan"), float("inf"), 1.5, 10.2, 50.0, True, False, np.True_, "0.1",
         None],
    )  # fmt: skip
    def test_what_is_no_budget(self, value: float) -> None:
        with pytest.raises(ValueError, match=r"^budget is .*: an int .* a share$"):
            Budget(value)

    def test_it_grows_with_its_value(self) -> None:
        sizes = [Budget(v).of(100) for v in (*np.linspace(0.001, 1, 50), 1000)]
        assert sizes == sorted(sizes)

    @pytest.mark.parametrize("value", [1, 1.0, 0.1, 0.3333333333333333, 60])
    def test_its_text_is_read_as_it_was(self, value: float) -> None:
        again = Budget.parse(str(Budget(value)))
        assert again == Budget(value)
        assert type(again.value) is type(value)

    def test_one_is_not_everything(self) -> None:
        assert Budget(1) != Budget(1.0)
        assert len({Budget(1), Budget(1.0), Budget(np.int64(1)), Budget(np.float32(1))}) == 2

    @pytest.mark.parametrize(
        ("size", "picked"), [(1, 1), (1.0, 25), (0.1, 2), (np.float64(0.5), 12), (60, 25)]
    )
    @pytest.mark.parametrize("method", ["random", "kmeans", "facility_location"])
    def test_a_selection_of_that_size(
        self, analysis: Analysis, method: str, size: float, picked: int
    ) -> None:
        assert len(select(analysis, method, size=size)) == picked

    def test_a_share_of_environments(self, analysis: Analysis) -> None:
        whole = select(analysis, "random", size=1.0, unit="environments")
        assert len(whole) == 25
        half = select(analysis, "random", size=0.5, unit="environments")
        counted = select(
            analysis, "random", size=round(analysis.n_environments / 2), unit="environments"
        )
        assert_array_equal(half.structures, counted.structures)


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
