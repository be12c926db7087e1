"""Pickling for Dask workers (cloudpickle): how a function with local variables travels.

Compiled functions and everything else that has a place in a module go by name. Sent by value, as
cloudpickle would do, a compiled function is compiled again by whoever receives it.
"""

from __future__ import annotations

import importlib
import io
from typing import Any

__all__ = ["packed", "unpacked"]


def _by_name(module: str, name: str) -> Any:
    return getattr(importlib.import_module(module), name)


def packed(work: Any) -> bytes:
    """Return a function, local variables included, as bytes."""
    import cloudpickle
    from numba.core.dispatcher import Dispatcher

    class Pickler(cloudpickle.Pickler):  # type: ignore[misc]
        def reducer_override(self, item: Any) -> Any:
            if isinstance(item, Dispatcher):
                place = item.py_func.__module__, item.py_func.__name__
                if _by_name(*place) is item:
                    return _by_name, place
            return super().reducer_override(item)

    with io.BytesIO() as stream:
        Pickler(stream).dump(work)
        return stream.getvalue()


def unpacked(content: bytes) -> Any:
    """Return the function that was packed."""
    import pickle

    return pickle.loads(content)
