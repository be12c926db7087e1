"""Calibration: which metric, at which width, ranks subsets as their retrained errors do."""

from __future__ import annotations

import json
from dataclasses import replace
from functools import cache

import ase.io
import numpy as np
import pytest
from numpy.testing import assert_allclose
from retrain_makers import make_structures
from scipy.stats import spearmanr

import winnow_atomistic as winnow
from analytics.cli.calibration import calibration_text
from analytics.evaluation.calibration import FACTORS, METRICS, Calibration, calibrate
from analytics.evaluation.comparable_subsets import comparable_subsets
from analytics.evaluation.retrain.ground import prepare_ground
from analytics.evaluation.retrain.uncertainty import uncertainty
from analytics.information.analysis import Analysis
from analytics.information.kernel import KernelSpec
from analytics.information.mean_delta_entropy import mean_delta_entropy
from analytics.potential.spec import RetrainSpec
from analytics.runtime.arrays import ragged_rows
from analytics.runtime.errors import InputError

pytest.importorskip("featomic")
SMALL = RetrainSpec(references=12)
H = 0.05


@cache
def analysed() -> Analysis:
    data = winnow.read(make_structures(60))
    return winnow.analyse(data, winnow.describe(data), KernelSpec(H))


@cache
def calibrated() -> Calibration:
    return calibrate(analysed(), resamples=2, spec=SMALL)


def test_correlations_are_those_of_subsets_measured_one_by_one() -> None:
    found, analysis = calibrated(), analysed()
    ground = prepare_ground(analysis, resamples=2, spec=SMALL)
    subsets = comparable_subsets(ground, 0, seed=0)
    x, offsets = analysis.descriptors.values, analysis.descriptors.structure_offsets
    y = x[ragged_rows(offsets, subsets.held_out)]
    kept = [x[ragged_rows(offsets, subsets.pool[each])] for each in subsets.members]
    for k in (4, 8, 12):
        missing = [mean_delta_entropy(y, each, bandwidth=H * FACTORS[k]).value for each in kept]
        expected = spearmanr(missing, subsets.force["hold_out"])[0]
        assert_allclose(found.force[0, k, 0], expected, atol=0.02)
    fit = ground.equations.fit(ground.splits[0].pool[subsets.members[3]])
    own = ground.tests[0].errors(fit)[0]
    assert_allclose(subsets.force["hold_out"][3], own.force_rmse_ev_a, rtol=1e-9)
    assert_allclose(found.force_errors[0, 3], own.force_rmse_ev_a, rtol=1e-9)


def test_what_it_says_hangs_together() -> None:
    found = calibrated()
    assert found.widths[len(FACTORS) // 2] == found.chosen == H
    assert np.all(np.diff(found.covered) >= 0)
    assert np.nanmax(np.abs(found.force)) <= 1
    for metric in METRICS:
        low, high = found.flat(metric)
        assert low <= found.best(metric) <= high
    nearest = found.force[list(METRICS).index("nearest_distance")]
    assert np.all(nearest == nearest[0])
    assert found.suggested is None or low <= high
    assert found.verdict.count(". ") >= 1
    assert found.verdict.endswith(".")
    content = found.to_dict()
    assert len(content["rows"]) == len(METRICS) * len(FACTORS) == len(found.to_frame())
    assert json.loads(json.dumps(content))["n_subsets"] == found.force_errors.shape[1]


def test_equal_errors_are_not_ranked() -> None:
    found = calibrated()
    same = Calibration(
        **{name: getattr(found, name) for name in found.__slots__}
        | {"force_errors": 1 + 0.01 * np.random.default_rng(0).random(found.force_errors.shape)}
    )
    assert same.nothing_to_rank
    assert same.suggested is None
    assert "any tenth is as good" in same.verdict.lower()


def test_the_command_beside_its_scan(run_json, fails, tmp_path):
    path, table = tmp_path / "made.extxyz", tmp_path / "out.csv"
    frames = make_structures(30)
    ase.io.write(path, frames)
    found = run_json("bandwidth", path, "--bandwidth", H, "--calibration", table)
    assert {row["metric"] for row in found["calibration"]["rows"]} == set(METRICS)
    assert found["calibration"]["chosen"] == H
    assert found["rows"]
    assert len(table.read_text().splitlines()) == 1 + len(METRICS) * len(FACTORS)
    for atoms in frames:
        atoms.calc = None
    ase.io.write(path, frames)
    assert "neither energies nor forces" in fails("bandwidth", path, "--calibrate")


def test_the_text_says_what_to_conclude():
    lines = calibration_text(calibrated()).splitlines()
    assert calibrated().verdict in lines
    assert sum(line.endswith("in use") for line in lines) == 1
    assert sum(line.count("±") for line in lines[4:]) == len(METRICS) * len(FACTORS)


def test_the_width_in_use_stays_unless_another_is_surely_better():
    found = calibrated()
    fields = {name: getattr(found, name) for name in found.__slots__}
    fields |= {"force_errors": np.random.default_rng(0).lognormal(size=(2, 40))}
    fields |= {"reliability": np.ones(2)}
    peak = np.exp(-np.abs(np.arange(len(FACTORS)) - 12.0))  # four steps above the one in use
    sure = np.broadcast_to(peak[:, None], found.force.shape[1:])
    assert Calibration(**fields | {"force": np.stack([sure] * 4)}).suggested == found.widths[12]
    away = np.array([1.0, -1.0]) * (np.arange(len(FACTORS)) != 12)[:, None]
    unsure = Calibration(**fields | {"force": np.stack([0.1 * sure + away] * 4)})
    assert unsure.suggested == found.chosen
    flat = Calibration(**fields | {"force": np.full(found.force.shape, 0.5)})
    assert flat.suggested == found.chosen
    assert flat.flat("coverage") == (found.widths[0], found.widths[-1])
    assert "leave it" in flat.verdict


def test_without_forces_it_says_so_before_it_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("analytics.evaluation.calibration.prepare_ground", None)
    frames = make_structures(20)
    for atoms in frames:
        atoms.calc.results["forces"] = np.zeros((len(atoms), 3))
    data = winnow.read(frames)
    with pytest.raises(InputError, match="no forces other than zero"):
        calibrate(winnow.analyse(data, winnow.describe(data)))


def test_where_too_few_are_held_out_nothing_is_claimed() -> None:
    data = winnow.read(make_structures(5))
    few = winnow.analyse(data, winnow.describe(data))
    with pytest.raises(InputError, match="a single structure is held out"):
        calibrate(few, spec=SMALL)
    with pytest.raises(InputError, match="a single structure is held out"):
        uncertainty(few, spec=SMALL)


def test_hold_outs_without_forces_rank_nothing() -> None:
    errors = calibrated().force_errors.copy()
    errors[1] = 0.0
    found = replace(calibrated(), force_errors=errors)
    assert found.nothing_to_rank
    assert "symmetry makes all forces zero" in found.verdict
    assert "nan" not in calibration_text(found)
