"""Registry of the potentials that a retrain check can fit: linear in their coefficients.

Whatever the potential, its functions are fixed before the fit and blind to labels, so that the
equations of any subset are sums over its structures (`analytics.potential.normal_equations`). The
class of a spec decides which potential is meant.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from analytics.data.dataset import Dataset
from analytics.potential.spec import PotentialSpec
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor
from analytics.runtime.registry import Registry

__all__ = ["POTENTIALS", "FixedBasis", "PoolPart", "Potential", "Rows", "pools_of", "potential_of"]

#: What tells the basis of one pool from that of all: an array, whose meaning the basis knows.
PoolPart = npt.NDArray[Any]
#: (data set, structure, whether forces are wanted) -> what each function gives to the energy (M,)
#: and to the forces (3 n, M), 1/angstrom: x, y and z of the first atom, then of the next.
Rows = Callable[[Dataset, int, bool], tuple[FloatArray, FloatArray]]


class FixedBasis(Protocol):
    """The functions of a potential, M of them; each belongs to one species of the centre."""

    def __len__(self) -> int: ...

    @property
    def spec(self) -> PotentialSpec:
        """As used: of many species it may have fewer functions than were asked for."""

    @property
    def species(self) -> IntArray:
        """Atomic numbers, ascending."""

    @property
    def fingerprint(self) -> str:
        """Digest of everything that rows depend on."""

    def restricted(self, part: PoolPart) -> FixedBasis:
        """Return the basis of one of the pools that it was made for."""

    def to_restricted(self, part: PoolPart) -> Callable[[npt.NDArray[Any]], npt.NDArray[Any]]:
        """Return what turns rows of this basis into those of the restricted one."""


@dataclass(frozen=True, slots=True)
class Potential:
    """A potential by its parts.

    Attributes
    ----------
    name, label : str
        As it is asked for, and as it is called in a sentence.
    spec : type
    choose_bases : function of (data set, spec, pools, monitor)
        The basis that serves several pools, and the part of each; see `FixedBasis.restricted`.
        None for a pool is every structure. Only geometry is looked at, never labels, and of a
        pool's own structures alone.
    make_rows : function of a basis
    most_functions : function of (spec, number of species)
        How many functions a basis has at most.
    """

    name: str
    label: str
    spec: type[PotentialSpec]
    choose_bases: Callable[
        [Dataset, Any, Sequence[IntArray | None], Monitor], tuple[FixedBasis, list[PoolPart]]
    ]
    make_rows: Callable[[Any], Rows]
    most_functions: Callable[[Any, int], int]


POTENTIALS: Registry[Potential] = Registry(
    "potential",
    {
        "analytics.potential.soap_gap": ("soap_gap",),
        "analytics.potential.linear_ace": ("linear_ace",),
    },
)


def potential_of(spec: PotentialSpec) -> Potential:
    """Return the potential that a spec is the options of."""
    return POTENTIALS[spec.potential]


def pools_of(dataset: Dataset, pools: Sequence[IntArray | None]) -> tuple[list[IntArray], IntArray]:
    """Return the structures with atoms of each pool, and the species, which all have in common.

    Raises
    ------
    InputError
        If a pool has no atom.
    """
    every = np.flatnonzero(dataset.sizes > 0)
    found = [every if pool is None else np.intersect1d(every, pool) for pool in pools]
    if min(len(pool) for pool in found) == 0:
        raise InputError("no structure to train on", source=dataset.name)
    return found, np.unique(dataset.take(found[0]).numbers)
