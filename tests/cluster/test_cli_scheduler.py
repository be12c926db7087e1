"""The command line on a cluster of two worker processes: the same answers, made over there."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest

import winnow_atomistic as winnow
from analytics.cluster.two_rounds import TwoRoundSpec, select_in_two_rounds

CARBON = f"{Path(__file__).parents[2] / 'assets' / 'carbon.xyz.gz'}@0:60"


@pytest.fixture
def select(run_json, tmp_path, monkeypatch):
    """Return a function that runs ``winnow select`` with a cache that knows nothing yet."""
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)

    def call(*arguments, file=CARBON):
        monkeypatch.setenv("WINNOW_CACHE", str(tmp_path / f"cache{len(list(tmp_path.iterdir()))}"))
        return run_json("select", file, "--budget", "12", *arguments)

    return call


def without_names(recipe):
    return {name: value for name, value in recipe.items() if name != "files"}


@pytest.mark.parametrize("how", ["option", "environment"])
def test_a_selection_is_made_on_the_cluster_and_is_the_same(
    select, scheduler, task_steps, monkeypatch, how
):
    here = select()
    before = task_steps()
    if how == "environment":
        monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", scheduler)
        there = select()
    else:
        there = select("--scheduler", scheduler)
    assert task_steps() > before + 6  # three for each task
    assert without_names(there) == without_names(here)
    assert here["rounds"] == 1  # the kernels of all structures fit this machine


def test_two_rounds_on_the_cluster(select, scheduler, task_steps):
    here = select("--rounds", 2, "--parts", 3, "--seed", 5)
    before = task_steps()
    there = select("--rounds", 2, "--parts", 3, "--seed", 5, "--scheduler", scheduler)
    assert task_steps() > before
    assert (there["rounds"], there["parts"], here["rounds"]) == (2, 3, 2)
    assert without_names(there) == without_names(here)
    described = winnow.describe(winnow.read(CARBON))
    h = there["kernel"]["bandwidth"]
    expected = select_in_two_rounds(described, 12, TwoRoundSpec(parts=3), bandwidth=h, seed=5)
    assert there["picked_frame_indices"] == expected.structures.tolist()


def test_two_rounds_where_one_would_work_on_a_sample(select, scheduler, fails, monkeypatch):
    monkeypatch.setenv("WINNOW_MEMORY_GB", "0.0001")
    monkeypatch.setattr("analytics.information.analysis.SKIP_PILOT_BELOW", 0)
    monkeypatch.setattr("analytics.information.analysis.SAMPLE", 300)
    alone = select()
    assert (alone["rounds"], alone["sample"]["environments"]) == (1, 300)
    found = select("--scheduler", scheduler)
    assert (found["rounds"], found["parts"]) == (2, round(np.sqrt(59 / 12)))
    assert found["steps"][-1]["rounds"] == 2
    for arguments in (
        ("--method", "msc"),
        ("--method-scales", 2),
        ("--rounds", 1),
        ("--reference", CARBON),
    ):
        assert select("--scheduler", scheduler, *arguments)["rounds"] == 1
    # what not even two rounds leave room for is picked from a sample, unless they were asked for
    monkeypatch.setattr("analytics.cluster.two_rounds.physical_memory", lambda: 1e5)
    assert select("--scheduler", scheduler)["rounds"] == 1
    refused = fails("select", CARBON, "--budget", "12", "--rounds", "2", "--json")
    assert "in one round, from a sample" in refused


def test_what_is_estimated_is_said(run, tmp_path, monkeypatch):
    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WINNOW_MEMORY_GB", "0.0001")
    monkeypatch.setattr("analytics.information.analysis.SKIP_PILOT_BELOW", 0)
    monkeypatch.setattr("analytics.information.analysis.SAMPLE", 300)
    words = "estimated from 300 of 1 188 environments"
    for rounds, others in ((1, True), (2, False)):
        out = run(
            "select",
            CARBON,
            "--budget",
            12,
            "--rounds",
            rounds,
            "--recipe",
            tmp_path / f"r{rounds}.json",
        )[1]
        assert words in out
        assert re.search(r"overlap +[\d.]+ % ± [\d.e-]+ %", out)
        assert re.search(r"mean delta entropy +[\d.]+ ± ", out)
        assert ("picked by as many others" in out) == others
    monkeypatch.delenv("WINNOW_MEMORY_GB")
    whole = run("select", CARBON, "--budget", 12, "--recipe", tmp_path / "whole.json")[1]
    assert whole
    assert "estimated from" not in whole


def test_a_selection_in_two_rounds_is_told_and_run_again(run, run_json, select, tmp_path):
    path = tmp_path / "recipe.json"
    code, out, err = run(
        "select", CARBON, "--budget", 12, "--rounds", 2, "--keep", 7, "--drop", "3,4",
        "--recipe", path,
    )  # fmt: skip
    assert (code, err) == (0, "")
    assert "picked in two rounds: in 2 random parts" in out
    kept = json.loads(path.read_text())
    assert kept["picked_frame_indices"][0] == 7
    again = run_json("replay", path, CARBON)
    assert again["same"]
    assert again["picked_frame_indices"] == kept["picked_frame_indices"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (("--rounds", "2", "--method", "msc"), "it is for Facility location and Saturated cov"),
        (("--rounds", "2", "--method-scales", "2"), "one kernel width"),
        (("--rounds", "2", "--method-cost", "environments"), "every structure costs the same"),
        (("--rounds", "2", "--certificate"), "--certificate needs one round"),
        (("--rounds", "2", "--unit", "environments"), "--unit environments needs one round"),
        (("--rounds", "2", "--reference", CARBON), "--reference needs one round"),
        (("--parts", "3"), "--parts is an option of --rounds 2"),
        (("--rounds", "2", "--parts", "0"), "'0' is not a whole number from 1 on"),
    ],
)
def test_two_rounds_are_refused_where_they_would_mean_something_else(fails, arguments, reason):
    assert reason in fails("select", CARBON, "--budget", 12, "--json", *arguments)


def test_a_scheduler_that_is_not_there(fails, tmp_path, monkeypatch):
    pytest.importorskip("distributed")
    monkeypatch.setattr("analytics.cluster.connection.PATIENCE", 0.5)
    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path / "cache"))
    address = "tcp://127.0.0.1:9"
    told = fails("select", CARBON, "--budget", 12, "--json", "--scheduler", address)
    assert f"no Dask scheduler answers at {address}" in told
