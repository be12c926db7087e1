from __future__ import annotations

import pytest
from ase import units

from analytics.data.units import conversion, stated_units


@pytest.mark.parametrize(
    ("unit", "quantity", "value"),
    [
        ("eV", "energy", 1.0),
        ("meV", "energy", 1e-3),
        ("Hartree", "energy", units.Ha),
        ("Ha", "energy", units.Ha),
        ("a.u.", "energy", units.Ha),
        ("Ry", "energy", units.Ry),
        ("kcal/mol", "energy", units.kcal / units.mol),
        ("kcal", "energy", units.kcal / units.mol),
        ("kJ mol^-1", "energy", units.kJ / units.mol),
        ("bohr", "length", units.Bohr),
        ("nm", "length", 10.0),
        ("eV/Angstrom", "forces", 1.0),
        ("Ha/Bohr", "forces", units.Ha / units.Bohr),
        ("a.u.", "forces", units.Ha / units.Bohr),
        ("Ry/au", "forces", units.Ry / units.Bohr),
        ("Ha/a.u.", "forces", units.Ha / units.Bohr),
        ("kcal/mol/Å", "forces", units.kcal / units.mol),
        ("kcal/(mol*A)", "forces", units.kcal / units.mol),
        ("kcal mol-1 Ang-1", "forces", units.kcal / units.mol),
        ("kJ/mol/nm", "forces", units.kJ / units.mol / 10),
        ("eV/A^3", "stress", 1.0),
        ("eV/Å**3", "stress", 1.0),
        ("GPa", "stress", units.GPa),
        ("kbar", "stress", 0.1 * units.GPa),
        ("hartree", "virial", units.Ha),
    ],
)
def test_units_in_their_usual_spellings(unit, quantity, value) -> None:
    assert conversion(unit, quantity) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("unit", "quantity", "cause"),
    [
        ("foo", "energy", "'foo' is not known"),
        ("meV/atom", "energy", "not known"),
        ("eV", "forces", "no unit of forces"),
        ("eV/A", "energy", "no unit of energy"),
        ("", "energy", "no unit of energy"),
    ],
)
def test_what_is_no_unit_of_it_is_refused(unit, quantity, cause) -> None:
    with pytest.raises(ValueError, match=cause):
        conversion(unit, quantity)


@pytest.mark.parametrize(
    ("info", "found"),
    [
        ({"energy-unit": "hartree"}, {"energy": "hartree"}),
        ({"energy_unit": "eV", "force_unit": "eV/A"}, {"energy": "eV", "forces": "eV/A"}),
        ({"length_unit": "bohr"}, {"length": "bohr"}),
        ({"pos_unit": "nm", "stress_units": "GPa"}, {"length": "nm", "stress": "GPa"}),
        ({"unit_energy": "Ry"}, {"energy": "Ry"}),
        ({"units": "kcal/mol"}, {"energy": "kcal/mol"}),
        ({"unit_cell": "primitive", "unit": "arbitrary", "energy": 1.0}, {}),
    ],
)
def test_units_that_a_structure_states(info, found) -> None:
    assert stated_units(info) == found


def test_a_system_of_units_is_stated_as_a_whole() -> None:
    assert stated_units({"units": "real"})["forces"] == "kcal/mol/Å"


@pytest.mark.parametrize(
    ("unit", "quantity"), [("GPa", "stress"), ("hartree/bohr", "forces"), ("eV", "virial")]
)
def test_a_minus_before_a_unit_turns_the_sign(unit, quantity):
    assert conversion(f"-{unit}", quantity) == -conversion(unit, quantity)


@pytest.mark.parametrize(
    ("unit", "quantity"), [("-eV", "energy"), ("-Å", "length"), ("--GPa", "stress")]
)
def test_a_minus_means_nothing_elsewhere(unit, quantity):
    with pytest.raises(ValueError, match="is not known"):
        conversion(unit, quantity)
