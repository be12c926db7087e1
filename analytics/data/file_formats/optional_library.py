"""Optional libraries that readers of containers need, and the line on how to install them."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from analytics.runtime.errors import InputError

__all__ = ["optional_library"]


def optional_library(module: str, contents: str) -> Any:
    """Import a module of the extra ``formats``.

    Raises
    ------
    InputError
        If it is not installed.
    """
    try:
        return import_module(module)
    except ImportError:
        raise InputError(
            f"holds {contents}, for which {module.partition('.')[0]} is needed: "
            'pip install "winnow-atomistic[formats]"'
        ) from None
