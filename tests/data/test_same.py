"""What counts as the same structure, however it was written down."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, fcc111, molecule
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import real_file
from scipy.spatial.transform import Rotation

import winnow_atomistic as winnow
from analytics.data.exact_duplicates import SAME, duplicate_groups, geometry_groups
from analytics.data.geometries import Geometries
from analytics.data.readers import dataset_from_atoms
from analytics.data.superposition import partners

seeds = st.integers(0, 10_000)


def structure(kind: str, seed: int = 0) -> Atoms:
    """Return a disordered structure of two elements."""
    rng = np.random.default_rng(seed)
    if kind == "molecule":
        atoms = molecule("CH3CH2OH")
    elif kind == "slab":
        atoms = fcc111("Cu", (2, 2, 3), vacuum=6.0)
        atoms.pbc = (True, True, False)
        atoms.numbers[-3:] = 28
    else:
        atoms = bulk("NaCl", "rocksalt", a=5.6, cubic=True)
        atoms.set_cell(atoms.cell.array + rng.normal(scale=0.2, size=(3, 3)), scale_atoms=True)
    atoms.positions += rng.normal(scale=0.15, size=atoms.positions.shape)
    return atoms


def disguised(atoms: Atoms, seed: int, *, setting: bool = True) -> Atoms:
    """Return the same structure: atoms permuted, other images, origin and cell."""
    rng = np.random.default_rng(seed)
    other = atoms[rng.permutation(len(atoms))]
    periodic = np.flatnonzero(atoms.pbc)
    turns = np.zeros((len(atoms), 3))
    turns[:, periodic] = rng.integers(-2, 3, size=(len(atoms), len(periodic)))
    other.positions += turns @ atoms.cell.array + rng.normal(size=3)
    cell = atoms.cell.array.copy()
    for a, b in itertools.permutations(periodic, 2):
        cell[a] += rng.integers(-1, 2) * cell[b] * setting
    if setting and len(periodic) == 3:
        cell = -cell[rng.permutation(3)]
    other.set_cell(cell)
    return other


def grouped(*frames: Atoms) -> list[list[int]]:
    return [g.tolist() for g in duplicate_groups(dataset_from_atoms(list(frames)))]


kinds = pytest.mark.parametrize("kind", ["crystal", "slab", "molecule"])


@kinds
@given(seed=seeds)
@settings(max_examples=15, deadline=None)
def test_order_images_origin_and_cell_do_not_matter(kind, seed):
    one, other = structure(kind, seed), structure(kind, seed + 1)
    assert grouped(one, other, disguised(one, seed)) == [[0, 2]]


@kinds
@given(seed=seeds, size=st.floats(0.0, 0.9))
@settings(max_examples=15, deadline=None)
def test_noise_below_the_tolerance_is_the_same_and_above_is_not(kind, seed, size):
    rng = np.random.default_rng(seed)
    one = structure(kind, seed)
    away = rng.normal(size=one.positions.shape)
    away -= away.mean(axis=0)
    away /= np.linalg.norm(away, axis=1).max()
    near, far = disguised(one, seed), disguised(one, seed)
    order = np.random.default_rng(seed).permutation(len(one))
    near.positions += size * SAME * away[order]
    far.positions += (2.0 + size) * SAME * away[order]
    assert grouped(one, near) == [[0, 1]]
    assert grouped(one, far) == []


@pytest.mark.parametrize("edge", [0.0, 1.0, 0.5, 1e-6])
def test_atoms_on_either_side_of_a_grid_line_or_of_the_cell_are_the_same(edge):
    one = Atoms("CuNi", [[5.0 * edge, 1.0, 1.0], [2.1, 3.0, 2.0]], cell=5.0 * np.eye(3), pbc=True)
    other = one.copy()
    one.positions[0, 0] -= 4e-7
    other.positions[0, 0] += 4e-7
    other.wrap()
    assert grouped(one, other) == [[0, 1]]


@given(seed=seeds)
@settings(max_examples=10, deadline=None)
def test_groups_do_not_depend_on_the_order_of_the_structures(seed):
    rng = np.random.default_rng(seed)
    first = structure("crystal", seed)
    chain = [first.copy() for _ in range(4)]  # each is within the tolerance of the next
    for at, atoms in enumerate(chain):
        atoms.positions[0, 0] += 0.8 * at * SAME
    frames = [*chain, structure("crystal", seed + 1), disguised(first, seed), structure("slab")]
    order = rng.permutation(len(frames))
    found = grouped(*(frames[at] for at in order))
    assert [sorted(order[group].tolist()) for group in map(np.array, found)] == [[0, 1, 2, 3, 5]]


def test_what_is_turned_mirrored_strained_or_of_other_elements_is_another_structure():
    one = structure("crystal", 3)
    turn = Rotation.from_euler("xyz", [0.3, 0.2, 0.1]).as_matrix()
    turned, mirrored, strained, other = one.copy(), one.copy(), one.copy(), one.copy()
    turned.set_cell(one.cell.array @ turn.T, scale_atoms=True)
    mirrored.positions *= -1.0
    strained.set_cell(one.cell.array * 1.0002, scale_atoms=True)
    other.numbers[0] = 12
    assert grouped(one, turned, mirrored, strained, other) == []


def test_a_supercell_is_another_structure_and_a_perfect_crystal_is_the_same_everywhere():
    cell = bulk("Cu", cubic=True)
    moved = (cell * (2, 2, 2)).copy()
    moved.positions += 0.5 * cell.cell.array[0] + 0.5 * cell.cell.array[1] + [0.1, 0.2, 0.3]
    assert grouped(cell, cell * (2, 2, 2), moved) == [[1, 2]]


def test_cells_of_molecules_and_vacuum_do_not_matter():
    one = molecule("H2O")
    boxed = one.copy()
    boxed.set_cell([10.0, 11.0, 12.0])
    slab = structure("slab")
    higher = slab.copy()
    higher.cell[2] *= 2.0
    assert grouped(one, boxed, slab, higher) == [[0, 1], [2, 3]]


def test_atoms_in_one_place_are_paired_one_to_one():
    """Two atoms of one element and one of another, all in one place."""
    one = Atoms("Cu2Ni", np.zeros((3, 3)))
    other = Atoms("NiCu2", np.zeros((3, 3)))
    assert grouped(one, other, Atoms("CuNi2", np.zeros((3, 3)))) == [[0, 1]]


def test_what_cannot_be_laid_onto_another_is_the_same_if_every_number_is():
    flat = Atoms("Cu", [[0.0, 0.0, 0.0]], cell=np.diag([3.0, 3.0, 0.0]), pbc=True)
    lost = Atoms("Cu", [[np.nan, 0.0, 0.0]], cell=3.0 * np.eye(3), pbc=True)
    moved = flat.copy()
    moved.positions += 1.0
    assert grouped(flat, lost, flat.copy(), lost.copy(), moved) == [[0, 2], [1, 3]]


def test_partners_say_which_atom_is_which():
    one = structure("crystal", 5)
    other = disguised(one, 5)
    order = np.random.default_rng(5).permutation(len(one))
    geometries = Geometries.of([dataset_from_atoms([one, other])])
    found = partners(geometries, 0, 1, SAME)
    assert found is not None
    assert order[found].tolist() == list(range(len(one)))
    assert (
        partners(Geometries.of([dataset_from_atoms([one, structure("crystal", 6)])]), 0, 1, SAME)
        is None
    )


def test_several_data_sets_are_compared_together():
    one, other = structure("crystal"), structure("crystal", 1)
    first, second = dataset_from_atoms([one, other]), dataset_from_atoms([disguised(other, 1)])
    assert [g.tolist() for g in duplicate_groups(first, second)] == [[1, 2]]


# ------------------------------------------------------------------------------- states


def charged(**info: object) -> Atoms:
    atoms = molecule("H2O")
    atoms.info.update(info)
    return atoms


def test_charge_and_spin_tell_apart_what_has_the_same_geometry():
    frames = [charged(charge=0), charged(charge=1), charged(total_charge=1.0), charged(charge=0)]
    data = dataset_from_atoms(frames)
    assert [g.tolist() for g in geometry_groups(data)] == [[0, 1, 2, 3]]
    assert grouped(*frames) == [[0, 3], [1, 2]]
    assert grouped(charged(multiplicity=1), charged(multiplicity=3)) == []


def test_a_charge_that_is_not_stated_is_the_same_unless_the_others_contradict_one_another():
    assert grouped(charged(), charged(charge=0)) == [[0, 1]]
    assert grouped(charged(), charged(charge=0), charged(charge=1), charged()) == [[0, 3]]


def test_magnetic_moments_follow_their_atoms_and_may_all_turn_over():
    iron = bulk("Fe", cubic=True) * (1, 1, 2)
    iron.positions[0, 0] += 0.05
    ordered = np.array([2.2, -2.2, 2.2, -2.2])
    frames = []
    for moments in (np.full(4, 2.2), ordered, -ordered, np.full(4, -2.2), np.full(4, 2.2)):
        frames.append(iron.copy())
        frames[-1].arrays["magmoms"] = moments
    order = np.array([3, 1, 0, 2])
    assert grouped(*frames, frames[1][order]) == [[0, 3, 4], [1, 2, 5]]
    frames[4].arrays["magmoms"] = np.full((4, 3), 2.2 / 3**0.5)  # turned, not turned over
    assert grouped(*frames) == [[0, 3], [1, 2]]


# ------------------------------------------------------------------------------- real data


def test_case_71_is_twelve_structures_twice():
    data = winnow.read(real_file("cases/71_unwrapped_and_permuted.xyz"))
    assert [g.tolist() for g in duplicate_groups(data)] == [[at, at + 12] for at in range(12)]


def test_published_pairs_of_the_same_structure_are_named_the_worst_first():
    name = "cases/science/wbe_same_structures_unlike_energies.xyz"
    report = winnow.check(winnow.read(real_file(name)))
    (found,) = (f for f in report.findings if f.code == "conflicting_duplicates")
    assert found.evidence == (
        "largest: 3.00 eV/atom in frames 2, 3; 1.98 eV/atom in frames 0, 1; "
        "369 meV/atom in frames 4, 5"
    )


def test_near_duplicates_of_another_charge_are_none():
    one, near, ion = (charged(charge=charge) for charge in (0, 0, 1))
    near.positions[0, 0] += 1e-3
    ion.positions[0, 0] += 1e-3
    data = dataset_from_atoms([one, near, ion])
    assert winnow.duplicates(data).representative.tolist() == [0, 0, 2]
