"""Sorting network: columns of small matrices sorted many at once in vector registers."""

from __future__ import annotations

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types
from numba.extending import intrinsic

from analytics.runtime.arrays import FloatArray
from analytics.runtime.compiled import helper

__all__ = ["LANES", "padded_rows", "sort_columns"]

#: Columns come in multiples of this.
LANES = 16
#: Doubles that are handled as one vector; where registers are shorter, the compiler splits it.
VECTOR = 8


@helper
def runs_of(rows: int) -> list[tuple[int, int, int]]:
    """Return what Batcher's merge exchange compares, in order.

    Each entry (first, apart, count) stands for the rows first .. first + count - 1, which meet
    those `apart` rows further down: the larger ones go up.

    References
    ----------
    Knuth, The Art of Computer Programming 3, 5.2.2, algorithm M.
    """
    found, top = [(0, 0, 0) for _ in range(0)], 1
    while 2 * top < rows:
        top *= 2
    p = top
    while p > 0:
        q, r, d = top, 0, p
        while True:
            for i in range(r, rows - d, 2 * p):
                found.append((i, d, min(p, rows - d - i)))
            if q == p:
                break
            d = q - p
            q //= 2
            r = p
        p //= 2
    return found


def _sorter(rows: int) -> Any:
    """Return a compiled function that sorts the columns of a matrix with so many rows, in place.

    Written for the compiler as vectors that stay in registers: from loops over memory it does not
    see that the rows are apart.
    """

    @intrinsic
    def sort(context: Any, matrix: Any) -> Any:
        if not (isinstance(matrix, types.Array) and matrix.ndim == 2 and matrix.layout == "C"):
            raise TypeError("columns are sorted in C-contiguous matrices")

        def build(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
            array = context.make_array(signature.args[0])(context, builder, arguments[0])
            width = builder.extract_value(array.shape, 1)
            vector = ir.VectorType(ir.DoubleType(), VECTOR).as_pointer()
            count = builder.udiv(width, width.type(VECTOR))
            with cgutils.for_range(builder, count) as loop:
                first = builder.mul(loop.index, width.type(VECTOR))
                places = []
                for row in range(rows):
                    at = builder.add(first, builder.mul(width, width.type(row)))
                    places.append(builder.bitcast(builder.gep(array.data, [at]), vector))
                held = [builder.load(place, align=8) for place in places]
                for start, apart, many in runs_of.py_func(rows):
                    for upper in range(start, start + many):
                        a, b = held[upper], held[upper + apart]
                        larger = builder.fcmp_ordered(">", a, b)
                        held[upper] = builder.select(larger, a, b)
                        held[upper + apart] = builder.select(larger, b, a)
                for place, row in zip(places, held, strict=True):
                    builder.store(row, place, align=8)
            return context.get_dummy_value()

        return types.void(matrix), build

    return sort


_sort_16, _sort_32 = _sorter(16), _sorter(32)


@helper
def padded_rows(n: int) -> int:
    """Return how many rows n rows are best padded to, with zeros, before columns are sorted."""
    if n <= 16:
        return 16
    return max(n, 32)


@helper(fastmath=True)
def _exchange(upper: FloatArray, lower: FloatArray) -> None:
    """Put the larger of each two entries into `upper`, the smaller one into `lower`."""
    for i in range(upper.size):
        a, b = upper[i], lower[i]
        upper[i] = a if a > b else b
        lower[i] = b if a > b else a


@helper
def sort_columns(matrix: FloatArray) -> None:
    """Sort each column, largest first, by Batcher's merge exchange.

    Parameters
    ----------
    matrix : float array (rows, columns), contiguous
        Columns in multiples of `LANES`.
    """
    rows, width = matrix.shape
    if rows == 16:
        _sort_16(matrix)
    elif rows == 32:
        _sort_32(matrix)
    else:
        flat = matrix.reshape(-1)
        for start, apart, many in runs_of(rows):
            a, b, n = start * width, (start + apart) * width, many * width
            _exchange(flat[a : a + n], flat[b : b + n])
