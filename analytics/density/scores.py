"""GraNd and EL2N scores: how important each point is to learn from, over several networks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.density.surrogate import NetworkSpec, Single, gradient_norms, train
from analytics.runtime.arrays import FloatArray, frozen
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import Options, option
from analytics.runtime.value import Value

__all__ = ["ScoreSpec", "Scores", "score_points"]


@dataclass(frozen=True, slots=True)
class ScoreSpec(Options):
    """Options of the scores."""

    networks: int = option(5, help="Networks, each from its own first weights", low=1, high=50)
    steps: int = option(200, help="Steps of training before scoring", low=0, high=100_000)
    rate: float = option(1e-3, help="Learning rate, constant", low=1e-6, high=1.0)


@dataclass(frozen=True, slots=True)
class Scores(Value):
    """One score per point; larger is more important.

    Attributes
    ----------
    grand : float array (n,)
        Mean norm of the gradient of the loss of the point by all weights.
    el2n : float array (n,)
        Mean absolute residual, the one-output form of the norm of the error vector.
    """

    grand: FloatArray
    el2n: FloatArray


def score_points(
    features: Single,
    targets: FloatArray,
    spec: ScoreSpec | None = None,
    *,
    width: int = 64,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> Scores:
    """Score every point by networks trained for a little on all of them.

    Parameters
    ----------
    features : float32 array (n, d)
        Standardised.
    targets : float array (n,)
    spec : ScoreSpec, optional
    width : int
        Neurons per layer.
    seed : int
    monitor : Monitor, optional

    References
    ----------
    M. Paul, S. Ganguli, G. K. Dziugaite, NeurIPS 2021, arXiv:2107.07075.
    """
    spec = spec or ScoreSpec()
    early = NetworkSpec(width=width, rate=spec.rate, schedule="constant")
    grand, el2n = np.zeros(len(features)), np.zeros(len(features))
    for at in range(spec.networks):
        monitor.report(at / spec.networks, "scoring points")
        network = train(
            features,
            targets,
            early,
            seed=seed * 1009 + at,
            steps=spec.steps,
            checkpoint=monitor.checkpoint,
        )
        norms, residuals = gradient_norms(network, features, targets, monitor.checkpoint)
        grand += norms / spec.networks
        el2n += residuals / spec.networks
    return Scores(frozen(grand), frozen(el2n))
