"""Linear programs with HiGHS, which cannot be stopped: long ones in a process of their own."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from scipy import sparse
from scipy.optimize import linprog

from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import WinnowError
from analytics.runtime.process import answer_of, serve, tell
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
    answer = answer_of(
        __name__, _packed(program), name="linear program", message="linear program",
        monitor=monitor,
    )  # fmt: skip
    return np.frombuffer(answer, dtype=np.float64)


def _packed(program: dict[str, Any]) -> bytes:
    matrix = program["A_ub"]
    parts = {name: program[name] for name in ("c", "b_ub", "bounds")}
    parts |= {name: getattr(matrix, name) for name in ("data", "indices", "indptr")}
    with io.BytesIO() as stream:
        np.savez(stream, shape=np.array(matrix.shape), **parts)
        return stream.getvalue()


# ---- the program ------------------------------------------------------------------------------


def _work(sent: bytes) -> bytes:
    tell(0.05, "solving")
    with np.load(io.BytesIO(sent)) as parts:
        matrix = sparse.csr_matrix(
            (parts["data"], parts["indices"], parts["indptr"]), shape=tuple(parts["shape"])
        )
        others = {name: parts[name] for name in ("c", "b_ub", "bounds")}
    result = linprog(A_ub=matrix, method="highs", **others)
    if result.ineqlin is None or result.status not in (0, 1):
        raise WinnowError(f"it was not solved: {result.message}")
    return np.ascontiguousarray(result.ineqlin.marginals, dtype=np.float64).tobytes()


if __name__ == "__main__":
    serve(_work)
