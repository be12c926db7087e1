"""Runs of the Retrain stage: what its tests are called, and what is known of one split.

The functions that make them run in worker processes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.engine import Repetition, Wanted, judged, repeat
from analytics.evaluation.retrain.errors import TestSet
from analytics.evaluation.retrain.ground import Ground, make_file_test, prepare_ground
from analytics.evaluation.retrain.method_ranking import paired_ratios
from analytics.information.analysis import Analysis
from analytics.potential.spec import AceSpec, PotentialSpec, RetrainSpec
from analytics.runtime.arrays import FloatArray
from analytics.runtime.progress import Monitor

__all__ = [
    "CLASS",
    "FILE",
    "HOLD_OUT",
    "JUDGES",
    "LEFT_OUT",
    "RESAMPLES",
    "SHARES",
    "TAIL",
    "Run",
    "file_test",
    "ground_of",
    "name_of",
    "resample_of",
    "split_of",
    "winners",
]

#: Names of the tests: a fifth at random, the largest forces, a class, a file of the user's.
HOLD_OUT, TAIL, CLASS, FILE = "hold_out", "high_force", "class:", "file:"
#: In parity plots also: what the selection left out.
LEFT_OUT = "left_out"
RESAMPLES = 5
#: Shares of the pool at which the curves are drawn.
#: Which potentials judge: what a user reads -> the first, whose errors are drawn, and others.
JUDGES: dict[str, tuple[PotentialSpec, ...]] = {
    "SOAP-GAP": (RetrainSpec(),),
    "linear ACE": (AceSpec(),),
    "SOAP-GAP and linear ACE": (RetrainSpec(), AceSpec()),
}
SHARES = tuple(np.geomspace(0.02, 1.0, 10).tolist())


@dataclass(frozen=True)
class Run:
    """All that is known of one split: resamples so far, and the files they were tested on."""

    ground: Ground
    repetitions: tuple[Repetition, ...]
    files: dict[str, Dataset]


def split_of(test: str) -> str:
    """Return which split a test belongs to: files are tests of the hold-out's fits."""
    return HOLD_OUT if test.startswith(FILE) else test


def name_of(test: str) -> str:
    """Return the name of a test in its checks."""
    return test if test.startswith(FILE) else test.removeprefix(CLASS) or "(none)"


def ground_of(
    analysis: Analysis, split: str, resamples: int, judges: str, monitor: Monitor
) -> Ground:
    """Make the equations of a split, for each of the potentials that judge."""
    kind = {HOLD_OUT: "random", TAIL: "high_force"}.get(split, "leave_class_out")
    left_out = split.removeprefix(CLASS) if split.startswith(CLASS) else None
    spec, *beside = JUDGES[judges]
    return prepare_ground(
        analysis, kind, left_out=left_out, resamples=resamples, spec=spec, beside=beside,
        monitor=monitor,
    )  # fmt: skip


def file_test(ground: Ground, name: str, data: Dataset, monitor: Monitor) -> TestSet:
    """Make a file a test of the fits on a ground."""
    return make_file_test(ground, name, data, monitor=monitor)


def resample_of(
    ground: Ground,
    r: int,
    wanted: dict[str, Wanted],
    given: tuple[TestSet, ...],
    old: Repetition | None,
    monitor: Monitor,
) -> Repetition:
    """Order and fit one resample; other judges see its hold-out only, no files."""
    made = repeat(ground, r, wanted, given, old, monitor=monitor)
    return replace(made, beside=tuple(judged(each, r, made, ()) for each in ground.beside))


def winners(errors: Sequence[FloatArray]) -> set[int]:
    """Return which of some methods cannot be told from the best, from errors over resamples.

    By paired differences; of fewer than three resamples, or of errors that are not known, nothing
    can be said, and the set is empty.
    """
    values = np.array(errors, dtype=np.float64)
    if len(values) < 2 or values.shape[1] < 3 or not (values > 0).all():
        return set()
    _, low, _ = paired_ratios(values)
    return set(np.flatnonzero(low <= 1.0).tolist())
