"""Budgets with reasons: where error, information and training time stop paying (knee), and ties.

There is no single best size. Two or three are named, each with what speaks for it, the errors
measured there with their spread over resamples, and what it costs in atoms: the time of an epoch of
training is proportional to these.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.stats import t

from analytics.evaluation.retrain.engine import Wanted
from analytics.evaluation.retrain.ground import Ground, prepare_ground
from analytics.evaluation.retrain.redundancy_by_training import (
    Curves,
    curves_of,
    nested_options,
    rises_of,
    sizes_along,
    smallest_within,
)
from analytics.information.analysis import Analysis
from analytics.information.mean_delta_entropy import mean_delta_entropy_along
from analytics.information.sampling import draw_sample
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.text import TERMINAL
from analytics.runtime.value import Value

__all__ = ["Candidate", "Reason", "Recommendation", "knee", "recommend"]

#: Sizes that are apart by less than this factor are one candidate, and there are at most so many.
APART, MOST = 1.3, 3
#: Twice the training time no longer pays if it lowers the error by less than this share.
PAYS = 0.05
#: Errors that differ by less than this share are alike.
ALIKE = 0.05
#: Held-out environments that the information is measured on.
SAMPLE = 1500


@dataclass(frozen=True, slots=True)
class Reason(Value):
    """What speaks for a size.

    Attributes
    ----------
    name : str
        "error knee", "information knee", "time" or "within".
    n_structures : int
        Median over the resamples.
    low, high : int
        Quartiles.
    sentence : str
    """

    name: str
    n_structures: int
    low: int
    high: int
    sentence: str


@dataclass(frozen=True, slots=True)
class Candidate(Value):
    """A budget and what was measured at it; means over resamples and their standard errors.

    Attributes
    ----------
    n_structures : int
    share, share_of_atoms : float
        Of the pool; the second is the share of the training time.
    energy_mev_atom, energy_error, force_ev_a, force_error : float
        NaN without labels.
    energy_rise, energy_rise_error, force_rise, force_rise_error : float
        By which share the errors are above the whole pool's.
    open_nats, open_error : float
        Mean delta entropy of what is held out given what is kept.
    difference, low, high : float
        Error of the method relative to that of a random choice of the size, less 1, paired over
        the resamples, with its 95 % interval (forces; energies if there are no forces). NaN for a
        random order.
    against_random : str
        What that says: "alike" if all of the interval is within 5 %, so that any choice of the size
        is as good; "better" or "worse" if it leaves 0 out; "undecided" otherwise; "" if unknown.
    reasons : tuple of Reason
    """

    n_structures: int
    share: float
    share_of_atoms: float
    energy_mev_atom: float
    energy_error: float
    force_ev_a: float
    force_error: float
    energy_rise: float
    energy_rise_error: float
    force_rise: float
    force_rise_error: float
    open_nats: float
    open_error: float
    difference: float
    low: float
    high: float
    against_random: str
    reasons: tuple[Reason, ...]


@dataclass(frozen=True)
class Recommendation(Value):
    """Two or three budgets, ascending.

    Attributes
    ----------
    method : str
    pool : int
    candidates : tuple of Candidate
    sizes : int array (k,)
    force, energy, open_nats : float arrays (resamples, k)
        What was measured along the order, for a plot.
    notes : tuple of str
    """

    method: str
    pool: int
    candidates: tuple[Candidate, ...]
    sizes: IntArray
    force: FloatArray
    energy: FloatArray
    open_nats: FloatArray
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON and pages."""
        return {
            "method": self.method,
            "pool": self.pool,
            "candidates": [asdict(each) for each in self.candidates],
            "curve": {
                "n_structures": self.sizes.tolist(),
                "force_ev_a": self.force.tolist(),
                "energy_mev_atom": self.energy.tolist(),
                "open_nats": self.open_nats.tolist(),
            },
            "notes": list(self.notes),
        }


def recommend(
    analysis: Analysis,
    method: str = "facility_location",
    *,
    within: float = 0.05,
    split: str = "random",
    resamples: int = 5,
    seed: int = 0,
    options: Mapping[str, Any] | Any = None,
    spec: Any = None,
    monitor: Monitor = SILENT,
) -> Recommendation:
    """Name two or three budgets, each with its reasons.

    Parameters
    ----------
    analysis : Analysis
    method : str
        Whose order is cut; nested.
    within : float
        The rise of the error over the whole pool's that would be accepted.
    split : str
        What is held out, see `make_splits`.
    resamples, seed : int
    options : optional
        Of the method.
    spec : optional
        Of the potential.
    monitor : Monitor

    Notes
    -----
    About 40 fits per resample and order, and one pass over the pairs of 1500 held-out environments
    and those of the pool.

    Examples
    --------
    >>> found = winnow.recommend(information, resamples=2)
    >>> 1 <= len(found.candidates) <= 3
    True
    """
    if not within > 0:
        raise ValueError(f"within is {within}, not above 0")
    own = nested_options(method, options)
    ground = prepare_ground(
        analysis, split, resamples=resamples, seed=seed, spec=spec, monitor=Part(monitor, 0.0, 0.5)
    )
    sizes = sizes_along(min(len(each.pool) for each in ground.splits))
    asked = tuple(int(size) for size in sizes)
    wanted = {} if method == "random" else {method: Wanted(method, own, seed, asked)}
    steps = curves_of(ground, wanted, asked, seed, Part(monitor, 0.5, 0.8))
    found = list(steps)
    nats = np.empty((len(found), len(sizes)))
    for r, each in enumerate(found):
        nats[r] = _open(ground, r, each.check.orders[method].order, sizes, seed)
        monitor.report(0.8 + 0.2 * (r + 1) / len(found), "information")
        monitor.checkpoint()
    reasons = _reasons(ground, found, method, sizes, nats, within)
    candidates = tuple(
        _candidate(ground, found, method, sizes, nats, group) for group in _grouped(reasons)
    )
    energy, force = _errors(ground, found, method)
    return Recommendation(
        method, int(sizes[-1]), candidates, sizes, force, energy, nats, ground.notes
    )


def knee(sizes: IntArray, values: FloatArray) -> int:
    """Return the place of the knee of a falling curve over the logarithm of the size (Kneedle).

    Where the curve lies farthest below the straight line between its ends; the last place if it
    lies nowhere below.

    References
    ----------
    V. Satopaa et al., Finding a "Kneedle" in a Haystack, ICDCS Workshops (2011).
    """
    x, y = np.log(sizes), np.asarray(values, dtype=np.float64)
    if len(x) < 3 or not np.isfinite(y).all() or not y[0] > y[-1]:
        return len(x) - 1
    below = (x[-1] - x) / (x[-1] - x[0]) - (y - y[-1]) / (y[0] - y[-1])
    return int(np.argmax(below)) if below.max() > 0 else len(x) - 1


# ------------------------------------------------------------------------------- reasons


def _errors(ground: Ground, found: Sequence[Curves], method: str) -> tuple[FloatArray, FloatArray]:
    """Return energy and force errors, (resamples, k)."""
    pairs = [each.curves[method].errors[ground.tests[r].name] for r, each in enumerate(found)]
    return np.array([energy for energy, _ in pairs]), np.array([force for _, force in pairs])


def _label(ground: Ground, found: Sequence[Curves], method: str) -> str:
    """Return what errors are of: forces, if there are any that symmetry does not make zero."""
    errors = _errors(ground, found, method)[1]
    return "force" if np.isfinite(errors).all() and (errors > 0).all() else "energy"


def _rises(ground: Ground, found: Sequence[Curves], method: str, label: str) -> FloatArray:
    """Return rises over the whole pool, (resamples, k); NaN without the label."""
    rows = [
        rises_of(each, method, ground.tests[r].name).get(
            label, np.full(len(each.curves[method].sizes), np.nan)
        )
        for r, each in enumerate(found)
    ]
    return np.array(rows)


def _open(ground: Ground, r: int, order: IntArray, sizes: IntArray, seed: int) -> FloatArray:
    """Return the mean delta entropy of what is held out along an order of the pool."""
    described = ground.analysis.descriptors
    place = {int(s): at for at, s in enumerate(described.structures)}
    held_out, picks = (
        np.array([place[int(s)] for s in ground.rows[each]])
        for each in (ground.tests[r].structures, order)
    )
    target = described.values[ragged_rows(described.structure_offsets, held_out)]
    sample = draw_sample(len(target), min(SAMPLE, len(target)), seed=seed)
    values, _ = mean_delta_entropy_along(
        target,
        described.values,
        described.structure_offsets,
        picks,
        sizes,
        bandwidth=ground.analysis.spec.bandwidth,
        sample=sample,
    )
    return values


def _reasons(
    ground: Ground,
    found: Sequence[Curves],
    method: str,
    sizes: IntArray,
    nats: FloatArray,
    within: float,
) -> list[Reason]:
    label = _label(ground, found, method)
    energy, force = _errors(ground, found, method)
    errors, of = (force, "forces") if label == "force" else (energy, "energies")
    rises = _rises(ground, found, method, label)
    half = np.array([int(np.argmin(np.abs(sizes - min(2 * s, sizes[-1])))) for s in sizes])
    gains = errors / errors[:, half] - 1.0  # of twice the size, where the pool has that
    percent = TERMINAL.percent
    places = {
        "error knee": (
            [knee(sizes, each) for each in errors],
            f"the error of the {of} falls fast up to here and slowly beyond",
        ),
        "information knee": (
            [knee(sizes, each) for each in nats],
            "what is held out is left open fast up to here and slowly beyond",
        ),
        "time": (
            [_last_that_pays(each, half) for each in gains],
            f"twice the training time lowers the error of the {of} by less than {percent(PAYS)}",
        ),
        "within": (
            [smallest_within(each, within) for each in rises],
            f"the error of the {of} is within {percent(within)} of the whole pool's",
        ),
    }
    reasons = []
    for name, (at, sentence) in places.items():
        middle, low, high = _quartiles(sizes[np.array(at)])
        reasons.append(Reason(name, middle, low, high, sentence))
    return reasons


def _last_that_pays(gains: FloatArray, half: IntArray) -> int:
    """Return the first place from which on doubling does not pay, as far as the pool reaches."""
    known = gains[half > np.arange(len(half))]
    return smallest_within(np.append(known, 0.0), PAYS)


def _quartiles(values: IntArray) -> tuple[int, int, int]:
    """Return median and quartiles, each one of the values."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75], method="nearest")
    return int(middle), int(low), int(high)


def _grouped(reasons: Sequence[Reason]) -> list[list[Reason]]:
    """Return reasons by the budget they speak for: near ones together, at most `MOST` groups."""
    groups = [[each] for each in sorted(reasons, key=lambda each: each.n_structures)]
    while len(groups) > 1:
        apart = [
            later[0].n_structures / max(1, sooner[-1].n_structures)
            for sooner, later in pairwise(groups)
        ]
        at = int(np.argmin(apart))
        if apart[at] > APART and len(groups) <= MOST:
            break
        groups[at : at + 2] = [groups[at] + groups[at + 1]]
    return groups


def _candidate(
    ground: Ground,
    found: Sequence[Curves],
    method: str,
    sizes: IntArray,
    nats: FloatArray,
    reasons: Sequence[Reason],
) -> Candidate:
    at = int(np.searchsorted(sizes, max(each.n_structures for each in reasons)))
    size = int(sizes[at])
    label = _label(ground, found, method)
    energy, force = _errors(ground, found, method)
    atoms = ground.equations.design.dataset.sizes
    orders = [each.check.orders[method].order for each in found]
    cost = float(np.mean([atoms[o[:size]].sum() / atoms[o].sum() for o in orders]))
    energy_mean, energy_error = _mean(energy[:, at])
    force_mean, force_error = _mean(force[:, at])
    energy_rise, energy_rise_error = _mean(_rises(ground, found, method, "energy")[:, at])
    force_rise, force_rise_error = _mean(_rises(ground, found, method, "force")[:, at])
    open_nats, open_error = _mean(nats[:, at])
    low = high = difference = float("nan")
    if method != "random":
        own, other = (
            _errors(ground, found, name)[label == "force"][:, at] for name in (method, "random")
        )
        difference, low, high = _interval(own / other - 1.0)
    return Candidate(
        n_structures=size,
        share=size / int(sizes[-1]),
        share_of_atoms=cost,
        energy_mev_atom=energy_mean,
        energy_error=energy_error,
        force_ev_a=force_mean,
        force_error=force_error,
        energy_rise=energy_rise,
        energy_rise_error=energy_rise_error,
        force_rise=force_rise,
        force_rise_error=force_rise_error,
        open_nats=open_nats,
        open_error=open_error,
        difference=difference,
        low=low,
        high=high,
        against_random=_said(low, high),
        reasons=tuple(reasons),
    )


def _said(low: float, high: float) -> str:
    """Return what an interval of relative differences says."""
    if not np.isfinite([low, high]).all():
        return ""
    if low >= -ALIKE and high <= ALIKE:
        return "alike"
    return "better" if high < 0 else "worse" if low > 0 else "undecided"


def _mean(values: FloatArray) -> tuple[float, float]:
    """Return mean and standard error; NaN for one value."""
    n = len(values)
    error = float(values.std(ddof=1) / np.sqrt(n)) if n > 1 else float("nan")
    return float(values.mean()), error


def _interval(values: FloatArray) -> tuple[float, float, float]:
    """Return the mean and its 95 % interval by Student's t."""
    mean, error = _mean(values)
    reach = float(t.ppf(0.975, max(1, len(values) - 1))) * error
    return mean, mean - reach, mean + reach
