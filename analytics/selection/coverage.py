"""Facility location and saturated coverage: submodular functions, maximised by lazy greedy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import Options, option
from analytics.selection.base import UNITS, Method, Order, Pool, register
from analytics.selection.certificates.online_bound import online_bound
from analytics.selection.lazy_greedy import lazy_greedy
from analytics.selection.objectives import Objective, coverage_objective

__all__ = [
    "FacilityLocationSpec",
    "SaturatedCoverageSpec",
    "maximise",
    "select_facility_location",
    "select_saturated_coverage",
]

_SCALES = (
    "Number of kernel widths, each twice the one before, whose objectives are averaged: more "
    "than one looks at fine and coarse likeness together."
)
_COST = (
    "What a pick costs: with environments the largest gain per atom goes first, which favours "
    "small structures."
)


@dataclass(frozen=True, slots=True)
class FacilityLocationSpec(Options):
    """Options of facility location."""

    width: float = option(
        2.0,
        unit="h",
        low=0.25,
        high=4.0,
        help="Kernel width in bandwidths: larger spreads the picks over wider regions.",
    )
    scales: int = option(1, low=1, high=5, help=_SCALES)
    cost: str = option("structures", choices=UNITS, help=_COST)
    #: `COVERED`. No option of a form: without a reference set there is no choice.
    covering: str = "set"


@dataclass(frozen=True, slots=True)
class SaturatedCoverageSpec(Options):
    """Options of saturated coverage."""

    width: float = option(
        1.0,
        unit="h",
        low=0.25,
        high=4.0,
        help="Kernel width in bandwidths; at 1 the objective is a smooth form of the coverage "
        "that Winnow reports.",
    )
    scales: int = option(1, low=1, high=5, help=_SCALES)
    cost: str = option("structures", choices=UNITS, help=_COST)
    #: `COVERED`. No option of a form: without a reference set there is no choice.
    covering: str = "set"


def maximise(pool: Pool, objective: Objective, *, monitor: Monitor = SILENT) -> Order:
    """Maximise an objective greedily and bound what any other set of that cost could reach."""
    rows, weights, candidates = objective.rows, objective.weights, pool.open
    picks, gains = lazy_greedy(
        rows,
        weights,
        candidates,
        pool.size,
        first=pool.keep,
        capped=objective.capped,
        start=objective.start,
        costs=objective.costs,
        rank=pool.rank,
        monitor=Part(monitor, 0.0, 0.7),
    )
    candidates[pool.keep] = True
    bound = online_bound(
        rows,
        weights,
        candidates,
        picks,
        gains,
        capped=objective.capped,
        start=objective.start,
        costs=objective.costs,
        monitor=Part(monitor, 0.7, 1.0),
    )
    return Order(picks, gains, bound)


def _objective(capped: bool) -> Callable[..., Objective]:
    """Return what builds the objective of a method from (analysis, spec)."""

    def build(
        analysis: Analysis,
        spec: FacilityLocationSpec | SaturatedCoverageSpec,
        *,
        reference: Descriptors | None = None,
        monitor: Monitor = SILENT,
    ) -> Objective:
        return coverage_objective(
            analysis,
            capped=capped,
            width=spec.width,
            scales=spec.scales,
            cost=spec.cost,
            reference=reference,
            covering=spec.covering,
            monitor=monitor,
        )

    return build


_facility_location, _saturated_coverage = _objective(capped=False), _objective(capped=True)


def _maximised(
    pool: Pool,
    spec: FacilityLocationSpec | SaturatedCoverageSpec,
    objective: Callable[..., Objective],
    monitor: Monitor,
) -> Order:
    built = objective(
        pool.analysis, spec, reference=pool.reference, monitor=Part(monitor, 0.0, 0.5)
    )
    return maximise(pool, built, monitor=Part(monitor, 0.5, 1.0))


def select_facility_location(
    pool: Pool,
    spec: FacilityLocationSpec,
    *,
    rng: np.random.Generator,
    monitor: Monitor = SILENT,
) -> Order:
    r"""Maximise :math:`\sum_i \max_{j \in S} \exp(-|x_i - x_j|^2 / 2 (w h)^2)` greedily.

    i runs over all environments of the set, j over those of the kept structures. Monotone and
    submodular: greedy is within 1 - 1/e of the best and comes with a bound (`certificate`). With
    several scales, the mean of the objectives at w, 2w, 4w ... With a reference set, what is
    added to it; or, with covering = reference, i runs over the environments of that. With cost =
    environments, gain per atom; that greedy alone has no constant guarantee, and the bound then
    holds for the environments used.

    Good at representing common and moderately rare environments alike; lone outliers count as
    one environment each and come late. Kernels below 1e-6 at 2h are taken as zero.

    Cost: the structure kernel, O(n^2 d), is there from the analysis; lazy evaluation then reads
    about O(m + re-evaluations) of its rows, and the bound every row 16 times. Other widths than
    0.25 to 2.5 compute a kernel of their own.

    References
    ----------
    Cornuejols, Fisher, Nemhauser, Manage. Sci. 23, 789 (1977), doi:10.1287/mnsc.23.8.789;
    Leskovec et al., KDD 2007, doi:10.1145/1281192.1281239 (gain per cost).
    """
    return _maximised(pool, spec, _facility_location, monitor)


def select_saturated_coverage(
    pool: Pool,
    spec: SaturatedCoverageSpec,
    *,
    rng: np.random.Generator,
    monitor: Monitor = SILENT,
) -> Order:
    r"""Maximise :math:`\sum_i \min(1, \sum_{j \in S} K_{ij})` greedily.

    K is the kernel at h. An environment is done with once the kept ones add up to a kernel sum
    of 1, which is also (up to 1e-5) when Winnow counts it as covered: this is the method to beat
    in coverage. Monotone and submodular like facility location: within 1 - 1/e of the best, with
    a bound. With several scales, a reference set, or cost = environments: as there.

    Good at covering most environments with few structures, common ones first; many half-near
    structures count as much as one that is near, and lone outliers come late.

    Cost: as facility location; any width but 1 computes a kernel of its own, O(n^2 d).

    References
    ----------
    Lin, Bilmes, ACL 2011, aclanthology.org/P11-1052 (saturated coverage functions);
    Nemhauser, Wolsey, Fisher, Math. Program. 14, 265 (1978), doi:10.1007/BF01588971.
    """
    return _maximised(pool, spec, _saturated_coverage, monitor)


register(
    Method(
        name="facility_location",
        title="Facility location",
        kind="coverage",
        summary="close to every environment",
        spec=FacilityLocationSpec,
        run=select_facility_location,
        conditional=True,
        objective=_facility_location,
    )
)
register(
    Method(
        name="saturated_coverage",
        title="Saturated coverage",
        kind="coverage",
        summary="most environments covered by the fewest",
        spec=SaturatedCoverageSpec,
        run=select_saturated_coverage,
        conditional=True,
        objective=_saturated_coverage,
    )
)
