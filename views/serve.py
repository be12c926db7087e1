"""What one server process shares between its users, and how a session is tied to its page."""

from __future__ import annotations

from collections.abc import Callable

import panel as pn

from analytics.pipeline import Pipeline
from views.jobs import Worker
from views.session import Session

__all__ = ["PIPELINE", "new_session", "warm_up"]

#: Results are shared: the second user of a data set does not wait for it.
PIPELINE = Pipeline()


def warm_up() -> None:
    """Hook for work worth doing before the first visitor comes."""


def new_session() -> Session:
    """Make the session of the page that is being served; it ends with the page."""
    doc = pn.state.curdoc

    def post(callback: Callable[[], None]) -> None:
        if doc.session_context is not None:
            doc.add_next_tick_callback(callback)

    worker = Worker(post)
    session = Session(worker, PIPELINE)

    def end(_: object) -> None:
        worker.cancel()
        session.end()

    pn.state.on_session_destroyed(end)
    return session
