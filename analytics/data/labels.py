"""Label keys: which of a file's own names are its energies, forces and classes of structures."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.dataset import Dataset, LabelKeys, Record
from analytics.data.frames import Frame, LeftOut
from analytics.data.read_options import ReadOptions
from analytics.data.understood import Understood
from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import InputError

__all__ = ["AvailableKeys", "assemble", "keys_of"]

ENERGY_NAMES = (
    *("energy", "free_energy", "REF_energy", "dft_energy", "TotEnergy", "total_energy"),
    *("energy_eV", "dft_total_energy", "ref_total_energy", "dft_energy_eV", "dft_free_energy"),
    *("ref_free_energy", "potential_energy", "corrected_total_energy", "etot", "e_tot", "epot"),
    *("E", "e_dft"),
)
FORCES_NAMES = (
    *("forces", "force", "REF_forces", "dft_forces", "ref_force", "dft_force"),
    *("forces_eV_A", "dft_total_forces", "atomic_forces", "frc"),
)
CONFIG_TYPE_NAMES = ("config_type", "config_name")
#: Characters of a class: an array of texts has room for the longest in every structure.
_LONGEST_CLASS = 2000


@dataclass(frozen=True, slots=True)
class AvailableKeys:
    """The names in a file that could be labels, the likeliest first.

    Attributes
    ----------
    energy : tuple of str
        Per-structure numbers.
    forces : tuple of str
        Per-atom values of three columns.
    config_type : tuple of str
        Per-structure texts, numbers and logicals.
    """

    energy: tuple[str, ...] = ()
    forces: tuple[str, ...] = ()
    config_type: tuple[str, ...] = ()


def keys_of(items: Iterable[Frame | Record]) -> AvailableKeys:
    """Return what could be a label, from the structures of a file before or after assembly."""
    counts = _KeyCounts(items)
    return AvailableKeys(
        energy=_ranked(counts.numbers, ENERGY_NAMES),
        forces=_ranked(counts.vectors, FORCES_NAMES),
        config_type=_ranked(counts.texts + counts.numbers, CONFIG_TYPE_NAMES),
    )


def assemble(
    found: Sequence[Frame | LeftOut], name: str, asked: ReadOptions, *, describes: str = "file"
) -> Dataset:
    """Join structures into a data set, telling labels from the rest.

    Parameters
    ----------
    found : sequence of Frame and LeftOut
    name : str
        Name of the source, for the data set and for errors.
    asked : ReadOptions
    describes : str
        What the source is called in errors.
    """
    frames = [one for one in found if isinstance(one, Frame)]
    left_out = tuple(one for one in found if isinstance(one, LeftOut))
    if left_out and (asked.strict or not frames):
        first = left_out[0]
        raise InputError(first.said, source=name, structure=first.frame)
    if not frames:
        raise InputError(f"the {describes} holds no structures", source=name)
    keys = _choose(frames, name, asked.keys)
    sizes = [len(frame.numbers) for frame in frames]
    # the class first: it is cheap, and forces are taken out of the arrays
    config_type = np.array([_class(frame, name, keys.config_type) for frame in frames])
    return Dataset(
        numbers=np.concatenate([frame.numbers for frame in frames]),
        positions=np.concatenate([frame.positions for frame in frames]),
        structure_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        cells=np.array([frame.cell for frame in frames]),
        pbc=np.array([frame.pbc for frame in frames]),
        energies=_energies(frames, name, keys.energy),
        forces=_forces(frames, name, keys.forces),
        config_type=config_type,
        frame_indices=np.array([frame.index for frame in frames]),
        name=name,
        keys=keys,
        understood=Understood(frames_in_file=len(found), left_out=left_out),
        records=tuple(
            Record(frame.info, _other_arrays(frame, keys.forces), frame.comment, frame.columns)
            for frame in frames
        ),
    )


def _other_arrays(frame: Frame, forces: str | None) -> dict[str, npt.NDArray[Any]]:
    """Return the per-atom arrays without the forces, which the data set has.

    They stay where it would not tell that there was a column: forces that are also a list in the
    comment line, or that are all missing.
    """
    arrays = dict(frame.arrays)
    values = arrays.get(forces or "")
    if values is None or isinstance(frame.info.get(forces or ""), np.ndarray):
        return arrays
    if not np.isnan(values).all():
        del arrays[forces or ""]
    return arrays


class _KeyCounts:
    """How many structures carry each name, by the kind of value under it."""

    def __init__(self, items: Iterable[Frame | Record]) -> None:
        self.info: Counter[str] = Counter()
        self.arrays: Counter[str] = Counter()
        self.numbers: Counter[str] = Counter()
        self.texts: Counter[str] = Counter()
        self.vectors: Counter[str] = Counter()
        for item in items:
            self.info.update(item.info.keys())
            self.arrays.update(item.arrays.keys())
            for key, value in item.info.items():
                if isinstance(value, int | float | np.number) and not isinstance(value, bool):
                    self.numbers[key] += 1
                elif isinstance(value, str | bool):
                    self.texts[key] += 1
            for key, array in item.arrays.items():
                if array.ndim == 2 and array.shape[1] == 3 and array.dtype.kind in "if":
                    self.vectors[key] += 1


def _plain(name: str) -> str:
    return name.lower().replace("_", "").replace("-", "")


def _rank(key: str, names: Sequence[str]) -> tuple[int, int]:
    """Return the place of a key among the usual names, an exact spelling before the others."""
    plain = [_plain(name) for name in names]
    place = plain.index(_plain(key)) if _plain(key) in plain else len(names)
    return place, 0 if key in names else 1


def _ranked(counts: Counter[str], names: Sequence[str]) -> tuple[str, ...]:
    """Return keys ordered by usual name, then by how many structures carry them."""
    return tuple(sorted(counts, key=lambda key: (_rank(key, names), -counts[key], key)))


def _usual(counts: Counter[str], names: Sequence[str]) -> str | None:
    """Return the first usual name that at least half as many structures carry as any other.

    So a few reference atoms with their own key do not decide for the whole file, and an
    `energy` that is missing once is still preferred to the `free_energy` next to it.
    """
    known = Counter({k: n for k, n in counts.items() if _rank(k, names)[0] < len(names)})
    if not known:
        return None
    enough = max(known.values()) / 2
    return next(key for key in _ranked(known, names) if known[key] >= enough)


def _choose(frames: Sequence[Frame], name: str, asked: LabelKeys) -> LabelKeys:
    """Settle the names of the labels: those asked for, else the usual ones."""
    counts = _KeyCounts(frames)
    for label, key, known in (
        ("energy", asked.energy, counts.info),
        ("config type", asked.config_type, counts.info),
        ("forces", asked.forces, counts.arrays + counts.info),
    ):
        if key and key not in known:
            have = ", ".join(sorted(known)[:20]) or "none"
            raise InputError(f"no structure has {label} {key!r}; it has {have}", source=name)
    energies = counts.info
    if {"i", "time"} <= set(counts.info):
        # CP2K's trajectory: its E is in hartree, and a factor of 27 is worse than no label
        energies = Counter({k: n for k, n in counts.info.items() if k != "E"})
    forces = _usual(counts.arrays, FORCES_NAMES) or _usual(
        Counter({k: n for k, n in counts.info.items() if _is_list(frames, k)}), FORCES_NAMES
    )
    return LabelKeys(
        energy=(_usual(energies, ENERGY_NAMES) if asked.energy is None else asked.energy) or None,
        forces=(forces if asked.forces is None else asked.forces) or None,
        config_type=(
            _usual(counts.info, CONFIG_TYPE_NAMES)
            if asked.config_type is None
            else asked.config_type
        )
        or None,
    )


def _is_list(frames: Sequence[Frame], key: str) -> bool:
    return any(isinstance(frame.info.get(key), np.ndarray) for frame in frames)


def _class(frame: Frame, name: str, key: str | None) -> str:
    value = frame.info.get(key or "")
    if value is None:
        return ""
    if isinstance(value, np.ndarray) and value.size <= _LONGEST_CLASS:
        value = " ".join(str(item) for item in value.ravel().tolist())
    if isinstance(value, np.ndarray) or len(str(value)) > _LONGEST_CLASS:
        cause = f"config type {key!r} is no class: it is longer than {_LONGEST_CLASS} characters"
        raise InputError(cause, source=name, structure=frame.index)
    return str(value)


def _energies(frames: Sequence[Frame], name: str, key: str | None) -> FloatArray | None:
    """Return total energies, float array (n_structures,), eV; NaN where missing."""
    if key is None:
        return None
    energies = np.full(len(frames), np.nan)
    for s, frame in enumerate(frames):
        value = frame.info.get(key)
        if value is None:
            continue
        try:
            energies[s] = _number(value)
        except (TypeError, ValueError, OverflowError):
            shown = repr(value[:80]) if isinstance(value, str) else str(value)
            raise InputError(
                f"energy {key!r} is {shown[:60]}, not a number", source=name, structure=frame.index
            ) from None
    return None if np.isnan(energies).all() else energies


def _number(value: Any) -> float:
    if isinstance(value, bool | np.bool_):
        raise TypeError("a logical is not a number")
    if isinstance(value, str):
        return float(value.replace("D", "e").replace("d", "e"))
    if isinstance(value, np.ndarray):
        if value.size != 1 or value.dtype.kind not in "iuf":
            raise TypeError("not one number")
        return float(value.item())
    return float(value)


def _forces(frames: Sequence[Frame], name: str, key: str | None) -> FloatArray | None:
    """Return forces, float array (n_environments, 3), eV/angstrom; NaN where missing."""
    if key is None:
        return None
    parts: list[npt.NDArray[Any]] = []
    for frame in frames:
        n_atoms = len(frame.numbers)
        values = frame.arrays.get(key)
        if values is None and isinstance(frame.info.get(key), np.ndarray):
            values = frame.info[key]
        if values is None:
            parts.append(np.full((n_atoms, 3), np.nan))
            continue
        if values.shape != (n_atoms, 3) or values.dtype.kind not in "iuf":
            raise InputError(
                _forces_cause(key, values, n_atoms), source=name, structure=frame.index
            )
        parts.append(values)
    forces = np.concatenate(parts).astype(np.float64)
    return None if np.isnan(forces).all() else forces


def _forces_cause(key: str, values: npt.NDArray[Any], n_atoms: int) -> str:
    if values.dtype.kind not in "iuf":
        return f"forces {key!r} are not numbers"
    if values.size == 3 * n_atoms and values.ndim == 1:
        return (
            f"forces {key!r} are one flat list of {values.size} numbers; expected three columns "
            f"per atom ({key}:R:3)"
        )
    width = 1 if values.ndim < 2 else values.shape[-1]
    return f"forces {key!r} have {width} column{'s' * (width != 1)} per atom, expected 3"
