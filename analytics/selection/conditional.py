"""Information gained (delta entropy) by each pick given a reference set and the picks before."""

from __future__ import annotations

import numpy as np

from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis
from analytics.information.kernel import log_kernel_sums
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["information_gained"]


def information_gained(
    analysis: Analysis, picks: IntArray, reference: Descriptors, *, monitor: Monitor = SILENT
) -> FloatArray:
    """Return the delta entropy of each pick given the reference and the picks before it, nats.

    The mean over the environments of the structure. Positive means new; below zero that there
    was more than one such environment already.

    Parameters
    ----------
    analysis : Analysis
    picks : int array (m,)
        Described structures in order.
    reference : Descriptors

    Returns
    -------
    float array (m,)

    Notes
    -----
    The part of the reference is a sum in the log domain, O(n r d) for n environments picked and
    r of the reference. What earlier picks add is read from the stored kernel, from which
    contributions below 1e-24 are missing; where that holds a sample only, it is summed again,
    O(n^2 d).
    """
    offsets = analysis.descriptors.structure_offsets
    rows = ragged_rows(offsets, picks)
    if len(rows) == 0:
        return np.zeros(len(picks))
    if reference.n_environments:
        logs = log_kernel_sums(
            analysis.descriptors.values[rows],
            reference.values,
            bandwidth=analysis.spec.bandwidth,
            monitor=Part(monitor, 0.0, 0.5),
        )
    else:
        logs = np.full(len(rows), -np.inf)
    earlier = _Earlier(analysis)
    result, at = np.empty(len(picks)), 0
    for number, s in enumerate(picks.tolist()):
        own = slice(at, at + int(offsets[s + 1] - offsets[s]))
        result[number] = -np.logaddexp(logs[own], earlier.logs(s)).mean()
        earlier.add(s)
        at = own.stop
        if number % 64 == 0:
            monitor.report(0.5 + 0.5 * number / len(picks), "information gained")
            monitor.checkpoint()
    return result


class _Earlier:
    """Kernel sums of structures over those that were added."""

    def __init__(self, analysis: Analysis) -> None:
        self._analysis, self._kernel = analysis, analysis.kernel
        self._offsets = analysis.descriptors.structure_offsets
        self._sums = np.zeros(len(analysis.kernel.weights))
        self._added: list[int] = []

    def logs(self, s: int) -> FloatArray:
        """Return the logarithms of the sums of the environments of a structure."""
        own = slice(self._offsets[s], self._offsets[s + 1])
        if self._kernel.sampled is None:
            with np.errstate(divide="ignore"):
                return np.asarray(np.log(self._sums[self._kernel.inverse[own]]))
        if not self._added:
            return np.full(own.stop - own.start, -np.inf)
        values = self._analysis.descriptors.values
        others = values[ragged_rows(self._offsets, np.array(self._added))]
        return log_kernel_sums(values[own], others, bandwidth=self._analysis.spec.bandwidth)

    def add(self, s: int) -> None:
        """Count a structure from now on."""
        self._added.append(s)
        if self._kernel.sampled is None:
            sums = self._kernel.sums
            part = slice(sums.indptr[s], sums.indptr[s + 1])
            self._sums[sums.indices[part]] += sums.data[part]
