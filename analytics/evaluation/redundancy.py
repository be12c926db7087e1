"""Redundancy and learning curve: how much a set repeats itself, by class and as it grows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from analytics.evaluation.prefixes import prefix_metrics
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Table

__all__ = ["LearningCurve", "Redundancy", "information_efficiency", "learning_curve", "redundancy"]

FRACTIONS = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)


def information_efficiency(entropy: float, n_environments: int) -> float:
    """Return H / ln n: 1 if no two environments are alike, 0 if all are; NaN for fewer than 2."""
    return entropy / float(np.log(n_environments)) if n_environments > 1 else float("nan")


@dataclass(frozen=True, slots=True)
class Redundancy(Table):
    """The information in a set of environments.

    Attributes
    ----------
    name : str
        A config_type, or "" for the complete data set.
    n_structures, n_environments : int
    entropy_nats, diversity_nats : float
        H and D of the set by itself.
    covered_by_others : float
        Fraction of its environments that the structures outside the set cover; NaN if there are
        none outside.
    entropy_error, diversity_error, covered_error : float
        Standard errors of these; 0 where they are exact.
    """

    name: str
    n_structures: int
    n_environments: int
    entropy_nats: float
    diversity_nats: float
    covered_by_others: float = float("nan")
    entropy_error: float = 0.0
    diversity_error: float = 0.0
    covered_error: float = 0.0

    def to_frame(self) -> pd.DataFrame:
        """Return all figures as one row."""
        return pd.DataFrame([self.to_dict()])

    @property
    def effective_environments(self) -> float:
        """Effective number exp(D), between 1 and n."""
        return float(np.exp(self.diversity_nats))

    @property
    def redundancy(self) -> float:
        """Share of environments beyond the effective number, 1 - exp(D) / n."""
        return max(0.0, 1.0 - self.effective_environments / self.n_environments)

    @property
    def efficiency(self) -> float:
        """H / ln n, see `information_efficiency`."""
        return information_efficiency(self.entropy_nats, self.n_environments)

    @property
    def effective_error(self) -> float:
        """Standard error of the effective number."""
        return self.effective_environments * self.diversity_error

    @property
    def redundancy_error(self) -> float:
        """Standard error of the redundancy."""
        return self.effective_error / self.n_environments

    @property
    def efficiency_error(self) -> float:
        """Standard error of the efficiency."""
        return information_efficiency(self.entropy_error, self.n_environments)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON and tables."""
        return {
            "config_type": self.name,
            "n_structures": self.n_structures,
            "n_environments": self.n_environments,
            "entropy_nats": self.entropy_nats,
            "efficiency": self.efficiency,
            "diversity_nats": self.diversity_nats,
            "effective_environments": self.effective_environments,
            "redundancy": self.redundancy,
            "covered_by_others": self.covered_by_others,
            "entropy_error": self.entropy_error,
            "diversity_error": self.diversity_error,
            "redundancy_error": self.redundancy_error,
            "covered_error": self.covered_error,
        }


def redundancy(analysis: Analysis, *, monitor: Monitor = SILENT) -> tuple[Redundancy, ...]:
    """Measure the redundancy of a data set, and of each config_type by itself.

    Parameters
    ----------
    analysis : Analysis
    monitor : Monitor

    Returns
    -------
    tuple of Redundancy
        The complete set first, then the classes by name. Structures without a class are the
        class "(none)". A single class is not listed besides the whole.

    Notes
    -----
    Adds up stored kernels: O(entries) per class. Estimates if the analysis is sampled.

    Examples
    --------
    >>> winnow.redundancy(information)[0].n_environments
    1188
    """
    whole = Redundancy(
        "",
        analysis.n_structures,
        analysis.n_environments,
        analysis.entropy_nats,
        analysis.diversity_nats,
        entropy_error=analysis.entropy_error,
        diversity_error=analysis.diversity_error,
    )
    labels = analysis.dataset.config_type[analysis.descriptors.structures]
    names = np.unique(labels)
    if len(names) < 2:
        return (whole,)
    found = [whole]
    for at, name in enumerate(names):
        found.append(_class(analysis, str(name), labels == name))
        monitor.report((at + 1) / len(names), "classes")
        monitor.checkpoint()
    return tuple(found)


def _class(analysis: Analysis, name: str, member: Any) -> Redundancy:
    inside, outside = np.flatnonzero(member), np.flatnonzero(~member)
    own = prefix_metrics(analysis, inside, np.array([len(inside)]))
    others = prefix_metrics(analysis, outside, np.array([len(outside)]))
    n, n_own = analysis.n_environments, int(own.environments[0])
    # what is outside covers itself; the rest of what it covers is inside
    inside_covered = float(others.overlap[0]) * n - (n - n_own)
    return Redundancy(
        name or "(none)",
        len(inside),
        n_own,
        float(own.entropy[0]),
        float(own.diversity[0]),
        min(1.0, max(0.0, inside_covered / n_own)),
        entropy_error=float(np.nan_to_num(own.entropy_error[0])),
        diversity_error=float(np.nan_to_num(own.diversity_error[0])),
        covered_error=float(others.overlap_error[0]) * n / n_own,
    )


@dataclass(frozen=True, slots=True)
class LearningCurve(Table):
    """Information against size, over random nested orders of the structures.

    Attributes
    ----------
    sizes : int array (k,)
        Numbers of structures, ascending.
    environments : float array (k, r)
        Environments among them, for each of r orders.
    entropy, diversity : float array (k, r), nats
        Of the structures drawn, by themselves.
    coverage : float array (k, r)
        Fraction of the full set's environments that they cover.
    seeds : tuple of int
    """

    sizes: IntArray
    environments: FloatArray
    entropy: FloatArray
    diversity: FloatArray
    coverage: FloatArray
    seeds: tuple[int, ...]

    @property
    def table(self) -> pd.DataFrame:
        """One row per size: means, and the spread (standard deviation) over the orders."""
        columns: dict[str, Any] = {"n_structures": self.sizes}
        columns["n_environments"] = self.environments.mean(axis=1)
        ddof = 1 if len(self.seeds) > 1 else 0
        for name, unit in (("entropy", "_nats"), ("diversity", "_nats"), ("coverage", "")):
            values = getattr(self, name)
            columns[f"{name}{unit}"] = values.mean(axis=1)
            columns[f"{name}_spread"] = values.std(axis=1, ddof=ddof)
        efficiency = self.entropy / np.log(np.maximum(2.0, self.environments))
        columns["efficiency"] = efficiency.mean(axis=1)
        return pd.DataFrame(columns)


def learning_curve(
    analysis: Analysis,
    *,
    fractions: Sequence[float] = FRACTIONS,
    orders: int = 5,
    seed: int = 0,
    config_type: str | None = None,
    monitor: Monitor = SILENT,
) -> LearningCurve:
    """Measure how entropy, diversity and coverage grow with the number of structures.

    A curve that still rises at its end has not seen everything; one that is flat long before has
    redundancy to spare.

    Parameters
    ----------
    analysis : Analysis
    fractions : sequence of float
        Shares of the structures, above 0 and up to 1.
    orders : int
        Random orders to average over; each is drawn once and cut at every size.
    seed : int
        The orders have the seeds seed, seed + 1, ...
    config_type : str, optional
        Only structures of this class (coverage still is that of the full set).
    monitor : Monitor

    Notes
    -----
    Adds up stored kernels: O(entries + sizes * environments) per order.
    """
    shares = np.asarray(fractions, dtype=float)
    if not len(shares) or not ((shares > 0) & (shares <= 1)).all():
        raise ValueError(f"fractions are {list(fractions)}, not all above 0 and up to 1")
    if orders < 1:
        raise ValueError(f"orders is {orders}, not a number of random orders")
    members = np.arange(analysis.n_structures)
    if config_type is not None:
        labels = analysis.dataset.config_type[analysis.descriptors.structures]
        members = np.flatnonzero(labels == config_type)
        if not len(members):
            raise ValueError(f"no structure has the config_type {config_type!r}")
    sizes = np.unique(np.maximum(1, np.round(shares * len(members)))).astype(np.int64)
    seeds = tuple(range(seed, seed + orders))
    found = []
    for at, one in enumerate(seeds):
        part = Part(monitor, at / orders, (at + 1) / orders, "learning curve")
        picks = np.random.default_rng(one).permutation(members)
        found.append(prefix_metrics(analysis, picks, sizes, monitor=part))
        monitor.checkpoint()
    return LearningCurve(
        sizes=frozen(sizes),
        environments=frozen(np.column_stack([f.environments for f in found]), np.float64),
        entropy=frozen(np.column_stack([f.entropy for f in found])),
        diversity=frozen(np.column_stack([f.diversity for f in found])),
        coverage=frozen(np.column_stack([f.overlap for f in found])),
        seeds=seeds,
    )
