"""Results on request: what takes a worker some seconds and is worked out when a button is pressed.

No Panel here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param

from analytics.information.analysis import Analysis
from analytics.runtime.progress import Monitor
from views.state.session import Session

__all__ = ["OnRequest"]


class OnRequest(param.Parameterized):
    """One result: None until it was asked for and is there, and again for another data set."""

    result = param.Parameter(None, doc="What was found.")
    running = param.Boolean(False, doc="Whether it is being worked out.")
    problem = param.String("", doc="Why there is none; empty if nobody asked, or there is one.")

    def __init__(self, session: Session, stage: str, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._stage = session, stage
        session.param.watch(self._on_opened, ["opened"])
        session.on_cancel(lambda: setattr(self, "running", False))

    def _on_opened(self, event: Any) -> None:
        if event.new is None or not event.new.only_refines(event.old):
            self.forget()

    def forget(self) -> None:
        """Take back what was found, or is being worked out: it is about something else."""
        if self.running:
            self._session.stop(self._stage)
        self.param.update(result=None, running=False, problem="")

    def ask(self, work: Callable[[Analysis, Monitor], Any]) -> None:
        """Work it out for what is open; a newer wish takes the place of an older one.

        Parameters
        ----------
        work : callable
            Runs in a thread and leaves what takes longer than a moment to the worker processes.
        """
        analysis = self._session.analysis
        if analysis is None:
            return

        def done(result: Any) -> None:
            if self._session.analysis is analysis:
                self.param.update(result=result, running=False, problem="")

        def failed(error: Exception) -> None:
            if self._session.analysis is analysis:
                self.param.update(running=False, problem=str(error) or type(error).__name__)

        self.param.update(running=True, problem="")
        self._session.run(
            self._stage, lambda monitor: work(analysis, monitor), done,
            failed=failed, again=lambda: self.ask(work),
        )  # fmt: skip

    def find(self, name: str, work: Callable[..., Any], *details: Any) -> None:
        """Work out a finding of the pipeline: what was found for a data set is remembered.

        Parameters
        ----------
        name : str
            Of the finding.
        work : function
            Of a module; runs in a worker process, with the analysis, the details and a monitor.
        *details
            Settings, see `Pipeline.finding`.
        """
        pipeline = self._session.pipeline
        self.ask(
            lambda analysis, monitor: pipeline.finding(
                name, analysis, work, *details, monitor=monitor
            )
        )
