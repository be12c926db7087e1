"""Squared errors of several fits, test structure by test structure: for paired comparisons."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.evaluation.retrain.errors import TestSet
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Value

__all__ = ["LABELS", "SquaredErrors", "mean_change", "root_mean", "squared_errors"]

#: What a potential predicts, and the unit that its error is told in.
LABELS = {"energy": "meV/atom", "force": "eV/Å"}
#: Force components predicted at once.
CHUNK = 6_000


@dataclass(frozen=True, slots=True)
class SquaredErrors(Value):
    """Squared errors of k fits on n test structures.

    Attributes
    ----------
    energy : float array (n, k), (meV/atom)^2
        0 where the energy is not known.
    force : float array (n, k), (eV/angstrom)^2
        Summed over the force components of a structure.
    energies : int array (n,)
        1 where the energy is known.
    components : int array (n,)
        Number of force components known.
    """

    energy: FloatArray
    force: FloatArray
    energies: IntArray
    components: IntArray

    def of(self, label: str) -> tuple[FloatArray, IntArray]:
        """Return the sums of "energy" or "force" where there are labels, and their numbers."""
        sums, counts = (
            (self.energy, self.energies) if label == "energy" else (self.force, self.components)
        )
        known = counts > 0
        return sums[known], counts[known]


def squared_errors(
    test: TestSet, coefficients: FloatArray, *, monitor: Monitor = SILENT
) -> SquaredErrors:
    """Return the squared errors of fits on each structure of a test.

    Parameters
    ----------
    test : TestSet
    coefficients : float array (k, M + S)
        One row per fit.
    monitor : Monitor

    Notes
    -----
    O(k M) per force component of the test: 1 s for 240 fits, 200 functions and 45 000 components.
    """
    equations, structures = test.equations, test.structures
    design, dataset = equations.design, equations.design.dataset
    fits = np.atleast_2d(np.asarray(coefficients, dtype=np.float64))
    sizes = np.maximum(1, dataset.sizes[structures])
    off = equations.energy_rows[structures] @ fits.T - equations.residuals[structures, None]
    energy = np.nan_to_num((1e3 * off / sizes[:, None]) ** 2)
    single = fits[:, : equations.n_functions].T
    group = np.cumsum(3 * sizes) // CHUNK
    groups = [np.flatnonzero(group == g) for g in np.unique(group)]

    def work(block: int) -> FloatArray:
        members = structures[groups[block]]
        rows = design.force_part(members)
        wrong = (design.force_rows[rows].astype(np.float64) @ single) - design.forces[rows][:, None]
        ends = np.concatenate([[0], np.cumsum(3 * dataset.sizes[members])])
        sums = np.concatenate([np.zeros((1, len(fits))), np.cumsum(wrong**2, axis=0)])
        return np.asarray(np.diff(sums[ends], axis=0))

    force = np.concatenate(
        [np.empty((0, len(fits))), *in_order(work, range(len(groups)), monitor, "errors of fits")]
    )
    known = np.isfinite(equations.residuals[structures]).astype(np.int64)
    return SquaredErrors(
        frozen(energy), frozen(force), frozen(known), frozen(equations.counts[structures])
    )


def root_mean(sums: FloatArray, counts: IntArray) -> FloatArray:
    """Return root mean squares, (k,); NaN without labels."""
    total = counts.sum()
    return np.sqrt(sums.sum(axis=0) / total) if total else np.full(sums.shape[1], np.nan)


def mean_change(differences: FloatArray, counts: IntArray) -> tuple[FloatArray, FloatArray]:
    """Return mean differences per label and their standard errors over the test structures.

    Parameters
    ----------
    differences : float array (n, k)
        Of sums of squared errors, structure by structure.
    counts : int array (n,)
        Labels of each structure.

    Returns
    -------
    float arrays (k,)
        NaN where there is no label, the error also for a single structure.
    """
    n, total = len(counts), counts.sum()
    if not total:
        nothing = np.full(differences.shape[1], np.nan)
        return nothing, nothing
    mean = differences.sum(axis=0) / total
    rest = differences - counts[:, None] * mean  # a ratio of two sums: linearised
    error = np.sqrt(n / (n - 1.0) * (rest**2).sum(axis=0)) / total if n > 1 else mean * np.nan
    return mean, error
