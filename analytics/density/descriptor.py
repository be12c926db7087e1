"""Grid-point descriptor: rotation-invariant numbers of the atoms around a point."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.density.grid import DensityData
from analytics.geometry.lattice import reduced_lattices, wrapped
from analytics.geometry.neighbours import Cloud, build_cloud, gather_around
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.compiled import helper, kernel
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import Options, option

__all__ = ["PointSpec", "describe_points", "feature_names", "n_features", "superposition_features"]

#: Points per call of the kernel; a few tens of milliseconds.
CHUNK = 8192
#: Points that share one list of candidates; neighbours on the grid lie close together.
BLOCK = 24


@dataclass(frozen=True, slots=True)
class PointSpec(Options):
    """Options of the descriptor of a grid point."""

    cutoff: float = option(
        6.0, help="Atoms farther than this are not seen", unit="Å", low=1.0, high=12.0
    )
    channels: int = option(7, help="Radial functions per element", low=2, high=20)
    width: float = option(
        0.8, help="Width of a radial function, in spacings between their centres",
        low=0.3, high=2.0,
    )  # fmt: skip
    softening: float = option(
        0.3, help="Directions fade below this distance, where they are undefined at 0",
        unit="Å", low=0.05, high=1.0,
    )  # fmt: skip


def n_features(n_species: int, spec: PointSpec) -> int:
    """Return the length of a descriptor: 3 per element and channel, 2 per pair and channel."""
    return spec.channels * (3 * n_species + n_species * (n_species - 1))


def feature_names(symbols: list[str], spec: PointSpec) -> list[str]:
    """Return a name for each feature, in order."""
    channels = range(spec.channels)
    names = [f"{form} {symbol} {k}" for symbol in symbols for form in "SVT" for k in channels]
    pairs = itertools.combinations(range(len(symbols)), 2)
    for later, earlier in sorted((b, a) for a, b in pairs):
        pair = f"{symbols[later]}-{symbols[earlier]}"
        names += [f"{form}.{form} {pair} {k}" for form in "VT" for k in channels]
    return names


# ------------------------------------------------------------------------------- kernels


@helper
def _candidates(
    points: FloatArray,
    first: int,
    last: int,
    cloud: Cloud,
    cutoff: float,
    squares: FloatArray,
    found: IntArray,
) -> int:
    """Write the columns that any of the points first..last-1 can see; return their number."""
    middle = np.zeros(3)
    for i in range(first, last):
        for x in range(3):
            middle[x] += points[i, x] / (last - first)
    radius = 0.0
    for i in range(first, last):
        square = 0.0
        for x in range(3):
            square += (points[i, x] - middle[x]) ** 2
        radius = max(radius, square)
    reach = cutoff + math.sqrt(radius) + 1e-9
    return gather_around(  # type: ignore[no-any-return]
        cloud, middle[0], middle[1], middle[2], -1, reach, squares, found
    )


@helper
def _accumulate(
    point: FloatArray,
    cloud: Cloud,
    kinds: IntArray,
    candidates: IntArray,
    shape: FloatArray,
    sums: FloatArray,
) -> None:
    """Add up scalar, vector and symmetric tensor of every element and channel.

    `sums` is (n_species, n_channels, 10): scalar, vector, and xx yy zz xy xz yz of the tensor
    (its trace is taken off afterwards). `shape` holds cutoff, spacing, width and softening. The
    Gaussians have evenly spaced centres, so that each follows from the one before by a product:

        g_{k+1} = g_k q_k,   q_{k+1} = q_k exp(-s^2 / w^2),   s spacing, w width,

    except where the first would be too small for a float.
    """
    cutoff, spacing, width, softening = shape[0], shape[1], shape[2], shape[3]
    fall = math.exp(-((spacing / width) ** 2))
    for c in candidates:
        dx = cloud.points[0, c] - point[0]
        dy = cloud.points[1, c] - point[1]
        dz = cloud.points[2, c] - point[2]
        square = dx * dx + dy * dy + dz * dz
        if square >= cutoff * cutoff:
            continue
        d = math.sqrt(square)
        ratio = math.exp((d * spacing - 0.5 * spacing * spacing) / (width * width))
        taper = 0.5 * (1.0 + math.cos(math.pi * d / cutoff))
        exponent = 0.5 * square / (width * width)
        weight = taper * math.exp(-exponent)
        fade = -math.expm1(-square / (softening * softening))
        inverse = 1.0 / max(d, 1e-12)
        ux, uy, uz = dx * inverse, dy * inverse, dz * inverse
        for k in range(sums.shape[1]):
            row = sums[kinds[cloud.owner[c]], k]
            if exponent > 600.0:
                weight = taper * math.exp(-0.5 * ((d - k * spacing) / width) ** 2)
            directed = weight * fade
            row[0] += weight
            row[1] += directed * ux
            row[2] += directed * uy
            row[3] += directed * uz
            row[4] += directed * ux * ux
            row[5] += directed * uy * uy
            row[6] += directed * uz * uz
            row[7] += directed * ux * uy
            row[8] += directed * ux * uz
            row[9] += directed * uy * uz
            weight *= ratio
            ratio *= fall


@helper
def _vector_product(a: FloatArray, b: FloatArray) -> float:
    return float(a[1] * b[1] + a[2] * b[2] + a[3] * b[3])


@helper
def _tensor_product(a: FloatArray, b: FloatArray) -> float:
    """Return the full contraction of two symmetric tensors whose traces are taken off."""
    trace = (a[4] + a[5] + a[6]) * (b[4] + b[5] + b[6]) / 3.0
    same = a[4] * b[4] + a[5] * b[5] + a[6] * b[6]
    mixed = a[7] * b[7] + a[8] * b[8] + a[9] * b[9]
    return float(same + 2.0 * mixed - trace)


@helper
def _signed_root(x: float) -> float:
    return math.copysign(math.sqrt(abs(x)), x)


@helper
def _features(sums: FloatArray, out: npt.NDArray[np.float32]) -> None:
    n_species, n_channels = sums.shape[0], sums.shape[1]
    at = 0
    for s in range(n_species):
        for k in range(n_channels):
            row = sums[s, k]
            out[at + k] = row[0]
            out[at + n_channels + k] = math.sqrt(_vector_product(row, row))
            out[at + 2 * n_channels + k] = math.sqrt(max(0.0, _tensor_product(row, row)))
        at += 3 * n_channels
    for s in range(n_species):
        for other in range(s):
            for k in range(n_channels):
                a, b = sums[s, k], sums[other, k]
                out[at + k] = _signed_root(_vector_product(a, b))
                out[at + n_channels + k] = _signed_root(_tensor_product(a, b))
            at += 2 * n_channels


@kernel
def _describe(
    points: FloatArray,
    positions: FloatArray,
    kinds: IntArray,
    basis: FloatArray,
    dual: FloatArray,
    shape: FloatArray,
    n_species: int,
    n_channels: int,
    scalars_only: bool,
    out: npt.NDArray[np.float32],
) -> None:
    """Write the rows of points of the reduced cell, among atoms whose element is kinds[i]."""
    cloud = build_cloud(positions, basis, dual, shape[0], True)
    squares = np.empty(len(cloud.owner) + 1)
    found = np.empty(len(cloud.owner) + 1, dtype=np.int64)
    sums = np.empty((n_species, n_channels, 10))
    for first in range(0, len(points), BLOCK):
        last = min(first + BLOCK, len(points))
        count = _candidates(points, first, last, cloud, shape[0], squares, found)
        for i in range(first, last):
            sums[:] = 0.0
            _accumulate(points[i], cloud, kinds, found[:count], shape, sums)
            if scalars_only:
                for s in range(n_species):
                    for k in range(n_channels):
                        out[i, s * n_channels + k] = sums[s, k, 0]
            else:
                _features(sums, out[i])


# ------------------------------------------------------------------------------- public


def describe_points(
    data: DensityData,
    snapshot: int,
    points: FloatArray,
    spec: PointSpec | None = None,
    *,
    species: IntArray | None = None,
    monitor: Monitor = SILENT,
) -> npt.NDArray[np.float32]:
    r"""Describe points in a snapshot by the atoms around them.

    With :math:`w_{ak} = f_c(d) \exp(-(d-\mu_k)^2/2\sigma^2)` for the atom a at distance d in
    direction u, and :math:`t(d) = 1 - \exp(-(d/d_0)^2)`, each element s has

    .. math::
        S_{sk} = \sum_a w_{ak}, \quad V_{sk} = \sum_a w_{ak} t u, \quad
        T_{sk} = \sum_a w_{ak} t (u u^T - 1/3).

    The features are S, the norms of V and T, and between two elements the products
    :math:`V_s \cdot V_{s'}` and :math:`T_s : T_{s'}` as signed square roots.

    Parameters
    ----------
    data : DensityData
    snapshot : int
    points : float array (n, 3), angstrom
        Fastest where points that follow each other lie close together.
    spec : PointSpec, optional
    species : int array, optional
        Elements of the model, ascending (default: those of the data).
    monitor : Monitor, optional

    Returns
    -------
    float32 array (n, n_features)

    References
    ----------
    The scalar, vector and tensor invariants of a grid point follow A. Chandrasekaran et al.,
    npj Comput. Mater. 5, 22 (2019), doi:10.1038/s41524-019-0162-7.
    """
    spec = spec or PointSpec()
    return _run(data, snapshot, points, spec, species, False, monitor)


def superposition_features(
    data: DensityData,
    snapshot: int,
    points: FloatArray,
    spec: PointSpec,
    *,
    species: IntArray | None = None,
    monitor: Monitor = SILENT,
) -> npt.NDArray[np.float32]:
    """Return only the scalars S: what a sum of spherical atoms is linear in."""
    return _run(data, snapshot, points, spec, species, True, monitor)


def _run(
    data: DensityData,
    snapshot: int,
    points: FloatArray,
    spec: PointSpec,
    species: IntArray | None,
    scalars_only: bool,
    monitor: Monitor,
) -> npt.NDArray[np.float32]:
    species = data.species if species is None else species
    numbers, positions = data.atoms_of(snapshot)
    strangers = np.setdiff1d(numbers, species)
    if len(strangers):
        raise ValueError(f"snapshot {snapshot} holds element {strangers[0]}, not in {species}")
    kinds = np.searchsorted(species, numbers)
    (basis,), (dual,) = reduced_lattices(data.cells[[snapshot]], data.pbc[[snapshot]])
    atoms = (np.ascontiguousarray(positions, dtype=np.float64), kinds, basis, dual)
    # centres from 0 to 1 Å below the cutoff, where the cutoff function leaves little
    spacing = (spec.cutoff - 1.0 if spec.cutoff > 2.0 else 0.5 * spec.cutoff) / (spec.channels - 1)
    shape = np.array([spec.cutoff, spacing, spec.width * spacing, spec.softening])
    n_species = len(species)
    width = n_species * spec.channels if scalars_only else n_features(n_species, spec)
    out = np.empty((len(points), width), dtype=np.float32)
    for first in range(0, len(points), CHUNK):
        monitor.checkpoint()
        inside = wrapped(points[first : first + CHUNK], basis, dual)
        part = out[first : first + CHUNK]
        _describe(inside, *atoms, shape, n_species, spec.channels, scalars_only, part)
    return out
