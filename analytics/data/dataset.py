"""The data set: every structure of one file, as flat arrays with offsets."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols

from analytics.data.frames import Columns
from analytics.data.read_options import LabelKeys
from analytics.data.understood import Understood
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen, owners, ragged_rows
from analytics.runtime.errors import InputError
from analytics.runtime.pieces import taken
from analytics.runtime.value import Table, Value

__all__ = ["ALONE", "Dataset", "Record", "Unsearchable"]

ALONE = 8.0
"""A single atom is isolated where its nearest image is this far away, angstrom: primitive cells of
crystals are 2 to 6 Å high, and descriptors see 5 or 6 Å."""


class Unsearchable(InputError):
    """A structure that no search of neighbours could deal with."""


def _names_isolated(config_type: str) -> bool:
    label = config_type.lower().replace("_", "").replace("-", "")
    return label.startswith(("isolatedatom", "isoatom"))


@dataclass(frozen=True, slots=True)
class Record(Value):
    """What a structure brought along and the method does not use, kept for the export.

    `info` holds every per-structure value of the file under its own key (labels included, cell
    and pbc excluded); `arrays` every per-atom array except species, positions and forces.
    `comment` and `columns` are the line of key=value pairs and the per-atom columns of extended
    XYZ as the file had them; empty for other formats. `forces` is the key that the forces of the
    structure were read from: they are not in `arrays` where the data set holds the same numbers.
    """

    info: Mapping[str, Any] = field(default_factory=dict)
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)
    comment: str = ""
    columns: Columns = ()
    forces: str | None = None


@dataclass(frozen=True, slots=True, weakref_slot=True)
class Dataset(Table):
    """All structures of one file; arrays are read-only.

    Making one raises `InputError` for coordinates and cells beyond `analytics.geometry.limits`.

    Attributes
    ----------
    numbers : int array (n_environments,)
        Atomic numbers. An environment is an atom and its neighbours: one row per atom.
    positions : float array (n_environments, 3), angstrom
    structure_offsets : int array (n_structures + 1,)
        Structure s owns the rows ``structure_offsets[s]:structure_offsets[s + 1]``.
    cells : float array (n_structures, 3, 3), angstrom
        Rows are the cell vectors; zero where there is no cell.
    pbc : bool array (n_structures, 3)
    energies : float array (n_structures,), eV, or None
        Total energy; NaN where missing. None where no structure has one.
    forces : float array (n_environments, 3), eV/angstrom, or None
        NaN where missing. None where no structure has any.
    stress : float array (n_structures, 3, 3), eV/angstrom^3, or None
        Positive where the cell is under tension (the sign of ASE); NaN where missing. None where
        no structure has one.
    config_type : str array (n_structures,)
        The class given in the file; empty where none is.
    frame_indices : int array (n_structures,)
        Zero-based index of each structure in the original file (differs from its place here
        when only a slice of the file was read).
    name : str
        Name of the file, without its folder.
    keys : LabelKeys
        Where the labels were read from.
    understood : Understood
        How the file was read, in full; not part of the fingerprint.
    records : sequence of Record
        What else each structure carried, for a lossless export; () when made in memory. Packed
        where there are many (`analytics.runtime.pieces`): each is made again when it is asked for.
    fingerprint : str
        Digest of the physical content: atoms, cells, labels and classes. Made here, never given.
    """

    numbers: IntArray
    positions: FloatArray
    structure_offsets: IntArray
    cells: FloatArray
    pbc: npt.NDArray[np.bool_]
    energies: FloatArray | None = None
    forces: FloatArray | None = None
    stress: FloatArray | None = None
    config_type: npt.NDArray[np.str_] = field(default_factory=lambda: np.empty(0, dtype=str))
    frame_indices: IntArray = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    name: str = "in memory"
    keys: LabelKeys = field(default_factory=LabelKeys)
    understood: Understood = field(default_factory=Understood)
    records: Sequence[Record] = ()
    fingerprint: str = field(init=False, default="")

    def __post_init__(self) -> None:
        """Freeze the arrays, fill defaults and fingerprint the physical content."""
        put = object.__setattr__
        put(self, "numbers", frozen(self.numbers, np.int64))
        put(self, "positions", frozen(self.positions, np.float64).reshape(-1, 3))
        put(self, "structure_offsets", frozen(self.structure_offsets, np.int64))
        n = len(self.structure_offsets) - 1
        put(self, "cells", frozen(self.cells, np.float64).reshape(n, 3, 3))
        put(self, "pbc", frozen(self.pbc, bool).reshape(n, 3))
        for label in ("energies", "forces", "stress"):
            if getattr(self, label) is not None:
                put(self, label, frozen(getattr(self, label), np.float64))
        if len(self.config_type) != n:
            put(self, "config_type", np.full(n, "", dtype=str))
        put(self, "config_type", frozen(self.config_type))
        if len(self.frame_indices) != n:
            put(self, "frame_indices", np.arange(n))
        put(self, "frame_indices", frozen(self.frame_indices, np.int64))
        self._check_searchable()
        put(self, "fingerprint", self._fingerprint())

    def _check_searchable(self) -> None:
        """Raise `Unsearchable` for a structure that no search of neighbours could deal with."""
        from analytics.geometry.limits import unsearchable  # with numba, which is slow to import

        found = unsearchable(self.positions, self.structure_offsets, self.cells, self.pbc)
        if found is not None:
            structure, cause = found
            frame = int(self.frame_indices[structure])
            raise Unsearchable(cause, source=self.name, structure=frame)

    def _fingerprint(self) -> str:
        labels = [x if x is not None else "absent" for x in (self.energies, self.forces)]
        labels += [] if self.stress is None else [self.stress]
        return fingerprint(
            self.numbers,
            self.positions,
            self.structure_offsets,
            self.cells,
            self.pbc,
            self.config_type,
            *labels,
        )

    def _facts(self) -> Iterator[str]:
        yield self.name
        yield f"{self.n_structures} structures"
        yield f"{self.n_environments} environments"
        yield "".join(chemical_symbols[z] for z in np.unique(self.numbers)[:12])
        labels = {"energies": self.energies, "forces": self.forces}
        yield " and ".join(name for name, x in labels.items() if x is not None) or "no labels"

    def to_frame(self) -> Any:
        """Return one row per structure: place in the file, class, atoms, energy, largest force."""
        import pandas as pd  # slow to import, and few ask

        found: dict[str, Any] = {
            "frame": self.frame_indices,
            "config_type": self.config_type,
            "n_atoms": self.sizes,
        }
        if self.energies is not None:
            found["energy_eV_per_atom"] = self.energies / np.maximum(1, self.sizes)
        if self.forces is not None and self.n_environments:
            found["largest_force_eV_per_A"] = self.largest_forces
        return pd.DataFrame(found)

    @property
    def n_structures(self) -> int:
        """Number of structures, isolated atoms included."""
        return len(self.structure_offsets) - 1

    @property
    def n_environments(self) -> int:
        """Number of atoms, isolated atoms included."""
        return len(self.numbers)

    @property
    def sizes(self) -> IntArray:
        """Number of atoms of each structure, int array (n_structures,)."""
        return np.diff(self.structure_offsets)

    @property
    def compositions(self) -> IntArray:
        """Number of atoms of each element, ascending: int array (n_structures, n_elements)."""
        elements, kind = np.unique(self.numbers, return_inverse=True)
        flat = owners(self.structure_offsets) * len(elements) + kind
        counts = np.bincount(flat, minlength=self.n_structures * len(elements))
        return counts.reshape(self.n_structures, len(elements))

    def structure_of_frame(self) -> dict[int, int]:
        """Return the structure that each frame of the original file is, by the frame's index."""
        return {frame: s for s, frame in enumerate(self.frame_indices.tolist())}

    @property
    def isolated(self) -> npt.NDArray[np.bool_]:
        """Mask of the isolated atoms, bool array (n_structures,).

        Single atoms without periodicity, in a periodic box whose faces are `ALONE` apart (some
        codes need one), or whose config_type says so. They are reference energies: always kept,
        and left out of entropy, quotas and tails.
        """
        from analytics.geometry.lattice import cell_heights  # with numba, which is slow to import

        single: npt.NDArray[np.bool_] = self.sizes == 1
        found = single & ~self.pbc.any(axis=1)
        boxed = np.flatnonzero(single & ~found)
        # no lattice with a shorter vector is so high: most primitive cells need no reduction
        edges = np.where(self.pbc[boxed], np.linalg.norm(self.cells[boxed], axis=2), np.inf)
        wide = boxed[edges.min(axis=1, initial=np.inf) >= ALONE]
        if len(wide):
            heights = cell_heights(self.cells[wide], self.pbc[wide])
            found[wide] = heights.min(axis=1) >= ALONE
        rest = boxed[~found[boxed]]
        named = {name: _names_isolated(name) for name in set(self.config_type[rest].tolist())}
        if any(named.values()):
            found[rest] = [named[name] for name in self.config_type[rest].tolist()]
        return found

    @property
    def force_norms(self) -> FloatArray:
        """Length of the force on each atom, float array (n_environments,), eV/angstrom.

        NaN where missing.
        """
        if self.forces is None:
            return np.full(self.n_environments, np.nan)
        return np.asarray(np.sqrt(np.einsum("ij,ij->i", self.forces, self.forces)))

    @property
    def largest_forces(self) -> FloatArray:
        """Largest force on an atom of each structure, float array (n_structures,), eV/angstrom.

        NaN where none is known.
        """
        return self.reduced(np.fmax, self.force_norms)

    def reduced(
        self, by: np.ufunc, rows: npt.NDArray[Any], empty: float = np.nan
    ) -> npt.NDArray[Any]:
        """Return the sum, least, ... of the rows of each structure, (n_structures, ...).

        Parameters
        ----------
        by : ufunc of two arguments
        rows : array (n_environments, ...)
        empty : float
            For structures without atoms.
        """
        some = self.sizes > 0
        found = np.full((len(some), *rows.shape[1:]), empty, dtype=rows.dtype)
        if some.any():
            found[some] = by.reduceat(rows, self.structure_offsets[:-1][some])
        return found

    def rows(self, structure: int) -> slice:
        """Return the rows of one structure's atoms."""
        return slice(
            int(self.structure_offsets[structure]), int(self.structure_offsets[structure + 1])
        )

    def take(self, structures: IntArray) -> Dataset:
        """Return a data set of the given structures, in the order given."""
        structures = np.asarray(structures, dtype=np.int64)
        rows = ragged_rows(self.structure_offsets, structures)
        offsets = np.concatenate([[0], np.cumsum(self.sizes[structures])])
        return Dataset(
            numbers=self.numbers[rows],
            positions=self.positions[rows],
            structure_offsets=offsets,
            cells=self.cells[structures],
            pbc=self.pbc[structures],
            energies=None if self.energies is None else self.energies[structures],
            forces=None if self.forces is None else self.forces[rows],
            stress=None if self.stress is None else self.stress[structures],
            config_type=self.config_type[structures],
            frame_indices=self.frame_indices[structures],
            name=self.name,
            keys=self.keys,
            understood=self.understood,
            records=taken(self.records, structures),
        )
