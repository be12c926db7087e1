"""Ledger dialog: every removal with its step, reason and time, and the way back; what is waived."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import panel as pn

from analytics.curation.ledger import Removal, ledger_table
from views.kit import layout
from views.kit.action_list import Act, ActionList, Entry
from views.kit.text import Html, counted, grouped, heading
from views.kit.widgets import Button, Dialog, Download, choice, reveal
from views.state.session import Session

__all__ = ["LedgerDialog"]

#: Structures that are listed one by one: the CSV has all.
MOST = 200
EVERY = "every step"


class LedgerDialog(pn.viewable.Viewer):
    """Steps with what they took out; one step's structures; each can be taken back."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.head, self.more = Html(margin=(0, 10)), Html(margin=(0, 10))
        self.step = choice("Step", options=[EVERY], value=EVERY, width=360, margin=(8, 10))
        self.list = ActionList("Removals", self._act, margin=(0, 10))
        self.undo = Button(label="Undo", on_click=lambda e: session.undo(), margin=(10, 6, 6, 10))
        self.redo = Button(label="Redo", on_click=lambda e: session.redo(), margin=(10, 6, 6, 0))
        self.restore = Button(
            label="Restore all", on_click=lambda e: session.clear_all(self._structures),
            hint="None of those listed stays rejected; Undo takes it back", margin=(10, 6, 6, 0),
        )  # fmt: skip
        self.csv = Download(
            label="Download CSV", callback=self._csv, filename="ledger.csv", margin=(10, 10, 6, 0)
        )
        self.dialog = Dialog(
            self.head, self.step, self.list, self.more,
            layout.row(self.undo, self.redo, self.restore, self.csv, gives="tools"),
            title="Ledger", width_option="md", sx=Dialog.WIDE,
        )  # fmt: skip
        self.step.param.watch(self._show, "value")
        self.dialog.param.watch(self._show, "open")
        session.param.watch(self._show, ["pinned", "rejected", "waived"])

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self.dialog.restyle(dark)

    def open(self, *_: Any) -> None:
        """Show every step."""
        self.step.value = EVERY
        self.dialog.open = True

    # ---- what is shown ----------------------------------------------------------------------

    @property
    def _chosen(self) -> list[Removal]:
        """The removals of the step that is chosen."""
        every = self._session.ledger
        return [one for one in every if self.step.value in (EVERY, one.step)]

    @property
    def _structures(self) -> list[int]:
        return [one.structure for one in self._chosen]

    def _show(self, *_: Any) -> None:
        session = self._session
        if not self.dialog.open or session.dataset is None:
            return
        ledger = session.ledger
        steps = list(dict.fromkeys(one.step for one in ledger))
        if self.step.options != [EVERY, *steps]:
            kept = self.step.value if self.step.value in steps else EVERY
            self.step.param.update(options=[EVERY, *steps], value=kept)
        chosen, whole = self._chosen, self.step.value == EVERY
        self.head.object = heading(
            f"{counted(len(ledger), 'structure')} rejected",
            f"in {counted(len(steps), 'step')}" if steps else "",
            text="Each with the step that took it out, why and when; times are UTC, indices those "
            "of the file." if ledger else "Nothing has been rejected.",
        )  # fmt: skip
        entries = self._steps(ledger, steps) if whole else self._one_by_one(chosen[:MOST])
        self.list.show([*entries, *(self._waived() if whole else ())])
        cut = not whole and len(chosen) > MOST
        self.more.object = f"The first {MOST} of {grouped(len(chosen))}." if cut else ""
        self.restore.label = f"Restore {grouped(len(chosen))}"
        self.restore.disabled = self.csv.disabled = not chosen
        self.undo.disabled, self.redo.disabled = not session.can_undo, not session.can_redo
        reveal(self.step, bool(ledger))

    def _steps(self, ledger: Sequence[Removal], steps: Sequence[str]) -> list[Entry]:
        found = []
        for step in steps:
            some = [one for one in ledger if one.step == step]
            reasons = list(dict.fromkeys(one.reason for one in some if one.reason))
            why = "; ".join(reasons[:3]) + (f"; and {len(reasons) - 3} more" * (len(reasons) > 3))
            times = sorted({one.when for one in some if one.when})
            when = times[0] if len(times) < 2 else f"{times[0]} to {times[-1]}" if times else ""
            acts = [
                Act("list", "List them", "One line for each structure"),
                Act("show", "Show", "Brush them and look at the first"),
                Act("restore", f"Restore {len(some)}", "Undo takes it back"),
            ]
            text = f"{step}: {counted(len(some), 'structure')}"
            lines = [line for line in (why, _time(when)) if line]
            found.append(Entry(f"step {step}", some[0].kind, "quiet", text, lines, acts))
        return found

    def _one_by_one(self, some: Sequence[Removal]) -> list[Entry]:
        data = self._session.dataset
        assert data is not None
        acts = [Act("show", "Show", "Look at it"), Act("restore", "Restore", "Undo takes it back")]
        return [
            Entry(
                f"structure {one.structure}",
                f"{data.frame_indices[one.structure]}",
                "quiet",
                " · ".join(
                    x for x in (str(data.config_type[one.structure]), one.reason) if x
                ) or "by hand",
                [_time(one.when)] if one.when else [],
                acts,
            )
            for one in some
        ]  # fmt: skip

    def _waived(self) -> list[Entry]:
        waived = self._session.waived.values()
        act = Act("unwaive", "No longer waive", "Count it among the open findings again")
        return [
            Entry(
                f"waiver {one.finding}", "waived", "quiet", one.message or one.finding,
                [f"Waived: {one.reason}", _time(one.when)], [act],
            )
            for one in waived
        ]  # fmt: skip

    # ---- what is done -----------------------------------------------------------------------

    def _act(self, key: str, name: str, text: str) -> None:
        session = self._session
        kind, _, which = key.partition(" ")
        if kind == "waiver":
            session.unwaive(which)
            return
        if name == "list":
            self.step.value = which
            return
        some = (
            [int(which)]
            if kind == "structure"
            else [one.structure for one in session.ledger if one.step == which]
        )
        if name == "restore":
            session.clear_all(some)
        else:
            session.show_structures(some)
            self.dialog.open = False

    def _csv(self) -> io.BytesIO:
        data = self._session.dataset
        assert data is not None
        return io.BytesIO(ledger_table(data, self._chosen).encode())

    def __panel__(self) -> Any:
        return self.dialog


def _time(when: str) -> str:
    """Write a time for people: 2026-11-27 07:22:19."""
    return when.replace("T", " ").replace("Z", "")
