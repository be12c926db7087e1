"""Properties of structures and atoms to colour, plot and filter by: computed ones and the file's.

Each has the name that stands for it in a filter expression: ``natoms``, ``max_force``,
``config_type``, ``energy_per_atom``, ``n_Ti``, or a column of the file under its own key.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from ase.data import atomic_masses, chemical_symbols
from ase.formula import Formula
from ase.units import GPa, _amu

from analytics.curation.file_columns import FileColumn, file_columns
from analytics.curation.unusual import volumes_per_atom
from analytics.data.dataset import Dataset
from analytics.data.energy_levels import reference_energies
from analytics.descriptors.base import Descriptors
from analytics.geometry.lattice import bulk_volumes
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray, IntArray, frozen
from analytics.runtime.errors import WinnowError

__all__ = ["Properties", "Property", "Unanalysed"]

#: Unit of mass (kg) over that of volume, for g/cm^3.
_DENSITY = _amu * 1e3 / 1e-24

_Values = npt.NDArray[Any]


@dataclass(frozen=True, slots=True)
class Property:
    """What structures or environments can be told apart by.

    Attributes
    ----------
    name : str
        As it stands in an expression.
    title : str
        As it stands on an axis or a legend, without the unit.
    unit : str
        Empty where there is none, or the file does not say.
    of : 'structure' or 'environment'
    kind : 'number' or 'category'
    signed : bool
        Whether zero is the middle and the sign tells.
    group : str
        Under which heading a menu has it.
    """

    name: str
    title: str
    unit: str = ""
    of: Literal["structure", "environment"] = "structure"
    kind: Literal["number", "category"] = "number"
    signed: bool = False
    group: str = "Computed"

    @property
    def label(self) -> str:
        """Title and unit."""
        return f"{self.title} ({self.unit})" if self.unit else self.title


@dataclass(frozen=True, slots=True)
class _Known:
    """A property that is worked out, what it needs of a data set, and how it is."""

    shown: Property
    made: Callable[[Analysis], _Values]
    needs: Callable[[Dataset], bool] = lambda dataset: True


@dataclass(frozen=True, slots=True)
class Unanalysed:
    """A data set as it was read: every atom of it, and nothing that is known by descriptors."""

    dataset: Dataset

    @property
    def descriptors(self) -> Descriptors:
        """Rows without a number, one for each atom."""
        n, data = self.dataset.n_environments, self.dataset
        return Descriptors(
            np.empty((n, 0)), np.arange(data.n_structures), data.structure_offsets, np.arange(n),
            None, data.fingerprint, f"unanalysed {data.fingerprint}",
        )  # fmt: skip

    @property
    def force_norms(self) -> FloatArray:
        """Length of the force on each atom, eV/angstrom."""
        return self.dataset.force_norms


class Properties:
    """All properties of an analysed data set; each is worked out when first asked for.

    Parameters
    ----------
    analysis : Analysis or Unanalysed
        Without an analysis there are no scores, and isolated atoms have environments.

    Notes
    -----
    A property takes O(n) for n structures or atoms, and n numbers of memory from then on.
    """

    def __init__(self, analysis: Analysis | Unanalysed) -> None:
        self.analysis: Any = analysis
        self._made: dict[str, Callable[[], _Values]] = {}
        self._shown: dict[str, Property] = {}
        self._remembered: dict[str, _Values] = {}
        dataset = analysis.dataset
        scores = _SCORES if isinstance(analysis, Analysis) else ()
        for known in (*_KNOWN, *scores, *_counts_of_elements(dataset)):
            if known.needs(dataset):
                self._add(known.shown, partial(known.made, analysis))
        computed = {known.shown.name for known in (*_KNOWN, *_SCORES)} | set(self._shown)
        for column in file_columns(dataset, computed):
            shown = Property(
                column.name, column.title, "", column.of, column.kind, group="Of the file"
            )
            self._add(shown, partial(_of_file, column, analysis))

    def _add(self, shown: Property, made: Callable[[], _Values]) -> None:
        self._shown[shown.name], self._made[shown.name] = shown, made

    def available(self) -> tuple[Property, ...]:
        """Return what there is for this data set: what is computed first, then the file's."""
        return tuple(self._shown.values())

    def __contains__(self, name: str) -> bool:
        return name in self._shown

    @property
    def n_structures(self) -> int:
        """Number of structures of the data set, isolated atoms included."""
        return int(self.analysis.dataset.n_structures)

    @cached_property
    def owners(self) -> IntArray:
        """Structure of the data set that each environment analysed belongs to."""
        described = self.analysis.descriptors
        return frozen(described.structures[described.owners])

    def __getitem__(self, name: str) -> Property:
        """Return what a name stands for."""
        if name not in self._shown:
            raise WinnowError(f"this data set has no property {name!r}")
        return self._shown[name]

    def values(self, name: str) -> _Values:
        """Return the values of a property, read-only.

        Parameters
        ----------
        name : str

        Returns
        -------
        float or str array
            (n_structures,) of the data set, isolated atoms included, or (n_environments,) of
            those analysed. NaN or "" where missing, and where a score is not known well enough to
            be told apart from others.
        """
        self[name]
        if name not in self._remembered:
            self._remembered[name] = frozen(self._made[name]())
        return self._remembered[name]

    def of_environments(self, name: str) -> _Values:
        """Return the values of all environments; those of structures go to all their atoms."""
        values = self.values(name)
        if self[name].of == "environment":
            return values
        return np.asarray(values[self.owners])

    def of_structures(self, name: str) -> FloatArray:
        """Return numbers of all structures; the largest of its atoms where it is one of atoms."""
        values = self.values(name)
        if self[name].of == "structure":
            return values
        offsets = self.analysis.descriptors.structure_offsets
        return _of_described(self.analysis, np.fmax.reduceat(values, offsets[:-1]))


# ---- how they are made --------------------------------------------------------------------------


def _mean_force(dataset: Dataset) -> FloatArray:
    norms = dataset.force_norms
    there = np.isfinite(norms)
    total = dataset.reduced(np.add, np.where(there, norms, 0.0))
    with np.errstate(invalid="ignore"):
        return np.asarray(total / dataset.reduced(np.add, there.astype(np.float64)))


def _energy_per_atom(dataset: Dataset) -> FloatArray:
    assert dataset.energies is not None
    return np.asarray(dataset.energies / np.maximum(1, dataset.sizes))


def _mass_density(dataset: Dataset) -> FloatArray:
    masses = dataset.reduced(np.add, atomic_masses[dataset.numbers])
    return np.asarray(masses * _DENSITY / bulk_volumes(dataset.cells, dataset.pbc))


def _pressure(dataset: Dataset) -> FloatArray:
    assert dataset.stress is not None
    return np.asarray(-np.trace(dataset.stress, axis1=1, axis2=2) / 3 / GPa)


def _by_composition(dataset: Dataset, said: Callable[[dict[str, int]], str]) -> _Values:
    """Write something of each structure's composition; each composition is looked at once."""
    symbols = [chemical_symbols[z] for z in np.unique(dataset.numbers)]
    counts = dataset.compositions
    # one number for each composition: rows of an array are slow to sort
    weights = np.random.default_rng(0).integers(1, 2**40, counts.shape[1])
    _, first, which = np.unique(counts @ weights, return_index=True, return_inverse=True)
    texts = [
        said({s: n for s, n in zip(symbols, row, strict=True) if n})
        for row in counts[first].tolist()
    ]
    return np.array(texts, dtype=str)[which]


def _formula(counts: dict[str, int]) -> str:
    return str(Formula.from_dict(counts).format("metal"))


def _of_described(analysis: Analysis | Unanalysed, values: FloatArray) -> FloatArray:
    """Return numbers of the structures analysed for all structures, NaN for the others."""
    found = np.full(analysis.dataset.n_structures, np.nan)
    found[analysis.descriptors.structures] = values
    return found


def _mean_scores(analysis: Analysis) -> FloatArray:
    """Return mean outlier scores: a mean is known where every score is."""
    mean = analysis.outliers.structure_mean
    return _of_described(analysis, mean if analysis.exact else np.full(len(mean), np.nan))


def _elements(analysis: Analysis) -> _Values:
    symbols = np.array(chemical_symbols)
    return symbols[analysis.dataset.numbers[analysis.descriptors.environments]]


def _of_file(column: FileColumn, analysis: Analysis | Unanalysed) -> _Values:
    values = column.values(analysis.dataset)
    return values if column.of == "structure" else values[analysis.descriptors.environments]


def _count(element: int, analysis: Analysis) -> FloatArray:
    return analysis.dataset.compositions[:, element].astype(np.float64)


def _counts_of_elements(dataset: Dataset) -> list[_Known]:
    return [
        _Known(
            Property(f"n_{chemical_symbols[z]}", f"{chemical_symbols[z]} atoms"),
            partial(_count, at),
        )
        for at, z in enumerate(np.unique(dataset.numbers).tolist())
    ]


_ANGSTROM_3 = "Å³"
_PER_ATOM = "eV/atom"


def _has_energies(d: Dataset) -> bool:
    return d.energies is not None


def _has_forces(d: Dataset) -> bool:
    return d.forces is not None


def _has_volumes(d: Dataset) -> bool:
    return bool(d.pbc.all(axis=1).any())


_KNOWN = (
    _Known(
        Property("config_type", "Class", kind="category"),
        lambda a: a.dataset.config_type,
        lambda d: bool((d.config_type != "").any()),
    ),
    _Known(Property("element", "Element", of="environment", kind="category"), _elements),
    _Known(
        Property("elements", "Elements", kind="category"),
        lambda a: _by_composition(a.dataset, "-".join),
    ),
    _Known(
        Property("formula", "Formula", kind="category"),
        lambda a: _by_composition(a.dataset, _formula),
    ),
    _Known(
        Property("nelements", "Number of elements"),
        lambda a: (a.dataset.compositions > 0).sum(axis=1).astype(np.float64),
    ),
    _Known(Property("natoms", "Atoms"), lambda a: a.dataset.sizes.astype(np.float64)),
    _Known(
        Property("index", "Index in the file"),
        lambda a: a.dataset.frame_indices.astype(np.float64),
    ),
    _Known(
        Property("energy", "Energy", "eV"),
        lambda a: np.asarray(a.dataset.energies),
        _has_energies,
    ),
    _Known(
        Property("energy_per_atom", "Energy per atom", _PER_ATOM),
        lambda a: _energy_per_atom(a.dataset),
        _has_energies,
    ),
    _Known(
        Property(
            "energy_residual", "Energy beyond the elements' references", _PER_ATOM, signed=True
        ),
        lambda a: reference_energies(a.dataset)[1],
        _has_energies,
    ),
    _Known(
        Property("force", "|F|", "eV/Å", of="environment"), lambda a: a.force_norms, _has_forces
    ),
    _Known(
        Property("max_force", "Largest |F|", "eV/Å"),
        lambda a: a.dataset.largest_forces,
        _has_forces,
    ),
    _Known(
        Property("mean_force", "Mean |F|", "eV/Å"), lambda a: _mean_force(a.dataset), _has_forces
    ),
    _Known(
        Property("pressure", "Pressure", "GPa", signed=True),
        lambda a: _pressure(a.dataset),
        lambda d: d.stress is not None,
    ),
    _Known(
        Property("volume", "Volume", _ANGSTROM_3),
        lambda a: bulk_volumes(a.dataset.cells, a.dataset.pbc),
        _has_volumes,
    ),
    _Known(
        Property("volume_per_atom", "Volume per atom", f"{_ANGSTROM_3}/atom"),
        lambda a: volumes_per_atom(a.dataset),
        _has_volumes,
    ),
    _Known(
        Property("density", "Density", "g/cm³"), lambda a: _mass_density(a.dataset), _has_volumes
    ),
    _Known(
        Property("isolated", "Isolated atom", kind="category"),
        lambda a: a.dataset.isolated.astype(str),
        lambda d: bool(d.isolated.any()),
    ),
)
_SCORES = (
    _Known(
        Property("outlier_score", "Outlier score", "nats", of="environment"),
        lambda a: a.outliers.ranked,
    ),
    _Known(
        Property("max_outlier_score", "Highest outlier score", "nats"),
        lambda a: _of_described(a, a.outliers.structure_ranked),
    ),
    _Known(
        Property("mean_outlier_score", "Mean outlier score", "nats"),
        _mean_scores,
    ),
)
