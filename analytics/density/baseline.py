"""Baseline of fitted spherical atoms (superposition): the least that a model has to beat."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.density.descriptor import PointSpec, superposition_features
from analytics.density.grid import DensityData
from analytics.density.points import PointSet, Split
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["SHELLS", "Superposition", "fit_superposition"]

#: Radial functions of the fitted atoms: 20 Gaussians within 5 Å.
SHELLS = PointSpec(cutoff=5.0, channels=20, width=1.0)
#: Points that the fit needs at most.
SAMPLE = 200_000


@dataclass(frozen=True, slots=True)
class Superposition:
    """A sum of spherical atoms, one radial function per element.

    Attributes
    ----------
    weights : float array (n_species * channels,)
        Of the Gaussians, in e/bohr^3.
    species : int array
    density_error_pct : float
        Integrated absolute error on the test snapshots, % of the electrons.
    """

    weights: FloatArray
    species: IntArray
    density_error_pct: float

    def predict(self, data: DensityData, snapshot: int, points: FloatArray) -> FloatArray:
        """Return the density at points (n, 3) in angstrom, e/bohr^3."""
        rows = superposition_features(data, snapshot, points, SHELLS, species=self.species)
        return np.maximum(rows.astype(np.float64) @ self.weights, 0.0)


def fit_superposition(
    data: DensityData, split: Split, test: PointSet, *, monitor: Monitor = SILENT
) -> Superposition:
    """Fit the atoms to the snapshots to learn from by least squares, and test them."""
    per_snapshot = max(1, SAMPLE // len(split.train))
    gram: FloatArray = np.zeros((0, 0))
    moment: FloatArray = np.zeros(0)
    species = data.species
    for snapshot in split.train.tolist():
        monitor.checkpoint()
        size = int(data.shapes[snapshot].prod())
        rng = np.random.default_rng(snapshot)
        rows = np.sort(rng.permutation(size)[:per_snapshot])
        points = data.points_of(snapshot, rows)
        x = superposition_features(data, snapshot, points, SHELLS, species=species)
        x = x.astype(np.float64)
        y = data.density_of(snapshot).ravel()[rows].astype(np.float64)
        gram = x.T @ x if not gram.size else gram + x.T @ x
        moment = x.T @ y if not moment.size else moment + x.T @ y
    # no ridge means no point near an atom: then the atoms explain nothing
    ridge = 1e-9 * float(np.trace(gram)) / len(gram) or 1.0
    weights = np.linalg.solve(gram + ridge * np.eye(len(gram)), moment)
    fitted = Superposition(weights, species, np.nan)
    errors = []
    for snapshot in np.unique(test.snapshots).tolist():
        monitor.checkpoint()
        here = test.snapshots == snapshot
        predicted = fitted.predict(data, snapshot, data.points_of(snapshot, test.rows[here]))
        off = np.abs(predicted - test.density[here]).sum() * data.volume_elements[snapshot]
        errors.append(off / test.shares[snapshot] / data.electrons[snapshot])
    return Superposition(weights, species, 100.0 * float(np.mean(errors)))
