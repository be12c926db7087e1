"""A recipe runs again to the same indices, or says exactly which input differs."""

import json
from dataclasses import replace

import numpy as np
import pytest
from makers import real_file

import winnow_atomistic as winnow
from analytics.cluster.sampled_demand import demand_of
from analytics.cluster.two_rounds import two_rounds_of
from analytics.curation.duplicates import DuplicateSpec, near_duplicates
from analytics.curation.force_cut import force_cut
from analytics.curation.reasons import copy_reasons, cut_reasons
from analytics.information.analysis import refine
from analytics.information.kernel import KernelSpec
from analytics.recipe import Recipe, make_recipe, removable_copies
from analytics.replay import data_differences, replay
from analytics.selection.base import at_size


@pytest.fixture(scope="module")
def dataset():
    return winnow.read(real_file("ta_snap2014.xyz.gz")).take(np.arange(200, 320))


@pytest.fixture(scope="module")
def analysis(dataset):
    return winnow.analyse(dataset, winnow.describe(dataset), KernelSpec(0.02))


def stored(recipe):
    return Recipe.from_dict(json.loads(json.dumps(recipe.to_dict())))


def with_duplicates(analysis, keep=(), drop=(), size=20, method="facility_location"):
    """Drop near-duplicates, then select, as `winnow select --drop-duplicates` does."""
    found = near_duplicates(
        analysis.dataset,
        analysis.descriptors,
        DuplicateSpec(tolerance=0.2),
        bandwidth=analysis.spec.bandwidth,
        keep=keep,
        exclude=drop,
    )
    out = [*drop, *removable_copies(found, keep).tolist()]
    selection = winnow.select(analysis, method, size=size, seed=3, keep=keep, drop=out)
    return found, make_recipe(analysis, selection, duplicates=found)


@pytest.mark.parametrize("method", ["facility_location", "random", "msc", "largest_force"])
def test_the_same_structures_again(dataset, analysis, method):
    selection = winnow.select(analysis, method, size=15, seed=9, keep=[4], drop=[1])
    found = replay(stored(make_recipe(analysis, selection)), dataset)
    assert found.same
    assert found.made.picked == found.recipe.picked
    assert np.array_equal(found.selection.structures, selection.structures)
    assert found.notes == ()


def test_several_steps_again(dataset, analysis):
    duplicates, recipe = with_duplicates(analysis, keep=[30], drop=[2])
    assert [step["step"] for step in recipe.steps] == ["reject", "drop_duplicates", "select"]
    assert len(duplicates.copies) > 20
    again = replay(stored(recipe), dataset)
    assert again.same
    assert again.made.ledger == recipe.ledger
    assert stored(recipe) == recipe


def test_the_ledger_has_every_structure_once_with_its_reason(dataset, analysis):
    duplicates, recipe = with_duplicates(analysis, keep=[30], drop=[2])
    frames = dataset.frame_indices
    gone = [s for removal in recipe.ledger for s in removal.structures]
    assert sorted([*gone, *recipe.kept]) == frames.tolist()
    reasons = {s: (r.step, r.reason) for r in recipe.ledger for s in r.structures}
    assert reasons[int(frames[2])] == ("reject", "rejected by the user")
    for copy in removable_copies(duplicates, [30]):
        original = frames[duplicates.representative[copy]]
        # it may repeat another copy exactly, and that one the original nearly
        exact = duplicates.exact_of[copy] == duplicates.representative[copy]
        kind = "exact duplicate" if exact else "near-duplicate"
        assert reasons[int(frames[copy])] == ("drop_duplicates", f"{kind} of {original}")
    left = [reason for step, reason in reasons.values() if step == "select"]
    assert set(left) == {"not picked by facility_location at budget 20"}
    assert int(frames[30]) in recipe.picked


def test_a_recipe_without_steps_is_read(dataset, analysis):
    """Recipes written before there were steps."""
    recipe = make_recipe(analysis, winnow.select(analysis, size=5))
    content = recipe.to_dict()
    for name in ("steps", "ledger", "reference"):
        del content[name]
    del content["budget"]["unit"]
    old = Recipe.from_dict(content)
    assert old.ledger == ()
    assert (old.unit, old.duplicates, old.reference) == ("structures", None, None)
    assert replay(old, dataset).same


def test_a_reference_set_is_part_of_it(dataset, analysis):
    other = dataset.take(np.arange(0, 30))
    known = winnow.describe(other)
    selection = winnow.select(analysis, "facility_location", size=8, reference=known)
    recipe = stored(make_recipe(analysis, selection, reference=other))
    assert replay(recipe, dataset, other).same
    (missing,) = replay(recipe, dataset).differences
    assert missing.startswith("reference: the recipe adds to ta_snap2014.xyz.gz, none was given")
    (changed,) = replay(recipe, dataset, dataset.take(np.arange(1, 31))).differences
    assert changed.startswith("reference: ta_snap2014.xyz.gz has the fingerprint")
    plain = make_recipe(analysis, winnow.select(analysis, size=5))
    assert replay(plain, dataset, other).differences[0].startswith("reference: the recipe adds to")


def test_other_data_is_named_and_nothing_runs(dataset, analysis):
    recipe = make_recipe(analysis, winnow.select(analysis, size=5))
    fewer = dataset.take(np.arange(119))
    found = replay(recipe, fewer)
    assert found.made is None
    (difference,) = found.differences
    assert fewer.fingerprint in difference
    assert recipe.fingerprint in difference
    assert "119 structures and not 120" in difference
    moved = replace_positions(dataset)
    assert "other positions, cells or labels" in data_differences(recipe, moved)[0]


def replace_positions(dataset):
    names = ("numbers", "structure_offsets", "cells", "pbc", "energies", "forces", "config_type")
    return winnow.Dataset(
        positions=dataset.positions + 1e-9, **{name: getattr(dataset, name) for name in names}
    )


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"method": "best"}, "method: this Winnow has no method 'best'"),
        ({"descriptor": "soup"}, "descriptor: this Winnow has no descriptor 'soup'"),
        ({"method_spec": {"width": 2.0, "depth": 1}}, "has no option depth"),
        ({"kernel_spec": {"bandwidth": -1.0}}, "kernel: bandwidth is -1.0"),
        ({"duplicates": {"tolerance": -1.0}}, "duplicates: tolerance is -1.0"),
    ],
)
def test_settings_this_winnow_does_not_know(dataset, analysis, change, words):
    recipe = make_recipe(analysis, winnow.select(analysis, size=5))
    found = replay(replace(recipe, **change), dataset)
    assert found.made is None
    assert words in found.differences[0]


def test_other_results_name_versions_or_say_that_no_input_differs(dataset, analysis):
    recipe = make_recipe(analysis, winnow.select(analysis, size=5))
    wrong = replace(recipe, picked=(*recipe.picked[:2], 999, *recipe.picked[3:]))
    found = replay(wrong, dataset)
    assert not found.same
    assert (
        "4 of 5 structures are the same, the order differs from pick 2 on" in found.differences[0]
    )
    assert "no input differs" in found.differences[1]
    aged = replace(wrong, versions={**wrong.versions, "numpy": "1.0"})
    assert any("versions: numpy is" in line for line in replay(aged, dataset).differences)
    content = wrong.to_dict()
    del content["rules"]  # as written before ties and draws went by content
    said = replay(Recipe.from_dict(content), dataset).differences[1]
    assert said.startswith(
        f"versions: the recipe is of a Winnow (version {recipe.versions['winnow']})"
    )
    # a version by itself is a note and no difference
    noted = replay(replace(recipe, versions={**recipe.versions, "numpy": "1.0"}), dataset)
    assert noted.same
    assert "numpy is" in noted.notes[0]


def test_a_sampled_analysis_is_sampled_again_in_the_same_way(dataset):
    described = winnow.describe(dataset)
    for seed, exact in ((0, False), (7, True)):
        analysis = winnow.analyse(dataset, described, KernelSpec(0.02), sample=150, seed=seed)
        analysis = refine(analysis) if exact else analysis
        for method in ("facility_location", "outlier_score"):
            selection = winnow.select(analysis, method, size=15)
            recipe = stored(make_recipe(analysis, selection))
            assert recipe.sample == {"environments": 150, "seed": seed, "exact_scores": exact}
            found = replay(recipe, dataset)
            assert found.same
            assert found.made == recipe
    whole = stored(make_recipe(*_whole(dataset, described)))
    assert whole.sample is None
    # what a recipe of another sample would have given is something else
    assert replay(replace(recipe, sample={**recipe.sample, "seed": 8}), dataset).made != recipe


def _whole(dataset, described):
    analysis = winnow.analyse(dataset, described, KernelSpec(0.02))
    return analysis, winnow.select(analysis, size=5)


def test_two_rounds_again(dataset, analysis):
    selection = two_rounds_of(
        analysis, "saturated_coverage", 12, parts=4, seed=2, keep=[9], drop=[1]
    )
    recipe = stored(make_recipe(analysis, selection))
    assert (recipe.rounds, recipe.parts, recipe.method) == (2, 4, "saturated_coverage")
    found = replay(recipe, dataset)
    assert found.same
    assert found.made.parts == 4
    with pytest.raises(ValueError, match="two rounds has one size only"):
        at_size(analysis, selection, 5)


def test_a_sampled_demand_again(dataset, analysis):
    selection = demand_of(
        analysis, "facility_location", 12, demand=90, candidates=40, seed=2, keep=[9], drop=[1]
    )
    recipe = stored(make_recipe(analysis, selection))
    assert recipe.demand == {"environments": 90, "candidates": 40}
    assert recipe.steps[-1]["demand"] == recipe.demand
    found = replay(recipe, dataset)
    assert found.same
    assert found.made.demand == recipe.demand
    other = replay(replace(recipe, demand={"environments": 80, "candidates": 40}), dataset)
    assert other.made.picked != recipe.picked


def test_reasons_of_the_user_are_kept(dataset, analysis):
    frames = dataset.frame_indices
    duplicates = near_duplicates(
        dataset, analysis.descriptors, DuplicateSpec(tolerance=0.2), bandwidth=0.02
    )
    cut = force_cut(dataset, float(np.sort(dataset.force_norms)[-5]) * 0.999)
    reasons = copy_reasons(duplicates, frames) | cut_reasons(cut) | {0: " not\nmine ", 119: ""}
    other = next(s for s in range(1, 119) if s not in reasons)
    drop = sorted({*reasons, other})
    selection = winnow.select(analysis, size=10, drop=drop)
    recipe = stored(make_recipe(analysis, selection, reasons=reasons))
    told = recipe.reasons
    assert sorted(told) == frames[drop].tolist()
    assert told[int(frames[0])] == "not mine"
    for s in (119, other):
        assert told[int(frames[s])] == "rejected by the user"
    for s in cut.structures:
        assert told[int(frames[s])] == f"a force above {cut.limit:g} eV/Å"
    copy = next(s for s in duplicates.copies.tolist() if s not in {*cut.structures, 0, 119})
    original = frames[duplicates.representative[copy]]
    assert told[int(frames[copy])].endswith(f"duplicate of {original}")
    gone = [s for removal in recipe.ledger for s in removal.structures]
    assert sorted([*gone, *recipe.kept]) == frames.tolist()
    assert replay(recipe, dataset).made.ledger == recipe.ledger


def test_a_sample_of_another_size_is_named(dataset, analysis):
    recipe = make_recipe(analysis, winnow.select(analysis, size=5))
    full = {**recipe.full_set, "sampled_environments": 10}
    wrong = replace(recipe, picked=recipe.picked[::-1], full_set=full)
    assert any(line.startswith("memory: ") for line in replay(wrong, dataset).differences)
