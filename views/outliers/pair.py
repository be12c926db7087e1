"""Two structures side by side in 3D (an outlier and its nearest neighbour), and what differs."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
from ase.data import chemical_symbols

from analytics.curation.outlier_list import OutlierList
from analytics.runtime import html
from views.inspector.atoms_view import AtomsView
from views.inspector.frames import environment_frame, structure_frame
from views.kit import layout
from views.kit.tables import cells, read_table
from views.kit.text import Html, formula_of, heading, number
from views.kit.widgets import SMALL, Toggle
from views.state.session import Session

__all__ = ["Pair"]


class Pair(pn.viewable.Viewer):
    """What is looked at on the left, the environment most like it on the right."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self._shown: tuple[OutlierList, int] | None = None
        self.titles = Html(), Html()
        self.atoms = AtomsView(height=250, margin=(4, 0)), AtomsView(height=250, margin=(4, 0))
        self.environment = Toggle(
            label="Environments alone", hint="Show both atoms with their neighbours alone", **SMALL
        )
        self.facts = Html()
        self.environment.param.watch(self._draw, "value")
        columns = [
            layout.column(title, atoms, gives="shrinks")
            for title, atoms in zip(self.titles, self.atoms, strict=True)
        ]
        beside = layout.column(self.facts, width=310, margin=(0, 0, 0, 14))
        self._body = layout.row(
            layout.column(*columns, gives="pair"), beside, gives="stacks", margin=(6, 0, 0, 0)
        )

    def show(self, found: OutlierList, at: int) -> None:
        """Show a row of a list."""
        self._shown = found, at
        self._draw()
        self.facts.object = self._differences(found, at)

    def _draw(self, *_: Any) -> None:
        data, analysis = self._session.dataset, self._session.analysis
        if self._shown is None or data is None or analysis is None:
            return
        found, at = self._shown
        own = analysis.descriptors
        for side, row in enumerate((int(found.rows[at]), int(found.neighbours[at]))):
            name, short = "Nearest in another structure", ""
            if row < 0:
                self.titles[side].object = heading(name, "there is no other structure")
                self.atoms[side].param.update(frame={}, label="no other structure")
                continue
            structure = int(own.structures[own.owners[row]])
            atom = int(own.environments[row] - data.structure_offsets[structure])
            symbol = chemical_symbols[data.numbers[own.environments[row]]]
            of = f"structure {data.frame_indices[structure]}, {symbol} {atom}"
            if side == 0:
                name, short = f"S{of[1:]}", f"score {number(found.scores[at], 2)} nats"
            else:
                name = f"Nearest: {of}"
                away = float(found.distances[at])
                short = f"{away / analysis.spec.bandwidth:.2f} h ({away:.4f} 1/Å) away"
            self.titles[side].object = heading(name, short)
            self._picture(self.atoms[side], structure, atom, of)

    def _picture(self, view: AtomsView, structure: int, atom: int, label: str) -> None:
        data = self._session.dataset
        assert data is not None
        fragment, sources = environment_frame(data, structure, atom, self._session.descriptor)
        if self.environment.value:
            view.param.update(
                frame=dict(fragment), highlight=[], selected=0, label=f"environment of {label}"
            )
        else:
            near = sorted(set(sources))
            lit = near if len(near) < data.sizes[structure] else []
            view.param.update(
                frame=dict(structure_frame(data, structure)), highlight=lit, selected=atom,
                label=f"{label} and its environment, lit",
            )  # fmt: skip

    def _differences(self, found: OutlierList, at: int) -> html.Markup:
        """Write the facts of both in two columns; those that differ are bold."""
        rows = [
            cells(
                html.th(name, scope="row"),
                *(self._cell(text, one != other) for text in (one, other)),
            )
            for name, one, other in self._facts(found, at)
        ]
        head = html.tr(html.td(), html.th("this"), html.th("nearest"))
        return read_table(head, rows, label="The two compared", height=None)

    @staticmethod
    def _cell(text: str, differs: bool) -> html.Markup:
        return html.td(html.b(text) if differs else text)

    def _facts(self, found: OutlierList, at: int) -> list[tuple[str, str, str]]:
        data, analysis = self._session.dataset, self._session.analysis
        assert data is not None
        assert analysis is not None
        own, second = analysis.descriptors, int(found.neighbours[at])
        pair = [int(found.rows[at]), second]
        told: dict[str, list[str]] = {}
        for side, row in enumerate(pair):
            if row < 0:
                for texts in told.values():
                    texts.append("–")
                continue
            structure = int(own.structures[own.owners[row]])
            atom, size = int(own.environments[row]), int(data.sizes[structure])
            norms = data.force_norms[data.rows(structure)]
            energy = None if data.energies is None else float(data.energies[structure]) / size
            force = np.nanmax(norms) if np.isfinite(norms).any() else None
            near = float(found.nearest[at, side])
            for name, text in (
                ("Class", str(data.config_type[structure]) or "–"),
                ("Formula", formula_of(data.numbers[data.rows(structure)])),
                ("Atom", chemical_symbols[data.numbers[atom]]),
                ("Nearest atom", f"{near:.2f} Å" if np.isfinite(near) else "none within 5 Å"),
                ("Bonded atoms", str(int(found.coordination[at, side]))),
                ("|F| of the atom", _number(data.force_norms[atom], 2, "eV/Å")),
                ("Highest |F|", _number(force, 2, "eV/Å")),
                ("Energy", _number(energy, 3, "eV/atom")),
                ("Volume", _number(found.volumes[at, side], 1, "Å³/atom")),
            ):
                told.setdefault(name, []).append(text)
        return [(name, one, other) for name, (one, other) in told.items()]

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        for view in self.atoms:
            view.restyle(dark)

    def __panel__(self) -> Any:
        return self._body


def _number(value: float | None, digits: int, unit: str) -> str:
    if value is None or not np.isfinite(value):
        return "–"
    return f"{number(value, digits)} {unit}"
