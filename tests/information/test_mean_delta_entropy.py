"""Mean delta entropy against its formula in double precision, along orders and from samples."""

from __future__ import annotations

import numpy as np
import pytest
from makers import make_analysis
from numpy.testing import assert_allclose
from scipy.spatial.distance import cdist
from scipy.special import logsumexp

import winnow_atomistic as winnow
from analytics.evaluation.comparison import measure
from analytics.evaluation.prefixes import prefix_metrics
from analytics.information.analysis import Analysis, analyse
from analytics.information.mean_delta_entropy import (
    CAP,
    delta_entropy_given,
    mean_delta_entropy,
    mean_delta_entropy_along,
)
from analytics.information.sampling import draw_sample
from analytics.runtime.arrays import ragged_rows
from analytics.runtime.assets import asset
from analytics.selection.base import select

H = 0.5
SIZES = np.array([0, 1, 2, 5, 17, 25])


def twin(y: np.ndarray, x: np.ndarray, bandwidth: float = H) -> float:
    """Mean over y of -ln sum_j K(y, x_j), kept between 0 and the cap."""
    if len(x) == 0:
        return CAP
    y, x = y.astype(np.float64), x.astype(np.float64)
    logs = logsumexp(-0.5 * cdist(y, x, "sqeuclidean") / bandwidth**2, axis=1)
    return float(np.clip(-logs, 0.0, CAP).mean())


def spread_out(seed: int = 4) -> Analysis:
    """Environments from next to each other to beyond the cap."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(1, 7, 25)
    centres = np.repeat(rng.normal(size=(25, 4)) * rng.choice([0.5, 2.0, 8.0], (25, 1)), sizes, 0)
    values = (centres + 0.3 * rng.normal(size=centres.shape)).astype(np.float32)
    return make_analysis(values, sizes.tolist())


@pytest.mark.parametrize("method", ["random", "facility_location", "msc"])
def test_prefixes_are_those_of_the_formula(method: str) -> None:
    analysis = spread_out()
    x, offsets = analysis.descriptors.values, analysis.descriptors.structure_offsets
    picks = select(analysis, method).positions
    found = prefix_metrics(analysis, picks, SIZES)
    expected = [twin(x, x[ragged_rows(offsets, picks[:m])]) for m in SIZES]
    assert 0 < expected[4] < expected[1] < CAP
    assert_allclose(found.mean_delta_entropy, expected, atol=1e-4)
    assert found.mean_delta_entropy[-1] == 0.0
    assert found.mean_delta_entropy_error.tolist() == [0.0] * len(SIZES)


def test_a_target_in_one_pass_is_the_target_at_each_size() -> None:
    analysis = spread_out()
    x, offsets = analysis.descriptors.values, analysis.descriptors.structure_offsets
    target = np.random.default_rng(1).normal(size=(40, 4)).astype(np.float32) * 3
    picks = select(analysis, "random").positions
    values, errors = mean_delta_entropy_along(target, x, offsets, picks, SIZES, bandwidth=H)
    kept = [x[ragged_rows(offsets, picks[:m])] for m in SIZES]
    assert_allclose(values, [twin(target, each) for each in kept], rtol=1e-6)
    assert np.all(np.diff(values) <= 0)
    assert not errors.any()
    alone = mean_delta_entropy(target, kept[3], bandwidth=H)
    assert_allclose(alone.value, values[3], rtol=1e-9)
    assert (alone.n_environments, alone.n_sampled, alone.error) == (40, 40, 0.0)


@pytest.mark.parametrize("width", [0.01, 0.2, 5.0])
def test_narrow_and_wide_kernels(width: float) -> None:
    rng = np.random.default_rng(2)
    y, x = rng.normal(size=(30, 3)), rng.normal(size=(20, 3))
    found = mean_delta_entropy(y, x, bandwidth=width)
    assert_allclose(found.value, twin(y, x, width), rtol=1e-6, atol=1e-9)
    assert 0 <= found.value <= CAP


def test_what_is_crowded_makes_up_for_nothing_and_a_stray_atom_does_not_decide() -> None:
    crowd, far = np.zeros((1000, 2)), np.full((1, 2), 1e6)
    assert mean_delta_entropy(crowd, crowd, bandwidth=1.0).value == 0.0
    both = mean_delta_entropy(np.vstack([crowd[:9], far]), crowd, bandwidth=1.0)
    assert_allclose(both.value, CAP / 10)


def test_a_sample_is_unbiased_and_knows_its_error() -> None:
    analysis = spread_out()
    x, offsets = analysis.descriptors.values, analysis.descriptors.structure_offsets
    target = np.random.default_rng(3).normal(size=(600, 4)).astype(np.float32) * 2
    picks, sizes = np.arange(25), np.array([3])
    truth = twin(target, x[: offsets[3]])
    draws = np.array(
        [
            mean_delta_entropy_along(
                target, x, offsets, picks, sizes, bandwidth=H, sample=draw_sample(600, 60, seed)
            )
            for seed in range(60)
        ]
    )[:, :, 0]
    off = (draws[:, 0] - truth) / draws[:, 1]
    assert abs(off.mean()) < 4 * off.std() / np.sqrt(60)
    assert 0.7 < off.std() < 1.4


def test_a_sampled_analysis_estimates_it_from_kernels_that_reach_far() -> None:
    whole = spread_out()
    part = analyse(whole.dataset, whole.descriptors, whole.spec, sample=40)
    picks = select(whole, "random").positions
    exact, found = (prefix_metrics(a, picks, SIZES) for a in (whole, part))
    inside = slice(1, -1)
    off = found.mean_delta_entropy - exact.mean_delta_entropy
    assert np.all(found.mean_delta_entropy_error[inside] > 0)
    assert np.all(np.abs(off[inside]) < 5 * found.mean_delta_entropy_error[inside])
    assert found.mean_delta_entropy[-1] == 0.0
    row = measure(part, select(part, "random"), 5)
    assert row["mean_delta_entropy_error"] == found.mean_delta_entropy_error[3]


def test_each_environment_given_the_kept_ones() -> None:
    whole = spread_out()
    x, offsets = whole.descriptors.values.astype(np.float64), whole.descriptors.structure_offsets
    picks = np.array([3, 11, 4])
    kept = x[ragged_rows(offsets, picks)]
    logs = logsumexp(-0.5 * cdist(x, kept, "sqeuclidean") / H**2, axis=1)
    part = analyse(whole.dataset, whole.descriptors, whole.spec, sample=40)
    for analysis in (whole, part):
        found = delta_entropy_given(analysis, picks)
        assert_allclose(found, np.clip(-logs, 0.0, CAP), atol=1e-4)
        assert not found[ragged_rows(offsets, picks)].any()
        assert np.all(delta_entropy_given(analysis, picks[:0]) == CAP)
    values = prefix_metrics(whole, picks, np.array([3])).mean_delta_entropy
    assert_allclose(delta_entropy_given(whole, picks).mean(), values[0], rtol=1e-9)


def test_a_declared_target_in_select_and_compare(run, run_json, tmp_path) -> None:
    carbon = f"{asset('carbon.xyz.gz')}@0:60"
    target = f"{asset('carbon.xyz.gz')}@60:70"
    rows = run_json(
        "compare", carbon, "--methods", "random", "--budgets", "5,20", "--target", target
    )["rows"]
    few, more = (row["target_mean_delta_entropy"] for row in rows)
    assert more < few
    found = run_json("select", carbon, "--method", "random", "--budget", "5", "--target", target)
    assert found["target_mean_delta_entropy"] == few
    analysis = winnow.analyse(winnow.read(carbon))
    described = analysis.descriptors
    picks = winnow.select(analysis, "random", size=5).positions
    kept = described.values[ragged_rows(described.structure_offsets, picks)]
    y = winnow.describe(winnow.read(target)).values
    assert_allclose(few, twin(y, kept, analysis.spec.bandwidth), rtol=1e-4)
    out = tmp_path / "kept.xyz"
    asked = ("--method", "random", "--budget", "5", "--target", target, "-o", out)
    assert "mean delta entropy of the target" in run("select", carbon, *asked)[1]
