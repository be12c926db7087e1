"""Everything about a data set that does not depend on what is kept: computed once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.information.entropy import diversity_of_sums, entropy_of_sums
from analytics.information.kernel import KernelSpec, StructureKernel, structure_kernel
from analytics.information.outliers import OutlierScores, outlier_scores
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["Analysis", "analyse"]


@dataclass(frozen=True)
class Analysis:
    """The information content of a data set.

    Attributes
    ----------
    dataset : Dataset
    descriptors : Descriptors
        Of all structures except isolated atoms; the numbers below refer to these.
    spec : KernelSpec
    kernel : StructureKernel
    outliers : OutlierScores
    """

    dataset: Dataset
    descriptors: Descriptors
    spec: KernelSpec
    kernel: StructureKernel
    outliers: OutlierScores

    @cached_property
    def kernel_sums(self) -> FloatArray:
        """Kernel sum of every environment over all of them, itself included, (n_env,)."""
        return self.kernel.totals()

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the data, the descriptor and the kernel."""
        return fingerprint(self.descriptors.fingerprint, repr(self.spec))

    @property
    def n_structures(self) -> int:
        """Number of structures analysed."""
        return self.descriptors.n_structures

    @property
    def n_environments(self) -> int:
        """Number of environments analysed."""
        return self.descriptors.n_environments

    @cached_property
    def entropy_nats(self) -> float:
        """Information entropy H of the whole set."""
        return entropy_of_sums(self.kernel_sums)

    @cached_property
    def diversity_nats(self) -> float:
        """Diversity D of the whole set."""
        return diversity_of_sums(self.kernel_sums)

    @property
    def max_entropy_nats(self) -> float:
        """Entropy if all environments were far apart: ln n."""
        return float(np.log(self.n_environments))

    @property
    def redundancy(self) -> float:
        """Share of environments beyond the effective number exp(D), between 0 and 1."""
        return max(0.0, 1.0 - float(np.exp(self.diversity_nats)) / self.n_environments)

    @cached_property
    def sizes(self) -> IntArray:
        """Number of environments of each structure analysed."""
        return np.diff(self.descriptors.structure_offsets)

    @cached_property
    def force_norms(self) -> FloatArray:
        """Length of the force on each atom analysed, eV/angstrom, NaN where missing, (n_env,)."""
        return self.dataset.force_norms[self.descriptors.environments]

    def summary(self) -> dict[str, float | int | str]:
        """Return the figures of `winnow analyse --json`."""
        return {
            "name": self.dataset.name,
            "n_structures": self.n_structures,
            "n_environments": self.n_environments,
            "n_isolated_atoms": int(self.dataset.isolated.sum()),
            "entropy_nats": self.entropy_nats,
            "diversity_nats": self.diversity_nats,
            "max_entropy_nats": self.max_entropy_nats,
            "redundancy": self.redundancy,
            "bandwidth": self.spec.bandwidth,
            "fingerprint": self.dataset.fingerprint,
        }


def analyse(
    dataset: Dataset,
    descriptors: Descriptors,
    spec: KernelSpec | None = None,
    *,
    monitor: Monitor = SILENT,
) -> Analysis:
    """Compute kernels, entropy and outlier scores of a described data set.

    Raises
    ------
    InputError
        If there is nothing to analyse (isolated atoms only).
    """
    spec = spec or KernelSpec()
    if descriptors.n_environments == 0:
        raise InputError(
            "nothing to analyse: the file holds isolated atoms only", source=dataset.name
        )
    x, offsets = descriptors.values, descriptors.structure_offsets
    kernel = structure_kernel(
        x, offsets, bandwidth=spec.bandwidth, monitor=Part(monitor, 0.0, 0.65, "kernel sums")
    )
    scores = outlier_scores(
        x, offsets, bandwidth=spec.bandwidth, monitor=Part(monitor, 0.65, 1.0, "outlier scores")
    )
    return Analysis(dataset, descriptors, spec, kernel, scores)
