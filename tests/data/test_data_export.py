from __future__ import annotations

import gzip
import io
import json
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import assert_same
from numpy.testing import assert_array_equal

from analytics.data.dataset import Dataset
from analytics.data.export import export_selection, write_subset
from analytics.data.readers import dataset_from_atoms, read
from analytics.runtime.errors import Cancelled, InputError
from analytics.runtime.versions import versions

RICH = (
    '2\nLattice="3.1 0.0 0.0 1.0 3.0 0.0 0.0 0.25 3.0" '
    "Properties=species:S:1:pos:R:3:REF_forces:R:3:magmom:R:1:tag:I:1:fixed:L:3:label:S:1 "
    'REF_energy=-1.2345678901234567 Config_type="liquid 300K" stress="1 2 3 4 5 6 7 8 9" '
    'virial="-1 0 0 0 -1 0 0 0 -1" dipole="0.1 0.2 0.3" note="say \\"hi\\" \\\\ bye" id=007 '
    'ok=T flags="T F" big=123456789012 matrix="_JSON [[1, 2], [3, 4]]" pbc="T F T"\n'
    "H 0.1 0.2 0.30000000000000004 1e-17 0.5 -0.5 0.25 3 T F T up\n"
    "O 1 1 1 -1e-17 -0.5 0.5 -0.25 -4 F F F down\n"
    "1\nREF_energy=3 Config_type=gas\nHe 1 2 3\n"
    '1\nLattice="4 0 0 0 4 0 0 0 4" Config_type=bare\nNe 0.125 -2 1e3\n'
)


@pytest.fixture
def rich(tmp_path) -> Dataset:
    (tmp_path / "rich.xyz").write_text(RICH, encoding="utf-8")
    return read(tmp_path / "rich.xyz")


@pytest.mark.parametrize("name", ["out.xyz", "out.extxyz", "out.xyz.gz"])
def test_everything_comes_back(rich, tmp_path, name) -> None:
    write_subset(rich, np.arange(3), tmp_path / name)
    back = read(tmp_path / name)
    assert_same(rich, back)
    assert [record.info["original_index"] for record in back.records] == [0, 1, 2]
    assert_array_equal(back.records[0].info["stress"], np.arange(1, 10).reshape(3, 3).T)
    assert back.records[0].info["id"] == "007"


def test_ase_reads_what_it_read_before(rich, tmp_path) -> None:
    write_subset(rich, np.arange(3), tmp_path / "out.xyz")
    before, after = (ase.io.read(tmp_path / name, ":") for name in ("rich.xyz", "out.xyz"))
    for a, b in zip(before, after, strict=True):
        assert a == b
        b.info.pop("original_index")
        assert a.info.keys() == b.info.keys()
        for key, value in a.info.items():
            assert_array_equal(value, b.info[key])
        assert a.arrays.keys() == b.arrays.keys()
        for key, array in a.arrays.items():
            assert_array_equal(array, b.arrays[key])
    assert_array_equal(before[0].get_stress(), after[0].get_stress())


def test_order_and_original_index(rich, tmp_path) -> None:
    some = rich.take(np.array([1, 2]))
    write_subset(some, [1, 0], tmp_path / "out.xyz")
    back = read(tmp_path / "out.xyz")
    assert list(back.config_type) == ["bare", "gas"]
    assert [record.info["original_index"] for record in back.records] == [2, 1]


def test_an_index_of_the_file_s_own_is_left_alone(tmp_path) -> None:
    (tmp_path / "a.xyz").write_text("1\nx=1\nH 0 0 0\n1\noriginal_index=41\nH 0 0 1\n")
    data = read(tmp_path / "a.xyz")
    write_subset(data, [0, 1], tmp_path / "b.xyz")
    again = read(tmp_path / "b.xyz")
    assert again.records[0].info == {"x": 1, "winnow_original_index": 0}
    assert again.records[1].info == {"original_index": 41, "winnow_original_index": 1}
    write_subset(again, [1], tmp_path / "c.xyz")
    assert read(tmp_path / "c.xyz").records[0].info == {
        "original_index": 41,
        "winnow_original_index": 1,
        "winnow_original_index_2": 1,
    }


def test_buffers_and_repeatability(rich, tmp_path) -> None:
    text, raw = io.StringIO(), io.BytesIO()
    write_subset(rich, [0, 2], text)
    write_subset(rich, [0, 2], raw)
    assert raw.getvalue() == text.getvalue().encode()
    contents = set()
    for name in ("a.xyz.gz", "b.xyz.gz"):
        write_subset(rich, [0, 2], tmp_path / name)
        contents.add((tmp_path / name).read_bytes())
    assert len(contents) == 1
    assert gzip.decompress(contents.pop()) == raw.getvalue()


def test_data_made_in_memory_is_labeled(tmp_path) -> None:
    data = Dataset(
        numbers=np.array([1, 1, 2]),
        positions=np.arange(9).reshape(3, 3) / 7,
        structure_offsets=np.array([0, 2, 3]),
        cells=np.zeros((2, 3, 3)),
        pbc=np.zeros((2, 3)),
        energies=np.array([-1 / 3, np.nan]),
        forces=np.concatenate([np.ones((2, 3)) / 3, np.full((1, 3), np.nan)]),
        config_type=np.array(["dimer", ""]),
    )
    write_subset(data, [0, 1], tmp_path / "a.xyz")
    back = read(tmp_path / "a.xyz")
    assert back.fingerprint == data.fingerprint
    assert back.keys.energy == "energy"


def test_structures_of_ase_come_back(tmp_path) -> None:
    atoms = bulk("Cu", cubic=True)
    atoms.info.update(nested={"a": [1, None]}, empty=None, one=np.array([1.5]), name="12")
    atoms.set_velocities(np.ones((4, 3)) / 3)
    data = dataset_from_atoms([atoms, Atoms("He")])
    write_subset(data, [0, 1], tmp_path / "a.xyz")
    back = read(tmp_path / "a.xyz")
    assert back.fingerprint == data.fingerprint
    info = back.records[0].info
    assert info["nested"] == {"a": [1, None]}
    assert info["empty"] is None
    assert info["name"] == "12"
    assert_array_equal(info["one"], [1.5])
    assert_array_equal(back.records[0].arrays["momenta"], atoms.get_momenta())


@settings(max_examples=60, deadline=None)
@given(
    values=st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=6, max_size=6),
    text=st.text(max_size=12),
    number=st.one_of(st.integers(-(2**62), 2**62), st.floats(), st.booleans()),
)
def test_any_value_comes_back(tmp_path_factory, values, text, number) -> None:
    vectors = np.array(values).reshape(2, 3)
    atoms = Atoms("HO", positions=np.clip(vectors, -1e8, 1e8))  # beyond, they are refused
    atoms.new_array("vectors", vectors)
    atoms.info.update(text=text, number=number, values=np.array(values))
    data = dataset_from_atoms([atoms])
    path = tmp_path_factory.mktemp("any") / "a.xyz"
    write_subset(data, [0], path)
    back = read(path)
    assert_array_equal(back.positions, data.positions)
    assert_array_equal(back.records[0].arrays["vectors"], vectors)
    info = back.records[0].info
    assert info["text"] == text
    assert type(info["number"]) is type(number)
    assert_array_equal(info["number"], number)
    assert_array_equal(info["values"], values)


def test_what_the_format_cannot_hold_is_refused(tmp_path) -> None:
    atoms = bulk("Cu", cubic=True)
    atoms.new_array("z", np.zeros(4, dtype=complex))
    data = dataset_from_atoms([bulk("Cu"), atoms])
    with pytest.raises(InputError, match=r"structure 1: the value of 'z' .*cannot be written"):
        write_subset(data, [0, 1], tmp_path / "a.xyz")
    assert list(tmp_path.iterdir()) == []  # nothing half-written


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("cube", np.arange(16.0).reshape(4, 2, 2)),
        ("words", np.array(["a", "b c", "", "e"])),
        ("a:b", np.arange(4)),
        ("a²", np.arange(4)),
        ("species", np.arange(4)),
    ],
)
def test_arrays_that_no_column_can_hold_go_to_the_comment(tmp_path, name, array) -> None:
    atoms = bulk("Cu", cubic=True)
    atoms.set_array(name, array)
    write_subset(dataset_from_atoms([atoms]), [0], tmp_path / "a.xyz")
    assert_array_equal(read(tmp_path / "a.xyz").records[0].info[name], array)


def test_a_name_of_two_words_is_a_column(tmp_path) -> None:
    atoms = bulk("Cu", cubic=True)
    atoms.set_array("a b", np.arange(4))
    write_subset(dataset_from_atoms([atoms]), [0], tmp_path / "a.xyz")
    assert_array_equal(read(tmp_path / "a.xyz").records[0].arrays["a b"], np.arange(4))
    assert_array_equal(ase.io.read(tmp_path / "a.xyz").arrays["a b"], np.arange(4))


def test_keys_that_the_format_has_itself_stand_beside_them(tmp_path) -> None:
    atoms = Atoms("He")
    atoms.info.update(pbc="x", Properties="y", Lattice="z", lattice=3, winnow_pbc=4)
    write_subset(dataset_from_atoms([atoms]), [0], tmp_path / "a.xyz")
    back = read(tmp_path / "a.xyz")
    assert not back.cells.any()
    info = dict(back.records[0].info)
    assert info.pop("original_index") == 0
    assert info == {
        "winnow_winnow_pbc": "x", "winnow_Properties": "y", "winnow_Lattice": "z", "lattice": 3,
        "winnow_pbc": 4,
    }  # fmt: skip


# ---- what comes out reads back as what came in -----------------------------------------------


def assert_same_file(folder: Path, text: str) -> str:
    """Read, write and read again; return what was written."""
    (folder / "in.xyz").write_text(text, encoding="utf-8", newline="")
    data = read(folder / "in.xyz")
    write_subset(data, np.arange(data.n_structures), folder / "out.xyz", force=True)
    back = read(folder / "out.xyz")
    index = next(k for k in back.records[0].info if k not in data.records[0].info)
    assert_same(data, back, added=(index,))
    return (folder / "out.xyz").read_bytes().decode()


@pytest.mark.parametrize(
    ("columns", "comment", "atom"),
    [
        ("species:S:1:pos:R:3:forces:R:3", "energy=-1 forces=T", "Si 0 0 0 1 2 3"),
        ("species:S:1:pos:R:3:forces:I:3", "forces=[[1,2,3]]", "Si 0 0 0 1 2 4"),
        ("species:S:1:pos:R:3", "forces=[[1,2,3]]", "Si 0 0 0"),
        ("species:S:1:pos:R:3:forces:R:3", "", "Si 0 0 0 nan nan nan"),
        ("Z:I:1:pos:I:3", "energy=1", "14 0 1 2"),
        ("Z:S:1:POS:R:3:species:I:1", "x=1", "8 0 1 2 14"),
        ("pos:R:3:symbols:S:1:Species:S:1:positions:R:3", "x=1", "0 1 2 Si up 3 4 5"),
        ("a b:R:1:species:S:1:pos:R:3", "x=1", "0.5 Si 1 2 3"),
        ("species:S:1:pos:S:3", "x=1", "Si 0 1 2"),
    ],
)
def test_no_column_is_lost(tmp_path, columns, comment, atom) -> None:
    written = assert_same_file(tmp_path, f'1\nProperties="{columns}" {comment}\n{atom}\n')
    assert columns in written


@pytest.mark.parametrize(
    "comment",
    [
        "tags=[a,b] more={c d} mixed=[1,b] odd=[[1,2],[3]]",
        "unclosed=\"abc other='x y",
        "a=1 a=2 last=",
        "last = ",
        'LATTICE="9 0 0 0 9 0 0 0 9" PBC="T F T" properties=species:S:1:pos:R:3',
        'lattice=word Lattice="9 0 0 0 9 0 0 0 9"',
        'x=1.0D+01 y=1_000 z=007 flag "odd key"=3 ""=4 "new\\nline"=5',
        'stress="_JSON [1,2,3,4,5,6,7,8,9]" big="_JSON [18446744073709551615]"',
        "just words",
        "",
        "original_index=4",
        "x=\u00e5\u2028y tab\tkey=1 r\r=2",
        "x\\",
    ],
)
def test_a_comment_line_comes_back(tmp_path, comment) -> None:
    written = assert_same_file(tmp_path, f"1\n{comment}\nH 0 0 0\n")
    if "=" in comment:
        assert comment.strip() in written  # byte for byte


words = st.one_of(
    st.text(alphabet=" \"'\\{}[]=,:_-.aT1\u00e9\t", max_size=8),
    st.sampled_from(["T", "F", "true", "1", "-1.5e3", "007", "1 2 3", "[1, 2]", "{a b}", "[T,F]",
                     "[[1,2],[3,4]]", '"a b"', "'a b'", '"1 2 3 4 5 6 7 8 9"', "_JSON 1", ""]),
)  # fmt: skip
names = st.one_of(
    st.sampled_from(["energy", "forces", "stress", "virial", "momenta", "config_type", "Lattice",
                     "pbc", "Properties", "lattice", '"a b"', "a:b", "original_index"]),
    st.text(alphabet="ab_-.:[]{}'\u00e9", min_size=1, max_size=4),
)  # fmt: skip


@settings(max_examples=150, deadline=None)
@given(
    pairs=st.lists(st.tuples(names, st.sampled_from(["=", " = ", ""]), words), max_size=5),
    columns=st.lists(
        st.sampled_from(["forces:R:3", "energy:R:1", "momenta:R:3", "config_type:S:1", "pbc:L:1",
                         "tag:I:2", "Lattice:R:1"]),
        max_size=3, unique=True,
    ),
)  # fmt: skip
def test_whatever_is_accepted_comes_back(tmp_path_factory, pairs, columns) -> None:
    comment = " ".join(name + sign + word for name, sign, word in pairs)
    if columns:
        comment = f"Properties=species:S:1:pos:R:3:{':'.join(columns)} {comment}"
    cells = {"R": "0.5", "S": "word", "I": "3", "L": "T"}
    atom = "H 0 0 0 " + " ".join(
        cells[kind] for column in columns for kind in column.split(":")[1] * int(column[-1])
    )
    folder = tmp_path_factory.mktemp("any")
    (folder / "try.xyz").write_text(f"2\n{comment}\n{atom}\n{atom}\n", encoding="utf-8")
    try:
        read(folder / "try.xyz")
    except InputError:
        return  # not accepted
    assert_same_file(folder, f"2\n{comment}\n{atom}\n{atom}\n")


@pytest.mark.parametrize("bad", [[3], [-1], [0, 0], [[0]], [0.5]])
def test_indices_are_checked(rich, tmp_path, bad) -> None:
    with pytest.raises(ValueError, match="structures"):
        write_subset(rich, bad, tmp_path / "a.xyz")


@pytest.mark.parametrize("ending", [".xyz", ".extxyz", ".xyz.gz"])
def test_export_of_a_selection(rich, tmp_path, ending) -> None:
    recipe = {"method": "random", "seed": np.int64(3), "n_kept": 99, "where": tmp_path}
    files = export_selection(rich, [2, 0], tmp_path / f"my.set{ending}", recipe=recipe)
    assert [f.name for f in files] == [f"my.set{ending}", f"my.set_rest{ending}", "my.set.json"]
    assert list(read(files[0]).config_type) == ["bare", "liquid 300K"]
    assert list(read(files[1]).config_type) == ["gas"]
    written = json.loads(files[2].read_text(encoding="utf-8"))
    assert written["n_kept"] == 99  # what the caller says stands
    assert written["seed"] == 3
    assert written["n_structures"] == 3
    assert written["n_environments"] == 4
    assert written["kept_frame_indices"] == [2, 0]
    assert written["input"] == {"name": "rich.xyz", "fingerprint": rich.fingerprint}
    assert written["files"] == {"kept": files[0].name, "rest": files[1].name}
    assert written["versions"].keys() == {"python", "winnow", "numpy", "numba", "scipy", "ase"}


def test_all_kept_leaves_an_empty_rest(rich, tmp_path) -> None:
    _, rest, _ = export_selection(rich, np.arange(3), tmp_path / "a.xyz", recipe=None)
    assert rest.read_bytes() == b""


def test_failed_exports_leave_the_old_files(rich, tmp_path) -> None:
    files = export_selection(rich, [0], tmp_path / "a.xyz", recipe={})
    before = [f.read_bytes() for f in files]
    with pytest.raises(TypeError, match="no plain value"):
        export_selection(rich, [1], tmp_path / "a.xyz", recipe={"x": object()}, force=True)
    assert [f.read_bytes() for f in files] == before
    assert len(list(tmp_path.iterdir())) == 4  # with the input
    with pytest.raises(InputError, match="name it"):
        export_selection(rich, [1], tmp_path / "a.csv", recipe={})
    with pytest.raises(InputError, match="cannot be written: No such file"):
        write_subset(rich, [1], tmp_path / "nowhere" / "a.xyz")


def test_cancelling_leaves_nothing_behind(tmp_path) -> None:
    class Stop:
        def report(self, fraction: float, message: str = "") -> None:
            assert 0 < fraction < 1

        def checkpoint(self) -> None:
            raise Cancelled

    data = dataset_from_atoms([bulk("Cu", cubic=True).repeat(5)] * 300)
    with pytest.raises(Cancelled):
        export_selection(data, np.arange(290), tmp_path / "a.xyz", monitor=Stop())
    assert list(tmp_path.iterdir()) == []


def test_versions() -> None:
    assert versions()["numpy"] == np.__version__


@pytest.mark.parametrize("word", ["1" * 255, "1" * 256, "é" * 200, "x" * 5000])
def test_labels_longer_than_a_column_takes_come_back(tmp_path, word) -> None:
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 1]])
    atoms.set_array("labels", np.array([word, "b"]))
    data = dataset_from_atoms([atoms])
    write_subset(data, [0], tmp_path / "a.xyz")
    (record,) = read(tmp_path / "a.xyz").records
    found = record.arrays.get("labels", record.info.get("labels"))
    assert list(found) == [word, "b"]
