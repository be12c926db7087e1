"""Validation of electron densities: finite, not negative, unit, number of electrons."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import permutations

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols

from analytics.density.grid import BOHR
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError

__all__ = ["Checked", "Place", "check_density", "check_geometry", "formula"]

#: Largest deviation of the integral from the number of electrons, as a share.
TOLERANCE = 0.02
#: Interpolated densities dip below zero by a little; so many electrons, as a share, are clipped.
NEGATIVE_SHARE = 1e-3
#: A larger integral is a damaged value or cell.
MOST_ELECTRONS = 1e9
#: Grid spacings along the cell vectors differ by less than this factor in every code.
SPACING_RATIO = 3.0
#: From this many electrons on, being close to a whole number says nothing.
TELLING = 25
#: Atoms farther away than so many cells were not meant.
FARTHEST = 1e6
#: Distance between opposite faces of a cell, angstrom: less is no cell, and no end of neighbours.
FLATTEST, WIDEST = 0.3, 1e6
_NOBLE = (0, 2, 10, 18, 36, 54, 86)


@dataclass(frozen=True, slots=True)
class Place:
    """Where a snapshot comes from, for messages."""

    source: str
    snapshot: int | None = None

    def error(self, cause: str) -> InputError:
        """Return the error to raise."""
        return InputError(cause, source=self.source, structure=self.snapshot)


@dataclass(frozen=True, slots=True)
class Checked:
    """A density that passed, the electrons it stands for, and what to say about it.

    `telling` is whether the number of electrons says anything about units and lengths: it was
    stated, or follows from the elements.
    """

    density: npt.NDArray[np.float32]
    electrons: float
    note: str
    telling: bool


def formula(numbers: npt.ArrayLike) -> str:
    """Return a formula such as Al4 or C2H6O, elements in alphabetical order."""
    values, counts = np.unique(np.asarray(numbers), return_counts=True)
    parts = sorted(
        (chemical_symbols[z], "" if n == 1 else str(n)) for z, n in zip(values, counts, strict=True)
    )
    return "".join(symbol + n for symbol, n in parts)


def check_geometry(
    numbers: npt.ArrayLike, positions: FloatArray, cell: FloatArray, shape: tuple[int, ...],
    place: Place,
) -> None:  # fmt: skip
    """Raise if atoms, cell and grid cannot belong together."""
    z = np.asarray(numbers)
    if z.size == 0:
        raise place.error("no atoms")
    if not np.isin(z, np.arange(1, 119)).all():
        raise place.error(f"atomic number {z[~np.isin(z, np.arange(1, 119))][0]}")
    if positions.shape != (z.size, 3):
        raise place.error(f"{z.size} atomic numbers but positions of shape {positions.shape}")
    if not (np.isfinite(positions).all() and np.isfinite(cell).all()):
        raise place.error("positions or cell are not finite")
    _check_cell(positions, cell, place)
    if len(shape) != 3 or min(shape) < 2:
        raise place.error(f"the grid has shape {shape}, not three directions of several points")
    lengths = np.linalg.norm(cell, axis=1)
    spacing = lengths / np.array(shape)
    if not _even(spacing):
        orders = [o for o in permutations(shape) if _even(lengths / np.array(o))]
        fits = f"; {_grid(orders[0])} would: are its axes exchanged?" if orders else ""
        raise place.error(
            f"the grid {_grid(shape)} does not match the cell: points are "
            f"{', '.join(f'{s:.2f}' for s in spacing)} Å apart along its vectors{fits}"
        )


def _grid(shape: tuple[int, ...]) -> str:
    return " × ".join(map(str, shape))


def _even(spacing: FloatArray) -> bool:
    return bool(spacing.max() <= SPACING_RATIO * spacing.min())


def _check_cell(positions: FloatArray, cell: FloatArray, place: Place) -> None:
    with np.errstate(over="ignore", invalid="ignore"):
        if cell.shape != (3, 3) or not abs(np.linalg.det(cell)) >= 1e-6:
            raise place.error("the cell has no volume")
        heights = 1.0 / np.linalg.norm(np.linalg.inv(cell), axis=0)
        if not (heights.min() >= FLATTEST and np.abs(cell).max() <= WIDEST):
            shown = ", ".join(f"{h:.3g}" for h in heights)
            raise place.error(f"the faces of the cell are {shown} Å apart: no cell of atoms")
        far = np.abs(np.linalg.solve(cell.T, positions.T)).max(axis=0) > FARTHEST
    if far.any():
        raise place.error(f"atom {int(np.argmax(far))} is more than {FARTHEST:g} cells away")


def check_density(
    density: npt.NDArray[np.generic],
    numbers: npt.ArrayLike,
    cell: FloatArray,
    place: Place,
    *,
    electrons: float | None,
    hints: Mapping[float, str],
    tolerance: float = TOLERANCE,
) -> Checked:
    """Check the values of one density in e/bohr^3 and count its electrons.

    Parameters
    ----------
    density : float array (nx, ny, nz), e/bohr^3
    numbers : int array (n_atoms,)
    cell : float array (3, 3), angstrom
    place : Place
    electrons : float, optional
        What it should integrate to. Without it, the number is found out: the valence electrons
        of main-group elements, all electrons, or the nearest whole number.
    hints : mapping of float to str
        What is meant otherwise than it was read if so many times the integral is right.
    tolerance : float
        Share by which the integral may be off.
    """
    values = np.asarray(density, dtype=np.float64)
    bad = ~np.isfinite(values)
    if bad.any():
        raise place.error(
            f"the density is not finite at {np.count_nonzero(bad)} of {values.size} grid points, "
            f"first at {tuple(np.argwhere(bad)[0].tolist())}"
        )
    element = abs(float(np.linalg.det(cell))) / BOHR**3 / values.size
    with np.errstate(over="ignore", invalid="ignore"):
        integral = float(values.sum()) * element
    if not 0.0 < integral <= MOST_ELECTRONS:
        raise place.error(f"the density integrates to {integral:.3g} electrons")
    negative = float(-values[values < 0].sum() * element)
    if negative > NEGATIVE_SHARE * integral:
        raise place.error(
            f"the density is negative at {np.count_nonzero(values < 0)} of {values.size} grid "
            f"points (down to {values.min():.3g} e/bohr³): not an electron density, but "
            "a potential (LOCPOT), a magnetisation, an orbital or a difference of densities"
        )
    expected, meaning, telling = _expected(
        integral, np.asarray(numbers), electrons, tolerance, hints, place
    )
    note = f"integrates to {integral:.3f} of {expected:g} electrons ({meaning})"
    if negative > 0:
        note += "; small negative values were set to 0"
    return Checked(np.maximum(values, 0.0).astype(np.float32), expected, note, telling)


def _expected(
    integral: float,
    numbers: npt.NDArray[np.int64],
    electrons: float | None,
    tolerance: float,
    hints: Mapping[float, str],
    place: Place,
) -> tuple[float, str, bool]:
    if electrons is not None:
        if not 0 < electrons <= MOST_ELECTRONS:
            raise place.error(f"states {electrons:g} electrons")
        if abs(integral - electrons) > tolerance * electrons:
            raise place.error(
                f"integrates to {integral:.4g} electrons, not {electrons:g}: wrong unit, cell or "
                f"number of electrons{_hint(integral, [electrons], tolerance, hints)}"
            )
        return electrons, "as stated", True
    valence, all_electrons = float(sum(map(_valence, numbers.tolist()))), float(numbers.sum())
    known = {valence: "valence electrons of the elements"}
    known.setdefault(all_electrons, "all electrons")
    for count, meaning in known.items():
        if abs(integral - count) <= tolerance * count:
            return count, meaning, True
    whole = float(round(integral))
    close = abs(integral - whole) <= min(tolerance * integral, 0.25)
    if integral > (1 + tolerance) * all_electrons or whole < 1 or not close:
        raise place.error(
            f"integrates to {integral:.4g} electrons; {formula(numbers)} has {valence:g} "
            f"valence electrons and {all_electrons:g} in all"
            f"{_hint(integral, known, tolerance, hints)}; state unit or electrons if they are right"
        )
    meaning = "nearest whole number"
    return whole, meaning if whole < TELLING else f"{meaning}, assumed", False


def _hint(
    integral: float, known: Iterable[float], tolerance: float, hints: Mapping[float, str]
) -> str:
    """Name what would make the integral right."""
    for electrons in known:
        for factor, meant in hints.items():
            if abs(integral * factor - electrons) <= tolerance * electrons:
                return f" (right if {meant})"
    return ""


def _valence(z: int) -> int:
    """Return the electrons outside the noble-gas core, without filled d shells (p block) and f."""
    core = max(n for n in _NOBLE if n < z)
    outer = z - core
    if core in (18, 36) and outer > 12:
        return outer - 10
    if core in (54, 86) and outer > 17:
        return outer - 14 if outer <= 26 else outer - 24
    return outer
