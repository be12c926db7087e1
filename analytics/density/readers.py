"""Reading densities: npz archives, VASP CHGCAR, Gaussian cube, XSF; several snapshots at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.archives import extracted, is_archive
from analytics.data.numpy_files import read_npz
from analytics.data.opened import peek
from analytics.data.read_options import ReadOptions
from analytics.density.belonging import check_belonging
from analytics.density.grid import BOHR, Calculation, DensityData, join
from analytics.density.validation import Checked, Place, check_density, check_geometry, formula
from analytics.density.volume import Volume
from analytics.density.volumetric import NoDensity, is_npz, read_volumes
from analytics.runtime.assets import asset
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["EMBEDDED", "UNITS", "read_density"]

FOLDER = asset("density")
#: Systems that come with Winnow, and what they are.
EMBEDDED: dict[str, str] = {
    "al": "Aluminium, 4 atoms, displaced",
    "sigesn": "Si-Ge-Sn alloy, 8 atoms",
    "water": "Water molecule, 300 and 500 K",
    "ethanol": "Ethanol molecule, 300 and 500 K",
}
#: Names of the embedded systems as users may type them.
_ALSO = {"al4": "al", "aluminium": "al", "h2o": "water", "si-ge-sn": "sigesn"}
UNITS = {"e/bohr3": 1.0, "e/A3": BOHR**3}
#: Keys of an npz archive; each may go by either name.
KEYS = {
    "rho": "density",
    "pos": "positions",
    "cell": "cells",
    "Z": "numbers",
    "energy": "energies",
    "electrons": "n_electrons",
}
#: What an npz archive may mean otherwise than it was read, by the factor of its integral.
_HINTS = {
    BOHR**3: "the values are in e/Å³, or cell and positions in bohr",
    BOHR**-3: "the values are in e/bohr³ but the file says e/Å³",
}
EXTRA = ("origin", "role", "condition", "mesh", "stride", "k", "sigma")


@dataclass(frozen=True, slots=True)
class _Options:
    """What a user says about the files."""

    unit: str | None
    electrons: float | None
    species: Mapping[str, str]
    any_atoms: bool


def read_density(
    source: str | Path | Sequence[str | Path],
    *,
    unit: str | None = None,
    electrons: float | None = None,
    species: str | None = None,
    any_atoms: bool = False,
    monitor: Monitor = SILENT,
) -> DensityData:
    """Read one system: an embedded one by name, or one or several files.

    Parameters
    ----------
    source : str, Path or sequence of them
        ``al``, ``sigesn``, ``water`` or ``ethanol``, or files. An npz archive holds one or more
        snapshots: ``rho`` (n, nx, ny, nz), ``pos`` (n, atoms, 3) in angstrom, ``cell`` (n, 3, 3)
        or (3, 3) in angstrom, ``Z`` (n, atoms) or (atoms,); optional are ``energy`` (n) in Ha,
        ``electrons`` (n) or one number, ``unit`` (``e/bohr3``, the default, or ``e/A3``),
        ``origin`` (3) in angstrom, ``role`` and ``condition`` (n) in words, ``mesh`` and
        ``stride`` of the calculation, ``k`` and ``sigma`` (Ha). CHGCAR, cube and XSF files hold
        one snapshot each and may be compressed or lie in a zip or tar.
    unit : str, optional
        ``e/bohr3`` or ``e/A3`` for npz archives that do not say.
    electrons : float, optional
        Electrons per snapshot.
    species : str, optional
        Elements of the types of a CHGCAR of VASP 4, which names none: ``1=Si,2=O``.
    any_atoms : bool
        Read a density also if it does not fit its atoms: if spherical atoms explain it with the
        axes or the positions read otherwise, or its points are in disorder.
    monitor : Monitor, optional

    Raises
    ------
    InputError
        If a file is no density, does not hold the electrons it should, does not fit its atoms, or
        is of another system.
    """
    if unit is not None and unit not in UNITS:
        raise InputError(f"unit {unit!r} is none of {', '.join(UNITS)}")
    sources = [source] if isinstance(source, str | Path) else list(source)
    if not sources:
        raise InputError("no density to read")
    options = _Options(unit, electrons, ReadOptions.of(species=species).species, any_atoms)
    parts = []
    for at, item in enumerate(sources):
        monitor.checkpoint()
        monitor.report(at / len(sources), f"reading {Path(item).name}")
        parts.append(_read_one(item, options, monitor))
    data = parts[0] if len(parts) == 1 else join(parts, _common_name(parts))
    _check_same_system(data)
    return data


def _read_one(item: str | Path, options: _Options, monitor: Monitor) -> DensityData:
    path = Path(item)
    name = str(item).lower()
    name = _ALSO.get(name, name)
    if name in EMBEDDED and not path.is_file():
        return _read_npz(FOLDER / f"{name}_f16.npz", name, options)
    if not path.is_file():
        known = ", ".join(EMBEDDED)
        raise InputError(f"no such file, nor one of the systems {known}", source=str(item))
    if is_archive(peek(path)):
        return _read_archive(path, options, monitor)
    if is_npz(path):
        return _fitting(_read_npz(path, path.stem, options), options, monitor)
    volumes = read_volumes(path, options.species, monitor=monitor)
    return _likeliest([partial(_of_volume, v, path.name, options, monitor) for v in volumes])


def _read_archive(path: Path, options: _Options, monitor: Monitor) -> DensityData:
    """Read the densities in a zip or tar; other files of the calculation may lie beside them."""
    with extracted(path, "", monitor) as members:
        parts = []
        for member in members:
            with suppress(NoDensity):
                parts.append(_read_one(member.path, options, monitor))
    if not parts:
        held = ", ".join(member.name for member in members[:5])
        raise InputError(f"no electron density among {held}", source=path.name)
    return parts[0] if len(parts) == 1 else join(parts, _common_name(parts))


def _fitting(data: DensityData, options: _Options, monitor: Monitor) -> DensityData:
    """Return a density that fits its atoms, with what is doubtful about that."""
    return data if options.any_atoms else replace(data, doubts=check_belonging(data, monitor))


def _of_volume(
    volume: Volume, source: str, options: _Options, monitor: Monitor
) -> tuple[DensityData, bool]:
    """Return a density, and whether its electrons say that it was read right."""
    atoms = volume.atoms
    arrays = {
        "rho": volume.density[None],
        "pos": atoms.positions[None],
        "cell": atoms.cell.array[None],
        "Z": atoms.numbers[None],
        "origin": volume.origin,
    }
    name = source.split(".")[0]
    data, telling = _assemble(arrays, source, name, volume.unit, options.electrons, volume)
    return _fitting(data, options, monitor), telling


def _likeliest(readings: Sequence[Callable[[], tuple[DensityData, bool]]]) -> DensityData:
    """Return the reading whose electrons follow from the elements, else the first that passes."""
    passed, refused = [], []
    for reading in readings:
        try:
            data, telling = reading()
        except InputError as error:
            refused.append(error)
            continue
        if telling:
            return data
        passed.append(data)
    if not passed:
        raise refused[0]
    return passed[0]


def _common_name(parts: Sequence[DensityData]) -> str:
    return parts[0].name if len({p.name for p in parts}) == 1 else f"{parts[0].name} and others"


# ------------------------------------------------------------------------------- npz


def _read_npz(path: Path, name: str, options: _Options) -> DensityData:
    try:
        found = read_npz(path, {*KEYS, *KEYS.values(), *EXTRA, "unit"})
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read: {error}", source=path.name) from None
    arrays = {key: found[key] if key in found else found[other]
              for key, other in KEYS.items() if key in found or other in found}  # fmt: skip
    needed = ("rho", "pos", "cell", "Z")
    missing = [f"{key} (or {KEYS[key]})" for key in needed if key not in arrays]
    if missing:
        raise InputError(f"no electron density: {', '.join(missing)} missing", source=path.name)
    arrays |= {key: found[key] for key in EXTRA if key in found}
    stated = str(found["unit"]) if "unit" in found else options.unit or "e/bohr3"
    if stated not in UNITS:
        raise InputError(f"unit {stated[:40]!r} is none of {', '.join(UNITS)}", source=path.name)
    if arrays["rho"].dtype.kind not in "fiu":
        raise InputError(f"rho is of type {arrays['rho'].dtype}", source=path.name)
    if stated != "e/bohr3":
        arrays["rho"] = arrays["rho"].astype(np.float64) * UNITS[stated]
    data, _ = _assemble(arrays, path.name, name, stated, options.electrons)
    return data


def _assemble(
    arrays: Mapping[str, npt.NDArray[Any]],
    source: str,
    name: str,
    unit: str,
    electrons: float | None,
    volume: Volume | None = None,
) -> tuple[DensityData, bool]:
    """Check and bring into one shape what a file holds."""
    rho = arrays["rho"]
    rho = rho[None] if rho.ndim == 3 else rho
    if rho.ndim != 4:
        raise InputError(f"rho has shape {rho.shape}, not (n, nx, ny, nz)", source=source)
    n, shape = len(rho), rho.shape[1:]
    if n == 0:
        raise InputError("no snapshots", source=source)
    cells = _per_snapshot(arrays, "cell", n, (3, 3), source)
    numbers = _per_snapshot(arrays, "Z", n, (-1,), source)
    positions = _per_snapshot(arrays, "pos", n, (-1, 3), source)
    calculation = _calculation(arrays, shape, source)
    stated = electrons if electrons is not None else arrays.get("electrons")
    wanted = None if stated is None else _numbers({"electrons": stated}, "electrons", (n,), source)
    origins = _numbers(arrays, "origin", (n, 3), source, default=np.zeros(3))
    if not np.isfinite(origins).all():
        raise InputError("origin is not finite", source=source)
    hints = _HINTS if volume is None else volume.hints
    checked = []
    for at in range(n):
        place = Place(source, at if n > 1 else None)
        check_geometry(numbers[at], positions[at], cells[at], shape, place)
        expected = None if wanted is None else float(wanted[at])
        checked.append(
            check_density(rho[at], numbers[at], cells[at], place, electrons=expected, hints=hints)
        )
    n_atoms = numbers.shape[1]
    telling = all(c.telling for c in checked)
    return DensityData(
        name=name,
        numbers=numbers.ravel(),
        positions=positions.reshape(-1, 3),
        atom_offsets=np.arange(n + 1) * n_atoms,
        cells=cells,
        pbc=np.ones((n, 3), dtype=bool),
        origins=origins,
        shapes=np.broadcast_to(np.array(shape), (n, 3)),
        densities=np.concatenate([c.density.ravel() for c in checked]),
        electrons=np.array([c.electrons for c in checked]),
        energies=_numbers(arrays, "energy", (n,), source, default=np.nan),
        roles=_words(arrays, "role", n, source),
        conditions=_words(arrays, "condition", n, source),
        sources=(source,) * n,
        calculation=calculation,
        notes=(
            _notes(source, unit, checked[0].note, rho, checked),
            *(f"{source}: {said}" for said in _decided(volume, telling)),
        ),
    ), telling


def _numbers(
    arrays: Mapping[str, npt.ArrayLike], key: str, shape: tuple[int, ...], source: str,
    *, default: npt.ArrayLike = 0,
) -> npt.NDArray[np.float64]:  # fmt: skip
    """Return real numbers repeated to a shape."""
    values = np.asarray(arrays.get(key, default))
    if values.dtype.kind not in "iuf":
        raise InputError(f"{key} is of type {values.dtype}, no numbers", source=source)
    single = values.size == 1 and len(shape) == 1
    try:
        return np.broadcast_to(values.ravel() if single else values, shape).astype(np.float64)
    except ValueError:
        cause = f"{key} has shape {values.shape}, which does not fit {shape}"
        raise InputError(cause, source=source) from None


def _whole(
    arrays: Mapping[str, npt.NDArray[Any]], key: str, shape: tuple[int, ...], source: str,
    *, default: npt.ArrayLike = 1, low: int = 1,
) -> npt.NDArray[np.int64]:  # fmt: skip
    """Return whole numbers, repeated to a shape."""
    values = _numbers(arrays, key, shape, source, default=default)
    with np.errstate(invalid="ignore"):
        good = (values >= low) & (values < 2**31) & (values % 1 == 0)
    if not good.all():
        shown = values[~good].flat[0]
        raise InputError(f"{key} is {shown:g}, not a whole number from {low} on", source=source)
    return values.astype(np.int64)


def _per_snapshot(
    arrays: Mapping[str, npt.NDArray[Any]], key: str, n: int, shape: tuple[int, ...], source: str
) -> npt.NDArray[Any]:
    """Return an array with one entry per snapshot; one for all is repeated."""
    values = arrays[key]
    if values.ndim == len(shape):
        values = np.broadcast_to(values, (n, *values.shape))
    good = values.ndim == len(shape) + 1 and len(values) == n
    if not good or any(
        want not in (-1, have) for want, have in zip(shape, values.shape[1:], strict=True)
    ):
        raise InputError(
            f"{key} has shape {np.shape(arrays[key])}, which does not fit {n} snapshots",
            source=source,
        )
    if key == "Z":  # which of them are no elements is said with the snapshot
        return _whole({key: values}, key, values.shape, source, low=-(2**31))
    return _numbers({key: values}, key, values.shape, source)


def _words(
    arrays: Mapping[str, npt.NDArray[Any]], key: str, n: int, source: str
) -> npt.NDArray[np.str_]:
    try:
        words = np.asarray(arrays.get(key, np.full(n, ""))).astype(np.str_)
        strange = set(words.ravel().tolist()) - {"train", "test", "unseen", ""}
    except (ValueError, TypeError):
        raise InputError(f"{key} is no text", source=source) from None
    if words.shape != (n,):
        raise InputError(f"{key} has shape {words.shape}, not ({n},)", source=source)
    if key == "role" and strange:
        shown = min(strange)[:40]
        raise InputError(f"role {shown!r} is none of train, test, unseen", source=source)
    return words


def _calculation(
    arrays: Mapping[str, npt.NDArray[Any]], shape: tuple[int, ...], source: str
) -> Calculation | None:
    """Return how a density was calculated, if that is said; raise if the grid contradicts it."""
    stride, k = (int(_whole(arrays, key, (1,), source)[0]) for key in ("stride", "k"))
    smearing = float(_numbers(arrays, "sigma", (1,), source)[0])
    if not 0 <= smearing < np.inf:
        raise InputError(f"sigma is {smearing:g}, not a number from 0 on", source=source)
    if "mesh" not in arrays:
        return None
    mesh = _whole(arrays, "mesh", (3,), source)
    if (mesh % stride).any() or (mesh // stride != shape).any():
        raise InputError(
            f"the grid {shape} is not every {stride}. point of the mesh {tuple(mesh.tolist())}",
            source=source,
        )
    return Calculation(stride, k, smearing) if "energy" in arrays else None


def _notes(
    source: str,
    unit: str,
    first: str,
    rho: npt.NDArray[Any],
    checked: Sequence[Checked],
) -> str:
    shape = " × ".join(map(str, rho.shape[1:]))
    lead = f"{source}: {len(rho)} snapshot{'s' * (len(rho) > 1)} of {shape} points, unit {unit}"
    clipped = sum("negative" in c.note for c in checked)
    more = f"; negative values clipped in {clipped} snapshots" if clipped and len(rho) > 1 else ""
    return f"{lead}; {'the first ' if len(rho) > 1 else ''}{first}{more}"


def _decided(volume: Volume | None, telling: bool) -> Iterator[str]:
    """Yield what the reader of a format decided where the file left it open."""
    if volume is not None and volume.note:
        yield volume.note
    if volume is not None and volume.assumed:
        yield f"{volume.assumed}, {'as the electrons say' if telling else 'which is an assumption'}"


# ------------------------------------------------------------------------------- same system


def _check_same_system(data: DensityData) -> None:
    """Raise unless all snapshots are of one compound, or of alloys with equally many atoms."""
    first = data.atoms_of(0)[0]
    for at in range(1, data.n_snapshots):
        other = data.atoms_of(at)[0]
        if _same_system(first, other) or any(
            _same_system(data.atoms_of(before)[0], other) for before in range(at)
        ):
            continue
        raise InputError(
            f"{formula(other)} is another system than the {formula(first)} of {data.sources[0]}",
            source=data.sources[at],
            structure=at - data.sources.index(data.sources[at]),
        )


def _same_system(a: npt.NDArray[np.int64], b: npt.NDArray[np.int64]) -> bool:
    if len(a) == len(b):
        return bool(np.intersect1d(a, b).size)
    (za, na), (zb, nb) = np.unique(a, return_counts=True), np.unique(b, return_counts=True)
    return np.array_equal(za, zb) and np.array_equal(na * len(b), nb * len(a))
