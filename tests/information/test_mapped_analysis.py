"""Analyses of descriptors that lie in a file: as those in memory, and without a second copy."""

from __future__ import annotations

import tracemalloc
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from makers import real_analysis, real_descriptors
from numpy.testing import assert_allclose, assert_array_equal

import winnow_atomistic as winnow
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.evaluation.prefixes import prefix_metrics
from analytics.information import bandwidth as bandwidth_module
from analytics.information import blocks, sampled_rows
from analytics.information.analysis import certify, dataset_width, refine
from analytics.information.kernel import PUBLISHED, KernelSpec, kernel_sums
from analytics.information.sampling import draw_sample
from analytics.information.structure_kernel import structure_kernel
from analytics.runtime.growing import Growing
from analytics.runtime.store import MappedFile

NAME, PICKED = "mlearn_Si_train.xyz", 20


def single(described: Descriptors) -> Descriptors:
    values = described.values.astype(np.float32)
    return replace(described, values=values, fingerprint="")


def mapped(described: Descriptors) -> Descriptors:
    """Return the same in a file, as descriptors of large sets are."""
    growing = Growing(np.float32, described.values.shape[1:])
    for start in range(0, len(described.values), 1000):
        growing.extend(described.values[start : start + 1000])
    values = growing.finish()
    base: Any = values
    while isinstance(base, np.ndarray):
        base = base.base
    assert isinstance(base.obj if isinstance(base, memoryview) else base, MappedFile)
    return replace(described, values=values)


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Slices and arrays in memory so small that a small set has many."""
    monkeypatch.setenv("WINNOW_ARRAYS", "100KB")
    monkeypatch.setattr(sampled_rows, "SLICE", 700)
    monkeypatch.setattr(blocks, "PART", 300)
    monkeypatch.setattr(bandwidth_module, "COLUMNS", 500)


def in_memory() -> tuple[Dataset, Descriptors]:
    dataset, described = real_descriptors(NAME)
    return dataset, single(described)


@pytest.mark.usefixtures("small")
def test_a_set_in_a_file_has_the_figures_and_picks_of_one_in_memory() -> None:
    dataset, described = in_memory()
    with pytest.MonkeyPatch.context() as patch:  # as it is where nothing is cut
        patch.delenv("WINNOW_ARRAYS")
        patch.setattr(sampled_rows, "SLICE", 200_000)
        patch.setattr(blocks, "PART", 1 << 16)
        patch.setattr(bandwidth_module, "COLUMNS", 8192)
        one = winnow.analyse(dataset, described, sample=1500)
        over_one = winnow.width_range(one)
    two = winnow.analyse(dataset, mapped(described), sample=1500)
    assert two.width == one.width
    for name in ("entropy_nats", "entropy_error", "diversity_nats", "diversity_error"):
        assert_allclose(getattr(two, name), getattr(one, name), rtol=1e-5)
    for kernel in ("kernel", "measured", "reaching"):
        ours, theirs = getattr(two, kernel), getattr(one, kernel)
        assert_array_equal(ours.columns, theirs.columns)
        assert_array_equal(ours.representatives, theirs.representatives)
        assert_array_equal(ours.weights, theirs.weights)
        assert_allclose(ours.sampled_totals(), theirs.sampled_totals(), rtol=1e-4)
    assert_allclose(two.outliers.environment, one.outliers.environment, atol=1e-4)
    assert_array_equal(two.outliers.known, one.outliers.known)
    over_two = winnow.width_range(two)
    assert_allclose(over_two.entropy, over_one.entropy, rtol=1e-5)
    for method in ("facility_location", "msc", "farthest_environment", "kmeans", "random"):
        picks = [winnow.select(each, method, size=PICKED, seed=1) for each in (one, two)]
        assert_array_equal(picks[1].structures, picks[0].structures)


@pytest.mark.usefixtures("small")
def test_sums_do_not_depend_on_how_a_set_is_cut() -> None:
    _, described = real_descriptors(NAME)
    x = np.concatenate([described.values[:2000], described.values[500:900]])  # with copies
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(blocks, "PART", 1 << 16)
        whole = kernel_sums(x), kernel_sums(x[::3], x)
    cut = kernel_sums(x), kernel_sums(x[::3], x)
    for ours, theirs in zip(cut, whole, strict=True):
        assert_allclose(ours, theirs, rtol=2e-6)


@pytest.mark.usefixtures("small")
def test_estimates_from_slices_lie_within_their_errors() -> None:
    truth = real_analysis(NAME)
    dataset, described = in_memory()
    described, off, spec = mapped(described), [], KernelSpec(PUBLISHED)
    for seed in range(5):
        found = winnow.analyse(dataset, described, spec, sample=1000, seed=seed)
        off.append((found.entropy_nats - truth.entropy_nats) / found.entropy_error)
        off.append((found.diversity_nats - truth.diversity_nats) / found.diversity_error)
        picks, sizes = np.random.default_rng(seed).permutation(truth.n_structures), [PICKED]
        own, exact = (prefix_metrics(each, picks, sizes) for each in (found, truth))
        for name in ("overlap", "mean_delta_entropy"):
            error = getattr(own, f"{name}_error")[0]
            off.append((getattr(own, name)[0] - getattr(exact, name)[0]) / error)
    assert np.max(np.abs(off)) < 4
    assert np.std(off) < 1.6
    stated = certify(found, error=0.05, confidence=0.999)
    assert abs(stated.entropy_nats - truth.entropy_nats) <= stated.entropy_error + 1e-5
    assert_allclose(refine(found).entropy_nats, truth.entropy_nats, atol=1e-5)


@pytest.mark.usefixtures("small")
def test_a_kernel_of_everything_and_one_of_a_sample_agree() -> None:
    _, described = real_descriptors(NAME)
    offsets = described.structure_offsets[:60]
    x = described.values[: offsets[-1]]
    whole = structure_kernel(x, offsets, bandwidth=0.03)
    sample = draw_sample(len(x), 300, 3)
    order = np.random.default_rng(0).permutation(len(offsets) - 1)
    part = structure_kernel(x, offsets, bandwidth=0.03, sample=sample, order=order)
    for name in ("sums", "peaks"):
        one = getattr(whole, name).toarray()[:, whole.inverse[sample.rows]]
        two = getattr(part, name).toarray()[:, part.columns]
        assert_allclose(one, two, rtol=1e-4, atol=1e-6)


def _peak(dataset: Dataset, described: Descriptors, bandwidth: float) -> int:
    """Return the most bytes that numpy holds during an analysis."""
    width = dataset_width(dataset, described).taken(KernelSpec(bandwidth))
    described = mapped(described)
    found = []
    for _ in range(2):  # the first time compiles
        tracemalloc.start()
        try:
            winnow.analyse(dataset, described, width=width, sample=50)
            found.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
    return found[-1]


@pytest.mark.usefixtures("small")
def test_memory_does_not_grow_with_the_numbers_of_a_descriptor(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where all were prepared at once it took 28 bytes for each and more."""
    monkeypatch.setenv("WINNOW_THREADS", "1")
    monkeypatch.setattr(blocks, "AXES_FROM", 300)
    dataset, described = in_memory()
    wider = replace(described, values=np.tile(described.values, (1, 4)))  # twice as far apart
    one, four = _peak(dataset, described, 0.015), _peak(dataset, wider, 0.03)
    assert four - one < 4 * (wider.values.size - described.values.size)
