"""What a check gets: the data set, geometry facts shared by all checks, and sentence helpers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from ase.data import covalent_radii

from analytics.data.checks.mixed_energies import energies_in_other_units
from analytics.data.checks.report import Finding, Severity
from analytics.data.checks.steps import Steps, digests, steps_of
from analytics.data.contacts import THINNEST, Contacts, closest_contacts, nearest_ratios
from analytics.data.dataset import Dataset
from analytics.data.exact_duplicates import duplicate_groups, geometry_groups
from analytics.data.fractional import CROWDED, fractional_structures
from analytics.data.understood import Label
from analytics.geometry.lattice import cell_heights, volumes
from analytics.runtime.arrays import FloatArray, IntArray, members_of, owners
from analytics.runtime.progress import SILENT, Monitor

__all__ = [
    "BONDED", "CLOSE_RATIO", "FARTHEST", "OVERLAP", "Mask", "Subject", "finding_about",
    "named_frames",
]  # fmt: skip

Mask = npt.NDArray[np.bool_]

OVERLAP = 0.5
"""No two nuclei are closer than this in a structure that means something, angstrom."""
CLOSE_RATIO = CROWDED
"""Closer than this part of the sum of covalent radii is doubtful (it may be meant)."""
BONDED = 1.3
"""Atoms that touch are closer than this many sums of covalent radii."""
FARTHEST = 2.5
"""Atoms farther apart than this many sums of covalent radii have nothing to do with each other."""
DENSEST = 0.7405
"""Part of space that equal balls fill at most."""
_NOBLE = (2, 10, 18, 36, 54, 86)


def named_frames(frames: Sequence[int]) -> str:
    """Return "frame 3", or "frames 3, 4, ..." with the first five."""
    shown = ", ".join(map(str, frames[:5])) + ", ..." * (len(frames) > 5)
    return f"frame{'s' * (len(frames) != 1)} {shown}"


def finding_about(
    dataset: Dataset,
    code: str,
    severity: Severity,
    structures: IntArray,
    one: str,
    several: str,
    evidence: str = "",
    advice: str = "",
) -> Finding:
    """Return a finding whose message begins with how many structures, and names their frames.

    Parameters
    ----------
    dataset : Dataset
    code : str
    severity : 'error', 'warning' or 'note'
    structures : int array
    one, several : str
        What is said after "1 structure", and after "7 structures".
    evidence : str, optional
        The worst case, with its value and unit.
    advice : str, optional
        What to do about it.
    """
    n = len(structures)
    about = f"1 structure {one}" if n == 1 else f"{n} structures {several}"
    frames = named_frames(dataset.frame_indices[structures].tolist())
    return Finding(code, severity, f"{about} ({frames})", structures, evidence, advice)


class Subject:
    """A data set under examination; facts are worked out when first asked for, and then shared.

    Attributes
    ----------
    dataset : Dataset
    monitor : Monitor
        Of the check that is running.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset
        self.monitor: Monitor = SILENT

    @cached_property
    def finite(self) -> Mask:
        """Whether all positions are finite, bool array (n_structures,)."""
        return self.every_atom(np.isfinite(self.dataset.positions))

    @cached_property
    def heights(self) -> FloatArray:
        """Distance between the faces of the cells, angstrom; see `cell_heights`."""
        return cell_heights(self.dataset.cells, self.dataset.pbc)

    @cached_property
    def flat(self) -> Mask:
        """Whether the cell has no usable volume, bool array (n_structures,)."""
        return np.asarray((self.heights < THINNEST).any(axis=1))

    @cached_property
    def contacts(self) -> Contacts:
        """Closest pairs of each structure within what overlaps or is close."""
        return closest_contacts(self.dataset, self.looked_at, self.reach, self.monitor)

    @cached_property
    def fractional(self) -> IntArray:
        """Structures with fractional coordinates where Cartesian ones belong."""
        return fractional_structures(self.dataset, self.contacts.ratio, self.monitor)

    @property
    def reach(self) -> float:
        """Distance that `contacts` looks at, angstrom."""
        # radii differ, so the search reaches as far as the largest pair needs
        largest = float(covalent_radii[self.dataset.numbers].max())
        return max(OVERLAP, CLOSE_RATIO * 2.0 * largest)

    @cached_property
    def looked_at(self) -> Mask:
        """Whether distances mean something: finite positions, a cell of some volume, (n,)."""
        return np.asarray(self.finite & ~self.flat & (self.dataset.sizes > 0))

    @cached_property
    def bonding(self) -> Mask:
        """Whether some of the atoms should be about a bond apart: not alone, no noble gas, (n,)."""
        noble = np.isin(self.dataset.numbers, _NOBLE)
        some = ~self.every_atom(noble) & ~self.dataset.isolated
        return np.asarray(some & self.looked_at)

    @cached_property
    def nearest(self) -> FloatArray:
        """Smallest distance over the sum of covalent radii, float array (n_structures,).

        Infinite beyond `FARTHEST`. Where the density alone says that atoms are near, the bound
        that follows stands for a search: balls that do not overlap fill no more than the cell, and
        equal ones no more than 0.7405 of it.
        """
        dataset, ratio = self.dataset, self.contacts.ratio.copy()
        radii = covalent_radii[dataset.numbers]
        filled = dataset.reduced(np.add, 4.0 / 3.0 * np.pi * radii**3, 1.0)
        alike = (self.compositions > 0).sum(axis=1) == 1
        room = np.full(dataset.n_structures, np.inf)
        bulk = self.looked_at & dataset.pbc.all(axis=1)
        room[bulk] = volumes(dataset.cells[bulk])
        bound = np.cbrt(np.where(alike, DENSEST, 1.0) * room / filled)
        dense = bound < BONDED
        ratio[dense] = np.minimum(ratio[dense], bound[dense])
        for farthest in (BONDED, FARTHEST):  # few need the far search, which has many images
            searched = np.flatnonzero(self.looked_at & np.isinf(ratio))
            ratio[searched] = nearest_ratios(dataset, searched, farthest)
        return ratio

    @cached_property
    def largest_forces(self) -> FloatArray:
        """Largest force of each structure, float array (n_structures,), eV/angstrom.

        NaN where no atom has a finite one.
        """
        norms = self.dataset.force_norms
        norms = np.where(np.isfinite(norms), norms, np.nan)
        return self.dataset.reduced(np.fmax, norms)

    @cached_property
    def net_forces(self) -> FloatArray:
        """Length of the sum of the forces, float array (n_structures,), eV/angstrom.

        Zero where not all of them are known.
        """
        dataset = self.dataset
        if dataset.forces is None:
            return np.zeros(dataset.n_structures)
        finite = np.isfinite(dataset.forces)
        forces = np.where(finite, dataset.forces, 0.0)
        net = np.linalg.norm(dataset.reduced(np.add, forces, 0.0), axis=1)
        net[~self.every_atom(finite)] = 0.0
        return np.asarray(net)

    @cached_property
    def compositions(self) -> IntArray:
        """Number of atoms of each element, see `Dataset.compositions`."""
        return self.dataset.compositions

    @cached_property
    def composition_groups(self) -> tuple[IntArray, ...]:
        """Structures of the same composition, whatever their number of atoms."""
        fractions = self.compositions / np.maximum(1, self.dataset.sizes)[:, None]
        _, group = np.unique(
            digests(np.rint(fractions * 1e6).astype(np.int64)), return_inverse=True
        )
        return members_of(group)

    @cached_property
    def element_groups(self) -> tuple[IntArray, ...]:
        """Structures of the same elements, whatever their composition."""
        present = (self.compositions > 0).astype(np.int64)
        _, group = np.unique(digests(present), return_inverse=True)
        return members_of(group)

    @cached_property
    def mixed_energies(self) -> dict[str, IntArray]:
        """Structures whose energies are in another unit than the others, by unit."""
        return energies_in_other_units(self.dataset, self.composition_groups, self.element_groups)

    @cached_property
    def steps(self) -> tuple[Steps, ...]:
        """Steps along series of like structures, see `analytics.data.checks.steps`."""
        dataset = self.dataset
        if dataset.energies is None or dataset.forces is None:
            return ()
        # a zero stands for no energy
        known = np.isfinite(dataset.energies) & (dataset.energies != 0.0)
        known &= self.every_atom(np.isfinite(dataset.forces))
        for where in self.mixed_energies.values():
            known[where] = False
        return tuple(steps_of(dataset, known & self.looked_at))

    def offers(self, label: Label) -> tuple[str, str]:
        """Return what else the file has for a label that was not found, and what to do."""
        rivals = [one for one in self.dataset.understood.candidates if one.label == label]
        if not rivals:
            return "", ""
        names = ", ".join(f"{one.key} ({one.frames})" for one in rivals[:6])
        more = ", ..." if len(rivals) > 6 else ""
        option = f"--{label}-key"
        return (
            f"not taken for it: {names}{more}",
            f"if one of these is meant, name it with {option}",
        )

    def arrays(self, structure: int) -> Mapping[str, npt.NDArray[Any]]:
        """Return what else the file says about the atoms of a structure."""
        records = self.dataset.records
        return records[structure].arrays if records else {}

    @cached_property
    def geometry_groups(self) -> tuple[IntArray, ...]:
        """Groups of structures of the same geometry, see `analytics.data.exact_duplicates`."""
        return geometry_groups(self.dataset)

    @cached_property
    def duplicate_groups(self) -> tuple[IntArray, ...]:
        """Those that also agree in charge, spin and magnetic moments."""
        return duplicate_groups(self.dataset, geometries=self.geometry_groups)

    def every_atom(self, holds: Mask) -> Mask:
        """Return for each structure whether something holds of all components of all its atoms.

        Parameters
        ----------
        holds : bool array (n_environments,) or (n_environments, 3)
        """
        rows = holds if holds.ndim == 1 else np.asarray(holds.all(axis=1))
        owner = owners(self.dataset.structure_offsets)[~rows]
        return np.asarray(np.bincount(owner, minlength=self.dataset.n_structures) == 0)

    def frames(self, structures: IntArray) -> str:
        """Return "frame 3", or "frames 3, 4, ..." with the first five, as the file counts them."""
        return named_frames(self.dataset.frame_indices[structures].tolist())

    def found(
        self,
        code: str,
        severity: Severity,
        where: Mask | IntArray,
        one: str,
        several: str,
        evidence: str = "",
        advice: str = "",
    ) -> Iterator[Finding]:
        """Yield a finding if there is any structure; see `finding_about`.

        Parameters
        ----------
        where : bool array (n_structures,) or int array
            The structures.
        """
        indices = np.flatnonzero(where) if where.dtype == bool else np.sort(where)
        structures: IntArray = np.asarray(indices, dtype=np.int64)
        if len(structures):
            yield finding_about(
                self.dataset, code, severity, structures, one, several, evidence, advice
            )

    def having(
        self,
        code: str,
        severity: Severity,
        where: Mask | IntArray,
        what: str,
        evidence: str = "",
        advice: str = "",
    ) -> Iterator[Finding]:
        """Yield a finding "1 structure has ..." or "7 structures have ..."; see `found`."""
        has, have = f"has {what}", f"have {what}"
        return self.found(code, severity, where, has, have, evidence, advice)
