"""Claim: a map (PCA) of environments cannot show which selection keeps more."""

from __future__ import annotations

import numpy as np

from analytics.claims.claim import Measured, register
from analytics.claims.evidence import BUDGETS, Evidence
from analytics.claims.papers import COMPRESSION
from analytics.claims.statistics import correlation_interval, row_means
from analytics.evaluation.ranking import rank_correlation
from analytics.linalg.principal_axes import principal_axes
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows

__all__ = ["measure"]

#: Cells along each axis of a map: what a reader tells apart.
CELLS = 40


@register(
    "maps_cannot_show",
    sentence="Maps in two dimensions cannot show which selection keeps more: a reader would pick "
    "another winner.",
    paper=COMPRESSION,
    criterion="across methods at equal budget, rank correlation of the share of the PCA map that "
    "is filled with the entropy kept at most 0.5",
    changed_by="Another map (UMAP), or other cells of the map.",
)
def measure(evidence: Evidence) -> Measured:
    """Rank the methods as a reader of the map would, and by entropy in descriptor space."""
    trial = evidence.random
    methods = trial.usable(evidence.methods)
    found, same = np.zeros((len(trial), len(BUDGETS))), 0
    for r in range(len(trial)):
        described = trial.part(r).descriptors
        cells = _cells(principal_axes(described.values, 2).project(described.values))
        for b, budget in enumerate(BUDGETS):
            filled = np.array(
                [
                    _filled(cells, ragged_rows(described.structure_offsets, order))
                    for order in (trial.order(m, r, budget) for m in methods)
                ]
            )
            kept = np.array([trial.metrics(m)["entropy"][r, b] for m in methods])
            found[r, b] = rank_correlation(filled, kept)
            same += int(filled.argmax() == kept.argmax())
    mean = correlation_interval(row_means(found))
    words = (
        f"rank correlation over {len(methods)} methods: {mean.text(2)}; the same winner in {same} "
        f"of {found.size} cases"
    )
    return Measured(
        mean.mean, mean.low, mean.high, 0.5, "rank correlation", words, below=True,
        figures={"same_winner": same, "cases": int(found.size)},
    )  # fmt: skip


def _cells(xy: FloatArray) -> IntArray:
    """Return the number of the cell of the map that each point is in."""
    low, span = xy.min(axis=0), np.maximum(np.ptp(xy, axis=0), 1e-300)
    at = np.minimum(CELLS - 1, ((xy - low) / span * CELLS).astype(np.int64))
    return np.asarray(at[:, 0] * CELLS + at[:, 1])


def _filled(cells: IntArray, rows: IntArray) -> float:
    """Return the share of the cells with a point in which one is kept."""
    return len(np.unique(cells[rows])) / len(np.unique(cells))
