"""Outlier scores against force errors: by the definition, and in the table of retrain."""

from __future__ import annotations

import json

import numpy as np
import pytest
from makers import kernel_twin
from numpy.testing import assert_allclose
from retrain_makers import make_structures
from scipy.stats import spearmanr

import winnow_atomistic as winnow
from analytics.cli.main import main
from analytics.evaluation.ranking import rank_correlation
from analytics.evaluation.retrain.ground import make_file_test, prepare_ground
from analytics.evaluation.retrain.outlier_errors import (
    error_curve,
    rank_correlations,
    scored_fit,
)
from analytics.potential.spec import RetrainSpec

pytest.importorskip("featomic")

SMALL = RetrainSpec(cutoff=4.0, radial=4, angular=3, references=12)
WIDTH = 0.05


@pytest.fixture(scope="module")
def analysis():
    return winnow.analyse(winnow.read(make_structures(40)), spec=winnow.KernelSpec(WIDTH))


@pytest.fixture(scope="module")
def ground(analysis):
    return prepare_ground(analysis, resamples=1, spec=SMALL)


def test_scores_and_errors_are_those_of_the_definition(analysis, ground):
    data, x = analysis.dataset, analysis.descriptors.values
    kept, held_out = ground.splits[0].pool[:8], ground.splits[0].held_out
    fit = ground.equations.fit(kept)
    scores, errors, parity = scored_fit(ground, ground.tests[0], kept, fit)
    atoms = np.concatenate([np.arange(data.n_environments)[data.rows(s)] for s in held_out])
    trained = np.concatenate([np.arange(data.n_environments)[data.rows(s)] for s in kept])
    assert parity.atoms.tolist() == atoms.tolist()
    twin = -np.log(kernel_twin(x[atoms], x[trained], WIDTH).sum(axis=1))
    assert_allclose(scores, twin, rtol=1e-4, atol=1e-5)
    rows = ground.equations.design.force_rows.reshape(data.n_environments, 3, -1)[atoms]
    predicted = rows.astype(float) @ fit[: ground.equations.n_functions]
    off = np.sqrt(((predicted - data.forces[atoms]) ** 2).sum(axis=1))
    assert_allclose(errors, off, rtol=1e-3, atol=1e-5)

    fresh = winnow.read(make_structures(9, seed=5))
    described = winnow.describe(fresh)
    test = make_file_test(ground, "file", fresh)
    scores, errors, parity = scored_fit(ground, test, kept, fit, described)
    twin = -np.log(kernel_twin(described.values, x[trained], WIDTH).sum(axis=1))
    assert_allclose(scores, twin, rtol=1e-4, atol=1e-5)
    assert np.isfinite(errors).all()
    assert parity.atoms.tolist() == list(range(fresh.n_environments))


def test_rank_correlations_by_group():
    rng = np.random.default_rng(0)
    scores, numbers = rng.normal(size=60), rng.choice([6, 14], 60)
    errors = scores + rng.normal(size=60)
    errors[:5] = np.nan
    classes = np.repeat(["a", "b", "few"], [30, 25, 5])
    rows = {(r["kind"], r["group"]): r for r in rank_correlations(scores, errors, classes, numbers)}
    known = np.isfinite(errors)

    def twin(inside):
        return spearmanr(scores[inside & known], errors[inside & known]).statistic

    assert rows["all", ""]["spearman"] == pytest.approx(twin(known))
    assert rows["element", "Si"]["spearman"] == pytest.approx(twin(numbers == 14))
    each = {name: rows["config_type", name] for name in ("a", "b", "few")}
    assert [r["n_atoms"] for r in each.values()] == [25, 25, 5]
    assert np.isnan(each["few"]["spearman"])
    mean = (twin(classes == "a") + twin(classes == "b")) / 2
    assert rows["within", ""]["spearman"] == pytest.approx(mean)
    assert np.isnan(rank_correlation(np.zeros(20), scores[:20]))


def test_the_curve_has_every_atom_once():
    scores, errors = np.arange(25.0)[::-1], np.arange(25.0)
    curve = error_curve(scores, errors, bins=5)
    assert [row["delta_entropy_nats"] for row in curve] == [2.0, 7.0, 12.0, 17.0, 22.0]
    assert curve[0]["force_error_ev_a"] == pytest.approx(np.sqrt(np.mean(np.arange(20, 25) ** 2)))
    assert error_curve(scores, np.full(25, np.nan)) == []


def test_retrain_has_them(analysis, capsys, tmp_path):
    found = winnow.retrain(
        analysis, ["random"], [0.3], tests={"file": winnow.read(make_structures(9, seed=5))},
        resamples=2, spec=SMALL,
    )  # fmt: skip
    summary = found.outliers.summary()
    assert set(summary["test"]) == {"hold_out", "file"}
    whole = summary[(summary["kind"] == "all") & (summary["method"] == "random")]
    assert (whole["spearman"] > 0).all()
    assert set(summary["kind"]) == {"all", "within", "config_type", "element"}
    assert found.outliers.bandwidth == WIDTH
    path = tmp_path / "set.xyz"
    winnow.export(analysis.dataset, range(40), path)
    given = ["retrain", str(path), "--methods", "random", "--budgets", "0.3", "--resamples", "2",
             "--potential-references", "12", "--bandwidth", "0.05"]  # fmt: skip
    assert main([*given, "--json"]) == 0
    content = json.loads(capsys.readouterr().out)["outlier_scores"]
    assert content["bandwidth"] == WIDTH
    assert {row["kind"] for row in content["correlations"]} == set(summary["kind"])
    assert main(given) == 0
    assert "outlier score of an atom given what was kept" in capsys.readouterr().out
