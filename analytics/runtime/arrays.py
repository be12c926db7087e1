"""Array helpers that several rooms need: read-only views, ragged rows, fingerprints."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = [
    "BoolArray", "FloatArray", "IntArray", "fingerprint", "fingerprint_of", "frozen", "members_of",
    "owners", "ragged_rows",
]  # fmt: skip

BoolArray = npt.NDArray[np.bool_]
FloatArray = npt.NDArray[np.floating[Any]]
IntArray = npt.NDArray[np.int64]


def frozen(values: npt.ArrayLike, dtype: Any = None) -> npt.NDArray[Any]:
    """Return `values` as a contiguous, read-only array (a copy only where one is needed)."""
    array = np.ascontiguousarray(values, dtype=dtype)
    if array.flags.writeable:
        array = array.view()
        array.flags.writeable = False
    return array


def owners(offsets: IntArray) -> IntArray:
    """Return for every row of a ragged array the number of the group it belongs to.

    Parameters
    ----------
    offsets : int array (n_groups + 1,)
    """
    return np.repeat(np.arange(len(offsets) - 1, dtype=np.int64), np.diff(offsets))


def members_of(labels: IntArray) -> tuple[IntArray, ...]:
    """Return the rows that have each label, the lowest label first; rows in ascending order.

    Parameters
    ----------
    labels : int array (n,)
    """
    order = np.argsort(labels, kind="stable")
    return tuple(np.split(order, np.flatnonzero(np.diff(labels[order])) + 1))


def ragged_rows(offsets: IntArray, groups: IntArray) -> IntArray:
    """Return the rows of the given groups, group after group in the order given."""
    groups = np.asarray(groups, dtype=np.int64)
    counts = np.diff(offsets)[groups]
    ends = np.cumsum(counts)
    shift: IntArray = np.repeat(offsets[groups] - (ends - counts), counts)
    return shift + np.arange(len(shift), dtype=np.int64)


def fingerprint(*parts: Any) -> str:
    """Return a short hexadecimal digest of arrays, strings and numbers, in order."""
    return fingerprint_of(parts)


def fingerprint_of(parts: Iterable[Any]) -> str:
    """Return the `fingerprint` of many parts, one at a time."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        if isinstance(part, np.ndarray):
            if part.dtype.kind in "OU":
                part = "\x1f".join(map(str, part.tolist()))
            else:
                digest.update(f"{part.dtype.str}{part.shape}".encode())
                digest.update(np.ascontiguousarray(part).data)
                continue
        digest.update(f"{type(part).__name__}:{part}\x1e".encode())
    return digest.hexdigest()
