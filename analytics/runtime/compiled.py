"""Numba decorators: the two ways a function is compiled here, so that no cache changes a number.

numba gives a compiled function that another one calls a weak symbol, and puts a second, separately
optimised copy of it into the code of the caller. The first copy that a process loads serves every
caller. Which one that is depends on what was compiled and what came from the cache; where
``fastmath`` lets the compiler reorder sums, the copies round differently (`kernel_sums` did, by
5e-4 for rows far from the others). So there are no two copies: what others call is compiled into
each of them, and has no code and no cache of its own.

- `kernel`: called from Python, cached on disk, and calls nothing compiled but helpers.
- `helper`: called from kernels and helpers. From Python it works, but is compiled anew in each
  process: wrap it in a kernel.

Both release the GIL, and take the further options of `numba.njit`. Flags such as ``fastmath`` hold
for the lines of the function itself, also where it is inlined.
"""

from __future__ import annotations

from functools import partial

import numba as nb

__all__ = ["helper", "kernel"]

kernel = partial(nb.njit, nogil=True, cache=True)
helper = partial(nb.njit, nogil=True, forceinline=True)
