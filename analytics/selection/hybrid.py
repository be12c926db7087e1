"""Hybrid selection: two methods that share a budget, in turn."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import Options, option
from analytics.selection.base import METHODS, Method, Order, Pool, is_nested, register

__all__ = ["HybridSpec", "select_hybrid"]


@dataclass(frozen=True, slots=True)
class HybridSpec(Options):
    """Options of the hybrid."""

    first: str = option("facility_location", help="Name of one method.")
    second: str = option("outlier_score", help="Name of the other method.")
    share: float = option(
        0.5, low=0.0, high=1.0, help="Share of the picks that the first method makes."
    )

    def __post_init__(self) -> None:
        """Check the bounds; a hybrid of hybrids would never end."""
        Options.__post_init__(self)
        if "hybrid" in (self.first, self.second):
            raise ValueError("a hybrid is made of two methods that are no hybrids themselves")


def select_hybrid(
    pool: Pool, spec: HybridSpec, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    """Let two methods pick in turn, each the best of its order that is not taken yet.

    The turns follow the share: after m picks the first method has made its share of them,
    rounded. Both have their default options and make their orders on their own, so that neither
    knows what the other brings. Nested if both are; a method that is not is asked for its share
    of the budget. The gain is that of the method whose turn it was, in its own measure.

    Good at taking the bulk from a coverage method and the tail from an importance score; with
    shares near one half each alone would do better at what it is good at.

    Cost: that of both.

    References
    ----------
    The mixing of diversity and difficulty follows Maharana, Yadav, Bansal, ICLR 2024,
    arXiv:2310.07931, in its simplest form.
    """
    rngs = rng.spawn(2)
    orders, shares = [], (spec.share, 1.0 - spec.share)
    free = pool.size - len(pool.keep)
    for at, name in enumerate((spec.first, spec.second)):
        method = METHODS[name]
        # how far an order is needed is not known beforehand: the other may take the same
        nested = is_nested(name)
        size = pool.size if nested else len(pool.keep) + int(np.ceil(shares[at] * free))
        own = replace(pool, size=size, reference=pool.reference if method.conditional else None)
        part = Part(monitor, at / 2, (at + 1) / 2)
        orders.append(method.run(own, method.spec(), rng=rngs[at], monitor=part))
    queues = [
        list(zip(o.picks[len(pool.keep) :][::-1], o.gains[len(pool.keep) :][::-1], strict=True))
        for o in orders
    ]
    picks = [int(s) for s in pool.keep]
    gains = [float(g) for g in orders[0].gains[: len(picks)]]
    taken, made = set(picks), [0, 0]
    while len(picks) < pool.size and any(queues):
        # the first is due while it is behind its share of this pick and those before
        turn = 0 if made[0] + 0.5 <= spec.share * (sum(made) + 1) else 1
        turn = turn if queues[turn] else 1 - turn
        s, gain = queues[turn].pop()
        if int(s) not in taken:
            taken.add(int(s))
            picks.append(int(s))
            gains.append(float(gain))
            made[turn] += 1
    rest = [int(s) for s in pool.by_content if int(s) not in taken]
    rest = rest[: pool.size - len(picks)]
    return Order(np.array(picks + rest, dtype=np.int64), np.array(gains + [0.0] * len(rest)))


register(
    Method(
        name="hybrid",
        title="Hybrid",
        kind="mixed",
        summary="two methods in turn",
        spec=HybridSpec,
        run=select_hybrid,
        random=True,
        parts=lambda spec: (spec.first, spec.second),
    )
)
