"""Farthest-point selections and msc_conditional against QUESTS and brute force."""

from __future__ import annotations

import numpy as np
import pytest
import quests.entropy as reference_entropy
from makers import BANDWIDTH, every_nth_of_silicon, make_analysis
from numpy.testing import assert_allclose
from quests.compression.baseline import mean_fps
from quests.compression.fps import fps, msc_conditional
from scipy.spatial.distance import cdist

from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis
from analytics.selection import lazy_maxmin
from analytics.selection.base import select
from analytics.selection.farthest import structure_means
from analytics.selection.set_cover import structure_entropies


def blocks_of(analysis: Analysis) -> list[np.ndarray]:
    own = analysis.descriptors
    return np.split(np.asarray(own.values, dtype=np.float64), own.structure_offsets[1:-1])


def own_entropies(blocks: list[np.ndarray], bandwidth: float) -> np.ndarray:
    return np.array([reference_entropy.entropy(b, h=bandwidth) for b in blocks])


def as_reference(blocks: list[np.ndarray], spec: object) -> Descriptors:
    return Descriptors(
        values=np.concatenate(blocks),
        structures=np.arange(len(blocks)),
        structure_offsets=np.concatenate([[0], np.cumsum([len(b) for b in blocks])]),
        environments=np.arange(sum(map(len, blocks))),
        spec=spec,
        source="reference",
    )


class TestAgainstQuests:
    @pytest.mark.parametrize("seed", range(4))
    def test_fps(self, seed: int) -> None:
        analysis = make_analysis(seed=seed, bandwidth=0.7)
        blocks = blocks_of(analysis)
        expected = fps(blocks, own_entropies(blocks, 0.7), len(blocks))
        assert select(analysis, "fps").structures.tolist() == [int(s) for s in expected]

    def test_fps_on_silicon(self) -> None:
        analysis = every_nth_of_silicon(8)
        blocks = blocks_of(analysis)
        entropies = own_entropies(blocks, 0.015)
        expected = fps(blocks, entropies, 20)
        assert select(analysis, "fps", size=20).positions.tolist() == [int(s) for s in expected]
        own = structure_entropies(
            analysis.descriptors.values, analysis.descriptors.structure_offsets, 0.015
        )
        assert_allclose(own, entropies, atol=1e-9)

    @pytest.mark.parametrize("seed", range(4))
    def test_msc_conditional(self, seed: int) -> None:
        analysis = make_analysis(seed=seed, bandwidth=0.7)
        there = [b + 0.2 for b in blocks_of(make_analysis(seed=seed + 100, bandwidth=0.7))[:6]]
        blocks = blocks_of(analysis)
        expected = msc_conditional(blocks, own_entropies(blocks, 0.7), len(blocks), there, h=0.7)
        reference = as_reference(there, analysis.descriptors.spec)
        found = select(analysis, "msc", reference=reference)
        assert found.structures.tolist() == [int(s) for s in expected]

    def test_msc_conditional_on_silicon(self) -> None:
        analysis = every_nth_of_silicon(8)
        blocks = blocks_of(analysis)
        there, rest = blocks[::3], np.setdiff1d(np.arange(len(blocks)), np.arange(len(blocks))[::3])
        entropies = own_entropies(blocks, 0.015)[rest]
        with np.errstate(divide="ignore"):
            expected = msc_conditional([blocks[s] for s in rest], entropies, 12, there, h=0.015)
        found = select(
            analysis,
            "msc",
            size=12,
            drop=analysis.descriptors.structures[::3],
            reference=as_reference(there, analysis.descriptors.spec),
        )
        assert found.positions.tolist() == [int(rest[s]) for s in expected]

    def test_mean_fps_from_the_same_start(self, monkeypatch: pytest.MonkeyPatch) -> None:
        analysis = make_analysis(seed=3)
        monkeypatch.setattr(np.random, "randint", lambda low, high: 7)
        expected = mean_fps(blocks_of(analysis), np.zeros(25), 25)
        found = select(analysis, "farthest_mean", keep=[7])
        assert found.structures.tolist() == [int(s) for s in expected]


class TestAgainstBruteForce:
    @pytest.mark.parametrize("given", [False, True])
    def test_farthest_environment(self, given: bool) -> None:
        analysis = make_analysis(seed=5, dimensions=20)
        blocks = blocks_of(analysis)
        there = [blocks[4] + 1.0] if given else []
        reference = as_reference(there, analysis.descriptors.spec) if given else None
        found = select(analysis, "farthest_environment", reference=reference)
        chosen = list(there)
        left = set(range(25))
        for number, (pick, gain) in enumerate(zip(found.positions, found.gains, strict=True)):
            if chosen:
                kept = np.concatenate(chosen)
                far = {s: cdist(blocks[s], kept).min(axis=1).max() for s in left}
            else:
                middle = np.concatenate(blocks).mean(axis=0)
                far = {s: np.linalg.norm(blocks[s] - middle, axis=1).max() for s in left}
            assert pick == max(far, key=lambda s: far[s]), number
            assert_allclose(gain, far[int(pick)], rtol=1e-9)
            chosen.append(blocks[pick])
            left.remove(int(pick))

    def test_after_m_picks_nothing_is_farther_than_the_next_gain(self) -> None:
        analysis = make_analysis(seed=6)
        found = select(analysis, "farthest_environment")
        blocks = blocks_of(analysis)
        for m in (1, 5, 20):
            kept = np.concatenate([blocks[s] for s in found.positions[:m]])
            radius = cdist(np.concatenate(blocks), kept).min(axis=1).max()
            assert_allclose(found.gains[m], radius, rtol=1e-9)

    def test_farthest_mean_starts_in_the_middle(self) -> None:
        analysis = make_analysis(np.array([[0.0], [1.0], [2.1], [9.0], [3.0]]))
        found = select(analysis, "farthest_mean")
        assert found.structures.tolist() == [4, 3, 0, 1, 2]
        assert_allclose(found.gains, [0, 6, 3, 1.0, 0.9])


@pytest.mark.parametrize("method", ["msc", "farthest_environment"])
def test_the_order_is_that_of_looking_at_everything(method: str) -> None:
    """Against a twin that brings every environment up to date after every pick."""
    analysis = make_analysis(seed=8, sizes=[4, 1, 7, 2] * 30, dimensions=6)
    blocks = blocks_of(analysis)
    found = select(analysis, method)
    own = own_entropies(blocks, BANDWIDTH) if method == "msc" else np.zeros(len(blocks))
    x, owner = np.concatenate(blocks), np.repeat(np.arange(len(blocks)), list(map(len, blocks)))
    level = np.zeros(len(x)) if method == "msc" else np.full(len(x), np.inf)
    left = np.ones(len(blocks), dtype=bool)
    outermost = np.min if method == "msc" else np.max
    for number, (pick, gain) in enumerate(zip(found.positions, found.gains, strict=True)):
        if number:
            worst = np.array([outermost(level[owner == s]) for s in range(len(blocks))])
            scores = own - np.log(worst) if method == "msc" else worst
            assert pick == np.argmax(np.where(left, scores, -np.inf))
            assert_allclose(gain, scores[pick], rtol=1e-9)
        squares = cdist(x, blocks[pick], "sqeuclidean")
        if method == "msc":
            level += np.exp(-squares / (2 * BANDWIDTH**2)).sum(axis=1)
        else:
            level = np.minimum(level, np.sqrt(squares).min(axis=1))
        left[pick] = False


@pytest.mark.parametrize("method", ["msc", "farthest_environment"])
def test_what_is_remembered_of_comparisons_does_not_matter(
    method: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    analysis = make_analysis(seed=9, sizes=[3, 1, 5] * 60, dimensions=6)
    reference = as_reference([np.full((70, 6), 0.3)], analysis.descriptors.spec)
    for options in ({}, {"reference": reference}):
        plain = select(analysis, method, **options)
        monkeypatch.setattr(lazy_maxmin, "SEEN_BYTES", 0)  # 64 groups, the others in order
        other = select(analysis, method, **options)
        monkeypatch.undo()
        assert other.structures.tolist() == plain.structures.tolist()
        assert_allclose(other.gains, plain.gains, rtol=1e-9)


def test_structure_means() -> None:
    values = np.arange(12, dtype=np.float32).reshape(6, 2)
    found = structure_means(values, np.array([0, 1, 4, 6]))
    assert_allclose(found, [[0, 1], [4, 5], [9, 10]])
    assert found.dtype == np.float64
