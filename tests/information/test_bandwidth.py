"""The rule by atomic volume and the scan over widths."""

from __future__ import annotations

import numpy as np
import pytest
from makers import Recorder, make_analysis, real_descriptors
from numpy.testing import assert_allclose

import winnow_atomistic as winnow
from analytics.descriptors.stored import StoredSpec
from analytics.information.bandwidth import atomic_volume, bandwidth_by_volume, bandwidth_scan
from analytics.information.kernel import kernel_sums
from analytics.runtime.errors import Cancelled


def test_the_rule_is_that_of_quests():
    quests = pytest.importorskip("quests.entropy")
    for volume in (3.0, 5.3, 10.0, 15.8, 20.4, 30.0, 80.0):
        assert bandwidth_by_volume(volume) == pytest.approx(quests.get_bandwidth(volume), rel=1e-12)
    with pytest.raises(ValueError, match="volume is 0"):
        bandwidth_by_volume(0)


def test_the_volume_is_that_of_the_periodic_structures():
    dataset, _ = real_descriptors("mlearn_Si_test.xyz")
    volume = atomic_volume(dataset)
    each = [abs(np.linalg.det(c)) / n for c, n in zip(dataset.cells, dataset.sizes, strict=True)]
    assert volume.median == pytest.approx(np.median(each))
    assert volume.low <= volume.median <= volume.high
    assert volume.n_structures == 25
    molecules, _ = real_descriptors("acac_test_dihedral.xyz.gz")
    assert atomic_volume(molecules).n_structures == 0
    assert np.isnan(atomic_volume(molecules).median)


def test_the_scan_agrees_with_the_figures_at_each_width():
    dataset, described = real_descriptors("mlearn_Si_test.xyz")
    scan = bandwidth_scan(dataset, described)
    x = described.values
    assert len(scan.bandwidths) == 18
    assert scan.n_sampled == scan.n_environments == len(x)
    for at in (0, 5, 8, 12, 17):
        h = scan.bandwidths[at]
        assert_allclose(scan.entropy[at], winnow.entropy(x, bandwidth=h), atol=2e-5)
        assert_allclose(scan.diversity[at], winnow.diversity(x, bandwidth=h), atol=2e-5)
        others = kernel_sums(x, bandwidth=h, leave_one_out=True)
        assert_allclose(scan.covered[at], np.mean(others > np.exp(-1e-5)), atol=2 / len(x))
    assert not scan.entropy_error.any()
    assert (np.diff(scan.entropy) < 1e-9).all()
    assert (np.diff(scan.covered) > -1e-9).all()


def test_chosen_width_and_rule_are_marked():
    dataset, described = real_descriptors("mlearn_Si_test.xyz")
    scan = bandwidth_scan(dataset, described, chosen=0.02, bandwidths=[0.01, 0.05])
    marks = {record["mark"]: record["bandwidth"] for record in scan.records()}
    assert marks["chosen"] == 0.02
    assert marks["rule"] == scan.rule == bandwidth_by_volume(scan.volume.median)
    assert scan.bandwidths.tolist() == sorted([0.01, 0.05, 0.02, scan.rule])


def test_the_rule_is_for_distances_in_crystals():
    molecules, described = real_descriptors("acac_test_dihedral.xyz.gz")
    assert bandwidth_scan(molecules, described, bandwidths=[0.1]).rule is None
    dataset, own = real_descriptors("mlearn_Si_test.xyz")
    stored = type(own)(
        values=own.values,
        structures=own.structures,
        structure_offsets=own.structure_offsets,
        environments=own.environments,
        spec=StoredSpec(key="features"),
        source=own.source,
    )
    assert bandwidth_scan(dataset, stored, bandwidths=[0.1]).rule is None


def test_a_sample_is_within_its_error():
    dataset, described = real_descriptors("mlearn_Si_test.xyz")
    widths = [0.005, 0.015, 0.05]
    whole = bandwidth_scan(dataset, described, bandwidths=widths)
    part = bandwidth_scan(dataset, described, bandwidths=widths, sample=300, seed=4)
    assert part.n_sampled == 300
    for name in ("entropy", "diversity", "covered"):
        apart = np.abs(getattr(part, name) - getattr(whole, name))
        assert (apart <= 4 * getattr(part, f"{name}_error") + 1e-9).all(), name
    assert (part.entropy_error > 0).all()


def test_limits():
    far = make_analysis(np.arange(12.0)[:, None] * 1e3, bandwidth=0.5)
    scan = bandwidth_scan(far.dataset, far.descriptors, chosen=0.5)
    assert_allclose(scan.entropy, np.log(12))
    assert_allclose(scan.diversity, np.log(12))
    assert not scan.covered.any()
    assert_allclose(scan.dimension, 0, atol=1e-9)
    same = make_analysis(np.ones((12, 2)), bandwidth=0.5)
    scan = bandwidth_scan(same.dataset, same.descriptors, chosen=0.5)
    assert_allclose(scan.entropy, 0, atol=1e-12)
    assert_allclose(scan.diversity, 0, atol=1e-12)
    assert scan.covered.all()


def test_the_slope_is_the_dimension_of_the_data():
    """Points of a plane, and widths between their spacing and its size."""
    rng = np.random.default_rng(0)
    values = np.zeros((3000, 6))
    values[:, :2] = rng.uniform(size=(3000, 2))
    plane = make_analysis(values, [3000], bandwidth=0.06)
    scan = bandwidth_scan(plane.dataset, plane.descriptors, chosen=0.06, bandwidths=[0.05, 0.07])
    k = scan.bandwidths.tolist().index(0.06)
    assert scan.dimension[k] == pytest.approx(2.0, abs=0.35)


def test_what_is_no_width_is_refused():
    one = make_analysis(seed=1)
    with pytest.raises(ValueError, match="not all positive"):
        bandwidth_scan(one.dataset, one.descriptors, bandwidths=[0.0, 1.0])
    with pytest.raises(ValueError, match="sample is 0"):
        bandwidth_scan(one.dataset, one.descriptors, sample=0)


def test_a_scan_can_be_cancelled():
    one = make_analysis(seed=1)
    with pytest.raises(Cancelled):
        bandwidth_scan(one.dataset, one.descriptors, monitor=Recorder(cancel_at=1))
