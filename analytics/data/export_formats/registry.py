"""Registry of export formats: how structures are written for MACE, DeePMD, GPUMD and others.

A format is one module of this package (or of a plug-in) that registers how it is written::

    register(ExportFormat("mtp", "MTP .cfg", content=content, endings=(".cfg",)))

The command line (``--format``), notebooks and the export dialog of the page offer whatever is
registered. `analytics.data.export` finds the format of a file by the ending of its name, opens
files, compresses them and sees to it that all appear or none.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from analytics.data.dataset import Dataset
from analytics.runtime.arrays import IntArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import Registry

__all__ = ["EXPORT_FORMATS", "ExportFormat", "Exported", "register"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What is to be written: structures of a data set, in the order given.

    Elements, types of atoms and names of columns are those of the whole data set, so that the
    parts of one that are written apart fit together.
    """

    dataset: Dataset
    structures: IntArray
    monitor: Monitor = SILENT

    def __iter__(self) -> Iterator[int]:
        """Yield the structures, telling the monitor how far it is."""
        clock = time.monotonic()
        for done, s in enumerate(self.structures.tolist()):
            if time.monotonic() - clock > 0.1:
                self.monitor.report(done / len(self.structures), "writing structures")
                self.monitor.checkpoint()
                clock = time.monotonic()
            yield s

    def refused(self, s: int, cause: str) -> InputError:
        """Return the error that a structure cannot be written."""
        frame = int(self.dataset.frame_indices[s])
        return InputError(cause, source=self.dataset.name, structure=frame)


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format that is written: one file (`content`) or a folder of files (`members`).

    Attributes
    ----------
    name : str
        What ``--format`` calls it.
    title : str
        Who reads it, and what it is.
    content : callable, optional
        Given what is `Exported`, yields the bytes of the file.
    members : callable, optional
        Given what is `Exported`, yields name (with ``/``) and bytes of each file of the folder.
    endings : tuple of str
        Endings of the file's name, the usual one first.
    guessed : bool
        Whether such an ending means this format where none is named.
    text : bool
        Whether it may be compressed by a further ``.gz``.
    needs : tuple of 'energy' and 'forces'
        Labels without which the code refuses a structure: those that lack one are not written.
    notes : callable, optional
        Given what is `Exported`, returns sentences on what a reader has to know.
    owns : pattern, optional
        Names of the files of the folder: a folder with others is not replaced.
    lossless : bool
        Whether everything that the file said is written as it was, labels under their own names
        and in their own units.
    """

    name: str
    title: str
    content: Callable[[Exported], Iterator[bytes]] | None = None
    members: Callable[[Exported], Iterator[tuple[str, bytes]]] | None = None
    endings: tuple[str, ...] = ()
    guessed: bool = False
    text: bool = True
    needs: tuple[Literal["energy", "forces"], ...] = ()
    notes: Callable[[Exported], list[str]] | None = None
    owns: re.Pattern[str] | None = None
    lossless: bool = False

    @property
    def is_folder(self) -> bool:
        """Whether a folder is written."""
        return self.members is not None


#: The formats of this package by the modules that register them.
BUILT_IN = {
    "extended_xyz": ("extxyz",),
    "mace": ("mace",),
    "nequip": ("nequip",),
    "gpumd": ("gpumd",),
    "deepmd": ("deepmd", "deepmd-mixed"),
    "ase_db": ("ase-db",),
    "runner": ("n2p2", "n2p2-ev"),
    "fitsnap": ("fitsnap",),
    "mtp": ("mtp",),
}
EXPORT_FORMATS: Registry[ExportFormat] = Registry(
    "export format",
    {f"analytics.data.export_formats.{module}": names for module, names in BUILT_IN.items()},
)


def register(format: ExportFormat) -> ExportFormat:
    """File a format under its name."""
    return EXPORT_FORMATS.register(format.name)(format)
