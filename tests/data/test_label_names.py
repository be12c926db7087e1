from __future__ import annotations

import pytest

from analytics.data.label_names import meaning_of, words_of

TAKEN = [
    "energy",
    "Energy",
    "ENERGY",
    "free_energy",
    "total_energy",
    "TotEnergy",
    "potential_energy",
    "etot",
    "E_tot",
    "epot",
    "E",
    "e_dft",
    "E_total",
    "TOTEN",
    "REF_energy",
    "ref_total_energy",
    "dft_energy",
    "DFTenergy",
    "energyDFT",
    "energy-dft",
    "energy_dft",
    "vasp_energy",
    "vasp_total_energy",
    "qm_energy",
    "PBE_energy",
    "energy_pbe",
    "target_energy",
    "nomad_total_energy",
    "energy_xtb",
    "xtb_energy",
    "b3lyp_energy",
    "ccsd_energy",
    "r2scan_energy",
    "uncorrected_total_energy",
    "corrected_total_energy",
    "SCF_energy",
    "energy_eV",
    "e_fr_energy",
    "wb97x_dz.energy",
]
NOT_TAKEN = {
    "energy_per_atom": "per atom",
    "ef_per_atom": "per atom",
    "energyPerAtom": "per atom",
    "atomic_energy": "per atom",
    "formation_energy": "formation",
    "E_form": "formation",
    "adsorption_energy": "adsorption",
    "cohesive_energy": "binding",
    "kinetic_energy": "kinetic or thermal",
    "fermi_energy": "electron levels",
    "E_gap": "electron levels",
    "dispersion_energy": "a part",
    "relative_energy": "a difference or a shift",
    "energy_error": "an error or a spread",
    "REF_energy_weight": "something about it",
}
NO_ENERGY = ("band_gap", "gap", "time", "step", "E0", "temperature", "move_mask", "density", "i")


@pytest.mark.parametrize("name", TAKEN)
def test_total_energies_are_known_by_their_names(name) -> None:
    meaning = meaning_of(name)
    assert (meaning.label, meaning.taken) == ("energy", True)


@pytest.mark.parametrize("name", NOT_TAKEN)
def test_an_energy_of_another_kind_is_no_total_energy(name) -> None:
    meaning = meaning_of(name)
    assert (meaning.label, meaning.caution, meaning.taken) == ("energy", NOT_TAKEN[name], False)


@pytest.mark.parametrize("name", NO_ENERGY)
def test_other_numbers_are_no_energy(name) -> None:
    assert meaning_of(name).label is None


@pytest.mark.parametrize("name", ["MACE_energy", "energy_mace", "predicted_energy", "GAP_energy"])
def test_energies_of_models_are_known_for_such(name) -> None:
    assert (meaning_of(name).origin, meaning_of(name).taken) == ("model", False)


@pytest.mark.parametrize(
    "name",
    [
        "forces",
        "force",
        "Forces",
        "FORCES",
        "REF_forces",
        "dft_force",
        "vasp_force",
        "atomic_forces",
        "frc",
        "F",
        "qm_forces",
        "forces_xtb",
        "target_forces",
        "DFTforces",
        "forces_eV_A",
    ],
)
def test_forces_are_known_by_their_names(name) -> None:
    assert (meaning_of(name).label, meaning_of(name).taken) == ("forces", True)


@pytest.mark.parametrize("name", ["max_force", "force_constants", "force_rms", "MACE_forces"])
def test_what_is_about_forces_is_none(name) -> None:
    assert not meaning_of(name).taken


@pytest.mark.parametrize(
    ("name", "unit"),
    [
        ("energy_Ha", "hartree"),
        ("dft_energy_kcal", "kcal/mol"),
        ("energy_kcal_mol", "kcal/mol"),
        ("energy_kcalmol", "kcal/mol"),
        ("energy_kJ_mol", "kJ/mol"),
        ("energy_meV", "meV"),
        ("energy_eV", "eV"),
        ("energy", ""),
        ("forces_Ha_bohr", "hartree/bohr"),
        ("forces_kcal", "kcal/mol/Å"),
        ("forces_eV/Ang", "eV/Å"),
        ("stress_GPa", "GPa"),
        ("stress_kB", "kbar"),
        ("stress_eV_A3", "eV/Å^3"),
        ("virials_eV", "eV"),
    ],
)
def test_units_at_the_end_of_names(name, unit) -> None:
    assert (meaning_of(name).unit, meaning_of(name).taken) == (unit, True)


def test_an_explicit_reference_comes_first_and_units_last() -> None:
    names = ["dft_energy", "energy_Ha", "energy", "free_energy", "E", "REF_energy", "total_energy"]
    ordered = sorted(names, key=lambda name: meaning_of(name).rank)
    assert ordered == [
        *("REF_energy", "energy", "energy_Ha", "total_energy", "free_energy", "E", "dft_energy"),
    ]


def test_words_of_names() -> None:
    assert words_of("TotEnergy_eV") == ("tot", "energy", "ev")
    assert words_of("dftTotalForces") == ("dft", "total", "forces")
