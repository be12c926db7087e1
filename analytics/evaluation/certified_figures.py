"""Figures of a selection from a large set with a certified error (confidence interval)."""

from __future__ import annotations

import numpy as np

from analytics.information.analysis import Analysis
from analytics.information.bounded_coverage import bounded_coverage
from analytics.information.bounded_sums import bounded_kernel_sums
from analytics.runtime.arrays import IntArray, ragged_rows
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["SHARE_PER_NAT", "certified_figures"]

#: Error of the coverage, a share of the environments, for each nat of the others': 0.1 % for 0.01.
SHARE_PER_NAT = 0.1


def certified_figures(
    analysis: Analysis,
    picks: IntArray,
    *,
    error: float = 0.01,
    confidence: float = 0.99,
    monitor: Monitor = SILENT,
) -> dict[str, float]:
    """Return entropy, diversity, coverage and mean delta entropy of what is kept, and their errors.

    Parameters
    ----------
    analysis : Analysis
    picks : int array
        Places of the kept structures among those analysed (`Selection.positions`), one at least.
    error : float, nats
        Certified, for each but the coverage: that is a share of the environments and gets a tenth
        of the number, 0.1 % for 0.01.
    confidence : float
        With which all hold together.

    Returns
    -------
    dict
        By the names that `measure` gives them; errors of 0 are exact. Where all kernels are stored
        nothing: `measure` is exact then.

    Notes
    -----
    Costs as of `bounded_kernel_sums` for the environments kept and of `bounded_coverage`.
    """
    if analysis.sampled is None:
        return {}
    x = analysis.descriptors.values
    rows = ragged_rows(analysis.descriptors.structure_offsets, np.asarray(picks, dtype=np.int64))
    each = 1.0 - (1.0 - confidence) / 2.0
    own = bounded_kernel_sums(
        x[rows],
        bandwidth=analysis.spec.bandwidth,
        error=error,
        confidence=each,
        seed=analysis.seed,
        monitor=Part(monitor, 0.0, 0.4),
    ).certificate
    given = bounded_coverage(
        x,
        rows,
        bandwidth=analysis.spec.bandwidth,
        covered_below=analysis.spec.covered_below,
        error=error,
        share=SHARE_PER_NAT * error,
        confidence=each,
        seed=analysis.seed,
        monitor=Part(monitor, 0.4, 1.0),
    )
    return {
        "entropy_nats": own.entropy.value,
        "entropy_error": own.entropy.error,
        "diversity_nats": own.diversity.value,
        "diversity_error": own.diversity.error,
        "overlap": given.coverage.value,
        "overlap_error": given.coverage.error,
        "mean_delta_entropy": given.mean_delta_entropy.value,
        "mean_delta_entropy_error": given.mean_delta_entropy.error,
        "confidence": confidence,
    }
