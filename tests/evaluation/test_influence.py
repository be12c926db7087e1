"""Leaving structures out: influence on tests, residuals of those left out, doubtful labels."""

from __future__ import annotations

from dataclasses import replace

import ase.io
import numpy as np
import pytest
from numpy.testing import assert_allclose
from retrain_makers import make_structures

import winnow_atomistic as winnow
from analytics.evaluation.retrain.ground import Ground, prepare_ground
from analytics.evaluation.retrain.influence import influence_on_ground
from analytics.evaluation.retrain.squared_errors import mean_change, squared_errors
from analytics.information.kernel import KernelSpec
from analytics.potential.leave_one_out import leave_one_out
from analytics.potential.normal_equations import make_equations
from analytics.potential.spec import RetrainSpec

pytest.importorskip("featomic")

SMALL = RetrainSpec(cutoff=4.0, radial=4, angular=3, references=12)


@pytest.fixture(scope="module")
def ground() -> Ground:
    data = winnow.read(make_structures(24))
    analysis = winnow.analyse(data, winnow.describe(data), KernelSpec(0.015))
    return prepare_ground(analysis, resamples=2, spec=SMALL)


def weighted_rows(equations, structures):
    """All rows and labels of structures, in units of the errors that the fit reckons with."""
    design, rows, labels = equations.design, [], []
    for s in structures:
        force = design.force_rows[design.force_part(np.array([s]))].astype(float)
        forces = design.forces[design.force_part(np.array([s]))]
        energy = equations.energy_rows[s] * np.sqrt(equations.energy_weights[s])
        wide = np.hstack([force, np.zeros((len(force), len(energy) - force.shape[1]))])
        rows.append(np.vstack([energy, wide * np.sqrt(equations.force_weight)]))
        first = equations.residuals[s] * np.sqrt(equations.energy_weights[s])
        labels.append(np.append(first, forces * np.sqrt(equations.force_weight)))
    return np.vstack(rows), np.concatenate(labels)


def test_every_fit_is_that_of_least_squares_without_the_structure(ground: Ground) -> None:
    equations, kept = ground.equations, ground.splits[0].pool
    left = leave_one_out(equations, kept)
    for at, s in enumerate(kept):
        rows, labels = weighted_rows(equations, np.setdiff1d(kept, [s]))
        prior = np.diag(np.sqrt(equations.prior))
        brute = np.linalg.lstsq(
            np.vstack([rows, prior]), np.append(labels, np.zeros(len(prior))), rcond=None
        )[0]
        assert_allclose(left.coefficients[at], brute, rtol=1e-4, atol=1e-5 * abs(brute).max())
        own, target = weighted_rows(equations, [s])
        wrong = own @ brute - target
        assert_allclose(left.force_errors[at], 0.1 * np.sqrt((wrong[1:] ** 2).mean()), rtol=1e-4)
        size = equations.design.dataset.sizes[s]
        scale = np.sqrt(equations.energy_weights[s]) * size
        assert_allclose(left.energy_errors[at], wrong[0] / scale, rtol=1e-3, atol=1e-6)


def test_scores_are_studentised(ground: Ground) -> None:
    """The studentised square of a block by its part of the hat matrix, as textbooks have it."""
    equations, kept = ground.equations, ground.splits[0].pool
    left = leave_one_out(equations, kept)
    rows, labels = weighted_rows(equations, kept)
    inverse = np.linalg.inv(rows.T @ rows + np.diag(equations.prior))
    wrong = rows @ (inverse @ (rows.T @ labels)) - labels
    start = 0
    for at, s in enumerate(kept):
        n = 1 + 3 * int(equations.design.dataset.sizes[s])
        own, e = rows[start : start + n], wrong[start : start + n]
        start += n
        spread = np.linalg.inv(np.eye(n) - own @ inverse @ own.T)
        outside = spread @ e
        assert_allclose(left.energy_scores[at], outside[0] / np.sqrt(spread[0, 0]), rtol=1e-3)
        squares = max(0.0, float(e[1:] @ outside[1:])) / (n - 1)
        assert_allclose(left.force_scores[at] ** 2, squares, rtol=1e-3, atol=1e-9)


def test_influence_is_what_the_error_does_without_the_structure(ground: Ground) -> None:
    found = influence_on_ground(ground)
    test, pool = ground.tests[0], ground.splits[0].pool
    whole = test.errors(ground.equations.fit(pool))[0]
    assert_allclose(found.errors["hold_out"], [whole.energy_rmse_mev_atom, whole.force_rmse_ev_a])
    assert sorted(found.table["structure"]) == pool.tolist()
    for row in found.table.to_dict(orient="records"):
        rest = test.errors(ground.equations.fit(np.setdiff1d(pool, [row["structure"]])))[0]
        for label, now, before in (
            ("energy", rest.energy_rmse_mev_atom, whole.energy_rmse_mev_atom),
            ("force", rest.force_rmse_ev_a, whole.force_rmse_ev_a),
        ):
            rise = 100 * (now / before - 1)
            assert_allclose(row[f"{label}_change_percent"], rise, rtol=1e-4, atol=1e-4)
            squared = now**2 - before**2
            assert_allclose(row[f"{label}_mean_squared"], squared, rtol=1e-4, atol=1e-7)
    data = ground.equations.design.dataset
    for row in found.classes.to_dict(orient="records"):
        rest = pool[data.config_type[pool] != row["config_type"]]
        now = test.errors(ground.equations.fit(rest))[0].force_rmse_ev_a
        assert_allclose(row["force_change_percent"], 100 * (now / whole.force_rmse_ev_a - 1))


def test_errors_by_structure_add_up_to_those_of_the_test(ground: Ground) -> None:
    test = ground.tests[1]
    fits = np.array([ground.equations.fit(ground.splits[1].pool[:k]) for k in (3, 8)])
    found = squared_errors(test, fits)
    for at, fit in enumerate(fits):
        whole = test.errors(fit)[0]
        energy, counts = found.of("energy")
        assert_allclose(np.sqrt(energy[:, at].mean()), whole.energy_rmse_mev_atom, rtol=1e-6)
        force, counts = found.of("force")
        assert_allclose(
            np.sqrt(force[:, at].sum() / counts.sum()), whole.force_rmse_ev_a, rtol=1e-5
        )


def test_the_error_of_a_mean_change_is_that_of_a_mean() -> None:
    values = np.random.default_rng(0).normal(size=(40, 2))
    mean, error = mean_change(values, np.ones(40, dtype=int))
    assert_allclose(mean, values.mean(axis=0))
    assert_allclose(error, values.std(axis=0, ddof=1) / np.sqrt(40))
    assert np.isnan(mean_change(values[:0], np.ones(0, dtype=int))[0]).all()
    assert np.isnan(mean_change(values[:1], np.ones(1, dtype=int))[1]).all()


@pytest.mark.parametrize("label", ["energy", "force"])
def test_corrupted_labels_come_out_on_top(ground: Ground, label: str) -> None:
    design = ground.equations.design
    data = design.dataset
    energies, forces = np.array(data.energies), np.array(data.forces)
    rows = data.rows(7)
    if label == "energy":
        energies[7] += 1.0 * (rows.stop - rows.start)
    else:
        forces[rows] += np.random.default_rng(0).normal(0, 3.0, forces[rows].shape)
    changed = replace(data, energies=energies, forces=forces)
    equations = make_equations(replace(design, dataset=changed))
    found = influence_on_ground(replace(ground, equations=equations))
    assert found.labels.sort_values(f"{label}_score")["structure"].iloc[-1] == 7


def test_a_set_without_forces_has_no_influence_on_forces() -> None:
    frames = make_structures(14)
    for frame in frames:
        frame.info["energy"] = frame.get_potential_energy()
        frame.calc = None
    data = winnow.read(frames)
    analysis = winnow.analyse(data, winnow.describe(data), KernelSpec(0.015))
    found = influence_on_ground(prepare_ground(analysis, resamples=1, spec=SMALL))
    assert found.table["force_change_percent"].isna().all()
    assert found.table["energy_change_percent"].is_monotonic_increasing
    assert found.labels["force_score"].isna().all()


def test_the_command(run, run_json, tmp_path) -> None:
    ase.io.write(tmp_path / "a.xyz", make_structures(16))
    ase.io.write(tmp_path / "b.xyz", make_structures(6, seed=3))
    options = ("--potential-references", 8, "--potential-radial", 3, "--potential-angular", 2)
    files = (tmp_path / "a.xyz", "--test", f"other={tmp_path / 'b.xyz'}", *options)
    found = run_json("influence", *files)
    assert set(found["errors"]) == {"other"}
    assert len(found["rows"]) == len(found["labels"]) == 16  # nothing is held out
    code, out, _ = run(
        "influence", *files, "-o", tmp_path / "i.csv", "--labels", tmp_path / "l.csv"
    )
    assert code == 0
    assert "Labels that the fit to all others contradicts most" in out
    assert (tmp_path / "i.csv").read_text().startswith("structure,frame,config_type,test,")
    assert len((tmp_path / "l.csv").read_text().splitlines()) == 17
