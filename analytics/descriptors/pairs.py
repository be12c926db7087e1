"""The second half of the distance descriptor: distances among the neighbours of an atom.

Compiled functions that trust their caller. Neighbours are the columns of a matrix, so that one
comparison of the sorting network orders the same two entries of all columns at once; this is what
makes the descriptor fast.
"""

from __future__ import annotations

import math

import numba as nb
import numpy as np

from analytics.runtime.arrays import FloatArray

__all__ = ["CLOSEST", "LANES", "add_pairs", "add_tied_pairs"]

#: Columns come in multiples of this, padded with zeros, to fill the vector registers.
LANES = 16

#: Neighbours nearer to each other than this count as this far apart, angstrom. It keeps the
#: descriptor finite when two atoms coincide.
CLOSEST = 1e-6


@nb.njit(nogil=True, cache=True, fastmath=True)
def _fill(matrix: FloatArray, near: FloatArray) -> None:
    """Write sqrt(w_j w_l) / r_jl for every pair of neighbours; zero on the diagonal."""
    x, y, z, root = near[0], near[1], near[2], near[3]
    floor = CLOSEST * CLOSEST
    rows, columns = matrix.shape
    for row in range(rows):
        line = matrix[row]
        for column in range(columns):
            dx = x[column] - x[row]
            dy = y[column] - y[row]
            dz = z[column] - z[row]
            square = max(dx * dx + dy * dy + dz * dz, floor)
            line[column] = root[column] * root[row] / math.sqrt(square)
        line[row] = 0.0


@nb.njit(nogil=True, cache=True, fastmath=True)
def _exchange(upper: FloatArray, lower: FloatArray) -> None:
    """Put the larger of each two entries into `upper`, the smaller one into `lower`."""
    for i in range(upper.size):
        a, b = upper[i], lower[i]
        upper[i] = a if a > b else b
        lower[i] = b if a > b else a


@nb.njit(nogil=True, cache=True)
def _sort_columns(matrix: FloatArray) -> None:
    """Sort each column, largest first, by Batcher's merge exchange (Knuth, TAOCP 3, 5.2.2 M).

    Rows i .. i + p - 1 meet rows i + d .. i + d + p - 1, which is one long exchange in memory.
    """
    rows, width = matrix.shape
    flat = matrix.reshape(-1)
    top = 1
    while 2 * top < rows:
        top *= 2
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for i in range(r, rows - d, 2 * p):
                many = min(p, rows - d - i) * width
                a, b = i * width, (i + d) * width
                _exchange(flat[a : a + many], flat[b : b + many])
            if q == p:
                break
            d = q - p
            q //= 2
            r = p
        p //= 2


@nb.njit(nogil=True, cache=True, fastmath=True)
def add_pairs(matrix: FloatArray, near: FloatArray, k: int, out: FloatArray) -> None:
    """Write the k-1 numbers of the pair part where the k nearest neighbours are certain.

    Parameters
    ----------
    matrix : float array (n, columns)
        Work space, contiguous; n <= k neighbours, columns is n rounded up to a multiple of `LANES`.
    near : float array (4, columns or more)
        Position (angstrom) and square root of the weight of each neighbour; zero weight from n on.
    k : int
    out : float array (k - 1,), 1/angstrom
    """
    _fill(matrix, near)
    _sort_columns(matrix)
    for rank in range(k - 1):
        total = 0.0
        if rank < len(matrix):
            for column in range(matrix.shape[1]):
                total += matrix[rank, column]
        out[rank] = total / k


@nb.njit(nogil=True, cache=True)
def _merge_counts(
    inner: FloatArray,
    tied: FloatArray,
    column: int,
    kind: int,
    by_inner: FloatArray,
    by_tied: FloatArray,
) -> None:
    """Add one column's entries to the sums by how many entries of either group are larger."""
    a = b = 0
    n_inner = len(inner) - (1 - kind)
    n_tied = len(tied) - kind
    while a < n_inner or b < n_tied:
        if b == n_tied or (a < n_inner and inner[a, column] >= tied[b, column]):
            by_inner[kind, a, b] += inner[a, column]
            a += 1
        else:
            by_tied[kind, a, b] += tied[b, column]
            b += 1


@nb.njit(nogil=True, cache=True)
def _spread(
    sums: FloatArray,
    n_tied: int,
    n_drawn: int,
    factor: float,
    log_factorial: FloatArray,
    out: FloatArray,
) -> None:
    """Send each sum to the ranks it can have: a larger inner ones and h of the b larger tied ones.

    The number h of larger ones among `n_drawn` drawn from `n_tied` is hypergeometric.
    """
    lf = log_factorial
    if n_drawn < 0:
        return
    for b in range(min(sums.shape[1], n_tied + 1)):
        rest = n_tied - b
        h = max(0, n_drawn - rest)
        left = n_drawn - h
        ways = lf[b] - lf[h] - lf[b - h] + lf[rest] - lf[left] - lf[rest - left]
        chance = factor * math.exp(ways - lf[n_tied] + lf[n_drawn] + lf[n_tied - n_drawn])
        while h <= min(b, n_drawn):
            for a in range(sums.shape[0]):
                if sums[a, b] != 0.0:
                    out[a + h] += chance * sums[a, b]
            chance *= (b - h) * (n_drawn - h) / ((h + 1.0) * (rest - n_drawn + h + 1.0))
            h += 1


@nb.njit(nogil=True, cache=True)
def add_tied_pairs(near: FloatArray, n_inner: int, n: int, k: int, out: FloatArray) -> None:
    """Write the pair part where the last of the k neighbours are to be drawn from equals.

    The first `n_inner` neighbours are certain; k - n_inner of the others, all equally far, fit.
    The result is the mean over every way to draw them, each way being as likely as the next.

    It takes no enumeration. In a column sorted largest first, an entry that a certain and b tied
    ones exceed has the rank a + h, where h is how many of those b were drawn: a hypergeometric
    number. So the columns are sorted with all candidates in place, their entries summed by (a, b),
    and the sums sent to their ranks.

    Parameters
    ----------
    near : float array (4, columns)
        As for `add_pairs`; certain neighbours first.
    n_inner, n : int
        Certain neighbours, and all of them; n_inner < k < n.
    k : int
    out : float array (k - 1,), 1/angstrom
    """
    matrix = np.empty((n, near.shape[1]))
    _fill(matrix, near)
    inner, tied = matrix[:n_inner], matrix[n_inner:]
    _sort_columns(inner)
    _sort_columns(tied)
    t, q = n - n_inner, k - n_inner
    by_inner = np.zeros((2, n_inner + 1, t + 1))
    by_tied = np.zeros((2, n_inner + 1, t + 1))
    for column in range(n):
        _merge_counts(inner, tied, column, int(column >= n_inner), by_inner, by_tied)
    log_factorial = np.zeros(t + 1)
    for i in range(2, t + 1):
        log_factorial[i] = log_factorial[i - 1] + math.log(i)
    out[:] = 0.0
    first, second = q / t, (q - 1) / (t - 1)
    _spread(by_inner[0], t, q, 1.0, log_factorial, out)
    _spread(by_tied[0], t - 1, q - 1, first, log_factorial, out)
    _spread(by_inner[1], t - 1, q - 1, first, log_factorial, out)
    _spread(by_tied[1], t - 2, q - 2, first * second, log_factorial, out)
    out /= k
