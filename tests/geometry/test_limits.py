"""What no search of neighbours could deal with is refused before there is one."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk

from analytics.data.checks.registry import check
from analytics.data.dataset import Dataset
from analytics.data.readers import dataset_from_atoms, read
from analytics.geometry.lattice import reduced_lattices
from analytics.geometry.limits import unsearchable
from analytics.geometry.neighbours import neighbour_pairs
from analytics.runtime.errors import InputError


def found(atoms: Atoms) -> str | None:
    offsets = np.array([0, len(atoms)])
    flaw = unsearchable(atoms.positions, offsets, np.array(atoms.cell)[None], atoms.pbc[None])
    assert flaw is None or flaw[0] == 0
    return flaw and flaw[1]


def box(positions, cell=5.0, pbc=True) -> Atoms:
    cell = cell if np.ndim(cell) else cell * np.eye(3)
    return Atoms("H" * len(positions), positions=positions, cell=cell, pbc=pbc)


@pytest.mark.parametrize("value", [1e9, -1e12, 1e19, 1e25, 1e200, -1e308])
@pytest.mark.parametrize("pbc", [True, False, (True, False, True)])
def test_coordinates_that_have_lost_their_decimals(value, pbc) -> None:
    text = found(box([[0, 0, 0], [1, value, 1]], pbc=pbc))
    assert text is not None
    assert text.startswith("atom 1: a coordinate of ")
    text = found(box([[0, 0, 0]], cell=[[5, 0, 0], [0, 5, 0], [0, value, 5]], pbc=pbc))
    assert text is not None
    assert text.startswith("a cell vector has a component of ")


def test_turns_through_the_cell() -> None:
    atoms = box([[0, 0, 0], [6e6, 0, 0]], pbc=(True, False, False))
    assert found(atoms) == "atom 1 is 1.2e+06 cell vectors away from the cell"
    atoms.pbc = (False, True, True)
    assert found(atoms) is None
    assert found(box([[0, 0, 0], [4e6, 0, 0]])) is None


def test_crowds() -> None:
    rng = np.random.default_rng(0)
    spot = rng.random((20_000, 3))
    assert "others within 4 Å" in str(found(box(spot, pbc=False)))
    assert "others within 4 Å" in str(found(box(spot, cell=0.9)))
    assert "others within 4 Å" in str(found(box(1e3 * spot, cell=0.9)))
    assert found(box(60 * spot, cell=60.0)) is None
    assert found(box(60 * spot, pbc=False)) is None
    assert found(box([[0, 0, 0]] * 900, pbc=False)) is None  # overlapping atoms: for the check
    assert "others within 4 Å" in str(found(box([[0, 0, 0]] * 10, cell=0.06)))


@pytest.mark.parametrize("cell", [0.5, 3.0, [[1e4, 0, 0], [0, 3, 0], [0, 0, 3]]])
def test_small_and_long_cells_are_fine(cell) -> None:
    assert found(box([[0, 0, 0]], cell=cell)) is None


def test_real_structures_are_fine() -> None:
    atoms = bulk("C", cubic=True) * (12, 12, 12)
    assert found(atoms) is None
    atoms.positions += 4e5
    assert found(atoms) is None


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_for_the_checks(value) -> None:
    assert found(box([[0, 0, 0], [value, 0, 0]])) is None
    assert found(box([[0, 0, 0]], cell=[[value, 0, 0], [0, 5, 0], [0, 0, 5]])) is None
    assert found(box([[0, 0, 0]], cell=0.0)) is None
    data = dataset_from_atoms([box([[0, 0, 0], [value, 0, 0]]), box([[0, 0, 0]], cell=0.0)])
    codes = {finding.code for finding in check(data).findings}
    assert {"positions_not_finite", "cell_without_volume"} <= codes


def test_every_way_to_make_a_data_set(tmp_path) -> None:
    wrong = box([[0, 0, 0], [1e12, 0, 0]])
    with pytest.raises(
        InputError, match=r"^in memory, structure 1: atom 1: a coordinate of 1e\+12"
    ):
        read([box([[0, 0, 0]]), wrong])
    with pytest.raises(InputError, match=r"structure 7: atom 0: a coordinate of -2e\+13"):
        Dataset(
            numbers=np.array([1]),
            positions=np.array([[0, 0, -2e13]]),
            structure_offsets=np.array([0, 1]),
            cells=np.zeros((1, 3, 3)),
            pbc=np.zeros((1, 3), dtype=bool),
            frame_indices=np.array([7]),
        )
    path = tmp_path / "a.xyz"
    path.write_text("1\n\nH 0 0 0\n" * 3 + "1\n\nH 0 0 1e25\n")
    with pytest.raises(InputError, match=r"^a\.xyz, structure 3: atom 0: a coordinate of 1e\+25"):
        read(path, strict=True)
    assert read(f"{path}@:3").n_structures == 3


@pytest.mark.parametrize("value", [1e16, -1e25, 1e300, np.nan, np.inf])
@pytest.mark.parametrize("where", [0, 1, 2])
def test_the_search_itself_ends_in_an_error(value, where) -> None:
    parts = [np.zeros((2, 3)), 5.0 * np.eye(3)[None], 0.2 * np.eye(3)[None]]
    parts[where][..., -1, 0] = value
    with pytest.raises(ValueError, match="finite"):
        list(neighbour_pairs(parts[0], np.array([0, 2]), (parts[1], parts[2]), 5.0))


def test_too_many_images_end_in_an_error() -> None:
    lattices = reduced_lattices(1e-4 * np.eye(3)[None], np.full((1, 3), True))
    with pytest.raises(ValueError, match="too many periodic images"):
        list(neighbour_pairs(np.zeros((1, 3)), np.array([0, 1]), lattices, 5.0))
