"""Structures with labels that a potential can learn."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import bulk
from ase.calculators.singlepoint import SinglePointCalculator
from makers import make_dataset

from analytics.data.dataset import Dataset
from analytics.data.readers import dataset_from_atoms


def morse(positions: np.ndarray) -> tuple[float, np.ndarray]:
    """Energy and forces of atoms in pairwise wells."""
    vectors = positions[:, None] - positions[None]
    distances = np.linalg.norm(vectors, axis=2) + np.eye(len(positions))
    decay = np.exp(-(distances - 1.6))
    np.fill_diagonal(decay, 1.0)
    slope = 2 * (1 - decay) * decay / distances
    return 0.5 * float(((1 - decay) ** 2).sum()), -(slope[:, :, None] * vectors).sum(axis=1)


def make_structures(n=30, seed=0, model=False):
    """Distorted chains and squares with labels; with those of a model that errs by 0.1."""
    rng = np.random.default_rng(seed)
    shapes = {
        "chain": 1.6 * np.array([[i, 0, 0] for i in range(5)]),
        "square": 1.6 * np.array([[0, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0]]),
    }
    found = []
    for i in range(n):
        name = ("chain", "square")[i % 2]
        positions = shapes[name] + rng.normal(0, 0.03 + 0.01 * (i % 9), shapes[name].shape)
        energy, forces = morse(positions)
        atoms = Atoms(f"C{len(positions)}", positions, info={"config_type": name})
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        if model:
            atoms.info["MACE_energy"] = energy + 0.1 * len(positions)
            atoms.arrays["MACE_forces"] = forces + 0.1
        found.append(atoms)
    return found


def rattled(atoms: Atoms, seed: int) -> Atoms:
    atoms = atoms.copy()
    atoms.rattle(0.15, seed=seed)
    return atoms


def structures() -> list[Atoms]:
    """Crystals, a slab, clusters and lone atoms of two species."""
    alloy = bulk("CuAu", "rocksalt", a=5.4)
    slab = bulk("Cu", cubic=True)
    slab.pbc = (True, True, False)
    lone = Atoms("Au")
    frames = [rattled(alloy.repeat(2), 1), rattled(slab, 2), rattled(bulk("Au"), 3), lone]
    return [*frames, Atoms("Cu2", [[0, 0, 0], [0, 0.3, 2.3]]), rattled(alloy, 4)]


def as_dataset(frames: list[Atoms]) -> Dataset:
    return dataset_from_atoms(frames, "made")


def labelled(seed: int = 0, **choose: object) -> Dataset:
    """Structures of carbon and silicon with labels that no potential explains."""
    return make_dataset((3, 1, 4, 6, 2, 5, 4, 3), seed=seed, **choose)  # type: ignore[arg-type]
