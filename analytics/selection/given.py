"""Given selection: a list of structures (a saved selection, a file of indices) in its own order."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from analytics.data.dataset import Dataset
from analytics.runtime.arrays import IntArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import Options, option
from analytics.selection.base import Method, Order, Pool, register

__all__ = ["GivenSpec", "listed", "select_given", "structures_of", "written"]


@dataclass(frozen=True, slots=True)
class GivenSpec(Options):
    """Options of a given selection."""

    indices: str = option(
        "",
        help="Zero-based indices of the original file, in order: 5,0,7-9.",
    )
    name: str = option("", help="Where they come from: a file, a saved selection.")


def written(indices: Iterable[int]) -> str:
    """Write indices in their order, runs of rising ones as 7-9."""
    runs: list[list[int]] = []
    for index in indices:
        if runs and index == runs[-1][1] + 1:
            runs[-1][1] = int(index)
        else:
            runs.append([int(index), int(index)])
    return ",".join(f"{a}" if a == b else f"{a}-{b}" for a, b in runs)


def listed(text: str, most: int, name: str = "") -> list[int]:
    """Read indices as `written` writes them.

    Parameters
    ----------
    text : str
    most : int
        The largest index there is: what lies beyond is left out.
    name : str
        Of the list, for the error.
    """
    found: list[int] = []
    for part in (each.strip() for each in text.split(",")):
        first, dash, last = part.partition("-")
        if not (first.isascii() and first.isdigit() and (not dash or last.isdigit())):
            raise InputError(f"{part[:20]!r} is no index (0, 1, 2, ... or 7-9)", source=name)
        low, high = int(first), int(last or first)
        found += range(low, min(high, most) + 1)
    return found


def structures_of(indices: Iterable[int], dataset: Dataset, name: str = "") -> IntArray:
    """Return the structures of a data set that indices of its original file stand for.

    Raises
    ------
    InputError
        Naming the first index that is there twice, or stands for no structure.
    """
    place, found = dataset.structure_of_frame(), dict[int, int]()
    for index in indices:
        if index not in place:
            frames = dataset.frame_indices
            raise InputError(
                f"index {index} is outside: {dataset.name} has {frames.min()} to {frames.max()}"
                if len(frames) == 1 + frames.max() - frames.min()
                else f"index {index} is not among what was read of {dataset.name}",
                source=name or None,
            )
        if index in found:
            raise InputError(f"index {index} is there twice", source=name or None)
        found[index] = place[index]
    return np.fromiter(found.values(), dtype=np.int64, count=len(found))


def select_given(
    pool: Pool, spec: GivenSpec, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> Order:
    """Take the structures of a list in its order, and nothing beyond it.

    Isolated atoms in the list are passed over: they are always kept; so is what is not in the data
    set, as in the part of it that a potential is trained on. Without a list these are all
    structures in the order of their contents.

    Good at holding what somebody has chosen by other means against the methods here; what the
    list is bad at is what the comparison shows. A budget larger than the list keeps the list.

    Cost: O(s) for s structures.

    References
    ----------
    None: the choice is yours.
    """
    if not spec.indices:
        picks = np.concatenate([pool.keep, pool.by_content])[: pool.size]
        return Order(picks, np.ones(len(picks)))
    dataset, described = pool.analysis.dataset, pool.analysis.descriptors.structures
    name, place = spec.name or "the list given", dataset.structure_of_frame()
    indices = dict.fromkeys(listed(spec.indices, int(dataset.frame_indices.max()), name))
    structures = np.array([place[each] for each in indices if each in place], dtype=np.int64)
    if len(structures) == 0:
        raise InputError(f"no structure of it is in {dataset.name}", source=name)
    at = np.searchsorted(described, structures).clip(max=len(described) - 1)
    places = at[described[at] == structures]
    picks = np.concatenate([pool.keep, places[pool.open[places]]])[: pool.size]
    return Order(picks, np.ones(len(picks)))


register(
    Method(
        name="given",
        title="Given list",
        kind="mixed",
        summary="a selection of yours, in its order",
        spec=GivenSpec,
        run=select_given,
    )
)
