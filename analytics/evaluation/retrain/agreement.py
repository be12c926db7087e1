"""Agreement of two potentials (a second judge): whether they prefer the same selections.

A method that selects by the model it is judged by has an advantage, and any model has its likings.
So a method counts as the best where no potential tells it apart from its own leader.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analytics.evaluation.comparison import table_of
from analytics.evaluation.retrain.evaluate import WHOLE_POOL, RetrainResult
from analytics.evaluation.retrain.method_ranking import QUANTITIES, paired_ratios
from analytics.potential.potentials import POTENTIALS
from analytics.runtime.value import Table

__all__ = ["Agreement", "agreement"]

#: Resamples that paired differences need.
FEWEST = 3


@dataclass(frozen=True)
class Agreement(Table):
    """Which methods each potential prefers, by test, quantity and budget.

    Attributes
    ----------
    table : DataFrame
        A row per test, quantity ("energy" or "force"), budget and model: `leader`, `winners` (the
        leader and what is tied with it, joined by commas), and `agreed`, the methods that are
        among the winners of all potentials: none if they contradict each other.
    level : float
        Of the paired intervals.
    """

    table: pd.DataFrame
    level: float

    @property
    def contradictions(self) -> pd.DataFrame:
        """The rows in which no method is a winner for all potentials."""
        return self.table[self.table["agreed"] == ""] if len(self.table) else self.table

    def sentences(self) -> list[str]:
        """Say in a line each where the potentials contradict each other."""
        if self.contradictions.empty:
            return []
        found = []
        keys = ["test", "quantity", "budget"]
        asked = self.contradictions.assign(budget=self.contradictions["budget"].map(str))
        for (test, quantity, budget), cell in asked.groupby(keys, sort=False):
            prefer = ", ".join(
                f"{POTENTIALS[row.model].label} prefers {row.winners}" for row in cell.itertuples()
            )
            found.append(f"{test}, {quantity} at {budget}: {prefer}: no winner")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and words."""
        return {
            "level": self.level,
            "rows": self.table.to_dict(orient="records"),
            "sentences": self.sentences(),
        }


def agreement(result: RetrainResult, *, level: float = 0.9) -> Agreement:
    """Return which methods the potentials of a retrain check prefer, by paired differences.

    Parameters
    ----------
    result : RetrainResult
        Of two potentials or more (``judges``), two methods and three resamples at least; of fewer
        there is nothing to say, and the table is empty.
    level : float
        See `paired_ratios`.

    Notes
    -----
    O(rows of the table); no fit is made.

    Examples
    --------
    >>> errors = winnow.retrain(
    ...     information, ["random", "kmeans"], [0.5], resamples=3, judges=[winnow.AceSpec()]
    ... )
    >>> sorted(set(winnow.agreement(errors).table["model"]))
    ['linear_ace', 'soap_gap']
    """
    table = result.table[result.table["method"] != WHOLE_POOL]
    rows: list[dict[str, Any]] = []
    if table["model"].nunique() > 1:
        keys = ["test", table["budget"].map(str)]
        for (test, _), cell in table.groupby(keys, sort=False):
            for quantity, column in QUANTITIES.items():
                rows += _rows(str(test), quantity, cell, column, level)
    names = ["test", "quantity", "budget", "model", "leader", "winners", "agreed"]
    return Agreement(table_of(rows) if rows else pd.DataFrame(columns=names), level)


def _rows(
    test: str, quantity: str, cell: pd.DataFrame, column: str, level: float
) -> list[dict[str, Any]]:
    winners: dict[str, list[str]] = {}
    for model, own in cell.groupby("model", sort=False):
        errors = own.pivot_table(index="method", columns="resample", values=column)
        errors = errors.reindex(own["method"].unique()).dropna(axis=1, how="any")
        values = errors.to_numpy()
        if len(values) < 2 or values.shape[1] < FEWEST or (values <= 0).any():
            return []
        ratios, low, _ = paired_ratios(values, level=level)
        order = [int(at) for at in np.argsort(ratios, kind="stable") if low[at] <= 1.0]
        winners[str(model)] = [str(errors.index[at]) for at in order]
    agreed = set.intersection(*(set(names) for names in winners.values()))
    return [
        {
            "test": test,
            "quantity": quantity,
            "budget": cell["budget"].iloc[0],
            "model": model,
            "leader": names[0],
            "winners": ", ".join(names),
            "agreed": ", ".join(name for name in names if name in agreed),
        }
        for model, names in winners.items()
    ]
