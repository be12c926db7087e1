"""Distributed submodular greedy (GreeDi) in two rounds: the best of the picks of every part."""

from __future__ import annotations

import math
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy import sparse

from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis
from analytics.information.blocks import Points
from analytics.information.structure_kernel import Structures, prepared_structures, structure_kernel
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen, ragged_rows
from analytics.runtime.errors import Cancelled, WinnowError
from analytics.runtime.memory import physical_memory
from analytics.runtime.parallel import cores, elsewhere, in_order
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import Options, option, spec_from
from analytics.selection.base import METHODS, Budget, Selection
from analytics.selection.certificates.online_bound import least_bound, probed
from analytics.selection.lazy_greedy import add_row, all_gains, lazy_greedy

__all__ = [
    "TooLarge",
    "TwoRoundSpec",
    "select_in_two_rounds",
    "two_rounds_of",
    "usual_parts",
    "why_one_round",
]

#: Share of this machine's memory that kernels may take.
SHARE = 0.7
#: Structures by which it is estimated how much they will take.
PROBED = 12
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
        If the kernels would take more than 0.7 of this machine's memory, estimated from those of
        a few structures before anything else is computed.

    Notes
    -----
    For a monotone submodular objective f, m parts and k picks the value is at least
    :math:`(1 - 1/e) / \min(m, k)` of the best possible one, however the structures were dealt: the
    best set falls into at most min(m, k) parts, submodularity gives one of them at least that
    share of its value, and greedy in this part loses no more than 1/e of it. Dealt at random, it
    is at least :math:`(1 - 1/e) / 2` in expectation (Barbosa et al.). In practice it differs from
    plain greedy by less than a per cent.

    A part holds the kernels of its own structures only, 8 bytes per entry; the second round those
    of m k picks. Time is that of the kernels, O(f n^2 d) over all parts (see
    `analytics.information.kernel`), twice with the bound. With `running_on` a cluster, parts are
    handled by its workers; the descriptors are sent to each of them.

    References
    ----------
    Mirzasoleiman, Karbasi, Sarkar, Krause, "Distributed Submodular Maximization: Identifying
    Representative Elements in Massive Data", NeurIPS 2013 (GreeDi), arXiv:1411.0541;
    Barbosa, Ene, Nguyen, Ward, "The Power of Randomization", ICML 2015, arXiv:1502.02606.
    """
    spec = spec or TwoRoundSpec()
    described = descriptors.structures
    order = np.arange(len(described)) if order is None else order
    place = np.argsort(order)  # from here on structures are known by their place in the order
    kept = place[np.isin(described, np.unique(np.fromiter(keep, np.int64)))]
    dropped = place[np.isin(described, np.unique(np.fromiter(drop, np.int64)))]
    both = np.intersect1d(kept, dropped)
    if len(both):
        raise ValueError(f"structure {described[order[both[0]]]} is both forced in and forced out")
    open_ = np.setdiff1d(np.arange(len(described)), np.concatenate([kept, dropped]))
    size = max(len(kept), min(Budget(size).of(len(described)), len(kept) + len(open_)))
    dealt = np.array_split(np.random.default_rng(seed).permutation(open_), spec.parts)
    hands = [np.sort(hand) for hand in dealt if len(hand)]
    problem = _Coverage.of(descriptors, bandwidth, spec, order, monitor)
    _refuse_oversize(problem, open_, spec.parts, len(kept), size)
    monitor.checkpoint()
    watched = _Watched(monitor)
    part = Part(watched, 0.0, 0.5 if certify else 1.0)
    best = _solve(problem, hands, kept, size, part, watched.flag)
    bound = None
    if certify:
        bound = _bound(problem, hands, len(kept), best, Part(watched, 0.5, 1.0), watched.flag)
    source, picks = fingerprint(descriptors.fingerprint, bandwidth), order[best.structures]
    return Selection(
        structures=frozen(described[picks]),
        positions=frozen(picks, np.int64),
        gains=frozen(best.gains, np.float64),
        method=spec.objective,
        spec=spec_from(METHODS[spec.objective].spec, {"width": spec.width}),
        seed=seed,
        keep=frozen(described[order[kept]]),
        drop=frozen(np.sort(described[order[dropped]])),
        source=source,
        bound=None if bound is None else frozen(bound),
        nested=False,
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
    seed, keep, drop, certify, monitor
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
        monitor=monitor,
    )
    return replace(found, spec=spec, source=analysis.fingerprint)


def usual_parts(n_structures: int, size: int) -> int:
    """Return the number of parts that takes the least memory.

    One of p parts holds 1/p of the rows, the second round as many as p times `size`.
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


def _refuse_oversize(
    problem: _Coverage, open_: IntArray, parts: int, n_kept: int, size: int
) -> None:
    """Raise `TooLarge` if what this machine would hold at once is more than it has."""
    if len(open_) <= PROBED:
        return
    some = np.random.default_rng(0).choice(open_, PROBED, replace=False)
    rows, _ = problem._rows(np.sort(some), SILENT)
    each = (rows.data.nbytes + rows.indices.nbytes) / PROBED
    part = len(open_) / min(parts, len(open_))
    at_once = 0 if elsewhere() else min(parts, cores())
    picked = min(size, n_kept + part)
    # parts being handled, with their picks; the picks of all, joined and sorted
    needed = each * (at_once * (n_kept + part + picked) + 3 * parts * picked)
    if needed > SHARE * physical_memory():
        raise TooLarge(
            f"two rounds of {size} picks in {parts} parts would hold about {needed / 1e9:.1f} GB "
            f"of kernels, and this machine has {physical_memory() / 1e9:.1f} GB: pick fewer, or "
            "in one round, from a sample"
        )


def _solve(
    problem: _Coverage,
    hands: list[IntArray],
    kept: IntArray,
    size: int,
    monitor: Monitor,
    flag: _Flag,
) -> _Picks:
    def work(hand: int) -> _Picks:
        return problem.pick(hands[hand], kept, size, flag)

    first = list(in_order(work, range(len(hands)), Part(monitor, 0.0, 0.95), "picks of the parts"))
    if not first:  # nothing to choose
        return problem.pick(np.empty(0, np.int64), kept, size, flag)
    candidates = np.concatenate([part.structures[len(kept) :] for part in first])
    order = np.argsort(candidates)
    rows = [part.rows[len(kept) :] for part in first]
    joined = sparse.vstack([first[0].rows[: len(kept)], *rows], format="csr")
    joined = joined[np.concatenate([np.arange(len(kept)), len(kept) + order])]
    structures = np.concatenate([kept, candidates[order]])
    merged = problem.greedy(
        joined, first[0].weights, structures, len(kept), size, Part(monitor, 0.95, 1.0)
    )
    monitor.report(1.0, "picks of the parts")
    return max([merged, *first], key=lambda found: found.gains.sum())  # the first of equals


def _bound(
    problem: _Coverage,
    hands: list[IntArray],
    n_kept: int,
    best: _Picks,
    monitor: Monitor,
    flag: _Flag,
) -> FloatArray:
    """Bound the best possible selection of every size, as `online_bound` does for one round."""
    size = len(best.structures)
    if size == 0:
        return np.zeros(0)
    own, capped = (best.rows.indptr, best.rows.indices, best.rows.data), problem.capped
    steps = probed(size)
    reached, states = np.zeros(len(best.weights)), []
    for step in range(size + 1):
        if step in steps:
            states.append(reached.copy())
        if step < size:
            add_row(own, reached, step, capped=capped)

    def work(hand: int) -> FloatArray:
        return problem.left(hands[hand], states, flag)

    left = [
        np.array([all_gains(own, best.weights, each, capped=capped)[:n_kept] for each in states]),
        *in_order(work, range(len(hands)), monitor, "certificate"),
    ]
    values = np.concatenate([[0.0], np.cumsum(best.gains)])[steps].tolist()
    gains = np.concatenate(left, axis=1)
    found = least_bound(np.arange(1.0, size + 1), zip(values, gains, strict=True))
    return np.minimum(found, float(best.weights.sum()))


@dataclass(frozen=True, slots=True)
class _Picks:
    """Structures in the order picked, what each brought, their rows and weights of the columns."""

    structures: IntArray
    gains: FloatArray
    rows: sparse.csr_matrix
    weights: FloatArray


@dataclass(frozen=True, slots=True)
class _Coverage:
    """A coverage objective whose rows are computed when they are needed."""

    whole: Structures
    bandwidth: float
    capped: bool

    @classmethod
    def of(
        cls,
        descriptors: Descriptors,
        bandwidth: float,
        spec: TwoRoundSpec,
        order: IntArray,
        monitor: Monitor,
    ) -> _Coverage:
        # a kernel stores sums at its own bandwidth and peaks at twice that
        h = bandwidth * (spec.width if spec.capped else 0.5 * spec.width)
        x, offsets = descriptors.values, descriptors.structure_offsets
        whole = prepared_structures(x, offsets, h, order=order, monitor=monitor)
        return cls(whole, h, spec.capped)

    def pick(self, hand: IntArray, kept: IntArray, size: int, flag: _Flag) -> _Picks:
        """Pick greedily from some structures, after those to keep."""
        structures = np.concatenate([kept, hand]).astype(np.int64)
        rows, weights = self._rows(structures, flag)
        return self.greedy(rows, weights, structures, len(kept), size, flag)

    def left(self, hand: IntArray, states: Sequence[FloatArray], flag: _Flag) -> FloatArray:
        """Return what each of some structures would add to each of some states."""
        rows, weights = self._rows(hand, flag)
        entries = (rows.indptr, rows.indices, rows.data)
        return np.array([all_gains(entries, weights, s, capped=self.capped) for s in states])

    def greedy(
        self,
        rows: sparse.csr_matrix,
        weights: FloatArray,
        structures: IntArray,
        n_kept: int,
        size: int,
        monitor: Monitor,
    ) -> _Picks:
        """Pick greedily among rows, the first of which are given."""
        given = np.arange(n_kept)
        candidates = np.ones(len(structures), dtype=bool)
        candidates[given] = False
        picks, gains = lazy_greedy(
            (rows.indptr, rows.indices, rows.data),
            weights,
            candidates,
            min(size, len(structures)),
            first=given,
            capped=self.capped,
            monitor=monitor,
        )
        return _Picks(structures[picks], gains, rows[picks], weights)

    def _rows(self, structures: IntArray, monitor: Monitor) -> tuple[sparse.csr_matrix, FloatArray]:
        """Return what some structures give to every distinct environment, and the weights."""
        segments = self.whole.segments
        offsets = np.concatenate([[0], np.cumsum(np.diff(segments)[structures])])
        at, atoms = ragged_rows(segments, structures), self.whole.atoms
        own = Points(atoms.values[at], atoms.weights[at], atoms.first[at], at[:0])
        kernel = structure_kernel(
            self.whole.values,
            offsets,
            bandwidth=self.bandwidth,
            structures=Structures(
                self.whole.source,
                self.whole.values,
                own,
                offsets,
                np.arange(len(structures)),
                self.whole.rows,
            ),
            monitor=monitor,
        )
        return (kernel.sums if self.capped else kernel.peaks), kernel.weights


class _Flag:
    """A monitor inside a part: silent, and raised when the whole is cancelled.

    In another process it is a new one that nobody raises; there the caller does not wait.
    """

    def __init__(self) -> None:
        self._event = threading.Event()

    def __reduce__(self) -> tuple[type[_Flag], tuple[()]]:
        return _Flag, ()

    def stop(self) -> None:
        self._event.set()

    def report(self, fraction: float, message: str = "") -> None:
        """Say nothing: parts run side by side."""

    def checkpoint(self) -> None:
        if self._event.is_set():
            raise Cancelled


class _Watched:
    """A monitor that tells the parts when the work is cancelled."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor, self.flag = monitor, _Flag()

    def report(self, fraction: float, message: str = "") -> None:
        self._monitor.report(fraction, message)

    def checkpoint(self) -> None:
        try:
            self._monitor.checkpoint()
        except BaseException:
            self.flag.stop()
            raise
