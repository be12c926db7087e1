"""Formulas of docstrings in the signs that a line of text has."""

from __future__ import annotations

import re

__all__ = ["plain_signs"]

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
