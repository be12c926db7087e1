"""Train/test split by snapshots, and described grid points, the same for all models."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.density.descriptor import PointSpec, describe_points
from analytics.density.grid import DensityData
from analytics.density.surrogate import Single
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value

__all__ = ["PointSet", "Split", "Suggestion", "describe_set", "split_snapshots", "suggest"]

#: Points with less than this many e/bohr^3 are vacuum; more of it than this share is a molecule.
VACUUM_DENSITY, VACUUM_SHARE = 1e-4, 0.2


@dataclass(frozen=True, slots=True)
class Suggestion:
    """Settings that suit a system.

    Attributes
    ----------
    vacuum : float
        Share of the points that are nearly empty.
    cutoff : float, angstrom
    target : str
        "density", or "root" where densities span orders of magnitude.
    beta, scale
        Of coverage-centric selection.
    """

    vacuum: float
    cutoff: float
    target: str
    beta: float
    scale: str


def suggest(data: DensityData) -> Suggestion:
    """Return settings for a crystal, or for a molecule in vacuum.

    The hardest points of a molecule in vacuum are the molecule: leaving any of them out ruins
    the model, and strata of equal width in the score are nearly all empty.
    """
    vacuum = float(np.mean(data.densities < VACUUM_DENSITY))
    if vacuum > VACUUM_SHARE:
        return Suggestion(vacuum, 4.5, "root", 0.0, "log")
    return Suggestion(vacuum, 6.0, "density", 0.05, "linear")


@dataclass(frozen=True, slots=True)
class Split(Value):
    """Numbers of the snapshots to learn from, to test on, and of other conditions."""

    train: IntArray
    test: IntArray
    unseen: IntArray


def split_snapshots(data: DensityData, test_share: float = 0.2, seed: int = 0) -> Split:
    """Return the split that the data states, or a random one by whole snapshots.

    Raises
    ------
    InputError
        If there are fewer than two snapshots to split.
    """
    parts = {role: np.flatnonzero(data.roles == role) for role in ("train", "test", "unseen", "")}
    open_ = parts[""]
    if len(parts["train"]) and len(parts["test"]) and not len(open_):
        return Split(*(frozen(parts[role], np.int64) for role in ("train", "test", "unseen")))
    pool = np.sort(np.concatenate([open_, parts["train"]]))
    if len(pool) + len(parts["test"]) < 2:
        raise InputError(
            f"{len(pool)} snapshot: a model learns from some and is tested on others; open two or "
            "more files of the same system",
            source=data.name,
        )
    if len(parts["test"]):
        train, test = pool, parts["test"]
    else:
        size = min(len(pool) - 1, max(1, round(test_share * len(pool))))
        drawn = np.random.default_rng(seed).permutation(pool)
        train, test = np.sort(drawn[size:]), np.sort(drawn[:size])
    return Split(frozen(train, np.int64), frozen(test, np.int64), frozen(parts["unseen"], np.int64))


@dataclass(frozen=True, slots=True)
class PointSet(Value):
    """Points of some snapshots with descriptor and density, snapshot after snapshot.

    Attributes
    ----------
    features : float32 array (n, d)
    density : float array (n,), e/bohr^3
    snapshots : int array (n,)
        Number of each point's snapshot in the data.
    rows : int array (n,)
        Flat index of each point on the grid of its snapshot.
    shares : float array (n_snapshots,)
        For every snapshot of the data: which share of its grid is here.
    """

    features: Single
    density: FloatArray
    snapshots: IntArray
    rows: IntArray
    shares: FloatArray

    def __len__(self) -> int:
        return len(self.density)

    def standardised(self, mean: Single, scale: Single) -> PointSet:
        """Return the same points with features less `mean` over `scale`."""
        features = frozen((self.features - mean) / scale, np.float32)
        return PointSet(features, self.density, self.snapshots, self.rows, self.shares)

    def electrons(self, data: DensityData) -> FloatArray:
        """Return the electrons that each point stands for."""
        per_density = data.volume_elements[self.snapshots] / self.shares[self.snapshots]
        return np.asarray(self.density * per_density)


def describe_set(
    data: DensityData,
    snapshots: IntArray,
    spec: PointSpec,
    *,
    limit: int,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> PointSet:
    """Describe the points of some snapshots; at most about `limit` of them, drawn evenly."""
    sizes = data.shapes.prod(axis=1)
    total = int(sizes[snapshots].sum())
    shares = np.ones(data.n_snapshots)
    features, density, rows = [], [], []
    for at, snapshot in enumerate(snapshots):
        size = int(sizes[snapshot])
        chosen = np.arange(size)
        if total > limit:
            count = max(1, size * limit // total)
            rng = np.random.default_rng([seed, int(snapshot)])
            chosen = np.sort(rng.permutation(size)[:count])
            shares[snapshot] = count / size
        part = Part(monitor, at / len(snapshots), (at + 1) / len(snapshots), "describing points")
        part.report(0.0)
        points = data.points_of(int(snapshot), chosen)
        features.append(describe_points(data, int(snapshot), points, spec, monitor=part))
        density.append(data.density_of(int(snapshot)).ravel()[chosen])
        rows.append(chosen)
    lengths = [len(chosen) for chosen in rows]
    empty = np.empty((0, 0), dtype=np.float32)
    return PointSet(
        features=np.concatenate(features) if features else empty,
        density=frozen(np.concatenate(density) if density else [], np.float64),
        snapshots=frozen(np.repeat(snapshots, lengths), np.int64),
        rows=frozen(np.concatenate(rows) if rows else [], np.int64),
        shares=frozen(shares),
    )
