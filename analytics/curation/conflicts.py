"""Conflicting labels: alike atoms with unlike forces, alike structures with unlike energies.

A potential can fit only one of two contradicting labels, and learns noise from the other. What
is listed here is evidence to look at, not proof: a descriptor does not see everything.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from analytics.curation.duplicates import (
    REACH_UNIT,
    Duplicates,
    DuplicateSpec,
    near_duplicates,
)
from analytics.curation.environments import Environments, prepare
from analytics.curation.matching import pair_distances
from analytics.curation.references import EnergyOutliers, energy_outliers
from analytics.data.dataset import Dataset
from analytics.data.exact_duplicates import SAME
from analytics.data.geometries import Geometries
from analytics.data.superposition import partners
from analytics.descriptors.base import Descriptors
from analytics.descriptors.distances import describe
from analytics.geometry.lattice import reduced_lattices, volumes
from analytics.geometry.neighbours import neighbour_pairs
from analytics.runtime.arrays import FloatArray, IntArray, frozen, owners
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import Options, option
from analytics.runtime.value import Table, Value

__all__ = ["ConflictSpec", "Conflicts", "EnergyConflict", "ForceConflicts", "conflicts"]

#: Distances beyond the cutoff differ if by more than this, angstrom; in structures of at most so
#: many atoms.
FARTHER, LARGEST = 0.02, 500
#: Part of the cutoff within which neighbours have a weight: 4 % of that of the nearest at its end.
SEEN = 0.9
#: At least and at most so many structures say how energies depend on the cell.
AROUND = 12, 30
#: Environments looked up at a time: the pairs of a crowded region must fit into memory.
QUERIES = 400


@dataclass(frozen=True, slots=True)
class ConflictSpec(Options):
    """How alike two things are, and how far apart their labels, to be called a conflict."""

    tolerance: float = option(
        0.1,
        unit="h",
        low=0.0,
        high=10.0,
        help="Largest distance between two environments that count as the same, in bandwidths.",
    )
    force: float = option(
        0.1,
        unit="eV/Å",
        low=0.0,
        help="Difference of |F| between two alike environments above which they conflict.",
    )
    relative_force: float = option(
        0.05,
        low=0.0,
        high=1.0,
        help="The same as a share of the larger |F|; both must be exceeded.",
    )
    energy: float = option(
        0.005,
        unit="eV/atom",
        low=0.0,
        help="Difference in energy between near-duplicates above which they conflict.",
    )
    exact_energy: float = option(
        0.001,
        unit="eV/atom",
        low=0.0,
        help="The same between structures that are equal (all atoms within 1e-4 angstrom).",
    )
    z_score: float = option(
        6.0,
        low=0.0,
        help="Robust z-score above which an energy is out of line with its class and composition.",
    )


@dataclass(frozen=True, slots=True)
class EnergyConflict(Value):
    """A group of alike structures whose energies differ, or whose forces do.

    Attributes
    ----------
    structures : int array (m,)
        Indices in the data set, by rising energy.
    energies : float array (m,), eV/atom
    exact : bool
        The same structure (`duplicate_groups`); otherwise near-duplicates.
    distance : float
        Largest distance of an environment of the group to its partner in the representative, in
        bandwidths.
    force_difference : float, eV/angstrom
        Largest |F - F'| of an atom between two of an exact group, NaN otherwise: only there is
        known which atom is which, and nothing is turned.
    beyond_cutoff : bool
        Near-duplicates whose distances differ beyond the cutoff of the descriptor (or in its last
        tenth, where neighbours hardly count), and not within.
    """

    structures: IntArray
    energies: FloatArray
    exact: bool
    distance: float
    force_difference: float
    beyond_cutoff: bool = False

    @property
    def spread(self) -> float:
        """Highest minus lowest energy, eV/atom."""
        return float(np.ptp(self.energies)) if len(self.energies) else 0.0


@dataclass(frozen=True, slots=True)
class ForceConflicts(Table):
    """Pairs of alike environments with unlike forces, the largest difference first.

    For each environment the one conflict with the smallest |F| among those alike is listed, so
    that one wrong force among a thousand right ones is not listed a thousand times.

    Attributes
    ----------
    first, second : int array (m,)
        Atoms, as rows of the data set; the first has the larger force.
    force_first, force_second : float array (m,), eV/angstrom
        Their |F|.
    distance : float array (m,)
        In bandwidths.
    """

    first: IntArray
    second: IntArray
    force_first: FloatArray
    force_second: FloatArray
    distance: FloatArray

    def __len__(self) -> int:
        return len(self.first)

    @property
    def difference(self) -> FloatArray:
        """By how much the forces differ in length, eV/angstrom."""
        return np.asarray(self.force_first - self.force_second)


@dataclass(frozen=True)
class Conflicts(Table):
    """Everything contradictory in the labels of a data set.

    Attributes
    ----------
    energies : tuple of EnergyConflict
        Largest spread first; exact ones before others of the same spread.
    forces : ForceConflicts
    out_of_line : EnergyOutliers
    spec : ConflictSpec
    bandwidth : float
    """

    energies: tuple[EnergyConflict, ...]
    forces: ForceConflicts
    out_of_line: EnergyOutliers
    spec: ConflictSpec
    bandwidth: float

    def _facts(self) -> Iterator[str]:
        yield f"{len(self.energies)} groups with unlike energies or forces"
        yield f"{len(self.forces)} environments with unlike forces"
        yield f"{len(self.out_of_line)} energies out of line"

    def to_frame(self) -> Any:
        """Return one row per structure whose energy is in conflict, the largest difference first.

        `difference` is in eV/atom within a group of alike structures ("energies"), and in robust
        standard deviations for an energy out of line. The pairs of forces are `forces.to_frame()`.
        """
        import pandas as pd  # slow to import, and few ask

        rows: list[tuple[str, int, float]] = [
            ("energies", int(s), each.spread) for each in self.energies for s in each.structures
        ]
        rows += [
            ("out_of_line", int(s), float(abs(z)))
            for s, z in zip(self.out_of_line.structures, self.out_of_line.z_scores, strict=True)
        ]
        table = pd.DataFrame(rows, columns=["kind", "structure", "difference"])
        return table.sort_values(["kind", "difference"], ascending=[True, False], ignore_index=True)

    @property
    def structures(self) -> IntArray:
        """Structures in any energy conflict, ascending."""
        found = [c.structures for c in self.energies]
        return np.unique(np.concatenate(found)) if found else np.empty(0, dtype=np.int64)

    def to_dict(self, dataset: Dataset) -> dict[str, Any]:
        """Return plain values, for JSON; structures by their index in the original file."""
        return {
            "energies": energy_records(self, dataset),
            "forces": force_records(self, dataset),
            "out_of_line": self.out_of_line.records(dataset),
            "blocks": self.out_of_line.block_records(dataset),
        }


def energy_records(found: Conflicts, dataset: Dataset) -> list[dict[str, Any]]:
    """Return one record per group, largest spread first."""
    return [
        {
            "structures": dataset.frame_indices[c.structures].tolist(),
            "config_types": dataset.config_type[c.structures].tolist(),
            "energies_eV_per_atom": c.energies.tolist(),
            "spread_eV_per_atom": c.spread,
            "exact": c.exact,
            "distance_h": c.distance,
            "force_difference_eV_per_A": c.force_difference,
            "differ_only_beyond_cutoff": c.beyond_cutoff,
        }
        for c in found.energies
    ]


def force_records(found: Conflicts, dataset: Dataset) -> list[dict[str, Any]]:
    """Return one record per pair, largest difference first."""
    owner, starts = owners(dataset.structure_offsets), dataset.structure_offsets
    records = []
    for at in range(len(found.forces)):
        record: dict[str, Any] = {}
        for name in ("first", "second"):
            row = int(getattr(found.forces, name)[at])
            s = int(owner[row])
            record |= {
                f"structure_{name}": int(dataset.frame_indices[s]),
                f"atom_{name}": row - int(starts[s]),
                f"config_type_{name}": str(dataset.config_type[s]),
                f"force_{name}_eV_per_A": float(getattr(found.forces, f"force_{name}")[at]),
            }
        record["difference_eV_per_A"] = float(found.forces.difference[at])
        record["distance_h"] = float(found.forces.distance[at])
        records.append(record)
    return records


def conflicts(
    dataset: Dataset,
    descriptors: Descriptors | None = None,
    spec: ConflictSpec | None = None,
    *,
    bandwidth: float = 0.015,
    monitor: Monitor = SILENT,
) -> Conflicts:
    """Find labels that contradict one another, with the evidence.

    Parameters
    ----------
    dataset : Dataset
    descriptors : Descriptors, optional
        Of that data set (default: by distances, see `describe`).
    spec : ConflictSpec, optional
    bandwidth : float
        h, in the unit of the descriptor; the tolerance is a share of it.
    monitor : Monitor

    Returns
    -------
    Conflicts

    Examples
    --------
    >>> found = winnow.conflicts(data)
    >>> len(found.energies), len(found.forces)
    (0, 0)

    Notes
    -----
    **Forces** turn with the structure while descriptors do not, so two alike environments may
    have forces in any two directions, and their *lengths* are compared. Lengths also agree under
    reflection. Vectors are compared only between equal structures (`duplicate_groups`). A pair
    within the tolerance may differ a little in truth: the tolerance of 0.1 h is about 0.005
    angstrom, hence the two thresholds.

    **Energies** belong to structures; those of near-duplicates (`near_duplicates`) have the same
    composition and are compared per atom; what the strain of their cells explains is no conflict,
    as the nearest others of the same class and composition tell. Groups of equal structures have a
    threshold of their own. Where distances differ only beyond the cutoff of the descriptor, that is
    said: a potential of that range cannot tell such structures apart, but they are not the same.

    **Out of line** are energies that a gap parts from those of the same config_type and
    composition, see `energy_levels`.

    Every pair of environments within the tolerance is looked at: O(n log n) plus those pairs.
    """
    spec = spec or ConflictSpec()
    descriptors = describe(dataset) if descriptors is None else descriptors
    same = DuplicateSpec(tolerance=spec.tolerance)
    duplicates = near_duplicates(
        dataset, descriptors, same, bandwidth=bandwidth, monitor=Part(monitor, 0.0, 0.3)
    )
    cutoff = getattr(descriptors.spec, "cutoff", None)
    found = energy_conflicts(dataset, duplicates, spec, cutoff)
    pairs = force_conflicts(
        dataset, descriptors, spec, bandwidth=bandwidth, monitor=Part(monitor, 0.3, 1.0)
    )
    lines = energy_outliers(dataset, z_score=spec.z_score)
    monitor.report(1.0, "compared")
    return Conflicts(found, pairs, lines, spec, bandwidth)


def energy_conflicts(
    dataset: Dataset, duplicates: Duplicates, spec: ConflictSpec, cutoff: float | None = None
) -> tuple[EnergyConflict, ...]:
    """Return the groups of alike structures with unlike labels, largest spread first.

    An exact group stands for itself; in a group of near-duplicates it is represented by its
    first structure, so that one contradiction is not reported twice.
    """
    if dataset.energies is None:
        energies = np.full(dataset.n_structures, np.nan)
    else:
        energies = dataset.energies / dataset.sizes
    found = []
    for group in duplicates.exact_groups:
        one = _group(dataset, energies, group, True, duplicates)
        apart = one.force_difference > spec.force
        if one.spread > spec.exact_energy or apart:
            found.append(one)
    for group in duplicates.groups:
        distinct = group[~duplicates.exact[group]]
        one = _group(dataset, energies, distinct, False, duplicates)
        if one.spread > spec.energy and _beyond_strain(dataset, energies, one) > spec.energy:
            found.append(replace(one, beyond_cutoff=_beyond_cutoff(dataset, one, cutoff)))
    return tuple(sorted(found, key=lambda c: (-c.spread, not c.exact, c.structures[0])))


def _beyond_cutoff(dataset: Dataset, group: EnergyConflict, cutoff: float | None) -> bool:
    """Return whether the distances of a group differ beyond the cutoff and not within it."""
    some = dataset.take(group.structures[:: max(1, len(group.structures) - 1)])
    if cutoff is None or int(some.sizes.max()) > LARGEST:
        return False
    lattices = reduced_lattices(some.cells, some.pbc)
    distances: list[list[FloatArray]] = [[] for _ in range(some.n_structures)]
    owner = owners(some.structure_offsets)
    for pairs in neighbour_pairs(some.positions, some.structure_offsets, lattices, 2.0 * cutoff):
        for s, found in enumerate(distances):
            found.append(pairs.distances[owner[pairs.centres] == s])
    first, last = (np.sort(np.concatenate(each)) for each in (distances[0], distances[-1]))
    n = min(len(first), len(last))
    apart, near = np.abs(first[:n] - last[:n]), first[:n] <= SEEN * cutoff
    within = float(apart[near].max(initial=0.0))
    beyond = float(apart[~near].max(initial=0.0)) if n else np.inf
    return beyond > max(FARTHER, 3.0 * within)


def _beyond_strain(dataset: Dataset, energies: FloatArray, group: EnergyConflict) -> float:
    """Return what the strain of the cells leaves of the spread of a group, eV/atom.

    Neighbours on a smooth equation of state differ in energy as their cells do. How energies depend
    on the cell there is fitted to the nearest other structures of the same class and composition,
    to the products of the cell vectors and the square of the volume.
    """
    members = group.structures
    first = int(members[0])
    others = (dataset.config_type == dataset.config_type[first]) & np.isfinite(energies)
    others &= (dataset.compositions == dataset.compositions[first]).all(axis=1)
    others &= (dataset.pbc == dataset.pbc[first]).all(axis=1)
    others[members] = False
    cells = np.concatenate([dataset.cells[members], dataset.cells[others]])
    if not dataset.pbc[first].any() or len(cells) - len(members) < AROUND[0]:
        return group.spread
    gram = np.einsum("sdx,sex->sde", cells, cells)[:, *np.triu_indices(3)]
    away = gram - gram[: len(members)].mean(axis=0)
    near = np.argsort((away[len(members) :] ** 2).sum(axis=1), kind="stable")[: AROUND[1]]
    table = np.column_stack([away, volumes(cells) ** 2])
    rows = table[len(members) :][near]
    centre, scale = rows.mean(axis=0), np.ptp(rows, axis=0)
    known = energies[others][near]
    slopes = np.linalg.lstsq(
        (rows - centre) / np.where(scale > 0, scale, 1.0), known - known.mean(), rcond=1e-6
    )[0]
    expected = (table[: len(members)] - centre) / np.where(scale > 0, scale, 1.0) @ slopes
    return min(group.spread, float(np.ptp(energies[members] - expected)))


def _group(
    dataset: Dataset, energies: FloatArray, group: IntArray, exact: bool, duplicates: Duplicates
) -> EnergyConflict:
    apart = _force_difference(dataset, group) if exact else np.nan
    known = group[np.isfinite(energies[group])] if not np.isfinite(apart) else group
    order = known[np.argsort(energies[known], kind="stable")]
    finite = energies[order][np.isfinite(energies[order])]
    distance = 0.0 if exact else float(duplicates.distance[group].max())
    return EnergyConflict(frozen(order, np.int64), frozen(finite), exact, distance, apart)


def _force_difference(dataset: Dataset, group: IntArray) -> float:
    """Return the largest difference of the force on an atom between two of equal structures."""
    if dataset.forces is None:
        return float("nan")
    geometries, found = Geometries.of([dataset.take(group)]), []
    for at, s in enumerate(group):
        atoms = partners(geometries, 0, at, SAME)
        if atoms is not None:
            found.append(dataset.forces[dataset.rows(int(s))][atoms])
    forces = np.stack(found) if found else np.zeros((0, 1, 3))
    forces = forces[np.isfinite(forces).all(axis=(1, 2))]
    if len(forces) < 2:
        return float("nan")
    if len(forces) > 50:  # large groups: against the mean bounds the largest from below and above
        return float(np.linalg.norm(forces - forces.mean(axis=0), axis=2).max())
    return float(np.linalg.norm(forces[:, None] - forces[None], axis=3).max())


def force_conflicts(
    dataset: Dataset,
    descriptors: Descriptors,
    spec: ConflictSpec,
    *,
    bandwidth: float = 0.015,
    monitor: Monitor = SILENT,
) -> ForceConflicts:
    """Return pairs of alike environments whose forces differ in length, see `conflicts`."""
    forces = dataset.force_norms[descriptors.environments]
    known = np.isfinite(forces)
    if not known.any():
        return _force_table({}, descriptors)
    (environments,) = prepare([dataset], [descriptors], Part(monitor, 0.0, 0.2))
    rows = np.flatnonzero(known)
    tree = cKDTree(environments.projected[rows])
    strong = rows[forces[rows] > spec.force]
    # neighbours in the order of the leading axis: the trees of the queries stay small
    strong = strong[np.argsort(environments.projected[strong, 0], kind="stable")]
    part, tables = Part(monitor, 0.2, 1.0), []
    for start in range(0, len(strong), QUERIES):
        queries = strong[start : start + QUERIES]
        tables.append(_worst_partners(environments, forces, queries, rows, tree, spec, bandwidth))
        part.report(start / len(strong), "comparing forces")
        part.checkpoint()
    joined = {
        name: np.concatenate([table[name] for table in tables]) for name in (tables or [{}])[0]
    }
    return _force_table(joined, descriptors)


def _worst_partners(
    environments: Environments,
    forces: FloatArray,
    queries: IntArray,
    rows: IntArray,
    tree: cKDTree,
    spec: ConflictSpec,
    bandwidth: float,
) -> Mapping[str, npt.NDArray[Any]]:
    """Return for each query in conflict the alike environment with the smallest force."""
    tolerance = spec.tolerance * bandwidth
    pairs = cKDTree(environments.projected[queries]).sparse_distance_matrix(
        tree, tolerance * (1 + 1e-9) + 1e-9, output_type="ndarray"
    )
    first, second = queries[pairs["i"]], rows[pairs["j"]]
    least = np.maximum(spec.force, spec.relative_force * forces[first])
    apart = forces[first] - forces[second] > least
    first, second = first[apart], second[apart]
    distance = pair_distances(
        environments, environments, first, second, tolerance, spec.tolerance * REACH_UNIT
    )
    alike = ~np.isnan(distance)
    first, second, distance = first[alike], second[alike], distance[alike]
    order = np.lexsort((second, forces[second], first))
    _, at = np.unique(first[order], return_index=True)
    pick = order[at]
    return {
        "first": first[pick],
        "second": second[pick],
        "force_first": forces[first[pick]],
        "force_second": forces[second[pick]],
        "distance": distance[pick] / bandwidth,
    }


def _force_table(table: Mapping[str, npt.NDArray[Any]], descriptors: Descriptors) -> ForceConflicts:
    if not table:
        nothing, none = np.empty(0, dtype=np.int64), np.empty(0)
        return ForceConflicts(nothing, nothing, none, none, none)
    apart = table["force_first"] - table["force_second"]
    order = np.lexsort((table["first"], -apart))
    atoms = descriptors.environments
    return ForceConflicts(
        first=frozen(atoms[table["first"][order]]),
        second=frozen(atoms[table["second"][order]]),
        force_first=frozen(table["force_first"][order]),
        force_second=frozen(table["force_second"][order]),
        distance=frozen(table["distance"][order]),
    )
