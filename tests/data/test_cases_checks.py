"""Checks that look at sizes and name the cause: cases of real files, and sets made for them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.emt import EMT
from ase.units import Bohr, Hartree, kcal, kJ, mol

from analytics.cli.main import main
from analytics.data.checks.registry import check
from analytics.data.checks.report import CheckReport, Finding
from analytics.data.dataset import Dataset
from analytics.data.exact_duplicates import duplicate_groups
from analytics.data.export import write_subset
from analytics.data.readers import dataset_from_atoms, read
from analytics.runtime.errors import InputError, WinnowError
from analytics.selection.base import missing_labels, require_labels


def found(report: CheckReport) -> dict[str, Finding]:
    return {finding.code: finding for finding in report.findings}


def of(images: list[Atoms]) -> dict[str, Finding]:
    return found(check(dataset_from_atoms(images)))


@pytest.fixture(scope="session")
def cases(real_data) -> Path:
    return real_data / "cases"


@pytest.fixture(scope="session")
def public(real_data) -> Path:
    return real_data / "public"


def crystals(n: int = 12, seed: int = 0, size: int = 2, strain: float = 0.02) -> list[Atoms]:
    """Return shaken copper crystals, labelled by a potential."""
    rng, images = np.random.default_rng(seed), []
    for _ in range(n):
        atoms = bulk("Cu") * (size, size, 2)
        atoms.set_cell(atoms.cell * (1.0 + rng.uniform(-strain, strain)), scale_atoms=True)
        atoms.positions += rng.normal(scale=0.08, size=atoms.positions.shape)
        images.append(labelled(atoms))
    return images


def labelled(atoms: Atoms, config_type: str = "md") -> Atoms:
    atoms.calc = EMT()
    energy, forces = atoms.get_potential_energy(), atoms.get_forces()
    atoms.calc = None
    atoms.info |= {"REF_energy": energy, "config_type": config_type}
    atoms.arrays["REF_forces"] = forces
    return atoms


def molecules(n: int = 12, seed: int = 0) -> list[Atoms]:
    rng, images = np.random.default_rng(seed), []
    for at in range(n):
        atoms = molecule(("H2O", "CH4", "C2H6", "CH3OH")[at % 4])
        atoms.positions += rng.normal(scale=0.03, size=atoms.positions.shape)
        images.append(labelled(atoms))
    return images


CLEAN = {
    "crystals": crystals,
    "small_crystals": lambda: crystals(size=1),
    "molecules": molecules,
    "mixed": lambda: crystals(6) + molecules(8),
}


@pytest.mark.parametrize("name", CLEAN)
def test_clean_sets_give_no_finding(name) -> None:
    assert of(CLEAN[name]()) == {}


@pytest.mark.parametrize(
    ("name", "code", "severity", "frames"),
    [
        ("09_forces_wrong_conversion.xyz", "impossible_forces", "error", range(12)),
        ("76_Z_against_species.xyz", "species_disagree", "warning", None),
        ("90_frozen_atoms_zero_forces.xyz", "frozen_forces", "warning", range(12)),
        ("94_positions_in_bohr.xyz", "lengths_in_bohr", "warning", range(12)),
        ("95_positions_in_nm.xyz", "lengths_in_nm", "error", range(12)),
        ("96_fractional_positions.xyz", "fractional_positions", "error", range(12)),
        ("88_nan_forces_some_atoms.xyz", "incomplete_forces", "error", None),
        ("74_forces_missing_in_some.xyz", "missing_forces", "warning", None),
        ("science/alnicu_fractional.extxyz", "fractional_positions", "error", range(3, 8)),
        ("science/class_per_frame.xyz.gz", "class_per_structure", "note", range(308)),
    ],
)
def test_cases(cases, name, code, severity, frames) -> None:
    finding = found(check(read(cases / name)))[code]
    assert finding.severity == severity
    if frames is not None:
        assert finding.structures.tolist() == list(frames)


@pytest.mark.parametrize(
    "name", ["base.xyz", "04_move_mask.xyz", "57b_ase_written_constrained.xyz"]
)
def test_right_cases_are_left_alone(cases, name) -> None:
    codes = {code for code in found(check(read(cases / name))) if code != "no_config_type"}
    assert codes == set()


def test_frozen_atoms_are_told_by_their_mask(cases) -> None:
    finding = found(check(read(cases / "90_frozen_atoms_zero_forces.xyz")))["frozen_forces"]
    assert "the same 2 atoms (0, 1), which move_mask marks as fixed" in finding.message
    assert "apply_constraint=False" in finding.advice


def test_frozen_atoms_without_a_mask_show_in_the_sum_of_forces() -> None:
    images = crystals(6)
    for atoms in images:
        atoms.arrays["REF_forces"][:2] = 0.0
    finding = of(images)["frozen_forces"]
    assert "the same 2 atoms (0, 1)" in finding.message
    assert finding.structures.tolist() == list(range(6))


def test_atoms_at_rest_by_symmetry_are_not_frozen() -> None:
    images = []
    for x in np.linspace(0.0, 0.1, 6):
        atoms = bulk("Cu", cubic=True)
        forces = np.zeros((4, 3))
        forces[1, 0], forces[2, 0] = x, -x
        atoms.info |= {"REF_energy": -1.0, "config_type": "x"}
        atoms.arrays["REF_forces"] = forces
        images.append(atoms)
    assert "frozen_forces" not in of(images)


def test_forces_that_are_all_zero_are_a_placeholder(public) -> None:
    data = read(public / "n2p2_cu2s_comp2.xyz.gz")
    finding = found(check(data))["placeholder_forces"]
    assert len(finding.structures) == data.n_structures == 26
    assert missing_labels(data, "largest_force") == "forces other than zero"
    with pytest.raises(WinnowError, match="X needs forces other than zero, and n2p2_cu2s"):
        require_labels(data, "X", forces=True)


def test_zero_forces_of_a_shaken_crystal_are_a_placeholder_and_of_a_perfect_one_are_not() -> None:
    shaken, perfect = crystals(4), [labelled(bulk("Cu", cubic=True)) for _ in range(2)]
    for atoms in (*shaken[:2], *perfect):
        atoms.arrays["REF_forces"][:] = 0.0
    codes = of(shaken + perfect)
    assert codes["placeholder_forces"].structures.tolist() == [0, 1]
    assert codes["zero_forces"].structures.tolist() == [4, 5]


@pytest.mark.parametrize("make", ["crystals", "molecules", "mixed"])
@pytest.mark.parametrize(
    ("factor", "code"), [(1 / Bohr, "lengths_in_bohr"), (0.1, "lengths_in_nm")]
)
def test_lengths_in_another_unit(make, factor, code) -> None:
    images = CLEAN[make]()
    for atoms in images:
        atoms.set_cell(atoms.cell * factor)
        atoms.positions *= factor
    assert code in of(images)


def test_some_lengths_in_bohr() -> None:
    images = crystals(10)
    for atoms in images[6:]:
        atoms.set_cell(atoms.cell / Bohr, scale_atoms=True)
    assert of(images)["some_lengths_in_bohr"].structures.tolist() == [6, 7, 8, 9]


@pytest.mark.parametrize("distance", [1.0, 1.5, 2.0])
def test_noble_gases_and_stretched_cells_are_not_in_bohr(distance) -> None:
    argon = Atoms("Ar4", positions=3.8 * distance * np.eye(4, 3))
    argon.info |= {"REF_energy": 0.0, "config_type": "x"}
    wide = [bulk("Cu", a=3.6 * scale) * 2 for scale in np.linspace(0.9, 1.6, 15)]
    codes = of([argon, *map(labelled, wide)])
    assert not {"lengths_in_bohr", "some_lengths_in_bohr"} & set(codes)


def test_fractional_coordinates_are_no_nanometres() -> None:
    images = crystals(size=3)
    for atoms in images:
        atoms.positions = atoms.get_scaled_positions()
    codes = of(images)
    assert "fractional_positions" in codes
    assert "lengths_in_nm" not in codes


def test_fractional_coordinates_are_told_from_crowded_ones() -> None:
    images = crystals(5)
    for atoms in images[:3]:
        atoms.positions[:] = atoms.get_scaled_positions()
    images[4].positions[1] = images[4].positions[0] + 0.1
    codes = of(images)
    assert codes["fractional_positions"].structures.tolist() == [0, 1, 2]
    assert "--repair fractional" in codes["fractional_positions"].advice
    assert codes["overlapping_atoms"].structures.tolist() == [0, 1, 2, 4]


def test_forces_too_large_to_be_right() -> None:
    images = crystals(8)
    for atoms in images:
        atoms.arrays["REF_forces"] *= (mol / kcal) ** 2
    codes = of(images)
    assert codes["impossible_forces"].severity == "error"
    assert "all are large" in codes["impossible_forces"].advice
    one = crystals(8)
    one[3].arrays["REF_forces"] *= 80.0
    assert of(one)["large_forces"].structures.tolist() == [3]


def test_elements_of_one_structure_and_structures_without_neighbours() -> None:
    images = crystals(25, size=1)
    images[7].symbols[0] = "Au"
    images.append(Atoms("Cu2", positions=[[0, 0, 0], [0, 0, 9.0]]))
    codes = of(images)
    assert codes["element_in_one_structure"].structures.tolist() == [7]
    assert "Au" in codes["element_in_one_structure"].message
    assert codes["no_neighbours"].structures.tolist() == [25]


def test_classes_that_number_the_structures() -> None:
    images = crystals(30, size=1)
    for at, atoms in enumerate(images):
        atoms.info["config_type"] = f"train-{at}"
    assert len(of(images)["class_per_structure"].structures) == 30
    for at, atoms in enumerate(images):
        atoms.info["config_type"] = f"group-{at % 6}"
    assert of(images) == {}


def series(n: int = 12, seed: int = 3) -> list[Atoms]:
    """Return a crystal that wanders, with the energies and forces of a potential."""
    rng, atoms, images = np.random.default_rng(seed), bulk("Cu", cubic=True), []
    atoms.positions += rng.normal(scale=0.05, size=atoms.positions.shape)
    for _ in range(n):
        atoms = atoms.copy()
        atoms.positions += rng.normal(scale=0.02, size=atoms.positions.shape)
        images.append(labelled(atoms))
    return images


def bending(n: int = 12, seed: int = 4) -> list[Atoms]:
    """Return a molecule that vibrates and tumbles."""
    rng, images = np.random.default_rng(seed), []
    for _ in range(n):
        atoms = molecule("CH3OH")
        atoms.positions += rng.normal(scale=0.02, size=atoms.positions.shape)
        atoms.rotate(rng.uniform(0, 360), rng.normal(size=3))
        images.append(labelled(atoms))
    return images


@pytest.mark.parametrize("make", [series, bending])
@pytest.mark.parametrize(
    ("label", "factor", "code", "words"),
    [
        ("REF_forces", 1.0, None, ""),
        ("REF_forces", -1.0, "forces_reversed", "multiply the forces by -1"),
        ("REF_forces", Bohr / Hartree, "forces_against_energies", "forces are in hartree/bohr"),
        ("REF_forces", mol / kcal, "forces_against_energies", "forces in kcal/mol/Å"),
        ("REF_energy", 1 / Hartree, "forces_against_energies", "energies are in hartree"),
        ("REF_energy", mol / kJ, "forces_against_energies", "energies are in kJ/mol"),
    ],
)
def test_forces_against_energies(make, label, factor, code, words) -> None:
    images = make()
    for atoms in images:
        if label == "REF_energy":
            atoms.info[label] *= factor
        else:
            atoms.arrays[label] *= factor
    codes = of(images)
    if code is None:
        assert codes == {}
    else:
        assert codes[code].structures.tolist() == list(range(12))
        assert words in codes[code].evidence + codes[code].advice


def test_forces_of_the_other_sign(cases) -> None:
    assert "forces_reversed" in found(check(read(cases / "science" / "b.xyz")))
    assert "forces_reversed" not in found(check(read(cases / "science" / "a.xyz")))
    finding = found(check(read(cases / "10_gradients_among_forces.xyz")))["conflicting_forces"]
    assert "6 of the pairs have the same forces with the other sign" in finding.evidence


@pytest.mark.parametrize("name", ["11_hartree_among_ev.xyz", "11b_hartree_small_offset.xyz"])
def test_hartree_among_electronvolts(cases, name) -> None:
    finding = found(check(read(cases / name)))["mixed_energy_units"]
    assert finding.structures.tolist() == [8, 9, 10, 11]
    assert "hartree" in finding.message


@pytest.mark.parametrize(
    ("unit", "words"),
    [(Hartree, "hartree"), (kcal / mol, "kcal/mol"), (kJ / mol, "kJ/mol"), (1e-3, "meV")],
)
@pytest.mark.parametrize("offset", [-3.5, -400.0, -30_000.0])
def test_other_units_in_a_part_of_the_energies(unit, words, offset) -> None:
    images = crystals(14)
    for atoms in images:
        atoms.info["REF_energy"] += offset * len(atoms)
    assert "mixed_energy_units" not in of(images)
    for atoms in images[9:]:
        atoms.info["REF_energy"] /= unit
    finding = of(images)["mixed_energy_units"]
    assert finding.structures.tolist() == [9, 10, 11, 12, 13]
    assert f"energies in {words} among" in finding.message


def test_energies_that_cross_zero_are_in_one_unit() -> None:
    images = [bulk("Cu", a=3.6 * scale) for scale in np.linspace(0.8, 1.5, 40)]
    for scale, atoms in zip(np.linspace(0.8, 1.5, 40), images, strict=True):
        atoms.info |= {"REF_energy": 4 * (scale**-12 - 2 * scale**-6) + 0.5, "config_type": "eos"}
    assert "mixed_energy_units" not in of(images)


def sized(factor: float = 1.0) -> list[Atoms]:
    images = [bulk("Cu", cubic=True) * (n, m, 1) for n in (1, 2, 3) for m in (1, 2, 3)]
    images += [molecule(name) for name in ("H2O", "CH4", "C2H6", "CH3OH", "C6H6", "CO2")]
    for atoms in images:
        atoms.rattle(0.02, seed=len(atoms))
        labelled(atoms).info["REF_energy"] -= 7.0 * factor * len(atoms)
    return images


def test_energies_per_atom(public, cases) -> None:
    for path in (public / "snap_mo2017.xyz.gz", cases / "science" / "mo_energy_per_atom.xyz.gz"):
        finding = found(check(read(path)))["energies_per_atom"]
        assert (finding.severity, len(finding.structures)) == ("error", 97)
    images = sized()
    assert not {"energies_per_atom", "some_energies_per_atom"} & set(of(images))
    for atoms in images:
        atoms.info["REF_energy"] /= len(atoms)
    assert len(of(images)["energies_per_atom"].structures) == len(images)


def test_energies_per_atom_in_a_part_of_the_structures() -> None:
    images = crystals(12)
    for atoms in images:
        atoms.info["REF_energy"] -= 5.0 * len(atoms)
    for atoms in images[8:]:
        atoms.info["REF_energy"] /= len(atoms)
    assert of(images)["some_energies_per_atom"].structures.tolist() == [8, 9, 10, 11]


def test_unconverged_structures(cases) -> None:
    images = crystals(4)
    images[1].info["scf_converged"] = False
    images[2].info["converged"] = True
    finding = of(images)["unconverged"]
    assert finding.structures.tolist() == [1]
    assert finding.evidence == "scf_converged is false"


def test_reference_energies_that_do_not_belong() -> None:
    images = crystals(6)
    atom = Atoms("Cu", info={"REF_energy": 0.0, "config_type": "isolated"})
    assert set(of([*images, atom])) == {"isolated_atoms"}
    atom.info["REF_energy"] = -1640.5
    finding = of([*images, atom])["reference_energies"]
    assert finding.structures.tolist() == [6]


def test_isolated_atoms_in_a_box_are_found_by_their_distance(public) -> None:
    data = read(public / "ecemc_liquid.xyz.gz")
    assert np.flatnonzero(data.isolated).tolist() == [0, 1, 2]
    codes = found(check(data))
    assert codes["isolated_atoms"].structures.tolist() == [0, 1, 2]
    assert "missing_forces" not in codes


@pytest.mark.parametrize("make", [crystals, molecules, series, bending, lambda: sized(0.0)])
def test_clean_frames_add_no_finding(make) -> None:
    wrong = crystals(10, seed=9)
    for atoms in wrong[6:]:
        atoms.positions[:] = atoms.get_scaled_positions()
    alone, together = of(wrong), of(wrong + make())
    assert {code: f.structures.tolist() for code, f in alone.items()} == {
        code: f.structures.tolist() for code, f in together.items()
    }


def stressed(factor: float = 1.0, lopsided: float = 0.0) -> dict[str, Finding]:
    """Return the findings of a strained crystal whose stresses are multiplied by a factor."""
    rng, images, stresses = np.random.default_rng(5), [], []
    for _ in range(14):
        atoms = bulk("Cu", cubic=True)
        strain = np.eye(3) + 0.01 * rng.normal(size=(3, 3))
        atoms.set_cell(atoms.cell @ (0.5 * (strain + strain.T)), scale_atoms=True)
        atoms.positions += rng.normal(scale=0.02, size=atoms.positions.shape)
        images.append(labelled(atoms))
        atoms.calc = EMT()
        stresses.append(atoms.get_stress(voigt=False))
        atoms.calc = None
    stress = factor * np.array(stresses)
    stress[:, 0, 1] *= 1.0 + lopsided
    return found(check(replace(dataset_from_atoms(images), stress=stress)))


def test_stresses_in_the_right_unit_give_no_finding() -> None:
    assert stressed() == {}


@pytest.mark.parametrize(
    ("factor", "words"),
    [
        (-1.0, "eV/Å³ with the other sign"),
        (160.22, "that is GPa"),
        (1602.2, "that is kbar"),
        (-1602.2, "that is kbar with the other sign"),
        (46.0, "a virial"),
    ],
)
def test_stress_against_energies(factor, words) -> None:
    finding = stressed(factor)["stress_against_energies"]
    assert words in finding.evidence
    assert finding.severity == "error"


def test_a_stress_is_symmetric() -> None:
    assert stressed(lopsided=0.3)["stress_not_symmetric"].severity == "warning"


@pytest.mark.parametrize(("factor", "code"), [(1, None), (-1, "stress_reversed"), (1602.2, "kbar")])
def test_stress_of_structures_that_are_no_series(factor, code) -> None:
    images = [labelled(bulk("Cu", a=3.4 + 0.04 * n) * (1, 1, 1 + n % 3)) for n in range(12)]
    for atoms in images:
        atoms.calc = EMT()
    stress = factor * np.array([atoms.get_stress(voigt=False) for atoms in images])
    for atoms in images:
        atoms.calc = None
    codes = found(check(replace(dataset_from_atoms(images), stress=stress)))
    codes.pop("zero_forces", None)
    if code == "kbar":
        assert "it looks like kbar" in codes["stress_too_large"].message
    else:
        assert set(codes) == ({code} if code else set())


def test_energies_that_are_all_zero_are_a_placeholder(public) -> None:
    assert "placeholder_energies" in found(check(read(public / "n2p2_cu2s_comp2.xyz.gz")))
    images = crystals(4)
    images[1].info["REF_energy"] = 0.0
    assert "placeholder_energies" not in of(images)
    for atoms in images:
        atoms.info["REF_energy"] = 0.0
    assert len(of(images)["placeholder_energies"].structures) == 4


@pytest.mark.parametrize("symbols", ["H2", "Cu2", "CO"])
def test_dimers_from_close_to_apart_are_in_the_right_units(symbols) -> None:
    images = []
    for distance in np.linspace(0.5, 5.0, 40):
        atoms = labelled(Atoms(symbols, positions=[[0, 0, 0], [distance, 0, 0]]), "dimer")
        images.append(atoms)
    codes = of(images)
    assert {code for code in codes if codes[code].severity != "note"} <= {"close_atoms"}


def test_forces_of_nuclei_that_nearly_meet_are_only_noted() -> None:
    images = crystals(8)
    pair = Atoms("Cu2", positions=[[0, 0, 0], [0.6, 0, 0]], info={"REF_energy": 900.0})
    pair.info["config_type"] = "md"
    pair.arrays["REF_forces"] = np.array([[-3000.0, 0, 0], [3000.0, 0, 0]])
    codes = of([*images, pair])
    assert {"close_and_strong", "close_atoms"} == set(codes)


@pytest.mark.parametrize(
    ("unit", "words"), [(Hartree, "hartree"), (kcal / mol, "kcal/mol"), (1.0, None)]
)
def test_all_electron_totals_tell_their_unit(public, unit, words) -> None:
    data = read(f"{public / 'rmd17_ethanol_train01.xyz.gz'}@:20")
    assert data.energies is not None
    codes = found(check(replace(data, energies=data.energies / unit)))
    if words is None:
        assert codes == {}
    else:
        assert f"in {words}, not in eV" in codes["energies_in_another_unit"].message


def test_a_published_molecule_in_hartree_and_bohr(public) -> None:
    codes = found(check(read(public / "kim_datafile.extxyz.gz")))
    assert {"energies_in_another_unit", "lengths_in_bohr"} <= set(codes)


def test_a_second_energy_is_named(cases) -> None:
    codes = found(check(read(cases / "02_model_and_reference.xyz")))
    assert "'REF_energy', which was taken, and under 'energy'" in codes["other_energy"].message
    assert "0.116 eV/atom" in codes["other_energy"].evidence
    assert "--forces-key forces" in codes["other_forces"].advice


def test_what_could_be_an_energy_is_named_where_there_is_none(cases) -> None:
    finding = found(check(read(cases / "85_energy_per_atom_only.xyz")))["no_energies"]
    assert "energy_per_atom (12)" in finding.evidence
    assert "--energy-key" in finding.advice


def test_stress_in_kbar_and_a_virial_that_agrees(cases) -> None:
    codes = found(check(read(cases / "07_stress_in_kbar.xyz")))
    assert "it looks like kbar" in codes["stress_too_large"].message
    assert "--units stress=kbar" in codes["stress_too_large"].advice
    codes = found(check(read(f"{cases / '07_stress_in_kbar.xyz'}", units="stress=kbar")))
    assert not {code for code in codes if "stress" in code}
    codes = found(check(read(cases / "06_virials_9_and_stress_6.xyz")))
    assert not {code for code in codes if "stress" in code}


def test_a_stress_and_a_virial_that_disagree() -> None:
    images = crystals(8)
    for atoms in images:
        atoms.calc = EMT()
        stress = atoms.get_stress(voigt=False)
        atoms.calc = None
        atoms.info |= {"stress": stress, "virial": stress * atoms.get_volume()}
    assert "stress_against_virial" in of(images)
    for atoms in images:
        atoms.info["virial"] *= -1.0
    assert "stress_against_virial" not in of(images)


def test_a_key_that_stands_twice(cases) -> None:
    finding = found(check(read(cases / "32a_duplicate_keys.xyz")))["duplicate_keys"]
    assert finding.structures.tolist() == list(range(12))
    assert "energy" in finding.evidence


def test_equal_geometries_of_several_states() -> None:
    images = crystals(4)
    images += [atoms.copy() for atoms in images[:2]]
    for at, atoms in enumerate(images):
        atoms.info["charge"] = float(at == 5)
    codes = of(images)
    assert codes["charge_and_spin"].structures.tolist() == [1, 5]
    assert codes["duplicates"].structures.tolist() == [4]


def test_copies_in_another_order_have_the_same_forces() -> None:
    images = crystals(4)
    turned = images[0][::-1]
    assert "conflicting_forces" not in of([*images, turned])
    turned.arrays["REF_forces"] *= 1.5
    assert of([*images, turned])["conflicting_forces"].structures.tolist() == [0, 4]


@pytest.mark.parametrize(
    ("name", "frames"),
    [("96_fractional_positions.xyz", 12), ("science/alnicu_fractional.extxyz", 5)],
)
def test_fractional_coordinates_are_repaired_where_that_is_asked(cases, name, frames, tmp_path):
    data = read(cases / name, repair="fractional")
    codes = found(check(data))
    assert not {"fractional_positions", "overlapping_atoms", "close_atoms"} & set(codes)
    assert f"coordinates of {frames} structures were multiplied" in " ".join(data.understood.notes)
    write_subset(data, np.arange(data.n_structures), tmp_path / "repaired.xyz")
    back = read(tmp_path / "repaired.xyz")
    np.testing.assert_allclose(back.positions, data.positions, atol=1e-6)


def test_a_repair_of_nothing_is_refused(cases) -> None:
    with pytest.raises(InputError, match="nothing to repair"):
        read(cases / "base.xyz", repair="fractional")
    with pytest.raises(InputError, match="'bohr' is not known"):
        read(cases / "base.xyz", repair="bohr")


def test_all_electron_totals_of_molecules_in_two_units(public) -> None:
    images = []
    for name in ("ethanol", "benzene", "uracil", "toluene"):
        data = read(f"{public / f'rmd17_{name}_train01.xyz.gz'}@:3")
        assert data.energies is not None
        for s, energy in enumerate(data.energies):
            rows = data.rows(s)
            info = {"REF_energy": float(energy), "config_type": "x"}
            images.append(Atoms(data.numbers[rows], data.positions[rows], info=info))
    assert set(of(images)) == {"no_forces"}
    for atoms in images[::4]:
        atoms.info["REF_energy"] /= Hartree
    assert of(images)["energies_in_another_unit"].structures.tolist() == [0, 4, 8]


def test_advice_and_repair_in_the_terminal(cases, capsys) -> None:
    path = str(cases / "96_fractional_positions.xyz")
    assert main(["check", path]) == 0
    assert "\n    read the file with --repair fractional" in capsys.readouterr().out
    assert main(["check", path, "--repair", "fractional", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "fractional_positions" not in {finding["code"] for finding in told["findings"]}
    assert all("advice" in finding for finding in told["findings"])


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("94_positions_in_bohr.xyz", {"units": "length=bohr"}),
        ("95_positions_in_nm.xyz", {"units": "length=nm"}),
        ("99a_units_stated_hartree.xyz", {}),
        ("54_cp2k-pos-1.xyz", {}),
        ("57_constrained.traj", {}),
        ("72a_slab_zero_third_vector.xyz", {}),
    ],
)
def test_cases_are_clean_in_the_units_that_they_are_in(cases, name, said) -> None:
    codes = set(found(check(read(cases / name, **said)))) - {"no_config_type", "no_forces"}
    assert codes == set()


def of_others(images: list[Atoms], which: np.ndarray, label: str) -> list[Atoms]:
    """Return copies with a label of other structures."""
    copies = [atoms.copy() for atoms in images]
    for atoms, other in zip(copies, which, strict=True):
        if label == "energy":
            atoms.info["REF_energy"] = images[other].info["REF_energy"]
        else:
            atoms.arrays["REF_forces"] = images[other].arrays["REF_forces"].copy()
    return copies


def test_labels_of_other_structures_are_found() -> None:
    images = crystals(n=24, strain=0.0)
    assert of(images) == {}
    other = np.random.default_rng(1).permutation(24)
    for wrong in (
        of_others(images, other, "energy"),
        of_others(images, np.roll(np.arange(24), 1), "forces"),
    ):
        apart = of(wrong)["labels_apart"]
        assert apart.severity == "warning"
        assert len(apart.structures) == 24


@pytest.mark.parametrize("which", ["second half", "scattered"])
@pytest.mark.parametrize(
    ("factor", "code"),
    [(-1.0, "some_forces_reversed"), (Bohr / Hartree, "mixed_force_units")],
)
def test_a_part_of_the_forces_of_another_sign_or_unit(factor: float, code: str, which: str) -> None:
    images = crystals(n=24, strain=0.0)
    part = list(range(12, 24)) if which == "second half" else [1, 4, 5, 9, 14, 20]
    for at in part:
        images[at].arrays["REF_forces"] *= factor
    wrong = of(images)
    assert set(wrong) == {code}
    assert wrong[code].structures.tolist() == part


def test_states_of_several_charges_are_no_series() -> None:
    images = crystals(n=24, strain=0.0)
    for at, atoms in enumerate(images):
        atoms.info["charge"] = at % 2
        atoms.info["REF_energy"] += 9.0 * (at % 2)
    assert "labels_apart" not in of(images)


def test_energies_of_zero_in_a_part_are_placeholders() -> None:
    images = crystals()
    for atoms in images:
        atoms.info["REF_energy"] -= 3.7 * len(atoms)
    images[3].info["REF_energy"] = 0.0
    wrong = of(images)
    assert wrong["placeholder_energies"].structures.tolist() == [3]
    least = min(atoms.info["REF_energy"] for atoms in images)
    for atoms in images:  # relative energies: one of them is zero
        atoms.info["REF_energy"] -= least
    assert "placeholder_energies" not in of(images)


def test_a_full_cell_that_is_not_periodic_is_named() -> None:
    images = crystals()
    assert "open_boundaries" not in of(images)
    images[2].pbc = False
    assert of(images)["open_boundaries"].structures.tolist() == [2]


def test_molecules_in_boxes_are_no_open_boundaries() -> None:
    images = []
    for room in (0.0, 2.0, 6.0):
        atoms = labelled(molecule("H2O"))
        atoms.center(vacuum=room) if room else atoms.set_cell([1.6, 1.6, 1.6])
        images.append(atoms)
    assert "open_boundaries" not in of(images[1:])
    tight = labelled(molecule("CH3CH2OH"))
    tight.center(vacuum=0.0)
    assert "open_boundaries" not in of([tight])


@pytest.mark.parametrize("unit", [Hartree, kcal / mol, kJ / mol])
@pytest.mark.parametrize("several", [False, True])
def test_scattered_energies_of_another_unit_have_one_finding(several: bool, unit: float) -> None:
    rng = np.random.default_rng(3)
    images = crystals(n=24, strain=0.0)
    for atoms in images:
        if several:  # of many compositions
            rest = rng.choice(["Cu", "Au", "Pd"], size=len(atoms) - 3)
            atoms.set_chemical_symbols(["Cu", "Au", "Pd", *rest])
            labelled(atoms)
        own = {"Cu": -3.7, "Au": -3.2, "Pd": -5.2}
        atoms.info["REF_energy"] += sum(own[each] for each in atoms.get_chemical_symbols())
    assert of(images) == {}
    part = list(range(9, 22)) if several else [1, 4, 5, 9, 14, 20]  # 13 of 24, or scattered
    for at in part:
        images[at].info["REF_energy"] /= unit
    wrong = of(images)
    assert {code: each.structures.tolist() for code, each in wrong.items()} == {
        "mixed_energy_units": part
    }


def test_energies_around_zero_are_in_one_unit() -> None:
    images = crystals(n=12, strain=0.0)
    for at, atoms in enumerate(images):
        atoms.info["REF_energy"] = (0.04 + 0.02 * (at % 5)) * len(atoms) * (16.0 if at % 2 else 1.0)
    assert "some_energies_per_atom" not in of(images)


def test_most_energies_are_in_no_other_unit_than_a_few_high_ones() -> None:
    rng = np.random.default_rng(5)
    images = crystals(n=34, strain=0.0)
    for at, atoms in enumerate(images):
        atoms.info["REF_energy"] = len(atoms) * (1.25 if at > 29 else rng.uniform(0.04, 0.07))
    assert "mixed_energy_units" not in of(images)


@pytest.mark.parametrize(
    "atoms",
    [bulk("Al", cubic=True), bulk("Cu", cubic=True), bulk("NaCl", "rocksalt", a=5.64, cubic=True),
     bulk("Si", cubic=True), bulk("Fe", cubic=True).repeat((2, 1, 1)), bulk("W") * (2, 2, 1),
     bulk("Mg") * (2, 1, 1), bulk("Al", cubic=True).repeat(2)],
    ids=lambda atoms: atoms.get_chemical_formula(),
)  # fmt: skip
def test_perfect_crystals_fill_their_cells(atoms) -> None:
    assert "cell_in_bohr" not in of([atoms])
    assert "cell_in_bohr" not in of([atoms] * 3)


def test_one_structure_of_a_few_in_another_unit() -> None:
    images = crystals(8)
    for atoms in images:
        atoms.info["REF_energy"] -= 60.0 * len(atoms)
    images[3].info["REF_energy"] /= Hartree
    alone = of(images)["mixed_energy_units"]
    assert alone.structures.tolist() == [3]
    assert "hartree" in alone.message
    images[3].info["REF_energy"] -= 10.0 * len(images[3])
    assert of(images)["energy_out_of_line"].structures.tolist() == [3]


def test_one_energy_for_all_is_a_placeholder_unless_they_are_one_structure() -> None:
    images = crystals(6)
    for atoms in images:
        atoms.info["REF_energy"] = -9999.0
    assert len(of(images)["placeholder_energies"].structures) == 6
    turned = [images[0].copy() for _ in range(6)]
    for at, atoms in enumerate(turned):
        atoms.positions += 0.1 * at
    assert "placeholder_energies" not in of(turned)


def test_a_large_group_of_copies_takes_no_work_of_all_structures_for_each(monkeypatch) -> None:
    data = dataset_from_atoms([Atoms("Cu", info={"REF_energy": -1.0})] * 300)
    calls = []
    sizes = Dataset.sizes.fget
    monkeypatch.setattr(Dataset, "sizes", property(lambda own: (calls.append(0), sizes(own))[1]))
    (group,) = duplicate_groups(data)
    assert len(group) == 300
    assert len(calls) < 100
