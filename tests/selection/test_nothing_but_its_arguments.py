"""A selection depends on nothing but its arguments: not on what the process did before."""

from __future__ import annotations

import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from numpy.testing import assert_array_equal
from retrain_makers import make_structures

import winnow_atomistic as winnow
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.engine import Wanted, repetitions
from analytics.evaluation.retrain.evaluate import retrain
from analytics.evaluation.retrain.ground import analysis_of_part, prepare_ground
from analytics.information.analysis import Analysis
from analytics.potential.basis import choose_basis
from analytics.potential.design_rows import compute_design
from analytics.potential.normal_equations import Equations, make_equations
from analytics.potential.spec import RetrainSpec
from analytics.recipe import Recipe, make_recipe
from analytics.replay import replay
from analytics.runtime.cache import shared_cache
from analytics.selection.base import METHODS, Selection, at_size, by_model, select

pytest.importorskip("featomic")

ALL = list(METHODS)
BY_MODEL = [name for name in ALL if by_model(name)]
#: The first resample of a retrain check of 20 structures with the seed 0.
HALF = np.array([0, 1, 3, 4, 6, 7, 10, 12, 13, 15, 18, 19])


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    path = tmp_path_factory.mktemp("data") / "made.xyz"
    ase.io.write(path, make_structures(20), format="extxyz")
    return winnow.read(path)


@pytest.fixture(scope="module")
def analysis(data: Dataset) -> Analysis:
    return winnow.analyse(data, winnow.describe(data))


def everything(analysis: Analysis) -> dict[tuple[str, str], Selection]:
    """Every method on the whole and on the pool of a resample, all made anew."""
    ground = prepare_ground(analysis, resamples=1)
    sets = {
        "whole": analysis,
        "resample": ground.part(0),
        "half": analysis_of_part(analysis, HALF),
    }
    return {
        (name, which): select(part, name, seed=3) for which, part in sets.items() for name in ALL
    }


def use_the_process(analysis: Analysis) -> None:
    """Do what writes something down somewhere: tables, checks, other selections, other parts."""
    retrain(analysis, BY_MODEL, [0.3, 6], resamples=2)
    retrain(analysis, BY_MODEL, [0.3], split="leave_class_out", resamples=1)
    for split in ("high_force", "random"):  # as the page does, one after the other
        ground = prepare_ground(analysis, split, resamples=1)
        list(repetitions(ground, {name: Wanted(name, None, 0, (0.5,)) for name in BY_MODEL}))
    for name in ALL:
        select(analysis_of_part(analysis, HALF[2:]), name, seed=1)
        select(analysis, name, size=5, keep=[2], drop=[7], seed=8)


def test_the_order_is_the_same_before_and_after_everything_else(
    analysis: Analysis, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WINNOW_CACHE", str(tmp_path))
    before = everything(analysis)
    use_the_process(analysis)
    compare(before, everything(analysis))
    shared_cache().clear()  # from disk, where everything has left something
    compare(before, everything(analysis))


def compare(
    before: dict[tuple[str, str], Selection], after: dict[tuple[str, str], Selection]
) -> None:
    for key, one in before.items():
        assert after[key].fingerprint == one.fingerprint, key
        assert_array_equal(after[key].structures, one.structures, err_msg=str(key))
        assert_array_equal(after[key].gains, one.gains, err_msg=str(key))


@pytest.fixture(scope="module")
def equations(data: Dataset) -> Equations:
    """Equations of the whole pool: not those that a method would make for a part."""
    return make_equations(compute_design(data, choose_basis(data, RetrainSpec())))


@pytest.mark.parametrize("name", ALL)
def test_equations_that_are_given_are_part_of_the_fingerprint(
    name: str, analysis: Analysis, equations: Equations
) -> None:
    part = analysis_of_part(analysis, HALF)
    own = select(part, name, seed=3)
    given = select(part, name, seed=3, equations=equations.take(HALF))
    again = select(part, name, seed=3, equations=equations.take(HALF))
    assert again.fingerprint == given.fingerprint
    assert_array_equal(again.structures, given.structures)
    if name in BY_MODEL:
        assert given.equations == equations.take(HALF).fingerprint
        assert given.fingerprint != own.fingerprint
    else:
        assert given.equations == ""
        assert given.fingerprint == own.fingerprint
        assert_array_equal(given.structures, own.structures)


@pytest.mark.parametrize(
    ("name", "spec"),
    [("ccs", {"score": "grand"}), ("hybrid", {"first": "kmeans", "second": "least_variance"})],
)
def test_methods_made_of_others_pass_them_on(
    name: str, spec: dict[str, str], analysis: Analysis, equations: Equations
) -> None:
    part, other = analysis_of_part(analysis, HALF), equations.take(HALF)
    given = select(part, name, spec=spec, equations=other, size=8)
    assert given.equations == other.fingerprint
    assert given.fingerprint != select(part, name, spec=spec, size=8).fingerprint
    if name == "hybrid":
        with pytest.raises(ValueError, match="was given equations has one size only"):
            at_size(part, given, 4)


def test_equations_of_another_data_set_are_refused(
    analysis: Analysis, equations: Equations
) -> None:
    with pytest.raises(ValueError, match="of another data set than made"):
        select(analysis_of_part(analysis, HALF), "leverage", equations=equations)


def test_a_recipe_says_that_equations_were_given(
    data: Dataset, analysis: Analysis, equations: Equations, tmp_path: Path
) -> None:
    own = make_recipe(analysis, select(analysis, "leverage", size=5))
    assert own.to_dict()["equations"] is None
    given = make_recipe(analysis, select(analysis, "leverage", size=5, equations=equations))
    given.save(tmp_path / "recipe.json")
    assert json.loads((tmp_path / "recipe.json").read_text())["equations"] == equations.fingerprint
    loaded = Recipe.load(tmp_path / "recipe.json")
    assert loaded.equations == equations.fingerprint
    assert "which a recipe does not carry" in " ".join(replay(loaded, data).differences)
    assert replay(own, data).differences == ()
