"""What each selection covers on real data, and how fast msc is next to that of quests.

    python -m benchmarks.selections

First every registered method on the silicon set of mlearn (k = 32, cutoff 5 Å, h = 0.015 1/Å) at
5, 10, 25 and 50 % of its structures: coverage (delta entropy below 1e-5) and entropy of what is
kept, the certificate, and for saturated coverage the bound of the dual. Methods that draw at
random are averaged over five seeds. Then msc at 10 % of growing parts of the Nb-Mo-Ta-W set, ours
and that of quests in turn, after a first call that compiles.

On the whole set quests takes minutes: it is run to its end only with WINNOW_FULL=1. Otherwise it
picks `FEW` structures and then `MORE`; the difference is the cost of a pick, and that times the
number of picks, 10 % of the structures, what it would take. Each pick goes over all structures
that are left, at the end 90 % of what there was at the start, so that this is at most some 5 %
too long; the line counts 95 % of it. Our order must begin with what quests has picked.

With "msc" as an argument, that table alone.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np

import winnow_atomistic as winnow
from analytics.information.analysis import Analysis
from analytics.selection.base import METHODS, Selection, is_nested, select
from analytics.selection.certificates.dual_bound import tighten
from benchmarks.labelled_sets import DATA

COVERED = "mlearn_Si_train.xyz"
TIMED = "nbmotaw_train.xyz.gz"
SIZES = (10, 21, 53, 107)
SEEDS = range(5)
STEPS = (20, 10, 5, 1)
#: Picks of quests that its cost of a pick is measured with, and what part of it is counted.
FEW, MORE, COUNTED = 5, 30, 0.95


def prefixes(analysis: Analysis, method: str, seed: int) -> list[Selection]:
    """Return what a method keeps at each size."""
    if not is_nested(method):
        return [select(analysis, method, size=m, seed=seed) for m in SIZES]
    return [select(analysis, method, size=max(SIZES), seed=seed)] * len(SIZES)


def coverage_line(analysis: Analysis, method: str) -> str:
    rows, seconds = [], []
    for seed in SEEDS if METHODS[method].random else (0,):
        start = time.perf_counter()
        found = prefixes(analysis, method, seed)
        seconds.append(time.perf_counter() - start)
        measured = [winnow.measure(analysis, s, m) for s, m in zip(found, SIZES, strict=True)]
        rows.append([(m["overlap"], m["entropy_nats"]) for m in measured])
    mean = np.mean(rows, axis=0)
    cells = "".join(f"{overlap:8.4f} /{entropy:5.2f}" for overlap, entropy in mean)
    shares = [s.certificate(m) for s, m in zip(found, SIZES, strict=True)]
    bounds = " ".join(f"{share:.3f}" for share in shares if share is not None)
    return f"{method:21}{cells}{np.median(seconds):8.2f} s  {bounds}"


def tight_line(analysis: Analysis, method: str) -> str:
    found = select(analysis, method)
    cells = []
    for size in SIZES:
        bound = tighten(analysis, found, size)
        cells.append(f"{bound.value / bound.full:.3f} of {bound.bound / bound.full:.3f}")
    return f"{method:21}" + ", ".join(cells)


def timed(work: Callable[[], object]) -> tuple[float, float, object]:
    wall, cpu = time.perf_counter(), time.process_time()
    result = work()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def msc_line(step: int, complete: bool) -> str:
    from quests.compression.fps import msc
    from quests.entropy import entropy

    data = winnow.read(f"{DATA / TIMED}@::{step}")
    described = winnow.describe(data)
    # msc works from the descriptors alone; a small sample keeps the rest of the analysis short
    analysis = winnow.analyse(data, described, sample=500)
    values = np.asarray(described.values, dtype=np.float64)
    blocks = np.split(values, described.structure_offsets[1:-1])
    size = int(np.ceil(0.1 * len(blocks)))

    def theirs(picks: int) -> list[int]:
        entropies = np.array([entropy(b, h=0.015) for b in blocks])
        return [int(s) for s in msc(blocks, entropies, picks, h=0.015)]

    select(analysis, "msc", size=2)
    mine, mine_cpu, found = timed(lambda: select(analysis, "msc", size=size))
    head = f"{len(blocks):7d}{len(values):8d}{size:6d}{mine:9.2f}{mine_cpu:9.2f}"
    entropy(blocks[0], h=0.015)
    msc(blocks[:3], np.zeros(3), 2, h=0.015)
    assert isinstance(found, Selection)
    if complete:
        wall, cpu, expected = timed(lambda: theirs(size))
        remark = ""
    else:
        wall_few, cpu_few, _ = timed(lambda: theirs(FEW))
        wall_more, cpu_more, expected = timed(lambda: theirs(MORE))
        factor = COUNTED * (size - FEW) / (MORE - FEW)
        wall = wall_few + factor * (wall_more - wall_few)
        cpu = cpu_few + factor * (cpu_more - cpu_few)
        remark = f", quests from {MORE - FEW} of {size} picks"
    assert isinstance(expected, list)
    same = found.positions[: len(expected)].tolist() == expected
    return (
        f"{head}{wall:9.1f}{cpu:9.1f}{wall / mine:8.1f}x{cpu / mine_cpu:8.1f}x  "
        f"{'same' if same else 'another'} order{remark}"
    )


def main(arguments: Sequence[str] = ()) -> None:
    missing = [name for name in (COVERED, TIMED) if not (DATA / name).is_file()]
    if missing:
        print(f"no {', '.join(missing)} in {DATA}; WINNOW_DATA names another folder")
        return
    if list(arguments) != ["msc"]:
        coverage_table()
    msc_table()


def coverage_table() -> None:
    data = winnow.read(DATA / COVERED)
    analysis = winnow.analyse(data, winnow.describe(data))
    print(
        f"{COVERED}: {analysis.n_structures} structures, {analysis.n_environments} environments, "
        f"H = {analysis.entropy_nats:.5f} nats\ncoverage / entropy of what is kept, seconds of a "
        "run, share of the best possible objective at least reached"
    )
    print(f"{'':21}" + "".join(f"{f'm = {m}':>15}" for m in SIZES))
    for method in METHODS:
        print(coverage_line(analysis, method), flush=True)
    print("\nobjective reached, and the most any set could reach (bound of the dual)")
    for method in ("saturated_coverage", "facility_location"):
        print(tight_line(analysis, method), flush=True)


def msc_table() -> None:
    full = os.environ.get("WINNOW_FULL") == "1"
    load = os.getloadavg()[0]
    print(f"\nmsc, 10 % of parts of {TIMED}; {os.cpu_count()} cores, load average {load:.1f}")
    print(f"{'':21}{'ours':>9}{'':9}{'quests':>9}{'':9}{'quests / ours':>17}")
    print(f"{'struct.':>7}{'env.':>8}{'kept':>6}{'wall s':>9}{'CPU s':>9}{'wall s':>9}{'CPU s':>9}"
          f"{'wall':>9}{'CPU':>9}")  # fmt: skip
    for step in STEPS:
        print(msc_line(step, full or step > 1), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
