"""The value that every descriptor makes, and the table in which descriptors are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from analytics.data.dataset import Dataset
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen, owners
from analytics.runtime.registry import Registry

__all__ = ["DESCRIPTORS", "DescriptorMethod", "Descriptors", "described_structures"]


def described_structures(dataset: Dataset) -> IntArray:
    """Return the structures that take part in the analysis: all but the isolated atoms."""
    return np.flatnonzero(~dataset.isolated & (dataset.sizes > 0))


@dataclass(frozen=True, slots=True)
class Descriptors:
    """One row of numbers per environment of the structures that take part in the analysis.

    Attributes
    ----------
    values : float array (n_env, d)
        Unit as the spec says (distances: 1/angstrom).
    structures : int array (m,)
        The structures described, as indices into the data set (isolated atoms are left out).
    structure_offsets : int array (m + 1,)
        Described structure s owns the rows ``structure_offsets[s]:structure_offsets[s + 1]``.
    environments : int array (n_env,)
        For each row its atom's row in the data set.
    spec : dataclass
        The spec that made them.
    source : str
        Fingerprint of the data set.
    """

    values: FloatArray
    structures: IntArray
    structure_offsets: IntArray
    environments: IntArray
    spec: Any
    source: str
    fingerprint: str = ""

    def __post_init__(self) -> None:
        """Freeze the arrays and derive the fingerprint from input and spec."""
        put = object.__setattr__
        put(self, "values", frozen(self.values))
        for name in ("structures", "structure_offsets", "environments"):
            put(self, name, frozen(getattr(self, name), np.int64))
        if not self.fingerprint:
            spec = f"{type(self.spec).__name__}{sorted(asdict(self.spec).items())}"
            put(self, "fingerprint", fingerprint(self.source, spec))

    @property
    def n_structures(self) -> int:
        """Number of structures described."""
        return len(self.structures)

    @property
    def n_environments(self) -> int:
        """Number of rows."""
        return len(self.values)

    @property
    def owners(self) -> IntArray:
        """For each row its described structure, 0 .. m-1."""
        return owners(self.structure_offsets)


#: A descriptor takes (dataset, spec, monitor=...) and returns `Descriptors`.
DescriptorMethod = Callable[..., Descriptors]

#: name -> (spec class, method)
DESCRIPTORS: Registry[tuple[type, DescriptorMethod]] = Registry("descriptor")
