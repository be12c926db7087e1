"""Saving: what of a session is saved, and how it comes back with its file. No Panel here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import param

from analytics.curation.expression import matching
from analytics.curation.search import understood
from analytics.data.read_options import READING
from analytics.descriptors.auto import AutoSpec
from analytics.information.kernel import KernelSpec
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import Monitor
from views.state.aiming import Aiming
from views.state.columns import Choice, Opened
from views.state.jobs import Runner
from views.state.links import Link, arrival
from views.state.looking import NOTHING
from views.state.questions import Question
from views.state.restored import (
    Restored,
    live_choice,
    live_settings,
    restored,
    settings_of,
    where_now,
)
from views.state.saved import SavedSession, Source

__all__ = ["Saving"]

#: What the user may say of how a file is to be read.
OPTIONS = (*READING, "strict")


class Saving(Aiming):
    """Gives what is to be saved, and takes it back."""

    map_kind = param.Selector(
        default="PCA", objects=["PCA", "UMAP", "plane"], doc="Which map is wanted."
    )
    descriptor = param.Parameter(AutoSpec(), doc="Spec of the descriptor.")
    kernel = param.ClassSelector(class_=KernelSpec, default=KernelSpec(), doc="Kernel spec.")
    question = param.ClassSelector(
        class_=Question, doc="What a file leaves open; None once it is open, or given up."
    )
    lost = param.List([], item_type=str, doc="What of a saved session does not apply any more.")

    def __init__(self, runner: Runner, **params: Any) -> None:
        super().__init__(runner, **params)
        #: The saved session whose file is on its way, and the map it comes back with.
        self._restoring: SavedSession | None = None
        self._map_wanted, self._told = "PCA", ""
        #: The link whose file is on its way, with that file and what is brushed; what to search.
        self._link: tuple[Link, str, IntArray] | None = None
        self._brush_wanted, self._painted = "", ("", "")

    def open(self, path: str | Path, **options: Any) -> None:
        """Read, check and analyse a file in the background; what is open stays until then."""
        raise NotImplementedError

    def show_map(self, kind: str) -> None:
        """Show the PCA or the UMAP of the environments."""
        raise NotImplementedError

    def _methods(self) -> list[Choice]:
        """Return what the user chose for each column."""
        raise NotImplementedError

    @property
    def source(self) -> str:
        """Path of what is open, as it was asked for; empty for a data set made in memory."""
        return self._source[0]

    def save(self) -> SavedSession | None:
        """Return what has been chosen and decided; None if there is no file to come back to."""
        if self.dataset is None or not self.source or self._restoring is not None:
            return None
        data, (path, options) = self.dataset, self._source
        descriptor, kernel = settings_of(self.descriptor, self.kernel)
        return SavedSession(
            source=Source(
                path, False, dict(options), data.name,
                data.fingerprint, data.n_structures, data.n_environments,
            ),
            descriptor=descriptor,
            kernel=kernel,
            choices=self._methods(),
            budget=self.budget,
            pinned=self.pinned,
            rejected=self.rejected,
            removals=self._removals(),
            waived=self.waived,
            brush=self.brush,
            named_brushes=self.named_brushes,
            kept_lists=self.kept_lists,
            searches=self.searches,
            active=self.active,
            active_atom=self.active_atom,
            map_kind=self.map_kind,
            undo=list(self._undo),
            redo=list(self._redo),
            question=self.question,
        )  # fmt: skip

    def restore(self, saved: SavedSession) -> None:
        """Open the file of a saved session, and bring back what was decided about it.

        Raises
        ------
        WinnowError
            If this Winnow cannot analyse it as it was.
        """
        descriptor, kernel = live_settings(saved)
        options = _known(saved.source.keys)
        lost, self._restoring = list[str](), saved
        self.n_columns = len(saved.choices)
        for slot, wanted in zip(self.slots, saved.choices, strict=True):
            choice, trouble = live_choice(wanted, Choice(slot.method))
            lost += [trouble] if trouble else []
            slot.param.update(**choice._asdict())
        self.param.update(descriptor=descriptor, kernel=kernel, lost=lost)
        self.open(saved.source.path, **options)

    def follow(self, link: Link, path: str | Path, rows: IntArray = NOTHING) -> None:
        """Open a file, and show it as a link says.

        Parameters
        ----------
        link : Link
        path : str or Path
            What it names.
        rows : int array
            What it has brushed, if that is rows.
        """
        self._link = link, str(path), rows
        if link.choices:
            self.n_columns = len(link.choices)
            for slot, choice in zip(self.slots, link.choices, strict=True):
                slot.param.update(**choice._asdict())
        self.param.update(
            descriptor=link.descriptor or self.descriptor,
            kernel=replace(KernelSpec(), **link.kernel),
            place_wanted=link.at,
        )
        self.stage_wanted = link.stage  # a stage that needs no data does not wait for them
        self.open(path, **link.reading)

    def _by_link(self, opened: Opened, source: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        """Return what comes with the file of a link, and note what does not."""
        assert self._link is not None
        (link, path, rows), self._link = self._link, None
        if source[0] != path:  # another was opened meanwhile
            return {}
        values, lost = arrival(link, opened.analysis, rows)
        self._map_wanted = link.map or "PCA"
        if self._map_wanted not in self.param.map_kind.objects:
            lost.append(f"map {link.map[:60]!r}")
        self._brush_wanted, self._painted = link.brush, (link.colour, link.size)
        self._told = f"not understood, and left out: {'; '.join(lost)}" if lost else self._told
        return values

    def _finish_link(self) -> None:
        """Brush what a link searches for, and say which of its colours there are none of."""
        wanted, self._painted = self._painted, ("", "")
        for name, shown in zip(wanted, (self.colour_by, self.size_by), strict=True):
            if name not in ("", shown):
                said = f"nothing here is called {name[:60]!r}"
                self._told = "; ".join(part for part in (self._told, said) if part)
        text, self._brush_wanted = self._brush_wanted, ""
        if not text:
            return
        columns, analysis = self.properties, self.analysis

        def work(monitor: Monitor) -> IntArray:
            return np.flatnonzero(matching(understood(text, columns), columns).environments)

        def done(found: IntArray) -> None:
            if self.analysis is analysis:
                self.set_brush(found)
                self.remember_search(text)

        self.run("brush of a link", work, done, place="here", quiet=True)

    def tell_when_open(self, text: str) -> None:
        """Say something once a file is open: what is said before is taken away by that."""
        self._told = text

    def _bring_back(self, opened: Opened, source: tuple[str, dict[str, Any]]) -> dict[str, Any]:
        """Return what comes back with a file: nothing yet if the file has changed."""
        saved = self._restoring
        assert saved is not None
        if source[0] != saved.source.path:  # another was opened meanwhile
            self._restoring = None
            return {}
        if opened.dataset.fingerprint != saved.source.fingerprint:
            return {}  # see `_look_up`
        return self._returned(restored(saved, opened.analysis))

    def _look_up(self, opened: Opened, saved: SavedSession) -> None:
        """Find in a file that has changed what was decided about, and bring that back."""

        def done(now: dict[int, int]) -> None:
            if self.opened is opened and self._restoring is saved:
                found = restored(saved, opened.analysis, now)
                self.param.update(**self._returned(found, saved.source))
                self._follow_decisions()

        data, marks = opened.dataset, saved.marks
        self._submit("restore", lambda monitor: where_now(data, marks), done, place="here")

    def _returned(self, found: Restored, changed: Source | None = None) -> dict[str, Any]:
        """Take over undo and redo; return the parameters, what is lost among them."""
        assert self._restoring is not None
        saved, self._restoring = self._restoring, None
        self._undo, self._redo = found.undo, found.redo
        self._map_wanted = saved.map_kind
        values = found.values | {"lost": [*self.lost, *found.lost]}
        if saved.question is not None:
            values["question"] = replace(saved.question, options=_known(saved.question.options))
        told = []
        if changed is not None:
            told.append(
                f"{changed.name} has changed since this session was saved (it had "
                f"{changed.n_structures} structures and {changed.n_environments} environments)"
            )
        if values["lost"]:
            told.append(f"no longer applies: {'; '.join(values['lost'])}")
            told.append("The session as it was stays under Sessions")
        if saved.unknown:
            told.append(f"of a newer Winnow, left out: {', '.join(saved.unknown)}")
        self._told = ". ".join(told)
        return values

    def _follow_decisions(self) -> None:
        """Order again what hangs on pins, rejections or the budget, and show the map wanted."""
        if self.opened is not None and self._restoring is not None:
            self._look_up(self.opened, self._restoring)
            return
        if self.pinned or self.rejected:
            self._reorder()
        else:
            self._ask_again()
        wanted, self._map_wanted = self._map_wanted, "PCA"
        if wanted != self.map_kind and wanted in self.param.map_kind.objects:
            self.show_map(wanted)
        self._finish_link()
        if self._told:  # last: work that starts takes the news before it away
            self.notice, self._told = ("warning", self._told), ""


def _known(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what can be said of how a file is to be read; a saved session may say anything."""
    return {name: options[name] for name in OPTIONS if name in options}
