"""The functions a potential is linear in: kernels with reference environments, labels unseen."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numba as nb
import numpy as np

from analytics.data.dataset import Dataset
from analytics.descriptors.geometry import check_geometry
from analytics.evaluation.retrain.spec import RetrainSpec
from analytics.evaluation.retrain.spectra import Layout, blocks_of, make_calculator
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, frozen
from analytics.runtime.errors import InputError
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["Basis", "choose_basis", "structure_rows"]

#: Bytes of spectra among which the reference environments are looked for.
CANDIDATE_BYTES = 400_000_000
#: Environments closer than this (squared distance of unit vectors) are the same.
SAME = 1e-8
#: Keeps the whitening finite, as a share of the kernel's mean diagonal element.
JITTER = 1e-9
#: Reference environments of all species together, at most.
MOST_REFERENCES = 1200
#: With more species than this, spectra take fewer radial functions.
MANY_SPECIES, FEWER_RADIAL = 4, 6


@dataclass(frozen=True, slots=True)
class Basis:
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
    def layout(self) -> Layout:
        """The columns of a spectrum."""
        return Layout(self.spec.radial, self.spec.angular, tuple(self.species.tolist()))

    @property
    def fingerprint(self) -> str:
        """Digest of everything that rows depend on."""
        return fingerprint(repr(self.spec), self.species, self.references, self.whitening)

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
    """Choose reference environments by farthest-point sampling, for each species by itself.

    Only positions are looked at, never labels. The first reference is the environment nearest to
    the mean; ties go to the lowest index.

    Parameters
    ----------
    dataset : Dataset
    spec : RetrainSpec
        With more than 4 species at most 6 radial functions are used; of all references together
        there are at most 1200.
    structures : int array, optional
        Of which references may be taken (default: all).
    monitor : Monitor

    Raises
    ------
    InputError
        If there is no atom, or a structure has no geometry.
    """
    structures = np.arange(dataset.n_structures) if structures is None else np.asarray(structures)
    structures = structures[dataset.sizes[structures] > 0]
    if len(structures) == 0:
        raise InputError("no structure to train on", source=dataset.name)
    check_geometry(dataset, structures, spec.cutoff)
    species = np.unique(dataset.take(structures).numbers)
    spec = _affordable(spec, len(species))
    layout = Layout(spec.radial, spec.angular, tuple(species.tolist()))
    found = _candidates(dataset, spec, layout, structures, Part(monitor, 0.0, 0.8))
    chosen, blocks = [], []
    for at, number in enumerate(species.tolist()):
        part = Part(monitor, 0.8 + 0.2 * at / len(species), 0.8 + 0.2 * (at + 1) / len(species))
        chosen.append(_farthest(found[number], spec.references, part))
        blocks.append(_whitening((chosen[-1] @ chosen[-1].T) ** spec.exponent))
    offsets = np.concatenate([[0], np.cumsum([len(x) for x in chosen])]).astype(np.int64)
    whitening = np.zeros((int(offsets[-1]), int(offsets[-1])))
    for first, last, block in zip(offsets, offsets[1:], blocks, strict=False):
        whitening[first:last, first:last] = block
    return Basis(spec, species, np.vstack(chosen), offsets, whitening)


def _affordable(spec: RetrainSpec, n_species: int) -> RetrainSpec:
    radial = min(spec.radial, FEWER_RADIAL) if n_species > MANY_SPECIES else spec.radial
    references = min(spec.references, max(2, MOST_REFERENCES // n_species))
    return replace(spec, radial=radial, references=references)


def _candidates(
    dataset: Dataset, spec: RetrainSpec, layout: Layout, structures: IntArray, monitor: Monitor
) -> dict[int, FloatArray]:
    """Return normalised spectra by species; a sample, one per structure at least, if too many."""
    calculator = make_calculator(spec)
    share = CANDIDATE_BYTES / (8.0 * layout.dimensions * max(1, dataset.n_environments))

    def work(block: int) -> list[tuple[int, FloatArray]]:
        s = int(structures[block])
        found = []
        for number, x in _spectra(calculator, layout, dataset, s, spec.cutoff).items():
            if share < 1.0:
                count = max(1, int(share * len(x)))
                x = x[np.sort(np.random.default_rng(s).permutation(len(x))[:count])]
            found.append((number, x))
        return found

    parts: dict[int, list[FloatArray]] = {number: [] for number in layout.species}
    for found in in_order(work, range(len(structures)), monitor, "reference environments"):
        for number, x in found:
            parts[number].append(x)
    return {number: np.vstack(x) for number, x in parts.items()}


def _spectra(
    calculator: object, layout: Layout, dataset: Dataset, structure: int, cutoff: float
) -> dict[int, FloatArray]:
    """Return the normalised spectra of a structure by species of the centre."""
    numbers = dataset.numbers[dataset.rows(structure)]
    x = np.zeros((len(numbers), layout.dimensions))
    for block in blocks_of(calculator, layout, dataset, structure, cutoff, slopes=False):
        x[block.atoms, block.columns] = block.values
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    return {int(number): x[numbers == number] for number in np.unique(numbers)}


def _farthest(x: FloatArray, size: int, monitor: Monitor) -> FloatArray:
    """Return rows of x, each the farthest from those before."""
    distances = np.full(len(x), np.inf)
    picks = [int(np.argmax(x @ x.mean(axis=0)))]
    while True:
        distances = np.minimum(distances, 2.0 - 2.0 * (x @ x[picks[-1]]))
        nearest = int(np.argmax(distances))
        if len(picks) == size or distances[nearest] < SAME:
            return x[picks]
        picks.append(nearest)
        if len(picks) % 16 == 0:
            monitor.report(len(picks) / size, "reference environments")
            monitor.checkpoint()


def _whitening(kernel: FloatArray) -> FloatArray:
    kernel = kernel + JITTER * np.trace(kernel) / len(kernel) * np.eye(len(kernel))
    return np.asarray(np.linalg.inv(np.linalg.cholesky(kernel)).T)


# ------------------------------------------------------------------------------------ rows


@nb.njit(nogil=True, cache=True)
def _add_slopes(  # type: ignore[no-untyped-def]
    products, along, kernel, norms, row, moved, exponent, out
):
    """Add minus the derivative of (p.s)^exponent with respect to each moved atom."""
    for k in range(products.shape[0]):
        c = row[k]
        for s in range(products.shape[2]):
            outer = -exponent * kernel[c, s] ** (exponent - 1) / norms[c]
            for x in range(3):
                out[moved[k], x, s] += outer * (products[k, x, s] - along[k, x] * kernel[c, s])


def structure_rows(
    basis: Basis, calculator: object, dataset: Dataset, structure: int, *, forces: bool = True
) -> tuple[FloatArray, FloatArray]:
    r"""Return what each function gives to the energy and to the forces of one structure.

    The chain rule, block by block of the spectrum x with p = x / |x|:

    .. math::

        -\frac{\partial \phi_s}{\partial r_j} = - \sum_i \frac{\zeta (p_i \cdot p_s)^{\zeta - 1}}
        {|x_i|} \left[ \frac{\partial x_i}{\partial r_j} \cdot p_s
        - \left( \frac{\partial x_i}{\partial r_j} \cdot p_i \right) (p_i \cdot p_s) \right]

    Returns
    -------
    energy : float array (M,)
    forces : float array (3 n, M)
        x, y and z of the first atom, then of the next; without rows if not wanted. 1/angstrom.
    """
    layout, spec = basis.layout, basis.spec
    numbers = dataset.numbers[dataset.rows(structure)]
    found = list(blocks_of(calculator, layout, dataset, structure, spec.cutoff, slopes=forces))
    x = np.zeros((len(numbers), layout.dimensions))
    for block in found:
        x[block.atoms, block.columns] = block.values
    norms = np.linalg.norm(x, axis=1)
    x /= norms[:, None]
    energy = np.zeros(len(basis))
    out = np.zeros((3 * len(numbers) if forces else 0, len(basis)))
    for number in np.unique(numbers).tolist():
        part = basis.part(number)
        references = basis.references[part]
        centres = np.flatnonzero(numbers == number)
        kernel = np.zeros((len(numbers), len(references)))
        kernel[centres] = x[centres] @ references.T
        whitening = basis.whitening[part, part]
        energy[part] = (kernel[centres] ** spec.exponent).sum(axis=0) @ whitening
        if not forces:
            continue
        raw = np.zeros((len(numbers), 3, len(references)))
        for block in (b for b in found if b.centre == number and len(b.row)):
            weighted = references[:, block.columns] * block.factor
            products = block.slopes @ weighted.T
            own = block.atoms[block.row]
            along = np.einsum("kxd,kd->kx", block.slopes, (x[own, block.columns] * block.factor))
            _add_slopes(products, along, kernel, norms, own, block.moved, spec.exponent, raw)
        out[:, part] = raw.reshape(-1, len(references)) @ whitening
    return energy, out
