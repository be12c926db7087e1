"""Reading with ASE, in a process of its own: what its formats may do, how long and in what memory.

Formats of `analytics.data.file_formats` are read there too, and come before ASE.

ASE has about eighty readers. Some never return on a damaged file, some take all memory, some look
into other files; none of that concerns the process that asks.
"""

from __future__ import annotations

import codecs
import logging
import shutil
import sqlite3
import warnings
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analytics.data.ase_jobs import images_of_jobs
from analytics.data.ase_trajectory import read_trajectory
from analytics.data.file_formats.registry import FILE_FORMATS, FileFormat
from analytics.data.frames import Frame, LeftOut
from analytics.data.opened import listed
from analytics.data.poscar import poscar_flaw
from analytics.data.scf_convergence import flagged, loops_in
from analytics.runtime.environment import positive_from, size_from
from analytics.runtime.errors import InputError, WinnowError, WorkerLost, one_line
from analytics.runtime.packing import pack
from analytics.runtime.process import Limits, call
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["EXCLUDED", "FORMATS", "own_format", "read_ase"]

#: Formats of ASE that are read, by its names of them.
FORMATS = frozenset((
    "abinit-gsr", "abinit-in", "abinit-out", "acemolecule-input", "acemolecule-out", "aims",
    "aims-output", "bundletrajectory", "castep-castep", "castep-geom", "castep-md",
    "castep-phonon", "cfg", "cif", "cjson", "cmdft", "cp2k-dcd", "cp2k-restart", "crystal",
    "cube", "dacapo-text", "db", "dftb", "dlp-history", "dlp4", "dmol-arc", "dmol-car",
    "dmol-incoor", "elk", "eon", "espresso-in", "espresso-out", "gamess-us-out",
    "gamess-us-punch", "gaussian-in", "gaussian-out", "gen", "gpaw-out", "gpumd", "gpw",
    "gromacs", "gromos", "json", "jsv", "lammps-data", "lammps-dump-text",
    "magres", "mol", "mustem", "netcdftrajectory", "nomad-json", "nwchem-in", "nwchem-out",
    "octopus-in", "onetep-in", "onetep-out", "orca-output", "prismatic", "proteindatabank",
    "qbox", "res", "rmc6f", "runnerdata", "sdf", "siesta-xv", "struct", "struct_out", "sys",
    "traj", "turbomole", "turbomole-gradient", "v-sim", "vasp", "vasp-out", "vasp-xdatcar",
    "vasp-xml", "wout", "xsd", "xsf", "xtd",
))  # fmt: skip
#: Formats of ASE that are not read, and why.
EXCLUDED = {
    "castep-cell": "ASE starts the program castep to read it; convert it to .cif or .xyz",
    "lammps-dump-binary": "they name no elements and no columns; make text of it with binary2txt",
    "mysql": "it is a server, not a file",
    "postgresql": "it is a server, not a file",
}
#: What reading may take unless WINNOW_READER_SECONDS and WINNOW_READER_MEMORY say otherwise: ASE
#: reads 2 to 20 MB of text in a second, into 5 to 30 times the memory.
SECONDS, SECONDS_PER_BYTE = 60.0, 1e-6
MEMORY, MEMORY_PER_BYTE = 2e9, 30.0
#: What each step begins with in files of which ASE drops a last one that is cut short.
_STARTS_OF_STEPS = dict.fromkeys(("castep-geom", "castep-md"), b"<-- E")
#: What is in files of formats that ASE also takes by their ending alone: .out, .log, .dat.
_SIGNS = {
    "espresso-out": b"Program PWSCF",
    "gaussian-out": b"orientation:",
    "gamess-us-punch": b"$DATA",
}
#: Bytes by which a format is recognised.
_HEAD = 1 << 16


def read_ase(path: Path, source: str, monitor: Monitor) -> list[Frame | LeftOut] | None:
    """Return all structures of a file, or None if it is extended XYZ, which is read without ASE.

    ASE cannot tell how many there are without reading them, so all are read.

    Parameters
    ----------
    path : Path
        Not compressed; a folder if it is a bundle of ASE.
    source : str
        Name of the file, for errors.
    monitor : Monitor

    Raises
    ------
    InputError
        If its format is not in `FORMATS`, or ASE cannot read it within the limits.
    """
    try:
        frames: list[Frame | LeftOut] | None = call(
            read_frames,
            str(path.absolute()),
            name="ASE",
            message="reading with ASE",
            monitor=monitor,
            limits=_limits(_size(path)),
        )
    except InputError as error:
        raise InputError(
            error.cause, source=source, structure=error.structure, asks=error.asks
        ) from None
    except WinnowError as error:
        if type(error) not in (WinnowError, WorkerLost):
            raise  # cancelled
        cause = str(error).partition(" failed: ")[2] or str(error)
        own = own_format(path)
        said = f"cannot be read as {own.title}" if own else "ASE cannot read it"
        raise InputError(f"{said}: {cause}", source=source) from None
    if frames is not None and not frames:
        raise InputError("holds no structures", source=source)
    return frames


def _size(path: Path) -> int:
    """Return the bytes of a file, or of the files in a folder and in the folders in it."""
    if not path.is_dir():
        return path.stat().st_size
    inside = listed(path, SILENT)
    inside += [deep for place in inside if place.is_dir() for deep in listed(place, SILENT)]
    return sum(place.stat().st_size for place in inside if place.is_file())


def _limits(size: int) -> Limits:
    return Limits(
        seconds=positive_from(
            "WINNOW_READER_SECONDS", SECONDS + SECONDS_PER_BYTE * size, "seconds"
        ),
        memory=size_from("WINNOW_READER_MEMORY", MEMORY + MEMORY_PER_BYTE * size),
    )


# ---- inside the process -----------------------------------------------------------------------


def read_frames(file: str, monitor: Monitor) -> list[Frame | LeftOut] | None:
    """Return all structures of a file, or None; called in a process of its own, see `read_ase`.

    Parameters
    ----------
    file : str
        Absolute path.
    monitor : Monitor
    """
    import ase.io.formats  # slow, and of no use to the process that asks

    from analytics.data.confined import confined
    from analytics.data.formats import frame_from_atoms

    path = Path(file)
    with confined(path.parent, path, Path.cwd()):
        own = own_format(path)
        if own is not None:
            monitor.report(0.1, own.title)
            return _frames_of(own, path, monitor)
        if path.is_dir() and path.suffix not in (".traj", ".bundle"):  # ASE's own folders
            raise InputError(_folder_without_data(path))
        if cause := _not_text(path):
            raise InputError(cause)
        try:
            kind = "db" if _is_sqlite(path) else str(ase.io.formats.filetype(file))
        except Exception as error:
            raise InputError(f"ASE does not know its format ({_said(error)})") from None
    if kind in ("xyz", "extxyz"):
        return None
    if kind in EXCLUDED:
        raise InputError(f"files of the format {kind} are not read: {EXCLUDED[kind]}")
    if cause := _not_as_named(path, kind):
        raise InputError(cause)
    if kind not in FORMATS:
        raise InputError("ASE does not know its format")
    monitor.report(0.1, kind)
    if kind in ("db", "json"):  # databases are opened for writing
        path = Path(shutil.copyfile(path, Path.cwd() / path.name))
        if kind == "json" and _start_of(path, 3) == codecs.BOM_UTF8:
            path.write_bytes(path.read_bytes()[3:])
    with confined(path.parent, path):
        images = _images(path, kind)
        loops = loops_in(path, kind)
    if not images:
        raise InputError(f"holds no structures that ASE finds (it takes the file for {kind})")
    if kind in _STARTS_OF_STEPS:
        started = path.read_bytes().count(_STARTS_OF_STEPS[kind])
        images += [LeftOut(i, "the file ends in it") for i in range(len(images), started)]
    if kind == "proteindatabank" and len(images) > 1 and not len(images[-1]):
        images.pop()  # of ASE, for END after the last ENDMDL
    frames: list[Frame] = []
    left_out: list[LeftOut] = []
    for index, atoms in enumerate(images):
        if isinstance(atoms, LeftOut):
            left_out.append(atoms)
            continue
        if index % 100 == 0:
            monitor.report(0.5 + 0.5 * index / len(images), "taking over structures")
        if _partly_occupied(atoms):
            left_out.append(LeftOut(index, "a site is occupied by several elements, or in part"))
            continue
        try:
            frames.append(_packable(frame_from_atoms(index, atoms), f"{kind}, read with ASE"))
        except ValueError as error:
            left_out.append(LeftOut(index, str(error)))
    if any(one.frame < len(frames) for one in left_out):
        return [*left_out, *frames]  # which loop is whose is not known
    return [*left_out, *flagged(frames, loops)]


def _partly_occupied(atoms: Any) -> bool:
    """Say whether ASE chose one of several elements for a site, or a whole atom for a part."""
    given = atoms.info.get("occupancy")
    shares = given.values() if isinstance(given, dict) else ()
    return any(
        isinstance(share, dict) and any(float(part) < 0.999 for part in share.values())
        for share in shares
    )


def _is_sqlite(path: Path) -> bool:
    """Say whether it is an SQLite database, whatever its name; another kind of it is no text."""
    return path.is_file() and _start_of(path, 16) == b"SQLite format 3\0"


def _not_text(path: Path) -> str:
    """Return what to say of text that no reader decodes."""
    if path.is_file() and _start_of(path, 2) in (b"\xff\xfe", b"\xfe\xff"):
        return "is UTF-16 text; save the file as UTF-8"
    return ""


def _start_of(path: Path, n: int) -> bytes:
    with path.open("rb") as file:
        return file.read(n)


def _not_as_named(path: Path, kind: str) -> str:
    """Return what to say where ASE would read something else than what is in the file."""
    if kind in ("db", "sqlite"):
        try:
            with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as base:
                found = base.execute("select name from sqlite_master").fetchall()
        except sqlite3.Error as error:
            return f"is a damaged SQLite database ({one_line(str(error))})"
        names = sorted(str(row[0]) for row in found)
        if not {"systems", "keys", "species"} <= set(names):
            tables = ", ".join(names[:8]) or "no tables"
            return f"is an SQLite database with {tables} in it, and no database of ASE"
    sign = _SIGNS.get(kind)
    if sign and path.is_file() and sign not in path.read_bytes():
        return f"ASE does not know its format (its ending is that of {kind}, its content is not)"
    return ""


def _folder_without_data(path: Path) -> str:
    """Return what to say of a folder that is no data set."""
    files = [p for p in listed(path, SILENT) if p.is_file() and not p.name.startswith(".")]
    if not files and not any(place.is_dir() for place in listed(path, SILENT)):
        return "is an empty folder"
    common = Counter(file.suffix for file in files if file.suffix).most_common(1)
    if common and common[0][1] > 1:
        ending, count = common[0]
        return (
            f"is a folder with {count} files {ending}, which are read together as "
            f"'{path.name}/*{ending}'"
        )
    return (
        "no data set in this folder or the folders in it: expected type.raw and set.*/coord.npy "
        "(deepmd/npy), or files of a format in docs/formats.md; a file in it is read by its name"
    )


def own_format(path: Path) -> FileFormat | None:
    """Return the format of `analytics.data.file_formats` that a file has, if any."""
    head = b""
    if path.is_file():
        with path.open("rb") as opened_file:
            head = opened_file.read(_HEAD)
    return next(
        (FILE_FORMATS[name] for name in FILE_FORMATS if FILE_FORMATS[name].recognise(path, head)),
        None,
    )


def _frames_of(own: FileFormat, path: Path, monitor: Monitor) -> list[Frame | LeftOut]:
    try:
        return [
            _packable(x, own.title) if isinstance(x, Frame) else x for x in own.read(path, monitor)
        ]
    except WinnowError:
        raise
    except (Exception, RecursionError) as error:  # a damaged file fails anywhere
        raise InputError(f"cannot be read as {own.title}: {_said(error)}") from None


def _images(path: Path, kind: str) -> list[Any]:
    import ase.io

    try:
        if kind in ("db", "json"):
            return _database(path, kind)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of ASE's own future, and of what a check finds
            logging.getLogger("ase").setLevel(logging.ERROR)
            if kind == "traj" and path.is_file():
                return read_trajectory(path)
            return images_of_jobs(path, kind, _reader_of(kind))
    except InputError:
        raise
    except ase.io.formats.UnknownFileTypeError:
        raise InputError("ASE does not know its format") from None
    # every format of ASE fails in its own way
    except (Exception, RecursionError) as error:
        text = path.read_text(errors="replace") if kind == "vasp" and path.is_file() else ""
        if text and (flaw := poscar_flaw(text)):
            raise InputError(flaw) from None
        lost = [loop for loop in loops_in(path, kind) if not loop.converged]
        why = f"; {len(lost)} of its electronic loops did not converge" if lost else ""
        raise InputError(f"ASE cannot read it as {kind} ({_said(error)}){why}") from None


def _reader_of(kind: str) -> Callable[[Any], list[Any]]:
    """Return what reads a path, or text, as a format of ASE."""
    import ase.io

    if kind == "res":  # ASE takes the name of the file for a pattern
        return _shelx
    if kind == "aims-output":
        from ase.io.aims import read_aims_output

        # it would refuse the whole file for a last step that did not converge
        return lambda text: list(read_aims_output(text, slice(None), non_convergence_ok=True))
    return lambda text: list(ase.io.read(text, ":", format=kind))


def _shelx(text: Any) -> list[Any]:
    from ase.calculators.singlepoint import SinglePointCalculator
    from ase.io.res import Res

    found = Res.from_string(text.read())  # type: ignore[no-untyped-call]
    if found.energy is not None:
        found.atoms.calc = SinglePointCalculator(found.atoms, energy=found.energy)  # type: ignore[no-untyped-call]
    return [found.atoms]


def _database(path: Path, kind: str) -> list[Any]:
    """Read an ASE database with the key-value pairs that `ase.io.read` leaves behind."""
    import ase.db

    from analytics.data.formats import atoms_of_row

    images: list[Any] = []
    with ase.db.connect(path, type=kind, serial=True) as connection:  # type: ignore[no-untyped-call]
        images.extend(atoms_of_row(row) for row in connection.select())
    return images


def _packable(frame: Frame, title: str) -> Frame:
    """Return a structure with all it brings along as numbers and text (a space group: its name)."""
    for values in (frame.info, frame.arrays):
        for key in list(values):
            value = values.pop(key)
            try:
                pack(value)
            except (TypeError, RecursionError):
                if values is frame.arrays:
                    continue  # no column of objects means anything to anyone else
                value = one_line(getattr(value, "symbol", None) or str(value))
            values[str(key)] = np.asarray(value) if values is frame.arrays else value
    return replace(frame, format=frame.format or title)


def _said(error: BaseException) -> str:
    text = one_line(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
