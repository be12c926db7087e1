"""False-alarm rates and outlier scores over all labelled sets: rates kept, errors foretold.

    python -m benchmarks novelty             # asked against observed rates of false alarms
    python -m benchmarks outlier_scores      # rank correlation of outlier score and force error

With `WINNOW_RESULTS` each set's rows are appended there as they come, and not measured again.
"""

from __future__ import annotations

from typing import Any

import numpy as np

import winnow_atomistic as winnow
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors, default_spec, resolved_spec
from analytics.descriptors.distances import DistanceSpec
from analytics.evaluation.retrain.ground import prepare_ground
from analytics.evaluation.retrain.outlier_errors import rank_correlations, scored_fit
from analytics.information.analysis import Analysis
from analytics.information.false_alarms import calibrate_alarms, structure_scores
from analytics.information.kernel import log_kernel_sums
from analytics.pipeline import Pipeline
from benchmarks.labelled_sets import load, present
from benchmarks.results import resumed

__all__ = ["main", "outlier_scores"]

RATES = (0.01, 0.05, 0.1, 0.2)
PUBLISHED = 0.015
#: Halvings of a set, and how much of it takes part.
HALVINGS, STRUCTURES, ENVIRONMENTS = 8, 200, 5000
#: Share that a potential is trained on where scores are compared with errors, and resamples.
KEPT, RESAMPLES = 0.1, 5


def _part(described: Descriptors, structures: np.ndarray) -> Descriptors:
    rows = [
        np.arange(described.structure_offsets[s], described.structure_offsets[s + 1])
        for s in structures
    ]
    return Descriptors(
        values=described.values[np.concatenate(rows)],
        structures=np.arange(len(structures)),
        structure_offsets=np.cumsum([0, *map(len, rows)]),
        environments=described.environments[np.concatenate(rows)],
        spec=described.spec,
        source=f"{described.source} {structures.tolist()}",
    )


def _observed(data: Dataset, described: Descriptors, bandwidth: float) -> list[dict[str, float]]:
    """Return asked and observed rates over random halvings of a set."""
    found = []
    for seed in range(HALVINGS):
        order = np.random.default_rng(seed).permutation(described.n_structures)
        half = len(order) // 2
        known, new = _part(described, order[:half]), _part(described, order[half:])
        numbers = data.numbers[known.environments]
        alarms = calibrate_alarms(known, bandwidth=bandwidth, numbers=numbers, folds=20, seed=seed)
        logs = log_kernel_sums(new.values, known.values, bandwidth=bandwidth)
        foreign = ~np.isin(data.numbers[new.environments], numbers)
        scores, largest, mean = structure_scores(-logs, np.diff(new.structure_offsets), foreign)
        starts = new.structure_offsets[:-1]
        for rate in RATES:
            above = (scores > alarms.environment_threshold(rate)).astype(float)
            atoms = np.add.reduceat(above, starts) / np.diff(new.structure_offsets)
            found.append(
                {
                    "rate": rate,
                    "n": len(largest),
                    "allowed": np.floor(rate * (half + 1) + 1e-9) / (half + 1),
                    "largest": float(np.mean(alarms.p_values(largest) <= rate + 1e-12)),
                    "mean": float(np.mean(alarms.p_values(mean, "mean") <= rate + 1e-12)),
                    "atoms": float(np.mean(atoms)),
                }
            )
    return found


def _rates_of(name: str) -> list[dict[str, object]]:
    data = load(name, structures=STRUCTURES, environments=ENVIRONMENTS)
    described = winnow.describe(data)
    rows: list[dict[str, object]] = []
    for width in (_auto(data, described), PUBLISHED):
        found = _observed(data, described, width)
        for rate in RATES:
            own = [row for row in found if row["rate"] == rate]
            row: dict[str, object] = {"set": name, "width": width, "rate": rate}
            row |= {"n": own[0]["n"], "allowed": own[0]["allowed"]}
            for what in ("largest", "mean", "atoms"):
                row[what] = float(np.mean([each[what] for each in own]))
                row[f"{what}_std"] = float(np.std([each[what] for each in own], ddof=1))
            rows.append(row)
    return rows


def _auto(data: Dataset, described: Descriptors) -> float:
    """Return the width in use: what an analysis takes where nothing is said."""
    return float(winnow.analyse(data, described).spec.bandwidth)


def main() -> None:
    """Print asked and observed rates of false alarms for each set, and how many are kept.

    The observed rate of one halving has the variance of the calibration and of the test; the
    error is that of the mean over halvings were they independent, so it is too small rather than
    too large.
    """
    print(
        "set            width    asked   allowed  n      structures (largest)  structures (mean)"
        "    atoms"
    )
    inside: list[bool] = []
    for row in resumed("novelty", present(), _rates_of):
        rate, n = row["rate"], row["n"]
        error = float(np.sqrt(rate * (1 - rate) * 2 / n))
        inside.append(abs(row["largest"] - row["allowed"]) <= 2 * error)
        cells = [f"{row[w]:8.4f} ± {row[f'{w}_std']:.4f}" for w in ("largest", "mean", "atoms")]
        print(
            f"{row['set']:14} {row['width']:<8.3g} {rate:<7} {row['allowed']:<8.4f} {n:<5} "
            + "  ".join(cells),
            flush=True,
        )
    print(
        f"structures, largest: {sum(inside)} of {len(inside)} observed rates within two binomial "
        "errors (calibration and test of one halving) of what is allowed"
    )


# ---------------------------------------------------------------- outlier scores and force errors


def _scores_of(name: str) -> list[dict[str, object]]:
    data, pipeline = load(name), Pipeline()
    blind = pipeline.analyse(data)
    ground = prepare_ground(blind, resamples=RESAMPLES)
    specs: dict[str, Any] = {"blind": DistanceSpec()}
    if len(np.unique(data.numbers)) > 1:
        specs["elements"] = resolved_spec(default_spec(), data)
    rows: list[dict[str, object]] = []
    for kind, spec in specs.items():
        described = pipeline.describe(data, spec)
        auto = _auto(data, described)
        for label, width in (("in use", auto), ("published", PUBLISHED)):
            seen = _Seen(ground.analysis, described, width)
            for r in range(RESAMPLES):
                pool = ground.splits[r].pool
                size = max(2, round(KEPT * len(pool)))
                kept = np.random.default_rng(r).permutation(pool)[:size]
                head = {"set": name, "descriptor": kind, "width": label, "h": width}
                rows += seen.correlations(ground, r, kept, head)
    return rows


class _Seen:
    """Scores in another descriptor or width, of the same fits."""

    def __init__(self, analysis: Analysis, described: Descriptors, width: float) -> None:
        self._width, self._described = width, described
        self._same = described.spec == analysis.descriptors.spec

    def correlations(self, ground, r, kept, head):  # type: ignore[no-untyped-def]
        isolated = np.flatnonzero(ground.equations.design.dataset.isolated)
        fit = ground.equations.fit(np.concatenate([isolated, kept]))
        scores, errors, parity = scored_fit(
            ground, ground.tests[r], kept, fit, bandwidth=self._width, own=self._described
        )
        data = ground.equations.design.dataset
        classes = np.repeat(parity.classes, data.sizes[parity.structures])
        found = rank_correlations(scores, errors, classes, data.numbers[parity.atoms])
        return [{**head, "resample": r, **row} for row in found]


def outlier_scores() -> None:
    """Print rank correlations of outlier score and force error for each set."""
    import pandas as pd

    table = pd.DataFrame(list(resumed("outlier_scores", present(), _scores_of)))
    groups = table.groupby(["set", "descriptor", "width", "h", "kind", "group"], sort=False)
    spread = groups["spearman"].agg(["mean", "std"]).reset_index()
    for kind in ("all", "within", "element"):
        print(f"\n{kind}")
        own = spread[spread["kind"] == kind]
        for row in own.to_dict(orient="records"):
            group = f" {row['group']}" if row["group"] else ""
            print(
                f"{row['set']:14} {row['descriptor']:8} {row['width']:10} h = {row['h']:<7.3g}"
                f"{row['mean']:6.2f} ± {row['std']:.2f}{group}"
            )
    whole = spread[spread["kind"] == "all"].groupby(["descriptor", "width"], sort=False)
    print("\nmedian over sets, of all atoms:")
    print(whole["mean"].median().to_string())
