"""Query field: a filter is typed, completed, and told what it finds before it is brushed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from analytics.curation.expression_syntax import FUNCTIONS
from views.kit.style_sheets import css

__all__ = ["QueryField"]


class QueryField(JSComponent):
    """One line of text with completion, what it finds, and buttons that bring that to the brush.

    Completion happens in the browser: no keystroke waits for the server.
    """

    text = param.String("", doc="What is typed, some milliseconds after the last key.")
    columns = param.List([], item_type=dict, doc="What may be named: name, hint, kind, values.")
    words = param.List([], item_type=list, doc="What may stand alone, and what it is.")
    recent = param.List([], item_type=str, doc="What was searched for before.")
    functions = param.List(
        [[name, hint] for name, hint in FUNCTIONS.items()], item_type=list, doc="Name, hint."
    )
    said = param.Dict({}, doc="What is found: found, means, remark, trouble.")
    building = param.Boolean(False, doc="Whether the rows to build with are shown.")

    _esm = Path(__file__).with_suffix(".js")

    def __init__(self, **params: Any) -> None:
        self.on_ask: Callable[[str, str], None] = lambda text, mode: None
        self.on_focus: Callable[[], None] = lambda: None
        usual = {"sizing_mode": "stretch_width", "stylesheets": [css("query_field")], "margin": 0}
        super().__init__(**usual | params)

    def _handle_msg(self, data: Any) -> None:
        if not isinstance(data, dict):
            return
        if "ask" in data:
            self.on_ask(str(data.get("text", "")), str(data["ask"]))
        elif "build" in data:
            self.building = bool(data["build"])
        elif "focus" in data:
            self.on_focus()
