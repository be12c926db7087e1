"""Frozen arrays, ragged rows and fingerprints."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.runtime.arrays import fingerprint, frozen, owners, ragged_rows


def test_frozen_is_read_only_and_leaves_the_original_alone() -> None:
    original = np.arange(4.0)
    result = frozen(original)
    with pytest.raises(ValueError, match="read-only"):
        result[0] = 1
    original[0] = 7  # still writable
    assert frozen(result) is result
    assert frozen([1, 2], np.float32).dtype == np.float32
    assert frozen(np.zeros((3, 4)).T).flags.c_contiguous


@given(
    st.lists(st.integers(0, 5), min_size=1, max_size=8),
    st.lists(st.integers(0, 7), max_size=10),
)
def test_ragged_rows_is_the_loop(sizes: list[int], wanted: list[int]) -> None:
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    groups = [g % len(sizes) for g in wanted]
    expected = [row for g in groups for row in range(offsets[g], offsets[g + 1])]
    assert ragged_rows(offsets, np.array(groups, dtype=int)).tolist() == expected
    assert owners(offsets).tolist() == [g for g, size in enumerate(sizes) for _ in range(size)]


def test_fingerprint_tells_apart_what_differs() -> None:
    values = np.arange(6.0)
    parts = [
        (values,),
        (values.reshape(2, 3),),
        (values.astype(np.float32),),
        (values.astype(np.int64),),
        (np.array(["a", "bc"]),),
        (np.array(["ab", "c"]),),
        ("a", "b"),
        ("ab",),
        (1,),
        (1.0,),
        ("1",),
        (None,),
        (),
    ]
    digests = [fingerprint(*p) for p in parts]
    assert len(set(digests)) == len(digests)
    assert digests == [fingerprint(*p) for p in parts]


def test_fingerprint_does_not_depend_on_memory_layout() -> None:
    values = np.arange(6.0).reshape(2, 3)
    assert fingerprint(values) == fingerprint(np.asfortranarray(values))
