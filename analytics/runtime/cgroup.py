"""Limits of a control group (cgroup): the CPU quota and memory of a container or a Slurm job.

Both versions of Linux's control groups are read, each group and the groups above it: the lowest
limit counts. Elsewhere, and where nothing is limited, the limits are infinite.

References
----------
.. [1] The Linux kernel documentation, "Control Group v2", files ``cpu.max`` and ``memory.max``.
.. [2] The Linux kernel documentation, "CFS Bandwidth Control" and "Memory Resource Controller"
   (version 1), files ``cpu.cfs_quota_us``, ``cpu.cfs_period_us``, ``memory.limit_in_bytes``.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from pathlib import Path

__all__ = ["MOUNT", "cpu_quota", "memory_limit"]

#: Where control groups are mounted.
MOUNT = Path("/sys/fs/cgroup")
#: The groups that this process is in.
MEMBERSHIP = Path("/proc/self/cgroup")
#: Version 1 writes "no limit" as the largest multiple of a page below 2^63 bytes.
UNLIMITED = 2.0**62


def cpu_quota() -> float:
    """Return how many cores' time this process may use: 1.5 is a core and a half.

    Notes
    -----
    Reads a handful of small files, about 0.1 ms.
    """
    return min((_quota(folder) for folder in _folders("cpu")), default=inf)


def memory_limit() -> float:
    """Return the bytes of memory that this process and its group may hold."""
    names = ("memory.max", "memory.limit_in_bytes")
    limits = [_numbers(folder / name)[:1] for folder in _folders("memory") for name in names]
    found = [limit for each in limits for limit in each if limit < UNLIMITED]
    return min(found, default=inf)


def _quota(folder: Path) -> float:
    pairs = [
        _numbers(folder / "cpu.max"),
        _numbers(folder / "cpu.cfs_quota_us") + _numbers(folder / "cpu.cfs_period_us"),
    ]
    quotas = [pair[0] / pair[1] for pair in pairs if len(pair) == 2 and min(pair) > 0]
    return min(quotas, default=inf)


def _folders(controller: str) -> Iterator[Path]:
    """Yield the folder of the group that limits us, and of those above it."""
    for line in _text(MEMBERSHIP).splitlines():
        number, _, rest = line.partition(":")
        controllers, _, group = rest.partition(":")
        if number == "0" and not controllers:
            mount = MOUNT
        elif controller in controllers.split(","):
            named = (MOUNT / controllers, MOUNT / controller)
            mount = next((folder for folder in named if folder.is_dir()), named[0])
        else:
            continue
        # a container may see the path of the host, and its own group at the mount itself
        inside = mount / group.lstrip("/")
        yield inside
        yield from (folder for folder in inside.parents if folder.is_relative_to(mount))


def _numbers(file: Path) -> list[float]:
    """Return the numbers of a file; "max" is infinity, and a file that is not there has none."""
    try:
        return [inf if word == "max" else float(word) for word in _text(file).split()]
    except ValueError:
        return []


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, ValueError):
        return ""
