"""List of things to act on: each a line of text with buttons, one model however long it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from analytics.runtime.html import in_order
from views.kit.javascript import module_text
from views.kit.style_sheets import css

__all__ = ["Act", "ActionList", "Entry"]


@dataclass(frozen=True, slots=True)
class Act:
    """A button of an entry.

    Attributes
    ----------
    name : str
        What the list tells whoever listens.
    label : str
        What is written on it.
    hint : str
        What it will do.
    off : bool
        Whether there is nothing to do.
    asks : str
        The question that is answered in a field first; empty for none.
    """

    name: str
    label: str
    hint: str = ""
    off: bool = False
    asks: str = ""


@dataclass(frozen=True, slots=True)
class Entry:
    """One line: a word before it, the text, what is said in small print, and its buttons.

    Attributes
    ----------
    key : str
    tag : str
        "error", "waived": a word.
    tone : str
        Class of css/action_list.css for the word: error, warning, quiet, good.
    text : str
    lines : sequence of str
        Small print.
    acts : sequence of Act
    """

    key: str
    tag: str
    tone: str
    text: str
    lines: Sequence[str] = ()
    acts: Sequence[Act] = ()


class ActionList(JSComponent):
    """Shows entries, and calls back with the key, the name of the act, and what was typed."""

    entries = param.List(default=[], item_type=dict, doc="`Entry` objects as plain values.")
    label = param.String("", doc="What the list is of, for screen readers.")

    _esm = module_text(Path(__file__).with_suffix(".js"))

    def __init__(self, label: str, act: Callable[[str, str, str], Any], **params: Any) -> None:
        usual = {"sizing_mode": "stretch_width", "margin": 0, "stylesheets": [css("action_list")]}
        super().__init__(label=label, **usual | params)
        self._act = act

    def show(self, entries: Sequence[Entry]) -> None:
        """Show other entries."""
        self.entries = [_plain(asdict(entry)) for entry in entries]

    def _handle_msg(self, data: Any) -> None:
        if isinstance(data, dict):
            key, name, text = (str(data.get(part, "")) for part in ("key", "name", "text"))
            offered = {(e["key"], a["name"]) for e in self.entries for a in e["acts"]}
            if (key, name) in offered:
                self._act(key, name, text)


def _plain(value: Any) -> Any:
    """Return a value whose text leaves what stands beside it in its direction."""
    if isinstance(value, str):
        return in_order(value)
    if isinstance(value, dict):
        return {name: item if name == "key" else _plain(item) for name, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
