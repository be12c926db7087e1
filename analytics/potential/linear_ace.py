r"""Linear ACE (atomic cluster expansion): products of up to three densities, with derivatives.

The neighbours of species a around an atom are expanded in radial functions and spherical harmonics,

.. math:: c_{a n l m} = \sum_{j \in a} R_n(r_j) Y_{l m}(\hat r_j), \qquad
    R_n(r) = \frac{\sin((n + 1) \pi r / r_c)}{r / r_c}
    \frac{(1 - (r / r_c)^2)^2}{1 + (2 r / r_c)^3},

Bessel functions that are cut off and count far neighbours less. The energy of an atom is linear
in invariant products of them: :math:`c_{a n 0 0}` (pairs of atoms), products of two mixtures of the
densities with the same l, and of three that are coupled by the integrals of three harmonics,

.. math:: \sum_m u_{k l m} u'_{k l m}, \qquad
    \sum_{m_1 m_2 m_3} G^{l_1 l_2 l_3}_{m_1 m_2 m_3} v_{k l_1 m_1} v'_{k l_2 m_2} v''_{k l_3 m_3}.

The mixtures u_k, v_k run over species and radial functions with fixed random weights, so that the
number of functions does not grow with the square and the cube of the number of species. Functions
of one degree are divided by what they vary by over the environments of a pool, as a root mean
square: a label-free scale. (Each by its own spread would make giants of those that symmetry all but
forbids in the pool: in the force tail of a Ti-Al set the error was seven times as large.)

It has nothing in common with SOAP-GAP (`analytics.potential.soap_gap`) but the neighbours: other
radial functions and cutoff, no reference environments, no normalisation, polynomials of the density
up to the third degree instead of the fourth.

References
----------
Drautz, Phys. Rev. B 99, 014104 (2019), doi:10.1103/PhysRevB.99.014104; mixtures: Darby, Kovács,
Batatia, Caro, Hart, Ortner, Csányi, Phys. Rev. Lett. 131, 028001 (2023),
doi:10.1103/PhysRevLett.131.028001; radial functions: Kocer, Mason, Erturk, AIP Adv. 10, 015021
(2020), doi:10.1063/1.5111045.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.interpolate import CubicSpline

from analytics.data.dataset import Dataset
from analytics.descriptors.validation import check_geometry
from analytics.geometry.harmonics import expand, harmonic_factors
from analytics.potential.force_rows import BLOCK_BYTES, add_forces
from analytics.potential.potentials import POTENTIALS, PoolPart, Potential, Rows, pools_of
from analytics.potential.spec import AceSpec
from analytics.potential.spectra import FIRST_KNOT, KNOTS, Expansion, expanded
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen
from analytics.runtime.compiled import kernel
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = ["AceBasis", "AceFunctions", "choose_scales", "functions_of", "site_functions"]

#: Largest angular momentum in products of three, and of the three together.
TRIPLE_ANGULAR, TRIPLE_SUM = 3, 8
#: Functions of all species together, at most.
MOST_FUNCTIONS = 1200
#: Where the random weights of mixtures start.
SEED = 0


@dataclass(frozen=True, slots=True)
class AceBasis(Value):
    """The functions of the atoms of a structure, summed up for each species of the centre.

    Attributes
    ----------
    spec : AceSpec
        As used: of many species there are fewer mixtures.
    species : int array (S,)
        Atomic numbers, ascending.
    scales : float array (M,)
        What functions are multiplied by, species after species of the centre.
    """

    spec: AceSpec
    species: IntArray
    scales: FloatArray

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        for name in ("species", "scales"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.scales)

    @property
    def fingerprint(self) -> str:
        """Digest of everything that rows depend on."""
        return fingerprint(repr(self.spec), self.species, self.scales)

    def restricted(self, scales: FloatArray) -> AceBasis:
        """Return the basis with the scales of one pool."""
        return replace(self, scales=scales)

    def to_restricted(self, scales: FloatArray) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]]:
        """Return what turns rows of this basis into rows of the restricted one."""
        ratio = scales / self.scales
        return lambda rows: rows * ratio.astype(rows.dtype)


@dataclass(frozen=True, slots=True)
class AceFunctions(Value):
    """What the functions of an atom are made from; the same for every species of the centre.

    Attributes
    ----------
    expansion : Expansion
    pairs : float array (2, K, channels)
        Weights of the mixtures that are multiplied in pairs.
    triples : float array (3, K', channels)
    couplings : int array (e, 4)
        Set of momenta, and the place of each of the three factors among the harmonics.
    integrals : float array (e,)
        Of the three harmonics; those of a set have the length one.
    sets : int
        Number of sets of momenta.
    """

    expansion: Expansion
    pairs: FloatArray
    triples: FloatArray
    couplings: IntArray
    integrals: FloatArray
    sets: int

    def __len__(self) -> int:
        """Return the number of functions of a centre."""
        momenta = self.expansion.angular + 1
        own = self.expansion.channels + self.pairs.shape[1] * momenta
        return int(own + self.triples.shape[1] * self.sets)

    @property
    def degrees(self) -> IntArray:
        """Number of densities in each function of a centre, 1 to 3."""
        one, three = self.expansion.channels, self.triples.shape[1] * self.sets
        return np.repeat([1, 2, 3], [one, len(self) - one - three, three])


def functions_of(spec: AceSpec, species: IntArray) -> AceFunctions:
    """Return the functions of a spec."""
    table, step = _radial_table(spec.cutoff, spec.radial, spec.angular)
    own = frozen(np.zeros(spec.radial))
    expansion = Expansion(spec.cutoff, spec.radial, spec.angular, frozen(species), table, step, own)
    rng = np.random.default_rng(SEED)
    smooth = np.tile(1.0 / (1.0 + np.arange(spec.radial)), len(species))
    pairs = rng.normal(size=(2, spec.pairs, expansion.channels)) * smooth
    triples = rng.normal(size=(3, spec.triples, expansion.channels)) * smooth
    couplings, integrals, sets = _couplings(min(TRIPLE_ANGULAR, spec.angular))
    return AceFunctions(expansion, frozen(pairs), frozen(triples), couplings, integrals, sets)


@lru_cache(maxsize=8)
def _radial_table(cutoff: float, radial: int, angular: int) -> tuple[FloatArray, float]:
    """Return splines of the radial functions, and the distance of their knots."""
    knots = np.linspace(FIRST_KNOT, cutoff, 1 + math.ceil((cutoff - FIRST_KNOT) / KNOTS))
    x = knots / cutoff
    fade = (1.0 - x**2) ** 2 / (1.0 + (2.0 * x) ** 3)
    values = np.sin(np.pi * x[:, None] * (1.0 + np.arange(radial))) * (fade / x)[:, None]
    table = CubicSpline(knots, values).c.transpose(1, 0, 2)[..., None]
    shape = (len(knots) - 1, 4, radial, angular + 1)
    return frozen(np.ascontiguousarray(np.broadcast_to(table, shape))), float(knots[1] - knots[0])


@lru_cache(maxsize=8)
def _couplings(angular: int) -> tuple[IntArray, FloatArray, int]:
    """Return which harmonics are coupled in products of three, by how much, and how many sets.

    The integral of three real harmonics over the sphere is their invariant coupling where the
    momenta add up to an even number (where it is odd, products change sign under inversion).
    """
    z, weights = np.polynomial.legendre.leggauss(2 * angular + 2)
    phi = 2.0 * np.pi * np.arange(4 * angular + 4) / (4 * angular + 4)
    ring = np.sqrt(1.0 - z**2)
    x, y = np.outer(ring, np.cos(phi)), np.outer(ring, np.sin(phi))
    points = np.stack([x, y, np.broadcast_to(z[:, None], x.shape)], axis=-1).reshape(-1, 3)
    harmonics = _harmonics_at(points, angular)
    weighted = harmonics * np.repeat(weights, len(phi))[:, None]
    every = np.einsum("ia,ib,ic->abc", weighted, harmonics, harmonics, optimize=True)
    sets = [
        (a, b, c)
        for a in range(angular + 1)
        for b in range(a, angular + 1)
        for c in range(b, min(a + b, angular) + 1)
        if (a + b + c) % 2 == 0 and a + b + c <= TRIPLE_SUM
    ]
    places, values = [], []
    for at, momenta in enumerate(sets):
        block = every[tuple(slice(l * l, (l + 1) ** 2) for l in momenta)]
        found = np.argwhere(np.abs(block) > 1e-10)
        places.append(np.column_stack([np.full(len(found), at), found + np.square(momenta)]))
        values.append(block[tuple(found.T)] / np.linalg.norm(block))
    return frozen(np.vstack(places)), frozen(np.concatenate(values)), len(sets)


def _harmonics_at(directions: FloatArray, angular: int) -> FloatArray:
    """Return the real spherical harmonics of unit vectors, (n, (angular + 1)^2)."""
    n, columns = len(directions), (angular + 1) ** 2
    one = np.zeros((1, 4, 1, angular + 1))
    one[:, 3] = 1.0
    found, slopes = np.zeros((n, 1, 1, columns)), np.zeros((1, 3, 1, columns))
    atoms, ranks = np.column_stack([np.arange(n), np.zeros(n, dtype=np.int64)]), np.zeros(n, int)
    group = np.full(n, -1)
    expand(
        atoms, directions, ranks, one, 0.0, 10.0, harmonic_factors(angular), group, found, slopes
    )
    return found[:, 0, 0]


# ------------------------------------------------------------------------------- basis


def most_functions(spec: AceSpec, n_species: int) -> int:
    """Return how many functions a basis has, of all species together."""
    own = _affordable(spec, n_species)
    return n_species * len(functions_of(own, np.arange(1, n_species + 1)))


def _affordable(spec: AceSpec, n_species: int) -> AceSpec:
    """Return a spec with fewer mixtures if there would be too many functions."""
    wanted = len(functions_of(spec, np.arange(1, n_species + 1)))
    alone = spec.radial * n_species
    share = (MOST_FUNCTIONS / n_species - alone) / (wanted - alone)
    if share >= 1.0:
        return spec
    pairs, triples = (max(1, int(share * count)) for count in (spec.pairs, spec.triples))
    return replace(spec, pairs=pairs, triples=min(spec.triples, triples))


def choose_scales(
    dataset: Dataset,
    spec: AceSpec,
    pools: Sequence[IntArray | None],
    monitor: Monitor = SILENT,
) -> tuple[AceBasis, list[PoolPart]]:
    """Return the basis of several pools, and the scales of each: label-free.

    The basis itself has those of all structures; those of a pool come from its own environments,
    one for the functions of each degree and species of the centre.

    Parameters
    ----------
    dataset : Dataset
    spec : AceSpec
        With many species there are fewer mixtures, so that there are at most 1200 functions.
    pools : sequence of int arrays
        Structures; None for all. All pools have the same species.
    monitor : Monitor

    Raises
    ------
    InputError
        If there is no atom, or a structure has no geometry.
    """
    allowed, species = pools_of(dataset, pools)
    union = allowed[0]
    for pool in allowed[1:]:
        union = np.union1d(union, pool)
    check_geometry(dataset, union, spec.cutoff)
    spec = _affordable(spec, len(species))
    functions = functions_of(spec, species)

    def work(block: int) -> FloatArray:
        s = int(union[block])
        numbers = dataset.numbers[dataset.rows(s)]
        found = np.zeros((3, len(species), len(functions)))
        for part in expanded(functions.expansion, dataset, s, slopes=False):
            values = site_functions(functions, part.coefficients)
            inside = numbers[part.first : part.first + len(values)]
            for at, number in enumerate(species.tolist()):
                own = values[inside == number]
                found[:, at] += [np.full(own.shape[1], len(own)), own.sum(0), (own**2).sum(0)]
        return found.reshape(3, -1)

    blocks = range(len(union))
    sums = np.stack(list(in_order(work, blocks, monitor, "scales of the functions")))
    kinds = 3 * np.repeat(np.arange(len(species)), len(functions))
    kinds += np.tile(functions.degrees - 1, len(species))
    parts = [_scales(sums[np.isin(union, pool)].sum(axis=0), kinds) for pool in allowed]
    return AceBasis(spec, species, _scales(sums.sum(axis=0), kinds)), list(parts)


def _scales(sums: FloatArray, kinds: IntArray) -> FloatArray:
    """Return one over the spread of the functions of each kind; 1 where nothing varies.

    `sums` are numbers of environments, sums of the functions and of their squares, (3, M).
    """
    count, total, squares = sums
    count = np.maximum(count, 1.0)
    variance = np.maximum(squares / count - (total / count) ** 2, 0.0)
    mean = np.bincount(kinds, weights=variance) / np.maximum(np.bincount(kinds), 1)
    return np.asarray(1.0 / np.sqrt(np.where(mean > 0, mean, 1.0))[kinds])


# ------------------------------------------------------------------------------- rows


def site_functions(functions: AceFunctions, coefficients: FloatArray) -> FloatArray:
    """Return the functions of atoms (m, M') with coefficients (m, species, radial, harmonics)."""
    c, pairs, triples = _mixed(functions, coefficients)
    edges = np.arange(functions.expansion.angular + 1) ** 2
    two = np.add.reduceat(pairs[0] * pairs[1], edges, axis=2)
    three = np.zeros((len(c), triples.shape[2], functions.sets))
    _couple(triples, functions.couplings, functions.integrals, three)
    return np.hstack([c[:, :, 0], two.reshape(len(c), -1), three.reshape(len(c), -1)])


def _mixed(
    functions: AceFunctions, coefficients: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return coefficients by channel (m, channels, harmonics), and mixtures (2 or 3, m, K, .)."""
    c = coefficients.reshape(len(coefficients), functions.expansion.channels, -1)
    most = (min(TRIPLE_ANGULAR, functions.expansion.angular) + 1) ** 2
    return c, functions.pairs[:, None] @ c, functions.triples[:, None] @ c[:, :, :most]


def _structure_rows(
    basis: AceBasis, functions: AceFunctions, dataset: Dataset, structure: int, forces: bool
) -> tuple[FloatArray, FloatArray]:
    """Return what each function gives to the energy and to the forces of one structure."""
    numbers = dataset.numbers[dataset.rows(structure)]
    n_species, size = len(basis.species), len(functions)
    energy = np.zeros((n_species, size))
    raw = np.zeros((len(numbers) if forces else 0, 3, len(basis)))
    shape = (functions.expansion.channels, (functions.expansion.angular + 1) ** 2, size)
    many = max(1, int(BLOCK_BYTES / (8.0 * math.prod(shape))))
    for part in expanded(functions.expansion, dataset, structure, slopes=forces):
        values = site_functions(functions, part.coefficients)
        inside = np.searchsorted(basis.species, numbers[part.first : part.first + len(values)])
        np.add.at(energy, inside, values)
        if not forces:
            continue
        ranks = np.searchsorted(basis.species, numbers[part.moved])
        place = (part.centre - part.first) * n_species + ranks
        edges = np.searchsorted(place, np.arange(len(values) * n_species + 1))
        for at in range(n_species):
            centres = np.flatnonzero(inside == at)
            own = slice(at * size, (at + 1) * size)
            for first in range(0, len(centres), many):
                some = centres[first : first + many]
                slopes = _slopes(functions, part.coefficients[some])
                slopes = slopes.reshape(len(some), n_species, -1, size)
                add_forces(
                    part.slopes, part.first + some, part.moved, some * n_species, edges, slopes,
                    raw[:, :, own],
                )  # fmt: skip
    raw *= basis.scales
    return energy.reshape(-1) * basis.scales, raw.reshape(-1, len(basis))


def _slopes(functions: AceFunctions, coefficients: FloatArray) -> FloatArray:
    """Return derivatives of functions by coefficients, (m, channels, harmonics, M')."""
    c, pairs, triples = _mixed(functions, coefficients)
    found = np.zeros((*c.shape, len(functions)))
    own = np.arange(c.shape[1])
    found[:, own, 0, own] = 1.0
    momenta = np.sqrt(np.arange(c.shape[2])).astype(np.int64)
    _write_slopes(
        functions.pairs, functions.triples, pairs, triples, momenta, functions.couplings,
        functions.integrals, functions.sets, found,
    )  # fmt: skip
    return found


@kernel
def _couple(mixtures, couplings, integrals, out) -> None:  # type: ignore[no-untyped-def]
    """Add up the products of three mixtures, (m, K, sets)."""
    for i in range(out.shape[0]):
        for e in range(len(integrals)):
            t, a, b, c = couplings[e]
            for k in range(out.shape[1]):
                product = mixtures[0, i, k, a] * mixtures[1, i, k, b] * mixtures[2, i, k, c]
                out[i, k, t] += integrals[e] * product


@kernel
def _write_slopes(  # type: ignore[no-untyped-def]
    pairs, triples, two, three, momenta, couplings, integrals, sets, out
) -> None:
    """Write the derivatives of products of two and three mixtures by coefficients."""
    channels, harmonics = out.shape[1], out.shape[2]
    n_pairs, n_triples, most = pairs.shape[1], triples.shape[1], three.shape[3]
    n_momenta = momenta[-1] + 1
    by_factor = np.empty((3, most, n_triples, sets))
    for i in range(out.shape[0]):
        for q in range(harmonics):
            for a in range(channels):
                at = channels + momenta[q]
                for k in range(n_pairs):
                    slope = pairs[0, k, a] * two[1, i, k, q] + pairs[1, k, a] * two[0, i, k, q]
                    out[i, a, q, at + k * n_momenta] = slope
        by_factor[:] = 0.0
        for e in range(len(integrals)):
            t, a, b, c = couplings[e]
            for k in range(n_triples):
                x, y, z = three[0, i, k, a], three[1, i, k, b], three[2, i, k, c]
                by_factor[0, a, k, t] += integrals[e] * y * z
                by_factor[1, b, k, t] += integrals[e] * x * z
                by_factor[2, c, k, t] += integrals[e] * x * y
        for a in range(channels):
            for q in range(most):
                at = channels + n_pairs * n_momenta
                for k in range(n_triples):
                    u, v, w = triples[0, k, a], triples[1, k, a], triples[2, k, a]
                    for t in range(sets):
                        slope = u * by_factor[0, q, k, t] + v * by_factor[1, q, k, t]
                        out[i, a, q, at + k * sets + t] = slope + w * by_factor[2, q, k, t]


def _row_maker(basis: AceBasis) -> Rows:
    functions = functions_of(basis.spec, basis.species)
    return lambda dataset, s, forces: _structure_rows(basis, functions, dataset, s, forces)


POTENTIALS.register("linear_ace")(
    Potential("linear_ace", "linear ACE", AceSpec, choose_scales, _row_maker, most_functions)
)
