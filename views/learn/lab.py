"""Lab of a lesson: the carbon set, selections and findings of it, made by the core. No Panel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar
from weakref import WeakKeyDictionary

from analytics.information.analysis import Analysis
from analytics.pipeline import Pipeline
from analytics.runtime.progress import SILENT, Monitor
from analytics.selection.base import Selection
from views.state.session import DEMO

__all__ = ["Lab"]

T = TypeVar("T")

#: The carbon set by pipeline: thirty who take a lesson read it once.
_CARBON: WeakKeyDictionary[Pipeline, Analysis] = WeakKeyDictionary()


class Lab:
    """Where the live figures of a lesson come from; what was made once is remembered.

    Parameters
    ----------
    pipeline : Pipeline, optional
        Of the server: its worker processes do what takes long, for everybody once.
    monitor : Monitor
        Of whoever waits.
    carbon : Analysis, optional
        The carbon set, if it is open anyway.
    """

    def __init__(
        self,
        pipeline: Pipeline | None = None,
        monitor: Monitor = SILENT,
        carbon: Analysis | None = None,
    ) -> None:
        self.pipeline, self.monitor = pipeline or Pipeline(), monitor
        if carbon is not None:
            _CARBON.setdefault(self.pipeline, carbon)

    def carbon(self) -> Analysis:
        """Return the carbon set that comes with Winnow, analysed as the page does by default."""
        found = _CARBON.get(self.pipeline)
        if found is None:
            dataset = self.pipeline.read(DEMO, {}, monitor=self.monitor)
            found = _CARBON[self.pipeline] = self.pipeline.analyse(dataset, monitor=self.monitor)
        return found

    def select(self, method: str, *, seed: int = 0, spec: Any = None) -> Selection:
        """Return the order in which a method picks the structures of the carbon set."""
        return self.pipeline.select(
            self.carbon(), method, spec=spec, seed=seed, monitor=self.monitor
        )

    def find(self, name: str, work: Callable[..., T], *details: Any) -> T:
        """Return what a function of a module finds in the carbon set, see `Pipeline.finding`.

        Parameters
        ----------
        name : str
            Of the finding; no other may have it.
        work : callable
            (analysis, *details, monitor) -> anything; runs in a worker process.
        *details
            Settings, as numbers, text or arrays.
        """
        return self.pipeline.finding(name, self.carbon(), work, *details, monitor=self.monitor)
