"""Comparable subsets: of one size, no two alike, some with something left out."""

from __future__ import annotations

import numpy as np
from numpy.testing import assert_array_equal

from analytics.evaluation.comparable_subsets import reliability_of, subsets_of


def test_equal_sizes_no_two_alike_the_same_again() -> None:
    random = np.random.default_rng(0)
    means, forces = random.normal(size=(80, 3)), random.lognormal(size=80)
    kinds, members = subsets_of(means, forces, 8, seed=1)
    assert set(members.sum(axis=1)) == {8}
    assert len(np.unique(members, axis=0)) == len(members) == len(kinds) > 40
    again = subsets_of(means, forces, 8, seed=1)
    assert_array_equal(members, again[1])
    by_kind = {kind: members[at] for at, kind in enumerate(kinds)}
    assert set(np.flatnonzero(by_kind["largest_force"])) == set(np.argsort(forces)[-8:])
    assert set(np.flatnonzero(by_kind["smallest_force"])) == set(np.argsort(forces)[:8])


def test_windows_leave_more_out_than_uniform_draws() -> None:
    means = np.random.default_rng(2).normal(size=(300, 2)) * [5, 1]
    kinds, members = subsets_of(means, np.full(300, np.nan), 30, seed=0)
    spread = {
        kind: np.mean(
            [np.ptp(means[m, 0]) for k, m in zip(kinds, members, strict=True) if k == kind]
        )
        for kind in ("window", "uniform")
    }
    assert spread["window"] < 0.9 * spread["uniform"]
    assert "largest_force" not in kinds


def test_small_pools() -> None:
    members = subsets_of(np.arange(8.0)[:, None], np.arange(8.0), 3, seed=0)[1]
    assert set(members.sum(axis=1)) == {3}
    assert len(np.unique(members, axis=0)) == len(members)


def test_reliability() -> None:
    errors = np.random.default_rng(0).random(40)
    assert reliability_of(np.array([errors, 2 * errors])) == 1.0
    noise = np.random.default_rng(1).random((2, 400))
    assert reliability_of(noise) < 0.3
