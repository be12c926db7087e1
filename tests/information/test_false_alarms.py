"""False-alarm rates: the definition by brute force, and that they are kept."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from makers import BANDWIDTH, kernel_twin, make_analysis
from numpy.testing import assert_allclose

from analytics.information.false_alarms import calibrate_alarms, structure_scores
from analytics.runtime.errors import InputError


@pytest.fixture(scope="module")
def analysis():
    return make_analysis(seed=3)


@pytest.fixture(scope="module")
def alarms(analysis):
    return calibrate_alarms(analysis.descriptors, bandwidth=BANDWIDTH, folds=1000)


def scores_given_others(analysis):
    x, offsets = analysis.descriptors.values, analysis.descriptors.structure_offsets
    kernel = kernel_twin(x, x, BANDWIDTH)
    owner = analysis.descriptors.owners
    scores = -np.log((kernel * (owner[:, None] != owner[None])).sum(axis=1))
    return [scores[a:b] for a, b in itertools.pairwise(offsets)]


def test_each_structure_is_scored_given_the_others(analysis, alarms):
    twin = scores_given_others(analysis)
    assert_allclose(alarms.largest, np.sort([s.max() for s in twin]), rtol=1e-5, atol=1e-6)
    assert_allclose(alarms.mean, np.sort([s.mean() for s in twin]), rtol=1e-5, atol=1e-6)
    assert_allclose(alarms.environment, np.sort(np.concatenate(twin)), rtol=1e-5, atol=1e-6)
    assert alarms.shares.sum() == pytest.approx(len(twin))
    assert len(alarms) == len(twin)
    assert alarms.smallest_rate == 1 / (len(twin) + 1)


def test_folds_only_raise_scores(analysis, alarms):
    rough = calibrate_alarms(analysis.descriptors, bandwidth=BANDWIDTH, folds=3)
    assert (rough.largest >= alarms.largest - 1e-6).all()
    assert (rough.p_values(alarms.largest) >= alarms.p_values(alarms.largest) - 1e-9).all()


@pytest.mark.parametrize("statistic", ["largest", "mean"])
@pytest.mark.parametrize("rate", [0.04, 0.1, 0.5])
def test_p_values_and_thresholds_agree(alarms, statistic, rate):
    known = getattr(alarms, statistic)
    asked = np.concatenate([known, known + 1e-6, [-1e3, 1e3, np.inf]])
    twin = np.array([(1 + np.sum(known >= s)) / (len(known) + 1) for s in asked])
    p = alarms.p_values(asked, statistic)
    assert_allclose(p, twin)
    assert ((asked > alarms.threshold(rate, statistic)) == (p <= rate + 1e-12)).all()


@pytest.mark.parametrize("rate", [0.04, 0.1, 0.5])
def test_the_share_of_environments_is_that_of_the_definition(analysis, alarms, rate):
    twin = scores_given_others(analysis)
    t, n = alarms.environment_threshold(rate), len(twin)

    def bound(t):
        return (1 + sum((s > t).mean() for s in twin)) / (n + 1)

    assert bound(t + 1e-6) <= rate + 1e-9 < bound(t - 1e-4)
    p = alarms.environment_p_values(alarms.environment)
    assert ((alarms.environment > t) == (p <= rate + 1e-9)).all()
    one = alarms.environment[len(p) // 2]
    expected = (1 + sum((s >= one - 1e-6).mean() for s in twin)) / (n + 1)
    assert p[len(p) // 2] == pytest.approx(expected)


def test_a_rate_too_small_for_the_set_alarms_nobody(alarms):
    rate = 0.9 * alarms.smallest_rate
    assert alarms.threshold(rate) == alarms.environment_threshold(rate) == np.inf
    assert alarms.realised(rate) == (0.0, 0.0)
    assert alarms.p_values(np.array([1e9]))[0] == alarms.smallest_rate


def test_rates_are_kept_on_exchangeable_structures():
    """Over many draws of set and newcomers: within five standard errors of the rate, from below."""
    rng, rate = np.random.default_rng(0), 0.2
    alarmed, atoms = [], []
    for _ in range(60):
        values = rng.normal(size=(40 * 3, 2)) + np.repeat(rng.normal(size=(40, 2)), 3, axis=0)
        analysis = make_analysis(values[: 20 * 3], [3] * 20)
        alarms = calibrate_alarms(analysis.descriptors, bandwidth=BANDWIDTH, folds=20)
        scores = -np.log(kernel_twin(values[60:], values[:60], BANDWIDTH).sum(axis=1))
        _, largest, _ = structure_scores(scores, np.full(20, 3))
        alarmed.append(np.mean(alarms.p_values(largest) <= rate))
        atoms.append(np.mean(scores > alarms.environment_threshold(rate)))
    for found in (alarmed, atoms):
        error = np.std(found) / np.sqrt(len(found))
        assert 0.5 * rate < np.mean(found) < rate + 3 * error


def test_the_realised_rate_is_that_of_order_statistics():
    analysis = make_analysis(np.random.default_rng(1).normal(size=(199, 2)))
    alarms = calibrate_alarms(analysis.descriptors, bandwidth=BANDWIDTH)
    low, high = alarms.realised(0.05)
    draws = np.sort(np.random.default_rng(0).uniform(size=(20_000, 199)), axis=1)
    realised = 1 - draws[:, -10]  # above the tenth largest of 199
    assert_allclose([low, high], np.quantile(realised, [0.05, 0.95]), rtol=0.03)


def test_elements_that_no_other_structure_has_are_infinitely_novel():
    analysis = make_analysis(np.zeros((6, 2)), [2, 2, 2])
    numbers = np.array([6, 6, 6, 6, 6, 14])
    alarms = calibrate_alarms(analysis.descriptors, bandwidth=BANDWIDTH, numbers=numbers)
    assert np.isinf(alarms.largest).sum() == 1
    assert np.isinf(alarms.environment).sum() == 1


def test_what_cannot_be_asked_is_refused(alarms):
    with pytest.raises(ValueError, match="statistic"):
        alarms.threshold(0.1, "median")
    with pytest.raises(ValueError, match="rate"):
        alarms.threshold(1.0)
    with pytest.raises(InputError, match="two structures"):
        calibrate_alarms(make_analysis(np.zeros((3, 2)), [3]).descriptors, bandwidth=BANDWIDTH)
