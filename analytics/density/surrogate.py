"""Surrogate model (a small neural network) of the density, with the gradient of each point."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.registry import Options, option

__all__ = ["TARGETS", "Network", "NetworkSpec", "Single", "gradient_norms", "steps_of", "train"]

Single = npt.NDArray[np.float32]

#: Steps of training between two questions whether to stop; some tens of milliseconds.
STEPS_PER_CHECK = 50
#: Rows per call of a prediction.
CHUNK = 4096
BETA1, BETA2, EPSILON = 0.9, 0.999, 1e-8
#: What the network learns instead of the density, and the way back.
TARGETS: dict[str, tuple[Callable[[Any], Any], Callable[[Any], Any]]] = {
    "density": (lambda rho: rho, lambda y: np.maximum(y, 0.0)),
    "root": (lambda rho: np.sqrt(rho), lambda y: np.maximum(y, 0.0) ** 2),
}


@dataclass(frozen=True, slots=True)
class NetworkSpec(Options):
    """Options of the network and of its training."""

    width: int = option(64, help="Neurons in each of two layers", low=4, high=512)
    steps: int = option(
        1500, help="Steps of training, the same for every subset", low=10, high=1_000_000
    )
    epochs: int = option(
        0, help="If not 0, passes over the subset instead of a fixed number of steps",
        low=0, high=10_000,
    )  # fmt: skip
    batch: int = option(256, help="Points per step", low=1, high=65536)
    rate: float = option(3e-3, help="Learning rate of Adam at the start", low=1e-6, high=1.0)
    schedule: str = option(
        "cosine", help="How the learning rate falls", choices=("cosine", "constant")
    )


def steps_of(spec: NetworkSpec, n_points: int) -> int:
    """Return the steps of training on so many points."""
    if spec.epochs == 0:
        return spec.steps
    return spec.epochs * -(-n_points // min(spec.batch, n_points))


@dataclass(frozen=True, slots=True)
class Network:
    """Two hidden layers of tanh, one output; a value.

    Attributes
    ----------
    parameters : float32 array (n,)
        All weights and offsets, layer after layer.
    n_inputs, width : int
    centre, scale : float
        The output times `scale` plus `centre` is the target.
    """

    parameters: Single
    n_inputs: int
    width: int
    centre: float
    scale: float

    def layers(self) -> tuple[Single, ...]:
        """Return W1, b1, W2, b2, w3, b3."""
        return _views(self.parameters, self.n_inputs, self.width)

    def predict(self, features: Single) -> Single:
        """Return the target for each row of standardised features."""
        parts = [
            _forward(self.layers(), features[first : first + CHUNK])[-1]
            for first in range(0, len(features), CHUNK)
        ]
        flat = np.concatenate(parts) if parts else np.empty(0, dtype=np.float32)
        return np.asarray(flat * np.float32(self.scale) + np.float32(self.centre))


def _views(flat: Single, n_inputs: int, width: int) -> tuple[Single, ...]:
    shapes = ((n_inputs, width), (width,), (width, width), (width,), (width,), (1,))
    views, at = [], 0
    for shape in shapes:
        size = int(np.prod(shape))
        views.append(flat[at : at + size].reshape(shape))
        at += size
    return tuple(views)


def _initial(n_inputs: int, width: int, rng: np.random.Generator) -> Single:
    """Return weights of Glorot's variance and offsets of zero."""
    flat = np.zeros(n_inputs * width + width * width + 3 * width + 1, dtype=np.float32)
    for part in _views(flat, n_inputs, width)[::2]:
        rows, columns = part.shape[0], part.shape[1] if part.ndim == 2 else 1
        part[...] = rng.normal(0.0, np.sqrt(2.0 / (rows + columns)), part.shape)
    return flat


def _forward(layers: tuple[Single, ...], rows: Single) -> tuple[Single, Single, Single]:
    """Return the activations of both hidden layers and the output."""
    w1, b1, w2, b2, w3, b3 = layers
    first: Single = rows @ w1
    first += b1
    np.tanh(first, out=first)
    second: Single = first @ w2
    second += b2
    np.tanh(second, out=second)
    output: Single = second @ w3 + b3
    return first, second, output


def _back(
    layers: tuple[Single, ...], first: Single, second: Single, residual: Single
) -> tuple[Single, Single]:
    """Return the derivatives of residual^2 / 2 by the inputs of both hidden layers, per row."""
    delta2 = np.multiply.outer(residual, layers[4])
    delta2 *= 1 - second * second
    delta1 = delta2 @ layers[2].T
    delta1 *= 1 - first * first
    return delta1, delta2


# ------------------------------------------------------------------------------- training


def train(
    features: Single,
    targets: FloatArray,
    spec: NetworkSpec,
    *,
    seed: int,
    rows: IntArray | None = None,
    steps: int | None = None,
    scaling: tuple[float, float] | None = None,
    checkpoint: Callable[[], None] = lambda: None,
) -> Network:
    """Train a network by Adam on mini-batches, half the mean square as loss.

    Parameters
    ----------
    features : float32 array (n, d)
        Standardised.
    targets : float array (n,)
    spec : NetworkSpec
    seed : int
        For the first weights and the order of the batches.
    rows : int array, optional
        The subset to learn from (default: all).
    steps : int, optional
        Instead of those of the spec.
    scaling : (centre, scale), optional
        Of the targets (default: mean and standard deviation of the subset).
    checkpoint : callable
        Called every few tens of milliseconds; may raise to stop.
    """
    rows = np.arange(len(features)) if rows is None else np.asarray(rows)
    if len(rows) == 0:
        raise ValueError("nothing to learn from: 0 rows")
    chosen = np.asarray(targets, dtype=np.float64)[rows]
    centre, scale = scaling or (float(chosen.mean()), float(chosen.std()))
    scale = scale if scale > 0.0 else 1.0
    scaled = ((chosen - centre) / scale).astype(np.float32)
    rng = np.random.default_rng([seed, 0x5EED])
    flat = _initial(features.shape[1], spec.width, rng)
    total = steps_of(spec, len(rows)) if steps is None else steps
    optimiser = _Adam(flat, features.shape[1], spec, total)
    for at, batch in enumerate(_batches(len(rows), min(spec.batch, len(rows)), total, rng)):
        if at % STEPS_PER_CHECK == 0:
            checkpoint()
        optimiser.step(features[rows[batch]], scaled[batch])
    return Network(frozen(flat), features.shape[1], spec.width, centre, scale)


def _batches(n: int, size: int, steps: int, rng: np.random.Generator):  # type: ignore[no-untyped-def]
    """Yield so many batches: every row once per pass, in a new order each time."""
    order, at = rng.permutation(n), 0
    for _ in range(steps):
        if at + size > n:
            order, at = rng.permutation(n), 0
        yield order[at : at + size]
        at += size


class _Adam:
    """The state of one training; D. P. Kingma and J. Ba, arXiv:1412.6980."""

    def __init__(self, flat: Single, n_inputs: int, spec: NetworkSpec, total: int) -> None:
        self._flat, self._spec, self._total, self._done = flat, spec, total, 0
        self._layers = _views(flat, n_inputs, spec.width)
        self._gradient = np.zeros_like(flat)
        self._slots = _views(self._gradient, n_inputs, spec.width)
        self._mean, self._square = np.zeros_like(flat), np.zeros_like(flat)
        self._work = np.empty_like(flat)

    def _rate(self) -> float:
        if self._spec.schedule == "constant":
            return self._spec.rate
        return self._spec.rate * 0.5 * (1.0 + float(np.cos(np.pi * self._done / self._total)))

    def step(self, rows: Single, targets: Single) -> None:
        """Move the weights once."""
        first, second, output = _forward(self._layers, rows)
        residual = (output - targets) / np.float32(len(rows))
        delta1, delta2 = _back(self._layers, first, second, residual)
        g1, h1, g2, h2, g3, h3 = self._slots
        np.matmul(rows.T, delta1, out=g1)
        np.sum(delta1, axis=0, out=h1)
        np.matmul(first.T, delta2, out=g2)
        np.sum(delta2, axis=0, out=h2)
        np.matmul(residual, second, out=g3)
        h3[0] = residual.sum()
        self._move()

    def _move(self) -> None:
        rate = self._rate()
        self._done += 1
        gradient, work = self._gradient, self._work
        self._mean *= np.float32(BETA1)
        np.multiply(gradient, np.float32(1 - BETA1), out=work)
        self._mean += work
        self._square *= np.float32(BETA2)
        np.multiply(gradient, gradient, out=work)
        work *= np.float32(1 - BETA2)
        self._square += work
        np.sqrt(self._square, out=work)
        work /= np.float32(np.sqrt(1 - BETA2**self._done))
        work += np.float32(EPSILON)
        np.divide(self._mean, work, out=work)
        work *= np.float32(rate / (1 - BETA1**self._done))
        self._flat -= work


# ------------------------------------------------------------------------------- gradients


def gradient_norms(
    network: Network,
    features: Single,
    targets: FloatArray,
    checkpoint: Callable[[], None] = lambda: None,
) -> tuple[FloatArray, FloatArray]:
    r"""Return the norm of each point's gradient and its absolute residual.

    The gradient of :math:`r^2/2` by the weights of a layer is the outer product of the layer's
    input a and the derivative delta by its output, so that its norm needs no gradient:

    .. math::
        \|\nabla_\theta r^2/2\|^2 = \sum_l \|\delta_l\|^2 (\|a_l\|^2 + 1).

    Parameters
    ----------
    network : Network
    features : float32 array (n, d)
    targets : float array (n,)
    checkpoint : callable

    Returns
    -------
    norms : float array (n,)
        By all weights and offsets, in units of the scaled target.
    residuals : float array (n,)
        In the same units.
    """
    layers = network.layers()
    scaled = ((np.asarray(targets, np.float64) - network.centre) / network.scale).astype(np.float32)
    norms, residuals = np.empty(len(features)), np.empty(len(features))
    for begin in range(0, len(features), CHUNK):
        checkpoint()
        part = slice(begin, begin + CHUNK)
        rows = features[part]
        first, second, output = _forward(layers, rows)
        residual = output - scaled[part]
        delta1, delta2 = _back(layers, first, second, residual)
        squares = _squares(delta1) * (_squares(rows) + 1.0)
        squares += _squares(delta2) * (_squares(first) + 1.0)
        squares += residual.astype(np.float64) ** 2 * (_squares(second) + 1.0)
        norms[part] = np.sqrt(squares)
        residuals[part] = np.abs(residual)
    return norms, residuals


def _squares(rows: Single) -> FloatArray:
    squares: FloatArray = np.einsum("ij,ij->i", rows, rows, dtype=np.float64)
    return squares
