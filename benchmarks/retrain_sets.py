"""Data sets of the retrain benchmarks, and the selections tried to win on all of them at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

import winnow_atomistic as winnow
from analytics.data.dataset import Dataset
from analytics.runtime.arrays import FloatArray
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import NoOptions
from analytics.selection.base import METHODS, Method, Order, Pool, is_nested
from analytics.selection.coverage import maximise
from analytics.selection.objectives import coverage_objective
from analytics.selection.scores import SCORES
from benchmarks.labelled_sets import DATA

#: Files that make up a set, and how many structures drawn at random stand for it (None: all).
SETS: dict[str, tuple[tuple[str, ...], int | None]] = {
    **{
        element: ((f"mlearn_{element}_train.xyz", f"mlearn_{element}_test.xyz"), None)
        for element in ("Si", "Ge", "Mo")
    },
    "acac": (("acac_train_300K.xyz.gz", "acac_train_600K.xyz.gz"), 400),
    "nbmotaw": (("nbmotaw_train.xyz.gz",), 400),
}


def present(names: list[str]) -> list[str]:
    return [name for name in names if all((DATA / file).is_file() for file in SETS[name][0])]


def load(name: str, most: int | None = None) -> Dataset:
    """Return a set, its files one after the other, or a part drawn at random."""
    files, usual = SETS[name]
    size = min((each for each in (usual, most) if each is not None), default=None)
    data = joined(*(winnow.read(DATA / file) for file in files))
    if size is None or size >= data.n_structures:
        return data
    return data.take(np.sort(np.random.default_rng(0).permutation(data.n_structures)[:size]))


def joined(*parts: Dataset) -> Dataset:
    """Return data sets put one after the other."""
    if len(parts) == 1:
        return parts[0]
    atoms = np.cumsum([0, *(part.n_environments for part in parts)])
    starts = [part.structure_offsets[:-1] + at for part, at in zip(parts, atoms, strict=False)]
    return Dataset(
        numbers=np.concatenate([part.numbers for part in parts]),
        positions=np.concatenate([part.positions for part in parts]),
        structure_offsets=np.concatenate([*starts, atoms[-1:]]),
        cells=np.concatenate([part.cells for part in parts]),
        pbc=np.concatenate([part.pbc for part in parts]),
        energies=np.concatenate([part.energies for part in parts]),
        forces=np.concatenate([part.forces for part in parts]),
        config_type=np.concatenate([part.config_type for part in parts]),
        name=" + ".join(part.name for part in parts),
    )


# --------------------------------------------------------------------------- candidates


def weighted_coverage(weigh: Callable[[Pool], FloatArray]) -> Callable[..., Order]:
    """Return facility location that counts each environment by a weight of its own."""

    def run(pool: Pool, spec: Any, *, rng: np.random.Generator, monitor: Monitor = SILENT) -> Order:
        objective = coverage_objective(pool.analysis, capped=False, width=2.0)
        own = weigh(pool)[pool.analysis.kernel.representatives]
        return maximise(pool, replace(objective, weights=objective.weights * own))

    return run


def by_force(pool: Pool) -> FloatArray:
    norms = np.nan_to_num(pool.analysis.force_norms)
    return np.asarray(1.0 + norms / max(1e-9, float(np.median(norms))))


def by_leverage(pool: Pool) -> FloatArray:
    analysis = pool.analysis
    found = SCORES["leverage"].of(analysis) / analysis.sizes
    return np.asarray((found / np.median(found))[analysis.descriptors.owners])


#: Name -> method and options, or a function of its own.
CANDIDATES: dict[str, tuple[str, dict[str, Any]] | Callable[..., Order]] = {
    "saturated + force": ("hybrid", {"first": "saturated_coverage", "second": "largest_force"}),
    "saturated + outlier": ("hybrid", {"first": "saturated_coverage", "second": "outlier_score"}),
    "facility + msc": ("hybrid", {"first": "facility_location", "second": "msc"}),
    "facility + force 3:1": (
        "hybrid",
        {"first": "facility_location", "second": "largest_force", "share": 0.75},
    ),
    "kmeans + d_optimal": ("hybrid", {"first": "kmeans", "second": "d_optimal"}),
    "kmeans + msc": ("hybrid", {"first": "kmeans", "second": "msc"}),
    "kmeans + force 3:1": (
        "hybrid",
        {"first": "kmeans", "second": "largest_force", "share": 0.75},
    ),
    "facility, 3 widths": ("facility_location", {"width": 1.0, "scales": 3}),
    "saturated, 3 widths": ("saturated_coverage", {"width": 1.0, "scales": 3}),
    "CCS, outlier": ("ccs", {"score": "outlier_score", "beta": 0.0, "strata": 20}),
    "CCS, log force": (
        "ccs",
        {"score": "largest_force", "beta": 0.0, "strata": 20, "scale": "log"},
    ),
    "facility x force": weighted_coverage(by_force),
    "facility x leverage": weighted_coverage(by_leverage),
    "facility + least variance": (
        "hybrid",
        {"first": "facility_location", "second": "least_variance"},
    ),
    "kmeans + least variance": ("hybrid", {"first": "kmeans", "second": "least_variance"}),
}


def register_candidates() -> list[str]:
    """File the candidates among the methods of this process; return their names."""
    for name, what in CANDIDATES.items():
        if name not in METHODS:
            METHODS.register(name)(_as_method(name, what))
    return list(CANDIDATES)


def _as_method(name: str, what: tuple[str, dict[str, Any]] | Callable[..., Order]) -> Method:
    if callable(what):
        return Method(name, name, "mixed", name, NoOptions, what)
    method, options = METHODS[what[0]], what[1]
    spec = method.spec(**options)

    def run(pool: Pool, _: Any, *, rng: np.random.Generator, monitor: Monitor = SILENT) -> Order:
        return method.run(pool, spec, rng=rng, monitor=monitor)

    nested = is_nested(what[0], spec)
    return Method(name, name, "mixed", name, NoOptions, run, random=method.random, nested=nested)
