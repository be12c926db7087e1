"""The stage graph: file -> data set -> descriptors -> analysis -> selections and maps.

The only place that caches. Stages are kept in memory under the fingerprint of their input and
spec, shared by all sessions of a process; maps that take long (UMAP) also on disk.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any, TypeVar

from analytics.data.checks import CheckReport, check
from analytics.data.dataset import Dataset
from analytics.descriptors import describe
from analytics.descriptors.base import Descriptors
from analytics.evaluation.embedding import Embedding, display_sample, embed_pca, embed_umap
from analytics.evaluation.prefixes import PrefixMetrics, budget_grid, prefix_metrics
from analytics.information.analysis import Analysis, analyse
from analytics.information.kernel import KernelSpec
from analytics.runtime.arrays import fingerprint
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.store import Store
from analytics.selection.base import Selection, select

__all__ = ["Pipeline"]

T = TypeVar("T")


class Pipeline:
    """Runs stages and remembers their results.

    Parameters
    ----------
    capacity : int
        How many results are kept in memory; the least recently used goes first.
    store : Store, optional
        Where results that take long are kept between runs.
    """

    def __init__(self, capacity: int = 64, store: Store | None = None) -> None:
        self._results: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()
        self._capacity, self._store = capacity, store or Store()

    def _cached(self, key: str, make: Callable[[], T]) -> T:
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return self._results[key]  # type: ignore[no-any-return]
        value = make()
        with self._lock:
            self._results[key] = value
            while len(self._results) > self._capacity:
                self._results.popitem(last=False)
        return value

    def knows(self, key: str) -> bool:
        """Whether a result is in memory."""
        with self._lock:
            return key in self._results

    def check(self, dataset: Dataset) -> CheckReport:
        """Return the findings of the basic checks."""
        key = fingerprint("checks", dataset.fingerprint, dataset.name)
        return self._cached(key, lambda: check(dataset))

    def describe(
        self, dataset: Dataset, spec: Any = None, *, monitor: Monitor = SILENT
    ) -> Descriptors:
        """Return the descriptors of a data set."""
        key = fingerprint("descriptors", dataset.fingerprint, repr(spec))
        return self._cached(key, lambda: describe(dataset, spec, monitor=monitor))

    def analyse(
        self,
        dataset: Dataset,
        descriptor: Any = None,
        kernel: KernelSpec | None = None,
        *,
        monitor: Monitor = SILENT,
    ) -> Analysis:
        """Return the analysis of a data set, descriptors included."""
        key = fingerprint("analysis", dataset.fingerprint, repr(descriptor), repr(kernel))

        def make() -> Analysis:
            x = self.describe(
                dataset, descriptor, monitor=Part(monitor, 0.0, 0.4, "describing environments")
            )
            return analyse(dataset, x, kernel, monitor=Part(monitor, 0.4, 1.0))

        found = self._cached(key, make)
        # the same atoms under another file name, or with other columns to take along
        return found if found.dataset is dataset else replace(found, dataset=dataset)

    def select(
        self,
        analysis: Analysis,
        method: str,
        *,
        spec: Any = None,
        seed: int = 0,
        keep: Iterable[int] = (),
        drop: Iterable[int] = (),
        monitor: Monitor = SILENT,
    ) -> Selection:
        """Return the full order of a method: the answer for every budget."""
        keep, drop = tuple(sorted(keep)), tuple(sorted(drop))
        key = fingerprint("order", analysis.fingerprint, method, repr(spec), seed, keep, drop)
        return self._cached(
            key,
            lambda: select(
                analysis, method, spec=spec, seed=seed, keep=keep, drop=drop, monitor=monitor
            ),
        )

    def retention(
        self, analysis: Analysis, selection: Selection, *, monitor: Monitor = SILENT
    ) -> PrefixMetrics:
        """Return the metrics of an order at the budgets of a curve."""
        key = fingerprint("retention", selection.fingerprint)
        sizes = budget_grid(len(selection))
        return self._cached(
            key, lambda: prefix_metrics(analysis, selection.positions, sizes, monitor=monitor)
        )

    def embed(
        self,
        descriptors: Descriptors,
        method: str = "PCA",
        *,
        seed: int = 0,
        monitor: Monitor = SILENT,
    ) -> Embedding:
        """Return a map of a data set; UMAP coordinates are kept on disk."""
        if method not in ("PCA", "UMAP"):
            raise ValueError(f"map is {method!r}, not PCA or UMAP")
        rows = display_sample(descriptors)
        key = fingerprint("map", method, descriptors.fingerprint, len(rows), seed)

        def make() -> Embedding:
            if method == "PCA":
                return embed_pca(descriptors, rows, seed=seed)
            kept = self._store.load(key)
            if kept is not None:
                return Embedding(
                    kept["xy"], rows, "UMAP", float(kept["trustworthiness"]), seed=seed
                )
            made = embed_umap(descriptors, rows, seed=seed, monitor=monitor)
            self._store.save(key, xy=made.xy, trustworthiness=made.trustworthiness)
            return made

        return self._cached(key, make)
