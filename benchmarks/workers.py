"""Worker processes: what a call costs, against a process of its own for each call."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from analytics.data.readers import read
from analytics.runtime.assets import asset
from analytics.runtime.process import Limits, call
from analytics.runtime.progress import Monitor
from analytics.runtime.store import Store
from analytics.runtime.workers import Workers

REPEATS = 20
MEGABYTES = 100


def nothing(monitor: Monitor) -> None:
    """Do nothing."""


def length(value: Any, monitor: Monitor) -> int:
    """Look at an argument, not at its contents."""
    return len(getattr(value, "numbers", value))


def _time(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """Return the median time by the clock and the processor time of this process, seconds."""
    clock = []
    begun = time.process_time()
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        clock.append(time.perf_counter() - start)
    return float(np.median(clock)), (time.process_time() - begun) / repeats


def main() -> None:
    """Time calls without arguments, with an array of the store, and with a data set."""
    pool, data = Workers(1, Limits()), read(asset("carbon.xyz.gz"))
    begun = time.perf_counter()
    pool.call(nothing, name="benchmark")
    print(f"the first call, which starts the process: {time.perf_counter() - begun:.2f} s\n")
    with tempfile.TemporaryDirectory() as folder:
        store, values = Store(Path(folder), 2**40), np.zeros(MEGABYTES * 125_000)
        values.flags.writeable = False
        store.save("x", x=values)
        entry = store.load("x")
        assert entry is not None
        cases: dict[str, tuple[Callable[..., Any], tuple[Any, ...]]] = {
            "no argument": (nothing, ()),
            f"array of {MEGABYTES} MB that lies in the store": (length, (entry["x"],)),
            f"array of {MEGABYTES} MB in memory": (length, (values,)),
            "carbon data set": (length, (data,)),
        }
        print(
            f"{'ms by the clock (processor of this process)':<46}{'worker':>16}{'own process':>16}"
        )
        for name, (work, arguments) in cases.items():
            shown = []
            for one, repeats in ((pool.call, REPEATS), (call, 3)):
                words = {"name": "benchmark", "message": ""}
                work_once = lambda: one(work, *arguments, **words)  # noqa: B023, E731
                clock, processor = _time(work_once, repeats)
                shown.append(f"{1e3 * clock:8.1f} ({1e3 * processor:.1f})")
            print(f"{name:<46}{shown[0]:>16}{shown[1]:>16}")
    pool.close()
