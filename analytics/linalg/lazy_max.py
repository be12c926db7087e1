"""Lazy evaluation of a greedy maximum (lazy greedy): a heap of upper bounds on values that fall.

Where values can only fall as more is picked, one computed earlier is an upper bound on the value
now, so that only candidates on top of the heap have to be evaluated again. What is taken is what
evaluating every candidate at every step would take, ties included.

References
----------
Minoux, Optimization Techniques, 234 (1978), doi:10.1007/BFb0006528.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable

from analytics.runtime.arrays import FloatArray, IntArray

__all__ = ["LazyMax"]

#: (candidates, enough) -> their values now; below `enough` an upper bound, also below, will do.
Evaluate = Callable[[list[int], float], list[float]]


class LazyMax:
    """Candidates by the last value known of each, which is an upper bound on the value now.

    Parameters
    ----------
    candidates : int array (n,)
    bounds : float array (n,)
        Upper bounds to start from; infinite where nothing is known.
    evaluate : callable
        Called with the candidates that may be the best, and what they have to reach for that.
    rank : int array, optional
        Among equals the candidate c with the lowest ``rank[c]`` goes first (default: the lowest c).
    share, tie : float
        Values within `share` of the largest one, or closer to it than `tie`, are equal to it;
        infinite ones are.
    batch : int
        How many candidates are evaluated at once, where more than one may be the best.
    bounding : bool
        Whether a bound is asked for before a value: while nothing is known of any other, a
        candidate has to reach the bound of the next one. For candidates whose values are dear.
    """

    def __init__(
        self,
        candidates: IntArray,
        bounds: FloatArray,
        evaluate: Evaluate,
        *,
        rank: IntArray | None = None,
        share: float = 0.0,
        tie: float = 0.0,
        batch: int = 1,
        bounding: bool = False,
    ) -> None:
        ranks = candidates if rank is None else rank[candidates]
        self._heap = list(zip((-bounds).tolist(), ranks.tolist(), candidates.tolist(), strict=True))
        heapq.heapify(self._heap)
        self._evaluate, self._share, self._tie, self._batch = evaluate, share, tie, batch
        self._bounding = bounding

    def __len__(self) -> int:
        return len(self._heap)

    @property
    def bound(self) -> float:
        """No candidate has a larger value."""
        return float(-self._heap[0][0])

    def rest(self) -> list[int]:
        """Return all candidates that are left, by rank."""
        return [c for _, _, c in sorted(self._heap, key=lambda entry: entry[1])]

    def pop(self, pause: Callable[[], None] = lambda: None) -> tuple[int, float]:
        """Remove and return the candidate with the largest value now, and that value.

        `pause` is called between evaluations.
        """
        heap, fresh, most = self._heap, [], -math.inf
        while heap and -heap[0][0] >= self._level(most):
            some = [heapq.heappop(heap)]
            while heap and most > -math.inf and len(some) < self._batch:
                if -heap[0][0] < self._level(most):
                    break
                some.append(heapq.heappop(heap))
            enough = self._level(most)
            if self._bounding and most == -math.inf and heap:
                enough = self._level(self.bound)
            values = self._evaluate([c for _, _, c in some], enough)
            for (_, rank, c), value in zip(some, values, strict=True):
                if value >= enough:
                    fresh.append((-value, rank, c))
                    most = max(most, value)
                else:
                    heapq.heappush(heap, (-value, rank, c))
            if most == math.inf:
                break
            pause()
        level = self._level(most)
        best = min((entry for entry in fresh if -entry[0] >= level), key=lambda entry: entry[1])
        for entry in fresh:
            if entry is not best:
                heapq.heappush(heap, entry)
        return best[2], -best[0]

    def _level(self, most: float) -> float:
        """Return what counts as equal to the largest value."""
        return most if math.isinf(most) else most - self._tie - self._share * abs(most)
