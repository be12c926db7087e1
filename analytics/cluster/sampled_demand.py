r"""Coverage of a large set from a sample of its environments, and a certificate that holds for it.

A coverage objective is a sum over n environments, each of which brings between 0 and 1. Greedy may
work on m of them, drawn at random: its picks are then worth less on the others than on those drawn.
It may also pick from some of the structures, drawn at random: where many are alike, others would do
as well, and the certificate, which looks at all of them, says how well.

What is said of the whole set takes care of that:

- The picks are measured on a *second* sample, which had no part in them. The mean over that has
  the expected value of the objective, and `chernoff_bounds` says how far below it may be.
- The best possible set is some fixed one, whatever is drawn. On the *first* sample it is worth, on
  average, what it is worth on the whole; and no more there than the bound that holds for every set
  (`analytics.selection.certificates.online_bound`): the picks, and the largest of what all the
  structures of the set would add to them, brought down by the Lagrangian dual
  (`analytics.selection.certificates.dual_bound`) for the full size. That bound, raised by how far
  a mean of m draws may fall below its expected value, bounds the best possible value of the whole
  set. No union over sets is needed.

Both hold together, and for all sizes at once, with a confidence of 99 %. Half of the probability to
be wrong is for the full size, the rest is shared by the smaller ones. What the rounding of kernels
and those that are too small to be stored could change is added.

References
----------
Hoeffding, J. Am. Stat. Assoc. 58, 13 (1963), doi:10.1080/01621459.1963.10500830;
Mak, Morton, Wood, Oper. Res. Lett. 24, 47 (1999), doi:10.1016/S0167-6377(98)00054-6 (a sampled
problem bounds the best value from above, a second sample the value of a solution from below).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from analytics.cluster.places import Places
from analytics.cluster.rows_in_memory import CoverageRows, Picks
from analytics.cluster.two_rounds import OBJECTIVES, ROW_SHARE, why_one_round
from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis, kernel_memory
from analytics.information.near_rows import near_rows
from analytics.information.sampled_rows import SampledRows
from analytics.information.sampling import Sample, draw_sample
from analytics.information.structure_kernel import COARSE_CUT
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import SILENT, Checkpoints, Monitor, Part
from analytics.runtime.registry import Options, option
from analytics.selection.base import METHODS, Budget, Selection, check_reference
from analytics.selection.certificates.dual_bound import bound_beyond
from analytics.selection.certificates.online_bound import best_totals
from analytics.selection.certificates.sampled_bound import CONFIDENCE, over_the_whole_set
from analytics.selection.lazy_greedy import Rows, all_gains
from analytics.selection.objectives import COVERED, reached_by

__all__ = ["DemandSpec", "demand_of", "select_from_demand", "usual_demand"]

#: Environments drawn for each structure to be picked, and the fewest; candidates for each.
PER_PICK, FEWEST, CANDIDATES = 10, 10_000, 5
#: Relative error of a kernel of a sampled environment, with room to spare.
ROUNDING = 1e-4
#: Entries below are not stored: exp(-cut) at h is the fourth power of that. It is what a selection
#: is taken to reach of every environment at least, which no bound is lower for.
UNSTORED = float(np.exp(-COARSE_CUT / 4))
#: What an environment may lack by sums at h of entries that are not stored.
LACKING = 1e-6


@dataclass(frozen=True, slots=True)
class DemandSpec(Options):
    """Which objective is maximised, at which kernel width, over how many environments."""

    objective: str = option(
        "facility_location",
        choices=OBJECTIVES,
        help="What a selection is worth, as in the method of that name.",
    )
    width: float = option(2.0, unit="h", low=0.25, high=4.0, help="Kernel width in bandwidths.")
    demand: int = option(
        10_000, low=1, high=100_000_000, help="Environments drawn to stand for all of the set."
    )
    candidates: int = option(
        0, low=0, high=100_000_000, help="Structures drawn to pick from; 0: all of them."
    )

    @property
    def capped(self) -> bool:
        """Whether contributions add up to at most 1, or the largest one counts."""
        return self.objective == "saturated_coverage"

    @property
    def stored_width(self) -> float:
        """The width to compute a kernel at, which has sums there and peaks at twice that."""
        return self.width if self.capped else 0.5 * self.width


def usual_demand(size: int) -> tuple[int, int]:
    """Return how many environments and candidates are drawn for a size unless it is said."""
    return max(FEWEST, PER_PICK * size), CANDIDATES * size


def select_from_demand(
    descriptors: Descriptors,
    size: float,
    spec: DemandSpec | None = None,
    *,
    bandwidth: float = 0.015,
    seed: int = 0,
    keep: Iterable[int] = (),
    drop: Iterable[int] = (),
    order: IntArray | None = None,
    reference: Descriptors | None = None,
    certify: bool = True,
    memory: float | None = None,
    monitor: Monitor = SILENT,
) -> Selection:
    r"""Pick structures greedily, valued by some environments, and certify that for all of them.

    Parameters
    ----------
    descriptors : Descriptors
    size : int or float
        Number or share of the structures to pick (see `Budget`), those to keep included. Where that
        is more than the candidates drawn, all are candidates.
    spec : DemandSpec, optional
    bandwidth : float
        h, in the unit of the descriptor.
    seed : int
        Of the draws.
    keep, drop : iterables of int
        Structures forced in and out, as indices into the data set.
    order : int array, optional
        The described structures in the order in which they are drawn and ties are broken, such as
        `Analysis.by_content` (default: that of the file).
    reference : Descriptors, optional
        What there is already: all values are then of what is added to it.
    certify : bool
        Bound value and best possible value over the whole set, too.
    memory : float, optional
        Bytes that the rows of kernels held at a time may take, see `select_in_two_rounds`.
    monitor : Monitor, optional

    Returns
    -------
    Selection
        `gains` are those on the sample; `at_least` and `bound` hold for the whole set with 99 %
        confidence, all sizes together. Not nested: another size draws others.

    Notes
    -----
    O(f c m d) to pick from c candidates of so many environments over m that are drawn, and
    O(n d + g n m d) for the certificate: f is the share of pairs of blocks that are near (see
    `analytics.information.kernel`), g that of pairs of an environment drawn and a block of others
    that is nearer than the picks (`analytics.information.near_rows`). The saturated objective has
    O(f n m d) for the certificate. Beyond the descriptors memory does not grow with n, but for 100
    bytes per structure.
    """
    spec = spec or DemandSpec()
    n = descriptors.n_environments
    places = Places.of(descriptors, order, size, keep, drop)  # structures are known by these
    kept, open_ = places.kept, places.open_
    hand = _candidates(open_, places.size - len(kept), spec.candidates, seed)
    room = ROW_SHARE * kernel_memory() if memory is None else memory
    sample = draw_sample(n, spec.demand, 2 * seed)
    problem = _Problem(descriptors, bandwidth, spec, places.order, reference)
    objective, start = problem.over(sample, room, Checkpoints(monitor))
    part = Part(monitor, 0.0, 0.5 if certify else 1.0)
    best = objective.pick(hand, kept, places.size, start=start, monitor=part)
    bound, at_least = None, None
    if certify:
        allowed = np.concatenate([kept, open_])
        part = Part(monitor, 0.5, 0.95)
        most = problem.bound(objective, start, sample, allowed, best, part)
        audit = draw_sample(n, spec.demand, 2 * seed + 1)  # it has had no part in the picks
        part = Part(monitor, 0.95, 1.0)
        other, start = problem.over(audit, room, Checkpoints(monitor))
        brought = other.joined(best.structures, start, part)
        gains = np.fromiter(brought, np.float64, len(best.structures))
        at_least, bound = over_the_whole_set(
            np.cumsum(gains) * (1.0 - ROUNDING),
            audit,
            most * (1.0 + ROUNDING) + LACKING * n,
            sample,
        )
    monitor.report(1.0, "certificate")
    return places.selection(
        descriptors,
        best,
        spec.objective,
        spec.width,
        bandwidth,
        seed,
        bound=None if bound is None else frozen(bound),
        reference="" if reference is None else reference.fingerprint,
        demand=len(sample),
        candidates=len(hand),
        at_least=None if at_least is None else frozen(at_least),
        confidence=CONFIDENCE if certify and not sample.complete else 1.0,
    )


def demand_of(
    analysis: Analysis,
    method: str,
    size: float,
    *,
    spec: Any = None,
    demand: int | None = None,
    candidates: int | None = None,
    seed: int = 0,
    keep: Iterable[int] = (),
    drop: Iterable[int] = (),
    reference: Descriptors | None = None,
    certify: bool = True,
    memory: float | None = None,
    monitor: Monitor = SILENT,
) -> Selection:
    """Pick by a method as `select` does, from samples of environments and of structures.

    Parameters
    ----------
    analysis : Analysis
    method : str
    size : int or float
        See `Budget`.
    spec : dataclass, optional
        Options of the method.
    demand, candidates : int, optional
        See `DemandSpec`; default `usual_demand`.
    seed, keep, drop, reference, certify, memory, monitor
        As for `select_from_demand`.

    Raises
    ------
    WinnowError
        If the method cannot, see `why_one_round`.
    """
    entry = METHODS[method]
    spec = entry.spec() if spec is None else spec
    reason = why_one_round(method, spec)
    if not reason and spec.covering != COVERED[0]:
        reason = "it is the set that is covered there"
    if reason:
        raise WinnowError(f"{entry.title} cannot pick from a sampled demand: {reason}")
    check_reference(analysis, (entry,), reference)
    usual = usual_demand(Budget(size).of(analysis.n_structures))
    demand = usual[0] if demand is None else demand
    candidates = usual[1] if candidates is None else candidates
    found = select_from_demand(
        analysis.descriptors,
        size,
        DemandSpec(method, spec.width, demand, candidates),
        bandwidth=analysis.spec.bandwidth,
        seed=seed,
        keep=keep,
        drop=drop,
        order=analysis.by_content,
        reference=reference,
        certify=certify,
        memory=memory,
        monitor=monitor,
    )
    return replace(found, spec=spec, source=analysis.fingerprint)


def _candidates(open_: IntArray, wanted: int, count: int, seed: int) -> IntArray:
    """Draw places to pick from, ascending."""
    if count < 1 or count >= len(open_) or wanted > count:
        return open_
    return np.sort(np.random.default_rng((seed, 1)).permutation(open_)[:count])


@dataclass(frozen=True, slots=True)
class _Problem:
    """An objective of a described set, whichever of its environments are looked at."""

    descriptors: Descriptors
    bandwidth: float
    spec: DemandSpec
    order: IntArray
    reference: Descriptors | None

    def over(
        self, sample: Sample, memory: float, monitor: Monitor
    ) -> tuple[CoverageRows, FloatArray]:
        """Return the objective over environments drawn, and what the reference reaches of them.

        They are drawn in the order of the structures.
        """
        rows = SampledRows.of(
            self.descriptors.values,
            self.descriptors.structure_offsets,
            self.order,
            sample,
            self.bandwidth * self.spec.stored_width,
            COARSE_CUT,
            monitor,
        )
        x, width = self._drawn(rows, sample), self.bandwidth * self.spec.width
        start = reached_by(x, self.reference, width, self.spec.capped, monitor)
        return CoverageRows(rows, rows.columns.weights, self.spec.capped, memory), start

    def _drawn(self, rows: SampledRows, sample: Sample) -> FloatArray:
        """Return the environment of each column."""
        drawn = ragged_rows(self.descriptors.structure_offsets, self.order)[sample.rows]
        return self.descriptors.values[drawn[rows.columns.representatives]]

    def bound(
        self,
        objective: CoverageRows,
        start: FloatArray,
        sample: Sample,
        allowed: IntArray,
        best: Picks,
        monitor: Monitor,
    ) -> FloatArray:
        """Bound what any set of 1 .. m of the structures allowed reaches on a sample."""
        size, whole = len(best.structures), float(objective.weights @ (1.0 - start))
        if size == 0:
            return np.zeros(0)
        reached = start.copy()
        value = sum(objective.joined(best.structures, reached, Part(monitor, 0.0, 0.1)))
        sizes, part = np.arange(1.0, size + 1), Part(monitor, 0.1, 0.9)
        if self.spec.capped:
            (gains,) = objective.left(allowed, [reached], part)
            return np.asarray(np.minimum(value + best_totals(gains, sizes), whole))
        # the bound is one for whatever is taken to be reached, that of a set or not
        np.maximum(reached, UNSTORED, out=reached)
        value = float(objective.weights @ (reached - start))
        rows = self._excess(objective, sample, allowed, reached, part)
        gains = all_gains(rows, objective.weights, reached)
        part = Part(monitor, 0.9, 1.0)
        tight = bound_beyond(rows, objective.weights, reached, size, monitor=part)
        return np.asarray(np.minimum(value + np.minimum(best_totals(gains, sizes), tight), whole))

    def _excess(
        self,
        objective: CoverageRows,
        sample: Sample,
        allowed: IntArray,
        reached: FloatArray,
        monitor: Monitor,
    ) -> Rows:
        """Return the entries of structures that exceed what is reached."""
        assert isinstance(objective.rows, SampledRows)
        return near_rows(
            self.descriptors.values,
            self.descriptors.structure_offsets,
            self.order[allowed],
            self._drawn(objective.rows, sample),
            reached,
            bandwidth=self.bandwidth * self.spec.width,
            monitor=monitor,
        )
