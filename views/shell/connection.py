"""Connection of the page to its server: the address it comes back to, and what a lost one shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from views.state.links import NAMES
from views.state.saver import Saver

__all__ = ["Connection"]


class Connection(JSComponent):
    """Keeps the session in the address, and shows a bar where nothing can be done or saved.

    Panel can reconnect a page to its session (``reconnect=True``, 1.9.4), which serves as long as
    that session lives: 15 seconds, and not beyond the end of the server. What is saved lives
    longer, so that the page waits for a server, whichever, and opens its session again.
    """

    session = param.String("", doc="Name of the session; empty while there is nothing to save.")
    elsewhere = param.Boolean(False, doc="Whether another window has the session.")
    unsaved = param.Boolean(False, doc="Whether the last change could not be saved.")

    link_names = param.List(
        list(NAMES), item_type=str, doc="What a link has in an address: a session takes its place."
    )

    _esm = Path(__file__).with_suffix(".js")

    def follow(self, saver: Saver) -> None:
        """Show how the session of a page is saved."""
        saver.param.watch(
            lambda *_: self.param.update(
                session=saver.name_on_shelf,
                elsewhere=saver.elsewhere,
                unsaved=bool(saver.trouble),
            ),
            ["name_on_shelf", "elsewhere", "trouble"],
        )

    def go(self, session: str) -> None:
        """Open another session in this window; an empty name is a new one."""
        self._send_msg({"go": session})

    def _handle_msg(self, data: Any) -> None:
        """Hear nothing: the browser has nothing to say."""
