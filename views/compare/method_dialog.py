"""Method dialog: what each method is for, which one suits a wish, and selections of one's own."""

from __future__ import annotations

from functools import partial
from typing import Any

import panel as pn
import panel_material_ui as pmui

from analytics.runtime import html
from analytics.selection.base import METHODS, missing_labels
from analytics.selection.wishes import WISHES, Suggestion, measured_in_short, suggest
from views.kit import layout
from views.kit.drop_zone import DropZone
from views.kit.text import KINDS, Html, counted, heading, note
from views.kit.widgets import Button, Dialog, reveal, segments
from views.state.columns import GIVEN
from views.state.session import Session

__all__ = ["MethodDialog"]

MEASURED = (
    "bulk, tail: force errors of potentials retrained on 5 to 20 % of a set, as a share of those "
    "of random selections; below 1 is better."
)
FILES = (
    "Zero-based indices of the original file (.txt, .csv, .json, .npy; recipes too), or structures "
    "of it (.xyz and whatever else is read), looked up by atoms and cell."
)


class MethodDialog(pn.viewable.Viewer):
    """Finds a method for one column; filled when it is first opened."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._column, self._dark = session, 0, False
        self.dialog = Dialog(title="", width_option="md", sx=Dialog.WIDE)
        self.rows: dict[str, Any] = {}
        self._suggested: Suggestion | None = None
        session.param.watch(self._fill_lists, ["kept_lists"])

    def show(self, column: int) -> None:
        """Open the dialog for a column."""
        self._column = column
        if not self.rows:
            self._build()
        data = self._session.dataset
        for name, row in self.rows.items():
            missing = missing_labels(data, name) if data is not None else ""
            row.button.disabled = bool(missing)
            row.summary.object = self._summary(name, missing)
        self._suggest()
        self._fill_lists()
        self.dialog.param.update(title=f"Method of column {column + 1}", open=True)

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark = dark
        self.dialog.restyle(dark)

    # ---- parts ------------------------------------------------------------------------------

    def _build(self) -> None:
        self.wish = segments("I want to", list(WISHES), value=None, align="start", margin=(4, 10))
        self.wish.param.watch(self._suggest, "value")
        self.reason = Html(margin=(4, 10))
        self.take = Button(
            label="Use it", variant="contained", visible=False, margin=(2, 10, 8, 10),
            on_click=lambda e: self._suggested and self._choose(self._suggested.method),
        )  # fmt: skip
        self.search = pmui.TextInput(
            label="Search the methods", size="small", sizing_mode="stretch_width", margin=(4, 10),
        )  # fmt: skip
        self.search.param.watch(self._filter, "value_input")
        groups: dict[str, list[Any]] = {}
        for name in METHODS:
            if name == GIVEN:
                continue
            method = METHODS[name]
            row = self.rows[name] = _Row(name, partial(self._choose, name))
            groups.setdefault(KINDS.get(method.kind, method.kind), []).append(row.row)
        self._groups = {
            kind: layout.column(Html(heading(kind), margin=(4, 10, 0, 10)), *rows)
            for kind, rows in groups.items()
        }
        self.dialog.objects = [
            Html(heading("I want to"), margin=(0, 10)),
            self.wish,
            self.reason,
            self.take,
            self.search,
            *self._groups.values(),
            Html(note(MEASURED), margin=(4, 10)),
            *self._own(),
        ]
        self.dialog.restyle(self._dark)

    def _own(self) -> list[Any]:
        session = self._session
        self.lists = layout.column()
        self.called = pmui.TextInput(
            label="Save this column as", size="small", sizing_mode="stretch_width", margin=(4, 10),
        )  # fmt: skip
        self.called.param.watch(self._keep, "enter_pressed")
        save = Button(
            label="Save", margin=(6, 10, 0, 0), on_click=self._keep,
            hint="Keep what this column keeps at the budget under that name",
        )  # fmt: skip
        self.path = pmui.TextInput(
            label="File of indices or structures, on the machine that runs Winnow", size="small",
            sizing_mode="stretch_width", margin=(4, 10), visible=session.places.named,
        )  # fmt: skip
        use = Button(
            label="Show", margin=(6, 10, 0, 0), visible=session.places.named,
            hint="Show the selection of this file in the column", on_click=self._read,
        )  # fmt: skip
        self.path.param.watch(self._read, "enter_pressed")
        self.drop = DropZone(session, self._take_file, height=84)
        return [
            Html(heading("A selection of yours", text=FILES), margin=(12, 10, 0, 10)),
            self.lists,
            layout.row(self.called, save),
            layout.row(self.path, use),
            layout.column(self.drop, margin=(4, 10)),
        ]

    @staticmethod
    def _summary(name: str, missing: str) -> html.Markup:
        said = f"needs {missing}" if missing else measured_in_short(name)
        return html.div(METHODS[name].summary, html.small(f" · {said}" if said else ""),
                        class_="line", title=METHODS[name].summary)  # fmt: skip

    # ---- what is chosen ---------------------------------------------------------------------

    def _suggest(self, *_: Any) -> None:
        data, wish = self._session.dataset, self.wish.value
        self._suggested = suggest(wish, data) if data is not None and wish else None
        self.take.visible = self._suggested is not None
        if self._suggested is None:
            self.reason.object = note("Pick one, and the method that measurements speak for shows.")
            return
        method = METHODS[self._suggested.method]
        self.take.label = f"Use {method.title}"
        self.reason.object = html.p(
            html.b(method.title), f": {method.summary}. {self._suggested.reason}", class_="say"
        )

    def _filter(self, event: Any) -> None:
        """Show the methods that have all words of what is searched for."""
        words = (event.new or "").lower().split()
        for name, row in self.rows.items():
            method = METHODS[name]
            text = f"{name} {method.title} {method.summary} {method.kind}".lower()
            reveal(row.row, all(word in text for word in words))
        for group in self._groups.values():
            found = [row for row in group.objects[1:] if row.styles.get("display") != "none"]
            reveal(group, bool(found))

    def _choose(self, method: str, *_: Any) -> None:
        self.dialog.open = False
        self._session.choose(self._column, method)

    def _fill_lists(self, *_: Any) -> None:
        if not self.rows:
            return
        self.lists.objects = [
            self._list_row(name, held) for name, held in self._session.kept_lists.items()
        ]
        self.dialog.restyle(self._dark)

    def _list_row(self, name: str, held: str) -> Any:
        n = sum(1 + int(b or a) - int(a) for a, _, b in (p.partition("-") for p in held.split(",")))
        return layout.row(
            Button(
                label=name, variant="text", margin=(0, 0, 0, 4), width=190,
                hint="Show it in this column", on_click=lambda e: self._show_list(name),
            ),
            Html(html.div(counted(n, "structure"), class_="line"), margin=(5, 8)),
            Button(
                label="×", sign_for=f"Forget {name}", variant="text", margin=0, width=32,
                hint="Forget this selection", on_click=lambda e: self._session.drop_list(name),
            ),
        )  # fmt: skip

    def _show_list(self, name: str) -> None:
        self.dialog.open = False
        self._session.show_kept_list(self._column, name)

    def _keep(self, *_: Any) -> None:
        # Enter is told before the value that it confirms
        if self._session.keep_list(self._column, self.called.value_input or self.called.value):
            self.called.value = self.called.value_input = ""

    def _read(self, *_: Any) -> None:
        path = (self.path.value_input or self.path.value).strip()
        if path:
            self._take_file(path)

    def _take_file(self, path: Any) -> None:
        self.dialog.open = False
        self._session.read_list(self._column, path)

    def __panel__(self) -> Any:
        return self.dialog


class _Row:
    """One method: a button with its name, and what it is for."""

    def __init__(self, name: str, choose: Any) -> None:
        self.button = Button(
            label=METHODS[name].title, variant="text", margin=(0, 0, 0, 4), width=190,
            hint="Use it in this column", on_click=choose,
            sx={"justifyContent": "flex-start", "fontWeight": 600},
        )  # fmt: skip
        self.summary = Html(margin=(5, 8))
        self.row = layout.row(self.button, self.summary)
