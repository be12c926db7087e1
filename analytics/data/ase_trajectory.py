"""Trajectories of ASE that are cut short, damaged, or several in one file."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from analytics.data.frames import LeftOut
from analytics.runtime.errors import InputError, one_line

__all__ = ["read_trajectory"]

#: What each trajectory begins with.
_MAGIC = b"- of UlmASE-Trajectory"


def read_trajectory(path: Path) -> list[Any]:
    """Return the structures of a trajectory, and what is wrong with those that are damaged.

    Raises
    ------
    InputError
        If more than half of them are.
    """
    content = path.read_bytes()
    starts = [0]
    while (start := content.find(_MAGIC, starts[-1] + 1)) > 0:
        starts.append(start)
    ends = [*starts[1:], len(content)]
    found: list[Any] = []
    for start, end in zip(starts, ends, strict=True):
        # places in it are counted from its own beginning
        found += _images(path if len(starts) == 1 else content[start:end], len(found))
    lost = [one for one in found if isinstance(one, LeftOut)]
    if 2 * len(lost) > len(found):
        raise InputError(
            f"{lost[0].cause}; {len(lost)} of {len(found)} structures cannot be used",
            structure=lost[0].frame,
        )
    return found


def _images(source: Path | bytes, first: int) -> list[Any]:
    from ase.io.trajectory import TrajectoryReader

    file: Any = source if isinstance(source, Path) else io.BytesIO(source)
    found: list[Any] = []
    try:
        opened = TrajectoryReader(file)  # type: ignore[no-untyped-call]
    except Exception as error:
        cause = f"is a trajectory that is damaged or ends early ({_said(error)})"
        raise InputError(cause) from None
    with opened as trajectory:
        for index in range(len(trajectory)):
            try:
                found.append(trajectory[index])
            except Exception as error:
                cause = f"the file ends in it or is damaged there ({_said(error)})"
                found.append(LeftOut(first + index, cause))
    return found


def _said(error: BaseException) -> str:
    text = one_line(str(error))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
