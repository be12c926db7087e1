"""Review computations (worker side): redundancy, duplicates, conflicts, curves, another file.

They run in worker processes: functions of a module, of what can be packed and a monitor.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from analytics.curation.duplicates import DuplicateSpec
from analytics.curation.overlap import Leakage, OverlapMatrix, classes_of, leakage, overlap_matrix
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.evaluation.redundancy import LearningCurve, Redundancy, learning_curve, redundancy
from analytics.information.analysis import Analysis
from analytics.information.bandwidth import BandwidthScan, bandwidth_scan
from analytics.information.intrinsic_dimension import IntrinsicDimension, intrinsic_dimension
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import Monitor
from views.state.findings import find_conflicts, find_duplicates

__all__ = ["CLASSES", "PARTS", "Against", "Finding", "compare_files"]

#: Classes in the overlap matrix: more are not readable.
CLASSES = 24
#: Pairs of environments that the overlap matrix may look at, some seconds.
PAIRS = 4e8
#: At least, and at most, so many environments of a class are measured.
FEWEST, MOST = 100, 600


@dataclass(frozen=True, slots=True)
class Against:
    """Another file, given the one that is open.

    Attributes
    ----------
    dataset : Dataset
        The other file.
    found : Leakage
        The open data set is the training set, the other the test set.
    """

    dataset: Dataset
    found: Leakage


def _redundancy(analysis: Analysis, monitor: Monitor) -> tuple[Redundancy, ...]:
    return redundancy(analysis, monitor=monitor)


def _dimension(analysis: Analysis, monitor: Monitor) -> IntrinsicDimension:
    x, h = analysis.descriptors.values, analysis.spec.bandwidth
    return intrinsic_dimension(x, bandwidth=h, monitor=monitor)


def _overlap(analysis: Analysis, monitor: Monitor) -> OverlapMatrix | None:
    classes = classes_of(analysis.dataset, analysis.descriptors)
    if len(classes) < 2:
        return None
    largest = sorted(classes, key=lambda name: -len(classes[name]))[:CLASSES]
    sets = {name or "(none)": classes[name] for name in classes if name in largest}
    pairs = len(sets) * analysis.n_environments
    sample = int(min(MOST, max(FEWEST, PAIRS / pairs)))
    h, below = analysis.spec.bandwidth, analysis.spec.covered_below
    return overlap_matrix(sets, bandwidth=h, covered_below=below, sample=sample, monitor=monitor)


def _curve(analysis: Analysis, monitor: Monitor) -> LearningCurve:
    return learning_curve(analysis, monitor=monitor)


def _scan(analysis: Analysis, monitor: Monitor) -> BandwidthScan:
    h, below = analysis.spec.bandwidth, analysis.spec.covered_below
    return bandwidth_scan(
        analysis.dataset, analysis.descriptors, chosen=h, covered_below=below, monitor=monitor
    )


class Finding(NamedTuple):
    """One part of the stage: its name, and the function that works it out."""

    title: str
    find: Callable[..., Any]


#: What is worked out when the stage is first looked at, in this order.
PARTS = {
    "redundancy": Finding("redundancy by class", _redundancy),
    "duplicates": Finding("near-duplicates", find_duplicates),
    "conflicts": Finding("conflicting labels", find_conflicts),
    "curve": Finding("learning curve", _curve),
    "dimension": Finding("intrinsic dimension", _dimension),
    "scan": Finding("bandwidths", _scan),
    "overlap": Finding("classes against one another", _overlap),
}


def compare_files(
    analysis: Analysis,
    known: Descriptors,
    other: Dataset,
    asked: Descriptors,
    tolerance: float,
    monitor: Monitor,
) -> Against:
    """Measure what of another file is new, given the open one, and what repeats it."""
    if asked.n_environments == 0:
        raise WinnowError(f"{other.name} holds isolated atoms only: nothing to compare")
    found = leakage(
        (analysis.dataset, known),
        (other, asked),
        DuplicateSpec(tolerance=tolerance),
        bandwidth=analysis.spec.bandwidth,
        covered_below=analysis.spec.covered_below,
        alike=analysis.width.alike,
        monitor=monitor,
    )
    return Against(other, found)
