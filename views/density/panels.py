"""Density side panel: published claims held against the results, facts of the system."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import panel as pn

from analytics.claims.claim import Answer
from analytics.runtime import html
from views.density.state import DensityState
from views.kit import layout
from views.kit.text import Html, counted, facts, grouped, heading, significant, with_error
from views.kit.verdicts import mark

__all__ = ["Claims", "Facts"]

SOURCE = "Hossain et al., arXiv:2507.09001"


def _together(notes: Iterable[str]) -> list[str]:
    """Return notes on files with those that say the same of several files as one."""
    files: dict[str, list[str]] = {}
    for note in notes:
        name, colon, said = note.partition(": ")
        files.setdefault(colon + said, []).append(name)
    others = {1: "", 2: " and 1 other"}
    return [
        names[0] + others.get(len(names), f" and {grouped(len(names) - 1)} others") + said
        for said, names in files.items()
    ]


def claim_html(claim: Answer) -> html.Markup:
    """Write a claim: sign and verdict, statement, figures, criterion."""
    verdict = html.b(f"{claim.verdict.capitalize()}.")
    return html.div(
        mark(claim.verdict),
        html.p(claim.statement, " ", verdict),
        html.p(claim.measured, class_="quiet"),
        html.p("Counts if ", claim.criterion, class_="quiet"),
        class_="claim",
        role="listitem",
    )


class Claims(pn.viewable.Viewer):
    """What was published and whether it reproduces here; worked out, not written by hand."""

    def __init__(self, state: DensityState, **params: Any) -> None:
        super().__init__(**params)
        self._state = state
        of = state.param
        self.text = Html(pn.bind(self._said, of.results, of.title, of.arrived))

    def _said(self, *_: Any) -> html.Markup:
        return html.join(
            heading("Published claims", text=self._source()),
            html.div(map(claim_html, self._state.claims()), role="list"),
        )

    def _source(self) -> html.Markup:
        state = self._state
        where = f"{SOURCE}, held against "
        if state.results is None:
            return html.join(where, "the results, once something has been trained")
        what = "whole snapshots kept" if state.results.unit == "snapshots" else "points kept"
        which = "precomputed models"
        if state.results is state.trained:
            done, total = state.arrived
            which = f"models trained here ({done} of {total})"
        return html.join(where, html.b(state.title), f": {which}, {what}")

    def __panel__(self) -> Any:
        return layout.card(self.text, margin=0)


class Facts(pn.viewable.Viewer):
    """Snapshots, points, electrons, baseline, intrinsic dimension, notes of the reader."""

    def __init__(self, state: DensityState, **params: Any) -> None:
        super().__init__(**params)
        self._state = state
        of = state.param
        self.text = Html(pn.bind(self._said, of.prepared, of.results, of.title))

    def _said(self, *_: Any) -> html.Markup:
        return html.join(heading(self._state.title), facts(self._rows(), "long"))

    def _rows(self) -> list[tuple[str, str]]:
        state, known = self._state, self._state.facts
        if not known:
            return []
        rows = [(
            "snapshots",
            f"{known['n_train']} to learn from, {known['n_test']} to test on, "
            f"{known['n_unseen']} under unseen conditions",
        ), ("points", f"{grouped(int(known['n_points']))} to learn from")]  # fmt: skip
        seen = [c for c in known.get("conditions_seen", ()) if c]
        if seen:
            rows.append(("conditions", ", ".join(seen)))
        rows += self._checks()
        found = known.get("intrinsic_dimension")
        if found is not None and math.isfinite(found):
            error = known.get("intrinsic_dimension_error")
            said = with_error(found, math.nan if error is None else error)
            rows.append(("dimension", f"{said} (TwoNN) of {known['features']} features"))
        base = f"{significant(known['baseline_density_error_pct'])} % of the electrons"
        energy = known.get("baseline_energy_error_mev_atom")
        if energy is not None and math.isfinite(energy):
            base += f", {significant(energy)} meV/atom"
        rows.append(("spherical atoms", f"{base}: fitted, what any model should beat"))
        if state.prepared is not None and state.prepared.no_energies:
            rows.append(("energies", f"not computed here: {state.prepared.no_energies}"))
        if state.results is not None and state.results.settings.get("scaling") == "kept":
            rows.append(("scaling", "targets of these models were scaled by the kept points; those "
                         "trained here are scaled by all points"))  # fmt: skip
        return [*rows, *(("read", note) for note in _together(known.get("notes", ())))]

    def _checks(self) -> list[tuple[str, str]]:
        prepared = self._state.prepared
        if prepared is None:
            return []
        data = prepared.data
        off = 100 * float(abs(data.integrals / data.electrons - 1).max())
        said = f"{data.electrons[0]:g} per snapshot; integrals agree within {significant(off, 1)} %"
        shapes = sorted({" × ".join(map(str, s)) for s in data.shapes.tolist()})
        atoms = counted(len(data.atoms_of(0)[0]), "atom")
        doubts = [("doubtful", doubt) for doubt in data.doubts]
        return [*doubts, ("electrons", said), ("grid", f"{', '.join(shapes)} points, {atoms}")]

    def __panel__(self) -> Any:
        return layout.card(self.text, margin=(10, 0, 10, 0))
