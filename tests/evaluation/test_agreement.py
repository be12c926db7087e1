"""Two judges and equal cost: the same selections by another potential, and the same atoms."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from retrain_makers import make_structures

import winnow_atomistic as winnow
from analytics.cli.main import main
from analytics.data.readers import dataset_from_atoms
from analytics.evaluation.retrain.agreement import agreement
from analytics.evaluation.retrain.engine import Wanted, repetitions
from analytics.evaluation.retrain.evaluate import WHOLE_POOL, RetrainResult, retrain
from analytics.evaluation.retrain.ground import prepare_ground
from analytics.evaluation.structure_sizes import size_spread
from analytics.information.analysis import Analysis
from analytics.potential.spec import AceSpec, RetrainSpec

pytest.importorskip("featomic")

SOAP = RetrainSpec(cutoff=4.0, radial=4, angular=2, references=8)
ACE = AceSpec(cutoff=4.0, radial=4, angular=2, pairs=4, triples=2)


@pytest.fixture(scope="module")
def information() -> Analysis:
    """Clusters of 4 and 5 atoms, and pairs of two of them far apart."""
    frames = make_structures(24)
    for one, other in zip(frames[:6], frames[6:12], strict=True):
        far = other.copy()
        far.positions += 50.0
        both = one + far
        both.info["config_type"] = "two"
        energy = one.get_potential_energy() + other.get_potential_energy()
        forces = np.vstack([one.get_forces(), other.get_forces()])
        both.calc = type(one.calc)(both, energy=energy, forces=forces)
        frames.append(both)
    data = dataset_from_atoms(frames, "made")
    return winnow.analyse(data, winnow.describe(data))


@pytest.fixture(scope="module")
def judged(information: Analysis) -> RetrainResult:
    return retrain(
        information, ["random", "kmeans"], [0.25, 0.5], resamples=3, spec=SOAP, judges=[ACE]
    )


def test_a_second_judge_sees_the_same_selections(
    information: Analysis, judged: RetrainResult
) -> None:
    table = judged.table
    assert set(table["model"]) == {"soap_gap", "linear_ace"}
    keys = ["method", "budget", "resample", "test", "n_structures", "n_environments"]
    parts = [table[table["model"] == name] for name in ("soap_gap", "linear_ace")]
    assert_array_equal(*(part[keys].astype(str).to_numpy() for part in parts))
    # as if it were the only one, but for methods that ask the model
    alone = retrain(information, ["random", "kmeans"], [0.25, 0.5], resamples=3, spec=ACE).table
    for name in ("energy_rmse_mev_atom", "force_rmse_ev_a"):
        assert_allclose(parts[1][name], alone[name], rtol=1e-6)
    assert len(judged.summary()) == 2 * 5
    assert judged.classes["model"].nunique() == 2


def test_a_method_that_asks_a_model_is_judged_by_both_on_one_selection(
    information: Analysis,
) -> None:
    ground = prepare_ground(information, resamples=1, spec=SOAP, beside=[ACE])
    wanted = {"a": Wanted("least_variance", None, 0, (0.3,))}
    (found,) = repetitions(ground, wanted)
    (other,) = found.beside
    assert_array_equal(other.check.orders["a"].order, found.check.orders["a"].order)
    assert len(other.check.equations.design.basis) != len(found.check.equations.design.basis)


def result_of(judged: RetrainResult, errors: dict[tuple[str, str], float]) -> RetrainResult:
    """A result with errors of one's own by model and method, the same but for 1 % of noise."""
    rng = np.random.default_rng(0)
    table = pd.DataFrame(
        {
            "model": model, "method": method, "budget": 0.1, "n_structures": 5,
            "n_environments": 20, "resample": r, "test": "hold_out",
            "energy_rmse_mev_atom": 1.0 + 0.01 * rng.normal(),
            "force_rmse_ev_a": error * (1.0 + 0.01 * rng.normal()),
        }
        for (model, method), error in errors.items()
        for r in range(5)
    )  # fmt: skip
    return replace(judged, table=table)


def test_contradicting_judges_name_no_winner(judged: RetrainResult) -> None:
    swapped = {
        ("soap_gap", "kmeans"): 1.0, ("soap_gap", "msc"): 1.5,
        ("linear_ace", "kmeans"): 1.5, ("linear_ace", "msc"): 1.0,
    }  # fmt: skip
    found = agreement(result_of(judged, swapped))
    assert found.sentences() == [
        "hold_out, force at 0.1: SOAP-GAP prefers kmeans, linear ACE prefers msc: no winner"
    ]
    assert json.loads(json.dumps(found.to_dict()))["sentences"] == found.sentences()
    alike = {**swapped, ("linear_ace", "msc"): 1.6}
    found = agreement(result_of(judged, alike))
    assert found.sentences() == []
    force = found.table[found.table["quantity"] == "force"]
    assert force["agreed"].tolist() == ["kmeans", "kmeans"]
    # tied for one, clear for the other: what both accept
    tied = {**swapped, ("linear_ace", "kmeans"): 1.001, ("linear_ace", "msc"): 1.0}
    assert agreement(result_of(judged, tied)).sentences() == []


def test_one_judge_says_nothing(judged: RetrainResult) -> None:
    own = replace(judged, table=judged.table[judged.table["model"] == "soap_gap"])
    assert len(agreement(own).table) == 0
    assert agreement(own).sentences() == []


def test_of_environments_every_method_trains_on_the_same_atoms(information: Analysis) -> None:
    found = retrain(
        information, ["random", "kmeans", "largest_force"], [0.3, 0.6], resamples=2, spec=SOAP,
        unit="environments",
    )  # fmt: skip
    table = found.table
    pool = table[table["method"] == WHOLE_POOL].set_index("resample")["n_environments"]
    largest = int(information.sizes.max())
    for row in table[table["method"] != WHOLE_POOL].itertuples():
        budget = round(row.budget * pool[row.resample])
        assert row.n_environments <= budget
        # clusters are others for each number of them: near the budget, not always up to it
        assert row.n_environments >= budget - largest or row.method == "kmeans"
    assert not any("equal cost" in note for note in found.notes)


def test_a_curve_says_what_each_point_costs(information: Analysis) -> None:
    ground = prepare_ground(information, resamples=1, spec=SOAP)
    check = ground.check(0)
    order = check.pool[::-1]
    curve = check.with_order("a", order).curve("a", [1, 3, 0.5])
    sizes = ground.equations.design.dataset.sizes[order]
    assert curve.environments == tuple(int(sizes[:m].sum()) for m in curve.sizes)


def test_sizes_that_differ_are_said(information: Analysis, judged: RetrainResult) -> None:
    assert size_spread(np.full(7, 64)) == 1.0
    assert size_spread(np.array([1] + 30 * [64])) == 1.0  # one lone dimer is no cost
    assert judged.size_spread > 2
    assert any("equal cost" in note for note in judged.notes)


def test_the_terminal_orders_by_atoms_and_has_both_judges(tmp_path, capsys) -> None:
    from ase.io import write

    file = tmp_path / "made.xyz"
    write(file, make_structures(20), format="extxyz")
    command = ["retrain", str(file), "--methods", "random,kmeans", "--budgets", "0.5",
               "--resamples", "1", "--unit", "environments", "--potential-cutoff", "4"]  # fmt: skip
    assert main(command) == 0
    said = capsys.readouterr().out
    assert "hold_out, SOAP-GAP" in said
    assert "hold_out, linear ACE" in said
    assert said.index("environments") < said.index("budget")
    assert main([*command, "--model", "soap_gap", "--potential-pairs", "3"]) == 2
    assert "--potential-pairs is an option of linear_ace" in capsys.readouterr().err
