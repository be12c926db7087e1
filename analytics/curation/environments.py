"""Environments ready to be compared: descriptor, element, principal axes and surroundings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from analytics.curation.species import POWERS, species_surroundings
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.linalg.principal_axes import principal_axes
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["Environments", "axes_of", "check_comparable", "prepare"]

#: Axes along which most of the spread lies; comparing along them first settles most pairs.
AXES = 6
SAMPLE = 4000


@dataclass(frozen=True, slots=True)
class Environments:
    """The environments of one data set; one row each, in the order of the descriptors.

    Attributes
    ----------
    values : float64 array (n_env, d)
    projected : float64 array (n_env, q)
        Along the leading axes: distances there are never larger than in full.
    numbers : int array (n_env,)
    surroundings : float32 array (n_env, 2 * POWERS)
        Elements of the neighbours, see `species_surroundings`; no columns with one element.
    slack : float array (n_env, )
        By how much the surroundings may differ per unit of tolerance.
    structure_offsets : int array (m + 1,)
    """

    values: FloatArray
    projected: FloatArray
    numbers: IntArray
    surroundings: FloatArray
    slack: FloatArray
    structure_offsets: IntArray

    def __len__(self) -> int:
        return len(self.values)


def check_comparable(first: Descriptors, second: Descriptors) -> None:
    """Raise if two sets of descriptors were not made by the same spec."""
    if first.spec != second.spec or first.values.shape[1] != second.values.shape[1]:
        raise WinnowError(
            f"the two data sets are described differently: {first.spec} against {second.spec}"
        )


def axes_of(values: FloatArray) -> FloatArray:
    """Return orthonormal columns (d, q) along which a sample of the rows spreads most."""
    return principal_axes(values[:: 1 + len(values) // SAMPLE], AXES).vectors


def prepare(
    datasets: Sequence[Dataset], described: Sequence[Descriptors], monitor: Monitor = SILENT
) -> list[Environments]:
    """Make the environments of one or more data sets ready to be compared with one another."""
    axes = axes_of(described[0].values)
    elements = np.unique(np.concatenate([np.unique(d.numbers) for d in datasets]))
    found = []
    for at, (dataset, x) in enumerate(zip(datasets, described, strict=True)):
        part = Part(monitor, at / len(datasets), (at + 1) / len(datasets))
        n = x.n_environments
        surroundings, slack = np.zeros((n, 0), dtype=np.float32), np.zeros(n)
        if len(elements) > 1:
            surroundings, counts = species_surroundings(dataset, x.structures, elements, part)
            slack = POWERS * np.sqrt(counts)
        values = np.ascontiguousarray(x.values, dtype=np.float64)
        found.append(
            Environments(
                values=values,
                projected=np.ascontiguousarray(values @ axes),
                numbers=dataset.numbers[x.environments],
                surroundings=surroundings,
                slack=slack,
                structure_offsets=x.structure_offsets,
            )
        )
    return found
