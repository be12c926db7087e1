"""Options of the terminal in the words of the page."""

from __future__ import annotations

import pytest

from views.kit.option_words import on_page


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("grows; --energy-key u_dft takes it", "grows; ‘Energy: u_dft’ takes it"),
        ("leave them out with --forces-key '' or", "leave them out with ‘Forces: none’ or"),
        ("name it with --stress-key", "name it with ‘Stress or virial’"),
        ("read with --units stress=kbar: 1 eV", "read with ‘Unit of stress: kbar’: 1 eV"),
        ("--units energy=kcal/mol (and", "‘Unit of energy: kcal/mol’ (and"),
        ("--units length=bohr, or", "‘Unit of length: bohr’, or"),
        ("--species '1=O,2=H'", "‘Elements of the types: '1=O,2=H'’"),
        ("winnow conflicts lists all", "Review lists all"),
        ("see --units and --stress-key", "see ‘Unit of …’ and ‘Stress or virial’"),
        ("--species is not used", "‘Elements of the types’ is not used"),
        ("--species 1=Xx: none", "‘Elements of the types: 1=Xx’: none"),
        (
            "with --repair fractional, which",
            "with ‘Multiply fractional coordinates by the cell’, which",
        ),
        ("or --strict", "or ‘Refuse the file if anything of it cannot be used’"),
        ("run--strict.xyz, run 2 --workers 2", "run--strict.xyz, run 2 --workers 2"),
    ],
)  # fmt: skip
def test_options_are_fields_on_the_page(told: str, shown: str) -> None:
    assert on_page(told) == shown
