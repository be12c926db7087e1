"""Published claims about pruning densities, and a verdict on each from the results.

The claims are those of Hossain et al., arXiv:2507.09001.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from analytics.density.results import DensityResults
from analytics.density.study import FULL
from analytics.runtime.text import TERMINAL
from analytics.runtime.value import Value

__all__ = ["VERDICTS", "Claim", "check_claims"]

VERDICTS = ("reproduced", "not reproduced", "undecided", "not computed")
#: Standard errors on either side within which a figure could as well lie.
SPREAD = 2.0
#: Of the shares measured, the nearest one stands for the share of a claim if within this factor.
NEAR = 2.0


@dataclass(frozen=True, slots=True)
class Claim(Value):
    """A published claim held against measured figures.

    Attributes
    ----------
    name : str
    statement : str
        The claim in one sentence.
    criterion : str
        When it counts as reproduced.
    verdict : str
        One of `VERDICTS`.
    measured : str
        The figures in words.
    value, low, high, threshold : float
        The figure that decides, its range, and what it is held against.
    """

    name: str
    statement: str
    criterion: str
    verdict: str
    measured: str
    value: float
    low: float
    high: float
    threshold: float


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
    """

    name: str
    statement: str
    criterion: str
    above: tuple[str, float]
    under: tuple[str, float]
    threshold: float
    below: bool = True
    third: bool = False


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
)


def check_claims(results: DensityResults) -> tuple[Claim, ...]:
    """Hold the published claims against a comparison.

    A verdict is given where the range of two standard errors around the figure, from the seeds,
    lies on one side of the threshold; otherwise the spread leaves it undecided.
    """
    found = [_ratio_claim(results, claim) for claim in RATIO_CLAIMS]
    return (*found[:2], _chemical_accuracy(results), *found[2:])


# ------------------------------------------------------------------------------- claims


def _chemical_accuracy(results: DensityResults) -> Claim:
    statement = "Coverage-centric pruning to a hundredth keeps chemical accuracy in the energy."
    stated = results.facts.get("baseline_energy_error_mev_atom")
    baseline = math.nan if stated is None else float(stated)
    known = math.isfinite(baseline)
    threshold = min(10.0, baseline) if known else 10.0
    criterion = "energy error of CCS at 1 % kept ≤ 10 meV/atom and ≤ that of fitted spherical atoms"
    sample = _sample(results, "ccs", 0.01, "energy_error_mev_atom")
    if sample is None:
        trained = _sample(results, "ccs", 0.01, "density_error_pct") is not None
        missing = "no errors in energy" if trained else "no models of ccs at 1 % kept"
        return Claim("chemical_accuracy", statement, criterion, "not computed", missing,
                     math.nan, math.nan, math.nan, threshold)  # fmt: skip
    reach = SPREAD * sample.relative_error * sample.mean
    low, high = sample.mean - reach, sample.mean + reach
    measured = f"CCS {sample.text('meV/atom')}"
    full = _sample(results, FULL, 1.0, "energy_error_mev_atom")
    if full is not None:
        measured += f", all data {full.text('meV/atom')}"
    if known:
        measured += f", fitted spherical atoms {baseline:.3g} meV/atom"
    verdict = _verdict(low, high, threshold, below=True)
    return Claim("chemical_accuracy", statement, criterion, verdict, measured, sample.mean,
                 low, high, threshold)  # fmt: skip


# ------------------------------------------------------------------------------- figures


def _ratio_claim(results: DensityResults, claim: _RatioClaim) -> Claim:
    """Hold the ratio of two errors against a threshold."""
    told = (claim.name, claim.statement, claim.criterion)
    first = _sample(results, *claim.above, "density_error_pct", third=claim.third)
    second = _sample(results, *claim.under, "density_error_pct")
    if first is None or second is None:
        method, share = claim.above if first is None else claim.under
        missing = f"no models of {method} at {TERMINAL.exact_percent(share)} kept"
        missing += " with a third of the steps" if claim.third else ""
        return Claim(*told, "not computed", missing, math.nan, math.nan, math.nan, claim.threshold)
    ratio = first.mean / second.mean
    # errors are positive and multiply: the range is symmetric in the logarithm
    reach = SPREAD * math.hypot(first.relative_error, second.relative_error)
    low, high = ratio * math.exp(-reach), ratio * math.exp(min(reach, 700.0))
    measured = (
        f"{_name(claim.above)} {first.text('%')}, {_name(claim.under)} {second.text('%')}: ratio "
        f"{ratio:.3g} ({low:.3g} to {high:.3g})"
    )
    if claim.third:
        measured += _time_text(results, claim.above)
    verdict = _verdict(low, high, claim.threshold, claim.below)
    return Claim(*told, verdict, measured, ratio, low, high, claim.threshold)


def _name(which: tuple[str, float]) -> str:
    return "all data" if which[0] == FULL else f"{which[0]} at {TERMINAL.exact_percent(which[1])}"


def _verdict(low: float, high: float, threshold: float, below: bool) -> str:
    holds, fails = (high <= threshold, low > threshold) if below else (
        low >= threshold, high < threshold)  # fmt: skip
    return "reproduced" if holds else "not reproduced" if fails else "undecided"


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
