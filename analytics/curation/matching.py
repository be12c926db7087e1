"""Bipartite matching (assignment) of the environments of two structures, one to one."""

from __future__ import annotations

import numpy as np
from scipy.optimize import linear_sum_assignment

from analytics.curation.environments import Environments
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.compiled import helper, kernel

__all__ = ["match_structures", "pair_distances"]

MATCHED, UNDECIDED = 1, 2


@helper
def _square(  # type: ignore[no-untyped-def]
    values, projected, numbers, surroundings, i, others, other_projected, other_numbers,
    other_surroundings, j, limit, reach,
):  # fmt: skip
    """Return the squared distance of two environments, or -1 if they are not within reach."""
    if numbers[i] != other_numbers[j]:
        return -1.0
    total = 0.0
    for k in range(projected.shape[1]):
        d = projected[i, k] - other_projected[j, k]
        total += d * d
    if total > limit:
        return -1.0
    for k in range(surroundings.shape[1]):
        if abs(surroundings[i, k] - other_surroundings[j, k]) > reach:
            return -1.0
    total = 0.0
    for k in range(values.shape[1]):
        d = values[i, k] - others[j, k]
        total += d * d
    return total if total <= limit else -1.0


@helper
def _match(  # type: ignore[no-untyped-def]
    one, other, slack, first, start, n, limit, reach, used
):
    """Return (outcome, largest squared distance) of pairing n rows each, nearest unused first."""
    values, projected, numbers, surroundings = one
    others, other_projected, other_numbers, other_surroundings = other
    used[:n] = False
    worst, outcome = 0.0, 1
    for i in range(n):
        best, partner, any_within = np.inf, -1, False
        for j in range(n):
            d = _square(
                values, projected, numbers, surroundings, first + i, others, other_projected,
                other_numbers, other_surroundings, start + j, limit, reach * slack[first + i],
            )  # fmt: skip
            if d < 0.0:
                continue
            any_within = True
            if not used[j] and d < best:
                best, partner = d, j
        if not any_within:
            return 0, np.inf
        if partner < 0:
            outcome = 2
        else:
            used[partner] = True
            worst = max(worst, best)
    return outcome, worst


@kernel
def _match_all(  # type: ignore[no-untyped-def]
    one, other, slack, first, starts, n, limit, reach
):
    outcomes, worst = np.zeros(len(starts), dtype=np.int64), np.zeros(len(starts))
    used = np.zeros(n, dtype=np.bool_)
    for at in range(len(starts)):
        outcomes[at], worst[at] = _match(
            one, other, slack, first, starts[at], n, limit, reach, used
        )
    return outcomes, worst


@kernel
def _pair_squares(one, other, slack, rows, columns, limit, reach):  # type: ignore[no-untyped-def]
    values, projected, numbers, surroundings = one
    others, other_projected, other_numbers, other_surroundings = other
    squares = np.empty(len(rows))
    for at in range(len(rows)):
        squares[at] = _square(
            values, projected, numbers, surroundings, rows[at], others, other_projected,
            other_numbers, other_surroundings, columns[at], limit, reach * slack[rows[at]],
        )  # fmt: skip
    return squares


def _arrays(x: Environments) -> tuple[FloatArray, FloatArray, IntArray, FloatArray]:
    return x.values, x.projected, x.numbers, x.surroundings


def pair_distances(
    one: Environments, other: Environments, rows: IntArray, columns: IntArray, tolerance: float,
    reach: float,
) -> FloatArray:  # fmt: skip
    """Return the distance of each pair of environments; NaN where beyond the tolerance.

    Parameters
    ----------
    rows, columns : int array (n_pairs,)
        Rows of `one` and of `other`.
    tolerance : float
        In the unit of the descriptor.
    reach : float, 1/angstrom
        The same for the surroundings, see `species_surroundings`.
    """
    squares = _pair_squares(
        _arrays(one), _arrays(other), one.slack, rows, columns, tolerance**2, reach
    )
    return np.sqrt(np.where(squares < 0.0, np.nan, squares))


def match_structures(
    one: Environments,
    structure: int,
    other: Environments,
    candidates: IntArray,
    tolerance: float,
    reach: float,
) -> FloatArray:
    """Pair the environments of a structure with those of others of the same composition.

    Parameters
    ----------
    one, other : Environments
        May be the same.
    structure : int
        Of `one`.
    candidates : int array (n,)
        Structures of `other` with the same number of atoms.
    tolerance, reach : float
        As in `pair_distances`.

    Returns
    -------
    float array (n,)
        Largest distance between the two of a pair, if all environments can be paired within the
        tolerance and with equal elements; NaN if not.

    Notes
    -----
    Each environment takes the nearest one not taken yet. Where that gets stuck although every
    environment has some partner, an optimal assignment decides, so that a pairing is found
    whenever there is one.
    """
    first, last = one.structure_offsets[structure : structure + 2]
    starts = other.structure_offsets[:-1][candidates]
    outcomes, worst = _match_all(
        _arrays(one), _arrays(other), one.slack, first, starts, last - first, tolerance**2, reach
    )
    for at in np.flatnonzero(outcomes == UNDECIDED):
        rows = np.arange(first, last)
        columns = np.arange(starts[at], starts[at] + last - first)
        worst[at] = _assign(one, other, rows, columns, tolerance, reach)
    worst = np.where(outcomes == 0, np.inf, worst)
    return np.sqrt(np.where(np.isfinite(worst), worst, np.nan))


def _assign(
    one: Environments, other: Environments, rows: IntArray, columns: IntArray, tolerance: float,
    reach: float,
) -> float:  # fmt: skip
    """Return the largest squared distance of the best assignment, infinite if there is none."""
    n = len(rows)
    pairs = np.repeat(rows, n), np.tile(columns, n)
    d = pair_distances(one, other, *pairs, tolerance, reach).reshape(n, n)
    beyond = 2.0 * n * tolerance**2  # one pair out of reach costs more than all others together
    cost = np.where(np.isnan(d), beyond + 1e-300, d**2)
    i, j = linear_sum_assignment(cost)
    return float(np.nan_to_num(d[i, j] ** 2, nan=np.inf).max())
