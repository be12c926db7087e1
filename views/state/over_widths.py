"""Headline figures over widths of the kernel, and without elements, kept in step with the data.

No Panel here.
"""

from __future__ import annotations

import operator
from typing import Any

import param

from analytics.data.checks.report import Finding
from analytics.evaluation.element_contrast import ElementContrast, element_contrast
from analytics.evaluation.headline_findings import Headlines, headline_findings
from analytics.evaluation.width_range import WidthComparison, WidthRange, compare_widths
from analytics.information.analysis import Analysis
from analytics.runtime.progress import Monitor, Part
from analytics.selection.base import Selection
from views.state.session import Session

__all__ = ["ColumnsOverWidths", "HeadlinesOverWidths"]


class HeadlinesOverWidths(param.Parameterized):
    """The figures of the whole set from half to twice the width, and without elements."""

    over_widths = param.ClassSelector(class_=WidthRange, doc="None until it is known.")
    elements = param.ClassSelector(class_=ElementContrast, doc="None if elements are not told.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        session.param.watch(self.refresh, ["opened"])

    def refresh(self, *_: Any) -> None:
        """Work both out for the analysis that is open."""
        session, analysis = self._session, self._session.analysis
        self.param.update(over_widths=None, elements=None)
        if analysis is None:
            return

        def work(monitor: Monitor) -> tuple[WidthRange, ElementContrast | None]:
            found = session.pipeline.width_range(analysis, monitor=Part(monitor, 0.0, 0.5))
            part = Part(monitor, 0.5, 1.0)
            return found, session.pipeline.finding(
                "elements", analysis, element_contrast, monitor=part
            )

        def done(found: tuple[WidthRange, ElementContrast | None]) -> None:
            if session.analysis is analysis:
                self.param.update(over_widths=found[0], elements=found[1])

        # nobody asked for it: whoever opens another file meanwhile goes first
        session.run("headlines over widths", work, done, place="ahead", quiet=True)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What is to be known before the figures are believed; empty until that is known."""
        analysis = self._session.analysis
        if analysis is None or self.over_widths is None:
            return ()
        return headline_findings(Headlines(analysis, self.over_widths))


def columns_over_widths(
    analysis: Analysis, orders: tuple[Selection, ...], budget: int, monitor: Monitor
) -> WidthComparison:
    """Return the metrics of the columns over widths; runs in a worker process."""
    return compare_widths(analysis, orders, [budget], monitor=monitor)


class ColumnsOverWidths(param.Parameterized):
    """Metrics of the columns at half, once and twice the width, at the budget."""

    found = param.ClassSelector(class_=WidthComparison, doc="None until it is known.")
    whole = param.ClassSelector(class_=WidthRange, doc="Of the full set, known with `found`.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        session.param.watch(self.refresh, ["measured"])

    def refresh(self, *_: Any) -> None:
        """Work it out for what the columns show."""
        session, analysis, budget = self._session, self._session.analysis, self._session.budget
        shown = [slot.selection for slot in session.slots[: len(session.measured)]]
        orders = tuple(order for order in shown if order is not None)
        self.found = None
        if not orders or analysis is None or len(orders) < len(session.measured):
            return
        if not all(len(order) for order in orders):
            return

        def work(monitor: Monitor) -> tuple[WidthRange, WidthComparison]:
            whole = session.pipeline.width_range(analysis, monitor=monitor)
            return whole, session.compute(
                columns_over_widths, analysis, orders, budget, name="widths", monitor=monitor
            )

        def done(found: tuple[WidthRange, WidthComparison]) -> None:
            shown = [slot.selection for slot in session.slots[: len(session.measured)]]
            same = len(shown) == len(orders) and all(map(operator.is_, shown, orders))
            if session.budget == budget and same:
                self.param.update(whole=found[0], found=found[1])

        session.run("columns over widths", work, done, place="ahead", quiet=True)
