"""Subprocess: work in a process of its own, which can be ended at any moment and has limits.

`call` runs a function of this project in a child: for a library that can neither be stopped nor
asked how far it is, and for what may crash. `Helper` is the child, which does one piece of work
after another (`analytics.runtime.workers` keeps some), and `run` the part below it, which also runs
programs of others. Arguments and results travel as files (`analytics.runtime.passing`), nothing is
ever unpickled; the child tells progress and errors in lines of JSON, and ends by itself when
whoever started it is gone.

`multiprocessing` would start the child from the main module of its parent, and with it run a
user's script again that has no guard around its top level.
"""

from __future__ import annotations

import json
import logging
import os
import queue
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf, isfinite
from pathlib import Path
from typing import IO, Any, TypeVar

from analytics.runtime.errors import Cancelled, InputError, WinnowError
from analytics.runtime.own_folder import OwnFolder
from analytics.runtime.passing import receive, send
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["Ended", "Helper", "Limits", "Words", "call", "fail", "run"]

log = logging.getLogger("winnow")

T = TypeVar("T")
#: A line of JSON.
Words = dict[str, Any]

#: Between two looks at the process, seconds: a cancel is obeyed so fast.
PATIENCE = 0.1
#: A process that has said it leaves is given so many seconds for it.
LEAVING = 1.0
#: What the libraries read their number of threads from, and `analytics.runtime.parallel`.
THREADS = (
    "NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS",
    "WINNOW_THREADS",
)  # fmt: skip
#: What a process writes to standard error, and a program of others to standard output.
REMARKS = "remarks.txt"
#: Set in the processes that are started here: what they start belongs to their session, so that it
#: can be found and ended with them.
INSIDE = "WINNOW_INSIDE"


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
    child = _Child(command, folder, listen, environment or {}, limits)
    overdue = _deadline(limits)
    try:
        while not child.ended(PATIENCE):
            look()
            overdue()
    finally:
        child.end()
    return child.outcome()


def _deadline(limits: Limits) -> Callable[[], None]:
    until = time.monotonic() + limits.seconds

    def look() -> None:
        if time.monotonic() > until:
            raise WinnowError(f"it takes longer than {limits.seconds:g} s")

    return look


class _Child:
    """A program that was started."""

    def __init__(
        self,
        command: Sequence[str],
        folder: Path,
        listen: Callable[[str], None] | None,
        environment: Mapping[str, str],
        limits: Limits,
    ) -> None:
        threads = dict.fromkeys(THREADS, str(limits.threads))
        self._folder, self._leads = folder, INSIDE not in os.environ
        (folder / REMARKS).unlink(missing_ok=True)
        with (folder / REMARKS).open("ab") as remarks:
            self._process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **threads, **environment, INSIDE: "1"},
                stdin=subprocess.PIPE,  # its end tells the program that nobody is waiting any more
                stdout=subprocess.PIPE if listen else remarks,
                stderr=remarks,
                start_new_session=self._leads,
                process_group=None if self._leads else 0,
                creationflags=getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0),
            )
        self._listener = threading.Thread(
            target=_listen, args=(self._process.stdout, listen), daemon=True
        )
        self._listener.start()
        _limit_memory(self._process.pid, limits.memory)

    @property
    def pid(self) -> int:
        """Number of the process."""
        return self._process.pid

    def say(self, line: str) -> None:
        """Give it a line on standard input."""
        assert self._process.stdin is not None
        with suppress(OSError):  # it has ended, as will be noticed
            self._process.stdin.write(f"{line}\n".encode())
            self._process.stdin.flush()

    def ended(self, patience: float) -> bool:
        """Wait a little, and return whether it has ended."""
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(patience)
        return self._process.returncode is not None

    def end(self) -> None:
        """End it if it still runs, and all that it has started."""
        if self._process.poll() is None:
            self._process.kill()
        for pid in self._started():
            with suppress(OSError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait()
        self._listener.join()
        for pipe in filter(None, (self._process.stdin, self._process.stdout)):
            with suppress(OSError):
                pipe.close()

    def _started(self) -> list[int]:
        """Return the processes of its session, or of its group where it has none of its own."""
        if sys.platform != "linux":
            if hasattr(os, "killpg"):
                with suppress(OSError):
                    os.killpg(self._process.pid, signal.SIGKILL)
            return []
        return members(self._process.pid, os.getsid if self._leads else os.getpgid)

    def outcome(self) -> Ended:
        """Return how it ended."""
        said = (self._folder / REMARKS).read_text(errors="replace").splitlines()
        lines = tuple(line.strip() for line in said if line.strip())
        return Ended(self._process.returncode, lines)


def members(leader: int, of: Callable[[int], int]) -> list[int]:
    """Return the processes of a session (`os.getsid`) or a group (`os.getpgid`); on Linux."""
    found = []
    for pid in map(int, filter(str.isdigit, os.listdir("/proc"))):
        with suppress(OSError):
            if of(pid) == leader:
                found.append(pid)
    return found


def _listen(stream: IO[bytes] | None, listen: Callable[[str], None] | None) -> None:
    for line in stream or ():
        if listen is not None:
            listen(line.decode(errors="replace"))


def _limit_memory(pid: int, memory: float) -> None:
    if isfinite(memory) and sys.platform == "linux":
        import resource

        with suppress(ProcessLookupError):  # it has ended already
            resource.prlimit(pid, resource.RLIMIT_DATA, (int(memory), int(memory)))


# ------------------------------------------------------------------- functions of this project


class Helper:
    """A process that does one piece of work after another.

    Parameters
    ----------
    folder : Path
        Its working folder.
    limits : Limits
    environment : mapping, optional
        Variables besides those of this process.
    """

    def __init__(
        self, folder: Path, limits: Limits, environment: Mapping[str, str] | None = None
    ) -> None:
        paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
        self.folder, self.limits = folder, limits
        self._heard: queue.SimpleQueue[Words] = queue.SimpleQueue()
        self._number = 0
        self._child = _Child(
            [sys.executable, "-P", "-m", "analytics.runtime.helper"],
            folder,
            lambda line: self._heard.put(json.loads(line)),
            {**(environment or {}), "PYTHONPATH": os.pathsep.join(filter(None, paths))},
            limits,
        )
        self.pid = self._child.pid

    def begin(self, work: Callable[..., Any], folder: Path, **options: Any) -> None:
        """Have it call a function with the arguments that lie in a folder."""
        self._number += 1
        target = f"{work.__module__}:{work.__qualname__}"
        self._say(job=self._number, work=target, folder=str(folder), **options)

    def load(self, modules: Sequence[str]) -> None:
        """Have it import modules for what is to come."""
        self._say(load=list(modules))

    def cancel(self) -> None:
        """Tell it that the work is no longer wanted."""
        self._say(cancel=self._number)

    def answer(self, look: Callable[[float, str], None]) -> Words | None:
        """Return its last words on the work, or None if it has ended.

        Parameters
        ----------
        look : callable
            Called every tenth of a second, or more often, with how far it is.
        """
        step = (0.0, "starting")
        look(*step)
        while True:
            try:
                words = self._heard.get(timeout=PATIENCE)
            except queue.Empty:
                if self._child.ended(0.0) and self._heard.empty():
                    return None
            else:
                if words["job"] != self._number:
                    continue  # of work that was given up
                if "step" not in words:
                    if words.get("leaves"):
                        self._child.ended(LEAVING)
                    return words
                step = words["step"]
            look(*step)

    def end(self) -> Ended:
        """End it if it still runs, and all that it has started."""
        self._child.end()
        return self._child.outcome()

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return not self._child.ended(0.0)

    def _say(self, **words: Any) -> None:
        self._child.say(json.dumps(words))


def fail(words: Words, name: str) -> None:
    """Raise the error that the last words on some work tell; do nothing if there is none."""
    if "input" in words:
        raise InputError(**words["input"])
    if "cancelled" in words:
        raise Cancelled
    if "trace" in words:
        log.error("%s failed\n%s", name, words["trace"])
    if "error" in words:
        raise WinnowError(f"{name} failed: {words['error']}")


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
    overdue = _deadline(limits)

    def look(fraction: float, step: str) -> None:
        monitor.report(fraction, f"{message}: {step}")
        monitor.checkpoint()
        overdue()

    with OwnFolder() as folder:
        send(folder, "arguments", arguments, by_place=False)
        helper = Helper(folder, limits)
        try:
            helper.begin(work, folder, last=True)
            words = helper.answer(look)
        except WinnowError as error:
            if type(error) is not WinnowError:
                raise  # cancelled
            raise WinnowError(f"{name} failed: {error}") from None
        finally:
            ended = helper.end()
        fail(words or {}, name)
        if words is None and ended.code != 0:
            raise WinnowError(f"{name} failed: {ended.why}")
        return receive(folder, "result")  # type: ignore[no-any-return]
