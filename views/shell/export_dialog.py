"""Export dialog: the chosen subset, the rest and the recipe as files."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from analytics.data.dataset import Dataset
from analytics.data.export import export_notes
from analytics.data.export_formats.registry import EXPORT_FORMATS, ExportFormat
from analytics.recipe import kept_structures, make_recipe
from analytics.report.contents import Table
from analytics.runtime import html
from analytics.selection.base import METHODS, Selection
from views.kit import layout
from views.kit.text import Html, counted, grouped
from views.kit.widgets import Button, Dialog, Done, Download, Prepared
from views.shell.take_home import TakeHome
from views.state.report import make_structures
from views.state.session import Session, Slot

__all__ = ["Export", "file_name"]


#: What a data set is called after: its name without these, and not endlessly long.
_KINDS = re.compile(r"(\.(xyz|extxyz|traj|db|json|vasp|xml|cif|npz|gz|bz2|xz))+$", re.IGNORECASE)
_LONGEST = 100

WHERE = (
    "Your browser puts them among its downloads and keeps files that have the name already. "
    "Nothing is written on the server."
)


def stem(data: str) -> str:
    """Return what files are called after a data set, without an ending."""
    return re.sub(r"[^\w.+-]+", "_", _KINDS.sub("", data)).strip("._")[:_LONGEST] or "data"


def file_name(data: str, selection: Selection, size: int) -> str:
    """Name an export after the data set and what tells one selection from another."""
    seed = f"_seed{selection.seed}" if METHODS[selection.method].random else ""
    return f"{stem(data)}_{selection.method}_{size}{seed}"


class Export(pn.viewable.Viewer):
    """A dialog with downloads for the method chosen, and of all that is open.

    Parameters
    ----------
    session : Session
    tables : callable
        Returns what stages have to add to a report.
    stage : callable
        Returns the stage that is shown, and where in it the user is.
    """

    def __init__(
        self,
        session: Session,
        tables: Callable[[], Sequence[Table]] = tuple,
        stage: Callable[[], tuple[str, str]] = lambda: ("", ""),
        **params: Any,
    ) -> None:
        super().__init__(**params)
        self._session, self._tables, self._stage = session, tables, stage
        self.method = pmui.Select(
            label="Selection to export", options={}, size="small", sizing_mode="stretch_width"
        )
        self.format = pmui.Select(
            label="Format",
            options={EXPORT_FORMATS[name].title: name for name in EXPORT_FORMATS},
            value="extxyz",
            size="small",
            sizing_mode="stretch_width",
        )
        self.text = Html(margin=(5, 10))
        usual = {"sizing_mode": "stretch_width", "color": "primary"}
        recipe, indices = "Download recipe (JSON)", "Download indices (text)"
        subset = Prepared(self._subset, label="Download subset", **usual)
        rest = Prepared(self._rest, label="Download the rest", **usual)
        for button in (subset, rest):
            session.on_cancel(button.give_up)
        self.downloads = {
            "subset": subset,
            "rest": rest,
            "recipe": Download(callback=self._recipe, label=recipe, **usual),
            "indices": Download(callback=self._indices, label=indices, **usual),
        }
        buttons = list(self.downloads.values())
        self._place = layout.column()  # for what is furnished when it is first opened
        self.dialog = Dialog(
            self.method,
            self.format,
            self.text,
            layout.row(*buttons[:2]),
            layout.row(*buttons[2:]),
            self._place,
            title="Export",
        )
        self.home: TakeHome | None = None
        self.button = Button(
            label="Export",
            on_click=self._open,
            hint="Take the subset home: structures, the rest, and a recipe",
        )
        self.method.param.watch(self._describe, "value")
        self.format.param.watch(self._describe, "value")
        session.param.watch(self._follow, ["budget", "opened", "pinned", "rejected"])

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self.dialog.restyle(dark)

    def _open(self, *_: Any) -> None:
        if self._session.opened is None:
            return
        titles = {f"{s.title} (column {i + 1})": i for i, s in enumerate(self._session.slots)}
        self.method.param.update(options=titles, value=self._column)
        self._describe()
        if self.home is None:
            self.home = TakeHome(self._session, self._tables, self._stem, self._stage)
            self._place.objects = [self.home]
        self.home.refresh()
        self.dialog.open = True

    def _stem(self) -> str:
        return stem(self._session.dataset.name) if self._session.dataset else "data"

    @property
    def _column(self) -> int:
        """The column to export; the coverage selection until another is chosen."""
        wanted = 1 if self.method.value is None else int(self.method.value)
        return min(wanted, self._session.n_columns - 1)

    @property
    def _slot(self) -> Slot:
        return self._session.slots[self._column]

    @property
    def _size(self) -> int:
        """How many structures are picked: fewer than the budget if too many are rejected."""
        return min(self._session.budget, len(self._slot.selection))

    def _follow(self, *_: Any) -> None:
        if self.dialog.open:
            self._describe()

    def _describe(self, *_: Any) -> None:
        data, slot = self._session.dataset, self._slot
        if data is None or slot.selection is None:
            return
        base = file_name(data.name, slot.selection, self._size)
        ending = ".zip" if self._chosen.is_folder else self._chosen.endings[0]
        self.downloads["subset"].filename = f"{base}{ending}"
        self.downloads["rest"].filename = f"{base}_rest{ending}"
        self.downloads["recipe"].filename = f"{base}.json"
        self.downloads["indices"].filename = f"{base}_indices.txt"
        names = [(item.filename, html.br()) for item in self.downloads.values()]
        self.text.object = html.join(
            html.p(self._contents(), html.br(), html.span(names, class_="quiet"), class_="say"),
            html.p(html.span(WHERE, class_="quiet"), class_="say"),
        )

    def _contents(self) -> str:
        """Say what the files hold."""
        session, data = self._session, self._session.dataset
        assert data is not None
        isolated = int(data.isolated.sum())
        also = f", plus {counted(isolated, 'isolated atom')}" if isolated else ""
        decided = [
            f"{len(some)} {name}"
            for name, some in (("pinned", session.pinned), ("rejected", session.rejected))
            if some
        ]
        forced = f" {' and '.join(decided)}: the recipe says so, and why." if decided else ""
        return (
            f"{grouped(self._size)} of {counted(session.analysis.n_structures, 'structure')}"
            f"{also}; {self._said(data)}.{forced}"
        )

    @property
    def _chosen(self) -> ExportFormat:
        return EXPORT_FORMATS[self.format.value]

    def _said(self, data: Dataset) -> str:
        """Say what the format keeps of the structures."""
        if self._chosen.lossless:
            return (
                "original keys are kept, and each structure carries its index in the original file"
            )
        notes = export_notes(data, self._kept(), self._chosen)
        folder = ["a zip archive of the folder that the code reads"] * self._chosen.is_folder
        return "; ".join(["labels in eV and angstrom as the code reads them", *folder, *notes])

    def _kept(self) -> Any:
        data, slot = self._session.dataset, self._slot
        assert data is not None
        assert slot.selection is not None
        return kept_structures(data, slot.selection, self._size)

    def _write(self, which: str, structures: Any, done: Done) -> None:
        session, format_ = self._session, self.format.value
        make_structures(session, which, structures, format_, done, lambda _: done(None))

    def _subset(self, done: Done) -> None:
        self._write("subset", self._kept(), done)

    def _rest(self, done: Done) -> None:
        data = self._session.dataset
        assert data is not None
        self._write("rest", np.setdiff1d(np.arange(data.n_structures), self._kept()), done)

    def _indices(self) -> io.BytesIO:
        """Return what is kept as indices of the original file, from zero, one a line."""
        data = self._session.dataset
        assert data is not None
        lines = "".join(f"{index}\n" for index in data.frame_indices[self._kept()].tolist())
        return io.BytesIO(lines.encode())

    def _recipe(self) -> io.BytesIO:
        recipe = make_recipe(
            self._session.analysis,
            self._slot.selection,
            self._size,
            removals=self._session.ledger,
            waivers=self._session.waived.values(),
            brushes=self._session.brushes_by_frame(),
        )
        return io.BytesIO(json.dumps(recipe.to_dict(), indent=2).encode())

    def __panel__(self) -> Any:
        return self.button
