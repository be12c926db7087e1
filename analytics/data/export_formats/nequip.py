"""NequIP, Allegro, SchNetPack and others: extended XYZ with the keys that ASE takes for labels."""

from __future__ import annotations

from collections.abc import Iterator

from analytics.data.export_formats.keyed_xyz import Keys, keyed_content
from analytics.data.export_formats.registry import Exported, ExportFormat, register

KEYS = Keys("energy", "forces", "stress")


def _content(exported: Exported) -> Iterator[bytes]:
    return keyed_content(exported, KEYS)


register(
    ExportFormat(
        "nequip",
        "NequIP, Allegro and all that read through ASE (extended XYZ: energy, forces, stress)",
        content=_content,
        endings=(".xyz", ".extxyz"),
    )
)
