"""Progress and cancellation: how long work reports where it is and notices it should stop."""

from __future__ import annotations

from typing import Protocol

__all__ = ["SILENT", "Checkpoints", "Monitor", "Part", "Silent"]


class Monitor(Protocol):
    """What a long computation needs from whoever started it."""

    def report(self, fraction: float, message: str = "") -> None:
        """Say how far the work is: `fraction` from 0 to 1, `message` names the step."""

    def checkpoint(self) -> None:
        """Raise `Cancelled` if the work should stop; called about every 100 ms."""


class Silent:
    """The default: nobody listens and nobody cancels."""

    def report(self, fraction: float, message: str = "") -> None:
        """Do nothing."""

    def checkpoint(self) -> None:
        """Do nothing."""


class Part:
    """A monitor for one step of a longer job: maps 0..1 onto `start`..`stop` of the whole."""

    def __init__(self, whole: Monitor, start: float, stop: float, message: str = "") -> None:
        self._whole, self._start, self._stop, self._message = whole, start, stop, message

    def report(self, fraction: float, message: str = "") -> None:
        """Report on the whole job's scale; the part's own message is the fallback."""
        done = self._start + (self._stop - self._start) * fraction
        self._whole.report(done, message or self._message)

    def checkpoint(self) -> None:
        """Pass the question on."""
        self._whole.checkpoint()


class Checkpoints(Silent):
    """A monitor for work whose progress is not worth a report, but which can be cancelled."""

    def __init__(self, whole: Monitor) -> None:
        self._whole = whole

    def checkpoint(self) -> None:
        """Pass the question on."""
        self._whole.checkpoint()


SILENT: Monitor = Silent()
