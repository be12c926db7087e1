"""Extended XYZ: where each structure starts in the file, and what it says.

The file is indexed before anything is parsed. So a slice costs what it holds, and an error can
name its structure and line. Atom lines are then parsed some megabytes at a time by the C parser
(the `extxyz` package), which trusts what it reads: it is given a file of our own that holds atom
lines and nothing else, once they are known to be as many as announced and their words no longer
than its buffers (docs/upstream.md). What it does not take (NaN, text beyond ASCII, unusual
numbers) is read in Python, slowly.
"""

from __future__ import annotations

import codecs
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from extxyz import cextxyz

from analytics.data.extxyz_comment import parse_comment, parse_properties
from analytics.data.frames import Columns, Frame, species_numbers
from analytics.data.opened import PIECE, Content, opened
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor, Part

__all__ = ["ATOMIC_NUMBERS", "LONGEST_WORD", "POSITIONS", "read_extxyz"]

_BOM = codecs.BOM_UTF8
_PLAIN = "species:S:1:pos:R:3"
POSITIONS = ("pos", "positions")
_SPECIES = ("species", "symbols", "symbol", "element", "elements")
ATOMIC_NUMBERS = ("z", "numbers", "atomic_numbers")
_FORTRAN = re.compile(r"(?<=[0-9.])[dD](?=[+-]?[0-9])")
_WORD = re.compile(rb"\S")
_C_BLANKS = re.compile(rb"[ \t\r\n]+")
#: Bytes of atom lines that are parsed together.
_BATCH = 1 << 21
#: Bytes of the longest word in an atom line that is a number or a label; a float64 written out
#: in full takes up to 330, but nobody writes 1e300 that way. The C parser has room for 1000.
LONGEST_WORD = 255
#: Bytes of the longest line that the C parser is given: its time grows with the square of it.
_LONGEST_LINE = 1 << 16
#: Bytes of atom lines of one structure; the C parser counts with 32 bit.
_LARGEST_BLOCK = 1 << 30


class _Span(NamedTuple):
    """Where a structure is: byte offsets of its comment, of its atom lines, and past its end."""

    comment: int
    atoms: int
    stop: int
    n_atoms: int


@dataclass(frozen=True, slots=True)
class _Block:
    """A structure whose comment is understood and whose atom lines are not yet.

    `lines` ends with a line break.
    """

    index: int
    comment: str
    info: dict[str, Any]
    columns: Columns
    lines: bytes
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
    with (
        opened(path, Part(monitor, 0.0, 0.2)) as content,
        tempfile.TemporaryDirectory(prefix="winnow-", ignore_cleanup_errors=True) as folder,
    ):
        spans = _index(content, Part(monitor, 0.2, 0.3))
        if not spans:
            raise InputError("holds no structures, only blank lines", source=path.name)
        chosen = choose(len(spans))
        clock, done = time.monotonic(), 0
        for blocks, failed in _batches(content, spans, chosen):
            parsed = _parse(blocks, Path(folder) / "atoms.xyz")
            for block, arrays in zip(blocks, parsed, strict=True):
                if time.monotonic() - clock > 0.1:
                    monitor.report(0.3 + 0.7 * done / len(chosen), "reading structures")
                    monitor.checkpoint()
                    clock = time.monotonic()
                try:
                    yield _frame(block, arrays)
                except ValueError as error:
                    raise InputError(str(error), source=path.name, structure=block.index) from None
                done += 1
            if failed is not None:
                raise failed


class _Lines:
    """A walk over the lines of a file, from its start to its end.

    Attributes
    ----------
    start : int
        Offset of the line to come.
    number : int
        How many lines came before it.
    """

    def __init__(self, content: Content, monitor: Monitor) -> None:
        self._content, self._monitor = content, monitor
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._loaded = 0  # offset past the piece
        self._load()
        marked = content.read(0, min(len(_BOM), content.size)) == _BOM
        self.start = len(_BOM) if marked else 0
        self.number = 0

    def _load(self) -> bool:
        """Take the next piece; return whether there is one."""
        first, size = self._loaded, self._content.size
        if first >= size:
            return False
        self._piece = self._content.read(first, min(first + PIECE, size))
        self._loaded += len(self._piece)
        self._check_text(first)
        ends = np.flatnonzero(np.frombuffer(self._piece, np.uint8) == ord("\n")) + first
        if self._loaded == size and not self._piece.endswith(b"\n"):
            ends = np.append(ends, size)
        self._first, self._ends, self._at = first, ends, 0
        self._monitor.report(self._loaded / size, "looking for structures")
        self._monitor.checkpoint()
        return True

    def _check_text(self, first: int) -> None:
        """Refuse what is not UTF-8 text, saying where it stops being so."""
        piece, source = self._piece, self._content.source
        zero = piece.find(b"\0")
        if zero >= 0:
            raise InputError(
                f"not a text file: byte 0 at offset {first + zero}; is it a binary or compressed "
                "file named .xyz?",
                source=source,
            )
        pending = self._decoder.getstate()[0]
        if piece.isascii() and not pending:
            return
        try:
            self._decoder.decode(piece, final=self._loaded >= self._content.size)
        except UnicodeDecodeError as error:
            wrong = (pending + piece)[error.start]
            raise InputError(
                f"not UTF-8 text: byte 0x{wrong:02x} at offset "
                f"{first - len(pending) + error.start}; save the file as UTF-8, or is it a binary "
                "or compressed file named .xyz?",
                source=source,
            ) from None

    def skip(self, n: int) -> int:
        """Pass over up to n lines, and return how many there were."""
        left = n
        while True:
            here = min(left, len(self._ends) - self._at)
            if here:
                self._at += here
                self.number += here
                self.start = int(self._ends[self._at - 1]) + 1
                left -= here
            if not left or not self._load():
                return n - left

    def skip_blank(self) -> bool:
        """Pass over blank lines; return whether there is a line with something in it."""
        while True:
            word = _WORD.search(self._piece, max(0, self.start - self._first))
            if word is not None:
                self.skip(int(np.searchsorted(self._ends[self._at :], self._first + word.start())))
                return True
            self.skip(len(self._ends) - self._at)
            self.start = max(self.start, self._loaded)  # the rest of the piece is blank
            if not self._load():
                return False

    def text(self) -> bytes:
        """Return the start of the line to come, without blanks around it."""
        stop = min(self.start + 1000, self._content.size)
        return self._content.read(self.start, stop).partition(b"\n")[0].strip()


def _index(content: Content, monitor: Monitor) -> list[_Span]:
    """Find every structure by walking from one number of atoms to the next."""
    spans: list[_Span] = []
    lines = _Lines(content, monitor)
    while lines.skip_blank():
        line = lines.number
        n_atoms = _atom_count(lines.text(), line, len(spans), content.source)
        lines.skip(1)
        comment = lines.start
        found = lines.skip(1)
        atoms = lines.start
        found += lines.skip(n_atoms)
        if found <= n_atoms:
            raise InputError(
                f"the file ends early: {max(0, found - 1)} of the {n_atoms} atoms announced on "
                f"line {line + 1} are there",
                source=content.source,
                structure=len(spans),
            )
        spans.append(_Span(comment, atoms, min(lines.start, content.size), n_atoms))
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


def _batches(
    content: Content, spans: list[_Span], chosen: list[int]
) -> Iterator[tuple[list[_Block], InputError | None]]:
    """Yield structures to be parsed together, and what is wrong with the one after them."""
    blocks: list[_Block] = []
    size = 0
    for index in chosen:
        try:
            block = _block(content, spans[index], index)
        except ValueError as error:
            yield blocks, InputError(str(error), source=content.source, structure=index)
            return
        blocks.append(block)
        size += len(block.lines)
        if size > _BATCH:
            yield blocks, None
            blocks, size = [], 0
    yield blocks, None


def _block(content: Content, span: _Span, index: int) -> _Block:
    if span.stop - span.atoms > _LARGEST_BLOCK:
        raise ValueError(f"has more than {_LARGEST_BLOCK >> 30} GB of atom lines")
    lines = content.read(span.atoms, span.stop)
    if not lines.endswith(b"\n"):
        lines += b"\n"
    if lines.count(b"\n") != span.n_atoms or b"\0" in lines:
        raise content.changed()
    try:
        comment = content.read(span.comment, span.atoms).decode()
    except UnicodeDecodeError:
        raise content.changed() from None
    info = parse_comment(comment)
    columns = parse_properties(str(_pop(info, "Properties") or _PLAIN))
    said = comment.strip() if "=" in comment else ""  # else it is free text, not pairs
    return _Block(index, said, info, columns, lines, span.n_atoms)


def _parse(blocks: list[_Block], path: Path) -> list[list[npt.NDArray[Any]] | None]:
    """Return the columns of each structure, or None where they have to be read in Python.

    Parameters
    ----------
    blocks : list of _Block
    path : Path
        Where to put the lines for the C parser.
    """
    # the C parser takes the line after the number of atoms for the comment
    texts = [b"%d\n\n%b" % (block.n_atoms, block.lines) for block in blocks]
    whole = b"".join(texts)
    short = _words_are_short(whole)
    fit = [_fits_c_parser(block, short) for block in blocks]
    if not all(fit):
        whole = b"".join(text for text, fits in zip(texts, fit, strict=True) if fits)
    path.write_bytes(whole)
    with _C_PARSER:
        file = cextxyz.cfopen(str(path), "r")
        if not file:
            return [None] * len(blocks)
        try:
            return _parse_in_c(file, blocks, texts, fit)
        finally:
            cextxyz.cfclose(file)


#: One at a time: it uses `strtok`, which threads share.
_C_PARSER = threading.Lock()


def _parse_in_c(
    file: Any, blocks: list[_Block], texts: list[bytes], fit: list[bool]
) -> list[list[npt.NDArray[Any]] | None]:
    found: list[list[npt.NDArray[Any]] | None] = []
    start, astray = 0, False
    for block, text, fits in zip(blocks, texts, fit, strict=True):
        if not fits:
            found.append(None)
            continue
        if astray:
            cextxyz.cfseek(file, start, 0)
        start += len(text)
        try:
            _, _, arrays = cextxyz.read_frame_dicts(
                file, comment=_c_properties(block.columns), use_cleri=False
            )
            found.append([arrays[f"c{i}"] for i in range(len(block.columns))])
            astray = False
            # any Exception: the C library's message is about its own view of the text, and
            # the Python reader that takes over finds the cause and the line
        except Exception:
            found.append(None)
            astray = True
    return found


def _words_are_short(text: bytes) -> bool:
    """Say whether no word is too long; sometimes also says no where none is.

    One byte in each stretch of half the length has to be blank, which is soon seen.
    """
    codes = np.frombuffer(text, np.uint8)
    blank = (codes == ord(" ")) | (codes == ord("\n"))
    if _never_apart(blank, LONGEST_WORD // 2):
        return True
    return _never_apart(blank | (codes == ord("\t")) | (codes == ord("\r")), LONGEST_WORD // 2)


def _never_apart(marks: npt.NDArray[np.bool_], step: int) -> bool:
    """Say whether each stretch of `step` holds a mark, but for the last, which is shorter."""
    whole = len(marks) // step
    return bool(marks[: whole * step].reshape(whole, step).any(axis=1).all())


def _fits_c_parser(block: _Block, short: bool) -> bool:
    """Say whether the C parser can be given the lines of a structure, without harm to memory."""
    # to C a vertical tab and a form feed are letters
    if not short and max(map(len, _C_BLANKS.split(block.lines))) > LONGEST_WORD:
        return False
    n_columns = sum(width for _, _, width in block.columns)
    # it makes room for what is announced before it looks
    if 2 * n_columns * block.n_atoms > len(block.lines):
        return False
    # and takes text as Latin-1
    if any(kind == "S" for _, kind, _ in block.columns) and not block.lines.isascii():
        return False
    if len(block.lines) <= _LONGEST_LINE:
        return True
    ends = np.frombuffer(block.lines, np.uint8) == ord("\n")
    return _never_apart(ends, _LONGEST_LINE // 2)


@lru_cache(maxsize=256)
def _c_properties(columns: Columns) -> str:
    """Describe the columns to the C parser under names it always accepts.

    Integers are read as text: it would silently wrap those beyond 32 bit.
    """
    kinds = (
        f"c{i}:{'S' if kind == 'I' else kind}:{width}" for i, (_, kind, width) in enumerate(columns)
    )
    return "Properties=" + ":".join(kinds)


def _frame(block: _Block, arrays: list[npt.NDArray[Any]] | None) -> Frame:
    info, columns = block.info, block.columns
    names = [name for name, _, _ in columns]
    named = dict(zip(names, _read_columns(block, arrays), strict=True))
    positions = _pop(named, *POSITIONS)
    if positions is None or positions.ndim != 2 or positions.shape[1] != 3:
        raise ValueError(f"has no positions of three columns; its columns are {', '.join(names)}")
    lattice = _pop(info, "Lattice")
    cell = np.zeros((3, 3)) if lattice is None else _cell(lattice)
    pbc = _pbc(_pop(info, "pbc"), lattice is not None)
    numbers = _numbers(named, names)
    return Frame(block.index, numbers, positions, cell, pbc, info, named, block.comment, columns)


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


def _read_columns(block: _Block, arrays: list[npt.NDArray[Any]] | None) -> list[npt.NDArray[Any]]:
    if arrays is None:
        return _parse_columns(block.lines, block.columns)
    return [
        _integers(values, name) if kind == "I" else values
        for values, (name, kind, _) in zip(arrays, block.columns, strict=True)
    ]


def _integers(words: npt.NDArray[Any], name: str) -> npt.NDArray[np.int64]:
    try:
        return words.astype(np.int64)
    except (ValueError, OverflowError):
        raise ValueError(f"column {name!r} holds something that is not a whole number") from None


def _parse_columns(block: bytes, columns: Columns) -> list[npt.NDArray[Any]]:
    """Read a block of atom lines in Python: slower than the C parser, but it says what is wrong."""
    expected = sum(width for _, _, width in columns)
    lines = []
    for atom, line in enumerate(block.decode(errors="replace").rstrip("\n").split("\n")):
        words = line.split()
        _check_words(words, atom, columns)
        if len(words) != expected:
            raise ValueError(
                f"atom {atom} has {len(words)} values in its line where {expected} are announced; "
                "is the number of atoms right?"
            )
        lines.append(words)
    table = list(zip(*lines, strict=True))
    arrays, first = [], 0
    for name, kind, width in columns:
        parts = [_column(table[i], name, kind) for i in range(first, first + width)]
        arrays.append(parts[0] if width == 1 else np.stack(parts, axis=1))
        first += width
    return arrays


def _check_words(words: list[str], atom: int, columns: Columns) -> None:
    """Refuse a word that is too long for a number or a label, by atom and column."""
    if words and len(max(words, key=len)) > LONGEST_WORD:
        at = next(i for i, word in enumerate(words) if len(word) > LONGEST_WORD)
        names = [name for name, _, width in columns for _ in range(min(width, at + 1))]
        where = f"in column {names[at]!r}" if at < len(names) else "past its last column"
        raise ValueError(
            f"atom {atom}: a word of {len(words[at])} characters {where} ({words[at][:12]}...) "
            "is no number and no label"
        )


def _column(words: tuple[str, ...], name: str, kind: str) -> npt.NDArray[Any]:
    if kind == "S":
        return np.array(words)
    convert = _CONVERT[kind]
    values = []
    for atom, word in enumerate(words):
        try:
            values.append(convert(word))
        except (ValueError, KeyError):
            shown = word if len(word) <= 40 else f"{word[:40]}..."
            raise ValueError(f"atom {atom}: {shown!r} in column {name!r} is not a value") from None
    try:
        return np.array(values, dtype=_DTYPES[kind])
    except OverflowError:
        raise ValueError(f"column {name!r} holds a whole number beyond 64 bit") from None


def _real(word: str) -> float:
    return float(_FORTRAN.sub("e", word))


def _logical(word: str) -> bool:
    return {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}[
        word.lower()
    ]


_CONVERT: dict[str, Callable[[str], float | int | bool]] = {"R": _real, "I": int, "L": _logical}
_DTYPES = {"R": np.float64, "I": np.int64, "L": np.bool_}


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
