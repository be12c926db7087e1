"""Why structures are taken out, in the words that a recipe keeps."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from analytics.curation.duplicates import Duplicates
from analytics.curation.force_cut import ForceCut
from analytics.runtime.arrays import IntArray

__all__ = ["copy_reasons", "cut_reasons"]


def copy_reasons(
    duplicates: Duplicates, frames: IntArray, structures: Iterable[int] | None = None
) -> dict[int, str]:
    """Return for each copy what it is a copy of.

    Parameters
    ----------
    duplicates : Duplicates
    frames : int array (n_structures,)
        Index of each structure in the original file, by which reasons name others.
    structures : iterable of int, optional
        Copies that are meant (default: all of them); what is no copy is left out.

    Returns
    -------
    dict of int to str
        By index in the data set: exact duplicates first, by the structure that they repeat.
    """
    copies = duplicates.copies
    if structures is not None:
        copies = np.intersect1d(copies, np.fromiter(structures, np.int64))
    originals = duplicates.representative[copies]
    exact = duplicates.exact_of[copies] == originals
    kinds = np.where(exact, "exact duplicate", "near-duplicate")
    return {
        int(copies[at]): f"{kinds[at]} of {frames[originals[at]]}"
        for at in np.lexsort((copies, originals, ~exact))
    }


def cut_reasons(cut: ForceCut) -> dict[int, str]:
    """Return for each structure that a cut takes out at which force it does, by index."""
    return dict.fromkeys(cut.structures.tolist(), f"a force above {cut.limit:g} eV/Å")
