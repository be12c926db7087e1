"""A one-line progress bar for terminals, or a line for each step where that is asked for."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from analytics.cli.messages import MESSAGES
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["Bar", "Steps", "progress_on_terminal"]

WIDTH = 30
SECONDS_BETWEEN_UPDATES = 0.1


class Bar:
    """A monitor that draws itself over and over on one line, and never goes back."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._fraction, self._drawn, self._next = 0.0, 0, 0.0

    def report(self, fraction: float, message: str = "") -> None:
        """Draw the line again, at most ten times a second."""
        self._fraction = max(self._fraction, min(1.0, fraction))
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + SECONDS_BETWEEN_UPDATES
        done = round(WIDTH * self._fraction)
        line = f"[{'#' * done}{'.' * (WIDTH - done)}] {self._fraction:4.0%}  {message}"
        self._draw(line[: shutil.get_terminal_size().columns - 1])

    def checkpoint(self) -> None:
        """Do nothing: Ctrl-C interrupts by itself."""

    def clear(self) -> None:
        """Wipe the line."""
        if self._drawn:
            self._draw("")
            self._stream.write("\r")
            self._stream.flush()

    def _draw(self, line: str) -> None:
        self._stream.write("\r" + line.ljust(self._drawn))
        self._stream.flush()
        self._drawn = len(line)


class Steps:
    """A monitor that writes a line when a step begins: the seconds so far, and what it is."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._began, self._step = stream, time.monotonic(), ""

    def report(self, fraction: float, message: str = "") -> None:
        """Write the step, unless it is the one that was written last."""
        if message and message != self._step:
            self._step = message
            print(f"{time.monotonic() - self._began:8.2f} s  {message}", file=self._stream)

    def checkpoint(self) -> None:
        """Do nothing: Ctrl-C interrupts by itself."""


@contextmanager
def progress_on_terminal() -> Iterator[Monitor]:
    """Yield a bar on the error output if that is a terminal, else a monitor that is silent.

    With --verbose the steps are written one below the other wherever the error output goes, and
    with --quiet nothing.
    """
    if MESSAGES.verbose:
        yield Steps(sys.stderr)
        return
    if MESSAGES.quiet or not sys.stderr.isatty():
        yield SILENT
        return
    bar = Bar(sys.stderr)
    try:
        yield bar
    finally:
        bar.clear()
