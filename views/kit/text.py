"""Number and unit text, headings, notes and legends: what the page says and how it looks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import panel as pn
from ase.formula import Formula
from ase.symbols import Symbols

from analytics.runtime import html
from analytics.runtime.html import Markup
from analytics.runtime.text import PAGE
from views.kit.style_sheets import css

__all__ = [
    "KINDS", "Html", "count_of", "counted", "dot", "estimated", "exact_percent", "facts",
    "formula_of", "grouped", "heading", "label_error", "label_error_and_spread", "note", "number",
    "percent", "percent_error", "shortened", "significant", "swatch", "tiles", "tone", "with_error",
]  # fmt: skip

#: Kind of a selection method -> what it is called on the page.
KINDS = {
    "random": "Random",
    "coverage": "Coverage",
    "importance": "Importance",
    "mixed": "Mixed",
}


grouped, counted, number = PAGE.count, PAGE.counted, PAGE.number
significant = PAGE.significant
percent, percent_error, exact_percent = PAGE.percent, PAGE.percent_error, PAGE.exact_percent
with_error, label_error = PAGE.with_error, PAGE.label_error
label_error_and_spread = PAGE.label_error_and_spread


def shortened(name: str, most: int = 30) -> str:
    """Write a name with at most so many characters: those of one file often end differently."""
    if len(name) <= most:
        return name
    end = (most - 1) // 2
    return f"{name[: most - 1 - end]}…{name[-end:]}"


def formula_of(numbers: Any) -> str:
    """Write the formula of atoms given by their atomic numbers."""
    return str(Formula.from_list(list(Symbols(numbers))).format("metal"))


class Html(pn.pane.HTML):
    """A pane of markup in the look of the page; text that is not markup has to be escaped."""

    def __init__(
        self,
        object: Any = "",
        *,
        wide: bool = True,
        **params: Any,
    ) -> None:
        usual = {"margin": 0, "stylesheets": [css("content")]}
        if wide and "width" not in params:
            usual["sizing_mode"] = "stretch_width"
        super().__init__(**usual | params)
        self.object = object  # a reference is followed; the constructor of panes takes none

    def _transform_object(self, obj: Any) -> dict[str, Any]:
        # panel 1.9.4 escapes for the transport, which markup would take for its own business
        return super()._transform_object(str(obj))  # type: ignore[no-any-return]


def heading(
    name: Any, short: Any = "", text: Any = "", *, class_: str = "", title: str = ""
) -> Markup:
    """Write the head of a card: its name, what is seen in a few words, and a line of text.

    Parameters
    ----------
    class_ : str
        "tall" beside controls, "active" for the structure being looked at.
    title : str
        What the mouse finds out about the name.
    """
    small = html.small(short) if short else None
    heard = {"role": "heading", "aria_level": "2"} if name else {}
    head = html.div(name, small, class_=f"head {class_}".strip(), title=title, **heard)
    return html.join(head, note(text) if text else None)


def note(*content: Any) -> Markup:
    """Write what explains, or why there is nothing to see."""
    return html.p(*content, class_="note")


def tone(column: int | str) -> str:
    """Return the class that carries the colour of a column; "rest" for anything else."""
    return f"m{column}" if str(column) in {"0", "1", "2", "3"} else "rest"


def swatch(column: int | str) -> Markup:
    """Write the square in the colour of a method that stands beside its name."""
    return html.i(class_=f"swatch {tone(column)}")


def dot(column: int | str, title: str = "") -> Markup:
    """Write the dot in the colour of a method that stands for it in a table."""
    return html.i("●", class_=f"dot {tone(column)}", title=title)


def count_of(number: int, noun: str, title: str = "") -> Markup:
    """Write how many of something a method keeps, beside its name."""
    return html.span(f"{grouped(number)} {noun}", class_="count", title=title)


def facts(pairs: Iterable[tuple[str, Any]], class_: str = "") -> Markup:
    """Write a list of names and what they are."""
    return html.dl(
        ((html.dt(name), html.dd(text, title=text)) for name, text in pairs),
        class_=f"facts {class_}".strip(),
    )


def estimated(value: str, error: float, written: Callable[[float], str]) -> Markup:
    """Write an estimate with its standard error; what has none is exact."""
    return html.join(value, [" ", html.i(f"± {written(error)}")] if error > 0 else None)


def tiles(pairs: Iterable[tuple[Any, str]]) -> Markup:
    """Write big numbers, each over what it counts."""
    return html.div((html.div(html.b(n), what) for n, what in pairs), class_="tiles")
