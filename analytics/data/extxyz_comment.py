"""The comment line of extended XYZ: key=value pairs as text, there and back.

The values mean what ASE takes them for, so that a file says the same to both, with two exceptions
that keep a copy faithful: whole numbers with leading zeros ("007") and digits with underscores stay
text, because they are names, and nested lists become 2-D arrays, as the format's specification has
it. Nothing is refused: what is not a number, a logical or JSON is a string.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.frames import Columns

__all__ = [
    "RESERVED",
    "format_comment",
    "parse_comment",
    "parse_pairs",
    "parse_properties",
    "text_lists",
]

#: Keys that the format itself gives a meaning.
RESERVED = ("Lattice", "Properties", "pbc")

#: Texts and lists from what opens them to what closes them; {} stands for the end of the line.
_ENCLOSED = {
    '"': r"""(?:\\.|[^"\\])*+(?:"|{})""",
    "'": r"""(?:\\.|[^'\\])*+(?:'|{})""",
    "{": r"[^}}]*+(?:\}}|{})",
}
_NAMES = {'"': "double", "'": "single", "{": "brace"}
#: After a blank, what is a pair itself is no value: energy= pbc="T T T".
_NO_PAIR = r"""(?![^\s="'{\[]++=)"""
_NEVER, _END = "(?!)", r"\\?\Z"
_LIST = r"\[[^\[\]]*+(?:\[[^\[\]]*+\][^\[\]]*+)*+\]"
#: Brackets within brackets that are still a value and not a way to use up the stack.
_DEEPEST = 32
#: Columns that a structure may announce.
_MOST_COLUMNS = 10_000
#: Digits of the longest whole number; Python converts no longer ones.
_MOST_DIGITS = 4000
_BRACKETS = re.compile(r"[\[\]{}]")
_SPLIT = re.compile(r"[^\s,]+")
_INTEGER = re.compile(r"[+-]?(?:0|[1-9][0-9]*)\Z")
_DECIMAL = re.compile(r"[+-]?(?:[0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))(?:[eE][+-]?[0-9]+)?\Z")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)\Z", re.IGNORECASE)
_NUMBER_START = re.compile(r"[+-]?(?:[0-9.][0-9.eE+-]*|nan|inf|infinity)\Z", re.IGNORECASE)
_LOGICAL = {
    **dict.fromkeys(("T", "true", "True", "TRUE"), True),
    **dict.fromkeys(("F", "false", "False", "FALSE"), False),
}
_BARE_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_.:/-]*\Z")
_BARE_TEXT = re.compile(r"[A-Za-z0-9_./:+()@#%^&*~!?;<>|$-]+\Z")
_KINDS = ("R", "I", "S", "L")
#: Characters of texts of which equal ones are kept once.
_SHORT = 40
_MATRICES = ("Lattice", "virial", "stress")
"""Nine numbers under these names are a 3 x 3 matrix, listed column by column, as in ASE."""


def parse_comment(text: str) -> dict[str, Any]:
    """Return the key=value pairs of a comment line as Python numbers, strings and arrays.

    A line without any ``=`` is free text, kept under the key ``comment`` (nothing if blank).
    """
    return parse_pairs(text)[0]


def parse_pairs(text: str) -> tuple[dict[str, Any], list[str]]:
    """Return the pairs of a comment line, and the keys that stand there more than once."""
    text = text.strip()
    if "=" not in text:
        return ({"comment": text} if text else {}), []
    pairs: dict[str, Any] = {}
    repeated: dict[str, None] = {}
    for match in _matches(text):
        key, token = match["key"], match["value"]
        if key is None:
            key = _unescape(match["quoted"][:-1])
        if key in pairs:
            repeated[key] = None
        # the same in all structures, so that one text of each is kept
        pairs[sys.intern(key)] = True if token is None else _parse_token(key, token)
    return pairs, list(repeated)


def text_lists(text: str) -> dict[str, str]:
    """Return the lists that are kept as text, as they stand in a comment line, by their key.

    ``{a b}`` and ``["x", "y z"]`` are lists of words only without quotes around them.
    """
    found: dict[str, str] = {}
    for match in _matches(text.strip()) if "=" in text else ():
        key, token = match["key"], match["value"] or ""
        if key is None:
            key = _unescape(match["quoted"][:-1])
        if len(token) > 1 and token[0] + token[-1] in ("[]", "{}"):
            found[key] = token
        else:
            found.pop(key, None)
    return found


def _matches(text: str) -> Iterator[re.Match[str]]:
    """Find the pairs, in a time that grows with the length of the line and no faster.

    A quote or brace that nothing closes encloses nothing. That is seen at the end of the line,
    and true of all that come after it, which are not followed there again.
    """
    if "{" not in text and "\\" not in text:  # then only one quote of each kind can be so
        yield from _pair("", "", False).finditer(text)
        return
    keys = values = ""  # the kinds that nothing closes any more, as keys and as values
    at = 0
    while match := _pair(keys, values, True).search(text, at):
        if match["key_quote"] is not None:
            keys = values = values + '"'
            continue
        found = "".join(kind for kind, name in _NAMES.items() if match[name] is not None)
        if found:
            values += found
            continue
        yield match
        at, keys = match.end(), values


@lru_cache(maxsize=64)
def _pair(keys: str, values: str, ends: bool) -> re.Pattern[str]:
    """Return the pattern of a pair.

    Parameters
    ----------
    keys, values : str
        Kinds of texts and lists that nothing closes any more.
    ends : bool
        Whether to match one that nothing closes up to the end of the line, in a group that tells.
    """

    def enclosed(kind: str, name: str, unclosed: str) -> str:
        end = f"(?P<{name}>{_END if ends and kind not in unclosed else _NEVER})"
        return _NEVER + end if kind in unclosed else _ENCLOSED[kind].format(end)

    parts = [re.escape(kind) + enclosed(kind, name, values) for kind, name in _NAMES.items()]
    quoted = enclosed('"', "key_quote", keys)
    return re.compile(
        rf"""(?:"(?P<quoted>{quoted})|(?P<key>[^\s="]+))"""
        rf"""(?:\s*=(?:\s+{_NO_PAIR})?(?P<value>{"|".join(parts)}|{_LIST}|\S*))?"""
    )


@lru_cache(maxsize=256)
def parse_properties(text: str) -> Columns:
    """Return name, kind (R, I, S or L) and number of columns of each per-atom property."""
    fields = text.split(":")
    shown = text if len(text) <= 120 else f"{text[:120]}..."
    if len(fields) % 3:
        raise ValueError(f"Properties={shown} is not a list of name:type:columns")
    if len(fields) > 3 * _MOST_COLUMNS:
        raise ValueError(f"Properties names {len(fields) // 3} columns, more than {_MOST_COLUMNS}")
    columns = []
    for name, kind, width in zip(fields[::3], fields[1::3], fields[2::3], strict=True):
        if kind.upper() not in _KINDS or not re.fullmatch(r"[1-9][0-9]{0,5}", width) or not name:
            wrong = f"{name[:40]}:{kind[:10]}:{width[:20]}"
            raise ValueError(f"Properties has {wrong}, not name:R|I|S|L:columns")
        columns.append((name, kind.upper(), int(width)))
    names = [name for name, _, _ in columns]
    if len(set(names)) < len(names):
        raise ValueError(f"Properties={shown} names a column twice")
    return tuple(columns)


def format_comment(pairs: Mapping[str, Any], lists: Mapping[str, str] | None = None) -> str:
    """Return the pairs as a comment line that `parse_comment` and ASE read back unchanged.

    Parameters
    ----------
    pairs : mapping
    lists : mapping of str to str, optional
        What `text_lists` found: these texts are written as they are, where they are the value.
    """
    words = []
    for key, value in pairs.items():
        as_it_was = (lists or {}).get(key)
        same = isinstance(value, str) and value == as_it_was
        words.append(f"{_format_key(key)}={value if same else _format_value(key, value)}")
    return " ".join(words)


def _unescape(text: str) -> str:
    if "\\" not in text:
        return text
    return re.sub(r"\\(.)", lambda m: "\n" if m[1] == "n" else m[1], text)


def _parse_token(key: str, token: str) -> Any:
    if len(token) > 1 and token[0] + token[-1] in ('""', "''"):
        return _parse_text(key, _unescape(token[1:-1]))
    if len(token) > 1 and token[0] + token[-1] in ("[]", "{}"):
        return _parse_list(key, token)
    return _parse_text(key, token)


def _parse_list(key: str, token: str) -> Any:
    """Parse ``[1, 2]``, ``{1 2}`` or ``[[1, 2], [3, 4]]``; anything else stays text."""
    if token.startswith("[["):
        array = _json_array(token)
        return token if array is None else array
    value = _parse_text(key, token[1:-1])
    if isinstance(value, bool | int | float):
        return np.array([value])
    return value if isinstance(value, np.ndarray) else token


def _parse_text(key: str, text: str) -> Any:
    parts = _SPLIT.findall(text)
    if not parts:
        return text
    value = _parse_scalar(parts[0]) if len(parts) == 1 else _parse_array(key, parts)
    if value is not None:
        return value
    if text.startswith("_JSON "):
        return _parse_json(text)
    return sys.intern(text) if len(text) <= _SHORT else text  # classes


def _parse_scalar(text: str) -> bool | int | float | None:
    if text[0].isalpha() and text[0] not in "nNiI":  # most values: a word
        return _LOGICAL.get(text)
    if _INTEGER.match(text) and len(text) < _MOST_DIGITS:
        return int(text)
    if _DECIMAL.match(text) or _NOT_FINITE.match(text):
        return float(text)
    return None


def _parse_array(key: str, parts: list[str]) -> npt.NDArray[Any] | None:
    if parts[0] in _LOGICAL and all(part in _LOGICAL for part in parts):
        return np.array([_LOGICAL[part] for part in parts])
    if not all(_NUMBER_START.match(part) for part in parts):
        return None
    try:
        array = np.array([int(part) for part in parts])
    except ValueError:
        try:
            array = np.array([float(part) for part in parts])
        except ValueError:
            return None
    if array.dtype.kind != "i":  # or integers beyond 64 bit
        try:
            array = array.astype(np.float64)
        except OverflowError:  # or beyond all floats
            return None
    if key in _MATRICES and array.shape == (9,):
        return array.reshape((3, 3), order="F")
    return array


def _parse_json(text: str) -> Any:
    tail = text[len("_JSON ") :]
    if _too_deep(tail):
        return text
    try:
        value = json.loads(tail)
    except ValueError:
        return text
    array = _json_array(tail) if isinstance(value, list) else None
    return value if array is None else array


def _json_array(text: str) -> npt.NDArray[Any] | None:
    """Return nested lists of numbers or logicals as an array; None for anything else."""
    if '"' in text or _too_deep(text):  # one long text among many would fill the memory
        return None
    try:
        array = np.array(json.loads(text))
    except ValueError:  # no JSON, or a ragged list
        return None
    return array if array.dtype.kind in "ifb" else None


def _too_deep(text: str) -> bool:
    depth = 0
    for bracket in _BRACKETS.findall(text):
        depth += 1 if bracket in "[{" else -1
        if depth > _DEEPEST:
            return True
    return False


def _quote(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _format_key(key: str) -> str:
    if _BARE_KEY.match(key):
        return key
    if not isinstance(key, str) or "\0" in key or any("\ud800" <= c <= "\udfff" for c in key):
        raise ValueError(f"the key {key!r} cannot be written to extended XYZ")
    return _quote(key).replace("\n", "\\n")


def _format_value(key: str, value: Any) -> str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, str):
        return _format_text(value)
    if isinstance(value, bool):
        return "T" if value else "F"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, np.ndarray) and value.ndim == 0:
        return _format_value(key, value.item())
    if isinstance(value, np.ndarray) and value.dtype.kind in "iufb" and value.size:
        if key in _MATRICES and value.size == 9:
            if value.shape == (9,):
                return _format_json(key, value)
            value = value.ravel(order="F") if value.shape == (3, 3) else value
        # as words these would be rounded
        exceeds = value.dtype.kind == "u" and value.max() > np.iinfo(np.int64).max
        # a single number in quotes would come back as a scalar, nine as a matrix
        if value.ndim == 1 and len(value) > 1 and not exceeds:
            return '"' + " ".join(_format_value(key, item) for item in value) + '"'
    return _format_json(key, value)


@lru_cache(maxsize=65536)
def _format_text(text: str) -> str:
    """Write text bare, quoted or as JSON: the plainest of them that reads back as itself."""
    read_back = _parse_text("", text)
    unchanged = isinstance(read_back, str) and read_back == text
    if unchanged and _BARE_TEXT.match(text):
        return text
    # other digits than 0-9 are numbers to ASE; control characters would break the line
    plain = text.isprintable() and not any(c.isdigit() and not c.isascii() for c in text)
    if plain and unchanged:
        return _quote(text)
    return _quote("_JSON " + json.dumps(text))


def _format_json(key: str, value: Any) -> str:
    try:
        return _quote("_JSON " + json.dumps(value, default=_plain))
    except (TypeError, ValueError) as error:
        kind = type(value).__name__
        raise ValueError(f"the value of {key!r} ({kind}) cannot be written: {error}") from None


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    raise TypeError(f"no text form for {type(value).__name__}")
