"""Facility location and minimum set cover against brute force, quests and the findings."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
import quests.entropy as reference
from makers import every_nth_of_silicon, kernel_twin, make_analysis, real_analysis
from numpy.testing import assert_allclose, assert_array_equal
from quests.compression.fps import msc

from analytics.evaluation.prefixes import prefix_metrics
from analytics.information.analysis import Analysis
from analytics.selection.base import select


def coverage(analysis: Analysis, chosen: list[int], width: float = 2.0) -> float:
    """Facility location by its definition."""
    x, o = analysis.descriptors.values, analysis.descriptors.structure_offsets
    kernel = kernel_twin(x, x, width * analysis.spec.bandwidth)
    rows = np.concatenate([np.arange(o[s], o[s + 1]) for s in chosen])
    return float(kernel[rows].max(axis=0).sum())


GROUPS = ((0, 3, 6), (1, 4, 7), (2, 5))


class TestFacilityLocation:
    @pytest.mark.parametrize("width", [2.0, 1.0, 2.5])
    def test_gains_add_up_to_the_objective(self, width: float) -> None:
        analysis = make_analysis(seed=2)
        found = select(analysis, spec={"width": width})
        for m in (1, 3, 10, 25):
            expected = coverage(analysis, list(found.positions[:m]), width)
            assert_allclose(found.gains[:m].sum(), expected, rtol=1e-4)
        assert_allclose(found.gains.sum(), analysis.n_environments, rtol=1e-4)

    @pytest.mark.parametrize(("keep", "drop"), [([], []), ([4], []), ([], [0, 1]), ([6], [2])])
    def test_the_certificate_is_below_the_truth(self, keep: list[int], drop: list[int]) -> None:
        analysis = make_analysis(sizes=[2, 3, 1, 4, 2, 3, 2, 1], seed=1, bandwidth=0.8)
        found = select(analysis, keep=keep, drop=drop)
        allowed = [s for s in range(8) if s not in drop]
        for m in range(max(1, len(keep)), len(found) + 1):
            reached = coverage(analysis, list(found.positions[:m]))
            best = max(coverage(analysis, list(s)) for s in combinations(allowed, m))
            certificate = found.certificate(m)
            assert certificate is not None
            assert 0 < certificate <= reached / best + 1e-5
            if not keep:
                assert certificate >= 0.5  # it has something to say on so small a set
        assert found.certificate(0) is None
        assert found.certificate(9) is None
        assert_allclose(found.certificate(len(found)), 1.0, rtol=1e-5)

    def test_equal_gains_are_told_apart_by_content(self) -> None:
        x = np.repeat([[0.0], [50.0], [100.0]], [3, 3, 2], axis=0)[[0, 3, 6, 1, 4, 7, 2, 5]]
        analysis = make_analysis(x)
        found = select(analysis)
        # 0, 3, 6 have the same environment, 1, 4, 7 the same, 2, 5 the same
        assert found.gains.tolist() == [3, 3, 2, 0, 0, 0, 0, 0]
        first = {min(group, key=lambda s: analysis.content_rank[s]) for group in GROUPS}
        assert set(found.structures[:3].tolist()) == first
        for tied in (found.structures[:2], found.structures[3:]):
            assert np.all(np.diff(analysis.content_rank[tied]) > 0)

    def test_on_silicon_it_covers_more_than_chance_and_is_certified(self) -> None:
        analysis = real_analysis("mlearn_Si_train.xyz")
        sizes = np.array([10, 21, 53, 107])
        found = select(analysis)
        ours = prefix_metrics(analysis, found.positions, sizes).overlap
        chance = np.mean(
            [
                prefix_metrics(
                    analysis, select(analysis, "random", seed=s).positions, sizes
                ).overlap
                for s in range(5)
            ],
            axis=0,
        )
        assert np.all(ours >= chance)
        assert np.all(np.diff(ours) > 0)
        assert all((found.certificate(int(m)) or 0) > 1 - 1 / np.e for m in sizes)


def quests_entropies(blocks: list[np.ndarray], bandwidth: float) -> np.ndarray:
    return np.array([reference.entropy(b, h=bandwidth) for b in blocks])


def replay(blocks: list[np.ndarray], picks: list[int], bandwidth: float) -> tuple[int, int]:
    """Follow an order with quests' scores; return how many steps were infinite, and finite.

    Every pick has quests' largest score; where scores are infinite, the first of them. Scores
    closer than 1e-9 come from equal structures, and rounding decides among them.
    """
    entropies = quests_entropies(blocks, bandwidth)
    assert entropies[picks[0]] >= entropies.max() - 1e-9
    x, owner = np.concatenate(blocks), np.repeat(np.arange(len(blocks)), [len(b) for b in blocks])
    starts = np.flatnonzero(np.diff(owner, prepend=-1))
    sums, left = np.zeros(len(x)), np.ones(len(blocks), dtype=bool)
    infinite = finite = 0
    for last, pick in pairwise(picks):
        left[last] = False
        sums += reference.kernel_sum(x, blocks[last], h=bandwidth)
        with np.errstate(divide="ignore"):
            scores = -np.log(np.minimum.reduceat(sums, starts)) + entropies
        scores[~left] = -np.inf
        if np.isinf(scores.max()):
            infinite += 1
            assert pick == scores.argmax()
        else:
            finite += 1
            assert left[pick]
            # near the smallest double the sums themselves have few digits left
            assert scores[pick] >= scores.max() - (1e-9 if scores.max() < 700 else 1.0)
    return infinite, finite


class TestMinimumSetCover:
    def test_silicon_in_quests_order(self) -> None:
        analysis = every_nth_of_silicon(4)
        described = analysis.descriptors
        o = described.structure_offsets
        blocks = np.split(np.asarray(described.values, dtype=np.float64), o[1:-1])
        found = select(analysis, "msc")
        infinite, finite = replay(blocks, found.positions.tolist(), 0.015)
        assert infinite + finite == analysis.n_structures - 1
        assert finite > 40

    @pytest.mark.parametrize("seed", range(4))
    def test_random_structures_in_quests_order(self, seed: int) -> None:
        analysis = make_analysis(seed=seed, bandwidth=0.7)
        blocks = np.split(analysis.descriptors.values, analysis.descriptors.structure_offsets[1:-1])
        entropies = quests_entropies(blocks, 0.7)
        expected = msc(blocks, entropies, len(blocks), h=0.7)
        assert select(analysis, "msc").structures.tolist() == [int(s) for s in expected]

    def test_infinite_scores_in_file_order(self) -> None:
        x = np.array([0.0, 0.1, 100.0, 300.0, 200.0, 0.2])[:, None]
        found = select(make_analysis(x, [2, 1, 1, 1, 1]), "msc")
        assert found.structures[0] == 0  # the only one with an entropy
        assert found.structures[1:4].tolist() == [1, 2, 3]
        assert np.isinf(found.gains[1:4]).all()
        assert found.structures[4] == 4

    def test_equal_structures_go_to_the_lowest_index(self) -> None:
        block = np.random.default_rng(0).normal(size=(4, 3)) * 0.3
        found = select(make_analysis(np.concatenate([block] * 5), [4] * 5), "msc")
        assert found.structures.tolist() == [0, 1, 2, 3, 4]

    def test_it_prefers_variety_within_a_structure(self) -> None:
        x = np.array([[0.0], [0.0], [5.0], [5.6]])
        assert_array_equal(select(make_analysis(x, [2, 2]), "msc").structures, [1, 0])
