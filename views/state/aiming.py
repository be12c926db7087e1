"""Aim: a declared target (a class, any range of a column, a file) that coverage is of. No Panel."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import param

from analytics.curation.expression import matching
from analytics.evaluation.target_metrics import TargetMetrics, target_metrics
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import Monitor, Part
from views.state.jobs import Runner
from views.state.painting import Painting

__all__ = ["FILE", "Aiming", "Target"]

#: Begins an aim that is a path.
FILE = "file:"


@dataclass(frozen=True)
class Target:
    """What is to be covered.

    Attributes
    ----------
    name : str
        As it was declared: an expression, or the name of a file.
    values : float array (m, d)
        Its environments, described as those of the open data set.
    """

    name: str
    values: FloatArray


def targets_metrics(
    analysis: Analysis, values: FloatArray, kept: list[IntArray], monitor: Monitor
) -> list[TargetMetrics]:
    """Return the metrics of a target given what each column keeps; in a worker process."""
    return [
        target_metrics(analysis, values, picks, Part(monitor, at / len(kept), (at + 1) / len(kept)))
        for at, picks in enumerate(kept)
    ]


class Aiming(Painting):
    """What coverage and gaps are of: the declared target, or the data where there is none."""

    target = param.ClassSelector(class_=Target, doc="The target declared; None for the data.")
    aimed = param.Parameter(
        (), doc="`TargetMetrics` of the first columns at the budget; empty until they are known."
    )

    def __init__(self, runner: Runner, **params: Any) -> None:
        super().__init__(runner, **params)
        self.param.watch(self._on_aim, ["aim"])
        self.param.watch(self._on_other_data, ["opened"])
        self.param.watch(self._aim_at, ["target", "measured"])

    def declare(self, aim: str) -> None:
        """Have coverage be of what an expression matches, or of file:PATH; empty: of the data."""
        aim = aim.strip()
        if aim != self.aim:
            self._remember(f"target {_called(aim)} declared" if aim else "target given up")
            self.aim = aim

    def _on_other_data(self, event: Any) -> None:
        """Keep the aim while the data are the same; descriptors may have changed."""
        before, now = event.old, event.new
        if before is not None and now is not None and before.dataset.name != now.dataset.name:
            self.param.update(aim="", target=None)
        elif self.aim:
            self._on_aim()

    def _on_aim(self, *_: Any) -> None:
        analysis, aim = self.analysis, self.aim.strip()
        if not aim or analysis is None:
            self.target = None
            return

        def work(monitor: Monitor) -> Target:
            return self._declared(aim, analysis, monitor)

        def done(target: Target) -> None:
            if self.analysis is analysis and self.aim.strip() == aim:
                self.target = target

        def failed(error: Exception) -> None:
            if self.aim.strip() == aim:
                self.param.update(aim="", target=None)
                self._drop_empty_step()

        self.run("target", work, done, failed=failed, place="here")

    def _declared(self, aim: str, analysis: Analysis, monitor: Monitor) -> Target:
        described = analysis.descriptors
        if aim.startswith(FILE):
            place = self.places.allowed(aim.removeprefix(FILE))
            other = self.pipeline.read(place, monitor=Part(monitor, 0.0, 0.3, "reading"))
            part = Part(monitor, 0.3, 1.0, "describing")
            values = self.pipeline.describe(other, described.spec, monitor=part).values
            return Target(other.name, values)
        found = matching(aim, self.properties)
        rows = np.flatnonzero(found.environments)
        if len(rows) == 0:
            raise WinnowError(f"the target {aim} matches nothing in this data set")
        return Target(aim, described.values[rows])

    def _aim_at(self, *_: Any) -> None:
        """Measure the target given what the columns keep at the budget."""
        analysis, target, budget = self.analysis, self.target, self.budget
        orders = [slot.selection for slot in self.slots[: len(self.measured)]]
        if analysis is None or target is None or not orders or None in orders:
            self.aimed = ()
            return
        kept = [np.asarray(order.positions[:budget]) for order in orders if order is not None]

        def work(monitor: Monitor) -> list[TargetMetrics]:
            return self.compute(
                targets_metrics, analysis, target.values, kept, name="target", monitor=monitor
            )

        def done(found: list[TargetMetrics]) -> None:
            if self.target is target and self.analysis is analysis:
                self.aimed = tuple(found)

        self.run("target metrics", work, done, quiet=True)


def _called(aim: str) -> str:
    return Path(aim.removeprefix(FILE)).name if aim.startswith(FILE) else aim
