"""Trainings of the lessons: learning curves on a part of carbon, a class left out, and leakage.

The functions that take an analysis and a monitor run in worker processes, some seconds each.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.transform import Rotation

from analytics.curation.split import split
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.engine import Wanted, repetitions
from analytics.evaluation.retrain.errors import make_test
from analytics.evaluation.retrain.evaluate import WHOLE_POOL, rows_of
from analytics.evaluation.retrain.ground import analysis_of_part, prepare_ground
from analytics.evaluation.retrain.splits import make_splits
from analytics.information.analysis import Analysis
from analytics.potential.design_cache import design_of
from analytics.potential.normal_equations import Equations, make_equations
from analytics.potential.spec import RetrainSpec
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.progress import Monitor, Part
from analytics.runtime.registry import spec_from
from analytics.selection.base import METHODS

__all__ = [
    "CLASSES", "COPIES", "LEFT_OUT", "METHODS_TRAINED", "MOLECULES", "SIZES", "Curve", "Leak",
    "Outside", "Trained", "leaking", "left_out", "small_part", "trained", "with_copies",
]  # fmt: skip

#: What the small set has of each class of carbon: crystals, strained ones, and vacancies.
CLASSES: Mapping[str, int] = {
    "graphene": 40, "graphene_strained": 12, "graphene_vacancy": 8,
    "diamond": 20, "diamond_strained": 8, "diamond_vacancy": 6,
}  # fmt: skip
#: The class that is left out.
LEFT_OUT = "graphene_vacancy"
#: Random, coverage, importance.
METHODS_TRAINED = ("random", "facility_location", "largest_force")
#: Structures kept.
SIZES = (4, 8, 16, 32)
#: Small and different from each other: what one learns of one says little of the next.
MOLECULES = ("dimer", "chain_finite", "chain_periodic", "ring", "fullerene_small")
#: Times that each of them is in the file with copies.
COPIES = 3
#: Repetitions of a split with and without leakage.
DEALT = 5


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """Errors of potentials trained on what a method keeps, mean and standard deviation.

    Attributes
    ----------
    energy, energy_std : float array (len(SIZES),), meV/atom
    force, force_std : float array (len(SIZES),), eV/angstrom
    """

    energy: FloatArray
    energy_std: FloatArray
    force: FloatArray
    force_std: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Trained:
    """Learning curves on the small set; a fifth, drawn at random, is held out.

    Attributes
    ----------
    pool, resamples : int
        Structures to choose from in each resample, and resamples.
    curves : dict of str to Curve
        By `METHODS_TRAINED`.
    energy, force : float
        Of potentials trained on the whole pool, means.
    left_out : float
        Force error, eV/angstrom, of the whole pool on the class `LEFT_OUT`, which is in the pool.
    """

    pool: int
    resamples: int
    curves: dict[str, Curve]
    energy: float
    force: float
    left_out: float


@dataclass(frozen=True, slots=True, eq=False)
class Outside:
    """Force errors, eV/angstrom, on the class `LEFT_OUT` of potentials that never saw it.

    Attributes
    ----------
    pool, resamples : int
    curves : dict of str to Curve
    force : float
        Of everything but that class.
    """

    pool: int
    resamples: int
    curves: dict[str, Curve]
    force: float


@dataclass(frozen=True, slots=True, eq=False)
class Leak:
    """Test errors with copies of the test structures in the training set, and without.

    Attributes
    ----------
    structures, molecules : int
        In the file with copies, and different ones.
    leaked : int
        Of the structures held out at random, how many have a copy in the training set; mean.
    tested : int
    at_random, without : float array (DEALT,), eV/angstrom
        Force error of each repetition.
    """

    structures: int
    molecules: int
    leaked: float
    tested: int
    at_random: FloatArray
    without: FloatArray


def small_part(dataset: Dataset) -> IntArray:
    """Return the structures of the small set: the first of each of `CLASSES`."""
    labels = dataset.config_type
    return np.sort(
        np.concatenate([np.flatnonzero(labels == name)[:m] for name, m in CLASSES.items()])
    )


def trained(analysis: Analysis, resamples: int, monitor: Monitor) -> Trained:
    """Train and test on the small set."""
    table, classes = _run(analysis, "random", None, resamples, monitor)
    whole = table[table["method"] == WHOLE_POOL]
    of_class = classes[(classes["method"] == WHOLE_POOL) & (classes["config_type"] == LEFT_OUT)]
    return Trained(
        round(whole["n_structures"].mean()),
        resamples,
        _curves(table),
        float(whole["energy_rmse_mev_atom"].mean()),
        float(whole["force_rmse_ev_a"].mean()),
        float(of_class["force_rmse_ev_a"].mean()),
    )


def left_out(analysis: Analysis, resamples: int, monitor: Monitor) -> Outside:
    """Train without one class, and test on it."""
    table, _ = _run(analysis, "leave_class_out", LEFT_OUT, resamples, monitor)
    whole = table[table["method"] == WHOLE_POOL]
    return Outside(
        round(whole["n_structures"].mean()),
        resamples,
        _curves(table),
        float(whole["force_rmse_ev_a"].mean()),
    )


def _run(
    analysis: Analysis, kind: str, test: str | None, resamples: int, monitor: Monitor
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the errors of all fits on the small set, and those by class of the tests."""
    small = analysis_of_part(analysis, small_part(analysis.dataset), monitor=Part(monitor, 0, 0.1))
    ground = prepare_ground(
        small, kind, left_out=test, resamples=resamples, monitor=Part(monitor, 0.1, 0.5)
    )
    wanted = {
        method: Wanted(method, spec_from(METHODS[method].spec, {}), 0, SIZES)
        for method in METHODS_TRAINED
    }
    rows: list[dict[str, Any]] = []
    classes: list[dict[str, Any]] = []
    made = repetitions(ground, wanted, monitor=Part(monitor, 0.5, 1.0))
    for at, repetition in enumerate(made):
        for _, by_test, by_class in rows_of(ground, at, repetition):
            rows += by_test
            classes += by_class
    return pd.DataFrame(rows), pd.DataFrame(classes)


def _curves(table: pd.DataFrame) -> dict[str, Curve]:
    found = {}
    for method in METHODS_TRAINED:
        by_size = table[table["method"] == method].groupby("budget", sort=True)
        energy, force = by_size["energy_rmse_mev_atom"], by_size["force_rmse_ev_a"]
        found[method] = Curve(
            energy.mean().to_numpy(), energy.std().fillna(0.0).to_numpy(),
            force.mean().to_numpy(), force.std().fillna(0.0).to_numpy(),
        )  # fmt: skip
    return found


# ---- leakage ------------------------------------------------------------------------------------


def with_copies(dataset: Dataset, structures: IntArray, copies: int, seed: int = 0) -> Dataset:
    """Return structures several times over, each turned, and with its atoms in another order.

    Energies stay and forces turn along: the copies are as right as what they were made from, and
    no comparison of text or coordinates finds them.
    """
    rng = np.random.default_rng(seed)
    many = dataset.take(np.repeat(structures, copies))
    offsets = many.structure_offsets
    forces = np.zeros_like(many.positions) if many.forces is None else many.forces
    positions, forces, cells = many.positions.copy(), forces.copy(), many.cells.copy()
    for s in range(many.n_structures):
        rows = slice(offsets[s], offsets[s + 1])
        turn = Rotation.random(random_state=rng).as_matrix()
        order = rng.permutation(offsets[s + 1] - offsets[s])
        positions[rows] = positions[rows][order] @ turn
        forces[rows] = forces[rows][order] @ turn
        cells[s] = cells[s] @ turn
    return Dataset(
        numbers=many.numbers, positions=positions, structure_offsets=offsets, cells=cells,
        pbc=many.pbc, energies=many.energies, forces=forces, config_type=many.config_type,
        name="molecules with copies",
    )  # fmt: skip


def leaking(analysis: Analysis, monitor: Monitor) -> Leak:
    """Hold out a fifth of a set with copies at random, and so that no copy is on both sides."""
    chosen = np.flatnonzero(np.isin(analysis.dataset.config_type, MOLECULES))
    data = with_copies(analysis.dataset, chosen, COPIES)
    molecule = np.repeat(np.arange(len(chosen)), COPIES)
    design = design_of(data, RetrainSpec(), monitor=Part(monitor, 0.0, 0.4))
    equations = make_equations(design, monitor=Part(monitor, 0.4, 0.5))
    every = np.arange(data.n_structures)
    at_random, without, leaked = [], [], []
    for seed, dealt in enumerate(make_splits(data, every, resamples=DEALT)):
        at_random.append(_error(equations, dealt.pool, dealt.held_out))
        leaked.append(np.isin(molecule[dealt.held_out], molecule[dealt.pool]).sum())
        part = Part(monitor, 0.5 + 0.1 * seed, 0.6 + 0.1 * seed)
        apart = split(data, (0.8, 0.2), bandwidth=analysis.spec.bandwidth, seed=seed, monitor=part)
        without.append(_error(equations, apart.parts["train"], apart.parts["test"]))
    return Leak(
        data.n_structures, len(chosen), float(np.mean(leaked)), len(dealt.held_out),
        np.array(at_random), np.array(without),
    )  # fmt: skip


def _error(equations: Equations, known: IntArray, held_out: IntArray) -> float:
    """Return the force error of a potential on what is held out, eV/angstrom."""
    return make_test("test", equations, held_out).errors(equations.fit(known))[0].force_rmse_ev_a
