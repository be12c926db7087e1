"""Kernel bandwidth: the rule by atomic volume, and a scan of entropy against the width."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.descriptors.channels import SpeciesDistanceSpec
from analytics.descriptors.composition import CompositionSpec
from analytics.descriptors.distances import DistanceSpec
from analytics.geometry.lattice import volumes
from analytics.information.kernel import COVERED_BELOW
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Table, Value

__all__ = [
    "AtomicVolume",
    "BandwidthScan",
    "atomic_volume",
    "bandwidth_by_volume",
    "bandwidth_scan",
]

#: The fit of the QUESTS package: a Gaussian in the volume, and a floor (1/angstrom, angstrom^3).
HEIGHT, WIDTH, FLOOR = 0.0897141, 10.896, 0.0119417
#: Descriptors that the rule is for: QUESTS' own, and those that add columns to it.
BY_DISTANCE = DistanceSpec | SpeciesDistanceSpec | CompositionSpec
#: Pairs of environments that a scan may look at, some seconds for twenty widths.
PAIRS = 200_000_000
#: A sample has at least so many environments.
FEWEST = 500
ROWS, COLUMNS = 64, 8192


def bandwidth_by_volume(volume: float) -> float:
    r"""Return the bandwidth for the distance descriptor at a volume per atom.

    Parameters
    ----------
    volume : float, angstrom^3 per atom
        Of all species together.

    Returns
    -------
    float, 1/angstrom
        :math:`h(V) = 0.0897141\, e^{-(V / 10.896)^2 / 2} + 0.0119417`: from 0.10 for the densest
        solids down to 0.012 from about 30 angstrom^3 per atom on.

    References
    ----------
    Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025), doi:10.1038/s41467-025-59232-0; the
    numbers are those of the `quests` package, fitted to the distance descriptor with k = 32 and
    5 angstrom. They mean nothing for another descriptor.
    """
    if not volume > 0:
        raise ValueError(f"volume is {volume}, not a positive number")
    return float(HEIGHT * np.exp(-0.5 * (volume / WIDTH) ** 2) + FLOOR)


@dataclass(frozen=True, slots=True)
class AtomicVolume(Value):
    """Volume per atom over the fully periodic structures of a data set, angstrom^3.

    Attributes
    ----------
    median, low, high : float
        Median and quartiles; NaN if no structure is periodic in all directions.
    n_structures : int
        Structures that have a volume. Slabs with vacuum count with it: their volume is too large.
    """

    median: float
    low: float
    high: float
    n_structures: int


def atomic_volume(dataset: Dataset) -> AtomicVolume:
    """Return the typical volume per atom of the periodic structures."""
    bulk = dataset.pbc.all(axis=1) & ~dataset.isolated & (dataset.sizes > 0)
    if not bulk.any():
        return AtomicVolume(float("nan"), float("nan"), float("nan"), 0)
    per_atom = volumes(dataset.cells[bulk]) / dataset.sizes[bulk]
    low, median, high = np.quantile(per_atom, [0.25, 0.5, 0.75])
    return AtomicVolume(float(median), float(low), float(high), int(bulk.sum()))


@dataclass(frozen=True, slots=True)
class BandwidthScan(Table):
    r"""Information against bandwidth; one entry per width.

    Attributes
    ----------
    bandwidths : float array (k,)
        Ascending, in the unit of the descriptor.
    entropy, entropy_error : float array (k,), nats
        H and its standard error; the error is 0 if nothing was sampled.
    diversity, diversity_error : float array (k,), nats
        D likewise.
    covered, covered_error : float array (k,)
        Fraction of the environments that another one covers.
    dimension : float array (k,)
        :math:`-dH / d\ln h`: how many directions the data spread in at that scale; 0 where all
        environments look different or all the same.
    chosen : float
        The width in use.
    rule : float or None
        `bandwidth_by_volume` at the median volume per atom; None where it does not apply.
    volume : AtomicVolume
    n_environments, n_sampled : int
        Environments of the set, and how many of them the averages are over. Each is compared with
        the complete set.
    """

    bandwidths: FloatArray
    entropy: FloatArray
    entropy_error: FloatArray
    diversity: FloatArray
    diversity_error: FloatArray
    covered: FloatArray
    covered_error: FloatArray
    dimension: FloatArray
    chosen: float
    rule: float | None
    volume: AtomicVolume
    n_environments: int
    n_sampled: int

    def records(self) -> list[dict[str, Any]]:
        """Return one record per width."""
        names = ("entropy", "entropy_error", "diversity", "diversity_error")
        return [
            {
                "bandwidth": float(h),
                **{f"{name}_nats": float(getattr(self, name)[at]) for name in names},
                "covered": float(self.covered[at]),
                "covered_error": float(self.covered_error[at]),
                "dimension": float(self.dimension[at]),
                "mark": self.mark(float(h)),
            }
            for at, h in enumerate(self.bandwidths)
        ]

    def mark(self, bandwidth: float) -> str:
        """Return "chosen", "rule", both or neither."""
        marks = [("chosen", self.chosen), ("rule", self.rule)]
        return ", ".join(name for name, value in marks if value == bandwidth)


def bandwidth_scan(
    dataset: Dataset,
    descriptors: Descriptors,
    *,
    chosen: float = 0.015,
    bandwidths: Sequence[float] | None = None,
    sample: int | None = None,
    covered_below: float = COVERED_BELOW,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> BandwidthScan:
    """Measure entropy, diversity and coverage at many bandwidths in one pass.

    Parameters
    ----------
    dataset : Dataset
    descriptors : Descriptors
        Of that data set.
    chosen : float
        The width in use, in the unit of the descriptor.
    bandwidths : sequence of float, optional
        Default: 17 from an eighth to eight times the chosen one. The chosen one and that of the
        rule are added.
    sample : int, optional
        Environments to average over, drawn without replacement (default: all if there are at most
        14 000, else as many as make 2e8 pairs, at least 500).
    covered_below : float, nats
        Delta entropy below which an environment counts as covered.
    seed : int
    monitor : Monitor

    Notes
    -----
    The rule is for the distance descriptor; for another one `rule` is None. O(s n (d + k)) for s
    environments sampled of n, k widths and d numbers. Squared distances are formed in double
    precision, some rows at a time: their error is below 1e-12 of the squared norms.
    """
    x = descriptors.values
    volume, rule = atomic_volume(dataset), None
    if volume.n_structures and isinstance(descriptors.spec, BY_DISTANCE):
        rule = bandwidth_by_volume(volume.median)
    widths = _widths(chosen, rule, bandwidths)
    rows = _sampled_rows(len(x), sample, seed)
    sums = _sums(x, rows, widths, Part(monitor, 0.0, 1.0, "bandwidths"))
    n, m = len(x), len(rows)
    shrink = np.sqrt((1.0 - m / n) / m)  # of the standard deviation, without replacement
    logs, inverse = np.log(sums), 1.0 / sums
    entropy, mean = np.log(n) - logs.mean(axis=1), inverse.mean(axis=1)
    hits = (sums - 1.0) > np.exp(-covered_below)
    return BandwidthScan(
        bandwidths=frozen(widths),
        entropy=frozen(np.clip(entropy, 0.0, np.log(n))),
        entropy_error=frozen(logs.std(axis=1) * shrink),
        diversity=frozen(np.log(n * mean)),
        diversity_error=frozen(inverse.std(axis=1) * shrink / mean),
        covered=frozen(hits.mean(axis=1)),
        covered_error=frozen(hits.std(axis=1) * shrink),
        dimension=frozen(np.maximum(0.0, -np.gradient(entropy, np.log(widths))) + 0.0),
        chosen=chosen,
        rule=rule,
        volume=volume,
        n_environments=n,
        n_sampled=m,
    )


def _widths(chosen: float, rule: float | None, given: Sequence[float] | None) -> FloatArray:
    """Return the widths to measure, ascending: those given, the chosen one and the rule's."""
    factors = np.delete(np.geomspace(1 / 8, 8, 17), 8)  # the one in the middle is `chosen`
    widths = np.asarray(chosen * factors if given is None else given, dtype=np.float64)
    marked = [chosen] if rule is None else [chosen, rule]
    if not (widths > 0).all() or not chosen > 0:
        raise ValueError(f"bandwidths are {[*widths.tolist(), chosen]}, not all positive")
    return np.unique(np.concatenate([widths, marked]))


def _sampled_rows(n: int, sample: int | None, seed: int) -> IntArray:
    if sample is None:
        sample = n if n * n <= PAIRS else max(FEWEST, PAIRS // n)
    if sample < 1:
        raise ValueError(f"sample is {sample}, not a number of environments")
    if sample >= n:
        return np.arange(n)
    return np.sort(np.random.default_rng(seed).choice(n, sample, replace=False))


def _sums(x: FloatArray, rows: IntArray, widths: FloatArray, monitor: Monitor) -> FloatArray:
    """Return kernel sums of some rows over all of them: float array (n_widths, n_rows)."""
    centre = np.median(x[:: 1 + len(x) // 2000], axis=0)
    factors = np.asarray(-0.5 / widths**2, dtype=np.float32)

    def around(at: slice | IntArray) -> tuple[FloatArray, FloatArray]:
        """Return some points in double precision, and their squared norms."""
        points = x[at].astype(np.float64) - centre
        return points, np.einsum("ij,ij->i", points, points)

    def work(block: int) -> FloatArray:
        some = rows[block * ROWS : (block + 1) * ROWS]
        own, norms = around(some)
        found = np.zeros((len(widths), len(some)))
        for left in range(0, len(x), COLUMNS):
            others, theirs = around(slice(left, left + COLUMNS))
            squares = norms[:, None] + theirs - 2.0 * (own @ others.T)
            inside = (some >= left) & (some < left + squares.shape[1])
            squares[np.flatnonzero(inside), some[inside] - left] = 0.0  # itself, exactly
            near = np.maximum(squares, 0.0).astype(np.float32)
            for k, factor in enumerate(factors):
                found[k] += np.exp(near * factor).sum(axis=1, dtype=np.float64)
        return found

    blocks = range(-(-len(rows) // ROWS))
    return np.concatenate(list(in_order(work, blocks, monitor, "bandwidths")), axis=1)
