"""Normal equations for methods that select by a model: those that are given, or the data's own."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analytics.data.dataset import Dataset
from analytics.information.analysis import Analysis
from analytics.potential.design_cache import equations_of
from analytics.potential.design_rows import row_bytes
from analytics.potential.normal_equations import Equations
from analytics.potential.spec import RetrainSpec
from analytics.runtime.errors import InputError, WinnowError
from analytics.runtime.memory import physical_memory
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["equations_for", "labelled", "methods_spec"]

#: Bytes that the rows of a data set may take for methods that select by a model, and the least
#: number of references per species that is worth having.
METHODS_BYTES, FEWEST = 3e9, 40


def equations_for(
    analysis: Analysis, given: Equations | None = None, *, monitor: Monitor = SILENT
) -> Equations:
    """Return the normal equations that a method selects by: `given`, or those of the data set.

    Raises
    ------
    InputError
        If there are no labels.
    WinnowError
        If the data set is too large; see `methods_spec`.
    """
    dataset = analysis.dataset
    if not labelled(analysis):
        raise InputError(
            "neither energies nor forces: a selection by a model has nothing to learn from",
            source=dataset.name,
        )
    if given is not None:
        return given
    return equations_of(dataset, methods_spec(dataset), monitor=monitor)


def labelled(analysis: Analysis) -> bool:
    """Return whether any structure described has an energy or a force."""
    energies = analysis.dataset.energies
    known = energies is not None and np.isfinite(energies[analysis.descriptors.structures]).any()
    return bool(known or np.isfinite(analysis.force_norms).any())


def methods_spec(dataset: Dataset) -> RetrainSpec:
    """Return the spec for methods that select by a model: the default, or one that fits in memory.

    Raises
    ------
    WinnowError
        If the data set is too large even for 40 references per species.
    """
    spec, species = RetrainSpec(), max(1, len(np.unique(dataset.numbers)))
    limit = min(METHODS_BYTES, 0.25 * physical_memory())
    most = int(limit / max(1.0, row_bytes(dataset, 1))) // species
    if most >= spec.references:
        return spec
    if most < FEWEST:
        raise WinnowError(
            f"{dataset.name}: the design rows of {dataset.n_environments} environments take more "
            f"than {limit / 1e9:.1f} GB; open a part of it, FILE@::10"
        )
    return replace(spec, references=most)
