"""Linear programs with HiGHS, which cannot be stopped: long ones in a process of their own."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy.optimize import linprog

from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import WinnowError
from analytics.runtime.process import call
from analytics.runtime.progress import Monitor

__all__ = ["multipliers_of"]

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
