"""Energy outliers and levels: energies per atom that lie apart from those of their kind."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols

from analytics.data.dataset import Dataset
from analytics.runtime.arrays import FloatArray, IntArray, frozen, members_of, owners
from analytics.runtime.value import Value

__all__ = [
    "MAD_TO_SIGMA", "EnergyBlock", "EnergyLevels", "energy_levels", "kinds_of",
    "reference_energies",
]  # fmt: skip

#: Groups with fewer structures have no level worth comparing with.
FEWEST = 10
#: No scale is taken as smaller than this: identical structures have none, eV/atom.
SMALLEST_SCALE = 1e-3
#: The median absolute deviation of a normal distribution times this is its standard deviation.
MAD_TO_SIGMA = 1.4826
#: A gap between energies that parts two levels, in such deviations: a compressed cell is far from
#: the median and near its neighbours in the series, and is not out of line.
GAP = 3.0
#: Structures that make a level of their own.
LEVEL = 3
#: A class lies apart where its distance is this many times its own spread and that of the others,
#: and at least so many eV/atom from others of the same composition or of any.
APART, SAME_ELEMENTS, ANY_ELEMENTS = 3.0, 0.3, 5.0
ROUNDS = 30
#: What is larger is damage, and would decide the fit alone, eV/atom.
LARGEST_ENERGY = 1e12


@dataclass(frozen=True, slots=True)
class EnergyBlock(Value):
    """Structures of one class and composition whose energies lie apart from the others of it.

    Attributes
    ----------
    kind : 'outliers', 'level' or 'island'
        A few; a second mode, of three and more; a whole class, apart from the other classes.
    structures : int array (m,)
        Indices in the data set, the farthest first.
    config_type : str
    formula : str
        Composition of the cell, or what it is a multiple of; empty where the group has several.
    n_group : int
        Structures that they are compared with and they themselves.
    lowest, highest : float, eV/atom
        Range of the energies from the median of the others.
    """

    kind: Literal["outliers", "level", "island"]
    structures: IntArray
    config_type: str
    formula: str
    n_group: int
    lowest: float
    highest: float

    @property
    def farthest(self) -> float:
        """Largest distance from the median of the others, eV/atom."""
        return max(abs(self.lowest), abs(self.highest))

    @property
    def words(self) -> str:
        """What it is, in one line."""
        named = ", ".join(x for x in (self.config_type, self.formula) if x) or "all"
        ends = f"{self.lowest:+.2f}", f"{self.highest:+.2f}"
        away = ends[0] if ends[0] == ends[1] else " to ".join(ends)
        what = {
            "outliers": "", "level": ", a level of their own",
            "island": ", the whole class is an island",
        }[self.kind]  # fmt: skip
        return f"{len(self.structures)} of {self.n_group} of {named}: {away} eV/atom{what}"


@dataclass(frozen=True, slots=True)
class EnergyLevels(Value):
    """Energies against those of the same kind; NaN where nothing is compared.

    Attributes
    ----------
    blocks : tuple of EnergyBlock
        The farthest first.
    z_scores : float array (n_structures,)
    residuals, medians, scales : float array (n_structures,), eV/atom
        Energy beyond the references of the elements; middle and scale of the main level of the
        group of each.
    references : dict of int to float, eV
        By atomic number.
    """

    blocks: tuple[EnergyBlock, ...]
    z_scores: FloatArray
    residuals: FloatArray
    medians: FloatArray
    scales: FloatArray
    references: dict[int, float]


def energy_levels(dataset: Dataset, *, z_score: float = 6.0) -> EnergyLevels:
    r"""Find energies apart from those of the same class and composition.

    Parameters
    ----------
    dataset : Dataset
    z_score : float
        How far from the median counts as out of line, in robust standard deviations.

    Notes
    -----
    Residuals :math:`r` are energies per atom beyond a fitted reference per element
    (`reference_energies`). Structures are compared with those of their config_type and of the same
    atoms; where these are fewer than ten, of the same stoichiometry; or else of the class.
    (Structures without a class are one.) A gap of three robust standard deviations s parts a group
    into levels, and the largest is the main one: :math:`z = (r - \mathrm{median}) / s`, with s the
    median absolute deviation times 1.4826 and at least 1 meV/atom. Out of line is what lies beyond
    a gap and `z_score`; the dense end of an equation of state is far, but no gap leads to it.
    A class is an island where the middle 90 % of its energies are apart from those of all others
    of the same stoichiometry (or else of all others) by three times the wider of the two ranges,
    and by 0.3 (5) eV/atom.
    """
    references, residuals = reference_energies(dataset)
    z, medians, scales = np.full((3, dataset.n_structures), np.nan)
    blocks: list[EnergyBlock] = []
    for members, depth in _groups(dataset, np.isfinite(residuals) & ~dataset.isolated):
        level, main = _levels(residuals[members])
        scale = _scale(residuals[members][level == main])
        middle = float(np.median(residuals[members][level == main]))
        medians[members], scales[members] = middle, scale
        z[members] = (residuals[members] - middle) / scale
        for side in (-1.0, 1.0):
            far = (level != main) & (side * z[members] > z_score)
            large = far & (np.bincount(level)[level] >= LEVEL)
            parts = [level == each for each in np.unique(level[large])] + [far & ~large]
            for part in (members[part] for part in parts if part.any()):
                part = part[np.argsort(-np.abs(z[part]), kind="stable")]
                blocks.append(_block(dataset, residuals - middle, part, len(members), depth))
    blocks += _islands(dataset, residuals)
    blocks.sort(key=lambda block: -block.farthest)
    return EnergyLevels(tuple(blocks), z, residuals, medians, scales, references)


def _groups(dataset: Dataset, usable: npt.NDArray[np.bool_]) -> Iterator[tuple[IntArray, int]]:
    """Yield the structures to compare with one another, and how many of the criteria they share."""
    left = usable.copy()
    for depth in (2, 1, 0):
        kinds = kinds_of(dataset, depth)
        todo = np.flatnonzero(left)
        for members in (todo[part] for part in members_of(kinds[todo])):
            if len(members) >= FEWEST:
                left[members] = False
                yield members, depth


def kinds_of(dataset: Dataset, depth: int, *, classes: bool = True) -> IntArray:
    """Return numbers equal for equal class and (1) stoichiometry or (2) composition, (n,)."""
    table = np.zeros((dataset.n_structures, 1), dtype=np.int64)
    if classes:
        table[:, 0] = np.unique(dataset.config_type, return_inverse=True)[1]
    if depth:
        table = np.column_stack([table, _composition(dataset, depth)])
    return np.unique(table, axis=0, return_inverse=True)[1].reshape(-1)


def _composition(dataset: Dataset, depth: int) -> IntArray:
    counts = dataset.compositions
    if depth == 2:
        return counts
    return np.asarray(counts // np.maximum(1, np.gcd.reduce(counts, axis=1))[:, None])


def _levels(energies: FloatArray) -> tuple[IntArray, int]:
    """Return the level of each energy, ascending, and which is the largest one."""
    order = np.argsort(energies, kind="stable")
    gaps = np.diff(energies[order]) > GAP * _scale(energies)
    level = np.empty(len(energies), dtype=np.int64)
    level[order] = np.concatenate([[0], np.cumsum(gaps)])
    return level, int(np.argmax(np.bincount(level)))


def _scale(energies: FloatArray) -> float:
    away = np.abs(energies - np.median(energies))
    return max(SMALLEST_SCALE, MAD_TO_SIGMA * float(np.median(away)))


def _block(
    dataset: Dataset, away: FloatArray, far: IntArray, n_group: int, depth: int,
    kind: Literal["outliers", "level", "island"] | None = None,
) -> EnergyBlock:  # fmt: skip
    low, high = float(away[far].min()), float(away[far].max())
    if kind is None:
        kind = (
            "level"
            if len(far) >= LEVEL and high - low < 0.5 * min(abs(low), abs(high))
            else "outliers"
        )
    return EnergyBlock(
        kind=kind,
        structures=frozen(far, np.int64),
        config_type=str(dataset.config_type[far[0]]),
        formula=_formula(dataset, int(far[0]), depth),
        n_group=n_group,
        lowest=low,
        highest=high,
    )


def _formula(dataset: Dataset, structure: int, depth: int) -> str:
    if not depth:
        return ""
    counts = _composition(dataset.take(np.array([structure])), depth)[0]
    elements = np.unique(dataset.numbers[dataset.rows(structure)])
    return "".join(
        f"{chemical_symbols[z]}{n if n > 1 else ''}" for z, n in zip(elements, counts, strict=True)
    )


def _islands(dataset: Dataset, residuals: FloatArray) -> Iterator[EnergyBlock]:
    """Yield classes (of one stoichiometry) whose energies are apart from all others."""
    usable = np.isfinite(residuals) & ~dataset.isolated
    if len(np.unique(dataset.config_type[usable])) < 2:
        return
    within, alike = kinds_of(dataset, 1), kinds_of(dataset, 1, classes=False)
    for kind in np.unique(within[usable]):
        own = usable & (within == kind)
        first = int(np.flatnonzero(own)[0])
        others = usable & (dataset.config_type != dataset.config_type[first])
        same = others & (alike == alike[first])
        rest, least = (same, SAME_ELEMENTS) if same.sum() >= FEWEST else (others, ANY_ELEMENTS)
        if own.sum() < LEVEL or rest.sum() < max(FEWEST, own.sum()):
            continue
        a, b = (np.percentile(residuals[x], [5, 95]) for x in (own, rest))
        gap = max(a[0] - b[1], b[0] - a[1])
        if gap > max(least, APART * max(np.ptp(a), np.ptp(b))):
            away = residuals - np.median(residuals[rest])
            far = np.flatnonzero(own)[np.argsort(-np.abs(away[own]), kind="stable")]
            yield _block(dataset, away, far, int(own.sum() + rest.sum()), 1, "island")


def reference_energies(dataset: Dataset) -> tuple[dict[int, float], FloatArray]:
    """Fit one energy per element, so that what is left does not depend on the composition.

    Parameters
    ----------
    dataset : Dataset

    Returns
    -------
    references : dict of int to float
        Energy per atom by atomic number, eV. Where compositions do not vary enough to tell the
        elements apart, the smallest solution.
    residuals : float array (n_structures,), eV/atom
        Energy per atom beyond the references; NaN where there is no energy. Isolated atoms take
        no part in the fit.

    Notes
    -----
    Least absolute residuals by iteratively reweighted least squares, because a few compressed
    cells lie tens of eV/atom above all others.
    """
    elements, kind = np.unique(dataset.numbers, return_inverse=True)
    flat = owners(dataset.structure_offsets) * len(elements) + kind
    counts = np.bincount(flat, minlength=dataset.n_structures * len(elements))
    sizes = np.maximum(1, dataset.sizes)
    shares = counts.reshape(-1, len(elements)) / sizes[:, None]
    if dataset.energies is None:
        return {}, np.full(dataset.n_structures, np.nan)
    energies = dataset.energies / sizes
    # NaN and infinity are no such energy either
    used = (np.abs(energies) < LARGEST_ENERGY) & ~dataset.isolated & (dataset.sizes > 0)
    if not used.any():
        return {}, np.full(dataset.n_structures, np.nan)
    x, y = shares[used], energies[used]
    # molecules have thousands of eV; what varies is small: start from the median
    middle, weights = float(np.median(y)), np.ones(len(y))
    for _ in range(ROUNDS):
        root = np.sqrt(weights)
        found = np.linalg.lstsq(x * root[:, None], (y - middle) * root, rcond=1e-8)[0]
        weights = 1.0 / np.maximum(np.abs(y - middle - x @ found), SMALLEST_SCALE)
    references = found + middle  # shares sum to one
    residuals = np.where(np.isfinite(energies), energies - shares @ references, np.nan)
    return dict(zip(elements.tolist(), references.tolist(), strict=True)), residuals
