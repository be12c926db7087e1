"""Novelty along a trajectory (MD): when it leaves the training set, and the frames to label."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from ase.data import chemical_symbols

from analytics.curation.environments import check_comparable
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.information.false_alarms import FalseAlarms, calibrate_alarms, structure_scores
from analytics.information.kernel import log_kernel_sums
from analytics.runtime.arrays import FloatArray, IntArray, frozen, ragged_rows
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Table

__all__ = ["TrajectoryNovelty", "frames_to_label", "trajectory_novelty"]

#: Frames of a window, and alarms among them, from which on a trajectory is said to have left.
WINDOW, LASTING = 10, 5
#: Stretches of a trajectory from which the error of a share is estimated.
STRETCHES = 10

Set = tuple[Dataset, Descriptors]


@dataclass(frozen=True, slots=True)
class TrajectoryNovelty(Table):
    """How new each frame of a trajectory is, given a training set.

    Attributes
    ----------
    frames : int array (m,)
        Indices in the file of the trajectory; isolated atoms are left out.
    largest, mean : float arrays (m,), nats
        Delta entropy over the environments of a frame; infinite where an element is not in the
        training set.
    p_value : float array (m,)
        How often a structure of the training set is as novel given the others, at most.
    novel_environments : float array (m,)
        Share of the environments of a frame above the threshold for single environments.
    alarm : bool array (m,)
        Whether the p-value is at most the rate.
    statistic : str
        Which of largest and mean the p-value is of.
    rate, asked_rate : float
        Of false alarms; the smallest that the training set allows where that asked for is smaller.
    alarms : FalseAlarms
        Of the training set.
    to_label : int array (k,)
        Indices in the file, the most novel first, each given those before it.
    to_label_score : float array (k,), nats
        The score of each when it was chosen.
    left_novel : int
        Frames that are novel even given those.
    notes : tuple of str
        What a reader should know.
    """

    frames: IntArray
    largest: FloatArray
    mean: FloatArray
    p_value: FloatArray
    novel_environments: FloatArray
    alarm: np.ndarray[tuple[int], np.dtype[np.bool_]]
    statistic: str
    rate: float
    asked_rate: float
    alarms: FalseAlarms
    to_label: IntArray
    to_label_score: FloatArray
    left_novel: int
    notes: tuple[str, ...]

    @property
    def threshold(self) -> float:
        """The score above which a frame is novel, nats."""
        return self.alarms.threshold(self.rate, self.statistic)

    @property
    def share(self) -> float:
        """Share of the frames that are novel."""
        return float(self.alarm.mean())

    @property
    def share_error(self) -> float:
        """Standard error of the share, from stretches of the trajectory; NaN for a short one."""
        if len(self.alarm) < 2 * STRETCHES:
            return float("nan")
        means = [part.mean() for part in np.array_split(self.alarm, STRETCHES)]
        return float(np.std(means, ddof=1) / np.sqrt(STRETCHES))

    @property
    def first(self) -> int | None:
        """Index in the file of the first novel frame."""
        return int(self.frames[np.argmax(self.alarm)]) if self.alarm.any() else None

    @property
    def lasting(self) -> int | None:
        """Index of the novel frame from which on five of ten are: one alarm may be by chance."""
        counts = np.convolve(self.alarm, np.ones(WINDOW), mode="valid")
        left = np.flatnonzero((counts >= LASTING) & self.alarm[: len(counts)])
        return int(self.frames[left[0]]) if len(left) else None

    @property
    def table(self) -> pd.DataFrame:
        """One row per frame; `to_label` is the place among the frames to label, from 1 on."""
        place = {int(frame): at + 1 for at, frame in enumerate(self.to_label)}
        return pd.DataFrame(
            {
                "structure": self.frames,
                "largest_delta_entropy_nats": self.largest,
                "mean_delta_entropy_nats": self.mean,
                "p_value": self.p_value,
                "novel_environments": self.novel_environments,
                "novel": self.alarm,
                "to_label": pd.array([place.get(int(f)) for f in self.frames], dtype="Int64"),
            }
        )

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the rows of frames as plain values, for JSON."""
        return {
            "n_frames": len(self.frames),
            "statistic": self.statistic,
            "asked_rate": self.asked_rate,
            **self.alarms.to_dict(self.rate),
            "novel_share": self.share,
            "novel_share_error": self.share_error,
            "first_novel": self.first,
            "lasting_from": self.lasting,
            "to_label": self.to_label.tolist(),
            "to_label_nats": self.to_label_score.tolist(),
            "novel_given_these": self.left_novel,
            "notes": list(self.notes),
        }


def trajectory_novelty(
    train: Set,
    trajectory: Set,
    *,
    bandwidth: float,
    rate: float = 0.01,
    statistic: str = "largest",
    label: int = 10,
    alarms: FalseAlarms | None = None,
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> TrajectoryNovelty:
    """Measure how new each frame of a trajectory is, and which frames to label.

    Parameters
    ----------
    train, trajectory : tuple of (Dataset, Descriptors)
        Described by one spec (`analytics.descriptors.resolved_spec` of both data sets).
    bandwidth : float
    rate : float
        Of false alarms: how often a structure like those of the training set may be called novel.
    statistic : str
        What a frame is scored by: "largest" or "mean" delta entropy of its environments.
    label : int
        Frames to choose for labelling, at most; fewer where these leave nothing novel.
    alarms : FalseAlarms, optional
        Of the training set, if they are there already.
    seed : int
        Of the folds that calibrate.
    monitor : Monitor

    Raises
    ------
    WinnowError
        If the two are described differently.

    Notes
    -----
    O(n m d) for n environments of the training set and m of the trajectory, and O(n^2 d) for the
    calibration (30 000 of its environments at most).

    Examples
    --------
    >>> train = data, information.descriptors
    >>> found = winnow.trajectory_novelty(train, train, bandwidth=0.015, rate=0.05)
    >>> found.share, found.first
    (0.0, None)
    """
    check_comparable(train[1], trajectory[1])
    known = train[0].numbers[train[1].environments]
    if alarms is None:
        alarms = calibrate_alarms(
            train[1], bandwidth=bandwidth, numbers=known, seed=seed, monitor=Part(monitor, 0.0, 0.4)
        )
    used = max(rate, alarms.smallest_rate)
    own, sizes = trajectory[1], np.diff(trajectory[1].structure_offsets)
    logs = log_kernel_sums(
        own.values, train[1].values, bandwidth=bandwidth, monitor=Part(monitor, 0.4, 0.8)
    )
    numbers = trajectory[0].numbers[own.environments]
    scores, largest, mean = structure_scores(-logs, sizes, ~np.isin(numbers, known))
    by_structure = largest if statistic == "largest" else mean
    p_value = alarms.p_values(by_structure, statistic)
    alarm = p_value <= used * (1 + 1e-12)
    above = (scores > alarms.environment_threshold(used)).astype(float)
    places, chosen_scores, left = frames_to_label(
        own,
        numbers,
        logs,
        np.flatnonzero(alarm),
        known=known,
        above=alarms.threshold(used, statistic),
        most=label,
        statistic=statistic,
        bandwidth=bandwidth,
        monitor=Part(monitor, 0.8, 1.0),
    )
    frames = trajectory[0].frame_indices[own.structures]
    return TrajectoryNovelty(
        frames=frozen(frames),
        largest=frozen(largest),
        mean=frozen(mean),
        p_value=frozen(p_value),
        novel_environments=frozen(np.add.reduceat(above, np.cumsum(sizes) - sizes) / sizes),
        alarm=frozen(alarm),
        statistic=statistic,
        rate=used,
        asked_rate=rate,
        alarms=alarms,
        to_label=frozen(frames[places]),
        to_label_score=frozen(chosen_scores),
        left_novel=left,
        notes=tuple(_notes(train, trajectory, alarms, rate)),
    )


def frames_to_label(
    frames: Descriptors,
    numbers: IntArray,
    logs: FloatArray,
    candidates: IntArray,
    *,
    known: IntArray,
    above: float,
    most: int,
    statistic: str = "largest",
    bandwidth: float,
    monitor: Monitor = SILENT,
) -> tuple[IntArray, FloatArray, int]:
    """Choose frames greedily: the most novel, then the most novel given that one too, and so on.

    Parameters
    ----------
    frames : Descriptors
    numbers : int array (n_env,)
        Elements of the environments.
    logs : float array (n_env,)
        Logarithms of their kernel sums over the training set.
    candidates : int array
        Described structures; of equally novel ones the lowest goes first.
    known : int array
        Elements of the training set.
    above : float, nats
        Frames that score no more are not asked for.
    most : int
    statistic, bandwidth
        As for `trajectory_novelty`.
    monitor : Monitor

    Returns
    -------
    chosen : int array (k,)
        Described structures in the order chosen.
    scores : float array (k,), nats
    left : int
        Candidates that score more than `above` given the chosen ones too.

    Notes
    -----
    O(k c a d) for k frames chosen from candidates with c environments, a in each.
    """
    offsets, known = frames.structure_offsets, np.unique(known)
    chosen: list[int] = []
    scores: list[float] = []
    open_, logs = np.sort(candidates), logs.copy()
    while len(open_):
        rows, sizes = ragged_rows(offsets, open_), np.diff(offsets)[open_]
        foreign = ~np.isin(numbers[rows], known)
        _, largest, mean = structure_scores(-logs[rows], sizes, foreign)
        values = largest if statistic == "largest" else mean
        still = values > above if np.isfinite(above) else np.isinf(values)
        if not still.any() or len(chosen) == most:
            return np.array(chosen, dtype=np.int64), np.array(scores), int(still.sum())
        open_, values = open_[still], values[still]
        best = int(np.argmax(values))
        chosen.append(int(open_[best]))
        scores.append(float(values[best]))
        own = slice(offsets[open_[best]], offsets[open_[best] + 1])
        known = np.union1d(known, numbers[own])
        open_ = np.delete(open_, best)
        rows = ragged_rows(offsets, open_)
        if len(rows):
            more = log_kernel_sums(frames.values[rows], frames.values[own], bandwidth=bandwidth)
            logs[rows] = np.logaddexp(logs[rows], more)
        monitor.report(len(chosen) / max(1, most), "frames to label")
        monitor.checkpoint()
    return np.array(chosen, dtype=np.int64), np.array(scores), 0


def _notes(train: Set, trajectory: Set, alarms: FalseAlarms, rate: float) -> list[str]:
    notes = []
    new = np.setdiff1d(trajectory[0].numbers[trajectory[1].environments], train[0].numbers)
    if len(new):
        named = ", ".join(chemical_symbols[z] for z in new)
        notes.append(
            f"{train[0].name} has no atom of {named}: frames with these are novel whatever else "
            "they hold"
        )
    if rate < alarms.smallest_rate:
        notes.append(
            f"{len(alarms)} structures allow no false-alarm rate below {alarms.smallest_rate:.2g}; "
            f"that is used in place of {rate:g}"
        )
    sizes = np.diff(trajectory[1].structure_offsets)
    if sizes.min() < alarms.sizes[0] or sizes.max() > alarms.sizes[1]:
        notes.append(
            f"frames have {sizes.min()} to {sizes.max()} atoms, those of {train[0].name} "
            f"{alarms.sizes[0]} to {alarms.sizes[1]}: the largest of more atoms is larger by "
            "chance; the share of novel atoms can be compared"
        )
    return notes
