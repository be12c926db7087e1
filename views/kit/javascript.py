"""JavaScript modules: text of a file with what it imports from files beside it put before it.

A component of Panel (1.9.4) is one text, which the browser imports from memory: from there it finds
no file.
"""

from __future__ import annotations

import re
from pathlib import Path

__all__ = ["module_text"]

_IMPORT = re.compile(r"^import \{[^}]*\} from '(\.[^']+)'\n", re.MULTILINE)


def module_text(file: Path) -> str:
    """Return the text of a module that imports nothing."""
    text = file.read_text(encoding="utf-8")
    parts = [
        module_text(file.parent / found).replace("export function", "function")
        for found in _IMPORT.findall(text)
    ]
    return "\n".join([*parts, _IMPORT.sub("", text)])
