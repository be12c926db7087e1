"""Verdicts follow from the figures: thresholds, spread, and what was not computed."""

from __future__ import annotations

import math

import pytest

from analytics.density.claims import check_claims
from analytics.density.results import DensityResults, precomputed
from analytics.density.study import StudySpec

STEPS = 900


def results(errors: dict, *, baseline: float = 20.0, energies: dict | None = None, **more):
    """Make results from {(method, kept): errors per seed}; a third entry of a key are the steps."""
    rows = []
    for key, values in errors.items():
        method, kept, steps = key if len(key) == 3 else (*key, STEPS)
        for seed, value in enumerate(values):
            rows.append(
                {
                    "system": "made", "method": method, "kept": kept, "seed": seed, "n_points": 9,
                    "density_error_pct": value, "train_seconds": steps / 100, "steps": steps,
                    "energy_error_mev_atom": (energies or {}).get(key, [math.nan] * 9)[seed],
                    "nrmse": 0.1, "unseen_error_pct": math.nan, "electrons_kept_pct": 1.0,
                    "n_snapshots": 3,
                }
            )  # fmt: skip
    facts = {"baseline_energy_error_mev_atom": baseline}
    settings = {"network": {"steps": STEPS, "epochs": 0}} | more
    return DensityResults("made", "Made", "points", settings, tuple(rows), facts, {})


def verdicts(*args, **kwargs) -> dict[str, str]:
    return {claim.name: claim.verdict for claim in check_claims(results(*args, **kwargs))}


FULL = {("full", 1.0): [1.0, 1.01, 0.99]}


@pytest.mark.parametrize(
    ("errors", "verdict"),
    [
        ([1.02, 1.03, 1.04], "reproduced"),
        ([1.3, 1.31, 1.29], "not reproduced"),
        ([0.9, 1.1, 1.4], "undecided"),
        ([1.02], "undecided"),  # one seed says nothing about the spread
    ],
)
def test_random_pruning(errors, verdict) -> None:
    assert verdicts(FULL | {("random", 0.1): errors})["random_nearly_free"] == verdict


@pytest.mark.parametrize(
    ("grand", "verdict"),
    [([9.0, 9.5, 8.5], "reproduced"), ([1.5, 1.6, 1.4], "not reproduced"),
     ([2.0, 3.0, 5.0], "undecided")],
)  # fmt: skip
def test_importance_fails(grand, verdict) -> None:
    errors = FULL | {("random", 0.01): [1.0, 1.0, 1.01], ("grand", 0.01): grand}
    assert verdicts(errors)["grand_fails"] == verdict


def test_shares_must_be_near_those_of_the_claim() -> None:
    assert verdicts(FULL | {("ccs", 0.012): [1.1, 1.1, 1.1]})["ccs_hundredfold"] == "reproduced"
    assert verdicts(FULL | {("ccs", 0.05): [1.1, 1.1, 1.1]})["ccs_hundredfold"] == "not computed"


def test_third_of_the_time_looks_at_short_trainings_only() -> None:
    errors = FULL | {("ccs", 0.01): [1.1, 1.1, 1.1]}
    assert verdicts(errors)["third_of_the_time"] == "not computed"
    short = {("ccs", 0.01, STEPS // 3): [2.0, 2.0, 2.1], ("full", 1.0, STEPS // 3): [9.0, 9.0, 9.0]}
    found = {claim.name: claim for claim in check_claims(results(errors | short))}
    assert found["third_of_the_time"].verdict == "not reproduced"
    assert "0.33 of the time" in found["third_of_the_time"].measured
    assert found["ccs_hundredfold"].verdict == "reproduced"  # the short ones do not mix in


@pytest.mark.parametrize(
    ("energies", "baseline", "verdict"),
    [
        ([4.0, 4.2, 3.8], 20.0, "reproduced"),
        ([4.0, 4.2, 3.8], 2.0, "not reproduced"),  # spherical atoms do better
        ([14.0, 14.2, 13.8], 20.0, "not reproduced"),
        ([3.0, 9.0, 20.0], 20.0, "undecided"),
        ([math.nan] * 3, 20.0, "not computed"),
    ],
)
def test_chemical_accuracy_is_not_claimed_cheaply(energies, baseline, verdict) -> None:
    key = ("ccs", 0.01)
    found = verdicts(FULL | {key: [1.0, 1.0, 1.0]}, baseline=baseline, energies={key: energies})
    assert found["chemical_accuracy"] == verdict


def test_every_claim_says_how_and_what() -> None:
    for claim in check_claims(results(FULL | {("random", 0.1): [1.0, 1.0, 1.0]})):
        assert claim.criterion
        assert claim.measured
        if claim.verdict == "not computed":
            assert math.isnan(claim.value)
        else:
            assert claim.low <= claim.value <= claim.high


def test_what_is_missing_is_named() -> None:
    key = ("ccs", 0.01)
    for errors, missing in ((FULL, "no models of ccs"), (FULL | {key: [1.0, 1.0]}, "no errors")):
        found = {claim.name: claim for claim in check_claims(results(errors))}
        assert missing in found["chemical_accuracy"].measured


def test_large_figures_are_written_out() -> None:
    errors = FULL | {
        ("random", 0.01): [1.0, 1.0, 1.0],
        ("grand", 0.01): [12345.0, 13000.0, 14000.0],
    }
    found = {claim.name: claim for claim in check_claims(results(FULL | errors))}
    assert "13 120 ± 830 %" in found["grand_fails"].measured


@pytest.mark.parametrize("system", ["al", "water", "ethanol", "sigesn"])
def test_shipped_results_were_made_as_models_are_trained_here(system) -> None:
    """All with the default scaling of the target, so that both can be shown in one picture."""
    for unit in ("points", "snapshots"):
        found = precomputed(system, unit)
        assert found.settings["scaling"] == StudySpec().scaling
        assert found.settings["seeds"] == len({row["seed"] for row in found.rows}) == 3
        assert found.steps == 2500
    assert all(claim.verdict != "not computed" for claim in check_claims(precomputed(system)))
