"""Metrics of the first m structures of an order, for many m in one pass over the kernel."""

from __future__ import annotations

from dataclasses import dataclass

import numba as nb
import numpy as np

from analytics.information.analysis import Analysis
from analytics.information.entropy import COVERED_BELOW
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["PrefixMetrics", "budget_grid", "prefix_metrics", "top_share"]


@dataclass(frozen=True, slots=True)
class PrefixMetrics:
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
        Fraction of the full set's environments with delta entropy below 1e-5.
    outliers_kept : float array
        Share of the 1 % highest outlier scores that belong to kept structures.
    force_top1pct, force_top01pct : float arrays
        Share of the 1 % and 0.1 % largest |F| kept; NaN without forces.
    """

    sizes: IntArray
    environments: IntArray
    entropy: FloatArray
    diversity: FloatArray
    overlap: FloatArray
    outliers_kept: FloatArray
    force_top1pct: FloatArray
    force_top01pct: FloatArray


def budget_grid(n_structures: int, points: int = 48) -> IntArray:
    """Return sizes from 1 to all, equally spaced in the logarithm; none of nothing."""
    if n_structures == 0:
        return np.empty(0, dtype=np.int64)
    return np.unique(np.round(np.geomspace(1, n_structures, points)).astype(np.int64))


@nb.njit(nogil=True, cache=True)
def _extend(  # type: ignore[no-untyped-def]
    indptr, indices, values, members, offsets, picks, sums, kept
):
    """Add structures to the running kernel sums; count their members per distinct row."""
    for s in picks:
        for k in range(indptr[s], indptr[s + 1]):
            sums[indices[k]] += values[k]
        for row in range(offsets[s], offsets[s + 1]):
            kept[members[row]] += 1.0


@nb.njit(nogil=True, cache=True)
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
    analysis: Analysis, picks: IntArray, sizes: IntArray, *, monitor: Monitor = SILENT
) -> PrefixMetrics:
    """Measure the prefixes of an order.

    Parameters
    ----------
    analysis : Analysis
    picks : int array
        Described structures in order.
    sizes : int array
        Ascending, from 1 to len(picks).

    Notes
    -----
    O(stored kernel entries + n_sizes * n_distinct): milliseconds for thousands of structures.
    """
    kernel, n_sizes = analysis.kernel, len(sizes)
    rows = (kernel.sums.indptr, kernel.sums.indices, kernel.sums.data)
    sums, kept = np.zeros(len(kernel.weights)), np.zeros(len(kernel.weights))
    entropy, diversity, overlap = np.full((3, n_sizes), np.nan)
    threshold, done = float(np.exp(-COVERED_BELOW)), 0
    for at, size in enumerate(sizes):
        _extend(
            *rows,
            kernel.inverse,
            kernel.structure_offsets,
            picks[done:size],
            sums,
            kept,
        )
        done = int(size)
        n, logs, inverse, covered = _measure(sums, kept, kernel.weights, threshold)
        overlap[at] = covered / kernel.n_environments
        if n > 0:
            entropy[at] = min(max(0.0, float(np.log(n) - logs / n)), float(np.log(n)))
            diversity[at] = np.log(inverse)
        if at % 16 == 15:
            monitor.report((at + 1) / n_sizes, "comparison")
            monitor.checkpoint()
    environments = np.concatenate([[0], np.cumsum(analysis.sizes[picks])])
    return PrefixMetrics(
        sizes=np.asarray(sizes),
        environments=environments[sizes],
        entropy=entropy,
        diversity=diversity,
        overlap=overlap,
        outliers_kept=top_share(analysis, analysis.outliers.environment, picks, 0.01)[sizes],
        force_top1pct=top_share(analysis, analysis.force_norms, picks, 0.01)[sizes],
        force_top01pct=top_share(analysis, analysis.force_norms, picks, 0.001)[sizes],
    )


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
    known = np.flatnonzero(~np.isnan(values))
    if len(known) == 0:
        return np.full(len(picks) + 1, np.nan)
    count = int(np.ceil(share * len(known)))
    top = known[np.argsort(-values[known], kind="stable")[:count]]
    per_structure = np.bincount(analysis.descriptors.owners[top], minlength=analysis.n_structures)
    return np.concatenate([[0], np.cumsum(per_structure[picks])]) / count
