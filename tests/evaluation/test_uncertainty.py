"""The spread that a fit predicts for its errors, and how well it covers them."""

from __future__ import annotations

import ase.io
import numpy as np
import pytest
from numpy.testing import assert_allclose
from retrain_makers import make_structures

import winnow_atomistic as winnow
from analytics.evaluation.retrain.ground import Ground, prepare_ground
from analytics.evaluation.retrain.uncertainty import Uncertainty, factor_of, uncertainty
from analytics.information.analysis import Analysis
from analytics.information.kernel import KernelSpec
from analytics.potential.predictive_variance import predictive_spread
from analytics.potential.spec import RetrainSpec

pytest.importorskip("featomic")

SMALL = RetrainSpec(cutoff=4.0, radial=4, angular=3, references=12)


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    data = winnow.read(make_structures(30))
    return winnow.analyse(data, winnow.describe(data), KernelSpec(0.015))


@pytest.fixture(scope="module")
def ground(analysis: Analysis) -> Ground:
    return prepare_ground(analysis, resamples=2, spec=SMALL)


@pytest.fixture(scope="module")
def found(analysis: Analysis) -> Uncertainty:
    return uncertainty(analysis, resamples=2, spec=SMALL)


def test_the_spread_is_that_of_fits_to_labels_drawn_from_the_model(ground: Ground) -> None:
    """Coefficients from the posterior, by its inverse: predictions scatter as told."""
    equations, pool = ground.equations, ground.splits[0].pool
    held_out = ground.tests[0].structures
    told = predictive_spread(equations, pool, equations, held_out)
    matrix = equations.system(pool)[0] + np.diag(equations.prior)
    covariance = np.linalg.inv(matrix)
    design, m = equations.design, equations.n_functions
    rows = design.force_rows[design.force_part(held_out)].astype(float)
    own = np.sqrt(SMALL.force_error**2 + np.sum((rows @ covariance[:m, :m]) * rows, axis=1))
    assert_allclose(told.force.ravel(), own, rtol=1e-6)
    energy, sizes = equations.energy_rows[held_out], design.dataset.sizes[held_out]
    own = np.sum((energy @ covariance) * energy, axis=1)
    per_atom = 1e3 * np.sqrt((1e-3 * SMALL.energy_error * sizes) ** 2 + own) / sizes
    assert_allclose(told.energy, per_atom, rtol=1e-5)


def test_more_structures_settle_more(ground: Ground) -> None:
    equations, pool = ground.equations, ground.splits[0].pool
    few, many = (
        predictive_spread(equations, members, equations, ground.tests[0].structures)
        for members in (pool[:4], pool)
    )
    assert (many.force <= few.force + 1e-12).all()
    assert (many.energy <= few.energy + 1e-12).all()


def test_a_factor_makes_nine_of_ten_fit() -> None:
    rng = np.random.default_rng(0)
    spread = rng.uniform(0.5, 2.0, 20_000)
    errors = 3.0 * spread * rng.normal(size=len(spread))
    assert factor_of(errors, spread) == pytest.approx(3.0, rel=0.03)
    inside = np.abs(errors) <= 1.6449 * factor_of(errors, spread) * spread
    assert inside.mean() == pytest.approx(0.9, abs=1e-3)


def test_halves_change_places_and_structures_stay_whole(found: Uncertainty) -> None:
    assert len(found.table) == 2 * 2 * 2  # resamples, halves, labels
    for level in (50, 90, 95):
        for name in ("before", "after", "quantile"):
            assert found.table[f"{name}_{level}"].between(0, 1).all()
    assert (found.table["before_50"] <= found.table["before_95"]).all()
    assert found.table["after_90"].equals(found.table["quantile_90"])
    assert (found.ranks["rank_correlation"].abs() <= 1).all()


def test_points_are_the_held_out_atoms(found: Uncertainty, ground: Ground) -> None:
    data = ground.equations.design.dataset
    points = found.points
    assert sorted(set(points["structure"])) == ground.tests[0].structures.tolist()
    assert len(points) == data.sizes[ground.tests[0].structures].sum()
    assert (points["atom"] < data.sizes[points["structure"]]).all()
    fit = ground.equations.fit(ground.splits[0].pool)
    rmse = ground.tests[0].errors(fit)[0].force_rmse_ev_a
    assert_allclose(np.sqrt((points["error_ev_a"] ** 2).mean() / 3), rmse, rtol=1e-4)


def test_the_command(run, run_json, tmp_path) -> None:
    ase.io.write(tmp_path / "a.xyz", make_structures(16))
    options = ("--potential-references", 8, "--potential-radial", 3, "--potential-angular", 2)
    call = ("uncertainty", tmp_path / "a.xyz", "--resamples", 1, *options)
    found = run_json(*call)
    assert [row["label"] for row in found["summary"]] == ["energy", "force"]
    code, out, _ = run(*call, "-o", tmp_path / "u.csv")
    assert code == 0
    assert "as predicted" in out
    assert (tmp_path / "u.csv").read_text().startswith("structure,atom,spread_ev_a,error_ev_a")
