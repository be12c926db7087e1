"""Bounds of coverage and mean delta entropy, against brute force."""

from __future__ import annotations

import numpy as np
import pytest
from makers import kernel_twin
from numpy.testing import assert_allclose
from scipy.stats import binom

import analytics.information.bounded_coverage as bounded_module
from analytics.information.bounded_coverage import BoundedCoverage, bounded_coverage
from analytics.runtime.errors import Cancelled
from analytics.runtime.progress import Silent

#: Trials, over so many sets; each with draws of its own.
TRIALS, SETS = 600, 30
BELOW = 0.05


@pytest.fixture(autouse=True)
def few(monkeypatch: pytest.MonkeyPatch) -> None:
    """Few draws at a time, so that small sets are enough."""
    monkeypatch.setattr(bounded_module, "FEWEST", 16)


def a_set(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, float]:
    """Return points, which of them are kept, and a width from narrow to very wide."""
    n, d = int(rng.integers(600, 900)), int(rng.integers(1, 9))
    x = rng.normal(size=(n, d))
    shape = rng.integers(3)
    if shape == 1:  # some far away from everything
        x[:6] *= 1000.0
    elif shape == 2:  # half of them repeat another one
        x[n // 2 :] = x[rng.integers(0, n // 2, n - n // 2)]
    kept = rng.choice(n, int(rng.integers(1, n // 4)), replace=False)
    return x, kept, float(np.exp(rng.uniform(np.log(0.05), np.log(4.0))))


def truth(x: np.ndarray, kept: np.ndarray, width: float) -> tuple[float, float]:
    with np.errstate(divide="ignore"):
        missing = -np.log(kernel_twin(x, x[kept], width).sum(axis=1))
    return float((missing < BELOW).mean()), float(np.clip(missing, 0.0, 40.0).mean())


def held(found: BoundedCoverage, covered: float, mean: float) -> list[bool]:
    return [
        found.coverage.low - 1e-12 <= covered <= found.coverage.high + 1e-12,
        found.mean_delta_entropy.low - 1e-5 <= mean <= found.mean_delta_entropy.high + 1e-5,
    ]


def test_bounds_hold_in_hundreds_of_trials() -> None:
    rng = np.random.default_rng(0)
    failures, drawn = 0, 0
    for at in range(SETS):
        x, kept, width = a_set(rng)
        covered, mean = truth(x, kept, width)
        for seed in range(TRIALS // SETS):
            found = bounded_coverage(
                x, kept, bandwidth=width, covered_below=BELOW, error=3.0, share=0.1,
                confidence=0.7, seed=1000 * at + seed,
            )  # fmt: skip
            good = held(found, covered, mean)
            failures += not all(good)
            drawn += not found.exact
            assert all(good) or not found.exact
            assert found.coverage.error <= 0.1
            assert found.mean_delta_entropy.error <= 3.0
    assert drawn > TRIALS // 2
    assert failures <= binom.ppf(0.999, TRIALS, 0.3)


def test_a_small_error_looks_at_all() -> None:
    x, kept, width = a_set(np.random.default_rng(3))
    found = bounded_coverage(x, kept, bandwidth=width, covered_below=BELOW, error=1e-6)
    covered, mean = truth(x, kept, width)
    assert found.exact
    assert found.confidence == 1.0
    assert found.summed == len(x) - len(kept)
    assert_allclose(found.coverage.value, covered, atol=1e-12)
    assert_allclose(found.mean_delta_entropy.value, mean, atol=1e-5)
    assert found.coverage.error == 0


@pytest.mark.parametrize(("kept", "covered", "mean"), [([], 0.0, 40.0), (range(50), 1.0, 0.0)])
def test_nothing_and_everything_kept(kept: list[int], covered: float, mean: float) -> None:
    found = bounded_coverage(np.random.default_rng(0).normal(size=(50, 3)), kept)
    assert (found.coverage.value, found.mean_delta_entropy.value) == (covered, mean)
    assert found.exact


def test_a_seed_repeats_the_draws() -> None:
    x, kept, _ = a_set(np.random.default_rng(1))
    one, same, other = (
        bounded_coverage(x, kept, bandwidth=0.5, error=3.0, share=0.1, seed=seed)
        for seed in (0, 0, 1)
    )
    assert not one.exact
    assert one == same != other


def test_it_can_be_cancelled() -> None:
    class Stopped(Silent):
        def checkpoint(self) -> None:
            raise Cancelled

    x, kept, _ = a_set(np.random.default_rng(2))
    with pytest.raises(Cancelled):
        bounded_coverage(x, kept, monitor=Stopped())


@pytest.mark.parametrize("wrong", [{"error": 0.0}, {"share": -1.0}, {"confidence": 1.0}])
def test_what_makes_no_sense_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="not"):
        bounded_coverage(np.zeros((3, 1)), [0], **wrong)
