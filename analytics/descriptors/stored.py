"""Stored descriptor: any per-atom array of the file, such as features of a neural potential."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.dataset import Dataset
from analytics.descriptors.base import (
    DESCRIPTORS,
    Descriptors,
    described_structures,
    descriptor_fingerprint,
)
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, ragged_rows
from analytics.runtime.errors import InputError
from analytics.runtime.pieces import fields_of
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import Options, option

__all__ = ["StoredSpec", "read_stored"]


@dataclass(frozen=True, slots=True)
class StoredSpec(Options):
    """Which per-atom array of the file describes an atom."""

    key: str = option(
        "",
        help="Name of the per-atom array in the file.",
    )
    scaling: str = option(
        "none",
        choices=("none", "unit"),
        help="none takes the rows as they are, unit divides each by its length.",
    )

    def reads(self, dataset: Dataset) -> str:
        """Return a digest of the array, which is no part of the data set's fingerprint."""
        return fingerprint(_rows(dataset, described_structures(dataset), self.key))


def _available(dataset: Dataset) -> str:
    """Return the names of the numeric per-atom arrays, those in most structures first."""
    counts = Counter(
        key
        for arrays in fields_of(dataset.records, "arrays")
        for key, array in arrays.items()
        if np.asarray(array).dtype.kind in "buif"
    )
    names = [name for name, _ in counts.most_common(8)]
    return f"there are {', '.join(names)}" if names else "there is no numeric one"


def _rows(dataset: Dataset, structures: IntArray, key: str) -> FloatArray:
    """Return the array of the given structures, one row per atom.

    Raises
    ------
    InputError
        For the first structure that lacks it, or has it in a form that is of no use.
    """

    def fail(cause: str, structure: int | None = None) -> InputError:
        frame = None if structure is None else int(dataset.frame_indices[structure])
        return InputError(cause, source=dataset.name, structure=frame)

    if not key:
        raise fail(f"the name of a per-atom array is needed as key; {_available(dataset)}")
    parts: list[npt.NDArray[Any]] = []
    for s in structures.tolist():
        held = dataset.records[s].arrays if dataset.records else {}
        if key not in held:
            raise fail(f"no per-atom array {key!r}; {_available(dataset)}", s)
        part = np.asarray(held[key])
        flaw = _flaw(part, int(dataset.sizes[s]), parts[0].shape[1] if parts else None)
        if flaw:
            raise fail(f"the per-atom array {key!r} {flaw}", s)
        parts.append(part.reshape(len(part), -1))
    return np.concatenate(parts) if parts else np.empty((0, 1))


def _flaw(part: npt.NDArray[Any], n_atoms: int, columns: int | None) -> str:
    """Return what is wrong with one structure's array, in words that follow its name."""
    if part.dtype.kind not in "buif":
        return "does not hold numbers"
    if part.ndim == 0 or len(part) != n_atoms:
        rows = 1 if part.ndim == 0 else len(part)
        return f"has {rows} rows for {n_atoms} atoms"
    width = part.size // n_atoms
    if width == 0:
        return "has no columns"
    if columns is not None and width != columns:
        return f"has {width} columns, and {columns} in the structures before"
    finite = np.isfinite(part.reshape(n_atoms, -1)).all(axis=1)
    if not finite.all():
        return f"has a value that is not a finite number at atom {int(np.argmin(finite))}"
    return ""


def read_stored(dataset: Dataset, spec: StoredSpec, *, monitor: Monitor = SILENT) -> Descriptors:
    """Take a per-atom array of the file as the descriptor.

    Parameters
    ----------
    dataset : Dataset
        As read from a file; what it carries besides labels is in its records.
    spec : StoredSpec
    monitor : Monitor, optional

    Returns
    -------
    Descriptors
        values : float array (n_env, d), float32 where the file gives that, else float64; unit as
        in the file. Arrays of more than two dimensions are flattened per atom. A row of zeros
        stays one under `scaling` = unit.

    Raises
    ------
    InputError
        If a structure lacks the array, or it does not hold one finite row of the same length for
        every atom. Isolated atoms need none.

    Notes
    -----
    The bandwidth has the unit of the array, and only its maker can say what counts as alike: a
    scan of the entropy over the bandwidth shows the range in which it says something.
    """
    monitor.checkpoint()
    structures = described_structures(dataset)
    values = _rows(dataset, structures, spec.key)
    values = values.astype(np.float32 if values.dtype == np.float32 else np.float64)
    if spec.scaling == "unit":
        lengths = np.linalg.norm(values, axis=1, keepdims=True)
        values = values / np.where(lengths > 0.0, lengths, 1.0)
    monitor.report(1.0, "descriptors")
    return Descriptors(
        values=values,
        structures=structures,
        structure_offsets=np.concatenate([[0], np.cumsum(dataset.sizes[structures])]),
        environments=ragged_rows(dataset.structure_offsets, structures),
        spec=spec,
        source=dataset.fingerprint,
        fingerprint=descriptor_fingerprint(dataset, spec),
    )


DESCRIPTORS.register("stored")((StoredSpec, read_stored))
