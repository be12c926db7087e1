"""Duplicates and conflicts: near-duplicates, conflicting labels, odd energies, a force cut."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from analytics.curation.conflicts import Conflicts
from analytics.curation.duplicates import Duplicates
from analytics.curation.force_cut import DEFINITION
from analytics.curation.reasons import copy_reasons, cut_reasons
from analytics.runtime import html
from analytics.runtime.arrays import owners
from views.kit import layout
from views.kit.findings_list import FindingsList
from views.kit.layout import Card
from views.kit.tables import bar_cell, cells, read_table, row_table, show_rows
from views.kit.text import Html, counted, grouped, heading, note, percent
from views.kit.widgets import Button
from views.review.state import Review
from views.state.session import Session

__all__ = ["ConflictCard", "CutCard", "DuplicateCard", "EnergyCard"]

#: More rows than this are no help; the command line writes them all.
ROWS = 2000


def _listed(frames: Any, most: int = 6) -> str:
    some = " ".join(str(int(f)) for f in frames[:most])
    return some + (" …" if len(frames) > most else "")


def _classes(dataset: Any, structures: Any) -> str:
    return ", ".join(dict.fromkeys(str(k) for k in dataset.config_type[structures])) or "–"


def _unlabelled(labels: Any, name: str) -> str:
    """Say that a file has no labels of a kind; empty if it has some."""
    some = labels is not None and bool(np.isfinite(labels).any())
    return "" if some else f"The file has no {name}: there is nothing to compare."


class _Listing(pn.viewable.Viewer):
    """A card with a table; a click on a row shows what it is about."""

    NAME = ""
    COLUMNS: dict[str, type] = {}
    HINTS: dict[str, str] = {}
    UNITS: dict[str, str] = {}
    DECIMALS: dict[str, int] = {}
    WIDTHS: dict[str, int] = {}
    #: Codes of the findings that the card is about.
    FINDINGS: tuple[str, ...] = ()

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._state = session, state
        self._rows: list[tuple[list[int], list[int]]] = []
        self.table = row_table(
            self.COLUMNS, self.HINTS, self.UNITS, self.DECIMALS, widths=self.WIDTHS
        )
        self.table.on_click(self._on_click)
        self.findings = FindingsList(session, self.FINDINGS, margin=(6, 0, 0, 0))
        self._card = Card(self.table, name=self.NAME)

    def _fill(self, columns: dict[str, Any], rows: list[tuple[list[int], list[int]]]) -> None:
        """Show rows, and remember for each the structures and the atoms that it is about."""
        self._rows = rows
        show_rows(self.table, columns, len(rows))

    def _on_click(self, event: Any) -> None:
        if 0 <= event.row < len(self._rows):
            self._state.show(*self._rows[event.row])

    def __panel__(self) -> Any:
        if self.findings not in self._card:
            self._card.append(self.findings)
        return self._card


class DuplicateCard(_Listing):
    """Groups of structures that repeat one another."""

    NAME = "Near-duplicates"
    FINDINGS = ("duplicates", "near_duplicates", "duplicates_across_classes")
    COLUMNS = {"copies": int, "#": object, "config_type": object, "distance": float, "exact": int}
    HINTS = {
        "copies": "structures beyond the representative",
        "#": "indices in the file: the representative, then its copies",
        "distance": "largest distance of an environment to its partner, in bandwidths h",
        "exact": "copies that are the same within 0.0001 Å",
    }
    UNITS, DECIMALS = {"distance": "h"}, {"distance": 3}
    WIDTHS = {"copies": 54, "distance": 76, "exact": 50}

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(session, state, **params)
        self.tolerance = pmui.FloatSlider(
            label="Tolerance (bandwidths h)",
            start=0.0,
            end=1.0,
            step=0.01,
            value=state.tolerance,
            size="small",
            sizing_mode="stretch_width",
            margin=(6, 12, 0, 12),
        )
        self.reject = Button(
            label="Reject copies",
            hint="Reject all but the representative of each group; Undo takes it back",
            disabled=True,
            on_click=self._reject,
            margin=(8, 0, 0, 0),
        )
        self._card.insert(1, self.tolerance)
        self._card.append(self.reject)
        self.tolerance.param.watch(lambda e: state.set_tolerance(e.new), "value_throttled")
        state.param.watch(self._follow, ["tolerance"])
        state.param.watch(self._show, ["duplicates"])
        session.param.watch(self._enable, ["rejected"])
        self._show()

    def _follow(self, *_: Any) -> None:
        self.tolerance.value = min(self._state.tolerance, self.tolerance.end)

    def _show(self, *_: Any) -> None:
        found, data = self._state.duplicates, self._session.dataset
        self._enable()
        if found is None or data is None:
            self._card.say("…")
            self._fill({}, [])
            return
        groups = sorted(found.groups, key=lambda g: (-len(g), g[0]))
        self._card.say(
            f"{counted(len(found.copies), 'structure')} in {counted(len(groups), 'group')}"
            if groups
            else "none",
            f"Of {grouped(data.n_structures)}; {grouped(int(found.exact.sum()))} equal atom by "
            "atom. Same elements, same cell, and every environment within "
            f"{found.spec.tolerance:g} h of its partner; turned, shifted and re-celled copies "
            f"count. {'Click a group, then step with ← →.' if groups else ''}",
        )
        shown = groups[:ROWS]
        self._fill(
            {
                "copies": [len(g) - 1 for g in shown],
                "#": [_listed(data.frame_indices[g]) for g in shown],
                "config_type": [_classes(data, g) for g in shown],
                "distance": [float(found.distance[g].max()) for g in shown],
                "exact": [int(found.exact[g].sum()) for g in shown],
            },
            [([int(s) for s in g], []) for g in shown],
        )

    def _enable(self, *_: Any) -> None:
        found: Duplicates | None = self._state.duplicates
        left = 0 if found is None else len(set(found.copies.tolist()) - {*self._session.rejected})
        self.reject.disabled = left == 0

    def _reject(self, *_: Any) -> None:
        found, data = self._state.duplicates, self._session.dataset
        if found is not None and data is not None:
            said = f"near-duplicates within {found.spec.tolerance:g} h"
            reasons = copy_reasons(found, data.frame_indices)
            self._state.reject(reasons, said, step=self.NAME)


class ConflictCard(_Listing):
    """Alike structures with unlike energies, alike environments with unlike forces."""

    NAME = "Conflicting labels"
    FINDINGS = (
        "conflicting_duplicates", "conflicting_forces", "conflicting_alike",
        "conflicting_environments",
    )  # fmt: skip
    COLUMNS = {"#": object, "ΔE": float, "|ΔF|": float, "alike": object, "config_type": object}
    HINTS = {
        "#": "indices in the file, by rising energy",
        "ΔE": "highest minus lowest energy (meV/atom)",
        "|ΔF|": "largest difference of the force on an atom (eV/Å); equal structures only",
        "alike": "the same within 0.0001 Å, or the largest distance of two environments in h",
    }
    UNITS = {"ΔE": "meV/atom", "|ΔF|": "eV/Å"}
    DECIMALS = {"ΔE": 2, "|ΔF|": 3}
    WIDTHS = {"ΔE": 96, "|ΔF|": 76, "alike": 58}

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(session, state, **params)
        self._pairs: list[tuple[list[int], list[int]]] = []
        self.forces_head = Html(margin=(8, 0, 0, 0))
        self.forces = row_table(
            {"atom": object, "|F|": float, "like": object, "|F| there": float, "distance": float},
            {
                "atom": "structure : atom, with the larger force",
                "like": "structure : atom, alike but with the smaller force",
                "|F|": "of the first atom",
                "|F| there": "of the atom that is alike",
                "distance": "between the two environments, in bandwidths h",
            },
            {"|F|": "eV/Å", "|F| there": "eV/Å", "distance": "h"},
            {"|F|": 3, "|F| there": 3, "distance": 3},
            widths={"|F|": 70, "|F| there": 100, "distance": 76},
        )
        self.forces.on_click(self._on_pair)
        self._card.extend([self.forces_head, self.forces])
        state.param.watch(self._show, ["conflicts"])
        self._show()

    def _show(self, *_: Any) -> None:
        found, data = self._state.conflicts, self._session.dataset
        self.forces_head.visible = found is not None
        if found is None or data is None:
            self._card.say("…")
            self._fill({}, [])
            self.forces.visible = False
            return
        spec, groups = found.spec, found.energies
        none = _unlabelled(data.energies, "energies")
        self._card.say(
            "" if none else f"energies: {counted(len(groups), 'group')}",
            none
            or "Alike structures whose energies differ by more than "
            f"{1e3 * spec.energy:g} meV/atom ({1e3 * spec.exact_energy:g} if equal atom by "
            "atom). Evidence to look at, not proof.",
        )
        shown = groups[:ROWS]
        self._fill(
            {
                "#": [_listed(data.frame_indices[c.structures], 4) for c in shown],
                "ΔE": [1e3 * c.spread for c in shown],
                "|ΔF|": [c.force_difference for c in shown],
                "alike": ["exact" if c.exact else f"{c.distance:.3f} h" for c in shown],
                "config_type": [_classes(data, c.structures) for c in shown],
            },
            [([int(s) for s in c.structures], []) for c in shown],
        )
        self._show_forces(found, data)

    def _show_forces(self, found: Conflicts, data: Any) -> None:
        pairs, spec = found.forces, found.spec
        count = min(len(pairs), ROWS)
        more = f", the {grouped(ROWS)} largest shown" if len(pairs) > ROWS else ""
        none = _unlabelled(data.forces, "forces")
        self.forces_head.object = heading(
            "Forces",
            "" if none else f"{counted(len(pairs), 'environment')}{more}",
            none
            or f"Another environment within {spec.tolerance:g} h has a |F| that is smaller by more "
            f"than {spec.force:g} eV/Å and {percent(spec.relative_force, 0)}.",
        )
        first, second = pairs.first[:count], pairs.second[:count]
        of, starts = owners(data.structure_offsets), data.structure_offsets
        names = [
            [
                f"{data.frame_indices[of[r]]} : {r - starts[of[r]]} {data.config_type[of[r]]}"
                for r in rows
            ]
            for rows in (first, second)
        ]
        self._pairs = [
            ([int(of[a]), int(of[b])], [int(a), int(b)]) for a, b in zip(first, second, strict=True)
        ]
        columns = {
            "atom": names[0],
            "|F|": pairs.force_first[:count],
            "like": names[1],
            "|F| there": pairs.force_second[:count],
            "distance": pairs.distance[:count],
        }
        show_rows(self.forces, columns, count)

    def _on_pair(self, event: Any) -> None:
        if 0 <= event.row < len(self._pairs):
            self._state.show(*self._pairs[event.row])


class EnergyCard(_Listing):
    """Energies far from those of their config_type."""

    NAME = "Energies out of line"
    FINDINGS = ("energy_out_of_line", "further_energies")
    COLUMNS = {"n": int, "of": int, "kind": object, "config_type": object, "away": float}
    HINTS = {
        "n": "structures of a class and composition that lie apart",
        "of": "structures that they are compared with, and they themselves",
        "kind": "a level of three and more, or a whole class: an island",
        "config_type": "class and composition",
        "away": "the farthest, from the median of the others (eV/atom)",
    }
    UNITS = {"away": "eV/atom"}
    DECIMALS = {"away": 3}
    WIDTHS = {"n": 52, "of": 56, "kind": 90, "away": 98}

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(session, state, **params)
        state.param.watch(self._show, ["conflicts"])
        self._show()

    def _show(self, *_: Any) -> None:
        conflicts, data = self._state.conflicts, self._session.dataset
        if conflicts is None or data is None:
            self._card.say("…")
            self._fill({}, [])
            return
        found = conflicts.out_of_line
        blocks = found.blocks[:ROWS]
        self._card.say(
            f"{counted(len(found), 'structure')}, {counted(len(found.blocks), 'block')}"
            if found.n_compared
            else "",
            f"Of {grouped(found.n_compared)} in groups of ten and more: beyond a gap and "
            f"{conflicts.spec.z_score:g} robust standard deviations of the energies of their "
            "config_type and composition; classes that lie apart as a whole are islands."
            if found.n_compared
            else "No class has ten structures with energies: there is nothing to compare.",
        )
        self._fill(
            {
                "n": [len(block.structures) for block in blocks],
                "of": [block.n_group for block in blocks],
                "kind": [block.kind for block in blocks],
                "config_type": [
                    " ".join(x for x in (block.config_type, block.formula) if x) for block in blocks
                ],
                "away": [
                    block.highest if block.highest == block.farthest else block.lowest
                    for block in blocks
                ],
            },
            [(block.structures.tolist(), []) for block in blocks],
        )


class CutCard(pn.viewable.Viewer):
    """What a cut at a largest force would cost; nothing goes until it is said."""

    NAME = "Force cut-off: what if"

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._state = session, state
        self.slider = pmui.FloatSlider(
            label="Cut structures with an atom above |F| (eV/Å)",
            start=0.0,
            end=1.0,
            step=0.01,
            value=1.0,
            size="small",
            sizing_mode="stretch_width",
            margin=(6, 12, 0, 12),
        )
        self.text = Html()
        self.brush = Button(
            label="Show them",
            hint="Brush the structures that would go, and look at the first",
            on_click=self._brush,
            margin=(8, 0, 0, 0),
        )
        self.reject = Button(
            label="Reject above",
            hint="Reject the structures with a force above the limit; Undo takes it back",
            on_click=self._reject,
            margin=(8, 0, 0, 8),
        )
        definition = Html(note(DEFINITION), margin=(4, 0, 0, 0))
        self._parts = [self.slider, definition, self.text, layout.row(self.brush, self.reject)]
        self._card = Card(*self._parts, name=self.NAME)
        self.slider.param.watch(self._move, "value_throttled")
        session.param.watch(self._range, ["opened"])
        state.param.watch(self._show, ["limit"])
        self._range()

    def _range(self, *_: Any) -> None:
        data = self._session.dataset
        if data is None:
            return
        norms = data.force_norms[np.isfinite(data.force_norms)]
        for part in self._parts:
            part.visible = bool(len(norms))
        if not len(norms):
            none = _unlabelled(data.forces, "forces").replace("compare", "cut")
            self._card.say("", none)
            return
        top = float(norms.max())
        step = 10.0 ** np.floor(np.log10(max(top, 1e-3) / 200))
        end = float(np.ceil(top / step) * step)
        self.slider.param.update(start=0.0, end=end, step=float(step), value=end)
        self._show()

    def _move(self, event: Any) -> None:
        self._state.limit = float(event.new)
        if len(self._session.dataset.force_norms) and event.new != self.slider.value:
            self.slider.value = event.new

    def _show(self, *_: Any) -> None:
        if not self.slider.visible:
            return
        if np.isfinite(self._state.limit):
            self.slider.value = min(self._state.limit, self.slider.end)
        found = self._state.cut()
        none = found is None or not len(found.structures)
        self.brush.disabled = self.reject.disabled = none
        if found is None or not np.isfinite(found.limit) or none:
            self._card.say("nothing goes")
            self.text.object = note(
                "Move the slider to see which structures, classes and share of the tail a cut "
                "would cost. Large forces are often what a potential needs most: look before "
                "rejecting."
            )
            return
        share = len(found.structures) / max(1, found.n_structures)
        self._card.say(
            f"{counted(len(found.structures), 'structure')} above {found.limit:g} eV/Å",
            (
                html.b(percent(share)),
                f" of {grouped(found.n_structures)} structures and ",
                html.b(percent(found.n_lost / max(1, found.n_environments))),
                f" of the environments go, because of {counted(found.n_above, 'atom')} above the "
                "limit; with them ",
                html.b(percent(found.tail_lost, 0)),
                " of the tail (top 1 % of |F| per atom).",
            ),
        )
        self.text.object = read_table(
            cells("config_type", "lost", "of", html.th("share", colspan=2), tag="th"),
            (
                cells(
                    name or "(none)",
                    grouped(lost),
                    grouped(total),
                    bar_cell(lost / max(1, total)),
                    percent(lost / max(1, total), 0),
                )
                for name, lost, total in found.classes
            ),
            label="What the limit costs each class",
            height=180,
        )

    def _brush(self, *_: Any) -> None:
        found = self._state.cut()
        if found is not None and len(found.structures):
            self._state.show(found.structures.tolist())

    def _reject(self, *_: Any) -> None:
        found = self._state.cut()
        if found is not None:
            said = f"an atom above {found.limit:g} eV/Å"
            self._state.reject(cut_reasons(found), said, step="Force cut-off", kind="rule")

    def __panel__(self) -> Any:
        return self._card
