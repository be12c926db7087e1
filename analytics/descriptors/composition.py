"""Distance descriptor that sees elements: that of the atom, and how much of each is around it."""

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
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import option

__all__ = ["CompositionSpec", "compute_composition"]

#: Distance that two environments of different elements keep at least, 1/angstrom.
APART = 1.0


@dataclass(frozen=True, slots=True)
class CompositionSpec(TellsElements):
    """How far and how many neighbours are looked at, and which elements are told apart."""

    k: int = neighbours_option("Number of nearest neighbours whose distances describe an atom.")
    cutoff: float = cutoff_option()
    species: str = option(
        "",
        help="Elements told apart, such as Mo,Nb,Ta,W; empty for those in the file.",
    )
    #: 1/angstrom. That of the species-blind form, whose distances are parts of these.
    suggested_bandwidth: ClassVar[float] = 0.015


_DEFAULT = CompositionSpec()


def compute_composition(
    dataset: Dataset, spec: CompositionSpec = _DEFAULT, *, monitor: Monitor = SILENT
) -> Descriptors:
    r"""Describe every atom by distances, by its element and by the elements around it.

    The first 2k - 1 numbers are the species-blind descriptor (`compute_distances`). Then, for each
    element B by alphabet, how much of it is within the cutoff,

    .. math::

        \rho_{iB} = \frac{1}{\sqrt k} \sum_{j \in B} \frac{w(r_{ij})}{r_{ij}},

    over all neighbours that are B; last, for each element, :math:`1/\sqrt 2` per angstrom if the
    atom is one of it, 0 if not. With S elements a row has 2k - 1 + 2S numbers. With a single
    element it is the species-blind row alone.

    Parameters
    ----------
    dataset : Dataset
    spec : CompositionSpec, optional
        Name the elements to compare data sets of which one lacks some (`resolved_spec` does so).
    monitor : Monitor, optional

    Returns
    -------
    Descriptors
        values : float64 array (n_env, 2k - 1 + 2S), 1/angstrom. Isolated atoms are left out.

    Raises
    ------
    InputError
        As for `compute_distances`, and if the file holds an element that the spec does not name.
    WinnowError
        If the rows would not fit into a quarter of the memory.

    Notes
    -----
    Environments of different elements are at least 1/angstrom apart: K < 4e-6 at widths up to 0.2
    per angstrom. The factor :math:`1/\sqrt k` keeps the sums as long as what they are sums of:
    where k neighbours move closer together, each column of the first part by the same amount, the
    first part and the sums move equally far. With the same bandwidth no two environments are
    closer than they were without elements.

    **What it does not see.** At which distance which element stands, beyond what the sums say; and
    nothing of elements enters the distances among neighbours.

    **Why this form.** Against the channels of `compute_species_distances` and others it ranks
    subsets by their retrained errors as well, and what is selected with it trains as well
    (`python -m benchmarks elements`, docs/elements.md); it costs what the species-blind form does,
    with rows that hardly grow with the number of elements.
    """
    monitor.checkpoint()
    spec = resolved_spec(spec, dataset)
    species = parse_species(spec.species)
    structures, rows, offsets = described_atoms(dataset)
    told = len(species) if len(species) > 1 else 0
    n, width = len(rows), 2 * spec.k - 1
    refuse_oversize(n, width + 2 * told, "lower k, or read a part of the file, FILE@::10")
    check_geometry(dataset, structures, spec.cutoff)
    ranks = ranks_of(dataset, rows, species)
    lattices = reduced_lattices(dataset.cells[structures], dataset.pbc[structures])
    values = distance_rows(
        dataset.positions[rows],
        offsets,
        lattices,
        spec.k,
        spec.cutoff,
        monitor,
        ranks=ranks,
        species=told,
    )
    if told:
        values[:, width : width + told] /= np.sqrt(spec.k)
        values[np.arange(n), width + told + ranks] = APART / np.sqrt(2.0)
    return Descriptors(values, structures, offsets, rows, spec, dataset.fingerprint)


DESCRIPTORS.register("composition")((CompositionSpec, compute_composition))
