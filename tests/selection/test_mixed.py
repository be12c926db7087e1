"""Strata, CCS, hybrids, k-means and importance scores against their definitions."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import Recorder, make_analysis
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.cluster import KMeans

from analytics.information.analysis import Analysis
from analytics.linalg import kmeans
from analytics.linalg.kmeans import cluster, lloyd
from analytics.runtime.errors import Cancelled, WinnowError
from analytics.runtime.registry import NoOptions
from analytics.selection.base import METHODS, is_nested, select
from analytics.selection.farthest import structure_means
from analytics.selection.scores import SCORES, Score, register_score
from analytics.selection.strata import allocate


def with_classes(labels: list[str]) -> Analysis:
    analysis = make_analysis(sizes=[1] * len(labels))
    object.__setattr__(analysis.dataset, "config_type", np.array(labels))
    return analysis


class TestStratified:
    labels = ["bulk"] * 60 + ["surface"] * 30 + ["cluster"] * 10

    def counts(self, size: int, **options: object) -> Counter[str]:
        found = select(with_classes(self.labels), "stratified", size=size, **options)
        return Counter(np.array(self.labels)[found.structures].tolist())

    @pytest.mark.parametrize("size", [10, 20, 50, 100])
    def test_proportional(self, size: int) -> None:
        assert self.counts(size) == {
            "bulk": size * 6 // 10,
            "surface": size * 3 // 10,
            "cluster": size // 10,
        }

    def test_proportional_is_never_far_from_its_share(self) -> None:
        order = select(with_classes(self.labels), "stratified").structures
        for size in range(1, 101):
            found = Counter(np.array(self.labels)[order[:size]].tolist())
            for label, share in (("bulk", 0.6), ("surface", 0.3), ("cluster", 0.1)):
                assert abs(found[label] - share * size) < 1.0

    def test_equal_until_a_class_is_used_up(self) -> None:
        equal = {"allocation": "equal"}
        assert self.counts(30, spec=equal) == {"bulk": 10, "surface": 10, "cluster": 10}
        assert self.counts(50, spec=equal) == {"bulk": 20, "surface": 20, "cluster": 10}
        assert self.counts(5, spec=equal) == {"bulk": 2, "cluster": 2, "surface": 1}

    def test_forced_in_count_for_their_class(self) -> None:
        found = self.counts(30, spec={"allocation": "equal"}, keep=range(15))
        assert found == {"bulk": 15, "surface": 8, "cluster": 7} or found == {
            "bulk": 15,
            "surface": 7,
            "cluster": 8,
        }

    def test_inside_a_class_every_structure_has_the_same_chance(self) -> None:
        analysis = with_classes(["a"] * 4 + ["b"] * 4)
        drawn = np.zeros(8)
        for seed in range(600):
            drawn[select(analysis, "stratified", size=2, seed=seed).structures] += 1
        assert_allclose(drawn / 600, 0.25, atol=0.09)  # 5 sigma


class TestCoverageCentric:
    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.integers(0, 12), min_size=1, max_size=9))
    def test_shares_as_in_the_paper(self, sizes: list[int]) -> None:
        sizes = sorted(sizes)
        total = sum(sizes)
        shares = allocate(np.array(sizes), np.arange(total + 1))
        for budget in range(total + 1):
            left, expected = budget, []
            for number, size in enumerate(sizes):
                expected.append(min(size, left // (len(sizes) - number)))
                left -= expected[-1]
            assert shares[:, budget].tolist() == expected
            assert sum(expected) == budget
        # the proof that the order is nested: no share ever falls
        assert np.all(np.diff(shares, axis=1) >= 0)

    def scored(self, values: np.ndarray, **options: object) -> tuple[Analysis, str]:
        name = "made_up_score"
        METHODS._items.pop(name, None)
        SCORES._items.pop(name, None)
        register_score(
            Score(name, "Made up", "made up", NoOptions, lambda analysis, spec, **_: values)
        )
        return make_analysis(sizes=[1] * len(values)), name

    @pytest.fixture(autouse=True)
    def _forget(self):
        yield
        METHODS._items.pop("made_up_score", None)
        SCORES._items.pop("made_up_score", None)

    def test_the_hardest_come_last_and_strata_share_the_rest(self) -> None:
        values = np.concatenate([np.linspace(0, 0.9, 60), np.linspace(5, 5.9, 30), [10] * 10])
        analysis, name = self.scored(values)
        spec = {"score": name, "beta": 0.1, "strata": 2}
        found = select(analysis, "ccs", spec=spec)
        assert set(found.structures[90:].tolist()) == set(range(90, 100))
        for m, low in ((10, 5), (40, 20), (60, 30), (80, 50)):
            assert (found.structures[:m] < 60).sum() == low
        assert_array_equal(found.gains, values[found.structures])

    def test_strata_in_the_logarithm(self) -> None:
        values = np.array([1.0] * 20 + [10.0] * 20 + [100.0] * 20 + [0.0] * 20)
        analysis, name = self.scored(values)
        spec = {"score": name, "beta": 0.0, "strata": 3, "scale": "log"}
        found = values[select(analysis, "ccs", spec=spec, size=30).structures]
        assert Counter(found.tolist())[10.0] == 10
        assert Counter(found.tolist())[100.0] == 10  # 0 shares the lowest stratum with 1
        linear = values[
            select(analysis, "ccs", spec=spec | {"scale": "linear"}, size=30).structures
        ]
        assert Counter(linear.tolist())[100.0] == 15

    def test_unknown_scores_come_last_of_all(self) -> None:
        values = np.array([np.nan, 1.0, 2.0, np.nan, 3.0, np.inf])
        analysis, name = self.scored(values)
        found = select(analysis, "ccs", spec={"score": name, "beta": 0.0})
        assert set(found.structures[-2:].tolist()) == {0, 3}

    def test_what_it_cannot_work_with(self) -> None:
        analysis, name = self.scored(-np.ones(5))
        with pytest.raises(WinnowError, match="no positive value"):
            select(analysis, "ccs", spec={"score": name, "scale": "log", "beta": 0})
        with pytest.raises(WinnowError, match=r"unknown .* 'best'"):
            select(analysis, "ccs", spec={"score": "best"})
        bare = make_analysis(forces=False)
        with pytest.raises(WinnowError, match="Largest force needs forces"):
            select(bare, "ccs", spec={"score": "largest_force"})
        with pytest.raises(WinnowError, match="unknown importance score 'random'"):
            select(bare, "ccs", spec={"score": "random"})


class TestHybrid:
    def test_turns_follow_the_share(self) -> None:
        analysis = make_analysis(sizes=[2] * 20)
        spec = {"first": "largest_force", "second": "outlier_score", "share": 0.25}
        found = select(analysis, "hybrid", spec=spec)
        forces = select(analysis, "largest_force").structures.tolist()
        outliers = select(analysis, "outlier_score").structures.tolist()
        taken: list[int] = []
        made = 0
        for number in range(20):
            first = made + 0.5 <= 0.25 * (number + 1)
            made += first
            queue = forces if first else outliers
            taken.append(next(s for s in queue if s not in taken))
        assert found.structures.tolist() == taken
        assert abs(sum(s in forces[:3] for s in taken[:8]) - 2) <= 2

    @pytest.mark.parametrize(("share", "alone"), [(1.0, "msc"), (0.0, "farthest_mean")])
    def test_the_ends_are_the_methods_themselves(self, share: float, alone: str) -> None:
        analysis = make_analysis(seed=4)
        spec = {"first": "msc", "second": "farthest_mean", "share": share}
        found = select(analysis, "hybrid", spec=spec)
        assert_array_equal(found.structures, select(analysis, alone).structures)

    def test_it_is_nested_if_both_are(self) -> None:
        assert is_nested("hybrid")
        analysis = make_analysis(seed=4)
        spec = {"first": "kmeans", "second": "msc"}
        found = select(analysis, "hybrid", spec=spec, size=10)
        assert not is_nested("hybrid", found.spec)
        assert not found.nested
        assert len(set(found.structures.tolist())) == 10
        assert len(select(analysis, "hybrid", spec=spec)) == 25

    def test_what_it_cannot_be_made_of(self) -> None:
        analysis = make_analysis(forces=False)
        with pytest.raises(WinnowError, match="Largest force needs forces"):
            select(analysis, "hybrid", spec={"second": "largest_force"})
        with pytest.raises(ValueError, match="no hybrids themselves"):
            select(analysis, "hybrid", spec={"second": "hybrid"})
        with pytest.raises(WinnowError, match="unknown selection method 'best'"):
            select(analysis, "hybrid", spec={"second": "best"})


class TestKMeans:
    def test_one_from_each_cluster_of_scikit_learn(self) -> None:
        analysis = make_analysis(sizes=[3] * 40, seed=1)
        own = analysis.descriptors
        means = structure_means(own.values, own.structure_offsets)
        found = select(analysis, "kmeans", size=6, seed=3)
        seed = int(np.random.default_rng(3).integers(2**31))
        # of the structures in the order of their contents
        labels = np.empty(40, dtype=int)
        order = analysis.by_content
        labels[order] = KMeans(6, n_init=1, random_state=seed).fit(means[order]).labels_
        assert sorted(labels[found.positions]) == list(range(6))
        assert_allclose(found.gains, np.bincount(labels)[labels[found.positions]] / 40)
        for s in found.positions:
            members = means[labels == labels[s]]
            distances = np.linalg.norm(members - members.mean(axis=0), axis=1)
            own_distance = np.linalg.norm(means[s] - members.mean(axis=0))
            assert own_distance <= distances.min() + 1e-6

    @pytest.mark.parametrize(("n", "k"), [(40, 1), (40, 40), (400, 25)])
    def test_weighted_clusters_are_those_of_scikit_learn(self, n: int, k: int) -> None:
        rng = np.random.default_rng(n + k)
        x, weights = rng.normal(loc=30.0, size=(n, 4)), rng.uniform(0.1, 3.0, n)
        expected = KMeans(k, n_init=1, random_state=5).fit(x, sample_weight=weights)
        labels, centres = cluster(x, weights, k, seed=5)
        assert_array_equal(labels, expected.labels_)
        assert_allclose(centres, expected.cluster_centers_, rtol=1e-9)

    def test_a_centre_left_alone_takes_the_farthest_point(self) -> None:
        x = np.array([[0.0], [1.0], [2.0], [10.0]])
        labels, centres = lloyd(x, np.ones(4), np.array([[1.0], [500.0]]))
        assert labels.tolist() == [0, 0, 0, 1]
        assert centres.ravel().tolist() == [1.0, 10.0]

    def test_it_is_asked_whether_to_go_on_after_every_centre_and_block(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(kmeans, "PRODUCTS", 30 * 100)
        x = np.random.default_rng(0).normal(size=(1000, 3))
        told = Recorder()
        cluster(x, np.ones(1000), 30, seed=0, monitor=told)
        assert told.checkpoints >= 29 + 2 * 10  # ten blocks a round
        assert told.fractions == sorted(told.fractions)
        for at in (5, 40):
            with pytest.raises(Cancelled):
                cluster(x, np.ones(1000), 30, seed=0, monitor=Recorder(cancel_at=at))

    def test_well_separated_groups_are_found(self) -> None:
        values = np.repeat([0.0, 10.0, 20.0, 30.0], 5)[:, None]
        values = values + 0.1 * np.random.default_rng(0).random((20, 1))
        for seed in range(3):
            found = select(make_analysis(values), "kmeans", size=4, seed=seed)
            assert len({int(s) // 5 for s in found.structures}) >= 3


class TestEnergies:
    def test_excess_over_a_one_body_model(self) -> None:
        analysis = make_analysis(sizes=[6] * 30, seed=2)
        dataset = analysis.dataset
        heavy = (dataset.numbers.reshape(30, 6) == 14).sum(axis=1)
        rng = np.random.default_rng(1)
        excess = rng.normal(size=30) * 0.1
        energies = -5.0 * (6 - heavy) - 100.0 * heavy + 6 * excess
        energies[4] = np.nan
        object.__setattr__(dataset, "energies", energies)
        found = select(analysis, "highest_energy")
        assert found.structures[-1] == 4
        known = np.delete(np.arange(30), 4)
        design = np.column_stack([(6 - heavy) / 6, heavy / 6])[known]
        per_atom = energies[known] / 6
        residual = per_atom - design @ np.linalg.solve(design.T @ design, design.T @ per_atom)
        assert found.structures[:-1].tolist() == known[np.argsort(-residual)].tolist()
        assert_allclose(found.gains[:-1], np.sort(residual)[::-1], atol=1e-9)

    def test_one_composition_is_ordered_by_its_energy(self) -> None:
        analysis = make_analysis(sizes=[2] * 9)
        object.__setattr__(analysis.dataset, "numbers", np.full(18, 6))
        found = select(analysis, "highest_energy")
        expected = np.argsort(-np.asarray(analysis.dataset.energies))
        assert found.structures.tolist() == expected.tolist()


def test_a_score_of_ones_own_is_a_method_and_a_choice_of_ccs() -> None:
    def position(analysis: Analysis, spec: NoOptions, *, rng, monitor) -> np.ndarray:
        """Score by place."""
        return np.arange(analysis.n_structures, dtype=float)

    try:
        register_score(Score("place", "Place", "last first", NoOptions, position))
        analysis = make_analysis(sizes=[1] * 4)
        assert select(analysis, "place").structures.tolist() == [3, 2, 1, 0]
        assert METHODS["place"].about == "Score by place."
        found = select(analysis, "ccs", spec={"score": "place", "beta": 0.5})
        assert set(found.structures[:2].tolist()) == {0, 1}
    finally:
        METHODS._items.pop("place", None)
        SCORES._items.pop("place", None)
