"""Distributed submodular greedy (GreeDi) in two rounds: the best of the picks of every part."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import numpy as np

from analytics.cluster.places import Places
from analytics.cluster.rows_in_memory import BATCH, CoverageRows, Picks
from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis, kernel_memory
from analytics.information.kernel_loops import TOLERANCE
from analytics.information.kernel_rows import (
    LOG_CUT,
    PREPARED,
    KernelRows,
    prepared_structures,
    wanted_columns,
)
from analytics.information.sampling import all_rows
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.errors import WinnowError
from analytics.runtime.memory import physical_memory
from analytics.runtime.parallel import elsewhere, in_order, running_on
from analytics.runtime.progress import SILENT, Checkpoints, Monitor, Part
from analytics.runtime.registry import Options, option
from analytics.selection.base import METHODS, Budget, Selection
from analytics.selection.certificates.online_bound import least_bound, probed

__all__ = [
    "TooLarge",
    "TwoRoundSpec",
    "select_in_two_rounds",
    "two_rounds_of",
    "usual_parts",
    "why_one_round",
]

T = TypeVar("T")
#: Share of this machine's memory that everything may take.
SHARE = 0.7
#: Share of the memory that kernels may take (`kernel_memory`) that is for the rows held at a time.
ROW_SHARE = 0.75
#: Bytes for each entry of a row.
ENTRY = 8
#: Methods whose objective it can maximise.
OBJECTIVES = ("facility_location", "saturated_coverage")


class TooLarge(WinnowError):
    """Two rounds would take more memory than there is."""


@dataclass(frozen=True, slots=True)
class TwoRoundSpec(Options):
    """Which objective is maximised, at which kernel width, in how many parts."""

    objective: str = option(
        "facility_location",
        choices=OBJECTIVES,
        help="What a selection is worth, as in the method of that name.",
    )
    width: float = option(2.0, unit="h", low=0.25, high=4.0, help="Kernel width in bandwidths.")
    parts: int = option(
        8, low=1, high=10_000, help="Number of parts the structures are dealt into at random."
    )

    @property
    def capped(self) -> bool:
        """Whether contributions add up to at most 1, or the largest one counts."""
        return self.objective == "saturated_coverage"


def select_in_two_rounds(
    descriptors: Descriptors,
    size: float,
    spec: TwoRoundSpec | None = None,
    *,
    bandwidth: float = 0.015,
    seed: int = 0,
    keep: Iterable[int] = (),
    drop: Iterable[int] = (),
    order: IntArray | None = None,
    certify: bool = True,
    memory: float | None = None,
    monitor: Monitor = SILENT,
) -> Selection:
    r"""Pick structures greedily where the kernels of all of them do not fit one machine.

    The structures are dealt at random into parts. In each part on its own, greedy picks `size`
    of its structures, valued by all environments of the set; then greedy picks `size` of these
    picks. The better of that and of the best part's own picks is returned.

    Parameters
    ----------
    descriptors : Descriptors
    size : int or float
        Number or share of the structures to pick (see `Budget`), those to keep included.
    spec : TwoRoundSpec, optional
    bandwidth : float
        h, in the unit of the descriptor.
    seed : int
        Of the dealing. The result depends on it and on the number of parts, not on where or on
        how many workers the parts are handled.
    keep, drop : iterables of int
        Structures forced in and out, as indices into the data set.
    order : int array, optional
        The described structures in the order in which they are dealt and ties are broken, such as
        `Analysis.by_content` (default: that of the file).
    certify : bool
        Bound the best possible selection too, which takes as long again.
    memory : float, optional
        Bytes that the rows of kernels held at a time may take (default: three quarters of
        `analytics.information.analysis.kernel_memory`, 3 GB unless the user says otherwise). Less
        takes longer; the picks are the same, but for gains that are equal within rounding.
    monitor : Monitor, optional

    Returns
    -------
    Selection
        In the order of the second greedy; not nested: another size deals other picks. With the
        online bound of `analytics.selection.certificates.online_bound`, the same as if it had been
        picked in one round: what every structure of the set would add is asked of the parts once
        more.

    Raises
    ------
    TooLarge
        If the environments and a few rows would take more than 0.7 of this machine's memory.

    Notes
    -----
    For a monotone submodular objective f, m parts and k picks the value is at least
    :math:`(1 - 1/e) / \min(m, k)` of the best possible one, however the structures were dealt: the
    best set falls into at most min(m, k) parts, submodularity gives one of them at least that
    share of its value, and greedy in this part loses no more than 1/e of it. Dealt at random, it
    is at least :math:`(1 - 1/e) / 2` in expectation (Barbosa et al.). In practice it differs from
    plain greedy by less than a per cent.

    Rows of kernels, 8 bytes per entry, are computed when greedy asks for them and held while they
    fit `memory` (`analytics.cluster.rows_in_memory`); besides that it takes about 28 n d bytes for
    n environments in d dimensions. Time is that of the kernels, O(f n^2 d) over all parts (see
    `analytics.information.kernel`), as much again for the bound, and for rows that had to go and
    were needed again. Parts are handled one after another on all cores. With `running_on` a
    cluster its workers handle them, each with `memory` of its own; the descriptors are sent to
    each of them.

    References
    ----------
    Mirzasoleiman, Karbasi, Sarkar, Krause, "Distributed Submodular Maximization: Identifying
    Representative Elements in Massive Data", NeurIPS 2013 (GreeDi), arXiv:1411.0541;
    Barbosa, Ene, Nguyen, Ward, "The Power of Randomization", ICML 2015, arXiv:1502.02606.
    """
    spec = spec or TwoRoundSpec()
    places = Places.of(descriptors, order, size, keep, drop)
    order, kept = places.order, places.kept
    dealt = np.array_split(np.random.default_rng(seed).permutation(places.open_), spec.parts)
    hands = [np.sort(hand) for hand in dealt if len(hand)]
    room = _room(descriptors, memory)
    problem = _coverage(descriptors, bandwidth, spec, order, room, Checkpoints(monitor))
    best = _solve(problem, hands, kept, places.size, Part(monitor, 0.0, 0.7 if certify else 1.0))
    bound = None
    if certify:
        bound = _bound(problem, hands, kept, best, Part(monitor, 0.7, 1.0))
    monitor.report(1.0, "picks of the parts")
    return places.selection(
        descriptors,
        best,
        spec.objective,
        spec.width,
        bandwidth,
        seed,
        bound=None if bound is None else frozen(bound),
        parts=spec.parts,
    )


def two_rounds_of(
    analysis: Analysis,
    method: str,
    size: float,
    *,
    spec: Any = None,
    parts: int | None = None,
    seed: int = 0,
    keep: Iterable[int] = (),
    drop: Iterable[int] = (),
    certify: bool = True,
    memory: float | None = None,
    monitor: Monitor = SILENT,
) -> Selection:
    """Pick by a method as `select` does, in two rounds and never from a sample.

    Parameters
    ----------
    analysis : Analysis
    method : str
    size : int or float
        See `Budget`.
    spec : dataclass, optional
        Options of the method.
    parts : int, optional
        See `TwoRoundSpec`; default `usual_parts`.
    seed, keep, drop, certify, memory, monitor
        As for `select_in_two_rounds`.

    Raises
    ------
    WinnowError
        If the method cannot, see `why_one_round`.
    """
    entry = METHODS[method]
    spec = entry.spec() if spec is None else spec
    reason = why_one_round(method, spec)
    if reason:
        raise WinnowError(f"{entry.title} cannot pick in two rounds: {reason}")
    n = analysis.n_structures
    parts = usual_parts(n, Budget(size).of(n)) if parts is None else parts
    found = select_in_two_rounds(
        analysis.descriptors,
        size,
        TwoRoundSpec(method, spec.width, parts),
        bandwidth=analysis.spec.bandwidth,
        seed=seed,
        keep=keep,
        drop=drop,
        order=analysis.by_content,
        certify=certify,
        memory=memory,
        monitor=monitor,
    )
    return replace(found, spec=spec, source=analysis.fingerprint)


def usual_parts(n_structures: int, size: int) -> int:
    """Return the number of parts that leaves both rounds alike much to choose from.

    One of p parts holds 1/p of the structures, the second round p times `size`.
    """
    return max(2, round(math.sqrt(n_structures / max(1, size))))


def why_one_round(method: str, spec: Any) -> str:
    """Return why a method cannot pick in two rounds with these options, or nothing."""
    if method not in OBJECTIVES:
        return f"it is for {' and '.join(METHODS[name].title for name in OBJECTIVES)}"
    if spec.scales > 1:
        return "it has one kernel width only there"
    if spec.cost != "structures":
        return "every structure costs the same there"
    return ""


def _room(descriptors: Descriptors, memory: float | None) -> float:
    """Return how many bytes of rows may be held at a time; raise `TooLarge` where there is none.

    It is the memory of this machine that counts, which holds the environments wherever parts are
    handled.
    """
    n, d = descriptors.values.shape
    prepared, least = PREPARED * n * d, ENTRY * BATCH * n
    left = SHARE * physical_memory() - prepared
    if left < least:
        raise TooLarge(
            f"two rounds over {n} environments would hold about {(prepared + least) / 1e9:.1f} GB, "
            f"and this machine has {physical_memory() / 1e9:.1f} GB: pick in one round, from a "
            "sample"
        )
    return min(float(left), ROW_SHARE * kernel_memory() if memory is None else memory)


def _coverage(
    descriptors: Descriptors,
    bandwidth: float,
    spec: TwoRoundSpec,
    order: IntArray,
    memory: float,
    monitor: Monitor,
) -> CoverageRows:
    # a kernel stores sums at its own bandwidth and peaks at twice that
    h = bandwidth * (spec.width if spec.capped else 0.5 * spec.width)
    x, offsets = descriptors.values, descriptors.structure_offsets
    whole = prepared_structures(x, offsets, h, order=order, monitor=monitor)
    columns = wanted_columns(whole, all_rows(len(x)), monitor)
    rows = KernelRows.of(whole, columns, LOG_CUT, TOLERANCE)
    return CoverageRows(rows, columns.weights, spec.capped, memory)


def _by_part(
    work: Callable[[int, Monitor], T], parts: int, monitor: Monitor, message: str
) -> Iterator[T]:
    """Yield what comes of every part: one after another here, side by side on a cluster."""
    if elsewhere():
        yield from in_order(lambda part: work(part, SILENT), range(parts), monitor, message)
        return
    for part in range(parts):
        yield work(part, Part(monitor, part / parts, (part + 1) / parts))


def _solve(
    problem: CoverageRows, hands: list[IntArray], kept: IntArray, size: int, monitor: Monitor
) -> Picks:
    def work(hand: int, own: Monitor) -> Picks:
        return problem.pick(hands[hand], kept, size, monitor=own)

    if not hands:  # nothing to choose
        return problem.pick(np.empty(0, np.int64), kept, size)
    part = Part(monitor, 0.0, 0.8)
    first = list(_by_part(work, len(hands), part, "picks of the parts"))
    if len(first) == 1:
        return first[0]
    candidates = np.concatenate([found.structures[len(kept) :] for found in first])
    bounds = np.concatenate([found.first_gains[len(kept) :] for found in first])
    order = np.argsort(candidates)
    with running_on(None):  # rows are asked for a few at a time
        merged = problem.pick(
            candidates[order], kept, size, bounds=bounds[order], monitor=Part(monitor, 0.8, 1.0)
        )
    return max([merged, *first], key=lambda found: found.gains.sum())  # the first of equals


def _bound(
    problem: CoverageRows, hands: list[IntArray], kept: IntArray, best: Picks, monitor: Monitor
) -> FloatArray:
    """Bound the best possible selection of every size, as `online_bound` does for one round."""
    size = len(best.structures)
    if size == 0:
        return np.zeros(0)
    steps = probed(size)
    reached = np.zeros(len(problem.weights))
    states = [reached.copy()]
    with running_on(None):
        joined = problem.joined(best.structures, reached, Checkpoints(monitor))
        for step, _ in enumerate(joined, start=1):
            if step in steps:
                states.append(reached.copy())

    def work(hand: int, own: Monitor) -> FloatArray:
        return problem.left(hands[hand], states, own)

    with running_on(None):
        left = [problem.left(kept, states, Checkpoints(monitor))]
    left.extend(_by_part(work, len(hands), monitor, "certificate"))
    values = np.concatenate([[0.0], np.cumsum(best.gains)])[steps].tolist()
    gains = np.concatenate(left, axis=1)
    found = least_bound(np.arange(1.0, size + 1), zip(values, gains, strict=True))
    return np.minimum(found, float(problem.weights.sum()))
