"""Pruning methods for grid points or snapshots: random, CCS, GraNd, EL2N, farthest, k-means."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.density.scores import Scores
from analytics.density.surrogate import Single
from analytics.linalg.farthest import farthest_points
from analytics.linalg.kmeans import assign, cluster
from analytics.linalg.principal_axes import principal_axes
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import NoOptions, Options, Registry, option, options_of, spec_from
from analytics.selection.base import Method
from analytics.selection.strata import allocate, draw_within, set_aside, strata_of

__all__ = [
    "PRUNINGS",
    "Candidates",
    "CoverageSpec",
    "DensityStrataSpec",
    "KMeansSpec",
    "Pruning",
    "StrataSpec",
    "method_and_options",
    "prune",
    "stratified",
]

#: Densities below this many e/bohr^3 are one stratum: vacuum.
VACUUM = 1e-6


@dataclass(frozen=True, slots=True)
class Candidates:
    """What a method may look at; one row per point, or per snapshot.

    Attributes
    ----------
    features : float32 array (n, d)
        Standardised descriptors (of a snapshot: their mean).
    density : float array (n,), e/bohr^3
        Of a snapshot: the geometric mean over its points.
    scores : Scores, optional
        Of a snapshot: the mean over its points.
    """

    features: Single
    density: FloatArray
    scores: Scores | None = None

    def __len__(self) -> int:
        return len(self.density)


@dataclass(frozen=True, slots=True)
class StrataSpec(Options):
    """Options of coverage-centric selection."""

    beta: float = option(
        0.05, help="Share of the hardest points that is left out first", low=0.0, high=0.95
    )
    strata: int = option(50, help="Strata over the range of the score", low=2, high=1000)
    scale: str = option(
        "linear", help="Strata of equal width in the score or its logarithm",
        choices=("linear", "log"),
    )  # fmt: skip
    score: str = option("grand", help="Which score", choices=("grand", "el2n"))


@dataclass(frozen=True, slots=True)
class DensityStrataSpec(Options):
    """Options of strata over the density itself."""

    strata: int = option(50, help="Strata over the logarithm of the density", low=2, high=1000)


@dataclass(frozen=True, slots=True)
class CoverageSpec(Options):
    """Options of farthest points."""

    components: int = option(
        8, help="Principal components of the descriptor to measure in", low=1, high=64
    )


@dataclass(frozen=True, slots=True)
class KMeansSpec(Options):
    """Options of clusters."""

    clusters: int = option(256, help="Clusters, at most", low=2, high=2000)
    components: int = option(
        8, help="Principal components of the descriptor to measure in", low=1, high=64
    )


@dataclass(frozen=True, slots=True)
class Pruning(Method):
    """A selection method over grid points: `run` takes `Candidates` and returns rows kept."""

    needs_scores: bool = False


PRUNINGS: Registry[Pruning] = Registry("pruning method")
#: Short names that users may type.
ALIASES = {"fps": "farthest_point", "k-means": "kmeans"}


def _register(entry: Pruning) -> None:
    PRUNINGS.register(entry.name)(entry)


def method_and_options(label: str) -> tuple[str, dict[str, Any]]:
    """Read a method with options, such as ``ccs:beta=0.1:scale=log``.

    Returns
    -------
    name : str
        In `PRUNINGS`.
    options : dict
        Those that the label names.

    Raises
    ------
    WinnowError
        If the method or an option does not exist, or a value is out of bounds.
    """
    name, *parts = label.strip().split(":")
    entry = PRUNINGS[ALIASES.get(name, name)]
    known = {item.name: item for item in options_of(entry.spec)}
    options: dict[str, Any] = {}
    for part in parts:
        key, _, text = part.partition("=")
        if key not in known:
            names = ", ".join(known) or "none"
            raise WinnowError(f"{entry.name} has no option {key!r} (it has {names})")
        try:
            options[key] = type(known[key].default)(text)
            known[key].check(options[key])
        except ValueError as error:
            raise WinnowError(f"{label}: {error}") from None
    return entry.name, options


def prune(
    candidates: Candidates,
    method: str,
    size: int,
    *,
    spec: Any = None,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> IntArray:
    """Return which candidates are kept, ascending.

    Parameters
    ----------
    candidates : Candidates
    method : str
        A name in `PRUNINGS`.
    size : int
        How many to keep.
    spec : dataclass or mapping, optional
        Options of the method.
    seed : int
    monitor : Monitor, optional
    """
    entry = PRUNINGS[ALIASES.get(method, method)]
    if spec is None or isinstance(spec, Mapping):
        spec = spec_from(entry.spec, spec or {})
    if not 0 < size <= len(candidates):
        raise ValueError(f"size is {size}, not 1 to {len(candidates)}")
    if entry.needs_scores and candidates.scores is None:
        raise ValueError(f"{entry.title} needs scores")
    monitor.checkpoint()
    if size == len(candidates):
        return np.arange(size)
    kept = entry.run(candidates, size, spec, rng=np.random.default_rng(seed), monitor=monitor)
    return frozen(np.sort(kept), np.int64)


# ------------------------------------------------------------------------------- strata


def stratified(labels: IntArray, budget: int, rng: np.random.Generator) -> IntArray:
    """Return rows drawn at random within strata, as `allocate` shares the budget among them."""
    members = draw_within(labels, rng)
    shares = allocate(np.array([len(rows) for rows in members]), budget)
    return np.concatenate([rows[:share] for rows, share in zip(members, shares, strict=True)])


def _score(candidates: Candidates, name: str) -> FloatArray:
    assert candidates.scores is not None
    values: FloatArray = getattr(candidates.scores, name)
    return values


def _ccs(
    candidates: Candidates, size: int, spec: StrataSpec, *, rng: np.random.Generator,
    monitor: Monitor,
) -> IntArray:  # fmt: skip
    scores = _score(candidates, spec.score)
    easy, hard = set_aside(scores, spec.beta)
    labels = strata_of(scores[easy], spec.strata, spec.scale)
    drawn = easy[stratified(labels, min(size, len(easy)), rng)]
    # where the budget asks for more than beta leaves, fewer of the hardest are left out
    return np.concatenate([drawn, hard[: size - len(drawn)]])


def _log_density(
    candidates: Candidates, size: int, spec: DensityStrataSpec, *, rng: np.random.Generator,
    monitor: Monitor,
) -> IntArray:  # fmt: skip
    values = np.log(np.maximum(candidates.density.astype(np.float64), VACUUM))
    return stratified(strata_of(values, spec.strata), size, rng)


# ------------------------------------------------------------------------------- other methods


def _random(
    candidates: Candidates, size: int, spec: NoOptions, *, rng: np.random.Generator,
    monitor: Monitor,
) -> IntArray:  # fmt: skip
    return rng.permutation(len(candidates))[:size]


def _grand(
    candidates: Candidates, size: int, spec: NoOptions, *, rng: np.random.Generator,
    monitor: Monitor,
) -> IntArray:  # fmt: skip
    return np.argsort(-_score(candidates, "grand"), kind="stable")[:size]


def _el2n(
    candidates: Candidates, size: int, spec: NoOptions, *, rng: np.random.Generator,
    monitor: Monitor,
) -> IntArray:  # fmt: skip
    return np.argsort(-_score(candidates, "el2n"), kind="stable")[:size]


def _farthest(
    candidates: Candidates, size: int, spec: CoverageSpec, *, rng: np.random.Generator,
    monitor: Monitor,
) -> IntArray:  # fmt: skip
    points = _leading(candidates, spec.components)
    return farthest_points(points, size, first=int(rng.integers(len(points))), monitor=monitor)


def _kmeans(
    candidates: Candidates, size: int, spec: KMeansSpec, *, rng: np.random.Generator,
    monitor: Monitor,
) -> IntArray:  # fmt: skip
    points = _leading(candidates, spec.components)
    sample = points[np.sort(rng.permutation(len(points))[:20_000])].astype(np.float64)
    clusters = min(spec.clusters, size, len(np.unique(sample, axis=0)))
    weights, seed = np.ones(len(sample)), int(rng.integers(2**31))
    # ten rounds spread the centres, which is all that is asked
    _, centres = cluster(sample, weights, clusters, seed=seed, rounds=10, monitor=monitor)
    return stratified(assign(points, centres, monitor=monitor)[0], size, rng)


def _leading(candidates: Candidates, components: int) -> Single:
    """Return the points along the leading principal axes of their descriptor."""
    axes = principal_axes(candidates.features, components)
    return axes.project(candidates.features).astype(np.float32)


_register(Pruning("random", "Random", "random", "every point with the same chance",
                  NoOptions, _random))  # fmt: skip
_register(Pruning("ccs", "CCS", "coverage", "equal shares of strata of the score, without the "
                  "hardest", StrataSpec, _ccs, needs_scores=True))  # fmt: skip
_register(Pruning("grand", "GraNd", "importance", "largest gradients first",
                  NoOptions, _grand, needs_scores=True))  # fmt: skip
_register(Pruning("el2n", "EL2N", "importance", "largest errors of early networks first",
                  NoOptions, _el2n, needs_scores=True))  # fmt: skip
_register(Pruning("farthest_point", "Farthest points", "coverage", "each as far as possible from "
                  "those before", CoverageSpec, _farthest))  # fmt: skip
_register(Pruning("kmeans", "k-means", "coverage", "equal shares of clusters of the descriptor",
                  KMeansSpec, _kmeans))  # fmt: skip
_register(Pruning("log_density", "Strata of log density", "control", "equal shares of strata of "
                  "the density, no scores", DensityStrataSpec, _log_density))  # fmt: skip
