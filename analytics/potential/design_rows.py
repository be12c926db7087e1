r"""Design rows: what each function of a basis gives to the energies and forces of structures.

The rows of a data set are what the fit of any subset is made from.

With the coefficients c of an atom's surroundings, x its spectrum, and the matrices T of a reference
(`analytics.potential.spectra`), the kernel with it is :math:`k^\zeta` with
:math:`k = \sum_l T^l_{\alpha\beta} c_{\alpha lm} c_{\beta lm} / |x|`, and its derivative along
anything is linear in the derivatives of the coefficients,

.. math:: d k^\zeta = \frac{2 \zeta k^{\zeta - 1}}{|x|} \left[ T c - k P c \right] \cdot dc,

where P are the matrices of x / |x|. The bracket is one matrix per atom, and the derivatives of the
coefficients are shared by all references: a product of matrices for each atom and species around
it, with no derivative of a spectrum in between.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from analytics.data.dataset import Dataset
from analytics.descriptors.validation import check_geometry
from analytics.potential.basis import Basis
from analytics.potential.spectra import (
    Expanded,
    Expansion,
    as_matrices,
    expanded,
    make_expansion,
    spectra_of,
)
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen, ragged_rows
from analytics.runtime.compiled import kernel
from analytics.runtime.errors import InputError
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = [
    "Design",
    "RowMaker",
    "check_labels",
    "check_species",
    "compute_design",
    "make_rows",
    "row_bytes",
    "structure_rows",
]

#: Rows of forces multiplied at once.
CHUNK = 20_000
#: Bytes of the brackets of the atoms that are handled at once.
BLOCK_BYTES = 4_000_000


@dataclass(frozen=True)
class Design(Value):
    """The rows of a data set in a basis.

    Attributes
    ----------
    dataset : Dataset
    basis : Basis
    energy_rows : float array (n_structures, M)
    force_rows : float32 array (3 n_environments, M), 1/angstrom
        x, y and z of the first atom, then of the next. Zero where the force is not known.
    """

    dataset: Dataset
    basis: Basis
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

    def restricted(self, references: IntArray) -> Design:
        """Return the design in the basis of some of the references; see `Basis.restricted`."""
        projection = self.basis.projection(references)
        basis = self.basis.restricted(references)
        force = np.empty((len(self.force_rows), len(basis)), dtype=np.float32)
        single = projection.astype(np.float32)
        for first in range(0, len(force), CHUNK):
            np.matmul(
                self.force_rows[first : first + CHUNK], single, out=force[first : first + CHUNK]
            )
        return Design(self.dataset, basis, self.energy_rows @ projection, force)


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
    dataset: Dataset, basis: Basis, *, pool: str = "the pool", monitor: Monitor = SILENT
) -> Design:
    """Compute the rows of all structures of a data set, in parallel.

    Cost: about 0.6 ms of one core per atom with 40 atoms around it and 200 functions, half of it
    products of matrices that grow with both; 12 M bytes per atom for M functions.

    Parameters
    ----------
    dataset : Dataset
        Energies or forces may be missing, for some structures or all.
    basis : Basis
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
    maker = make_rows(basis)
    known = np.isfinite(dataset.force_norms)
    energy = np.zeros((dataset.n_structures, len(basis)))
    force = np.zeros((3 * dataset.n_environments, len(basis)), dtype=np.float32)

    def work(s: int) -> tuple[FloatArray, FloatArray]:
        rows = dataset.rows(s)
        if rows.stop == rows.start:
            return np.zeros(len(basis)), np.zeros((0, len(basis)), dtype=np.float32)
        # forces of a structure without any, or of a lone atom, are not worth their cost
        labelled = bool(known[rows].any())
        one, several = structure_rows(maker, dataset, s, forces=labelled)
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


# ------------------------------------------------------------------------------- one structure


@dataclass(frozen=True, slots=True)
class RowMaker:
    """A basis made ready for rows.

    Attributes
    ----------
    basis : Basis
    expansion : Expansion
    matrices : tuple over species of tuples over l of float arrays (A, A m)
        Of the m references of a species, A channels.
    """

    basis: Basis
    expansion: Expansion
    matrices: tuple[tuple[FloatArray, ...], ...]


def make_rows(basis: Basis) -> RowMaker:
    """Prepare a basis.

    Raises
    ------
    WinnowError
        If `featomic` cannot be imported.
    """
    expansion = make_expansion(basis.spec, basis.species)
    channels, found = expansion.channels, []
    for number in basis.species.tolist():
        matrices = as_matrices(expansion, basis.references[basis.part(number)])
        flat = (np.ascontiguousarray(t.transpose(1, 2, 0)) for t in matrices)
        found.append(tuple(each.reshape(channels, -1) for each in flat))
    return RowMaker(basis, expansion, tuple(found))


def structure_rows(
    maker: RowMaker, dataset: Dataset, structure: int, *, forces: bool = True
) -> tuple[FloatArray, FloatArray]:
    """Return what each function gives to the energy and to the forces of one structure.

    Returns
    -------
    energy : float array (M,)
    forces : float array (3 n, M)
        x, y and z of the first atom, then of the next; without rows if not wanted. 1/angstrom.
    """
    basis, exponent = maker.basis, maker.basis.spec.exponent
    numbers = dataset.numbers[dataset.rows(structure)]
    energy = np.zeros(len(basis))
    raw = np.zeros((len(numbers) if forces else 0, 3, len(basis)))
    for part in expanded(maker.expansion, dataset, structure, slopes=forces):
        x = spectra_of(maker.expansion, part.coefficients)
        norms = np.linalg.norm(x, axis=1)
        x /= norms[:, None]
        inside = numbers[part.first : part.first + len(x)]
        for at, number in enumerate(basis.species.tolist()):
            centres = np.flatnonzero(inside == number)
            if len(centres) == 0:
                continue
            own = basis.part(number)
            kernel = x[centres] @ basis.references[own].T
            energy[own] += (kernel**exponent).sum(axis=0)
            if forces:
                _add(maker, part, at, numbers, centres, kernel, norms[centres], raw[:, :, own])
    for number in basis.species.tolist():
        own = basis.part(number)
        energy[own] = energy[own] @ basis.whitening[own, own]
        raw[:, :, own] = raw[:, :, own] @ basis.whitening[own, own]
    return energy, raw.reshape(-1, len(basis))


def _add(
    maker: RowMaker,
    part: Expanded,
    species: int,
    numbers: IntArray,
    centres: IntArray,
    kernel: FloatArray,
    norms: FloatArray,
    out: FloatArray,
) -> None:
    """Add the forces from the kernels of some centres of one species, (n, 3, m)."""
    expansion, exponent = maker.expansion, maker.basis.spec.exponent
    c, m = part.coefficients, kernel.shape[1]
    n_species, radial, columns = c.shape[1:]
    scale = 2.0 * exponent * kernel ** (exponent - 1) / norms[:, None]
    ranks = np.searchsorted(expansion.species, numbers[part.moved])
    place = (part.centre - part.first) * n_species + ranks
    edges = np.searchsorted(place, np.arange(len(c) * n_species + 1))
    many = max(1, int(BLOCK_BYTES / (8.0 * n_species * radial * columns * m)))
    for first in range(0, len(centres), many):
        now = slice(first, first + many)
        some = centres[now]
        bracket = np.empty((len(some), n_species * radial, columns, m))
        for l in range(expansion.angular + 1):
            # (centre, m of the harmonics, channel), for T c and for P c = c c' c / ((2 l + 1) |x|)
            inside = c[some][..., l * l : (l + 1) ** 2].reshape(len(some), -1, 2 * l + 1)
            turned = np.ascontiguousarray(inside.transpose(0, 2, 1))
            products = turned.reshape(-1, turned.shape[2]) @ maker.matrices[species][l]
            own = turned @ (inside @ turned) / ((2 * l + 1) * norms[now, None, None])
            products = products.reshape(*turned.shape, m)
            _write(products, own, kernel[now], scale[now], l * l, bracket)
        shaped = bracket.reshape(len(some), n_species, radial * columns, m)
        _scatter(part.slopes, part.first + some, part.moved, some * n_species, edges, shaped, out)


@kernel
def _write(products, own, kernel, scale, first, out) -> None:  # type: ignore[no-untyped-def]
    """Write the bracket times what stands before it, for the harmonics of one l."""
    for i in range(products.shape[0]):
        for a in range(products.shape[2]):
            for q in range(products.shape[1]):
                along = own[i, q, a]
                for s in range(products.shape[3]):
                    inner = products[i, q, a, s] - kernel[i, s] * along
                    out[i, a, first + q, s] = scale[i, s] * inner


@kernel
def _scatter(  # type: ignore[no-untyped-def]
    slopes, centres, moved, places, edges, bracket, out
) -> None:
    """Add minus the derivatives to the atoms that are moved; the opposite to the centre."""
    columns, m = bracket.shape[2], bracket.shape[3]
    for i in range(len(centres)):
        for a in range(bracket.shape[1]):
            first, last = edges[places[i] + a], edges[places[i] + a + 1]
            if first == last:
                continue
            factors = slopes[first:last].reshape((last - first) * 3, columns)
            found = np.dot(factors, bracket[i, a])
            for k in range(last - first):
                for x in range(3):
                    for s in range(m):
                        out[moved[first + k], x, s] -= found[3 * k + x, s]
                        out[centres[i], x, s] += found[3 * k + x, s]
