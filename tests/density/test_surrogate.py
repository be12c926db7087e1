"""The network learns, and its per-point gradients are those of explicit differentiation."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytics.density.scores import ScoreSpec, score_points
from analytics.density.surrogate import (
    TARGETS,
    Network,
    NetworkSpec,
    gradient_norms,
    steps_of,
    train,
)
from analytics.runtime.errors import Cancelled

SMALL = NetworkSpec(width=6, steps=30, batch=16)


def points(n: int = 60, d: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, d)).astype(np.float32)
    return x, np.sin(x[:, 0]) + 0.5 * x[:, 1] ** 2


def loss(flat: np.ndarray, network: Network, row: np.ndarray, target: float) -> float:
    """Return half the squared error of one point, in double precision."""
    shapes = [a.shape for a in network.layers()]
    parts, at = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        parts.append(flat[at : at + size].reshape(shape))
        at += size
    w1, b1, w2, b2, w3, b3 = parts
    output = np.tanh(np.tanh(row @ w1 + b1) @ w2 + b2) @ w3 + b3[0]
    return 0.5 * (output - target) ** 2


def explicit_gradient(network: Network, row: np.ndarray, target: float) -> np.ndarray:
    """Return the gradient of one point by central differences in every weight."""
    flat = network.parameters.astype(np.float64)
    gradient = np.empty_like(flat)
    for k in range(len(flat)):
        step = np.zeros_like(flat)
        step[k] = 1e-5
        up = loss(flat + step, network, row.astype(float), target)
        down = loss(flat - step, network, row.astype(float), target)
        gradient[k] = (up - down) / 2e-5
    return gradient


def test_gradient_norms_are_those_of_explicit_gradients() -> None:
    x, y = points()
    network = train(x, y, SMALL, seed=1)
    norms, residuals = gradient_norms(network, x, y)
    scaled = (y - network.centre) / network.scale
    expected = [np.linalg.norm(explicit_gradient(network, r, t))
                for r, t in zip(x, scaled, strict=True)]  # fmt: skip
    assert_allclose(norms, expected, rtol=2e-4, atol=1e-6)
    predicted = network.predict(x)
    assert_allclose(residuals, np.abs(predicted - y) / network.scale, rtol=1e-4, atol=1e-6)


def test_one_step_of_training_follows_the_gradient() -> None:
    """The first step of Adam moves every weight by the rate against the sign of its gradient."""
    x, y = points(16)
    spec = NetworkSpec(width=6, steps=10, batch=16, rate=1e-3, schedule="constant")
    before, after = (train(x, y, spec, seed=3, steps=n) for n in (0, 1))
    scaled = (y - before.centre) / before.scale
    gradients = [explicit_gradient(before, r, t) for r, t in zip(x, scaled, strict=True)]
    mean = np.mean(gradients, axis=0)
    moved = after.parameters.astype(float) - before.parameters
    clear = np.abs(mean) > 1e-4
    assert clear.sum() > 30
    assert_allclose(moved[clear], -1e-3 * np.sign(mean[clear]), rtol=5e-3)


def test_learns_a_smooth_function_and_generalises() -> None:
    x, y = points(2000, 3)
    network = train(x, y, NetworkSpec(width=32, steps=1500), seed=0)
    fresh, truth = points(500, 3, seed=9)
    assert np.std(network.predict(fresh) - truth) < 0.06 * np.std(truth)


def test_seed_decides_and_subset_is_all_it_sees() -> None:
    x, y = points()
    a, b, c = (train(x, y, SMALL, seed=s).parameters for s in (0, 0, 1))
    assert_array_equal(a, b)
    assert (a != c).any()
    rows = np.arange(0, 60, 2)
    hidden = y.copy()
    hidden[1::2] = 1e6
    assert_array_equal(
        train(x, y, SMALL, seed=0, rows=rows).parameters,
        train(x, hidden, SMALL, seed=0, rows=rows).parameters,
    )


def test_every_point_once_per_pass() -> None:
    from analytics.density.surrogate import _batches

    seen = np.concatenate(list(_batches(12, 4, 6, np.random.default_rng(0))))
    assert_array_equal(np.sort(seen[:12]), np.arange(12))
    assert_array_equal(np.sort(seen[12:]), np.arange(12))


def test_steps_and_epochs() -> None:
    assert steps_of(NetworkSpec(steps=70), 10**6) == 70
    assert steps_of(NetworkSpec(epochs=3, batch=256), 1000) == 12
    assert steps_of(NetworkSpec(epochs=3, batch=256), 100) == 3
    with pytest.raises(ValueError, match="rate"):
        NetworkSpec(rate=-1.0)


def test_constant_targets_and_nothing_to_learn() -> None:
    x, _ = points()
    network = train(x, np.full(60, 3.0), SMALL, seed=0)
    assert_allclose(network.predict(x), 3.0, atol=1.5)
    assert network.predict(x[:0]).shape == (0,)
    with pytest.raises(ValueError, match="0 rows"):
        train(x, np.zeros(60), SMALL, seed=0, rows=np.empty(0, dtype=int))


def test_training_stops_when_told() -> None:
    x, y = points()

    def stop() -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        train(x, y, SMALL, seed=0, checkpoint=stop)


@pytest.mark.parametrize("name", TARGETS)
def test_targets_invert(name) -> None:
    forth, back = TARGETS[name]
    rho = np.array([0.0, 1e-5, 0.3, 2.0])
    assert_allclose(back(forth(rho)), rho, atol=1e-15)
    assert (back(np.array([-0.5])) == 0).all()


def test_scores_are_means_over_networks_and_find_the_hard_points() -> None:
    x, y = points(400, 3)
    y[:20] += 5.0 * np.sign(np.random.default_rng(0).normal(size=20))
    spec = ScoreSpec(networks=2, steps=100)
    both = score_points(x, y, spec, width=8, seed=0)
    singles = []
    for at in range(2):
        early = NetworkSpec(width=8, rate=spec.rate, schedule="constant")
        network = train(x, y, early, seed=at, steps=100)
        singles.append(gradient_norms(network, x, y))
    assert_allclose(both.grand, np.mean([s[0] for s in singles], axis=0))
    assert_allclose(both.el2n, np.mean([s[1] for s in singles], axis=0))
    assert np.isin(np.argsort(-both.grand)[:20], np.arange(20)).mean() > 0.8
