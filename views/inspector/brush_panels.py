"""Panels of the Brushed card: sets and saved brushes, rejecting for a reason, export, columns.

Each is made when it is first opened: a page that nobody brushes on pays for none of them.
"""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import panel as pn
import panel_material_ui as pmui
import param

from analytics.data.export_formats.registry import EXPORT_FORMATS
from analytics.runtime.arrays import IntArray
from views.kit import layout
from views.kit.action_row import ActionRow
from views.kit.text import Html, counted, grouped, note
from views.kit.widgets import Done, Download, Prepared, choice, reveal
from views.state.brushed_list import BrushedList
from views.state.brushing import tidy
from views.state.report import make_structures
from views.state.session import Session

__all__ = ["Panels"]

MODES = {
    "replace": ("Brush", "Brush this set alone"),
    "add": ("Add", "What is in either"),
    "subtract": ("Subtract", "What is brushed without this set"),
    "intersect": ("Intersect", "What is in both"),
    "exclusive": ("One only", "What is in one of them, and not in both"),
}
#: Further columns of the list.
MOST_COLUMNS = 6
WIDE = {"width": None, "sizing_mode": "stretch_width", "margin": (10, 0, 0, 0)}


class Panels(pn.viewable.Viewer):
    """What the buttons of the card open, one at a time."""

    open = param.String("", doc="Which panel is open; empty for none.")

    def __init__(self, session: Session, state: BrushedList, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._state = session, state
        self._usual = state.names
        self._make: dict[str, Callable[[], Any]] = {
            "sets": self._sets,
            "reject": self._reject,
            "export": self._export,
            "columns": self._columns,
        }
        self.made: dict[str, Any] = {}
        self._refresh: dict[str, Callable[[], None]] = {}
        self._all = layout.column()
        session.param.watch(
            self._update,
            ["opened", "brush", "named_brushes", "pinned", "rejected", "budget", "n_columns"],
        )
        for slot in session.every_slot:
            slot.param.watch(self._update, ["selection"])

    def turn(self, name: str) -> None:
        """Open a panel, or close it if it is open."""
        if name not in self.made:
            self.made[name] = self._make[name]()
            self._all.append(self.made[name])
        self.open = "" if self.open == name else name
        self._update()
        for each, panel in self.made.items():
            reveal(panel, each == self.open)

    def _update(self, *_: Any) -> None:
        if self.open in self._refresh:
            self._refresh[self.open]()

    # ---- sets -------------------------------------------------------------------------------

    def _sets(self) -> Any:
        session = self._session
        which = choice("Set", **WIDE)
        name = pmui.TextInput(
            label="Save the brush as", size="small", max_length=60, **WIDE,
        )  # fmt: skip
        modes = ActionRow(
            "How the set joins the brush",
            {
                mode: (label, hint, lambda mode=mode: self._join(which.value, mode))
                for mode, (label, hint) in MODES.items()
            },
        )
        keep = ActionRow(
            "Saved brushes",
            {
                "save": ("Save", "Keep the brush under this name", lambda: self._save(which, name)),
                "rename": (
                    "Rename",
                    "Call the saved set chosen above by this name",
                    lambda: self._rename(which, name),
                ),
                "delete": (
                    "Delete",
                    "Forget the set chosen above",
                    lambda: self._drop(which),
                ),
            },
        )

        def refresh(*_: Any) -> None:
            options = self._options()
            value = which.value if which.value in options.values() else None
            which.param.update(options=options, value=value or next(iter(options.values()), None))
            saved = which.value is not None and which.value.startswith("saved ")
            keep.set(
                save={"disabled": len(session.brush) == 0},
                rename={"disabled": not saved},
                delete={"disabled": not saved},
            )

        which.param.watch(refresh, "value")
        name.param.watch(lambda e: e.new and self._save(which, name), "enter_pressed")
        self._refresh["sets"] = refresh
        return layout.column(which, modes, name, keep)

    def _options(self) -> dict[str, str]:
        """Return what there is to join with: saved brushes first, with their sizes."""
        session = self._session
        found = {
            f"{name} ({grouped(len(rows))} env.)": f"saved {name}"
            for name, rows in session.named_brushes.items()
        }
        for at, slot in enumerate(session.slots):
            if slot.selection is not None:
                found[f"Kept by column {at + 1}, {slot.title}"] = f"kept {at}"
        for name in ("pinned", "rejected"):
            some = getattr(session, name)
            if some:
                found[f"{name.capitalize()} ({grouped(len(some))})"] = name
        return found

    def _rows(self, key: str | None) -> IntArray | None:
        session = self._session
        kind, _, name = (key or "").partition(" ")
        if kind == "saved":
            return session.named_brushes.get(name)
        if kind == "kept" and int(name) < len(session.slots):
            return session.kept_rows(session.slots[int(name)])
        if kind in {"pinned", "rejected"}:
            return session.rows_of(getattr(session, kind))
        return None

    def _join(self, key: str | None, mode: str) -> None:
        rows = self._rows(key)
        if rows is not None:
            self._session.set_brush(rows, mode)

    def _save(self, which: Any, name: Any) -> None:
        """Keep the brush under the name written; it is then the set chosen above."""
        session = self._session
        text = name.value_input or name.value
        known = len(session.named_brushes)
        if session.name_brush(text):
            replaced = len(session.named_brushes) == known
            session.notice = ("success", f"brush {'replaced' if replaced else 'saved'}: {text}")
            which.value = f"saved {tidy(text)}"
            name.param.update(value="", value_input="")
        elif not text.strip():
            session.notice = ("info", "a saved brush needs a name")

    def _rename(self, which: Any, name: Any) -> None:
        text = name.value_input or name.value
        old = (which.value or "").removeprefix("saved ")
        if self._session.rename_brush(old, text):
            which.value = f"saved {tidy(text)}"
            name.param.update(value="", value_input="")
        else:
            self._session.notice = ("info", "that name is empty or taken")

    def _drop(self, which: Any) -> None:
        """Forget a saved brush; it is brushed, so that saving it again takes this back."""
        name = (which.value or "").removeprefix("saved ")
        if name in self._session.named_brushes:
            self._session.recall_brush(name)
            self._session.drop_brush(name)
            self._session.notice = (
                "info",
                f"{name} deleted; what it was is brushed",
            )

    # ---- decisions --------------------------------------------------------------------------

    def pin(self) -> None:
        """Pin the brushed structures."""
        session = self._session
        some = session.brushed_structures.tolist()
        self._tell("pinned", session.pin_all(some), len(some))

    def free(self) -> None:
        """Neither pin nor reject the brushed structures any longer."""
        freed = self._session.clear_all(self._session.brushed_structures.tolist())
        if not freed:
            self._session.notice = ("info", "none of them is pinned or rejected")

    def _tell(self, what: str, new: int, asked: int) -> None:
        others = asked - new
        decided = f"; {counted(others, 'other')} had been decided about" if others else ""
        self._session.notice = ("success", f"{counted(new, 'structure')} {what}{decided}")

    def _reject(self) -> Any:
        session = self._session
        reason = pmui.TextInput(
            label="Reason", placeholder="for the ledger and the recipe", size="small",
            max_length=300, **WIDE,
        )  # fmt: skip

        def reject() -> None:
            some = session.brushed_structures.tolist()
            why = " ".join((reason.value_input or reason.value).split())
            reasons = dict.fromkeys(some, why) if why else {}
            self._tell("rejected", session.reject_all(some, reasons, step="Brush"), len(some))
            reason.param.update(value="", value_input="")
            self.turn("reject")

        act = ActionRow(
            "Reject the brush", {"reject": ("Reject", "One undo takes it back", reject)}
        )

        def refresh() -> None:
            count = len(session.brushed_structures)
            label = f"Reject {counted(count, 'structure')}"
            act.set(reject={"label": label, "disabled": count == 0})

        reason.param.watch(lambda e: e.new and reject(), "enter_pressed")
        self._refresh["reject"] = refresh
        return layout.column(reason, act)

    # ---- taking home ------------------------------------------------------------------------

    def _export(self) -> Any:
        session = self._session
        kind = choice(
            "Format",
            **WIDE | {
                "options": {EXPORT_FORMATS[name].title: name for name in EXPORT_FORMATS},
                "value": "extxyz",
            },
        )  # fmt: skip

        def structures(done: Done) -> None:
            some = session.brushed_structures
            make_structures(session, "brushed", some, kind.value, done, lambda _: done(None))

        def indices() -> io.BytesIO:
            assert session.dataset is not None
            frames = session.dataset.frame_indices[session.brushed_structures]
            return io.BytesIO("".join(f"{frame}\n" for frame in frames.tolist()).encode())

        wide = {"sizing_mode": "stretch_width", "margin": (8, 0, 0, 0)}
        whole = Prepared(structures, label="Download structures", **wide)
        session.on_cancel(whole.give_up)
        plain = Download(
            label="Download indices", callback=indices, hint="Of the file, one on a line", **wide
        )
        said = Html(margin=(6, 0, 0, 0))

        def refresh(*_: Any) -> None:
            count, chosen = len(session.brushed_structures), EXPORT_FORMATS[kind.value]
            ending = ".zip" if chosen.is_folder else chosen.endings[0]
            whole.param.update(filename=f"brushed_{count}{ending}", disabled=count == 0)
            plain.param.update(filename=f"brushed_{count}_indices.txt", disabled=count == 0)
            said.object = note(f"{counted(count, 'structure')}, whole, each with its index")

        kind.param.watch(refresh, "value")
        self._refresh["export"] = refresh
        return layout.column(kind, whole, plain, said)

    def _columns(self) -> Any:
        pick = pmui.MultiChoice(
            label="Further columns", options={}, size="small", max_items=MOST_COLUMNS, **WIDE
        )

        def refresh() -> None:
            session = self._session
            if session.analysis is None:
                return
            found = {
                each.label: each.name
                for each in session.properties.available()
                if each.name not in self._usual
                and (each.of == "structure" or each.kind == "number")
            }
            pick.param.update(
                options=found, value=[name for name in pick.value if name in found.values()]
            )

        def use(event: Any) -> None:
            self._state.names = [*self._usual, *event.new]

        pick.param.watch(use, "value")
        self._refresh["columns"] = refresh
        return layout.column(pick)

    def __panel__(self) -> Any:
        return self._all
