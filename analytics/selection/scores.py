"""Importance scores of structures by name: what "highest first" and CCS work from.

A score registered here is at once a selection method of the same name that takes the highest
first, and a choice for CCS. Scores that need a trained model join in the same way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.information.analysis import Analysis
from analytics.potential.normal_equations import Equations
from analytics.runtime.arrays import FloatArray
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import Registry
from analytics.selection.base import Method, Order, Pool, register
from analytics.selection.equations import equations_for

__all__ = ["SCORES", "Score", "register_score"]


@dataclass(frozen=True, slots=True)
class Score:
    """An importance score of structures.

    Attributes
    ----------
    name, title, summary : str
    spec : type
        Frozen dataclass of its options.
    run : callable
        (analysis, spec, *, rng, monitor) -> float array (n_structures,); high means important,
        NaN unknown. Its docstring says what it is good and bad at, its cost and its source.
    needs_forces, needs_energies : bool
    random : bool
        The seed matters.
    uses_scores, by_model : bool
        See `Method`. The `run` of a score by a model also takes `equations`, those of all
        structures of the data set.
    """

    name: str
    title: str
    summary: str
    spec: type
    run: Callable[..., FloatArray]
    needs_forces: bool = False
    needs_energies: bool = False
    random: bool = False
    uses_scores: bool = False
    by_model: bool = False

    def of(
        self,
        analysis: Analysis,
        spec: Any = None,
        *,
        equations: Equations | None = None,
        rng: np.random.Generator | None = None,
        monitor: Monitor = SILENT,
    ) -> FloatArray:
        """Return the score of every structure, with the default options unless a spec is given.

        A score by a model takes the equations given, or makes those of the data set.
        """
        spec = self.spec() if spec is None else spec
        rng = np.random.default_rng(0) if rng is None else rng
        if not self.by_model:
            return self.run(analysis, spec, rng=rng, monitor=monitor)
        equations = equations_for(analysis, equations, monitor=Part(monitor, 0.0, 0.9))
        rest = Part(monitor, 0.9, 1.0)
        return self.run(analysis, spec, equations=equations, rng=rng, monitor=rest)


SCORES: Registry[Score] = Registry(
    "importance score",
    {
        "analytics.selection.importance": (
            "largest_force", "highest_energy", "outlier_score", "structure_entropy",
            "grand", "el2n", "leverage",
        ),
    },
)  # fmt: skip


def register_score(score: Score) -> Score:
    """File a score, and the method that takes the highest score first, under its name."""

    def highest_first(
        pool: Pool, spec: Any, *, rng: np.random.Generator, monitor: Monitor = SILENT
    ) -> Order:
        values = score.of(pool.analysis, spec, equations=pool.equations, rng=rng, monitor=monitor)
        return pool.ranked(values)

    SCORES.register(score.name)(score)
    register(
        Method(
            name=score.name,
            title=score.title,
            kind="importance",
            summary=score.summary,
            spec=score.spec,
            run=highest_first,
            needs_forces=score.needs_forces,
            needs_energies=score.needs_energies,
            random=score.random,
            uses_scores=score.uses_scores,
            by_model=score.by_model,
            text=inspect.getdoc(score.run) or "",
        )
    )
    return score
