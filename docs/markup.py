"""reStructuredText for the pages that are made: headings, tables, code, docstrings of numpydoc."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterable, Sequence

from sphinx.ext.napoleon import Config, NumpyDocstring

__all__ = [
    "code", "contents", "docstring", "first_sentence", "heading", "indented", "plain", "table",
]  # fmt: skip

#: As in conf.py, for docstrings that are taken apart here.
NUMPYDOC = Config(napoleon_use_param=False, napoleon_use_rtype=False, napoleon_use_ivar=False)


def plain(text: object) -> str:
    """Return text with everything that would be mark-up escaped."""
    return re.sub(r"([\\*`|_])", r"\\\1", str(text))


def heading(title: str, line: str = "=") -> str:
    """Return a title over its line."""
    return f"{title}\n{line * max(4, len(title))}\n\n"


def indented(text: str, by: int = 3) -> str:
    """Return text moved to the right, as the content of a directive."""
    return "\n".join(f"{' ' * by}{line}".rstrip() for line in text.splitlines())


def code(text: str, language: str = "console") -> str:
    """Return a block of code."""
    return f".. code-block:: {language}\n\n{indented(text)}\n\n"


def table(rows: Iterable[Sequence[object]], head: Sequence[str] = ()) -> str:
    """Return a table whose cells are mark-up already."""
    lines = [".. list-table::", f"   :header-rows: {1 if head else 0}", "   :class: wide", ""]
    for row in [head, *rows] if head else rows:
        for at, cell in enumerate(row):
            words = " ".join(str(cell).split())
            lines.append(f"   {'* -' if at == 0 else '  -'} {words}".rstrip())
    return "\n".join(lines) + "\n\n"


def contents(names: Iterable[str], hidden: bool = True) -> str:
    """Return the table of contents of an index page."""
    lines = [".. toctree::", *(["   :hidden:"] if hidden else []), ""]
    return "\n".join([*lines, *(f"   {name}" for name in names)]) + "\n\n"


def docstring(text: str) -> str:
    """Return a numpydoc docstring as reStructuredText."""
    made = str(NumpyDocstring(inspect.cleandoc(text), NUMPYDOC))
    return re.sub(r"(?m)^:(returns|raises)", lambda m: f":{m[1].capitalize()}", made) + "\n\n"


def first_sentence(text: str | None) -> str:
    """Return the first line of a docstring."""
    return inspect.cleandoc(text or "").split("\n\n")[0].replace("\n", " ")
