"""Showing maps: PCA, UMAP, or a plane of two properties; which is shown and laid out. No Panel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param

from analytics.evaluation.embedding import Embedding
from analytics.evaluation.score_plane import score_plane
from analytics.information.analysis import Analysis
from analytics.runtime.progress import Monitor
from views.state.jobs import Job, Runner, unheard
from views.state.ordering import Ordering

__all__ = ["ShowingMaps"]

#: Kind of the map whose axes are two properties.
PLANE = "plane"


class ShowingMaps(Ordering):
    """Shows one map at a time; what takes longer is laid out in the background."""

    embedding = param.ClassSelector(class_=Embedding, doc="The map that is shown.")
    umap = param.ClassSelector(class_=Embedding, doc="The UMAP, once it has been laid out.")

    def __init__(self, runner: Runner, **params: Any) -> None:
        super().__init__(runner, **params)
        self.param.watch(self._on_plane, ["plane_x", "plane_y"])

    def show_map(self, kind: str) -> None:
        """Show the PCA or the UMAP of the environments; UMAP is laid out in the background."""
        analysis = self.analysis
        if analysis is None:
            return
        if kind == PLANE:
            self._show_plane(analysis)
            return
        self.map_kind = kind
        if self.embedding is not None and self.embedding.method == kind:
            self._runner.cancel("map")
            self._over("map")
            return

        def done(embedding: Embedding) -> None:
            if self.analysis is analysis and self.map_kind == kind:
                self.param.update(embedding=embedding)
            if self.analysis is analysis and kind == "UMAP":
                self.umap = embedding

        def failed(error: Exception) -> None:
            if self.analysis is analysis:
                self.map_kind = self.embedding.method if self.embedding else "PCA"
                self._fail(error, lambda: self.show_map(kind))

        if kind == "UMAP":  # it may be on its way: whoever asks waits for that one
            self._runner.hurry("map ahead")
        self._submit("map", self._lay_out(analysis, kind), done, failed)

    def show_plane(self, x: str, y: str) -> None:
        """Show a map whose axes are two properties."""
        self.param.update(plane_x=x, plane_y=y)
        self.show_map(PLANE)

    def _on_plane(self, *_: Any) -> None:
        if self.map_kind == PLANE and self.analysis is not None:
            self._show_plane(self.analysis)

    def _show_plane(self, analysis: Analysis) -> None:
        axes, properties = self.plane(), self.properties
        if axes is None:
            return
        self.map_kind = PLANE
        self._runner.cancel("map")
        self._over("map")

        def work(monitor: Monitor) -> Embedding:
            x, y = (properties.of_environments(axis.name) for axis in axes)
            return score_plane(x, y, (axes[0].label, axes[1].label))

        def done(embedding: Embedding) -> None:
            if self.analysis is analysis and self.map_kind == PLANE and self.plane() == axes:
                self.embedding = embedding

        def failed(error: Exception) -> None:
            if self.analysis is analysis and self.embedding is not None:
                self.map_kind = self.embedding.method

        self.run("plane", work, done, failed=failed, place="here", quiet=True)

    def _lay_out(self, analysis: Analysis, kind: str) -> Callable[[Monitor], Embedding]:
        def work(monitor: Monitor) -> Embedding:
            monitor.report(0.0, f"{kind} map")
            return self.pipeline.embed(analysis.descriptors, kind, monitor=monitor)

        return work

    def lay_out_ahead(self) -> None:
        """Lay out the UMAP before anybody asks for it: behind everything else, and silently."""
        analysis = self.analysis
        if analysis is None or self.umap is not None:
            return

        def done(embedding: Embedding) -> None:
            if self.analysis is analysis:
                self.umap = embedding

        work = self._lay_out(analysis, "UMAP")
        self._runner.submit(Job("map ahead", work, done, unheard, place="ahead"))
