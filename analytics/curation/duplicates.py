"""Near-duplicates: structures that repeat another one, exactly or within a tolerance."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from analytics.curation.environments import Environments, prepare
from analytics.curation.matching import match_structures
from analytics.data.contacts import closest_contacts
from analytics.data.dataset import Dataset
from analytics.data.electronic_states import stated_states
from analytics.data.exact_duplicates import duplicate_groups
from analytics.descriptors.base import Descriptors
from analytics.descriptors.distances import describe
from analytics.geometry.lattice import reduced_lattices
from analytics.runtime.arrays import FloatArray, IntArray, frozen, members_of, owners
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import Options, option
from analytics.runtime.value import Table

__all__ = ["DuplicateSpec", "Duplicates", "near_duplicates"]

#: The surroundings by element are in 1/angstrom whatever the descriptor; their tolerance is in
#: units of the bandwidth of the distance descriptor.
REACH_UNIT = 0.015


@dataclass(frozen=True, slots=True)
class DuplicateSpec(Options):
    """How alike two structures are that count as the same."""

    tolerance: float = option(
        0.1,
        unit="h",
        low=0.0,
        high=10.0,
        help="Largest distance between two environments that count as the same, in bandwidths.",
    )
    cell: float = option(
        0.01,
        low=0.0,
        high=1.0,
        help="Largest relative difference of the cells' volumes and shortest lattice vectors.",
    )


@dataclass(frozen=True)
class Duplicates(Table):
    """Groups of structures around a representative, the lowest index of each group.

    Attributes
    ----------
    representative : int array (n_structures,)
        For each structure of the data set the one it repeats; itself if it repeats none.
        Indices ascend within a group unless some structures were to be kept.
    distance : float array (n_structures,)
        Largest distance between an environment and its partner in the representative, in units
        of the bandwidth; 0 for a representative.
    exact_of : int array (n_structures,)
        The structure that stands for those that are the same (`duplicate_groups`): the first.
    spec : DuplicateSpec
    bandwidth : float
    lonely : int array
        Structures without any neighbour within the cutoff: a descriptor sees nothing of them, so
        that they are near-duplicates of none.
    """

    representative: IntArray
    distance: FloatArray
    exact_of: IntArray
    spec: DuplicateSpec
    bandwidth: float
    lonely: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))

    @cached_property
    def copies(self) -> IntArray:
        """Structures that could be taken out: all that are not a representative, ascending."""
        n = len(self.representative)
        return frozen(np.flatnonzero(self.representative != np.arange(n)), np.int64)

    def _facts(self) -> Iterator[str]:
        yield f"{len(self.copies)} of {len(self.distance)} structures repeat another one"
        yield f"{int(self.exact.sum())} exactly"

    def to_frame(self) -> Any:
        """Return one row per copy: what it repeats, how far in bandwidths, and if exactly."""
        import pandas as pd  # slow to import, and few ask

        copies = self.copies
        return pd.DataFrame(
            {
                "structure": copies,
                "repeats": self.representative[copies],
                "distance_h": self.distance[copies],
                "exact": self.exact[copies],
            }
        )

    @cached_property
    def groups(self) -> tuple[IntArray, ...]:
        """Groups of two and more: the representative, then its copies, ascending."""
        return _groups(self.representative)

    @cached_property
    def exact_groups(self) -> tuple[IntArray, ...]:
        """Groups of structures that are the same, see `duplicate_groups`."""
        return _groups(self.exact_of)

    @cached_property
    def exact(self) -> npt.NDArray[np.bool_]:
        """Mask of the copies that are the same as another structure, (n_structures,)."""
        return np.asarray(self.exact_of != np.arange(len(self.exact_of)))

    def to_dict(self, frame_indices: IntArray) -> dict[str, Any]:
        """Return plain values, for JSON; structures by their index in the original file."""
        return {
            "n_copies": len(self.copies),
            "n_exact": int(self.exact.sum()),
            "n_groups": len(self.groups),
            "without_neighbours": frame_indices[self.lonely].tolist(),
            "tolerance": self.spec.tolerance,
            "cell": self.spec.cell,
            "bandwidth": self.bandwidth,
            "copies": [
                {
                    "structure": int(frame_indices[s]),
                    "repeats": int(frame_indices[self.representative[s]]),
                    "distance": float(self.distance[s]),
                    "exact": bool(self.exact[s]),
                }
                for s in self.copies
            ],
        }


def _groups(first: IntArray) -> tuple[IntArray, ...]:
    own = first == np.arange(len(first))
    order = np.lexsort((np.arange(len(first)), ~own, first))
    parts = np.split(order, np.flatnonzero(np.diff(first[order])) + 1)
    return tuple(frozen(part, np.int64) for part in parts if len(part) > 1)


def near_duplicates(
    dataset: Dataset,
    descriptors: Descriptors | None = None,
    spec: DuplicateSpec | None = None,
    *,
    bandwidth: float = 0.015,
    keep: Iterable[int] = (),
    exclude: Iterable[int] = (),
    monitor: Monitor = SILENT,
) -> Duplicates:
    """Find structures whose every environment is within a tolerance of one of another's.

    Two structures match if they have the same composition and periodicity, cells of the same
    shape, and if their environments can be paired one to one so that the two of a pair are of
    the same element and within the tolerance in descriptor space. Order of the atoms, choice of
    cell, translation, rotation and reflection do not matter. With several elements the elements
    of the neighbours must agree as well (`analytics.curation.species`).

    Parameters
    ----------
    dataset : Dataset
    descriptors : Descriptors, optional
        Of that data set (default: by distances, see `describe`). Isolated atoms are left out.
    spec : DuplicateSpec, optional
    bandwidth : float
        h, in the unit of the descriptor; the tolerance is a share of it.
    keep : iterable of int
        Structures that come before all others, so that they represent and are not represented
        (unless one of them repeats another).
    exclude : iterable of int
        Structures left out: they neither represent nor repeat.
    monitor : Monitor

    Returns
    -------
    Duplicates

    Examples
    --------
    >>> winnow.duplicates(data)
    Duplicates(0 of 60 structures repeat another one, 0 exactly, 1fd1b511)

    Notes
    -----
    Groups are stars: in the order of their indices, each structure that repeats none before it
    becomes a representative and takes every later one that matches it. So each structure taken
    out has a kept one within the tolerance, which chains (a matches b, b matches c) would not
    promise: a slow trajectory would become one group. Two copies may be twice the tolerance apart.

    The cells are compared by volume (area, length) per periodic directions and the lengths of
    their shortest lattice vectors, which do not depend on the choice of cell.

    Cost: O(m log m) for m structures plus the pairs compared, at most n^2 d each for n atoms and
    d numbers. Pairs come from a k-d tree over means and extremes along the leading axes, which
    differ by no more than the tolerance if structures match, so none is missed.
    """
    descriptors = describe(dataset) if descriptors is None else descriptors
    spec = spec or DuplicateSpec()
    (environments,) = prepare([dataset], [descriptors], Part(monitor, 0.0, 0.3))
    described = descriptors.structures
    exact_of, places = _exact(dataset, described, list(keep), list(exclude))
    lonely = without_neighbours(dataset, descriptors)
    places = places[~np.isin(described[places], lonely)]
    representative, distance = np.arange(dataset.n_structures), np.zeros(dataset.n_structures)
    tolerance = spec.tolerance * bandwidth
    cells = cell_invariants(dataset, described)
    marks = landmarks(environments)
    part, done = Part(monitor, 0.3, 1.0), 0
    for members in composition_classes(dataset, described, places):
        tree = cKDTree(marks[members])
        free = np.ones(len(members), dtype=bool)
        for at, place in enumerate(members):
            if free[at]:
                near = _later(tree, marks[place], tolerance, at, free)
                near = near[same_cell(cells[members[near]], cells[place], spec.cell)]
                found = match_structures(
                    environments, place, environments, members[near], tolerance,
                    spec.tolerance * REACH_UNIT,
                )  # fmt: skip
                hit = np.isfinite(found)
                free[near[hit]] = False
                taken = described[members[near[hit]]]
                representative[taken] = described[place]
                distance[taken] = found[hit] / bandwidth
            if (done + at) % 64 == 0:
                part.report((done + at) / max(1, len(places)), "comparing structures")
                part.checkpoint()
        done += len(members)
    monitor.report(1.0, "compared")
    return Duplicates(
        representative=frozen(representative[exact_of], np.int64),
        distance=frozen(distance[exact_of]),
        exact_of=frozen(exact_of, np.int64),
        spec=spec,
        bandwidth=bandwidth,
        lonely=frozen(lonely, np.int64),
    )


def without_neighbours(dataset: Dataset, descriptors: Descriptors) -> IntArray:
    """Return the described structures in which no atom has a neighbour within the cutoff."""
    cutoff = getattr(descriptors.spec, "cutoff", None)
    if cutoff is None or not len(descriptors.structures):
        return np.empty(0, dtype=np.int64)
    # atoms of an element that see nothing are described alike: few structures are left to search
    owners, numbers = descriptors.owners, dataset.numbers[descriptors.environments]
    order = np.lexsort((numbers, owners))
    groups = np.stack([owners[order], numbers[order]])
    starts = np.concatenate([[0], 1 + np.flatnonzero((np.diff(groups) != 0).any(axis=0))])
    values = descriptors.values[order]
    varied = np.maximum.reduceat(values, starts) != np.minimum.reduceat(values, starts)
    unlike = owners[order][starts[varied.any(axis=1)]]
    some = np.delete(descriptors.structures, np.unique(unlike))
    usable = np.zeros(dataset.n_structures, dtype=bool)
    usable[some] = True
    contacts = closest_contacts(dataset, usable, float(cutoff), SILENT)
    return np.asarray(some[~np.isfinite(contacts.distance[some])])


def _exact(
    dataset: Dataset, described: IntArray, keep: list[int], exclude: list[int]
) -> tuple[IntArray, IntArray]:
    """Settle the structures that are the same.

    Returns
    -------
    exact_of : int array (n_structures,)
        The one that stands for each structure: the first of those to be kept, or else the first.
    places : int array (m,)
        Described structures that stand for themselves, those to be kept first.
    """
    exact_of = np.arange(dataset.n_structures)
    used = ~dataset.isolated
    used[exclude] = False
    late = np.ones(dataset.n_structures, dtype=bool)
    late[keep] = False
    for group in duplicate_groups(dataset):
        some = group[used[group]]
        if len(some) > 1:
            exact_of[some] = some[np.argmin(late[some])]
    places = np.flatnonzero((exact_of[described] == described) & used[described])
    return exact_of, places[np.argsort(late[described[places]], kind="stable")]


def _later(
    tree: cKDTree, point: FloatArray, tolerance: float, at: int, free: npt.NDArray[np.bool_]
) -> IntArray:
    near = np.asarray(tree.query_ball_point(point, _wide(tolerance), p=np.inf), dtype=np.int64)
    near = np.sort(near[near > at])
    return near[free[near]]


def _wide(tolerance: float) -> float:
    """Return the tolerance with room for the rounding of means and projections."""
    return tolerance * (1 + 1e-9) + 1e-9


def landmarks(environments: Environments) -> FloatArray:
    """Return numbers per structure that differ by at most t if all environments match within t.

    Means, minima and maxima of the environments along the leading axes, (n_structures, 3 q).
    """
    offsets, x = environments.structure_offsets, environments.projected
    if len(offsets) < 2:
        return np.zeros((0, 3 * x.shape[1]))
    starts = offsets[:-1]
    mean = np.add.reduceat(x, starts) / np.diff(offsets)[:, None]
    return np.hstack([mean, np.minimum.reduceat(x, starts), np.maximum.reduceat(x, starts)])


def composition_keys(dataset: Dataset, structures: IntArray, elements: IntArray) -> IntArray:
    """Return periodicity and number of atoms of each element, one row per structure."""
    kind = np.searchsorted(elements, dataset.numbers)
    flat = owners(dataset.structure_offsets) * len(elements) + kind
    counts = np.bincount(flat, minlength=dataset.n_structures * len(elements))
    table = counts.reshape(dataset.n_structures, len(elements))
    whole = np.column_stack([dataset.pbc.sum(axis=1), table])
    return np.asarray(whole[structures], dtype=np.int64)


def composition_classes(
    dataset: Dataset, described: IntArray, places: IntArray
) -> tuple[IntArray, ...]:
    """Split described structures into those of equal composition, periodicity and stated state."""
    if not len(places):
        return ()
    keys = composition_keys(dataset, described[places], np.unique(dataset.numbers))
    (states,) = stated_states([dataset])
    keys = np.column_stack([keys, states[described[places]]])
    _, group = np.unique(keys, axis=0, return_inverse=True)
    return tuple(places[part] for part in members_of(group.ravel()))


def cell_invariants(dataset: Dataset, structures: IntArray) -> FloatArray:
    """Return size and shape of lattices, whatever the cell: float array (m, 4), angstrom.

    The d-th root of the volume (area, length) spanned by the d periodic directions, and the
    lengths of the shortest independent lattice vectors, ascending; zeros where there are fewer.
    """
    pbc = dataset.pbc[structures]
    basis, _ = reduced_lattices(dataset.cells[structures], pbc)
    gram = basis @ basis.transpose(0, 2, 1)
    gram[:, range(3), range(3)] += ~pbc
    size = np.sqrt(np.clip(np.linalg.det(gram), 0.0, None))
    directions = pbc.sum(axis=1)
    size = np.where(directions > 0, size ** (1.0 / np.maximum(1, directions)), 0.0)
    return np.column_stack([size, np.sort(np.linalg.norm(basis, axis=2), axis=1)])


def same_cell(cells: FloatArray, cell: FloatArray, tolerance: float) -> npt.NDArray[np.bool_]:
    """Return which lattices agree with one: lengths to the tolerance, volume three times it."""
    apart = np.abs(cells - cell)
    return np.asarray((apart <= tolerance * np.maximum(cells, cell) + 1e-9).all(axis=1))
