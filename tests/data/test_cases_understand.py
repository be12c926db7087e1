"""Cases of labels, units and elements as they occur, read in place; see the README beside them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import units
from numpy.testing import assert_allclose

from analytics.data.dataset import Dataset
from analytics.data.readers import read
from analytics.evaluation.retrain.predictions import find_predictions, parity_of_prediction
from analytics.runtime.errors import InputError


@pytest.fixture(scope="module")
def cases(real_data: Path) -> Path:
    folder = real_data / "cases"
    if not folder.is_dir():
        pytest.skip("no cases")
    return folder


def uses(data: Dataset) -> dict[str, list[tuple[str, int]]]:
    found: dict[str, list[tuple[str, int]]] = {}
    for use in data.understood.keys:
        found.setdefault(use.label, []).append((use.key, use.frames))
    return found


@pytest.mark.parametrize(
    ("name", "energy", "forces"),
    [
        ("01a_ref_keys_isolated", [("REF_energy", 13)], [("REF_forces", 12)]),
        (
            "01b_ref_keys_isolated_other_key",
            [("REF_energy", 12), ("energy", 1)],
            [("REF_forces", 12)],
        ),
        ("02_model_and_reference", [("REF_energy", 12)], [("REF_forces", 12)]),
        ("04_move_mask", [("energy", 12)], [("forces", 12)]),
        ("05a_energies_column_and_total", [("energy", 12)], [("forces", 12)]),
        ("05b_energies_column_only", None, [("forces", 12)]),
        ("24a_lower_case_header", [("energy", 12)], [("force", 12)]),
        ("28a_fortran_D", [("energy", 12)], [("forces", 12)]),
        ("54_cp2k-pos-1", [("energy", 12)], None),
        ("73a_energy_none_in_some", [("energy", 11)], [("forces", 12)]),
        ("73b_energy_nan_null_missing", [("energy", 9)], [("forces", 12)]),
        ("74_forces_missing_in_some", [("energy", 12)], [("forces", 8)]),
        ("84_units_in_keys", [("energy_Ha", 12)], [("forces_Ha_bohr", 12)]),
        ("85_energy_per_atom_only", None, [("forces", 12)]),
        ("99a_units_stated_hartree", [("energy", 12)], [("forces", 12)]),
    ],
)
def test_keys_and_the_frames_they_cover(cases, name, energy, forces) -> None:
    found = uses(read(cases / f"{name}.xyz"))
    assert found.get("energy") == energy
    assert found.get("forces") == forces


def test_the_energy_of_an_isolated_atom_is_not_lost_for_its_key(cases) -> None:
    data = read(cases / "01b_ref_keys_isolated_other_key.xyz")
    assert not np.isnan(data.energies).any()
    assert data.energies[0] == 3.51


def test_the_labels_of_a_model_can_be_held_against_those_of_the_reference(cases) -> None:
    data = read(cases / "02_model_and_reference.xyz")
    rivals = {one.key: one for one in data.understood.candidates}
    assert rivals["energy"].difference == pytest.approx(0.1156, abs=1e-4)
    assert rivals["forces"].difference == pytest.approx(0.2777, abs=1e-4)
    (prediction,) = find_predictions(data)
    parity = parity_of_prediction(data, prediction)
    worst = np.abs(parity.predicted_energies - parity.energies).max()
    assert worst == pytest.approx(0.25, abs=0.01)


def test_one_energy_that_is_no_number_takes_nothing_else_away(cases) -> None:
    path = cases / "73a_energy_none_in_some.xyz"
    data = read(path)
    assert [(one.frame, one.part) for one in data.understood.left_out] == [(3, "energy")]
    assert np.flatnonzero(np.isnan(data.energies)).tolist() == [3]
    with pytest.raises(InputError, match="structure 3: energy 'energy' is 'None'"):
        read(path, strict=True)


@pytest.mark.parametrize("name", ["73d_energy_with_unit", "73e_unicode_minus"])
def test_energies_of_which_none_is_a_number_are_refused(cases, name) -> None:
    with pytest.raises(InputError, match=r"structure 0: energy 'energy' is .*, not a number"):
        read(cases / f"{name}.xyz")


def test_per_atom_energies_are_named_and_not_taken(cases) -> None:
    data = read(cases / "85_energy_per_atom_only.xyz")
    found = {one.key: one.note for one in data.understood.candidates}
    assert set(found) == {"energy_per_atom", "ef_per_atom"}
    assert all(note.startswith("per atom") for note in found.values())


def test_units_in_keys_and_in_comments_are_converted(cases) -> None:
    base = read(cases / "base.xyz")
    stated = read(cases / "99a_units_stated_hartree.xyz")
    assert_allclose(stated.energies, base.energies, rtol=2e-6)
    assert_allclose(stated.forces, base.forces, rtol=2e-6, atol=1e-6)
    named = read(cases / "84_units_in_keys.xyz")
    (rival,) = [one for one in named.understood.candidates if one.label == "energy"]
    assert rival.key == "dft_energy_kcal"
    assert rival.difference < 2e-3  # the same energies, in another unit
    as_ev = read(cases / "base.xyz", units="energy=hartree,forces=hartree/bohr")
    assert_allclose(as_ev.energies, base.energies * units.Ha)


def test_stress_and_virials_of_the_same_structures(cases) -> None:
    data = read(cases / "06_virials_9_and_stress_6.xyz")
    assert data.keys.stress == "stress"
    rivals = {one.key: one.difference for one in data.understood.candidates}
    assert rivals["virial"] < 2e-4
    assert rivals["REF_virials"] < 2e-4
    other = read(cases / "06_virials_9_and_stress_6.xyz", stress_key="REF_virials")
    assert_allclose(other.stress, data.stress, atol=5e-4)


@pytest.mark.parametrize("name", ["18a_lammps_xyz_types.xyz", "40_types_only.lammpstrj"])
def test_types_are_no_elements(cases, name) -> None:
    with pytest.raises(InputError, match="--species") as caught:
        read(cases / name)
    assert caught.value.asks == ("species", "1", "2")
    data = read(cases / name, species="1=O,2=H")
    assert set(data.numbers.tolist()) == {1, 8}
    assert data.energies is None


NAMES = [
    ("DFT_energy", "DFT_forces"),
    ("vasp_energy", "vasp_force"),
    ("qm_energy", "qm_forces"),
    ("PBE_energy", "PBE_forces"),
    ("energy_dft", "forces_dft"),
    ("target_energy", "target_forces"),
    ("TOTEN", "FORCES"),
    ("E_total", "atomic_forces"),
    ("uncorrected_total_energy", "force"),
    ("energy_xtb", "forces_xtb"),
    ("nomad_total_energy", "nomad_forces"),
    ("Energy", "Forces"),
]


@pytest.mark.parametrize(("energy", "forces"), NAMES)
def test_names_of_other_codes(write, energy, forces) -> None:
    text = f"1\nProperties=species:S:1:pos:R:3:{forces}:R:3 {energy}=-2 gap=1 time=0.5\nH 0 0 0"
    data = read(write(f"{text} 1 2 3\n"))
    assert (data.keys.energy, data.keys.forces) == (energy, forces)
    assert data.energies.tolist() == [-2]
