"""UMAP in a process of its own: the library can neither be stopped nor asked how far it is.

`lay_out` starts this module as a program, which lays out one array and ends. It can be killed at
any moment, and ends by itself when whoever started it is gone. Standard input carries the points,
standard output the coordinates, standard error lines of progress.
"""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
import threading
import warnings
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

import numpy as np

from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import Monitor

__all__ = ["lay_out"]

#: Between two looks at the process, seconds: a cancel is obeyed so fast.
PATIENCE = 0.1
#: What UMAP says when a step begins -> (share of the time that lies before it, its name).
STEPS = {
    "Construct fuzzy": (0.25, "finding neighbours"),
    "Construct embedding": (0.5, "starting the layout"),
}
_PERCENT = re.compile(r"(\d+)%")


class _Process:
    """The program and the threads that listen to it."""

    def __init__(self, sent: bytes) -> None:
        root = str(Path(__file__).parents[2])
        paths = [root, *filter(None, [os.environ.get("PYTHONPATH")])]
        # one thread: a seeded layout uses no more, and the rest of the machine is not its own
        one = dict.fromkeys(("NUMBA_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
        low = getattr(subprocess, "BELOW_NORMAL_PRIORITY_CLASS", 0)
        self.process = subprocess.Popen(
            [sys.executable, "-m", __name__],
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
                with suppress(OSError):  # points that were never read
                    pipe.close()
        return code


def lay_out(x: FloatArray, *, seed: int, neighbours: int, monitor: Monitor) -> FloatArray:
    """Lay out points with UMAP in two dimensions.

    Parameters
    ----------
    x : float32 array (n, d)
    seed : int
    neighbours : int
        Size of the neighbourhoods that the layout tries to keep.
    monitor : Monitor
        Asked every tenth of a second; a cancelled layout ends at once.

    Returns
    -------
    float array (n, 2)

    Raises
    ------
    WinnowError
        If UMAP fails.
    """
    x = np.ascontiguousarray(x, dtype=np.float32)
    options = {"seed": seed, "neighbours": neighbours, "shape": x.shape}
    job, code = _Process(json.dumps(options).encode() + b"\n" + x.tobytes()), -1
    try:
        while job.runs:
            monitor.report(job.step[0], f"UMAP map: {job.step[1]}")
            monitor.checkpoint()
    finally:
        code = job.stop()
    if code != 0:
        raise WinnowError(f"UMAP failed: {job.last or f'exit code {code}'}")
    return np.frombuffer(job.answer, dtype=np.float64).reshape(len(x), 2)


# ---- the program ------------------------------------------------------------------------------


class _Teller(io.TextIOBase):
    """Takes what UMAP prints and tells how far it is."""

    def write(self, text: str) -> int:
        found = [step for words, step in STEPS.items() if words in text]
        done = _PERCENT.search(text)
        if found:
            _tell(*found[0])
        elif done is not None:
            _tell(0.5 + 0.5 * int(done[1]) / 100, f"layout {done[1]} %")
        return len(text)


def _tell(fraction: float, words: str) -> None:
    print(json.dumps({"step": [fraction, words]}), file=sys.stderr, flush=True)


def _leave_with(parent: IO[bytes]) -> None:
    parent.read()
    os._exit(1)


def _main() -> None:
    if hasattr(os, "nice"):
        os.nice(10)
    source = sys.stdin.buffer
    options: dict[str, Any] = json.loads(source.readline())
    shape = options["shape"]
    x = np.frombuffer(source.read(4 * shape[0] * shape[1]), dtype=np.float32).reshape(shape)
    threading.Thread(target=_leave_with, args=(source,), daemon=True).start()
    answer, sys.stdout = sys.stdout.buffer, _Teller()
    _tell(0.02, "loading the library")
    import umap  # compiles for seconds

    _tell(0.15, "compiling")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the seed turns off threads; that is what we want
        xy = umap.UMAP(
            n_neighbors=options["neighbours"],
            min_dist=0.1,
            random_state=options["seed"],
            n_jobs=1,
            init="pca",
            verbose=True,
            tqdm_kwds={"file": sys.stdout, "mininterval": 0.2, "disable": False},
        ).fit_transform(x)
    answer.write(np.ascontiguousarray(xy, dtype=np.float64).tobytes())
    answer.flush()
    os._exit(0)  # not held up by the thread that reads


if __name__ == "__main__":
    try:
        _main()
    except Exception as error:  # told in one line: whoever started it shows it to a user
        words = str(error) or type(error).__name__
        print(" ".join(words.split()), file=sys.stderr, flush=True)
    os._exit(1)  # the thread that reads would hold up a slower way out
