"""Selection method: structures of few atoms first, because they are cheap to label."""

from dataclasses import dataclass

import numpy as np

from analytics.runtime.progress import Monitor
from analytics.runtime.registry import Options, option
from analytics.selection.base import Method, Order, Pool, register


@dataclass(frozen=True, slots=True)
class SmallestSpec(Options):
    """From how many atoms on a structure counts."""

    least: int = option(1, low=1, high=1000, unit="atoms", help="Smaller structures come last.")


def select_smallest(
    pool: Pool, spec: SmallestSpec, *, rng: np.random.Generator, monitor: Monitor
) -> Order:
    """Score by minus the number of atoms; structures below the least come last.

    Good at a budget that counts structures and is paid in atoms; bad at everything else: what
    large cells show (defects, surfaces, liquids) is left out.

    Cost: O(s) for s structures.

    References
    ----------
    None: an example.
    """
    sizes = pool.analysis.sizes.astype(float)
    return pool.ranked(np.where(sizes >= spec.least, -sizes, -np.inf))


register(
    Method(
        "smallest_first",
        "Smallest first",
        "importance",
        "few atoms first",
        SmallestSpec,
        select_smallest,
    )
)
