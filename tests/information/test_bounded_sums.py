"""Bounds of kernel sums, entropy and diversity, against brute force."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from makers import kernel_twin
from numpy.testing import assert_array_equal
from scipy.stats import binom

import analytics.information.bounded_sums as bounded_module
import analytics.information.kernel as kernel_module
from analytics.information.bounded_sums import BoundedSums, Certified, bounded_kernel_sums
from analytics.information.entropy import diversity_of_sums, entropy_of_sums
from analytics.information.kernel import kernel_sums
from analytics.runtime.errors import Cancelled
from analytics.runtime.progress import Silent

#: Trials, over so many sets; each with draws of its own.
TRIALS, SETS = 1_000, 40


@pytest.fixture(scope="module", autouse=True)
def small() -> Iterator[None]:
    """Small blocks, few of them near, few drawn, and no exact sums because they are cheaper."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(kernel_module, "ROWS", 16)
        patch.setattr("analytics.information.sparsest.NEAR", 2)
        for name, value in (("DRAWN", 24), ("TESTED", 60), ("FEWEST", 16)):
            patch.setattr(bounded_module, name, value)
        patch.setattr(bounded_module, "_affordable", len)
        yield


def a_set(rng: np.random.Generator) -> tuple[np.ndarray, float]:
    """Return points of some shape in 1 to 80 dimensions, and a width from narrow to very wide."""
    n, d = int(rng.integers(100, 200)), int(rng.integers(1, 81))
    x = rng.normal(size=(n, d)) / np.sqrt(d)
    shape = rng.integers(4)
    if shape == 1:  # clusters
        x = 3.0 * rng.normal(size=(9, d))[rng.integers(0, 9, n)] / np.sqrt(d) + 0.2 * x
    elif shape == 2:  # some far away from everything
        x[:6] *= 1000.0
    elif shape == 3:  # half of them repeat another one
        x[n // 2 :] = x[rng.integers(0, n // 2, n - n // 2)]
    return x, float(np.exp(rng.uniform(np.log(0.02), np.log(8.0))))


def held(found: BoundedSums, sums: np.ndarray) -> tuple[bool, bool, bool]:
    """Return whether the sums, the entropy and the diversity are where they were said to be."""
    stated = found.certificate
    entropy, diversity = entropy_of_sums(sums), diversity_of_sums(sums)
    return (
        bool(np.all((found.low <= sums) & (sums <= found.high))),
        stated.entropy.low <= entropy <= stated.entropy.high,
        stated.diversity.low <= diversity <= stated.diversity.high,
    )


def test_bounds_hold_in_a_thousand_trials() -> None:
    rng = np.random.default_rng(0)
    failures, drawn = np.zeros(3, dtype=int), 0
    for at in range(SETS):
        x, width = a_set(rng)
        sums = kernel_twin(x, x, width).sum(axis=1)
        for seed in range(TRIALS // SETS):
            found = bounded_kernel_sums(
                x, bandwidth=width, error=0.2, confidence=0.7, seed=1000 * at + seed
            )
            failures += np.logical_not(held(found, sums))
            drawn += found.certificate.summed < len(np.unique(x, axis=0))
            for one in (found.certificate.entropy, found.certificate.diversity):
                assert one.error <= 0.2
    assert drawn > TRIALS // 3
    assert failures[0] == 0  # without any probability
    assert failures[1:].sum() <= binom.ppf(0.999, TRIALS, 0.3)


def test_the_same_seed_gives_the_same_and_another_one_other_draws() -> None:
    x = np.random.default_rng(1).normal(size=(400, 6))
    first, again, other = (
        bounded_kernel_sums(x, bandwidth=0.8, error=0.1, seed=seed) for seed in (3, 3, 4)
    )
    assert first == again
    assert_array_equal(first.sums, again.sums)
    assert not first.certificate.exact
    assert first.certificate.summed < 400
    assert other.certificate != first.certificate


def test_copies_count_as_often_as_they_occur() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(300, 4))
    copies = np.repeat(x, rng.integers(1, 6, 300), axis=0)
    found = bounded_kernel_sums(copies, bandwidth=0.6, error=0.05, confidence=0.999)
    sums = kernel_twin(copies, copies, 0.6).sum(axis=1)
    assert all(held(found, sums))
    assert found.certificate.summed <= 300 < len(copies) == len(found.sums)
    _, inverse = np.unique(copies, axis=0, return_inverse=True)
    for row in (0, 17, 290):
        alike = found.sums[inverse == inverse[row]]
        assert np.all(alike == alike[0])


def test_most_estimates_are_as_close_as_is_said() -> None:
    x = np.random.default_rng(3).normal(size=(600, 5))
    sums = kernel_sums(x, bandwidth=1.0)
    for seed in range(5):
        found = bounded_kernel_sums(x, bandwidth=1.0, error=0.1, confidence=0.7, seed=seed)
        off = np.abs(np.log(found.sums / sums))
        assert np.mean(off <= found.certificate.off) >= 0.95
        assert 0.0 < found.certificate.off < 3.0


def test_a_narrow_kernel_needs_no_draws_but_those_for_the_test() -> None:
    rng = np.random.default_rng(4)
    x = np.repeat(rng.normal(size=(40, 3)) * 1e4, 16, axis=0) + 0.1 * rng.normal(size=(640, 3))
    found = bounded_kernel_sums(x, bandwidth=0.5, error=0.01)
    assert all(held(found, kernel_twin(x, x, 0.5).sum(axis=1)))
    assert found.certificate.summed <= 60
    assert np.all(found.high <= found.low * 1.001)
    assert found.certificate.entropy.error < 1e-3


def test_sums_are_exact_where_that_is_cheaper(monkeypatch: pytest.MonkeyPatch) -> None:
    x = np.random.default_rng(5).normal(size=(300, 5))
    sums = kernel_sums(x, bandwidth=0.7)
    by_choice = bounded_kernel_sums(x, bandwidth=0.7, error=1e-6)  # less than rounding
    monkeypatch.setattr(bounded_module, "_affordable", lambda points: 100)
    spent = bounded_kernel_sums(x, bandwidth=0.7, error=1e-4)
    monkeypatch.undo()
    small = bounded_kernel_sums(x, bandwidth=0.7)
    for found in (by_choice, spent, small):
        stated = found.certificate
        assert stated.exact
        assert (stated.confidence, stated.off) == (1.0, 0.0)
        assert stated.entropy == Certified(entropy_of_sums(sums), entropy_of_sums(sums))
        assert_array_equal(found.sums, sums)


def test_cancelled_work_stops() -> None:
    class Impatient(Silent):
        def __init__(self, patience: int) -> None:
            self.left = patience

        def checkpoint(self) -> None:
            self.left -= 1
            if self.left < 0:
                raise Cancelled

    x = np.random.default_rng(6).normal(size=(400, 6))
    for patience in (0, 5, 40):
        with pytest.raises(Cancelled):
            bounded_kernel_sums(x, bandwidth=0.8, error=0.05, monitor=Impatient(patience))


@pytest.mark.parametrize("wrong", [{"error": 0.0}, {"confidence": 1.0}, {"bandwidth": -1.0}])
def test_settings_that_mean_nothing_are_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        bounded_kernel_sums(np.zeros((3, 2)), **wrong)
