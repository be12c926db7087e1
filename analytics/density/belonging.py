"""Whether a density belongs to its atoms: axes in another order, shuffled points, wrong lengths.

The number of electrons says nothing of where they are. A sum of spherical atoms, whose shapes are
fitted to the density itself, explains nearly all of its variation, with cores and without, in
molecules and in metals; with the axes of the grid exchanged or the atoms elsewhere it does not.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.density.descriptor import PointSpec, superposition_features
from analytics.density.grid import BOHR, DensityData
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["check_belonging"]

#: Radial functions of the fitted atoms: 12 Gaussians within 5 Å.
SHELLS = PointSpec(cutoff=5.0, channels=12, width=1.0)
#: Points that an arrangement is judged by; half anywhere, half where the electrons are.
SAMPLE = 1000
#: Points among which those where the electrons are, are drawn.
DRAWN_FROM = 200_000
#: Snapshots for which other readings are tried.
TRIED = 3
#: Share of the variation that spherical atoms leave in right densities: 0.0001 (NaCl) to 0.06
#: (hot beryllium); in wrong ones 0.01 (alloy with two axes exchanged) to 1 (shuffled points).
LITTLE, DOUBTFUL, DISORDER = 0.005, 0.15, 0.3
#: Another reading is the right one if it leaves so many times less, and less than this.
BETTER, EXPLAINED = 3.0, 0.15
#: Squared difference of neighbouring points against that of any two: 0.004 to 0.2, shuffled 1.
ROUGH = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """A way to take values of a file for points of the cell, and atoms for what is written.

    Attributes
    ----------
    words : str
        What would have to be changed, as the end of a sentence.
    shape : tuple of int
        Shape that the values are given before anything else, without moving them.
    axes : tuple of int
        Order in which the axes of that shape lie along the cell vectors.
    flipped : tuple of bool
        Cell vectors along which the points run backwards.
    shifted : tuple of bool
        Cell vectors along which the points begin in the middle of the cell.
    scale : float
        By which positions are multiplied; 0 for fractional coordinates.
    """

    words: str
    shape: tuple[int, ...]
    axes: tuple[int, ...] = (0, 1, 2)
    flipped: tuple[bool, ...] = (False,) * 3
    shifted: tuple[bool, ...] = (False,) * 3
    scale: float = 1.0

    def fractions(self, rows: IntArray) -> FloatArray:
        """Return where values lie in the cell, float array (n, 3), by their places in the file."""
        found = np.unravel_index(rows, self.shape)
        columns = []
        for axis, flipped, shifted in zip(self.axes, self.flipped, self.shifted, strict=True):
            size = self.shape[axis]
            at = size - 1 - found[axis] if flipped else found[axis]
            columns.append(at / size + 0.5 * shifted)
        return np.stack(columns, axis=-1)


def readings(shape: tuple[int, ...]) -> Iterator[Reading]:
    """Yield what a file may have meant, the simplest first; what it says is not among them."""
    same = (0, 1, 2)
    for scale, unit in ((BOHR, "bohr"), (1 / BOHR, "Å, the cell in bohr"), (10.0, "nm")):
        yield Reading(f"positions × {scale:.4g} (they seem to be in {unit})", shape, scale=scale)
    yield Reading("positions as fractional coordinates", shape, scale=0.0)
    ways = sorted(itertools.product((False, True), repeat=3), key=sum)
    orders = list(itertools.permutations(range(3)))
    for flipped in ways:
        for axes in orders:
            if axes != same or any(flipped):
                yield Reading(_way(axes, flipped), shape, axes, flipped)
    for shifted in ways[1:]:
        along = ", ".join("abc"[axis] for axis in range(3) if shifted[axis])
        words = f"the grid moved by half the cell along {along}"
        yield Reading(words, shape, shifted=shifted)
    for order in orders:  # counted in another order of the axes than they were written in
        written = tuple(shape[axis] for axis in order)
        for axes in orders:
            if tuple(written[axis] for axis in axes) == shape and (
                written != shape or axes != same
            ):
                words = f"the values as a grid of {written} and then its axes in the order {axes}"
                yield Reading(words, written, axes)


def _way(axes: tuple[int, ...], flipped: tuple[bool, ...]) -> str:
    order = f"the axes of the grid in the order {axes}" if axes != (0, 1, 2) else ""
    along = ", ".join("abc"[axis] for axis in range(3) if flipped[axis])
    return " and ".join(filter(None, [order, f"the points along {along} reversed" * bool(along)]))


def check_belonging(data: DensityData, monitor: Monitor = SILENT) -> tuple[str, ...]:
    """Raise if another reading of a file explains its density; return what is merely doubtful.

    Parameters
    ----------
    data : DensityData
        Of one file.
    monitor : Monitor, optional

    Returns
    -------
    tuple of str
        Sentences, none where all is well.

    Raises
    ------
    InputError
        Naming the reading that fits, or that none does because the points are in disorder.
    """
    own = Reading("", tuple(data.shapes[0].tolist()))
    samples = [_sample(data, snapshot, monitor) for snapshot in range(data.n_snapshots)]
    left = np.array([unexplained(sample, own) for sample in samples])
    worst = [int(s) for s in np.argsort(-left, kind="stable")[:TRIED] if left[s] >= LITTLE]
    if not worst:
        return ()
    mean = float(left[worst].mean())
    single = worst[0] if data.n_snapshots > 1 else None
    said = (
        "the density does not fit the atoms: superposed spherical atoms leave "
        f"{_percent(mean)} of its variation unexplained"
    )
    rough = float(np.mean([_roughness(data, snapshot) for snapshot in worst])) > ROUGH
    found = _better([samples[s] for s in worst], own, mean, monitor)
    if found is not None:
        cause = f"{said}, and {_percent(found[1])} with {found[0].words}"
        raise InputError(cause, source=data.sources[0], structure=single)
    if rough and mean > DISORDER:
        cause = (
            f"{said}, and points beside each other differ as much as any two: the points of the "
            "grid are in disorder"
        )
        raise InputError(cause, source=data.sources[0], structure=single)
    place = data.sources[0] if single is None else f"{data.sources[0]}, snapshot {single}"
    return (f"{place}: {said}; are these its atoms?",) if left[worst[0]] > DOUBTFUL else ()


def _percent(share: float) -> str:
    return f"{100 * share:.3g} %"


def _better(
    samples: Sequence[Sample], own: Reading, left: float, monitor: Monitor
) -> tuple[Reading, float] | None:
    """Return the simplest reading that explains a density far better, and what it leaves."""
    found: list[tuple[Reading, float]] = []
    for reading in readings(own.shape):
        monitor.checkpoint()
        first = unexplained(samples[0], reading)
        if first < left / BETTER and first < EXPLAINED:
            rest = [unexplained(sample, reading) for sample in samples[1:]]
            found.append((reading, float(np.mean([first, *rest]))))
    best = min((rest for _, rest in found), default=1.0)
    if best * BETTER > left:
        return None
    return next((reading, rest) for reading, rest in found if rest <= 1.5 * best)


@dataclass(frozen=True, slots=True)
class Sample:
    """Some points of a snapshot: half anywhere, half where the electrons are.

    Attributes
    ----------
    alone : DensityData
        Atoms and cell of the snapshot.
    rows : int array (n,)
        Places of the points in the file.
    values : float array (n,)
        Density there, damped where it is high, so that cores count no more than bonds do.
    """

    alone: DensityData
    rows: IntArray
    values: FloatArray


def _sample(data: DensityData, snapshot: int, monitor: Monitor) -> Sample:
    monitor.checkpoint()
    flat = data.density_of(snapshot).ravel()
    rng = np.random.default_rng(snapshot)
    drawn = rng.integers(len(flat), size=min(DRAWN_FROM, len(flat)))
    weights = np.cumsum(flat[drawn], dtype=np.float64)
    dense = np.searchsorted(weights, rng.random(SAMPLE // 2) * weights[-1])
    rows = np.concatenate([drawn[: SAMPLE // 2], drawn[np.minimum(dense, len(drawn) - 1)]])
    values = flat[rows].astype(np.float64)
    half = np.median(values[-(SAMPLE // 2) :]) or 1.0  # half of the electrons are where it is more
    return Sample(_alone(data, snapshot), rows, values / (1.0 + values / half))


def _alone(data: DensityData, snapshot: int) -> DensityData:
    """Return a snapshot by itself, without its values."""
    one = [snapshot]
    numbers, positions = data.atoms_of(snapshot)
    fields = ("cells", "pbc", "origins", "shapes", "electrons", "energies", "roles", "conditions")
    own = {field: getattr(data, field)[one] for field in fields}
    return replace(
        data,
        numbers=numbers,
        positions=positions,
        atom_offsets=np.array([0, len(positions)]),
        densities=np.zeros(0, dtype=np.float32),
        sources=(data.sources[snapshot],),
        **own,
    )


def unexplained(sample: Sample, reading: Reading) -> float:
    """Return the share of a density's variation that a sum of spherical atoms leaves.

    Returns
    -------
    float
        From 0 to 1; 0 where there are too few points to say.
    """
    rows, values, data = sample.rows, sample.values, sample.alone
    n_free = 1 + SHELLS.channels * len(data.species)
    if len(np.unique(rows)) < 4 * n_free or not np.ptp(values) > 0.0:
        return 0.0
    cell = data.cells[0]
    if reading.scale != 1.0:
        positions = data.positions @ cell if not reading.scale else data.positions * reading.scale
        data = replace(data, positions=positions)
    points = reading.fractions(rows) @ cell + data.origins[0]
    shells = superposition_features(data, 0, points, SHELLS).astype(np.float64)
    design = np.column_stack([np.ones(len(rows)), shells])
    gram = design.T @ design
    gram += 1e-8 * np.trace(gram) / n_free * np.eye(n_free)
    off = values - design @ np.linalg.solve(gram, design.T @ values)
    spread = values - values.mean()
    return float(min(1.0, (off @ off) / (spread @ spread) * len(rows) / (len(rows) - n_free)))


def _roughness(data: DensityData, snapshot: int) -> float:
    """Return how much neighbouring points differ against any two, along the roughest axis."""
    density = data.density_of(snapshot)
    rows = np.random.default_rng(snapshot).integers(density.size, size=2 * SAMPLE)
    here = np.unravel_index(rows, density.shape)
    floor = 1e-3 * float(density.mean())
    values = np.log(density[here] + floor)
    found = []
    for axis in range(3):
        beside = list(here)
        beside[axis] = (here[axis] + 1) % density.shape[axis]
        step = np.log(density[tuple(beside)] + floor) - values
        found.append(0.5 * float(np.mean(step**2)) / max(float(values.var()), 1e-12))
    return max(found)
