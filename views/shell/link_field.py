"""Link field: the address that leads to what is shown, and a button that copies it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

__all__ = ["LinkField"]


class LinkField(JSComponent):
    """Shows the link; only the browser knows by which address it has come to the server."""

    query = param.String("", doc="What stands behind the question mark; empty while unknown.")
    hidden = param.Boolean(
        False, doc="Whether the address of the page holds the token of its server."
    )

    _esm = Path(__file__).with_suffix(".js")

    def _handle_msg(self, data: Any) -> None:
        """Hear nothing: the browser has nothing to say."""
