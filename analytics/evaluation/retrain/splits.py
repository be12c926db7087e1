"""Train/test splits: random hold-out, high-force tail, one class left out; each resampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.data.dataset import Dataset
from analytics.runtime.arrays import IntArray, frozen
from analytics.runtime.errors import InputError
from analytics.runtime.value import Value

__all__ = ["SPLITS", "Split", "basis_family", "make_splits", "resampled", "widening"]

SPLITS = ("random", "high_force", "leave_class_out")

#: Share of the structures held out at random, and of a pool left out of a resample.
HELD_OUT = 0.2
#: Structures whose largest force is above this quantile are the high-force tail.
TAIL = 0.85


@dataclass(frozen=True, slots=True)
class Split(Value):
    """A pool and what is held out of it.

    Attributes
    ----------
    test : str
        Name of what is held out.
    resample : int
        Number of the repetition.
    pool, held_out : int arrays
        Structures of the data set, isolated atoms excluded, ascending.
    basis_from : int array, optional
        Structures that the basis may be made from; None for all.
    """

    test: str
    resample: int
    pool: IntArray
    held_out: IntArray
    basis_from: IntArray | None = None


def widening(resamples: int) -> float:
    r"""Return the standard error of a mean over resamples in units of their standard deviation.

    Pools of resamples have most structures in common, so that their scatter alone tells too
    little: :math:`\sqrt{1/r + q / (1 - q)}` with the share q left out of each, in place of
    :math:`\sqrt{1/r}`.

    References
    ----------
    Nadeau, Bengio, Mach. Learn. 52, 239 (2003), doi:10.1023/A:1024068626366 (the corrected
    resampled t-test).
    """
    return float(np.sqrt(1.0 / resamples + HELD_OUT / (1.0 - HELD_OUT)))


def resampled(structures: IntArray, seed: int, share: float = 1.0 - HELD_OUT) -> IntArray:
    """Return a share of structures drawn without replacement, ascending; two at least."""
    size = max(min(2, len(structures)), round(share * len(structures)))
    order = np.random.default_rng(seed).permutation(len(structures))
    return np.sort(structures[order[:size]])


def make_splits(
    dataset: Dataset,
    structures: IntArray,
    kind: str = "random",
    *,
    resamples: int = 5,
    seed: int = 0,
) -> list[Split]:
    """Return pools and what is held out of them.

    Every kind repeats itself: the pool of each resample is 80 % of what it could be, so that the
    spread of a deterministic method can be seen. At random the other 20 % are the test; else the
    test stays the same.

    Parameters
    ----------
    dataset : Dataset
    structures : int array
        Those that take part.
    kind : str
        "random": a fifth is held out; the basis is made from all (it is blind to labels).
        "high_force": the 15 % of the structures with the largest force are held out, the basis is
        made from the rest. "leave_class_out": every config_type in turn, likewise.
    resamples : int
    seed : int

    Raises
    ------
    InputError
        If there is too little to split.
    """
    if kind not in SPLITS:
        raise ValueError(f"split is {kind!r}, not one of {', '.join(SPLITS)}")
    if resamples < 1:
        raise ValueError(f"resamples is {resamples}, not a positive number")
    structures = np.sort(np.asarray(structures, dtype=np.int64))
    if len(structures) < 4:
        raise InputError(
            f"{len(structures)} structures besides isolated atoms are too few to split "
            "into training and test",
            source=dataset.name,
        )
    if kind == "random":
        return _random(structures, resamples, seed)
    groups = _tail(dataset, structures) if kind == "high_force" else _classes(dataset, structures)
    found = []
    for name, test in groups.items():
        pool = np.setdiff1d(structures, test)
        for r in range(resamples):
            drawn = frozen(resampled(pool, seed + r))
            found.append(Split(name, r, drawn, frozen(test), frozen(pool)))
    return found


def basis_family(dataset: Dataset, structures: IntArray, kind: str) -> list[IntArray | None]:
    """Return the pools of all splits that are looked at together, for `design_of`.

    Those of "random" and "high_force", or those of every class left out; isolated atoms are part
    of every pool. Pools that lack a species are not among them: they need another basis.
    """
    structures = np.sort(np.asarray(structures, dtype=np.int64))
    pools: list[IntArray | None] = []
    try:
        if kind == "leave_class_out":
            groups = _classes(dataset, structures)
        else:
            pools, groups = [None], _tail(dataset, structures)
    except InputError:  # no forces, one class: nothing to look at besides
        return pools
    isolated, species = np.flatnonzero(dataset.isolated), np.unique(dataset.numbers)
    for test in groups.values():
        pool = np.union1d(np.setdiff1d(structures, test), isolated)
        if np.array_equal(np.unique(dataset.take(pool).numbers), species):
            pools.append(pool)
    return pools


def _random(structures: IntArray, resamples: int, seed: int) -> list[Split]:
    found = []
    for r in range(resamples):
        pool = resampled(structures, seed + r)
        found.append(Split("hold_out", r, frozen(pool), frozen(np.setdiff1d(structures, pool))))
    return found


def _tail(dataset: Dataset, structures: IntArray) -> dict[str, IntArray]:
    norms = np.nan_to_num(dataset.force_norms, nan=-1.0)
    largest = np.array([norms[dataset.rows(int(s))].max() for s in structures])
    labelled = largest >= 0
    if not labelled.any() or largest.max() <= 0:
        raise InputError(
            "the high-force tail needs forces, and there are none", source=dataset.name
        )
    bound = np.quantile(largest[labelled], TAIL)
    tail = structures[largest >= bound]
    if len(tail) > 0.5 * len(structures):
        raise InputError("the forces have no tail to hold out", source=dataset.name)
    return {"high_force": tail}


def _classes(dataset: Dataset, structures: IntArray) -> dict[str, IntArray]:
    labels = dataset.config_type[structures]
    names = [str(name) for name in np.unique(labels)]
    if len(names) < 2:
        raise InputError(
            "leaving a class out needs two values of config_type at least", source=dataset.name
        )
    groups = {name or "(none)": structures[labels == name] for name in names}
    return {name: test for name, test in groups.items() if len(structures) - len(test) >= 2}
