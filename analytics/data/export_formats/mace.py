"""MACE: extended XYZ with REF_energy, REF_forces and REF_stress, isolated atoms as IsolatedAtom."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.data.export_formats.keyed_xyz import Keys, keyed_content
from analytics.data.export_formats.registry import Exported, ExportFormat, register

#: The names that MACE looks for unless it is told others; stress in eV/angstrom^3, sign of ASE.
KEYS = Keys("REF_energy", "REF_forces", "REF_stress", isolated="IsolatedAtom", virial="REF_virials")


def _content(exported: Exported) -> Iterator[bytes]:
    return keyed_content(exported, KEYS)


register(
    ExportFormat(
        "mace",
        "MACE (extended XYZ with REF_energy, REF_forces, REF_stress, IsolatedAtom)",
        content=_content,
        endings=(".xyz", ".extxyz"),
    )
)
