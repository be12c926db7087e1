"""Neighbour search against vesin and matscipy, where those are installed."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np
from ase import Atoms
from ase.build import bulk, molecule

from analytics.geometry.lattice import reduced_lattices
from analytics.geometry.neighbours import neighbour_pairs

Found = tuple[np.ndarray, np.ndarray, np.ndarray]
Search = Callable[[Atoms, float], Found]


def cases() -> dict[str, tuple[Atoms, float]]:
    """Return structures and cutoffs, angstrom."""
    rng = np.random.default_rng(0)
    crystal = bulk("Si", cubic=True) * 2
    crystal.rattle(0.1)
    oblique = bulk("Si", cubic=True)
    oblique.set_cell([[1, 0, 0], [4, 1, 0], [0, -3, 1]] @ oblique.cell.array)
    left, slab = crystal.copy(), crystal.copy()
    left.cell[0] *= -1
    slab.pbc = (True, False, True)
    edge = (1000 / 0.05) ** (1 / 3)
    liquid = Atoms("Ar1000", rng.uniform(0, edge, (1000, 3)), cell=[edge] * 3, pbc=True)
    return {
        "crystal, 64 atoms": (crystal, 5.0),
        "left-handed cell": (left, 5.0),
        "slab, 64 atoms": (slab, 5.0),
        "oblique cell, 8 atoms": (oblique, 5.0),
        "molecule, 15 atoms": (molecule("C3H9N")[[*range(13), 0, 1]], 5.0),
        "2 atoms, many images": (bulk("Be"), 8.0),
        "liquid, 1000 atoms": (liquid, 5.0),
    }


def ours(atoms: Atoms, cutoff: float) -> Found:
    lattices = reduced_lattices(atoms.cell.array[None], atoms.pbc[None])
    (pairs,) = neighbour_pairs(atoms.positions, np.array([0, len(atoms)]), lattices, cutoff)
    return pairs.centres, pairs.neighbours, pairs.vectors


def others() -> dict[str, Search]:
    """Return the searches of the libraries that are installed."""
    found: dict[str, Search] = {}
    try:
        import vesin
    except ImportError:
        print("vesin is not installed")
    else:

        def by_vesin(atoms: Atoms, cutoff: float) -> Found:
            search = vesin.NeighborList(cutoff=cutoff, full_list=True, sorted=True, n_threads=1)
            return search.compute(atoms.positions, atoms.cell.array, atoms.pbc, "ijD")

        found["vesin"] = by_vesin
    try:
        from matscipy.neighbours import neighbour_list
    except ImportError:
        print("matscipy is not installed")
    else:
        found["matscipy"] = lambda atoms, cutoff: neighbour_list("ijD", atoms, cutoff)
    return found


def ordered(found: Found) -> np.ndarray:
    """Return rows (centre, neighbour, vector) in one order."""
    rows = np.column_stack(found)
    return rows[np.lexsort(rows.round(6).T[::-1])]


def microseconds(search: Search, atoms: Atoms, cutoff: float, pairs: int) -> float:
    """Return the processor time of one search, the best of five rounds."""
    repeats, best = max(3, 200_000 // pairs), np.inf
    for _ in range(5):
        begin = time.process_time()
        for _ in range(repeats):
            search(atoms, cutoff)
        best = min(best, (time.process_time() - begin) / repeats)
    return best * 1e6


def main() -> None:
    searches = others()
    print("Full neighbour list with vectors, microseconds of processor")
    print(f"{'':24}{'pairs':>8}{'ours':>8}" + "".join(f"{name:>10}" for name in searches))
    for name, (atoms, cutoff) in cases().items():
        expected = ordered(ours(atoms, cutoff))
        line = f"{name:24}{len(expected):8}{microseconds(ours, atoms, cutoff, len(expected)):8.0f}"
        for search in searches.values():
            try:
                found = ordered(search(atoms, cutoff))
            except np.linalg.LinAlgError:
                line += f"{'refused':>10}"
                continue
            same = found.shape == expected.shape and np.allclose(found, expected, atol=1e-9)
            line += f"{microseconds(search, atoms, cutoff, len(expected)):10.0f}" + "*" * (not same)
        print(line)
    print("* other neighbours than ours")
