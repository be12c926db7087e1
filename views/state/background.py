"""Background work of one user: progress, cancel, messages."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param

from analytics.runtime.progress import Monitor
from views.state.jobs import Lane, Runner

__all__ = ["Working"]


class Working(param.Parameterized):
    """Runs work and tells how it goes; results are handed over where state may be touched."""

    progress = param.Number(-1.0, doc="How far the running work is, 0..1; -1 when idle.")
    working_on = param.String("", doc="Name of the running step.")
    notice = param.Tuple(default=("", ""), length=2, doc="(severity, text) of the last message.")

    def __init__(self, runner: Runner, **params: Any) -> None:
        super().__init__(**params)
        self._runner = runner
        self._running: set[str] = set()
        self._failed = ("", ("", ""))  # the last stage that failed, and what was told of it

    @property
    def busy(self) -> bool:
        """Whether work that the user asked for is under way."""
        return bool(self._running)

    def run(
        self,
        stage: str,
        work: Callable[[Monitor], Any],
        done: Callable[[Any], None],
        *,
        failed: Callable[[Exception], None] | None = None,
        tick: Callable[[], None] | None = None,
        lane: Lane = "work",
        quiet: bool = False,
    ) -> None:
        """Run work of another stage of the page in the background.

        Parameters
        ----------
        stage : str
            A newer request for the same stage cancels the older one.
        work : callable
            Gets a monitor; runs in a thread and touches no state.
        done, failed : callable
            Get the result, or the error, where state may be touched; an error is told to the
            user in any case.
        tick : callable, optional
            Called whenever the work has reported, where state may be touched: for results that
            stream in.
        lane : str
        quiet : bool
            Show no progress: for what takes a fraction of a second.
        """

        def fail(error: Exception) -> None:
            self._fail(error)
            self._failed = (stage, self.notice)
            if failed is not None:
                failed(error)

        def progress(fraction: float, message: str) -> None:
            if not quiet:
                self._on_progress(fraction, message)
            if tick is not None:
                tick()

        if quiet:
            self._runner.submit(stage, work, done, fail, progress, lane)
        else:
            # asked again after it failed: what went wrong then is no news any more
            news = ("", "") if self._failed == (stage, self.notice) else self.notice
            self._submit(stage, work, done, fail, lane, progress, news=news)

    def _submit(
        self,
        stage: str,
        work: Callable[[Monitor], Any],
        done: Callable[[Any], None],
        failed: Callable[[Exception], None] | None = None,
        lane: Lane = "work",
        progress: Callable[[float, str], None] | None = None,
        news: tuple[str, str] = ("", ""),
    ) -> None:
        """Start work; what was told before goes, unless it is to stay as `news`."""

        def finish(result: Any) -> None:
            self._over(stage)
            done(result)

        def fail(error: Exception) -> None:
            self._over(stage)
            (failed or self._fail)(error)

        self._running.add(stage)
        self.param.update(progress=0.0, working_on="starting", notice=news)
        self._runner.submit(stage, work, finish, fail, progress or self._on_progress, lane)

    def stop(self, stage: str) -> None:
        """Stop the work of one stage; its result is no longer wanted."""
        self._runner.cancel(stage)
        self._over(stage)

    def _over(self, stage: str) -> None:
        self._running.discard(stage)
        if not self._running:
            self.param.update(progress=-1.0, working_on="")

    def _on_progress(self, fraction: float, message: str) -> None:
        self.param.update(progress=float(min(1.0, max(0.0, fraction))), working_on=message)

    def _fail(self, error: Exception) -> None:
        self.notice = ("error", str(error) or type(error).__name__)
