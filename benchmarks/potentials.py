"""The potentials of the retrain check held against each other, over all labelled sets.

    python -m benchmarks potentials [SET ...]           # errors of both, whether they agree, cost
    python -m benchmarks potentials weights [SET ...]   # why the whole pool is not always best

Each figure is a mean over 5 resamples. Of a set there are at most 300 structures and 15 000
environments (`benchmarks.labelled_sets`).
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
from scipy.stats import spearmanr

import winnow_atomistic as winnow
from analytics.evaluation.retrain.ground import Ground, prepare_ground
from analytics.information.analysis import Analysis
from analytics.information.kernel import KernelSpec
from analytics.potential.design_rows import compute_design
from analytics.potential.potentials import POTENTIALS, potential_of
from analytics.potential.spec import PotentialSpec
from analytics.runtime.arrays import FloatArray, IntArray
from benchmarks.labelled_sets import load, present

__all__ = ["main"]

RESAMPLES = 5
#: Random subsets whose errors are ranked by both potentials, and their share of the pool.
SUBSETS, SHARE = 40, 0.1
#: Atoms whose rows are timed.
TIMED = 300


def main(words: Sequence[str] = ()) -> None:
    """Print the tables for the sets named, or all."""
    names = present([word for word in words if word != "weights"] or None)
    if "weights" in words:
        from benchmarks.weights import main as weights

        weights(names)
        return
    specs = [POTENTIALS[name].spec() for name in POTENTIALS]
    labels = [potential_of(spec).label for spec in specs]
    print(
        f"{', '.join(labels)}: energy meV/atom / force eV/Å on a random fifth and on the 15 % of "
        "the highest forces,\ntrained on the whole pool and on random tenths; rank correlation of "
        f"their force errors over {SUBSETS} random tenths;\nprocessor time of rows, ms per atom"
    )
    head = "".join(f"{each:>18}" for each in ("all, fifth", "tenth, fifth", "all, tail"))
    print(f"{'':15}{'':14}{head}{'functions':>11}{'ms/atom':>9}{'agree':>7}")
    ratios = []
    for name in names:
        ratios.append(_one_set(name, specs))
    found = np.array(ratios)
    print(
        f"\nmedian of {labels[1]} / {labels[0]} over {len(found)} sets: energy "
        f"{_median(found[:, 0])}, force {_median(found[:, 1])} (all data); energy "
        f"{_median(found[:, 2])}, force {_median(found[:, 3])} (tenth); force in the tail "
        f"{_median(found[:, 4])}; rows {_median(found[:, 5])}\nrank correlation of force errors "
        f"of random tenths: median {np.nanmedian(found[:, 6]):.2f}, lowest "
        f"{np.nanmin(found[:, 6]):.2f}"
    )


def _one_set(name: str, specs: Sequence[PotentialSpec]) -> list[float]:
    """Print the lines of a set; return the ratios of second to first, and the correlation."""
    analysis = analysed(name)
    figures, ranked = [], []
    for spec in specs:
        ground = prepare_ground(analysis, "random", resamples=RESAMPLES, spec=spec)
        tail = prepare_ground(analysis, "high_force", resamples=RESAMPLES, spec=spec)
        errors = np.array([_tenths(ground, r) for r in range(RESAMPLES)])
        ranked.append(errors[..., 1].ravel())
        cost = row_seconds(analysis, spec)
        all_data, in_tail = (np.mean([whole(g, r) for r in range(RESAMPLES)], axis=0)
                             for g in (ground, tail))  # fmt: skip
        tenth = errors.mean(axis=(0, 1))
        figures.append([*all_data, *tenth, in_tail[1], cost])
        cells = "".join(f"{e:>10.2f} /{f:6.3f}" for e, f in (all_data, tenth, in_tail))
        functions = len(ground.equations.design.basis)
        agree = f"{spearmanr(*ranked).statistic:>7.2f}" if len(ranked) == 2 else ""
        label = potential_of(spec).label
        print(f"{name:15}{label:14}{cells}{functions:>11}{1e3 * cost:>9.2f}{agree}", flush=True)
    one, other = np.array(figures)
    return [*(other / one), float(spearmanr(*ranked).statistic)]


def analysed(name: str) -> Analysis:
    """Return a set with its descriptors, at the published width (no figure here depends on it)."""
    data = load(name)
    return winnow.analyse(data, winnow.describe(data), KernelSpec(0.015))


def whole(ground: Ground, resample: int) -> tuple[float, float]:
    """Return energy and force error after training on the whole pool of a resample."""
    split = ground.splits[resample]
    return errors_of(ground, resample, split.pool)


def errors_of(ground: Ground, resample: int, kept: IntArray) -> tuple[float, float]:
    """Return energy and force error on what is held out, after training on some structures."""
    isolated = np.flatnonzero(ground.equations.design.dataset.isolated)
    total, _ = ground.tests[resample].errors(ground.equations.fit(np.concatenate([isolated, kept])))
    return total.energy_rmse_mev_atom, total.force_rmse_ev_a


def _tenths(ground: Ground, resample: int) -> list[tuple[float, float]]:
    pool = ground.splits[resample].pool
    rng = np.random.default_rng(resample)
    count = max(1, round(SHARE * len(pool)))
    return [
        errors_of(ground, resample, np.sort(rng.permutation(pool)[:count]))
        for _ in range(SUBSETS // RESAMPLES)
    ]


def row_seconds(analysis: Analysis, spec: PotentialSpec) -> float:
    """Return the processor time of the rows of an atom, the basis chosen and code compiled."""
    dataset = analysis.dataset
    inside = np.flatnonzero(~dataset.isolated)
    some = inside[: max(1, int(np.searchsorted(np.cumsum(dataset.sizes[inside]), TIMED)))]
    ground = prepare_ground(analysis, "random", resamples=RESAMPLES, spec=spec)
    basis, part = ground.equations.design.basis, dataset.take(some)
    compute_design(dataset.take(some[:1]), basis)
    start = time.process_time()
    compute_design(part, basis)
    return (time.process_time() - start) / part.n_environments


def _median(values: FloatArray) -> str:
    known = values[np.isfinite(values)]
    return f"{np.median(known):.2f} ({known.min():.2f} to {known.max():.2f})"
