"""Analysis of a data set: kernels, entropy and outlier scores, whatever is kept; computed once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from analytics.data.content import content_order
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.descriptors.distances import describe
from analytics.information.blocks import count_distinct
from analytics.information.bounded_sums import Certificate, bounded_kernel_sums
from analytics.information.entropy import diversity_of_sums, entropy_of_sums
from analytics.information.kernel import KernelSpec
from analytics.information.kernel_rows import LOG_CUT, PREPARED
from analytics.information.outliers import OutlierScores, outlier_scores, sampled_outlier_scores
from analytics.information.sampling import draw_sample
from analytics.information.structure_kernel import (
    COARSE_CUT,
    ENTRY_BYTES,
    StructureKernel,
    sampled_kernels,
    structure_kernel,
)
from analytics.information.width import Width, auto_bandwidth
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint
from analytics.runtime.errors import InputError, WinnowError
from analytics.runtime.memory import physical_memory
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.text import PAGE
from analytics.runtime.value import Value, content_fingerprint

__all__ = [
    "MEMORY_VARIABLE",
    "SAMPLE",
    "Analysis",
    "analyse",
    "certify",
    "dataset_width",
    "kernel_memory",
    "refine",
]

#: Environments sampled where not all of them fit: a share is then known within 0.005.
SAMPLE = 10_000
#: Environments sampled besides for mean delta entropy, whose kernels have to reach far.
FAR_SAMPLE = 2_000
#: The fewest, where kernels are dense and memory is short: a share is then known within 0.025.
LEAST_SAMPLE = 400
#: Environments from which the size of the whole kernel is foretold.
PILOT = 256
#: Bytes that the kernels of a data set may take unless the user says otherwise.
MEMORY = 4e9
#: Bytes that always fit: the pilot is not worth its time.
SKIP_PILOT_BELOW = 1e8
#: Bytes that never fit.
REFUSE_ABOVE = 1e11
#: Names the memory that the kernels of a data set may take, in GB.
MEMORY_VARIABLE = "WINNOW_MEMORY_GB"


@dataclass(frozen=True)
class Analysis(Value):
    """The information content of a data set.

    Where the kernel between all structures and all environments would not fit, its columns are a
    random sample of the environments (`sampled` says how many). Whatever is estimated from a
    sample has a standard error next to it, 0 for what is exact. `refine` makes the entropy, the
    diversity and the outlier scores exact; `certify` bounds entropy and diversity, at less cost.

    Attributes
    ----------
    dataset : Dataset
    descriptors : Descriptors
        Of all structures except isolated atoms; the numbers below refer to these.
    spec : KernelSpec
        Its bandwidth is a number, whatever it was asked for with.
    width : Width
        How that was chosen, and the published width beside it.
    kernel : StructureKernel
        What methods of selection work with.
    outliers : OutlierScores
    audit : StructureKernel, optional
        The same for a second, independent sample. What a method has maximised over one sample
        looks better there than it is; metrics are measured on this one. None if nothing is
        sampled.
    seed : int
        That the samples were drawn with.
    far : StructureKernel, optional
        The same for a third, smaller sample, with kernels down to exp(-55): mean delta entropy is
        measured on it. None if nothing is sampled.
    certificate : Certificate, optional
        What `certify` has found: entropy and diversity are then those, and their errors no standard
        errors, but bounds with a confidence.
    """

    dataset: Dataset
    descriptors: Descriptors
    spec: KernelSpec
    width: Width
    kernel: StructureKernel
    outliers: OutlierScores
    audit: StructureKernel | None = None
    seed: int = 0
    far: StructureKernel | None = None
    certificate: Certificate | None = None

    #: Kept with it where it is stored: these take seconds for large sets.
    worked_out: ClassVar[tuple[str, ...]] = ("kernel_sums", "_figures", "by_content")

    def _facts(self) -> Iterator[str]:
        yield self.dataset.name
        yield f"{self.n_structures} structures"
        yield f"{self.n_environments} environments"
        yield f"H = {self.entropy_nats:.3f} nats"
        yield f"D = {self.diversity_nats:.3f} nats"

    @property
    def measured(self) -> StructureKernel:
        """The kernel that metrics are measured with."""
        return self.kernel if self.audit is None else self.audit

    @property
    def reaching(self) -> StructureKernel:
        """The kernel whose small entries are there, too: for mean delta entropy."""
        return self.kernel if self.far is None else self.far

    @property
    def sampled(self) -> int | None:
        """Number of environments that metrics are estimated from; None if from all of them."""
        return self.measured.sampled

    @property
    def exact(self) -> bool:
        """Whether entropy, diversity and outlier scores are exact."""
        return self.outliers.standard_error is None

    def scores_said(self) -> str:
        """Say of which environments the outlier score is known; nothing where it is of all."""
        if self.exact:
            return ""
        known, structures = self.outliers.known, self.outliers.structure_known
        if not known.any():
            return "outlier scores are estimates: not ranked before they are exact"
        return (
            f"outlier scores are known above {PAGE.number(self.outliers.floor, 2)} nats: of "
            f"{PAGE.count(int(known.sum()))} of {PAGE.counted(len(known), 'environment')} and "
            f"{PAGE.count(int(structures.sum()))} of {PAGE.counted(len(structures), 'structure')}; "
            "the others score lower and are not ranked"
        )

    @cached_property
    def kernel_sums(self) -> FloatArray:
        """Kernel sum of every environment over all of them, itself included, (n_env,).

        Estimated unless `exact`.
        """
        if self.sampled is None:
            return self.kernel.totals()
        return np.asarray(1.0 + np.exp(-self.outliers.environment))

    @cached_property
    def fingerprint(self) -> str:
        """Digest of the data, the descriptor, the kernel and what is sampled of it."""
        if self.sampled is None:
            return self.kernel_fingerprint
        exactness = "exact scores" if self.exact else "sampled scores"
        found = () if self.certificate is None else (content_fingerprint(self.certificate),)
        return fingerprint(self.kernel_fingerprint, exactness, *found)

    @cached_property
    def kernel_fingerprint(self) -> str:
        """The same without regard to whether scores are exact: `refine` does not change it."""
        parts = [self.descriptors.fingerprint, repr(self.spec)]
        if self.sampled is not None:
            parts += [fingerprint(k.sample.rows) for k in (self.kernel, self.measured)]
        return fingerprint(*parts)

    @property
    def n_structures(self) -> int:
        """Number of structures analysed."""
        return self.descriptors.n_structures

    @property
    def n_environments(self) -> int:
        """Number of environments analysed."""
        return self.descriptors.n_environments

    @cached_property
    def _figures(self) -> tuple[float, float, float, float]:
        """Entropy and its error, diversity and its error."""
        if self.exact or self.sampled is None:
            sums = self.kernel_sums
            return entropy_of_sums(sums), 0.0, diversity_of_sums(sums), 0.0
        if self.certificate is not None:
            entropy, diversity = self.certificate.entropy, self.certificate.diversity
            return entropy.value, entropy.error, diversity.value, diversity.error
        sample, sums = self.measured.sample, self.measured.sampled_totals()
        logs, inverse = sample.weights * np.log(sums), sample.weights / sums
        n, most = self.n_environments, self.max_entropy_nats
        # linearised: the error of the logarithm of a sum is the relative error of the sum
        return (
            min(max(0.0, most - float(logs.sum()) / n), most),
            sample.standard_error((logs - sample.weights * logs.sum() / n) / n),
            float(np.log(inverse.sum())),
            sample.standard_error(inverse / inverse.sum()),
        )

    @property
    def entropy_nats(self) -> float:
        """Information entropy H of the whole set."""
        return self._figures[0]

    @property
    def entropy_error(self) -> float:
        """Standard error of the entropy, or what is certified, nats."""
        return self._figures[1]

    @property
    def diversity_nats(self) -> float:
        """Diversity D of the whole set."""
        return self._figures[2]

    @property
    def diversity_error(self) -> float:
        """Standard error of the diversity, or what is certified, nats."""
        return self._figures[3]

    @property
    def max_entropy_nats(self) -> float:
        """Entropy if all environments were far apart: ln n."""
        return float(np.log(self.n_environments))

    @property
    def redundancy(self) -> float:
        """Share of environments beyond the effective number exp(D), between 0 and 1."""
        return max(0.0, 1.0 - float(np.exp(self.diversity_nats)) / self.n_environments)

    @property
    def redundancy_error(self) -> float:
        """Standard error of the redundancy, or what is certified."""
        return (1.0 - self.redundancy) * self.diversity_error

    @cached_property
    def sizes(self) -> IntArray:
        """Number of environments of each structure analysed."""
        return np.diff(self.descriptors.structure_offsets)

    @cached_property
    def by_content(self) -> IntArray:
        """The structures in the order of their contents, which is not that of the file.

        Identical ones are in the order of the file.
        """
        return content_order(self.dataset, self.descriptors.structures)

    @cached_property
    def content_rank(self) -> IntArray:
        """The place of each structure in `by_content`."""
        return np.argsort(self.by_content)

    @cached_property
    def top_counts(self) -> dict[Any, Any]:
        """What `top_share` has counted; it depends on nothing else."""
        return {}

    @cached_property
    def force_norms(self) -> FloatArray:
        """Length of the force on each atom analysed, eV/angstrom, NaN where missing, (n_env,)."""
        return self.dataset.force_norms[self.descriptors.environments]

    def summary(self) -> dict[str, float | int | str]:
        """Return the figures of `winnow analyse --json`."""
        figures: dict[str, float | int | str] = {
            "name": self.dataset.name,
            "n_structures": self.n_structures,
            "n_environments": self.n_environments,
            "n_isolated_atoms": int(self.dataset.isolated.sum()),
            "entropy_nats": self.entropy_nats,
            "diversity_nats": self.diversity_nats,
            "max_entropy_nats": self.max_entropy_nats,
            "redundancy": self.redundancy,
            "bandwidth": self.spec.bandwidth,
            "bandwidth_asked": self.width.asked,
            "covered_below": self.spec.covered_below,
            "fingerprint": self.dataset.fingerprint,
        }
        if self.sampled is not None:
            figures |= {
                "sampled_environments": self.sampled,
                "entropy_error": self.entropy_error,
                "diversity_error": self.diversity_error,
                "redundancy_error": self.redundancy_error,
            }
        if self.certificate is not None:
            figures |= {
                "certified_confidence": self.certificate.confidence,
                "summed_environments": self.certificate.summed,
            }
        return figures


def kernel_memory() -> float:
    """Return how many bytes the kernels of a data set may take.

    The environment variable `WINNOW_MEMORY_GB` says it; otherwise 4 GB, but at most half of the
    machine's memory.
    """
    given = os.environ.get(MEMORY_VARIABLE)
    if given is None:
        return min(MEMORY, 0.5 * physical_memory())
    try:
        limit = float(given) * 1e9
    except ValueError:
        limit = float("nan")
    if not limit > 0:
        raise InputError(f"{MEMORY_VARIABLE} is {given!r}, not a number of gigabytes")
    return limit


def analyse(
    dataset: Dataset,
    descriptors: Descriptors | None = None,
    spec: KernelSpec | None = None,
    *,
    width: Width | None = None,
    sample: int | None = None,
    seed: int = 0,
    memory: float | None = None,
    monitor: Monitor = SILENT,
) -> Analysis:
    """Compute kernels, entropy and outlier scores of a described data set.

    Parameters
    ----------
    dataset : Dataset
    descriptors : Descriptors, optional
        Of that data set (default: by distances, see `describe`).
    spec : KernelSpec, optional
        Default: the width that `auto_bandwidth` chooses.
    width : Width, optional
        The one to use, if it is known already; the spec's is then not looked at.
    sample : int, optional
        How many environments to sample. 0: none, everything is exact. Default: none where the
        kernels, and what they are made from, fit into the memory; else 10 000 for the methods and
        10 000 for the metrics, or as many as fit.
    seed : int
        Of the sample.
    memory : float, optional
        Bytes that the kernels may take; see `kernel_memory`.

    Raises
    ------
    InputError
        If there is nothing to analyse (isolated atoms only).
    WinnowError
        If everything is to be exact and does not fit.

    Notes
    -----
    O(f n^2 d) time for n environments in d dimensions (f: see `kernel`) and up to 12 bytes for
    each pair of a structure and an environment; with a sample of m environments O(f n m d) time
    and 24 m bytes per structure at most. Descriptors in a file that is mapped stay there: besides
    the kernels a sampled analysis takes some 150 bytes for each environment, and a file of the
    process of 4 d (`TMPDIR`).

    Examples
    --------
    >>> information = winnow.analyse(data)
    >>> round(information.entropy_nats, 2), round(information.redundancy, 2)
    (1.77, 0.99)
    """
    descriptors = describe(dataset) if descriptors is None else descriptors
    n = descriptors.n_environments
    if n == 0:
        raise InputError(
            "nothing to analyse: the file holds isolated atoms only", source=dataset.name
        )
    if sample is not None and sample < 0:
        raise ValueError(f"a sample of {sample} environments, not a positive number")
    limit = kernel_memory() if memory is None else memory
    spec = spec or KernelSpec()
    width = dataset_width(dataset, descriptors).taken(spec) if width is None else width
    spec = replace(spec, bandwidth=width.value)
    order = content_order(dataset, descriptors.structures)
    if not sample:
        part = Part(monitor, 0.0, 0.02, "kernel sums")
        pilot = _Pilot.of(descriptors, spec, order, part)
        needed = pilot.needed(descriptors, spec)
        if needed > limit and sample == 0:
            raise WinnowError(
                f"the kernels between {descriptors.n_structures} structures and their "
                f"environments need about {needed / 1e9:.1f} GB and may take {limit / 1e9:.1f}; "
                f"allow a sample, set {MEMORY_VARIABLE}, or open every tenth structure, FILE@::10"
            )
        sample = n if needed <= limit else pilot.affordable(limit)
    part = Part(monitor, 0.02, 1.0)
    if sample < n:
        return _sampled(dataset, descriptors, spec, width, order, (sample, seed), part)
    return _whole(dataset, descriptors, spec, width, order, part)


def dataset_width(dataset: Dataset, descriptors: Descriptors) -> Width:
    """Return the width that the data choose, whatever the order of the file and its labels."""
    order = content_order(dataset, descriptors.structures, labels=False)
    return auto_bandwidth(descriptors, order=order)


@dataclass(frozen=True, slots=True)
class _Pilot:
    """How many entries kernels have, from those of a few environments.

    Attributes
    ----------
    each : float
        Entries of an environment, down to exp(-55).
    coarse : float
        Those that are stored where kernels are sampled.
    """

    each: float
    coarse: float

    @classmethod
    def of(
        cls, descriptors: Descriptors, spec: KernelSpec, order: IntArray, monitor: Monitor
    ) -> _Pilot:
        """Compute the kernels of a pilot sample, unless they fit however dense they are."""
        n, m = descriptors.n_environments, descriptors.n_structures
        if ENTRY_BYTES * n * m < SKIP_PILOT_BELOW:
            return cls(float(m), float(m))
        pilot = structure_kernel(
            descriptors.values,
            descriptors.structure_offsets,
            bandwidth=spec.bandwidth,
            sample=draw_sample(n, PILOT, 0),
            order=order,
            monitor=monitor,
        )
        stored = int((pilot.peaks.data > np.exp(-0.25 * COARSE_CUT)).sum())
        return cls(pilot.sums.nnz / len(pilot.weights), stored / len(pilot.weights))

    def needed(self, descriptors: Descriptors, spec: KernelSpec) -> float:
        """Return about how many bytes the analysis of all environments takes at once."""
        x, n = descriptors.values, descriptors.n_environments
        most = ENTRY_BYTES * n * self.each
        if most > REFUSE_ABOVE or most < SKIP_PILOT_BELOW:  # whatever the share of duplicates
            return most
        return max(float(PREPARED * x.size), most * count_distinct(x, spec.bandwidth) / n)

    def affordable(self, limit: float) -> int:
        """Return the environments to sample: `SAMPLE`, fewer where so many would not fit."""
        room, coarse, far = limit / ENTRY_BYTES, 2.0 * self.coarse, self.each
        several = (room - FAR_SAMPLE * far) / coarse
        size = several if several >= FAR_SAMPLE else room / (coarse + far)
        return min(SAMPLE, max(LEAST_SAMPLE, int(size)))


def _whole(
    dataset: Dataset,
    descriptors: Descriptors,
    spec: KernelSpec,
    width: Width,
    order: IntArray,
    monitor: Monitor,
) -> Analysis:
    x, offsets, h = descriptors.values, descriptors.structure_offsets, spec.bandwidth
    part = Part(monitor, 0.0, 0.75, "kernel sums")
    kernel = structure_kernel(x, offsets, bandwidth=h, order=order, monitor=part)
    part = Part(monitor, 0.75, 1.0, "outlier scores")
    scores = outlier_scores(x, offsets, bandwidth=h, order=order, monitor=part)
    return Analysis(dataset, descriptors, spec, width, kernel, scores)


def _sampled(
    dataset: Dataset,
    descriptors: Descriptors,
    spec: KernelSpec,
    width: Width,
    order: IntArray,
    sample: tuple[int, int],
    monitor: Monitor,
) -> Analysis:
    """Analyse with samples, given their size and a seed: two, and one whose kernels reach far."""
    x, offsets, n = descriptors.values, descriptors.structure_offsets, descriptors.n_environments
    size, seed = sample
    kernels = sampled_kernels(
        x,
        offsets,
        (
            (draw_sample(n, size, 2 * seed), COARSE_CUT),
            (draw_sample(n, size, 2 * seed + 1), COARSE_CUT),
            (draw_sample(n, min(size, FAR_SAMPLE), 2 * seed + 1), LOG_CUT),
        ),
        spec.bandwidth,
        order,
        Part(monitor, 0.0, 0.7, "sampled kernel sums"),
    )
    scores = sampled_outlier_scores(
        x,
        offsets,
        kernels[1].sample,
        bandwidth=spec.bandwidth,
        monitor=Part(monitor, 0.7, 1.0, "outlier scores"),
    )
    return Analysis(
        dataset, descriptors, spec, width, kernels[0], scores, kernels[1], seed, kernels[2]
    )


def refine(analysis: Analysis, *, monitor: Monitor = SILENT) -> Analysis:
    """Return the analysis with exact entropy, diversity and outlier scores.

    The kernels, and with them the metrics of selections, stay sampled. O(f n^2 d / 2) time, see
    `kernel`, and no more memory than the descriptors take.
    """
    if analysis.exact:
        return analysis
    scores = outlier_scores(
        analysis.descriptors.values,
        analysis.descriptors.structure_offsets,
        bandwidth=analysis.spec.bandwidth,
        order=analysis.by_content,
        monitor=monitor,
    )
    return replace(analysis, outliers=scores, certificate=None)


def certify(
    analysis: Analysis,
    *,
    error: float = 0.01,
    confidence: float = 0.99,
    monitor: Monitor = SILENT,
) -> Analysis:
    """Return the analysis with entropy and diversity within a certified error, nats.

    Nothing else changes: kernels, metrics of selections and outlier scores stay estimates. An exact
    analysis is returned as it is. Cost as of `bounded_kernel_sums`, linear in n.

    Examples
    --------
    >>> winnow.certify(information, error=0.01).entropy_error  # all kernels fit: exact already
    0.0
    """
    if analysis.exact:
        return analysis
    sums = bounded_kernel_sums(
        analysis.descriptors.values,
        bandwidth=analysis.spec.bandwidth,
        error=error,
        confidence=confidence,
        seed=analysis.seed,
        monitor=monitor,
    )
    return replace(analysis, certificate=sums.certificate)
