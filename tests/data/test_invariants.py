"""Structure invariants: the pairs that may be the same, among many of one composition."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.data.geometries import Geometries
from analytics.data.invariants import close_pairs, invariants

TOLERANCE = 1e-2  # wide, so that some pairs are close by chance


def some_geometries(n: int, periodic: bool) -> Geometries:
    """Return n structures of five atoms, every third about the same as an earlier one."""
    rng = np.random.default_rng(3)
    positions = rng.normal(0, 0.2, (n, 5, 3)) + rng.uniform(0, 4, (5, 3))
    for s in range(3, n, 3):
        shifts = rng.uniform(-1, 1, (5, 3)) * TOLERANCE / 4
        positions[s] = positions[rng.integers(s)] + shifts
    cells = np.broadcast_to(np.diag([4.0, 4.5, 5.0]) * periodic, (n, 3, 3))
    return Geometries(
        numbers=np.full(5 * n, 29),
        positions=positions.reshape(-1, 3),
        offsets=5 * np.arange(n + 1),
        cells=cells.copy(),
        pbc=np.full((n, 3), periodic),
    )


@pytest.mark.parametrize("periodic", [True, False])
def test_pairs_are_those_of_comparing_every_two(periodic: bool) -> None:
    n = 400
    kinds = np.arange(n) % 9 // 8  # of unlike sizes
    found = invariants(some_geometries(n, periodic), kinds, TOLERANCE)
    apart = np.abs(found.values[:, None] - found.values[None])
    alike = (found.kinds[:, None] == found.kinds[None]) & np.triu(np.ones((n, n), bool), 1)
    bounds = found.bounds[:, None], found.bounds[None]
    surely = alike & (apart <= np.minimum(*bounds)).all(axis=2)
    perhaps = alike & (apart <= np.maximum(*bounds)).all(axis=2)
    pairs = np.sort(close_pairs(found), axis=1)
    among = np.zeros((n, n), dtype=int)
    np.add.at(among, tuple(pairs.T), 1)
    assert surely.sum() > 100
    assert (among[surely] == 1).all()
    assert among[~perhaps].max() == 0
    assert among.max() == 1
