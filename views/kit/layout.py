"""Cards, rows and columns: how parts of the page stand together, and give way in narrow windows."""

from __future__ import annotations

from typing import Any

import panel as pn

from views.kit.style_sheets import css
from views.kit.text import Html, heading

__all__ = ["Card", "card", "column", "row"]


def row(*objects: Any, gives: str = "", **params: Any) -> pn.Row:
    """Put parts beside each other.

    Parameters
    ----------
    gives : str
        What happens where there is no room: a class of css/layout.css.
    """
    return pn.Row(*objects, **_layout(gives, params))


def column(*objects: Any, gives: str = "", **params: Any) -> pn.Column:
    """Put parts below each other; `gives` as for a row."""
    return pn.Column(*objects, **_layout(gives, params))


def _layout(gives: str, params: dict[str, Any]) -> dict[str, Any]:
    usual: dict[str, Any] = {"margin": 0}
    if "width" not in params:
        usual["sizing_mode"] = "stretch_width"
    if gives:
        classes = [*gives.split(), *params.pop("css_classes", [])]
        sheets = [css("layout"), *params.pop("stylesheets", [])]
        usual |= {"css_classes": classes, "stylesheets": sheets}
    return usual | params


def card(*objects: Any, look: str = "", kind: Any = pn.Column, **params: Any) -> Any:
    """Put parts into a card.

    Parameters
    ----------
    look : str
        Further classes of css/card.css and css/layout.css.
    kind : type
        Row or Column.
    """
    classes = ["card", *look.split(), *params.pop("css_classes", [])]
    sheets = [css("card"), css("layout"), *params.pop("stylesheets", [])]
    usual = {"sizing_mode": "stretch_width", "margin": (0, 10, 10, 0)}
    return kind(*objects, css_classes=classes, stylesheets=sheets, **usual | params)


class Card(pn.Column):
    """A card with a head that says what is seen, of how much."""

    def __init__(self, *objects: Any, name: str, **params: Any) -> None:
        self._title = name
        self.head = Html(heading(name))
        usual = {
            "css_classes": ["card"],
            "stylesheets": [css("card")],
            "sizing_mode": "stretch_width",
            "margin": (0, 0, 10, 0),
        }
        super().__init__(self.head, *objects, **usual | params)

    def say(self, short: Any = "", text: Any = "") -> None:
        """Write the head: a few words beside the name, a line below it; "…" while it waits."""
        self.head.object = heading(self._title, short, text)
