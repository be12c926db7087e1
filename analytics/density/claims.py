"""Published claims about pruning electron densities, registered with all others.

The claims are those of Hossain et al., arXiv:2507.09001.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.claims.claim import Answer, Measured, NotComputed, ask, register
from analytics.claims.papers import PRUNING
from analytics.claims.registry import CLAIMS, SHIPPED
from analytics.density import plugin  # declares these claims before they are registered
from analytics.density.readers import EMBEDDED
from analytics.density.results import DensityResults, precomputed
from analytics.density.study import FULL
from analytics.evaluation.ranking import rank_correlation
from analytics.runtime.arrays import FloatArray
from analytics.runtime.text import TERMINAL

__all__ = ["SUBJECT", "check_claims", "shipped"]

#: What these claims are asked of.
SUBJECT = "density"
#: Standard errors on either side within which a figure could as well lie.
SPREAD = 2.0
#: Of the shares measured, the nearest one stands for the share of a claim if within this factor.
NEAR = 2.0
CHANGED_BY = "More seeds narrow the interval; another network or another share moves the figure."


@dataclass(frozen=True, slots=True)
class _Sample:
    """Errors of the models of one method and share, one per seed."""

    values: tuple[float, ...]

    @property
    def mean(self) -> float:
        return float(np.mean(self.values))

    @property
    def relative_error(self) -> float:
        """Standard error of the mean over the mean; infinite for one value."""
        if len(self.values) < 2 or self.mean == 0:
            return math.inf
        return float(np.std(self.values, ddof=1)) / math.sqrt(len(self.values)) / abs(self.mean)

    def text(self, unit: str) -> str:
        if len(self.values) < 2:
            return f"{TERMINAL.significant(self.mean)} {unit}"
        spread = float(np.std(self.values, ddof=1))
        return f"{TERMINAL.with_error(self.mean, spread, 2)} {unit}"


@dataclass(frozen=True, slots=True)
class _RatioClaim:
    """A claim about the ratio of two density errors.

    Attributes
    ----------
    above, under : (method, share kept)
        Whose errors are divided.
    below : bool
        Whether the ratio has to stay below the threshold, or above it.
    third : bool
        Whether the first is trained for a third of the steps.
    column : str
        The error, a column of the results.
    """

    name: str
    statement: str
    criterion: str
    above: tuple[str, float]
    under: tuple[str, float]
    threshold: float
    below: bool = True
    third: bool = False
    column: str = "density_error_pct"


RATIO_CLAIMS = (
    _RatioClaim(
        "random_nearly_free",
        "Random pruning to a tenth of the data costs almost no accuracy.",
        "density error of random at 10 % kept ≤ 1.1 × that of all data",
        ("random", 0.1),
        (FULL, 1.0),
        1.1,
    ),
    _RatioClaim(
        "ccs_hundredfold",
        "Coverage-centric pruning keeps the accuracy with a hundredth of the data.",
        "density error of CCS at 1 % kept ≤ 1.25 × that of all data",
        ("ccs", 0.01),
        (FULL, 1.0),
        1.25,
    ),
    _RatioClaim(
        "grand_fails",
        "Keeping the most important points (GraNd) fails at high pruning.",
        "density error of GraNd at 1 % kept ≥ 3 × that of random",
        ("grand", 0.01),
        ("random", 0.01),
        3.0,
        below=False,
    ),
    _RatioClaim(
        "third_of_the_time",
        "A hundredth of the data, chosen by coverage, trains to the same accuracy in a third of "
        "the time.",
        "density error of CCS at 1 % kept after a third of the steps ≤ 1.25 × that of all data "
        "after all steps",
        ("ccs", 0.01),
        (FULL, 1.0),
        1.25,
        third=True,
    ),
    _RatioClaim(
        "unseen_conditions",
        "On a temperature, strain, composition or defect that was not seen, a hundredth chosen by "
        "coverage does as well as all data.",
        "density error of CCS at 1 % kept on unseen conditions ≤ 1.25 × that of all data on them",
        ("ccs", 0.01),
        (FULL, 1.0),
        1.25,
        column="unseen_error_pct",
    ),
)


def check_claims(results: DensityResults) -> tuple[Answer, ...]:
    """Hold the published claims against a comparison.

    A verdict is given where the range of two standard errors around the figure, from the seeds,
    lies on one side of the threshold; otherwise the spread leaves it undecided.
    """
    return tuple(ask(CLAIMS[name], results) for name in plugin.CLAIM_NAMES)


# ------------------------------------------------------------------------------- claims


def _file(
    name: str, statement: str, criterion: str, measure: Callable[[DensityResults], Measured]
) -> None:
    register(
        name, sentence=statement, paper=PRUNING, criterion=criterion, changed_by=CHANGED_BY,
        subject=SUBJECT,
    )(measure)  # fmt: skip


def _chemical_accuracy(results: DensityResults) -> Measured:
    stated = results.facts.get("baseline_energy_error_mev_atom")
    baseline = math.nan if stated is None else float(stated)
    known = math.isfinite(baseline)
    threshold = min(10.0, baseline) if known else 10.0
    sample = _sample(results, "ccs", 0.01, "energy_error_mev_atom")
    if sample is None:
        trained = _sample(results, "ccs", 0.01, "density_error_pct") is not None
        raise NotComputed("no errors in energy" if trained else "no models of ccs at 1 % kept")
    reach = SPREAD * sample.relative_error * sample.mean
    measured = f"CCS {sample.text('meV/atom')}"
    full = _sample(results, FULL, 1.0, "energy_error_mev_atom")
    if full is not None:
        measured += f", all data {full.text('meV/atom')}"
    if known:
        measured += f", fitted spherical atoms {baseline:.3g} meV/atom"
    return Measured(
        sample.mean, sample.mean - reach, sample.mean + reach, threshold, "meV/atom", measured,
        below=True,
    )  # fmt: skip


def _distance(kept: FloatArray, every: FloatArray) -> float:
    """Return the share of one histogram that is outside the other: total variation."""
    return 1.0 - float(np.minimum(kept / kept.sum(), every / every.sum()).sum())


def _lost_coverage(results: DensityResults) -> Measured:
    """Rank the methods at 1 % kept by how their densities are distributed, and by error."""
    every = np.asarray(results.facts.get("histogram_points", ()), dtype=np.float64)
    shares = {r["kept"] for r in results.rows if r["method"] != FULL}
    near = [s for s in shares if max(s / 0.01, 0.01 / s) <= NEAR]
    if not near or not every.any():
        raise NotComputed("no models at 1 % kept")
    kept = min(near, key=lambda s: abs(math.log(s / 0.01)))
    rows = [
        r for r in results.rows
        if r["method"] != FULL and r["kept"] == kept and r["steps"] == results.steps
    ]  # fmt: skip
    lost = {
        r["method"]: _distance(np.asarray(r["histogram"], dtype=np.float64), every)
        for r in rows
        if "histogram" in r
    }
    methods = sorted(lost)
    if len(methods) < 4 or not np.ptp([lost[m] for m in methods]):
        raise NotComputed(f"{len(methods)} methods at 1 % kept that cover alike: nothing to rank")
    each = [
        rank_correlation(
            np.array([lost[m] for m in methods]),
            np.array([r["density_error_pct"] for m in methods for r in rows
                      if r["method"] == m and r["seed"] == seed]),
        )
        for seed in sorted({r["seed"] for r in rows})
        if sum(r["seed"] == seed and r["method"] in lost for r in rows) == len(methods)
    ]  # fmt: skip
    values = np.array(each)
    mean = float(values.mean())
    reach = SPREAD * float(values.std(ddof=1)) / math.sqrt(len(values)) if len(values) > 1 else (
        math.inf)  # fmt: skip
    words = (
        f"rank correlation over {len(methods)} methods at {TERMINAL.exact_percent(kept)} kept: "
        f"{mean:.2f} ({mean - reach:.2f} to {mean + reach:.2f})"
    )
    return Measured(mean, mean - reach, mean + reach, 0.5, "rank correlation", words)


# ------------------------------------------------------------------------------- figures


def _ratio_claim(claim: _RatioClaim) -> Callable[[DensityResults], Measured]:
    """Return what holds the ratio of two errors against the threshold of a claim."""

    def measure(results: DensityResults) -> Measured:
        first = _sample(results, *claim.above, claim.column, third=claim.third)
        second = _sample(results, *claim.under, claim.column)
        if first is None or second is None:
            method, share = claim.above if first is None else claim.under
            missing = f"no models of {method} at {TERMINAL.exact_percent(share)} kept"
            missing += " with a third of the steps" if claim.third else ""
            raise NotComputed(missing)
        ratio = first.mean / second.mean
        # errors are positive and multiply: the range is symmetric in the logarithm
        reach = SPREAD * math.hypot(first.relative_error, second.relative_error)
        low, high = ratio * math.exp(-reach), ratio * math.exp(min(reach, 700.0))
        measured = (
            f"{_name(claim.above)} {first.text('%')}, {_name(claim.under)} {second.text('%')}: "
            f"ratio {ratio:.3g} ({low:.3g} to {high:.3g})"
        )
        if claim.third:
            measured += _time_text(results, claim.above)
        return Measured(
            ratio, low, high, claim.threshold, "ratio of errors", measured, below=claim.below
        )

    return measure


def _name(which: tuple[str, float]) -> str:
    return "all data" if which[0] == FULL else f"{which[0]} at {TERMINAL.exact_percent(which[1])}"


def _time_text(results: DensityResults, which: tuple[str, float]) -> str:
    short = _sample(results, *which, "train_seconds", third=True)
    full = _sample(results, FULL, 1.0, "train_seconds")
    if short is None or full is None:
        return ""
    return f"; training took {short.mean / full.mean:.2g} of the time"


def _sample(
    results: DensityResults, method: str, kept: float, column: str, *, third: bool = False
) -> _Sample | None:
    table = results.table
    table = table[(table["method"] == method) & table[column].notna()]
    if not len(table):
        return None
    table = _of_length(table, results, third)
    shares = table["kept"].unique()
    near = [s for s in shares if max(s / kept, kept / s) <= NEAR]
    if not near:
        return None
    nearest = min(near, key=lambda s: (abs(math.log(s / kept)), s))
    values = table[table["kept"] == nearest][column]
    return _Sample(tuple(float(v) for v in values)) if len(values) else None


def _of_length(table: pd.DataFrame, results: DensityResults, third: bool) -> pd.DataFrame:
    """Return the rows of models trained for all steps, or for a third of them."""
    if results.settings.get("network", {}).get("epochs", 0):
        return table.iloc[:0] if third else table
    full = results.steps
    return table[table["steps"] <= full / 2] if third else table[table["steps"] == full]


for _claim in RATIO_CLAIMS:
    _file(_claim.name, _claim.statement, _claim.criterion, _ratio_claim(_claim))
_file(
    "chemical_accuracy",
    "Coverage-centric pruning to a hundredth keeps chemical accuracy in the energy.",
    "energy error of CCS at 1 % kept ≤ 10 meV/atom and ≤ that of fitted spherical atoms",
    _chemical_accuracy,
)
_file(
    "lost_coverage",
    "Where a pruning fails, it has lost coverage: the less the densities kept are spread as all "
    "are, the larger the error.",
    "across methods at 1 % kept, rank correlation of the share of the distribution of densities "
    "that is lost (total variation, kept against all) with the density error at least 0.5",
    _lost_coverage,
)


@SHIPPED.register(SUBJECT)
def shipped() -> Mapping[str, DensityResults]:
    """Return the results that come with Winnow, by system."""
    found = {name: precomputed(name) for name in EMBEDDED}
    return {name: results for name, results in found.items() if results is not None}
