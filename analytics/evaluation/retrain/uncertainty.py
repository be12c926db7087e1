"""Uncertainty of a potential, calibrated: how often its own error bars cover the error.

The predictive variance of the fit (`predictive_spread`) is right only if the potential is. On one
half of the held-out structures a factor is found that makes nine of ten errors lie within its 90 %
interval; on the other half the shares of errors within 50, 90 and 95 % are counted, before and
after, and the halves change places. That one factor cannot mend the shape: errors of potentials
have heavier tails than a normal distribution, so the quantiles of the halves are told too.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import ndtri

from analytics.evaluation.ranking import rank_correlation
from analytics.evaluation.retrain.errors import parity_of_fit
from analytics.evaluation.retrain.ground import Ground, prepare_ground
from analytics.information.analysis import Analysis
from analytics.potential.predictive_variance import predictive_spread
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Table

__all__ = ["LEVELS", "Uncertainty", "factor_of", "uncertainty"]

LEVELS = (0.5, 0.9, 0.95)
#: The level that the factor is found at.
FOUND_AT = 0.9


@dataclass(frozen=True)
class Uncertainty(Table):
    """How well the potential knows its own errors.

    Attributes
    ----------
    table : DataFrame
        A row per resample, half and label: the factor from the other half, shares of the errors
        within 50, 90 and 95 % intervals before it, after it, and with the quantile of the other
        half at each level in place of the normal one (before_50, after_50, quantile_50, ...).
    ranks : DataFrame
        A row per resample and label: Spearman correlation of the predicted spread with the
        absolute error, structure by structure or atom by atom.
    points : DataFrame
        Of the first resample, atom by atom: structure, atom, predicted spread of the force times
        its factor, and error of the force, eV/angstrom. For a plot.
    notes : tuple of str
    """

    table: pd.DataFrame
    ranks: pd.DataFrame
    points: pd.DataFrame
    notes: tuple[str, ...] = ()

    def summary(self) -> pd.DataFrame:
        """Return means over resamples and halves, and of the factor its standard deviation."""
        columns = [name for name in self.table if "_" in name]
        groups = self.table.groupby("label", sort=False)
        found = groups[columns].mean()
        found.insert(0, "factor", groups["factor"].mean())
        found.insert(1, "factor_std", groups["factor"].std())
        found["rank_correlation"] = self.ranks.groupby("label")["rank_correlation"].mean()
        return found.reset_index()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON and pages."""
        return {
            "summary": self.summary().to_dict(orient="records"),
            "rows": self.table.to_dict(orient="records"),
            "ranks": self.ranks.to_dict(orient="records"),
            "points": self.points.to_dict(orient="list"),
            "notes": list(self.notes),
        }


def uncertainty(
    analysis: Analysis,
    *,
    split: str = "random",
    resamples: int = 5,
    seed: int = 0,
    spec: Any = None,
    monitor: Monitor = SILENT,
) -> Uncertainty:
    """Measure and calibrate the uncertainty of the potential trained on the whole pool.

    Parameters
    ----------
    analysis : Analysis
    split : str
        What is held out, see `make_splits`.
    resamples, seed : int
    spec : optional
        Of the potential.
    monitor : Monitor

    Notes
    -----
    1 s per resample for 10 000 held-out force components and 200 functions.

    Examples
    --------
    >>> found = winnow.uncertainty(information, resamples=1)
    >>> found.summary()["label"].tolist()
    ['energy', 'force']
    """
    ground = prepare_ground(
        analysis, split, resamples=resamples, seed=seed, spec=spec, monitor=Part(monitor, 0.0, 0.5)
    )
    if min(len(test.structures) for test in ground.tests) < 2:
        raise InputError(
            "a single structure is held out: none to count the intervals of the others on",
            source=analysis.dataset.name,
        )
    rows: list[dict[str, Any]] = []
    ranks: list[dict[str, Any]] = []
    points = pd.DataFrame()
    for r in range(len(ground)):
        step = Part(monitor, 0.5 + 0.5 * r / len(ground), 0.5 + 0.5 * (r + 1) / len(ground))
        found, atoms = _held_out(ground, r, step)
        halves = np.random.default_rng([seed, r]).permutation(len(ground.tests[r].structures))
        for label, (owner, errors, spread) in found.items():
            rows += list(_halves(r, label, owner, errors, spread, halves))
            ranks.append(
                {"resample": r, "label": label, "rank_correlation": _rank(label, errors, spread)}
            )
        if r == 0 and "force" in found:
            _, errors, spread = found["force"]
            factor = factor_of(errors, spread)
            points = atoms.assign(
                spread_ev_a=factor * np.sqrt((spread**2).reshape(-1, 3).sum(axis=1)),
                error_ev_a=np.linalg.norm(errors.reshape(-1, 3), axis=1),
            )
    return Uncertainty(pd.DataFrame(rows), pd.DataFrame(ranks), points, ground.notes)


def factor_of(errors: FloatArray, spread: FloatArray, level: float = FOUND_AT) -> float:
    """Return what spreads have to be multiplied with so that the normal interval of a level fits.

    Parameters
    ----------
    errors, spread : float arrays (n,)
    level : float
        The share of the errors that is to lie within.
    """
    scores = np.sort(np.abs(errors) / spread)
    rank = min(len(scores), int(np.ceil((len(scores) + 1) * level)))
    return float(scores[rank - 1] / ndtri(0.5 + 0.5 * level))


def _held_out(
    ground: Ground, r: int, monitor: Monitor
) -> tuple[dict[str, tuple[IntArray, FloatArray, FloatArray]], pd.DataFrame]:
    """Return by label the place of each error's structure, errors and spreads, and the atoms."""
    equations, held_out = ground.equations, ground.tests[r].structures
    members = np.concatenate([ground.check(r).base, ground.splits[r].pool])
    spread = predictive_spread(equations, members, equations, held_out, monitor=monitor)
    parity = parity_of_fit(equations, held_out, equations.fit(members))
    energy = 1e3 * (parity.predicted_energies - parity.energies)
    force = parity.predicted_forces - parity.forces
    owner = np.repeat(np.arange(len(held_out)), equations.design.dataset.sizes[held_out])
    found: dict[str, tuple[IntArray, FloatArray, FloatArray]] = {}
    known = np.isfinite(energy)
    if known.any():
        found["energy"] = (np.flatnonzero(known), energy[known], spread.energy[known])
    seen = np.isfinite(force).all(axis=1)
    if seen.any():
        places = np.repeat(owner[seen], 3)
        found["force"] = (places, force[seen].ravel(), spread.force[seen].ravel())
    starts = equations.design.dataset.structure_offsets[held_out]
    atoms = pd.DataFrame(
        {
            "structure": ground.structures[held_out][owner[seen]],
            "atom": (parity.atoms - starts[owner])[seen],
        }
    )
    return found, atoms


def _halves(
    r: int,
    label: str,
    owner: IntArray,
    errors: FloatArray,
    spread: FloatArray,
    order: IntArray,
) -> Iterator[dict[str, Any]]:
    """Yield what is found on one half of the structures and counted on the other, both ways."""
    first = np.isin(owner, order[: len(order) // 2])
    for half, own in enumerate((first, ~first)):
        if not own.any() or own.all():
            continue
        factor = factor_of(errors[own], spread[own])
        scores = np.abs(errors[~own]) / spread[~own]
        row: dict[str, Any] = {"resample": r, "half": half, "label": label, "factor": factor}
        for level in LEVELS:
            normal, name = float(ndtri(0.5 + 0.5 * level)), f"{100 * level:.0f}"
            row[f"before_{name}"] = float((scores <= normal).mean())
            row[f"after_{name}"] = float((scores <= normal * factor).mean())
            own_factor = factor_of(errors[own], spread[own], level)
            row[f"quantile_{name}"] = float((scores <= normal * own_factor).mean())
        yield row


def _rank(label: str, errors: FloatArray, spread: FloatArray) -> float:
    if label == "force":
        errors = np.linalg.norm(errors.reshape(-1, 3), axis=1)
        spread = np.linalg.norm(spread.reshape(-1, 3), axis=1)
    return rank_correlation(spread, np.abs(errors))
