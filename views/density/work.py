"""Background work of the Density stage (worker side): what is kept, trained, counted."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analytics.density.pictures import DensityHistogram, density_histogram
from analytics.density.points import suggest
from analytics.density.results import DensityResults, collect, row_of
from analytics.density.study import (
    FULL,
    ModelResult,
    ModelTask,
    Study,
    keep_points,
    prepare_study,
    train_model,
    train_task,
)
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import Monitor
from views.density.prepared import Prepared

__all__ = [
    "Chosen",
    "choose_points",
    "head_of",
    "study_with_energies",
    "suggested",
    "train_for_slice",
    "train_one",
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


def train_one(
    study: Study, task: ModelTask, monitor: Monitor
) -> tuple[ModelResult, dict[str, Any]]:
    """Train a model of a comparison; return it, and its row in the table."""
    model = train_task(study, task, monitor=monitor)
    row = row_of(model)
    if model.seed == 0 and model.method != FULL:
        row["histogram"] = density_histogram(study, model.rows).points.tolist()
    return model, row


def train_for_slice(study: Study, method: str, kept: float, monitor: Monitor) -> ModelResult:
    """Train the model of one column at one share."""
    return train_model(study, method, kept, monitor=monitor)


def study_with_energies(study: Study, monitor: Monitor) -> Study:
    """Prepare a study again so that errors in energy can be computed."""
    return prepare_study(study.data, replace(study.spec, energy=True), monitor=monitor)


def head_of(study: Study, monitor: Monitor) -> DensityResults:
    """Return facts and settings of a comparison that has no models yet."""
    monitor.report(0.0, "counting points")
    return collect(study, [], dimension=False)
