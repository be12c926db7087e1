"""Lazy greedy in bounded memory: rows are computed when needed, and kept while there is room.

For a monotone coverage objective the columns of a row that have reached as much as the row gives
them will never gain from it again. Those entries are dropped, which changes no gain to come. When
the rows that are held take more than they may, they are freed of such entries first. Then the many
entries that add little go: what they would add together is kept and never falls short of what they
will add, so that the rest of the row bounds its gain, mostly well enough to pass it over. At last
the rows go that are the farthest from being picked. A row is computed again where a bound will not
do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from analytics.information.kernel_rows import KernelRows, PackedRows
from analytics.information.sampled_rows import SampledRows
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Checkpoints, Monitor, Part
from analytics.selection.lazy_greedy import Rows, add_row, all_gains, greedy_by_gains

__all__ = ["BATCH", "CoverageRows", "Picks", "without_dead"]

#: Structures to keep, or picks, that are looked at together.
BATCH = 64
#: Rows computed at once where one is needed: the others are the next most promising ones.
NEXT = 8
#: Entries go that add less than this, if what is below the first is not enough.
LITTLE = (1e-3, 1e-2)
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
    rows : KernelRows or SampledRows
        Of all structures; they are known by their places here.
    weights : float array (n_columns,)
    capped : bool
        Whether what the picks give to a column adds up to at most 1, or the largest counts.
    memory : float
        Bytes that the rows held at a time may take.
    """

    rows: KernelRows | SampledRows
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
        start: FloatArray | None = None,
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
        start : float array (n_columns,), optional
            What every column has reached before those to keep.
        monitor : Monitor
        """
        reached = np.zeros(self.rows.n_columns) if start is None else start.copy()
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
            bounding=True,
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


@dataclass(frozen=True, slots=True)
class _Row:
    """A row, and what the entries that it lacks would add at most."""

    entries: Rows
    lacking: float

    @property
    def nbytes(self) -> int:
        return sum(part.nbytes for part in self.entries)


class _Held:
    """The rows of the candidates of one greedy that there is room for."""

    def __init__(
        self, objective: CoverageRows, hand: IntArray, reached: FloatArray, monitor: Monitor
    ) -> None:
        self._objective, self._hand, self._monitor = objective, hand, monitor
        self._reached, self._grown = reached, False
        self._rows: dict[int, _Row] = {}
        self._whole: npt.NDArray[np.bool_] = np.zeros(len(hand), dtype=bool)
        self._open: npt.NDArray[np.bool_] = np.ones(len(hand), dtype=bool)
        self._used = 0
        self.bounds = np.full(len(hand), np.inf)

    def look(self, some: IntArray, monitor: Monitor) -> None:
        """Compute rows, keep them if there is room, and note what each would add now."""
        at = iter(some.tolist())
        for gains, rows in self._objective.alive(self._hand[some], self._reached, monitor):
            for k, gained in enumerate(gains):
                s = next(at)
                self.bounds[s] = gained
                self._keep(s, _Row(_row_of(rows, k), 0.0))

    def gain(self, s: int, enough: float) -> float:
        """Return what a candidate would add now, or a bound on it that is not enough."""
        row = self._rows.get(s)
        if row is not None:
            now = float(self._gains(row.entries)[0]) + row.lacking
            self.bounds[s] = min(self.bounds[s], now)
        if self.bounds[s] >= enough and (row is None or row.lacking > 0.0):
            self.look(self._promising(s), self._monitor)
        return float(self.bounds[s])

    def join(self, s: int) -> None:
        """Let a candidate join the set; its row is not needed any more."""
        row = self._rows.pop(s, None)
        self._used -= 0 if row is None else row.nbytes
        entries = None if row is None or row.lacking else row.entries
        if entries is None:
            some = self._hand[s : s + 1]
            ((_, entries),) = self._objective.alive(some, self._reached, self._monitor)
        add_row(entries, self._reached, 0, capped=self._objective.capped)
        self._open[s], self._grown = False, True

    def _gains(self, entries: Rows) -> FloatArray:
        weights, capped = self._objective.weights, self._objective.capped
        return all_gains(entries, weights, self._reached, capped=capped)

    def _promising(self, s: int) -> IntArray:
        """Return a candidate and those whose rows are likely to be needed next."""
        others = np.flatnonzero(self._open & ~self._whole)
        if len(others) > NEXT:
            others = others[np.argpartition(-self.bounds[others], NEXT)[: NEXT - 1]]
        return np.union1d(others, [s])

    def _keep(self, s: int, row: _Row) -> None:
        held = self._rows.pop(s, None)
        self._used += row.nbytes - (0 if held is None else held.nbytes)
        self._rows[s], self._whole[s] = row, True
        if self._used > self._objective.memory:
            self._make_room(ROOM * self._objective.memory)

    def _make_room(self, enough: float) -> None:
        if self._grown:
            self._change(self._living)
            self._grown = False
        for little in LITTLE:
            if self._used > enough:
                self._change(partial(self._thinned, little=little))
        for s in sorted(self._rows, key=self.bounds.__getitem__):
            if self._used <= enough:
                break
            self._used -= self._rows.pop(s).nbytes
            self._whole[s] = False

    def _change(self, change: Callable[[_Row], _Row]) -> None:
        for s, row in self._rows.items():
            self._rows[s] = change(row)
            self._whole[s] = self._rows[s].lacking == 0.0
        self._used = sum(row.nbytes for row in self._rows.values())

    def _living(self, row: _Row) -> _Row:
        entries = without_dead(row.entries, self._reached, capped=self._objective.capped)
        return _Row(entries, row.lacking)

    def _thinned(self, row: _Row, little: float) -> _Row:
        _, columns, values = row.entries
        now = self._reached[columns]
        adds = np.minimum(values, 1.0 - now) if self._objective.capped else values - now
        small = adds < little
        lost = np.dot(self._objective.weights[columns[small]], np.maximum(adds[small], 0.0))
        large = ~small
        entries = np.array([0, int(large.sum())]), columns[large], values[large]
        return _Row(entries, row.lacking + float(lost))
