"""Selections of one per cent from ever larger sets: `python -m benchmarks.scale selections`."""

from __future__ import annotations

import os
import resource
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

import winnow_atomistic as winnow
from analytics.cluster.sampled_demand import demand_of
from benchmarks.kernel import DATA
from benchmarks.large_sets import SOURCES, Mixture, write_large_set
from benchmarks.scale import clock

__all__ = ["selections"]

SIZES, AIMED = (5_000, 10_000, 20_000, 40_000), 1_000_000
#: Environments drawn for each structure to be picked.
PER_PICK = (10, 40)
METHODS = ("msc", "farthest_environment", "farthest_mean", "kmeans")
#: The kernels of an analysis, which none of these looks at, are made from so few environments.
FEW = 500


def selections() -> None:
    """Print processor seconds at four sizes, how they grow, and what that means for 10^6."""
    sets = [winnow.read(DATA / name) for name in SOURCES if (DATA / name).is_file()]
    with tempfile.TemporaryDirectory() as folder:
        path, _ = write_large_set(Path(folder), Mixture(sets, 10, SIZES[-1], 0), SIZES[-1])
        whole = winnow.read(path)
    drawn = np.random.default_rng(0).permutation(whole.n_structures)
    parts = []
    for size in (500, *SIZES):  # the first one compiles
        part = whole.take(np.sort(drawn[:size]))
        described = winnow.describe(part)
        values = described.values.astype(np.float32)
        described = replace(described, values=values, fingerprint="")
        parts.append(winnow.analyse(part, described, sample=FEW))
    print(
        f"processor seconds to pick 1 % of structures of a mixture (benchmarks large_sets), "
        f"d = {parts[-1].descriptors.values.shape[1]}, load {os.getloadavg()[0]:.1f} at the start"
    )
    print(f"{'':32}" + "".join(f"{size:>9}" for size in SIZES) + f"{'n to the':>10}{'10^6':>9}")
    for per_pick in PER_PICK:
        work = [_sampled(part, per_pick) for part in parts]
        shares = [f"{found.certificate(len(found)):.1%}" for found, _ in work[1:]]
        _row(f"facility location, m = {per_pick} k", [used for _, used in work[1:]])
        print(f"{'  of the best, 99 % sure':32}" + "".join(f"{share:>9}" for share in shares))
    for name in METHODS:
        times = [
            clock(lambda part=part, name=name: winnow.select(part, name, size=0.01))[2]
            for part in parts
        ]
        _row(name, times[1:])
    print(f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


def _sampled(analysis: winnow.Analysis, per_pick: int) -> tuple[Any, float]:
    size = max(1, analysis.n_structures // 100)
    found, _, used = clock(
        lambda: demand_of(analysis, "facility_location", size, demand=per_pick * size)
    )
    return found, used


def _row(name: str, times: list[float]) -> None:
    logs = np.log(np.maximum(times, 1e-4))
    slope = float(np.polyfit(np.log(SIZES), logs, 1)[0])
    # the steeper of the whole and of the last doubling
    steep = max(slope, float((logs[-1] - logs[-2]) / np.log(SIZES[-1] / SIZES[-2])))
    foretold = times[-1] * (AIMED / SIZES[-1]) ** steep
    print(
        f"{name:32}" + "".join(f"{t:9.2f}" for t in times) + f"{slope:10.2f}{foretold:9.0f}",
        flush=True,
    )
