"""Notebook functions that join rooms: overlap of data sets, export, and structures as ase.Atoms."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
from ase import Atoms

from analytics.curation.duplicates import DuplicateSpec, near_duplicates
from analytics.curation.overlap import Leakage, leakage
from analytics.data import formats
from analytics.data.dataset import Dataset
from analytics.data.export import ExportFiles, export_selection
from analytics.descriptors.base import default_spec, resolved_spec
from analytics.descriptors.distances import describe
from analytics.information.analysis import dataset_width
from analytics.information.kernel import AUTO, COVERED_BELOW, KernelSpec
from analytics.recipe import kept_structures, make_recipe
from analytics.runtime.arrays import IntArray
from analytics.selection.base import Selection

__all__ = ["duplicates", "export", "overlap", "recipe", "to_atoms"]

duplicates = near_duplicates
recipe = make_recipe

#: A selection, or indices into the data set.
Kept = Selection | npt.ArrayLike


def to_atoms(data: Dataset, kept: Kept | None = None) -> list[Atoms]:
    """Return structures as ASE knows them, with everything that their file said of them.

    Parameters
    ----------
    data : Dataset
    kept : Selection or int array, optional
        What to return (default: all). Isolated atoms are kept besides a selection, and the
        structures of one come in the order of the file.

    Returns
    -------
    list of ase.Atoms
        Energies (eV) and forces (eV/angstrom) are results of a single-point calculator.

    Examples
    --------
    >>> frames = winnow.to_atoms(data, kept)
    >>> len(frames), frames[0].get_chemical_formula()
    (11, 'C')
    """
    return formats.to_atoms(data, None if kept is None else _indices(data, kept))


def export(
    data: Dataset,
    kept: Kept,
    path: str | Path,
    *,
    format: str | None = None,
    force: bool = False,
) -> ExportFiles:
    """Write what is kept, what is left and how it came about: PATH, PATH_rest and a JSON file.

    Parameters
    ----------
    data : Dataset
    kept : Selection or int array
        Isolated atoms are kept besides a selection.
    path : str or Path
        ``.xyz`` or ``.extxyz``, compressed where ``.gz`` follows, or as the format has it.
    format : str, optional
        What reads it: ``"mace"``, ``"deepmd"`` and others (docs/export.md; default: what the
        ending means).
    force : bool
        Replace files that exist.

    Returns
    -------
    ExportFiles
        The three paths: kept, rest, recipe.

    Examples
    --------
    >>> import tempfile
    >>> folder = tempfile.TemporaryDirectory()
    >>> [path.name for path in winnow.export(data, kept, f"{folder.name}/kept.xyz")]
    ['kept.xyz', 'kept_rest.xyz', 'kept.json']
    >>> folder.cleanup()
    """
    return export_selection(data, _indices(data, kept), path, format=format, force=force)


def overlap(
    train: Dataset,
    test: Dataset,
    descriptor: object = None,
    spec: DuplicateSpec | None = None,
    *,
    bandwidth: float | str = AUTO,
    covered_below: float = COVERED_BELOW,
) -> Leakage:
    """Measure what of a test set is in a training set already: what leaks and what is new.

    Parameters
    ----------
    train, test : Dataset
    descriptor : dataclass, optional
        Spec of a registered descriptor (default: by distances, and elements if several).
    spec : DuplicateSpec, optional
        What counts as a leak.
    bandwidth : float or str
        h, in the unit of the descriptor; "auto" is the width that the training set chooses, and
        "published" the one that the descriptor is published with.
    covered_below : float, nats
        Delta entropy below which an environment counts as covered.

    Returns
    -------
    Leakage
        Near-duplicates, and as `novelty` the delta entropy (nats) of every environment of the
        test set given the training set.

    Examples
    --------
    >>> parts = data.take(range(0, 40)), data.take(range(30, 60))
    >>> found = winnow.overlap(*parts, bandwidth="published")
    >>> len(found.test), round(found.novelty.covered_environments, 2)
    (10, 0.12)
    """
    chosen = resolved_spec(default_spec() if descriptor is None else descriptor, train, test)
    pairs = [(data, describe(data, chosen)) for data in (train, test)]
    width = dataset_width(*pairs[0]).taken(KernelSpec(bandwidth, covered_below))
    return leakage(
        pairs[0],
        pairs[1],
        spec,
        bandwidth=width.value,
        covered_below=covered_below,
        alike=width.alike,
    )


def _indices(data: Dataset, kept: Kept) -> IntArray:
    if isinstance(kept, Selection):
        return kept_structures(data, kept)
    return np.asarray(kept, dtype=np.int64)
