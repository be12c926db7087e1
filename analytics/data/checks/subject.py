"""What a check gets: the data set, geometry facts shared by all checks, and sentence helpers."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

import numpy as np
import numpy.typing as npt
from ase.data import covalent_radii

from analytics.data.checks.report import Finding, Severity
from analytics.data.contacts import THINNEST, Contacts, closest_contacts
from analytics.data.dataset import Dataset
from analytics.data.exact_duplicates import duplicate_groups, geometry_groups
from analytics.geometry.lattice import cell_heights
from analytics.runtime.arrays import FloatArray, IntArray, owners
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["CLOSE_RATIO", "OVERLAP", "Mask", "Subject"]

Mask = npt.NDArray[np.bool_]

OVERLAP = 0.5
"""No two nuclei are closer than this in a structure that means something, angstrom."""
CLOSE_RATIO = 0.6
"""Closer than this part of the sum of covalent radii is doubtful (it may be meant)."""


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
        # radii differ, so the search reaches as far as the largest pair needs
        largest = float(covalent_radii[self.dataset.numbers].max())
        reach = max(OVERLAP, CLOSE_RATIO * 2.0 * largest)
        usable = self.finite & ~self.flat
        return closest_contacts(self.dataset, usable, reach, self.monitor)

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
        shown = ", ".join(str(f) for f in self.dataset.frame_indices[structures[:5]])
        more = ", ..." if len(structures) > 5 else ""
        return f"frame{'s' * (len(structures) != 1)} {shown}{more}"

    def found(
        self,
        code: str,
        severity: Severity,
        where: Mask | IntArray,
        one: str,
        several: str,
        evidence: str = "",
    ) -> Iterator[Finding]:
        """Yield a finding if there is any structure.

        Parameters
        ----------
        code : str
        severity : 'error', 'warning' or 'note'
        where : bool array (n_structures,) or int array
            The structures.
        one, several : str
            What is said after "1 structure", and after "7 structures".
        evidence : str, optional
            The worst case, with its value and unit.
        """
        indices = np.flatnonzero(where) if where.dtype == bool else np.sort(where)
        structures: IntArray = np.asarray(indices, dtype=np.int64)
        n = len(structures)
        if n:
            subject = f"1 structure {one}" if n == 1 else f"{n} structures {several}"
            message = f"{subject} ({self.frames(structures)})"
            yield Finding(code, severity, message, structures, evidence)

    def having(
        self,
        code: str,
        severity: Severity,
        where: Mask | IntArray,
        what: str,
        evidence: str = "",
    ) -> Iterator[Finding]:
        """Yield a finding "1 structure has ..." or "7 structures have ..."; see `found`."""
        return self.found(code, severity, where, f"has {what}", f"have {what}", evidence)
