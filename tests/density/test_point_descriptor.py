"""The descriptor of a grid point: invariances, a numpy twin, and its limits."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from density_makers import archive, data_of
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import Recorder
from numpy.testing import assert_allclose, assert_array_equal
from scipy.spatial.transform import Rotation

from analytics.density.descriptor import (
    PointSpec,
    describe_points,
    feature_names,
    n_features,
    superposition_features,
)
from analytics.runtime.errors import Cancelled

SPEC = PointSpec(cutoff=4.0, channels=5)
TOLERANCE = {"rtol": 2e-5, "atol": 2e-5}  # single precision, and roots of cancelling sums


def made(seed: int = 0, **changes):
    return data_of(archive(1, seed=seed) | changes)


def sample(data, n: int = 40, seed: int = 0) -> np.ndarray:
    return data.points_of(0, np.sort(np.random.default_rng(seed).permutation(1200)[:n]))


def twin(points, numbers, positions, cell, spec) -> np.ndarray:
    """Return the features by the formulas, from all images within reach."""
    reach = range(-4, 5)
    shifts = np.array(list(itertools.product(reach, reach, reach))) @ cell
    top = spec.cutoff - 1.0
    centres = np.linspace(0, top, spec.channels)
    sigma = spec.width * centres[1]
    rows = []
    for point in points:
        sums = []
        for z in np.unique(numbers):
            images = (positions[numbers == z][:, None] + shifts).reshape(-1, 3) - point
            d = np.linalg.norm(images, axis=1)
            d, u = d[d < spec.cutoff], images[d < spec.cutoff]
            u = u / np.maximum(d, 1e-12)[:, None]
            w = np.exp(-((d[:, None] - centres) ** 2) / (2 * sigma**2))
            w *= 0.5 * (1 + np.cos(np.pi * d / spec.cutoff))[:, None]
            t = w * (1 - np.exp(-((d / spec.softening) ** 2)))[:, None]
            tensor = np.einsum("ak,ax,ay->kxy", t, u, u) - np.einsum("ak,xy->kxy", t, np.eye(3) / 3)
            sums.append((w.sum(axis=0), t.T @ u, tensor))
        row = []
        for s, v, tensor in sums:
            row += [s, np.linalg.norm(v, axis=1), np.linalg.norm(tensor, axis=(1, 2))]
        for (_, va, ta), (_, vb, tb) in [(sums[b], sums[a]) for b in range(len(sums))
                                         for a in range(b)]:  # fmt: skip
            for product in ((va * vb).sum(axis=1), (ta * tb).sum(axis=(1, 2))):
                row.append(np.sign(product) * np.sqrt(np.abs(product)))
        rows.append(np.concatenate(row))
    return np.array(rows)


@pytest.mark.parametrize("numbers", [(3, 1), (3, 3)])
@pytest.mark.parametrize("spec", [SPEC, PointSpec(cutoff=2.5, channels=20, width=0.3)])
def test_formulas(numbers, spec) -> None:
    data = made(numbers=numbers, Z=np.array([numbers]))
    points = sample(data)
    numbers_, positions = data.atoms_of(0)
    expected = twin(points, numbers_, positions, data.cells[0], spec)
    found = describe_points(data, 0, points, spec)
    assert found.shape == (40, n_features(len(data.species), spec))
    assert_allclose(found, expected, **TOLERANCE)
    assert len(feature_names(["H", "Li"][: len(data.species)], spec)) == found.shape[1]


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_rotation_translation_permutation_and_images(seed) -> None:
    arrays = archive(1, seed=seed)
    data = data_of(arrays)
    points = sample(data, seed=seed)
    expected = describe_points(data, 0, points, SPEC)
    rng = np.random.default_rng(seed)
    turn = Rotation.random(rng=rng).as_matrix()
    move = rng.normal(0, 5, 3)
    order = rng.permutation(2)
    images = rng.integers(-2, 3, (1, 2, 3)) @ arrays["cell"][0]
    moved = data_of(
        arrays
        | {
            "pos": ((arrays["pos"] + images + move) @ turn.T)[:, order],
            "Z": arrays["Z"][:, order],
            "cell": arrays["cell"] @ turn.T,
        }
    )
    away = rng.integers(-2, 3, (len(points), 3)) @ arrays["cell"][0]
    found = describe_points(moved, 0, (points + away + move) @ turn.T, SPEC)
    # roots of cancelling products magnify rounding near zero
    assert_allclose(found, expected, rtol=1e-4, atol=2e-4)


def test_supercell_and_other_cells_of_one_crystal() -> None:
    arrays = archive(1)
    data = data_of(arrays)
    points = sample(data)
    expected = describe_points(data, 0, points, SPEC)
    cell = arrays["cell"][0]
    skewed = data_of(arrays | {"cell": (np.array([[1, 3, 0], [0, 1, 0], [2, 0, 1]]) @ cell)[None]})
    assert_allclose(describe_points(skewed, 0, points, SPEC), expected, **TOLERANCE)
    twice = np.concatenate([arrays["pos"], arrays["pos"] + cell[1]], axis=1)
    double = data_of(
        arrays
        | {
            "pos": twice,
            "Z": np.tile(arrays["Z"], (1, 2)),
            "cell": (np.diag([1, 2, 1]) @ cell)[None],
        }
    )
    assert_allclose(describe_points(double, 0, points, SPEC), expected, **TOLERANCE)


def test_order_of_points_does_not_matter() -> None:
    data = made()
    points = sample(data, 200)
    order = np.random.default_rng(1).permutation(200)
    one = describe_points(data, 0, points, SPEC)
    assert_array_equal(describe_points(data, 0, points[order], SPEC), one[order])


def test_smooth_across_an_atom_and_the_cutoff() -> None:
    data = made()
    start = data.atoms_of(0)[1][0]
    line = start + np.linspace(-5, 5, 4001)[:, None] * np.array([0.3, 0.5, 0.81])
    values = superposition_features(data, 0, line, SPEC)
    assert np.abs(np.diff(values, axis=0)).max() < 0.02
    at_atom = describe_points(data, 0, np.array([start]), SPEC)
    assert np.isfinite(at_atom).all()


def test_scalars_are_the_first_of_all_features() -> None:
    data = made()
    points = sample(data)
    scalars = superposition_features(data, 0, points, SPEC)
    everything = describe_points(data, 0, points, SPEC)
    assert_array_equal(scalars[:, :5], everything[:, :5])
    assert_array_equal(scalars[:, 5:], everything[:, 15:20])


def test_unknown_elements_and_cancel() -> None:
    data = made()
    with pytest.raises(ValueError, match="element 1"):
        describe_points(data, 0, sample(data), SPEC, species=np.array([3]))
    with pytest.raises(Cancelled):
        describe_points(data, 0, sample(data), SPEC, monitor=Recorder(cancel_at=1))
    with pytest.raises(ValueError, match="cutoff"):
        PointSpec(cutoff=0.1)
