"""Rows of what exceeds a floor, against ten lines of numpy."""

from __future__ import annotations

import numpy as np
import pytest
from makers import kernel_twin
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse

from analytics.information.near_rows import near_rows


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("share", [0.02, 0.9])
@pytest.mark.parametrize("offset", [0.0, 300.0])
def test_against_all_pairs(monkeypatch, dtype, share: float, offset: float) -> None:
    monkeypatch.setattr("analytics.information.near_rows.SLICE", 700)
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 9, 600)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    centres = rng.normal(size=(20, 12)) * 3
    values = centres[rng.integers(0, 20, offsets[-1])] + rng.normal(size=(offsets[-1], 12)) * 0.3
    x = (values + offset).astype(dtype)
    x[5] = 1e3  # a broken structure
    points = x[rng.choice(len(x), 900, replace=False)]
    structures = rng.permutation(600)[:400]
    floors = np.clip(share + 0.09 * rng.normal(size=900), 1e-3, 1.0)
    indptr, columns, found = near_rows(x, offsets, structures, points, floors, bandwidth=0.5)
    kernel = kernel_twin(x.astype(float), points.astype(float), 0.5)
    whole = np.maximum.reduceat(kernel, offsets[:-1], axis=0)[structures]
    dense = sparse.csr_matrix((found, columns, indptr), shape=whole.shape).toarray()
    clear = np.abs(whole - floors) > 1e-6
    assert_array_equal((dense > 0)[clear], (whole > floors)[clear])
    assert_allclose(dense[dense > 0], whole[dense > 0], rtol=1e-5)
    assert 0 < len(found) < 0.2 * whole.size


def test_where_nothing_is_near() -> None:
    x, points = np.zeros((6, 3)), np.full((4, 3), 100.0)
    none = near_rows(x, np.array([0, 2, 6]), np.arange(2), points, np.full(4, 0.1), bandwidth=1.0)
    assert none[0].tolist() == [0, 0, 0]
    assert len(none[1]) == len(none[2]) == 0
