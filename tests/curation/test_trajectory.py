"""Novelty along a trajectory: alarms by rate, and the frames to label."""

from __future__ import annotations

import csv
from dataclasses import replace

import numpy as np
import pytest
from makers import BANDWIDTH, Given, kernel_twin, make_analysis
from numpy.testing import assert_allclose

import winnow_atomistic as winnow
from analytics.curation.trajectory import trajectory_novelty
from analytics.runtime.errors import WinnowError


def given(values, size=2):
    """Return a data set of carbon with these descriptors, in structures of that many atoms."""
    analysis = make_analysis(values, [size] * (len(values) // size))
    dataset = replace(analysis.dataset, numbers=np.full(len(values), 6))
    return dataset, replace(analysis.descriptors, spec=Given(), source="", fingerprint="")


@pytest.fixture(scope="module")
def sets():
    rng = np.random.default_rng(0)
    train, calm = rng.normal(size=(2, 160, 2))
    calm[:20] = train[:20]
    far = np.concatenate([calm, np.repeat([[9.0, 0], [9, 0.1], [0, 30], [9, 0]], 2, axis=0)])
    return given(train), given(far)


@pytest.fixture(scope="module")
def found(sets):
    return trajectory_novelty(*sets, bandwidth=BANDWIDTH, rate=0.05, label=5)


def test_scores_are_those_of_the_definition(sets, found):
    (_, train), (_, far) = sets
    with np.errstate(divide="ignore"):
        scores = -np.log(kernel_twin(far.values, train.values, BANDWIDTH).sum(axis=1))
    near = np.isfinite(scores[::2]) & np.isfinite(scores[1::2])
    largest = scores.reshape(-1, 2).max(axis=1)
    assert_allclose(found.largest[near], largest[near], rtol=1e-4, atol=1e-5)
    assert_allclose(found.p_value, found.alarms.p_values(found.largest))
    assert (found.alarm == (found.largest > found.threshold)).all()
    assert found.alarm[-4:].all()
    assert found.novel_environments[-4:].tolist() == [1.0] * 4
    assert found.share == found.alarm.mean()
    assert found.first == found.frames[np.flatnonzero(found.alarm)[0]]


def test_no_two_alike_are_asked_for(found):
    """The farthest goes first; of three that are alike one is enough."""
    chosen = found.to_label.tolist()
    assert chosen[0] == 82
    assert len({80, 81, 83} & set(chosen)) == 1
    assert (np.diff(found.to_label_score) <= 1e-6).all()
    assert (found.to_label_score > found.threshold).all()
    assert found.left_novel == 0


def test_what_is_left_is_counted(sets, found):
    one = trajectory_novelty(*sets, bandwidth=BANDWIDTH, rate=0.05, label=1)
    assert one.to_label.tolist() == found.to_label[:1].tolist()
    assert one.left_novel == found.alarm.sum() - 1
    assert one.table["to_label"].notna().sum() == 1


def test_where_alarms_last(sets):
    train, (_data, far) = sets
    values = np.concatenate([far.values[:40], np.full((40, 2), 50.0), far.values[40:80]])
    later = trajectory_novelty(train, given(values), bandwidth=BANDWIDTH, rate=0.05)
    assert later.lasting is not None
    assert 14 <= later.lasting <= 20
    assert later.share_error > 0


def test_other_elements_are_novel_and_small_sets_allow_no_small_rate(sets):
    train, (data, far) = sets
    other = replace(data, numbers=np.full(len(far.values), 32))
    found = trajectory_novelty(train, (other, far), bandwidth=BANDWIDTH, rate=1e-4, label=3)
    assert found.alarm.all()
    assert np.isinf(found.largest).all()
    assert found.rate == found.alarms.smallest_rate > found.asked_rate
    assert ["no atom of Ge" in note for note in found.notes] == [True, False]
    assert found.to_label[0] == 0
    assert len(found.to_label) == 3
    assert np.isfinite(found.to_label_score[1:]).all()  # Ge is known from the first one on


def test_descriptors_of_two_kinds_are_refused(sets):
    (data, own), far = sets
    with pytest.raises(WinnowError, match="described differently"):
        trajectory_novelty((data, replace(own, spec=Given(1))), far, bandwidth=BANDWIDTH)


def test_command(run, run_json, fails, tmp_path):
    from retrain_makers import make_structures

    train, md = make_structures(60), make_structures(30, seed=1)
    for frame in md[15:]:
        frame.positions *= 1.3
    winnow.export(winnow.read(train), range(60), tmp_path / "train.xyz")
    winnow.export(winnow.read(md), range(30), tmp_path / "md.xyz")
    files = tmp_path / "train.xyz", tmp_path / "md.xyz"
    content = run_json("novelty", *files, "--rate", "5%", "--label", 4)
    assert content["lasting_from"] in range(8, 16)
    assert content["n_frames"] == 30
    table, frames = tmp_path / "out.csv", tmp_path / "label.extxyz"
    code, out, err = run(
        "novelty", *files, "--rate", 0.05, "--label", 4, "-o", table, "--frames", frames
    )
    assert (code, err) == (0, "")
    assert "frames are still novel" in out
    with table.open() as file:
        rows = list(csv.DictReader(file))
    assert [float(row["p_value"]) for row in rows] == [f["p_value"] for f in content["frames"]]
    written = winnow.read(frames)
    original = [record.info["original_index"] for record in written.records]
    assert original == content["to_label"]
    assert 1 <= len(original) <= 4
    assert "--rate 1" in fails("novelty", *files, "--rate", "1.0")
