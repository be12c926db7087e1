"""Files of other programs in variants that their formats allow: columns, labels, tables."""

from __future__ import annotations

import json

import numpy as np
import pytest

from analytics.data.readers import read
from analytics.runtime.errors import InputError

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
    data = read(path)
    assert data.numbers.tolist() == [8, 1, 1] * 4
    np.testing.assert_allclose(data.positions[2::3, 2], [1, 2, 3, 4])
    np.testing.assert_allclose(data.energies, [-1, -2, -3, -4])


def test_one_molecule_in_json_is_no_table(tmp_path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(ROWS[0] | {"cell": [[9, 0, 0], [0, 9, 0], [0, 0, 9]]}))
    data = read(path)
    assert data.n_structures == 1
    np.testing.assert_allclose(data.cells[0], 9 * np.eye(3))
