"""Find the compiled functions of the project."""

from __future__ import annotations

import pkgutil
from importlib import import_module

from numba.core.dispatcher import Dispatcher

import analytics


def compiled_functions() -> list[Dispatcher]:
    """Return every compiled function of every module."""
    modules = pkgutil.walk_packages(analytics.__path__, "analytics.")
    names = [m.name for m in modules if not m.name.endswith("__main__")]
    found = [v for name in names for v in vars(import_module(name)).values()]
    return list({id(v): v for v in found if isinstance(v, Dispatcher)}.values())


def called_by(function: Dispatcher) -> list[Dispatcher]:
    """Return the compiled functions that one of them names."""
    code, where = function.py_func.__code__, function.py_func.__globals__
    named = [where.get(name) for name in code.co_names]
    named += [cell.cell_contents for cell in function.py_func.__closure__ or ()]
    return [value for value in named if isinstance(value, Dispatcher)]


def is_helper(function: Dispatcher) -> bool:
    """Whether it is compiled into those that call it."""
    return bool(function.targetoptions.get("forceinline"))


def is_cached(function: Dispatcher) -> bool:
    """Whether its code is kept on disk."""
    return type(function._cache).__name__ != "NullCache"
