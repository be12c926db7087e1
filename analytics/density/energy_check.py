"""Errors in energy (Harris-Foulkes) of predicted densities, on some of the test snapshots."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analytics.density.baseline import Superposition
from analytics.density.descriptor import PointSpec, describe_points
from analytics.density.energy import HARTREE_MEV, Hamiltonian, available
from analytics.density.grid import DensityData
from analytics.density.points import Split
from analytics.density.surrogate import Single
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["EnergyCheck", "energies_possible", "prepare_energies"]


@dataclass(frozen=True, slots=True)
class EnergyCheck:
    """Hamiltonians of test snapshots with the descriptors of their whole grids.

    Attributes
    ----------
    snapshots : tuple of int
    baseline_mev_atom : float
        Error of the fitted spherical atoms.
    """

    snapshots: tuple[int, ...]
    baseline_mev_atom: float
    _hamiltonians: tuple[Hamiltonian, ...]
    _features: tuple[Single, ...]
    _references: tuple[float, ...]
    _n_atoms: tuple[int, ...]

    def error(self, predict: Callable[[Single], FloatArray], monitor: Monitor = SILENT) -> float:
        """Return the mean absolute error in meV per atom of the densities that a model predicts."""
        return float(
            np.mean(
                [
                    self._off(at, predict(features), monitor)
                    for at, features in enumerate(self._features)
                ]
            )
        )

    def _off(self, at: int, density: FloatArray, monitor: Monitor) -> float:
        monitor.checkpoint()
        energy = self._hamiltonians[at].harris_foulkes(density)
        return abs(energy - self._references[at]) * HARTREE_MEV / self._n_atoms[at]


def energies_possible(data: DensityData) -> str:
    """Return why errors in energy cannot be computed, or nothing."""
    if data.calculation is None or not np.isfinite(data.energies).any():
        return (
            "the data does not say how it was calculated (energy, mesh, k, sigma; LDA with GTH "
            "pseudopotentials)"
        )
    return "" if available() else "PySCF is not installed (pip install pyscf)"


def prepare_energies(
    data: DensityData,
    split: Split,
    spec: PointSpec,
    mean: Single,
    scale: Single,
    baseline: Superposition,
    count: int,
    *,
    monitor: Monitor = SILENT,
) -> EnergyCheck:
    """Set up the Kohn-Sham problem of the first `count` test snapshots.

    Raises
    ------
    WinnowError
        If PySCF or what it needs to know is missing.
    """
    reason = energies_possible(data)
    if reason or data.calculation is None:
        raise WinnowError(f"no errors in energy: {reason}")
    how = data.calculation
    snapshots = tuple(int(s) for s in split.test[:count])
    problems, features, off = [], [], []
    for at, snapshot in enumerate(snapshots):
        monitor.checkpoint()
        monitor.report(at / len(snapshots), "setting up energies")
        numbers, positions = data.atoms_of(snapshot)
        mesh = data.shapes[snapshot] * how.stride
        problem = Hamiltonian(
            numbers, positions, data.cells[snapshot], mesh, k=how.k, smearing=how.smearing
        )
        points = data.points_of(snapshot, finer=how.stride)
        rows = describe_points(data, snapshot, points, spec, species=data.species, monitor=monitor)
        features.append(np.asarray((rows - mean) / scale, dtype=np.float32))
        problems.append(problem)
        energy = problem.harris_foulkes(baseline.predict(data, snapshot, points))
        off.append(abs(energy - data.energies[snapshot]) * HARTREE_MEV / len(numbers))
    return EnergyCheck(
        snapshots,
        float(np.mean(off)),
        tuple(problems),
        tuple(features),
        tuple(float(data.energies[s]) for s in snapshots),
        tuple(len(data.atoms_of(s)[0]) for s in snapshots),
    )
