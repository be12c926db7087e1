"""`python -m fuzz` (or `make fuzz`): use so many damaged inputs and count what came of them."""

from __future__ import annotations

import argparse
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from contextlib import chdir
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz.worker import ROOT, read_here, write_files

PATIENCE = 120.0  # seconds on the clock after which an input hangs that takes no processor time
COMPILING = 1800.0  # seconds before the first input
ENDS = {-signal.SIGPROF: "hangs", -signal.SIGSEGV: "segmentation fault"}
READ_ELSEWHERE = ("ase",)  # what Winnow reads in a process of its own
BATCH, FEW = 400, 600  # inputs per process, and up to how many one process is enough
ONE = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass
class Tally:
    """What came of the inputs of one target."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[str]] = field(default_factory=dict)
    warnings: Counter[str] = field(default_factory=Counter)
    again: int = 0  # that ended or held up a reader
    slowest: float = 0.0
    memory: int = 0

    def add_fault(self, what: str, folder: Path) -> None:
        self.outcomes["fault"] += 1
        self.faults.setdefault(what, []).append(str(folder))

    def add(self, told: dict[str, Any], folder: Path) -> None:
        self.slowest = max(self.slowest, told["seconds"])
        self.memory = max(self.memory, told["memory"])
        self.warnings.update(told["warnings"])
        if told["outcome"] == "fault":
            self.add_fault(f"{told['where']} {told['what']}", folder)
        else:
            self.outcomes[told["outcome"]] += 1


#: Name, first input and the one after the last.
Job = tuple[str, int, int]


def start(run: Path, way: str, seed: int, jobs: list[Job]) -> subprocess.Popen[str]:
    words = [f"{name}:{first}:{stop}" for name, first, stop in jobs]
    path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    limits = {"PYTHONPATH": path, "WINNOW_READER_SECONDS": "8", "WINNOW_READER_MEMORY": "1900MB"}
    with (run / "stderr.txt").open("a") as stderr:
        return subprocess.Popen(
            [sys.executable, "-m", "fuzz.worker", run, way, str(seed), *words],
            cwd=ROOT,
            env=os.environ | dict.fromkeys(ONE, "1") | limits,
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )


def run_jobs(run: Path, way: str, seed: int, jobs: list[Job], found: dict[str, Tally]) -> None:
    """Use inputs in a process, and those after one that ended it in another."""
    while jobs:
        ended = run_until_fault(run, way, seed, jobs, found)
        if ended is None:
            return
        name, index, why = ended
        if way == "here" and name in READ_ELSEWHERE:
            found[name].again += 1
            run_jobs(run, "elsewhere", seed, [(name, index, index + 1)], found)
        else:
            found[name].add_fault(why, run / "inputs" / f"{name}_{index}")
        at = next(at for at, job in enumerate(jobs) if job[0] == name and index < job[2])
        jobs = [(name, index + 1, jobs[at][2]), *jobs[at + 1 :]]
        if jobs[0][1] == jobs[0][2]:
            del jobs[0]


def run_until_fault(
    run: Path, way: str, seed: int, jobs: list[Job], found: dict[str, Tally]
) -> tuple[str, int, str] | None:
    """Use inputs in a process; return the one that ended it, and how, or None."""
    process = start(run, way, seed, jobs)
    lines: queue.Queue[str | None] = queue.Queue()

    def listen() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put(None)

    threading.Thread(target=listen, daemon=True).start()
    patience, name, index = COMPILING, jobs[0][0], jobs[0][1]
    try:
        while (line := lines.get(timeout=patience)) is not None:
            told = json.loads(line)
            patience = COMPILING if "warming" in told else PATIENCE
            name, index = told.get("name", name), told.get("start", index)
            if "outcome" in told:
                found[name].add(told, run / "inputs" / f"{name}_{index}")
        code = process.wait()
        return None if code == 0 else (name, index, ENDS.get(code, f"exit code {code}"))
    except queue.Empty:
        return name, index, "hangs without computing"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def make_seeds(run: Path, name: str) -> None:
    from fuzz.targets import TARGETS

    with chdir(run):  # what is read here is copied to the working folder
        pool = TARGETS[name].seeds()
    for at, files in enumerate(pool):
        folder = run / "seeds" / name / f"{at:03d}"
        write_files(folder, files)
        folder.with_suffix(".json").write_text(json.dumps(list(files)))


def fuzz(run: Path, counts: dict[str, int], seed: int) -> dict[str, Tally]:
    read_here()
    found = {name: Tally() for name in counts}
    for name in counts:
        make_seeds(run, name)
    if sum(counts.values()) <= FEW:
        run_jobs(run, "here", seed, [(name, 0, count) for name, count in counts.items()], found)
    for name, tally in found.items():
        clock = time.monotonic()
        if not tally.outcomes:
            for at in range(0, counts[name], BATCH):
                job = (name, at, min(at + BATCH, counts[name]))
                run_jobs(run, "here", seed, [job], found)
        print(row(name, tally, time.monotonic() - clock), flush=True)
        for what, folders in tally.faults.items():
            print(f"    {len(folders)} x {what}\n        {folders[0]}", flush=True)
    return found


def row(name: str, tally: Tally, seconds: float) -> str:
    counts = "  ".join(f"{tally.outcomes[kind]:6d} {kind}" for kind in ("read", "refused", "fault"))
    again = f"  ({tally.again} ended or held up their reader)" if tally.again else ""
    return (
        f"{name:14s} {counts}  slowest {tally.slowest:5.1f} s  "
        f"peak {tally.memory / 1e6:5.0f} MB  in {seconds:.0f} s{again}"
    )


def shares(count: int, chosen: list[str]) -> dict[str, int]:
    """Deal the inputs to the targets by their weights."""
    from fuzz.targets import TARGETS

    total = sum(TARGETS[name].weight for name in chosen)
    return {name: -(-count * TARGETS[name].weight // total) for name in chosen}


def main() -> int:
    from fuzz.targets import TARGETS

    parser = argparse.ArgumentParser(prog="python -m fuzz", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="TARGET", help=", ".join(TARGETS))
    parser.add_argument("--count", type=int, default=10_000, help="of inputs in all")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--keep", metavar="FOLDER", help="where the inputs with faults stay")
    arguments = parser.parse_args()
    unknown = set(arguments.targets) - set(TARGETS)
    if unknown:
        parser.error(f"no target {', '.join(sorted(unknown))}")
    keep = arguments.keep or tempfile.mkdtemp(prefix="winnow-fuzz-")
    run = Path(keep).absolute()
    run.mkdir(parents=True, exist_ok=True)
    counts = shares(arguments.count, arguments.targets or list(TARGETS))
    found = fuzz(run, counts, arguments.seed)
    outcomes = sum((tally.outcomes for tally in found.values()), Counter())
    said = sum((tally.warnings for tally in found.values()), Counter())
    if said:
        print("warnings:", *(f"{n} x {what}" for what, n in said.most_common(5)), sep="\n    ")
    print(f"{outcomes.total()} inputs, seed {arguments.seed}: {dict(outcomes)}")
    if not outcomes["fault"] and arguments.keep is None:
        shutil.rmtree(run)
    return 1 if outcomes["fault"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
