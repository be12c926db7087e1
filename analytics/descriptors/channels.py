"""The distance descriptor with one channel per species: QUESTS' multicomponent form."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from analytics.data.dataset import Dataset
from analytics.descriptors.base import (
    DESCRIPTORS,
    Descriptors,
    described_atoms,
    refuse_oversize,
    resolved_spec,
)
from analytics.descriptors.distances import cutoff_option, distance_rows, neighbours_option
from analytics.descriptors.species import TellsElements, parse_species, ranks_of
from analytics.descriptors.validation import check_geometry
from analytics.geometry.lattice import reduced_lattices
from analytics.runtime.arrays import FloatArray, IntArray, owners
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import option

__all__ = ["SpeciesDistanceSpec", "compute_species_distances"]


@dataclass(frozen=True, slots=True)
class SpeciesDistanceSpec(TellsElements):
    """How far and how many neighbours are looked at, and which species have a channel."""

    k: int = neighbours_option(
        "Number of nearest neighbours per channel; a channel has 2k - 1 numbers."
    )
    cutoff: float = cutoff_option()
    species: str = option(
        "",
        help="Species with a channel, such as Mo,Nb,Ta,W; empty for those in the file.",
    )
    #: 1/angstrom. That of the species-blind form, see `compute_species_distances`.
    suggested_bandwidth: ClassVar[float] = 0.015


_DEFAULT = SpeciesDistanceSpec()


def compute_species_distances(
    dataset: Dataset, spec: SpeciesDistanceSpec = _DEFAULT, *, monitor: Monitor = SILENT
) -> Descriptors:
    r"""Describe every atom among all atoms, and once more among the atoms of its own species.

    The first channel is the species-blind descriptor (`compute_distances`). Each species A has a
    further one: the same numbers with every atom that is not A taken away, for the atoms that are
    A, and zeros for all others. With S species a row has (S + 1)(2k - 1) numbers, of which at most
    2(2k - 1) are not zero. Columns: the first parts :math:`X^{(1)}` of all channels (species-blind,
    then species by alphabet), then the second parts :math:`X^{(2)}` in the same order, as in
    QUESTS. With a single species there is the first channel alone.

    Parameters
    ----------
    dataset : Dataset
    spec : SpeciesDistanceSpec, optional
        Name the species to compare data sets of which one lacks some (`resolved_spec` does so).
    monitor : Monitor, optional

    Returns
    -------
    Descriptors
        values : float64 array (n_env, (S + 1)(2k - 1)), 1/angstrom. Isolated atoms are left out.

    Raises
    ------
    InputError
        As for `compute_distances`, and if the file holds a species that the spec does not name.
    WinnowError
        If the rows would not fit into a quarter of the memory.

    Notes
    -----
    **Bandwidth.** The rule by atomic volume holds as it does for the species-blind form, with the
    volume per atom *of all species*: the first channel is that form, and the squared distance of
    two environments is the sum over channels, so that with the same bandwidth no two environments
    are closer than they were. Environments of different species that have neighbours of their own
    kind within the cutoff differ by both their channels and do not overlap. Per-species volumes
    would give narrower kernels for dilute species; they are not used.

    **What it does not see.** Neighbours of other species enter the first channel only, so that
    exchanging two *different* foreign species around an atom changes nothing, and an atom without
    a neighbour of its own kind within the cutoff has the species-blind row, whatever it is.

    **Cost.** Twice that of the species-blind form, for any number of species.

    References
    ----------
    Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025), doi:10.1038/s41467-025-59232-0; the
    multicomponent form is that of the `quests` package.
    """
    monitor.checkpoint()
    spec = resolved_spec(spec, dataset)
    species = parse_species(spec.species)
    structures, rows, offsets = described_atoms(dataset)
    channels = len(species) + 1 if len(species) > 1 else 1
    refuse_oversize(
        len(rows), channels * (2 * spec.k - 1), "lower k, or use the species-blind distances"
    )
    check_geometry(dataset, structures, spec.cutoff)
    ranks = ranks_of(dataset, rows, species)
    lattices = reduced_lattices(dataset.cells[structures], dataset.pbc[structures])
    positions = dataset.positions[rows]
    half = Part(monitor, 0.0, 0.5 if channels > 1 else 1.0)
    blind = distance_rows(positions, offsets, lattices, spec.k, spec.cutoff, half)
    values = blind
    if channels > 1:
        order, groups, of_structure = _by_species(ranks, offsets, len(species))
        own = distance_rows(
            positions[order],
            groups,
            (lattices[0][of_structure], lattices[1][of_structure]),
            spec.k,
            spec.cutoff,
            Part(monitor, 0.5, 1.0),
        )
        values = _spread(blind, own, order, ranks, channels, spec.k)
    return Descriptors(values, structures, offsets, rows, spec, dataset.fingerprint)


def _by_species(
    ranks: IntArray, offsets: IntArray, n_species: int
) -> tuple[IntArray, IntArray, IntArray]:
    """Sort atoms by structure and species.

    Return the order, the offsets of the groups of one species in one structure, and the structure
    of each group.
    """
    keys = owners(offsets) * n_species + ranks
    order = np.argsort(keys, kind="stable")
    found, counts = np.unique(keys, return_counts=True)
    return order, np.concatenate([[0], np.cumsum(counts)]), found // n_species


def _spread(
    blind: FloatArray, own: FloatArray, order: IntArray, ranks: IntArray, channels: int, k: int
) -> FloatArray:
    """Put the rows among an atom's own kind, given in `order`, into the columns of its species."""
    values = np.zeros((len(blind), channels * (2 * k - 1)))
    first = values[:, : channels * k].reshape(len(blind), channels, k)
    second = values[:, channels * k :].reshape(len(blind), channels, k - 1)
    # reshape of a slice copies where it cannot view; these slices can be viewed, and must be
    assert np.shares_memory(first, values)
    first[:, 0], second[:, 0] = blind[:, :k], blind[:, k:]
    first[order, 1 + ranks[order]] = own[:, :k]
    second[order, 1 + ranks[order]] = own[:, k:]
    return values


DESCRIPTORS.register("species_distances")((SpeciesDistanceSpec, compute_species_distances))
