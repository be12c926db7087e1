"""winnow select from a sampled demand: what it says, and what it refuses."""

from __future__ import annotations

from pathlib import Path

import pytest

import winnow_atomistic as winnow
from analytics.cluster.sampled_demand import demand_of
from analytics.recipe import Recipe

CARBON = f"{Path(__file__).parents[1] / 'assets' / 'carbon.xyz.gz'}@0:60"


def test_what_was_drawn_and_what_is_certified_are_said(run, run_json, tmp_path):
    asked = ("select", CARBON, "--budget", 6, "--demand", 400, "--candidates", 30, "--seed", 3)
    found = run_json(*asked)
    analysis = winnow.analyse(winnow.read(CARBON))
    expected = demand_of(analysis, "facility_location", 6, demand=400, candidates=30, seed=3)
    assert found["picked_frame_indices"] == expected.structures.tolist()
    said = found["demand"]
    assert (said["environments"], said["candidates"]) == (400, 30)
    assert said["of_environments"] == analysis.n_environments
    assert said["confidence"] == 0.99
    assert said["share"] == pytest.approx(expected.certificate(6))
    assert said["value_at_least"] == pytest.approx(expected.at_least[-1])
    assert 0 < said["value_at_least"] <= said["best_at_most"] <= analysis.n_environments
    code, out, _ = run(*asked, "-o", tmp_path / "kept.xyz", "--recipe", tmp_path / "kept.json")
    assert code == 0
    assert "demand sampled: 400 of " in out
    assert "picked from 30 of 59 structures" in out
    assert "with 99 % confidence at least " in out
    assert Recipe.load(tmp_path / "kept.json").demand == {"environments": 400, "candidates": 30}
    again = run_json("replay", tmp_path / "kept.json", CARBON)
    assert again["same"]


def test_what_is_added_to_a_reference(run, run_json, tmp_path):
    known = CARBON.replace("@0:60", "@60:80")
    asked = ("select", CARBON, "--budget", 4, "--demand", 500, "--reference", known)
    found = run_json(*asked, "--recipe", tmp_path / "kept.json")
    assert found["reference"] is not None
    assert 0 < found["demand"]["share"] <= 1
    code, out, _ = run(*asked, "-o", tmp_path / "subset.xyz")
    assert code == 0
    assert "of what the best possible 4 structures could add to the reference" in out
    assert run_json("replay", tmp_path / "kept.json", CARBON, "--reference", known)["same"]


def test_without_it_nothing_is_drawn(run_json):
    assert run_json("select", CARBON, "--budget", 6)["demand"] is None
    # the usual demand is more than there are environments here
    found = run_json("select", CARBON, "--budget", 6, "--demand", "auto")["demand"]
    assert found["environments"] == found["of_environments"]
    assert (found["candidates"], found["confidence"]) == (30, 1.0)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--candidates", 5], "--candidates is an option of --demand"),
        (["--demand", 9, "--method", "msc"], "--demand: Minimum set cover cannot: it is for"),
        (["--demand", 9, "--unit", "environments"], "--demand: --unit environments needs one"),
        (["--demand", 9, "--certificate"], "--demand: --certificate needs one round"),
        (["--demand", 9, "--rounds", 2], "--demand: two rounds (--rounds 2) value"),
        (["--demand", 0], "is not a whole number from 1 on"),
    ],
)
def test_what_is_not_possible_is_refused(fails, options, said):
    assert said in fails("select", CARBON, "--budget", 6, "--json", *options)
