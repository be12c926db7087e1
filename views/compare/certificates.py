"""Certificates of the columns along all budgets (state), and tightening them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import param

from analytics.information.analysis import Analysis
from analytics.runtime.progress import Monitor, Part
from analytics.selection.base import METHODS, Selection
from analytics.selection.certificates.curve import (
    CertificateCurve,
    Fewest,
    certificate_curve,
    fewest_of,
)
from analytics.selection.certificates.dual_bound import TightBound, tighten
from views.state.session import Session

__all__ = ["Certificate", "Certificates"]


@dataclass(frozen=True, slots=True)
class Certificate:
    """The certificate of one column.

    Attributes
    ----------
    title : str
        Of the method, whose own objective all of this is about.
    selection : Selection
    curve : CertificateCurve
    fewest : tuple of Fewest
        Empty where the method counts environments.
    tight : tuple of TightBound
        Those that went into the curve.
    """

    title: str
    selection: Selection
    curve: CertificateCurve
    fewest: tuple[Fewest, ...]
    tight: tuple[TightBound, ...]


def certify(
    analysis: Analysis, selection: Selection, tight: tuple[TightBound, ...], monitor: Monitor
) -> tuple[CertificateCurve, tuple[Fewest, ...]]:
    """Return the certificate of a selection along all budgets; runs in a worker process."""
    monitor.checkpoint()
    curve = certificate_curve(analysis, selection, tight=tight)
    return curve, fewest_of(curve) if curve.unit == "structures" else ()


def tightened(analysis: Analysis, selection: Selection, size: int, monitor: Monitor) -> TightBound:
    """Return a closer bound at a budget; runs in a worker process."""
    return tighten(analysis, selection, size, monitor=monitor)


class Certificates(param.Parameterized):
    """Keeps the certificates in step with what the columns show; no Panel here."""

    columns = param.Dict(default={}, doc="Column -> `Certificate`, where its method has one.")
    expected = param.Dict(default={}, doc="Column -> title of the method, of all there will be.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        for slot in session.every_slot:
            slot.param.watch(self.refresh, ["selection", "tight"])
        session.param.watch(self.refresh, ["opened", "n_columns"])

    def refresh(self, *_: Any) -> None:
        """Work out the certificates of what the columns show, in the background."""
        analysis = self._session.analysis
        wanted = {
            column: (slot.selection, tuple(slot.tight))
            for column, slot in enumerate(self._session.slots)
            if slot.selection is not None
            and slot.selection.bound is not None
            and len(slot.selection)
            and METHODS[slot.selection.method].objective is not None
        }
        if analysis is None or not wanted:
            self.param.update(columns={}, expected={})
            return
        titles = {column: METHODS[each.method].title for column, (each, _) in wanted.items()}
        # what belongs to another selection than the one shown goes at once
        current = {
            column: made
            for column, made in self.columns.items()
            if column in wanted and made.selection is wanted[column][0]
        }
        self.param.update(columns=current, expected=titles)

        session = self._session

        def work(monitor: Monitor) -> dict[int, Certificate]:
            made = {}
            for column, (selection, tight) in wanted.items():
                curve, fewest = session.compute(
                    certify, analysis, selection, tight, name="certificates", monitor=monitor
                )
                made[column] = Certificate(titles[column], selection, curve, fewest, tight)
            return made

        def done(made: dict[int, Certificate]) -> None:
            if self._session.analysis is analysis:
                self.columns = made

        self._session.run("certificates", work, done, quiet=True)

    def tighten(self) -> None:
        """Look for closer bounds at the budget, for every column that has one."""
        session, analysis = self._session, self._session.analysis
        asked = {
            column: (slot.selection, min(session.budget, len(slot.selection)))
            for column, slot in enumerate(session.slots)
            if column in self.columns and slot.selection is not None and len(slot.selection)
        }
        if analysis is None or not asked:
            return

        def work(monitor: Monitor) -> dict[int, TightBound]:
            found = {}
            for at, (column, (selection, size)) in enumerate(asked.items()):
                part = Part(monitor, at / len(asked), (at + 1) / len(asked))
                part.report(0.0, "tightening the certificate")
                found[column] = session.compute(
                    tightened, analysis, selection, size, name="tightening", monitor=part
                )
            return found

        def done(found: dict[int, TightBound]) -> None:
            for column, bound in found.items():
                slot = session.slots[column]
                if slot.selection is asked[column][0]:
                    others = [b for b in slot.tight if b.size != bound.size]
                    slot.tight = [*others, bound]

        session.run("tighten", work, done)
