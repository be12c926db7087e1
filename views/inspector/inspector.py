"""The structure inspector: the one structure being looked at, and what is brushed."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from views.inspector.atoms_view import AtomsView
from views.inspector.frames import environment_frame, structure_frame
from views.kit import layout
from views.kit.legend import ColourLegend
from views.kit.scales import colours_of
from views.kit.text import Html, facts, formula_of, heading, number, with_error
from views.kit.widgets import SMALL, Button, Toggle, property_groups
from views.state.nearest import NearestEnvironment
from views.state.session import Session

__all__ = ["Inspector"]

#: The atoms have the colours of the maps, until another property is picked.
AS_MAPS = {"": {"As the maps": ""}}


def _score(scores: Any, errors: Any, at: int) -> str:
    """Write an outlier score with its error where it is an estimate."""
    if errors is None or errors[at] == 0:
        return f"{number(float(scores[at]), 2)} nats"
    if not np.isfinite(errors[at]):
        return "not known"
    return f"about {with_error(float(scores[at]), float(errors[at]))} nats"


class Inspector(pn.viewable.Viewer):
    """The active structure in 3D with its numbers and the actions that apply to it."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._dark, self._moving = session, False, False
        self._sources: list[int] = []
        self.nearest = NearestEnvironment(session)
        self.title = Html()
        self.atoms = AtomsView(height=230, sizing_mode="stretch_width", margin=(2, 0))
        self.colour = pmui.Select(
            label="Colour atoms by",
            groups=AS_MAPS,
            value="",
            searchable=True,
            size="small",
            variant="outlined",
            sizing_mode="stretch_width",
            margin=(16, 0, 4, 0),
        )
        self.scale = ColourLegend(still=True, margin=(0, 0, 4, 0))
        self.facts = Html()
        self.pin = self._button("Pin", 48, "Always keep this structure, in every method")
        self.reject = self._button("Reject", 62, "Never keep this structure, in any method")
        self.environment = Toggle(
            label="Environment",
            hint="Show the selected atom with its neighbours alone",
            width=98,
            disabled=True,
            **SMALL,
        )
        self.back = self._button("‹", 30, "Left arrow key", sign_for="Previous structure")
        self.forward = self._button("›", 30, "Right arrow key", sign_for="Next structure")
        self.pin.on_click(lambda e: session.pin(session.active))
        self.reject.on_click(lambda e: session.reject(session.active))
        self.back.on_click(lambda e: session.step(-1))
        self.forward.on_click(lambda e: session.step(1))
        self._card = layout.card(
            self.title,
            self.atoms,
            self.facts,
            self.colour,
            self.scale,
            layout.row(self.pin, self.reject, self.environment, self.back, self.forward),
            margin=(0, 0, 10, 0),
        )
        self.colour.param.watch(self._on_colour, "value")
        self.environment.param.watch(self._show, "value")
        self.atoms.param.watch(self._on_pick, "picked")
        session.param.watch(self._offer, ["opened", "worked_out"])
        session.param.watch(self._recolour, ["atoms_colouring"])
        session.param.watch(self._on_active, ["opened", "active", "active_atom"])
        self.nearest.param.watch(self._facts, ["found"])
        session.param.watch(self._facts, ["budget", "pinned", "rejected", "removals", "n_columns"])
        for slot in session.every_slot:
            slot.param.watch(self._facts, ["selection"])
        self._offer()
        self._on_active()
        self._recolour()

    @staticmethod
    def _button(label: str, width: int, hint: str, **params: Any) -> Button:
        return Button(label=label, width=width, hint=hint, **SMALL, **params)

    # ---- what is shown ----------------------------------------------------------------------

    def _offer(self, *_: Any) -> None:
        """Offer the properties of what is open."""
        self._moving = True
        self.colour.groups = AS_MAPS | property_groups(self._session.offered())
        self.colour.value = self._session.atoms_by
        self._moving = False

    def _on_colour(self, event: Any) -> None:
        if not self._moving:
            self._session.paint_atoms(event.new or "")

    def _on_active(self, *events: Any) -> None:
        self.environment.disabled = self._session.active_atom < 0
        if self._session.active_atom < 0 and self.environment.value:
            self.environment.value = False  # draws
        else:
            self._show()

    def _show(self, *_: Any) -> None:
        session, data = self._session, self._session.dataset
        if data is None or session.analysis is None or not 0 <= session.active < data.n_structures:
            return
        rows, atom = data.rows(session.active), session.active_atom
        if self.environment.value and atom >= 0:
            frame, sources = environment_frame(data, session.active, atom, session.descriptor)
            selected = 0
        else:
            frame, selected = structure_frame(data, session.active), atom
            sources = list(range(rows.stop - rows.start))
        self._sources = sources
        index = data.frame_indices[session.active]
        self.atoms.param.update(
            frame=dict(frame),
            colors=self._colours(rows, sources),
            highlight=self._brushed_atoms(sources),
            selected=selected,
            label=f"structure {index}, {len(sources)} atoms",
        )
        self._facts()

    def _colours(self, rows: slice, sources: list[int]) -> list[str]:
        """Return the colours of atoms; none for those of the elements."""
        colouring, analysis = self._session.atoms_colouring, self._session.analysis
        if colouring is None or analysis is None or colouring.scheme == "elements":
            return []
        atoms = rows.start + np.asarray(sources)
        environments = analysis.descriptors.environments
        at = np.minimum(np.searchsorted(environments, atoms), len(environments) - 1)
        return colours_of(colouring, np.where(environments[at] == atoms, at, -1), self._dark)

    def _brushed_atoms(self, sources: list[int]) -> list[int]:
        """Return which of the atoms drawn are brushed; all drawn alike where none or all are."""
        session = self._session
        if session.analysis is None or session.dataset is None or self.environment.value:
            return []
        start = session.dataset.rows(session.active).start
        rows = session.analysis.descriptors.environments[session.brush] - start
        inside = np.isin(sources, rows)
        return [] if inside.all() else np.flatnonzero(inside).tolist()

    def _recolour(self, *_: Any) -> None:
        session = self._session
        self.scale.show(session.atoms_colouring, self._dark)
        if session.dataset is not None and session.active >= 0:
            rows = session.dataset.rows(session.active)
            self.atoms.colors = self._colours(rows, self._sources)
            self._facts()

    def show_brush(self, *_: Any) -> None:
        """Light up the brushed atoms of the active structure."""
        self.atoms.highlight = self._brushed_atoms(self._sources)

    def _facts(self, *_: Any) -> None:
        session, data, analysis = self._session, self._session.dataset, self._session.analysis
        if data is None or analysis is None or not 0 <= session.active < data.n_structures:
            return
        s, rows = session.active, data.rows(session.active)
        kept = [bool(np.isin(s, session.kept(slot))) for slot in session.slots]
        always = bool(data.isolated[s])
        by = "always kept" if always else f"kept by {sum(kept)} of {len(kept)}"
        formula, kind = formula_of(data.numbers[rows]), str(data.config_type[s])
        self.title.object = heading(
            f"Structure {data.frame_indices[s]}",
            f"{by} · {formula}",
            class_="active",
            title=formula,
        )
        said = [("class", kind)] if kind else []
        self.facts.object = facts([*said, *self._atom_facts(), *self._structure_facts()])
        self.pin.variant = "contained" if s in session.pinned else "outlined"
        self.reject.variant = "contained" if s in session.rejected else "outlined"
        self.pin.disabled = self.reject.disabled = always

    def _structure_facts(self) -> list[tuple[str, str]]:
        session, data, analysis = self._session, self._session.dataset, self._session.analysis
        assert data is not None
        assert analysis is not None
        s, found = session.active, []
        size = int(data.sizes[s])
        if data.energies is not None and np.isfinite(data.energies[s]):
            found.append(("energy", f"{number(data.energies[s] / size)} eV/atom"))
        norms = data.force_norms[data.rows(s)]
        if np.isfinite(norms).any():
            found.append(("max |F|", f"{number(np.nanmax(norms), 2)} eV/Å"))
        at = np.flatnonzero(analysis.descriptors.structures == s)
        if len(at):
            scores = analysis.outliers
            top = _score(scores.structure_max, scores.structure_error, int(at[0]))
            found.append(("outlier", f"highest score {top}"))
        if s in session.rejected:
            found.append(("rejected", session.reasons.get(s, "by hand")))
        return found

    def _atom_facts(self) -> list[tuple[str, str]]:
        session, data, analysis = self._session, self._session.dataset, self._session.analysis
        assert data is not None
        assert analysis is not None
        atom = session.active_atom
        if not 0 <= atom < data.sizes[session.active]:
            return [("atom", "click one for its numbers")]
        row = data.rows(session.active).start + atom
        norm = data.force_norms[row]
        force = f"|F| {number(norm, 2)} eV/Å" if np.isfinite(norm) else "no force"
        own = session.active_row
        if own < 0:
            return [(f"atom {atom}", force)]
        score = _score(analysis.outliers.environment, analysis.outliers.standard_error, own)
        return [(f"atom {atom}", f"score {score} · {force}"), ("nearest", self._nearest_words())]

    def _nearest_words(self) -> str:
        """Say which environment is most like the one that is looked at."""
        data, analysis, near = self._session.dataset, self._session.analysis, self.nearest.found
        assert data is not None
        assert analysis is not None
        if near is None or near.of != self._session.active_row:
            return "…"
        if near.row < 0:
            return "there is no other"
        own = analysis.descriptors
        structure = int(own.structures[own.owners[near.row]])
        atom = own.environments[near.row] - data.structure_offsets[structure]
        away = near.distance / analysis.spec.bandwidth
        return f"structure {data.frame_indices[structure]}, atom {atom}, {away:.1f} h away"

    # ---- gestures ---------------------------------------------------------------------------

    def _on_pick(self, event: Any) -> None:
        picked = (event.new or {}).get("atom", -1)
        if 0 <= picked < len(self._sources):
            self._session.inspect(self._session.active, self._sources[picked])

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        self._dark = dark
        self.atoms.restyle(dark)
        self._recolour()

    def __panel__(self) -> Any:
        return self._card
