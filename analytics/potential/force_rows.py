"""Force rows (chain rule): derivatives of functions times those of expansion coefficients."""

from __future__ import annotations

import numpy as np

from analytics.runtime.compiled import kernel

__all__ = ["BLOCK_BYTES", "add_forces"]

#: Bytes of derivatives with respect to coefficients that are held at once.
BLOCK_BYTES = 4_000_000


@kernel
def add_forces(  # type: ignore[no-untyped-def]
    slopes, centres, moved, places, edges, bracket, out
) -> None:
    """Add minus the derivatives to the atoms that are moved; the opposite to the centre."""
    columns, m = bracket.shape[2], bracket.shape[3]
    for i in range(len(centres)):
        for a in range(bracket.shape[1]):
            first, last = edges[places[i] + a], edges[places[i] + a + 1]
            if first == last:
                continue
            factors = slopes[first:last].reshape((last - first) * 3, columns)
            found = np.dot(factors, bracket[i, a])
            for k in range(last - first):
                for x in range(3):
                    for s in range(m):
                        out[moved[first + k], x, s] -= found[3 * k + x, s]
                        out[centres[i], x, s] += found[3 * k + x, s]
