"""The neighbour search against brute force, one function at a time."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from analytics.geometry.neighbours import build_cloud, gather_neighbours, reduced_lattices

seeds = st.integers(0, 2**32 - 1)


def found_by_kernel(positions, cell, pbc, cutoff):
    """Sorted distances from each atom."""
    basis, dual = reduced_lattices(cell[None], pbc[None])
    cloud, home, starts, low, edge, shape = build_cloud(positions, basis[0], dual[0], cutoff)
    assert starts[-1] == cloud.shape[1]
    squares, columns = np.empty(cloud.shape[1] + 1), np.empty(cloud.shape[1] + 1, dtype=int)
    result = []
    for at in home:
        n = gather_neighbours(cloud, starts, low, edge, shape, at, cutoff, squares, columns)
        between = np.linalg.norm(cloud[:, columns[:n]] - cloud[:, [at]], axis=0)
        assert_allclose(np.sqrt(squares[:n]), between, atol=1e-12)
        assert len(set(columns[:n])) == n
        result.append(np.sort(between))
    return result


def found_by_force(positions, cell, pbc, cutoff):
    """The same from an excess of images (numpy twin)."""
    cell = cell * pbc[:, None]
    dual = np.linalg.pinv(cell).T
    reach = np.ceil(cutoff * np.linalg.norm(dual, axis=1)).astype(int) * pbc + pbc
    images = np.array(list(itertools.product(*(range(-m, m + 1) for m in reach)))) @ cell
    result = []
    for position in positions:
        vectors = positions - position
        vectors = vectors - np.round(vectors @ dual.T) @ cell
        lengths = np.sort(np.linalg.norm(vectors[:, None] + images, axis=2).ravel())
        result.append(lengths[1:][lengths[1:] < cutoff])
    return result


@settings(max_examples=60, deadline=None)
@given(seeds, st.integers(1, 60), st.floats(0.5, 6.0), st.floats(0.0, 5.0))
def test_search_equals_brute_force(seed, n, cutoff, skew):
    rng = np.random.default_rng(seed)
    cell = np.eye(3) * rng.uniform(2, 9, 3) + rng.normal(0, skew, (3, 3)) * (rng.random() < 0.5)
    if abs(np.linalg.det(cell)) < 5.0:
        cell = np.eye(3) * 3.0
    positions = rng.uniform(-20, 20, (n, 3))
    pbc = rng.random(3) < 0.6
    kernel = found_by_kernel(positions, cell, pbc, cutoff)
    for one, two in zip(kernel, found_by_force(positions, cell, pbc, cutoff), strict=True):
        assert_allclose(one, two, atol=1e-9)


def test_distant_atoms_need_no_more_bins_than_atoms():
    rng = np.random.default_rng(0)
    positions = np.concatenate([rng.uniform(0, 5, (200, 3)), [[1e7, -1e7, 1e7]]])
    args = (positions, np.zeros((3, 3)), np.zeros(3, dtype=bool), 2.0)
    for one, two in zip(found_by_kernel(*args), found_by_force(*args), strict=True):
        assert_allclose(one, two, atol=1e-9)


@settings(max_examples=60, deadline=None)
@given(seeds, st.sampled_from(list(itertools.product([False, True], repeat=3))))
def test_reduced_lattice_is_the_same_lattice_and_compact(seed, pbc):
    rng, pbc = np.random.default_rng(seed), np.array(pbc)
    compact = np.eye(3) * rng.uniform(2, 5, 3) + rng.uniform(-0.5, 0.5, (3, 3))
    cell = compact.copy()
    for a, b in itertools.permutations(np.flatnonzero(pbc), 2):
        cell[a] += rng.integers(-3, 4) * cell[b]
    (basis,), (dual,) = reduced_lattices(cell[None], pbc[None])
    assert_array_equal(basis[~pbc], 0.0)
    assert_array_equal(dual[~pbc], 0.0)
    assert_allclose(dual @ basis.T, np.diag(pbc.astype(float)), atol=1e-9)
    steps = cell[pbc] @ dual[pbc].T
    assert_allclose(steps, np.round(steps), atol=1e-7)
    assert abs(abs(np.linalg.det(np.round(steps))) - 1.0) < 1e-9
    assert (np.linalg.norm(basis[pbc], axis=1) < 9.0).all()


def test_flat_looking_basis_is_reduced():
    """Three vectors at 120 degrees, nearly in a plane: no pair can be shortened, their sum can."""
    third = np.sqrt(3.0) / 2.0
    cell = np.array([[1.0, 0.0, 0.1], [-0.5, third, 0.1], [-0.5, -third, 0.1]]) * 4.0
    (basis,), _ = reduced_lattices(cell[None], np.ones((1, 3), dtype=bool))
    assert np.linalg.norm(basis, axis=1).min() == pytest.approx(1.2)
