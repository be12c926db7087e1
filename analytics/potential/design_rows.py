"""Design rows: what each function of a basis gives to the energies and forces of structures.

The rows of a data set are what the fit of any subset is made from.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from analytics.data.dataset import Dataset
from analytics.descriptors.validation import check_geometry
from analytics.potential.potentials import FixedBasis, PoolPart, potential_of
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen, ragged_rows
from analytics.runtime.errors import InputError
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = [
    "Design",
    "check_labels",
    "check_species",
    "compute_design",
    "row_bytes",
]

#: Rows of forces multiplied at once.
CHUNK = 20_000


@dataclass(frozen=True)
class Design(Value):
    """The rows of a data set in a basis.

    Attributes
    ----------
    dataset : Dataset
    basis : FixedBasis
    energy_rows : float array (n_structures, M)
    force_rows : float32 array (3 n_environments, M), 1/angstrom
        x, y and z of the first atom, then of the next. Zero where the force is not known.
    """

    dataset: Dataset
    basis: FixedBasis
    energy_rows: FloatArray
    force_rows: FloatArray

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        object.__setattr__(self, "energy_rows", frozen(self.energy_rows, np.float64))
        object.__setattr__(self, "force_rows", frozen(self.force_rows, np.float32))

    @cached_property
    def fingerprint(self) -> str:
        """Digest of data and basis."""
        return fingerprint("design", self.dataset.fingerprint, self.basis.fingerprint)

    @cached_property
    def composition(self) -> FloatArray:
        """Number of atoms of each species of the basis, float array (n_structures, S)."""
        counts = np.zeros((self.dataset.n_structures, len(self.basis.species)))
        structure = np.repeat(np.arange(len(counts)), self.dataset.sizes)
        np.add.at(counts, (structure, np.searchsorted(self.basis.species, self.dataset.numbers)), 1)
        return counts

    @cached_property
    def energies(self) -> FloatArray:
        """Energies, eV, NaN where not known, (n_structures,)."""
        known = self.dataset.energies
        return np.full(self.dataset.n_structures, np.nan) if known is None else known

    @cached_property
    def force_known(self) -> npt.NDArray[np.bool_]:
        """Which atoms have a force, (n_environments,)."""
        return np.isfinite(self.dataset.force_norms)

    @cached_property
    def forces(self) -> FloatArray:
        """Force components, eV/angstrom, 0 where not known, (3 n_environments,)."""
        known = self.dataset.forces
        if known is None:
            return np.zeros(3 * self.dataset.n_environments)
        return np.asarray(np.where(self.force_known[:, None], known, 0.0)).reshape(-1)

    def force_part(self, structures: IntArray) -> IntArray:
        """Return the rows of `force_rows` that belong to structures, in the order given."""
        atoms = ragged_rows(self.dataset.structure_offsets, structures)
        return np.asarray((3 * atoms[:, None] + np.arange(3)).reshape(-1))

    def take(self, structures: IntArray) -> Design:
        """Return the design of some structures, in the order given."""
        structures = np.asarray(structures, dtype=np.int64)
        return Design(
            self.dataset.take(structures),
            self.basis,
            self.energy_rows[structures],
            self.force_rows[self.force_part(structures)],
        )

    def restricted(self, part: PoolPart) -> Design:
        """Return the design in the basis of one of several pools; see `FixedBasis.restricted`."""
        turned = self.basis.to_restricted(part)
        basis = self.basis.restricted(part)
        force = np.empty((len(self.force_rows), len(basis)), dtype=np.float32)
        for first in range(0, len(force), CHUNK):
            force[first : first + CHUNK] = turned(self.force_rows[first : first + CHUNK])
        return Design(self.dataset, basis, turned(self.energy_rows), force)


def row_bytes(dataset: Dataset, functions: int) -> float:
    """Return the bytes that the rows of a data set take."""
    return float(functions * (12.0 * dataset.n_environments + 8.0 * dataset.n_structures))


def check_species(dataset: Dataset, species: IntArray, pool: str) -> None:
    """Raise `InputError` for the first structure with a species that a potential does not know.

    Parameters
    ----------
    dataset : Dataset
    species : int array
        Atomic numbers it knows, ascending.
    pool : str
        What the potential is trained on, for the message.
    """
    foreign = ~np.isin(dataset.numbers, species)
    if foreign.any():
        from ase.data import chemical_symbols

        atom = int(np.argmax(foreign))
        structure = int(np.searchsorted(dataset.structure_offsets, atom, side="right")) - 1
        raise InputError(
            f"has {chemical_symbols[int(dataset.numbers[atom])]}, which {pool} lacks: a potential "
            "trained on it cannot know that species",
            source=dataset.name,
            structure=int(dataset.frame_indices[structure]),
        )


def check_labels(dataset: Dataset, structures: Iterable[int] | None = None) -> None:
    """Raise `InputError` if no potential can be trained on a data set.

    It needs two structures, and energies or forces that are not all the same.
    """
    part = dataset if structures is None else dataset.take(np.asarray(list(structures), np.int64))
    name = dataset.name
    if part.n_structures < 2:
        raise InputError(
            "a single structure: there is nothing to train on and test against", source=name
        )
    norms = part.force_norms
    energies = np.empty(0) if part.energies is None else part.energies
    known = energies[np.isfinite(energies)]
    has_forces = bool(np.isfinite(norms).any())
    if len(known) == 0 and not has_forces:
        raise InputError("neither energies nor forces: nothing to train on", source=name)
    moved = has_forces and bool(np.nanmax(norms) > 0)
    if len(known) > 1 and np.ptp(known) == 0:
        rest = "read it without energies, --energy-key ''" if moved else "there is nothing to learn"
        raise InputError(
            f"all {len(known)} energies are {known[0]:g} eV, as if they stood for missing ones; "
            f"{rest}",
            source=name,
        )
    if len(known) == 0 and not moved:
        raise InputError("all forces are zero and there are no energies", source=name)


def compute_design(
    dataset: Dataset, basis: FixedBasis, *, pool: str = "the pool", monitor: Monitor = SILENT
) -> Design:
    """Compute the rows of all structures of a data set, in parallel.

    Cost: about 0.6 ms of one core per atom with 40 atoms around it and 200 functions, half of it
    products of matrices that grow with both; 12 M bytes per atom for M functions.

    Parameters
    ----------
    dataset : Dataset
        Energies or forces may be missing, for some structures or all.
    basis : FixedBasis
    pool : str
        What the basis is made from, for messages.
    monitor : Monitor

    Raises
    ------
    InputError
        If a structure has a species the basis lacks, or no geometry.
    """
    check_species(dataset, basis.species, pool)
    check_geometry(dataset, np.flatnonzero(dataset.sizes > 0), basis.spec.cutoff)
    rows_of = potential_of(basis.spec).make_rows(basis)
    known = np.isfinite(dataset.force_norms)
    energy = np.zeros((dataset.n_structures, len(basis)))
    force = np.zeros((3 * dataset.n_environments, len(basis)), dtype=np.float32)

    def work(s: int) -> tuple[FloatArray, FloatArray]:
        rows = dataset.rows(s)
        if rows.stop == rows.start:
            return np.zeros(len(basis)), np.zeros((0, len(basis)), dtype=np.float32)
        # forces of a structure without any, or of a lone atom, are not worth their cost
        labelled = bool(known[rows].any())
        one, several = rows_of(dataset, s, labelled)
        if labelled:
            several[np.repeat(~known[rows], 3)] = 0.0
        return one, several.astype(np.float32)

    message = "design rows"
    blocks = range(dataset.n_structures)
    for s, (one, several) in enumerate(in_order(work, blocks, monitor, message)):
        energy[s] = one
        if len(several):
            rows = dataset.rows(s)
            force[3 * rows.start : 3 * rows.stop] = several
    return Design(dataset, basis, energy, force)
