"""Cylinder: a toy set of five numbers per environment that no map shows whole. No Panel here.

Most of it is a cylinder in three of the five; the other two are noise. Its first principal map
looks at it from the side, so that the back lies on the front: what is near in the map may be far.
Cut open and rolled out nothing lies on anything, but the cut parts neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from scipy.spatial.distance import cdist

from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.evaluation.embedding import embed_pca
from analytics.evaluation.map_distortion import Coverage, Distortion, coverages, distortion
from analytics.information.analysis import Analysis, analyse
from analytics.information.kernel import KernelSpec
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.selection.base import select

__all__ = ["COLUMNS", "KEPT", "MAPS", "NEAR", "Cylinder", "Toy", "cylinder"]

#: Environments; each is a structure of its own.
SIZE = 240
#: Kernel width: at this one a coverage selection of a tenth covers most.
BANDWIDTH = 0.4
#: Structures that each column keeps.
KEPT = 24
#: So many nearest are compared.
NEAR = 10
#: Maps by name, as the page says it.
MAPS = {"side": "PCA: seen from the side", "rolled": "cut and rolled out"}
COLUMNS = ("Front only", "Random", "Coverage of all")


@dataclass(frozen=True, slots=True)
class Toy:
    """Spec of descriptors that were made up."""

    dimension: int = 5


@dataclass(frozen=True, slots=True, eq=False)
class Cylinder:
    """The set, its two maps, and what three columns keep of it.

    Attributes
    ----------
    analysis : Analysis
    maps : dict of str to float array (n, 2)
        By the names in `MAPS`.
    distances : float array (n, n)
        In descriptor space.
    marked : tuple of int
        One environment, one that the side view draws on it, and one that is its neighbour.
    kept : tuple of int arrays
        Of the columns `COLUMNS`, `KEPT` each.
    """

    analysis: Analysis
    maps: dict[str, FloatArray]
    distances: FloatArray
    marked: tuple[int, int, int]
    kept: tuple[IntArray, ...]

    def near(self, point: int) -> IntArray:
        """Return the nearest others of an environment in descriptor space."""
        return np.argsort(self.distances[point], kind="stable")[1 : NEAR + 1]

    def near_in(self, name: str, point: int) -> IntArray:
        """Return those in a map."""
        xy = self.maps[name]
        far = np.linalg.norm(xy - xy[point], axis=1)
        far[point] = -1.0
        return np.argsort(far, kind="stable")[1 : NEAR + 1]

    def strangers(self, name: str, point: int) -> int:
        """Return how many of the nearest in a map are not among the nearest."""
        return len(np.setdiff1d(self.near_in(name, point), self.near(point)))

    def torn(self, name: str, point: int) -> float:
        """Return the largest distance in a map from one of the nearest, over that map's extent."""
        xy = self.maps[name]
        far = np.linalg.norm(xy[self.near(point)] - xy[point], axis=1)
        return float(far.max() / np.ptp(xy, axis=0).max())

    def distortion(self, name: str) -> Distortion:
        """Measure a map."""
        return distortion(self.analysis.descriptors.values, self.maps[name])

    def coverage(self, name: str) -> Coverage:
        """Measure what the columns cover, in descriptor space and in a map."""
        return coverages(self.analysis, self.maps[name], self.kept)


@cache
def cylinder() -> Cylinder:
    """Return the set, the same each time."""
    rng = np.random.default_rng(4)
    angle, height = rng.uniform(-np.pi, np.pi, SIZE), rng.uniform(-1.5, 1.5, SIZE)
    noise = rng.normal(0, 0.04, (2, SIZE))
    x = np.stack([np.cos(angle), 0.7 * np.sin(angle), height, *noise], axis=1)
    whole = _analysed(x)
    maps = {
        "side": embed_pca(whole.descriptors).xy,
        "rolled": frozen(np.stack([height, angle], axis=1)),
    }
    distances = cdist(x, x)
    front = np.flatnonzero(np.sin(angle) > 0)
    kept = (
        front[select(_analysed(x[front]), "facility_location", size=KEPT).positions],
        rng.permutation(SIZE)[:KEPT],
        select(whole, "facility_location", size=KEPT).positions,
    )
    return Cylinder(whole, maps, distances, _marked(distances, maps["side"]), kept)


def _analysed(x: FloatArray) -> Analysis:
    n = len(x)
    one_each = np.arange(n + 1)
    dataset = Dataset(
        numbers=np.full(n, 6),
        positions=np.ascontiguousarray(x[:, :3]),
        structure_offsets=one_each,
        cells=np.broadcast_to(9.0 * np.eye(3), (n, 3, 3)),
        pbc=np.ones((n, 3), dtype=bool),
        name="cylinder",
    )
    described = Descriptors(
        values=x,
        structures=one_each[:-1],
        structure_offsets=one_each,
        environments=one_each[:-1],
        spec=Toy(),
        source=dataset.fingerprint,
    )
    return analyse(dataset, described, KernelSpec(BANDWIDTH))


def _marked(distances: FloatArray, xy: FloatArray) -> tuple[int, int, int]:
    """Find one, another that lies on it in the map and far away, and a neighbour drawn aside."""
    seen = cdist(xy, xy)
    apart = np.where(distances > 1.2, seen, np.inf)
    one, drawn_on_it = np.unravel_index(int(np.argmin(apart)), apart.shape)
    close = np.where(distances[one] < 0.45, seen[one], -np.inf)
    return int(one), int(drawn_on_it), int(np.argmax(close))
