"""Files that Winnow writes for training codes, loaded by those codes or by libraries of theirs."""

from __future__ import annotations

import io
import json
import warnings
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase.db import connect
from ase.stress import voigt_6_to_full_3x3_stress
from numpy.testing import assert_allclose, assert_array_equal

from analytics.data.dataset import Dataset
from analytics.data.export import export_notes, export_selection, format_of, write_subset
from analytics.data.export_formats.registry import EXPORT_FORMATS
from analytics.data.readers import read
from analytics.runtime.errors import InputError, WinnowError

STRESS = np.array([[0.01, 0.002, -0.003], [0.002, 0.02, 0.004], [-0.003, 0.004, 0.03]])
FORMATS = tuple(EXPORT_FORMATS)


def made(energy: float | None, symbols: str, more: str = "", cell: str = "", forces: bool = True):
    """Return a frame of extended XYZ."""
    rng = np.random.default_rng(len(symbols))
    words = symbols.split()
    column = ":dft_forces:R:3" if forces else ""
    lattice = f'Lattice="{cell}" ' if cell else ""
    label = "" if energy is None else f"dft_energy={energy} "
    lines = [
        str(len(words)),
        f"{lattice}Properties=species:S:1:pos:R:3{column}:tag:I:1 {label}{more}",
    ]
    for at, word in enumerate(words):
        row = rng.normal(size=6 if forces else 3)
        lines.append(" ".join([word, *map(repr, row.tolist()), str(at)]))
    return "\n".join(lines) + "\n"


BOX = "8 0 0 1 9 0 0 0.5 10"
FILE = (
    made(-13.5, "O", 'config_type=isolated_atom note="a = b"')
    + made(-17.25, "H O H", 'config_type="liquid water" config_weight=2.5 id=007', BOX)
    + made(-17.5, "O H H", "config_type=liquid parents={a b c}", BOX)
    + made(-31.0, "H H O O", "config_type=liquid", BOX)
    + made(None, "H O", "config_type=bare", BOX, forces=False)
    + made(-1.5, "H H", "config_type=gas")
)


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Dataset:
    path = tmp_path_factory.mktemp("data") / "water.xyz"
    path.write_text(FILE, encoding="utf-8")
    found = read(path, energy_key="dft_energy", forces_key="dft_forces")
    stress = np.full((6, 3, 3), np.nan)
    stress[1:4] = STRESS
    return Dataset(
        **{
            name: getattr(found, name)
            for name in ("numbers", "positions", "structure_offsets", "cells", "pbc", "energies",
                         "forces", "config_type", "frame_indices", "name", "keys", "records")
        },
        stress=stress,
    )  # fmt: skip


def written(data: Dataset, folder: Path, name: str, format: str) -> Path:
    write_subset(data, np.arange(data.n_structures), folder / name, format=format)
    return folder / name


def virial(data: Dataset, s: int) -> np.ndarray:
    return -STRESS * np.linalg.det(data.cells[s])


def assert_structure(data: Dataset, s: int, atoms: ase.Atoms) -> None:
    assert_array_equal(atoms.numbers, data.numbers[data.rows(s)])
    assert_allclose(atoms.positions, data.positions[data.rows(s)], rtol=0, atol=1e-12)
    assert_array_equal(atoms.pbc, data.pbc[s])
    assert_allclose(np.array(atoms.cell), data.cells[s], rtol=0, atol=1e-12)


def test_mace_reads_its_keys(data, tmp_path) -> None:
    frames = ase.io.read(written(data, tmp_path, "train.xyz", "mace"), ":")
    assert len(frames) == data.n_structures
    for s, atoms in enumerate(frames):
        assert_structure(data, s, atoms)
        assert "dft_energy" not in atoms.info
        assert "dft_forces" not in atoms.arrays
        assert atoms.info["original_index"] == s
        assert_array_equal(atoms.arrays["tag"], np.arange(len(atoms)))
        if s == 4:  # nothing is made up
            assert "REF_energy" not in atoms.info
            assert "REF_forces" not in atoms.arrays
            continue
        assert atoms.info["REF_energy"] == data.energies[s]
        assert_array_equal(atoms.arrays["REF_forces"], data.forces[data.rows(s)])
    assert_array_equal(frames[1].info["REF_stress"], STRESS.ravel())
    assert "REF_stress" not in frames[0].info
    # how MACE tells isolated atoms
    assert frames[0].info["config_type"] == "IsolatedAtom"
    assert frames[1].info["config_type"] == "liquid water"
    assert frames[1].info["config_weight"] == 2.5
    assert frames[0].info["note"] == "a = b"
    # a list of words without quotes, as it was
    (tmp_path / "original.xyz").write_text(FILE)
    original = ase.io.read(tmp_path / "original.xyz", 2)
    assert frames[2].info["parents"] == original.info["parents"]
    assert "parents={a b c}" in (tmp_path / "train.xyz").read_text()


def test_ase_takes_the_labels_for_results(data, tmp_path) -> None:
    frames = ase.io.read(written(data, tmp_path, "train.xyz", "nequip"), ":")
    for s in (0, 1, 2, 3, 5):
        assert frames[s].get_potential_energy() == data.energies[s]
        assert_array_equal(frames[s].get_forces(), data.forces[data.rows(s)])
    assert_allclose(frames[2].get_stress(voigt=False), STRESS, rtol=0, atol=1e-15)
    assert frames[4].calc is None


def test_gpumd_reads_every_structure_in_a_box(data, tmp_path) -> None:
    path = written(data, tmp_path, "train.xyz", "gpumd")
    frames = ase.io.read(path, ":")
    assert [atoms.info["energy"] if atoms.calc is None else atoms.calc.results["energy"]
            for atoms in frames] == [-13.5, -17.25, -17.5, -31.0, -1.5]  # fmt: skip
    for atoms, s in zip(frames, (0, 1, 2, 3, 5), strict=True):
        assert_array_equal(atoms.arrays["force"], data.forces[data.rows(s)])
        assert_array_equal(atoms.pbc, data.pbc[s])
        assert atoms.get_volume() > 0
        if not data.pbc[s].any():  # no atom sees its image
            assert np.diag(atoms.cell).min() >= 20
    assert_allclose(frames[1].info["virial"], virial(data, 1), rtol=1e-12)
    assert frames[1].info["weight"] == 2.5
    notes = export_notes(data, np.arange(6), EXPORT_FORMATS["gpumd"])
    assert "1 of 6 structures are not written: gpumd needs energy and forces" in notes[0]
    assert "2 of 5 structures are not periodic" in notes[1]


def tokens_of_gpumd(line: str) -> dict[str, list[str]]:
    """Split a comment line the way GPUMD documents it: lower case, words by their beginning."""
    found: dict[str, list[str]] = {}
    for word in line.lower().split():
        name, sign, value = word.partition("=")
        if sign:
            found[name] = [value]
        else:
            found[list(found)[-1]].append(word)
    return found


def test_gpumd_finds_its_words(data, tmp_path) -> None:
    lines = written(data, tmp_path, "train.xyz", "gpumd").read_text().splitlines()
    found = tokens_of_gpumd(lines[1 + 3])
    assert found.keys() == {"lattice", "properties", "energy", "virial", "weight", "config_type",
                            "pbc"}  # fmt: skip
    assert [len(found[name]) for name in ("lattice", "virial", "pbc")] == [9, 9, 3]
    assert found["properties"] == ["species:s:1:pos:r:3:force:r:3"]
    assert found["config_type"] == ["liquid_water"]


def test_deepmd_systems_load_in_dpdata(data, tmp_path) -> None:
    dpdata = pytest.importorskip("dpdata")
    folder = written(data, tmp_path, "train", "deepmd")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["H2O", "H2O2", "H2_nopbc_no-virial", "HO_no-energy_no-force_no-virial",
                     "O_nopbc_no-virial"]  # fmt: skip
    assert {(folder / name / "type_map.raw").read_text() for name in names} == {"H\nO\n"}
    system = dpdata.LabeledSystem(str(folder / "H2O"), fmt="deepmd/npy")
    assert_array_equal(system["atom_types"], [0, 0, 1])
    assert_allclose(system["energies"], data.energies[[1, 2]])
    assert_allclose(system["virials"], [virial(data, 1), virial(data, 2)])
    assert_allclose(system["cells"], data.cells[[1, 2]])
    for frame, s in enumerate((1, 2)):
        order = np.argsort(data.numbers[data.rows(s)], kind="stable")
        assert_allclose(system["coords"][frame], data.positions[data.rows(s)][order])
        assert_allclose(system["forces"][frame], data.forces[data.rows(s)][order])
    molecule = dpdata.LabeledSystem(str(folder / "H2_nopbc_no-virial"), fmt="deepmd/npy")
    assert molecule.nopbc
    assert_allclose(molecule["forces"][0], data.forces[data.rows(5)])


def test_deepmd_mixed_loads_in_dpdata(data, tmp_path) -> None:
    dpdata = pytest.importorskip("dpdata")
    folder = written(data, tmp_path, "train", "deepmd-mixed")
    systems = dpdata.MultiSystems()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        systems.load_systems_from_file(str(folder / "3"), fmt="deepmd/npy/mixed")
    (system,) = systems.systems.values()
    energies = sorted(system["energies"].tolist())
    assert energies == [-17.5, -17.25]
    assert_array_equal(np.load(folder / "3" / "set.000" / "real_atom_types.npy"),
                       [[0, 1, 0], [1, 0, 0]])  # fmt: skip


def test_an_ase_database_holds_everything(data, tmp_path) -> None:
    rows = list(connect(written(data, tmp_path, "a.db", "ase-db")).select())
    assert len(rows) == 6
    for s, row in enumerate(rows):
        assert_structure(data, s, row.toatoms())
        assert row.key_value_pairs["original_index"] == s
        assert_array_equal(row.data["tag"], np.arange(data.sizes[s]))
    assert rows[1].energy == -17.25
    assert_array_equal(rows[1].forces, data.forces[data.rows(1)])
    assert_allclose(voigt_6_to_full_3x3_stress(rows[1].stress), STRESS)
    assert rows[1].config_type == "liquid water"
    assert rows[1].data["id"] == "007"  # as a pair it would come back as a number
    assert rows[4].get("energy") is None
    assert connect(tmp_path / "a.db").count(config_type="liquid") == 2


def test_text_columns_in_an_ase_database_can_be_read(tmp_path) -> None:
    source = tmp_path / "a.xyz"
    source.write_text(
        "2\nProperties=species:S:1:pos:R:3:site:S:1\nH 0 0 0 top\nD 0 0 0.74 hollow\n"
    )
    data = read(source)
    (row,) = connect(written(data, tmp_path, "a.db", "ase-db")).select()
    assert row.data["site"] == ["top", "hollow"]
    assert_array_equal(read(tmp_path / "a.db").numbers, [1, 1])


STARS = (
    "2\nProperties=species:S:1:pos:R:3:forces:R:3{} energy=-1.0 names={{a b}}\n"
    "H 0 0 0 0.0 0.0 0.1{}\nH 0 0 0.74 0.0 0.0 {}{}\n"
)


@pytest.mark.parametrize(("more", "value"), [("", ""), (":tag:S:1", " x")])
def test_forces_left_out_on_reading_are_not_nan_in_a_copy(tmp_path, more, value) -> None:
    source = tmp_path / "a.xyz"
    source.write_text(
        "".join(STARS.format(more, value, f, value) for f in ("-0.1", "*" * 9, "0.1"))
    )
    data = read(source)
    text = written(data, tmp_path, "b.xyz", "extxyz").read_text()
    assert "nan" not in text
    second = text.splitlines()[5]
    assert second.startswith(f"original_index=1 Properties=species:S:1:pos:R:3{more} energy=-1.0")
    copy = read(tmp_path / "b.xyz")
    assert_array_equal(np.isnan(copy.forces).any(axis=1), [0, 0, 1, 1, 0, 0])
    assert_array_equal(copy.energies, [-1.0] * 3)


@pytest.mark.parametrize(("name", "length", "energy"), [
    ("n2p2", 0.529177210, 27.21138602), ("n2p2-ev", 1.0, 1.0),
])  # fmt: skip
def test_input_data_says_its_units(data, tmp_path, name, length, energy) -> None:
    text = written(data, tmp_path, "input.data", name).read_text()
    blocks = [block.split("\n") for block in text.split("begin\n")[1:]]
    assert len(blocks) == 5
    lines = [line.split() for line in blocks[1] if line]
    lattice = np.array([line[1:] for line in lines if line[0] == "lattice"], dtype=float)
    atoms = [line for line in lines if line[0] == "atom"]
    assert_allclose(lattice * length, data.cells[1], rtol=1e-8)
    assert_allclose(np.array([a[1:4] for a in atoms], float) * length,
                    data.positions[data.rows(1)], rtol=1e-8)  # fmt: skip
    assert [a[4] for a in atoms] == ["H", "O", "H"]
    assert_allclose(np.array([a[7:10] for a in atoms], float) * energy / length,
                    data.forces[data.rows(1)], rtol=1e-8)  # fmt: skip
    assert "units=bohr,hartree" in blocks[1][0] or "units=angstrom,eV" in blocks[1][0]
    assert "lattice" not in blocks[0]  # an atom without a cell
    assert "format itself does not say" in export_notes(data, [1], EXPORT_FORMATS[name])[0]


def test_input_data_loads_in_dpdata(data, tmp_path) -> None:
    dpdata = pytest.importorskip("dpdata")
    write_subset(data, [1], tmp_path / "input.data", format="n2p2")
    system = dpdata.LabeledSystem(str(tmp_path / "input.data"), fmt="n2p2")
    assert_allclose(system["energies"], [-17.25], rtol=1e-7)
    assert_allclose(system["cells"][0], data.cells[1], rtol=1e-7)


def test_fitsnap_finds_its_groups(data, tmp_path) -> None:
    folder = written(data, tmp_path, "JSON", "fitsnap")
    assert sorted(path.name for path in folder.iterdir()) == ["gas", "isolated_atom", "liquid",
                                                              "liquid_water"]  # fmt: skip
    # as its scraper does: one object with one configuration, whose values move up
    (content,) = json.loads((folder / "liquid_water" / "000001.json").read_text()).values()
    (values,) = content.pop("Data")
    assert not values.keys() & content.keys()
    assert isinstance(values["Energy"], float)
    assert values["AtomTypes"] == ["H", "O", "H"]
    assert_allclose(values["Forces"], data.forces[data.rows(1)])
    assert_allclose(values["Lattice"], data.cells[1])
    assert content["StressStyle"] == "bar"
    # the pressure of LAMMPS: 1 eV/A^3 are 1.602e6 bar, positive under compression
    assert_allclose(values["Stress"], -STRESS * 1.602176634e6, rtol=1e-6)
    assert "liquid, liquid_water" in export_notes(data, np.arange(6), EXPORT_FORMATS["fitsnap"])[1]


def test_a_folder_of_fitsnap_is_read_again(data, tmp_path) -> None:
    back = read(written(data, tmp_path, "JSON", "fitsnap"))  # each file one line, with its end
    assert sorted(back.energies) == [-31.0, -17.5, -17.25, -13.5, -1.5]


def test_fitsnap_is_given_right_handed_cells(tmp_path) -> None:
    (tmp_path / "a.xyz").write_text(made(-1.0, "H H", "", "0 4 0 5 0 0 0 1 6"))
    write_subset(read(tmp_path / "a.xyz"), [0], tmp_path / "JSON", format="fitsnap")
    content = json.loads((tmp_path / "JSON" / "all" / "000000.json").read_text())
    cell = np.array(content["Dataset"]["Data"][0]["Lattice"])
    assert_array_equal(cell, [[0, -4, 0], [-5, 0, 0], [0, -1, -6]])
    assert np.linalg.det(cell) > 0


def test_mtp_blocks(data, tmp_path) -> None:
    text = written(data, tmp_path, "train.cfg", "mtp").read_text()
    blocks = text.split("BEGIN_CFG\n")[1:]
    assert len(blocks) == 5
    assert all(block.rstrip().endswith("END_CFG") for block in blocks)
    lines = [line.strip() for line in blocks[1].splitlines()]
    assert lines[:2] == ["Size", "3"]
    atoms = np.array([line.split() for line in lines[lines.index("Supercell") + 5 :][:3]], float)
    assert_array_equal(atoms[:, :2], [[1, 0], [2, 1], [3, 0]])
    assert_array_equal(atoms[:, 5:], data.forces[data.rows(1)])
    at = next(i for i, line in enumerate(lines) if line.startswith("PlusStress"))
    assert lines[at].split()[1:] == ["xx", "yy", "zz", "yz", "xz", "xy"]
    assert_allclose(np.array(lines[at + 1].split(), float),
                    virial(data, 1).ravel()[[0, 4, 8, 5, 2, 1]])  # fmt: skip
    assert "0 is H, 1 is O" in export_notes(data, [1], EXPORT_FORMATS["mtp"])[0]


# ---- names, folders, what is refused --------------------------------------------------------


@pytest.mark.parametrize(("name", "means"), [
    ("a.xyz", "extxyz"), ("a.extxyz.gz", "extxyz"), ("A.DB", "ase-db"), ("train.cfg", "mtp"),
])  # fmt: skip
def test_an_ending_means_a_format(name, means) -> None:
    assert format_of(name).name == means
    assert format_of("train.v2", "deepmd").name == "deepmd"


@pytest.mark.parametrize(("name", "format", "told"), [
    ("input.data", None, "choose one of the formats extxyz, mace"),
    ("folder", None, "its ending tells no format"),
    ("a.xyz", "deepmd", "name it without the ending .xyz"),
    ("a.db.gz", "ase-db", "name it .db"),
    ("a.csv", "mace", "name it .xyz or .extxyz"),
])  # fmt: skip
def test_names_that_do_not_fit(name, format, told) -> None:
    with pytest.raises(InputError, match=told):
        format_of(name, format)


def test_an_unknown_format_is_named(data, tmp_path) -> None:
    with pytest.raises(WinnowError, match="unknown export format 'vasp'; known are extxyz"):
        write_subset(data, [0], tmp_path / "a", format="vasp")


@pytest.mark.parametrize("format", FORMATS)
def test_a_selection_in_every_format(data, tmp_path, format) -> None:
    found = EXPORT_FORMATS[format]
    name = f"kept{found.endings[0] if found.endings else ''}"
    files = export_selection(data, [3, 1], tmp_path / name, format=format)
    assert {path.name for path in files} == {path.name for path in tmp_path.iterdir()}
    assert files.kept.is_dir() == files.rest.is_dir() == found.is_folder
    facts = json.loads(files.recipe.read_text())
    assert facts["kept_frame_indices"] == [3, 1]
    assert facts.get("written_as", {"name": "extxyz"})["name"] == format
    with pytest.raises(InputError, match="exists already"):
        export_selection(data, [1], tmp_path / name, format=format)
    export_selection(data, [1], tmp_path / name, format=format, force=True)
    assert len(list(tmp_path.iterdir())) == 3  # nothing is left of the old ones


def test_types_of_atoms_are_those_of_the_whole_set(data, tmp_path) -> None:
    write_subset(data, [5], tmp_path / "gas", format="deepmd")  # hydrogen only
    assert (tmp_path / "gas" / "H2_nopbc_no-virial" / "type_map.raw").read_text() == "H\nO\n"


def test_a_folder_of_something_else_is_not_replaced(data, tmp_path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.tex").write_text("precious")
    with pytest.raises(InputError, match=r"holds thesis.tex, which is no part of DeePMD"):
        write_subset(data, [1], tmp_path / "mine", format="deepmd", force=True)
    assert [path.name for path in tmp_path.rglob("*")] == ["mine", "thesis.tex"]


def test_no_file_without_structures(data, tmp_path) -> None:
    with pytest.raises(InputError, match="nothing to write: gpumd needs energy and forces"):
        write_subset(data, [4], tmp_path / "a.xyz", format="gpumd")
    assert list(tmp_path.iterdir()) == []


def test_streams(data) -> None:
    text, raw = io.StringIO(), io.BytesIO()
    write_subset(data, [1], text, format="mtp")
    write_subset(data, [1], raw, format="mtp")
    assert raw.getvalue() == text.getvalue().encode()
    with pytest.raises(InputError, match="no single one"):
        write_subset(data, [1], raw, format="deepmd")


HARTREE = (
    "2\nProperties=species:S:1:pos:R:3:forces:R:3 energy=-1.5 energy_unit=hartree "
    'force-unit=Ha/bohr free_energy=-1.6 unit_cell_id=3 REF_virials="1 0 0 0 1 0 0 0 1"\n'
    "H 0 0 0 0 0 0.01\nH 0 0 0.75 0 0 -0.01\n"
)


def test_stated_units_stay_with_their_values_in_a_copy(tmp_path) -> None:
    (tmp_path / "a.xyz").write_text(HARTREE)
    data = read(tmp_path / "a.xyz")
    assert_allclose(data.energies, -1.5 * 27.211386, rtol=1e-6)
    write_subset(data, [0], tmp_path / "b.xyz")
    assert HARTREE.split("\n")[1] in (tmp_path / "b.xyz").read_text()
    assert ase.io.read(tmp_path / "b.xyz").get_potential_energy() == -1.5
    assert read(tmp_path / "b.xyz") == data


def test_units_that_a_user_said_are_those_of_the_copy(tmp_path) -> None:
    (tmp_path / "a.xyz").write_text("2\nenergy=-1.5\nH 0 0 0\nH 0 0 1.4\n")
    units = "energy=hartree,length=bohr"
    data = read(tmp_path / "a.xyz", units=units)
    write_subset(data, [0], tmp_path / "b.xyz")
    assert ase.io.read(tmp_path / "b.xyz").positions[1, 2] == 1.4
    assert read(tmp_path / "b.xyz", units=units) == data


@pytest.mark.parametrize(("format", "energy", "forces"), [
    ("nequip", "energy", "forces"), ("mace", "REF_energy", "REF_forces"),
    ("gpumd", "energy", "force"),
])  # fmt: skip
def test_codes_are_given_electronvolts(tmp_path, format, energy, forces) -> None:
    (tmp_path / "a.xyz").write_text(HARTREE)
    data = read(tmp_path / "a.xyz")
    write_subset(data, [0], tmp_path / "b.xyz", format=format)
    atoms = ase.io.read(tmp_path / "b.xyz")
    found = atoms.info | atoms.arrays | (atoms.calc.results if atoms.calc else {})
    assert_allclose(found[energy], -1.5 * 27.211386, rtol=1e-6)
    assert_allclose(found[forces][0, 2], 0.01 * 51.422067, rtol=1e-6)
    # neither the statement nor a label that is in hartree still
    assert not found.keys() & {"energy_unit", "force-unit", "free_energy"}
    assert format == "gpumd" or found["unit_cell_id"] == 3


def test_mace_is_not_given_the_stress_twice(tmp_path) -> None:
    text = made(-1.0, "H H", 'REF_stress="1 0 0 0 1 0 0 0 1" REF_virials="9 0 0 0 9 0 0 0 9"', BOX)
    (tmp_path / "a.xyz").write_text(text)
    write_subset(read(tmp_path / "a.xyz"), [0], tmp_path / "b.xyz", format="mace")
    info = ase.io.read(tmp_path / "b.xyz").info
    assert_array_equal(info["REF_stress"], np.eye(3).ravel())
    assert "REF_virials" not in info


def test_labels_under_several_names_come_under_one(tmp_path) -> None:
    text = made(-1.0, "H H", "", BOX) + made(-2.0, "H H", "", BOX)
    one, other = text.split("2\n")[1:]
    mixed = f"2\n{one}2\n{other.replace('dft_', 'REF_')}"
    (tmp_path / "a.xyz").write_text(mixed)
    data = read(tmp_path / "a.xyz")
    write_subset(data, [0, 1], tmp_path / "b.xyz", format="mace")
    frames = ase.io.read(tmp_path / "b.xyz", ":")
    assert [atoms.info["REF_energy"] for atoms in frames] == [-1.0, -2.0]
    assert all("REF_forces" in atoms.arrays for atoms in frames)
    write_subset(data, [0, 1], tmp_path / "c.xyz")  # and under their own in a copy
    first, second = ase.io.read(tmp_path / "c.xyz", ":")
    assert (first.info["dft_energy"], second.info["REF_energy"]) == (-1.0, -2.0)
    assert_array_equal(second.arrays["REF_forces"], frames[1].arrays["REF_forces"])
    assert "dft_forces" not in second.arrays


def test_a_slab_keeps_its_periodic_vectors(tmp_path) -> None:
    text = made(-1.0, "H H", 'pbc="T T F"', "3 0 0 1 4 0 0 0 0")
    (tmp_path / "a.xyz").write_text(text)
    data = read(tmp_path / "a.xyz")
    write_subset(data, [0], tmp_path / "b.xyz", format="gpumd")
    cell = np.array(ase.io.read(tmp_path / "b.xyz").cell)
    assert_allclose(cell[:2], [[3, 0, 0], [1, 4, 0]])
    assert_allclose(cell[2, :2], 0, atol=1e-12)
    assert cell[2, 2] >= 20 + np.ptp(data.positions[:, 2])
