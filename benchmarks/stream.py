"""Large sets as a stream: memory and speed of reading, checking and describing, and float32.

    python -m benchmarks.scale stream

Sets of several sizes are made (`benchmarks.large_sets`) and checked, each in a process of its own,
then described in blocks on disk, twice: the second time the blocks are there already. Last, what
storing descriptors in single and in half precision changes: entropy (nats), diversity as a share
of it, and the largest log sum (nats), at the published width and at four times that.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import numpy as np

import winnow_atomistic as winnow
from analytics.information.entropy import diversity_of_sums, entropy_of_sums
from analytics.information.kernel import kernel_sums
from benchmarks.check_speed import HEADINGS, measure, watched
from benchmarks.labelled_sets import DATA
from benchmarks.large_sets import SOURCES, Mixture, write_large_set

__all__ = ["described", "precision", "stream"]

SIZES = (30_000, 100_000)
ATOMS = 10
ROUNDED = ("nbmotaw_train.xyz.gz@0:1500", "mlearn_Ge_train.xyz", "3bpa_train_300K.xyz.gz")
WIDTHS = (0.015, 0.06)
#: Reads a set, describes it in blocks, however small it is, and writes the seconds of the
#: processors that the describing took.
_DESCRIBE = """
import pathlib, sys, time
from analytics.descriptors import in_blocks
in_blocks.LARGE = 0
import winnow_atomistic as winnow
data = winnow.read(sys.argv[1])
start = time.process_time()
winnow.describe(data)
pathlib.Path(sys.argv[2]).write_text(str(time.process_time() - start))
"""


def described(path: Path, atoms: int) -> None:
    """Print what it takes to describe a set in blocks, on disk."""
    told = path.with_name("seconds.txt")
    for said in ("made", "found on disk"):
        taken = watched([sys.executable, "-c", _DESCRIBE, str(path), str(told)])
        core = float(told.read_text())
        print(
            f"{atoms / 1e6:.2f} M environments {said}: {atoms / core:.0f} per core and second "
            f"({core:.1f} s), heap {taken.heap:.2f} GB, peak {taken.peak:.2f} GB",
            flush=True,
        )


def precision() -> None:
    """Print what storing descriptors with fewer digits changes."""
    print(f"{'set':>28}{'n':>8}{'h':>7}{'digits':>9}{'entropy':>10}{'diversity':>11}{'log sum':>9}")
    for name in ROUNDED:
        if not (DATA / name.partition("@")[0]).is_file():
            continue
        x = winnow.describe(winnow.read(f"{DATA / name}")).values
        for h in WIDTHS:
            exact = kernel_sums(x, bandwidth=h)
            for kind in (np.float32, np.float16):
                sums = kernel_sums(x.astype(kind).astype(np.float32), bandwidth=h)
                share = diversity_of_sums(sums) / diversity_of_sums(exact) - 1.0
                print(
                    f"{name:>28}{len(x):8d}{h:7.3f}{kind.__name__:>9}"
                    f"{abs(entropy_of_sums(sums) - entropy_of_sums(exact)):10.1e}{abs(share):11.1e}"
                    f"{np.abs(np.log(sums / exact)).max():9.1e}",
                    flush=True,
                )


def stream() -> None:
    """Print the rows of all sizes, then those of precision."""
    sets = [winnow.read(DATA / name) for name in SOURCES if (DATA / name).is_file()]
    print(f"load {os.getloadavg()[0]:.1f} at the start")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WINNOW_CACHE"] = str(Path(folder) / "cache")
        print(HEADINGS)
        for n in SIZES:
            path, atoms = write_large_set(Path(folder), Mixture(sets, ATOMS, n, 0), n)
            print(measure(path, n, atoms), flush=True)
        described(path, atoms)
    precision()
