"""Effective size, efficiency and coverage by class, and the learning curve."""

from __future__ import annotations

import json

import numpy as np
import pytest
from makers import BANDWIDTH, Recorder, kernel_twin, make_analysis, real_analysis
from numpy.testing import assert_allclose

import winnow_atomistic as winnow
from analytics.evaluation.redundancy import information_efficiency, learning_curve, redundancy
from analytics.information.entropy import overlap
from analytics.runtime.errors import Cancelled


def class_of(analysis, name):
    """Return the rows of a class and the others."""
    labels = analysis.dataset.config_type[analysis.descriptors.structures]
    rows = labels[analysis.descriptors.owners] == name
    return analysis.descriptors.values[rows], analysis.descriptors.values[~rows]


def test_the_whole_and_each_class_from_the_definition():
    analysis = make_analysis(seed=3)
    found = redundancy(analysis)
    assert [row.name for row in found] == ["", "class0", "class1", "class2"]
    assert sum(row.n_environments for row in found[1:]) == found[0].n_environments
    for row in found[1:]:
        own, others = class_of(analysis, row.name)
        sums = kernel_twin(own, own, BANDWIDTH).sum(axis=1)
        n = len(own)
        assert row.n_environments == n
        assert_allclose(row.entropy_nats, -np.mean(np.log(sums / n)), rtol=1e-4)
        assert_allclose(row.effective_environments, np.sum(1 / sums), rtol=1e-4)
        assert_allclose(row.redundancy, 1 - np.sum(1 / sums) / n, rtol=1e-4)
        assert_allclose(row.efficiency, row.entropy_nats / np.log(n))
        outside = kernel_twin(own, others, BANDWIDTH).sum(axis=1)
        assert_allclose(row.covered_by_others, np.mean(outside > np.exp(-1e-5)), atol=1.5 / n)
    assert found[0].entropy_nats == analysis.entropy_nats
    assert found[0].redundancy == analysis.redundancy
    json.dumps([row.to_dict() for row in found])


def test_one_class_is_the_whole():
    analysis = make_analysis(seed=1)
    single = winnow.analyse(
        analysis.dataset.take(np.array([0, 3, 6])),
        winnow.describe(analysis.dataset.take(np.array([0, 3, 6]))),
    )
    assert len(redundancy(single)) == 1


def test_limits_of_the_efficiency():
    assert information_efficiency(np.log(7), 7) == 1.0
    assert information_efficiency(0.0, 7) == 0.0
    assert np.isnan(information_efficiency(0.0, 1))


def test_the_curve_is_that_of_random_nested_orders():
    analysis = make_analysis(seed=5)
    curve = learning_curve(analysis, fractions=[0.2, 0.5, 1.0], orders=3, seed=10)
    assert curve.sizes.tolist() == [5, 12, 25]
    assert curve.seeds == (10, 11, 12)
    x, owner = analysis.descriptors.values, analysis.descriptors.owners
    for k, seed in enumerate(curve.seeds):
        picks = np.random.default_rng(seed).permutation(25)
        for at, size in enumerate(curve.sizes):
            own = x[np.isin(owner, picks[:size])]
            assert curve.environments[at, k] == len(own)
            assert_allclose(
                curve.entropy[at, k], winnow.entropy(own, bandwidth=BANDWIDTH), rtol=1e-4
            )
            expected = overlap(x, own, bandwidth=BANDWIDTH)
            assert_allclose(curve.coverage[at, k], expected, atol=1e-12)
    assert_allclose(curve.entropy[-1], analysis.entropy_nats, rtol=1e-6)
    assert (np.diff(curve.coverage, axis=0) >= 0).all()
    table = curve.table
    assert table["entropy_spread"].iloc[-1] == pytest.approx(0, abs=1e-9)
    assert_allclose(table["entropy_nats"], curve.entropy.mean(axis=1))
    assert_allclose(table["entropy_spread"], curve.entropy.std(axis=1, ddof=1))


def test_the_curve_of_a_class():
    analysis = real_analysis("mlearn_Si_test.xyz")
    labels = analysis.dataset.config_type
    name = str(labels[0])
    curve = learning_curve(analysis, orders=2, config_type=name)
    assert curve.sizes[-1] == np.sum(labels == name)
    row = next(row for row in redundancy(analysis) if row.name == name)
    assert_allclose(curve.entropy[-1], row.entropy_nats, rtol=1e-6)
    with pytest.raises(ValueError, match="no structure has the config_type 'x'"):
        learning_curve(analysis, config_type="x")


@pytest.mark.parametrize("options", [{"fractions": []}, {"fractions": [0.0]}, {"orders": 0}])
def test_what_is_no_curve(options):
    with pytest.raises(ValueError, match=r"fractions are|orders is"):
        learning_curve(make_analysis(), **options)


def test_they_can_be_cancelled():
    for work in (redundancy, learning_curve):
        with pytest.raises(Cancelled):
            work(make_analysis(), monitor=Recorder(cancel_at=1))
