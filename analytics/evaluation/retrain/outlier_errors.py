r"""Outlier scores (delta entropy) of test atoms against their force errors: novelty and error.

The score of a test atom is its delta entropy given the environments that a potential was trained
on, the error the length of the difference between its predicted and its given force. Rank
correlations of all atoms mix classes, so that they can come from the classes alone; `within` is
the mean over classes, weighted by their atoms.

References
----------
Yu, Lordi, Schwalbe-Koda, arXiv:2511.10561 (outlier analysis of test sets).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from ase.data import chemical_symbols

from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.descriptors.distances import describe
from analytics.evaluation.ranking import rank_correlation
from analytics.evaluation.retrain.errors import Parity, TestSet, parity_of_fit
from analytics.evaluation.retrain.ground import Ground
from analytics.information.kernel import log_kernel_sums
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.value import Table

__all__ = [
    "OutlierErrors",
    "error_curve",
    "outlier_rows",
    "rank_correlations",
    "scored_fit",
]

#: Atoms that a rank correlation needs.
FEWEST = 10
#: Points of the curve of errors against scores.
BINS = 12
#: What is correlated: all atoms, those of a class or element, and the mean over classes.
KINDS = ("all", "within", "config_type", "element")

_HEAD = ["test", "method", "budget"]


@dataclass(frozen=True)
class OutlierErrors(Table):
    """Rank correlation of outlier score and force error in fits, and the errors by score.

    Attributes
    ----------
    table : DataFrame
        A row per fit, test and group: method, budget, resample, test, kind (`KINDS`), group,
        n_atoms, spearman.
    curve : DataFrame
        A row per fit, test and bin of equally many atoms: delta_entropy_nats (median),
        force_error_ev_a (root mean square), force_error_median, force_error_p90.
    bandwidth : float
    """

    table: pd.DataFrame
    curve: pd.DataFrame
    bandwidth: float

    def summary(self) -> pd.DataFrame:
        """Return mean and standard deviation of the correlations over the resamples."""
        keys = [*_HEAD, "kind", "group"]
        groups = self.table.assign(budget=self.table["budget"].map(str)).groupby(keys, sort=False)
        return groups.agg(
            n_atoms=("n_atoms", "mean"), spearman=("spearman", "mean"), std=("spearman", "std"),
            resamples=("spearman", "count"),
        ).reset_index()  # fmt: skip

    def mean_curve(self) -> pd.DataFrame:
        """Return the curve averaged over the resamples, with the deviation of its errors."""
        curve = self.curve.assign(budget=self.curve["budget"].map(str))
        groups = curve.groupby([*_HEAD, "bin"], sort=False)
        return groups.agg(
            delta_entropy_nats=("delta_entropy_nats", "mean"),
            force_error_ev_a=("force_error_ev_a", "mean"),
            std=("force_error_ev_a", "std"),
            force_error_median=("force_error_median", "mean"),
            force_error_p90=("force_error_p90", "mean"),
        ).reset_index()

    def to_dict(self) -> dict[str, Any]:
        """Return summary and curve as plain values, for JSON."""
        return {
            "bandwidth": self.bandwidth,
            "correlations": self.summary().to_dict(orient="records"),
            "curve": self.mean_curve().to_dict(orient="records"),
        }


def rank_correlations(
    scores: FloatArray,
    errors: FloatArray,
    classes: npt.NDArray[np.str_],
    numbers: IntArray,
) -> list[dict[str, Any]]:
    """Return the rank correlation of scores and errors of atoms: of all, by class, by element.

    Parameters
    ----------
    scores : float array (k,), nats
    errors : float array (k,), eV/angstrom
        Atoms where it is NaN are left out.
    classes : str array (k,)
        config_type of the structure of each atom.
    numbers : int array (k,)
        Element of each.
    """
    known = np.isfinite(errors) & np.isfinite(scores)
    scores, errors, classes, numbers = scores[known], errors[known], classes[known], numbers[known]

    def row(kind: str, group: str, inside: npt.NDArray[np.bool_]) -> dict[str, Any]:
        value = rank_correlation(scores[inside], errors[inside], least=FEWEST)
        return {"kind": kind, "group": group, "n_atoms": int(inside.sum()), "spearman": value}

    by_class = [row("config_type", str(c), classes == c) for c in np.unique(classes)]
    by_element = [row("element", chemical_symbols[z], numbers == z) for z in np.unique(numbers)]
    defined = [r for r in by_class if np.isfinite(r["spearman"])]
    atoms = sum(r["n_atoms"] for r in defined)
    within = sum(r["n_atoms"] * r["spearman"] for r in defined) / atoms if atoms else float("nan")
    head = [
        row("all", "", np.full(len(scores), True)),
        {"kind": "within", "group": "", "n_atoms": atoms, "spearman": within},
    ]
    return [*head, *by_class, *by_element]


def error_curve(scores: FloatArray, errors: FloatArray, bins: int = BINS) -> list[dict[str, Any]]:
    """Return errors by score, in bins of equally many atoms from the lowest score on."""
    known = np.isfinite(errors) & np.isfinite(scores)
    scores, errors = scores[known], errors[known]
    parts = np.array_split(np.argsort(scores, kind="stable"), min(bins, len(scores)) or 1)
    return [
        {
            "bin": at,
            "delta_entropy_nats": float(np.median(scores[part])),
            "force_error_ev_a": float(np.sqrt(np.mean(errors[part] ** 2))),
            "force_error_median": float(np.median(errors[part])),
            "force_error_p90": float(np.quantile(errors[part], 0.9)),
        }
        for at, part in enumerate(parts)
        if len(part)
    ]


def scored_fit(
    ground: Ground,
    test: TestSet,
    members: IntArray,
    coefficients: FloatArray,
    described: Descriptors | None = None,
    *,
    own: Descriptors | None = None,
    bandwidth: float | None = None,
    monitor: Monitor = SILENT,
) -> tuple[FloatArray, FloatArray, Parity]:
    """Return outlier scores of test atoms given what a fit was trained on, and their force errors.

    Parameters
    ----------
    ground : Ground
    test : TestSet
        Held out of the ground, or a file.
    members : int array
        Structures trained on, as places in the equations of the ground.
    coefficients : float array (M + S,)
    described : Descriptors, optional
        Of the data set of a test that is a file.
    own : Descriptors, optional
        Another description of the data set of the ground.
    bandwidth : float, optional
        Default: that of the analysis.
    monitor : Monitor

    Returns
    -------
    scores : float array (k,), nats
        Of the atoms of the parity; isolated atoms are not among them.
    errors : float array (k,), eV/angstrom
        NaN where a force is not known.
    parity : Parity

    Notes
    -----
    O(n k d) for n environments trained on, and one product with the force rows of the test.
    """
    own = ground.analysis.descriptors if own is None else own
    structures, tested, shift = test.structures, own, ground.rows
    if described is not None:
        tested, shift = described, np.arange(test.equations.design.dataset.n_structures)
    structures = structures[np.isin(shift[structures], tested.structures)]
    h = ground.analysis.spec.bandwidth if bandwidth is None else bandwidth
    logs = log_kernel_sums(
        tested.values[_rows(tested, shift[structures])],
        own.values[_rows(own, ground.rows[members])],
        bandwidth=h,
        monitor=monitor,
    )
    parity = parity_of_fit(test.equations, structures, coefficients)
    return -logs, np.linalg.norm(parity.predicted_forces - parity.forces, axis=1), parity


def _rows(described: Descriptors, structures: IntArray) -> IntArray:
    """Return the rows of structures of the data set that are described."""
    structures = structures[np.isin(structures, described.structures)]
    places = np.searchsorted(described.structures, structures)
    return ragged_rows(described.structure_offsets, places)


def outlier_rows(
    ground: Ground,
    tests: Sequence[TestSet],
    members: IntArray,
    head: Mapping[str, Any],
    described: dict[str, Descriptors],
    *,
    monitor: Monitor = SILENT,
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the rows of table and curve of one fit.

    Parameters
    ----------
    ground, members, monitor
        As for `scored_fit`.
    tests : sequence of TestSet
    head : mapping
        What stands first in each row: method, budget, resample.
    described : dict
        Descriptors of tests that are files, by name: those that are missing are added.
    """
    isolated = np.flatnonzero(ground.equations.design.dataset.isolated)
    coefficients = ground.equations.fit(np.concatenate([isolated, members]))
    rows: list[dict[str, Any]] = []
    curve: list[dict[str, Any]] = []
    for test in tests:
        dataset: Dataset = test.equations.design.dataset
        file = dataset is not ground.equations.design.dataset
        if file and test.name not in described:
            spec = ground.analysis.descriptors.spec
            described[test.name] = describe(dataset, spec, monitor=monitor)
        scores, errors, parity = scored_fit(
            ground, test, members, coefficients, described[test.name] if file else None,
            monitor=monitor,
        )  # fmt: skip
        classes = np.repeat(parity.classes, dataset.sizes[parity.structures])
        numbers = dataset.numbers[parity.atoms]
        first = {**head, "test": test.name}
        rows += [first | row for row in rank_correlations(scores, errors, classes, numbers)]
        curve += [first | row for row in error_curve(scores, errors)]
    return rows, curve
