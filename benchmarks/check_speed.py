"""Speed and memory of `winnow check` on many small structures.

    python -m benchmarks check [NUMBER OF STRUCTURES ...]

A file of structures of eight copper atoms with forces, each displaced at random, is written and
checked in a process of its own. Atoms per second are those of processor time, on one core.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

SIZES = (10_000, 100_000)
ATOMS = 8
HEADINGS = "structures     atoms  atoms/s core  core s    wall s  peak GB  exit"
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


def measure(path: Path, n: int, atoms: int) -> str:
    """Check a file of n structures, and return a line on what it took."""
    start = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-m", "analytics.cli", "check", str(path), "--json"],
        stdout=subprocess.DEVNULL,
    )
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    cpu = used.ru_utime + used.ru_stime
    scale = 1 if sys.platform == "darwin" else 1024
    return (
        f"{n:>9} {atoms / 1e6:>8.2f} M {atoms / cpu:>10.0f} {cpu:>9.1f} {wall:>9.1f}"
        f" {used.ru_maxrss * scale / 1e9:>8.2f} {os.waitstatus_to_exitcode(status):>5}"
    )


def main(sizes: list[int] | None = None) -> None:
    """Print a row for each number of structures."""
    print(HEADINGS)
    with tempfile.TemporaryDirectory() as folder:
        for n in sizes or SIZES:
            path = Path(folder) / "many.xyz"
            write(path, n)
            print(measure(path, n, ATOMS * n), flush=True)
