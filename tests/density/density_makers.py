"""Small densities with known answers."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from analytics.density.grid import BOHR, DensityData


def gaussian_atoms(
    positions: np.ndarray, cell: np.ndarray, shape: tuple[int, ...], electrons, width: float = 0.6
) -> np.ndarray:
    """Return periodic Gaussian atoms (width in angstrom) in e/bohr^3, each with its electrons."""
    axes = [np.arange(m) / m for m in shape]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3) @ cell
    shifts = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 3), axis=-1).reshape(-1, 3) @ cell
    total = np.zeros(len(points))
    norm = (2 * np.pi) ** 1.5 * (width / BOHR) ** 3
    for r, n in zip(positions, electrons, strict=True):
        for shift in shifts:
            square = np.sum((points - r - shift) ** 2, axis=1)
            total += n * np.exp(-square / (2 * width**2)) / norm
    return total.reshape(shape)


def archive(n: int = 4, *, shape=(10, 10, 12), seed: int = 0, numbers=(3, 1)) -> dict:
    """Return the arrays of an npz archive: LiH-like atoms moved about in a skewed cell."""
    rng = np.random.default_rng(seed)
    cell = np.array([[3.2, 0.0, 0.0], [0.4, 3.1, 0.0], [0.0, 0.3, 3.7]])
    sites = np.array([[0.1, 0.2, 0.3], [0.6, 0.7, 0.8]]) @ cell
    valence = [1.0, 1.0]
    positions = sites + rng.normal(0, 0.15, (n, 2, 3))
    rho = np.array([gaussian_atoms(r, cell, shape, valence) for r in positions])
    return {
        "rho": rho,
        "pos": positions,
        "cell": np.broadcast_to(cell, (n, 3, 3)),
        "Z": np.broadcast_to(np.array(numbers), (n, 2)),
    }


def write(path: Path, **changes) -> Path:
    """Write an archive with some arrays exchanged; None leaves one out."""
    arrays = archive() | changes
    np.savez(path, **{key: value for key, value in arrays.items() if value is not None})
    return path


def data_of(arrays: dict) -> DensityData:
    """Return archive arrays as data, unchecked."""
    rho = np.asarray(arrays["rho"])
    n, atoms = np.asarray(arrays["Z"]).shape
    return DensityData(
        name="made",
        numbers=np.asarray(arrays["Z"]).ravel(),
        positions=np.asarray(arrays["pos"]).reshape(-1, 3),
        atom_offsets=np.arange(n + 1) * atoms,
        cells=arrays["cell"],
        pbc=np.ones((n, 3), dtype=bool),
        origins=np.zeros((n, 3)),
        shapes=np.broadcast_to(rho.shape[1:], (n, 3)),
        densities=rho.ravel(),
        electrons=np.full(n, 2.0),
        energies=np.full(n, np.nan),
        roles=arrays.get("role", np.full(n, "")),
        conditions=arrays.get("condition", np.full(n, "")),
        sources=("made",) * n,
    )
