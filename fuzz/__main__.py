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
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fuzz.worker import ROOT, write_files

PATIENCE = 120.0  # seconds on the clock after which an input hangs that takes no processor time
COMPILING = 1800.0  # seconds before the first input
MEMORY = 2e9  # bytes
BATCH = 400  # inputs per process
ONE = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass
class Tally:
    """What came of the inputs of one target."""

    outcomes: Counter[str] = field(default_factory=Counter)
    faults: dict[str, list[str]] = field(default_factory=dict)
    warnings: Counter[str] = field(default_factory=Counter)
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


def start(run: Path, name: str, seed: int, first: int, stop: int) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "fuzz.worker", run, name, *map(str, (seed, first, stop))]
    with (run / "stderr.txt").open("a") as stderr:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=os.environ | dict.fromkeys(ONE, "1"),
            stdout=subprocess.PIPE,
            stderr=stderr,
            text=True,
            start_new_session=True,
        )


def run_batch(run: Path, name: str, seed: int, first: int, stop: int, tally: Tally) -> int:
    """Use inputs in a process of its own; return the first one that it did not come to."""
    process = start(run, name, seed, first, stop)
    lines: queue.Queue[str | None] = queue.Queue()

    def listen() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put(None)

    threading.Thread(target=listen, daemon=True).start()
    current, done = first, first
    try:
        line = lines.get(timeout=COMPILING)
        while line is not None:
            told = json.loads(line)
            current = max(first, told.get("start", current))
            if "outcome" in told:
                done = told["index"] + 1
                tally.add(told, run / "inputs" / f"{name}_{told['index']}")
                if told["memory"] > MEMORY:  # the next input gets a process that has less
                    tally.add_fault("memory above 2 GB", run / "inputs" / f"{name}_{done - 1}")
                    return done
            line = lines.get(timeout=PATIENCE)
        code = process.wait()
        why = "" if code == 0 else "hangs" if code == -signal.SIGPROF else f"exit code {code}"
    except queue.Empty:
        why = "hangs without computing"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if not why:
        return stop
    tally.add_fault(why, run / "inputs" / f"{name}_{current}")
    return max(done, current) + 1


def make_seeds(run: Path, name: str) -> int:
    from fuzz.targets import TARGETS

    pool = TARGETS[name].seeds()
    for at, files in enumerate(pool):
        folder = run / "seeds" / name / f"{at:03d}"
        write_files(folder, files)
        folder.with_suffix(".json").write_text(json.dumps(list(files)))
    return len(pool)


def fuzz(run: Path, names: dict[str, int], seed: int) -> dict[str, Tally]:
    found = {}
    for name, count in names.items():
        tally, clock = Tally(), time.monotonic()
        count = max(count, make_seeds(run, name))
        at = 0
        while at < count:
            at = run_batch(run, name, seed, at, min(at + BATCH, count), tally)
        found[name] = tally
        print(row(name, tally, time.monotonic() - clock), flush=True)
        for what, folders in tally.faults.items():
            print(f"    {len(folders)} x {what}\n        {folders[0]}", flush=True)
    return found


def row(name: str, tally: Tally, seconds: float) -> str:
    counts = "  ".join(f"{tally.outcomes[kind]:6d} {kind}" for kind in ("read", "refused", "fault"))
    return (
        f"{name:14s} {counts}  slowest {tally.slowest:5.1f} s  "
        f"peak {tally.memory / 1e6:5.0f} MB  in {seconds:.0f} s"
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
