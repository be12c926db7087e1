"""Worker of the fuzzing: a process that uses one input after another and tells how each went."""

from __future__ import annotations

import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
MEMORY = 2_000_000_000  # bytes of data that a process may take
SECONDS = 10.0  # processor time from which an input hangs
LENGTH = 2000  # characters of a message that is still one line


def write_files(folder: Path, files: dict[str, bytes]) -> None:
    """Write an input into a folder of its own."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


def read_files(folder: Path) -> dict[str, bytes]:
    """Read an input back; the file that is opened was written first."""
    order = json.loads((folder.with_suffix(".json")).read_text())
    return {name: (folder / name).read_bytes() for name in order}


def tell(**words: Any) -> None:
    print(json.dumps(words), file=TO, flush=True)


def peak_memory() -> int:
    """Return the largest memory of this process or of one of its children, bytes."""
    usages = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    return 1024 * max(resource.getrusage(who).ru_maxrss for who in usages)


def processor_time() -> float:
    """Return the processor time of this process and its children, seconds."""
    return sum(os.times()[:4])


def place_of(error: BaseException) -> str:
    """Return where in this project an exception came from."""
    frames = traceback.extract_tb(error.__traceback__)
    own = [f for f in frames if f.filename.startswith(str(ROOT)) and "/fuzz/" not in f.filename
           and ".venv" not in f.filename]  # fmt: skip
    last = (own or frames)[-1]
    return f"{Path(last.filename).name}:{last.lineno}"


def used(target: Any, path: Path) -> dict[str, str]:
    """Use one input and say how it went: read, refused or fault."""
    from analytics.runtime.errors import WinnowError

    try:
        target.use(path)
    except WinnowError as error:
        text = str(error)
        if text.strip() and len(text) < LENGTH and len(text.splitlines()) == 1:
            return {"outcome": "refused", "what": text}
        kind = f"{type(error).__name__} of {len(text)} characters, {len(text.splitlines())} lines"
        return {"outcome": "fault", "what": f"{kind}: {text[:80]!r}", "where": place_of(error)}
    except Exception as error:
        what = f"{type(error).__name__}: {error}"[:200]
        return {"outcome": "fault", "what": what, "where": place_of(error)}
    return {"outcome": "read", "what": ""}


def work(run: Path, seed: int, jobs: list[str]) -> None:
    """Use the inputs of jobs NAME:FIRST:STOP; those with faults stay in the run's folder."""
    from fuzz.targets import TARGETS, make_input

    resource.setrlimit(resource.RLIMIT_DATA, (MEMORY, MEMORY))
    for name, first, stop in (job.split(":") for job in jobs):
        target = TARGETS[name]
        pool = [read_files(p) for p in sorted((run / "seeds" / name).iterdir()) if p.is_dir()]
        warm_up(run / "inputs" / f"{name}_warm", target, pool[0])
        for index in range(int(first), int(stop)):
            folder = run / "inputs" / f"{name}_{index}"
            files = make_input(name, pool, seed, index)
            write_files(folder, files)
            tell(name=name, start=index)
            found = timed(target, folder if target.folder else folder / next(iter(files)))
            tell(name=name, index=index, **found)
            if found["outcome"] != "fault":
                shutil.rmtree(folder)


def timed(target: Any, path: Path) -> dict[str, Any]:
    """Use one input under the limit on processor time; say what it took as well."""
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    before = processor_time()
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        found = used(target, path)
    signal.setitimer(signal.ITIMER_PROF, 0)
    said = sorted({f"{w.category.__name__}: {w.message}".splitlines()[0][:100] for w in warned})
    took = {"seconds": processor_time() - before, "memory": peak_memory()}
    return {**found, **took, "warnings": said}


def read_here() -> None:
    """Let this process read what another would be started for; what ends it is read again there.

    Starting a process for each of thousands of files would take hours.
    """
    from analytics.data import ase_reader

    def call(work: Any, *arguments: Any, monitor: Any, **_: Any) -> Any:
        return work(*arguments, monitor)

    ase_reader.call = call  # type: ignore[assignment]


def warm_up(folder: Path, target: Any, files: dict[str, bytes]) -> None:
    """Use a seed without a limit: what is compiled at first is no fault of an input."""
    tell(warming=folder.name)
    write_files(folder, files)
    with warnings.catch_warnings(action="ignore"):
        used(target, folder if target.folder else folder / next(iter(files)))
    shutil.rmtree(folder)


if __name__ == "__main__":
    TO = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    place, way, seed, *jobs = sys.argv[1:]
    if way == "here":
        read_here()
    with tempfile.TemporaryDirectory(prefix="winnow-fuzz-") as own:
        os.chdir(own)
        work(Path(place), int(seed), jobs)
    TO.close()
