"""Report of claims on a data set: verdicts, effects and intervals, and errors by method."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analytics.claims.claim import DATA_SET, Answer, ask, claims_about
from analytics.claims.evidence import Evidence
from analytics.claims.trial import Trial
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.ground import analysis_of_part
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Table

__all__ = [
    "MOST_ENVIRONMENTS",
    "MOST_STRUCTURES",
    "ClaimReport",
    "check_claims",
    "drawn",
    "representative",
]

#: A random part stands for a set with more.
MOST_STRUCTURES, MOST_ENVIRONMENTS = 300, 15_000
#: Columns of errors by what is predicted.
COLUMNS = {"energy": "energy_rmse_mev_atom", "force": "force_rmse_ev_a"}


@dataclass(frozen=True, slots=True)
class ClaimReport(Table):
    """Published claims held against a data set.

    Attributes
    ----------
    name : str
    kind : str
        See `Evidence.kind`.
    n_structures, n_environments : int
        Looked at.
    bandwidth : float
        Of the kernel, in the unit of the descriptor.
    sampled : int, optional
        Structures of the file that these stand for; None if they are all.
    resamples, seed : int
    answers : tuple of Answer
    errors : tuple of dict
        One row per split, test, method, budget and resample, see `error_rows`.
    """

    name: str
    kind: str
    n_structures: int
    n_environments: int
    bandwidth: float
    sampled: int | None
    resamples: int
    seed: int
    answers: tuple[Answer, ...]
    errors: tuple[Mapping[str, Any], ...]

    @property
    def table(self) -> pd.DataFrame:
        """One row per claim."""
        return pd.DataFrame(
            [{k: v for k, v in a.to_dict().items() if k != "figures"} for a in self.answers]
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON; `errors` are left out."""
        fields = [name for name in self.__dataclass_fields__ if name != "errors"]
        found = {name: getattr(self, name) for name in fields}
        return found | {"answers": [answer.to_dict() for answer in self.answers]}


def check_claims(
    analysis: Analysis,
    claims: Sequence[str] | None = None,
    *,
    tests: Mapping[str, Dataset] | None = None,
    resamples: int = 5,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> ClaimReport:
    """Hold published claims against a data set.

    Parameters
    ----------
    analysis : Analysis
    claims : sequence of str, optional
        Names in `CLAIMS` (default: all that are asked of a data set).
    tests : mapping of str to Dataset, optional
        Tests that were published with the set.
    resamples : int
        Repetitions, each on another four fifths; intervals come from their scatter.
    seed : int
    monitor : Monitor

    Returns
    -------
    ClaimReport
        What needs labels that are missing cannot be asked, and says so.

    Notes
    -----
    Of more than 300 structures or 15 000 environments a part drawn at random is looked at. Then
    at most a minute or two of one core with 5 resamples, most of it for the design rows of the
    potentials and the classes that are left out; half of it with 2.

    Examples
    --------
    >>> found = winnow.check_claims(information, ["msc_information"])
    >>> found.answers[0].verdict in ("reproduced", "not reproduced", "undecided")
    True
    """
    chosen = claims_about(DATA_SET, claims)
    part = representative(analysis, seed)
    evidence = Evidence(part, tests or {}, resamples, seed)
    answers = []
    for at, claim in enumerate(chosen):
        monitor.report(at / len(chosen), claim.name)
        monitor.checkpoint()
        answers.append(ask(claim, evidence))
    return ClaimReport(
        analysis.dataset.name,
        evidence.kind,
        part.n_structures,
        part.n_environments,
        part.spec.bandwidth,
        None if part is analysis else analysis.n_structures,
        resamples,
        seed,
        tuple(answers),
        tuple(error_rows(evidence)),
    )


def representative(analysis: Analysis, seed: int = 0) -> Analysis:
    """Return the analysis, or that of a random part of affordable size; isolated atoms stay."""
    chosen = _chosen(analysis.sizes, seed)
    if chosen is None:
        return analysis
    isolated = np.flatnonzero(analysis.dataset.isolated)
    taken = np.union1d(analysis.descriptors.structures[chosen], isolated)
    return analysis_of_part(analysis, taken, isolated=True)


def drawn(dataset: Dataset, seed: int = 0) -> Dataset:
    """Return the data set, or a random part of affordable size, before anything is computed."""
    inside = np.flatnonzero(~dataset.isolated)
    chosen = _chosen(dataset.sizes[inside], seed)
    if chosen is None:
        return dataset
    return dataset.take(np.union1d(inside[chosen], np.flatnonzero(dataset.isolated)))


def _chosen(sizes: IntArray, seed: int) -> IntArray | None:
    """Return which structures are looked at; None for all."""
    if len(sizes) <= MOST_STRUCTURES and sizes.sum() <= MOST_ENVIRONMENTS:
        return None
    order = np.random.default_rng(seed).permutation(len(sizes))[:MOST_STRUCTURES]
    fit = int(np.searchsorted(np.cumsum(sizes[order]), MOST_ENVIRONMENTS, side="right"))
    return order[: max(2, fit)]


def error_rows(evidence: Evidence) -> list[dict[str, Any]]:
    """Return the errors that claims asked for, one row for each trained potential and test.

    The columns: `split` (random, high_force, or class:NAME), `test` ("" for what the split holds
    out), `resample`, `method`, `budget`, `n_structures` and
    `n_environments` kept, `energy_rmse_mev_atom`, `force_rmse_ev_a`, and `energy_ratio` and
    `force_ratio` to a random selection of the same budget in the same resample.
    """
    found: list[dict[str, Any]] = []
    for split, trial in _trials(evidence):
        for method, test, budget in trial.trained_on():
            own, random = (trial.errors_at(m, budget, test) for m in (method, "random"))
            for r in range(len(trial)):
                order = trial.order(method, r, budget)
                row: dict[str, Any] = {"split": split, "test": test, "resample": r}
                row |= {"method": method, "budget": budget, "n_structures": len(order)}
                row["n_environments"] = int(trial.part(r).sizes[order].sum())
                for name, column in COLUMNS.items():
                    row[column] = float(own[name][r])
                    row[f"{name}_ratio"] = float(own[name][r] / random[name][r])
                found.append(row)
    return found


def _trials(evidence: Evidence) -> list[tuple[str, Trial]]:
    """Return the trials on which potentials were trained, by split."""
    made = evidence.__dict__  # what was never asked for is not made for this
    found = [(name.strip("_"), made[name]) for name in ("_random", "_high_force") if name in made]
    found += [(f"class:{name}", trial) for name, trial in made.get("classes", {}).items()]
    return [(name, trial) for name, trial in found if trial.ground is not None]
