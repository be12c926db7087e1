"""Orders by a score that can only fall as more is picked, evaluated lazily.

A score computed earlier is then an upper bound on the score now, and only the candidates on top
of the heap are looked at again. The order is that of evaluating every candidate at every step.
"""

from __future__ import annotations

import heapq
import itertools
import os
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import numpy as np
from threadpoolctl import threadpool_limits

from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.progress import SILENT, Monitor
from analytics.selection.base import Order, Pool

__all__ = ["GrowingRows", "RowScan", "Scan", "falling_order"]

#: Structures brought up to date at once, and by one thread at a time. The same on every machine,
#: so that the order does not depend on the number of threads.
ROUND, SHARE = 128, 32
#: Entries of one matrix product: 2 MB, to stay in the cache.
PRODUCTS = 1 << 18


class Scan(Protocol):
    """The running state of a score."""

    def update(self, structures: list[int]) -> list[float]:
        """Return the scores of structures given all that was added; infinite is allowed.

        Called from several threads at once, for different structures.
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


class RowScan:
    """A score made of one number per environment, which the distances to what is added change.

    Many structures and many picks go through one matrix product.

    Parameters
    ----------
    x : float array (n, d), double precision
    offsets : int array (n_structures + 1,)
    start : float
        The number of every environment before anything is added.
    """

    def __init__(self, x: FloatArray, offsets: IntArray, start: float) -> None:
        # centred: a product loses digits with the distance from the origin
        self._centre = x.mean(axis=0)
        self._x, self._bounds, self._offsets = x - self._centre, offsets, offsets.tolist()
        self._norms = np.einsum("ij,ij->i", self._x, self._x)
        self._picked = GrowingRows(x.shape[1] + 1)
        self._seen = [0] * (len(offsets) - 1)
        self._state = np.full(len(x), start)

    def _reduce(
        self, products: FloatArray, norms: FloatArray, own: FloatArray, state: FloatArray
    ) -> None:
        """Change `state` by a block of products of rows (squared `norms`) and picks (`own`)."""
        raise NotImplementedError

    def _score(self, s: int, state: FloatArray) -> float:
        """Return the score of a structure whose environments have these numbers."""
        raise NotImplementedError

    def add_rows(self, rows: FloatArray) -> None:
        """Take environments of a reference set into account."""
        rows = rows - self._centre
        self._picked.add(np.column_stack([rows, np.einsum("ij,ij->i", rows, rows)]))

    def add(self, s: int) -> None:
        """Take structure `s` into account from now on."""
        own = slice(self._offsets[s], self._offsets[s + 1])
        self._picked.add(np.column_stack([self._x[own], self._norms[own]]))

    def update(self, structures: list[int]) -> list[float]:
        """Return the scores of structures given all that was added."""
        # those that have seen equally many picks go through one matrix product
        for seen, group in itertools.groupby(
            sorted(structures, key=self._seen.__getitem__), key=self._seen.__getitem__
        ):
            if seen < self._picked.used:
                self._extend(list(group), seen)
        offsets, state = self._offsets, self._state
        return [self._score(s, state[offsets[s] : offsets[s + 1]]) for s in structures]

    def _extend(self, structures: list[int], seen: int) -> None:
        rows = ragged_rows(self._bounds, np.array(structures))
        x, norms, state = self._x[rows], self._norms[rows], self._state[rows]
        width = max(64, PRODUCTS // len(rows))
        for start in range(seen, self._picked.used, width):
            picked = self._picked.values[start : min(start + width, self._picked.used)]
            self._reduce(x @ picked[:, :-1].T, norms, picked[:, -1].copy(), state)
        self._state[rows] = state
        for s in structures:
            self._seen[s] = self._picked.used


def falling_order(
    pool: Pool,
    scan: Scan,
    *,
    first: FloatArray | None = None,
    tie: float = 1e-9,
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
        Finite scores closer than this are equal, and go to the lowest index; among infinite
        ones the lowest index goes first.
    """
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
        take(s, float(first[s]) if alone and first is not None else scan.update([s])[0])
    if first is not None and not picks and len(picks) < pool.size:
        allowed = np.where(remaining, first, -np.inf)
        best = int(np.flatnonzero(remaining & (allowed >= allowed.max() - tie))[0])
        take(best, float(first[best]))
    with threadpool_limits(1, user_api="blas"), ThreadPoolExecutor(os.cpu_count()) as threads:
        queue = _Queue(scan, np.flatnonzero(remaining), threads)
        last = time.monotonic()

        def pause() -> None:
            nonlocal last
            if time.monotonic() - last > 0.05:
                monitor.report(len(picks) / pool.size, message)
                monitor.checkpoint()
                last = time.monotonic()

        while len(picks) < pool.size:
            take(*queue.pop(tie, pause))
            pause()
    return Order(np.array(picks, dtype=np.int64), np.array(gains))


class _Queue:
    """Candidates by the last score known of each, which is an upper bound on the score now."""

    def __init__(self, scan: Scan, candidates: IntArray, threads: ThreadPoolExecutor) -> None:
        self._scan, self._threads = scan, threads
        self._heap = [(-np.inf, s) for s in candidates.tolist()]
        self._fresh: set[int] = set()

    def pop(self, tie: float, pause: Callable[[], None]) -> tuple[int, float]:
        """Remove and return the structure with the largest score now, and that score."""
        self._fresh.clear()
        while True:
            top = [heapq.heappop(self._heap)]
            if top[0] != (-np.inf, top[0][1]):
                while self._heap and self._heap[0][0] <= top[0][0] + tie:
                    top.append(heapq.heappop(self._heap))
            stale = [entry for entry in top if entry[1] not in self._fresh]
            if not stale:
                score, best = min(top, key=lambda entry: entry[1])
                for entry in top:
                    if entry[1] != best:
                        heapq.heappush(self._heap, entry)
                return best, -score
            for entry in top:
                if entry[1] in self._fresh:
                    heapq.heappush(self._heap, entry)
            # those next in line will be wanted as well, and many at a time fill all cores
            while len(stale) < ROUND and self._heap:
                entry = heapq.heappop(self._heap)
                if entry[1] in self._fresh:
                    heapq.heappush(self._heap, entry)
                    break
                stale.append(entry)
            self._update([s for _, s in stale])
            pause()

    def _update(self, structures: list[int]) -> None:
        parts = [structures[at : at + SHARE] for at in range(0, len(structures), SHARE)]
        if len(parts) == 1:
            done: Iterable[list[float]] = [self._scan.update(parts[0])]
        else:
            done = self._threads.map(self._scan.update, parts)
        for s, score in zip(structures, itertools.chain.from_iterable(done), strict=True):
            heapq.heappush(self._heap, (-score, s))
            self._fresh.add(s)
