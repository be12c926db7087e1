"""Uniform random selection: the line every other method has to beat."""

from __future__ import annotations

import numpy as np

from analytics.runtime.progress import SILENT, Monitor
from analytics.selection.base import Method, NoOptions, Order, Pool, register

__all__ = ["select_random"]


def select_random(
    pool: Pool, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    """Order the structures uniformly at random.

    Good at keeping the distribution as it is, hence good in-distribution errors; bad at rare
    structures and tails, which it meets in proportion to their number.
    """
    candidates = np.flatnonzero(pool.open)
    picks = np.concatenate([pool.keep, rng.permutation(candidates)])[: pool.size]
    return Order(picks, np.ones(len(picks)))


register(
    Method(
        name="random",
        title="Random",
        kind="random",
        summary="uniform over structures",
        spec=NoOptions,
        run=select_random,
        random=True,
    )
)
