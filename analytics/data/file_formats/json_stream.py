"""JSON read piece by piece: the entries of a document, without holding all of it.

Also documents line by line (JSON lines), of which a broken line is passed over, and those with
comment lines before the first bracket: FitSNAP passes over the first line whatever is in it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from analytics.runtime.errors import InputError

__all__ = ["entries", "head_text"]

_PIECE = 1 << 20
_DECODER = json.JSONDecoder()


def head_text(head: bytes) -> str:
    """Return the beginning of a file from its first bracket, or "" if it is no JSON."""
    text = head.decode("utf-8-sig", errors="replace").lstrip()
    while text.startswith("#"):
        text = text.partition("\n")[2].lstrip()
    if not text.startswith(("{", "[")):
        text = text.partition("\n")[2].lstrip()
    return text if text.startswith(("{", "[")) else ""


def entries(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the entries of the outermost object with their names, or of the list with "".

    Several documents one after the other, as in JSON lines, are entries of a list. In place of a
    line that is broken, and of the entry of a list in which the file ends, stands an `InputError`.

    Raises
    ------
    InputError
        Where the file ends early or is no JSON.
    """
    with path.open(encoding="utf-8-sig") as file:
        text = _Text(file)
        text.skip_comments()
        opening = text.peek()
        if opening == "{" and not text.several():
            yield from _object(text)
        elif opening == "[":
            yield from _list(text)
        else:
            while text.peek():
                yield "", _line(text)


def _line(text: _Text) -> Any:
    """Return the document of a line, or what is wrong with it."""
    try:
        return text.value()
    except InputError as error:
        text.skip_line()
        return error


def _object(text: _Text) -> Iterator[tuple[str, Any]]:
    text.take("{")
    while text.peek() != "}":
        name = text.value()
        text.take(":")
        yield str(name), text.value()
        if text.peek() == ",":
            text.take(",")
    text.take("}")


def _list(text: _Text) -> Iterator[tuple[str, Any]]:
    text.take("[")
    any_whole = False
    while text.peek() != "]":
        try:
            value = text.value()
        except InputError as error:
            if not any_whole:
                raise
            yield "", error
            return
        yield "", value
        any_whole = True
        if text.peek() == ",":
            text.take(",")
    text.take("]")


class _Text:
    """A window on a text that is read as it is asked for."""

    def __init__(self, file: IO[str]) -> None:
        self._file, self._window, self._at, self._over = file, "", 0, False

    def peek(self) -> str:
        """Return the next character that is no blank; "" at the end."""
        while True:
            while self._at < len(self._window):
                if not self._window[self._at].isspace():
                    return self._window[self._at]
                self._at += 1
            if not self._more():
                return ""

    def take(self, character: str) -> None:
        """Go past a character that has to be there."""
        if self.peek() != character:
            raise _broken(f"{character!r} is missing", self._over and not self.peek())
        self._at += 1

    def value(self) -> Any:
        """Return the next value."""
        if not self.peek():
            raise _broken("a value is missing", True)
        while True:
            try:
                found, end = _DECODER.raw_decode(self._window, self._at)
            except json.JSONDecodeError as error:
                if not self._more():
                    raise _broken(error.msg, True) from None
                continue
            if end == len(self._window):  # a number may go on
                length = end - self._at
                if self._more():
                    continue
                end = length
            self._at = end
            return found

    def skip_comments(self) -> None:
        """Go past lines that begin with #, and past another one before the first bracket."""
        while self.peek() == "#":
            self.skip_line()
        if self.peek() not in ("{", "[", ""):
            self.skip_line()

    def skip_line(self) -> None:
        """Go to the beginning of the next line."""
        while "\n" not in self._window[self._at :] and self._more():
            pass
        end = self._window.find("\n", self._at)
        self._at = len(self._window) if end < 0 else end + 1

    def several(self) -> bool:
        """Say whether the first line is a document of its own, and another follows."""
        while "\n" not in self._window[self._at :] and len(self._window) < 16 * _PIECE:
            if not self._more():
                return False
        line, _, rest = self._window[self._at :].partition("\n")
        try:
            json.loads(line)
        except json.JSONDecodeError:
            return False
        while not rest.strip():  # a line break at the end is no second document
            if not self._more():
                return False
            rest = self._window[self._at :].partition("\n")[2]
        return rest.lstrip().startswith("{")

    def _more(self) -> bool:
        """Read on; a value that does not fit takes as much again."""
        rest = self._window[self._at :]
        try:
            piece = self._file.read(max(_PIECE, len(rest)))
        except UnicodeDecodeError as error:
            raise InputError(f"is no text in UTF-8: byte {error.object[error.start]:#x}") from None
        self._over = not piece
        self._window, self._at = rest + piece, 0
        return bool(piece)


def _broken(cause: str, at_end: bool) -> InputError:
    return InputError("the JSON ends early" if at_end else f"is no valid JSON: {cause}")
