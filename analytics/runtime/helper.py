"""Worker process, seen from inside: does pieces of work one after another, as they are told.

Started by `analytics.runtime.process`, which says what is told on standard input and what is
answered on standard output.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import sys
import threading
import time
import traceback
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import IO, Any

from analytics.runtime.errors import Cancelled, InputError, WinnowError
from analytics.runtime.packing import pack
from analytics.runtime.passing import Received, receive, send
from analytics.runtime.process import members
from analytics.runtime.store import Gone, Store

#: Least time between two reports of a step, seconds.
PAUSE = 0.05


class _Reporter:
    """A monitor that tells whoever is worked for."""

    def __init__(self, job: int, speaker: _Speaker, cancelled: set[int]) -> None:
        self._job, self._speaker, self._cancelled = job, speaker, cancelled
        self._last = -PAUSE

    def report(self, fraction: float, message: str = "") -> None:
        now = time.monotonic()
        if now - self._last >= PAUSE:
            self._last = now
            self._speaker.tell(self._job, step=(fraction, message))

    def checkpoint(self) -> None:
        if self._job in self._cancelled:
            raise Cancelled


class _Speaker:
    """Writes lines of JSON, from any thread."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream, self._lock = stream, threading.Lock()

    def tell(self, job: int, **words: Any) -> None:
        with self._lock:
            print(json.dumps({"job": job, **words}), file=self._stream, flush=True)


class _Listener:
    """Hears what is to be done and what no longer; its end is that of this process."""

    def __init__(self) -> None:
        self.told: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self.cancelled: set[int] = set()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self) -> None:
        for line in sys.stdin.buffer:
            words = json.loads(line)
            if "cancel" in words:
                self.cancelled.add(words["cancel"])
            else:
                self.told.put(words)
        _end_others()
        os._exit(1)


def _end_others() -> None:
    """End the processes that were started from this one: they lead groups in its session."""
    if sys.platform == "linux":
        me = os.getpid()
        for pid in members(me, os.getsid):
            if pid != me:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)


def _do(words: dict[str, Any], reporter: _Reporter, received: Received) -> dict[str, Any]:
    """Do what was told, and return what to answer."""
    folder = Path(words["folder"])
    try:
        received.start()
        for name in words.get("modules", ()):
            import_module(name)
        module, _, function = words["work"].partition(":")
        work = getattr(import_module(module), function)
        arguments = receive(folder, "arguments", received)
    except Gone:
        return {"error": "a file of its arguments is gone", "gone": True}
    except MemoryError:
        raise
    except Exception as error:  # a class or a function that stands in no module, for one
        return {"error": _line(error), "unsuited": True}
    result = work(*arguments, reporter)
    try:
        return {"done": _keep(result, words, arguments, folder, received)}
    except TypeError as error:
        return {"error": _line(error), "unsuited": True}


def _keep(
    result: Any, words: dict[str, Any], arguments: Any, folder: Path, received: Received
) -> str:
    """Write a result, to the store if there is room, and return where it is."""
    if "store" in words:
        known = {name: arguments[at] for name, at in words["known"].items()}
        tree, arrays = pack(result, known)
        place, limit, key = words["store"]
        if Store(Path(place), limit).save(key, tree, **arrays):
            return "store"
    send(folder, "result", result, known=received.used(), outlives=False)
    return "folder"


def _answer(words: dict[str, Any], reporter: _Reporter, received: Received) -> dict[str, Any]:
    try:
        return _do(words, reporter, received)
    except InputError as error:
        return {"input": vars(error)}
    except Cancelled:
        return {"cancelled": True}
    except MemoryError as error:
        return {"error": _line(error), "memory": True}
    except (WinnowError, ValueError) as error:
        kind = "own" if isinstance(error, WinnowError) else "value"
        return {"error": _line(error), "kind": kind}
    except Exception as error:  # told in one line: whoever started it shows it to a user
        return {"error": _line(error), "trace": traceback.format_exc()}


def _line(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def main() -> int:
    """Do what is told until nothing more is to come; return the exit code."""
    speaker = _Speaker(os.fdopen(os.dup(1), "w"))
    os.dup2(2, 1)  # what anybody prints is a remark
    listener, received = _Listener(), Received()
    if hasattr(os, "nice"):
        os.nice(10)
    with suppress(OSError):  # sessions are scheduled against one another on many systems
        Path("/proc/self/autogroup").write_text("10")
    with suppress(OSError):  # if memory runs out, this process goes and not whom it works for
        Path("/proc/self/oom_score_adj").write_text("500")
    while True:
        words = listener.told.get()
        for name in words.get("load", ()):
            with suppress(Exception):  # the work that needs it will say so
                import_module(name)
        if "job" not in words:
            continue
        os.ftruncate(2, 0)  # remarks on earlier work
        reporter = _Reporter(words["job"], speaker, listener.cancelled)
        last = words.get("last", False)
        answer = _answer(words, reporter, received)
        speaker.tell(words["job"], **answer, leaves=last)
        if last:
            return int("error" in answer)


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    os._exit(code)  # not held up by the thread that reads, nor by those of libraries
