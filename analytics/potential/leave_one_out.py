r"""Leave-one-out fits: every structure left out of the training set once, in closed form.

The fit to a set without structure s solves :math:`(A - A_s) c = b - b_s`: the sums over the set are
there, so each costs one solve, whatever the size of the set. The residual of a structure in the
fit that has not seen it says whether its labels agree with all the others.

With :math:`e` the residuals of its labels in the fit to all, :math:`e_{-s}` those in the fit
without it and :math:`\sigma` the error of a label,

.. math::

    e_{-s} = (1 - H_s)^{-1} e, \qquad
    \frac{e^T (1 - H_s)^{-1} e}{\sigma^2} = \frac{e \cdot e_{-s}}{\sigma^2},

H_s its block of the hat matrix: the studentised square of all its labels together is the product
of both residuals, and needs no matrix as large as the structure.

References
----------
R. D. Cook and S. Weisberg, Residuals and Influence in Regression, Chapman and Hall (1982).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.linalg import cho_factor, cho_solve

from analytics.potential.normal_equations import Equations, ForceTerms
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = ["LeaveOneOut", "leave_one_out"]


@dataclass(frozen=True)
class LeaveOneOut(Value):
    """Fits without each structure of a training set, and what they say of that structure.

    Attributes
    ----------
    structures : int array (m,)
        Places in the equations, in the order given.
    complete : float array (M + S,)
        Coefficients of the fit to all of them.
    coefficients : float array (m, M + S)
        Row i: those of the fit without structure i.
    energy_errors : float array (m,), eV/atom
        Predicted without it, less its label; NaN where there is none.
    energy_scores : float array (m,)
        The same in units of what the fit reckons with: energy error and uncertainty of the fit.
    force_errors : float array (m,), eV/angstrom
        Root mean square over its force components; NaN where there are none.
    force_scores : float array (m,)
        Root of the studentised square per component; 1 is as large as the fit reckons with.
    """

    structures: IntArray
    complete: FloatArray
    coefficients: FloatArray
    energy_errors: FloatArray
    energy_scores: FloatArray
    force_errors: FloatArray
    force_scores: FloatArray


def leave_one_out(
    equations: Equations,
    structures: IntArray,
    base: IntArray | None = None,
    *,
    monitor: Monitor = SILENT,
) -> LeaveOneOut:
    """Fit to a set without each of its structures in turn.

    Parameters
    ----------
    equations : Equations
    structures : int array (m,)
        Places in the equations.
    base : int array, optional
        Structures that stay in every fit: isolated atoms.
    monitor : Monitor

    Notes
    -----
    O(m M^3): 2 ms per structure with 200 functions on one core, 25 ms with 600.
    """
    structures = np.asarray(structures, dtype=np.int64)
    base = np.empty(0, dtype=np.int64) if base is None else np.asarray(base, dtype=np.int64)
    matrix, right = equations.system(np.concatenate([base, structures]))
    matrix[np.diag_indices_from(matrix)] += equations.prior
    complete = cho_solve(cho_factor(matrix, lower=True, check_finite=False), right)

    def without(at: int) -> tuple[FloatArray, FloatArray]:
        own = structures[at : at + 1]
        terms = equations.force_terms(own)
        own_matrix, own_right = equations.assemble(terms.gram, terms.vector, own)
        row = equations.energy_rows[own[0]]
        factor = cho_factor(matrix - own_matrix, lower=True, overwrite_a=True, check_finite=False)
        solved = cho_solve(factor, np.stack([right - own_right, row], axis=1), check_finite=False)
        return solved[:, 0], _scores(equations, int(own[0]), terms, complete, solved)

    coefficients, found = np.empty((len(structures), len(right))), np.empty((len(structures), 4))
    parts = in_order(without, range(len(structures)), monitor, "leaving one out")
    for at, (one, scores) in enumerate(parts):
        coefficients[at], found[at] = one, scores
    return LeaveOneOut(
        frozen(structures),
        frozen(complete),
        frozen(coefficients),
        *(frozen(np.ascontiguousarray(column)) for column in found.T),
    )


def _scores(
    equations: Equations, s: int, terms: ForceTerms, complete: FloatArray, solved: FloatArray
) -> FloatArray:
    """Return error and score of the energy and of the forces of one structure."""
    without, spread = solved[:, 0], solved[:, 1]
    row, weight = equations.energy_rows[s], equations.energy_weights[s]
    energy = float(row @ without - equations.residuals[s])
    size = max(1, int(equations.design.dataset.sizes[s]))
    known = weight > 0
    scored = energy * np.sqrt(weight / (1.0 + weight * float(row @ spread))) if known else np.nan
    found = [energy / size if known else np.nan, scored, np.nan, np.nan]
    if terms.count:
        found[2] = np.sqrt(terms.squared_error(without) / terms.count)
        both = max(0.0, _product(terms, complete, without))
        found[3] = np.sqrt(equations.force_weight * both / terms.count)
    return np.array(found)


def _product(terms: ForceTerms, one: FloatArray, other: FloatArray) -> float:
    """Return the scalar product of the force residuals of two fits, (eV/angstrom)^2."""
    m = len(terms.vector)
    a, b = one[:m], other[:m]
    return float(a @ (terms.gram @ b) - terms.vector @ (a + b) + terms.square)
