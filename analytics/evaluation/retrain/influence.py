"""Influence: which training structures help or hurt a test, and whose labels fit no others.

Exact for the potential of the retrain check: every structure is left out once and the potential
fitted again (`leave_one_out`). The change of the error on a named test is what the structure does
to it; the error on the structure itself, which that fit has not seen, is a score for its labels.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.errors import TestSet
from analytics.evaluation.retrain.ground import Ground, make_file_test, prepare_ground
from analytics.evaluation.retrain.squared_errors import (
    LABELS,
    SquaredErrors,
    mean_change,
    root_mean,
    squared_errors,
)
from analytics.information.analysis import Analysis
from analytics.potential.leave_one_out import LeaveOneOut, leave_one_out
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Table

__all__ = ["Influence", "influence", "influence_on_ground"]


@dataclass(frozen=True)
class Influence(Table):
    """What training structures do to tests, one by one and class by class.

    Attributes
    ----------
    table : DataFrame
        A row per structure and test: structure (index into the data set), frame, config_type,
        test, and for energy and force: by how many per cent the root mean square error on the
        test rises if the structure is left out (below zero: it hurts), the change of the mean
        squared error, (meV/atom)^2 or (eV/angstrom)^2, and its standard error over the test
        structures. The structure that hurts the forces most comes first (the energies, if there
        are no forces).
    labels : DataFrame
        A row per structure: the errors on it of the fit to all others, meV/atom and
        eV/angstrom, and both in units of the fit's own expectation (`LeaveOneOut`), divided by
        their median over all structures. Largest score first: its labels fit the others least.
    classes : DataFrame
        As `table`, a config_type left out at a time; empty if there are not two.
    errors : mapping
        By test: energy and force error of the fit to all, meV/atom and eV/angstrom.
    notes : tuple of str
        What a reader should know.
    """

    table: pd.DataFrame
    labels: pd.DataFrame
    classes: pd.DataFrame
    errors: Mapping[str, tuple[float, float]]
    notes: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "errors": {
                test: {"energy_rmse_mev_atom": energy, "force_rmse_ev_a": force}
                for test, (energy, force) in self.errors.items()
            },
            "notes": list(self.notes),
            "rows": self.table.to_dict(orient="records"),
            "labels": self.labels.to_dict(orient="records"),
            "classes": self.classes.to_dict(orient="records"),
        }


def influence(
    analysis: Analysis,
    tests: Mapping[str, Dataset] | None = None,
    *,
    split: str = "random",
    left_out: str | None = None,
    seed: int = 0,
    spec: Any = None,
    monitor: Monitor = SILENT,
) -> Influence:
    """Leave every structure out of a fit to the data set and see what changes.

    Parameters
    ----------
    analysis : Analysis
    tests : mapping of str to Dataset, optional
        What the errors are measured on; all structures are then trained on. Without any, part of
        the data set is held out.
    split, left_out, seed
        What is held out then, see `make_splits`.
    spec : optional
        Of the potential.
    monitor : Monitor

    Notes
    -----
    One solve per structure: seconds for 240 structures and 200 functions.

    Examples
    --------
    >>> found = winnow.influence(information)
    >>> len(found.labels)
    59
    """
    ground = prepare_ground(
        analysis, split, left_out=left_out, resamples=1, seed=seed, spec=spec,
        monitor=Part(monitor, 0.0, 0.5),
    )  # fmt: skip
    given = [make_file_test(ground, name, data) for name, data in (tests or {}).items()]
    return influence_on_ground(ground, given, monitor=Part(monitor, 0.5, 1.0))


def influence_on_ground(
    ground: Ground, tests: Sequence[TestSet] = (), *, monitor: Monitor = SILENT
) -> Influence:
    """Return the influence on tests of all structures, or of the pool on what is held out.

    Parameters
    ----------
    ground : Ground
        Of which the first resample counts.
    tests : sequence of TestSet
    monitor : Monitor
    """
    equations = ground.equations
    isolated = equations.design.dataset.isolated
    base, every = np.flatnonzero(isolated), np.flatnonzero(~isolated)
    left = leave_one_out(equations, every, base, monitor=Part(monitor, 0.0, 0.4))
    trained = left
    if not tests:
        tests = (ground.tests[0],)
        pool = np.setdiff1d(every, ground.splits[0].held_out)
        trained = leave_one_out(equations, pool, base, monitor=Part(monitor, 0.4, 0.7))
    rows, classes, errors = [], [], {}
    for at, test in enumerate(tests):
        step = Part(monitor, 0.7 + 0.3 * at / len(tests), 0.7 + 0.3 * (at + 1) / len(tests))
        found = squared_errors(test, _fits(trained), monitor=step)
        before = [float(root_mean(*found.of(label))[0]) for label in LABELS]
        errors[test.name] = (before[0], before[1])
        rows += _rows(ground, trained.structures, test.name, found)
        classes += _classes(ground, trained, base, test)
    table = pd.DataFrame(rows)
    first = (
        "force_change_percent"
        if table["force_change_percent"].notna().any()
        else ("energy_change_percent")
    )
    table = table.sort_values(["test", first], kind="stable", ignore_index=True)
    notes = (*ground.notes, *(note for test in tests for note in test.notes))
    return Influence(table, _labels(ground, left), pd.DataFrame(classes), errors, notes)


def _fits(left: LeaveOneOut) -> FloatArray:
    return np.vstack([left.complete[None], left.coefficients])


def _changes(found: SquaredErrors) -> dict[str, FloatArray]:
    """Return what changes against the first of some fits, a value for each of the others."""
    columns = {}
    for label in LABELS:
        sums, counts = found.of(label)
        mean, error = mean_change(sums[:, 1:] - sums[:, :1], counts)
        roots = root_mean(sums, counts)
        with np.errstate(divide="ignore", invalid="ignore"):
            columns[f"{label}_change_percent"] = 100.0 * (roots[1:] / roots[0] - 1.0)
        columns[f"{label}_mean_squared"] = mean
        columns[f"{label}_mean_squared_error"] = error
    return columns


def _head(ground: Ground, s: int) -> dict[str, Any]:
    data = ground.equations.design.dataset
    return {
        "structure": int(ground.structures[s]),
        "frame": int(data.frame_indices[s]),
        "config_type": str(data.config_type[s]),
    }


def _rows(
    ground: Ground, structures: IntArray, test: str, found: SquaredErrors
) -> list[dict[str, Any]]:
    columns = _changes(found)
    return [
        _head(ground, int(s)) | {"test": test} | {name: float(v[at]) for name, v in columns.items()}
        for at, s in enumerate(structures)
    ]


def _classes(
    ground: Ground, left: LeaveOneOut, base: IntArray, test: TestSet
) -> list[dict[str, Any]]:
    """Return what changes if all structures of a class are left out together."""
    labels = ground.equations.design.dataset.config_type[left.structures]
    names, counts = np.unique(labels, return_counts=True)
    if len(names) < 2:
        return []
    fits = [left.complete]
    for name in names:
        rest = np.concatenate([base, left.structures[labels != name]])
        fits.append(ground.equations.fit(rest))
    columns = _changes(squared_errors(test, np.array(fits)))
    return [
        {"config_type": str(name), "n_structures": int(counts[at]), "test": test.name}
        | {column: float(values[at]) for column, values in columns.items()}
        for at, name in enumerate(names)
    ]


def _labels(ground: Ground, left: LeaveOneOut) -> pd.DataFrame:
    energy, force = (
        _by_median(np.abs(left.energy_scores)),
        _by_median(left.force_scores),
    )
    table = pd.DataFrame(
        [
            _head(ground, int(s))
            | {
                "energy_error_mev_atom": 1e3 * float(left.energy_errors[at]),
                "energy_score": float(energy[at]),
                "force_error_ev_a": float(left.force_errors[at]),
                "force_score": float(force[at]),
            }
            for at, s in enumerate(left.structures)
        ]
    )
    largest = table[["energy_score", "force_score"]].max(axis=1)
    order = np.argsort(-largest.fillna(-1.0).to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def _by_median(scores: FloatArray) -> FloatArray:
    """Return scores in units of their median: what is usual in this set."""
    known = scores[np.isfinite(scores)]
    middle = float(np.median(known)) if len(known) else 0.0
    return scores / middle if middle > 0 else scores
