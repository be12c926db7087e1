"""Importance scores, the structures with the highest first: force, energy, outliers, GraNd, EL2N.

The scores by a model work for energies, forces or both. They look at the normal equations of the
pool (`analytics.selection.equations`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from analytics.information.analysis import Analysis
from analytics.potential.normal_equations import Equations
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.parallel import single_thread
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import NoOptions, Options, option
from analytics.selection.scores import Score, register_score
from analytics.selection.set_cover import structure_entropies

__all__ = [
    "EarlySpec",
    "error_norms",
    "excess_energies",
    "gradient_norms",
    "largest_forces",
    "leverages",
    "outlier_scores",
    "own_entropies",
]


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
    return analysis.dataset.largest_forces[analysis.descriptors.structures]


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
    first); bad at representing what is common. Of a sampled analysis the sparsest structures are
    scored exactly and come first, in their true order; behind them the others are ordered by
    estimates, which lie below and have an error (531 642 environments of W and Be: the first 11 %
    of 25 422 structures exactly, the rest with a rank correlation of 0.996 with exact scores).

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


# ------------------------------------------------------------------------------- by a model


@dataclass(frozen=True, slots=True)
class EarlySpec(Options):
    """Which models a score looks at."""

    models: int = option(5, low=1, high=50, help="Models whose scores are averaged.")
    share: float = option(
        0.1, low=0.01, high=1.0, help="Share of the structures each model has learnt from."
    )


def gradient_norms(
    analysis: Analysis,
    spec: EarlySpec,
    *,
    equations: Equations,
    rng: np.random.Generator,
    monitor: Monitor = SILENT,
) -> FloatArray:
    r"""Score by the norm of the gradient that a structure gives to a little-trained potential.

    GraNd: the mean of :math:`|A_s c - b_s|` over several potentials c, each trained on a random
    tenth of the structures (the counterpart, for a model that is solved and not iterated, of the
    first epochs), A_s and b_s the weighted normal equations of structure s. The scale is that of
    a sum over energy and forces: large structures score higher.

    Good at what a potential has most to learn from; so are wrong labels, which come first (check
    the data before). The bulk is left out.

    Cost: design rows of all structures once (see `compute_design`), then O(s M^2).

    References
    ----------
    Paul, Ganguli, Dziugaite, NeurIPS 2021, arXiv:2107.07075.
    """
    described = analysis.descriptors.structures
    total = np.zeros(len(described))
    with single_thread():
        by_content = described[analysis.by_content]
        for coefficients in _early(equations, by_content, spec, rng, monitor):
            for at, s in enumerate(described):
                matrix, right = equations.system(np.array([s]))
                total[at] += float(np.linalg.norm(matrix @ coefficients - right))
            monitor.checkpoint()
    return np.asarray(np.where(_known(equations, described), total / spec.models, np.nan))


def error_norms(
    analysis: Analysis,
    spec: EarlySpec,
    *,
    equations: Equations,
    rng: np.random.Generator,
    monitor: Monitor = SILENT,
) -> FloatArray:
    r"""Score by the error that a little-trained potential makes on a structure.

    EL2N: the root mean square, over the energy and the force components of a structure, of the
    error in units of the error that the fit reckons with (2 meV/atom, 0.1 eV/angstrom), averaged
    over several potentials that were trained on a random tenth of the structures each.

    Good at what is hard, and, like every score by error, at wrong labels; blind to repetition.

    Cost: design rows of all structures once (see `compute_design`), then O(s M^2).

    References
    ----------
    Paul, Ganguli, Dziugaite, NeurIPS 2021, arXiv:2107.07075.
    """
    described = analysis.descriptors.structures
    by_content = described[analysis.by_content]
    rows, known = equations.energy_rows[by_content], equations.residuals[by_content]
    count = (equations.energy_weights > 0) + equations.counts
    total, energy = np.zeros(len(described)), np.zeros(len(equations))
    with single_thread():
        for coefficients in _early(equations, by_content, spec, rng, monitor):
            errors = np.nan_to_num(rows @ coefficients - known)
            energy[by_content] = equations.energy_weights[by_content] * errors**2
            for at, s in enumerate(described):
                force = equations.force_terms(np.array([s])).squared_error(coefficients)
                mean = (energy[s] + equations.force_weight * force) / max(1, count[s])
                total[at] += float(np.sqrt(mean))
            monitor.checkpoint()
    return np.asarray(np.where(_known(equations, described), total / spec.models, np.nan))


def leverages(
    analysis: Analysis,
    spec: NoOptions,
    *,
    equations: Equations,
    rng: np.random.Generator,
    monitor: Monitor = SILENT,
) -> FloatArray:
    r"""Score by leverage: how many of the potential's parameters a structure settles.

    .. math:: h_s = \mathrm{tr}\left(A^{-1} A_s\right)

    with A the normal equations of all structures and A_s those of one. Needs labels to exist, not
    their values. The leverages add up to the effective number of parameters.

    Good at what is unique for the model, broken structures included; two alike that are both
    unique halve each other, and both may be missed.

    Cost: design rows of all structures once (see `compute_design`), then O(s M^2 + M^3).

    References
    ----------
    Hoaglin, Welsch, Am. Stat. 32, 17 (1978), doi:10.1080/00031305.1978.10479237.
    """
    described = analysis.descriptors.structures
    with single_thread():
        matrix = equations.system(described[analysis.by_content])[0] + np.diag(equations.prior)
        inverse = np.linalg.inv(matrix)
        found = np.zeros(len(described))
        for at, s in enumerate(described):
            found[at] = float(np.sum(inverse * equations.system(np.array([s]))[0]))
            if at % 32 == 0:
                monitor.checkpoint()
    return np.asarray(np.where(_known(equations, described), found, np.nan))


def _known(equations: Equations, structures: IntArray) -> npt.NDArray[np.bool_]:
    known = (equations.energy_weights > 0) | (equations.counts > 0)
    return np.asarray(known[structures])


def _early(
    equations: Equations,
    structures: IntArray,
    spec: EarlySpec,
    rng: np.random.Generator,
    monitor: Monitor,
) -> list[FloatArray]:
    """Return the coefficients of potentials trained on random parts."""
    size = max(1, round(spec.share * len(structures)))
    found = []
    for _ in range(spec.models):
        found.append(equations.fit(rng.permutation(structures)[-size:]))
        monitor.checkpoint()
    return found


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
register_score(
    Score(
        name="grand",
        title="GraNd",
        summary="largest gradient of a little-trained potential",
        spec=EarlySpec,
        run=gradient_norms,
        random=True,
        by_model=True,
    )
)
register_score(
    Score(
        name="el2n",
        title="EL2N",
        summary="largest error of a little-trained potential",
        spec=EarlySpec,
        run=error_norms,
        random=True,
        by_model=True,
    )
)
register_score(
    Score(
        name="leverage",
        title="Leverage",
        summary="settles most parameters of a potential",
        spec=NoOptions,
        run=leverages,
        by_model=True,
    )
)
