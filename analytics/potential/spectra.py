r"""SOAP power spectra, and what is needed to differentiate kernels between them.

The neighbours of species a around an atom are expanded in radial functions and spherical harmonics,

.. math:: c^{a}_{nlm} = \sum_{j \in a} R_{nl}(r_j) Y_{lm}(\hat r_j),

and the spectrum is :math:`p_{an,a'n',l} = \sum_m c^{a}_{nlm} c^{a'}_{n'lm} / \sqrt{2l + 1}`. The
radial functions (Gaussians on a GTO basis, scaled and cut off) are those of `featomic`: they are
tabulated once from pairs of atoms at many distances. The rest is done here, because a potential
needs products of *derivatives of the coefficients* with something, never the derivatives of the
spectra themselves, which are many more numbers and what `featomic` returns.

`featomic` is imported when the first spectrum is wanted, not before: the page opens without it.

References
----------
Bartók, Kondor, Csányi, Phys. Rev. B 87, 184115 (2013), doi:10.1103/PhysRevB.87.184115; scaling:
Willatt et al., Phys. Chem. Chem. Phys. 20, 29661 (2018), doi:10.1039/C8CP05921G.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from ase import Atoms
from scipy.interpolate import CubicSpline

from analytics.data.dataset import Dataset
from analytics.geometry.harmonics import expand, harmonic_factors
from analytics.geometry.lattice import reduced_lattices
from analytics.geometry.neighbours import neighbour_pairs
from analytics.potential.spec import RetrainSpec
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.errors import WinnowError
from analytics.runtime.value import Value

__all__ = ["Expanded", "Expansion", "as_matrices", "expanded", "make_expansion", "spectra_of"]

#: Width over which a neighbour fades out before the cutoff, angstrom.
SMOOTHING = 0.5
#: Exponent with which far neighbours count less.
DECAY = 3.0
#: Distance of the first knot and between knots of the radial functions, angstrom. The splines are
#: as accurate as those inside `featomic` (1e-8).
FIRST_KNOT, KNOTS = 0.1, 0.01
#: Bytes of derivatives that are held at once.
BLOCK_BYTES = 16_000_000


@dataclass(frozen=True, slots=True)
class Expansion(Value):
    """How surroundings are expanded; what is tabulated for it.

    Attributes
    ----------
    cutoff : float, angstrom
    radial, angular : int
        Number of radial functions, largest angular momentum.
    species : int array (S,)
        Atomic numbers, ascending.
    table : float array (intervals, 4, radial, angular + 1)
        Cubic splines of the radial functions, highest power first.
    step : float, angstrom
        Between knots; the first is at `FIRST_KNOT`.
    own : float array (radial,)
        What an atom adds to its own coefficients of l = 0.
    """

    cutoff: float
    radial: int
    angular: int
    species: IntArray
    table: FloatArray
    step: float
    own: FloatArray

    @property
    def channels(self) -> int:
        """Radial functions of all species."""
        return self.radial * len(self.species)

    @property
    def dimensions(self) -> int:
        """Numbers in a spectrum."""
        return (self.angular + 1) * self.channels * (self.channels + 1) // 2


@dataclass(frozen=True, slots=True)
class Expanded:
    """Coefficients of some atoms of a structure that follow each other, and their derivatives.

    Attributes
    ----------
    first : int
        Number of the first atom in the structure.
    coefficients : float array (m, species, radial, (angular + 1)^2)
    slopes : float array (g, 3, radial (angular + 1)^2), 1/angstrom
        Derivatives of coefficients of a centre, those of the neighbour's species, when that
        neighbour is moved with all its images; sorted by centre, then by species.
    centre, moved : int arrays (g,)
        Of each derivative. Moving the centre itself gives minus the sum over the others.
    """

    first: int
    coefficients: FloatArray
    slopes: FloatArray
    centre: IntArray
    moved: IntArray


def make_expansion(spec: RetrainSpec, species: IntArray) -> Expansion:
    """Return what expands the surroundings of atoms of some species.

    Raises
    ------
    WinnowError
        If `featomic` cannot be imported.
    """
    try:
        import featomic
    except ImportError:
        raise WinnowError(
            "retraining needs the package featomic, which is not installed: "
            "python -m pip install featomic"
        ) from None
    table, step, own = _tabulate(
        featomic.SphericalExpansion, spec.cutoff, spec.radial, spec.angular, spec.width
    )
    return Expansion(spec.cutoff, spec.radial, spec.angular, frozen(species), table, step, own)


@lru_cache(maxsize=8)
def _tabulate(
    calculator: Any, cutoff: float, radial: int, angular: int, width: float
) -> tuple[FloatArray, float, FloatArray]:
    """Return splines of the radial functions, the distance of their knots, and the own part.

    A neighbour on the z axis has coefficients with m = 0 only, R_nl(r) Y_l0(z).
    """
    scaling = {"type": "Willatt2018", "rate": 1.0, "scale": cutoff / 2, "exponent": DECAY}
    smoothing = {"type": "ShiftedCosine", "width": min(SMOOTHING, 0.5 * cutoff)}
    expansion = calculator(
        cutoff={"radius": cutoff, "smoothing": smoothing},
        density={"type": "Gaussian", "width": width, "scaling": scaling},
        basis={
            "type": "TensorProduct",
            "max_angular": angular,
            "radial": {"type": "Gto", "max_radial": radial - 1},
        },
    )
    knots = np.linspace(FIRST_KNOT, cutoff, 1 + math.ceil((cutoff - FIRST_KNOT) / KNOTS))
    # the last one out of reach by a hair would have no neighbour
    pairs = [Atoms("HHe", [[0, 0, 0], [0, 0, r]]) for r in [*knots[:-1], knots[-1] * (1 - 1e-12)]]
    found = expansion.compute(pairs)
    values = np.zeros((len(knots), radial, angular + 1))
    for l in range(angular + 1):
        block = found.block(o3_lambda=l, center_type=1, neighbor_type=2)
        systems = np.asarray(block.samples["system"])
        on_axis = np.asarray(block.values)[:, l, :]
        values[systems, :, l] = on_axis / math.sqrt((2 * l + 1) / (4 * math.pi))
    own = found.block(o3_lambda=0, center_type=1, neighbor_type=1)
    spline = CubicSpline(knots, values.reshape(len(knots), -1))
    table = np.ascontiguousarray(spline.c.transpose(1, 0, 2))
    shape = (len(knots) - 1, 4, radial, angular + 1)
    step = float(knots[1] - knots[0])
    return frozen(table.reshape(shape)), step, frozen(np.asarray(own.values)[0, 0])


def expanded(
    expansion: Expansion, dataset: Dataset, structure: int, *, slopes: bool
) -> Iterator[Expanded]:
    """Yield the coefficients of the atoms of a structure, a few atoms at a time.

    Parameters
    ----------
    expansion : Expansion
    dataset : Dataset
    structure : int
    slopes : bool
        Whether the derivatives are wanted.
    """
    rows = dataset.rows(structure)
    positions = np.ascontiguousarray(dataset.positions[rows], dtype=np.float64)
    ranks = np.searchsorted(expansion.species, dataset.numbers[rows])
    one = slice(structure, structure + 1)
    lattice = reduced_lattices(dataset.cells[one], dataset.pbc[one])
    columns = expansion.radial * (expansion.angular + 1) ** 2
    least = 24 * columns * min(len(positions), 60)
    count = max(1, BLOCK_BYTES // least)
    factors = harmonic_factors(expansion.angular)
    for first, last, atoms, vectors in _pairs(positions, ranks, lattice, expansion.cutoff, count):
        group, leaders = _groups(atoms) if slopes else (np.full(len(atoms), -1), atoms[:0])
        shape = (expansion.radial, (expansion.angular + 1) ** 2)
        found = np.zeros((last - first, len(expansion.species), *shape))
        found[np.arange(last - first), ranks[first:last], :, 0] += expansion.own
        moved = np.zeros((len(leaders), 3, *shape))
        expand(
            atoms - [first, 0], vectors, ranks, expansion.table, FIRST_KNOT, expansion.step,
            factors, group, found, moved,
        )  # fmt: skip
        yield Expanded(
            first, found, moved.reshape(len(leaders), 3, columns), leaders[:, 0], leaders[:, 1]
        )


def _pairs(
    positions: FloatArray,
    ranks: IntArray,
    lattice: tuple[FloatArray, FloatArray],
    cutoff: float,
    count: int,
) -> Iterator[tuple[int, int, IntArray, FloatArray]]:
    """Yield the neighbours of `count` atoms at a time: rows first..last-1, atoms (k, 2), vectors.

    By centre, then by species of the neighbour, all images of a neighbour together.
    """
    for pairs in neighbour_pairs(positions, np.array([0, len(positions)]), lattice, cutoff):
        order = np.lexsort((ranks[pairs.neighbours], pairs.centres))
        atoms = np.column_stack([pairs.centres, pairs.neighbours])[order]
        vectors = pairs.vectors[order]
        for first in range(pairs.first, pairs.stop, count):
            last = min(first + count, pairs.stop)
            part = slice(*np.searchsorted(pairs.centres, [first, last]))
            yield first, last, atoms[part], vectors[part]


def _groups(atoms: IntArray) -> tuple[IntArray, IntArray]:
    """Return a number for each pair of different atoms, and the pair behind each number.

    All images of a neighbour go together. An atom and its own image move together, which changes
    nothing: -1.
    """
    different = atoms[:, 0] != atoms[:, 1]
    new = different.copy()
    new[1:] &= (atoms[1:] != atoms[:-1]).any(axis=1)
    return np.where(different, np.cumsum(new) - 1, -1), atoms[new]


def spectra_of(expansion: Expansion, coefficients: FloatArray) -> FloatArray:
    """Return spectra (m, dimensions) of coefficients (m, species, radial, (angular + 1)^2).

    Pairs of channels that occur twice are written once, times the square root of two, so that
    products of spectra are those of the full ones.
    """
    upper, twice = _pairs_of_channels(expansion.channels)
    parts = []
    for l in range(expansion.angular + 1):
        c = coefficients[..., l * l : (l + 1) ** 2].reshape(len(coefficients), -1, 2 * l + 1)
        products = (c @ c.transpose(0, 2, 1)) / math.sqrt(2 * l + 1)
        parts.append(products[:, upper[0], upper[1]] * twice)
    return np.hstack(parts)


def as_matrices(expansion: Expansion, spectra: FloatArray) -> list[FloatArray]:
    r"""Return for each l the symmetric matrices T (m, channels, channels) of spectra s.

    .. math:: p \cdot s = \sum_l \sum_{\alpha \beta m} T^l_{\alpha \beta} c_{\alpha lm} c_{\beta lm}
    """
    upper, twice = _pairs_of_channels(expansion.channels)
    found: list[FloatArray] = []
    for l, part in enumerate(np.split(spectra, expansion.angular + 1, axis=1)):
        matrix = np.zeros((len(spectra), expansion.channels, expansion.channels))
        matrix[:, upper[0], upper[1]] = part / twice / math.sqrt(2 * l + 1)
        matrix[:, upper[1], upper[0]] = matrix[:, upper[0], upper[1]]
        found.append(matrix)
    return found


@lru_cache(maxsize=8)
def _pairs_of_channels(channels: int) -> tuple[tuple[IntArray, IntArray], FloatArray]:
    upper = np.triu_indices(channels)
    return upper, np.where(upper[0] < upper[1], math.sqrt(2.0), 1.0)
