"""Descriptors: the value that each method makes, and the registry of descriptors."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from typing import Any, TypeVar, cast

import numpy as np

from analytics.data.dataset import Dataset
from analytics.runtime.arrays import (
    FloatArray,
    IntArray,
    fingerprint,
    frozen,
    owners,
    ragged_rows,
)
from analytics.runtime.errors import WinnowError
from analytics.runtime.memory import physical_memory
from analytics.runtime.registry import Registry
from analytics.runtime.value import Value

__all__ = [
    "DESCRIPTORS",
    "DescriptorMethod",
    "Descriptors",
    "default_spec",
    "described_atoms",
    "described_structures",
    "descriptor_fingerprint",
    "descriptor_name",
    "refuse_oversize",
    "resolved_spec",
    "suggested_bandwidth",
]

T = TypeVar("T")


def described_structures(dataset: Dataset) -> IntArray:
    """Return the structures that take part in the analysis: all but the isolated atoms."""
    return np.flatnonzero(~dataset.isolated & (dataset.sizes > 0))


def described_atoms(dataset: Dataset) -> tuple[IntArray, IntArray, IntArray]:
    """Return the structures described, their atoms, and where each structure begins among these.

    Returns
    -------
    structures : int array (m,)
        See `described_structures`.
    rows : int array (n,)
        Atoms, as rows of the data set.
    offsets : int array (m + 1,)
    """
    structures = described_structures(dataset)
    rows = ragged_rows(dataset.structure_offsets, structures)
    return structures, rows, np.concatenate([[0], np.cumsum(dataset.sizes[structures])])


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Descriptors(Value):
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
    fingerprint: str = ""  # derived here unless the values come from more than the data set

    def __post_init__(self) -> None:
        """Freeze the arrays and derive the fingerprint from input and spec."""
        put = object.__setattr__
        put(self, "values", frozen(self.values))
        for name in ("structures", "structure_offsets", "environments"):
            put(self, name, frozen(getattr(self, name), np.int64))
        if not self.fingerprint:
            put(self, "fingerprint", _fingerprint(self.source, self.spec))

    def _facts(self) -> Iterator[str]:
        yield type(self.spec).__name__
        yield f"{self.n_structures} structures"
        yield f"{self.n_environments} environments"
        yield f"{self.values.shape[1]} numbers each"

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
DESCRIPTORS: Registry[tuple[type, DescriptorMethod]] = Registry(
    "descriptor",
    {
        "analytics.descriptors.auto": ("auto",),
        "analytics.descriptors.distances": ("distances",),
        "analytics.descriptors.composition": ("composition",),
        "analytics.descriptors.channels": ("species_distances",),
        "analytics.descriptors.soap": ("soap",),
        "analytics.descriptors.stored": ("stored",),
        "analytics.descriptors.chgnet": ("chgnet",),
        "analytics.descriptors.sevennet": ("sevennet",),
        "analytics.descriptors.mace": ("mace",),
    },
)


# ------------------------------------------------------------------------ what a spec may add
#
# A spec is a frozen dataclass. It may also have: `resolved(*datasets)`, the spec with everything
# filled in that depends on the data, such as the species (it may be that of another descriptor);
# `reads(dataset)`, a digest of input that
# is no part of the data set's fingerprint; `suggested_bandwidth`, a number.


def _fingerprint(source: str, spec: Any, extra: str = "") -> str:
    text = f"{type(spec).__name__}{sorted(asdict(spec).items())}"
    return fingerprint(source, text, extra) if extra else fingerprint(source, text)


def default_spec() -> Any:
    """Return the spec that describes environments unless another is asked for."""
    return DESCRIPTORS["auto"][0]()


def resolved_spec(spec: T, *datasets: Dataset) -> T:
    """Return the spec with what it leaves to the data filled in, for all of the data sets at once.

    Descriptors of several data sets can be compared only if they were made with one resolved spec:
    where columns belong to species, all must have the same ones.

    Parameters
    ----------
    spec : dataclass
        Of a registered descriptor.
    *datasets : Dataset
    """
    fill = getattr(spec, "resolved", None)
    return spec if fill is None else cast(T, fill(*datasets))


def descriptor_fingerprint(dataset: Dataset, spec: Any) -> str:
    """Return the fingerprint that the descriptors of a data set have, without computing them."""
    spec = resolved_spec(spec, dataset)
    reads = getattr(spec, "reads", None)
    return _fingerprint(dataset.fingerprint, spec, "" if reads is None else reads(dataset))


def suggested_bandwidth(spec: Any) -> float | None:
    """Return the bandwidth a descriptor is usually used with, in its unit; None if there is none.

    Distances in different descriptors differ by orders of magnitude, so one default cannot serve
    them all.
    """
    value = getattr(spec, "suggested_bandwidth", None)
    return None if value is None else float(value)


def descriptor_name(spec: Any) -> str:
    """Return the name under which the descriptor of a spec is registered; else that of its type."""
    return next((n for n in DESCRIPTORS if DESCRIPTORS[n][0] is type(spec)), type(spec).__name__)


def refuse_oversize(n_environments: int, dimensions: int, advice: str) -> None:
    """Raise `WinnowError` if descriptors would take more than a quarter of the memory."""
    needed, limit = 8.0 * n_environments * dimensions, 0.25 * physical_memory()
    if needed > limit:
        raise WinnowError(
            f"descriptors of {n_environments} environments with {dimensions} numbers each take "
            f"{needed / 1e9:.1f} GB, more than a quarter of this machine's memory; {advice}"
        )
