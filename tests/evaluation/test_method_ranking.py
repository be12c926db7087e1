"""Rankings of methods by paired differences."""

from __future__ import annotations

import json

import ase.io
import numpy as np
import pytest
from numpy.testing import assert_allclose
from retrain_makers import make_structures
from scipy import stats

import winnow_atomistic as winnow
from analytics.cli.main import main
from analytics.evaluation.retrain.method_ranking import (
    BEHIND,
    LEADS,
    TIED,
    Ranking,
    paired_ratios,
    rank_methods,
)
from analytics.information.analysis import Analysis
from analytics.potential.spec import RetrainSpec
from analytics.runtime.errors import InputError

pytest.importorskip("featomic")

SMALL = RetrainSpec(cutoff=4.0, radial=3, angular=2, references=8)


@pytest.fixture(scope="module")
def information() -> Analysis:
    return winnow.analyse(winnow.read(make_structures(40)))


@pytest.fixture(scope="module")
def ranking(information: Analysis) -> Ranking:
    methods = ["random", "kmeans", "largest_force"]
    return rank_methods(information, methods, [0.2, 5], resamples=3, spec=SMALL)


def test_how_hard_a_resample_is_cancels() -> None:
    rng = np.random.default_rng(0)
    hard = np.exp(rng.normal(size=8))  # varies by a factor of e
    errors = np.array([hard, 1.1 * hard * np.exp(0.01 * rng.normal(size=8))])
    ratio, low, high = paired_ratios(errors)
    assert_allclose(ratio, [1.0, 1.1], rtol=0.02)
    assert low[1] > 1.05
    assert high[1] < 1.15
    assert low[0] == high[0] == 1.0
    shuffled = np.array([errors[0], rng.permutation(errors[1])])
    assert paired_ratios(shuffled)[1].min() < 1.0  # without pairs nothing could be said


def test_interval_is_that_of_the_corrected_t_test() -> None:
    errors = np.exp(np.random.default_rng(1).normal([[0.0], [0.5]], 1.0, (2, 6)))
    best = int(np.argmin(np.log(errors).mean(axis=1)))
    d = np.log(errors[1 - best] / errors[best])
    reach = stats.t.ppf(0.95, 5) * np.sqrt((1 / 6 + 0.25) * d.var(ddof=1))
    _, low, high = paired_ratios(errors, level=0.9)
    assert_allclose([low[1 - best], high[1 - best]], np.exp([d.mean() - reach, d.mean() + reach]))


def test_more_methods_and_a_higher_level_widen_the_intervals() -> None:
    errors = np.exp(np.random.default_rng(2).normal([[0.0], [1.0]], 1.0, (2, 6)))
    third = np.vstack([errors, 3 * errors[1:]])
    assert paired_ratios(third)[2][1] > paired_ratios(errors)[2][1]
    assert paired_ratios(errors, level=0.99)[2][1] > paired_ratios(errors)[2][1]


def test_equal_methods_are_tied() -> None:
    rng = np.random.default_rng(3)
    behind = 0
    for _ in range(200):  # the same distribution for all: whoever leads leads by chance
        errors = np.exp(rng.normal(size=(4, 10)))
        behind += bool((paired_ratios(errors)[1] > 1.0).any())
    assert behind < 40


def test_a_ranking_says_who_leads_and_who_is_tied(ranking: Ranking) -> None:
    table = ranking.to_frame()
    assert set(table["test"]) == {"hold_out", "high_force"}
    for _, cell in table.groupby(["test", "model", "quantity", table["budget"].map(str)]):
        assert sorted(cell["method"]) == ["kmeans", "largest_force", "random"]
        assert (cell["verdict"] == LEADS).tolist() == [True, False, False]
        assert_allclose(cell["ratio"], cell["error"] / cell["error"].iloc[0])
        assert cell["ratio"].is_monotonic_increasing
        tied = cell["low"] <= 1.0
        assert (cell["verdict"][tied & (cell["verdict"] != LEADS)] == TIED).all()
        assert (cell["verdict"][~tied] == BEHIND).all()
    winners = ranking.winners("hold_out", "energy", 5)
    assert winners[0] == table[(table["budget"].map(str) == "5")]["method"].iloc[0]
    summary = ranking.summary()
    assert (summary[["leads", "tied", "behind"]].sum(axis=1) == 4).all()
    assert json.dumps(ranking.to_dict())


def test_a_split_that_is_not_there_is_said(information: Analysis) -> None:
    one = information.dataset.take(np.flatnonzero(information.dataset.config_type == "chain"))
    alone = winnow.analyse(one)
    said = rank_methods(
        alone, ["random", "kmeans"], [0.5], splits=["random", "leave_class_out"], resamples=3,
        spec=SMALL,
    )  # fmt: skip
    assert any("class" in note for note in said.notes)
    with pytest.raises(InputError, match="class"):
        rank_methods(alone, ["random", "kmeans"], [0.5], splits=["leave_class_out"], spec=SMALL)


def test_one_method_or_two_resamples_are_refused(information: Analysis) -> None:
    with pytest.raises(ValueError, match="two methods"):
        rank_methods(information, ["random"])
    with pytest.raises(ValueError, match="resamples is 2"):
        rank_methods(information, ["random", "kmeans"], resamples=2)


def test_terminal(tmp_path, capsys) -> None:
    file = tmp_path / "set.xyz"
    ase.io.write(file, make_structures(30))
    small = ["--potential-cutoff", "4", "--potential-radial", "3", "--potential-references", "8"]
    words = ["rank", str(file), "--methods", "random,kmeans", "--budgets", "0.3", *small]
    words += ["--splits", "random", "--resamples", "3", "--model", "soap_gap"]
    assert main(words) == 0
    text = capsys.readouterr().out
    assert "hold_out, SOAP-GAP, energy" in text
    assert "meV/atom" in text
    assert "tied" in text or "leads" in text
    assert main([*words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert {row["method"] for row in found["rows"]} == {"random", "kmeans"}
    table = tmp_path / "ranking.csv"
    assert main([*words, "-o", str(table)]) == 0
    assert table.read_text().splitlines()[0].startswith("test,model,quantity,budget,method")


def test_the_command_ranks_by_both_potentials_by_default(tmp_path, capsys) -> None:
    ase.io.write(tmp_path / "set.xyz", make_structures(16), format="extxyz")
    words = ["rank", str(tmp_path / "set.xyz"), "--methods", "random,largest_force"]
    assert main([*words, "--budgets", "0.3", "--splits", "random", "--resamples", "3"]) == 0
    told = capsys.readouterr().out
    assert main([*words, "--resamples", "2"]) == 2
    assert "--resamples 2: differences need three" in capsys.readouterr().err
    for label in ("SOAP-GAP, energy", "SOAP-GAP, force", "linear ACE, energy", "linear ACE, force"):
        assert f"hold_out, {label}" in told
