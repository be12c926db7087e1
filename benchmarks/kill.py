"""Kill -9 (`make kill`): `select`, `compare` and `replay` ended at random moments.

Half of the processes are killed anywhere between their start and their end, half of them within
milliseconds after the folder appears in which they write. Each time:

- a file under a final name is the old one or the whole new one, to the last byte;
- the same command, run again, succeeds and gives the files of a run that nobody killed;
- then nothing is left of the killed run.

The processes are forked from one that has imported what they need, so that kills hit work, not
imports. Half of them find old files that they may replace, half of them an empty folder; half of
them an empty cache, half of them one that others left when they were killed.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import tempfile
import time
from collections import Counter
from contextlib import redirect_stdout
from dataclasses import dataclass
from io import StringIO
from multiprocessing.process import BaseProcess
from pathlib import Path

import analytics.cli.compare
import analytics.cli.replay
import analytics.cli.select  # noqa: F401  the command line would import them when asked
from analytics.cli.main import main as winnow
from analytics.runtime import writing

DATA = Path(__file__).parents[1] / "assets" / "carbon.xyz.gz"
OLD = b"an old file\n"
#: Longest time from the first sign of writing to the end of a process, seconds.
WRITING = 0.03


@dataclass(frozen=True)
class Command:
    """A command that writes, and the files of a run that nobody killed."""

    arguments: tuple[str, ...]
    files: dict[str, bytes]
    seconds: float


def commands(folder: Path) -> dict[str, Command]:
    """Run every command once, in a process of its own to know how long one takes."""
    data, recipe = f"{DATA}@0:60", folder / "recipe.json"
    made = {}
    select = ("select", data, "--budget", "8", "-o")
    _run((*select, str(folder / "any.xyz"), "--recipe", str(recipe)))
    for name, (arguments, output) in {
        "select": (select, "out.xyz"),
        "compare": (("compare", data, "--budgets", "4,8", "-o"), "out.csv"),
        "replay": (("replay", str(recipe), data, "-o"), "out.xyz.gz"),
    }.items():
        place = folder / name
        place.mkdir()
        started = time.monotonic()
        process = _process((*arguments, str(place / output)), folder / "cache")
        process.join()
        if process.exitcode:
            raise SystemExit(f"{name} fails without being killed")
        files = {path.name: path.read_bytes() for path in place.iterdir()}
        made[name] = Command((*arguments, output), files, time.monotonic() - started)
    return made


def _process(arguments: tuple[str, ...], cache: Path) -> BaseProcess:
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["benchmarks.kill"])
    process = context.Process(target=_child, args=(arguments, str(cache)))
    process.start()
    return process


def _child(arguments: tuple[str, ...], cache: str) -> None:
    os.environ["WINNOW_CACHE"] = cache
    raise SystemExit(_run(arguments))


def _run(arguments: tuple[str, ...]) -> int:
    with redirect_stdout(StringIO()):
        return winnow(arguments)


def killed(command: Command, place: Path, cache: Path, draw: random.Random) -> str:
    """Kill one process and look at what it left; return what was found."""
    place.mkdir()
    old = draw.random() < 0.5
    for name in command.files if old else ():
        (place / name).write_bytes(OLD)
    *arguments, output = command.arguments
    asked = (*arguments, str(place / output), *(["--force"] if old else []))
    process = _process(asked, cache)
    _wait(process, place, command.seconds, draw)
    process.kill()
    process.join()
    found = _state(command, place, OLD if old else None)
    for left in place.glob(".winnow-*"):  # as if the next run came later
        then = time.time() - 2 * writing.JUST_MADE
        os.utime(left, (then, then))
    if _run((*arguments, str(place / output), "--force")):
        raise AssertionError(f"{place}: the next run fails")
    after = {path.name: path.read_bytes() for path in place.iterdir()}
    if after != command.files:
        raise AssertionError(f"{place}: the next run leaves {sorted(after)}")
    return found


def _wait(process: BaseProcess, place: Path, seconds: float, draw: random.Random) -> None:
    """Return at the moment to kill: anywhere, or shortly after the process begins to write."""
    if draw.random() < 0.5:
        time.sleep(draw.uniform(0.0, 1.1 * seconds))
        return
    while process.is_alive() and not any(place.glob(".winnow-*")):
        time.sleep(0.0002)
    time.sleep(draw.uniform(0.0, WRITING))


def _state(command: Command, place: Path, old: bytes | None) -> str:
    """Say what is there under the final names; raise if any of it is half a file."""
    states = []
    for name, whole in command.files.items():
        content = (place / name).read_bytes() if (place / name).exists() else None
        if content not in (old, whole):
            raise AssertionError(f"{place / name} holds {content!r:.60}")
        states.append(content == whole)
    writing_ = "written" if any(place.glob(".winnow-*")) else "not begun"
    if all(states):
        return "all new"
    return "some new, finished by the next run" if any(states) else f"all old, {writing_}"


def run(count: int, seed: int) -> dict[str, Counter[str]]:
    """Kill `count` processes of each command; raise `AssertionError` at the first fault."""
    draw, found = random.Random(seed), {}
    with tempfile.TemporaryDirectory(prefix="winnow-kill-") as name:
        folder = Path(name)
        os.environ["WINNOW_CACHE"] = str(folder / "cache")
        for what, command in commands(folder).items():
            found[what] = Counter[str]()
            for at in range(count):
                cache = folder / (f"cache-{what}-{at}" if draw.random() < 0.5 else "shared")
                found[what][killed(command, folder / f"{what}-{at}", cache, draw)] += 1
    return found


def main() -> None:
    """Kill as many as KILLS says of each command, as SEED says, and print what was found."""
    count, seed = int(os.environ.get("KILLS", "100")), int(os.environ.get("SEED", "0"))
    started = time.monotonic()
    for what, states in run(count, seed).items():
        told = ", ".join(f"{number} {state}" for state, number in sorted(states.items()))
        print(f"{what}: {states.total()} killed, no half file, all done again: {told}")
    print(f"seed {seed}, {time.monotonic() - started:.0f} s")
