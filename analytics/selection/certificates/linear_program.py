r"""Linear-programming relaxation of a coverage objective, solved with HiGHS.

A structure may be chosen in part, the budget holds for the parts. HiGHS cannot be stopped: long
programs are solved in a process of their own, which imports nothing of the rest.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.errors import WinnowError
from analytics.runtime.process import call
from analytics.runtime.progress import Monitor

if TYPE_CHECKING:
    from analytics.selection.objectives import Objective

__all__ = ["LARGEST_PROGRAM", "multipliers_of", "relaxed_multipliers"]

#: More stored kernel entries than this are not given to the solver.
LARGEST_PROGRAM = 2_000_000

#: Programs with fewer stored coefficients are tried here first, for so many seconds: starting a
#: process takes longer than solving them.
SMALL, AT_ONCE = 20_000, 0.5


def multipliers_of(program: dict[str, Any], monitor: Monitor) -> FloatArray:
    """Return the multipliers of the inequalities of a linear program, at its optimum.

    Parameters
    ----------
    program : mapping
        ``c``, ``A_ub`` (CSR), ``b_ub`` and ``bounds`` of `scipy.optimize.linprog`.
    monitor : Monitor
        A cancelled program ends within half a second.

    Raises
    ------
    WinnowError
        If it is not solved.
    """
    monitor.checkpoint()
    if program["A_ub"].nnz < SMALL:
        result = linprog(method="highs", options={"time_limit": AT_ONCE}, **program)
        if result.status == 0:
            return np.asarray(result.ineqlin.marginals)
    return call(solve, program, name="linear program", message="linear program", monitor=monitor)


def solve(program: dict[str, Any], monitor: Monitor) -> FloatArray:
    """Return the multipliers of a program, in the process that it is solved in."""
    monitor.report(0.05, "solving")
    result = linprog(method="highs", **program)
    if result.ineqlin is None or result.status not in (0, 1):
        raise WinnowError(f"it was not solved: {result.message}")
    return np.ascontiguousarray(result.ineqlin.marginals, dtype=np.float64)


# ------------------------------------------------------------------------------- the relaxation


def relaxed_multipliers(
    objective: Objective,
    allowed: IntArray,
    costs: FloatArray | None,
    budget: float,
    monitor: Monitor,
) -> FloatArray:
    """Return the multipliers of the columns of an objective at the optimum of its relaxation.

    Parameters
    ----------
    objective : Objective
    allowed : int array (m,)
        Structures that may be chosen.
    costs : float array (m,), optional
        What each costs (default: 1).
    budget : float
        What those chosen may cost together.

    Raises
    ------
    WinnowError
        If there are too many entries, or it is not solved.
    """
    entries = len(objective.rows[1])
    if entries > LARGEST_PROGRAM:
        raise WinnowError(
            f"the linear program would have {entries} entries, more than {LARGEST_PROGRAM}; "
            "use the lagrangian bound"
        )
    build = _saturated_program if objective.capped else _location_program
    price = np.ones(len(allowed)) if costs is None else costs
    marginals = multipliers_of(build(objective, allowed, price, budget), monitor)
    # the program minimises, so that its multipliers are not positive
    found = np.maximum(-marginals[: len(objective.weights)], 0.0)
    return np.minimum(found, objective.weights) if objective.capped else found


def _rows_of(objective: Objective, allowed: IntArray) -> sparse.csr_matrix:
    indptr, indices, values = objective.rows
    shape = (len(indptr) - 1, len(objective.weights))
    whole = sparse.csr_matrix((np.asarray(values, dtype=float), indices, indptr), shape=shape)
    return whole[allowed]


def _budget_row(price: FloatArray, others: int) -> sparse.csr_matrix:
    return sparse.csr_matrix(np.concatenate([price, np.zeros(others)])[None])


def _saturated_program(
    o: Objective, allowed: IntArray, price: FloatArray, budget: float
) -> dict[str, Any]:
    """Variables: structures y, coverages z. Rows: z_i - sum_s v_si y_s <= 0, and the budget."""
    v = _rows_of(o, allowed)
    open_ = 1.0 - o.start
    v.data = np.minimum(v.data, open_[v.indices])
    m, n = v.shape
    covered = sparse.hstack([-v.T, sparse.identity(n)])
    upper = np.concatenate([np.ones(m), open_])
    return {
        "c": np.concatenate([np.zeros(m), -o.weights]),
        "A_ub": sparse.vstack([covered, _budget_row(price, n)], format="csr"),
        "b_ub": np.concatenate([np.zeros(n), [budget]]),
        "bounds": np.column_stack([np.zeros(m + n), upper]),
    }


def _location_program(
    o: Objective, allowed: IntArray, price: FloatArray, budget: float
) -> dict[str, Any]:
    """Variables: structures y, services x. Rows: sum x_i <= 1, the budget, x_si <= y_s."""
    v = _rows_of(o, allowed).tocoo()
    worth = o.weights[v.col] * np.maximum(0.0, v.data - o.start[v.col])
    used = worth > 0
    rows, columns, worth = v.row[used], v.col[used], worth[used]
    m, n, e = len(allowed), len(o.weights), len(worth)
    each, one = np.arange(e), np.ones(e)
    served = sparse.csr_matrix((one, (columns, m + each)), shape=(n, m + e))
    linked = sparse.csr_matrix(
        (np.concatenate([one, -one]), (np.tile(each, 2), np.concatenate([m + each, rows]))),
        shape=(e, m + e),
    )
    return {
        "c": np.concatenate([np.zeros(m), -worth]),
        "A_ub": sparse.vstack([served, _budget_row(price, e), linked], format="csr"),
        "b_ub": np.concatenate([np.ones(n), [budget], np.zeros(e)]),
        "bounds": np.column_stack([np.zeros(m + e), np.ones(m + e)]),
    }
