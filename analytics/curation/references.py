"""Energy outliers: energies against a fit per element and the median of the class."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.data.dataset import Dataset
from analytics.geometry.lattice import volumes
from analytics.runtime.arrays import FloatArray, IntArray, frozen, owners
from analytics.runtime.value import Table

__all__ = ["EnergyOutliers", "energy_outliers", "reference_energies"]

#: Classes with fewer structures have no median worth comparing with.
FEWEST = 10
#: No scale is taken as smaller than this: identical structures have none, eV/atom.
SMALLEST_SCALE = 1e-3
#: The median absolute deviation of a normal distribution times this is its standard deviation.
MAD_TO_SIGMA = 1.4826
ROUNDS = 30
#: What is larger is damage, and would decide the fit alone, eV/atom.
LARGEST_ENERGY = 1e12


@dataclass(frozen=True, slots=True)
class EnergyOutliers(Table):
    """Structures whose energy is out of line with their class, the farthest first.

    Attributes
    ----------
    structures : int array (m,)
        Indices in the data set.
    z_scores : float array (m,)
        (residual - median) / scale within the class; robust, see `energy_outliers`.
    residuals : float array (m,), eV/atom
        Energy beyond the references of the elements.
    medians, scales : float array (m,), eV/atom
        Of the class of each.
    references : mapping of int to float
        Fitted energy per atom of each element, by atomic number, eV.
    n_compared : int
        Structures in classes large enough to be compared.
    """

    structures: IntArray
    z_scores: FloatArray
    residuals: FloatArray
    medians: FloatArray
    scales: FloatArray
    references: dict[int, float]
    n_compared: int

    def __len__(self) -> int:
        return len(self.structures)

    def records(self, dataset: Dataset) -> list[dict[str, Any]]:
        """Return one record per structure; the volume is evidence for compressed cells."""
        per_atom = volumes(dataset.cells) / np.maximum(1, dataset.sizes)
        per_atom[~dataset.pbc.all(axis=1)] = np.nan
        return [
            {
                "structure": int(dataset.frame_indices[s]),
                "config_type": str(dataset.config_type[s]),
                "z_score": float(self.z_scores[at]),
                "residual_eV_per_atom": float(self.residuals[at]),
                "median_eV_per_atom": float(self.medians[at]),
                "scale_eV_per_atom": float(self.scales[at]),
                "volume_A3_per_atom": float(per_atom[s]),
            }
            for at, s in enumerate(self.structures)
        ]


def reference_energies(dataset: Dataset) -> tuple[dict[int, float], FloatArray]:
    """Fit one energy per element, so that what is left does not depend on the composition.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    references : dict of int to float
        Energy per atom by atomic number, eV. Where compositions do not vary enough to tell the
        elements apart, the smallest solution.
    residuals : float array (n_structures,), eV/atom
        Energy per atom beyond the references; NaN where there is no energy. Isolated atoms take
        no part in the fit.

    Notes
    -----
    Least absolute residuals by iteratively reweighted least squares, because a few compressed
    cells lie tens of eV/atom above all others.
    """
    elements, kind = np.unique(dataset.numbers, return_inverse=True)
    flat = owners(dataset.structure_offsets) * len(elements) + kind
    counts = np.bincount(flat, minlength=dataset.n_structures * len(elements))
    sizes = np.maximum(1, dataset.sizes)
    shares = counts.reshape(-1, len(elements)) / sizes[:, None]
    if dataset.energies is None:
        return {}, np.full(dataset.n_structures, np.nan)
    energies = dataset.energies / sizes
    # NaN and infinity are no such energy either
    used = (np.abs(energies) < LARGEST_ENERGY) & ~dataset.isolated & (dataset.sizes > 0)
    if not used.any():
        return {}, np.full(dataset.n_structures, np.nan)
    x, y = shares[used], energies[used]
    # molecules have thousands of eV; what varies is small: start from the median
    middle, weights = float(np.median(y)), np.ones(len(y))
    for _ in range(ROUNDS):
        root = np.sqrt(weights)
        found = np.linalg.lstsq(x * root[:, None], (y - middle) * root, rcond=1e-8)[0]
        weights = 1.0 / np.maximum(np.abs(y - middle - x @ found), SMALLEST_SCALE)
    references = found + middle  # shares sum to one
    residuals = np.where(np.isfinite(energies), energies - shares @ references, np.nan)
    return dict(zip(elements.tolist(), references.tolist(), strict=True)), residuals


def energy_outliers(dataset: Dataset, *, z_score: float = 6.0) -> EnergyOutliers:
    r"""Find energies far from those of their config_type.

    Parameters
    ----------
    dataset : Dataset
    z_score : float
        How far counts as out of line.

    Returns
    -------
    EnergyOutliers

    Notes
    -----
    Residuals :math:`r` are energies per atom beyond a fitted reference per element
    (`reference_energies`). Within each config_type of at least ten structures (structures
    without one are a class of their own), :math:`z = (r - \mathrm{median}) / s` with s the median
    absolute deviation times 1.4826, and at least 1 meV/atom. Classes that are skewed by design,
    such as equations of state, show their compressed end here; the volume tells.
    """
    references, residuals = reference_energies(dataset)
    n = dataset.n_structures
    z, medians, scales = np.full((3, n), np.nan)
    usable = np.isfinite(residuals) & ~dataset.isolated
    for name in np.unique(dataset.config_type[usable]):
        members = np.flatnonzero(usable & (dataset.config_type == name))
        if len(members) < FEWEST:
            continue
        middle = float(np.median(residuals[members]))
        away = np.abs(residuals[members] - middle)
        medians[members] = middle
        scales[members] = max(SMALLEST_SCALE, MAD_TO_SIGMA * float(np.median(away)))
        z[members] = (residuals[members] - middle) / scales[members]
    far = np.flatnonzero(np.abs(z) > z_score)
    order = far[np.argsort(-np.abs(z[far]), kind="stable")]
    return EnergyOutliers(
        structures=frozen(order, np.int64),
        z_scores=frozen(z[order]),
        residuals=frozen(residuals[order]),
        medians=frozen(medians[order]),
        scales=frozen(scales[order]),
        references=references,
        n_compared=int(np.isfinite(z).sum()),
    )
