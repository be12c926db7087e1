"""Energy outliers: energies out of line with their class and composition, as a table."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.data.dataset import Dataset
from analytics.data.energy_levels import EnergyBlock, energy_levels
from analytics.geometry.lattice import bulk_volumes
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.value import Table

__all__ = ["EnergyOutliers", "energy_outliers"]


@dataclass(frozen=True, slots=True)
class EnergyOutliers(Table):
    """Structures whose energy is out of line with their kind, the farthest first.

    Attributes
    ----------
    structures : int array (m,)
        Indices in the data set.
    z_scores : float array (m,)
        (residual - median) / scale within the group; robust, see `energy_levels`.
    residuals : float array (m,), eV/atom
        Energy beyond the references of the elements.
    medians, scales : float array (m,), eV/atom
        Of the group of each.
    references : mapping of int to float
        Fitted energy per atom of each element, by atomic number, eV.
    n_compared : int
        Structures in groups large enough to be compared.
    blocks : tuple of EnergyBlock
        The same structures by class and composition, one block each, and classes that lie apart;
        the farthest first.
    """

    structures: IntArray
    z_scores: FloatArray
    residuals: FloatArray
    medians: FloatArray
    scales: FloatArray
    references: dict[int, float]
    n_compared: int
    blocks: tuple[EnergyBlock, ...]

    def __len__(self) -> int:
        return len(self.structures)

    def records(self, dataset: Dataset) -> list[dict[str, Any]]:
        """Return one record per structure; the volume is evidence for compressed cells."""
        per_atom = bulk_volumes(dataset.cells, dataset.pbc) / np.maximum(1, dataset.sizes)
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

    def block_records(self, dataset: Dataset) -> list[dict[str, Any]]:
        """Return one record per block."""
        return [
            {
                "kind": block.kind,
                "config_type": block.config_type,
                "composition": block.formula,
                "n_structures": len(block.structures),
                "n_compared": block.n_group,
                "lowest_eV_per_atom": block.lowest,
                "highest_eV_per_atom": block.highest,
                "structures": dataset.frame_indices[block.structures].tolist(),
            }
            for block in self.blocks
        ]


def energy_outliers(dataset: Dataset, *, z_score: float = 6.0) -> EnergyOutliers:
    """Find energies far from those of their class and composition, see `energy_levels`.

    Parameters
    ----------
    dataset : Dataset
    z_score : float
        How far counts as out of line, in robust standard deviations.

    Returns
    -------
    EnergyOutliers
        Classes that lie apart as a whole (islands) are among the blocks, not among the structures.
    """
    found = energy_levels(dataset, z_score=z_score)
    far = [block.structures for block in found.blocks if block.kind != "island"]
    order = np.concatenate([np.empty(0, dtype=np.int64), *far])
    order = order[np.argsort(-np.abs(found.z_scores[order]), kind="stable")]
    return EnergyOutliers(
        structures=frozen(order, np.int64),
        z_scores=frozen(found.z_scores[order]),
        residuals=frozen(found.residuals[order]),
        medians=frozen(found.medians[order]),
        scales=frozen(found.scales[order]),
        references=found.references,
        n_compared=int(np.isfinite(found.z_scores).sum()),
        blocks=found.blocks,
    )
