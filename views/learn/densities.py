"""Electron densities of the lessons: models trained on pruned grid points, here and now."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from analytics.density.pictures import density_histogram
from analytics.density.readers import read_density
from analytics.density.results import precomputed
from analytics.density.study import FULL, ModelTask, Study, prepare_study, spec_for, train_task
from analytics.runtime.arrays import FloatArray, fingerprint
from analytics.runtime.progress import Monitor, Part
from views.learn.lab import Lab

__all__ = ["METHODS_PRUNED", "SHARES", "SYSTEMS", "Everything", "Pruned", "everything", "pruned"]

#: Systems that come with Winnow, by what the page calls them.
SYSTEMS = {"al": "aluminium", "water": "water"}
METHODS_PRUNED = {"random": "Random", "ccs": "CCS: strata", "grand": "GraNd: hardest first"}
#: Shares of the grid points that are kept, ascending.
SHARES = (0.001, 0.005, 0.01, 0.05, 0.1)


@dataclass(frozen=True, slots=True, eq=False)
class Pruned:
    """Models trained on what a method keeps, one for each of `SHARES`.

    Attributes
    ----------
    errors : float array (len(SHARES),)
        Integrated absolute error of the density on test snapshots, % of the electrons.
    points : int array (len(SHARES),)
        Grid points kept.
    electrons : float array (len(SHARES),)
        Electrons that these points stand for, %.
    histograms : int array (len(SHARES), n_bins)
        Kept points by density, in the bins of `Everything.edges`.
    """

    errors: FloatArray
    points: FloatArray
    electrons: FloatArray
    histograms: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Everything:
    """A system, and the model trained on all its points.

    Attributes
    ----------
    points, snapshots : int
    error, baseline : float
        Of the model, and of atoms put together without a model, % of the electrons.
    edges : float array (n_bins + 1,), e/bohr^3
    histogram : int array (n_bins,)
        All points by density.
    """

    points: int
    snapshots: int
    error: float
    baseline: float
    edges: FloatArray
    histogram: FloatArray


def prepared(system: str, monitor: Monitor) -> Study:
    """Describe and score the points of a system; runs in a worker process, 2 s."""
    data = read_density(system)
    spec = spec_for(data, seeds=1, methods=tuple(METHODS_PRUNED))
    shipped = precomputed(system)
    if shipped is not None:  # as many steps as the models that come with Winnow
        spec = replace(spec, network=replace(spec.network, steps=shipped.steps))
    return prepare_study(data, spec, monitor=monitor)


def of_everything(study: Study, monitor: Monitor) -> Everything:
    """Train on all points; runs in a worker process, 1 s."""
    model = train_task(study, ModelTask(FULL, 1.0, 0), monitor=monitor)
    found = density_histogram(study)
    return Everything(
        len(study.pool), len(study.split.train), model.density_error_pct,
        study.baseline.density_error_pct, found.edges, np.asarray(found.points),
    )  # fmt: skip


def of_method(study: Study, method: str, monitor: Monitor) -> Pruned:
    """Train on what a method keeps at each share; runs in a worker process, 4 s."""
    models, histograms = [], []
    for at, share in enumerate(SHARES):
        said = f"{METHODS_PRUNED[method]}: training model {at + 1} of {len(SHARES)}"
        monitor.report(at / len(SHARES), said)
        models.append(train_task(study, ModelTask(method, share, 0), monitor=monitor))
        histograms.append(density_histogram(study, models[-1].rows).points)
    return Pruned(
        np.array([each.density_error_pct for each in models]),
        np.array([each.n_points for each in models]),
        np.array([each.electrons_kept_pct for each in models]),
        np.array(histograms),
    )


def _study(lab: Lab, system: str, monitor: Monitor) -> Study:
    def make(monitor: Monitor) -> Study:
        said = "describing grid points"
        return lab.pipeline.workers.call(prepared, system, name=said, monitor=monitor)

    return lab.pipeline.cache.result(_key("points", system), make, monitor=monitor)


def _key(what: str, *details: str) -> str:
    return fingerprint(f"lesson densities: {what}", *details)


def everything(lab: Lab, system: str) -> Everything:
    """Return a system, and its model of all points."""

    def make(monitor: Monitor) -> Everything:
        study = _study(lab, system, Part(monitor, 0.0, 0.6))
        said = "training on all points"
        return lab.pipeline.workers.call(of_everything, study, name=said, monitor=monitor)

    return lab.pipeline.cache.result(
        _key("all", system), make, made_by=(prepared, of_everything), monitor=lab.monitor
    )


def pruned(lab: Lab, system: str, method: str) -> Pruned:
    """Return the models of what a method keeps."""

    def make(monitor: Monitor) -> Pruned:
        study = _study(lab, system, Part(monitor, 0.0, 0.3))
        part = Part(monitor, 0.3, 1.0)
        said = "training on few points"
        return lab.pipeline.workers.call(of_method, study, method, name=said, monitor=part)

    return lab.pipeline.cache.result(
        _key("few", system, method), make, made_by=(prepared, of_method), monitor=lab.monitor
    )
