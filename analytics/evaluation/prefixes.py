"""Prefix metrics: the first m structures of an order, for many m in one pass over the kernel."""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.information.analysis import Analysis
from analytics.information.entropy import diversity_of_sums, entropy_of_sums
from analytics.information.kernel import kernel_sums
from analytics.information.mean_delta_entropy import mean_delta_entropy_in_kernel
from analytics.information.sampling import Sample
from analytics.runtime.arrays import FloatArray, IntArray, owners, ragged_rows
from analytics.runtime.compiled import kernel
from analytics.runtime.progress import SILENT, Checkpoints, Monitor
from analytics.runtime.value import Table

__all__ = ["EXACT_BELOW", "PrefixMetrics", "budget_grid", "prefix_metrics", "top_share"]

#: Prefixes of a sampled set with up to so many environments are computed as a whole: 0.1 s.
EXACT_BELOW = 10_000
_FIGURES = ("entropy", "diversity", "overlap", "outliers_kept")
_ERRORS = ("entropy_error", "diversity_error", "overlap_error", "outliers_error")


@dataclass(frozen=True, slots=True)
class PrefixMetrics(Table):
    """One entry per size: arrays (n_sizes,).

    Attributes
    ----------
    sizes : int array
        Numbers of structures kept, ascending.
    environments : int array
        Numbers of environments kept.
    entropy, diversity : float arrays, nats
        Of the kept set by itself.
    overlap : float array
        Fraction of the full set's environments with delta entropy below the threshold of the
        analysis (`spec.covered_below`).
    mean_delta_entropy : float array, nats
        Of all environments of the full set given the kept ones (see
        `analytics.information.mean_delta_entropy`).
    outliers_kept : float array
        Share of the 1 % highest outlier scores that belong to kept structures.
    force_top1pct, force_top01pct : float arrays
        Share of the 1 % and 0.1 % largest |F| kept; NaN without forces. Never sampled.
    entropy_error, diversity_error, overlap_error, outliers_error : float arrays
    mean_delta_entropy_error : float array
        Standard errors; 0 for what is exact, NaN where a sample is too small to tell.
    sampled : int, optional
        Number of environments that figures with an error were estimated from; None if all is
        exact.
    """

    sizes: IntArray
    environments: IntArray
    entropy: FloatArray
    diversity: FloatArray
    overlap: FloatArray
    outliers_kept: FloatArray
    force_top1pct: FloatArray
    force_top01pct: FloatArray
    entropy_error: FloatArray
    diversity_error: FloatArray
    overlap_error: FloatArray
    outliers_error: FloatArray
    mean_delta_entropy: FloatArray
    mean_delta_entropy_error: FloatArray
    sampled: int | None = None


def budget_grid(n_structures: int, points: int = 48) -> IntArray:
    """Return sizes from 1 to all, equally spaced in the logarithm; none of nothing."""
    if n_structures == 0:
        return np.empty(0, dtype=np.int64)
    return np.unique(np.round(np.geomspace(1, n_structures, points)).astype(np.int64))


@kernel
def _extend(  # type: ignore[no-untyped-def]
    indptr, indices, values, columns, amounts, offsets, picks, sums, kept
):
    """Add structures to the running kernel sums; weigh their members per column."""
    for s in picks:
        for k in range(indptr[s], indptr[s + 1]):
            sums[indices[k]] += values[k]
        for row in range(offsets[s], offsets[s + 1]):
            kept[columns[row]] += amounts[row]


@kernel
def _measure(sums, kept, weights, threshold):  # type: ignore[no-untyped-def]
    """Return (mean ln p, sum 1/p) over the kept rows and the covered weight."""
    n, logs, inverse, covered = 0.0, 0.0, 0.0, 0.0
    for i in range(sums.shape[0]):
        if sums[i] > threshold:
            covered += weights[i]
        if kept[i] > 0.0:
            n += kept[i]
            logs += kept[i] * np.log(sums[i])
            inverse += kept[i] / sums[i]
    return n, logs, inverse, covered


def prefix_metrics(
    analysis: Analysis,
    picks: IntArray,
    sizes: IntArray,
    *,
    exact_below: int = EXACT_BELOW,
    monitor: Monitor = SILENT,
) -> PrefixMetrics:
    """Measure the prefixes of an order.

    Parameters
    ----------
    analysis : Analysis
    picks : int array
        Described structures in order.
    sizes : int array
        Ascending, from 1 to len(picks).
    exact_below : int
        Where the analysis is sampled: entropy and diversity of prefixes with up to so many
        environments are computed from all of these. A sample of the set has few members in a
        small prefix, and a small prefix costs little.

    Notes
    -----
    O(stored kernel entries + n_sizes * n_distinct): milliseconds for thousands of structures.
    Where the analysis is sampled, O(m^2 d / 2) more for each prefix of m environments computed
    as a whole. The errors are those of `Sample.standard_error`, linearised for the logarithm and
    for shares.
    """
    sizes = np.asarray(sizes)
    if analysis.sampled is None:
        found = _exact(analysis, picks, sizes, monitor)
    else:
        found = _sampled(analysis, picks, sizes, monitor)
        _replace_known(analysis, picks, sizes, exact_below, found, monitor)
    environments = np.concatenate([[0], np.cumsum(analysis.sizes[picks])])
    missing, missing_error = mean_delta_entropy_in_kernel(analysis.reaching, picks, sizes)
    return PrefixMetrics(
        sizes=sizes,
        environments=environments[sizes],
        force_top1pct=top_share(analysis, analysis.force_norms, picks, 0.01)[sizes],
        force_top01pct=top_share(analysis, analysis.force_norms, picks, 0.001)[sizes],
        mean_delta_entropy=missing,
        mean_delta_entropy_error=missing_error,
        sampled=analysis.sampled,
        **found,
    )


def _exact(
    analysis: Analysis, picks: IntArray, sizes: IntArray, monitor: Monitor
) -> dict[str, FloatArray]:
    """Return the figures that come from the kernel of all environments."""
    kernel, n_sizes = analysis.kernel, len(sizes)
    rows = (kernel.sums.indptr, kernel.sums.indices, kernel.sums.data)
    sums, kept = np.zeros(len(kernel.weights)), np.zeros(len(kernel.weights))
    entropy, diversity, overlap = np.full((3, n_sizes), np.nan)
    threshold = _covered_above(analysis)
    members = (kernel.columns, kernel.sample.weights, kernel.sample_offsets)
    for at, part in _parts(picks, sizes, monitor):
        _extend(*rows, *members, part, sums, kept)
        n, logs, inverse, covered = _measure(sums, kept, kernel.weights, threshold)
        overlap[at] = covered / kernel.n_environments
        if n > 0:
            entropy[at] = min(max(0.0, float(np.log(n) - logs / n)), float(np.log(n)))
            diversity[at] = np.log(inverse)
    outliers = top_share(analysis, analysis.outliers.environment, picks, 0.01)[sizes]
    nothing = np.zeros(n_sizes)
    errors = dict.fromkeys(_ERRORS, nothing)
    figures = {"entropy": entropy, "diversity": diversity, "overlap": overlap}
    return {**figures, "outliers_kept": outliers, **errors}


def _parts(picks: IntArray, sizes: IntArray, monitor: Monitor) -> Iterator[tuple[int, IntArray]]:
    """Yield the number of each size and the structures that it adds to the one before."""
    done, last = 0, time.monotonic()
    for at, size in enumerate(sizes):
        yield at, picks[done:size]
        done = int(size)
        if time.monotonic() - last > 0.1 or at % 16 == 15:
            last = time.monotonic()
            monitor.report((at + 1) / len(sizes), "comparison")
            monitor.checkpoint()


def _sampled(
    analysis: Analysis, picks: IntArray, sizes: IntArray, monitor: Monitor
) -> dict[str, FloatArray]:
    """Estimate the figures, and their errors, from the sample set aside for it."""
    kernel = analysis.measured
    sample, owner = kernel.sample, owners(kernel.sample_offsets)
    rows = (kernel.sums.indptr, kernel.sums.indices, kernel.sums.data)
    members = (kernel.columns, sample.weights, kernel.sample_offsets)
    sums, kept = np.zeros(len(kernel.weights)), np.zeros(len(kernel.weights))
    chosen = np.zeros(kernel.n_structures, dtype=bool)
    top, threshold = _loneliest(analysis), _covered_above(analysis)
    found = {name: np.full(len(sizes), np.nan) for name in (*_FIGURES, *_ERRORS)}
    counts = np.concatenate([[0], np.cumsum(analysis.sizes[picks])])
    for at, part in _parts(picks, sizes, monitor):
        _extend(*rows, *members, part, sums, kept)
        chosen[part] = True
        inside = chosen[owner]
        size = int(counts[sizes[at]])
        estimates = _estimate(sample, sums[kernel.columns], inside, top, size, threshold)
        for name, value in estimates.items():
            found[name][at] = value
    scores = analysis.outliers
    if scores.known.sum() >= np.ceil(0.01 * analysis.n_environments):  # the top is exact
        found["outliers_kept"] = top_share(analysis, scores.environment, picks, 0.01)[sizes]
        found["outliers_error"] = np.zeros(len(sizes))
    return found


def _estimate(
    sample: Sample,
    sums: FloatArray,
    inside: npt.NDArray[np.bool_],
    top: npt.NDArray[np.bool_],
    environments: int,
    threshold: float,
) -> dict[str, float]:
    """Estimate from the sampled environments, of which some are kept and some are outliers."""
    n, w = sample.population, sample.weights
    covered, own, lonely = w * (sums > threshold), w * inside, w * top
    kept = float(lonely[inside].sum() / lonely.sum())
    found = {
        "overlap": float(covered.sum() / n),
        "overlap_error": sample.standard_error((covered - w * covered.sum() / n) / n),
        "outliers_kept": kept,
        "outliers_error": sample.standard_error(lonely * (inside - kept) / lonely.sum()),
    }
    if inside.sum() < 2:
        return found
    safe = np.where(inside, sums, 1.0)
    mean = float(own @ np.log(safe) / own.sum())
    most = float(np.log(environments))
    # the size of the prefix is known; that of the sample in it is not by chance
    inverse = own / safe * (environments / own.sum())
    spread = own * (np.log(safe) - mean) / own.sum()
    return found | {
        "entropy": min(max(0.0, most - mean), most),
        "entropy_error": sample.standard_error(spread),
        "diversity": float(np.log(inverse.sum())),
        "diversity_error": sample.standard_error(inverse / inverse.sum() - own / own.sum()),
    }


def _covered_above(analysis: Analysis) -> float:
    """Return the kernel sum above which an environment counts as covered."""
    return float(np.exp(-analysis.spec.covered_below))


def _loneliest(analysis: Analysis) -> npt.NDArray[np.bool_]:
    """Return which sampled environments have the 1 % smallest sums over all others.

    Their sums run over all environments, also where the scores of the rest are estimates.
    """
    kernel = analysis.measured
    if analysis.exact:
        scores = analysis.outliers.environment[kernel.sample.rows]
    else:
        scores = -kernel.sampled_totals()
    count = int(np.ceil(0.01 * len(scores)))
    top = np.zeros(len(scores), dtype=bool)
    top[np.argsort(-scores, kind="stable")[:count]] = True
    return top


def _replace_known(
    analysis: Analysis,
    picks: IntArray,
    sizes: IntArray,
    limit: int,
    found: dict[str, FloatArray],
    monitor: Monitor,
) -> None:
    """Put in exact entropies and diversities of small prefixes, and those of the whole set."""
    x, offsets = analysis.descriptors.values, analysis.descriptors.structure_offsets
    counts = np.concatenate([[0], np.cumsum(analysis.sizes[picks])])
    small = np.flatnonzero((counts[sizes] <= limit) & (sizes > 0))
    for at in small:
        monitor.checkpoint()
        rows = ragged_rows(offsets, picks[: sizes[at]])
        sums = kernel_sums(x[rows], bandwidth=analysis.spec.bandwidth, monitor=Checkpoints(monitor))
        found["entropy"][at], found["entropy_error"][at] = entropy_of_sums(sums), 0.0
        found["diversity"][at], found["diversity_error"][at] = diversity_of_sums(sums), 0.0
    for at in np.flatnonzero(counts[sizes] == analysis.n_environments):
        found["entropy"][at] = analysis.entropy_nats
        found["entropy_error"][at] = analysis.entropy_error
        found["diversity"][at] = analysis.diversity_nats
        found["diversity_error"][at] = analysis.diversity_error


def top_share(analysis: Analysis, values: FloatArray, picks: IntArray, share: float) -> FloatArray:
    """Return which fraction of the top `share` of `values` the first 0 .. m picks hold.

    Parameters
    ----------
    values : float array (n_env,)
        NaN (missing) is never at the top; ties at the edge go to the lowest index.

    Returns
    -------
    float array (len(picks) + 1,)
        NaN if there is no value at all.
    """
    held = analysis.top_counts.get((id(values), share))
    if held is None:  # a budget is moved many times, and sorting takes a tenth of a second
        held = values, *_count_top(analysis, values, share)
        analysis.top_counts[id(values), share] = held
    _, per_structure, count = held
    if count == 0:
        return np.full(len(picks) + 1, np.nan)
    return np.concatenate([[0], np.cumsum(per_structure[picks])]) / count


def _count_top(analysis: Analysis, values: FloatArray, share: float) -> tuple[IntArray, int]:
    """Return how many of the top `share` of `values` each structure holds, and how many all."""
    known = np.flatnonzero(~np.isnan(values))
    count = int(np.ceil(share * len(known)))
    top = known[np.argsort(-values[known], kind="stable")[:count]]
    owner = analysis.descriptors.owners[top]
    return np.bincount(owner, minlength=analysis.n_structures), count
