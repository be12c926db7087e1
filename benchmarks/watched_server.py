"""Event loop watchdog: the page's server, with a note of everything that occupies its loop.

    python -m benchmarks.watched_server NOTES app.py --port 5006 ...

Each line of NOTES is a callback that kept the loop for longer than `LEAST`: when it began, seconds,
processor seconds of the thread, and the innermost function of the project it was seen in most.
NOTES.count has the number of all callbacks until now, every second.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

from panel.command import main

#: Seconds: what is noted, and how often the stack is looked at.
LEAST, EVERY = 0.02, 0.01
ROOT = Path(__file__).resolve().parents[1]


class _Watch:
    def __init__(self, notes: Path) -> None:
        self._notes = notes.open("a", buffering=1)
        self._thread = threading.main_thread().ident or 0
        self._began, self._seen = 0.0, Counter[str]()
        self._count, self._counted = 0, notes.with_name(f"{notes.name}.count")
        threading.Thread(target=self._look, daemon=True).start()

    def run(self, handle: asyncio.Handle, original: Any) -> None:
        """Run a callback of the loop and note how long it took."""
        self._seen = Counter()
        self._count += 1
        self._began, used = time.perf_counter(), time.thread_time()
        original(handle)
        began, self._began = self._began, 0.0
        seconds = time.perf_counter() - began
        if seconds > LEAST:
            where = self._seen.most_common(1)[0][0] if self._seen else repr(handle)[:200]
            note = {"at": began, "seconds": seconds, "cpu": time.thread_time() - used}
            self._notes.write(json.dumps({**note, "where": where}) + "\n")

    def _look(self) -> None:
        told = 0.0
        while True:
            time.sleep(EVERY)
            if time.perf_counter() - told > 1:
                told = time.perf_counter()
                self._counted.write_text(f"{self._count}")
            if self._began and time.perf_counter() - self._began > LEAST:
                self._seen[_where(sys._current_frames().get(self._thread))] += 1


def _where(frame: FrameType | None) -> str:
    """Return the innermost function of the project, and the first of it that was called."""
    found = []
    while frame is not None:
        path = Path(frame.f_code.co_filename)
        if path.is_relative_to(ROOT / "views") or path.is_relative_to(ROOT / "analytics"):
            found.append(f"{path.relative_to(ROOT)}:{frame.f_code.co_qualname}")
        frame = frame.f_back
    return " < ".join(dict.fromkeys([*found[:2], *found[-1:]])) or "(libraries)"


def watch(notes: Path) -> None:
    """Note what occupies the loops of this process from now on."""
    watched, original = _Watch(notes), asyncio.Handle._run

    def run(handle: asyncio.Handle) -> None:
        if threading.current_thread() is threading.main_thread():
            watched.run(handle, original)
        else:
            original(handle)

    asyncio.Handle._run = run  # type: ignore[method-assign]


if __name__ == "__main__":
    watch(Path(sys.argv[1]))
    sys.argv = ["panel", "serve", *sys.argv[2:]]
    raise SystemExit(main())
