from __future__ import annotations

import gzip
import io
import json

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
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


def assert_same(a: Dataset, b: Dataset, *, added: tuple[str, ...] = ("original_index",)) -> None:
    assert a.fingerprint == b.fingerprint
    assert a.keys == b.keys
    for x, y in zip(a.records, b.records, strict=True):
        info = {k: v for k, v in y.info.items() if k not in added}
        assert x.info.keys() == info.keys()
        for key, value in x.info.items():
            assert type(value) is type(info[key])
            assert_array_equal(value, info[key])
        assert x.arrays.keys() == y.arrays.keys()
        for key, array in x.arrays.items():
            assert array.dtype.kind == y.arrays[key].dtype.kind
            assert_array_equal(array, y.arrays[key])


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
    atoms = Atoms("HO", positions=np.array(values).reshape(2, 3))
    atoms.info.update(text=text, number=number, values=np.array(values))
    data = dataset_from_atoms([atoms])
    path = tmp_path_factory.mktemp("any") / "a.xyz"
    write_subset(data, [0], path)
    back = read(path)
    assert_array_equal(back.positions, data.positions)
    info = back.records[0].info
    assert info["text"] == text
    assert type(info["number"]) is type(number)
    assert_array_equal(info["number"], number)
    assert_array_equal(info["values"], values)


@pytest.mark.parametrize(
    ("name", "array", "cause"),
    [
        ("a b", np.zeros(4), "name that cannot be written"),
        ("cube", np.zeros((4, 2, 2)), "no column form"),
        ("z", np.zeros(4, dtype=complex), "no column form"),
        ("words", np.array(["a", "b c", "d", "e"]), "text with spaces"),
    ],
)
def test_what_the_format_cannot_hold_is_refused(tmp_path, name, array, cause) -> None:
    atoms = bulk("Cu", cubic=True)
    atoms.new_array(name, array)
    data = dataset_from_atoms([bulk("Cu"), atoms])
    with pytest.raises(InputError, match=f"structure 1: .*{cause}"):
        write_subset(data, [0, 1], tmp_path / "a.xyz")
    assert list(tmp_path.iterdir()) == []  # nothing half-written


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
