"""Replay sets: what complements a set, what resembles it, what is left out, and the command."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from makers import BANDWIDTH, Given, kernel_twin, make_analysis
from numpy.testing import assert_allclose
from retrain_makers import make_structures

import winnow_atomistic as winnow
from analytics.curation.replay_sets import filter_elements, pick_replay_set, replay_set
from analytics.runtime.errors import InputError, WinnowError
from analytics.selection.coverage import SaturatedCoverageSpec
from analytics.selection.objectives import coverage_objective


def given(values, seed=0):
    """Return an analysis of carbon with these descriptors, two atoms in a structure."""
    analysis = make_analysis(values, [2] * (len(values) // 2), seed=seed)
    described = replace(analysis.descriptors, spec=Given(), fingerprint="", source=f"{seed}")
    return winnow.analyse(analysis.dataset, described, analysis.spec)


@pytest.fixture(scope="module")
def sets():
    """A pool around three places, and a set around the first of them."""
    rng = np.random.default_rng(0)
    places = np.repeat([[0.0, 0.0], [6.0, 0.0], [0.0, 6.0]], 20, axis=0)
    pool = given(places + rng.normal(size=(60, 2)) * 0.4)
    mine = given(rng.normal(size=(16, 2)) * 0.4, seed=1)
    return pool, (mine.dataset, mine.descriptors)


@pytest.mark.parametrize("capped", [True, False])
def test_the_reference_is_covered_by_the_definition(sets, capped):
    pool, (_, mine) = sets
    made = coverage_objective(pool, capped=capped, width=1.0, reference=mine, covering="reference")
    kernel = kernel_twin(mine.values, pool.descriptors.values, BANDWIDTH).reshape(16, 30, 2)
    twin = kernel.sum(axis=2) if capped else kernel.max(axis=2)
    rows = np.zeros((30, 16))
    for s in range(30):
        part = slice(made.rows[0][s], made.rows[0][s + 1])
        rows[s, made.rows[1][part]] = made.rows[2][part]
    assert_allclose(np.sort(rows, axis=1), np.sort(twin.T, axis=1), rtol=1e-3, atol=1e-6)
    assert made.full == 16
    assert not made.start.any()


def test_a_reference_is_needed_to_be_covered(sets):
    spec = SaturatedCoverageSpec(covering="reference")
    with pytest.raises(WinnowError, match="no reference set"):
        winnow.select(sets[0], "saturated_coverage", spec=spec)
    with pytest.raises(ValueError, match="covering is 'all'"):
        coverage_objective(sets[0], capped=True, width=1.0, covering="all")


@pytest.mark.parametrize("method", ["facility_location", "saturated_coverage"])
def test_complement_and_similar_go_to_opposite_places(sets, method):
    pool, mine = sets
    away = pick_replay_set(pool, mine, 6, method=method)
    near = pick_replay_set(pool, mine, 3, want="similar", method=method)
    assert (away.selection.positions >= 10).all()
    assert len(set(away.selection.positions // 10)) == 2
    assert (near.selection.positions < 10).all()
    assert away.selection.certificate(6) > 0.6
    assert set(away.curve["demand"]) == {"pool"}
    assert set(near.curve["demand"]) == {"pool", "mine"}


def test_the_curve_is_that_of_the_definition(sets):
    pool, mine = sets
    found = pick_replay_set(pool, mine, 6, target=mine[1])
    x, y = pool.descriptors.values, mine[1].values
    for demand, values in (("pool", x), ("target", y)):
        curve = found.curve[found.curve["demand"] == demand]
        for row in curve.to_dict(orient="records"):
            picks = found.selection.positions[: row["n_structures"]]
            rows = np.concatenate([[2 * s, 2 * s + 1] for s in picks]) if len(picks) else []
            kept = np.concatenate([y, x[np.asarray(rows, dtype=int)]])
            delta = -np.log(kernel_twin(values, kept, BANDWIDTH).sum(axis=1))
            assert row["coverage"] == pytest.approx(np.mean(delta < 1e-5))
            twin = np.clip(delta, 0, 40).mean()
            assert row["mean_delta_entropy_nats"] == pytest.approx(twin, rel=1e-3, abs=1e-5)
            assert row["n_environments"] == 2 * len(picks)
    last = found.curve[found.curve["demand"] == "pool"].iloc[-1]
    assert last["mean_delta_entropy_nats"] < found.random["mean_delta_entropy_nats"][0]


def test_near_duplicates_of_the_set_are_left_out_and_said():
    frames = make_structures(20)
    turned = frames[3].copy()
    turned.rotate(40, "z")
    pool, mine = winnow.read([*frames[5:], turned]), winnow.read(frames[:5])
    found = replay_set(pool, mine, 3, kernel=winnow.KernelSpec(0.015))
    assert found.near_duplicates == {15: 3}
    assert 15 not in found.selection.structures
    everything = replay_set(pool, mine, 1.0, kernel=winnow.KernelSpec(0.015))
    assert len(everything.table) == 15


def test_filter_by_elements():
    pool = winnow.read([Atoms("Mo4"), Atoms("Mo3W"), Atoms("W4"), Atoms("MoNb3")])
    assert filter_elements(pool, ("Mo",)).structures.tolist() == [0]
    half = filter_elements(pool, ("Mo",), 0.5)
    assert (half.structures.tolist(), half.dropped) == ([0, 1], 2)
    assert filter_elements(pool, None).structures.tolist() == [0, 1, 2, 3]
    assert filter_elements(pool, ("Mo", "W")).structures.tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="no structure has 100% of its atoms of Ta"):
        filter_elements(pool, ("Ta",))
    with pytest.raises(InputError, match="'Mox' is no element"):
        filter_elements(pool, ("Mox",))


def test_command_and_replay(run, run_json, fails, tmp_path):
    frames, mine = make_structures(24), make_structures(6, seed=1)
    for frame in frames[18:]:
        frame.numbers[:] = 14
    places = {"pool": tmp_path / "pool.xyz", "mine": tmp_path / "mine.xyz"}
    for path, set_ in zip(places.values(), (frames, mine), strict=True):
        winnow.export(winnow.read(set_), range(len(set_)), path)
    given = "replay-set", places["pool"], "--for", places["mine"], "--size", 4
    for want in ("complement", "similar"):
        out = tmp_path / f"{want}.xyz"
        content = run_json(*given, "--want", want, "-o", out)
        assert content["n_dropped_for_elements"] == 6
        picked = [pick["structure"] for pick in content["picks"]]
        assert picked == content["recipe"]["picked_frame_indices"]
        assert max(picked) < 18
        written = winnow.read(out)
        assert written.n_structures == 4
        recipe = tmp_path / f"{want}.json"
        again = run_json("replay", recipe, places["pool"], "--reference", places["mine"])
        assert again["same"]
        assert again["picked_frame_indices"] == picked
    code, text, err = run(*given, "--target", places["mine"], "--recipe", tmp_path / "r.json")
    assert (code, err) == (0, "")
    assert "6 structures left out: fewer than 100 % of the atoms are of C" in text
    assert "target, random" in text
    said = fails(*given, "--want", "similar", "--method", "farthest_environment")
    assert "does not know what is similar" in said
