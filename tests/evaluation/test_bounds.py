"""Bounds on the error of subsets: they hold as often as they say, and are not empty."""

from __future__ import annotations

import itertools

import ase.io
import numpy as np
import pytest
from numpy.testing import assert_allclose
from retrain_makers import make_structures

import winnow_atomistic as winnow
from analytics.evaluation.retrain.bounds import (
    STAKES,
    Bounds,
    bound_of,
    bounds_along,
    bounds_of_fits,
    cap_of,
    log_evidence,
    single_rise,
)
from analytics.evaluation.retrain.errors import make_test
from analytics.evaluation.retrain.ground import prepare_ground
from analytics.information.analysis import Analysis
from analytics.information.kernel import KernelSpec
from analytics.potential.spec import RetrainSpec

SMALL = RetrainSpec(cutoff=4.0, radial=4, angular=3, references=12)


def errors(n: int, rise: float, seed: int, heavy: float = 1.0) -> tuple[np.ndarray, np.ndarray]:
    """Squared errors of two fits with heavy tails; the mean of the first is larger by a rise."""
    rng = np.random.default_rng(seed)
    whole = rng.lognormal(0.0, heavy, n)
    return whole * (1 + rise) ** 2 * rng.lognormal(-0.125, 0.5, n), whole


def test_capital_by_the_definition() -> None:
    subset, whole = errors(7, 0.1, 0)
    capital = []
    for stake in STAKES:
        money = 1.0
        for a, b in zip(subset, whole, strict=True):
            money *= 1 - stake / 3.0 * min(a - 1.2**2 * b, 3.0)
        capital.append(money)
    assert_allclose(np.exp(log_evidence(subset, whole, 0.2, 3.0)), np.mean(capital))


def test_no_bet_pays_on_average_where_the_rise_is_larger() -> None:
    """Draws without replacement from a finite collection, all of them: the mean is at most 1."""
    subset, whole = errors(8, 0.0, 3)
    rise = np.sqrt(subset.sum() / whole.sum()) - 1  # the true one, just not refuted
    cap = cap_of(subset, whole)
    paid = [
        np.exp(log_evidence(subset[list(drawn)], whole[list(drawn)], rise, cap))
        for drawn in itertools.combinations(range(8), 4)
    ]
    assert np.mean(paid) <= 1 + 1e-12
    assert max(paid) > 1


@pytest.mark.parametrize("heavy", [0.5, 1.5])
@pytest.mark.parametrize("n", [10, 60])
def test_bounds_hold_as_often_as_they_say(n: int, heavy: float) -> None:
    subset, whole = errors(2000, 0.1, 5, heavy)
    true = np.sqrt(subset.sum() / whole.sum()) - 1
    cap, broken = cap_of(subset, whole), 0
    rng = np.random.default_rng(6)
    for _ in range(200):
        drawn = rng.choice(2000, n, replace=False)
        broken += true > bound_of(subset[drawn], whole[drawn], cap, 0.9)
    assert broken <= 30  # 20 expected at most; 30 by chance once in 100


def test_more_structures_and_less_confidence_bound_more_tightly() -> None:
    subset, whole = errors(400, 0.1, 1)
    cap = cap_of(subset, whole)
    several = [bound_of(subset[:n], whole[:n], cap, 0.9) for n in (20, 100, 400)]
    assert several == sorted(several, reverse=True)
    assert 0.1 < several[-1] < 0.3
    assert bound_of(subset, whole, cap, 0.5) < bound_of(subset, whole, cap, 0.99)
    assert bound_of(subset[:1], whole[:1], cap, 0.999) == np.inf
    assert bound_of(0.1 * whole, whole, cap, 0.9) == 0.0


def test_a_sequence_stops_at_the_first_that_fails() -> None:
    _, whole = errors(200, 0.0, 2)
    fits = np.stack([whole, 1.02 * whole, 9.0 * whole, 1.01 * whole], axis=1)
    points, last = bounds_of_fits(fits, fits, 0.1, 0.9)
    assert last == 1
    assert [point.holds for point in points] == [True, True, False, False]
    assert bounds_of_fits(fits[:2], fits[:2], 0.1, 0.9)[1] is None


def test_a_new_structure_stays_below_its_quantile() -> None:
    """Over all ways to leave one out, as conformal prediction promises: 8 of 10 or more."""
    subset, whole = errors(10, 0.2, 4)
    rises = np.sqrt(subset / whole) - 1
    below = [
        rises[i] <= single_rise(np.delete(subset, i), np.delete(whole, i), 0.8) for i in range(10)
    ]
    assert np.mean(below) >= 0.8
    assert single_rise(subset[:3], whole[:3], 0.9) == np.inf


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    pytest.importorskip("featomic")
    data = winnow.read(make_structures(40))
    return winnow.analyse(data, winnow.describe(data), KernelSpec(0.015))


@pytest.fixture(scope="module")
def found(analysis: Analysis) -> Bounds:
    return bounds_along(analysis, "largest_force", within=1.0, held_out=0.5, spec=SMALL)


def test_bounds_along_an_order(analysis: Analysis, found: Bounds) -> None:
    equations = prepare_ground(analysis, resamples=1, spec=SMALL).equations
    assert (found.pool, found.held_out) == (20, 20)
    assert found.points[0].n_structures == 20
    assert found.points[0].rise == 0.0
    kept = np.array(found.structures)
    assert len(kept) == found.smallest
    norms = np.linalg.norm(analysis.dataset.forces, axis=1)
    largest = [norms[analysis.dataset.rows(int(s))].max() for s in kept]
    assert largest == sorted(largest, reverse=True)  # the order of the method
    pool = np.sort(np.random.default_rng(0).permutation(40)[:20])
    test = make_test("rest", equations, np.setdiff1d(np.arange(40), pool))
    rmse = [test.errors(equations.fit(s))[0].force_rmse_ev_a for s in (kept, pool)]
    named = next(point for point in found.points if point.n_structures == found.smallest)
    assert named.holds
    assert_allclose(named.rise, rmse[0] / rmse[1] - 1, rtol=1e-4)
    assert named.bound <= 1.0
    assert named.n_environments == analysis.dataset.sizes[kept].sum()


def test_what_makes_no_sense_is_refused(analysis: Analysis) -> None:
    for wrong in ({"within": 0.0}, {"confidence": 1.0}, {"held_out": 0.0}, {"label": "stress"}):
        with pytest.raises(ValueError, match=next(iter(wrong))):
            bounds_along(analysis, **wrong)


def test_the_command(run, run_json, fails, tmp_path) -> None:
    pytest.importorskip("featomic")
    ase.io.write(tmp_path / "a.xyz", make_structures(20))
    options = ("--potential-references", 8, "--potential-radial", 3, "--potential-angular", 2)
    call = ("smallest", tmp_path / "a.xyz", *options)
    found = run_json(*call, "--within", "100%", "--held-out", "50%", "--confidence", "50%")
    assert len(found["frames"]) == (found["smallest"] or 0)
    code, out, _ = run(*call, "--within", "0.1%", "-o", tmp_path / "b.csv")
    assert code == 0
    assert "6 structures held out are too few to tell a rise of 0.1 %" in out
    assert (tmp_path / "b.csv").read_text().startswith("n_structures,n_environments,rise,bound,")
    assert "--confidence is 100 %" in fails(*call, "--confidence", "1.0")


def test_forces_that_symmetry_makes_zero_leave_the_energies() -> None:
    frames = make_structures(24)
    for atoms in frames:
        atoms.calc.results["forces"] = np.zeros((len(atoms), 3))
    data = winnow.read(frames)
    analysis = winnow.analyse(data, winnow.describe(data), KernelSpec(0.015))
    assert bounds_along(analysis, within=1.0, held_out=0.5, spec=SMALL).label == "energy"
