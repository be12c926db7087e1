"""Numba decorators: the two ways a function is compiled here, so that no cache changes a number.

numba gives a compiled function that another one calls a weak symbol, and puts a second, separately
optimised copy of it into the code of the caller. The first copy that a process loads serves every
caller. Which one that is depends on what was compiled and what came from the cache; where
``fastmath`` lets the compiler reorder sums, the copies round differently (`kernel_sums` did, by
5e-4 for rows far from the others). So there are no two copies: what others call is compiled into
each of them, and has no code and no cache of its own.

- `kernel`: called from Python, cached on disk, and calls nothing compiled but helpers. The cache
  knows the files of all its helpers: where one of them changes, the kernel is compiled again (numba
  itself looks at the file of the kernel only).
- `helper`: called from kernels and helpers. From Python it works, but is compiled anew in each
  process: wrap it in a kernel.

Both release the GIL, and take the further options of `numba.njit`. Flags such as ``fastmath`` hold
for the lines of the function itself, also where it is inlined.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numba as nb
from numba.core.caching import FunctionCache
from numba.core.dispatcher import Dispatcher

__all__ = ["helper", "kernel"]

helper = partial(nb.njit, nogil=True, forceinline=True)


def kernel(
    function: Callable[..., Any] | None = None, *, cache: bool = True, **options: Any
) -> Any:
    """Compile a function that is called from Python, and keep its code."""
    if function is None:
        return partial(kernel, cache=cache, **options)
    compiled: Any = nb.njit(nogil=True, **options)(function)
    if cache and not nb.config.DISABLE_JIT:
        compiled._cache = _Cache(function)
    return compiled


class _Cache(FunctionCache):  # type: ignore[misc]
    """A cache of compiled code that is of no use once the file of a helper has changed."""

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        files = sorted(_files(self._py_func))
        digest = hashlib.sha256(b"".join(Path(file).read_bytes() for file in files))
        return (*super()._index_key(sig, codegen), digest.hexdigest())


def _files(function: Callable[..., Any]) -> set[str]:
    """Return the files of a function and of the compiled ones that it calls, at any depth."""
    found = {inspect.getfile(function)}
    scope = inspect.getclosurevars(function)
    for value in (*scope.globals.values(), *scope.nonlocals.values()):
        if isinstance(value, Dispatcher) and value.py_func is not function:
            found |= _files(value.py_func)
    return found
