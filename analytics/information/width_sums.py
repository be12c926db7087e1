r"""Kernel sums at many bandwidths at once: of structures over environments, in one pass.

Any subset of the structures has, at every width, the sums of its members added up: hundreds of
subsets cost no more kernels than one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.information.kernel_loops import fast_exp
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.compiled import kernel
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = ["WidthSums", "width_sums"]

#: Environments whose distances to all others are formed at once.
ROWS = 64


@dataclass(frozen=True, slots=True)
class WidthSums(Value):
    """What each structure gives to each environment, at several bandwidths.

    Attributes
    ----------
    widths : float array (k,)
    sums : float32 array (k, n_environments, n_structures)
        Sums of the kernel over the atoms of a structure; 1e-35 where there is none.
    squares : float32 array (n_environments, n_structures)
        Squared distance to the nearest atom of a structure.
    """

    widths: FloatArray
    sums: FloatArray
    squares: FloatArray

    def of(self, members: npt.NDArray[np.bool_], width: int) -> FloatArray:
        """Return the kernel sums over subsets at one width, (n_subsets, n_environments).

        Parameters
        ----------
        members : bool array (n_subsets, n_structures)
        width : int
            Its number.
        """
        return np.asarray(members.astype(np.float64) @ self.sums[width].T.astype(np.float64))

    def nearest(self, members: npt.NDArray[np.bool_]) -> FloatArray:
        """Return the distance to the nearest atom of each subset, (n_subsets, n_environments)."""
        own = [self.squares[:, each].min(axis=1) for each in members]
        return np.asarray(np.sqrt(np.stack(own)), dtype=np.float64)


def width_sums(
    y: FloatArray,
    x: FloatArray,
    structure_offsets: IntArray,
    widths: Sequence[float] | FloatArray,
    *,
    monitor: Monitor = SILENT,
) -> WidthSums:
    """Sum the kernels between environments and the atoms of each structure, at several widths.

    Parameters
    ----------
    y : float array (m, d)
    x : float array (n, d)
    structure_offsets : int array (n_structures + 1,)
        Where the structures begin in `x`.
    widths : sequence of float (k,)

    Notes
    -----
    O(m n (d + k)) time, 4 (k + 1) bytes for each pair of an environment and a structure. Squared
    distances come from products in double precision; kernels err by 1e-6 of themselves.
    """
    centre = np.median(x[:: 1 + len(x) // 2000], axis=0)
    x, y = (np.asarray(each, dtype=np.float64) - centre for each in (x, y))
    norms, own = np.einsum("ij,ij->i", x, x), np.einsum("ij,ij->i", y, y)
    widths = np.asarray(widths, dtype=np.float64)
    factors = np.asarray(-0.5 / widths**2, dtype=np.float32)
    offsets = np.asarray(structure_offsets, dtype=np.int64)
    shape = (len(y), len(offsets) - 1)
    sums = np.empty((len(widths), *shape), dtype=np.float32)
    squares = np.empty(shape, dtype=np.float32)

    def work(block: int) -> None:
        rows = slice(block * ROWS, (block + 1) * ROWS)
        found = own[rows, None] + norms - 2.0 * (y[rows] @ x.T)
        near = np.maximum(found, 0.0).astype(np.float32)
        _reduce(near, factors, offsets, sums[:, rows], squares[rows])

    for _ in in_order(work, range(-(-len(y) // ROWS)), monitor, "bandwidths"):
        pass
    return WidthSums(frozen(widths), frozen(sums), frozen(squares))


@kernel(fastmath=True)
def _reduce(near, factors, offsets, sums, squares):  # type: ignore[no-untyped-def]
    """Reduce squared distances over structures: kernel sums for each factor, and the smallest."""
    for r in range(near.shape[0]):
        for s in range(offsets.shape[0] - 1):
            first, last = offsets[s], offsets[s + 1]
            least = near[r, first]
            for c in range(first, last):
                least = min(least, near[r, c])
            squares[r, s] = least
            for k in range(factors.shape[0]):
                total, factor = np.float32(0.0), factors[k]
                for c in range(first, last):
                    total += fast_exp(factor * near[r, c])
                sums[k, r, s] = total
