"""Options of the terminal in the words of the page: the field that does the same.

What the checks advise, notes about a file and errors name options of the command line; a person
at the page looks for a field.
"""

from __future__ import annotations

import re

__all__ = ["FIELDS", "on_page"]

#: Option -> the field of the Data stage that does the same.
FIELDS = {
    "--bandwidth": "Own number",
    "--energy-key": "Energy",
    "--forces-key": "Forces",
    "--stress-key": "Stress or virial",
    "--config-type-key": "Class",
    "--species": "Elements of the types",
    "--repair": "Multiply fractional coordinates by the cell",
    "--strict": "Refuse the file if anything of it cannot be used",
}
_OPTION = re.compile(r"(?<![\w-])(--[a-z-]+)\b")
_VALUE = re.compile(
    r" (''|[^\s;,()]+(?= (?:takes|reads) )|[^\s;,:()=]*=[^\s;:()]*[^\s;:(),]|fractional\b)"
)


def on_page(text: str) -> str:
    """Return a sentence with the fields of the page in place of options of the terminal."""
    text = text.replace("winnow conflicts", "Review")
    parts = _OPTION.split(text)
    said = [parts[0]]
    for option, rest in zip(parts[1::2], parts[2::2], strict=True):
        field, units = FIELDS.get(option), option == "--units"
        if field is None and not units:
            said.append(option + rest)
            continue
        found = _VALUE.match(rest)
        said.append(_field(field, found[1] if found else ""))
        said.append(rest[found.end() :] if found else rest)
    return "".join(said)


def _field(name: str | None, value: str) -> str:
    if name is None:  # a unit
        quantity, _, value = value.partition("=")
        name = f"Unit of {quantity or '…'}"
    value = {"''": "none", "fractional": ""}.get(value, value)
    return f"‘{name}: {value}’" if value else f"‘{name}’"
