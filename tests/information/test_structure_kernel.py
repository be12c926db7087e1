"""Structure kernels of sampled environments are columns of the whole kernel."""

from __future__ import annotations

import numpy as np
import pytest
from makers import real_descriptors
from numpy.testing import assert_allclose, assert_array_equal

from analytics.information.sampling import draw_sample
from analytics.information.structure_kernel import COARSE_CUT, structure_kernel


@pytest.fixture(scope="module")
def case() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    sizes = rng.integers(1, 12, 60)
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    centres = rng.normal(size=(6, 4)) * 3
    x = centres[rng.integers(0, 6, offsets[-1])] + rng.normal(size=(offsets[-1], 4))
    x[offsets[5] : offsets[6]] = x[offsets[5]]
    x[offsets[8] : offsets[9]] = x[offsets[5]]
    return x, offsets


def test_its_columns_are_those_of_the_whole_kernel(case) -> None:
    x, offsets = case
    whole = structure_kernel(x, offsets, bandwidth=0.8)
    sample = draw_sample(len(x), 70, 3)
    part = structure_kernel(x, offsets, bandwidth=0.8, sample=sample)
    for name in ("sums", "peaks"):
        one = getattr(whole, name).toarray()[:, whole.inverse[sample.rows]]
        two = getattr(part, name).toarray()[:, part.columns]
        assert_allclose(one, two, rtol=1e-5, atol=1e-7)
    assert part.sampled == 70
    assert whole.sampled is None
    assert (part.n_structures, part.n_environments) == (60, len(x))
    assert part.weights.sum() == len(x)
    assert_array_equal(part.inverse[sample.rows], part.columns)
    assert (part.inverse >= 0).sum() == 70
    assert_array_equal(np.flatnonzero(~np.isnan(part.totals())), sample.rows)
    assert_allclose(part.sampled_totals(), whole.totals()[sample.rows], rtol=1e-5)


def test_rows_of_the_sample_belong_to_their_structures(case) -> None:
    x, offsets = case
    part = structure_kernel(x, offsets, bandwidth=0.8, sample=draw_sample(len(x), 70, 3))
    for s in range(60):
        own = part.sample.rows[part.sample_offsets[s] : part.sample_offsets[s + 1]]
        assert np.all((own >= offsets[s]) & (own < offsets[s + 1]))
    assert part.sample_offsets[-1] == 70


def test_each_column_has_an_environment(case) -> None:
    x, offsets = case
    for sample in (None, draw_sample(len(x), 70, 3)):
        kernel = structure_kernel(x, offsets, bandwidth=0.8, sample=sample)
        assert_array_equal(kernel.inverse[kernel.representatives], np.arange(len(kernel.weights)))


def test_a_coarser_cut_leaves_out_what_it_says(case) -> None:
    x, offsets = case
    fine = structure_kernel(x, offsets, bandwidth=0.8)
    coarse = structure_kernel(x, offsets, bandwidth=0.8, cut=COARSE_CUT)
    assert coarse.nbytes < fine.nbytes
    one, two = (k.peaks.toarray()[:, k.inverse] for k in (fine, coarse))
    assert 0 < np.abs(one - two).max() <= 1.001e-3
    one, two = (k.sums.toarray()[:, k.inverse] for k in (fine, coarse))
    assert np.abs(one - two).max() <= 12 * 1.001e-12 + 1e-6 * one.max()


def test_estimates_from_the_sample_cover_the_truth() -> None:
    _, described = real_descriptors("mlearn_Si_train.xyz")
    x, offsets = described.values, described.structure_offsets
    whole = structure_kernel(x, offsets)
    rng = np.random.default_rng(0)
    chosen = [rng.choice(len(offsets) - 1, size, replace=False) for size in (5, 20, 60)]
    n, off = len(x), []
    for seed in range(8):
        part = structure_kernel(x, offsets, sample=draw_sample(n, 800, seed))
        for kept in chosen:
            # the facility-location value of a set fixed beforehand
            truth = np.asarray(whole.peaks[kept].max(axis=0).todense()).ravel() @ whole.weights / n
            reached = np.asarray(part.peaks[kept].max(axis=0).todense()).ravel()[part.columns]
            terms = part.sample.weights * reached / n
            error = part.sample.standard_error(terms)
            assert 0 < error < 0.02
            assert abs(terms.sum() - truth) < np.sqrt(np.log(2 / 1e-6) / (2 * 800))
            off.append((terms.sum() - truth) / error)
    assert np.max(np.abs(off)) < 4
    assert 0.2 < np.std(off) < 1.6
    assert abs(np.mean(off)) < 1
