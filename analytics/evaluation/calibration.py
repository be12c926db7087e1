"""Calibration of the kernel width: which metric, at which width, foretells the retrained error.

On the user's own data, with labels. Some 45 subsets of a tenth of the pool are each given to the
potential of the retrain check, and every metric of a kept set, at every width, is correlated by
rank (Spearman, +1: the better the metric, the smaller the error) with the errors on what was held
out. A metric that does not order subsets of equal size as their errors do should not decide what
is kept; where all subsets err alike there is nothing to order.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.evaluation.comparable_subsets import (
    FEWEST_SUBSETS,
    ComparableSubsets,
    comparable_subsets,
    reliability_of,
)
from analytics.evaluation.ranking import rank_correlation
from analytics.evaluation.retrain.ground import Ground, analysis_of_part, prepare_ground
from analytics.information.analysis import Analysis
from analytics.information.entropy import covered
from analytics.information.mean_delta_entropy import capped_delta_entropy
from analytics.information.width_sums import WidthSums, width_sums
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Table

__all__ = ["METRICS", "Calibration", "calibrate"]

#: Widths that are tried, in units of the one in use.
FACTORS = 2.0 ** np.arange(-4.0, 4.01, 0.5)
#: Metrics, and whether the width matters to them.
METRICS = {"mean_delta_entropy": True, "coverage": True, "entropy": True, "nearest_distance": False}
#: Larger sets are stood for by a part drawn at random.
MOST_STRUCTURES, MOST_ENVIRONMENTS = 300, 15_000
#: Held-out environments, and those of the pool, that metrics are averaged over.
DEMAND = 1_000
#: Where the errors of nine tenths of the subsets, from the least to the most, span less than this
#: share of their median, any subset is as good as another.
ALIKE = 0.1
#: Where one half of the hold-out foretells less than this of the other, errors are noise.
REPEATS = 0.5


@dataclass(frozen=True, slots=True)
class Calibration(Table):
    """Rank correlations of metrics with errors, against the width.

    Attributes
    ----------
    metrics : tuple of str
    widths : float array (k,)
        Ascending, in the unit of the descriptor.
    chosen : float
        The width in use; one of them.
    force, energy : float arrays (n_metrics, k, n_resamples)
        Spearman's coefficient, +1: as it should be; NaN where a metric is the same for all subsets
        or there are no labels. Metrics that know no width have the same at all of them.
    covered : float array (k,)
        Share of the held-out environments that a uniform draw covers, mean over resamples.
    force_errors, energy_errors : float arrays (n_resamples, n_subsets)
        Of the potentials, eV/angstrom and meV/atom.
    reliability : float array (n_resamples,)
        How well force errors on one half of a hold-out repeat on the other, up to 1.
    whole_force : float
        Force error of the whole pool, mean over resamples, eV/angstrom.
    size, n_structures, n_environments : int
        Structures of a subset; structures and environments that were looked at.
    sampled : bool
        Whether these are a part of the data set.
    """

    metrics: tuple[str, ...]
    widths: FloatArray
    chosen: float
    force: FloatArray
    energy: FloatArray
    covered: FloatArray
    force_errors: FloatArray
    energy_errors: FloatArray
    reliability: FloatArray
    whole_force: float
    size: int
    n_structures: int
    n_environments: int
    sampled: bool

    def _facts(self) -> Iterator[str]:
        yield f"{self.force_errors.size} fits to {self.size} structures"
        yield f"h = {self.chosen:.4g}"
        yield self.verdict

    @property
    def force_range(self) -> tuple[float, float]:
        """The 5 % and 95 % quantiles of the force errors in units of their median.

        NaN where symmetry makes all forces zero in what some resample holds out.
        """
        medians = np.median(self.force_errors, axis=1, keepdims=True)
        if not (medians > 0).all():
            return float("nan"), float("nan")
        ratios = self.force_errors / medians
        low, high = np.quantile(ratios, [0.05, 0.95])
        return float(low), float(high)

    @property
    def nothing_to_rank(self) -> bool:
        """Whether any subset is as good as another, or their errors are noise."""
        low, high = self.force_range
        return not (high - low >= ALIKE and float(self.reliability.mean()) >= REPEATS)

    def correlation(self, metric: str, width: float | None = None) -> tuple[float, float]:
        """Return mean and standard deviation over resamples, of force, at one width."""
        at = self._place(self.chosen if width is None else width)
        return _mean_and_spread(self.force[self.metrics.index(metric), at])

    def best(self, metric: str) -> float:
        """Return the width at which a metric ranks the force errors best; NaN if at none."""
        return _best_widths(self.widths, self.force[self.metrics.index(metric)])[0]

    def flat(self, metric: str) -> tuple[float, float]:
        """Return the range of widths, around the best, that are as good within the spread.

        As good: below the best by no more than two standard deviations of the difference over
        resamples, or than 0.05. NaN if the metric ranks at no width.
        """
        return _best_widths(self.widths, self.force[self.metrics.index(metric)])[1:]

    @property
    def suggested(self) -> float | None:
        """The width that the errors speak for: the one in use where it is as good as the best.

        By the mean of what mean delta entropy and coverage reach there. None if there is nothing
        to rank by.
        """
        both = [self.metrics.index(name) for name in ("mean_delta_entropy", "coverage")]
        # a metric that is the same for all subsets ranks nothing
        best, low, high = _best_widths(self.widths, np.nan_to_num(self.force[both]).mean(axis=0))
        if self.nothing_to_rank:
            return None
        return self.chosen if low <= self.chosen <= high else best

    @property
    def verdict(self) -> str:
        """What to conclude, in two sentences."""
        low, high = self.force_range
        if self.nothing_to_rank:
            if np.isnan(low):
                return (
                    "In some hold-outs symmetry makes all forces zero. Their errors rank nothing."
                )
            if high - low < ALIKE:
                return (
                    f"Any tenth is as good as another: force errors differ by {high - low:.0%} at "
                    "most. No metric can rank subsets here, so choose by cost."
                )
            return (
                "The errors of equal subsets do not repeat from one half of the hold-out to the "
                "other. Nothing can be ranked on so little data."
            )
        name = max(self.metrics, key=lambda metric: _or_less(self.correlation(metric)[0]))
        value, spread = self.correlation(name)
        said = f"At the width in use {name.replace('_', ' ')} orders subsets as their force errors "
        said += f"do with a rank correlation of {value:.2f} ± {spread:.2f}. "
        if value < 0.3:
            return said + "That is too little to choose by: trust the retrain check."
        suggested = self.suggested
        if suggested is None or suggested == self.chosen:
            return said + "The width in use is as good as any other: leave it."
        return said + (
            f"Mean delta entropy and coverage would be better judges at a width of {suggested:.3g}."
        )

    def records(self) -> list[dict[str, Any]]:
        """Return one record per metric and width."""
        found = []
        for m, metric in enumerate(self.metrics):
            low, high = self.flat(metric)
            for k, width in enumerate(self.widths):
                force, energy = (_mean_and_spread(x[m, k]) for x in (self.force, self.energy))
                found.append(
                    {
                        "metric": metric,
                        "bandwidth": float(width),
                        "force_correlation": force[0],
                        "force_spread": force[1],
                        "energy_correlation": energy[0],
                        "energy_spread": energy[1],
                        "covered_by_random_tenth": float(self.covered[k]),
                        "in_use": bool(width == self.chosen),
                        "as_good_as_best": bool(low <= width <= high),
                    }
                )
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return the findings, and `records` as "rows"."""
        low, high = self.force_range
        return {
            "chosen": self.chosen,
            "suggested": self.suggested,
            "nothing_to_rank": self.nothing_to_rank,
            "verdict": self.verdict,
            "force_error_range": [low, high],
            "reliability": float(self.reliability.mean()),
            "force_error_median": float(np.median(self.force_errors)),
            "force_error_of_the_pool": self.whole_force,
            "structures_of_a_subset": self.size,
            "n_subsets": int(self.force_errors.shape[1]),
            "n_resamples": int(self.force_errors.shape[0]),
            "n_structures": self.n_structures,
            "n_environments": self.n_environments,
            "sampled": self.sampled,
            "best": {metric: self.best(metric) for metric in self.metrics},
            "as_good": {metric: list(self.flat(metric)) for metric in self.metrics},
            "rows": self.records(),
        }

    def to_frame(self) -> Any:
        """Return the records as a pandas DataFrame."""
        import pandas as pd  # slow to import, and few ask

        return pd.DataFrame(self.records())

    def _place(self, width: float) -> int:
        return int(np.abs(np.log(self.widths / width)).argmin())


def calibrate(
    analysis: Analysis,
    *,
    share: float = 0.1,
    resamples: int = 3,
    seed: int = 0,
    spec: Any = None,
    monitor: Monitor = SILENT,
) -> Calibration:
    """Correlate metrics of kept sets with the errors of the potentials trained on them.

    Parameters
    ----------
    analysis : Analysis
        Its width is the one in the middle of those tried, from a sixteenth to sixteen times.
    share : float
        Of the pool that each subset holds, three structures at least.
    resamples : int
        Hold-outs, each a random fifth; subsets are drawn anew for each.
    seed : int
    spec : RetrainSpec, optional
        The potential.
    monitor : Monitor

    Raises
    ------
    InputError
        If there are no forces other than zero, or too few structures to hold some out.

    Notes
    -----
    The rows of the potential's design cost most (see `prepare_ground`), once: they are those of
    the retrain check. Then O(resamples (n_subsets fits + 2 s n (d + k))) for s = 1000 environments
    looked at of n in d dimensions and k = 17 widths.

    Examples
    --------
    >>> found = winnow.calibrate(information, resamples=1)
    >>> found.chosen == information.spec.bandwidth, found.nothing_to_rank
    (True, False)
    """
    if not (analysis.force_norms > 0).any():
        raise InputError(
            "no forces other than zero, by whose errors subsets are ranked",
            source=analysis.dataset.name,
        )
    part, sampled = _affordable(analysis, seed)
    ground = prepare_ground(
        part, resamples=resamples, seed=seed, spec=spec, monitor=Part(monitor, 0.0, 0.6)
    )
    if min(len(test.structures) for test in ground.tests) < 2:
        raise InputError(
            "a single structure is held out: whether errors repeat cannot be told",
            source=analysis.dataset.name,
        )
    widths = analysis.spec.bandwidth * FACTORS
    trials, found, shares = [], [], []
    for at in range(resamples):
        step = Part(monitor, 0.6 + 0.4 * at / resamples, 0.6 + 0.4 * (at + 1) / resamples)
        subsets = comparable_subsets(
            ground, at, share=share, seed=seed + at, monitor=Part(step, 0.0, 0.5)
        )
        values, own = _metrics(ground, subsets, widths, seed + at, Part(step, 0.5, 1.0))
        trials.append(subsets)
        found.append(values)
        shares.append(own)
    errors = [(each.force["hold_out"], each.energy["hold_out"]) for each in trials]
    force, energy = (
        np.stack([_correlations(v, e[q]) for v, e in zip(found, errors, strict=True)], axis=-1)
        for q in (0, 1)
    )
    fewest = min(len(each.kinds) for each in trials)  # one may have drawn the same subset twice
    return Calibration(
        metrics=tuple(METRICS),
        widths=frozen(widths),
        chosen=float(widths[len(widths) // 2]),
        force=frozen(force),
        energy=frozen(energy),
        covered=frozen(np.mean(shares, axis=0)),
        force_errors=frozen(np.stack([e[0][:fewest] for e in errors])),
        energy_errors=frozen(np.stack([e[1][:fewest] for e in errors])),
        reliability=frozen([reliability_of(each.halves) for each in trials], np.float64),
        whole_force=float(np.mean([each.whole[0] for each in trials])),
        size=int(trials[0].members[0].sum()),
        n_structures=ground.analysis.n_structures,
        n_environments=ground.analysis.n_environments,
        sampled=sampled or ground.sampled is not None,
    )


def _affordable(analysis: Analysis, seed: int) -> tuple[Analysis, bool]:
    """Return the analysis, or that of a random part of the structures."""
    described = analysis.descriptors.structures
    order = np.random.default_rng(seed).permutation(len(described))
    fit = int(np.searchsorted(np.cumsum(analysis.sizes[order]), MOST_ENVIRONMENTS, side="right"))
    size = max(min(MOST_STRUCTURES, fit), min(10, len(described)))
    if size >= len(described):
        return analysis, False
    lone = np.flatnonzero(analysis.dataset.isolated)
    chosen = np.union1d(described[order[:size]], lone)
    return analysis_of_part(analysis, chosen, isolated=True), True


def _metrics(
    ground: Ground, subsets: ComparableSubsets, widths: FloatArray, seed: int, monitor: Monitor
) -> tuple[FloatArray, FloatArray]:
    """Return metrics, high for good, (n_metrics, k, n_subsets), and coverage by uniform draws."""
    described, random = ground.analysis.descriptors, np.random.default_rng(seed)
    sizes = ground.analysis.sizes[subsets.pool]
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    x, y = (
        described.values[ragged_rows(described.structure_offsets, places)]
        for places in (subsets.pool, subsets.held_out)
    )
    own, rows = (np.sort(random.permutation(len(z))[:DEMAND]) for z in (x, y))
    ahead = width_sums(y[rows], x, offsets, widths, monitor=Part(monitor, 0.0, 0.5))
    inner = width_sums(x[own], x, offsets, widths, monitor=Part(monitor, 0.5, 1.0))
    owner = np.searchsorted(offsets, own, side="right") - 1
    found = np.empty((len(METRICS), len(widths), len(subsets.kinds)))
    for k in range(len(widths)):
        logs = np.log(np.maximum(ahead.of(subsets.members, k), 1e-300))
        found[0, k] = -capped_delta_entropy(logs).mean(axis=1)
        found[1, k] = covered(logs, ground.analysis.spec.covered_below).mean(axis=1)
        found[2, k] = _entropy(inner, subsets, owner, sizes, k)
    found[3] = -ahead.nearest(subsets.members).mean(axis=1)
    return found, found[1][:, subsets.uniform].mean(axis=1)


def _entropy(
    inner: WidthSums, subsets: ComparableSubsets, owner: IntArray, sizes: IntArray, width: int
) -> FloatArray:
    """Return the entropy of each subset, from those of its environments that were looked at."""
    inside = subsets.members[:, owner]
    logs = np.log(np.maximum(inner.of(subsets.members, width), 1e-300))
    mean = (logs * inside).sum(axis=1) / np.maximum(1, inside.sum(axis=1))
    return np.asarray(np.log(subsets.members @ sizes) - mean)


def _correlations(metrics: FloatArray, errors: FloatArray) -> FloatArray:
    """Return rank correlations with small errors, (n_metrics, k)."""
    return np.array(
        [[rank_correlation(v, -errors, least=FEWEST_SUBSETS) for v in own] for own in metrics]
    )


def _best_widths(widths: FloatArray, values: FloatArray) -> tuple[float, float, float]:
    """Return the best width and the range around it that is as good; values (k, n_resamples)."""
    means = values.mean(axis=1)
    if np.isnan(means).all():
        return float("nan"), float("nan"), float("nan")
    best = int(np.nanargmax(means))
    less = values[best] - values
    spread = less.std(axis=1, ddof=1) if values.shape[1] > 1 else np.zeros(len(less))
    good = less.mean(axis=1) <= np.maximum(2.0 * spread, 0.05)
    low = high = best
    while low > 0 and good[low - 1]:
        low -= 1
    while high + 1 < len(good) and good[high + 1]:
        high += 1
    return float(widths[best]), float(widths[low]), float(widths[high])


def _mean_and_spread(values: FloatArray) -> tuple[float, float]:
    spread = float(values.std(ddof=1)) if len(values) > 1 else float("nan")
    return float(values.mean()), spread


def _or_less(value: float) -> float:
    return -2.0 if np.isnan(value) else value
