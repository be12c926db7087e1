"""Distortion of constructed maps: none, all, and one that names the wrong winner."""

from __future__ import annotations

import numpy as np
import pytest
from makers import make_analysis
from sklearn.manifold import trustworthiness

from analytics.evaluation import map_distortion
from analytics.evaluation.map_distortion import coverages, distortion


@pytest.fixture
def plane() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(300, 2))


def test_a_map_that_is_the_space_has_no_distortion(plane: np.ndarray) -> None:
    found = distortion(plane, 3.0 * plane)
    assert found.trustworthiness == found.continuity == 1.0
    assert found.trustworthiness_error == 0.0  # all were looked at
    assert np.median(found.displaced) < 0.3
    assert found.rows.tolist() == list(range(300))


def test_a_shuffled_map_is_no_better_than_chance(plane: np.ndarray) -> None:
    found = distortion(plane, np.random.default_rng(1).permutation(plane))
    assert 0.4 < found.trustworthiness < 0.6
    assert 0.4 < found.continuity < 0.6
    assert 0.8 < np.median(found.displaced) < 1.2


@pytest.mark.parametrize("seed", range(3))
def test_both_measures_are_those_of_scikit_learn(seed: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(200, 6))
    xy = x[:, :2] + 0.2 * rng.normal(size=(200, 2))
    found = distortion(x, xy)
    assert found.trustworthiness == pytest.approx(trustworthiness(x, xy, n_neighbors=15))
    assert found.continuity == pytest.approx(trustworthiness(xy, x, n_neighbors=15))


def test_the_misplaced_are_the_worst_placed(plane: np.ndarray) -> None:
    moved, xy = [3, 77, 200], plane.copy()
    xy[moved] += 40.0
    assert sorted(distortion(plane, xy).worst(0.01).tolist()) == moved


def test_a_sample_has_an_error_that_covers_the_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(900, 4))
    xy = x[:, :2].copy()
    xy[5] = np.nan
    monkeypatch.setattr(map_distortion, "SAMPLE", 300)
    found = [distortion(x, xy, seed=seed) for seed in range(5)]
    spread = np.std([one.trustworthiness for one in found])
    assert all(5 not in one.rows and len(one.rows) == 300 for one in found)
    assert 0 < found[0].trustworthiness_error < 0.05
    assert spread < 4 * found[0].trustworthiness_error


def test_too_few_are_not_measured() -> None:
    found = distortion(np.zeros((9, 3)), np.zeros((9, 2)))
    assert np.isnan(found.trustworthiness)
    assert len(found.worst()) == 1


def test_coverage_of_a_map_that_is_the_space_names_the_same_winner() -> None:
    rng = np.random.default_rng(3)
    values = rng.uniform(-6, 6, size=(400, 2))
    analysis = make_analysis(values, [1] * 400)
    spread, corner = np.arange(0, 400, 4), np.argsort(values.sum(axis=1))[:100]
    found = coverages(analysis, values, [corner, spread])
    assert found.named == found.best == 1
    assert not found.misleads
    assert found.in_space[1] > found.in_space[0]
    assert found.in_map_error.tolist() == [0, 0]  # all were looked at


def test_a_map_that_hides_an_axis_names_another_winner() -> None:
    # two sheets far apart, of which the map shows one above the other: what lies in one sheet only
    # seems to cover both
    rng = np.random.default_rng(4)
    xy = np.concatenate([rng.uniform(-6, 6, size=(200, 2))] * 2)
    values = np.column_stack([xy, np.repeat([0.0, 50.0], 200)])
    analysis = make_analysis(values, [1] * 400)
    one_sheet = np.arange(150)
    both = np.concatenate([np.arange(0, 200, 3), 200 + np.arange(0, 200, 3)])
    found = coverages(analysis, xy, [one_sheet, both])
    assert found.named == 0
    assert found.best == 1
    assert found.misleads


def test_what_cannot_be_told_apart_has_no_winner() -> None:
    analysis = make_analysis(seed=5)
    xy = analysis.descriptors.values[:, :2]
    same = np.arange(8)
    found = coverages(analysis, xy, [same, same])
    assert found.named == found.best == -1
    assert not found.misleads
