"""Toy sets of lessons: environments as points of a plane, where every step of a method is seen.

A point stands for an environment, its two coordinates for the descriptor; in the lessons on
selection each is a structure of one atom as well. No Panel here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis, analyse
from analytics.information.kernel import KernelSpec
from analytics.runtime.arrays import FloatArray

__all__ = ["SIDE", "PlaneSpec", "crowds", "grid", "liquid", "plane_analysis", "plane_kernel"]

#: The plane goes from 0 to this along both axes.
SIDE = 10.0


@dataclass(frozen=True, slots=True)
class PlaneSpec:
    """Spec of descriptors that are coordinates in the plane."""

    name: str = "plane"


@lru_cache(maxsize=64)
def crowds(seed: int = 0) -> FloatArray:
    """Return 60 points, (60, 2): a dense crowd of 36, a loose one of 20, and four on their own."""
    rng = np.random.default_rng(seed)
    dense = np.array([3.0, 3.2]) + 0.45 * rng.standard_normal((36, 2))
    loose = np.array([6.6, 6.4]) + 0.95 * rng.standard_normal((20, 2))
    alone = np.array([[1.1, 8.7], [8.9, 1.2], [8.8, 3.9], [4.2, 9.2]])
    alone = alone + 0.25 * rng.standard_normal(alone.shape)
    points = np.clip(np.concatenate([dense, loose, alone]), 0.3, SIDE - 0.3)
    points.setflags(write=False)
    return points


@lru_cache(maxsize=64)
def liquid(seed: int = 0, count: int = 150) -> FloatArray:
    """Return points that keep a distance from each other, (count, 2): random sequential adsorption.

    No two are equal and none is far from all others, as the environments of a liquid are.
    """
    rng = np.random.default_rng(seed)
    points: list[FloatArray] = []
    while len(points) < count:
        trial = rng.uniform(0.3, SIDE - 0.3, 2)
        if all(np.hypot(*(trial - other)) > 0.5 for other in points):
            points.append(trial)
    found = np.array(points)
    found.setflags(write=False)
    return found


def grid(count: int = 90) -> tuple[FloatArray, tuple[float, float, float, float]]:
    """Return the points of a fine grid, (count², 2), row by row, and its extent for a `Field`."""
    axis = (np.arange(count) + 0.5) * SIDE / count
    x, y = np.meshgrid(axis, axis)
    return np.column_stack([x.ravel(), y.ravel()]), (0.0, SIDE, 0.0, SIDE)


def plane_kernel(x: FloatArray, y: FloatArray, width: float) -> FloatArray:
    """Return the kernel exp(-|x - y|² / 2 h²) between points, (len(x), len(y))."""
    far = ((x[:, None, :] - y[None, :, :]) ** 2).sum(axis=2)
    return np.asarray(np.exp(-far / (2 * width**2)))


@lru_cache(maxsize=64)
def plane_analysis(name: str, seed: int, width: float) -> Analysis:
    """Return the analysis of a toy set, each point a structure of one atom.

    Parameters
    ----------
    name : {"crowds", "liquid"}
    seed : int
    width : float
        h, in the unit of the plane.
    """
    points = {"crowds": crowds, "liquid": liquid}[name](seed)
    n = len(points)
    dataset = Dataset(
        numbers=np.full(n, 6),
        positions=np.column_stack([points, np.zeros(n)]),
        structure_offsets=np.arange(n + 1),
        cells=np.broadcast_to(SIDE * np.eye(3), (n, 3, 3)).copy(),
        pbc=np.ones((n, 3), dtype=bool),
        config_type=np.full(n, name),
        frame_indices=np.arange(n),
        name=f"toy set {name}",
    )
    rows = np.arange(n)
    described = Descriptors(points, rows, np.arange(n + 1), rows, PlaneSpec(), dataset.fingerprint)
    return analyse(dataset, described, KernelSpec(bandwidth=width))
