"""Split into training, validation and test sets, without leakage: near-duplicates on one side."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components
from scipy.spatial import cKDTree

from analytics.curation.duplicates import (
    REACH_UNIT,
    DuplicateSpec,
    cell_invariants,
    composition_classes,
    landmarks,
    same_cell,
)
from analytics.curation.environments import Environments, prepare
from analytics.curation.matching import match_structures
from analytics.data.dataset import Dataset
from analytics.data.exact_duplicates import duplicate_groups
from analytics.descriptors.base import Descriptors
from analytics.descriptors.distances import describe
from analytics.runtime.arrays import FloatArray, IntArray, frozen, members_of
from analytics.runtime.errors import InputError
from analytics.runtime.pieces import keys_in, under
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Table

__all__ = ["NAMES", "STRATA", "Split", "Stratify", "part_names", "split"]

#: What parts are called, by how many there are.
NAMES = {2: ("train", "test"), 3: ("train", "valid", "test")}
Stratify = Literal["class and composition", "class", "composition", "nothing"]
STRATA: tuple[Stratify, ...] = ("class and composition", "class", "composition", "nothing")


@dataclass(frozen=True)
class Split(Table):
    """Parts of a data set, such as training, validation and test set.

    Attributes
    ----------
    names : tuple of str
    fractions : float array (n_parts,)
        Shares that were asked for, of the structures that are no isolated atoms.
    part : int array (n_structures,)
        The part of each structure; isolated atoms are in the first.
    group : int array (n_structures,)
        Structures with the same number were kept together: near-duplicates, and those of one
        value of the key that was given.
    isolated : int array
        Isolated atoms: the reference energies, which every training needs.
    leaked_at_random : int
        Structures outside the first part that would be in a group with one of it, had the
        structures been dealt one by one, by the same seed.
    leaked : int
        The same of this split: none.
    seed : int
    stratify : str
    group_key : str
    spec : DuplicateSpec
    bandwidth : float
    source : str
        Fingerprint of the data set.
    """

    names: tuple[str, ...]
    fractions: FloatArray
    part: IntArray
    group: IntArray
    isolated: IntArray
    leaked_at_random: int
    leaked: int
    seed: int
    stratify: Stratify
    group_key: str
    spec: DuplicateSpec
    bandwidth: float
    source: str

    @property
    def parts(self) -> dict[str, IntArray]:
        """The structures of each part, ascending, by its name."""
        return {
            name: frozen(np.flatnonzero(self.part == at), np.int64)
            for at, name in enumerate(self.names)
        }

    @property
    def groups(self) -> tuple[IntArray, ...]:
        """Structures that were kept together, groups of two and more, the largest first."""
        found = [one for one in members_of(self.group) if len(one) > 1]
        return tuple(frozen(one, np.int64) for one in sorted(found, key=lambda g: (-len(g), g[0])))

    def _facts(self) -> Iterator[str]:
        yield ", ".join(f"{name} {len(found)}" for name, found in self.parts.items())
        yield f"{len(self.groups)} groups kept together"
        yield f"{self.leaked} leak ({self.leaked_at_random} at random)"

    def to_frame(self) -> Any:
        """Return one row per structure: its part and its group."""
        import pandas as pd  # slow to import, and few ask

        names = np.array(self.names)[self.part]
        return pd.DataFrame({"part": names, "group": self.group})

    def to_dict(self, frame_indices: IntArray) -> dict[str, Any]:
        """Return plain values, for JSON; structures by their index in the original file."""
        return {
            "fractions": self.fractions.tolist(),
            "seed": self.seed,
            "stratify": self.stratify,
            "group_key": self.group_key,
            "tolerance": self.spec.tolerance,
            "cell": self.spec.cell,
            "bandwidth": self.bandwidth,
            "fingerprint": self.source,
            "leaked_at_random": self.leaked_at_random,
            "leaked": self.leaked,
            "isolated_frame_indices": frame_indices[self.isolated].tolist(),
            "parts": {name: frame_indices[found].tolist() for name, found in self.parts.items()},
            "kept_together": [frame_indices[group].tolist() for group in self.groups],
        }


def split(
    dataset: Dataset,
    fractions: Sequence[float] = (0.8, 0.1, 0.1),
    *,
    names: Sequence[str] | None = None,
    descriptors: Descriptors | None = None,
    spec: DuplicateSpec | None = None,
    bandwidth: float = 0.015,
    stratify: Stratify = "class and composition",
    group_key: str = "",
    seed: int = 0,
    monitor: Monitor = SILENT,
) -> Split:
    """Deal structures to training, validation and test set so that none of one is in another.

    Near-duplicates (`near_duplicates`), also in a chain, go to one part together; isolated atoms
    go to the first. Each class and composition is dealt in the same shares as far as its groups
    allow; those with too few structures for that are dealt with others of their class, or with
    all others.

    Parameters
    ----------
    dataset : Dataset
    fractions : sequence of float
        Share of each part; they sum to one.
    names : sequence of str, optional
        Default: train, test, or train, valid, test.
    descriptors : Descriptors, optional
        Of that data set (default: by distances, see `describe`).
    spec : DuplicateSpec, optional
        What counts as a near-duplicate.
    bandwidth : float
        h, in the unit of the descriptor; the tolerance is a share of it.
    stratify : str
        One of `STRATA`: what is dealt in the same shares.
    group_key : str
        Per-structure key of the file whose equal values stay together, such as the name of the
        trajectory; structures without it stand for themselves.
    seed : int
    monitor : Monitor

    Returns
    -------
    Split

    Examples
    --------
    >>> winnow.split(data, (0.8, 0.2))
    Split(train 48, test 12, 0 groups kept together, 0 leak (0 at random), fcdf0131)

    Notes
    -----
    Groups are dealt in random order, larger ones before smaller ones, each to the part that lacks
    most of its strata among those that have room for it.
    """
    shares, names = np.array(fractions, dtype=np.float64), part_names(fractions, names)
    spec = spec or DuplicateSpec()
    isolated = dataset.isolated
    group = _groups(dataset, descriptors, spec, bandwidth, group_key, Part(monitor, 0.0, 0.9))
    free = np.flatnonzero(~isolated)
    strata = _strata(dataset, free, stratify, shares)
    generator = np.random.default_rng(seed)
    part = np.zeros(dataset.n_structures, dtype=np.int64)
    part[free] = _deal(group[free], strata, shares, generator)
    alone = np.zeros_like(part)
    alone[free] = _deal(np.arange(len(free)), strata, shares, np.random.default_rng(seed))
    monitor.report(1.0, "dealt")
    return Split(
        names=tuple(names),
        fractions=frozen(shares),
        part=frozen(part, np.int64),
        group=frozen(group, np.int64),
        isolated=frozen(np.flatnonzero(isolated), np.int64),
        leaked_at_random=_leaked(group[free], alone[free]),
        leaked=_leaked(group[free], part[free]),
        seed=seed,
        stratify=stratify,
        group_key=group_key,
        spec=spec,
        bandwidth=bandwidth,
        source=dataset.fingerprint,
    )


def part_names(fractions: Sequence[float], names: Sequence[str] | None = None) -> tuple[str, ...]:
    """Return what the parts are called.

    Raises
    ------
    ValueError
        If the fractions are no shares of a whole, or the names are others than the parts.
    """
    shares, n = np.array(fractions, dtype=np.float64), len(fractions)
    if n < 2 or not (shares > 0).all():
        raise ValueError(f"fractions are {list(fractions)}, not two or more above zero")
    if abs(shares.sum() - 1) > 1e-6:
        raise ValueError(f"fractions {list(fractions)} sum to {shares.sum():g}, not to 1")
    found = tuple(names or NAMES.get(n) or (f"part{at + 1}" for at in range(n)))
    if len(found) != n or len(set(found)) != n:
        raise ValueError(f"names are {', '.join(found)}, not {n} different ones")
    return found


# ---- what stays together ------------------------------------------------------------------------


def _groups(
    dataset: Dataset,
    descriptors: Descriptors | None,
    spec: DuplicateSpec,
    bandwidth: float,
    group_key: str,
    monitor: Monitor,
) -> IntArray:
    """Return the group of each structure, int array (n_structures,), numbered by first member."""
    pairs = [(int(g[0]), int(s)) for g in duplicate_groups(dataset) for s in g[1:]]
    pairs += _of_key(dataset, group_key)
    if not dataset.isolated.all():
        pairs += _near_pairs(dataset, descriptors, spec, bandwidth, monitor)
    first, second = np.array(pairs, dtype=np.int64).reshape(-1, 2).T
    n = dataset.n_structures
    graph = coo_array((np.ones(len(first)), (first, second)), shape=(n, n))
    _, found = connected_components(graph, directed=False)
    return np.asarray(found, dtype=np.int64)


def _of_key(dataset: Dataset, key: str) -> list[tuple[int, int]]:
    """Return pairs that link all structures of each value of a key."""
    if not key:
        return []
    firsts: dict[str, int] = {}
    pairs = []
    isolated = dataset.isolated.tolist()
    for s, value in enumerate(_values(dataset, key)):
        if value is not None and not isolated[s]:
            pairs.append((firsts.setdefault(value, s), s))
    if not firsts:
        have = sorted(keys_in(dataset.records, "info"))
        told = ", ".join(have[:20]) or "none"
        raise InputError(f"no structure has the key {key!r}; it has {told}", source=dataset.name)
    return pairs


def _values(dataset: Dataset, key: str) -> list[str | None]:
    if not dataset.records and key in ("config_type", dataset.keys.config_type):
        return [str(value) or None for value in dataset.config_type]
    values = under(dataset.records, "info", key)
    return [None if value is None else str(value) for value in values]


def _near_pairs(
    dataset: Dataset,
    descriptors: Descriptors | None,
    spec: DuplicateSpec,
    bandwidth: float,
    monitor: Monitor,
) -> list[tuple[int, int]]:
    """Return pairs of near-duplicates that link all that are in a chain of them.

    Two that a chain links already are not compared.
    """
    if descriptors is None:
        descriptors = describe(dataset, monitor=Part(monitor, 0.0, 0.3))
    (environments,) = prepare([dataset], [descriptors], Part(monitor, 0.3, 0.5))
    described = descriptors.structures
    marks, cells = landmarks(environments), cell_invariants(dataset, described)
    tolerance = spec.tolerance * bandwidth
    pairs: list[tuple[int, int]] = []
    part, done = Part(monitor, 0.5, 1.0, "comparing structures"), 0
    for members in composition_classes(dataset, described, np.arange(len(described))):
        tree = cKDTree(marks[members])
        linked = _Linked(len(members))
        for at, place in enumerate(members.tolist()):
            reach = tolerance * (1 + 1e-9) + 1e-9
            near = np.array(tree.query_ball_point(marks[place], reach, p=np.inf), dtype=np.int64)
            near = near[(near > at) & (linked.root[near] != linked.root[at])]
            near = near[same_cell(cells[members[near]], cells[place], spec.cell)]
            for other in _matching(environments, place, members, near, tolerance, spec):
                linked.join(at, other)
                pairs.append((int(described[place]), int(described[members[other]])))
            if (done + at) % 64 == 0:
                part.report((done + at) / max(1, len(described)), "comparing structures")
                part.checkpoint()
        done += len(members)
    return pairs


def _matching(
    environments: Environments,
    place: int,
    members: IntArray,
    near: IntArray,
    tolerance: float,
    spec: DuplicateSpec,
) -> list[int]:
    if not len(near):
        return []
    found = match_structures(
        environments, place, environments, members[near], tolerance, spec.tolerance * REACH_UNIT
    )
    return [int(other) for other in near[np.isfinite(found)]]


class _Linked:
    """Chains of structures: `root` is the same for all of one."""

    def __init__(self, n: int) -> None:
        self.root = np.arange(n)

    def join(self, one: int, other: int) -> None:
        """Link two of them."""
        self.root[self.root == self.root[other]] = self.root[one]


# ---- dealing ------------------------------------------------------------------------------------


def _strata(
    dataset: Dataset, structures: IntArray, stratify: Stratify, shares: FloatArray
) -> IntArray:
    """Return the stratum of each structure; small ones are joined, int array (n,)."""
    compositions = [row.tobytes() for row in dataset.compositions[structures]]
    classes = [str(name) for name in dataset.config_type[structures]]
    blank = [""] * len(structures)
    if stratify == "nothing":
        levels: list[list[Any]] = [blank]
    elif stratify == "class":
        levels = [classes, blank]
    elif stratify == "composition":
        levels = [compositions, blank]
    else:
        levels = [list(zip(classes, compositions, strict=True)), classes, blank]
    enough = int(np.ceil(1 / shares.min()))
    found = np.full(len(structures), -1)
    for level in levels:
        left = np.flatnonzero(found < 0)
        names: dict[Any, list[int]] = {}
        for at in left.tolist():
            names.setdefault(level[at], []).append(at)
        last = level is levels[-1]
        for places in names.values():
            if last or len(places) >= enough:
                found[places] = found.max() + 1
    return found


def _deal(
    group: IntArray, strata: IntArray, shares: FloatArray, generator: np.random.Generator
) -> IntArray:
    """Return the part of each structure, int array (n,).

    Parameters
    ----------
    group, strata : int array (n,)
    shares : float array (n_parts,)
    generator : numpy.random.Generator
    """
    n, part = len(group), np.zeros(len(group), dtype=np.int64)
    if not n:
        return part
    members = members_of(group)
    sizes = np.array([len(one) for one in members])
    shuffled = generator.permutation(len(members))
    queue = shuffled[np.argsort(-sizes[shuffled], kind="stable")]
    lacking = np.outer(np.bincount(strata), shares)  # (n_strata, n_parts)
    room = n * shares
    for at in queue.tolist():
        kinds, counts = np.unique(strata[members[at]], return_counts=True)
        need = (counts[:, None] * lacking[kinds]).sum(axis=0) / sizes[at]
        fits = room >= sizes[at] - 0.5
        to = int(np.argmax(np.where(fits, need, -np.inf))) if fits.any() else int(np.argmax(room))
        part[members[at]] = to
        lacking[kinds, to] -= counts
        room[to] -= sizes[at]
    return part


def _leaked(group: npt.NDArray[np.int64], part: IntArray) -> int:
    """Return how many structures outside the first part are in a group with one of it."""
    return int(np.isin(group[part > 0], group[part == 0]).sum())
