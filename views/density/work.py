"""Background work of the Density stage, and what it remembers of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.density.pictures import DensityHistogram, density_histogram
from analytics.density.points import suggest
from analytics.density.results import row_of
from analytics.density.study import FULL, ModelResult, Study, keep_points
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import Monitor
from views.density.prepared import Prepared

__all__ = [
    "Chosen",
    "choose_points",
    "count_models",
    "row_with_histogram",
    "suggested",
]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a method keeps at a share, seed 0.

    Attributes
    ----------
    method : str
    kept : float
        The share asked for.
    rows : int array
        Kept points, as rows of the pool.
    n_snapshots : int
        Snapshots that they are from.
    electrons_pct : float
        Electrons that they stand for, % of those of all points.
    histogram : DensityHistogram
    """

    method: str
    kept: float
    rows: IntArray
    n_snapshots: int
    electrons_pct: float
    histogram: DensityHistogram


def suggested(prepared: Prepared) -> dict[str, Any]:
    """Return the options of CCS that suit a system."""
    found = suggest(prepared.data)
    return {"beta": found.beta, "scale": found.scale}


def choose_points(
    prepared: Prepared, study: Study, method: str, kept: float, monitor: Monitor
) -> Chosen:
    """Find what a method keeps at a share, and what that stands for."""
    candidates = prepared.candidates(study.spec.unit)
    rows = keep_points(study, method, kept, candidates=candidates, monitor=monitor)
    histogram = density_histogram(study, rows)
    total = float(np.sum(prepared.head.facts["histogram_electrons"]))
    snapshots = len(np.unique(study.pool.snapshots[rows]))
    electrons = 100.0 * float(histogram.electrons.sum()) / total
    return Chosen(method, kept, rows, snapshots, electrons, histogram)


def row_with_histogram(study: Study, model: ModelResult) -> dict[str, Any]:
    """Return a model as a row of a comparison."""
    row = row_of(model)
    if model.seed == 0 and model.method != FULL:
        row["histogram"] = density_histogram(study, model.rows).points.tolist()
    return row


def count_models(study: Study) -> int:
    """Return how many models a comparison will train."""
    spec = study.spec
    each = 1 + len(spec.kept) * len([m for m in spec.methods if m != FULL])
    third = 1 + len([m for m in spec.methods if m in ("random", "ccs")]) if spec.third else 0
    return spec.seeds * (each + third)
