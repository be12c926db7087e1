"""Redundancy by training: the smallest share of a pool that trains as well as all of it.

Potentials are fitted along an order of the pool, at sizes so close that the answer is no matter of
the grid. The answer of one resample is the smallest size from which on *all* larger ones keep the
error within the tolerance: a single lucky fit is none. Over the resamples it has a median and
quartiles. Beside it stands the redundancy by entropy; where they disagree, what was measured
besides says why.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analytics.data.content import content_order
from analytics.descriptors.distances import DistanceSpec
from analytics.evaluation.retrain.check import ByTest, Curve, RetrainCheck
from analytics.evaluation.retrain.engine import Wanted, repetitions
from analytics.evaluation.retrain.errors import make_test
from analytics.evaluation.retrain.ground import Ground, prepare_ground
from analytics.information.analysis import Analysis
from analytics.information.bandwidth import BandwidthScan, bandwidth_scan
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import spec_from
from analytics.runtime.text import TERMINAL
from analytics.runtime.value import Table, Value
from analytics.selection.base import METHODS, is_nested

__all__ = [
    "ByEntropy",
    "Curves",
    "TrainingRedundancy",
    "Verdict",
    "curves_of",
    "nested_options",
    "redundancy_by_training",
    "sizes_along",
    "smallest_within",
]

TOLERANCES = (0.02, 0.05, 0.1)
#: Sizes at which potentials are fitted are apart by this factor, above a half by 5 % of the pool.
FACTOR, STEPS = 1.17, 11
#: Redundancies that are apart by less are not said to disagree.
APART = 0.15
#: Of which width the redundancy by entropy is looked at: from a quarter to four times.
WIDTHS = tuple(2.0**power for power in np.arange(-2.0, 2.01, 0.5))
#: Environments that these are averaged over.
SAMPLE = 1500
#: A potential errs as much on its own pool as outside: more structures hardly help it. Below,
#: they do.
AT_ITS_LIMIT = 0.9


@dataclass(frozen=True, slots=True)
class ByEntropy(Value):
    """Redundancy by entropy 1 - exp(D) / n, at the width in use and around it.

    Attributes
    ----------
    redundancy, error : float
        At the width in use, and its standard error.
    bandwidth : float
    bandwidths, redundancies : float arrays (k,)
        From a quarter to four times that width, from a sample of environments.
    blind : bool
        Whether the descriptor does not see elements, and there are several.
    """

    redundancy: float
    error: float
    bandwidth: float
    bandwidths: FloatArray
    redundancies: FloatArray
    blind: bool

    def at(self, factor: float) -> float:
        """Return the redundancy at so many times the width in use."""
        logs = np.log(self.bandwidths / self.bandwidth)
        return float(np.interp(np.log(factor), logs, self.redundancies))

    def width_for(self, redundancy: float) -> float | None:
        """Return the width at which it would be so much; None beyond the widths looked at."""
        rising = np.maximum.accumulate(self.redundancies)
        if not rising[0] <= redundancy <= rising[-1] or rising[0] == rising[-1]:
            return None
        return float(np.exp(np.interp(redundancy, rising, np.log(self.bandwidths))))


@dataclass(frozen=True, slots=True)
class Verdict(Value):
    """Whether both redundancies agree, and the sentences that say so and why.

    Attributes
    ----------
    agree : bool
    training, low, high : float
        Redundancy by training (random order, forces within 5 %), and its quartiles.
    entropy : float
    reasons : tuple of str
        Any of "width", "elements", "model" (at its limit), "learning".
    sentences : tuple of str
    """

    agree: bool
    training: float
    low: float
    high: float
    entropy: float
    reasons: tuple[str, ...]
    sentences: tuple[str, ...]


@dataclass(frozen=True)
class TrainingRedundancy(Table):
    """How much of a pool training can spare, by method, label and tolerance.

    Attributes
    ----------
    table : DataFrame
        A row per method, label ("energy", "force"), tolerance and resample: the smallest number of
        structures from which on the error stays within the tolerance of that of the whole pool,
        the share of the pool and of its environments, and the next smaller size looked at.
    curve : DataFrame
        A row per method, resample and size: errors relative to the whole pool's, less 1.
    limits : DataFrame
        A row per resample and label: error of the fit to the whole pool on what is held out and on
        the pool itself, and root mean square of the forces held out.
    entropy : ByEntropy
    pool : int
        Structures of a pool.
    notes : tuple of str
    """

    table: pd.DataFrame
    curve: pd.DataFrame
    limits: pd.DataFrame
    entropy: ByEntropy
    pool: int
    notes: tuple[str, ...] = ()

    def summary(self) -> pd.DataFrame:
        """Return median and quartiles of the shares over the resamples."""
        groups = self.table.groupby(["method", "label", "tolerance"], sort=False)
        found = groups.agg(
            n_structures=("n_structures", "median"),
            share=("share", "median"),
            low=("share", lambda values: values.quantile(0.25)),
            high=("share", lambda values: values.quantile(0.75)),
            share_of_environments=("share_of_environments", "median"),
            resamples=("share", "count"),
        )
        return found.reset_index()

    @property
    def verdict(self) -> Verdict:
        """Compare with the redundancy by entropy."""
        return _verdict(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON and pages."""
        own, said = self.entropy, self.verdict
        return {
            "pool": self.pool,
            "summary": self.summary().to_dict(orient="records"),
            "rows": self.table.to_dict(orient="records"),
            "curve": self.curve.to_dict(orient="records"),
            "limits": self.limits.to_dict(orient="records"),
            "by_entropy": {
                "redundancy": own.redundancy,
                "error": own.error,
                "bandwidth": own.bandwidth,
                "bandwidths": own.bandwidths.tolist(),
                "redundancies": own.redundancies.tolist(),
                "blind_to_elements": own.blind,
            },
            "verdict": {
                "agree": said.agree,
                "by_training": said.training,
                "low": said.low,
                "high": said.high,
                "by_entropy": said.entropy,
                "reasons": list(said.reasons),
                "sentences": list(said.sentences),
            },
            "notes": list(self.notes),
        }


def redundancy_by_training(
    analysis: Analysis,
    methods: Sequence[str] = ("random",),
    tolerances: Sequence[float] = TOLERANCES,
    *,
    split: str = "random",
    resamples: int = 10,
    seed: int = 0,
    specs: Mapping[str, Any] | None = None,
    spec: Any = None,
    monitor: Monitor = SILENT,
) -> TrainingRedundancy:
    """Measure the smallest share of a pool whose potential is as good as the whole pool's.

    Parameters
    ----------
    analysis : Analysis
    methods : sequence of str
        By whose orders the pool is cut; nested methods only. "random" is always among them.
    tolerances : sequence of float
        By which share the error may be above that of the whole pool.
    split : str
        What is held out, see `make_splits`.
    resamples, seed : int
    specs : mapping, optional
        Options of methods by name.
    spec : optional
        Of the potential.
    monitor : Monitor

    Notes
    -----
    About 40 fits per order and resample, 2 ms each with 200 functions.

    Examples
    --------
    >>> found = winnow.redundancy_by_training(information, resamples=2)
    >>> found.verdict.training < 1
    True
    """
    if not tolerances or not all(tolerance > 0 for tolerance in tolerances):
        raise ValueError(f"tolerances are {list(tolerances)}, not all above 0")
    names = tuple(dict.fromkeys(("random", *methods)))
    options = {name: nested_options(name, (specs or {}).get(name)) for name in names}
    ground = prepare_ground(
        analysis, split, resamples=resamples, seed=seed, spec=spec, monitor=Part(monitor, 0.0, 0.5)
    )
    sizes = tuple(int(size) for size in sizes_along(min(len(each.pool) for each in ground.splits)))
    wanted = {name: Wanted(name, options[name], seed, sizes) for name in names if name != "random"}
    rows: list[dict[str, Any]] = []
    curve: list[dict[str, Any]] = []
    limits: list[dict[str, Any]] = []
    for r, each in enumerate(curves_of(ground, wanted, sizes, seed, Part(monitor, 0.5, 0.9))):
        limits += _limits(ground, r, each)
        for method in names:
            rises = rises_of(each, method, ground.tests[r].name)
            curve += _curve_rows(each, method, r, rises)
            rows += list(_answers(ground, each, method, r, rises, tolerances))
    return TrainingRedundancy(
        pd.DataFrame(rows),
        pd.DataFrame(curve),
        pd.DataFrame(limits),
        _by_entropy(analysis, seed, Part(monitor, 0.9, 1.0)),
        sizes[-1],
        ground.notes,
    )


def nested_options(method: str, given: Any) -> Any:
    """Return the options of a method whose order answers every size; raise if it does not."""
    spec = given
    if given is None or isinstance(given, Mapping):
        spec = spec_from(METHODS[method].spec, given or {})
    if not is_nested(method, spec):
        raise ValueError(f"{method} gives no order whose beginnings are its answers")
    return spec


def sizes_along(pool: int) -> IntArray:
    """Return sizes to fit at: by equal factors from 2 on, and in steps of 5 % above a half."""
    first = min(2, pool)
    few = np.geomspace(first, pool, 2 + int(np.log(pool / first) / np.log(FACTOR)))
    many = np.linspace(0.5 * pool, pool, STEPS)
    return np.unique(np.maximum(1, np.round(np.concatenate([few, many])))).astype(np.int64)


def smallest_within(rises: FloatArray, tolerance: float) -> int:
    """Return the first place from which on all values are within a tolerance; the last if none.

    NaN is not within.
    """
    outside = np.flatnonzero(~(rises <= tolerance))
    return min(len(rises) - 1, int(outside[-1]) + 1) if len(outside) else 0


@dataclass(frozen=True)
class Curves:
    """Orders of one resample, the errors along them, and those of its whole pool."""

    check: RetrainCheck
    curves: Mapping[str, Curve]
    whole: ByTest


def curves_of(
    ground: Ground,
    wanted: Mapping[str, Wanted],
    sizes: tuple[int, ...],
    seed: int,
    monitor: Monitor,
) -> Iterator[Curves]:
    """Yield resample by resample the curve of a random order and those of other methods.

    A random order needs no analysis of the pool, which is most of the work.
    """
    others = repetitions(ground, wanted, monitor=Part(monitor, 0.0, 0.8)) if wanted else None
    for r, split in enumerate(ground.splits):
        found = None if others is None else next(others)
        check = ground.check(r) if found is None else found.check
        pool = split.pool[content_order(ground.equations.design.dataset, split.pool)]
        order = np.random.default_rng(seed + split.resample).permutation(pool)
        check = check.with_order("random", order)
        curves = {} if found is None else dict(found.curves)
        curves["random"] = check.curve("random", sizes)
        yield Curves(check, curves, check.whole_pool() if found is None else found.whole)
        monitor.report((r + 1) / len(ground.splits), "retraining")
        monitor.checkpoint()


def rises_of(each: Curves, method: str, test: str) -> dict[str, FloatArray]:
    """Return the errors along an order relative to the whole pool's, less 1."""
    energy, force = each.curves[method].errors[test]
    whole = each.whole[test][0]
    before = {"energy": whole.energy_rmse_mev_atom, "force": whole.force_rmse_ev_a}
    return {
        label: found / before[label] - 1.0
        for label, found in (("energy", energy), ("force", force))
        if np.isfinite(before[label]) and before[label] > 0
    }


def _curve_rows(
    each: Curves, method: str, r: int, rises: Mapping[str, FloatArray]
) -> list[dict[str, Any]]:
    return [
        {"method": method, "resample": r, "n_structures": size}
        | {f"{label}_rise": float(values[at]) for label, values in rises.items()}
        for at, size in enumerate(each.curves[method].sizes)
    ]


def _answers(
    ground: Ground,
    each: Curves,
    method: str,
    r: int,
    rises: Mapping[str, FloatArray],
    tolerances: Sequence[float],
) -> Iterator[dict[str, Any]]:
    sizes, order = each.curves[method].sizes, each.check.orders[method].order
    environments = np.cumsum(ground.equations.design.dataset.sizes[order])
    for label, values in rises.items():
        for tolerance in tolerances:
            at = smallest_within(values, tolerance)
            yield {
                "method": method,
                "label": label,
                "tolerance": float(tolerance),
                "resample": r,
                "n_structures": sizes[at],
                "share": sizes[at] / len(each.check.pool),
                "share_of_environments": float(environments[sizes[at] - 1] / environments[-1]),
                "next_smaller": sizes[at - 1] if at else 0,
            }


def _limits(ground: Ground, r: int, each: Curves) -> list[dict[str, Any]]:
    check, outside = each.check, each.whole[ground.tests[r].name][0]
    fit = ground.equations.fit(np.concatenate([check.base, check.pool]))
    inside = make_test("pool", ground.equations, check.pool).errors(fit)[0]
    held_out = ground.splits[r].held_out
    squares, counts = (
        ground.equations.squares[held_out].sum(), ground.equations.counts[held_out].sum()
    )  # fmt: skip
    forces = float(np.sqrt(squares / counts)) if counts else float("nan")
    return [
        {"resample": r, "label": "energy", "held_out": outside.energy_rmse_mev_atom,
         "trained_on": inside.energy_rmse_mev_atom, "root_mean_square": float("nan")},
        {"resample": r, "label": "force", "held_out": outside.force_rmse_ev_a,
         "trained_on": inside.force_rmse_ev_a, "root_mean_square": forces},
    ]  # fmt: skip


# ------------------------------------------------------------------------------- by entropy


def _by_entropy(analysis: Analysis, seed: int, monitor: Monitor) -> ByEntropy:
    width, data = analysis.spec.bandwidth, analysis.dataset
    scan: BandwidthScan = bandwidth_scan(
        data,
        analysis.descriptors,
        chosen=width,
        bandwidths=[width * factor for factor in WIDTHS],
        sample=min(SAMPLE, analysis.n_environments),
        seed=seed,
        monitor=monitor,
    )
    blind = isinstance(analysis.descriptors.spec, DistanceSpec)
    return ByEntropy(
        analysis.redundancy,
        analysis.redundancy_error,
        width,
        scan.bandwidths,
        np.maximum(0.0, 1.0 - np.exp(scan.diversity) / scan.n_environments),
        blind and len(np.unique(data.numbers)) > 1,
    )


def _verdict(found: TrainingRedundancy) -> Verdict:
    table, percent = found.table, TERMINAL.percent
    label = "force" if (table["label"] == "force").any() else "energy"
    random = table[(table["method"] == "random") & (table["label"] == label)]
    tolerance = min(random["tolerance"].unique(), key=lambda value: abs(value - 0.05))
    shares = random[random["tolerance"] == tolerance]["share"]
    high, training, low = (1.0 - shares.quantile([0.25, 0.5, 0.75])).tolist()
    entropy = found.entropy
    gap = entropy.redundancy - training
    agree = abs(gap) <= APART or low - 0.05 <= entropy.redundancy <= high + 0.05
    errors = "forces" if label == "force" else "energies"
    sentences = [
        f"By training {percent(training)} is redundant ({percent(low)} to {percent(high)}): the "
        f"rest, drawn at random, keeps the error of the {errors} within {percent(tolerance)} "
        "of the whole pool's.",
        f"By entropy {percent(entropy.redundancy)} is, at the width {entropy.bandwidth:.3g}"
        f" ({percent(entropy.at(0.5))} at half, {percent(entropy.at(2.0))} at twice the width).",
    ]
    if agree:
        return Verdict(True, training, low, high, entropy.redundancy, (), tuple(sentences))
    reasons = []
    width = entropy.width_for(training)
    if abs(entropy.at(2.0) - entropy.at(0.5)) > 2 * APART or (
        width is not None and 0.4 < width / entropy.bandwidth < 2.5
    ):
        reasons.append("width")
        where = "at none of the widths looked at"
        if width is not None:
            where = f"at {width:.3g}, {width / entropy.bandwidth:.2g} times the width in use"
        sentences.append(f"The width decides: they would agree {where}.")
    if entropy.blind and gap > 0:
        reasons.append("elements")
        sentences.append(
            "The descriptor does not tell elements apart, the potential does: environments that "
            "differ in elements only are redundant to the one and not to the other."
        )
    model = found.limits[found.limits["label"] == label]
    ratio = float((model["trained_on"] / model["held_out"]).mean())
    if gap < 0 and ratio > AT_ITS_LIMIT:
        reasons.append("model")
        sentences.append(
            f"The potential is at its limit: on what it was trained on its error is "
            f"{percent(ratio)} of that on what was held out, so more structures hardly help it. "
            "One with more functions may need more of them."
        )
    if gap > 0 and ratio < AT_ITS_LIMIT:
        reasons.append("learning")
        sentences.append(
            f"The potential is still learning: on what it was trained on its error is "
            f"{percent(ratio)} of that on what was held out, so that structures alike to others "
            "still lower it."
        )
    if not reasons:
        sentences.append(
            "Neither the width nor the elements nor the limit of the potential explains it: "
            + (
                "environments that repeat geometrically still average out errors of a fit."
                if gap > 0
                else "environments that differ geometrically teach a smooth potential the same."
            )
        )
    return Verdict(False, training, low, high, entropy.redundancy, tuple(reasons), tuple(sentences))
