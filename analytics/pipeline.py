"""The stage graph: file -> data set -> descriptors -> analysis -> selections and maps.

The only place that caches. Stages are kept under the fingerprint of their input and spec: in
memory, shared by all sessions of a process, and on disk, where the code that made them is part of
the key, so that a file opened again is there at once.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from typing import Any, TypeVar

import numpy as np

from analytics.cluster.connection import connect
from analytics.data.checks.registry import CHECKS, check
from analytics.data.checks.report import CheckReport
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors, descriptor_fingerprint
from analytics.descriptors.distances import DistanceSpec, describe
from analytics.evaluation.embedding import Embedding, display_sample, embed_pca, embed_umap
from analytics.evaluation.prefixes import PrefixMetrics, budget_grid, prefix_metrics
from analytics.evaluation.redundancy import Redundancy, redundancy
from analytics.information.analysis import Analysis, analyse, kernel_memory, refine
from analytics.information.kernel import KernelSpec
from analytics.runtime.arrays import fingerprint
from analytics.runtime.packing import pack, unpack
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.provenance import code_version
from analytics.runtime.store import Store
from analytics.selection.base import METHODS, Budget, Selection, at_size, is_nested, select

__all__ = ["Pipeline"]

T = TypeVar("T")

#: Budgets on the curve of a method that has to be run for each of them.
UNNESTED_POINTS = 10

#: Rooms whose code a stage is made by, itself and those below.
_DATA = ("runtime", "geometry", "linalg", "data")
_DESCRIPTORS = (*_DATA, "descriptors")
_INFORMATION = (*_DESCRIPTORS, "information")
_SELECTION = (*_INFORMATION, "selection")
_EVALUATION = (*_SELECTION, "evaluation")
_CURATION = (*_EVALUATION, "curation")


class Pipeline:
    """Runs stages and remembers their results.

    Parameters
    ----------
    capacity : int
        How many results are kept in memory; the least recently used goes first.
    store : Store, optional
        Where results are kept between runs; one with ``limit=0`` keeps none.
    scheduler : str, optional
        Address of a Dask scheduler on whose workers descriptors and kernels are computed; default
        DASK_SCHEDULER_ADDRESS, without that this machine.
    """

    def __init__(
        self, capacity: int = 64, store: Store | None = None, scheduler: str | None = None
    ) -> None:
        self._results: OrderedDict[str, Any] = OrderedDict()
        self._lock = threading.Lock()
        self._capacity, self._store = capacity, store or Store()
        self._scheduler = scheduler

    def _cached(
        self,
        key: str,
        make: Callable[[], T],
        rooms: tuple[str, ...],
        *,
        makers: tuple[Any, ...] = (),
        known: Callable[[], Mapping[str, Any]] = dict,
    ) -> T:
        """Return a result from memory, from disk, or made now.

        `rooms` and `makers` are as for `code_version`; `known` returns what `pack` knows.
        """
        with self._lock:
            if key in self._results:
                self._results.move_to_end(key)
                return self._results[key]  # type: ignore[no-any-return]
        place, given = fingerprint(key, code_version(rooms, makers)), known()
        value = self._from_disk(place, given)
        if value is None:
            value = self._made(make, rooms)
            self._to_disk(place, value, given)
        with self._lock:
            self._results[key] = value
            while len(self._results) > self._capacity:
                self._results.popitem(last=False)
        return value  # type: ignore[no-any-return]

    def _made(self, make: Callable[[], T], rooms: tuple[str, ...]) -> T:
        if rooms not in (_DESCRIPTORS, _INFORMATION):
            return make()
        with connect(self._scheduler):
            return make()

    def _from_disk(self, place: str, given: Mapping[str, Any]) -> Any:
        entry = self._store.load(place)
        if entry is None:
            return None
        try:
            return unpack(entry.tree, entry.arrays, given)
        except Exception:  # a plug-in that is no longer there, for one: it is made again
            return None

    def _to_disk(self, place: str, value: Any, given: Mapping[str, Any]) -> None:
        try:
            tree, arrays = pack(value, given)
        except TypeError:  # of a plug-in; in memory it can stay
            return
        self._store.save(place, tree, **arrays)

    def knows(self, key: str) -> bool:
        """Whether a result is in memory."""
        with self._lock:
            return key in self._results

    def check(self, dataset: Dataset) -> CheckReport:
        """Return the findings of the basic checks."""
        # the findings name frames of the file, and the file
        key = fingerprint("checks", dataset.fingerprint, dataset.name, dataset.frame_indices)
        checks = tuple(CHECKS[name] for name in CHECKS)
        return self._cached(key, lambda: check(dataset), _DATA, makers=checks)

    def describe(
        self, dataset: Dataset, spec: Any = None, *, monitor: Monitor = SILENT
    ) -> Descriptors:
        """Return the descriptors of a data set."""
        spec = DistanceSpec() if spec is None else spec
        key = fingerprint("descriptors", descriptor_fingerprint(dataset, spec))
        return self._cached(
            key,
            lambda: describe(dataset, spec, monitor=monitor),
            _DESCRIPTORS,
            makers=(type(spec),),
        )

    def analyse(
        self,
        dataset: Dataset,
        descriptor: Any = None,
        kernel: KernelSpec | None = None,
        *,
        monitor: Monitor = SILENT,
    ) -> Analysis:
        """Return the analysis of a data set, descriptors included."""
        descriptor = DistanceSpec() if descriptor is None else descriptor
        # what fits decides between all environments and a sample
        given = (descriptor_fingerprint(dataset, descriptor), repr(kernel), kernel_memory())
        key = fingerprint("analysis", *given)

        def describe_first() -> Descriptors:
            part = Part(monitor, 0.0, 0.4, "describing environments")
            return self.describe(dataset, descriptor, monitor=part)

        def make() -> Analysis:
            x = describe_first()
            return analyse(dataset, x, kernel, monitor=Part(monitor, 0.4, 1.0))

        found = self._cached(
            key,
            make,
            _INFORMATION,
            makers=(type(descriptor),),
            known=lambda: {"dataset": dataset, "descriptors": describe_first()},
        )
        # the same atoms under another file name, or with other columns to take along
        return found if found.dataset is dataset else replace(found, dataset=dataset)

    def refine(self, analysis: Analysis, *, monitor: Monitor = SILENT) -> Analysis:
        """Return a sampled analysis with exact entropy, diversity and outlier scores."""
        if analysis.exact:
            return analysis
        key = fingerprint("exact scores", analysis.descriptors.fingerprint, repr(analysis.spec))
        scores = self._cached(
            key,
            lambda: refine(analysis, monitor=monitor).outliers,
            _INFORMATION,
            makers=(type(analysis.descriptors.spec),),
        )
        return replace(analysis, outliers=scores)

    def select(
        self,
        analysis: Analysis,
        method: str,
        *,
        spec: Any = None,
        size: float | None = None,
        seed: int = 0,
        keep: Iterable[int] = (),
        drop: Iterable[int] = (),
        monitor: Monitor = SILENT,
    ) -> Selection:
        """Return the full order of a method, the answer for every budget.

        Methods that are not nested answer for `size` (a count or a share, see `Budget`). After
        `refine` an order is made again only by methods that use what became exact.
        """
        keep, drop = tuple(sorted(keep)), tuple(sorted(drop))
        scores = any(each.uses_scores for each in METHODS[method].family(spec))
        source = analysis.fingerprint if scores else analysis.kernel_fingerprint
        key = fingerprint("order", source, method, repr(spec), seed, keep, drop)
        if is_nested(method, spec):
            size = None
        elif size is not None:
            size = Budget(size).of(analysis.n_structures)
            key = fingerprint(key, size)
        found = self._cached(
            key,
            lambda: select(
                analysis,
                method,
                spec=spec,
                size=size,
                seed=seed,
                keep=keep,
                drop=drop,
                monitor=monitor,
            ),
            _SELECTION,
            makers=_makers(analysis, method),
        )
        same = found.source == analysis.fingerprint
        return found if same else replace(found, source=analysis.fingerprint)

    def retention(
        self, analysis: Analysis, selection: Selection, *, monitor: Monitor = SILENT
    ) -> PrefixMetrics:
        """Return the metrics of a method at the budgets of a curve.

        Fewer budgets for methods that are not nested: they are run for each.
        """
        available = analysis.n_structures - len(selection.drop)
        key = fingerprint("retention", selection.fingerprint)

        def make() -> PrefixMetrics:
            if selection.nested:
                sizes = budget_grid(len(selection))
                return prefix_metrics(analysis, selection.positions, sizes, monitor=monitor)
            return _separate_metrics(analysis, selection, available, monitor)

        if not selection.nested:  # the curve is the same whatever size the selection has
            none = selection.structures[:0]
            key = fingerprint("retention", replace(selection, structures=none).fingerprint)
        return self._cached(
            key,
            make,
            _EVALUATION,
            makers=_makers(analysis, selection.method),
        )

    def finding(self, what: str, analysis: Analysis, make: Callable[[], T], *details: Any) -> T:
        """Return what is to be known of an analysed data set and its labels; made only once.

        Parameters
        ----------
        what : str
            Names the finding.
        analysis : Analysis
        make : function
            Works it out, with nothing but the analysis, the details and what stands in its file.
        *details
            Settings, as numbers, text or arrays.
        """
        labelled = analysis.dataset
        key = fingerprint(
            what, analysis.fingerprint, labelled.fingerprint, labelled.frame_indices, *details
        )
        return self._cached(key, make, _CURATION, makers=(type(analysis.descriptors.spec), make))

    def redundancy(
        self, analysis: Analysis, *, monitor: Monitor = SILENT
    ) -> tuple[Redundancy, ...]:
        """Return the redundancy of a data set and of each config_type."""
        return self.finding("redundancy", analysis, lambda: redundancy(analysis, monitor=monitor))

    def embed(
        self,
        descriptors: Descriptors,
        method: str = "PCA",
        *,
        seed: int = 0,
        monitor: Monitor = SILENT,
    ) -> Embedding:
        """Return a map of a data set."""
        if method not in ("PCA", "UMAP"):
            raise ValueError(f"map is {method!r}, not PCA or UMAP")
        rows = display_sample(descriptors)
        key = fingerprint("map", method, descriptors.fingerprint, len(rows), seed)

        def make() -> Embedding:
            if method == "PCA":
                return embed_pca(descriptors, rows, seed=seed)
            return embed_umap(descriptors, rows, seed=seed, monitor=monitor)

        return self._cached(key, make, _EVALUATION, makers=(type(descriptors.spec),))


def _separate_metrics(
    analysis: Analysis, selection: Selection, available: int, monitor: Monitor
) -> PrefixMetrics:
    """Measure a method that is asked again for each size."""
    sizes = budget_grid(available, UNNESTED_POINTS)
    found = []
    for at, size in enumerate(sizes.tolist()):
        part = Part(monitor, at / len(sizes), (at + 1) / len(sizes), selection.method)
        size = max(size, len(selection.keep))
        answer = at_size(analysis, selection, size, monitor=part)
        found.append(prefix_metrics(analysis, answer.positions, np.array([len(answer)])))
    if not found:
        return prefix_metrics(analysis, selection.positions[:0], sizes)
    joined: dict[str, Any] = {
        field.name: np.concatenate([getattr(one, field.name) for one in found])
        for field in fields(PrefixMetrics)
        if isinstance(getattr(found[0], field.name), np.ndarray)
    }
    return replace(found[0], **joined)


def _makers(analysis: Analysis, method: str) -> tuple[Any, ...]:
    """Return what a plug-in may have brought to a selection."""
    chosen = (METHODS[method].spec, METHODS[method].run) if method in METHODS else ()
    return (type(analysis.descriptors.spec), *chosen)
