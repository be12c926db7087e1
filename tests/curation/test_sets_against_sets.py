"""What data sets hold of one another: coverage, novelty, leaks."""

from __future__ import annotations

import numpy as np
import pytest
from makers import BANDWIDTH, kernel_twin, make_analysis, real_descriptors
from numpy.testing import assert_allclose

import winnow_atomistic as winnow
from analytics.curation.overlap import classes_of, leakage, novelty, overlap_matrix, sets_of
from analytics.descriptors.distances import DistanceSpec
from analytics.information.entropy import overlap
from analytics.information.false_alarms import calibrate_alarms
from analytics.runtime.errors import WinnowError


def twin(y, x):
    """Return delta entropies from the definition."""
    return -np.log(kernel_twin(y, x, BANDWIDTH).sum(axis=1))


def test_the_matrix_is_that_of_the_definition():
    rng = np.random.default_rng(0)
    sets = {name: rng.normal(size=(n, 3)) for name, n in (("a", 12), ("b", 30), ("c", 7))}
    sets["c"] = np.vstack([sets["c"], sets["a"][:5]])
    found = overlap_matrix(sets, bandwidth=BANDWIDTH)
    for i, x in enumerate(sets.values()):
        for j, y in enumerate(sets.values()):
            d = twin(y, x)
            assert found.coverage[i, j] == np.mean(d < 1e-5)
            assert_allclose(found.mean_delta_entropy[i, j], d.mean(), rtol=1e-4, atol=1e-5)
            assert_allclose(found.median_delta_entropy[i, j], np.median(d), rtol=1e-4, atol=1e-5)
    assert_allclose(np.diag(found.coverage), 1.0)
    assert not found.coverage_error.any()
    assert found.table.shape == (9, 8)
    assert found.table["coverage"][2] == found.coverage[0, 2] >= 5 / 12


def test_a_sample_is_near_and_says_so():
    dataset, described = real_descriptors("ta_snap2014.xyz.gz")
    classes = classes_of(dataset, described)
    assert sum(map(len, classes.values())) == described.n_environments
    some = {name: classes[name] for name in ("GSF_110", "GSF_112", "Elastic_FCC")}
    whole = overlap_matrix(some, sample=None)
    part = overlap_matrix(some, sample=150, seed=1)
    assert part.sampled.tolist() == [150, 150, 150]
    apart = np.abs(part.coverage - whole.coverage)
    assert (apart <= 4 * part.coverage_error + 1e-12).all()
    assert part.coverage_error.max() > 0
    again = overlap_matrix(some, sample=150, seed=1)
    assert np.array_equal(part.coverage, again.coverage)


def test_novelty_by_structure():
    a, b = make_analysis(seed=1), make_analysis(seed=2)
    spec = a.descriptors.spec
    y = type(b.descriptors)(
        values=b.descriptors.values,
        structures=b.descriptors.structures,
        structure_offsets=b.descriptors.structure_offsets,
        environments=b.descriptors.environments,
        spec=spec,
        source=b.dataset.fingerprint,
    )
    found = novelty(a.descriptors, y, bandwidth=BANDWIDTH)
    d = twin(y.values, a.descriptors.values)
    assert_allclose(found.delta_entropy, d, rtol=1e-4, atol=1e-4)
    rows = [slice(*y.structure_offsets[s : s + 2]) for s in range(y.n_structures)]
    assert_allclose(found.largest, [d[r].max() for r in rows], rtol=1e-4, atol=1e-4)
    assert_allclose(found.mean, [d[r].mean() for r in rows], rtol=1e-4, atol=1e-4)
    assert found.covered_environments == np.mean(d < 1e-5)
    assert found.order()[0] == np.argmax(found.largest)
    assert np.isnan(found.p_value).all()
    alarms = calibrate_alarms(a.descriptors, bandwidth=BANDWIDTH)
    rated = novelty(a.descriptors, y, bandwidth=BANDWIDTH, alarms=alarms)
    assert_allclose(rated.p_value, alarms.p_values(found.largest))


def test_nothing_is_new_of_a_set_given_itself():
    dataset, described = real_descriptors("ta_snap2014.xyz.gz")
    found = leakage((dataset, described), (dataset, described))
    assert found.novelty.covered_environments == 1.0
    assert len(found.test) == found.n_test == 363
    assert found.exact.all() or found.distance[~found.exact].max() < 0.1
    assert found.exact.sum() == 363
    assert np.array_equal(found.test, found.train)
    assert (found.novelty.p_value > 0.01).all()


def test_leaks_between_published_sets():
    train, test = (real_descriptors(f"mlearn_Si_{part}.xyz") for part in ("train", "test"))
    found = leakage(train, test)
    assert found.test.tolist() == [22, 23, 24]  # strains that are training strains, turned
    assert not found.exact.any()
    energies = [data.energies / data.sizes for data, _ in (train, test)]
    assert_allclose(energies[1][found.test], energies[0][found.train], atol=1e-6)
    expected = overlap(test[1].values, train[1].values)
    assert found.novelty.covered_environments == pytest.approx(expected)
    assert found.records(train[0], test[0])[0]["test_structure"] == 22


def test_a_planted_leak_is_exact():
    dataset, _ = real_descriptors("ta_snap2014.xyz.gz")
    train, test = dataset.take(np.arange(0, 350)), dataset.take(np.array([355, 7, 360]))
    found = leakage((train, winnow.describe(train)), (test, winnow.describe(test)))
    assert 1 in found.test
    assert found.train[found.test == 1] == 7
    assert found.exact[found.test == 1].all()


def test_other_descriptors_cannot_be_compared():
    dataset, described = real_descriptors("mlearn_Si_test.xyz")
    other = winnow.describe(dataset, DistanceSpec(k=16))
    with pytest.raises(WinnowError, match="described differently"):
        novelty(described, other)
    with pytest.raises(WinnowError, match="described differently"):
        leakage((dataset, described), (dataset, other))


def test_files_of_one_name_are_told_apart():
    _, described = real_descriptors("mlearn_Si_test.xyz")
    assert list(sets_of(["a", "a", "b"], [described] * 3)) == ["a", "a (2)", "b"]
