"""Subprocess: work in a process of its own, which can be ended at any moment and has limits.

`call` runs a function of this project in a child: for a library that can neither be stopped nor
asked how far it is, and for what may crash. `run` is the part below it, which also runs programs
of others. Arguments and results travel as files of the store, so that arrays are mapped rather
than copied through a pipe, and nothing is ever unpickled; the child tells progress and errors in
lines of JSON, and ends by itself when whoever started it is gone.

`multiprocessing` would start the child from the main module of its parent, and with it run a
user's script again that has no guard around its top level.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from math import inf, isfinite
from pathlib import Path
from typing import IO, Any, TypeVar

from analytics.runtime.errors import InputError, WinnowError
from analytics.runtime.packing import pack, unpack
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.store import Store

__all__ = ["Ended", "Limits", "call", "run"]

T = TypeVar("T")

#: Between two looks at the process, seconds: a cancel is obeyed so fast.
PATIENCE = 0.1
#: What the libraries read their number of threads from.
THREADS = ("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
#: What a process writes to standard error, and a program of others to standard output.
REMARKS = "remarks.txt"


@dataclass(frozen=True, slots=True)
class Limits:
    """What a process may take.

    Attributes
    ----------
    seconds : float
    memory : float
        Bytes of data; where the system has such limits (Linux).
    threads : int
        Of the libraries; one leaves the rest of the machine to others.
    """

    seconds: float = inf
    memory: float = inf
    threads: int = 1


@dataclass(frozen=True, slots=True)
class Ended:
    """How a process ended: its exit code, or the negative of the signal; and what it wrote."""

    code: int
    remarks: tuple[str, ...]

    @property
    def why(self) -> str:
        """One line on a failure."""
        if self.code < 0:
            with suppress(ValueError):
                name = signal.strsignal(-self.code) or "unknown"
                return f"its process was ended by signal {-self.code} ({name.lower()})"
        return self.remarks[-1] if self.remarks else f"exit code {self.code}"


def run(
    command: Sequence[str],
    folder: Path,
    *,
    look: Callable[[], None],
    listen: Callable[[str], None] | None = None,
    environment: Mapping[str, str] | None = None,
    limits: Limits = Limits(),
) -> Ended:
    """Run a program until it ends; whatever is raised meanwhile ends it and those it started.

    Parameters
    ----------
    command : sequence of str
    folder : Path
        The program's working folder.
    look : callable
        Called every tenth of a second: `Monitor.checkpoint`, for one.
    listen : callable, optional
        Told, in another thread, each line of standard output, which otherwise is a remark.
    environment : mapping, optional
        Variables besides those of this process.
    limits : Limits

    Raises
    ------
    WinnowError
        If it takes longer than its limit.
    """
    threads = dict.fromkeys(THREADS, str(limits.threads))
    with (folder / REMARKS).open("wb") as remarks:
        process = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, **threads, **(environment or {})},
            stdin=subprocess.PIPE,  # its end tells the program that nobody is waiting any more
            stdout=subprocess.PIPE if listen else remarks,
            stderr=remarks,
            start_new_session=True,
            creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
        )
    listener = threading.Thread(target=_listen, args=(process.stdout, listen), daemon=True)
    listener.start()
    until = time.monotonic() + limits.seconds
    try:
        _limit_memory(process.pid, limits.memory)
        while not _ended(process):
            look()
            if time.monotonic() > until:
                raise WinnowError(f"it takes longer than {limits.seconds:g} s")
    finally:
        _end(process)
        listener.join()
        for pipe in filter(None, (process.stdin, process.stdout)):
            pipe.close()
    said = (folder / REMARKS).read_text(errors="replace").splitlines()
    return Ended(process.returncode, tuple(line.strip() for line in said if line.strip()))


def _listen(stream: IO[bytes] | None, listen: Callable[[str], None] | None) -> None:
    for line in stream or ():
        if listen is not None:
            listen(line.decode(errors="replace"))


def _ended(process: subprocess.Popen[bytes]) -> bool:
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    return process.returncode is not None


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process that still runs, and all that it has started."""
    if process.poll() is None:
        if hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.kill()
        process.wait()


def _limit_memory(pid: int, memory: float) -> None:
    if isfinite(memory) and sys.platform == "linux":
        import resource

        with suppress(ProcessLookupError):  # it has ended already
            resource.prlimit(pid, resource.RLIMIT_DATA, (int(memory), int(memory)))


def call(
    work: Callable[..., T],
    *arguments: Any,
    name: str,
    message: str,
    monitor: Monitor = SILENT,
    limits: Limits = Limits(),
) -> T:
    """Return what a function returns, called in a process of its own at low priority.

    Parameters
    ----------
    work : function
        Of a module, not within another function. Called with the arguments and, as its last, a
        monitor that reports to this one; what it prints is not shown.
    *arguments
        What can be packed (`analytics.runtime.packing`), as the result must be.
    name : str
        What failed if it does, for the error.
    message : str
        Names the work in reports; what the function reports follows.
    monitor : Monitor
        Asked every tenth of a second; a cancelled process ends at once.
    limits : Limits

    Raises
    ------
    InputError
        As the function raises it.
    WinnowError
        If it raises anything else, its process is ended by something, or a limit is passed.
    """
    told: dict[str, Any] = {"step": (0.0, "starting")}

    def look() -> None:
        monitor.report(told["step"][0], f"{message}: {told['step'][1]}")
        monitor.checkpoint()

    with tempfile.TemporaryDirectory(prefix="winnow-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        _write(folder, "arguments", arguments)
        target = f"{work.__module__}:{work.__qualname__}"
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        try:
            ended = run(
                [sys.executable, "-P", "-m", __name__, place, target],
                folder,
                look=look,
                listen=lambda line: told.update(json.loads(line)),
                environment={"PYTHONPATH": os.pathsep.join(filter(None, paths))},
                limits=limits,
            )
        except WinnowError as error:
            if type(error) is not WinnowError:
                raise  # cancelled
            raise WinnowError(f"{name} failed: {error}") from None
        if "input" in told:
            raise InputError(**told["input"])
        if ended.code != 0:
            raise WinnowError(f"{name} failed: {told.get('error') or ended.why}")
        return _read(folder, "result")  # type: ignore[no-any-return]


def _write(folder: Path, key: str, value: Any) -> None:
    tree, arrays = pack(value)
    if not Store(folder, limit=2**62).save(key, tree, **arrays):
        raise WinnowError(f"no room in {tempfile.gettempdir()} for {key} of another process")


def _read(folder: Path, key: str) -> Any:
    entry = Store(folder, limit=2**62).load(key)
    if entry is None:
        raise WinnowError(f"the {key} of another process cannot be read")
    return unpack(entry.tree, entry.arrays)


# ---- inside the process -----------------------------------------------------------------------


class _Reporter:
    """A monitor that writes what it is told; who started the process ends it to cancel."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream

    def report(self, fraction: float, message: str = "") -> None:
        self.tell(step=(fraction, message))

    def checkpoint(self) -> None:
        pass

    def tell(self, **words: Any) -> None:
        print(json.dumps(words), file=self._stream, flush=True)


def _serve(folder: Path, target: str) -> int:
    """Do the work that a folder describes, and return the exit code."""
    reporter = _Reporter(os.fdopen(os.dup(1), "w"))
    os.dup2(2, 1)  # what anybody prints is a remark
    threading.Thread(target=_leave_when_alone, daemon=True).start()
    if hasattr(os, "nice"):
        os.nice(10)
    try:
        module, _, function = target.partition(":")
        work = getattr(import_module(module), function)
        _write(folder, "result", work(*_read(folder, "arguments"), reporter))
    except InputError as error:
        reporter.tell(input=vars(error))
    except Exception as error:  # told in one line: whoever started it shows it to a user
        reporter.tell(error=" ".join(str(error).split()) or type(error).__name__)
        return 1
    return 0


def _leave_when_alone() -> None:
    sys.stdin.buffer.read()
    os._exit(1)


if __name__ == "__main__":
    code = _serve(Path(sys.argv[1]), sys.argv[2])
    sys.stdout.flush()
    os._exit(code)  # not held up by the thread that reads, nor by those of libraries
