"""Files of other programs that are not read here: they are named, with what does read them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from analytics.data.file_formats.registry import FileFormat, register
from analytics.data.frames import Frame, LeftOut
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

_TORCH = (
    "holds pickled Python objects of torch, which are programs and not read here; load it with "
    "torch and write the structures with ase.io.write"
)
_PICKLE = (
    "holds pickled Python objects, which are programs and not read here; load it where you trust "
    "it and write the structures with ase.io.write"
)
_HEADS = {
    **dict.fromkeys((b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05"), _PICKLE),
    b"ARROW1": "is an Arrow file; datasets or pyarrow write it as parquet, which is read",
    b"\x93NUMPY": "is one array without elements: winnow select-rows takes features, and "
    "numpy.savez writes an npz of z, R, E and F",
    b"MATLAB ": "is a MATLAB file; scipy.io.loadmat reads it, and numpy.savez writes an npz of it",
    b"\x00\x00\x07\xcb": "is an XTC trajectory of GROMACS without energies; MDAnalysis reads it",
    b"\x00\x00\x07\xc9": "is a TRR trajectory of GROMACS without energies; MDAnalysis reads it",
    b"T\x00\x00\x00CORD": "is a DCD trajectory without elements and energies; MDAnalysis reads it",
}
#: What the outputs of programs that nothing here reads say of themselves near their start.
_OUTPUTS = {
    b"Psi4: An Open-Source Ab Initio": "of Psi4; dpdata reads one with a gradient, and Psi4's own "
    "QCSchema JSON is read here",
    b"|                           x T B ": "of xTB; its xtbopt.log and xtb.trj are XYZ",
    b"Welcome to Q-Chem": "of Q-Chem; cclib reads it",
    b"***  PROGRAM SYSTEM MOLPRO  ***": "of Molpro; cclib reads it",
    b"# The current gradient in Eh/bohr": "of ORCA (.engrad); its main output is read",
    b"WELCOME TO SIESTA": "of SIESTA; dpdata and sisl read it",
    b"Atomic-orbital Based Ab-initio": "of ABACUS; dpdata reads its folder",
    b"Amsterdam Modeling Suite": "of AMS; PLAMS reads its .rkf",
    b"Executable      : siesta": "of SIESTA; dpdata and sisl read it",
    b"|  DFTB+ ": "of DFTB+; its geo_end.xyz is read, without energies",
    b"CP2K| version string:": "of CP2K; its X-pos-1.xyz and X-frc-1.xyz are read, this one by "
    "dpdata",
    b"PROGRAM CPMD STARTED": "of CPMD; its GEOMETRY.xyz and TRAJEC.xyz are XYZ",
    b"Amsterdam Density Functional": "of ADF; cclib reads it",
    b"Dalton - An Electronic Structure Program": "of DALTON; cclib reads it",
    b"MOPAC20": "of MOPAC; cclib reads it",
    b"TURBOMOLE V": "of Turbomole; its coord and gradient are read",
    b"LAMMPS (": "of LAMMPS, its log; its dump files are read",
    b"mermin_energy": "of DFTB+, its results.tag, which has no positions; dpdata reads it with the "
    "geometry beside it",
    b"http://www.quantum-espresso.org/ns/qes": "of Quantum ESPRESSO in XML; its text is read",
    b"using WIEN2k": "of WIEN2k; its .struct is read, without energies",
    b"Elk version": "of Elk; its GEOMETRY.OUT is read, without energies",
    b"| EXCITING ": "of exciting; exciting's own tools read its info.xml",
    b"*                               CRYSTAL": "of CRYSTAL; its fort.34 is read, without energies",
    b"@<TRIPOS>MOLECULE": "in the format mol2; Open Babel writes it as SDF or XYZ",
}
#: Tables of text: no program writes structures into them that ASE would read.
_TABLES = dict.fromkeys(
    (".csv", ".tsv"),
    "is a table without structures; winnow select-rows takes one of features, as .csv",
)
_ENDINGS = {
    ".pb": "is a model of TensorFlow, not structures",
    ".tfrecord": "is a TFRecord of TensorFlow; its program reads it",
    ".pth": _TORCH,
    ".pt": _TORCH,
    ".pkl": _PICKLE,
    ".pickle": _PICKLE,
}


def _cause(path: Path, head: bytes) -> str:
    if head.startswith(b"PK\x03\x04") and b"data.pkl" in head[:300]:
        return _TORCH
    by_head = next((cause for start, cause in _HEADS.items() if head.startswith(start)), "")
    start = head[:4000]
    output = next((words for sign, words in _OUTPUTS.items() if sign in start), "")
    if output and not by_head:
        return f"is an output {output}" if not output.startswith("in") else f"is {output}"
    text = b"\x00" not in head  # whatever its name, text may be of a format of ASE
    return by_head or (_TABLES if text else _ENDINGS).get(path.suffix.lower(), "")


def recognise(path: Path, head: bytes) -> bool:
    """Say whether it is one of them."""
    return bool(head and _cause(path, head))


def read(path: Path, monitor: Monitor) -> Iterator[Frame | LeftOut]:
    """Refuse it."""
    with path.open("rb") as file:
        _refuse(_cause(path, file.read(1 << 16)))


def _refuse(cause: str) -> NoReturn:
    raise InputError(cause)


register("refused")(FileFormat("files of other programs", recognise, read))
