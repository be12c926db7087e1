"""Extended XYZ: where each structure starts in the file, and what it says.

The file is indexed before anything is parsed. So a slice costs what it holds, and an error can
name its structure and line. Atom lines are then parsed some megabytes at a time by the C parser
(the `extxyz` package), which trusts what it reads: it is given a file of our own that holds atom
lines and nothing else, once they are known to be as many as announced and their words no longer
than its buffers (docs/upstream.md). What it does not take (NaN, text beyond ASCII, unusual
numbers) is read in Python, slowly.
"""

from __future__ import annotations

import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from extxyz import cextxyz

from analytics.data.extxyz_columns import (
    LONGEST_WORD,
    POSITIONS,
    ReadColumns,
    Unusable,
    read_columns,
    read_words,
)
from analytics.data.extxyz_comment import parse_pairs, parse_properties
from analytics.data.extxyz_index import Span, Spans, find_structures, is_atom_line
from analytics.data.extxyz_lattice import NestedLattice, cell_of, is_nested, periodicity
from analytics.data.frames import Columns, Frame, LeftOut, is_species, isotopes, species_numbers
from analytics.data.label_names import meaning_of
from analytics.data.opened import PIECE, Content, opened
from analytics.runtime.arrays import FloatArray, frozen
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor, Part

__all__ = ["ATOMIC_NUMBERS", "read_extxyz"]

_PLAIN = parse_properties("species:S:1:pos:R:3")
_SPECIES = ("species", "symbols", "symbol", "element", "elements")
_TYPES = ("type", "types", "atom_type", "atom_types")
#: Names under which the cell and the periodicity stand where their own are not there.
_CELLS = ("cell", "unit_cell", "cell_vectors", "lattice_vectors")
_PERIODIC = ("periodic", "periodicity")
ATOMIC_NUMBERS = ("z", "numbers", "atomic_numbers")
_LABEL = re.compile(r"[A-Za-z]{1,4}[0-9A-Za-z_+\-.()']{0,16}")
#: What stands for no atom, in lower case: dummies, vacancies, ghosts of basis functions.
_GHOSTS = frozenset(["x", "xx", "q", "du", "dummy", "vac", "va", "gh", "ghost", "bq", "lp", "ep"])
_C_BLANKS = re.compile(rb"[ \t\r\n]+")
#: Bytes of atom lines that are parsed together.
_BATCH = 1 << 21
#: Bytes of the longest line that the C parser is given: its time grows with the square of it.
_LONGEST_LINE = 1 << 16
#: Bytes of atom lines of one structure; the C parser counts with 32 bit.
_LARGEST_BLOCK = 1 << 30


@dataclass(frozen=True, slots=True)
class _Block:
    """A structure whose comment is understood and whose atom lines are not yet.

    `lines` ends with a line break; `line` is that of the number of atoms in the file, one-based.
    """

    index: int
    line: int
    comment: str
    info: dict[str, Any]
    columns: Columns
    lines: bytes
    n_atoms: int
    notes: tuple[str, ...]

    @property
    def is_plain(self) -> bool:
        """Whether the file names no columns, so that there are four."""
        return self.columns is _PLAIN


def read_extxyz(
    path: Path, choose: Callable[[int], list[int]], monitor: Monitor
) -> Iterator[Frame | LeftOut]:
    """Yield the chosen structures of an extended XYZ file, compressed or not.

    One that cannot be used is yielded as what was left out, and so are forces that cannot.

    Parameters
    ----------
    path : Path
    choose : callable
        Given the number of structures in the file, damaged ones included, returns the indices to
        read. Nothing else is looked at.
    monitor : Monitor
        Told the fraction of the chosen structures that are read.

    Raises
    ------
    InputError
        If more than half of the chosen structures cannot be used: then it is something else.
    """
    monitor.report(0.0, "opening the file")
    with (
        opened(path, Part(monitor, 0.0, 0.2)) as packed,
        _with_line_feeds(packed) as content,
        tempfile.TemporaryDirectory(prefix="winnow-", ignore_cleanup_errors=True) as folder,
    ):
        spans = find_structures(content, Part(monitor, 0.2, 0.3))
        if not spans:
            raise InputError("holds no structures, only blank lines", source=path.name)
        chosen = choose(len(spans))
        clock, done, lost = time.monotonic(), 0, []
        nested = NestedLattice()
        first = content.read(spans[0].comment, spans[0].atoms)
        for batch in _batches(content, spans, chosen, is_atom_line(first)):
            blocks = [item for item in batch if isinstance(item, _Block)]
            parsed = iter(_parse(blocks, Path(folder) / "atoms.xyz"))
            for item in batch:
                if time.monotonic() - clock > 0.1:
                    monitor.report(0.3 + 0.7 * done / len(chosen), "reading structures")
                    monitor.checkpoint()
                    clock = time.monotonic()
                found = [item] if isinstance(item, LeftOut) else _frame(item, next(parsed), nested)
                lost += [one for one in found[:1] if isinstance(one, LeftOut)]
                yield from found
                done += 1
        if 2 * len(lost) > len(chosen):
            raise _refusal(lost, len(chosen), path.name)


def _refusal(lost: list[LeftOut], n: int, source: str) -> InputError:
    first = lost[0]
    more = f"; {len(lost)} of {n} structures cannot be used" if n > 1 else ""
    return InputError(f"{first.said}{more}", source=source, structure=first.frame)


@contextmanager
def _with_line_feeds(content: Content) -> Iterator[Content]:
    """Yield the content, its lines ended by line feeds where carriage returns do so alone."""
    head = content.read(0, min(PIECE, content.size))
    if b"\n" in head or b"\r" not in head:
        yield content
        return
    with tempfile.TemporaryFile(prefix="winnow-") as copy:
        for start in range(0, content.size, PIECE):
            piece = content.read(start, min(start + PIECE, content.size))
            copy.write(piece.replace(b"\r", b"\n"))
        copy.flush()
        yield Content(copy, content.source)


def _batches(
    content: Content, spans: Spans, chosen: list[int], atoms_as_comments: bool
) -> Iterator[list[_Block | LeftOut]]:
    """Yield structures to be parsed together, and what is left out between them."""
    batch: list[_Block | LeftOut] = []
    size = 0
    for index in chosen:
        span = spans[index]
        if span.fault:
            batch.append(LeftOut(index, span.fault, span.fault_line))
            continue
        try:
            block = _block(content, span, index)
            if not atoms_as_comments and _lost_a_line(block):
                raise Unusable("the comment line reads like an atom; is a line missing?", 1)
        except ValueError as error:
            batch.append(_left_out(index, span.line, error))
            continue
        batch.append(block)
        size += len(block.lines)
        if size > _BATCH:
            yield batch
            batch, size = [], 0
    yield batch


def _left_out(index: int, line: int, error: ValueError) -> LeftOut:
    return LeftOut(index, str(error), line + (error.line if isinstance(error, Unusable) else 0))


def _lost_a_line(block: _Block) -> bool:
    """Say whether the first atom stands for the comment, and a number there for that of atoms."""
    said = block.info.get("comment") if block.is_plain and not block.comment else None
    return isinstance(said, str) and is_atom_line(said.encode())


def _block(content: Content, span: Span, index: int) -> _Block:
    if span.stop - span.atoms > _LARGEST_BLOCK:
        raise Unusable(f"has more than {_LARGEST_BLOCK >> 30} GB of atom lines")
    lines = content.read(span.atoms, span.stop)
    if not lines.endswith(b"\n"):
        lines += b"\n"
    if lines.count(b"\n") != span.n_atoms:
        raise content.changed()
    _text(lines, span.atoms, 2)
    comment = _text(content.read(span.comment, span.atoms), span.comment, 1)
    info, repeated = parse_pairs(comment)
    try:
        properties = _pop(info, "Properties")
        columns = parse_properties(str(properties)) if properties else _PLAIN
    except ValueError as error:
        raise Unusable(str(error), 1) from None
    said = comment.strip() if "=" in comment else ""  # else it is free text, not pairs
    notes = [f"{key!r} stands twice in the comment; the last is taken" for key in repeated]
    notes += [span.note] if span.note else []
    return _Block(index, span.line, said, info, columns, lines, span.n_atoms, tuple(notes))


def _text(piece: bytes, start: int, line: int) -> str:
    """Return what is text, saying where it stops being so."""
    if b"\0" in piece:
        at = piece.index(b"\0")
        where = line + piece.count(b"\n", 0, at)
        raise Unusable(f"not text: byte 0 at offset {start + at} of the file", where)
    try:
        return piece.decode() if line == 1 or not piece.isascii() else ""
    except UnicodeDecodeError as error:
        raise Unusable(
            f"not UTF-8 text: byte 0x{piece[error.start]:02x} at offset {start + error.start}; "
            "save the file as UTF-8, or is it a binary or compressed file named .xyz?",
            line + piece.count(b"\n", 0, error.start),
        ) from None


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


def _frame(
    block: _Block, arrays: list[npt.NDArray[Any]] | None, nested: NestedLattice
) -> list[Frame | LeftOut]:
    """Return the structure, or what is wrong with it, then labels that cannot be used."""
    try:
        read = _read_columns(block, arrays)
        frame = _frame_of(block, read, nested)
    except ValueError as error:
        return [_left_out(block.index, block.line, error)]
    lost = [
        LeftOut(block.index, cause, block.line + line, "forces") for cause, line in read.left_out
    ]
    return [frame, *lost]


def _frame_of(block: _Block, read: ReadColumns, nested: NestedLattice) -> Frame:
    info, named, columns, comment = block.info, read.arrays, read.columns, block.comment
    names = [name for name, _, _ in columns]
    positions = _pop(named, *POSITIONS)
    if positions is None or positions.ndim != 2 or positions.shape[1] != 3:
        raise Unusable(f"has no positions of three columns; its columns are {', '.join(names)}", 1)
    joined = _join_forces(named)
    numbers, types, notes = _elements(named, names)
    notes = [*block.notes, *read.notes, *notes, *joined]
    try:
        lattice, flags = _pop(info, "Lattice"), _pop(info, "pbc")
        if lattice is None and (key := _key(info, _CELLS)) and np.size(info[key]) == 9:
            lattice = np.reshape(info[key], (3, 3)).T
            notes.append(f"there is no Lattice; the cell vectors are those under {key}")
        if flags is None and (key := _key(info, _PERIODIC)) and np.size(info[key]) == 3:
            flags = info[key]
            notes.append(f"there is no pbc; the periodic directions are those under {key}")
        cell: FloatArray = np.zeros((3, 3)) if lattice is None else cell_of(lattice)
        if lattice is not None and is_nested(block.comment):
            cell, said = nested.cell(np.ascontiguousarray(cell.T), positions, numbers)
            notes.append(said)
        pbc, said = periodicity(flags, cell, lattice is not None)
        notes.append(said)
    except ValueError as error:
        raise Unusable(str(error), 1) from None
    if types and any(name in named for name in names if name.lower() in _TYPES):
        comment, columns = "", ()  # a copy names elements too
    if joined:
        comment = ""  # and forces as one column
    return Frame(
        block.index, numbers, positions, cell, pbc, info, named, comment, columns,
        types=types, notes=tuple(filter(None, notes)),
    )  # fmt: skip


def _join_forces(named: dict[str, npt.NDArray[Any]]) -> list[str]:
    """Join forces in three columns of one each (fx, fy, fz), and say so."""
    stems = [name[:-1] for name in named if name.lower().endswith("x")]
    for stem in stems:
        parts = [
            next((n for n in named if n.lower() == f"{stem}{axis}".lower()), "") for axis in "xyz"
        ]
        meaning = meaning_of(stem.rstrip("_- "))
        if not all(parts) or meaning.label != "forces" or "forces" in named:
            continue
        if any(named[part].ndim != 1 or named[part].dtype.kind not in "fi" for part in parts):
            continue
        named["forces"] = np.column_stack([named.pop(part) for part in parts]).astype(np.float64)
        return [f"forces are the columns {', '.join(parts)}"]
    return []


def _pop(values: dict[str, Any], *names: str) -> Any:
    """Remove and return a value by one of its names, in any letter case; None without one."""
    key = _key(values, names)
    return None if key is None else values.pop(key)


def _key(values: dict[str, Any], names: tuple[str, ...]) -> str | None:
    for name in names:
        if name in values:
            return name
    lower = [name.lower() for name in names]
    return next((key for key in values if key.lower() in lower), None)


def _read_columns(block: _Block, arrays: list[npt.NDArray[Any]] | None) -> ReadColumns:
    if arrays is None:
        return read_columns(block.lines, block.columns, block.is_plain)
    if all(kind != "I" for _, kind, _ in block.columns):
        names = [name for name, _, _ in block.columns]
        return ReadColumns(dict(zip(names, arrays, strict=True)), block.columns)
    found = ReadColumns()
    for values, (name, kind, width) in zip(arrays, block.columns, strict=True):
        if kind == "I":
            read_words(found, (name, kind, width), values.ravel().tolist())
        else:
            found.arrays[name] = values
            found.columns = (*found.columns, (name, kind, width))
    return found


def _elements(
    arrays: dict[str, npt.NDArray[Any]], names: list[str]
) -> tuple[npt.NDArray[Any], tuple[str, ...], list[str]]:
    """Return atomic numbers, or zeros and the types of atoms, and what was decided."""
    name = _key(arrays, _SPECIES)
    words = [] if name is None else _words(arrays[name])
    kinds = set(words)
    if name is not None and not _are_types(kinds):
        said = isotopes(kinds)
        if any((len(word) > 1 and word.isupper()) or word[:1].islower() for word in kinds):
            said.append("elements in other letter case (CU for Cu) are read as such")
        if not said:  # else a copy says D again
            del arrays[name]
        return _numbered(tuple(words)), (), said
    arrays.pop(name or "", None)
    key = _key(arrays, ATOMIC_NUMBERS)
    if key is not None and arrays[key].ndim == 1:
        atomic = arrays.pop(key).tolist()
        given = [str(int(z)) if isinstance(z, float) and z == int(z) else str(z) for z in atomic]
        return _numbered(tuple(given)), (), []
    key = _key(arrays, _TYPES)
    if not words and key is not None and arrays[key].ndim == 1:
        words = _words(arrays[key])
    if not words:
        columns = ", ".join(names)
        raise Unusable(f"names no elements (species or Z); its columns are {columns}", 1)
    return np.zeros(len(words), dtype=np.int64), tuple(words), []


def _words(column: npt.NDArray[Any]) -> list[str]:
    words: list[Any] = (column if column.ndim == 1 else column.ravel()).tolist()
    return words if column.dtype.kind == "U" else list(map(str, words))


def _are_types(words: set[str]) -> bool:
    """Say whether what stands for species are types of atoms: numbers, or labels such as Cu_pv."""
    if all(word.isascii() and word.isdigit() for word in words):
        return True
    unknown = [word for word in words if not is_species(word)]
    return bool(unknown) and all(map(_is_label, unknown))


def _is_label(word: str) -> bool:
    """Say whether a word labels atoms of an element: Cu1, Cu2+, Fe_pv, OW; but no ghost atom."""
    return _LABEL.fullmatch(word) is not None and word.lower().rstrip("0123456789") not in _GHOSTS


@lru_cache(maxsize=16)
def _numbered(words: tuple[str, ...]) -> npt.NDArray[Any]:
    """Return atomic numbers: one array for structures of the same atoms, which nobody changes."""
    try:
        return frozen(species_numbers(list(words)))
    except ValueError as error:
        for atom, word in enumerate(words):
            try:
                species_numbers([word])
            except ValueError:
                raise Unusable(str(error), atom + 2) from None
        raise
