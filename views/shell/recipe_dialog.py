"""Recipe dialog: what a recipe selects, what differs from the page, and taking it over."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from analytics.recipe import Recipe
from analytics.runtime import html
from analytics.selection.base import METHODS
from views.kit.tables import cells, read_table
from views.kit.text import Html, counted, heading, note
from views.kit.widgets import Button, Dialog
from views.state.recipes import differences, reproduced, take_over, unfit
from views.state.session import Session

__all__ = ["RecipeDialog"]


class RecipeDialog(pn.viewable.Viewer):
    """A dialog about one recipe at a time; furnished when the first is shown."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.recipe: Recipe | None = None
        self.dialog = Dialog(title="Recipe", width_option="md", sx=Dialog.WIDE)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self.dialog.restyle(dark)

    def show(self, path: Path) -> None:
        """Show the recipe of a file; what is none is told in one line."""
        self._session.run("recipe", lambda monitor: Recipe.load(path), self._open, place="here")

    def _open(self, recipe: Recipe) -> None:
        self.recipe = recipe
        if not self.dialog.objects:
            self._furnish()
        self._tell()
        self.dialog.open = True

    def _furnish(self) -> None:
        session = self._session
        self.text, self.table = Html(margin=(0, 10)), Html(margin=(8, 10))
        self.column = pmui.Select(
            label="Compare with, and take over into", options={}, size="small", width=300,
            margin=(14, 10, 0, 10),
        )  # fmt: skip
        self.take = Button(
            label="Take it over",
            hint="Method, settings, budget, pins and rejections; Undo takes the decisions back",
            variant="contained", margin=(10, 10), on_click=self._take_over,
        )  # fmt: skip
        self.dialog.objects = [self.text, self.column, self.table, self.take]
        self.column.param.watch(self._tell, "value")
        session.param.watch(self._tell, [
            "opened", "budget", "pinned", "rejected", "descriptor", "kernel", "n_columns",
        ])  # fmt: skip
        for slot in session.every_slot:
            slot.param.watch(self._tell, ["selection"])

    def _tell(self, *_: Any) -> None:
        recipe, session = self.recipe, self._session
        if recipe is None:
            return
        titles = {f"{s.title} (column {i + 1})": i for i, s in enumerate(session.slots)}
        if self.column.options != titles:
            at = min(1 if self.column.value is None else self.column.value, len(titles) - 1)
            self.column.param.update(options=titles, value=at)
        column = int(self.column.value)
        reasons, found = unfit(recipe, session), differences(recipe, session, column)
        self.take.disabled = bool(reasons)
        self.text.object = self._about(recipe)
        same, in_order = reproduced(recipe, session, column)
        kept = (
            "The column keeps the same structures, in the same order."
            if in_order
            else f"The column keeps {same} of the {recipe.size} structures of the recipe."
        )
        rows = (cells(one.what, one.recipe, one.page) for one in found)
        self.table.object = html.join(
            note(kept),
            read_table(cells("", "recipe", "page", tag="th"), rows, label="What differs")
            if found
            else note("Nothing differs."),
            html.p(html.b("It cannot be taken over: "), "; ".join(reasons), class_="say")
            if reasons
            else "",
        )

    @staticmethod
    def _about(recipe: Recipe) -> html.Markup:
        method = METHODS[recipe.method].title if recipe.method in METHODS else recipe.method
        atoms = len(recipe.isolated)
        isolated = f", plus {counted(atoms, 'isolated atom')}" if atoms else ""
        return heading(
            f"{method}: {recipe.size} of {counted(recipe.n_structures, 'structure')}",
            text=f"From {recipe.name}{isolated}; made with Winnow "
            f"{recipe.versions.get('winnow', 'of an unknown version')}.",
        )

    def _take_over(self, *_: Any) -> None:
        if self.recipe is not None and self.column.value is not None:
            take_over(self.recipe, self._session, int(self.column.value))

    def __panel__(self) -> Any:
        return self.dialog
