"""Data of the density figures: a plane of the cell, PCA of the points, histogram of the density."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.density.descriptor import describe_points
from analytics.density.grid import DensityData
from analytics.density.points import PointSet
from analytics.density.study import ModelResult, Study
from analytics.density.surrogate import Single
from analytics.geometry.lattice import reciprocal_vectors, wrapped
from analytics.linalg.principal_axes import principal_axes
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.value import Value

__all__ = [
    "DensityHistogram",
    "DensitySlice",
    "Projection",
    "density_histogram",
    "density_slice",
    "histogram_edges",
    "project_points",
]

#: Bins of the histogram; everything below the first edge is counted in the first bin.
BINS = 40
LEAST = 1e-6


@dataclass(frozen=True, slots=True)
class DensitySlice(Value):
    """One plane of grid points of a snapshot.

    Attributes
    ----------
    x, y : float arrays (n, m), angstrom
        Coordinates in the plane: x along the first vector in it, y across.
    true, predicted, error : float arrays (n, m), e/bohr^3
        `error` is predicted less true.
    kept_x, kept_y : float arrays, angstrom
        Points of the plane that the model learned from; none unless the snapshot is one of those
        to learn from.
    atoms_x, atoms_y, atoms_height : float arrays, angstrom
        Atoms of the cell; the height is the distance from the plane.
    atoms_numbers : int array
    """

    x: FloatArray
    y: FloatArray
    true: FloatArray
    predicted: FloatArray
    error: FloatArray
    kept_x: FloatArray
    kept_y: FloatArray
    atoms_x: FloatArray
    atoms_y: FloatArray
    atoms_height: FloatArray
    atoms_numbers: IntArray


def density_slice(
    study: Study, result: ModelResult, snapshot: int, *, axis: int = 2, position: float = 0.5
) -> DensitySlice:
    """Cut a snapshot along a plane of its grid and predict the density there.

    Parameters
    ----------
    study : Study
    result : ModelResult
        The model to predict with.
    snapshot : int
        Any snapshot of the data.
    axis : int
        0, 1 or 2: the cell vector that leads out of the plane.
    position : float
        Where along that vector, 0 to 1; the nearest plane of grid points is taken.
    """
    data = study.data
    if not (0 <= snapshot < data.n_snapshots and axis in (0, 1, 2)):
        raise ValueError(f"snapshot {snapshot} or axis {axis} does not exist")
    shape = tuple(data.shapes[snapshot].tolist())
    layer = round(position * shape[axis]) % shape[axis]
    rows = np.take(np.arange(np.prod(shape)).reshape(shape), layer, axis=axis)
    points = data.points_of(snapshot, rows.ravel())
    raw = describe_points(data, snapshot, points, study.spec.points, species=data.species)
    features = np.asarray((raw - study.mean) / study.scale, dtype=np.float32)
    predicted = study.predict(result.network, features).reshape(rows.shape)
    true = data.density_of(snapshot).ravel()[rows].astype(np.float64)
    frame = _plane(data, snapshot, axis)
    flat = (points - data.origins[snapshot]) @ frame.T
    pool = study.pool
    mine = result.rows[pool.snapshots[result.rows] == snapshot]
    kept = np.isin(rows.ravel(), pool.rows[mine])
    numbers, positions = data.atoms_of(snapshot)
    placed = _wrapped(data, snapshot, positions) @ frame.T
    height = flat[0, 2] if len(flat) else 0.0
    return DensitySlice(
        x=frozen(flat[:, 0].reshape(rows.shape)),
        y=frozen(flat[:, 1].reshape(rows.shape)),
        true=frozen(true),
        predicted=frozen(predicted),
        error=frozen(predicted - true),
        kept_x=frozen(flat[kept, 0]),
        kept_y=frozen(flat[kept, 1]),
        atoms_x=frozen(placed[:, 0]),
        atoms_y=frozen(placed[:, 1]),
        atoms_height=frozen(placed[:, 2] - height),
        atoms_numbers=frozen(numbers),
    )


def _plane(data: DensityData, snapshot: int, axis: int) -> FloatArray:
    """Return unit vectors as rows: along the plane, across it, out of it."""
    cell = data.cells[snapshot]
    first, second = cell[(axis + 1) % 3], cell[(axis + 2) % 3]
    if axis == 1:  # keep x before z
        first, second = second, first
    along = first / np.linalg.norm(first)
    across = second - (second @ along) * along
    across = across / np.linalg.norm(across)
    return np.array([along, across, np.cross(along, across)])


def _wrapped(data: DensityData, snapshot: int, positions: FloatArray) -> FloatArray:
    """Return positions relative to the grid's origin, inside the cell."""
    cell = data.cells[snapshot]
    (dual,) = reciprocal_vectors(cell[None], np.ones((1, 3), dtype=bool))
    return wrapped(positions - data.origins[snapshot], cell, dual)


@dataclass(frozen=True, slots=True)
class Projection(Value):
    """Points in the plane of the first two principal components of the descriptor.

    Attributes
    ----------
    coordinates : float32 array (n, 2)
        Of every point of the pool.
    background : int array
        A random sample of the pool to draw behind the kept points.
    shares : float array (2,)
        Of the variance of the descriptor.
    """

    coordinates: Single
    background: IntArray
    shares: FloatArray


def project_points(study: Study, *, background: int = 20_000, seed: int = 0) -> Projection:
    """Project the points to learn from; kept ones are `coordinates[result.rows]`."""
    axes = principal_axes(study.pool.features, 2)
    coordinates = axes.project(study.pool.features).astype(np.float32)
    drawn = np.random.default_rng(seed).permutation(len(coordinates))[:background]
    return Projection(frozen(coordinates), frozen(np.sort(drawn)), frozen(axes.shares))


@dataclass(frozen=True, slots=True)
class DensityHistogram(Value):
    """Points and electrons by density.

    Attributes
    ----------
    edges : float array (BINS + 1,), e/bohr^3
        Evenly spaced in the logarithm.
    points : int array (BINS,)
    electrons : float array (BINS,)
    """

    edges: FloatArray
    points: npt.NDArray[np.int64]
    electrons: FloatArray


def histogram_edges(pool: PointSet) -> FloatArray:
    """Return the edges of the bins for all histograms of a study."""
    top = max(float(pool.density.max()), 2 * LEAST)
    least = max(float(pool.density.min()), LEAST)
    return np.geomspace(min(least, 0.5 * top), top * (1 + 1e-6), BINS + 1)


def density_histogram(study: Study, rows: IntArray | None = None) -> DensityHistogram:
    """Count points and electrons of the pool, or of kept rows of it, by density."""
    pool = study.pool
    rows = np.arange(len(pool)) if rows is None else rows
    edges = histogram_edges(pool)
    place = np.clip(np.searchsorted(edges, pool.density[rows], side="right") - 1, 0, BINS - 1)
    electrons = pool.electrons(study.data)[rows]
    return DensityHistogram(
        frozen(edges),
        frozen(np.bincount(place, minlength=BINS), np.int64),
        frozen(np.bincount(place, weights=electrons, minlength=BINS)),
    )
