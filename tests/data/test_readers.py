from __future__ import annotations

import gzip
import re
import warnings

import ase.io
import ase.units
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.constraints import FixAtoms
from ase.db import connect
from numpy.testing import assert_allclose, assert_array_equal

from analytics.data.readers import available_keys, dataset_from_atoms, read, to_atoms
from analytics.runtime.errors import Cancelled, InputError

TWO = (
    '2\nLattice="3 0 0 0 3 0 0 0 3" Properties=species:S:1:pos:R:3:forces:R:3 energy=-1.5 '
    'config_type=a pbc="T T F"\nH 0 0 0 1 0 0\nO 0 0 1 -1 0 0\n'
    "1\nProperties=species:S:1:pos:R:3 config_type=b\nHe 1 2 3\n"
)


def one(comment: str = "energy=1", atoms: str = "H 0 0 0") -> str:
    return f"1\n{comment}\n{atoms}\n"


def many(n: int) -> str:
    return "".join(one(f"energy={i}") for i in range(n))


# ---------------------------------------------------------------- extended XYZ


def test_values_and_missing_labels(write) -> None:
    data = read(write(TWO))
    assert_array_equal(data.numbers, [1, 8, 2])
    assert_array_equal(data.structure_offsets, [0, 2, 3])
    assert_array_equal(data.positions[2], [1, 2, 3])
    assert_array_equal(data.cells, [3 * np.eye(3), np.zeros((3, 3))])
    assert_array_equal(data.pbc, [[True, True, False], [False] * 3])
    assert_array_equal(data.energies, [-1.5, np.nan])
    assert_array_equal(data.forces, [[1, 0, 0], [-1, 0, 0], [np.nan] * 3])
    assert list(data.config_type) == ["a", "b"]
    assert (data.keys.energy, data.keys.forces) == ("energy", "forces")
    assert data.records[0].info == {"energy": -1.5, "config_type": "a"}
    assert data.records[0].arrays == {}
    assert data.name == "a.xyz"


def test_cell_vectors_are_rows_and_default_periodicity_is_that_of_ase(write) -> None:
    data = read(write(one('Lattice="1 2 3 0 4 5 0 0 6"') + one("energy=2")))
    assert_array_equal(data.cells[0], [[1, 2, 3], [0, 4, 5], [0, 0, 6]])
    assert_array_equal(data.pbc, [[True] * 3, [False] * 3])


@pytest.mark.parametrize(
    ("comment", "flags"),
    [
        ('pbc="T F T"', [1, 0, 1]),
        ('pbc="1 0 1"', [1, 0, 1]),
        ("pbc=T", [1, 1, 1]),
        ("pbc=[F, F, T]", [0, 0, 1]),
        ('PBC="T T F" lattice="1 0 0 0 1 0 0 0 1"', [1, 1, 0]),
    ],
)
def test_forms_of_pbc(write, comment, flags) -> None:
    assert_array_equal(read(write(one(comment))).pbc[0], flags)


@pytest.mark.parametrize(
    "text",
    [
        TWO.replace("\n", "\r\n"),
        TWO + "\n\n  \n",
        TWO.replace("1\nProp", "\n\n1\nProp"),
        TWO.rstrip("\n"),
        "\ufeff" + TWO,
        TWO.replace("2\nLattice", "   2  \nLattice"),
        TWO.replace("energy=-1.5", "energy=-1.5D+00"),
        TWO.replace("H 0 0 0", "1 0.0 0.0D+00 0"),
        TWO.replace("H 0 0 0", "h   0\t0 0   "),
    ],
    ids=["crlf", "trailing", "between", "no-end", "bom", "padded", "fortran", "Z", "case"],
)
def test_harmless_variations_read_the_same(write, text) -> None:
    assert read(write(text)).fingerprint == read(write(TWO, "b.xyz")).fingerprint


def test_plain_xyz_has_no_cell_and_no_labels(write) -> None:
    data = read(write("2\nwater, almost\nH 0 0 0\nO 0 0 1\n1\n\nHe 0 0 0\n"))
    assert not data.pbc.any()
    assert data.energies is None
    assert data.forces is None
    assert list(data.config_type) == ["", ""]
    assert data.records[0].info == {"comment": "water, almost"}
    assert data.records[1].info == {}


def test_compressed_by_content_whatever_the_name(write) -> None:
    expected = read(write(TWO)).fingerprint
    assert read(write(gzip.compress(TWO.encode()), "b.xyz.gz")).fingerprint == expected
    assert read(write(gzip.compress(TWO.encode()), "c.xyz")).fingerprint == expected
    assert read(write(TWO, "d.extxyz.gz")).fingerprint == expected


def test_extra_columns_stay_in_the_records(write) -> None:
    columns = "Properties=Z:I:1:pos:R:3:tag:I:1:big:I:1:fix:L:3:label:S:1:dip:R:3"
    data = read(write(one(columns, "29 0 0 0 7 3000000000 T F T é1 1 2 3")))
    arrays = data.records[0].arrays
    assert_array_equal(data.numbers, [29])
    assert sorted(arrays) == ["big", "dip", "fix", "label", "tag"]
    assert_array_equal(arrays["big"], [3_000_000_000])
    assert_array_equal(arrays["fix"], [[True, False, True]])
    assert_array_equal(arrays["label"], ["é1"])
    assert_array_equal(arrays["dip"], [[1, 2, 3]])


def test_a_geometry_that_is_not_a_number_is_left_out(write) -> None:
    comment = 'energy=nan Lattice="1 0 0 0 nan 0 0 0 1"'
    data = read(write(one(comment, "H nan 0 inf") + one("energy=2")))
    assert data.frame_indices.tolist() == [1]
    assert "atom 0 is not a finite number" in data.understood.left_out[0].cause
    assert data.energies.tolist() == [2.0]


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "the file is empty"),
        (b"\n \n\n", "holds no structures"),
        (b"\x89HDF\r\n\x1a\n\0\0\1", "not a text file: byte 0 at offset 8"),
        (b"1\nname=\xe9nergie\nH 0 0 0\n", "not UTF-8 text: byte 0xe9 at offset 7"),
        (TWO.encode("utf-16"), "is UTF-16 text; save the file as UTF-8"),
        (b"\x1f\x8b\x08nonsense", "cannot be decompressed"),
        (gzip.compress(TWO.encode())[:-12], "cannot be decompressed"),
        (b"hello\nworld\n", "structure 0: line 1 should hold a number of atoms but reads 'hello'"),
        (b"1.5\n\nH 0 0 0\n", "reads '1.5'"),
        (b"-3\n\nH 0 0 0\n", "reads '-3'"),
        (b"99999999999\n\nH 0 0 0\n", "structure 0: the file ends early: 1 of the 99999999999"),
        (b"99999999999999\n\nH 0 0 0\n", "should hold a number of atoms"),
        (b"0\nenergy=1\n1\n\nH 0 0 0\n", "structure 0: has no atoms"),
        (many(2).encode() + b"2\nx=1\nH 0 0 0\n", "structure 2: the file ends early: 1 of the 2"),
        (many(2).encode() + b"2\nx=1\n", "structure 2: the file ends early: 0 of the 2"),
        (many(2).encode() + b"2\n", "structure 2: the file ends early"),
        (many(1).encode() + b"2\nx=1\nH 0 0 0\nH 0 0", "structure 1: atom 1 has 3 values"),
        (
            b"3\n\nH 0 0 0\nH 0 0 1\n1\n\nH 0 0 0\n",
            "structure 0: 3 atoms are announced on line 1, but the next structure begins on line 5",
        ),
        (
            b"3\n\nH 0 0 0\nH 0 0 1\n1\n1\n\nH 0 0 0\n",
            "structure 0: atom 2 has 1 values in its line where 4 are announced",
        ),
        (
            b"1\n\nH 0 0 0\nH 0 0 1\n1\n\nH 0 0 0\n",
            "structure 0: 1 atom is announced on line 1, but line 4 after them reads 'H 0 0 1'",
        ),
        (one(atoms="H 0 abc 0").encode(), "structure 0: atom 0: 'abc' in column 'pos'"),
        ((many(3) + one(atoms="Xx 0 0 0")).encode(), "structure 3: 'Xx' is not the symbol"),
        (one(atoms="X 0 0 0").encode(), "'X' is not the symbol"),
        (one("energy=high").encode(), "structure 0: energy 'energy' is 'high', not a nu"),
        (one('energy="1 2"').encode(), "not a number"),
        (one("energy=T").encode(), "not a number"),
        (one('Lattice="1 2"').encode(), "not nine numbers"),
        (one("Lattice=cubic").encode(), "Lattice=cubic is not nine numbers"),
        (one("pbc=maybe").encode(), "pbc=maybe is not"),
        (one("Properties=species:S:1:pos:R").encode(), "is not a list of name:type:columns"),
        (one("Properties=species:S:1", "H").encode(), "has no positions"),
        (one("Properties=pos:R:3", "0 0 0").encode(), "names no elements"),
        (
            (one() + one("Properties=species:S:1:pos:R:3:force:R:1", "H 0 0 0 5")).encode(),
            "structure 1: forces 'force' have 1 column per atom, expected 3",
        ),
        (one('forces="1 2 3"').encode(), "one flat list of 3 numbers"),
        (
            one("Properties=species:S:1:pos:R:3:forces:S:3", "H 0 0 0 a b c").encode(),
            "forces 'forces' are not numbers",
        ),
    ],
)
def test_bad_files_are_explained(write, capfd, content, cause) -> None:
    path = write(content, "bad.xyz")
    with pytest.raises(InputError, match=re.escape(cause)) as caught:
        read(path, strict=True)
    assert str(caught.value).startswith("bad.xyz")
    assert "\n" not in str(caught.value)
    assert capfd.readouterr() == ("", "")


def test_random_bytes_never_do_worse_than_an_error(write) -> None:
    rng = np.random.default_rng(0)
    for size in (1, 10, 1000, 100_000):
        with pytest.raises(InputError):
            read(write(rng.integers(1, 256, size, dtype=np.uint8).tobytes()))


def test_damaged_files_never_do_worse_than_an_error(write) -> None:
    rng = np.random.default_rng(1)
    original = (TWO + many(3)).encode()
    outcomes = []
    for _ in range(300):
        damaged = bytearray(original)
        for at in rng.integers(len(damaged), size=3):
            damaged[at] = rng.integers(9, 127)
        for strict in (True, False):
            try:
                read(write(bytes(damaged)), strict=strict)
            except InputError as error:
                outcomes.append(str(error))
    assert all(text.startswith("a.xyz") for text in outcomes)
    assert len(outcomes) > 50


def test_file_system_errors(tmp_path, write) -> None:
    with pytest.raises(InputError, match="no such file"):
        read(tmp_path / "missing.xyz")
    with pytest.raises(InputError, match="no such file"):
        read(f"{tmp_path}/missing.xyz@0:3")
    with pytest.raises(InputError, match="is an empty folder"):
        read(tmp_path)


def test_cancelling_and_progress(write) -> None:
    class Stop:
        def report(self, fraction: float, message: str = "") -> None:
            assert 0 <= fraction <= 1

        def checkpoint(self) -> None:
            raise Cancelled

    with pytest.raises(Cancelled):
        read(write(TWO), monitor=Stop())


# ---------------------------------------------------------------- slices


@pytest.mark.parametrize(
    ("wanted", "frames"),
    [
        ("0:10:3", [0, 3, 6, 9]),
        ("-3:", [7, 8, 9]),
        (":2", [0, 1]),
        (":", list(range(10))),
        ("4", [4]),
        ("-1", [9]),
        ("::-4", [9, 5, 1]),
        ("8:100", [8, 9]),
    ],
)
@pytest.mark.parametrize("name", ["a.xyz", "a.xyz.gz"])
def test_slices(write, wanted, frames, name) -> None:
    text = many(10).encode()
    path = write(gzip.compress(text) if name.endswith("gz") else text, name)
    data = read(f"{path}@{wanted}")
    assert_array_equal(data.frame_indices, frames)
    assert_array_equal(data.energies, frames)
    assert data.name == name


@pytest.mark.parametrize("wanted", ["5:2", "20", "-11", "::0", "a:b", "", "1:2:3:4"])
def test_slices_that_make_no_sense(write, wanted) -> None:
    path = write(many(10))
    with pytest.raises(InputError, match=r"a\.xyz"):
        read(f"{path}@{wanted}")


def test_a_file_named_like_a_slice_comes_first(write) -> None:
    write(many(5))
    path = write(many(2), "a.xyz@1:3")
    assert read(path).n_structures == 2
    path = write(many(2), "a@3.xyz")
    assert read(path).n_structures == 2
    assert_array_equal(read(f"{path}@1").frame_indices, [1])


def test_errors_after_a_slice_name_the_structure_in_the_file(write) -> None:
    path = write(many(3) + one("energy=bad") + many(2))
    with pytest.raises(InputError, match="structure 3"):
        read(f"{path}@2:5", strict=True)
    assert read(f"{path}@4:").n_structures == 2


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize("name", ["energy", "Energy", "free_energy", "REF_energy", "dft_energy"])
@pytest.mark.parametrize("forces", ["forces", "force", "Forces", "REF_forces", "dft_forces"])
@pytest.mark.parametrize("kind", ["config_type", "Config_type", "configtype", "CONFIG-TYPE"])
def test_usual_names(write, name, forces, kind) -> None:
    comment = f"Properties=species:S:1:pos:R:3:{forces}:R:3 {name}=2 {kind}=x"
    data = read(write(one(comment, "H 0 0 0 1 2 3")))
    assert (data.keys.energy, data.keys.forces, data.keys.config_type) == (name, forces, kind)
    assert_array_equal(data.energies, [2])
    assert_array_equal(data.forces, [[1, 2, 3]])
    assert list(data.config_type) == ["x"]
    assert data.records[0].info == {name: 2, kind: "x"}


def test_energy_comes_before_free_energy(write) -> None:
    data = read(write(one("free_energy=1 energy=2") * 3 + one("free_energy=1")))
    assert data.keys.energy == "energy"
    assert_array_equal(data.energies, [2, 2, 2, np.nan])


def test_a_few_reference_atoms_do_not_decide_the_key(write) -> None:
    assert read(write(one("energy=1") + one("REF_energy=2") * 5)).keys.energy == "REF_energy"


def test_hartrees_of_cp2k_are_not_taken_for_electronvolts(write) -> None:
    path = write(one("i = 1, time = 0.5, E = -17.25"))
    for data in (read(path), read(path, energy_key="E")):
        assert_allclose(data.energies, [-17.25 * ase.units.Ha])


def test_the_mapping_can_be_changed(write) -> None:
    columns = "Properties=species:S:1:pos:R:3:forces:R:3:mace:R:3 energy=1 E0=2 group=7"
    path = write(one(columns, "H 0 0 0 1 1 1 2 2 2"))
    data = read(path, energy_key="E0", forces_key="mace", config_type_key="group")
    assert_array_equal(data.energies, [2])
    assert_array_equal(data.forces, [[2, 2, 2]])
    assert list(data.config_type) == ["7"]
    assert list(data.records[0].arrays) == ["forces"]
    assert data.records[0].info == {"energy": 1, "E0": 2, "group": 7}
    unlabeled = read(path, energy_key="", forces_key="", config_type_key="")
    assert unlabeled.energies is None
    assert unlabeled.forces is None
    for source in (path, data, read(path)):
        keys = available_keys(source)
        assert keys.energy == ("energy", "E0", "group")
        assert set(keys.forces) == {"forces", "mace"}
    with pytest.raises(InputError, match="no structure has energy 'EE'; it has"):
        read(path, energy_key="EE")
    with pytest.raises(InputError, match="no structure has forces 'F'"):
        read(path, forces_key="F")


# ---------------------------------------------------------------- other formats


def crystal(energy: float = -3.0) -> Atoms:
    atoms = bulk("Cu", cubic=True)
    atoms.info.update(config_type="fcc", stamp="a b")
    atoms.set_tags([1, 2, 3, 4])
    results = {
        "energy": energy, "free_energy": energy - 1, "forces": np.full((4, 3), 0.5),
        "stress": np.arange(6.0),
    }  # fmt: skip
    atoms.calc = SinglePointCalculator(atoms, **results)
    return atoms


def test_structures_of_ase(tmp_path) -> None:
    water = molecule("H2O")
    water.set_constraint(FixAtoms([0]))
    data = dataset_from_atoms([crystal(), water], name="mine")
    assert data.name == "mine"
    assert (data.keys.energy, data.keys.forces) == ("energy", "forces")
    assert_array_equal(data.energies, [-3, np.nan])
    assert_array_equal(data.forces[:4], np.full((4, 3), 0.5))
    assert np.isnan(data.forces[4:]).all()
    assert list(data.config_type) == ["fcc", ""]
    info = data.records[0].info
    assert info["free_energy"] == -4
    assert_array_equal(info["stress"], [[0, 5, 4], [5, 1, 3], [4, 3, 2]])
    assert_array_equal(data.records[0].arrays["tags"], [1, 2, 3, 4])
    assert_array_equal(data.records[1].arrays["move_mask"], [False, True, True])


def test_results_of_other_positions_are_left_out() -> None:
    atoms = crystal()
    atoms.positions[0] += 0.1
    assert dataset_from_atoms([atoms]).energies is None


def test_bad_structures_of_ase() -> None:
    with pytest.raises(InputError, match="the list holds no structures"):
        dataset_from_atoms([])
    with pytest.raises(InputError, match="structure 1: has no atoms"):
        dataset_from_atoms([crystal(), Atoms()])
    with pytest.raises(InputError, match="structure 0: atomic number 0"):
        dataset_from_atoms([Atoms("X")])


def test_to_atoms_gives_back_what_came_in() -> None:
    data = dataset_from_atoms([crystal(), molecule("H2O")])
    (atoms,) = to_atoms(data, [0])
    assert atoms.get_potential_energy() == -3
    assert_array_equal(atoms.get_forces(), np.full((4, 3), 0.5))
    assert atoms.info["stamp"] == "a b"
    assert_array_equal(atoms.get_tags(), [1, 2, 3, 4])
    assert_array_equal(atoms.cell, data.cells[0])
    atoms.positions += 1  # the data set is not touched
    assert atoms.pbc.all()
    assert to_atoms(data)[1].calc is None


def test_to_atoms_keeps_a_name_of_its_own(write) -> None:
    comment = "Properties=species:S:1:pos:R:3:REF_forces:R:3 REF_energy=2"
    (atoms,) = to_atoms(read(write(one(comment, "H 0 0 0 1 2 3"))))
    assert atoms.info["REF_energy"] == 2
    assert_array_equal(atoms.arrays["REF_forces"], [[1, 2, 3]])
    assert atoms.get_potential_energy() == 2


@pytest.mark.parametrize("name", ["a.traj", "a.db", "a.json", "POSCAR", "a.cif"])
def test_formats_of_ase(tmp_path, name) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        images = [crystal(-1), crystal(-2)] if name.startswith("a.") else crystal()
        ase.io.write(tmp_path / name, images)
        data = read(tmp_path / name)
    assert data.n_structures == (2 if name.startswith("a.") else 1)
    assert_allclose(data.positions[:4], crystal().positions, atol=1e-8)
    assert data.pbc.all()
    if name not in ("POSCAR", "a.cif"):
        assert_array_equal(data.energies, [-1, -2])
        assert_array_equal(read(f"{tmp_path / name}@-1").energies, [-2])


def test_databases_bring_their_key_value_pairs(tmp_path) -> None:
    with connect(tmp_path / "a.db") as database:
        database.write(crystal(), config_type="bulk", step=3, data={"curve": [1.0, 2.0]})
    data = read(tmp_path / "a.db")
    assert list(data.config_type) == ["bulk"]
    assert data.records[0].info["step"] == 3
    assert list(data.records[0].info["curve"]) == [1.0, 2.0]


def test_files_that_ase_cannot_read(write) -> None:
    for content, name, cause in (
        (b"what?", "a.unknown", "ASE does not know"),
        (b"nonsense\n", "POSCAR", "ends after line 1, before its atoms"),
        (b"nonsense\n", "a.gen", "ASE cannot read it as gen"),
        (b"", "a.traj", "the file is empty"),
        (b"a,b,label\n0.1,0.2,x\n", "a.csv", "without structures; winnow select-rows"),
        (b"a\tb\n0.1\t0.2\n", "a.tsv", "without structures; winnow select-rows"),
    ):
        with pytest.raises(InputError, match=cause):
            read(write(content, name))


# ---------------------------------------------------------------- deepmd


def deepmd(folder, n: int = 3, energy: float = 0.0) -> None:
    part = folder / "set.000"
    part.mkdir(parents=True)
    (folder / "type.raw").write_text("0\n1\n")
    (folder / "type_map.raw").write_text("H\nO\n")
    np.save(part / "coord.npy", np.arange(n * 6.0).reshape(n, 6).astype(np.float32))
    np.save(part / "box.npy", np.tile(np.diag([3.0, 4, 5]).ravel(), (n, 1)))
    np.save(part / "energy.npy", energy + np.arange(n, dtype=float))
    np.save(part / "force.npy", np.ones((n, 6)))


def test_a_deepmd_system(tmp_path) -> None:
    deepmd(tmp_path / "water")
    data = read(tmp_path / "water")
    assert_array_equal(data.numbers, [1, 8] * 3)
    assert_array_equal(data.positions[2:4], [[6, 7, 8], [9, 10, 11]])
    assert_array_equal(data.cells[0], np.diag([3, 4, 5]))
    assert_array_equal(data.energies, [0, 1, 2])
    assert_array_equal(data.forces, np.ones((6, 3)))
    assert data.pbc.all()
    assert data.keys.forces == "force"
    assert_array_equal(read(f"{tmp_path / 'water'}@1:").frame_indices, [1, 2])


def test_several_deepmd_systems_are_classes(tmp_path) -> None:
    deepmd(tmp_path / "b", 1)
    deepmd(tmp_path / "a", 2, energy=10)
    (tmp_path / "b" / "nopbc").touch()
    data = read(tmp_path)
    assert list(data.config_type) == ["a", "a", "b"]
    assert_array_equal(data.energies, [10, 11, 0])
    assert_array_equal(data.pbc.all(axis=1), [True, True, False])


@pytest.mark.parametrize(
    ("file", "content", "cause"),
    [
        ("type.raw", b"0\n7\n", "does not fit"),
        ("set.000/coord.npy", b"junk", "coord.npy cannot be read"),
        ("set.000/coord.npy", None, r"no set.\*/coord.npy"),
        ("type.raw", b"0\n1\n1\n", "coord.npy has shape"),
    ],
)
def test_bad_deepmd_systems(tmp_path, file, content, cause) -> None:
    deepmd(tmp_path / "w")
    if content is None:
        (tmp_path / "w" / file).unlink()
    else:
        (tmp_path / "w" / file).write_bytes(content)
    with pytest.raises(InputError, match=cause):
        read(tmp_path / "w")


def test_an_energy_beyond_all_floats_is_refused(tmp_path) -> None:
    path = tmp_path / "a.xyz"
    path.write_text(f"1\nenergy={'9' * 400}\nH 0 0 0\n")
    with pytest.raises(InputError, match=r"structure 0: energy 'energy' is 999.*, not a number"):
        read(path)


def test_a_single_number_as_forces_is_refused() -> None:
    atoms = Atoms("H2", [[0, 0, 0], [0, 0, 1]])
    atoms.info["forces"] = np.array(1.0)
    with pytest.raises(InputError, match="have 1 column per atom"):
        dataset_from_atoms([atoms])
