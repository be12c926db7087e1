"""Runs of the Retrain stage: what its tests are called, and what is known of one split.

The functions that make them run in worker processes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.engine import Repetition, Wanted, repeat
from analytics.evaluation.retrain.errors import TestSet
from analytics.evaluation.retrain.ground import Ground, make_file_test, prepare_ground
from analytics.information.analysis import Analysis
from analytics.runtime.progress import Monitor

__all__ = [
    "CLASS",
    "FILE",
    "HOLD_OUT",
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
]

#: Names of the tests: a fifth at random, the largest forces, a class, a file of the user's.
HOLD_OUT, TAIL, CLASS, FILE = "hold_out", "high_force", "class:", "file:"
#: In parity plots also: what the selection left out.
LEFT_OUT = "left_out"
RESAMPLES = 5
#: Shares of the pool at which the curves are drawn.
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


def ground_of(analysis: Analysis, split: str, resamples: int, monitor: Monitor) -> Ground:
    """Make the equations of a split."""
    kind = {HOLD_OUT: "random", TAIL: "high_force"}.get(split, "leave_class_out")
    left_out = split.removeprefix(CLASS) if split.startswith(CLASS) else None
    return prepare_ground(analysis, kind, left_out=left_out, resamples=resamples, monitor=monitor)


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
    """Order and fit one resample."""
    return repeat(ground, r, wanted, given, old, monitor=monitor)
