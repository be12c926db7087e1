"""TeX to signs: formulas of docstrings in what a line of text has, and docstrings as plain text."""

from __future__ import annotations

import re

__all__ = ["plain_signs", "plain_text"]

#: What TeX calls a sign -> the sign. Other commands keep their name: max, exp, det.
_SIGNS = {
    "sum": "Σ", "in": "∈", "le": "≤", "ge": "≥", "cdot": "·", "sqrt": "√", "nabla": "∇",
    "ln": "ln ", "log": "ln ", "quad": "  ", "left": "", "right": "", ",": " ", ";": " ",
    "|": "‖", "Lambda": "Λ", "beta": "β", "lambda": "λ", "mu": "μ", "sigma": "σ", "theta": "θ",
}  # fmt: skip
#: What stands between braces, with braces in it at most once.
_GROUP = r"{((?:[^{}]|{[^{}]*})*)}"


def plain_signs(tex: str) -> str:
    """Return TeX with signs for its commands; only _, ^ and the braces after them are left."""
    tex = " ".join(tex.split())
    tex = re.sub(r"\\mathrm{(\w+)}", r"\1", tex)
    tex = re.sub(rf"\\frac{_GROUP}{_GROUP}", r"\1 / (\2)", tex)
    return re.sub(r"\\([a-zA-Z]+|.)", lambda m: _SIGNS.get(m[1], m[1]), tex).strip()


def plain_text(docstring: str) -> str:
    """Return a docstring with plain signs in place of its mark-up."""

    def formula(found: re.Match[str]) -> str:
        tex = plain_signs(found[1])
        return re.sub(r"{([^{}]*)}", lambda m: m[1] if len(m[1]) <= 2 else f"({m[1]})", tex)

    text = re.sub(r":math:`([^`]*)`", formula, docstring)
    text = re.sub(r"\.\. math::((?:.*\S.*(?:\n|$))+)", lambda m: f"    {formula(m)}\n", text)
    return re.sub(r"`+([^`]*)`+", r"\1", text)
