"""Random selection: uniform, or stratified by class (config_type)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.runtime.arrays import FloatArray
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import NoOptions, Options, option
from analytics.selection.base import Method, Order, Pool, register

__all__ = ["StratifiedSpec", "select_random", "select_stratified"]


@dataclass(frozen=True, slots=True)
class StratifiedSpec(Options):
    """Options of the stratified selection."""

    allocation: str = option(
        "proportional",
        choices=("proportional", "equal"),
        help="Whether a config_type gets structures in proportion to its size or as many as any.",
    )


def select_random(
    pool: Pool, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    """Order the structures uniformly at random: the line every other method has to beat.

    Good at keeping the distribution as it is; it meets rare structures and tails in proportion to
    their number.

    Cost: O(s) for s structures.

    References
    ----------
    Sorscher et al., NeurIPS 2022, arXiv:2206.14486 (when anything beats it).
    """
    picks = np.concatenate([pool.keep, rng.permutation(pool.by_content)])[: pool.size]
    return Order(picks, np.ones(len(picks)))


def select_stratified(
    pool: Pool, spec: StratifiedSpec, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    """Draw at random inside each config_type, every class in turn.

    Proportional: the next structure comes from the class that is furthest behind its share, by
    the divisor rule of Webster; equal: from the class with the fewest picks so far, until it is
    used up. Ties go to the class that comes first by name. Structures forced in count for their
    class. Files without config_type are one class, and the order is then random.

    Good at never losing a class by chance; equal is good at rare classes and bad at keeping the
    distribution, proportional the reverse. Both know only what the labels say: classes of very
    different redundancy get the same treatment.

    Cost: O(m c) for m picks and c classes.

    References
    ----------
    Neyman, J. R. Stat. Soc. 97, 558 (1934), doi:10.2307/2342192 (stratified sampling); Balinski,
    Young, Fair Representation, Yale University Press (1982) (divisor rules).
    """
    dataset, described = pool.analysis.dataset, pool.analysis.descriptors.structures
    labels = dataset.config_type[described]
    names, classes = np.unique(labels, return_inverse=True)
    order = rng.permutation(pool.by_content)
    queues = [order[classes[order] == c][::-1].tolist() for c in range(len(names))]
    sizes = np.bincount(classes, minlength=len(names)).astype(float)
    taken = np.bincount(classes[pool.keep], minlength=len(names)).astype(float)
    picks: list[int] = [int(s) for s in pool.keep]
    while len(picks) < pool.size:
        wanted = np.asarray(
            sizes / (2.0 * taken + 1.0) if spec.allocation == "proportional" else -taken
        )
        chosen = _first_largest(wanted, queues)
        picks.append(queues[chosen].pop())
        taken[chosen] += 1
        if len(picks) % 1024 == 0:
            monitor.checkpoint()
    return Order(np.array(picks, dtype=np.int64), np.ones(len(picks)))


def _first_largest(wanted: FloatArray, queues: list[list[int]]) -> int:
    left = np.array([len(queue) > 0 for queue in queues])
    return int(np.argmax(np.where(left, wanted, -np.inf)))


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
register(
    Method(
        name="stratified",
        title="Stratified",
        kind="random",
        summary="random inside each config_type",
        spec=StratifiedSpec,
        run=select_stratified,
        random=True,
    )
)
