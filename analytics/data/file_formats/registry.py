"""Registry of file formats that are read by us or by a library of their own, not by ASE.

A format is one module of this package (or of a plug-in) that registers how it is recognised, by
content and not by the ending of the name, and how it is read::

    register("mtp")(FileFormat("MTP .cfg (MLIP-2, MLIP-3)", recognise, read))

Both functions are called in a process of its own that may read the folder of the file and nothing
else, with limits on time and memory (`analytics.data.ase_reader`), in the order of `BUILT_IN` and
before ASE is asked. A format that is recognised and that nothing here reads raises `InputError`
with a sentence that names it and says what would read it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from analytics.data.frames import Frame, LeftOut
from analytics.runtime.progress import Monitor
from analytics.runtime.registry import Registry

__all__ = ["FILE_FORMATS", "FileFormat", "register"]


@dataclass(frozen=True, slots=True)
class FileFormat:
    """A format of files, or of folders.

    Attributes
    ----------
    title : str
        What its users call it.
    recognise : callable
        Given the path (not compressed) and its first 64 kB (b"" for a folder), says whether it is
        of this format. Must be quick and must not fail.
    read : callable
        Given the path and a `Monitor`, returns or yields a `Frame` or a `LeftOut` for each frame,
        in the order of the file; raises `InputError`. Lengths in angstrom and labels in eV,
        eV/angstrom and so on, unless the units are stated in `Frame.units`.
    """

    title: str
    recognise: Callable[[Path, bytes], bool]
    read: Callable[[Path, Monitor], Iterable[Frame | LeftOut]]


#: The formats of this package, each in the module of its name.
BUILT_IN: tuple[str, ...] = (
    *("outcar", "vasprun", "ml_ab", "xdatcar", "runs_in_folder"),
    *("mtp", "runner", "fitsnap", "pymatgen_json", "qcschema", "json_records"),
    *("lammps_dump", "lammps_data"),
    *("gamess", "orca", "nwchem", "abinit"),
    *("npz", "hdf5", "parquet", "aselmdb", "sdf", "files_in_folder", "refused"),
)
FILE_FORMATS: Registry[FileFormat] = Registry(
    "file format", {f"analytics.data.file_formats.{name}": (name,) for name in BUILT_IN}
)
register = FILE_FORMATS.register
