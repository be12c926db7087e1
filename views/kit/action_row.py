"""Action row: several small buttons as one component, which a page makes in no time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from views.kit.style_sheets import css

__all__ = ["ActionRow"]


class ActionRow(JSComponent):
    """Buttons that do something when pressed.

    Parameters
    ----------
    title : str
        What they are about, for those who hear it.
    actions : mapping of str to (str, str, callable)
        Key -> label, hint, what is done.
    names : mapping of str to str
        Key -> accessible name, where the label is a sign.
    """

    title = param.String("", doc="What the buttons are about.")
    actions = param.List([], item_type=dict, doc="key, label, hint, name, disabled, open.")

    _esm = Path(__file__).with_suffix(".js")

    def __init__(
        self,
        title: str,
        actions: Mapping[str, tuple[str, str, Callable[[], Any]]],
        names: Mapping[str, str] | None = None,
        **params: Any,
    ) -> None:
        self._does = {key: does for key, (_, _, does) in actions.items()}
        shown = [
            {"key": key, "label": label, "hint": hint, "name": (names or {}).get(key, "")}
            for key, (label, hint, _) in actions.items()
        ]
        usual = {"sizing_mode": "stretch_width", "stylesheets": [css("query_field")], "margin": 0}
        super().__init__(**usual | params | {"title": title, "actions": shown})

    def set(self, **states: Mapping[str, Any]) -> None:
        """Change buttons by their keys: label, hint, disabled, open."""
        changed = [{**each, **states.get(each["key"], {})} for each in self.actions]
        if changed != self.actions:
            self.actions = changed

    def _handle_msg(self, data: Any) -> None:
        key = data.get("pressed") if isinstance(data, dict) else None
        if key in self._does:
            self._does[key]()
