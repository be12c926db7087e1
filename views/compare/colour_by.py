"""Colour by, size by: by which property the maps are drawn, and the legend, which brushes."""

from __future__ import annotations

from typing import Any

import panel as pn

from analytics.runtime import html
from views.kit import layout
from views.kit.legend import ColourLegend
from views.kit.text import Html, grouped
from views.kit.widgets import property_groups, property_select, reveal
from views.state.painting import METHOD
from views.state.session import Session

__all__ = ["ColourBy"]


class ColourBy(pn.viewable.Viewer):
    """Two selects for the toolbar, and the legend that stands below it while there is one."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._dark, self._moving = session, False, False
        self.colour = property_select("Colour by", METHOD)
        self.size = property_select("Size by", "", width=150)
        self.title, self.note = Html(wide=False, margin=(0, 10, 0, 0)), Html(wide=False)
        self.scale: ColourLegend | None = None
        self.legend = layout.row(margin=(0, 10, 6, 6), gives="legend")
        reveal(self.legend, False)
        self.colour.param.watch(self._on_colour, "value")
        self.size.param.watch(self._on_size, "value")
        session.param.watch(self._fill, ["opened", "worked_out", "n_columns"])
        for slot in session.every_slot:
            slot.param.watch(self._fill, ["selection"])
        session.param.watch(self._follow, ["colour_by", "size_by"])
        session.param.watch(self._show, ["colouring"])
        session.param.watch(self._on_brush, ["brush"])
        self._fill()
        self._show()

    # ---- state to widgets -------------------------------------------------------------------

    def _fill(self, *_: Any) -> None:
        """Offer what the open data set has."""
        offered = self._session.offered()
        numbers = tuple(shown for shown in offered if shown.kind == "number")
        self._moving = True
        self.colour.groups = {"": {"What is kept": METHOD}} | property_groups(offered)
        self.size.groups = {"": {"All alike": ""}} | property_groups(numbers)
        self._moving = False
        self._follow()

    def _follow(self, *_: Any) -> None:
        self._moving = True
        self.colour.value, self.size.value = self._session.colour_by, self._session.size_by
        self._moving = False

    def _show(self, *_: Any) -> None:
        """Draw the legend."""
        colouring = self._session.colouring
        if colouring is not None and self.scale is None:  # the first that is asked for
            self.scale = ColourLegend()
            self.scale.on_choice(self._session.brush_values, self._session.brush_category)
            self.legend.objects = [self.title, self.scale, self.note]
        if self.scale is not None:
            self.scale.show(colouring, self._dark, self._session.brush)
        reveal(self.legend, colouring is not None)
        if colouring is None:
            return
        shown = colouring.shown
        unit = f" {shown.unit}" if shown.unit else ""
        log = ", logarithmic" if colouring.log else ""
        self.title.object = html.div(
            html.b(shown.title), unit, log, class_="line", title=f"{shown.name} in a filter"
        )
        self.note.object = ""
        if colouring.legend is not None and colouring.missing:
            why = f" ({colouring.why})" if colouring.why else ""
            self.note.object = html.div(
                f"grey: no value, {grouped(colouring.missing)}{why}", class_="line"
            )

    def _on_brush(self, *_: Any) -> None:
        if self.scale is not None:
            self.scale.light(self._session.brush)

    # ---- widgets to state -------------------------------------------------------------------

    def _on_colour(self, event: Any) -> None:
        if not self._moving:
            self._session.paint(event.new or METHOD)

    def _on_size(self, event: Any) -> None:
        if not self._moving:
            self._session.size(event.new or "")

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark = dark
        if self.scale is not None:
            self._show()
