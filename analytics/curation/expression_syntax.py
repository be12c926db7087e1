"""Syntax of filter expressions: read into a tree by Python's parser, nothing carried out.

Columns whose names are no single word stand between backticks, as in pandas.
"""

from __future__ import annotations

import ast
import difflib
import keyword
import re
from collections.abc import Iterable

from analytics.runtime.errors import WinnowError

__all__ = [
    "CONSTANTS", "FUNCTIONS", "LONGEST", "OF_TEXTS", "ExpressionError", "names_in", "nearest",
    "parsed", "quoted", "written",
]  # fmt: skip

#: Characters of an expression: longer ones are nothing that a person has typed.
LONGEST = 2000
#: Function -> what it gives, in one line for the page.
FUNCTIONS = {
    "any": "any(force > 10): some atom of the structure",
    "all": "all(force < 5): every atom of the structure",
    "count": "count(force > 10) >= 3: so many atoms of the structure",
    "min": "min(force): the least of the atoms of a structure",
    "max": "max(force): the largest of the atoms of a structure",
    "mean": "mean(force): the mean over the atoms of a structure",
    "abs": "abs(energy_per_atom): without its sign",
    "sqrt": "sqrt(volume): square root",
    "contains": 'contains(elements, "Be"): has it in it',
    "startswith": 'startswith(config_type, "bulk"): begins with it',
    "endswith": 'endswith(config_type, "_300K"): ends with it',
    "matches": 'matches(config_type, "*surf*"): * is anything, ? one character; either case',
}
#: Words that other languages have for these of Python's.
_WORDS = {"AND": "and", "OR": "or", "NOT": "not", "IN": "in"}
CONSTANTS: dict[str, bool | None] = {
    "true": True, "false": False, "none": None, "null": None, "nan": None, "NaN": None,
}  # fmt: skip
_PIECES = re.compile(r'"(?:\\.|[^"\\])*"|\'(?:\\.|[^\'\\])*\'|`(?P<name>[^`]+)`|(?P<word>[A-Z]+\b)')
#: What a text that is no whole expression ends with.
_UNFINISHED = re.compile(r"(\b(and|or|not|in|is)|[-+*/%<>=,(])\s*$")
OF_TEXTS = ("contains", "startswith", "endswith", "matches")
#: A name that stands for a quoted one begins with a character from here on.
_STANDS_FOR = 0x4E00


class ExpressionError(WinnowError):
    """An expression that cannot be carried out.

    Parameters
    ----------
    cause : str
        What is wrong, in one line.
    position : int
        Zero-based place in the text; it is told as a person counts.
    """

    def __init__(self, cause: str, position: int) -> None:
        self.cause, self.position = cause, position
        super().__init__(f"at character {position + 1}: {cause}")


def parsed(text: str) -> tuple[ast.expr, dict[str, str]]:
    """Return the syntax tree, and what the names stand for that were quoted."""
    if len(text) > LONGEST:
        raise ExpressionError(f"longer than {LONGEST} characters", LONGEST)
    if not text.strip():
        raise ExpressionError("nothing is asked yet", 0)
    names: dict[str, str] = {}

    def replaced(found: re.Match[str]) -> str:
        name, word = found["name"], found["word"]
        if word is not None:
            before = text[found.start() - 1 : found.start()]
            alone = not (before.isalnum() or before == "_")
            return _WORDS.get(word, word) if alone else word
        if name is None:
            return found[0]
        stand = chr(_STANDS_FOR + len(names)) + "_" * (len(found[0]) - 1)
        names[stand] = name
        return stand

    same_length = _PIECES.sub(replaced, text.replace("\n", " ").replace("\t", " "))
    start = len(same_length) - len(same_length.lstrip())
    try:
        # the blanks before it would be an indentation; in parentheses they are none
        tree = ast.parse(f"({same_length[start:]}\n)", mode="eval").body
    except SyntaxError as error:
        raise ExpressionError(*_syntax(text, error, start)) from None
    except (RecursionError, MemoryError, ValueError):
        raise ExpressionError("nested too deeply, or holds what cannot be read", 0) from None
    for node in ast.walk(tree):
        if hasattr(node, "col_offset"):
            node.col_offset = start + _characters(same_length[start:], node.col_offset - 1)
    return tree, names


def _characters(text: str, offset: int) -> int:
    """Return the number of characters that so many bytes are."""
    return len(text.encode()[: max(0, offset)].decode(errors="ignore"))


def _syntax(text: str, error: SyntaxError, start: int) -> tuple[str, int]:
    """Say what is wrong with a text that is no expression, and where."""
    at = min(max(0, start + (error.offset or 1) - 2), len(text))
    outside = _PIECES.sub(lambda found: "_" * len(found[0]), text)
    for sign, cause in (
        (r"(?<![=<>!])=(?!=)", "a single = compares nothing: write =="),
        (r"&&", "write and instead of &&"),
        (r"\|\|", "write or instead of ||"),
        (r"!(?!=)", "write not instead of !"),
        (r"<>", "write != instead of <>"),
        (r"[\"'`]", "a quotation mark without its other one"),
        (rf"\b({'|'.join(OF_TEXTS)})\b(?!\s*\()", 'this is written contains(config_type, "bulk")'),
    ):
        found = re.search(sign, outside)
        if found:
            return cause, found.start()
    if at >= len(text.rstrip()) or _UNFINISHED.search(outside):
        return "it ends too early", len(text.rstrip())
    if "never closed" in str(error.msg):
        return "a bracket that is never closed", at
    return "not understood here", at


def names_in(expression: str) -> tuple[str, ...]:
    """Return the names of the columns that an expression has, in the order they stand in."""
    tree, names = parsed(expression)
    called = {node.func for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found = [
        (node.lineno, node.col_offset, names.get(node.id, node.id))
        for node in ast.walk(tree)
        if isinstance(node, ast.Name) and node not in called and node.id not in CONSTANTS
    ]
    return tuple(dict.fromkeys(name for _, _, name in sorted(found)))


def written(name: str) -> str:
    """Return a name as it stands in an expression: quoted where it is no single word."""
    plain = name.isidentifier() and name.isascii()
    return name if plain and not _is_keyword(name) else f"`{name}`"


def quoted(text: str) -> str:
    """Return a text as it stands in an expression."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _is_keyword(name: str) -> bool:
    return keyword.iskeyword(name) or name in {*FUNCTIONS, *CONSTANTS, *_WORDS}


def nearest(name: str, known: Iterable[str]) -> str:
    """Return the known name that is most like one; empty where none is much like it."""
    lower = {each.lower(): each for each in reversed([*known])}
    found = difflib.get_close_matches(name.lower(), lower, n=1, cutoff=0.6)
    return lower[found[0]] if found else ""
