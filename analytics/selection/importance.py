"""Importance selections: the structures with the highest score first."""

from __future__ import annotations

import numpy as np

from analytics.runtime.progress import SILENT, Monitor
from analytics.selection.base import Method, NoOptions, Order, Pool, register

__all__ = ["select_largest_force", "select_outlier_score"]


def select_largest_force(
    pool: Pool, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    """Order by the largest force on any atom of a structure.

    Good at the long tail of forces; bad at everything near equilibrium, which it abandons, so
    that energies of crystals suffer. Says nothing about perfect crystals, whose forces are
    exactly zero by symmetry: they come last, in file order. Missing forces come after them.
    """
    norms, starts = pool.analysis.force_norms, pool.analysis.descriptors.structure_offsets[:-1]
    return pool.ranked(np.fmax.reduceat(norms, starts))


def select_outlier_score(
    pool: Pool, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    """Order by the highest leave-one-out outlier score of any environment of a structure.

    Good at finding what is sparse in the data, broken structures included (check the data
    first); bad at representing what is common.
    """
    return pool.ranked(pool.analysis.outliers.structure_max)


register(
    Method(
        name="largest_force",
        title="Largest force",
        kind="importance",
        summary="highest max |F| first",
        spec=NoOptions,
        run=select_largest_force,
        needs_forces=True,
    )
)
register(
    Method(
        name="outlier_score",
        title="Outlier score",
        kind="importance",
        summary="sparsest environment first",
        spec=NoOptions,
        run=select_outlier_score,
    )
)
