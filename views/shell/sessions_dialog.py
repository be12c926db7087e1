"""Sessions dialog: name, find again, open, download and delete what is saved on the server."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from analytics.runtime import html
from analytics.runtime.errors import WinnowError
from views.kit import layout
from views.kit.drop_zone import DropZone
from views.kit.tables import row_table, show_rows
from views.kit.text import Html, counted, heading, note
from views.kit.widgets import Button, Dialog, Done, Prepared
from views.state.saved import SavedSession
from views.state.saver import Saver
from views.state.shelf import ENDING, Listed

__all__ = ["Sessions", "ago", "summary"]

HINTS = {
    "name": "what you called it, or its file",
    "file": "the data set that it is about",
    "used": "when it was last saved or opened",
    "decided": "what was decided so far",
}


def ago(seconds: float) -> str:
    """Write how long ago something was."""
    for size, noun in ((86_400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= size:
            return f"{counted(int(seconds // size), noun)} ago"
    return "just now"


def summary(saved: SavedSession) -> str:
    """Write what was decided in a session."""
    found = [f"{saved.budget} of {saved.source.n_structures} kept"]
    for name, some in (("pinned", saved.pinned), ("rejected", saved.rejected)):
        if some:
            found.append(f"{len(some)} {name}")
    return ", ".join(found)


class Sessions(pn.viewable.Viewer):
    """A button, and a dialog that is furnished when it is first opened.

    Parameters
    ----------
    go : callable
        Opens a session in this window by its name; an empty one is a new session.
    recipe : callable
        Shows a recipe that was dropped, by its path.
    """

    def __init__(
        self, go: Callable[[str], None], recipe: Callable[[Path], None], **params: Any
    ) -> None:
        super().__init__(**params)
        self._go, self._recipe = go, recipe
        self._saver: Saver | None = None
        self._listed: list[Listed] = []
        self._chosen = -1
        self.dialog = Dialog(title="Sessions", width_option="md", sx=Dialog.WIDE)
        self.button = Button(
            label="Sessions",
            on_click=self.open,
            hint="What is saved on the server: find it again, name it, take it home",
            visible=False,
        )

    def attach(self, saver: Saver) -> None:
        """Show the shelf of a saver: only a page that is served has one."""
        self._saver = saver
        self.button.visible = True

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self.dialog.restyle(dark)

    def open(self, *_: Any) -> None:
        """Open the dialog with what is there now."""
        if self._saver is None:
            return
        if not self.dialog.objects:
            self._furnish(self._saver)
        self.title.value, self._chosen = self._saver.title, -1
        self._list()
        self.dialog.open = True

    # ---- parts ------------------------------------------------------------------------------

    def _furnish(self, saver: Saver) -> None:
        self.title = pmui.TextInput(
            label="Name of this session", size="small", sizing_mode="stretch_width",
            placeholder="such as: silicon, first round",
        )  # fmt: skip
        self.title.param.watch(self._rename, "value")
        self.state = Html(margin=(0, 10, 8, 10))
        self.table = row_table(
            {"name": object, "file": object, "used": object, "decided": object},
            HINTS, page_size=8, selectable=1,
            widths={"name": 280, "used": 110, "decided": 190},
        )  # fmt: skip
        self.table.on_click(lambda event: self._choose(int(event.row)))
        self.show = Button(label="Open", on_click=self._open, margin=(8, 8, 0, 10))
        self.download = Prepared(
            self._pack, filename="session.winnow", label="Download", margin=(8, 8, 0, 0)
        )
        self.delete = Button(label="Delete", on_click=self._ask, margin=(8, 8, 0, 0))
        self.sure = Button(
            label="Delete for good", color="error", visible=False, on_click=self._delete,
            margin=(8, 8, 0, 0),
        )  # fmt: skip
        self.new = Button(
            label="New session", hint="Begin anew; this one stays", margin=(8, 10, 0, 0),
            on_click=lambda e: self._go(""),
        )  # fmt: skip
        self.drop = DropZone(saver.session, self._take, height=84, margin=(4, 10))
        self.text = Html(margin=(6, 10, 0, 10))
        days = f"{saver.shelf.days:g} days"
        self.dialog.objects = [
            self.title,
            self.state,
            Html(heading("Saved sessions", text=f"Kept for {days} after they were last used."),
                 margin=(4, 10)),
            self.table,
            layout.row(self.show, self.download, self.delete, self.sure,
                       pn.Spacer(sizing_mode="stretch_width"), self.new, gives="tools"),
            self.text,
            Html(heading("From a file", text="A session that was downloaded, or a recipe."),
                 margin=(14, 10, 0, 10)),
            self.drop,
        ]  # fmt: skip
        saver.param.watch(self._state, ["name_on_shelf", "trouble", "title"])
        saver.param.watch(lambda e: self._list() if self.dialog.open else None, ["written"])

    def _state(self, *_: Any) -> None:
        saver = self._saver
        assert saver is not None
        if saver.trouble:
            said: Any = html.span(f"Not saved: {saver.trouble}", class_="error")
        elif saver.name_on_shelf:
            said = "Every change is saved; the address of this page leads back here."
        else:
            said = "Nothing to save yet: it begins with the first change."
        self.state.object = note(said)

    # ---- what is on the shelf ---------------------------------------------------------------

    def _list(self) -> None:
        saver = self._saver
        assert saver is not None
        self._state()
        saver.clock.aside(lambda: list(saver.shelf), self._show, slow=True)

    def _show(self, listed: list[Listed]) -> None:
        assert self._saver is not None
        chosen = {self._name} if 0 <= self._chosen < len(self._listed) else set()
        self._listed, now = listed, time.time()
        rows = []
        for item in listed:
            here = " (this one)" if item.name == self._saver.name_on_shelf else ""
            used = ago(max(0.0, now - item.used))
            if item.saved is None:
                rows.append((f"{item.name}{here}", "", used, "cannot be read"))
            else:
                file = item.saved.source.name
                rows.append((f"{item.saved.title or file}{here}", file, used, summary(item.saved)))
        columns = dict(zip(HINTS, zip(*rows, strict=True), strict=True)) if rows else {}
        show_rows(self.table, {name: list(some) for name, some in columns.items()}, len(rows))
        self.text.object = "" if rows else note("None yet.")
        names = [item.name for item in listed]
        wanted = chosen.intersection(names) or {self._saver.name_on_shelf}.intersection(names)
        self._choose(names.index(wanted.pop()) if wanted else -1)

    def _choose(self, row: int) -> None:
        self._chosen = row if 0 <= row < len(self._listed) else -1
        none = self._chosen < 0
        for button in (self.show, self.download, self.delete):
            button.disabled = none
        self.sure.visible = False
        self.table.selection = [] if none else [self._chosen]
        if not none:
            item = self._listed[self._chosen]
            self.show.disabled = item.saved is None
            label = (item.saved.title or item.saved.source.name) if item.saved else item.name
            stem = re.sub(r"[^\w.+-]+", "_", label).strip("._")[:80]
            self.download.filename = f"{stem or 'session'}{ENDING}"
            self.text.object = note(item.trouble) if item.trouble else ""

    @property
    def _name(self) -> str:
        return self._listed[self._chosen].name

    # ---- gestures ---------------------------------------------------------------------------

    def _rename(self, event: Any) -> None:
        assert self._saver is not None
        if event.new != self._saver.title:
            self._saver.rename(event.new[:200])

    def _open(self, *_: Any) -> None:
        if self._chosen >= 0:
            self._go(self._name)

    def _pack(self, done: Done) -> None:
        saver, name = self._saver, self._name
        assert saver is not None

        def work() -> bytes | WinnowError:
            try:
                return saver.shelf.pack(name)
            except WinnowError as error:
                return error

        def packed(found: bytes | WinnowError) -> None:
            if isinstance(found, WinnowError):
                self.text.object = html.span(str(found), class_="error")
            done(None if isinstance(found, WinnowError) else found)

        saver.clock.aside(work, packed, slow=True)

    def _ask(self, *_: Any) -> None:
        self.sure.visible = self._chosen >= 0

    def _delete(self, *_: Any) -> None:
        saver = self._saver
        if saver is None or self._chosen < 0:
            return
        name = self._name
        if name == saver.name_on_shelf:
            saver.forget()
            self.title.value = ""

        saver.clock.aside(lambda: saver.shelf.delete(name), lambda _: self._list())

    def _take(self, path: Path) -> None:
        """Open a session that was dropped, or show a recipe."""
        saver = self._saver
        assert saver is not None
        if path.suffix.lower() == ".json":
            self.dialog.open = False
            self._recipe(path)
            return

        def work() -> str | WinnowError:
            try:
                return saver.shelf.take_in(path)
            except WinnowError as error:
                return error
            finally:
                shutil.rmtree(path.parent, ignore_errors=True)

        def done(found: str | WinnowError) -> None:
            if isinstance(found, WinnowError):
                self.text.object = html.span(str(found), class_="error")
            else:
                self._go(found)

        saver.clock.aside(work, done, slow=True)

    def __panel__(self) -> Any:
        return self.button
