"""Index of an XYZ file: where each structure starts and ends, also past damaged ones.

A structure is its number of atoms, a comment line and that many lines of atoms. Where the lines
do not add up, the next number of atoms that is followed by a comment and an atom is looked for,
so that one structure is lost and not the file. Lines of text between whole structures, and a
number of atoms that stands twice, belong to none and cost none.
"""

from __future__ import annotations

import codecs
import re
from array import array
from collections.abc import Sequence
from typing import NamedTuple, overload

import numpy as np

from analytics.data.opened import PIECE, Content
from analytics.runtime.arrays import IntArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor

__all__ = ["Span", "Spans", "find_structures", "is_atom_line", "looks_like_xyz"]

_BOM = codecs.BOM_UTF8
_COUNT = re.compile(rb"\+?[0-9]{1,12}")
_WORD = re.compile(rb"\S")
_NUMBER = re.compile(
    rb"[+-]?(?:[0-9]|\.[0-9])[0-9.]*(?:[eEdD]?[+-]?[0-9]+)?|\*+|[+-]?(?:nan|inf)", re.IGNORECASE
)
#: Bytes of the shortest line of an atom: a symbol and three digits, with blanks between.
_SHORTEST_ATOM = 7
#: Bytes of the longest line that holds a number of atoms, with blanks around it.
_LONGEST_COUNT = 64
#: Bytes at the start among which a byte 0 says that this is no text.
_BINARY = 16
#: Bytes of a line that are looked at.
_LOOK = 1000
#: Blank lines between structures that are skipped where a structure is only guessed.
_FEW = 8
#: Numbers of a span that is sound.
_PLACES = 5
#: Lines after a structure that may hold an atom of the next one.
_NEAR = 1000


class Span(NamedTuple):
    """Where a structure is: byte offsets of its comment, of its atom lines, and past its end.

    `line` is that of its number of atoms, one-based. `fault` says what is wrong with its lines,
    on `fault_line`; "" where they are as many as announced. `note` says that lines beside it are
    not read.
    """

    line: int
    comment: int
    atoms: int
    stop: int
    n_atoms: int
    fault: str = ""
    fault_line: int = 0
    note: str = ""


class Spans(Sequence[Span]):
    """Many spans in little memory: a file may hold millions."""

    def __init__(self) -> None:
        self._places = array("q")
        self._said: dict[int, tuple[str, int, str]] = {}

    def append(self, span: Span) -> None:
        """Add one."""
        if span.fault or span.note:
            self._said[len(self)] = span.fault, span.fault_line, span.note
        self._places.extend((span.line, span.comment, span.atoms, span.stop, span.n_atoms))

    def note_last(self, note: str) -> None:
        """Say what is beside the last one."""
        last = self[-1]
        self._said[len(self) - 1] = last.fault, last.fault_line, note

    def __len__(self) -> int:
        return len(self._places) // _PLACES

    @overload
    def __getitem__(self, index: int) -> Span: ...
    @overload
    def __getitem__(self, index: slice) -> list[Span]: ...
    def __getitem__(self, index: int | slice) -> Span | list[Span]:
        """Return one, as from a list; the line of a fault only where there is something to say."""
        if isinstance(index, slice):
            return [self[at] for at in range(*index.indices(len(self)))]
        at = range(len(self))[index]
        line, comment, atoms, stop, n_atoms = self._places[_PLACES * at : _PLACES * (at + 1)]
        return Span(line, comment, atoms, stop, n_atoms, *self._said.get(at, ("", 0, "")))


def find_structures(content: Content, monitor: Monitor) -> Spans:
    """Return where every structure of a file is, damaged ones included.

    Parameters
    ----------
    content : Content
    monitor : Monitor
        Told how far the looking is.
    """
    lines = _Lines(content, monitor)
    spans = Spans()
    note = ""
    at, count = lines.next_count(0)
    while at < lines.n:
        stop = at + 2 + count
        if count > 0 and stop <= lines.n and not lines.short_between(at + 2, stop):
            following, next_count = lines.next_count(stop)
            if following == lines.n or next_count >= 0:
                span = lines.span(at, count, stop)
                spans.append(span._replace(note=note) if note else span)
                at, count, note = following, next_count, ""
                continue
        surplus = _surplus(lines, at, count, first=not spans)
        if surplus is not None:
            note, following = lines.stray_note(surplus[0]), surplus[1]
            if surplus[0] > at:  # after the atoms of a whole structure
                spans.append(lines.span(at, count, at + 2 + count)._replace(note=note))
                note = ""
            elif following >= lines.n:
                spans.note_last(note)
        else:
            span, following = _damaged(lines, at, count)
            spans.append(span)
        at, count = lines.next_count(following)
        if len(spans) % 1000 == 0:
            monitor.checkpoint()
    return spans


def looks_like_xyz(head: bytes) -> bool:
    """Say whether the first bytes of a file are a number of atoms, a comment and an atom."""
    lines = head.removeprefix(_BOM).lstrip().splitlines()
    if len(lines) < 2 or not _COUNT.fullmatch(lines[0].strip()):
        return False
    if b"properties=" in lines[1].lower():
        return True
    return len(lines) > 2 and is_atom_line(lines[2][:_LOOK])


class _Lines:
    """The lines of a file by number, from zero.

    Attributes
    ----------
    n : int
        How many there are.
    """

    def __init__(self, content: Content, monitor: Monitor) -> None:
        self._content, self._monitor = content, monitor
        head = content.read(0, min(_BINARY, content.size))
        marked = head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        if marked or max(head[0::2].count(0), head[1::2].count(0)) > 0.4 * len(head) > 0:
            raise InputError("is UTF-16 text; save the file as UTF-8", source=content.source)
        if b"\0" in head:
            raise InputError(
                f"not a text file: byte 0 at offset {head.index(0)}; is it a binary or compressed "
                "file named .xyz?",
                source=content.source,
            )
        self._first = len(_BOM) if head.startswith(_BOM) else 0
        self._ends = self._find_ends()
        self.n = len(self._ends)
        short = np.flatnonzero(np.diff(self._ends, prepend=self._first - 1) <= _SHORTEST_ATOM)
        # none of them is an atom; past the last line, so that there always is another one
        self._short = [*short.tolist(), self.n]
        self._at_short = 0
        self._first_stray = ""
        # gdb 1 157.7 3.2: then the number of atoms has to fit, else what follows it is enough
        at, count = self.next_count(0)
        self._atoms_as_comments = count >= 0 and at + 1 < self.n and is_atom_line(self.text(at + 1))

    def _find_ends(self) -> IntArray:
        """Return the offsets of the ends of the lines, int array (n,)."""
        found, size = [], self._content.size
        for first in range(0, size, PIECE):
            piece = self._content.read(first, min(first + PIECE, size))
            found.append(np.flatnonzero(np.frombuffer(piece, np.uint8) == ord("\n")) + first)
            self._monitor.report((first + len(piece)) / size, "looking for structures")
            self._monitor.checkpoint()
        if size and not piece.endswith(b"\n"):
            found.append(np.array([size]))
        return np.concatenate(found).astype(np.int64)

    def start(self, line: int) -> int:
        """Return the offset of a line; that of the end of the file past the last."""
        if line >= self.n:
            return self._content.size
        return int(self._ends[line - 1]) + 1 if line else self._first

    def text(self, line: int) -> bytes:
        """Return the start of a line, without blanks around it."""
        start = self.start(line)
        text = self._content.read(start, min(start + _LOOK, int(self._ends[line])))
        return text.removeprefix(_BOM).strip()  # of a file that was appended

    def span(self, at: int, n_atoms: int, stop: int, fault: str = "", line: int = -1) -> Span:
        """Return the structure from line `at` to before line `stop`, and what is wrong with it."""
        comment, atoms, end = self.start(at + 1), self.start(at + 2), self.start(stop)
        return Span(at + 1, comment, atoms, end, n_atoms, fault, (at if line < 0 else line) + 1)

    def next_count(self, line: int) -> tuple[int, int]:
        """Return the first line with something in it, and the count there; -1 if it is none."""
        if line < self.n:
            text = self.text(line)
            if not text:
                line = self._filled(line)
                text = self.text(line) if line < self.n else b""
            if _COUNT.fullmatch(text):
                return line, int(text)
        return line, -1

    def _filled(self, line: int) -> int:
        """Return the first line with something in it, from a line on."""
        start, size = self.start(line), self._content.size
        while start < size:
            stop = min(start + PIECE, size)
            word = _WORD.search(self._content.read(start, stop))
            if word is not None:
                return int(np.searchsorted(self._ends, start + word.start()))
            start = stop
        return self.n

    def short_between(self, start: int, stop: int) -> bool:
        """Say whether one of these lines is too short for an atom; `start` never goes back."""
        while self._short[self._at_short] < start:
            self._at_short += 1
        return self._short[self._at_short] < stop

    def stray_note(self, line: int) -> str:
        """Return what there is to say of lines that are not read: the same for all of a file."""
        if not self._first_stray:
            self._first_stray = f"line {line + 1} {_shown(self.text(line))}"
        return f"lines that belong to no structure are not read, first {self._first_stray}"

    def are_stray(self, start: int, stop: int) -> bool:
        """Say whether some lines are a few of text, not of numbers or atoms."""
        return stop - start <= _FEW and all(
            _is_text(self.text(line)) for line in range(start, min(stop, self.n))
        )

    def header(self, start: int, stop: int) -> int:
        """Return the first of some lines at which a structure seems to start; `stop` if none."""
        step = 64
        while start < stop:
            upto = min(start + step, stop)
            before = self._ends[start - 1] if start else self._first - 1
            lengths = np.diff(self._ends[start:upto], prepend=before)
            for line in (start + np.flatnonzero(lengths <= _LONGEST_COUNT)).tolist():
                if self.starts(line):
                    return line
            start, step = upto, min(2 * step, 1 << 16)
            self._monitor.checkpoint()
        return stop

    def starts(self, line: int) -> bool:
        """Say whether a structure seems to start at a line."""
        word = self.text(line)
        if not _COUNT.fullmatch(word):
            return False
        count = int(word)
        if line + 2 >= self.n:
            return line + 1 >= self.n or not is_atom_line(self.text(line + 1))
        if not self._atoms_as_comments and is_atom_line(self.text(line + 1)):
            return False
        if count and not self._atoms_as_comments:
            return is_atom_line(self.text(line + 2))
        return self._ends_well(line + 2 + count)

    def _ends_well(self, line: int) -> bool:
        """Say whether the file ends before this line, or a number of atoms follows."""
        stop = min(line + _FEW, self.n)
        for number in range(line, stop):
            text = self.text(number)
            if text:
                return _COUNT.fullmatch(text) is not None
        return line <= self.n == stop


def _surplus(lines: _Lines, at: int, count: int, *, first: bool) -> tuple[int, int] | None:
    """Return the first of some lines that belong to no structure, and the line where to go on.

    None if they do not: then a structure is damaged.
    """
    if count < 0:
        stop = lines.header(at + 1, min(lines.n, at + 1 + _FEW))
        ended = stop >= lines.n
        if (ended and first) or not (ended or lines.starts(stop)):
            return None
        return (at, stop) if lines.are_stray(at, stop) else None
    if count == 0 or at + 2 >= lines.n:
        return None
    if lines.starts(at + 1):  # twice, unless the second one is a comment
        return at, at + 1
    if at + 2 + count > lines.n:
        return None
    after, next_count = lines.next_count(at + 2 + count)
    if after >= lines.n or next_count >= 0:
        return None
    if after != at + 2 + count or lines.header(at + 2, after) < after:
        return None
    stop = lines.header(after, min(lines.n, after + _FEW))
    if not (stop >= lines.n or lines.starts(stop)):
        return None
    return (after, stop) if lines.are_stray(after, stop) else None


def _is_text(line: bytes) -> bool:
    words = line.split()
    return (
        not line.startswith(b"\0")
        and not is_atom_line(line)
        and (not words or not all(map(_NUMBER.fullmatch, words)))
    )


def _shown(line: bytes) -> str:
    """Return the start of a line for a message."""
    if line.startswith(b"\0"):
        return "zero bytes, as a crash or a full disk leaves them"
    return repr(line[:40].decode(errors="replace"))


def _damaged(lines: _Lines, at: int, count: int) -> tuple[Span, int]:
    """Return a structure whose lines do not add up, and the line where to go on."""
    if count < 0:
        cause = f"line {at + 1} should hold a number of atoms but reads {_shown(lines.text(at))}"
        stop = lines.header(at + 1, lines.n)
        return lines.span(at, 0, stop, cause), stop
    if count == 0:
        following, next_count = lines.next_count(at + 2)
        sound = following >= lines.n or next_count >= 0
        stop = following if sound else lines.header(at + 1, lines.n)
        return lines.span(at, 0, stop, "has no atoms"), stop
    stop = min(at + 2 + count, lines.n)
    announced = f"{count} {'atom is' if count == 1 else 'atoms are'} announced on line {at + 1}"
    following, next_count = lines.next_count(stop)
    fits = at + 2 + count <= lines.n and (following >= lines.n or next_count >= 0)
    begins = lines.header(at + (2 if fits else 1), stop)
    if begins < stop:
        cause = f"{announced}, but the next structure begins on line {begins + 1}"
        return lines.span(at, count, begins, cause), begins
    if at + 2 + count > lines.n:
        found = max(0, lines.n - at - 2)
        cause = f"the file ends early: {found} of the {count} atoms announced on line {at + 1}"
        return lines.span(at, count, lines.n, f"{cause} are there", lines.n - 1), lines.n
    if fits:  # what is wrong with its lines is found when they are read
        return lines.span(at, count, stop), following
    begins = lines.header(following, lines.n)
    if following > stop or _lacks_its_count(lines, following, begins):
        cause = ""
        if _runs_on(lines.text(stop - 1), lines.text(stop), begins - stop - 1):
            cause = f"line {stop} seems to run on into the number of atoms of the next structure"
        return lines.span(at, count, stop, cause, stop - 1), following
    cause = (
        f"{announced}, but line {following + 1} after them reads {_shown(lines.text(following))}"
    )
    return lines.span(at, count, begins, cause, following), begins


def _lacks_its_count(lines: _Lines, start: int, stop: int) -> bool:
    """Say whether some lines are a structure whose number of atoms is missing or damaged."""
    first = lines.text(start)
    if is_atom_line(first):
        return False
    if first.startswith(b"\0"):  # what a disk leaves of a file that was being written
        return True
    near = range(start + 1, min(stop, start + _NEAR))
    return any(is_atom_line(lines.text(line)) for line in near)


def _runs_on(last: bytes, comment: bytes, n_atoms: int) -> bool:
    """Say whether a last line is joined to the next number of atoms, as of files put together."""
    words = [word.partition(b".")[2] for word in last.split()]
    if not comment or len(words) < 4 or not words[-1].endswith(b"%d" % n_atoms):
        return False
    return len(words[-1]) > max(map(len, words[:-1]))


def is_atom_line(text: bytes) -> bool:
    """Say whether a line looks like an atom: a name and three numbers, in some order."""
    words = text.split()
    if len(words) < 4 or b"=" in text:
        return False
    return sum(_NUMBER.fullmatch(word) is not None for word in words) >= 3
