"""Electronic states: total charge, spin and magnetic moments, which a geometry does not tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from analytics.data.dataset import Dataset, Record
from analytics.data.geometries import Geometries
from analytics.data.superposition import joined_groups
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.pieces import fields_of, keys_in

__all__ = ["state_labels", "stated_states", "states_stated"]

#: Names of the totals that are compared, without underscores and capitals; those of one line are
#: the same quantity.
_TOTALS = (
    ("charge", "totalcharge", "netcharge", "systemcharge", "molecularcharge", "molcharge"),
    ("multiplicity", "spinmultiplicity", "totalmultiplicity"),
    ("spin", "totalspin", "uhf", "unpairedelectrons", "nunpaired"),
    ("magmom", "totalmagmom", "magnetization", "totalmagnetization"),
)
#: Names of moments of atoms, in Bohr magnetons. Not initial ones: the same state may come of them.
_MOMENTS = ("magmoms", "magneticmoments", "dftmagmoms", "atomicspins", "spins")
#: Charges and spins are whole numbers, and moments of one state converge to this.
_TOLERANCE = 0.1


def state_labels(datasets: Sequence[Dataset], group: IntArray, tolerance: float) -> IntArray:
    """Tell apart the electronic states of structures of the same geometry.

    Parameters
    ----------
    datasets : sequence of Dataset
    group : int array (m,)
        Structures of the same geometry: indices into the data sets, one after the other.
    tolerance : float, angstrom
        Within which their atoms agree.

    Returns
    -------
    int array (m,)
        Equal where nothing that is stated differs. What a structure does not state is taken for
        the same as what the others do; where these contradict one another, it is a state of its
        own. The sign of all moments together does not matter.
    """
    members = [_member(datasets, int(s)) for s in group]
    records = [data.records[s] if data.records else Record() for data, s in members]
    labels = [_clusters([_total(record.info, names) for record in records]) for names in _TOTALS]
    moments = [
        # not data.sizes, which is worked out for all structures
        _moments(record, int(np.diff(data.structure_offsets[s : s + 2]).item()))
        for record, (data, s) in zip(records, members, strict=True)
    ]
    known = [at for at, each in enumerate(moments) if each is not None]
    if len(known) > 1:
        geometries = Geometries.of([data.take(np.array([s])) for data, s in members])
        marks = np.concatenate([each for each in moments if each is not None])
        alike = np.full(len(group), -1)
        alike[known] = _alike(geometries.take(np.array(known)), marks, tolerance)
        labels.append(alike if len(np.unique(alike[known])) > 1 else np.zeros_like(alike))
    return np.unique(np.array(labels), axis=1, return_inverse=True)[1].reshape(-1)


def states_stated(datasets: Sequence[Dataset]) -> bool:
    """Say whether any structure states something by which `state_labels` could tell states apart.

    What it is may still be no number, or the same in all of them.
    """
    telling = {*_MOMENTS, *(name for names in _TOTALS for name in names)}
    return any(
        _plain(key) in telling
        for data in datasets
        for field in ("info", "arrays")
        for key in keys_in(data.records, field)
    )


def stated_states(datasets: Sequence[Dataset]) -> list[IntArray]:
    """Return numbers that differ where the stated total charge, multiplicity or spin do.

    Parameters
    ----------
    datasets : sequence of Dataset

    Returns
    -------
    list of int array (n_structures, 3)
        One for each data set. What a structure does not state is taken for the same, unless the
        others contradict one another: then it is a state of its own.
    """
    present = {key for data in datasets for key in keys_in(data.records, "info")}
    table = np.zeros((sum(data.n_structures for data in datasets), 3), dtype=np.int64)
    for column, names in enumerate(_TOTALS[:3]):
        if any(_plain(key) in names for key in present):
            table[:, column] = _clusters([
                _total(info, names)
                for data in datasets
                for info in _infos(data)
            ])  # fmt: skip
    return np.split(table, np.cumsum([data.n_structures for data in datasets])[:-1])


def _member(datasets: Sequence[Dataset], structure: int) -> tuple[Dataset, int]:
    for data in datasets:
        if structure < data.n_structures:
            return data, structure
        structure -= data.n_structures
    raise IndexError(structure)


def _infos(data: Dataset) -> Iterable[Mapping[str, Any]]:
    return fields_of(data.records, "info") if data.records else [{}] * data.n_structures


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "").replace(" ", "")


def _total(info: Mapping[str, Any], names: Sequence[str]) -> float | None:
    for key, value in info.items():
        if _plain(key) in names and isinstance(value, int | float | np.number):
            return abs(float(value)) if names is _TOTALS[-1] else float(value)
    return None


def _moments(record: Record, n_atoms: int) -> FloatArray | None:
    """Return the moment of each atom, (n_atoms, 3); collinear ones along the first axis."""
    # also a list in the comment line of extended XYZ
    lists = {key: value for key, value in record.info.items() if isinstance(value, np.ndarray)}
    for key, values in {**lists, **dict(record.arrays)}.items():
        if _plain(key) not in _MOMENTS or values.dtype.kind not in "if" or not values.ndim:
            continue
        if len(values) == n_atoms:
            found = np.zeros((n_atoms, 3))
            if values.ndim == 2 and values.shape[1] == 3:
                found[:] = values
            elif values.size == n_atoms:
                found[:, 0] = values.reshape(-1)
            else:
                continue
            return found if np.isfinite(found).all() else None
    return None


def _clusters(values: Sequence[float | None]) -> IntArray:
    """Return a number for each cluster of equal values, -1 for what is not known beside several."""
    known = np.array([v for v in values if v is not None and np.isfinite(v)])
    edges = np.sort(known)[1:][np.diff(np.sort(known)) > _TOLERANCE]
    if not len(edges):
        return np.zeros(len(values), dtype=np.int64)
    return np.array([
        -1 if v is None or not np.isfinite(v) else np.searchsorted(edges, v, side="right")
        for v in values
    ])  # fmt: skip


def _alike(geometries: Geometries, marks: FloatArray, tolerance: float) -> IntArray:
    """Return for each structure the first one of equal moments, or of opposite ones."""
    n = len(geometries)
    both = geometries.take(np.tile(np.arange(n), 2))  # as they are, and turned over
    marks, first = np.concatenate([marks, -marks]), np.arange(n)
    for s in range(1, n):
        for other in np.unique(first[:s]):
            pairs = np.array([[other, s], [other, s + n]])
            joined = joined_groups(both, pairs, tolerance, marks, _TOLERANCE)
            if other in (joined[s], joined[s + n]):
                first[s] = other
                break
    return first
