"""Frames to draw: plain dictionaries made from arrays, without Panel.

A *frame* is ``{"symbols", "positions", "cell", "labels", "axes"}``: element symbols, a flat list
of Cartesian coordinates (angstrom), three cell vectors or None, one short text per atom, and the
directions that lie to the right, up and towards the viewer at first (None: c upwards, tilted).
"""

from __future__ import annotations

from typing import Any, TypedDict

import numpy as np
from ase.data import chemical_symbols, covalent_radii
from ase.data.colors import jmol_colors
from ase.geometry import complete_cell
from numpy.typing import ArrayLike, NDArray

from analytics.data.dataset import Dataset
from analytics.descriptors.distances import DistanceSpec
from analytics.geometry.lattice import reduced_lattices
from analytics.geometry.neighbours import neighbour_pairs
from analytics.linalg.principal_axes import principal_axes

_DECIMALS = 3


class Frame(TypedDict):
    """What `AtomsView` draws; all values are plain lists, ready to be sent to the browser."""

    symbols: list[str]
    positions: list[float]
    cell: list[list[float]] | None
    labels: list[str]
    axes: list[list[float]] | None


def frame_of(
    numbers: ArrayLike, positions: ArrayLike, cell: ArrayLike | None = None, pbc: ArrayLike = False
) -> Frame:
    """Make the frame of one structure; atoms are drawn where they are, not wrapped.

    Parameters
    ----------
    numbers : int array (n_atoms,)
        Atomic numbers.
    positions : float array (n_atoms, 3), angstrom
    cell : float array (3, 3), angstrom, optional
        Cell vectors in rows.
    pbc : bool or bool array (3,)
        Periodic directions. The cell of a structure without any is left out.

    Returns
    -------
    Frame
    """
    box, periodic = _lattice(cell, pbc)
    names = _symbols(numbers)
    return {
        "symbols": names,
        "positions": _flat(positions),
        "cell": box.round(_DECIMALS).tolist() if periodic.any() else None,
        "labels": [f"{name} {index}" for index, name in enumerate(names)],
        "axes": None if periodic.any() else _flat_axes(positions),
    }


def environment_of(
    numbers: ArrayLike,
    positions: ArrayLike,
    cell: ArrayLike | None,
    pbc: ArrayLike,
    atom: int,
    cutoff: float = 5.0,
    k: int = 32,
) -> tuple[Frame, list[int]]:
    """Cut out one atom and its nearest neighbours, unwrapped around it.

    All periodic images count, so an atom of a cell smaller than the cutoff appears several
    times, the central atom's own images included. Neighbours at equal distance (to 1e-6
    angstrom) come in the order of their index.

    Parameters
    ----------
    numbers, positions, cell, pbc
        The structure, as in `frame_of`.
    atom : int
        Zero-based index of the central atom.
    cutoff : float, angstrom
        Neighbours are nearer than this.
    k : int
        At most this many neighbours.

    Returns
    -------
    fragment : Frame
        The central atom first, at the origin, then its neighbours, nearest first. No cell.
    sources : list of int
        Index in the structure of each atom of the fragment.
    """
    xyz = np.asarray(positions, dtype=float).reshape(-1, 3)
    if not 0 <= atom < len(xyz):
        raise ValueError(f"atom must lie in 0..{len(xyz) - 1}, received {atom}")
    box, periodic = _lattice(cell, pbc)
    lattice = reduced_lattices(box[None], periodic[None])
    (near,) = neighbour_pairs(xyz, np.array([0, len(xyz)]), lattice, cutoff, [(atom, atom + 1)])
    nearest = np.lexsort((near.neighbours, (near.distances * 1e6).round()))[: max(k, 0)]
    sources = [atom, *near.neighbours[nearest].tolist()]
    names = _symbols(np.asarray(numbers)[sources])
    fragment: Frame = {
        "symbols": names,
        "positions": _flat(np.vstack([np.zeros(3), near.vectors[nearest]])),
        "cell": None,
        "labels": [f"{name} {index}" for name, index in zip(names, sources, strict=True)],
        "axes": None if periodic.any() else _flat_axes(xyz),
    }
    return fragment, sources


def structure_frame(data: Dataset, structure: int) -> Frame:
    """Make the frame of a structure of a data set, see `frame_of`."""
    return frame_of(*_arrays_of(data, structure))


def environment_frame(
    data: Dataset, structure: int, atom: int, descriptor: Any
) -> tuple[Frame, list[int]]:
    """Cut out what a descriptor sees of an atom of a data set, see `environment_of`.

    One without a cutoff or a number of neighbours: as far as that of the distances sees.
    """
    usual = DistanceSpec()
    reach = (getattr(descriptor, "cutoff", usual.cutoff), getattr(descriptor, "k", usual.k))
    return environment_of(*_arrays_of(data, structure), atom, *reach)


def _arrays_of(data: Dataset, structure: int) -> tuple[ArrayLike, ArrayLike, ArrayLike, ArrayLike]:
    rows = data.rows(structure)
    return data.numbers[rows], data.positions[rows], data.cells[structure], data.pbc[structure]


def element_table() -> dict[str, list[str | float]]:
    """Give each element its Jmol colour and its covalent radius (angstrom)."""
    size = min(len(jmol_colors), len(covalent_radii), len(chemical_symbols))
    rgb = (np.asarray(jmol_colors[:size]) * 255).round().astype(int)
    return {
        chemical_symbols[z]: ["#{:02x}{:02x}{:02x}".format(*rgb[z]), float(covalent_radii[z])]
        for z in range(size)
    }


def _lattice(
    cell: ArrayLike | None, pbc: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Give an invertible cell, and the directions that are periodic and have a cell vector."""
    given = np.zeros((3, 3)) if cell is None else np.asarray(cell, dtype=float).reshape(3, 3)
    wanted = np.broadcast_to(np.asarray(pbc, dtype=bool), (3,))
    return complete_cell(given), wanted & given.any(axis=1)


def _flat_axes(positions: ArrayLike) -> list[list[float]]:
    """Give the axes that show a free cluster at its widest, signs fixed by the skewness."""
    xyz = np.asarray(positions, dtype=float).reshape(-1, 3)
    if len(xyz) < 2:
        return np.eye(3).tolist()
    found = principal_axes(xyz, 3)
    axes = found.vectors.T.copy()
    axes[(found.project(xyz) ** 3).sum(axis=0) < 0] *= -1
    axes[2] = np.cross(axes[0], axes[1])
    return [[float(x) for x in row] for row in axes.round(6)]


def _symbols(numbers: ArrayLike) -> list[str]:
    known = len(chemical_symbols)
    return [
        chemical_symbols[z] if 0 <= z < known else "X"
        for z in np.asarray(numbers, dtype=int).ravel().tolist()
    ]


def _flat(positions: ArrayLike) -> list[float]:
    return np.asarray(positions, dtype=float).round(_DECIMALS).ravel().tolist()
