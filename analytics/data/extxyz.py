"""Extended XYZ: where each structure starts in the file, and what it says.

The file is indexed before anything is parsed. So a slice costs what it holds, an error can name
its structure and line, and the C parser (the `extxyz` package) is only ever shown a block of atom
lines whose length is known to be right: given a wrong number of atoms it may crash the process.
What it refuses (NaN, text beyond ASCII, unusual numbers) is read in Python, slowly.
"""

from __future__ import annotations

import bz2
import codecs
import gzip
import lzma
import mmap
import re
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from extxyz import cextxyz

from analytics.data.extxyz_comment import parse_comment, parse_properties
from analytics.data.frames import Columns, Frame, species_numbers
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

__all__ = ["ATOMIC_NUMBERS", "POSITIONS", "read_extxyz"]

Text = bytes | mmap.mmap

_UNPACK: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": gzip.decompress,
    b"BZh": bz2.decompress,
    b"\xfd7zXZ\x00": lzma.decompress,
}
_BOM = codecs.BOM_UTF8
_CHUNK = 1 << 24
_PLAIN = "species:S:1:pos:R:3"
POSITIONS = ("pos", "positions")
_SPECIES = ("species", "symbols", "symbol", "element", "elements")
ATOMIC_NUMBERS = ("z", "numbers", "atomic_numbers")
_FORTRAN = re.compile(r"(?<=[0-9.])[dD](?=[+-]?[0-9])")


class _Span(NamedTuple):
    """Where a structure is: byte offsets of its comment, of its atom lines, and past its end."""

    start: int
    comment: int
    atoms: int
    stop: int
    n_atoms: int


def read_extxyz(
    path: Path, choose: Callable[[int], list[int]], monitor: Monitor
) -> Iterator[Frame]:
    """Yield the chosen structures of an extended XYZ file, compressed or not.

    Parameters
    ----------
    path : Path
    choose : callable
        Given the number of structures in the file, returns the indices to read.
    monitor : Monitor
        Told the fraction of the chosen structures that are read.
    """
    monitor.report(0.0, "opening the file")
    with _plain_text(path) as (text, plain_path):
        _check_text(text, path.name)
        monitor.checkpoint()
        spans = _index(text, path.name, monitor)
        if not spans:
            raise InputError("holds no structures, only blank lines", source=path.name)
        chosen = choose(len(spans))
        with _CParser(plain_path) as parser:
            clock = time.monotonic()
            for done, index in enumerate(chosen):
                if time.monotonic() - clock > 0.1:
                    monitor.report(done / len(chosen), "reading structures")
                    monitor.checkpoint()
                    clock = time.monotonic()
                try:
                    yield _read_frame(text, spans[index], index, parser)
                except ValueError as error:
                    raise InputError(str(error), source=path.name, structure=index) from None


@contextmanager
def _plain_text(path: Path) -> Iterator[tuple[Text, Path]]:
    """Yield the text and the path of a file the C parser can open (a copy if compressed).

    Goes by the first bytes rather than by the name: files are often renamed.
    """
    with path.open("rb") as file:
        head = file.read(6)
        if not head:
            raise InputError("the file is empty", source=path.name)
        unpack = next((f for magic, f in _UNPACK.items() if head.startswith(magic)), None)
        if unpack is None and _c_can_open(path):
            # not closed by hand: arrays that look into it may outlive the last structure
            yield mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), path
            return
        file.seek(0)
        packed = file.read()
    try:
        text = packed if unpack is None else unpack(packed)
    except (OSError, EOFError, lzma.LZMAError, zlib.error) as error:
        raise InputError(f"cannot be decompressed: {error}", source=path.name) from None
    if not text:
        raise InputError("the file is empty", source=path.name)
    with tempfile.TemporaryDirectory(prefix="winnow-") as folder:
        copy = Path(folder) / "structures.xyz"
        copy.write_bytes(text)
        yield text, copy


def _c_can_open(path: Path) -> bool:
    """Say whether the C library, which wants UTF-8, can be given this name."""
    with suppress(UnicodeEncodeError):
        return bool(str(path).encode())
    return False


def _check_text(text: Text, source: str) -> None:
    """Refuse what is not UTF-8 text, saying where it stops being so."""
    zero = text.find(b"\0")
    if zero >= 0:
        raise InputError(
            f"not a text file: byte 0 at offset {zero}; is it a binary or compressed file "
            "named .xyz?",
            source=source,
        )
    decoder = codecs.getincrementaldecoder("utf-8")()
    for start in range(0, len(text), _CHUNK):
        chunk = text[start : start + _CHUNK]
        if chunk.isascii() and not decoder.getstate()[0]:
            continue
        pending = len(decoder.getstate()[0])
        try:
            decoder.decode(chunk, final=start + _CHUNK >= len(text))
        except UnicodeDecodeError as error:
            offset = start - pending + error.start
            raise InputError(
                f"not UTF-8 text: byte 0x{text[offset]:02x} at offset {offset}; save the file "
                "as UTF-8, or is it a binary or compressed file named .xyz?",
                source=source,
            ) from None


def _line_ends(text: Text) -> npt.NDArray[np.int64]:
    """Return the offset of each line's end, the last line's with or without a line break."""
    parts = [
        np.flatnonzero(np.frombuffer(text[start : start + _CHUNK], np.uint8) == ord("\n")) + start
        for start in range(0, len(text), _CHUNK)
    ]
    ends = np.concatenate(parts).astype(np.int64)
    if text[-1:] != b"\n":
        ends = np.append(ends, len(text))
    return ends


def _index(text: Text, source: str, monitor: Monitor) -> list[_Span]:
    """Find every structure by walking from one number of atoms to the next."""
    ends = _line_ends(text)
    spans: list[_Span] = []
    line, start = 0, len(_BOM) if text[:3] == _BOM else 0
    while line < len(ends):
        count = text[start : int(ends[line])].strip()
        if not count:  # blank lines between structures
            start = int(ends[line]) + 1
            line += 1
            continue
        n_atoms = _atom_count(count, line, len(spans), source)
        last = line + 1 + n_atoms
        if last >= len(ends):
            found = max(0, len(ends) - line - 2)
            raise InputError(
                f"the file ends early: {found} of the {n_atoms} atoms announced on line "
                f"{line + 1} are there",
                source=source,
                structure=len(spans),
            )
        comment, atoms = int(ends[line]) + 1, int(ends[line + 1]) + 1
        spans.append(_Span(start, comment, atoms, int(ends[last]) + 1, n_atoms))
        line, start = last + 1, int(ends[last]) + 1
        if len(spans) % 10_000 == 0:
            monitor.checkpoint()
    return spans


def _atom_count(count: bytes, line: int, structure: int, source: str) -> int:
    if re.fullmatch(rb"\+?[0-9]{1,12}", count):
        if int(count) > 0:
            return int(count)
        raise InputError("has no atoms", source=source, structure=structure)
    shown = count[:40].decode(errors="replace")
    cause = f"line {line + 1} should hold a number of atoms but reads {shown!r}"
    if structure:
        cause += f"; does structure {structure - 1} announce the right number of atoms?"
    raise InputError(cause, source=source, structure=structure)


class _CParser:
    """The C parser on one open file; remembers where it stands to save the seeks."""

    def __init__(self, path: Path) -> None:
        self._path, self._offset = path, 0

    def __enter__(self) -> _CParser:
        self._file = cextxyz.cfopen(str(self._path), "r")
        if not self._file:
            raise InputError("cannot be opened", source=self._path.name)
        return self

    def __exit__(self, *_: object) -> None:
        cextxyz.cfclose(self._file)

    def read(self, span: _Span, columns: Columns) -> list[npt.NDArray[Any]] | None:
        """Return one array per column, or None where the C parser does not know what to do."""
        if self._offset != span.start:
            cextxyz.cfseek(self._file, span.start, 0)
        self._offset = -1
        try:
            _, _, arrays = cextxyz.read_frame_dicts(
                self._file, comment=_c_properties(columns), use_cleri=False
            )
            # any Exception: the C library's message is about its own view of the text, and
            # the Python reader that takes over finds the cause and the line
        except Exception:
            return None
        self._offset = span.stop
        return [arrays[f"c{i}"] for i in range(len(columns))]


@lru_cache(maxsize=256)
def _c_properties(columns: Columns) -> str:
    """Describe the columns to the C parser under names it always accepts.

    Integers are read as text: it would silently wrap those beyond 32 bit.
    """
    kinds = (
        f"c{i}:{'S' if kind == 'I' else kind}:{width}" for i, (_, kind, width) in enumerate(columns)
    )
    return "Properties=" + ":".join(kinds)


def _read_frame(text: Text, span: _Span, index: int, parser: _CParser) -> Frame:
    comment = text[span.comment : span.atoms].decode()
    info = parse_comment(comment)
    columns = parse_properties(str(_pop(info, "Properties") or _PLAIN))
    names = [name for name, _, _ in columns]
    arrays = dict(zip(names, _read_columns(text, span, columns, parser), strict=True))
    positions = _pop(arrays, *POSITIONS)
    if positions is None or positions.ndim != 2 or positions.shape[1] != 3:
        raise ValueError(f"has no positions of three columns; its columns are {', '.join(names)}")
    lattice = _pop(info, "Lattice")
    cell = np.zeros((3, 3)) if lattice is None else _cell(lattice)
    pbc = _pbc(_pop(info, "pbc"), lattice is not None)
    numbers = _numbers(arrays, names)
    said = comment.strip() if "=" in comment else ""  # else it is free text, not pairs
    return Frame(index, numbers, positions, cell, pbc, info, arrays, said, columns)


def _pop(values: dict[str, Any], *names: str) -> Any:
    """Remove and return a value by one of its names, in any letter case; None without one."""
    for name in names:
        if name in values:
            return values.pop(name)
    lower = [name.lower() for name in names]
    for key in values:
        if key.lower() in lower:
            return values.pop(key)
    return None


def _read_columns(
    text: Text, span: _Span, columns: Columns, parser: _CParser
) -> list[npt.NDArray[Any]]:
    block = None
    kinds = {kind for _, kind, _ in columns}
    # the C parser takes text as Latin-1
    if "S" in kinds and not (block := text[span.atoms : span.stop]).isascii():
        arrays = None
    else:
        arrays = parser.read(span, columns)
    if arrays is None:
        return _parse_columns(block or text[span.atoms : span.stop], columns)
    if "I" in kinds:
        for i, (name, kind, _) in enumerate(columns):
            if kind == "I":
                arrays[i] = _integers(arrays[i], name)
    return arrays


def _integers(words: npt.NDArray[Any], name: str) -> npt.NDArray[np.int64]:
    try:
        return words.astype(np.int64)
    except (ValueError, OverflowError):
        raise ValueError(f"column {name!r} holds something that is not a whole number") from None


def _parse_columns(block: bytes, columns: Columns) -> list[npt.NDArray[Any]]:
    """Read a block of atom lines in Python: slower than the C parser, but it says what is wrong."""
    lines = [line.split() for line in block.decode().rstrip("\n").split("\n")]
    expected = sum(width for _, _, width in columns)
    for atom, words in enumerate(lines):
        if len(words) != expected:
            raise ValueError(
                f"atom {atom} has {len(words)} values in its line where {expected} are announced; "
                "is the number of atoms right?"
            )
    table = list(zip(*lines, strict=True))
    arrays, first = [], 0
    for name, kind, width in columns:
        parts = [_column(table[i], name, kind) for i in range(first, first + width)]
        arrays.append(parts[0] if width == 1 else np.stack(parts, axis=1))
        first += width
    return arrays


def _column(words: tuple[str, ...], name: str, kind: str) -> npt.NDArray[Any]:
    if kind == "S":
        return np.array(words)
    convert = _CONVERT[kind]
    values = []
    for atom, word in enumerate(words):
        try:
            values.append(convert(word))
        except (ValueError, KeyError):
            raise ValueError(f"atom {atom}: {word!r} in column {name!r} is not a value") from None
    return np.array(values)


def _real(word: str) -> float:
    return float(_FORTRAN.sub("e", word))


def _logical(word: str) -> bool:
    return {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}[
        word.lower()
    ]


_CONVERT: dict[str, Callable[[str], float | int | bool]] = {"R": _real, "I": int, "L": _logical}


def _numbers(arrays: dict[str, npt.NDArray[Any]], names: list[str]) -> npt.NDArray[Any]:
    species = _pop(arrays, *_SPECIES)
    if species is not None:
        return species_numbers([str(symbol) for symbol in species.tolist()])
    numbers = _pop(arrays, *ATOMIC_NUMBERS)
    if numbers is None or numbers.ndim != 1:
        raise ValueError(f"names no elements (species or Z); its columns are {', '.join(names)}")
    return species_numbers([str(number) for number in numbers.tolist()])


def _cell(lattice: Any) -> npt.NDArray[np.float64]:
    """Return the cell vectors as rows, angstrom."""
    if isinstance(lattice, str):  # what is not plain numbers: NaN, or Fortran's 1.0D+01
        with suppress(ValueError):
            lattice = np.array([_real(word) for word in lattice.split()])
    if isinstance(lattice, np.ndarray) and lattice.dtype.kind in "if":
        if lattice.shape == (3, 3):  # the format lists the vectors as columns
            return np.ascontiguousarray(lattice.T, dtype=np.float64)
        if lattice.shape == (9,):
            return lattice.astype(np.float64).reshape(3, 3)
        if lattice.shape == (3,):
            return np.diag(lattice.astype(np.float64))
    raise ValueError(f"Lattice={lattice} is not nine numbers")


def _pbc(value: Any, has_lattice: bool) -> npt.NDArray[np.bool_]:
    """Return the periodicity; without a statement, periodic means that there is a lattice."""
    if value is None:
        return np.full(3, has_lattice)
    flags = np.asarray(value)
    if flags.dtype.kind in "bi" and flags.shape in ((), (1,), (3,)):
        return flags.astype(bool) if flags.shape == (3,) else np.full(3, bool(flags.item()))
    raise ValueError(f"pbc={value} is not three of T and F")
