"""Speed of the entropy and of msc next to those of quests, measured in the same run.

    python -m benchmarks.kernel

Both get the same descriptors (k = 32, cutoff 5 Å, double precision) after a first call that
compiles. The two take turns and the times are medians of wall clock; both use every core. quests
is measured at its default batch size and at the fastest of `BATCHES`, which is looked for first.
For msc both order 10 % of the structures, the entropies of single structures included.
"""

from __future__ import annotations

import os
import statistics
import time
from collections.abc import Callable

import numpy as np

import winnow_atomistic as winnow
from analytics.selection.base import Selection
from benchmarks.labelled_sets import DATA

CASES = ("mlearn_Si_train.xyz", "mlearn_Cu_train.xyz")
BATCHES = (500, 1000, 2000, 5000)
DEFAULT_BATCH = 20000
REPEATS = 5


def timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def alternating(repeats: int, *works: Callable[[], object]) -> list[float]:
    """Return the median time of each, taking turns."""
    times = [[timed(work) for work in works] for _ in range(repeats)]
    return [statistics.median(column) for column in zip(*times, strict=True)]


def entropy_line(name: str, x: np.ndarray) -> str:
    from quests.entropy import entropy

    def theirs(batch: int) -> Callable[[], object]:
        return lambda: entropy(x, h=0.015, batch_size=batch)

    def ours() -> float:
        return winnow.entropy(x)

    scan = {batch: timed(theirs(batch)) for batch in BATCHES}
    best = min(scan, key=lambda batch: scan[batch])
    mine, fastest = alternating(REPEATS, ours, theirs(best))
    again, default = alternating(2, ours, theirs(DEFAULT_BATCH))
    difference = abs(ours() - float(entropy(x, h=0.015, batch_size=best)))
    return (
        f"{name:22}{len(x):7d}{mine:9.3f}{fastest:10.3f}{best:7d}{default:10.3f}"
        f"{fastest / mine:9.1f}x{default / min(mine, again):9.1f}x{difference:11.1e}"
    )


def msc_line(name: str, data: winnow.Dataset, share: float) -> str:
    from quests.compression.fps import msc
    from quests.entropy import entropy

    described = winnow.describe(data)
    analysis = winnow.analyse(data, described)
    values = np.asarray(described.values, dtype=np.float64)
    blocks = np.split(values, described.structure_offsets[1:-1])
    size = int(np.ceil(share * len(blocks)))

    def theirs() -> list[int]:
        entropies = np.array([entropy(b, h=0.015) for b in blocks])
        return msc(blocks, entropies, size, h=0.015)

    def ours() -> Selection:
        return winnow.select(analysis, "msc", size=size)

    same = [int(s) for s in theirs()] == ours().positions.tolist()
    mine, reference = alternating(3, ours, theirs)
    order = "same order" if same else "another order"
    return f"{name:22}{size:7d}{mine:9.3f}{reference:10.3f}{reference / mine:9.1f}x  {order}"


def main() -> None:
    present = [name for name in CASES if (DATA / name).is_file()]
    if not present:
        print(f"no data sets in {DATA}; WINNOW_DATA names another folder")
        return
    from quests.entropy import entropy

    entropy(np.zeros((4, 63)), h=0.015, batch_size=2)
    winnow.entropy(np.random.default_rng(0).normal(size=(600, 63)))
    print(f"kernel sums, {os.cpu_count()} cores; seconds, and how much faster than quests")
    print(
        f"{'entropy of':22}{'rows':>7}{'ours':>9}{'quests':>10}{'batch':>7}{'default':>10}"
        f"{'best':>10}{'default':>10}{'|dH|/nats':>11}"
    )
    for name in present:
        values = winnow.describe(winnow.read(DATA / name)).values
        print(entropy_line(name, np.ascontiguousarray(values, dtype=np.float64)), flush=True)
    print(f"\n{'msc, 10 % of':22}{'kept':>7}{'ours':>9}{'quests':>10}{'ratio':>10}")
    print(msc_line(present[0], winnow.read(DATA / present[0]), 0.1))


if __name__ == "__main__":
    main()
