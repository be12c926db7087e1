r"""SOAP-GAP: design rows of kernels between power spectra, with their derivatives.

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

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.data.dataset import Dataset
from analytics.potential.basis import Basis, choose_bases, most_references
from analytics.potential.force_rows import BLOCK_BYTES, add_forces
from analytics.potential.potentials import POTENTIALS, PoolPart, Potential, Rows
from analytics.potential.spec import RetrainSpec
from analytics.potential.spectra import (
    Expanded,
    Expansion,
    as_matrices,
    expanded,
    make_expansion,
    spectra_of,
)
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.compiled import kernel
from analytics.runtime.progress import Monitor

__all__ = ["RowMaker", "make_rows", "structure_rows"]


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
        add_forces(part.slopes, part.first + some, part.moved, some * n_species, edges, shaped, out)


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


def _bases(
    dataset: Dataset, spec: RetrainSpec, pools: Sequence[IntArray | None], monitor: Monitor
) -> tuple[Basis, list[PoolPart]]:
    union, parts = choose_bases(dataset, spec, pools, monitor=monitor)
    return union, list(parts)


def _row_maker(basis: Basis) -> Rows:
    maker = make_rows(basis)
    return lambda dataset, s, forces: structure_rows(maker, dataset, s, forces=forces)


POTENTIALS.register("soap_gap")(
    Potential("soap_gap", "SOAP-GAP", RetrainSpec, _bases, _row_maker, most_references)
)
