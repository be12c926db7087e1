"""Lists of chemical elements, as the descriptors that tell them apart take and order them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Self, cast

import numpy as np
from ase.data import atomic_numbers, chemical_symbols

from analytics.data.dataset import Dataset
from analytics.descriptors.base import described_structures
from analytics.runtime.arrays import IntArray, owners
from analytics.runtime.errors import InputError
from analytics.runtime.registry import Options

__all__ = ["TellsElements", "parse_species", "ranks_of", "sees_elements", "species_text"]


class TellsElements(Options):
    """What specs with a list of elements, `species`, inherit: empty means those of the data."""

    __slots__ = ()
    species: str

    def __post_init__(self) -> None:
        """Check the bounds and the list of elements."""
        super().__post_init__()
        parse_species(self.species)

    def resolved(self, *datasets: Dataset) -> Self:
        """Return the spec with the elements of the data sets, if it names none."""
        if self.species.strip():
            return self
        return cast(Self, replace(cast(Any, self), species=species_text(*datasets)))


def parse_species(text: str) -> IntArray:
    """Return the atomic numbers of a list of symbols, ordered alphabetically by symbol.

    Parameters
    ----------
    text : str
        Symbols separated by commas or spaces, in any order: "W, Ta,Mo".

    Raises
    ------
    ValueError
        If a word is no element's symbol.
    """
    symbols = sorted(set(text.replace(",", " ").split()))
    unknown = [symbol for symbol in symbols if atomic_numbers.get(symbol, 0) == 0]
    if unknown:
        raise ValueError(f"species names {unknown[0]!r}, which is no element's symbol")
    return np.array([atomic_numbers[symbol] for symbol in symbols], dtype=np.int64)


def sees_elements(spec: Any) -> bool:
    """Return whether descriptors of this (resolved) spec tell elements apart."""
    told = getattr(spec, "tells_elements", False)
    return told or len(parse_species(getattr(spec, "species", ""))) > 1


def species_text(*datasets: Dataset) -> str:
    """Return the symbols of all elements in the structures described, sorted, joined by commas."""
    found: set[int] = set()
    for dataset in datasets:
        mask = np.zeros(dataset.n_structures, dtype=bool)
        mask[described_structures(dataset)] = True
        rows = mask[owners(dataset.structure_offsets)]
        found.update(np.unique(dataset.numbers[rows]).tolist())
    return ",".join(sorted(chemical_symbols[number] for number in found))


def ranks_of(dataset: Dataset, rows: IntArray, species: IntArray) -> IntArray:
    """Return the place of each atom's element in the list of species.

    Parameters
    ----------
    dataset : Dataset
    rows : int array (n,)
        Atoms, as rows of the data set.
    species : int array (m,)
        Atomic numbers.

    Raises
    ------
    InputError
        If an atom's element is not in the list.
    """
    place = np.full(len(chemical_symbols), -1, dtype=np.int64)
    place[species] = np.arange(len(species))
    ranks: IntArray = place[dataset.numbers[rows]]
    if (ranks < 0).any():
        row = int(rows[np.argmax(ranks < 0)])
        structure = int(np.searchsorted(dataset.structure_offsets, row, side="right")) - 1
        raise InputError(
            f"{chemical_symbols[dataset.numbers[row]]} is not among the species of the descriptor, "
            f"{', '.join(chemical_symbols[number] for number in species)}",
            source=dataset.name,
            structure=int(dataset.frame_indices[structure]),
        )
    return ranks
