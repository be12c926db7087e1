"""Winnow for scripts and notebooks: what an atomistic training set can afford to lose.

>>> import winnow_atomistic as winnow
>>> data = winnow.read("assets/carbon.xyz.gz")
>>> environments = winnow.describe(data)
>>> information = winnow.analyse(data, environments)
>>> kept = winnow.select(information, "facility_location", size=50)
>>> table = winnow.compare(information, ["random", "facility_location"], [0.05, 0.1]).table

The names are imported when they are first used (lazy import): ``import winnow_atomistic`` costs
nothing. Their list is the stub ``__init__.pyi``, which type checkers and editors read too.
"""

from __future__ import annotations

import ast
from importlib import import_module
from importlib.resources import files
from typing import Any

from analytics.runtime.versions import version_of


def _homes() -> dict[str, tuple[str, str]]:
    """Return for each public name its module and what it is called there, from the stub."""
    stub = ast.parse(files(__name__).joinpath("__init__.pyi").read_text(encoding="utf-8"))
    return {
        alias.asname or alias.name: (node.module or "", alias.name)
        for node in stub.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }


_HOMES = _homes()
__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        value: Any = version_of("winnow-atomistic")
    elif name in _HOMES:
        module, there = _HOMES[name]
        value = getattr(import_module(module), there)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
