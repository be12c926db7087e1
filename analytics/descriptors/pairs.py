"""The second half of the distance descriptor: distances among the neighbours of an atom.

Compiled functions that trust their caller. Neighbours are the columns of a matrix, so that one
comparison of the sorting network orders the same two entries of many columns at once; this is what
makes the descriptor fast.
"""

from __future__ import annotations

import math

import numpy as np

from analytics.descriptors.column_sort import LANES, padded_rows, sort_columns
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.compiled import helper

__all__ = ["CLOSEST", "add_pairs", "add_tied_pairs", "shape_of"]

#: Neighbours nearer to each other than this count as this far apart, angstrom. It keeps the
#: descriptor finite when two atoms coincide.
CLOSEST = 1e-6
#: Of single precision, which its reciprocals are to stay in.
ONE = np.float32(1.0)


@helper
def shape_of(n: int) -> tuple[int, int]:
    """Return the rows and columns that the matrix of n neighbours takes, padding included."""
    return padded_rows(n), max(1, -(-n // LANES)) * LANES


@helper(fastmath=True, error_model="numpy")
def _fill(matrix: FloatArray, near: FloatArray, first: int, last: int) -> None:
    """Write sqrt(w_j w_l) / r_jl for the neighbours first..last-1 and all; zero for j = l.

    The reciprocal root is taken in single precision and refined by one step of Newton's, which
    leaves an error of 1e-13 and takes half the time of a root and a quotient in double precision.
    """
    x, y, z, root = near[0], near[1], near[2], near[3]
    floor = CLOSEST * CLOSEST
    for row in range(first, last):
        line = matrix[row - first]
        for column in range(line.size):
            dx = x[column] - x[row]
            dy = y[column] - y[row]
            dz = z[column] - z[row]
            square = max(dx * dx + dy * dy + dz * dz, floor)
            about = np.float64(ONE / math.sqrt(np.float32(square)))
            inverse = about * (1.5 - 0.5 * square * about * about)
            line[column] = root[column] * root[row] * inverse
        line[row] = 0.0
    for row in range(last - first, len(matrix)):
        matrix[row] = 0.0


@helper(fastmath=True)
def add_pairs(matrix: FloatArray, near: FloatArray, n: int, k: int, out: FloatArray) -> None:
    """Write the k-1 numbers of the pair part where the k nearest neighbours are certain.

    Parameters
    ----------
    matrix : float array, contiguous
        Work space with the `shape_of` n neighbours.
    near : float array (4, columns)
        Position (angstrom) and square root of the weight of each neighbour; zero weight from n on.
    n : int
        Number of neighbours, k at most.
    k : int
    out : float array (k - 1,), 1/angstrom
    """
    _fill(matrix, near, 0, n)
    sort_columns(matrix)
    for rank in range(k - 1):
        total = 0.0
        if rank < n:
            for column in range(matrix.shape[1]):
                total += matrix[rank, column]
        out[rank] = total / k


@helper
def _count_before(
    inner: FloatArray,
    tied: FloatArray,
    n_inner: int,
    n_tied: int,
    of_inner: IntArray,
    of_tied: IntArray,
) -> None:
    """Count, for each entry, those of the other group that come before it in its column.

    Of equals, those of the inner group come first. Rows against rows: no branch to mispredict.
    """
    of_inner[:], of_tied[:] = 0, 0
    for a in range(n_inner):
        for b in range(n_tied):
            one, other, first, second = inner[a], tied[b], of_inner[a], of_tied[b]
            for column in range(one.size):
                larger = np.int64(other[column] > one[column])
                first[column] += larger
                second[column] += 1 - larger


@helper
def _sum_by_rank(
    inner: FloatArray,
    tied: FloatArray,
    n_inner: int,
    n_tied: int,
    by_inner: FloatArray,
    by_tied: FloatArray,
) -> None:
    """Add each entry to the sum for how many entries of either group come before it."""
    of_inner = np.empty((n_inner, inner.shape[1]), dtype=np.int64)
    of_tied = np.empty((n_tied, inner.shape[1]), dtype=np.int64)
    _count_before(inner, tied, n_inner, n_tied, of_inner, of_tied)
    for column in range(n_inner + n_tied):
        # down the columns: two additions in a row to the same sum would wait for each other
        kind = int(column >= n_inner)
        for a in range(n_inner):
            by_inner[kind, of_inner[a, column], a] += inner[a, column]
        for b in range(n_tied):
            by_tied[kind, b, of_tied[b, column]] += tied[b, column]


@helper
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
    for b in range(min(len(sums), n_tied + 1)):
        rest = n_tied - b
        h = max(0, n_drawn - rest)
        left = n_drawn - h
        ways = lf[b] - lf[h] - lf[b - h] + lf[rest] - lf[left] - lf[rest - left]
        chance = factor * math.exp(ways - lf[n_tied] + lf[n_drawn] + lf[n_tied - n_drawn])
        while h <= min(b, n_drawn):
            for a in range(min(sums.shape[1], len(out) - h)):
                out[a + h] += chance * sums[b, a]
            chance *= (b - h) * (n_drawn - h) / ((h + 1.0) * (rest - n_drawn + h + 1.0))
            h += 1


@helper
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
    t, q = n - n_inner, k - n_inner
    inner = np.empty((padded_rows(n_inner), near.shape[1]))
    tied = np.empty((padded_rows(t), near.shape[1]))
    _fill(inner, near, 0, n_inner)
    _fill(tied, near, n_inner, n)
    sort_columns(inner)
    sort_columns(tied)
    by_inner, by_tied = np.zeros((2, t + 1, n_inner + 1)), np.zeros((2, t + 1, n_inner + 1))
    _sum_by_rank(inner, tied, n_inner, t, by_inner, by_tied)
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
