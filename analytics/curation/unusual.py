"""What is unusual about an atom and its structure (outlier explained), in words, from the data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from ase.data import chemical_symbols, covalent_radii

from analytics.data.dataset import Dataset
from analytics.data.energy_levels import MAD_TO_SIGMA, kinds_of
from analytics.geometry.lattice import bulk_volumes, reduced_lattices
from analytics.geometry.neighbours import neighbour_pairs
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import BoolArray, FloatArray, IntArray, members_of, ragged_rows
from analytics.runtime.text import PAGE

__all__ = ["Surroundings", "Unusual", "energies_off", "surroundings", "volumes_per_atom"]

#: Angstrom within which the nearest atom is looked for.
REACH = 5.0
#: Two atoms are bonded if they are closer than this times the sum of their covalent radii.
BONDED = 1.3
#: Atoms, at least so many, that say what is usual of an element, and at most of all.
FEWEST, MOST = 200, 60_000
#: What lies outside the middle 99 % is unusual.
TAIL = 0.005
#: Forces as high as the highest of so large a share are unusual.
TOP = 0.001
#: An element that is less than this share of the atoms is rare, a class of the structures.
RARE = 0.01
#: An energy so many robust standard deviations from the median of its kind is unusual.
SIGMAS = 6.0
#: Structures of one kind from which on its energies have a median and a spread.
KIND = 5
#: Distance in widths of the kernel from which on nothing else is like it.
FAR = 5.0


@dataclass(frozen=True, slots=True)
class Surroundings:
    """The nearest atom and the coordination of some atoms.

    Attributes
    ----------
    nearest : float array (n,), angstrom
        Distance of the nearest atom, images included; +inf where there is none within 5 angstrom.
    coordination : int array (n,)
        Atoms closer than 1.3 times the sum of the covalent radii.
    """

    nearest: FloatArray
    coordination: IntArray


def surroundings(dataset: Dataset, structures: IntArray) -> Surroundings:
    """Measure all atoms of some structures, one structure after the other.

    Notes
    -----
    O(n) in the atoms, about 10 microseconds each.
    """
    rows = ragged_rows(dataset.structure_offsets, structures)
    offsets = np.concatenate([[0], np.cumsum(dataset.sizes[structures])])
    lattices = reduced_lattices(dataset.cells[structures], dataset.pbc[structures])
    radii = covalent_radii[dataset.numbers[rows]]
    nearest = np.full(len(rows), np.inf)
    coordination = np.zeros(len(rows), dtype=np.int64)
    for pairs in neighbour_pairs(dataset.positions[rows], offsets, lattices, REACH):
        distances = pairs.distances
        np.minimum.at(nearest, pairs.centres, distances)
        bonded = distances < BONDED * (radii[pairs.centres] + radii[pairs.neighbours])
        coordination += np.bincount(pairs.centres[bonded], minlength=len(rows))
    return Surroundings(nearest, coordination)


def volumes_per_atom(dataset: Dataset) -> FloatArray:
    """Return the volume per atom of structures that are periodic all round (else NaN), Å^3."""
    return bulk_volumes(dataset.cells, dataset.pbc) / np.maximum(1, dataset.sizes)


def energies_off(dataset: Dataset) -> tuple[FloatArray, FloatArray]:
    """Return how far each energy per atom lies from the median of its class and composition.

    Returns
    -------
    off : float array (n_structures,), eV/atom
        NaN without an energy, or where fewer than 5 structures are of one class and composition.
    sigmas : float array (n_structures,)
        The same in robust standard deviations (1.4826 times the median absolute deviation) of
        these; NaN where they do not differ.
    """
    off, sigmas = np.full((2, dataset.n_structures), np.nan)
    if dataset.energies is None:
        return off, sigmas
    per_atom = np.asarray(dataset.energies, dtype=np.float64) / dataset.sizes
    usable = np.flatnonzero(np.isfinite(per_atom) & ~dataset.isolated)
    kinds = kinds_of(dataset, 1)[usable]
    for own in (usable[members] for members in members_of(kinds)):
        if len(own) < KIND:
            continue
        off[own] = per_atom[own] - np.median(per_atom[own])
        spread = MAD_TO_SIGMA * float(np.median(np.abs(off[own])))
        if spread > 0:
            sigmas[own] = off[own] / spread
    return off, sigmas


class Unusual:
    """Says of environments what sets them apart from the rest of the data set.

    Parameters
    ----------
    analysis : Analysis

    Notes
    -----
    What is usual of an element is measured on at most some 60 000 atoms, of structures spread
    evenly over the file.
    """

    def __init__(self, analysis: Analysis) -> None:
        self._analysis, self._data = analysis, analysis.dataset

    @cached_property
    def _usual(self) -> dict[int, tuple[FloatArray, FloatArray]]:
        """Ends of the middle 99 % of nearest distances and coordinations, by element."""
        data, described = self._data, self._analysis.descriptors.structures
        step = max(1, int(np.ceil(data.sizes[described].sum() / MOST)))
        chosen = described[::step]
        numbers = data.numbers[ragged_rows(data.structure_offsets, chosen)]
        found = surroundings(data, chosen)
        ends = {}
        for z in np.unique(numbers).tolist():
            own = numbers == z
            if own.sum() >= FEWEST:
                ends[z] = (
                    np.quantile(found.nearest[own], [TAIL, 1 - TAIL], method="nearest"),
                    np.quantile(found.coordination[own], [TAIL, 1 - TAIL], method="nearest"),
                )
        return ends

    @cached_property
    def _elements(self) -> dict[int, float]:
        """Share of the atoms analysed that each element has."""
        numbers = self._data.numbers[self._analysis.descriptors.environments]
        kinds, counts = np.unique(numbers, return_counts=True)
        return dict(zip(kinds.tolist(), (counts / len(numbers)).tolist(), strict=True))

    @cached_property
    def _classes(self) -> dict[str, int]:
        names, counts = np.unique(
            self._data.config_type[self._analysis.descriptors.structures], return_counts=True
        )
        return dict(zip(names.tolist(), counts.tolist(), strict=True))

    @cached_property
    def _high_force(self) -> float:
        norms = self._analysis.force_norms
        norms = norms[np.isfinite(norms)]
        return float(np.quantile(norms, 1 - TOP)) if len(norms) >= 1 / TOP else np.inf

    @cached_property
    def volumes(self) -> FloatArray:
        """Volume per atom, NaN where not periodic all round, (n_structures,), angstrom^3."""
        return volumes_per_atom(self._data)

    @cached_property
    def _present(self) -> BoolArray:
        """Which elements each structure has, (n_structures, n_elements)."""
        return np.asarray(self._data.compositions > 0)

    @cached_property
    def _volume_ends(self) -> dict[bytes, FloatArray]:
        """Ends of the middle 99 % of the volumes per atom, by which elements are there."""
        ends = {}
        for each in np.unique(self._present, axis=0):
            own = self.volumes[(self._present == each).all(axis=1)]
            own = own[np.isfinite(own)]
            if len(own) >= FEWEST:
                ends[each.tobytes()] = np.quantile(own, [TAIL, 1 - TAIL])
        return ends

    @cached_property
    def energies(self) -> tuple[FloatArray, FloatArray]:
        """See `energies_off`."""
        return energies_off(self._data)

    def words(
        self, row: int, neighbour: int, distance: float, nearest: float, coordination: int
    ) -> tuple[str, ...]:
        """Say what is unusual about an environment and its structure.

        Parameters
        ----------
        row : int
            Row of the descriptors.
        neighbour, distance : int, float
            The environment of another structure that is most like it (a row; -1 for none), and
            how far it is, in widths of the kernel.
        nearest, coordination : float, int
            See `Surroundings`.

        Returns
        -------
        tuple of str
            What applies; where nothing does, whether it is at least a width away from the others.
        """
        own = self._analysis.descriptors
        structure = int(own.structures[own.owners[row]])
        found = [
            *self._of_atom(int(own.environments[row]), nearest, coordination),
            *self._of_structure(structure),
            *self._of_class(structure, neighbour, distance),
        ]
        alone = neighbour < 0 or distance > 1.0
        return tuple(found) or ("nothing but distance" if alone else "nothing: others are like it",)

    def _of_atom(self, atom: int, nearest: float, coordination: int) -> Iterator[str]:
        z = int(self._data.numbers[atom])
        symbol, share = chemical_symbols[z], self._elements.get(z, 0.0)
        if share < RARE:
            yield f"{symbol} is rare: {PAGE.percent(share, 2)} of the atoms"
        if z in self._usual:
            (low, high), (fewest, most) = self._usual[z]
            if nearest < low:
                yield f"nearest atom at {nearest:.2f} Å, closer than 99.5 % of {symbol}"
            elif nearest > high:
                far = f"at {nearest:.2f} Å" if np.isfinite(nearest) else f"beyond {REACH:g} Å"
                yield f"nearest atom {far}, farther than 99.5 % of {symbol}"
            if coordination < fewest:
                yield f"{coordination} bonded, fewer than 99.5 % of {symbol}"
            elif coordination > most:
                yield f"{coordination} bonded, more than 99.5 % of {symbol}"

    def _of_structure(self, structure: int) -> Iterator[str]:
        norms = self._data.force_norms[self._data.rows(structure)]
        force = float(np.nanmax(norms)) if np.isfinite(norms).any() else np.nan
        if force >= self._high_force and force > 0:
            yield f"|F| of {force:.3g} eV/Å, among the highest 0.1 %"
        off, sigmas = (float(each[structure]) for each in self.energies)
        if abs(sigmas) > SIGMAS:
            side = "above" if off > 0 else "below"
            yield f"energy {abs(off):.2g} eV/atom {side} its class and composition"
        volume = float(self.volumes[structure])
        ends = self._volume_ends.get(self._present[structure].tobytes())
        if ends is not None and volume < ends[0]:
            yield f"{volume:.3g} Å³ per atom, denser than 99.5 % of its elements"
        elif ends is not None and volume > ends[1]:
            yield f"{volume:.3g} Å³ per atom, thinner than 99.5 % of its elements"

    def _of_class(self, structure: int, neighbour: int, distance: float) -> Iterator[str]:
        own, names = self._analysis.descriptors, self._data.config_type
        name = str(names[structure])
        count, total = self._classes.get(name, 0), own.n_structures
        if name and count == 1:
            yield "alone in its class"
        elif name and count < max(2, RARE * total):
            yield f"its class has {count} of {PAGE.counted(total, 'structure')}"
        if neighbour < 0:
            return
        other = str(names[own.structures[own.owners[neighbour]]])
        if name and other != name and count > 1:
            yield f"nearest to another class: {other or 'none'}"
        if distance > FAR:
            yield f"far from everything: nothing within {distance:.1f} h"
