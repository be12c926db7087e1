"""LAMMPS dumps and data files: elements only where the file names them, no energy made up."""

from __future__ import annotations

import ase.io
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytics.data.file_formats import lammps_data, lammps_dump
from analytics.data.frames import Frame, LeftOut
from analytics.data.readers import read
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT

ATOMS = "2 2 1.0 0 0 -1 0 0\n1 1 0.5 0.25 0 1 0 0\n"


def step(
    time: int = 0,
    columns: str = "id type x y z fx fy fz",
    atoms: str = ATOMS,
    box: str = "ITEM: BOX BOUNDS pp pp ff\n0 4\n0 5\n-1 6\n",
    before: str = "",
    n: int = 2,
) -> str:
    return (
        f"{before}ITEM: TIMESTEP\n{time}\nITEM: NUMBER OF ATOMS\n{n}\n{box}"
        f"ITEM: ATOMS {columns}\n{atoms}"
    )


@pytest.fixture
def dump(write):
    def read(text: str) -> list[Frame | LeftOut]:
        path = write(text, "a.lammpstrj")
        assert lammps_dump.recognise(path, text.encode()[:100])
        return list(lammps_dump.read(path, SILENT))

    return read


def test_types_are_no_elements_and_there_is_no_energy(dump) -> None:
    (frame, other) = dump(step() + step(10))
    assert not frame.numbers.any()
    assert frame.types == ("1", "2")
    assert_array_equal(frame.positions, [[0.5, 0.25, 0], [1, 0, 0]])
    assert_array_equal(frame.arrays["forces"], [[1, 0, 0], [-1, 0, 0]])
    assert_array_equal(frame.arrays["type"], [1, 2])
    assert frame.info == {"timestep": 0}
    assert (other.index, other.info) == (1, {"timestep": 10})
    assert_array_equal(frame.cell, np.diag([4, 5, 7]))
    assert frame.pbc.tolist() == [True, True, False]
    assert frame.assumed == ("length", "forces")


def test_elements_by_column_and_by_mass(dump) -> None:
    (frame,) = dump(step(columns="id type element x y z", atoms="1 1 Si 0 0 0\n2 2 D 1 1 1\n"))
    assert frame.numbers.tolist() == [14, 1]
    assert "D (deuterium) is read as hydrogen" in frame.notes
    (frame,) = dump(step(columns="id type mass x y z", atoms="1 1 28.0855 0 0 0\n2 2 16 1 1 1\n"))
    assert frame.numbers.tolist() == [14, 8]
    assert frame.types == ()
    (frame,) = dump(step(columns="id type mass x y z", atoms="1 1 40.0 0 0 0\n2 2 16 1 1 1\n"))
    assert frame.types == ("1", "2")  # argon or calcium


def test_the_elements_that_lammps_writes_where_it_knows_none(dump) -> None:
    (frame,) = dump(step(columns="id type element x y z", atoms="1 1 C 0 0 0\n2 2 C 1 1 1\n"))
    assert frame.types == ("1", "2")
    (frame,) = dump(step(columns="id type element x y z", atoms="1 1 C 0 0 0\n2 1 C 1 1 1\n"))
    assert frame.numbers.tolist() == [6, 6]


@pytest.mark.parametrize(
    ("system", "forces"), [("metal", "eV/Å"), ("real", "kcal/mol/Å"), ("electron", "hartree/bohr")]
)
def test_units_hold_for_the_steps_that_follow(dump, system, forces) -> None:
    frames = dump(step(before=f"ITEM: UNITS\n{system}\nITEM: TIME\n0.5\n") + step(1))
    assert [frame.units["forces"] for frame in frames] == [forces] * 2
    assert frames[0].info["time"] == 0.5


def test_reduced_units_are_refused(dump) -> None:
    with pytest.raises(InputError, match="'lj' of LAMMPS"):
        dump(step(before="ITEM: UNITS\nlj\n"))


TILTED = "ITEM: BOX BOUNDS xy xz yz pp pp pp\n-1.5 5.0 1.0\n0.0 5.5 -1.5\n0 6 0.5\n"


@pytest.mark.parametrize("names", ["x y z", "xu yu zu", "xs ys zs", "xsu ysu zsu"])
@pytest.mark.parametrize("box", [TILTED, "ITEM: BOX BOUNDS pp pp pp\n1 4\n2 5\n-1 6\n"])
def test_boxes_and_coordinates_as_ase_reads_them(write, names, box) -> None:
    text = step(columns=f"id type {names}", atoms="2 1 0.1 0.2 0.3\n1 1 0.6 0.5 0.75\n", box=box)
    path = write(text)
    (frame,) = lammps_dump.read(path, SILENT)
    atoms = ase.io.read(path, format="lammps-dump-text")
    assert_allclose(frame.cell, atoms.cell, atol=1e-12)
    moved = frame.positions - frame.positions[0]
    assert_allclose(moved, atoms.positions - atoms.positions[0], atol=1e-12)


def test_general_triclinic_boxes(dump) -> None:
    box = "ITEM: BOX BOUNDS abc origin pp pp pp\n4 0 0.5 1\n1 5 0 1\n0 0 6 1\n"
    (frame,) = dump(step(columns="id type xs ys zs", atoms="1 1 0 0 0\n2 1 .5 0 0\n", box=box))
    assert_array_equal(frame.cell, [[4, 0, 0.5], [1, 5, 0], [0, 0, 6]])
    assert_array_equal(frame.positions, [[1, 1, 1], [3, 1, 1.25]])
    assert frame.pbc.all()


@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        (step(atoms="1 1 0 0 0 0 0 0\n"), "1 of the 2 atoms announced"),
        (step(atoms=ATOMS + "3 1 0 0 0 0 0 0\n"), "3 of the 2 atoms"),
        (step(atoms="1 1 0 0 0 0 0 0\n2 2 0 0 0\n"), "atom 1 has 5 values where 8"),
        (step(atoms=ATOMS.replace("0.25", "****")), "'****' in column 'y' is no number"),
        (step()[:40], "cut short"),
        (step(n=0, atoms=""), "has no atoms"),
        (step(columns="id type a b c d e f"), "has no positions"),
        (step(columns="id kind x y z fx fy fz"), "no elements and no types"),
        (step(box="ITEM: BOX BOUNDS pp pp pp\n0 1\n"), "BOX BOUNDS are not"),
        (step(columns="id element x y z fx fy fz").replace(" 1 0.5", " Qq 0.5"), "'Qq' is not"),
    ],
)
@pytest.mark.parametrize("at", [0, 1, 2])
def test_a_damaged_step_is_left_out(dump, bad, cause, at) -> None:
    steps = [step(), step(10)]
    steps.insert(at, bad)
    found = dump("".join(steps))
    (left,) = (one for one in found if isinstance(one, LeftOut))
    assert left.frame == at
    assert left.line == 1 + "".join(steps[:at]).count("\n")
    assert cause in left.cause
    assert [one.index for one in found if isinstance(one, Frame)] == [
        i for i in range(3) if i != at
    ]


def test_what_is_damaged_for_the_most_part_is_refused(dump) -> None:
    with pytest.raises(InputError, match="2 of 2 time steps cannot be used"):
        dump(step(columns="id") + step(columns="id"))


def test_units_that_a_dump_does_not_name_are_assumed(write) -> None:
    path = write(step(), "a.lammpstrj")
    with pytest.raises(InputError) as caught:
        read(path)
    assert caught.value.asks == ("species", "1", "2")
    data = read(path, species="1=Si,2=O")
    assert data.numbers.tolist() == [14, 8]
    assert data.energies is None
    units = {use.quantity: (use.unit, use.known_from) for use in data.understood.units}
    assert units["forces"] == ("eV/Å", "assumed")
    again = read(path, species="1=Si,2=O", units="forces=kcal/mol/Å")
    assert_allclose(again.forces[0], [0.0433641, 0, 0], rtol=1e-5)


# ---------------------------------------------------------------- data files

DATA = """LAMMPS data file via write_data, version 2 Aug 2023, timestep = 0, units = metal

3 atoms
2 atom types

0 5 xlo xhi
0 6 ylo yhi
-1 6 zlo zhi
{tilt}
Masses

{masses}

Atoms{style}

{atoms}

Velocities

1 0 0 0
"""
ATOMIC = "2 2 1.6 0 0\n1 1 0 0 0\n3 1 2.5 2.5 2.5"


def data(masses="1 28.0855\n2 15.9994", style=" # atomic", atoms=ATOMIC, tilt="") -> str:
    return DATA.format(masses=masses, style=style, atoms=atoms, tilt=tilt)


@pytest.fixture
def structure(write):
    def read(text: str) -> Frame:
        path = write(text, "a.lmp")
        assert lammps_data.recognise(path, text.encode())
        (frame,) = lammps_data.read(path, SILENT)
        return frame

    return read


@pytest.mark.parametrize(
    ("masses", "numbers"),
    [
        ("1 28.0855\n2 15.9994", [14, 8, 14]),
        ("1 28.09 # Si\n2 16.0 # O", [14, 8, 14]),
        ("1 1.0\n2 2.014 # D", [1, 1, 1]),
        ("1 40.0\n2 16.0", []),
        ("1 40.0 # Ar\n2 16.0", [18, 8, 18]),
        ("1 72.0 # C\n2 16.0", []),
        ("1 28.0855 # Al\n2 16.0", []),
        ("1 1.0\n2 1.0", []),  # a model in reduced units
    ],
)
def test_types_with_masses(structure, masses, numbers) -> None:
    frame = structure(data(masses))
    assert frame.numbers.tolist() == numbers if numbers else frame.types == ("1", "2", "1")
    assert any("by their masses" in note for note in frame.notes) == bool(numbers)
    assert_array_equal(frame.cell, np.diag([5, 6, 7]))
    assert_array_equal(frame.positions[1], [1.6, 0, 0])


@pytest.mark.parametrize(
    ("style", "atoms"),
    [
        (" # atomic", ATOMIC),
        ("", ATOMIC),
        ("  # charge", "2 2 0.5 1.6 0 0\n1 1 -.5 0 0 0\n3 1 0 2.5 2.5 2.5"),
        ("", "2 2 0.5 1.6 0 0 0 0 0\n1 1 -.5 0 0 0 0 0 0\n3 1 0 2.5 2.5 2.5 1 0 -1"),
        (" # molecular", "2 1 2 1.6 0 0\n1 1 1 0 0 0\n3 2 1 2.5 2.5 2.5"),
        ("", "2 1 2 1.6 0 0\n1 1 1 0 0 0\n3 2 1 2.5 2.5 2.5"),
        (" # full", "2 1 2 .5 1.6 0 0\n1 1 1 0 0 0 0\n3 2 1 0 2.5 2.5 2.5"),
    ],
)
def test_styles_of_atoms(structure, style, atoms) -> None:
    frame = structure(data(style=style, atoms=atoms))
    assert frame.numbers.tolist() == [14, 8, 14]
    assert_array_equal(frame.positions[1:], [[1.6, 0, 0], [2.5, 2.5, 2.5]])


def test_tilted_and_labelled_data_files(structure) -> None:
    frame = structure(data(tilt="1 0.5 0.25 xy xz yz"))
    assert_array_equal(frame.cell, [[5, 0, 0], [1, 6, 0], [0.5, 0.25, 7]])
    text = data().replace("Masses", "Atom Type Labels\n\n1 Si\n2 O\n\nMasses")
    assert structure(text.replace("2 2 1.6", "2 O 1.6")).numbers.tolist() == [14, 8, 14]


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        (data(atoms="1 1 0 0 0"), "1 of the 3 atoms"),
        (data(style=" # sphere"), "style 'sphere', which is not read"),
        (data(atoms="1 1 0\n2 1 0\n3 1 0", style=""), "which style its atoms are"),
        (data(atoms=ATOMIC.replace("1.6", "abc")), "a number or a name is wrong"),
        (data().partition("Atoms")[0], "no section Atoms"),
    ],
)
def test_bad_data_files(structure, text, cause) -> None:
    with pytest.raises(InputError, match=cause):
        structure(text)
