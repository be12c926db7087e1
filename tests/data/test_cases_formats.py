"""Containers of structures other than extended XYZ: each is read as whoever wrote it meant it."""

from __future__ import annotations

import io
import json
import pickle
import re
import sqlite3
import sys
import zipfile
import zlib
from contextlib import closing, nullcontext
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.units import Bohr, GPa, Hartree, bar, kcal, mol
from numpy.testing import assert_allclose, assert_array_equal

from analytics.data.ase_reader import own_format, read_frames
from analytics.data.dataset import Dataset
from analytics.data.deepmd import read_deepmd
from analytics.data.file_formats.named_values import frame_of
from analytics.data.frames import Frame, LeftOut
from analytics.data.gathered import gathered
from analytics.data.labels import assemble
from analytics.data.opened import unpacked
from analytics.data.read_options import ReadOptions
from analytics.data.readers import read
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT

WATER = np.array([[0.0, 0.0, 0.117], [0.0, 0.757, -0.469], [0.0, -0.757, -0.469]])


def found_in(path: Path) -> list[Frame | LeftOut]:
    """Return what the format of a file yields, in this process."""
    kind = own_format(path)
    assert kind is not None, f"{path.name} is of no format of ours"
    return list(kind.read(path, SILENT))


def frames_in(path: Path) -> list[Frame]:
    found = found_in(path)
    assert all(isinstance(one, Frame) for one in found), found
    return found


def deepmd_frames(path: Path) -> list[Frame]:
    frames = read_deepmd(path, lambda n: list(range(n)), SILENT)
    assert frames is not None
    return list(frames)


@pytest.fixture
def cases(real_data) -> Path:
    return real_data / "cases"


def silver() -> list[Atoms]:
    """Three distorted crystals of silver and copper with labels."""
    images = []
    for seed in range(3):
        atoms = bulk("Ag", cubic=True) * (1, 1, 2)
        atoms.symbols[seed] = "Cu"
        atoms.rattle(0.05, seed=seed)
        random = np.random.default_rng(seed)
        atoms.arrays["forces"] = random.normal(size=(8, 3))
        atoms.info.update(energy=-20.5 - seed, virial=random.normal(size=(3, 3)))
        images.append(atoms)
    return images


def assert_structure(frame: Frame, atoms: Atoms, *, types: bool = False) -> None:
    if not types:
        assert_array_equal(frame.numbers, atoms.numbers)
    assert_allclose(frame.positions, atoms.positions, atol=1e-6)
    assert_allclose(frame.cell, atoms.cell, atol=1e-6)
    assert_array_equal(frame.pbc, atoms.pbc)
    assert frame.info["energy"] == pytest.approx(atoms.info["energy"])
    assert_allclose(frame.arrays["forces"], atoms.arrays["forces"], atol=1e-6)


# ---------------------------------------------------------------- deepmd


def test_mixed_types_count_and_not_the_zeros_of_type_raw(cases) -> None:
    frames = deepmd_frames(cases / "42_dp_mixed_zero_types")
    place = cases / "42_dp_mixed_zero_types" / "sys"
    kinds = np.load(place / "set.000" / "real_atom_types.npy")
    numbers = np.array([Atoms(s).numbers[0] for s in (place / "type_map.raw").read_text().split()])
    assert set((place / "type.raw").read_text().split()) == {"0"}
    assert_array_equal([frame.numbers for frame in frames], numbers[kinds])


def test_virtual_atoms_are_stripped(cases) -> None:
    place = cases / "43_dp_mixed_padded" / "4" / "set.000"
    kinds = np.load(place / "real_atom_types.npy")
    names = (place.parent / "type_map.raw").read_text().split()
    frames = deepmd_frames(cases / "43_dp_mixed_padded")
    assert (kinds < 0).any()
    for frame, row, force in zip(frames, kinds, np.load(place / "force.npy"), strict=True):
        assert frame.arrays["force"].shape == (np.sum(row >= 0), 3)
        assert [Atoms(numbers=[z]).symbols[0] for z in frame.numbers] == [
            names[kind] for kind in row if kind >= 0
        ]
        assert_allclose(frame.arrays["force"], force.reshape(-1, 3)[row >= 0])


def test_no_box_and_no_periods(cases) -> None:
    for frame in deepmd_frames(cases / "44_dp_nopbc_with_box"):
        assert not frame.pbc.any()


def test_types_without_a_map_have_no_elements(cases) -> None:
    for frame in deepmd_frames(cases / "45_dp_no_type_map"):
        assert not frame.numbers.any()
        assert len(frame.types) == len(frame.positions)
        assert set(frame.types) <= {"0", "1", "2"}


def test_names_of_types_that_are_no_elements(tmp_path) -> None:
    part = tmp_path / "set.000"
    part.mkdir()
    np.save(part / "coord.npy", np.zeros((1, 6)))
    (tmp_path / "type.raw").write_text("0\n1\n")
    (tmp_path / "type_map.raw").write_text("H\nTYPE_1\n")
    (frame,) = deepmd_frames(tmp_path)
    assert frame.types == ("H", "TYPE_1")
    with pytest.raises(InputError) as caught:
        read(tmp_path)
    assert caught.value.asks == ("species", "TYPE_1")
    assert_array_equal(read(tmp_path, species="TYPE_1=O").numbers, [1, 8])


def test_forces_in_one_of_two_systems(cases) -> None:
    frames = deepmd_frames(cases / "45b_dp_two_systems_one_without_force")
    assert {frame.info["config_type"]: "force" in frame.arrays for frame in frames} == {
        "a": True,
        "b": False,
    }


def test_raw_folders(cases) -> None:
    place = cases / "45c_dp_raw"
    frames = deepmd_frames(place)
    assert_allclose([f.info["energy"] for f in frames], np.loadtxt(place / "energy.raw"))
    positions = np.loadtxt(place / "coord.raw", ndmin=2)
    for frame, row in zip(frames, positions, strict=True):
        assert_allclose(frame.positions.ravel(), row)
        assert frame.pbc.all()


def test_water_of_deepmd_kit(real_data) -> None:
    place = real_data / "public" / "dp_water"
    frames = deepmd_frames(place)
    assert len(frames) == 400
    assert {len(frame.numbers) for frame in frames} == {192}
    energies = np.load(place / "data_0" / "set.000" / "energy.npy").ravel()
    first = [f.info["energy"] for f in frames if f.info["config_type"] == "data_0"]
    assert_allclose(first[: len(energies)], energies)


def test_systems_in_folders_of_folders(tmp_path) -> None:
    for name in ("train/metal/4", "train/oxide", "test/metal/4"):
        part = tmp_path / name / "set.000"
        part.mkdir(parents=True)
        np.save(part / "coord.npy", np.zeros((2, 3)))
        (part.parent / "type.raw").write_text("0\n")
        (part.parent / "type_map.raw").write_text("H\n")
    frames = deepmd_frames(tmp_path)
    assert [f.info["config_type"] for f in frames][::2] == [
        "test/metal/4",
        "train/metal/4",
        "train/oxide",
    ]


def test_a_folder_that_is_no_data_set_is_none_of_deepmd(tmp_path) -> None:
    (tmp_path / "a").mkdir()
    assert read_deepmd(tmp_path, lambda n: list(range(n)), SILENT) is None


# ---------------------------------------------------------------- MTP


def mtp_text(atoms: Atoms, *, order: str = "xx yy zz yz xz xy") -> str:
    """Return a configuration as MLIP writes it; types are 0 for silver, 1 for copper."""
    rows = "".join(
        f" {i + 1} {int(a.symbol == 'Cu')} {a.x:.8f} {a.y:.8f} {a.z:.8f} "
        + " ".join(f"{f:.8f}" for f in atoms.arrays["forces"][i])
        + "\n"
        for i, a in enumerate(atoms)
    )
    v = (atoms.info["virial"] + atoms.info["virial"].T) / 2
    six = [v[0, 0], v[1, 1], v[2, 2], v[1, 2], v[0, 2], v[0, 1]]
    cell = "".join("  {:.8f} {:.8f} {:.8f}\n".format(*row) for row in atoms.cell)
    return (
        f"BEGIN_CFG\n Size\n  {len(atoms)}\n Supercell\n{cell}"
        f" AtomData:  id type cartes_x cartes_y cartes_z fx fy fz\n{rows}"
        f" Energy\n  {atoms.info['energy']}\n PlusStress:  {order}\n"
        f"  {' '.join(f'{x:.8f}' for x in six)}\n Feature   EFS_by\tVASP\nEND_CFG\n\n"
    )


def test_mtp(tmp_path) -> None:
    path = tmp_path / "train.cfg"
    path.write_text("".join(map(mtp_text, silver())))
    for frame, atoms in zip(frames_in(path), silver(), strict=True):
        assert_structure(frame, atoms, types=True)
        assert frame.types == tuple("1" if s == "Cu" else "0" for s in atoms.symbols)
        assert not frame.numbers.any()
        virial = atoms.info["virial"]
        assert_allclose(frame.info["virial"], (virial + virial.T) / 2, atol=1e-7)
        assert frame.info["EFS_by"] == "VASP"


def test_components_of_mtp_go_by_their_names(tmp_path) -> None:
    path = tmp_path / "a.cfg"
    text = mtp_text(silver()[0])
    virial = frames_of(text, path)[0].info["virial"]
    six = text.partition("PlusStress:")[2].splitlines()[1].split()
    other = " ".join(six[i] for i in (5, 4, 3, 2, 1, 0))
    turned = text.replace("xx yy zz yz xz xy", "xy xz yz zz yy xx").replace(" ".join(six), other)
    assert_array_equal(frames_of(turned, path)[0].info["virial"], virial)
    early = text.replace("PlusStress:", "Stress:")
    assert_array_equal(frames_of(early, path)[0].info["virial"], -virial)
    several = text.replace("END_CFG", " Feature EFS_by\tagain\nEND_CFG")
    assert frames_of(several, path)[0].info["EFS_by"] == "VASP\nagain"


def frames_of(text: str, path: Path) -> list[Frame]:
    path.write_text(text)
    return frames_in(path)


def test_one_bad_mtp_configuration_is_one(tmp_path) -> None:
    whole = [mtp_text(atoms) for atoms in silver()]
    bad = [
        whole[0],
        whole[1].replace("Size\n  8", "Size\n  9"),
        re.sub(r"\n 3 0 \S+", "\n 3 0 ********", whole[1]),
        whole[1].replace("END_CFG\n", ""),
        whole[2],
        whole[0][:200],
    ]
    path = tmp_path / "train.cfg"
    path.write_text("".join(bad))
    found = found_in(path)
    assert [isinstance(one, Frame) for one in found] == [True, False, False, False, True, False]
    assert "9 rows" in found[1].cause
    assert "****" in found[2].cause
    assert "no END_CFG" in found[3].cause
    assert found[1].line == whole[0].count("\n") + 1


def test_mtp_molecules_and_slabs(tmp_path) -> None:
    text = (
        "BEGIN_CFG\n Size\n 1\n{}AtomData: id type direct_x direct_y direct_z\n 1 0 {}\nEND_CFG\n"
    )
    path = tmp_path / "a.cfg"
    path.write_text(
        text.format(" Supercell\n 4 0 0\n 0 5 0\n 0 0 6\n", "0.5 0.5 0.5")
        + text.format("", "0 0 0").replace("direct", "cartes")
        + text.format(" Supercell\n 4 0 0\n 0 5 0\n", "1 2 9").replace("direct", "cartes")
    )
    bulky, molecule, slab = frames_in(path)
    assert_array_equal(bulky.positions, [[2, 2.5, 3]])
    assert not molecule.pbc.any()
    assert_array_equal(slab.pbc, [True, True, False])


@pytest.mark.parametrize(
    ("name", "count", "types"),
    [
        ("cases/49_mtp.cfg", 6, {"0"}),
        ("cases/science/mtp_3.cfg", 3, {"0"}),
    ],
)
def test_mtp_of_others(real_data, name, count, types) -> None:
    frames = frames_in(real_data / name)
    assert len(frames) == count
    assert {word for frame in frames for word in frame.types} == types
    assert all("energy" in frame.info and "forces" in frame.arrays for frame in frames)


# ---------------------------------------------------------------- RuNNer


def runner_text(atoms: Atoms, length: float = 1.0, energy: float = 1.0) -> str:
    """Return a structure as RuNNer has it, divided by units."""
    force = atoms.arrays["forces"] / energy * length
    rows = "".join(
        "atom {:.9f} {:.9f} {:.9f} {} 0.0 0.0 {:.9f} {:.9f} {:.9f}\n".format(
            *(a.position / length), a.symbol, *force[i]
        )
        for i, a in enumerate(atoms)
    )
    cell = "".join("lattice {:.9f} {:.9f} {:.9f}\n".format(*(v / length)) for v in atoms.cell)
    lattice = cell if atoms.pbc.any() else ""
    labels = f"energy {atoms.info['energy'] / energy}\ncharge 0\n"
    return f"begin\ncomment one\n{lattice}{rows}{labels}end\n"


def water() -> Atoms:
    atoms = Atoms("OH2", WATER)
    atoms.info["energy"], atoms.arrays["forces"] = -2079.5, 0.1 * WATER
    return atoms


@pytest.mark.parametrize("images", [silver(), [water()]], ids=["metal", "molecule"])
@pytest.mark.parametrize("unit", ["bohr", "Å"])
def test_units_of_runner_go_by_the_neighbours(tmp_path, images, unit) -> None:
    factors = (Bohr, Hartree) if unit == "bohr" else (1.0, 1.0)
    path = tmp_path / "input.data"
    path.write_text("".join(runner_text(atoms, *factors) for atoms in images))
    for frame, atoms in zip(frames_in(path), images, strict=True):
        assert frame.units["length"] == unit
        assert frame.units["energy"] == {"bohr": "hartree", "Å": "eV"}[unit]
        assert_allclose(frame.positions * factors[0], atoms.positions, atol=1e-6)
        assert frame.info["energy"] * factors[1] == pytest.approx(atoms.info["energy"])
        forces = frame.arrays["forces"] * factors[1] / factors[0]
        assert_allclose(forces, atoms.arrays["forces"], atol=1e-6)
        assert "assumed" in frame.notes[0]
        assert "covalent distances" in frame.notes[0]


def test_atoms_far_apart_leave_the_usual_unit(tmp_path) -> None:
    atoms = Atoms("Ar2", [[0, 0, 0], [0, 0, 30.0]])
    atoms.info["energy"], atoms.arrays["forces"] = 0.0, np.zeros((2, 3))
    path = tmp_path / "input.data"
    path.write_text(runner_text(atoms))
    (frame,) = frames_in(path)
    assert frame.units["length"] == "bohr"
    assert "no two atoms are close enough" in frame.notes[0]


@pytest.mark.parametrize(
    ("name", "unit"), [("48_n2p2_input.data", "bohr"), ("82_input_data_ev_angstrom.data", "Å")]
)
def test_runner_cases(cases, name, unit) -> None:
    frames = frames_in(cases / name)
    assert len(frames) == 12
    assert {frame.units["length"] for frame in frames} == {unit}


def test_one_bad_runner_structure_is_one(tmp_path) -> None:
    whole = [runner_text(atoms) for atoms in silver()]
    path = tmp_path / "input.data"
    path.write_text(
        whole[0]
        + whole[1].replace(" Cu ", " Cu ***** ")
        + whole[1].replace("end\n", "")
        + whole[2]
        + whole[0][:100]
    )
    found = found_in(path)
    assert [isinstance(one, Frame) for one in found] == [True, False, False, True, False]
    assert "no end" in found[2].cause


# ---------------------------------------------------------------- FitSNAP


def fitsnap(atoms: Atoms, **more) -> dict:
    data = {
        "NumAtoms": len(atoms),
        "AtomTypes": list(atoms.symbols),
        "Positions": atoms.positions.tolist(),
        "Lattice": atoms.cell.tolist(),
        "Energy": atoms.info["energy"],
        "Forces": atoms.arrays["forces"].tolist(),
        "Stress": (np.eye(3) * 1000.0).tolist(),
    }
    return {"Dataset": {"Label": "x", "Data": [data], **more}}


def test_fitsnap(tmp_path) -> None:
    atoms = silver()[0]
    path = tmp_path / "a.json"
    path.write_text("# file a\n" + json.dumps(fitsnap(atoms, StressStyle="bar")))
    (frame,) = frames_in(path)
    assert_structure(frame, atoms)
    assert_allclose(frame.info["stress"], -np.eye(3) * 1000 * bar)
    assert "sign was turned" in frame.notes[0]
    path.write_text(json.dumps(fitsnap(atoms, StressStyle="kB")))
    assert_allclose(frames_in(path)[0].info["stress"], -np.eye(3) * 1e6 * bar)
    path.write_text(json.dumps(fitsnap(atoms, StressStyle="psi")))
    assert "stress" not in frames_in(path)[0].info


def test_a_folder_of_fitsnap_groups(tmp_path) -> None:
    for group, atoms in zip(("Bulk", "Bulk", "Surface"), silver(), strict=True):
        place = tmp_path / group / f"{atoms.info['energy']}.json"
        place.parent.mkdir(exist_ok=True)
        place.write_text(json.dumps(fitsnap(atoms)))
    (tmp_path / "notes.json").write_text("{}")
    frames = frames_in(tmp_path)
    assert [frame.info["config_type"] for frame in frames] == ["Bulk", "Bulk", "Surface"]
    assert [frame.index for frame in frames] == [0, 1, 2]


def test_a_folder_of_several_kinds_is_ambiguous(tmp_path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(fitsnap(silver()[0])))
    (tmp_path / "b.cfg").write_text(mtp_text(silver()[1]))
    with pytest.raises(InputError, match=r"several kinds \(FitSNAP JSON, MTP .cfg"):
        found_in(tmp_path)


def test_a_folder_of_other_things_with_one_such_file_is_none(tmp_path) -> None:
    (tmp_path / "a.json").write_text(json.dumps(fitsnap(silver()[0])))
    for name in ("b.txt", "c.py"):
        (tmp_path / name).write_text("x")
    assert own_format(tmp_path) is None


def test_a_folder_of_mtp_files(tmp_path) -> None:
    for i, atoms in enumerate(silver()):
        (tmp_path / f"{i}.cfg").write_text(mtp_text(atoms))
    assert [frame.info["energy"] for frame in frames_in(tmp_path)] == [-20.5, -21.5, -22.5]


def test_fitsnap_case(cases) -> None:
    (frame,) = frames_in(cases / "56a_fitsnap.json")
    assert_array_equal(frame.numbers, [29] * 8)
    assert frame.info["energy"] == pytest.approx(0.828471164)


# ---------------------------------------------------------------- pymatgen


def pymatgen_structure(atoms: Atoms, **properties) -> dict:
    sites = [
        {
            "species": [{"element": a.symbol, "occu": 1}],
            "abc": atoms.get_scaled_positions(wrap=False)[i].tolist(),
            "xyz": a.position.tolist(),
            "properties": {name: values[i] for name, values in properties.items()},
            "label": a.symbol,
        }
        for i, a in enumerate(atoms)
    ]
    lattice = {"matrix": atoms.cell.tolist(), "pbc": [True, True, True]}
    return {"@module": "pymatgen.core.structure", "@class": "Structure", "charge": 0,
            "lattice": lattice, "sites": sites}  # fmt: skip


def test_a_list_of_pymatgen_entries(tmp_path) -> None:
    entries = [
        {"@class": "ComputedStructureEntry", "entry_id": f"mp-{i}", "energy": a.info["energy"],
         "structure": pymatgen_structure(a, forces=a.arrays["forces"].tolist())}
        for i, a in enumerate(silver())
    ]  # fmt: skip
    path = tmp_path / "entries.json"
    path.write_text(json.dumps(entries))
    for i, (frame, atoms) in enumerate(zip(frames_in(path), silver(), strict=True)):
        assert_structure(frame, atoms)
        assert frame.info["entry_id"] == f"mp-{i}"


def test_trajectories_of_the_materials_project(tmp_path) -> None:
    """As MPtrj has them, and stress is VASP's: kbar, positive where the cell wants to expand."""
    document = {
        f"mp-{i}": {
            f"mp-{i}-0-0": {
                "structure": pymatgen_structure(a),
                "uncorrected_total_energy": a.info["energy"],
                "ef_per_atom": -0.1,
                "force": a.arrays["forces"].tolist(),
                "stress": (10.0 * np.eye(3)).tolist(),
                "magmom": None,
            }
        }
        for i, a in enumerate(silver())
    }
    path = tmp_path / "MPtrj.json"
    path.write_text(json.dumps(document))
    for i, (frame, atoms) in enumerate(zip(frames_in(path), silver(), strict=True)):
        assert frame.info["id"] == f"mp-{i}/mp-{i}-0-0"
        assert frame.info["uncorrected_total_energy"] == atoms.info["energy"]
        assert "energy" not in frame.info  # the energy per atom is no total
        assert_allclose(frame.arrays["force"], atoms.arrays["forces"])
        assert_allclose(frame.info["stress"], -np.eye(3) * GPa)


def test_columns_of_structures_as_chgnet_takes_them(tmp_path) -> None:
    path = tmp_path / "chgnet.json"
    images = silver()
    path.write_text(json.dumps({
        "structure": [pymatgen_structure(a) for a in images],
        "energy_per_atom": [a.info["energy"] / len(a) for a in images],
        "force": [a.arrays["forces"].tolist() for a in images],
    }))  # fmt: skip
    for frame, atoms in zip(frames_in(path), images, strict=True):
        assert_allclose(frame.arrays["force"], atoms.arrays["forces"])
        assert_allclose(frame.positions, atoms.positions)


def test_a_disordered_structure_is_left_out(tmp_path) -> None:
    mixed = pymatgen_structure(silver()[0])
    mixed["sites"][0]["species"][0]["occu"] = 0.5
    path = tmp_path / "a.json"
    path.write_text(json.dumps([mixed, pymatgen_structure(silver()[1])]))
    left_out, frame = found_in(path)
    assert "several elements, or in part" in left_out.cause
    assert frame.index == 1


def test_a_pymatgen_structure_without_atoms(cases) -> None:
    (left_out,) = found_in(cases / "56b_pymatgen.json")
    assert "it has no atoms" in left_out.cause


# ---------------------------------------------------------------- QCSchema, records


def qcschema(energy: float, *, success: bool = True) -> dict:
    return {
        "schema_name": "qcschema_output", "schema_version": 1, "driver": "gradient",
        "molecule": {"symbols": ["O", "H", "H"], "geometry": (WATER / Bohr).ravel().tolist(),
                     "molecular_charge": 0.0, "molecular_multiplicity": 1},
        "model": {"method": "b3lyp", "basis": "def2-svp"}, "success": success,
        "return_result": (0.01 * WATER).ravel().tolist(), "properties": {"return_energy": energy},
    }  # fmt: skip


def test_qcschema_results(tmp_path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([qcschema(-76.0), qcschema(0, success=False), qcschema(-75.9)]))
    first, failed, last = found_in(path)
    assert_allclose(first.positions * Bohr, WATER)
    assert first.units == {"length": "bohr", "energy": "hartree", "forces": "hartree/bohr"}
    assert_allclose(first.arrays["forces"], -0.01 * WATER)
    assert (first.info["energy"], last.info["energy"]) == (-76.0, -75.9)
    assert "the calculation failed" in failed.cause


def test_a_qcschema_optimisation_is_its_steps(tmp_path) -> None:
    path = tmp_path / "a.json"
    steps = [qcschema(-76.0 - i) for i in range(3)]
    molecule = steps[0]["molecule"]
    whole = {"initial_molecule": molecule, "final_molecule": molecule, "trajectory": steps}
    path.write_text(json.dumps({"schema_name": "qcschema_optimization_output", **whole}))
    assert [frame.info["energy"] for frame in frames_in(path)] == [-76.0, -77.0, -78.0]


@pytest.mark.parametrize("lines", [True, False])
def test_records_by_name(tmp_path, lines) -> None:
    records = [
        {"atomic_numbers": a.numbers.tolist(), "positions": a.positions.tolist(),
         "cell": a.cell.tolist(), "pbc": [True] * 3, "energy": a.info["energy"],
         "atomic_forces": a.arrays["forces"].tolist(), "names": ["x"]}
        for a in silver()
    ]  # fmt: skip
    path = tmp_path / "a.json"
    path.write_text("\n".join(map(json.dumps, records)) if lines else json.dumps(records))
    for frame, atoms in zip(frames_in(path), silver(), strict=True):
        assert_array_equal(frame.numbers, atoms.numbers)
        assert_allclose(frame.arrays["atomic_forces"], atoms.arrays["forces"])
        assert frame.pbc.all()


def plain_record(atoms: Atoms) -> dict[str, object]:
    return {"atomic_numbers": atoms.numbers.tolist(), "positions": atoms.positions.tolist()}


@pytest.mark.parametrize("record", [pymatgen_structure, plain_record], ids=["pymatgen", "plain"])
@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("cut", [-30, -1])
def test_of_json_that_ends_early_the_whole_entries_are_read(tmp_path, record, lines, cut) -> None:
    records = [record(atoms) for atoms in silver()]
    text = "\n".join(map(json.dumps, records)) if lines else json.dumps(records)[:-1]
    path = tmp_path / "a.json"
    path.write_text(text[:cut])
    *whole, last = found_in(path)
    assert len(whole) == len(records) - 1
    assert all(isinstance(one, Frame) for one in whole)
    assert last == LeftOut(len(whole), "the JSON ends early")


def test_json_that_ends_in_its_first_entry(tmp_path) -> None:
    path = tmp_path / "a.json"
    path.write_text(json.dumps([plain_record(silver()[0])])[:-30])
    with pytest.raises(InputError, match="the JSON ends early"):
        found_in(path)


def test_broken_line_of_json_lines_is_one_structure_left_out(tmp_path) -> None:
    first, *rest = (json.dumps(plain_record(atoms)) for atoms in silver())
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join([first, '{"positions": [[0, 0', *rest]) + "\n")
    found = found_in(path)
    assert [isinstance(one, LeftOut) for one in found] == [False, True] + [False] * len(rest)
    assert [one.index for one in found if isinstance(one, Frame)] == [0, *range(2, len(found))]


@pytest.mark.parametrize("comment", ["# a page of a book", "made by a script", "", "# one\n# two"])
def test_first_line_of_fitsnap_is_passed_over_whatever_it_says(tmp_path, comment) -> None:
    path = tmp_path / "a.json"
    path.write_text(f"{comment}\n{json.dumps(fitsnap(silver()[0]))}")
    (frame,) = frames_in(path)
    assert_array_equal(frame.numbers, silver()[0].numbers)


@pytest.mark.parametrize(("name", "value"), [
    ("stress", np.eye(3)), ("virials", np.eye(3)), ("REF_stress", np.ones(9)),
    ("dipole", np.ones(3)), ("polarizability", np.eye(3)),
])  # fmt: skip
def test_tensor_of_a_structure_is_no_column_of_three_atoms(name, value) -> None:
    values = {"numbers": [8, 1, 1], "positions": WATER, "forces": np.ones((3, 3)), name: value}
    frame = frame_of(0, values)
    assert name in frame.info
    assert set(frame.arrays) == {"forces"}
    assert name in frame_of(0, {**values, name: value.ravel()}).info


def test_npz_of_a_single_structure_has_its_energy(tmp_path) -> None:
    np.savez(tmp_path / "a.npz", z=[8, 1, 1], R=WATER, E=np.array(-76.4), F=np.ones((3, 3)))
    (frame,) = frames_in(tmp_path / "a.npz")
    assert frame.info["energy"] == -76.4


def test_npz_of_objects_says_that_they_are_not_unpickled(tmp_path) -> None:
    ragged = np.array([WATER, WATER[:2]], dtype=object)
    np.savez(tmp_path / "a.npz", z=[8, 1, 1], R=ragged, E=[1.0, 2.0])
    with pytest.raises(InputError, match="holds R as pickled Python objects"):
        found_in(tmp_path / "a.npz")
    np.savez(tmp_path / "b.npz", z=[8, 1, 1], R=WATER[None], E=[1.0], more=ragged)
    (frame,) = frames_in(tmp_path / "b.npz")
    assert "more is not read: it holds pickled Python objects" in frame.notes


def test_lone_array_of_numpy_is_named(tmp_path) -> None:
    np.save(tmp_path / "a.npy", np.zeros((5, 9)))
    with pytest.raises(InputError, match="is one array without elements"):
        found_in(tmp_path / "a.npy")


def test_sets_of_deepmd_are_in_the_order_of_their_numbers(tmp_path) -> None:
    (tmp_path / "type.raw").write_text("0")
    (tmp_path / "type_map.raw").write_text("H")
    (tmp_path / "nopbc").touch()
    for number in ("000", "9", "10"):
        (tmp_path / f"set.{number}").mkdir()
        np.save(tmp_path / f"set.{number}" / "coord.npy", np.zeros((1, 3)))
        np.save(tmp_path / f"set.{number}" / "energy.npy", [float(number)])
    assert [frame.info["energy"] for frame in deepmd_frames(tmp_path)] == [0.0, 9.0, 10.0]


@pytest.mark.parametrize(("table", "said"), [
    ("runs(a int)", "is an SQLite database with runs in it"),
    ("systems(id int)", "is an SQLite database with systems in it"),
])  # fmt: skip
def test_sqlite_that_is_no_database_of_ase(tmp_path, table, said) -> None:
    with closing(sqlite3.connect(tmp_path / "a.db")) as base:
        base.execute(f"create table {table}")
    with pytest.raises(InputError, match=said):
        read_frames(str(tmp_path / "a.db"), SILENT)


def test_stars_among_the_labels_of_input_data_and_cfg(tmp_path) -> None:
    runner = (
        "begin\natom 0 0 0 Si 0 0 0 0 0.1\natom 2.3 0 0 Si 0 0 0 0 {}\nenergy {}\ncharge 0\nend\n"
    )
    mtp = (
        "BEGIN_CFG\n Size\n 2\n AtomData: id type cartes_x cartes_y cartes_z fx fy fz\n"
        " 1 0 0 0 0 0 0 0.1\n 2 0 2.3 0 0 0 0 {}\n Energy\n {}\nEND_CFG\n"
    )
    for text in (runner, mtp):
        path = tmp_path / "a"
        path.write_text("".join(text.format(*x) for x in [(0, -1), ("*" * 9, -2), (0, "*" * 9)]))
        found = found_in(path)
        frames = [one for one in found if isinstance(one, Frame)]
        assert [one.info.get("energy") for one in frames] == [-1.0, -2.0, None]
        assert ["forces" in one.arrays for one in frames] == [True, False, True]
        left_out = [(one.frame, one.part) for one in found if isinstance(one, LeftOut)]
        assert left_out == [(1, "forces"), (2, "energy")]


def test_folder_without_data_says_what_is_in_it(tmp_path) -> None:
    with pytest.raises(InputError, match="is an empty folder"):
        read_frames(str(tmp_path), SILENT)
    for name in "ab":
        (tmp_path / f"{name}.xyz").write_text("1\n\nH 0 0 0\n")
    with pytest.raises(InputError, match=r"2 files \.xyz, .*/\*\.xyz'"):
        read_frames(str(tmp_path), SILENT)


def test_vaspout_is_named(tmp_path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "vaspout.h5", "w") as file:
        for name in ("input/incar", "results/positions", "intermediate/ion_dynamics"):
            file.create_group(name)
    with pytest.raises(InputError, match=r"is a vaspout\.h5 of VASP"):
        found_in(tmp_path / "vaspout.h5")


def test_end_of_a_pdb_file_is_no_structure(tmp_path) -> None:
    model = (
        "MODEL     1\nATOM      1  O   WAT     1       0.000   0.000   0.000  1.00  0.00"
        "           O\nENDMDL\n"
    )
    (tmp_path / "a.pdb").write_text(2 * model + "END\n")
    assert len(read_frames(str(tmp_path / "a.pdb"), SILENT)) == 2


# ---------------------------------------------------------------- HDF5


@pytest.fixture
def hdf5(tmp_path):
    """Return a function that writes an HDF5 file of nested dictionaries."""
    h5py = pytest.importorskip("h5py")

    def fill(group, content) -> None:
        for name, value in content.items():
            if isinstance(value, dict):
                fill(group.create_group(name), value)
            else:
                group[name] = value

    def write(content, name: str = "a.h5", **attributes) -> Path:
        path = tmp_path / name
        with h5py.File(path, "w") as file:
            fill(file, content)
            for place, unit in attributes.items():
                file[place.replace("__", "/")].attrs["units"] = unit
        return path

    return write


def mace_config(atoms: Atoms, *, old: bool) -> dict:
    labels = {"energy": atoms.info["energy"], "forces": atoms.arrays["forces"], "stress": "None"}
    config = {"atomic_numbers": atoms.numbers, "positions": atoms.positions,
              "cell": atoms.cell.array, "pbc": atoms.pbc, "config_type": "Default",
              "weight": 1.0}  # fmt: skip
    return {**config, **labels} if old else {**config, "properties": labels}


@pytest.mark.parametrize("old", [True, False])
def test_hdf5_of_mace(hdf5, old) -> None:
    configs = [mace_config(atoms, old=old) for atoms in silver() * 4]
    path = hdf5({"config_batch_0": {f"config_{i}": c for i, c in enumerate(configs)}})
    for frame, atoms in zip(frames_in(path), silver() * 4, strict=True):  # 10 after 9
        assert_structure(frame, atoms)
        assert "stress" not in frame.info
        assert frame.info["config_type"] == "Default"


def dpdata_system(atoms: Atoms):
    dpdata = pytest.importorskip("dpdata")
    images = [atoms.copy(), atoms.copy()]
    for image in images:
        image.info.clear()
    return dpdata.LabeledSystem(data={
        "atom_names": ["Ag", "Cu"], "atom_numbs": [7, 1],
        "atom_types": (atoms.numbers == 29).astype(int), "orig": np.zeros(3),
        "cells": np.array([a.cell.array for a in images]),
        "coords": np.array([a.positions for a in images]),
        "energies": np.full(2, atoms.info["energy"]),
        "forces": np.array([atoms.arrays["forces"]] * 2),
        "virials": np.array([atoms.info["virial"]] * 2),
    })  # fmt: skip


@pytest.mark.parametrize("kind", ["npy", "raw", "hdf5", "npy/mixed"])
def test_what_dpdata_writes(tmp_path, kind) -> None:
    atoms = silver()[0]
    system = dpdata_system(atoms)
    path = tmp_path / ("a.hdf5" if kind == "hdf5" else "a")
    system.to(f"deepmd/{kind}", str(path))
    frames = frames_in(path) if kind == "hdf5" else deepmd_frames(path)
    assert len(frames) == 2
    order = np.argsort(atoms.numbers == 29, kind="stable")
    for frame in frames:
        frame.arrays["forces"] = frame.arrays.pop("force")
        assert_structure(frame, atoms if len(set(frame.numbers[:2])) == 2 else atoms[order])
        assert_allclose(frame.info["virial"], atoms.info["virial"], atol=1e-6)


def test_hdf5_of_qm7x(hdf5) -> None:
    conformation = {"atNUM": [8, 1, 1], "atXYZ": WATER, "ePBE0+MBD": [-2079.1],
                    "totFOR": 0.1 * WATER, "eAT": [-10.1]}  # fmt: skip
    path = hdf5({"12": {"Geom-m1-i1-c1-opt": conformation, "Geom-m1-i1-c1-1": conformation}})
    for frame in frames_in(path):
        assert frame.info["energy"] == -2079.1
        assert_allclose(frame.arrays["forces"], 0.1 * WATER)
        assert frame.units["energy"] == "eV"
        assert frame.info["group"].startswith("12/Geom-m1")


def test_hdf5_of_ani(hdf5) -> None:
    """ANI-1: symbols as bytes, many conformations, hartree without a word."""
    group = {"species": np.array([b"O", b"H", b"H"]), "coordinates": np.array([WATER] * 5),
             "energies": -76.38 + 0.01 * np.arange(5), "smiles": [b"O", b"H"]}  # fmt: skip
    frames = frames_in(hdf5({"gdb11_s01": {"gdb11_s01-0": group}}))
    assert [frame.info["energy"] for frame in frames] == list(group["energies"])
    assert frames[0].units == {"length": "Å", "energy": "hartree", "forces": "hartree/Å"}
    assert "hartree was assumed" in frames[0].notes[0]
    assert_array_equal(frames[0].numbers, [8, 1, 1])


def test_hdf5_of_ani1x_has_gaps(hdf5) -> None:
    energies = np.array([-76.4, np.nan])
    group = {"atomic_numbers": [8, 1, 1], "coordinates": np.array([WATER] * 2),
             "wb97x_dz.energy": [-76.4, -76.3], "ccsd(t)_cbs.energy": energies,
             "wb97x_dz.forces": np.array([WATER] * 2)}  # fmt: skip
    first, second = frames_in(hdf5({"H2O": group}))
    assert first.units["energy"] == "hartree"
    assert np.isnan(second.info["ccsd(t)_cbs.energy"])
    assert (first.info["energy"], first.arrays["forces"].shape) == (-76.4, (3, 3))
    assert "energy and forces are wb97x_dz.energy and wb97x_dz.forces" in first.notes


def test_hdf5_of_spice(hdf5) -> None:
    group = {"atomic_numbers": [8, 1, 1], "conformations": np.array([WATER / Bohr] * 2),
             "dft_total_energy": [-76.4, -76.3], "formation_energy": [-0.3, -0.2],
             "dft_total_gradient": np.array([WATER] * 2), "smiles": [b"[O:1]"],
             "subset": [b"SPICE"]}  # fmt: skip
    path = hdf5({"water": group}, water__conformations="bohr", water__dft_total_energy="hartree",
                water__dft_total_gradient="hartree/bohr")  # fmt: skip
    first, _ = frames_in(path)
    assert first.units == {"length": "bohr", "energy": "hartree", "forces": "hartree/bohr"}
    assert_allclose(first.arrays["dft_total_forces"], -WATER)
    assert first.info["subset"] == "SPICE"
    assert "negative of dft_total_gradient" in first.notes[0]


def test_hdf5_padded(hdf5) -> None:
    path = hdf5({"species": [[8, 1, 1], [1, 1, -1]], "coordinates": np.array([WATER] * 2),
                 "energies": [-76.4, -1.17], "forces": np.array([WATER] * 2)})  # fmt: skip
    first, second = frames_in(path)
    assert (len(first.numbers), len(second.numbers)) == (3, 2)
    assert second.arrays["forces"].shape == (2, 3)


@pytest.mark.parametrize("how", ["external", "external_group", "virtual", "storage"])
def test_hdf5_that_refers_to_other_files(tmp_path, hdf5, how) -> None:
    h5py = pytest.importorskip("h5py")
    secret = hdf5({"coordinates": WATER[None], "group": {"coordinates": WATER[None]}}, "secret.h5")
    path = tmp_path / "a.h5"
    with h5py.File(path, "w") as file:
        file["species"] = [8, 1, 1]
        if how == "external":
            file["coordinates"] = h5py.ExternalLink(str(secret), "/coordinates")
        elif how == "external_group":
            file["inner"] = h5py.ExternalLink(str(secret), "/group")
        elif how == "virtual":
            layout = h5py.VirtualLayout(shape=(1, 3, 3), dtype="f8")
            layout[:] = h5py.VirtualSource(str(secret), "coordinates", shape=(1, 3, 3))
            file.create_virtual_dataset("coordinates", layout)
        else:
            (tmp_path / "raw").write_bytes(WATER.tobytes())
            file.create_dataset(
                "coordinates", (1, 3, 3), "f8", external=[(str(tmp_path / "raw"), 0, 72)]
            )
    with pytest.raises(InputError, match="refers to another file"):
        found_in(path)


def test_hdf5_with_links_round_in_circles(tmp_path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        for name in ("one", "two"):
            file[name] = file  # hard links to the root
        file["soft"] = h5py.SoftLink("/one")
    with pytest.raises(InputError, match="no structures that are known here"):
        found_in(tmp_path / "a.h5")


def test_hdf5_that_announces_more_than_it_holds(tmp_path) -> None:
    h5py = pytest.importorskip("h5py")
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["species"] = [8, 1, 1]
        file.create_dataset("coordinates", (10**9, 3, 3), "f8", chunks=(1000, 3, 3))
    with pytest.raises(InputError, match="announces more than the file can hold"):
        found_in(tmp_path / "a.h5")


@pytest.mark.parametrize("name", ["46a_dpdata.hdf5", "46b_mace.h5"])
def test_hdf5_cases_are_headers_alone(cases, name) -> None:
    pytest.importorskip("h5py")
    with pytest.raises(InputError, match="is a damaged HDF5 file"):
        found_in(cases / name)


def test_a_library_that_is_missing_is_named(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.h5"
    path.write_bytes(b"\x89HDF\r\n\x1a\n" + bytes(200))
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(InputError, match=re.escape('pip install "winnow-atomistic[formats]"')):
        found_in(path)


# ---------------------------------------------------------------- npz


def test_npz_of_rmd17(tmp_path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, nuclear_charges=np.array([8, 1, 1]), coords=np.array([WATER] * 4),
             energies=-47900.0 + np.arange(4), forces=np.array([WATER] * 4),
             old_indices=np.arange(4))  # fmt: skip
    frames = frames_in(path)
    assert [frame.info["energy"] for frame in frames] == [-47900.0, -47899, -47898, -47897]
    assert frames[0].units == {"length": "Å", "energy": "kcal/mol", "forces": "kcal/mol/Å"}
    assert "kcal/mol was assumed, because that is the size" in frames[0].notes[0]


def test_npz_case(cases) -> None:
    frames = frames_in(cases / "47a_rmd17.npz")
    assert len(frames) == 12
    assert frames[0].units["energy"] == "kcal/mol"
    assert "assumed" in frames[0].notes[0]
    assert [frame.info["old_indices"] for frame in frames] == list(range(12))


@pytest.mark.parametrize("n", [1, 3])
def test_npz_of_as_many_structures_as_atoms(tmp_path, n) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, numbers=np.array([8, 1, 1]), positions=np.array([WATER] * n),
             energy=np.arange(n), forces=np.array([WATER] * n), cell=9 * np.eye(3))  # fmt: skip
    for i, frame in enumerate(frames_in(path)):
        assert_array_equal(frame.numbers, [8, 1, 1])
        assert_array_equal(frame.cell, 9 * np.eye(3))
        assert_array_equal(frame.arrays["forces"], WATER)
        assert frame.info["energy"] == i


def test_npz_of_sgdml_states_units_and_columns(tmp_path) -> None:
    path = tmp_path / "a.npz"
    lattice = np.array([[4.0, 0, 0], [1, 5, 0], [0, 0, 6]])
    np.savez(path, type="d", name="water", z=np.array([8, 1, 1]), R=np.array([WATER] * 2),
             E=np.array([-1.0, -2]), F=np.array([WATER] * 2), r_unit="Ang", e_unit="kcal/mol",
             lattice=lattice.T)  # fmt: skip
    first, _ = frames_in(path)
    assert first.units == {"length": "Ang", "energy": "kcal/mol", "forces": "kcal/mol/Ang"}
    assert_array_equal(first.cell, lattice)
    assert_array_equal(first.arrays["forces"], WATER)
    assert first.notes == (
        "the columns of lattice were taken as the vectors of the cell, as sGDML does",
    )


def test_npz_of_molecules_end_to_end(tmp_path) -> None:
    """As QM9 is kept: atoms of all molecules after one another, and how many each has."""
    path = tmp_path / "a.npz"
    np.savez(path, N=np.array([3, 2]), Z=np.array([8, 1, 1, 1, 1]), id=np.array([7, 9]),
             R=np.concatenate([WATER, WATER[1:]]), U0=np.array([-10.0, -4.0]))  # fmt: skip
    first, second = frames_in(path)
    assert (list(first.numbers), list(second.numbers)) == ([8, 1, 1], [1, 1])
    assert second.info == {"id": 9, "U0": -4.0}


def test_npz_without_structures(tmp_path, real_data) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, weights=np.zeros(3))
    with pytest.raises(InputError, match="arrays weights, which are no structures"):
        found_in(path)
    for density in ("cases/science/ch4_ok.npz", "density_be2_mala.npz"):
        with pytest.raises(InputError, match="holds electron densities"):
            found_in(real_data / density)


# ---------------------------------------------------------------- parquet, LMDB


def test_parquet(tmp_path) -> None:
    parquet, arrow = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
    images = silver()
    rows = [
        {"configuration_id": f"CO_{i}", "atomic_numbers": a.numbers.tolist(),
         "positions": a.positions.tolist(), "cell": a.cell.tolist(), "pbc": [True] * 3,
         "energy": a.info["energy"], "atomic_forces": a.arrays["forces"].tolist(),
         "elements": ["Ag", "Cu"], "names": ["n"], "cauchy_stress": np.eye(3).tolist(),
         "formation_energy": None}
        for i, a in enumerate(images)
    ]  # fmt: skip
    path = tmp_path / "co_0.parquet"
    parquet.write_table(arrow.Table.from_pylist(rows), path)
    for i, (frame, atoms) in enumerate(zip(frames_in(path), images, strict=True)):
        frame.arrays["forces"] = frame.arrays["atomic_forces"]
        assert_structure(frame, atoms)
        assert frame.info["configuration_id"] == f"CO_{i}"
        assert_array_equal(frame.info["cauchy_stress"], np.eye(3))
        assert "formation_energy" not in frame.info


def test_parquet_of_text_and_of_something_else(tmp_path) -> None:
    parquet, arrow = pytest.importorskip("pyarrow.parquet"), pytest.importorskip("pyarrow")
    path = tmp_path / "a.parquet"
    row = {"species_at_sites": ["O", "H", "H"], "cartesian_site_positions": str(WATER.tolist()),
           "lattice_vectors": str(np.eye(3).tolist()), "energy": 1.0}  # fmt: skip
    parquet.write_table(arrow.Table.from_pylist([row]), path)
    (frame,) = frames_in(path)
    assert_allclose(frame.positions, WATER)
    assert_array_equal(frame.cell, np.eye(3))
    assert (frame.units["energy"], frame.assumed) == ("eV", ("length", "energy", "forces"))
    parquet.write_table(arrow.Table.from_pylist([{"a": 1, "b": 2}]), path)
    with pytest.raises(InputError, match="is a parquet table of a, b, without columns"):
        found_in(path)
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(InputError, match="damaged parquet"):
        found_in(path)


def lmdb_of(path: Path, values: dict[str, bytes]) -> None:
    lmdb = pytest.importorskip("lmdb")
    database = lmdb.open(str(path), subdir=False, map_size=1 << 22, lock=False)
    with database, database.begin(write=True) as transaction:
        for key, value in values.items():
            transaction.put(key.encode(), value)


def aselmdb_row(atoms: Atoms) -> bytes:
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.db.row import AtomsRow
    from ase.io.jsonio import encode

    atoms = atoms.copy()
    labels = {"energy": atoms.info["energy"], "forces": atoms.arrays.pop("forces")}
    atoms.calc = SinglePointCalculator(atoms, **labels)
    row = AtomsRow(atoms)
    content = {key: value for key, value in row.__dict__.items() if not key.startswith("_")}
    content["cell"] = atoms.cell.array
    content.update(key_value_pairs={"sid": "x"}, data={"charge": 1, "spin": 2})
    return zlib.compress(encode(content).encode())


def test_aselmdb(tmp_path) -> None:
    images = silver() * 4
    rows = {str(i + 1): aselmdb_row(atoms) for i, atoms in enumerate(images)}
    path = tmp_path / "data.aselmdb"
    lmdb_of(path, {**rows, "nextid": zlib.compress(b"13"), "metadata": zlib.compress(b"{}")})
    for frame, atoms in zip(frames_in(path), images, strict=True):
        assert_structure(frame, atoms)
        assert (frame.info["sid"], frame.info["charge"], frame.info["spin"]) == ("x", 1, 2)
    assert len(frames_in(tmp_path)) == 12  # the folder


def test_lmdb_of_other_things(tmp_path, monkeypatch) -> None:
    lmdb_of(tmp_path / "a.lmdb", {"0": pickle.dumps({"pos": 1}), "length": pickle.dumps(1)})
    with pytest.raises(InputError, match="pickled Python objects"):
        found_in(tmp_path / "a.lmdb")
    monkeypatch.setattr("analytics.data.file_formats.aselmdb._LARGEST", 1 << 16)
    bomb = zlib.compress(bytes(1 << 20))
    good = aselmdb_row(silver()[0])
    lmdb_of(tmp_path / "b.lmdb", {"1": b"junk", "2": bomb, "3": good, "4": zlib.compress(b"{}")})
    found = found_in(tmp_path / "b.lmdb")
    assert [isinstance(one, Frame) for one in found] == [False, False, True, False]
    assert "unpacks to more than" in found[1].cause
    whole = (tmp_path / "b.lmdb").read_bytes()
    (tmp_path / "b.lmdb").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="pages are missing at its end"):
        found_in(tmp_path / "b.lmdb")


# ---------------------------------------------------------------- others


SDF = """water
  maker

  3  2  0  0  0  0  0  0  0  0999 V2000
    0.0000    0.0000    0.1170 O   0  0  0  0  0  0  0  0  0  0  0  0
    0.0000    0.7570   -0.4690 H   0  0  0  0  0  0  0  0  0  0  0  0
    0.0000   -0.7570   -0.4690 H   0  0  0  0  0  0  0  0  0  0  0  0
  1  2  1  0
  1  3  1  0
M  END
> <energy>
{}

> <origin>
made

$$$$
"""


def test_all_molecules_of_an_sdf(tmp_path) -> None:
    path = tmp_path / "a.sdf"
    path.write_text(SDF.format(-76.1) + SDF.format(-76.2))
    first, second = frames_in(path)
    assert_allclose(second.positions, WATER)
    assert (first.info["energy"], second.info["energy"]) == (-76.1, -76.2)
    assert first.info["origin"] == "made"
    assert first.info["name"] == "water"


def zipped(name: str) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, b"")
    return buffer.getvalue()


ZIPPED_PICKLE = zipped("archive/data.pkl")


@pytest.mark.parametrize(
    ("name", "content", "cause"),
    [
        ("a.pkl", pickle.dumps([1, 2]), "pickled Python objects"),
        ("a.dat", pickle.dumps({"a": 1}, protocol=2), "pickled Python objects"),
        ("graph.pb", b"\n\x00\x01", "model of TensorFlow"),
        ("a.arrow", b"ARROW1\x00\x00", "is an Arrow file"),
        ("QM7.mat", b"MATLAB 5.0 MAT-file\x00", "is a MATLAB file"),
        ("a.pt", ZIPPED_PICKLE, "pickled Python objects of torch"),
        ("a.xtc", b"\x00\x00\x07\xcb\x00\x00", "XTC trajectory"),
    ],
)
def test_what_is_not_read_is_named(tmp_path, name, content, cause) -> None:
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(InputError, match=cause):
        found_in(path)


# ---------------------------------------------------------------- as data sets


def dataset_of(path: Path, **options) -> Dataset:
    """Return what `read` makes of a file, without a process of its own."""
    with unpacked(path, SILENT) if path.is_file() else nullcontext(path) as plain:
        found = read_deepmd(plain, lambda n: list(range(n)), SILENT) if path.is_dir() else None
        found = list(found) if found else read_frames(str(plain.absolute()), SILENT)
    return assemble(gathered(found), path.name, ReadOptions.of(**options))


def test_assumed_units_are_converted_and_said(cases, tmp_path) -> None:
    data = dataset_of(cases / "48_n2p2_input.data")
    assert data.energies[0] == pytest.approx(-0.51856594 * Hartree)
    assert_allclose(data.positions[0], np.array([0.142847, 0.052505, -0.005524]) * Bohr)
    force = np.array([0.010933, 0.014285, -0.000261])
    assert_allclose(data.forces[0], force * Hartree / Bohr)
    units = {use.quantity: (use.unit, use.known_from) for use in data.understood.units}
    assert units["length"] == ("bohr", "assumed")
    assert any("because nearest neighbours" in note for note in data.understood.notes)
    other = dataset_of(cases / "48_n2p2_input.data", units="energy=eV,length=Å,forces=eV/Å")
    assert other.energies[0] == pytest.approx(-0.51856594)
    units = {use.quantity: (use.unit, use.known_from) for use in other.understood.units}
    assert units["energy"] == ("eV", "user")


def test_runner_in_electronvolt_is_left_as_it_is(cases) -> None:
    data = dataset_of(cases / "82_input_data_ev_angstrom.data")
    assert data.energies[0] == pytest.approx(0.828471)
    assert_allclose(data.positions[0], [0.035849, -0.032897, -0.106871])


def test_types_of_mtp_are_asked_for(cases) -> None:
    with pytest.raises(InputError) as caught:
        read(cases / "49_mtp.cfg")  # from one process to the other
    assert caught.value.asks == ("species", "0")
    data = dataset_of(cases / "49_mtp.cfg", species="0=Cu")
    assert set(data.numbers) == {29}
    assert data.energies[0] == pytest.approx(0.82847116)
    assert_allclose(data.forces[0], [-0.093855, 0.029673, 0.979756])


def test_types_of_deepmd_are_asked_for(cases) -> None:
    with pytest.raises(InputError) as caught:
        dataset_of(cases / "45_dp_no_type_map")
    assert caught.value.asks == ("species", "0", "1")
    assert set(dataset_of(cases / "45_dp_no_type_map", species="0=C,1=H").numbers) == {1, 6}


def test_graphene_of_mtp(real_data) -> None:
    data = dataset_of(real_data / "public" / "graphene_mtp_test.cfg.gz", species="0=C")
    assert (data.n_structures, data.n_environments) == (822, 25_035)
    assert data.energies is not None
    assert data.forces is not None


def test_units_of_npz_are_converted(cases) -> None:
    data = dataset_of(cases / "47a_rmd17.npz")
    assert data.energies[0] == pytest.approx(-325.39747717 * kcal / mol)
    assert data.forces[0, 0] == pytest.approx(12.9637966 * kcal / mol)
    assert {use.known_from for use in data.understood.units if use.quantity == "energy"} == {
        "assumed"
    }


def test_oxides_of_an_ase_database(real_data, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)  # databases are copied
    data = dataset_of(real_data / "public" / "oxides_oc.db")
    assert data.n_structures == 295


def test_constraints_and_metadata_are_kept(cases, tmp_path, monkeypatch) -> None:
    """Fixed atoms: forces as stored, and a mask of what may move."""
    monkeypatch.chdir(tmp_path)
    for name in ("53_meta.db", "57_constrained.traj", "57b_ase_written_constrained.xyz"):
        data = read(cases / name) if name.endswith("xyz") else dataset_of(cases / name)
        masks = [record.arrays["move_mask"] for record in data.records]
        assert not all(mask.all() for mask in masks), name
        assert np.abs(data.forces[~np.concatenate(masks).astype(bool)]).max() > 0, name


@pytest.mark.parametrize("name", ["81_train", "81_train.exyz", "81 spaces @ höhe.XYZ"])
def test_extended_xyz_under_any_name(cases, name) -> None:
    assert read(cases / name).n_structures == 12


def test_forces_of_two_systems(cases) -> None:
    data = dataset_of(cases / "45b_dp_two_systems_one_without_force")
    missing = [np.isnan(data.forces[data.rows(s)]).all() for s in range(data.n_structures)]
    assert_array_equal(missing, data.config_type == "b")


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("cases/24a_lower_case_header.xyz", 12),
        ("public/pbte_nep_train.xyz.gz", 25),
        ("public/n2p2_h2o.xyz.gz", 20),
        ("public/n2p2_cu2s_comp2.xyz.gz", 26),
    ],
)
def test_sets_of_gpumd_and_n2p2_as_extended_xyz(real_data, name, count) -> None:
    data = read(real_data / name)
    assert data.n_structures == count
    assert data.energies is not None
    assert data.forces is not None


def test_types_in_place_of_atomic_numbers_are_refused(cases) -> None:
    with pytest.raises(InputError, match="'0' is not the symbol of an element"):
        read(cases / "24b_gpumd_model_numbers.xyz")


def test_a_label_left_out_of_one_file_of_a_folder_moves_no_frame(tmp_path: Path) -> None:
    """It is of the same frame, also in the numbering through all files."""
    atoms = " AtomData: id type cartes_x cartes_y cartes_z fx fy fz\n 1 0 0 0 0 {} 0 0\n"
    one = f"BEGIN_CFG\n Size\n 1\n{atoms}END_CFG\n"
    (tmp_path / "a.cfg").write_text(one.format("0.1") + one.format("****") + one.format("0.3"))
    (tmp_path / "b.cfg").write_text(one.format("0.4"))
    found = found_in(tmp_path)
    assert [each.index for each in found if isinstance(each, Frame)] == [0, 1, 2, 3]
    (lost,) = (each for each in found if isinstance(each, LeftOut))
    assert (lost.frame, lost.part) == (1, "forces")
    assert lost.cause.startswith("a.cfg: ")
