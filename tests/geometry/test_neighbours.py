"""The neighbour search against brute force, one function at a time."""

from __future__ import annotations

import itertools
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from analytics.geometry.lattice import cell_heights, reduced_lattices, volumes, wrapped
from analytics.geometry.neighbours import (
    build_cloud,
    gather_around,
    gather_neighbours,
    neighbour_pairs,
)

seeds = st.integers(0, 2**32 - 1)


def found_by_kernel(positions, cell, pbc, cutoff):
    """Sorted distances from each atom, and the list of pairs checked against them."""
    lattices = reduced_lattices(cell[None], pbc[None])
    cloud = build_cloud(positions, lattices[0][0], lattices[1][0], cutoff)
    n_cloud = len(cloud.owner)
    assert cloud.starts[-1] == n_cloud
    assert_array_equal(cloud.owner[cloud.home], np.arange(len(positions)))
    squares, columns = np.empty(n_cloud + 1), np.empty(n_cloud + 1, dtype=int)
    result = []
    for atom, at in enumerate(cloud.home):
        n = gather_neighbours(cloud, atom, cutoff, squares, columns)
        between = np.linalg.norm(cloud.points[:, columns[:n]] - cloud.points[:, [at]], axis=0)
        assert_allclose(np.sqrt(squares[:n]), between, atol=1e-12)
        assert len(set(columns[:n])) == n
        result.append(np.sort(between))
    offsets = np.array([0, len(positions)])
    ranges = [(0, 1), (1, len(positions))]
    listed = list(neighbour_pairs(positions, offsets, lattices, cutoff, ranges))
    for pairs in listed:
        order = np.lexsort((pairs.neighbours, pairs.centres))
        assert_array_equal(order, np.arange(len(order)))
        steps = positions[pairs.centres] + pairs.vectors - positions[pairs.neighbours]
        images = steps @ lattices[1][0].T
        assert_allclose(images, np.round(images), atol=1e-7)
        assert_allclose(np.round(images) @ lattices[0][0], steps, atol=1e-7)
    distances = np.concatenate([pairs.distances for pairs in listed])
    centres = np.concatenate([pairs.centres for pairs in listed])
    for atom, expected in enumerate(result):
        assert_allclose(np.sort(distances[centres == atom]), expected, atol=1e-12)
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


def test_pairs_do_not_depend_on_the_batch_or_on_threads():
    rng = np.random.default_rng(3)
    sizes = rng.integers(1, 9, 1500)  # more rows than are listed at once
    sizes[700] = 5000
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    positions = rng.uniform(0, 4, (offsets[-1], 3))
    positions[offsets[700] : offsets[701]] *= 12
    pbc = rng.random((len(sizes), 3)) < 0.5
    pbc[700] = False
    lattices = reduced_lattices(np.tile(np.eye(3) * 6.0, (len(sizes), 1, 1)), pbc)

    def listed(*_):
        found = list(neighbour_pairs(positions, offsets, lattices, 3.0))
        assert [p.first for p in found] == [0, *(p.stop for p in found[:-1])]
        assert len(found) > 3
        return [np.concatenate([getattr(p, name) for p in found])
                for name in ("centres", "neighbours", "vectors")]  # fmt: skip

    with ThreadPoolExecutor(2) as threads:
        once, again = threads.map(listed, range(2))
    for a, b in zip(once, again, strict=True):
        assert_array_equal(a, b)
    for s in (0, 699, 700, 701, 1499):
        rows = slice(offsets[s], offsets[s + 1])
        own = (lattices[0][[s]], lattices[1][[s]])
        alone = list(neighbour_pairs(positions[rows], np.array([0, sizes[s]]), own, 3.0))
        mine = (once[0] >= offsets[s]) & (once[0] < offsets[s + 1])
        vectors = np.concatenate([p.vectors for p in alone])
        assert_array_equal(once[2][mine], vectors)


@settings(max_examples=40, deadline=None)
@given(seeds, st.integers(1, 30), st.floats(0.5, 6.0))
def test_whole_clouds_serve_any_point_of_the_cell(seed, n, cutoff):
    rng = np.random.default_rng(seed)
    cell, pbc = np.eye(3) * rng.uniform(2, 9, 3), rng.random(3) < 0.6
    positions, point = rng.uniform(-20, 20, (n, 3)), rng.uniform(-20, 20, 3)
    (basis,), (dual,) = reduced_lattices(cell[None], pbc[None])
    cloud = build_cloud(positions, basis, dual, cutoff, True)
    squares, columns = (np.empty(len(cloud.owner) + 1, dtype=kind) for kind in (float, int))
    inside = wrapped(point[None], basis, dual)[0]
    found = gather_around(cloud, *inside, -1, cutoff, squares, columns)
    expected = found_by_force(np.vstack([point, positions]), cell, pbc, cutoff)[0]
    own = found_by_force(point[None], cell, pbc, cutoff)[0]  # the point meets its own images
    both = np.sort(np.concatenate([np.sqrt(squares[:found]), own]))
    assert_allclose(both, np.sort(expected), atol=1e-9)


def test_heights_are_those_of_the_compact_cell():
    compact = np.diag([3.0, 4.0, 5.0])
    sheared = np.array([[1, 0, 0], [7, 1, 0], [-3, 5, 1]]) @ compact
    left = compact * [[-1], [1], [1]]
    flat, broken = np.diag([3.0, 4.0, 0.0]), np.diag([3.0, np.nan, 5.0])
    cells = np.array([compact, sheared, left, flat, broken])
    pbc = np.ones((5, 3), dtype=bool)
    heights = np.sort(cell_heights(cells, pbc), axis=1)
    assert_allclose(heights, [[3, 4, 5]] * 3 + [[0, 0, 0]] * 2, atol=1e-9)
    pbc[:, 2] = False  # the third vector, whatever it is, plays no part
    assert_allclose(cell_heights(cells[[0, 3]], pbc[:2]), [[3, 4, np.inf]] * 2, atol=1e-9)
    assert_allclose(volumes(cells[:3]), 60.0)


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
