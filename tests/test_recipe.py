"""A recipe holds what is needed to make a selection again, survives JSON, and refuses others."""

import json
from dataclasses import asdict

import numpy as np
import pytest

import winnow_atomistic as winnow
from analytics.cli.main import main
from analytics.data.dataset import Dataset
from analytics.descriptors.distances import DistanceSpec
from analytics.information.kernel import KernelSpec
from analytics.recipe import FORMAT_VERSION, Recipe, kept_structures, make_recipe
from analytics.runtime.errors import InputError, WinnowError

N = 9


@pytest.fixture(scope="module")
def dataset():
    """Nine clusters of 3 to 5 atoms and two isolated atoms, numbered from 100 in steps of 2."""
    rng = np.random.default_rng(7)
    sizes = np.array([1, 3, 4, 5, 3, 4, 1, 5, 3, 4, 5])
    n = int(sizes.sum())
    return Dataset(
        numbers=np.full(n, 6),
        positions=rng.uniform(0, 3.5, (n, 3)),
        structure_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        cells=np.zeros((len(sizes), 3, 3)),
        pbc=np.zeros((len(sizes), 3), dtype=bool),
        forces=rng.normal(size=(n, 3)),
        frame_indices=np.arange(100, 100 + 2 * len(sizes), 2),
        name="clusters.xyz",
    )


@pytest.fixture(scope="module")
def analysis(dataset):
    return winnow.analyse(
        dataset, winnow.describe(dataset, DistanceSpec(k=8)), KernelSpec(bandwidth=0.05)
    )


@pytest.fixture(scope="module")
def selection(analysis):
    return winnow.select(analysis, "facility_location", seed=3, keep=[7], drop=[2])


@pytest.fixture(scope="module")
def recipe(analysis, selection):
    return make_recipe(analysis, selection, 4, budget=0.4)


def test_kept_are_picks_and_isolated_atoms_in_file_order(dataset, selection):
    kept = kept_structures(dataset, selection, 4)
    assert kept.tolist() == sorted([*selection.structures[:4].tolist(), 0, 6])
    assert kept_structures(dataset, selection, 0).tolist() == [0, 6]
    assert len(kept_structures(dataset, selection)) == len(selection) + 2 == N - 1 + 2


def test_indices_are_those_of_the_file(dataset, selection, recipe):
    assert recipe.picked == tuple((100 + 2 * selection.structures[:4]).tolist())
    assert recipe.picked[0] == 114  # forced in, hence first
    assert (recipe.keep, recipe.drop) == ((114,), (104,))
    assert recipe.isolated == (100, 112)
    assert recipe.kept == tuple(sorted(recipe.picked + recipe.isolated))
    assert dataset.frame_indices[kept_structures(dataset, selection, 4)].tolist() == list(
        recipe.kept
    )


def test_it_holds_the_settings(dataset, analysis, recipe):
    assert (recipe.name, recipe.fingerprint) == ("clusters.xyz", dataset.fingerprint)
    assert (recipe.descriptor, recipe.descriptor_spec) == ("distances", {"k": 8, "cutoff": 5.0})
    assert recipe.kernel_spec == {"bandwidth": 0.05, "covered_below": 1e-5}
    assert recipe.width["asked"] == "given"
    assert recipe.method == "facility_location"
    assert recipe.method_spec == asdict(winnow.METHODS["facility_location"].spec())
    assert (recipe.seed, recipe.budget, recipe.size) == (3, 0.4, 4)
    assert (recipe.n_structures, recipe.n_environments) == (11, dataset.n_environments)
    assert recipe.full_set["entropy_nats"] == analysis.entropy_nats


def test_metrics_are_those_of_measure(analysis, selection, recipe):
    measured = winnow.measure(analysis, selection, 4)
    assert set(recipe.metrics) == set(measured)
    for name, value in measured.items():
        assert recipe.metrics[name] == (value if np.isfinite(value) else None)


def test_json_round_trip(recipe):
    text = json.dumps(recipe.to_dict(), allow_nan=False)
    assert Recipe.from_dict(json.loads(text)) == recipe


def test_file_round_trip_with_more_entries(recipe, tmp_path):
    recipe.save(tmp_path / "r.json", files={"kept": "r.xyz"})
    assert json.loads((tmp_path / "r.json").read_text())["files"] == {"kept": "r.xyz"}
    assert Recipe.load(tmp_path / "r.json") == recipe


def test_counts_add_up(dataset, recipe):
    content = recipe.to_dict()
    assert content["n_kept"] == 6
    assert content["n_rest"] == 5
    sizes = dict(zip(dataset.frame_indices.tolist(), dataset.sizes.tolist(), strict=True))
    assert content["n_kept_environments"] == sum(sizes[frame] for frame in recipe.kept)
    assert content["budget"]["environments"] == sum(sizes[frame] for frame in recipe.picked)
    assert content["budget"]["fraction"] == pytest.approx(4 / N)


def test_the_selection_can_be_made_again(dataset, recipe):
    """What a replay does: everything it needs is in the recipe."""
    places = {int(frame): place for place, frame in enumerate(dataset.frame_indices)}
    descriptors = winnow.describe(dataset, DistanceSpec(**recipe.descriptor_spec))
    again = winnow.select(
        winnow.analyse(dataset, descriptors, KernelSpec(**recipe.kernel_spec)),
        recipe.method,
        spec=dict(recipe.method_spec),
        size=recipe.size,
        seed=recipe.seed,
        keep=[places[frame] for frame in recipe.keep],
        drop=[places[frame] for frame in recipe.drop],
    )
    assert dataset.frame_indices[again.structures].tolist() == list(recipe.picked)


@pytest.mark.parametrize(
    ("frames", "expected"),
    [
        (np.arange(11), None),
        (np.arange(100, 122, 2), "100:121:2"),
        (np.arange(5, 16), "5:16:1"),
        (np.arange(11)[::-1], tuple(range(10, -1, -1))),
        (np.array([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 20]), (*range(10), 20)),
    ],
)
def test_which_structures_were_read(dataset, frames, expected):
    moved = Dataset(
        **{
            name: getattr(dataset, name)
            for name in ("numbers", "positions", "structure_offsets", "cells", "pbc")
        },
        frame_indices=frames,
    )
    analysis = winnow.analyse(moved, winnow.describe(moved))
    recipe = make_recipe(analysis, winnow.select(analysis, "random", size=2))
    assert recipe.frames == expected
    assert Recipe.from_dict(json.loads(json.dumps(recipe.to_dict()))) == recipe
    if isinstance(expected, str):  # the slice gives the same structures
        bounds = [int(part) for part in expected.split(":")]
        assert np.arange(1000)[slice(*bounds)].tolist() == frames.tolist()


def test_budget_is_the_size_unless_given(analysis, selection):
    assert make_recipe(analysis, selection, 3).budget == 3
    assert make_recipe(analysis, selection).size == len(selection)


@pytest.mark.parametrize(
    ("written", "picked", "meant"),
    [(0.4, 4, 0.4), ("40%", 4, 0.4), ("100%", 8, 1.0), (1.0, 8, 1.0), (1.0, 1, 1), (4.0, 4, 4),
     (1, 1, 1), (4, 4, 4)],
)  # fmt: skip
def test_budgets_of_earlier_versions_keep_their_meaning(
    analysis, selection, written, picked, meant
):
    content = make_recipe(analysis, selection, picked).to_dict()
    content["budget"]["given"] = written
    assert repr(Recipe.from_dict(content).budget) == repr(meant)


def test_nothing_picked_has_no_figures(analysis, selection):
    recipe = make_recipe(analysis, selection, 0)
    assert recipe.metrics["entropy_nats"] is None
    assert recipe.to_dict()["n_kept"] == 2


@pytest.mark.parametrize("size", [-1, N])
def test_more_than_was_picked_is_refused(dataset, analysis, selection, size):
    with pytest.raises(ValueError, match=f"size is {size}"):
        kept_structures(dataset, selection, size)
    with pytest.raises(ValueError, match=f"size is {size}"):
        make_recipe(analysis, selection, size)


def test_a_selection_of_another_analysis_is_refused(dataset, selection):
    other = winnow.analyse(dataset, winnow.describe(dataset))
    with pytest.raises(ValueError, match="another analysis"):
        make_recipe(other, selection)


def changed(recipe, **entries):
    return {**recipe.to_dict(), **entries}


def test_what_is_no_recipe_is_refused(recipe, tmp_path):
    with pytest.raises(WinnowError, match="not a Winnow recipe"):
        Recipe.from_dict({"method": "random"})
    with pytest.raises(WinnowError, match=f"version {FORMAT_VERSION + 1}"):
        Recipe.from_dict(changed(recipe, format_version=FORMAT_VERSION + 1))
    with pytest.raises(WinnowError, match="damaged"):
        Recipe.from_dict(changed(recipe, seed="many"))
    content = recipe.to_dict()
    del content["picked_frame_indices"]
    with pytest.raises(WinnowError, match="has no 'picked_frame_indices'"):
        Recipe.from_dict(content)


@pytest.mark.parametrize(("text", "cause"), [("[1]", "not a Winnow"), ("{", "is not JSON")])
def test_a_file_that_is_no_recipe_is_named(tmp_path, text, cause):
    (tmp_path / "bad.json").write_text(text)
    with pytest.raises(InputError, match=cause) as caught:
        Recipe.load(tmp_path / "bad.json")
    assert "bad.json" in str(caught.value)


def test_files_out_of_reach_are_named(recipe, tmp_path):
    with pytest.raises(InputError, match=r"gone\.json: cannot be read"):
        Recipe.load(tmp_path / "gone.json")
    with pytest.raises(InputError, match="cannot be written"):
        recipe.save(tmp_path / "no" / "r.json")


NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("place", "value", "cause"),
    [
        (("seed",), INFINITE, "seed is inf, not a whole number"),
        (("seed",), -1, "seed is -1"),
        (("n_structures",), 10**30, "n_structures is 1"),
        (("n_environments",), True, "n_environments is True"),
        (("input",), [], "input is a list, not an object"),
        (("input", "name"), {"a": 1}, "input.name is an object, not a text"),
        (("input", "fingerprint"), "\ud800", "input.fingerprint is"),
        (("input", "frames"), "../x", "not a slice"),
        (("input", "frames"), [1, 1], "lists an index twice"),
        (("input", "frames"), [1.5], "input.frames is 1.5"),
        (("keys", "energy"), 3, "keys.energy is 3, not a text"),
        (("descriptor", "spec"), {"k": [32]}, "descriptor.spec.k is a list"),
        (("kernel",), {"bandwidth": 10**400}, "kernel.bandwidth is 1"),
        (("method",), None, "method is None"),
        (("picked_frame_indices",), [-1], "picked_frame_indices is -1"),
        (("picked_frame_indices",), "12", "picked_frame_indices is '12', not a list"),
        (("keep",), [104], "forces structure 104 in and out"),
        (("metrics",), {}, "no 'metrics.n_environments'"),
        (("full_set", "n_structures"), 0, "full_set.n_structures is 0"),
        (("full_set", "entropy_nats"), "x", "full_set.entropy_nats is 'x'"),
        (("versions",), {"numpy": [1]}, "versions.numpy is a list"),
        (("budget", "given"), -1, "budget.given is -1"),
        (("budget", "given"), [1], "budget.given is a list"),
        (("budget", "given"), INFINITE, "budget.given is inf"),
        (("budget", "unit"), "atoms", "not one of structures, environments"),
        (("reference",), NAN, "reference is nan, not an object"),
        (("reference",), {"name": "x"}, "no 'reference.fingerprint'"),
        (("sample",), {"environments": "all"}, "sample.environments is 'all'"),
        (("sample",), 3, "sample is 3, not an object"),
        (("parts",), 0, "parts is 0"),
        (("rules",), "x", "rules is 'x'"),
        (("equations",), {"a": 1}, "equations is an object"),
        (("steps",), [3], r"steps\[0\] is 3"),
        (("steps",), [{"step": "drop_duplicates"}], r"no 'steps\[0\].spec'"),
        (("ledger",), {"a": 1}, "ledger is an object, not a list"),
        (("ledger",), [{"step": "x", "reason": "y", "structures": [0.5]}], "structures is 0.5"),
    ],
)
def test_every_entry_is_checked(recipe, place, value, cause):
    content = json.loads(json.dumps(recipe.to_dict()))
    *above, name = place
    holder = content
    for step in above:
        holder = holder[step]
    holder[name] = value
    with pytest.raises(WinnowError, match=cause) as caught:
        Recipe.from_dict(content)
    assert len(str(caught.value).splitlines()) == 1
    assert len(str(caught.value)) < 200


def test_a_recipe_of_others_does_not_choose_the_folder(recipe, tmp_path, capsys):
    (tmp_path / "in").mkdir()
    (tmp_path / "data.xyz").write_text("1\n\nH 0 0 0\n")
    content = recipe.to_dict()
    content["input"]["name"] = "../data.xyz"
    (tmp_path / "in" / "r.json").write_text(json.dumps(content))
    assert main(["replay", str(tmp_path / "in" / "r.json")]) == 2
    assert "say FILE" in capsys.readouterr().err
