r"""Predictive variance of a fit: what the potential itself says of its errors (uncertainty).

A linear fit with the prior :math:`\Lambda` is Bayesian linear regression: with :math:`A` its
normal matrix, a force component with the row :math:`r` is predicted with the variance

.. math:: \sigma_F^2 + r^T A^{-1} r,

the error that the fit reckons with for a label, and what the training structures have not
settled; an energy likewise. It is right if the potential is; `evaluation.retrain.uncertainty`
measures how right it is, and scales it.

References
----------
C. M. Bishop, Pattern Recognition and Machine Learning, Springer (2006), eq. 3.59.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cholesky, solve_triangular

from analytics.potential.normal_equations import Equations
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = ["PredictiveSpread", "predictive_spread"]

#: Force components at once.
CHUNK = 6_000


@dataclass(frozen=True, slots=True)
class PredictiveSpread(Value):
    """Predicted standard deviations, without any scaling.

    Attributes
    ----------
    energy : float array (n,), meV/atom
    force : float array (k, 3), eV/angstrom
        Of the atoms of the structures, one structure after the other.
    """

    energy: FloatArray
    force: FloatArray


def predictive_spread(
    equations: Equations,
    members: IntArray,
    test: Equations,
    structures: IntArray,
    *,
    monitor: Monitor = SILENT,
) -> PredictiveSpread:
    """Return the spread of the predictions of the fit to some structures for others.

    Parameters
    ----------
    equations : Equations
    members : int array
        What is trained on.
    test : Equations
        In the same basis; may be `equations`.
    structures : int array (n,)
        Places in `test`.
    monitor : Monitor

    Notes
    -----
    O(M^2) per force component: 1 s for 25 000 components and 200 functions on one core.
    """
    matrix, _ = equations.system(members)
    matrix[np.diag_indices_from(matrix)] += equations.prior
    factor = cholesky(matrix, lower=True, check_finite=False)
    structures = np.asarray(structures, dtype=np.int64)
    design, m = test.design, equations.n_functions
    sizes = np.maximum(1, design.dataset.sizes[structures])
    reckoned = 1e-3 * design.basis.spec.energy_error * sizes
    left = solve_triangular(factor, test.energy_rows[structures].T, lower=True, check_finite=False)
    energy = 1e3 * np.sqrt(reckoned**2 + np.einsum("ij,ij->j", left, left)) / sizes
    rows = design.force_part(structures)

    def work(block: int) -> FloatArray:
        part = rows[block * CHUNK : (block + 1) * CHUNK]
        wide = np.zeros((len(factor), len(part)))
        wide[:m] = design.force_rows[part].T
        settled = solve_triangular(factor, wide, lower=True, overwrite_b=True, check_finite=False)
        return np.asarray(np.einsum("ij,ij->j", settled, settled))

    blocks = range(-(-len(rows) // CHUNK))
    found = np.concatenate([np.empty(0), *in_order(work, blocks, monitor, "predictive variance")])
    force = np.sqrt(1.0 / equations.force_weight + found).reshape(-1, 3)
    return PredictiveSpread(frozen(energy), frozen(force))
