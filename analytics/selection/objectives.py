r"""Submodular coverage objectives, as sparse rows that lazy greedy and certificates share.

.. math::
    f(S) = \sum_i w_i \max_{s \in S} v_{si} \quad \text{or} \quad
    f(S) = \sum_i w_i \min\left(1, \sum_{s \in S} v_{si}\right)

Rows s are structures, columns i distinct environments with weights w: those of the set itself, or
those of a reference set that is to be represented. Both are monotone and submodular, and so is what
S adds to a reference set.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import sparse
from sklearn.metrics import pairwise_distances_argmin_min

from analytics.descriptors.base import Descriptors
from analytics.information.analysis import SAMPLE, Analysis
from analytics.information.kernel import kernel_sums
from analytics.information.sampling import Sample, draw_sample
from analytics.information.structure_kernel import StructureKernel, structure_kernel
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["COVERED", "Objective", "Rows", "coverage_objective", "reached_by"]

#: What is to be covered: the set beyond what a reference covers already, or the reference.
COVERED = ("set", "reference")

#: CSR rows: (indptr, indices, values)
Rows = tuple[IntArray, IntArray, FloatArray]

#: Up to this width the stored kernel at 2h, cut at 1e-6, still serves facility location.
STORED_WIDTH = 2.5
BLOCK = 4096


@dataclass(frozen=True, slots=True)
class Objective:
    """A coverage objective of a data set.

    Attributes
    ----------
    rows : (indptr, indices, values)
        CSR rows of v, non-negative, one per structure.
    weights : float array (n,)
    capped : bool
        Whether contributions add up to at most 1 (saturated coverage) or the largest one counts
        (facility location).
    start : float array (n,)
        What a reference set reaches already, between 0 and 1; zeros without one.
    costs : float array (n_structures,), optional
        Environments of each structure, where those are counted; otherwise every structure costs 1.
    """

    rows: Rows
    weights: FloatArray
    capped: bool
    start: FloatArray
    costs: FloatArray | None = None

    @property
    def full(self) -> float:
        """Value of the whole set: every environment is represented by itself."""
        return float(np.dot(self.weights, 1.0 - self.start))


def coverage_objective(
    analysis: Analysis,
    *,
    capped: bool,
    width: float,
    scales: int = 1,
    cost: str = "structures",
    reference: Descriptors | None = None,
    covering: str = "set",
    monitor: Monitor = SILENT,
) -> Objective:
    """Build an objective, the mean over `scales` kernel widths, each twice the one before.

    Parameters
    ----------
    analysis : Analysis
    capped : bool
        See `Objective`.
    width : float
        The narrowest width, in bandwidths.
    scales : int
    cost : str
        "structures" or "environments".
    reference : Descriptors, optional
    covering : str
        What is to be covered, one of `COVERED`: "set", beyond what the reference covers already, or
        "reference", by structures of the set.
    """
    if covering not in COVERED:
        raise ValueError(f"covering is {covering!r}, not one of {', '.join(COVERED)}")
    if covering == "reference" and (reference is None or not reference.n_environments):
        raise WinnowError("there is no reference set to be covered")
    blocks, weights = [], []
    starts: list[FloatArray] = []
    for k in range(scales):
        part = Part(monitor, k / scales, (k + 1) / scales, "kernels of another width")
        if covering == "reference" and reference is not None:
            kernel, matrix = _reference_matrix(analysis, reference, width * 2.0**k, capped, part)
            starts.append(np.zeros(len(kernel.weights)))
        else:
            kernel, matrix = _matrix(analysis, width * 2.0**k, capped, part)
            bandwidth = width * 2.0**k * analysis.spec.bandwidth
            starts.append(_reached(analysis, kernel, reference, bandwidth, capped, part))
        blocks.append(matrix)
        weights.append(kernel.weights / scales)
    joined = blocks[0] if scales == 1 else sparse.hstack(blocks, format="csr")
    costs = analysis.sizes.astype(float) if cost == "environments" else None
    return Objective(
        (joined.indptr, joined.indices, joined.data),
        np.concatenate(weights),
        capped,
        np.concatenate(starts),
        costs,
    )


def _matrix(
    analysis: Analysis, width: float, capped: bool, monitor: Monitor
) -> tuple[StructureKernel, sparse.csr_matrix]:
    """Return a kernel and its contributions at a width: those stored where they serve."""
    kernel = analysis.kernel
    if capped and width == 1.0:
        return kernel, kernel.sums
    if not capped and width <= STORED_WIDTH:
        if width == 2.0:
            return kernel, kernel.peaks
        narrower = kernel.peaks.data ** np.float32(4 / width**2)
        where = (narrower, kernel.peaks.indices, kernel.peaks.indptr)
        return kernel, sparse.csr_matrix(where, shape=kernel.peaks.shape)
    # a kernel stores sums at its own bandwidth and peaks at twice that
    other = structure_kernel(
        analysis.descriptors.values,
        analysis.descriptors.structure_offsets,
        bandwidth=analysis.spec.bandwidth * (width if capped else width / 2),
        sample=None if kernel.sampled is None else kernel.sample,
        cut=kernel.cut,
        order=analysis.by_content,
        monitor=monitor,
    )
    return other, other.sums if capped else other.peaks


def _reference_matrix(
    analysis: Analysis, reference: Descriptors, width: float, capped: bool, monitor: Monitor
) -> tuple[StructureKernel, sparse.csr_matrix]:
    """Return a kernel whose columns are environments of the reference, and its contributions.

    At most as many as an analysis samples. The reference is one structure more, left out again.
    """
    own, n, m = analysis.descriptors, analysis.n_environments, reference.n_environments
    drawn = draw_sample(m, min(m, SAMPLE), analysis.seed)
    joined = structure_kernel(
        np.concatenate([own.values, reference.values]),
        np.append(own.structure_offsets, n + m),
        bandwidth=analysis.spec.bandwidth * (width if capped else width / 2),
        sample=Sample(frozen(n + drawn.rows), drawn.weights, n + m),
        cut=analysis.kernel.cut,
        order=np.append(analysis.by_content, analysis.n_structures),
        monitor=monitor,
    )
    matrix = joined.sums if capped else joined.peaks
    return joined, matrix[: analysis.n_structures]


def _reached(
    analysis: Analysis,
    kernel: StructureKernel,
    reference: Descriptors | None,
    bandwidth: float,
    capped: bool,
    monitor: Monitor,
) -> FloatArray:
    x = analysis.descriptors.values[kernel.representatives]
    return reached_by(x, reference, bandwidth, capped, monitor)


def reached_by(
    x: FloatArray,
    reference: Descriptors | None,
    bandwidth: float,
    capped: bool,
    monitor: Monitor = SILENT,
) -> FloatArray:
    """Return what a reference set reaches of each environment, from 0 to 1.

    Parameters
    ----------
    x : float array (n, d)
    reference : Descriptors, optional
    bandwidth : float
        Of the objective.
    capped : bool
        See `Objective`.
    """
    n = len(x)
    if reference is None or reference.n_environments == 0:
        return np.zeros(n)
    if capped:
        sums = kernel_sums(x, reference.values, bandwidth=bandwidth, monitor=monitor)
        return np.minimum(1.0, sums)
    distances = np.empty(n)
    for start in range(0, n, BLOCK):
        rows = slice(start, start + BLOCK)
        distances[rows] = pairwise_distances_argmin_min(x[rows], reference.values)[1]
        monitor.report(start / n, "reference")
        monitor.checkpoint()
    return np.exp(-0.5 * (distances / bandwidth) ** 2)
