"""Blocks of a k-d tree hold every point once, and their boxes bound distances from below."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from scipy.spatial.distance import cdist

from analytics.geometry.boxes import block_offsets, bounding_boxes, kd_order


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 200), st.integers(1, 5), st.integers(1, 40), st.integers(0, 5))
def test_boxes_of_blocks_bound_all_pairs(n: int, d: int, size: int, seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(n, d)).round(1)  # some are equal
    order = kd_order(x, size)
    assert_array_equal(np.sort(order), np.arange(n))
    offsets = block_offsets(n, size)
    assert_array_equal(np.diff(offsets)[:-1], size)
    moved = x[order]
    boxes = bounding_boxes(moved, offsets)
    half = 0.5 * cdist(moved, moved, "sqeuclidean")
    for a in range(len(boxes)):
        bounds = boxes.exponents(boxes.low[a], boxes.high[a])
        for b in range(len(boxes)):
            pairs = half[offsets[a] : offsets[a + 1], offsets[b] : offsets[b + 1]]
            assert bounds[b] <= pairs.min() * (1 + 1e-9) + 1e-12


def test_slack_widens_all_sides() -> None:
    boxes = bounding_boxes(np.arange(8.0).reshape(4, 2), np.array([0, 1, 4]), np.array([1.0, 0.5]))
    assert_array_equal(boxes.low, [[-1, 0], [1.5, 2.5]])
    assert_array_equal(boxes.high, [[1, 2], [6.5, 7.5]])


def test_far_clusters_share_no_block() -> None:
    x = np.repeat([[0.0, 0.0], [9.0, 0.0], [0.0, 5.0], [9.0, 5.0]], 16, axis=0)
    x = x[np.random.default_rng(0).permutation(len(x))]
    blocks = x[kd_order(x, 16)].reshape(4, 16, 2)
    assert (np.ptp(blocks, axis=1) == 0).all()
