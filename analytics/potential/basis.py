"""SOAP-GAP basis: sparse kernels with reference environments chosen by farthest-point sampling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from analytics.data.content import content_order
from analytics.data.dataset import Dataset
from analytics.descriptors.validation import check_geometry
from analytics.linalg.farthest import farthest_first
from analytics.potential.potentials import pools_of
from analytics.potential.spec import RetrainSpec
from analytics.potential.spectra import (
    Expansion,
    expanded,
    make_expansion,
    spectra_of,
)
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.value import Value

AnyArray = npt.NDArray[Any]
BoolArray = npt.NDArray[np.bool_]

__all__ = ["Basis", "choose_bases", "choose_basis", "most_references", "normalised_spectra"]

#: Bytes of spectra among which the reference environments are looked for.
CANDIDATE_BYTES = 400_000_000
#: Environments closer than this (squared distance of unit vectors) are the same.
SAME = 1e-8
#: Rows of spectra multiplied at once.
CHUNK = 20_000
#: Keeps the whitening finite, as a share of the kernel's mean diagonal element.
JITTER = 1e-9
#: Reference environments of all species together, at most.
MOST_REFERENCES = 1200
#: With more species than this, spectra take fewer radial functions.
MANY_SPECIES, FEWER_RADIAL = 4, 6


@dataclass(frozen=True, slots=True)
class Basis(Value):
    r"""Kernels of an atom's spectrum p with reference spectra of the same species.

    .. math:: \phi_s(A) = \sum_{i \in A} \left(p_i \cdot p_s\right)^\zeta

    whitened, so that coefficients are independent under the prior of the Gaussian process.

    Attributes
    ----------
    spec : RetrainSpec
        As used: see `choose_basis`.
    species : int array (S,)
        Atomic numbers, ascending.
    references : float array (M, d)
        Normalised spectra, species after species.
    reference_offsets : int array (S + 1,)
    whitening : float array (M, M)
        Block diagonal; kernels times this are the functions.
    """

    spec: RetrainSpec
    species: IntArray
    references: FloatArray
    reference_offsets: IntArray
    whitening: FloatArray

    def __post_init__(self) -> None:
        """Freeze the arrays."""
        for name in ("species", "references", "reference_offsets", "whitening"):
            object.__setattr__(self, name, frozen(getattr(self, name)))

    def __len__(self) -> int:
        return len(self.references)

    @property
    def fingerprint(self) -> str:
        """Digest of everything that rows depend on."""
        return fingerprint(repr(self.spec), self.species, self.references, self.whitening)

    def restricted(self, references: IntArray) -> Basis:
        """Return the basis of some of the references, given in ascending order."""
        edges = np.searchsorted(references, self.reference_offsets)
        blocks = [self.references[references[a:b]] for a, b in pairwise(edges.tolist())]
        return _basis_of(self.spec, self.species, blocks)

    def projection(self, references: IntArray) -> FloatArray:
        r"""Return what turns rows of this basis into rows of the restricted one, (M, m).

        With the kernels :math:`K = L L^T` between all references, functions are
        :math:`\phi = k L^{-T}`; those of some of the references are :math:`\phi Q` with
        :math:`Q = L^T_{:, S} L_S^{-T}`, whose columns are orthonormal: nothing is lost in the
        precision of the rows.
        """
        whitening = self.restricted(references).whitening
        factor = np.linalg.inv(self.whitening)  # L^T
        return np.asarray(factor[:, references] @ whitening)

    def to_restricted(self, references: IntArray) -> Callable[[AnyArray], AnyArray]:
        """Return what turns rows of this basis into rows of the restricted one."""
        projection = self.projection(references)
        return lambda rows: rows @ projection.astype(rows.dtype)

    def part(self, species: int) -> slice:
        """Return which functions belong to a species of the centre."""
        at = int(np.searchsorted(self.species, species))
        return slice(int(self.reference_offsets[at]), int(self.reference_offsets[at + 1]))


def choose_basis(
    dataset: Dataset,
    spec: RetrainSpec,
    structures: IntArray | None = None,
    *,
    monitor: Monitor = SILENT,
) -> Basis:
    """Choose reference environments, for each species by itself; see `choose_bases`.

    Parameters
    ----------
    dataset : Dataset
    spec : RetrainSpec
    structures : int array, optional
        Of which references may be taken (default: all).
    monitor : Monitor
    """
    union, parts = choose_bases(dataset, spec, [structures], monitor=monitor)
    return union.restricted(parts[0])


def choose_bases(
    dataset: Dataset,
    spec: RetrainSpec,
    pools: Sequence[IntArray | None],
    *,
    monitor: Monitor = SILENT,
) -> tuple[Basis, list[IntArray]]:
    """Choose reference environments for several pools that have most of them in common.

    Farthest-point sampling of all environments, for each species by itself: the first reference
    is the environment nearest to the mean, ties go by the geometry of the structures. A pool takes
    those of them that are its own, and goes on from there among its own environments until it has
    as many. So no function of a pool is centred on an environment that is held out of it; only
    positions are looked at, never labels; and rows computed once for the union serve every pool
    (`design_of`).

    Parameters
    ----------
    dataset : Dataset
    spec : RetrainSpec
        With more than 4 species at most 6 radial functions are used; of all references of a pool
        together there are at most 1200.
    pools : sequence of int arrays
        Structures of which references may be taken; None for all. All pools have the same species.
    monitor : Monitor

    Returns
    -------
    union : Basis
    parts : list of int arrays
        Which of its references are those of each pool; see `Basis.restricted`.

    Raises
    ------
    InputError
        If there is no atom, or a structure has no geometry.
    """
    allowed, species = pools_of(dataset, pools)
    every = np.flatnonzero(dataset.sizes > 0)
    known = np.isin(dataset.numbers, species)
    foreign = np.repeat(np.arange(dataset.n_structures), dataset.sizes)[~known]
    structures = np.setdiff1d(every, foreign)
    # the same references in whatever order the file lists the structures
    structures = structures[content_order(dataset, structures, labels=False)]
    check_geometry(dataset, structures, spec.cutoff)
    spec = _affordable(spec, len(species))
    expansion = make_expansion(spec, species)
    found = _candidates(dataset, expansion, structures, Part(monitor, 0.0, 0.8))
    blocks: list[FloatArray] = []
    parts: list[list[IntArray]] = [[] for _ in pools]
    for at, number in enumerate(species.tolist()):
        part = Part(monitor, 0.8 + 0.2 * at / len(species), 0.8 + 0.2 * (at + 1) / len(species))
        x, owners = found[number]
        masks = [np.isin(owners, pool) for pool in allowed]
        chosen = _shared_picks(x, masks, spec.references, part)
        union = list(dict.fromkeys(pick for picks in chosen for pick in picks))
        start, places = sum(map(len, blocks)), {pick: at for at, pick in enumerate(union)}
        for own, picks in zip(parts, chosen, strict=True):
            own.append(np.array([start + places[pick] for pick in picks], dtype=np.int64))
        blocks.append(x[union])
    return _basis_of(spec, species, blocks), [np.sort(np.concatenate(own)) for own in parts]


def _basis_of(spec: RetrainSpec, species: IntArray, blocks: list[FloatArray]) -> Basis:
    offsets = np.concatenate([[0], np.cumsum([len(x) for x in blocks])]).astype(np.int64)
    whitening = np.zeros((int(offsets[-1]), int(offsets[-1])))
    for first, last, x in zip(offsets, offsets[1:], blocks, strict=False):
        whitening[first:last, first:last] = _whitening((x @ x.T) ** spec.exponent)
    return Basis(spec, species, np.vstack(blocks), offsets, whitening)


def _shared_picks(
    x: FloatArray, masks: Sequence[BoolArray], size: int, monitor: Monitor
) -> list[list[int]]:
    """Return for each pool which of the environments become references."""
    nearest = int(np.argmax(x @ x.mean(axis=0)))
    distances = np.full(len(x), np.inf)
    shared = _farthest(x, distances, size, Part(monitor, 0.0, 0.5), first=[nearest])
    kept = [[pick for pick in shared if mask[pick]] for mask in masks]
    found = []
    for at, (mask, own) in enumerate(zip(masks, kept, strict=True)):
        part = Part(monitor, 0.5 + 0.5 * at / len(masks), 0.5 + 0.5 * (at + 1) / len(masks))
        if len(own) == len(shared) or not mask.any():
            found.append(own)
            continue
        inside = np.flatnonzero(mask)
        if not own:
            own = [int(inside[np.argmax(x[inside] @ x[inside].mean(axis=0))])]
        distances = np.full(len(x), -np.inf)
        distances[inside] = np.inf
        for first in range(0, len(inside), CHUNK):
            rows = inside[first : first + CHUNK]
            distances[rows] = 2.0 - 2.0 * (x[rows] @ x[own].T).max(axis=1)
            part.checkpoint()
        found.append(own + _farthest(x, distances, size - len(own), part))
    return found


def _farthest(
    x: FloatArray, nearest: FloatArray, size: int, monitor: Monitor, *, first: Sequence[int] = ()
) -> list[int]:
    """Return farthest rows of x; `nearest` are distances to what is picked already."""
    picks, _ = farthest_first(
        lambda pick: 2.0 - 2.0 * (x @ x[pick]),
        nearest,
        size,
        given=first,
        least=SAME,
        monitor=Part(monitor, 0.0, 1.0, "reference environments"),
    )
    return picks.tolist()  # type: ignore[no-any-return]


def most_references(spec: RetrainSpec, n_species: int) -> int:
    """Return how many references a basis has at most, of all species together."""
    return n_species * min(spec.references, max(2, MOST_REFERENCES // n_species))


def _affordable(spec: RetrainSpec, n_species: int) -> RetrainSpec:
    radial = min(spec.radial, FEWER_RADIAL) if n_species > MANY_SPECIES else spec.radial
    references = most_references(spec, n_species) // n_species
    return replace(spec, radial=radial, references=references)


def _candidates(
    dataset: Dataset, expansion: Expansion, structures: IntArray, monitor: Monitor
) -> dict[int, tuple[FloatArray, IntArray]]:
    """Return by species normalised spectra, and which structure each is of.

    A sample, one per structure at least, if they are too many.
    """
    share = CANDIDATE_BYTES / (8.0 * expansion.dimensions * max(1, dataset.n_environments))

    def work(block: int) -> list[tuple[int, FloatArray]]:
        s = int(structures[block])
        found = []
        spectra = normalised_spectra(expansion, dataset, s)
        numbers = dataset.numbers[dataset.rows(s)]
        for number in np.unique(numbers).tolist():
            x = spectra[numbers == number]
            if share < 1.0:
                count = max(1, int(share * len(x)))
                x = x[np.sort(np.random.default_rng(block).permutation(len(x))[:count])]
            found.append((number, x))
        return found

    parts: dict[int, list[FloatArray]] = {number: [] for number in expansion.species.tolist()}
    owners: dict[int, list[IntArray]] = {number: [] for number in parts}
    blocks = range(len(structures))
    for at, found in enumerate(in_order(work, blocks, monitor, "reference environments")):
        for number, x in found:
            parts[number].append(x)
            owners[number].append(np.full(len(x), structures[at]))
    return {each: (np.vstack(x), np.concatenate(owners[each])) for each, x in parts.items()}


def normalised_spectra(expansion: Expansion, dataset: Dataset, structure: int) -> FloatArray:
    """Return the spectra of the atoms of a structure, of length one, (n, d)."""
    parts = expanded(expansion, dataset, structure, slopes=False)
    x = np.vstack([spectra_of(expansion, part.coefficients) for part in parts])
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True))


def _whitening(kernel: FloatArray) -> FloatArray:
    kernel = kernel + JITTER * np.trace(kernel) / len(kernel) * np.eye(len(kernel))
    return np.asarray(np.linalg.inv(np.linalg.cholesky(kernel)).T)
