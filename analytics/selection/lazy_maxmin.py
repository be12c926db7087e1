"""Lazy max-min orders: the largest score next, where scores can only fall as more is picked.

Scores are those of the environment of a structure that is least covered by what was picked:
minimum set cover and farthest points. `LazyMax` evaluates few of them at each step.
"""

from __future__ import annotations

import itertools
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np

from analytics.linalg.lazy_max import LazyMax
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.compiled import helper, kernel
from analytics.runtime.parallel import cores
from analytics.runtime.progress import SILENT, Monitor
from analytics.selection.base import Order, Pool

__all__ = [
    "LOWEST",
    "GrowingRows",
    "RowScan",
    "Scan",
    "falling_order",
    "padded",
    "squared_distance",
]

#: Structures brought up to date at once, and by one thread at a time. The same on every machine,
#: so that the order does not depend on the number of threads.
ROUND, SHARE = 16, 4
#: Rows are padded to a multiple of so many columns, for the vector units.
LANES = 8
#: Rows of a reference set that are taken together.
GROUP = 32
#: Bytes that may say what each environment has been compared with.
SEEN_BYTES = 5e8
#: Kernels below exp(LOWEST) are zero in double precision.
LOWEST = -746.0


class Scan(Protocol):
    """The running state of a score."""

    def update(self, structures: list[int], enough: float) -> list[float]:
        """Return the scores of structures given all that was added; infinite is allowed.

        What is below `enough` may be an upper bound, also below, instead. Called from several
        threads at once, for different structures.
        """

    def add(self, s: int) -> None:
        """Take structure `s` into account from now on."""


class GrowingRows:
    """Rows of numbers to which more are added: double precision, contiguous."""

    def __init__(self, columns: int) -> None:
        self.values = np.empty((1024, columns))
        self.used = 0

    def add(self, rows: FloatArray) -> None:
        """Append rows."""
        end = self.used + len(rows)
        if end > len(self.values):
            grown = np.empty((max(end, 2 * len(self.values)), self.values.shape[1]))
            grown[: self.used] = self.values[: self.used]
            self.values = grown
        self.values[self.used : end] = rows
        self.used = end


@helper(fastmath={"reassoc", "contract"})
def squared_distance(a, i, b, j):  # type: ignore[no-untyped-def]
    """Return the squared distance of a row of `a` and one of `b`, from differences."""
    total = 0.0
    for k in range(a.shape[1]):
        d = a[i, k] - b[j, k]
        total += d * d
    return total


class RowScan:
    """A score that the environment least covered by what was added decides.

    Every environment has a level that only rises. Of a structure only the lowest environment
    needs to be compared with what was added, nearest first, until it has seen everything or has
    risen so high that the structure is out of the running.

    Parameters
    ----------
    x : float array (n, d), double precision
    offsets : int array (n_structures + 1,)
    scale : float
        Below 0: a level is the sum of exp(scale d^2) over the rows added, d the distance.
        0: it is minus the smallest d^2.
    """

    def __init__(self, x: FloatArray, offsets: IntArray, scale: float) -> None:
        self._x, self._offsets = padded(x), np.asarray(offsets, dtype=np.int64)
        sums = np.add.reduceat(self._x, self._offsets[:-1], axis=0)
        self._means = sums / np.diff(self._offsets)[:, None]
        self._rows, self._centres = (GrowingRows(self._x.shape[1]) for _ in range(2))
        self._starts, self._scale = np.zeros(1, dtype=np.int64), scale
        self._levels = np.full(len(x), 0.0 if scale else -np.inf)
        self._counts = np.zeros(len(x), dtype=np.int64)
        self._seen = np.zeros((len(x), 1), dtype=np.uint64)

    def _wanted(self, structures: IntArray, enough: float) -> FloatArray:
        """Return the level above which each structure scores less than `enough`."""
        raise NotImplementedError

    def _scores(self, structures: IntArray, levels: FloatArray) -> FloatArray:
        """Return the scores of structures whose lowest environment has a level."""
        raise NotImplementedError

    def add_rows(self, rows: FloatArray) -> None:
        """Take environments of a reference set into account."""
        rows = padded(rows)
        for start in range(0, len(rows), GROUP):
            self._join(rows[start : start + GROUP])

    def add(self, s: int) -> None:
        """Take structure `s` into account from now on."""
        self._join(self._x[self._offsets[s] : self._offsets[s + 1]])

    def _join(self, rows: FloatArray) -> None:
        self._rows.add(rows)
        self._centres.add(rows.mean(axis=0)[None])
        self._starts = np.append(self._starts, self._rows.used)
        words, n = self._seen.shape[1], len(self._x)
        if len(self._starts) > 64 * words and 2 * 8 * words * n <= SEEN_BYTES:
            self._seen = np.hstack([self._seen, np.zeros_like(self._seen)])

    def update(self, structures: list[int], enough: float) -> list[float]:
        """Return the scores of structures, or upper bounds that are below `enough`."""
        some = np.array(structures, dtype=np.int64)
        levels = np.empty(len(some))
        _raise_levels(
            some, self._x, self._offsets, self._means, self._rows.values, self._starts,
            self._centres.values, self._scale, self._wanted(some, enough), self._levels,
            self._counts, self._seen, levels,
        )  # fmt: skip
        return [float(score) for score in self._scores(some, levels)]


@kernel
def _raise_levels(  # type: ignore[no-untyped-def]
    structures, x, offsets, means, rows, starts, centres, scale, wanted, levels, counts, seen, out
):
    """Raise the lowest level of structures until it is certain or above what is wanted.

    `seen` has a bit for each environment and group of rows; where there are more groups than
    bits, the others are taken in order, and `counts` says how far that is.
    """
    n = starts.shape[0] - 1
    bits = min(n, 64 * seen.shape[1])
    for at in range(structures.shape[0]):
        s = structures[at]
        start, stop = offsets[s], offsets[s + 1]
        distances = np.empty(bits)
        for g in range(bits):
            distances[g] = squared_distance(means, s, centres, g)
        order = np.argsort(distances)
        place = np.zeros(stop - start, dtype=np.int64)
        while True:
            i = start + np.argmin(levels[start:stop])
            if counts[i] == n or levels[i] > wanted[at]:
                break
            # the groups with a bit first; all of them are seen once `place` is at their end
            g = -1
            while g < 0 and place[i - start] < bits:
                candidate = order[place[i - start]]
                place[i - start] += 1
                if not (seen[i, candidate >> 6] >> np.uint64(candidate & 63)) & np.uint64(1):
                    g = candidate
                    seen[i, g >> 6] |= np.uint64(1) << np.uint64(g & 63)
            if g < 0:
                g = counts[i]
            level = levels[i]
            for j in range(starts[g], starts[g + 1]):
                square = squared_distance(x, i, rows, j)
                if scale == 0.0:
                    level = max(level, -square)
                elif scale * square > LOWEST:
                    level += np.exp(scale * square)
            levels[i] = level
            counts[i] += 1
        out[at] = levels[i]


def padded(rows: FloatArray) -> FloatArray:
    """Return rows in double precision, with zeros up to a multiple of `LANES` columns."""
    wide = np.zeros((len(rows), -(-rows.shape[1] // LANES) * LANES))
    wide[:, : rows.shape[1]] = rows
    return wide


def falling_order(
    pool: Pool,
    scan: Scan,
    *,
    first: FloatArray | None = None,
    tie: float = 1e-9,
    rank: IntArray | None = None,
    message: str = "",
    monitor: Monitor = SILENT,
) -> Order:
    """Order by the largest score given the picks before.

    Parameters
    ----------
    pool : Pool
    scan : Scan
    first : float array (n_structures,), optional
        Scores that decide the first pick, where nothing is there to compare with.
    tie : float
        Finite scores closer than this are equal, and so are infinite ones.
    rank : int array (n_structures,), optional
        Equal scores go to the lowest rank (default: the lowest index, as in QUESTS).
    """
    rank = np.arange(len(pool.open)) if rank is None else rank
    picks: list[int] = []
    gains: list[float] = []
    remaining = pool.open

    def take(s: int, score: float) -> None:
        picks.append(s)
        gains.append(score)
        remaining[s] = False
        if len(picks) < pool.size:
            scan.add(s)

    for s in pool.keep.tolist():
        alone = first is not None and not picks
        take(s, float(first[s]) if alone and first is not None else scan.update([s], -np.inf)[0])
    if first is not None and not picks and len(picks) < pool.size:
        allowed = np.where(remaining, first, -np.inf)
        equal = np.flatnonzero(remaining & (allowed >= allowed.max() - tie))
        best = int(equal[np.argmin(rank[equal])])
        take(best, float(first[best]))
    with ThreadPoolExecutor(cores()) as threads:

        def evaluate(some: list[int], enough: float) -> list[float]:
            parts = [some[at : at + SHARE] for at in range(0, len(some), SHARE)]
            if len(parts) == 1:
                return scan.update(parts[0], enough)
            done = threads.map(lambda part: scan.update(part, enough), parts)
            return list(itertools.chain.from_iterable(done))

        open_ = np.flatnonzero(remaining)
        unknown = np.full(len(open_), np.inf)
        left = LazyMax(open_, unknown, evaluate, rank=rank, tie=tie, batch=ROUND)
        last = time.monotonic()

        def pause() -> None:
            nonlocal last
            if time.monotonic() - last > 0.05:
                monitor.report(len(picks) / pool.size, message)
                monitor.checkpoint()
                last = time.monotonic()

        while len(picks) < pool.size:
            take(*left.pop(pause))
            pause()
    return Order(np.array(picks, dtype=np.int64), np.array(gains))
