"""What repeats and what contradicts: near-duplicates, conflicting labels, odd energies, a cut."""

from __future__ import annotations

import html
from typing import Any

import numpy as np
import pandas as pd
import panel as pn
import panel_material_ui as pmui

from analytics.curation import Conflicts, Duplicates
from analytics.runtime.arrays import owners
from views.budget import counted, grouped
from views.review.state import Review
from views.review.style import STYLE, Card, table, title
from views.session import Session
from views.widgets import Button

__all__ = ["ConflictCard", "CutCard", "DuplicateCard", "EnergyCard"]

#: More rows than this are no help; the command line writes them all.
ROWS = 2000
SMALL = {"size": "small", "variant": "outlined", "margin": (8, 0, 0, 0)}


def _listed(frames: Any, most: int = 6) -> str:
    some = " ".join(str(int(f)) for f in frames[:most])
    return some + (" …" if len(frames) > most else "")


def _classes(dataset: Any, structures: Any) -> str:
    return ", ".join(dict.fromkeys(str(k) for k in dataset.config_type[structures])) or "–"


class _Listing(pn.viewable.Viewer):
    """A card with a table; a click on a row shows what it is about."""

    NAME = ""
    COLUMNS: dict[str, type] = {}
    HINTS: dict[str, str] = {}
    WIDTHS: dict[str, int] = {}

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._state = session, state
        self._rows: list[tuple[list[int], list[int]]] = []
        self.table = table(self.COLUMNS, self.HINTS, widths=self.WIDTHS)
        self.table.on_click(self._on_click)
        self._card = Card(self.table, name=self.NAME)

    def _fill(self, columns: dict[str, Any], rows: list[tuple[list[int], list[int]]]) -> None:
        """Show rows, and remember for each the structures and the atoms that it is about."""
        self._rows = rows
        if rows or len(self.table.value):
            self.table.value = pd.DataFrame(columns)
        self.table.page = 1
        self.table.visible = bool(rows)

    def _on_click(self, event: Any) -> None:
        if 0 <= event.row < len(self._rows):
            self._state.show(*self._rows[event.row])

    def __panel__(self) -> Any:
        return self._card


class DuplicateCard(_Listing):
    """Groups of structures that repeat one another."""

    NAME = "Near-duplicates"
    COLUMNS = {"copies": int, "#": object, "config_type": object, "distance": object, "exact": int}
    HINTS = {
        "copies": "structures beyond the representative",
        "#": "indices in the file: the representative, then its copies",
        "distance": "largest distance of an environment to its partner, in bandwidths h",
        "exact": "copies that are equal atom by atom",
    }
    WIDTHS = {"copies": 54, "distance": 66, "exact": 50}

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
            **SMALL,
        )
        self._card.insert(1, self.tolerance)
        self._card.append(self.reject)
        self.tolerance.param.watch(lambda e: state.set_tolerance(e.new), "value_throttled")
        state.param.watch(self._show, ["duplicates"])
        session.param.watch(self._enable, ["rejected"])
        self._show()

    def _show(self, *_: Any) -> None:
        found, data = self._state.duplicates, self._session.dataset
        self._enable()
        if found is None or data is None:
            self._card.head.object = title(self.NAME, "…")
            self._fill({}, [])
            return
        groups = sorted(found.groups, key=lambda g: (-len(g), g[0]))
        self._card.head.object = title(
            self.NAME,
            f"{counted(len(found.copies), 'structure')} in {counted(len(groups), 'group')}",
            f"Of {grouped(data.n_structures)}; {grouped(int(found.exact.sum()))} equal atom by "
            "atom. Same elements, same cell, and every environment within "
            f"{found.spec.tolerance:g} h of its partner; turned, shifted and re-celled copies "
            "count. Click a group, then step with ← →.",
        )
        shown = groups[:ROWS]
        self._fill(
            {
                "copies": [len(g) - 1 for g in shown],
                "#": [_listed(data.frame_indices[g]) for g in shown],
                "config_type": [_classes(data, g) for g in shown],
                "distance": [f"{found.distance[g].max():.3f}" for g in shown],
                "exact": [int(found.exact[g].sum()) for g in shown],
            },
            [([int(s) for s in g], []) for g in shown],
        )

    def _enable(self, *_: Any) -> None:
        found: Duplicates | None = self._state.duplicates
        left = 0 if found is None else len(set(found.copies.tolist()) - {*self._session.rejected})
        self.reject.disabled = left == 0

    def _reject(self, *_: Any) -> None:
        found: Duplicates | None = self._state.duplicates
        if found is not None:
            reason = f"near-duplicates within {found.spec.tolerance:g} h"
            self._state.reject(found.copies.tolist(), reason)


class ConflictCard(_Listing):
    """Alike structures with unlike energies, alike environments with unlike forces."""

    NAME = "Conflicting labels"
    COLUMNS = {"#": object, "ΔE": float, "|ΔF|": float, "alike": object, "config_type": object}
    HINTS = {
        "#": "indices in the file, by rising energy",
        "ΔE": "highest minus lowest energy (meV/atom)",
        "|ΔF|": "largest difference of the force on an atom (eV/Å); equal structures only",
        "alike": "equal atom by atom, or the largest distance of two environments in h",
    }
    WIDTHS = {"ΔE": 56, "|ΔF|": 56, "alike": 56}

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(session, state, **params)
        self._pairs: list[tuple[list[int], list[int]]] = []
        self.forces_head = pn.pane.HTML("", stylesheets=[STYLE], margin=(8, 0, 0, 0))
        self.forces = table(
            {"atom": object, "|F|": float, "like": object, "|F| there": float, "distance": float},
            {
                "atom": "structure : atom, with the larger force",
                "like": "structure : atom, alike but with the smaller force",
                "|F|": "eV/Å",
                "|F| there": "eV/Å",
                "distance": "between the two environments, in bandwidths h",
            },
        )
        self.forces.on_click(self._on_pair)
        self._card.extend([self.forces_head, self.forces])
        state.param.watch(self._show, ["conflicts"])
        self._show()

    def _show(self, *_: Any) -> None:
        found, data = self._state.conflicts, self._session.dataset
        self.forces_head.visible = found is not None
        if found is None or data is None:
            self._card.head.object = title(self.NAME, "…")
            self._fill({}, [])
            self.forces.visible = False
            return
        spec, groups = found.spec, found.energies
        self._card.head.object = title(
            self.NAME,
            f"energies: {counted(len(groups), 'group')}",
            "Alike structures whose energies differ by more than "
            f"{1e3 * spec.energy:g} meV/atom ({1e3 * spec.exact_energy:g} if equal atom by "
            "atom). Evidence to look at, not proof.",
        )
        shown = groups[:ROWS]
        self._fill(
            {
                "#": [_listed(data.frame_indices[c.structures], 4) for c in shown],
                "ΔE": [round(1e3 * c.spread, 2) for c in shown],
                "|ΔF|": [round(c.force_difference, 3) for c in shown],
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
        self.forces_head.object = title(
            "Forces",
            f"{counted(len(pairs), 'environment')}{more}",
            f"Another environment within {spec.tolerance:g} h has a |F| that is smaller by more "
            f"than {spec.force:g} eV/Å and {spec.relative_force:.0%}.",
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
        if count or len(self.forces.value):
            self.forces.value = pd.DataFrame(
                {
                    "atom": names[0],
                    "|F|": np.round(pairs.force_first[:count], 3),
                    "like": names[1],
                    "|F| there": np.round(pairs.force_second[:count], 3),
                    "distance": np.round(pairs.distance[:count], 3),
                }
            )
        self.forces.visible = bool(count)

    def _on_pair(self, event: Any) -> None:
        if 0 <= event.row < len(self._pairs):
            self._state.show(*self._pairs[event.row])


class EnergyCard(_Listing):
    """Energies far from those of their config_type."""

    NAME = "Energies out of line"
    COLUMNS = {"#": int, "config_type": object, "z": float, "away": float, "volume": float}
    HINTS = {
        "#": "index in the file",
        "z": "robust standard deviations from the median of the config_type",
        "away": "from that median (eV/atom)",
        "volume": "per atom (Å³): compressed cells are high in energy by design",
    }
    WIDTHS = {"#": 60, "z": 66, "away": 70, "volume": 64}

    def __init__(self, session: Session, state: Review, **params: Any) -> None:
        super().__init__(session, state, **params)
        state.param.watch(self._show, ["conflicts"])
        self._show()

    def _show(self, *_: Any) -> None:
        conflicts, data = self._state.conflicts, self._session.dataset
        if conflicts is None or data is None:
            self._card.head.object = title(self.NAME, "…")
            self._fill({}, [])
            return
        found = conflicts.out_of_line
        self._card.head.object = title(
            self.NAME,
            counted(len(found), "structure"),
            f"Of {grouped(found.n_compared)} in classes of ten and more: beyond "
            f"{conflicts.spec.z_score:g} robust standard deviations of the energies of their "
            "config_type, references of the elements taken off.",
        )
        records = found.records(data)[:ROWS]
        away = [r["residual_eV_per_atom"] - r["median_eV_per_atom"] for r in records]
        self._fill(
            {
                "#": [r["structure"] for r in records],
                "config_type": [r["config_type"] or "–" for r in records],
                "z": [round(r["z_score"], 1) for r in records],
                "away": np.round(away, 3),
                "volume": [round(r["volume_A3_per_atom"], 2) for r in records],
            },
            [([int(s)], []) for s in found.structures[:ROWS]],
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
        self.text = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width", margin=0)
        self.brush = Button(
            label="Show them",
            hint="Brush the structures that would go, and look at the first",
            on_click=self._brush,
            **SMALL,
        )
        self.reject = Button(
            label="Reject above",
            hint="Reject the structures with a force above the limit; Undo takes it back",
            on_click=self._reject,
            **SMALL | {"margin": (8, 0, 0, 8)},
        )
        self._card = Card(
            self.slider, self.text, pn.Row(self.brush, self.reject, margin=0), name=self.NAME
        )
        self.slider.param.watch(self._move, "value_throttled")
        session.param.watch(self._range, ["opened"])
        state.param.watch(self._show, ["limit"])
        self._range()

    def _range(self, *_: Any) -> None:
        data = self._session.dataset
        if data is None:
            return
        norms = data.force_norms[np.isfinite(data.force_norms)]
        self._card.visible = bool(len(norms))
        if not len(norms):
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
        found = self._state.cut()
        none = found is None or not len(found.structures)
        self.brush.disabled = self.reject.disabled = none
        if found is None or not np.isfinite(found.limit) or none:
            self._card.head.object = title(self.NAME, "nothing goes")
            self.text.object = (
                "<p>Move the slider to see which structures, classes and share of the tail a cut "
                "would cost. Large forces are often what a potential needs most: look before "
                "rejecting.</p>"
            )
            return
        share = len(found.structures) / max(1, found.n_structures)
        self._card.head.object = title(
            self.NAME,
            f"{counted(len(found.structures), 'structure')} above {found.limit:g} eV/Å",
            f"<b>{share:.1%}</b> of {grouped(found.n_structures)} structures and "
            f"<b>{found.n_lost / max(1, found.n_environments):.1%}</b> of the environments go, "
            f"because of {counted(found.n_above, 'atom')} above the limit; with them "
            f"<b>{found.tail_lost:.0%}</b> of the tail (top 1 % of |F| per atom).",
        )
        rows = "".join(
            f"<tr><td>{html.escape(name) or '(none)'}</td><td>{grouped(lost)}</td>"
            f"<td>{grouped(total)}</td><td class='bar'><div class='track'>"
            f"<div style='width:{lost / max(1, total):.1%}'></div></div></td>"
            f"<td>{lost / max(1, total):.0%}</td></tr>"
            for name, lost, total in found.classes
        )
        self.text.object = (
            "<div class='scroll' style='max-height:180px'><table><tr><th>config_type</th>"
            f"<th>lost</th><th>of</th><th></th><th></th></tr>{rows}</table></div>"
        )

    def _brush(self, *_: Any) -> None:
        found = self._state.cut()
        if found is not None and len(found.structures):
            self._state.show(found.structures.tolist())

    def _reject(self, *_: Any) -> None:
        found = self._state.cut()
        if found is not None:
            reason = f"an atom above {found.limit:g} eV/Å"
            self._state.reject(found.structures.tolist(), reason)

    def __panel__(self) -> Any:
        return self._card
