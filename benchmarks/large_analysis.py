"""From a large file to its first numbers, seconds and memory: `benchmarks.scale analysis`.

    python -m benchmarks.large_analysis FILE ...

Sets of several sizes from `benchmarks.large_sets` (or the files named) are read, described in
blocks on disk and analysed from a sample, each in a process of its own. A row per step: seconds on
the wall and of the processors, the most memory without pages of files (heap; those the system can
drop) during the step, that above what was held before it as bytes for each number of a descriptor,
and what was found, with its standard error.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import winnow_atomistic as winnow
from analytics.evaluation.prefixes import prefix_metrics
from benchmarks.labelled_sets import DATA
from benchmarks.large_sets import SOURCES, Mixture, write_large_set

__all__ = ["analysis", "main"]

SIZES, ATOMS = (10_000, 100_000), 10
#: Seconds between looks at the memory.
TICK = 0.02


def _heap() -> float:
    """Return the memory of this process without pages of files, GB (Linux; NaN elsewhere)."""
    try:
        said = Path("/proc/self/status").read_text()
    except OSError:
        return float("nan")
    line = next(line for line in said.splitlines() if line.startswith("RssAnon"))
    return int(line.split()[1]) * 1024 / 1e9


class _Watch:
    """The most memory that is held while it watches."""

    def __init__(self) -> None:
        self.before = self.most = _heap()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> _Watch:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _look(self) -> None:
        while not self._done.wait(TICK):
            self.most = max(self.most, _heap())


def _step(
    name: str, work: Callable[[], Any], numbers: int, note: Callable[[Any], str] = lambda _: ""
) -> Any:
    wall, used = time.perf_counter(), time.process_time()
    with _Watch() as watch:
        found = work()
    wall, used = time.perf_counter() - wall, time.process_time() - used
    each = f"{(watch.most - watch.before) * 1e9 / numbers:8.1f}" if numbers else " " * 8
    print(f"{name:24}{wall:8.1f}{used:8.1f}{watch.most:8.2f}{each}  {note(found)}", flush=True)
    return found


def _measured(path: str) -> None:
    """Print the rows of one file; in a process of its own."""
    from analytics.descriptors import in_blocks

    in_blocks.LARGE = 0  # however small it is
    data = _step("read", lambda: winnow.read(path), 0, lambda d: f"{d.n_structures} structures")
    x = _step(
        "describe", lambda: winnow.describe(data), 0, lambda x: f"{x.values.shape} {x.values.dtype}"
    )
    numbers = x.values.size
    found = _step("analyse", lambda: winnow.analyse(data, x), numbers, _figures)
    picks = np.random.default_rng(0).permutation(found.n_structures)
    size = max(1, found.n_structures // 100)
    _step("random 1 %", lambda: prefix_metrics(found, picks, np.array([size])), numbers, _kept)
    _step("certify 0.01 nats", lambda: winnow.certify(found, error=0.01), numbers, _figures)


def _figures(found: winnow.Analysis) -> str:
    known = int(found.outliers.known.sum())
    kept = sum(k.nbytes for k in {id(k): k for k in _kernels(found)}.values()) / 1e9
    sampled = "all" if found.sampled is None else f"{found.sampled} sampled"
    return (
        f"H = {found.entropy_nats:.3f} ± {found.entropy_error:.3f}, D = {found.diversity_nats:.3f} "
        f"± {found.diversity_error:.3f}, {sampled}, kernels {kept:.2f} GB, {known} outlier scores "
        "known"
    )


def _kernels(found: winnow.Analysis) -> tuple[Any, ...]:
    return found.kernel, found.measured, found.reaching


def _kept(found: Any) -> str:
    return (
        f"coverage {found.overlap[0]:.3f} ± {found.overlap_error[0]:.3f}, mean dH "
        f"{found.mean_delta_entropy[0]:.3f} ± {found.mean_delta_entropy_error[0]:.3f}"
    )


def _in_a_process(path: Path) -> None:
    print(f"{'':24}{'wall/s':>8}{'cpu/s':>8}{'heap/GB':>8}{'B/number':>8}", flush=True)
    work = f"from benchmarks.large_analysis import _measured; _measured({str(path)!r})"
    subprocess.run([sys.executable, "-c", work], check=True, env=os.environ)


def analysis() -> None:
    """Make sets of several sizes and print the rows of each."""
    sets = [winnow.read(DATA / name) for name in SOURCES if (DATA / name).is_file()]
    print(f"load {os.getloadavg()[0]:.1f} at the start")
    with tempfile.TemporaryDirectory() as folder:
        os.environ["WINNOW_CACHE"] = str(Path(folder) / "cache")
        for n in SIZES:
            path, _ = write_large_set(Path(folder), Mixture(sets, ATOMS, n, 0), n)
            _in_a_process(path)


def main(paths: list[str]) -> None:
    """Print the rows of each file named."""
    for path in paths:
        _in_a_process(Path(path))


if __name__ == "__main__":
    main(sys.argv[1:])
