"""Ranking of methods on one data set: paired differences of retrained errors over resamples.

In a resample all methods see the same pool and are judged on the same test, so what is compared
are differences, not means: how hard a resample is cancels. What cannot be told apart from the
leader is tied with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from analytics.evaluation.comparison import table_of
from analytics.evaluation.retrain.evaluate import WHOLE_POOL, retrain
from analytics.evaluation.retrain.splits import widening
from analytics.information.analysis import Analysis
from analytics.potential.spec import PotentialSpec
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Table

__all__ = ["CANDIDATES", "LEADS", "TIED", "Ranking", "paired_ratios", "rank_methods"]

#: Methods that are ranked unless others are named.
CANDIDATES = ("recommended", "random", "kmeans", "facility_location", "msc", "largest_force")
#: What a row can say of a method.
LEADS, TIED, BEHIND = "leads", "tied", "behind"
QUANTITIES = {"energy": "energy_rmse_mev_atom", "force": "force_rmse_ev_a"}
COLUMNS = (
    *("test", "model", "quantity", "budget", "method"),
    *("error", "ratio", "low", "high", "verdict"),
    *("n_structures", "n_environments"),
)


@dataclass(frozen=True)
class Ranking(Table):
    """Methods ranked on one data set.

    Attributes
    ----------
    table : DataFrame
        A row per test, potential (`model`), quantity (energy or force), budget and method, the best
        first. `error` is
        the geometric mean over the resamples (meV/atom or eV/angstrom), `ratio` that to the
        leader's, `low` and `high` its interval, `verdict` "leads", "tied" or "behind";
        n_structures and n_environments are means of what was trained on.
    resamples : int
    level : float
        With this probability all intervals of a test, model, quantity and budget hold together.
    methods : tuple of str
    notes : tuple of str
        What a reader should know.
    """

    table: pd.DataFrame
    resamples: int
    level: float
    methods: tuple[str, ...]
    notes: tuple[str, ...]

    def _facts(self) -> Iterator[str]:
        yield f"{len(self.methods)} methods"
        yield f"{self.resamples} resamples"
        yield f"{len(self.summary())} rankings" if len(self.table) else "nothing ranked"

    def winners(
        self, test: str, quantity: str, budget: float, model: str = "soap_gap"
    ) -> list[str]:
        """Return the leader and all that are tied with it, the leader first."""
        own = self.table[
            (self.table["test"] == test)
            & (self.table["model"] == model)
            & (self.table["quantity"] == quantity)
            & (self.table["budget"].map(str) == str(budget))
        ]
        return [str(name) for name in own[own["verdict"] != BEHIND]["method"]]

    def summary(self) -> pd.DataFrame:
        """Return by test, model and method the mean ratio, and how often it led, tied, lost."""
        groups = self.table.groupby(["test", "model", "method"], sort=False)
        found = groups.agg(
            ratio=("ratio", lambda values: float(np.exp(np.log(values).mean()))),
            worst=("ratio", "max"),
            leads=("verdict", lambda said: int((said == LEADS).sum())),
            tied=("verdict", lambda said: int((said == TIED).sum())),
            behind=("verdict", lambda said: int((said == BEHIND).sum())),
            n_environments=("n_environments", "mean"),
        ).reset_index()
        return found.sort_values(["test", "model", "ratio"], kind="stable").reset_index(drop=True)

    def to_dict(self) -> dict[str, Any]:
        """Return everything as plain numbers and words."""
        return {
            "resamples": self.resamples,
            "level": self.level,
            "methods": list(self.methods),
            "notes": list(self.notes),
            "rows": self.table.to_dict(orient="records"),
            "summary": self.summary().to_dict(orient="records"),
        }


def rank_methods(
    analysis: Analysis,
    methods: Sequence[str] = CANDIDATES,
    budgets: Sequence[float] = (0.05, 0.1, 0.2),
    *,
    splits: Sequence[str] = ("random", "high_force"),
    resamples: int = 10,
    level: float = 0.9,
    seed: int = 0,
    specs: Mapping[str, Any] | None = None,
    spec: PotentialSpec | None = None,
    judges: Sequence[PotentialSpec] = (),
    unit: str = "structures",
    monitor: Monitor = SILENT,
) -> Ranking:
    """Rank methods on a data set by the errors of potentials trained on their selections.

    Parameters
    ----------
    analysis : Analysis
    methods : sequence of str
        Two at least.
    budgets : sequence of float
        See `Budget`: of the pool of a resample, 80 % of what is not held out for good.
    splits : sequence of str
        See `make_splits`. One that the data set does not have is left out with a note.
    resamples : int
        Three at least; more tell more apart.
    level : float
        Of the intervals.
    seed : int
    specs : mapping, optional
        Options of methods by name.
    spec : PotentialSpec, optional
        Which potential (default: SOAP-GAP); methods that select by a model see this one.
    judges : sequence of PotentialSpec
        Other potentials trained on the same selections, each with a ranking of its own.
    unit : str
        What budgets count, see `retrain`.
    monitor : Monitor

    Raises
    ------
    InputError
        If none of the splits can be made.

    Notes
    -----
    Cost: that of `retrain` for every split: the orders of all methods once per resample, and a
    few milliseconds per fit. See `paired_ratios` for the intervals.

    Examples
    --------
    >>> ranking = winnow.rank_methods(
    ...     information, ["random", "kmeans"], [0.5], splits=["random"], resamples=3
    ... )
    >>> ranking.methods
    ('random', 'kmeans')
    """
    methods = tuple(dict.fromkeys(methods))
    if len(methods) < 2:
        raise ValueError("a ranking needs two methods at least")
    if resamples < 3:
        raise ValueError(f"resamples is {resamples}: differences need three at least")
    rows: list[dict[str, Any]] = []
    notes: list[str] = []
    for at, split in enumerate(splits):
        part = Part(monitor, at / len(splits), (at + 1) / len(splits))
        try:
            found = retrain(
                analysis, methods, budgets, split=split, resamples=resamples, seed=seed,
                specs=specs, spec=spec, judges=judges, unit=unit, monitor=part,
            )  # fmt: skip
        except InputError as error:
            notes.append(f"{split}: {error}")
            continue
        notes += found.notes
        rows += _rows(found.table, methods, level)
    if not rows:
        raise InputError("; ".join(notes), source=analysis.dataset.name)
    table = table_of(rows)[list(COLUMNS)]
    return Ranking(table, resamples, level, methods, tuple(dict.fromkeys(notes)))


def _rows(table: pd.DataFrame, methods: Sequence[str], level: float) -> Iterator[dict[str, Any]]:
    """Yield the rows of a ranking from those of a retrain check."""
    table = table[table["method"] != WHOLE_POOL]
    for (test, model), one in table.groupby(["test", "model"], sort=False):
        for _, cell in one.groupby(one["budget"].map(str), sort=False):
            sizes = cell.groupby("method")[["n_structures", "n_environments"]].mean()
            for quantity, column in QUANTITIES.items():
                errors = cell.pivot_table(
                    index="method", columns="resample", values=column, dropna=False
                )
                errors = errors.reindex(methods).dropna(axis=1, how="any")
                values = errors.to_numpy()
                if values.shape[1] < 3 or (values <= 0).any():
                    continue
                means = np.exp(np.log(values).mean(axis=1))
                ratios, low, high = paired_ratios(values, level=level)
                for m in np.argsort(ratios, kind="stable"):
                    verdict = LEADS if m == np.argmin(means) else TIED if low[m] <= 1 else BEHIND
                    yield {
                        "test": test,
                        "model": model,
                        "quantity": quantity,
                        "budget": cell["budget"].iloc[0],
                        "method": methods[m],
                        "error": float(means[m]),
                        "ratio": float(ratios[m]),
                        "low": float(low[m]),
                        "high": float(high[m]),
                        "verdict": verdict,
                        **sizes.loc[methods[m]].to_dict(),
                    }


def paired_ratios(
    errors: FloatArray, *, level: float = 0.9
) -> tuple[FloatArray, FloatArray, FloatArray]:
    r"""Return ratios of errors to those of the best method, and their interval.

    .. math::
        \exp\left(\bar d \pm t_{J-1,\,1 - \alpha / 2 (k - 1)}
        \sqrt{\left(\tfrac1J + \tfrac{\rho}{1 - \rho}\right) s_d^2}\right)

    d are the differences of the logarithms of the errors of a method and of the best one (the
    smallest geometric mean) in each of J resamples, s their standard deviation. Pools of
    resamples have most structures in common; the second term, with the share :math:`\rho` = 0.2
    left out of each, makes up for that. :math:`\alpha` is shared by the k - 1 methods that are
    held against the best (Bonferroni).

    Parameters
    ----------
    errors : float array (k, J)
        Positive; a row per method, a column per resample.
    level : float
        :math:`1 - \alpha`.

    Returns
    -------
    ratio, low, high : float arrays (k,)
        1 for the best.

    References
    ----------
    Nadeau, Bengio, Mach. Learn. 52, 239 (2003), doi:10.1023/A:1024068626366 (the corrected
    resampled t-test).
    """
    logs = np.log(np.asarray(errors, dtype=np.float64))
    methods, resamples = logs.shape
    differences = logs - logs[np.argmin(logs.mean(axis=1))]
    mean, deviation = differences.mean(axis=1), differences.std(axis=1, ddof=1)
    wide = widening(resamples) * deviation
    each = 0.5 * (1.0 - level) / max(1, methods - 1)
    reach = float(stats.t.isf(each, resamples - 1)) * wide
    return np.exp(mean), np.exp(mean - reach), np.exp(mean + reach)
