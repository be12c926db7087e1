"""Which metric of a kept set foretells the error of the potential that is trained on it?

    python -m benchmarks calibration                    # all sets, both models, and the tables
    python -m benchmarks calibration Si water           # some of them
    python -m benchmarks calibration table              # the tables of what was measured already

For each labelled set, split and resample 47 subsets of a tenth of the pool (`comparable_subsets`)
are fitted, and every metric of a kept set, at every width, is correlated with the errors by rank
(Spearman, +1: as it should be). Which metric and which rule for the width is then chosen on all
other sets and judged on the one left out. Results are kept in WINNOW_RESULTS (default: in the
working folder, calibration.jsonl), a line for each set, model and split, so that it can go on.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

import winnow_atomistic as winnow
from analytics.descriptors.base import Descriptors
from analytics.evaluation.comparable_subsets import (
    ComparableSubsets,
    comparable_subsets,
    rank_correlation,
    reliability_of,
)
from analytics.evaluation.retrain.errors import make_test
from analytics.evaluation.retrain.ground import Ground, make_file_test, prepare_ground
from analytics.information.analysis import Analysis, analyse
from analytics.information.bandwidth import atomic_volume, bandwidth_by_volume
from analytics.information.kernel import KernelSpec
from analytics.information.width_sums import WidthSums, width_sums
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.errors import InputError
from benchmarks.labelled_sets import LABELLED, load, load_test, present

SPLITS = ("random", "high_force", "class", "published")
RESAMPLES = {"random": 3, "high_force": 2, "class": 2, "published": 2}
CLASSES = 2  # left out, of each set
DEMAND = 1_000  # environments to be predicted that metrics are averaged over
PUBLISHED = 0.015
#: In units of the median distance to the nearest environment of a uniform tenth.
FACTORS = 2.0 ** np.arange(-4.5, 3.01, 0.5)
CAPS = (10, 20, 40)
VENDI = 60  # environments of each subset that its Vendi score is of
TEST_STRUCTURES = 60  # of a published test
FREE = ("nearest", "imbalance", "environments")  # metrics that know no width


def results_file() -> Path:
    return Path(os.environ.get("WINNOW_RESULTS", "calibration.jsonl"))


@lru_cache(maxsize=1)
def analysed(name: str) -> Analysis:
    """Return a set with descriptors; of its kernels only what little is needed here."""
    data = load(name)
    return analyse(data, winnow.describe(data), KernelSpec(PUBLISHED), sample=10)


# ------------------------------------------------------------------------------ measuring


def measured(name: str, split: str, model: Any = None) -> Iterator[dict[str, Any]]:
    """Yield a record of every resample and test of a split."""
    analysis = analysed(name)
    resamples = RESAMPLES[split]
    ground = prepare_ground(
        analysis,
        split if split == "high_force" else "random",
        resamples=5,  # as the page and other benchmarks ask: the rows are shared
        spec=model,
    )
    for resample in range(resamples):
        for test, subsets, target in _trials(name, split, ground, resample):
            yield _record(ground, resample, test, subsets, target)


def _trials(
    name: str, split: str, ground: Ground, resample: int
) -> Iterator[tuple[str, ComparableSubsets, FloatArray]]:
    """Yield a test, subsets fitted for it, and the environments it is about."""
    described = ground.analysis.descriptors
    if split in ("random", "high_force"):
        found = comparable_subsets(ground, resample, seed=resample)
        yield "hold_out", found, _environments(described, found.held_out)
    elif split == "class":
        labels = ground.analysis.dataset.config_type[ground.rows]
        every = np.concatenate([ground.splits[0].pool, ground.splits[0].held_out])
        names, counts = np.unique(labels[every], return_counts=True)
        for out in names[(counts >= 5) & (counts <= 0.6 * len(every))][:CLASSES]:
            test = np.sort(every[labels[every] == out])
            pool = ground.splits[resample].pool
            pool = pool[labels[pool] != out]
            asked = {"class": make_test("class", ground.equations, test)}
            found = comparable_subsets(ground, resample, seed=resample, tests=asked, pool=pool)
            places = np.searchsorted(described.structures, ground.rows[test])
            yield f"class {out}", found, _environments(described, places)
    else:
        for file in LABELLED[name].tests:
            data = load_test(name, file)
            drawn = np.random.default_rng(0).permutation(data.n_structures)[:TEST_STRUCTURES]
            data = data.take(np.sort(drawn))
            asked = {"published": make_file_test(ground, file, data)}
            found = comparable_subsets(ground, resample, seed=resample, tests=asked)
            yield file, found, winnow.describe(data, described.spec).values


def _environments(described: Descriptors, places: IntArray) -> FloatArray:
    return described.values[ragged_rows(described.structure_offsets, places)]


def _some(x: FloatArray, seed: int) -> IntArray:
    return np.sort(np.random.default_rng(seed).permutation(len(x))[:DEMAND])


def _record(
    ground: Ground, resample: int, test: str, subsets: ComparableSubsets, target: FloatArray
) -> dict[str, Any]:
    described = ground.analysis.descriptors
    x = _environments(described, subsets.pool)
    sizes = np.diff(described.structure_offsets)[subsets.pool]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    own_rows, rows = _some(x, resample), _some(target, resample)
    unit = _typical_distance(target[rows], x, offsets, subsets)
    widths = named_widths(ground.analysis, unit)
    asked = list(widths.values())
    to_target = width_sums(target[rows], x, offsets, asked)
    to_own = width_sums(x[own_rows], x, offsets, asked)
    owner = np.searchsorted(offsets, own_rows, side="right") - 1
    kept = subsets.members @ sizes
    inside = subsets.members[:, owner]
    found: dict[str, dict[str, list[FloatArray]]] = {"target": {}, "pool": {}}
    for demand, sums in (("target", to_target), ("pool", to_own)):
        found[demand] = metrics_of(sums, to_own, subsets.members, inside, kept)
    found["pool"] |= inner_metrics(to_own, subsets.members, inside, kept, x[own_rows])
    found["target"]["imbalance"] = [-_imbalance(target[rows], x, offsets, subsets.members)]
    found["pool"]["imbalance"] = [-_imbalance(x[own_rows], x, offsets, subsets.members)]
    name = next(n for n in ("class", "published", "hold_out") if n in subsets.force)
    force, energy = subsets.force[name], subsets.energy[name]
    coverage = found["target"]["coverage"]
    return {
        "test": test,
        "resample": resample,
        "environments": len(x),
        "structures": int(subsets.members[0].sum()),
        "widths": widths,
        "covered": [float(c[subsets.uniform].mean()) for c in coverage],
        "force": force.tolist(),
        "energy": energy.tolist(),
        "uniform": subsets.uniform.tolist(),
        "reliability": reliability_of(subsets.halves),
        "whole": list(subsets.whole),
        "rho": {
            demand: {
                metric: [
                    [rank_correlation(v, -force), rank_correlation(v, -energy)] for v in values
                ]
                for metric, values in metrics.items()
            }
            for demand, metrics in found.items()
        },
    }


def named_widths(analysis: Analysis, unit: float) -> dict[str, float]:
    """Return the widths to measure by the name of their rule."""
    found = {f"{factor:.3g}": float(unit * factor) for factor in FACTORS}
    found["published"] = PUBLISHED
    volume = atomic_volume(analysis.dataset)
    if volume.n_structures:
        found["volume"] = bandwidth_by_volume(volume.median)
    return found


def metrics_of(
    sums: WidthSums,
    own: WidthSums,
    members: npt.NDArray[np.bool_],
    inside: npt.NDArray[np.bool_],
    kept: IntArray,
) -> dict[str, list[FloatArray]]:
    """Return each metric of what is to be predicted at each width, high for good, (n_subsets,)."""
    found: dict[str, list[FloatArray]] = {"nearest": [-sums.nearest(members).mean(axis=1)]}
    for k in range(len(sums.widths)):
        p, q = sums.of(members, k), own.of(members, k)
        logs = np.log(np.maximum(p, 1e-300))
        at = {
            "coverage": (-logs < 1e-5).mean(axis=1),
            "coverage 1 nat": (-logs < 1.0).mean(axis=1),
            "unclipped": -np.clip(-logs, -np.inf, 40.0).mean(axis=1),
            "mmd": -(_mean_where(inside, q) / kept - 2 * p.mean(axis=1) / kept),
        }
        at |= {f"mean dH {cap}": -np.clip(-logs, 0.0, cap).mean(axis=1) for cap in CAPS}
        for metric, values in at.items():
            found.setdefault(metric, []).append(values)
    return found


def inner_metrics(
    own: WidthSums,
    members: npt.NDArray[np.bool_],
    inside: npt.NDArray[np.bool_],
    kept: IntArray,
    x: FloatArray,
) -> dict[str, list[FloatArray]]:
    """Return metrics of what is kept by itself at each width, (n_subsets,)."""
    found: dict[str, list[FloatArray]] = {"environments": [kept.astype(float)]}
    squares = _squares(x)
    chosen = [np.flatnonzero(each)[:VENDI] for each in inside]
    for k, width in enumerate(own.widths):
        logs = np.log(np.maximum(own.of(members, k), 1e-300))
        vendi = np.array([_vendi(squares[np.ix_(each, each)], float(width)) for each in chosen])
        for metric, values in (
            ("entropy", np.log(kept) - _mean_where(inside, logs)),
            ("vendi", vendi),
        ):
            found.setdefault(metric, []).append(values)
    return found


def _mean_where(inside: npt.NDArray[np.bool_], values: FloatArray) -> FloatArray:
    return np.asarray((values * inside).sum(axis=1) / np.maximum(1, inside.sum(axis=1)))


def _squares(x: FloatArray) -> FloatArray:
    x = np.asarray(x - x.mean(axis=0), dtype=np.float64)
    norms = (x**2).sum(axis=1)
    return np.asarray(np.maximum(norms[:, None] + norms - 2 * x @ x.T, 0.0))


def _vendi(squares: FloatArray, width: float) -> float:
    """Return the logarithm of the Vendi score: von Neumann entropy of K / n.

    Friedman, Dieng, Trans. Mach. Learn. Res. (2023), arXiv:2210.02410.
    """
    n = len(squares)
    if n < 2:
        return 0.0
    values = np.linalg.eigvalsh(np.exp(-0.5 * squares / width**2) / n)
    values = values[values > 1e-12]
    return float(-(values * np.log(values)).sum())


def _typical_distance(
    y: FloatArray, x: FloatArray, offsets: IntArray, subsets: ComparableSubsets
) -> float:
    """Return the median distance to the nearest environment of a uniform tenth."""
    sums = width_sums(y[:: 1 + len(y) // 300], x, offsets, [])
    return float(np.median(sums.nearest(subsets.members[subsets.uniform])))


def _imbalance(
    y: FloatArray, x: FloatArray, offsets: IntArray, members: npt.NDArray[np.bool_]
) -> FloatArray:
    """Return the mean rank, among all of the pool, of the nearest environment that is kept.

    The information imbalance of Glielmo et al., PNAS Nexus 1, pgac039 (2022), between the pool
    and what is kept of it, in units of its largest value.
    """
    centre = x.mean(axis=0)
    x, y = np.asarray(x - centre, dtype=np.float64), np.asarray(y - centre, dtype=np.float64)
    norms, total = (x**2).sum(axis=1), np.zeros(len(members))
    for start in range(0, len(y), 64):
        some = y[start : start + 64]
        squares = (norms - 2 * some @ x.T).astype(np.float32)
        by_structure = np.minimum.reduceat(squares, offsets[:-1], axis=1)
        nearest = np.stack([by_structure[:, m].min(axis=1) for m in members], axis=1)
        ordered = np.sort(squares, axis=1)
        for row, values in zip(ordered, nearest, strict=True):
            total += np.searchsorted(row, values)
    return np.asarray(2 * total / len(y) / len(x))


def measure(names: Sequence[str], models: dict[str, Any]) -> None:
    """Append what is not there yet."""
    done = {(r["set"], r["model"], r["split"]) for r in records()}
    for model, spec in models.items():
        for name in names:
            for split in SPLITS:
                if (name, model, split) in done:
                    continue
                start, cpu = time.perf_counter(), time.process_time()
                try:
                    trials = list(measured(name, split, spec))
                except InputError as error:
                    trials = []
                    print(f"{name}, {split}: {error}")
                line = {"set": name, "model": model, "split": split, "trials": trials}
                with results_file().open("a") as file:
                    file.write(json.dumps(line) + "\n")
                print(
                    f"{name}, {model}, {split}: {len(trials)} trials, "
                    f"{time.perf_counter() - start:.0f} s, {time.process_time() - cpu:.0f} s of "
                    "processor",
                    flush=True,
                )


def records() -> list[dict[str, Any]]:
    if not results_file().exists():
        return []
    return [json.loads(line) for line in results_file().read_text().splitlines()]


def main(words: Sequence[str] = ()) -> None:
    names = present([word for word in words if word in LABELLED] or None)
    if "table" not in words:
        measure(names, {"gap": None})


if __name__ == "__main__":
    main(sys.argv[1:])
