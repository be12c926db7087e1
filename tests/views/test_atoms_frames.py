"""Frames and environments for the 3D view, against ASE's own neighbour list."""

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.neighborlist import primitive_neighbor_list
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from views.inspector.frames import element_table, environment_of, frame_of


def parts(atoms):
    return atoms.numbers, atoms.positions, atoms.cell.array, atoms.pbc


def xyz(frame):
    return np.reshape(frame["positions"], (-1, 3))


def peers(atoms, atom, cutoff):
    """Give the distances and sources of all neighbours of one atom, from ASE."""
    i, j, d = primitive_neighbor_list(
        "ijd", atoms.pbc, atoms.cell.array, atoms.positions, cutoff, self_interaction=False
    )
    order = np.lexsort((j[i == atom], d[i == atom].round(6)))
    return d[i == atom][order], j[i == atom][order]


@pytest.mark.parametrize(
    ("atoms", "atom"),
    [
        (bulk("Si"), 1),  # two atoms, cell far smaller than the cutoff
        (bulk("Cu"), 0),  # every neighbour is an image of the atom itself
        (bulk("NaCl", "rocksalt", a=5.64, cubic=True), 3),
        (molecule("C6H6"), 4),
        (Atoms("OH", [(0, 0, 0), (0, 0, 9.5)], cell=[30, 30, 10], pbc=(False, False, True)), 0),
        (Atoms("CC", [(0, 0, 0), (1.2, 0.1, 0)], cell=np.diag([2.5, 0, 0]), pbc=(1, 0, 0)), 0),
    ],
)
def test_environment_agrees_with_ase(atoms, atom):
    distances, sources = peers(atoms, atom, 5.0)
    fragment, found = environment_of(*parts(atoms), atom, 5.0, k=1000)
    assert found[0] == atom
    assert found[1:] == sources.tolist()
    assert_allclose(xyz(fragment)[0], 0)
    assert_allclose(np.linalg.norm(xyz(fragment)[1:], axis=1), distances, atol=2e-3)  # rounded
    assert fragment["symbols"] == [atoms.symbols[i] for i in found]
    assert fragment["labels"] == [f"{atoms.symbols[i]} {i}" for i in found]
    assert fragment["cell"] is None


@settings(deadline=None, max_examples=40)
@given(seed=st.integers(0, 10_000), pbc=st.tuples(st.booleans(), st.booleans(), st.booleans()))
def test_environment_of_any_cell_agrees_with_ase(seed, pbc):
    rng = np.random.default_rng(seed)
    cell = 3.5 * np.eye(3) + rng.uniform(-1, 1, (3, 3))
    scaled = rng.uniform(-2, 2, (4, 3))  # atoms outside the cell as well
    atoms = Atoms("H4", scaled @ cell, cell=cell, pbc=pbc)
    distances, _ = peers(atoms, 2, 4.0)
    fragment, _ = environment_of(*parts(atoms), 2, 4.0, k=1000)
    assert_allclose(np.linalg.norm(xyz(fragment)[1:], axis=1), distances, atol=2e-3)


def test_environment_keeps_the_k_nearest():
    atoms = bulk("Cu", cubic=True)
    fragment, sources = environment_of(*parts(atoms), 0, 5.0, k=12)
    assert len(sources) == 13
    assert_allclose(np.linalg.norm(xyz(fragment)[1:], axis=1), 3.61 / np.sqrt(2), atol=2e-3)


def test_environment_of_a_single_atom_is_the_atom():
    fragment, sources = environment_of([6], [[1.0, 2.0, 3.0]], None, False, 0)
    assert sources == [0]
    assert fragment["positions"] == [0, 0, 0]


@pytest.mark.parametrize("atom", [-1, 2])
def test_environment_of_an_atom_that_is_not_there(atom):
    with pytest.raises(ValueError, match=f"received {atom}"):
        environment_of(*parts(bulk("Si")), atom)


def test_frame_of_a_crystal_has_its_cell():
    atoms = bulk("NaCl", "rocksalt", a=5.64)
    frame = frame_of(*parts(atoms))
    assert frame["symbols"] == ["Na", "Cl"]
    assert frame["labels"] == ["Na 0", "Cl 1"]
    assert_allclose(frame["cell"], atoms.cell.array, atol=1e-3)
    assert_allclose(xyz(frame), atoms.positions, atol=1e-3)
    assert frame["axes"] is None


def test_frame_without_periodicity_has_no_cell():
    atoms = molecule("C6H6")
    atoms.center(vacuum=5)
    assert frame_of(*parts(atoms))["cell"] is None


def test_frame_of_nothing_and_of_an_unknown_element():
    assert frame_of([], np.zeros((0, 3)))["symbols"] == []
    assert frame_of([0, 500], np.zeros((2, 3)))["symbols"] == ["X", "X"]


@given(seed=st.integers(0, 10_000), n=st.integers(1, 12))
def test_axes_are_a_rotation_that_shows_the_widest_side(seed, n):
    positions = np.random.default_rng(seed).normal(size=(n, 3)) * [1, 5, 2]
    axes = np.array(frame_of([6] * n, positions)["axes"])
    assert_allclose(axes @ axes.T, np.eye(3), atol=1e-5)
    assert np.linalg.det(axes) == pytest.approx(1, abs=1e-5)
    if n > 1:
        spread = ((positions - positions.mean(axis=0)) @ axes.T).std(axis=0)
        assert (np.diff(spread) <= 1e-4 * spread[0]).all()


def test_axes_turn_with_a_flat_molecule():
    atoms = molecule("C6H6")  # flat in x, y
    atoms.rotate(37, (1, 2, 3))
    assert np.ptp(atoms.positions @ np.array(frame_of(*parts(atoms))["axes"])[2]) < 1e-4


def test_element_table_has_colour_and_radius():
    table = element_table()
    assert table["O"] == ["#ff0d0d", 0.66]
    assert len(table) > 100
    assert all(len(colour) == 7 and radius > 0 for colour, radius in table.values())
