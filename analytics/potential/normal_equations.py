r"""Normal equations: a fit to any subset is a sum over its structures and one solve.

With :math:`\phi` the energy row of a structure (functions and numbers of atoms), F its force rows,
n its number of atoms and f its forces,

.. math::

    A = \Lambda + \sum_s \left[ \frac{\phi_s \phi_s^T}{n_s^2 \sigma_E^2}
        + \frac{F_s^T F_s}{\sigma_F^2} \right], \qquad
    b = \sum_s \left[ \frac{\phi_s e_s}{n_s^2 \sigma_E^2} + \frac{F_s^T f_s}{\sigma_F^2} \right],
    \qquad A c = b,

e the energy above the sum of atomic energies that the pool suggests. The atomic energies float
with every fit under a prior of 10 eV, so that the composition of a subset biases nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from analytics.data.content import content_order
from analytics.potential.design_rows import Design
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen
from analytics.runtime.memory import physical_memory
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = ["Equations", "ForceTerms", "make_equations", "pool_energies", "solve"]

#: Standard deviation of an atomic energy around the pool's least squares, eV.
ATOMIC_PRIOR = 10.0
#: Bytes that the packed force terms of single structures may take; else they are made when needed.
PACKED_BYTES = 1.5e9
#: Rows of forces converted to double precision at once.
CHUNK = 20_000


@dataclass(frozen=True, slots=True)
class ForceTerms(Value):
    """Sums over force components of one or several structures, without weights.

    The sum of squared errors of a fit is ``c @ gram @ c - 2 * vector @ c + square``.

    Attributes
    ----------
    gram : float array (M, M)
    vector : float array (M,)
    square : float, (eV/angstrom)^2
    count : int
        Number of force components known.
    """

    gram: FloatArray
    vector: FloatArray
    square: float
    count: int

    def squared_error(self, coefficients: FloatArray) -> float:
        """Return the sum of squared force errors of a fit, (eV/angstrom)^2."""
        c = coefficients[: len(self.vector)]
        value = c @ (self.gram @ c) - 2.0 * (self.vector @ c) + self.square
        return max(0.0, float(value))


@dataclass(frozen=True)
class Equations(Value):
    """The normal equations of every structure of a design.

    Attributes
    ----------
    design : Design
    atomic : float array (S,), eV
        Energy of an atom of each species that the pool suggests.
    vectors : float array (n_structures, M)
        Force rows times forces.
    packed : float array (n_structures, M (M + 1) / 2), optional
        Upper triangles of the force Grams; None if they would not fit.
    """

    design: Design
    atomic: FloatArray
    vectors: FloatArray
    packed: FloatArray | None

    def __len__(self) -> int:
        return self.design.dataset.n_structures

    @cached_property
    def fingerprint(self) -> str:
        """Digest of data and basis, and of the sums themselves to the last bit."""
        own = self.design
        return fingerprint("equations", own.fingerprint, self.atomic, self.vectors, own.energy_rows)

    def take(self, structures: IntArray) -> Equations:
        """Return the equations of some structures, in the order given."""
        packed = None if self.packed is None else frozen(self.packed[structures])
        vectors = frozen(self.vectors[structures])
        return Equations(self.design.take(structures), self.atomic, vectors, packed)

    @property
    def n_functions(self) -> int:
        """Number of functions M; a fit has one coefficient more per species."""
        return len(self.design.basis)

    @cached_property
    def energy_rows(self) -> FloatArray:
        """Functions and numbers of atoms, (n_structures, M + S)."""
        return np.hstack([self.design.energy_rows, self.design.composition])

    @cached_property
    def residuals(self) -> FloatArray:
        """Energy above the atomic ones, eV, NaN where not known, (n_structures,)."""
        return np.asarray(self.design.energies - self.design.composition @ self.atomic)

    @cached_property
    def energy_weights(self) -> FloatArray:
        """1 / (n sigma_E)^2, 0 where the energy is not known, 1/eV^2, (n_structures,)."""
        error = 1e-3 * self.design.basis.spec.energy_error * self.design.dataset.sizes
        known = np.isfinite(self.residuals) & (error > 0)
        return np.asarray(np.where(known, 1.0, 0.0) / np.where(known, error, 1.0) ** 2)

    @property
    def force_weight(self) -> float:
        """1 / sigma_F^2, angstrom^2/eV^2."""
        return float(self.design.basis.spec.force_error**-2)

    @cached_property
    def prior(self) -> FloatArray:
        """Diagonal of Lambda, (M + S,)."""
        functions = np.full(self.n_functions, self.design.basis.spec.prior**-2)
        return np.append(functions, np.full(len(self.atomic), ATOMIC_PRIOR**-2))

    @cached_property
    def squares(self) -> FloatArray:
        """Sum of the squared force components of each structure, (eV/angstrom)^2."""
        return _by_structure(self.design, self.design.forces**2)

    @cached_property
    def counts(self) -> IntArray:
        """Number of force components known of each structure."""
        known = np.repeat(self.design.force_known, 3).astype(float)
        return _by_structure(self.design, known).astype(np.int64)

    def force_terms(self, structures: IntArray) -> ForceTerms:
        """Return the sums over some structures."""
        structures = np.asarray(structures, dtype=np.int64)
        return ForceTerms(
            self._gram(structures),
            self.vectors[structures].sum(axis=0),
            float(self.squares[structures].sum()),
            int(self.counts[structures].sum()),
        )

    def _gram(self, structures: IntArray) -> FloatArray:
        structures = structures[self.counts[structures] > 0]
        if self.packed is not None:
            total = np.zeros(self.packed.shape[1])
            for s in structures:  # no copy of all the triangles
                total += self.packed[s]
            return _unpack(total, self.n_functions)
        gram = np.zeros((self.n_functions, self.n_functions))
        rows = self.design.force_part(structures)
        for first in range(0, len(rows), CHUNK):
            part = self.design.force_rows[rows[first : first + CHUNK]].astype(np.float64)
            gram += part.T @ part
        return gram

    def system(self, structures: IntArray) -> tuple[FloatArray, FloatArray]:
        """Return the sums A (M + S, M + S) without the prior, and b (M + S,)."""
        structures = np.asarray(structures, dtype=np.int64)
        return self.assemble(
            self._gram(structures), self.vectors[structures].sum(axis=0), structures
        )

    def assemble(
        self, gram: FloatArray, vector: FloatArray, structures: IntArray
    ) -> tuple[FloatArray, FloatArray]:
        """Return A and b from force sums of structures and their energies."""
        m = self.n_functions
        rows, weights = self.energy_rows[structures], self.energy_weights[structures]
        known = weights > 0
        rows, weights = rows[known], weights[known]
        weighted = rows * np.sqrt(weights)[:, None]
        matrix = weighted.T @ weighted
        matrix[:m, :m] += self.force_weight * gram
        right = rows.T @ (weights * self.residuals[structures][known])
        right[:m] += self.force_weight * vector
        return matrix, right

    def fit(self, structures: IntArray) -> FloatArray:
        """Return the coefficients of the potential trained on some structures, (M + S,)."""
        return solve(*self.system(structures), self.prior)


def solve(matrix: FloatArray, right: FloatArray, prior: FloatArray) -> FloatArray:
    """Solve (matrix + diag(prior)) x = right."""
    total = matrix.copy()
    total[np.diag_indices_from(total)] += prior
    try:
        factor = cho_factor(total, lower=True, check_finite=False)
    except LinAlgError:  # environments all alike: to rounding, nothing tells basis functions apart
        return np.asarray(np.linalg.lstsq(total, right, rcond=None)[0])
    return np.asarray(cho_solve(factor, right, check_finite=False))


def pool_energies(design: Design, structures: IntArray) -> FloatArray:
    """Return atomic energies by least squares over the energies per atom of a pool, eV, (S,).

    Zero where nothing is known.
    """
    structures = np.asarray(structures)
    energies, counts = design.energies[structures], design.composition[structures]
    known = np.isfinite(energies) & (counts.sum(axis=1) > 0)
    sizes = counts[known].sum(axis=1)
    shares, target = counts[known] / sizes[:, None], energies[known] / sizes
    return np.asarray(np.linalg.lstsq(shares, target, rcond=None)[0])


def make_equations(
    design: Design,
    pool: IntArray | None = None,
    *,
    atomic: FloatArray | None = None,
    single: bool = True,
    monitor: Monitor = SILENT,
) -> Equations:
    """Sum up the normal equations of every structure, once.

    Parameters
    ----------
    design : Design
    pool : int array, optional
        The structures whose energies suggest those of atoms (default: all).
    atomic : float array (S,), optional
        The energies of atoms, if another pool suggests them.
    single : bool
        Whether single structures will be asked for: their Grams are then kept, if they fit.
    monitor : Monitor
    """
    n, m = design.dataset.n_structures, len(design.basis)
    if atomic is None:
        pool = np.arange(n) if pool is None else np.asarray(pool)
        atomic = pool_energies(design, pool[content_order(design.dataset, pool)])
    size = m * (m + 1) // 2
    limit = min(PACKED_BYTES, 0.2 * physical_memory())
    packed = np.zeros((n, size)) if single and 8.0 * n * size <= limit else None
    vectors = np.zeros((n, m))
    upper = _upper(m)

    def work(s: int) -> tuple[FloatArray, FloatArray]:
        rows = design.dataset.rows(s)
        part = slice(3 * rows.start, 3 * rows.stop)
        values = design.force_rows[part].astype(np.float64)
        triangle = np.empty(0) if packed is None else (values.T @ values)[upper]
        return values.T @ design.forces[part], triangle

    for s, (vector, triangle) in enumerate(in_order(work, range(n), monitor, "normal equations")):
        vectors[s] = vector
        if packed is not None:
            packed[s] = triangle
    return Equations(
        design, frozen(atomic), frozen(vectors), None if packed is None else frozen(packed)
    )


def _unpack(triangle: FloatArray, m: int) -> FloatArray:
    gram = np.zeros((m, m))
    gram[_upper(m)] = triangle
    return np.asarray(gram + np.triu(gram, 1).T)


def _upper(m: int) -> npt.NDArray[np.bool_]:
    """Return the mask of the upper triangle, (m, m): twice as fast as its indices, and smaller."""
    return np.tri(m, dtype=bool).T


def _by_structure(design: Design, values: FloatArray) -> FloatArray:
    owner = np.repeat(np.arange(design.dataset.n_structures), 3 * design.dataset.sizes)
    n = design.dataset.n_structures
    return np.asarray(np.bincount(owner, weights=values, minlength=n), dtype=np.float64)
