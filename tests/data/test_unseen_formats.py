"""Files of other programs in variants that their formats allow: columns, labels, tables."""

from __future__ import annotations

import json

import numpy as np
import pytest

from analytics.data.file_formats import json_records, refused
from analytics.data.readers import read
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT

DUMP = """ITEM: TIMESTEP
{step}
ITEM: NUMBER OF ATOMS
2
ITEM: BOX BOUNDS pp pp pp
0 4
0 4
0 4
ITEM: ATOMS id {name} x y z fx fy fz
2 {b} 2 2 0 0.1 0 0
1 {a} 0 0 0 -0.1 0 0
"""


def dump(tmp_path, name, a, b):
    path = tmp_path / "a.lammpstrj"
    path.write_text("".join(DUMP.format(step=s, name=name, a=a, b=b) for s in (0, 10)))
    return path


def test_type_labels_of_a_dump_are_elements_where_they_are_written_so(tmp_path) -> None:
    data = read(dump(tmp_path, "typelabel", "Ni", "O"))
    assert data.numbers.tolist() == [28, 8] * 2
    np.testing.assert_allclose(data.forces[0], [-0.1, 0, 0])
    with pytest.raises(InputError, match=r"--species 'bulk=\w+,surf="):
        read(dump(tmp_path, "typelabel", "bulk", "surf"))


def test_reduced_masses_are_no_hydrogen(tmp_path) -> None:
    with pytest.raises(InputError, match="types of atoms"):
        read(dump(tmp_path, "type mass", "1 1.0", "2 1.0"))
    assert set(read(dump(tmp_path, "type mass", "1 1.0", "2 16.0")).numbers) == {1, 8}
    path = tmp_path / "a.data"
    text = "lj\n\n1 atoms\n1 atom types\n0 9 xlo xhi\n0 9 ylo yhi\n0 9 zlo zhi\n\nMasses\n\n{}\n\n"
    path.write_text(text.format("1 1.0") + "Atoms # atomic\n\n1 1 0 0 0\n")
    with pytest.raises(InputError, match="types of atoms"):
        read(path)
    for said in ("1 1.0 # H", "1 1.008"):
        path.write_text(text.format(said) + "Atoms # atomic\n\n1 1 0 0 0\n")
        assert read(path).numbers.tolist() == [1]


def test_the_number_of_a_time_step_is_offered_as_no_energy(tmp_path) -> None:
    data = read(dump(tmp_path, "element", "Ni", "O"))
    assert [one.key for one in data.understood.candidates if one.label == "energy"] == []


ROWS = [
    {"atomic_numbers": [8, 1, 1], "positions": [[0, 0, 0], [1, 0, 0], [0, 1, i]], "energy": -i}
    for i in (1.0, 2.0, 3.0, 4.0)
]


@pytest.mark.parametrize("orient", ["list", "dict", "index", "records", "split", "shared"])
def test_tables_in_json_as_pandas_writes_them(tmp_path, orient) -> None:
    columns = {name: [row[name] for row in ROWS] for name in ROWS[0]}
    table = {
        "list": columns,
        "dict": {n: {str(i): v for i, v in enumerate(c)} for n, c in columns.items()},
        "index": {str(i): row for i, row in enumerate(ROWS)},
        "records": ROWS,
        "split": {
            "columns": list(columns),
            "index": [0, 1, 2, 3],
            "data": [list(row.values()) for row in ROWS],
        },
        "shared": columns | {"atomic_numbers": [8, 1, 1]},
    }[orient]
    path = tmp_path / "a.json"
    path.write_text(json.dumps(table))
    assert json_records.recognise(path, path.read_bytes())
    frames = list(json_records.read(path, SILENT))
    assert [frame.numbers.tolist() for frame in frames] == [[8, 1, 1]] * 4
    assert [frame.positions[2, 2] for frame in frames] == [1, 2, 3, 4]
    assert [frame.info["energy"] for frame in frames] == [-1, -2, -3, -4]


def test_one_molecule_in_json_is_no_table(tmp_path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(ROWS[0] | {"cell": [[9, 0, 0], [0, 9, 0], [0, 0, 9]]}))
    (frame,) = json_records.read(path, SILENT)
    np.testing.assert_allclose(frame.cell, 9 * np.eye(3))


CIF = """data_x
_cell_length_a 4
_cell_length_b 4
_cell_length_c 4
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M "P 1"
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Cu1 Cu 0 0 0 {first}
{second}Cu2 Cu 0.5 0.5 0 1
"""


@pytest.mark.parametrize(
    ("first", "second"), [("0.5", "Ni1 Ni 0 0 0 0.5\n"), ("0.7", ""), ("1.0", "")]
)
def test_a_site_that_several_elements_share_is_no_structure(tmp_path, first, second) -> None:
    path = tmp_path / "a.cif"
    path.write_text(CIF.format(first=first, second=second))
    if first == "1.0":
        assert read(path).numbers.tolist() == [29, 29]
        return
    with pytest.raises(InputError, match="several elements, or in part"):
        read(path)


@pytest.mark.parametrize("what", ["position", "cell"])
def test_a_geometry_with_nan_in_it_is_left_out(tmp_path, what) -> None:
    good = '2\nLattice="4 0 0 0 4 0 0 0 4" energy=-1\nAl 0 0 0\nAl 2 2 0\n'
    bad = (
        good.replace("Al 2", "Al nan")
        if what == "position"
        else good.replace("4 0 0 0", "NaN 0 0 0")
    )
    path = tmp_path / "a.xyz"
    path.write_text(good + bad + good)
    data = read(path)
    assert data.frame_indices.tolist() == [0, 2]
    (lost,) = data.understood.left_out
    assert lost.frame == 1
    assert "finite" in lost.cause
    with pytest.raises(InputError, match=r"structure 1: .*finite"):
        read(path, strict=True)
    path.write_text(bad)
    with pytest.raises(InputError, match="finite"):
        read(path)


def test_a_dump_with_nan_in_it_leaves_out_the_step(tmp_path) -> None:
    path = dump(tmp_path, "element", "Ni", "O")
    path.write_text(path.read_text().replace("O 2 2 0", "O nan 2 0", 1))
    assert read(path).frame_indices.tolist() == [1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\n   Psi4: An Open-Source Ab Initio Electronic Structure Package\n", "of Psi4"),
        ("  |                           x T B                           |\n", "of xTB"),
        ("   Welcome to Q-Chem\n", "of Q-Chem"),
        ("#\n# The current gradient in Eh/bohr\n#\n 0.1\n", "of ORCA"),
        ("@<TRIPOS>MOLECULE\nx\n", "mol2"),
        (" CP2K| version string:                 CP2K version 7.1\n", "of CP2K"),
        (" *                               CRYSTAL17                     *\n", "of CRYSTAL"),
        ("LAMMPS (29 Oct 2020)\nStep Temp\n", "its log"),
        (
            '<?xml version="1.0"?>\n<q xmlns:qes="http://www.quantum-espresso.org/ns/qes/qes-1.0"/>',
            "in XML",
        ),
    ],
)
def test_outputs_that_nothing_reads_are_named(tmp_path, text, words) -> None:
    path = tmp_path / "run.out"
    path.write_text(text)
    assert refused.recognise(path, text.encode())
    with pytest.raises(InputError, match=words):
        refused.read(path, SILENT)
    assert not refused.recognise(path, f"3\n{text[:4]}\nCu 0 0 0\n".encode())


def test_a_castep_run_that_ends_early_is_said(tmp_path) -> None:
    step = (
        "   {i}\n   -1.0E+00   -1.0E+00   <-- E\n   8.0 0.0 0.0 <-- h\n   0.0 8.0 0.0 <-- h\n"
        "   0.0 0.0 8.0 <-- h\n Al 1 0.0 0.0 0.0 <-- R\n Al 2 4.0 4.0 0.0 <-- R\n"
        " Al 1 0.0 0.0 0.1 <-- F\n Al 2 0.0 0.0 -0.1 <-- F\n  \n"
    )
    text = " BEGIN header\n  \n END header\n  \n" + "".join(step.format(i=i) for i in range(4))
    path = tmp_path / "a.geom"
    path.write_text(text)
    assert read(path).understood.left_out == ()
    path.write_text(text[:-80])
    data = read(path)
    assert data.n_structures == 3
    assert [one.frame for one in data.understood.left_out] == [3]
