"""The carbon data set that is shipped: its size, its labels, and that it can be made again."""

from __future__ import annotations

import importlib.util
from collections import Counter
from itertools import pairwise
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from ase import Atoms
from ase.io import read
from ase.neighborlist import neighbor_list

ASSETS = Path(__file__).resolve().parents[1] / "assets"
DATA = ASSETS / "carbon.xyz.gz"


@pytest.fixture(scope="module")
def structures() -> list[Atoms]:
    return read(DATA, index=":")


@pytest.fixture(scope="module")
def make_carbon() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_carbon", ASSETS / "make_carbon.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_it_is_large_enough_and_the_file_small_enough(structures: list[Atoms]) -> None:
    assert len(structures) >= 500
    assert sum(map(len, structures)) >= 20_000
    assert DATA.stat().st_size <= 3_000_000


def test_every_structure_is_labelled(structures: list[Atoms]) -> None:
    for atoms in structures:
        assert atoms.info["config_type"]
        assert np.isfinite(atoms.get_potential_energy())
        assert np.isfinite(atoms.get_forces()).all()
        assert np.abs(atoms.get_forces().sum(axis=0)).max() < 1e-3


def test_no_two_atoms_overlap(structures: list[Atoms]) -> None:
    for number, atoms in enumerate(structures):
        assert len(neighbor_list("d", atoms, 0.85)) == 0, number


def test_isolated_atom_has_no_cell(structures: list[Atoms]) -> None:
    alone = [a for a in structures if a.info["config_type"] == "IsolatedAtom"]
    assert alone
    assert all(len(a) == 1 and not a.pbc.any() and a.cell.rank == 0 for a in alone)


def test_classes_are_contiguous_and_the_dense_ones_prevail(structures: list[Atoms]) -> None:
    names = [a.info["config_type"] for a in structures]
    changes = sum(left != right for left, right in pairwise(names))
    counts = Counter(names)
    assert changes == len(counts) - 1
    assert counts["graphene"] + counts["diamond"] + counts["graphite"] > len(names) / 2


def test_force_tail_is_long_and_thin(structures: list[Atoms]) -> None:
    largest = np.array([np.linalg.norm(a.get_forces(), axis=1).max() for a in structures])
    assert 5 <= np.count_nonzero(largest > 15.0) <= 0.1 * len(structures)


def test_generator_is_deterministic_and_makes_the_shipped_geometries(
    structures: list[Atoms], make_carbon: ModuleType
) -> None:
    for shipped, made in zip(structures, make_carbon.generate(), strict=True):
        assert shipped.info["config_type"] == made.info["config_type"]
        assert np.array_equal(shipped.pbc, made.pbc)
        assert np.allclose(shipped.cell.array, made.cell.array, rtol=0.0, atol=2e-6)
        assert np.allclose(shipped.positions, made.positions, rtol=0.0, atol=2e-5)
