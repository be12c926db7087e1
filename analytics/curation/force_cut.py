"""Force cut-off: what leaving out structures above a largest force would cost."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from analytics.data.dataset import Dataset
from analytics.runtime.arrays import IntArray, frozen
from analytics.runtime.value import Value

__all__ = ["DEFINITION", "ForceCut", "force_cut"]

#: What a cut is, to the letter.
DEFINITION = (
    "A structure goes if |F| of any of its atoms is above the limit: the length of the force "
    "vector, not a component, and strictly above. Atoms without a force do not count, isolated "
    "atoms stay."
)
#: The tail is the share of atoms with the largest forces.
TAIL = 0.01


@dataclass(frozen=True, slots=True)
class ForceCut(Value):
    """The structures that have an atom with a force above a limit, and what goes with them.

    Attributes
    ----------
    limit : float, eV/angstrom
        Of |F| per atom.
    structures : int array (m,)
        Indices in the data set, ascending.
    n_structures : int
        Structures with forces, isolated atoms left out.
    n_environments, n_lost : int
        Atoms of those structures, and atoms of the ones cut.
    n_above : int
        Atoms above the limit: the rest of `n_lost` goes because of them.
    tail_lost : float
        Share of the 1 % of atoms with the largest forces that goes; NaN without forces.
    classes : tuple of (name, lost, total)
        Structures of each config_type that loses some, the largest loss first.
    """

    limit: float
    structures: IntArray
    n_structures: int
    n_environments: int
    n_lost: int
    n_above: int
    tail_lost: float
    classes: tuple[tuple[str, int, int], ...]


def force_cut(dataset: Dataset, limit: float) -> ForceCut:
    """Say what goes if structures with a force above `limit` (eV/angstrom) are taken out.

    Isolated atoms stay. Atoms without a force count as below the limit. Ties at the edge of the
    tail go to the lowest index.
    """
    norms = dataset.force_norms
    usable = ~dataset.isolated & (dataset.sizes > 0)
    owner = np.repeat(np.arange(dataset.n_structures), dataset.sizes)
    known = np.isfinite(norms) & usable[owner]
    above = known & (np.nan_to_num(norms) > limit)
    labelled = np.zeros(dataset.n_structures, dtype=bool)
    labelled[owner[known]] = True
    cut = np.unique(owner[above])
    gone = np.zeros(dataset.n_structures, dtype=bool)
    gone[cut] = True
    atoms = np.flatnonzero(known)
    tail = atoms[np.argsort(-norms[atoms], kind="stable")[: int(np.ceil(TAIL * len(atoms)))]]
    names, kind = np.unique(dataset.config_type, return_inverse=True)
    lost = np.bincount(kind[gone], minlength=len(names))
    total = np.bincount(kind[labelled], minlength=len(names))
    order = np.argsort(-lost, kind="stable")
    return ForceCut(
        limit=float(limit),
        structures=frozen(cut, np.int64),
        n_structures=int(labelled.sum()),
        n_environments=int(dataset.sizes[labelled].sum()),
        n_lost=int(dataset.sizes[gone].sum()),
        n_above=int(above.sum()),
        tail_lost=float(gone[owner[tail]].mean()) if len(tail) else float("nan"),
        classes=tuple((str(names[c]), int(lost[c]), int(total[c])) for c in order if lost[c]),
    )
