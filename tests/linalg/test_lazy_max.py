"""Lazy greedy maxima: bounds that are asked for before values change nothing that is taken."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.linalg.lazy_max import LazyMax


@pytest.mark.parametrize("seed", range(5))
def test_bounds_before_values_take_the_same(seed: int) -> None:
    rng = np.random.default_rng(seed)
    falling = np.sort(np.round(rng.random((12, 30)), 1), axis=0)[::-1]  # with many ties
    slack = 0.3 * rng.random(30)

    def taken(bounding: bool) -> list[tuple[int, float]]:
        step = 0

        def evaluate(some: list[int], enough: float) -> list[float]:
            found = []
            for c in some:
                value, bound = float(falling[step, c]), float(falling[step, c] + slack[c])
                found.append(value if bound >= enough else bound)
            return found

        candidates = np.arange(30)
        left = LazyMax(candidates, np.full(30, 2.0), evaluate, share=1e-9, bounding=bounding)
        picks = []
        for step in range(12):  # noqa: B007 - evaluate reads it
            picks.append(left.pop())
        return picks

    plain = taken(False)
    assert taken(True) == plain
    for step, (picked, value) in enumerate(plain):
        others = np.setdiff1d(np.arange(30), [c for c, _ in plain[:step]])
        assert value == falling[step, others].max()
        assert picked == others[np.argmax(falling[step, others])]
