"""Energy units: energies of a part of the structures in hartree, kcal/mol or per atom."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.data.checks.mixed_energies import PER_ATOM
from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject


@register("energy_units")
def check_energy_units(subject: Subject) -> Iterator[Finding]:
    """Report structures whose energies are those of the others in another unit."""
    for unit, where in subject.mixed_energies.items():
        code = "some_energies_per_atom" if unit == PER_ATOM else "mixed_energy_units"
        yield from subject.having(
            code, "error", where, f"energies in {unit} among energies in eV",
            "energies per atom of like compositions form two groups with nothing between them, "
            f"and in {unit} these would lie in the other one",
            "convert the energies of these structures (and look at the unit of their forces)",
        )  # fmt: skip
