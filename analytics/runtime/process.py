"""Work of a library that can neither be stopped nor asked how far it is, in a process of its own.

A module that has such work ends with ``if __name__ == "__main__": serve(work)`` and is run by
`answer_of`: it takes bytes, answers bytes, and ends. It can be killed at any moment, and ends by
itself when whoever started it is gone. Standard input carries the length of what is sent and
that, standard output the answer, standard error lines of progress.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, NoReturn

from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import Monitor

__all__ = ["Child", "answer_of", "serve", "tell"]

#: Between two looks at the process, seconds: a cancel is obeyed so fast.
PATIENCE = 0.1
#: Bytes that say how many follow.
HEAD = 8


class Child:
    """A module running as a program, and the threads that listen to it.

    Parameters
    ----------
    module : str
        Its full name; it calls `serve`.
    sent : bytes
    """

    def __init__(self, module: str, sent: bytes) -> None:
        root = str(Path(__file__).parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        # one thread: the rest of the machine is not its own
        one = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        low = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
        self.process = subprocess.Popen(
            [sys.executable, "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **one, "PYTHONPATH": os.pathsep.join(paths)},
            creationflags=low,
        )
        self.answer, self.last, self.step = b"", "", (0.0, "starting")
        self._threads = [
            threading.Thread(target=work, args=args, daemon=True)
            for work, args in ((self._send, (sent,)), (self._listen, ()), (self._receive, ()))
        ]
        for thread in self._threads:
            thread.start()

    def _send(self, sent: bytes) -> None:
        assert self.process.stdin is not None
        with suppress(OSError):  # it has ended: its exit code says why
            # left open: its end tells the program that nobody is waiting any more
            self.process.stdin.write(len(sent).to_bytes(HEAD, "little"))
            self.process.stdin.write(sent)
            self.process.stdin.flush()

    def _receive(self) -> None:
        assert self.process.stdout is not None
        self.answer = self.process.stdout.read()

    def _listen(self) -> None:
        assert self.process.stderr is not None
        for raw in self.process.stderr:
            line = raw.decode(errors="replace")
            if line.startswith('{"step"'):
                self.step = tuple(json.loads(line)["step"])
            elif line.strip():
                self.last = line.strip()

    @property
    def runs(self) -> bool:
        """Whether it still runs, after a tenth of a second or as soon as it does not."""
        self._threads[-1].join(PATIENCE)
        return self._threads[-1].is_alive()

    def stop(self) -> int:
        """End it, and return its exit code."""
        if self._threads[-1].is_alive():
            self.process.kill()
        code = self.process.wait()
        for thread in self._threads:
            thread.join()
        for pipe in (self.process.stdin, self.process.stdout, self.process.stderr):
            if pipe is not None:
                with suppress(OSError):  # what was never read
                    pipe.close()
        return code


def answer_of(module: str, sent: bytes, *, name: str, message: str, monitor: Monitor) -> bytes:
    """Run a module as a program, and return what it answers to what it is sent.

    Parameters
    ----------
    module : str
        Its full name; it calls `serve`.
    sent : bytes
    name : str
        What failed if it does, for the error.
    message : str
        Names the work in reports; what the program tells follows.
    monitor : Monitor
        Asked every tenth of a second; a cancelled program ends at once.

    Raises
    ------
    WinnowError
        If the program fails, with the last line that it wrote.
    """
    child, code = Child(module, sent), -1
    try:
        while child.runs:
            monitor.report(child.step[0], f"{message}: {child.step[1]}")
            monitor.checkpoint()
    finally:
        code = child.stop()
    if code != 0:
        raise WinnowError(f"{name} failed: {child.last or f'exit code {code}'}")
    return child.answer


# ---- inside the program -----------------------------------------------------------------------


def tell(fraction: float, words: str) -> None:
    """Say how far the program is."""
    print(json.dumps({"step": [fraction, words]}), file=sys.stderr, flush=True)


def serve(work: Callable[[bytes], bytes]) -> NoReturn:
    """Answer what is sent with `work` of it, at low priority, and end the program.

    What the work prints counts as remarks, not as the answer.
    """
    try:
        if hasattr(os, "nice"):
            os.nice(10)
        source, answer, sys.stdout = sys.stdin.buffer, sys.stdout.buffer, sys.stderr
        sent = source.read(int.from_bytes(source.read(HEAD), "little"))
        threading.Thread(target=_leave_with, args=(source,), daemon=True).start()
        answer.write(work(sent))
        answer.flush()
        os._exit(0)  # not held up by the thread that reads
    except Exception as error:  # told in one line: whoever started it shows it to a user
        words = str(error) or type(error).__name__
        print(" ".join(words.split()), file=sys.stderr, flush=True)
        os._exit(1)


def _leave_with(parent: IO[bytes]) -> None:
    parent.read()
    os._exit(1)
