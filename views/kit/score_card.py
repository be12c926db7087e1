"""The score card: one row for each quantity, the same rows in every column of a comparison."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from analytics.runtime import html
from analytics.runtime.html import Markup
from views.kit.text import tone

__all__ = ["ScoreRow", "score_card"]


@dataclass(frozen=True, slots=True)
class ScoreRow:
    """What one row shows.

    Attributes
    ----------
    name, unit, hint : str
        What it is, in which unit, and what that means.
    value, spread, value_hint : str
        As written.
    length : float, optional
        Of the bar, from 0 to 1; NaN is an empty one, None is no bar at all.
    full, full_hint : float, optional, and str
        Where on the bar the full set stands.
    range : tuple of two floats, optional, and str
        From where to where on the bar the value is uncertain, by something other than chance.
    best : bool
        Whether it leads.
    doubt : str
        Why nobody is marked as leading.
    reference : str, optional
        The same quantity of all data.
    """

    name: str
    unit: str
    value: str
    hint: str = ""
    spread: str = ""
    value_hint: str = ""
    length: float | None = None
    full: float | None = None
    full_hint: str = ""
    range: tuple[float, float] | None = None
    range_hint: str = ""
    best: bool = False
    doubt: str = ""
    reference: str | None = None

    def cells(self, leads: str) -> list[Markup]:
        """Write the cells of the row; `leads` says what its dot means."""
        found = [
            html.span(self.name, title=self.hint),
            html.span(self.unit, class_="unit", title=self.hint),
        ]
        if self.length is not None:
            found.append(self._track())
        spread = html.small(f" ± {self.spread}") if self.spread else None
        strong = " best" if self.best else ""
        found += [
            html.span(self.value, spread, class_=f"value{strong}", title=self.value_hint),
            html.span(
                "●" if self.best else "○" if self.doubt else "",
                title=self.doubt or leads,
            ),
        ]
        if self.reference is not None:
            found.append(html.span(self.reference, class_="all"))
        return found

    def _track(self) -> Markup:
        length = self.length or 0.0
        share = min(1.0, max(0.0, length)) if math.isfinite(length) else 0.0
        full = self.full if self.full is not None and 0 <= self.full <= 1 else None
        low, high = self.range or (0.0, 0.0)
        return html.span(
            html.div(class_="bar", style=f"width:{share:.1%}"),
            None
            if self.range is None
            else html.i(
                class_="range",
                style=f"left:{low:.1%};width:{high - low:.1%}",
                title=self.range_hint,
            ),
            None
            if full is None
            else html.i(class_="full", style=f"left:{full:.1%}", title=self.full_hint),
            class_="track",
        )


def score_card(
    rows: Iterable[ScoreRow],
    column: int | str,
    *,
    layout: str = "",
    head: Iterable[Markup] = (),
    leads: str = "best of the columns",
) -> Markup:
    """Write a score card in the colour of its column.

    Parameters
    ----------
    rows : iterable of ScoreRow
    column : int
        Whose colour the bars have.
    layout : str
        "spread" for values with an error, "estimated" where some have one beside their unit,
        "reference" for rows without a bar beside all data.
    head : iterable of markup
        Cells above the first row.
    leads : str
        What the dot beside a value means.
    """
    cells = [cell for row in rows for cell in row.cells(leads)]
    return html.div(html.div(*head, *cells, class_=f"score {layout}".strip()), class_=tone(column))
