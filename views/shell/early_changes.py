"""Early changes: what changes before the browser has said that it is ready reaches it all the same.

Panel drops changes of a document until the browser says so, on the ground that it will get the
whole document afterwards (`panel.io.document._drain_unconnected_events`). The browser has had it by
then, and has drawn it, for up to some seconds: a click, a key or a result of these seconds was lost
(docs/upstream.md).
"""

from __future__ import annotations

from functools import wraps
from typing import Any

from bokeh.server.session import ServerSession
from panel.io.state import state

__all__ = ["send_early_changes"]


def send_early_changes() -> None:
    """Count a document as connected from the moment at which it has been handed to the browser.

    Nothing is sent twice: a browser leaves out changes that come before the document.
    """
    handed_over = ServerSession._handle_pull
    if hasattr(handed_over, "sends_early_changes"):
        return

    @wraps(handed_over)
    async def hand_over(session: ServerSession, *args: Any) -> Any:
        reply = await handed_over(session, *args)
        if not session.destroyed:
            state._connected[session.document] = True
        return reply

    hand_over.sends_early_changes = True  # type: ignore[attr-defined]
    ServerSession._handle_pull = hand_over  # type: ignore[method-assign]
