"""What the tests of processes have done in one: found there through PYTHONPATH."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from analytics.runtime.errors import InputError, WinnowError
from analytics.runtime.growing import Growing
from analytics.runtime.store import place_of


def doubled(values, options, monitor):
    print("not the answer")
    os.write(1, b"nor this\n")
    monitor.report(0.5, "half")
    monitor.checkpoint()
    return {"doubled": 2 * values, **options}


def slept(marks, monitor):
    """Start another process, leave the numbers of both, and sleep."""
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    Path(marks).with_suffix(".new").write_text(f"{os.getpid()} {other.pid}")
    Path(marks).with_suffix(".new").replace(marks)
    monitor.report(0.1, "asleep")
    time.sleep(600)


def killed(number, monitor):
    print("last words", flush=True)
    os.kill(os.getpid(), number)
    time.sleep(600)


def left(code, monitor):
    print("first\nsecond", file=sys.stderr, flush=True)
    os._exit(code)


def failed(kind, monitor):
    if kind == "input":
        raise InputError("no cell", source="a.xyz", structure=3)
    if kind == "own":
        raise WinnowError("it was\nnot solved")
    raise ZeroDivisionError


def allocated(size, monitor):
    return float(np.ones(int(size), dtype=np.uint8).sum())


def settings(monitor):
    return [os.environ["OMP_NUM_THREADS"], os.nice(0), os.getcwd() in sys.path, os.getcwd()]


def unpackable(monitor):
    return object()


def places(values, monitor):
    """Tell in which file each array lies, and where."""
    found = [place_of(array) for array in values]
    return [None if p is None else [p["file"], p["offset"]] for p in found]


def grown(size, monitor):
    """Return a number array that lies in a file of this process, which goes with it."""
    os.environ["WINNOW_ARRAYS"] = "1000"
    array = Growing(np.float64)
    array.extend(np.arange(size))
    return array.finish()


def given_back(value, monitor):
    return value


def same(value, again, monitor):
    """Tell whether two arguments are one object, which process this is, and what it has seen."""
    seen = id(value) in _seen
    _seen[id(value)] = value
    return [value is again, os.getpid(), seen]


_seen = {}


def waited(marks, monitor):
    """Leave the number of this process, and wait until the file is gone; stops when asked to."""
    Path(marks).with_suffix(".new").write_text(str(os.getpid()))
    Path(marks).with_suffix(".new").replace(marks)
    while Path(marks).exists():
        monitor.checkpoint()
        monitor.report(0.5, "waiting for the mark")
        time.sleep(0.01)
    return os.getpid()


def littered(monitor):
    """Leave files behind: what this process started may do so too."""
    Path(tempfile.mkdtemp(prefix="job"), "file").write_text("x")
    os.kill(os.getpid(), 9)
