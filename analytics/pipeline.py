"""Pipeline (stage graph): file -> data set -> descriptors -> analysis -> selections and maps.

Results are kept under the fingerprint of their input and spec, in the cache that all sessions of a
process share and on disk, so that a file opened again is there at once. What has to be worked out
is done by worker processes where there are some; the process that asks only waits for it.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from analytics.cluster.connection import connect
from analytics.data.checks.registry import CHECKS, check, marks
from analytics.data.checks.report import CheckReport
from analytics.data.dataset import Dataset
from analytics.data.readers import read
from analytics.descriptors.base import (
    Descriptors,
    default_spec,
    descriptor_fingerprint,
    resolved_spec,
)
from analytics.descriptors.distances import describe
from analytics.descriptors.in_blocks import is_large
from analytics.evaluation.embedding import Embedding, display_sample, embed_pca, embed_umap
from analytics.evaluation.prefixes import PrefixMetrics, budget_grid, prefix_metrics
from analytics.evaluation.redundancy import Redundancy, redundancy
from analytics.evaluation.width_range import WidthRange, width_range
from analytics.information.analysis import (
    Analysis,
    analyse,
    certify,
    dataset_width,
    kernel_memory,
    refine,
)
from analytics.information.bounded_sums import Certificate
from analytics.information.kernel import KernelSpec
from analytics.information.outliers import OutlierScores
from analytics.information.width import Width
from analytics.runtime.arrays import fingerprint
from analytics.runtime.cache import Cache, shared_cache
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.workers import HERE, Here, Workers
from analytics.selection.base import METHODS, Budget, Selection, at_size, is_nested, select

__all__ = ["Pipeline"]

T = TypeVar("T")

#: Budgets on the curve of a method that has to be run for each of them.
UNNESTED_POINTS = 10


class Pipeline:
    """Runs stages and remembers their results.

    Parameters
    ----------
    cache : Cache, optional
        Default: the one of the process.
    scheduler : str, optional
        Address of a Dask scheduler on whose workers descriptors, kernels and exact scores are
        computed; default DASK_SCHEDULER_ADDRESS, without that this machine. Checks, selections,
        curves and maps stay here: each is one piece of work on data that are here.
    workers : Workers, optional
        Processes that stages run in. Those that use a scheduler do as well: the process sends
        blocks there and adds up what comes back. Default: this process. The results are the same.
    """

    def __init__(
        self,
        cache: Cache | None = None,
        scheduler: str | None = None,
        workers: Workers | None = None,
    ) -> None:
        self.cache = cache or shared_cache()
        self.workers: Workers | Here = HERE if workers is None else workers
        self._scheduler = scheduler

    def _result(
        self,
        key: str,
        work: Callable[..., T],
        *arguments: Any,
        name: str,
        made_by: tuple[Any, ...],
        known: Mapping[str, Any] | None = None,
        monitor: Monitor,
    ) -> T:
        """Return a result that is known, or have it made; see `Cache.result`, `Workers.call`."""

        def make(monitor: Monitor) -> T:
            place = self.cache.place(key, made_by)
            return self.workers.call(
                work,
                *arguments,
                name=name,
                monitor=monitor,
                known=known,
                store=None if place is None else (self.cache.store, place),
                modules={str(maker.__module__) for maker in made_by},
            )

        return self.cache.result(key, make, made_by=made_by, known=known, monitor=monitor)

    def read(
        self,
        path: str | Path,
        options: Mapping[str, str | None] | None = None,
        *,
        monitor: Monitor = SILENT,
    ) -> Dataset:
        """Return the data set in a file.

        Parameters
        ----------
        path : str or Path
            As for `analytics.data.readers.read`.
        options : mapping, optional
            Further arguments of it: names of labels.
        monitor : Monitor
        """
        place = str(path) if self.workers is HERE else os.path.abspath(path)
        return self.workers.call(
            _read, place, dict(options or {}), name="reading a file", monitor=monitor
        )

    def check(self, dataset: Dataset, *, monitor: Monitor = SILENT) -> CheckReport:
        """Return the findings of the basic checks."""
        # the findings name frames of the file, and the file; some look at what else it says
        key = fingerprint(
            *("checks", dataset.fingerprint, dataset.name, dataset.frame_indices),
            *(dataset.understood, marks(dataset)),
        )
        made_by = (check, *(CHECKS[name] for name in CHECKS))
        return self._result(key, _check, dataset, name="checks", made_by=made_by, monitor=monitor)

    def describe(
        self, dataset: Dataset, spec: Any = None, *, monitor: Monitor = SILENT
    ) -> Descriptors:
        """Return the descriptors of a data set."""
        spec = resolved_spec(default_spec() if spec is None else spec, dataset)
        return self._result(
            fingerprint("descriptors", descriptor_fingerprint(dataset, spec)),
            _describe,
            dataset,
            spec,
            self._scheduler,
            name="descriptors",
            # in blocks they are on disk already
            made_by=() if is_large(dataset) else (describe, type(spec)),
            monitor=monitor,
        )

    def analyse(
        self,
        dataset: Dataset,
        descriptor: Any = None,
        kernel: KernelSpec | None = None,
        *,
        monitor: Monitor = SILENT,
    ) -> Analysis:
        """Return the analysis of a data set, descriptors included.

        Asked for by name or by number, one width of the kernel is one analysis.
        """
        descriptor = resolved_spec(default_spec() if descriptor is None else descriptor, dataset)
        part = Part(monitor, 0.0, 0.4, "describing environments")
        x = self.describe(dataset, descriptor, monitor=part)
        width = self.width(dataset, x, monitor=part).taken(kernel or KernelSpec())
        kernel = replace(kernel or KernelSpec(), bandwidth=width.value)
        # what fits decides between all environments and a sample
        given = (descriptor_fingerprint(dataset, descriptor), repr(kernel), kernel_memory())
        found = self._result(
            fingerprint("analysis", *given),
            _analyse,
            dataset,
            x,
            kernel,
            width,
            self._scheduler,
            name="analysis",
            made_by=(analyse, type(descriptor)),
            known={"dataset": dataset, "descriptors": x},
            monitor=Part(monitor, 0.4, 1.0),
        )
        # the same atoms under another file name, or with other columns to take along
        found = found if found.dataset is dataset else replace(found, dataset=dataset)
        return found if found.width.asked == width.asked else replace(found, width=width)

    def width(
        self, dataset: Dataset, descriptors: Descriptors, *, monitor: Monitor = SILENT
    ) -> Width:
        """Return the width of the kernel that the data choose."""
        return self._result(
            fingerprint("width", descriptors.fingerprint),
            _width,
            dataset,
            descriptors,
            name="width of the kernel",
            made_by=(dataset_width, type(descriptors.spec)),
            known={"dataset": dataset, "descriptors": descriptors},
            monitor=monitor,
        )

    def refine(self, analysis: Analysis, *, monitor: Monitor = SILENT) -> Analysis:
        """Return a sampled analysis with exact entropy, diversity and outlier scores."""
        if analysis.exact:
            return analysis
        scores = self._result(
            fingerprint("exact scores", analysis.descriptors.fingerprint, repr(analysis.spec)),
            _exact_scores,
            analysis,
            self._scheduler,
            name="exact scores",
            made_by=(refine, type(analysis.descriptors.spec)),
            monitor=monitor,
        )
        return replace(analysis, outliers=scores, certificate=None)

    def certify(
        self,
        analysis: Analysis,
        *,
        error: float = 0.01,
        confidence: float = 0.99,
        monitor: Monitor = SILENT,
    ) -> Analysis:
        """Return a sampled analysis with entropy and diversity within a certified error, nats."""
        if analysis.exact:
            return analysis
        found = self._result(
            fingerprint("certificate", analysis.kernel_fingerprint, error, confidence),
            _certificate,
            analysis,
            error,
            confidence,
            self._scheduler,
            name="certificate",
            made_by=(certify, type(analysis.descriptors.spec)),
            monitor=monitor,
        )
        return replace(analysis, certificate=found)

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
        options = {"spec": spec, "size": size, "seed": seed, "keep": keep, "drop": drop}
        found = self._result(
            key,
            _select,
            analysis,
            method,
            options,
            name="selection",
            made_by=(select, *_makers(analysis, method)),
            monitor=monitor,
        )
        same = found.source == analysis.fingerprint
        return found if same else replace(found, source=analysis.fingerprint)

    def retention(
        self, analysis: Analysis, selection: Selection, *, monitor: Monitor = SILENT
    ) -> PrefixMetrics:
        """Return the metrics of a method at the budgets of a curve.

        Fewer budgets for methods that are not nested: they are run for each.
        """
        key = fingerprint("retention", selection.fingerprint)
        if not selection.nested:  # the curve is the same whatever size the selection has
            none = selection.structures[:0]
            key = fingerprint("retention", replace(selection, structures=none).fingerprint)
        return self._result(
            key,
            _retention,
            analysis,
            selection,
            name="retention curve",
            made_by=(prefix_metrics, *_makers(analysis, selection.method)),
            monitor=monitor,
        )

    def finding(
        self,
        what: str,
        analysis: Analysis,
        work: Callable[..., T],
        *details: Any,
        monitor: Monitor = SILENT,
    ) -> T:
        """Return what is to be known of an analysed data set and its labels; made only once.

        Parameters
        ----------
        what : str
            Names the finding.
        analysis : Analysis
        work : function
            Of a module. Works it out from the analysis, the details and a monitor, and from what
            stands in its file, nothing else.
        *details
            Settings, as numbers, text or arrays.
        monitor : Monitor
        """
        labelled = analysis.dataset
        return self._result(
            fingerprint(
                what, analysis.fingerprint, labelled.fingerprint, labelled.frame_indices, *details
            ),
            work,
            analysis,
            *details,
            name=what,
            made_by=(type(self), type(analysis.descriptors.spec), work),
            monitor=monitor,
        )

    def redundancy(
        self, analysis: Analysis, *, monitor: Monitor = SILENT
    ) -> tuple[Redundancy, ...]:
        """Return the redundancy of a data set and of each config_type."""
        return self.finding("redundancy", analysis, _redundancy, monitor=monitor)

    def width_range(self, analysis: Analysis, *, monitor: Monitor = SILENT) -> WidthRange:
        """Return the headline figures from half to twice the width of the kernel."""
        exact = "exact" if analysis.exact else "sampled"
        return self.finding("range over widths", analysis, _width_range, exact, monitor=monitor)

    def embed(
        self,
        descriptors: Descriptors,
        method: str = "PCA",
        *,
        seed: int = 0,
        monitor: Monitor = SILENT,
    ) -> Embedding:
        """Return a map of all environments of a data set."""
        if method not in ("PCA", "UMAP"):
            raise ValueError(f"map is {method!r}, not PCA or UMAP")
        return self._result(
            fingerprint("map of all", method, descriptors.fingerprint, seed),
            _embed,
            descriptors,
            method,
            seed,
            name=f"{method} map",
            made_by=(embed_pca, embed_umap, type(descriptors.spec)),
            monitor=monitor,
        )


# ---- what runs in a worker ----------------------------------------------------------------------


def _read(path: str, options: dict[str, Any], monitor: Monitor) -> Dataset:
    return read(path, monitor=monitor, **options)


def _check(dataset: Dataset, monitor: Monitor) -> CheckReport:
    return check(dataset, monitor=monitor)


def _describe(dataset: Dataset, spec: Any, scheduler: str | None, monitor: Monitor) -> Descriptors:
    with connect(scheduler):
        return describe(dataset, spec, monitor=monitor)


def _analyse(
    dataset: Dataset,
    descriptors: Descriptors,
    kernel: KernelSpec,
    width: Width,
    scheduler: str | None,
    monitor: Monitor,
) -> Analysis:
    with connect(scheduler):
        return analyse(dataset, descriptors, kernel, width=width, monitor=monitor)


def _width(dataset: Dataset, descriptors: Descriptors, monitor: Monitor) -> Width:
    return dataset_width(dataset, descriptors)


def _exact_scores(analysis: Analysis, scheduler: str | None, monitor: Monitor) -> OutlierScores:
    with connect(scheduler):
        return refine(analysis, monitor=monitor).outliers


def _certificate(
    analysis: Analysis, error: float, confidence: float, scheduler: str | None, monitor: Monitor
) -> Certificate | None:
    with connect(scheduler):
        found = certify(analysis, error=error, confidence=confidence, monitor=monitor)
    return found.certificate


def _select(
    analysis: Analysis, method: str, options: dict[str, Any], monitor: Monitor
) -> Selection:
    return select(analysis, method, monitor=monitor, **options)


def _retention(analysis: Analysis, selection: Selection, monitor: Monitor) -> PrefixMetrics:
    if selection.nested:
        sizes = budget_grid(len(selection))
        return prefix_metrics(analysis, selection.positions, sizes, monitor=monitor)
    available = analysis.n_structures - len(selection.drop)
    return _separate_metrics(analysis, selection, available, monitor)


def _redundancy(analysis: Analysis, monitor: Monitor) -> tuple[Redundancy, ...]:
    return redundancy(analysis, monitor=monitor)


def _width_range(analysis: Analysis, exact: str, monitor: Monitor) -> WidthRange:
    return width_range(analysis, monitor=monitor)


def _embed(descriptors: Descriptors, method: str, seed: int, monitor: Monitor) -> Embedding:
    if method == "PCA":
        return embed_pca(descriptors, seed=seed)
    return embed_umap(descriptors, display_sample(descriptors), seed=seed, monitor=monitor)


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
