"""Lazy greedy in bounded memory: rows are computed when needed, and kept while there is room.

For a monotone coverage objective the columns of a row that have reached as much as the row gives
them will never gain from it again. Those entries are dropped, which changes no gain to come. When
the rows that are held take more than they may, they are freed of such entries first; then those go
that are the farthest from being picked. A row that is needed again is computed again.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.information.kernel_rows import KernelRows, PackedRows
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Checkpoints, Monitor, Part
from analytics.selection.lazy_greedy import Rows, add_row, all_gains, greedy_by_gains

__all__ = ["BATCH", "CoverageRows", "Picks", "without_dead"]

#: Rows computed at once where one is needed: the others are the next most promising ones.
BATCH = 64
#: Share of the memory that is left taken when room was made.
ROOM = 0.75


@dataclass(frozen=True, slots=True)
class Picks:
    """What greedy picked.

    Attributes
    ----------
    structures : int array (m,)
        Places, in the order picked.
    gains : float array (m,)
        What each brought.
    first_gains : float array (m,)
        What it would have brought right after the structures to keep: a bound for another round.
    """

    structures: IntArray
    gains: FloatArray
    first_gains: FloatArray


@dataclass(frozen=True, slots=True)
class CoverageRows:
    """A coverage objective whose rows are computed when they are needed.

    Attributes
    ----------
    rows : KernelRows
        Of all structures; they are known by their places here.
    weights : float array (n_columns,)
    capped : bool
        Whether what the picks give to a column adds up to at most 1, or the largest counts.
    memory : float
        Bytes that the rows held at a time may take.
    """

    rows: KernelRows
    weights: FloatArray
    capped: bool
    memory: float

    def pick(
        self,
        hand: IntArray,
        kept: IntArray,
        size: int,
        *,
        bounds: FloatArray | None = None,
        monitor: Monitor = SILENT,
    ) -> Picks:
        """Pick greedily from some structures, after those to keep.

        Parameters
        ----------
        hand : int array (m,)
            Ascending.
        kept : int array
        size : int
            How many there are to be with those to keep.
        bounds : float array (m,), optional
            What each of the hand would add to those to keep, where that is known.
        monitor : Monitor
        """
        reached = np.zeros(self.rows.n_columns)
        given = np.array(list(self.joined(kept, reached, monitor)))
        held = _Held(self, hand, reached, Checkpoints(monitor))
        if bounds is None:
            held.look(np.arange(len(hand)), Part(monitor, 0.0, 0.5))
            bounds = held.bounds.copy()
        else:
            held.bounds[:] = bounds
        picks, gains = greedy_by_gains(
            held.gain,
            held.join,
            np.arange(len(hand)),
            bounds,
            size - len(kept),
            monitor=Part(monitor, 0.5, 1.0),
        )
        return Picks(
            np.concatenate([kept, hand[picks]]),
            np.concatenate([given, gains]),
            np.concatenate([given, bounds[picks]]),
        )

    def joined(
        self, structures: IntArray, reached: FloatArray, monitor: Monitor
    ) -> Iterator[float]:
        """Let structures join in their order; yields what each brings once it has."""
        for start in range(0, len(structures), BATCH):
            some = structures[start : start + BATCH]
            for _, rows in list(self.alive(some, reached, Checkpoints(monitor))):
                for s in range(len(rows[0]) - 1):
                    row = _row_of(rows, s)
                    (gain,) = all_gains(row, self.weights, reached, capped=self.capped)
                    add_row(row, reached, 0, capped=self.capped)
                    yield float(gain)

    def left(
        self, structures: IntArray, states: Sequence[FloatArray], monitor: Monitor
    ) -> FloatArray:
        """Return what each of some structures would add to each of some states; holds no rows."""

        def work(packed: PackedRows) -> FloatArray:
            rows = self._entries(packed)
            return np.array([all_gains(rows, self.weights, s, capped=self.capped) for s in states])

        found = list(self.rows.some(structures).mapped(work, monitor, "certificate"))
        return np.concatenate(found, axis=1) if found else np.zeros((len(states), 0))

    def alive(
        self, structures: IntArray, reached: FloatArray, monitor: Monitor
    ) -> Iterator[tuple[FloatArray, Rows]]:
        """Yield what some structures would add now, and those entries that can ever add anything.

        Block after block, in their order.
        """

        def work(packed: PackedRows) -> tuple[FloatArray, Rows]:
            rows = self._entries(packed)
            gains = all_gains(rows, self.weights, reached, capped=self.capped)
            return gains, without_dead(rows, reached, capped=self.capped)

        return self.rows.some(structures).mapped(work, monitor)

    def _entries(self, packed: PackedRows) -> Rows:
        counts, columns, sums, peaks = packed
        values = sums if self.capped else peaks
        return np.concatenate([[0], np.cumsum(counts)]), columns, values  # type: ignore[return-value]


def without_dead(rows: Rows, reached: FloatArray, *, capped: bool) -> Rows:
    """Return rows without the entries that cannot add anything any more; O(entries)."""
    indptr, columns, values = rows
    now = reached[columns]
    alive = now < 1.0 if capped else values > now
    before = np.concatenate([[0], np.cumsum(alive)])
    return before[indptr], columns[alive], values[alive]


def _row_of(rows: Rows, s: int) -> Rows:
    """Return one row, sharing no memory with the others."""
    indptr, columns, values = rows
    part = slice(indptr[s], indptr[s + 1])
    return np.array([0, part.stop - part.start]), columns[part].copy(), values[part].copy()


class _Held:
    """The rows of the candidates of one greedy that there is room for."""

    def __init__(
        self, objective: CoverageRows, hand: IntArray, reached: FloatArray, monitor: Monitor
    ) -> None:
        self._objective, self._hand, self._monitor = objective, hand, monitor
        self._reached, self._grown = reached, False
        self._rows: dict[int, Rows] = {}
        self._missing: npt.NDArray[np.bool_] = np.ones(len(hand), dtype=bool)
        self._used = 0
        self.bounds = np.full(len(hand), np.inf)

    def look(self, some: IntArray, monitor: Monitor) -> None:
        """Compute rows, keep them if there is room, and note what each would add now."""
        at = iter(some.tolist())
        for gains, rows in self._objective.alive(self._hand[some], self._reached, monitor):
            for k, gained in enumerate(gains):
                s = next(at)
                self.bounds[s] = gained
                self._keep(s, _row_of(rows, k))

    def gain(self, s: int) -> float:
        """Return what a candidate would add now."""
        row = self._rows.get(s)
        if row is None:
            self.look(self._promising(s), self._monitor)
        else:
            weights, capped = self._objective.weights, self._objective.capped
            self.bounds[s] = all_gains(row, weights, self._reached, capped=capped)[0]
        return float(self.bounds[s])

    def join(self, s: int) -> None:
        """Let a candidate join the set; its row is not needed any more."""
        row = self._rows.pop(s, None)
        if row is None:
            some = self._hand[s : s + 1]
            ((_, row),) = self._objective.alive(some, self._reached, self._monitor)
        else:
            self._used -= _bytes(row)
        add_row(row, self._reached, 0, capped=self._objective.capped)
        self._missing[s], self._grown = False, True

    def _promising(self, s: int) -> IntArray:
        """Return a candidate and those whose rows are likely to be needed next."""
        others = np.flatnonzero(self._missing)
        if len(others) > BATCH:
            others = others[np.argpartition(-self.bounds[others], BATCH)[: BATCH - 1]]
        return np.union1d(others, [s])

    def _keep(self, s: int, row: Rows) -> None:
        self._rows[s], self._missing[s] = row, False
        self._used += _bytes(row)
        if self._used > self._objective.memory:
            self._make_room(ROOM * self._objective.memory)

    def _make_room(self, enough: float) -> None:
        if self._grown:
            for s, row in self._rows.items():
                self._rows[s] = without_dead(row, self._reached, capped=self._objective.capped)
            self._grown = False
            self._used = sum(map(_bytes, self._rows.values()))
        for s in sorted(self._rows, key=self.bounds.__getitem__):
            if self._used <= enough:
                break
            self._used -= _bytes(self._rows.pop(s))
            self._missing[s] = True


def _bytes(row: Rows) -> int:
    return sum(part.nbytes for part in row)
