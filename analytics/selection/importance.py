"""Importance scores that need no model: the structures with the highest score go first."""

from __future__ import annotations

import numpy as np

from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import NoOptions
from analytics.selection.scores import Score, register_score
from analytics.selection.set_cover import structure_entropies

__all__ = ["excess_energies", "largest_forces", "outlier_scores", "own_entropies"]


def largest_forces(
    analysis: Analysis, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> FloatArray:
    """Score by the largest force on any atom of a structure, eV/angstrom.

    Good at the long tail of forces; bad at everything near equilibrium, which it abandons, so
    that energies of crystals suffer. Says nothing about perfect crystals, whose forces are
    exactly zero by symmetry: they come last, ordered by content. Missing forces come after them.

    Cost: O(n), the forces are read once.

    References
    ----------
    Zheng, Liu, Lai, Prakash, ICLR 2023, arXiv:2210.15809 (why the hardest first fails at high
    pruning rates).
    """
    norms, starts = analysis.force_norms, analysis.descriptors.structure_offsets[:-1]
    return np.asarray(np.fmax.reduceat(norms, starts))


def excess_energies(
    analysis: Analysis, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> FloatArray:
    r"""Score by energy per atom above what the composition explains, eV/atom.

    .. math:: \left(E_s - \sum_z n_{sz} e_z\right) / n_s

    with one energy e per element from least squares over all structures with an energy, so that
    compositions can be compared; without that the heaviest element would win. For a single
    composition the order is that of the energy per atom itself.

    Good at strained, hot and defective structures, and at wrong energies, which come first
    (check the data before); bad at ground states, which it leaves to the end. Structures without
    an energy come last.

    Cost: O(s z^2) for s structures and z elements.

    References
    ----------
    The reference energies are those of a linear one-body model, as potentials are fitted on top
    of: Shapeev, Multiscale Model. Simul. 14, 1153 (2016), doi:10.1137/15M1054183.
    """
    dataset, described = analysis.dataset, analysis.descriptors.structures
    assert dataset.energies is not None
    energies = np.asarray(dataset.energies, dtype=float)[described]
    elements, column = np.unique(
        dataset.numbers[analysis.descriptors.environments], return_inverse=True
    )
    counts = np.zeros((len(described), len(elements)))
    np.add.at(counts, (analysis.descriptors.owners, column.ravel()), 1.0)
    sizes = counts.sum(axis=1)
    known = np.isfinite(energies)
    # per atom on both sides: a large structure weighs no more than a small one
    shares, per_atom = counts / sizes[:, None], energies / sizes
    order = analysis.by_content  # sums are rounded alike in whatever order the file is
    fitted = order[known[order]]
    one_body = np.linalg.lstsq(shares[fitted], per_atom[fitted], rcond=None)[0]
    excess = np.empty(len(described))
    excess[order] = per_atom[order] - shares[order] @ one_body
    return excess


def outlier_scores(
    analysis: Analysis, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> FloatArray:
    """Score by the highest leave-one-out outlier score of any environment, nats.

    Good at finding what is sparse in the data, broken structures included (check the data
    first); bad at representing what is common.

    Cost: none, the scores are there from the analysis.

    References
    ----------
    Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025), doi:10.1038/s41467-025-59232-0 (the delta
    entropy it is the leave-one-out form of).
    """
    return analysis.outliers.structure_max


def own_entropies(
    analysis: Analysis, spec: NoOptions, *, rng: np.random.Generator, monitor: Monitor = SILENT
) -> FloatArray:
    """Score by the information entropy of a structure's own environments, nats.

    Good at structures with much variety inside: melts, amorphous cells, surfaces with defects.
    Blind to repetition, so that a hundred snapshots of one melt all come first, and to small
    cells: the entropy is at most the logarithm of the number of atoms.

    Cost: O(d) times the sum of the squared structure sizes.

    References
    ----------
    Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025), doi:10.1038/s41467-025-59232-0.
    """
    descriptors = analysis.descriptors
    return structure_entropies(
        descriptors.values,
        descriptors.structure_offsets,
        analysis.spec.bandwidth,
        monitor=monitor,
    )


register_score(
    Score(
        name="largest_force",
        title="Largest force",
        summary="highest max |F| first",
        spec=NoOptions,
        run=largest_forces,
        needs_forces=True,
    )
)
register_score(
    Score(
        name="highest_energy",
        title="Highest energy",
        summary="energy per atom above its composition's",
        spec=NoOptions,
        run=excess_energies,
        needs_energies=True,
    )
)
register_score(
    Score(
        name="outlier_score",
        title="Outlier score",
        summary="sparsest environment first",
        spec=NoOptions,
        run=outlier_scores,
        uses_scores=True,
    )
)
register_score(
    Score(
        name="structure_entropy",
        title="Own entropy",
        summary="most variety within a structure first",
        spec=NoOptions,
        run=own_entropies,
    )
)
