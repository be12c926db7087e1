"""Speed and memory of `winnow check` on many small structures.

    python -m benchmarks check [NUMBER OF STRUCTURES ...]

A file of structures of eight copper atoms with forces, each displaced at random, is written and
checked in a process of its own. Atoms per second are those of processor time, on one core. The
peak counts pages of mapped files, which the system can drop; heap is the most without them (Linux).
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

SIZES = (10_000, 100_000)
ATOMS = 8
HEADINGS = "structures     atoms  atoms/s core  core s    wall s  peak GB  heap GB  exit"
_HEADER = (
    f'{ATOMS}\nLattice="0 3.61 3.61 3.61 0 3.61 3.61 3.61 0" Properties=species:S:1:pos:R:3:'
    'forces:R:3 energy={:.6f} pbc="T T T" config_type={}\n'
)
_LINE = "Cu {:.8f} {:.8f} {:.8f} {:.8f} {:.8f} {:.8f}\n" * ATOMS


def write(path: Path, n: int) -> None:
    """Write a file of n structures."""
    rng = np.random.default_rng(0)
    corners = np.stack(np.meshgrid([0, 1], [0, 1], [0, 1]), axis=-1).reshape(-1, 3)
    sites = corners @ np.array([[0, 1, 1], [1, 0, 1], [1, 1, 0]]) * 1.805
    with path.open("w") as file:
        for i in range(n):
            moved = rng.normal(0, 0.1, (ATOMS, 3))
            force = -5.0 * (moved - moved.mean(axis=0))
            rows = np.concatenate([sites + moved, force], axis=1)
            energy = -28.0 + 2.5 * float((moved**2).sum())
            file.write(_HEADER.format(energy, "md" if i % 2 else "relaxed"))
            file.write(_LINE.format(*rows.ravel().tolist()))


@dataclass(frozen=True)
class Taken:
    """What a process took.

    Attributes
    ----------
    core, wall : float
        Seconds of the processors, and on the wall.
    peak, heap : float
        The most memory, with and without pages of files, GB; heap is NaN where it is not told.
    exit : int
    """

    core: float
    wall: float
    peak: float
    heap: float
    exit: int


def watched(command: Sequence[str]) -> Taken:
    """Run a command in a process of its own, without what it prints, and watch its memory."""
    start, heap = time.perf_counter(), float("nan")
    child = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    pid = 0
    while not pid:
        pid, status, used = os.wait4(child.pid, os.WNOHANG)
        if not pid:
            with suppress(OSError):
                said = Path(f"/proc/{child.pid}/status").read_text()
                now = re.search(r"RssAnon:\s+(\d+) kB", said)
                heap = float(np.fmax(heap, int(now[1]) * 1024 / 1e9 if now else np.nan))
            time.sleep(0.05)
    scale = 1 if sys.platform == "darwin" else 1024
    return Taken(
        used.ru_utime + used.ru_stime,
        time.perf_counter() - start,
        used.ru_maxrss * scale / 1e9,
        heap,
        os.waitstatus_to_exitcode(status),
    )


def measure(path: Path, n: int, atoms: int) -> str:
    """Check a file of n structures, and return a line on what it took."""
    taken = watched([sys.executable, "-m", "analytics.cli", "check", str(path), "--json"])
    return (
        f"{n:>10} {atoms / 1e6:>7.2f} M {atoms / taken.core:>12.0f} {taken.core:>7.1f}"
        f" {taken.wall:>9.1f} {taken.peak:>8.2f} {taken.heap:>8.2f} {taken.exit:>5}"
    )


def main(sizes: list[int] | None = None) -> None:
    """Print a row for each number of structures."""
    print(HEADINGS)
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes or SIZES:
            path = Path(folder) / "many.xyz"
            write(path, n)
            print(measure(path, n, ATOMS * n), flush=True)
