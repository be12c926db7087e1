"""The SOAP power spectrum, computed by `featomic` where that is installed."""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import numpy as np

from analytics.data.dataset import Dataset
from analytics.descriptors.base import (
    DESCRIPTORS,
    Descriptors,
    described_atoms,
    refuse_oversize,
    resolved_spec,
)
from analytics.descriptors.frames import batches, framed
from analytics.descriptors.species import TellsElements, parse_species, ranks_of
from analytics.descriptors.validation import check_geometry
from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.errors import WinnowError
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.registry import option

__all__ = ["SoapSpec", "compute_soap"]

#: Width over which a neighbour fades out before the cutoff, angstrom.
SMOOTHING = 0.5
#: Numbers of the power spectrum, of all species pairs, that are computed in one go: 32 MB, or
#: about 50 ms of work.
NUMBERS_PER_CALL = 4_000_000
ENVIRONMENTS_PER_CALL = 300


@dataclass(frozen=True, slots=True)
class SoapSpec(TellsElements):
    """How the density of neighbours is expanded, and how many numbers are kept of it."""

    cutoff: float = option(
        5.0, unit="Å", low=1.0, high=12.0, help="Radius of the sphere around an atom."
    )
    n: int = option(6, low=1, high=16, help="Number of radial functions.")
    l: int = option(4, low=0, high=12, help="Largest angular momentum.")
    width: float = option(
        0.5, unit="Å", low=0.1, high=2.0, help="Width of the Gaussian that stands for an atom."
    )
    dimensions: int = option(
        512,
        low=16,
        high=8192,
        help="Numbers per environment at most; more are projected at random onto so many.",
    )
    species: str = option(
        "", help="Species that may occur, such as Mo,Nb,Ta,W; empty for those in the file."
    )
    #: Without unit, see `compute_soap`.
    suggested_bandwidth: ClassVar[float] = 0.015


_DEFAULT = SoapSpec()


def compute_soap(
    dataset: Dataset, spec: SoapSpec = _DEFAULT, *, monitor: Monitor = SILENT
) -> Descriptors:
    r"""Describe every atom by the normalised power spectrum of its neighbour density.

    Every neighbour within the cutoff, the atom itself included, is a Gaussian of the given width
    in the density of its species a. Expanded in radial functions n and spherical harmonics,

    .. math::

        p^{ab}_{nn'l} = \frac{1}{\sqrt{2l + 1}} \sum_m c^{a\,*}_{nlm}\, c^{b}_{n'lm},
        \qquad x = p / |p|.

    Equal entries (ab and ba, and for a = b also nn' and n'n) are kept once, times
    :math:`\sqrt 2`: dot products are those of the full power spectrum.

    Parameters
    ----------
    dataset : Dataset
    spec : SoapSpec, optional
        Name the species to compare data sets of which one lacks some (`resolved_spec` does so).
    monitor : Monitor, optional

    Returns
    -------
    Descriptors
        values : float32 array (n_env, d), without unit, rows of length 1. For S species
        d = S n(n + 1)/2 (l + 1) + S(S - 1)/2 n^2 (l + 1), or `dimensions` if that is less.
        Isolated atoms are left out.

    Raises
    ------
    WinnowError
        If `featomic` is not installed, or the rows would not fit into a quarter of the memory.
    InputError
        As for `compute_distances`, and if the file holds a species that the spec does not name.

    Notes
    -----
    **Bandwidth.** Rows have length 1, so :math:`|x - y|^2 = 2 - 2 x \cdot y`: the bandwidth h is an
    angle in radian, and environments count as alike whose SOAP kernel :math:`x \cdot y` exceeds
    about :math:`1 - h^2/2`. The rule by atomic volume does not apply, because the normalisation
    takes the density out. With the default spec, the entropy of the distance descriptor at
    0.015 1/angstrom is reached at h = 0.006 (carbon), 0.009 (copper), 0.016 (Nb-Mo-Ta-W, against
    species channels), 0.017 (silicon) and 0.024 (acetylacetone); 0.015 is a start, and a scan
    over the bandwidth should follow. A wider Gaussian needs a smaller h.

    **Projection.** More than `dimensions` numbers are multiplied by a random matrix of independent
    normal entries, scaled to keep squared lengths on average. A squared distance then has a
    relative standard error of :math:`\sqrt{2 / d}`: 6 % for 512 numbers, that is 3 % of a
    distance, which acts as a bandwidth that is 3 % off from pair to pair. Exactly equal rows stay
    equal. The matrix depends on nothing but the species pair and `dimensions`, so that
    descriptors of different data sets fit together.

    **Cost.** Linear in the number of environments, most of it in `featomic`, on all cores: 0.05
    to 0.5 ms per environment on two cores, ten to a hundred times that of the distances.

    References
    ----------
    Bartók, Kondor, Csányi, Phys. Rev. B 87, 184115 (2013), doi:10.1103/PhysRevB.87.184115;
    projection: Johnson, Lindenstrauss, Contemp. Math. 26, 189 (1984), doi:10.1090/conm/026/737400.
    """
    monitor.checkpoint()
    _calculator(spec)  # fails here if it is not installed
    spec = resolved_spec(spec, dataset)
    species = parse_species(spec.species)
    structures, rows, offsets = described_atoms(dataset)
    ranks_of(dataset, rows, species)
    check_geometry(dataset, structures, spec.cutoff)
    layout = _Layout(spec, species)
    width = min(layout.dimensions, spec.dimensions)
    refuse_oversize(len(rows), width, "lower dimensions, n or l")
    values = np.empty((len(rows), width), dtype=np.float32)
    most = max(1, min(ENVIRONMENTS_PER_CALL, NUMBERS_PER_CALL // max(1, layout.dimensions)))
    runs = list(batches(offsets, most))
    # all that is needed, should the work travel
    bare = replace(dataset, energies=None, forces=None, records=())

    def work(block: int) -> FloatArray:
        first, last = runs[block]
        frames = [framed(bare, int(s), spec.cutoff) for s in structures[first:last]]
        out = np.empty((int(offsets[last] - offsets[first]), width), dtype=np.float32)
        layout.fill(_own_calculator(spec).compute(frames), offsets[first : last + 1], out)
        return out

    parts = in_order(work, range(len(runs)), monitor, "descriptors")
    for (first, last), part in zip(runs, parts, strict=True):
        values[offsets[first] : offsets[last]] = part
    return Descriptors(values, structures, offsets, rows, spec, dataset.fingerprint)


def _calculator(spec: SoapSpec) -> Any:
    try:
        from featomic import SoapPowerSpectrum
    except ImportError:
        raise WinnowError(
            "SOAP needs the package featomic, which is not installed: "
            "python -m pip install 'winnow-atomistic[soap]', or python -m pip install featomic"
        ) from None
    return SoapPowerSpectrum(
        cutoff={
            "radius": spec.cutoff,
            "smoothing": {"type": "ShiftedCosine", "width": min(SMOOTHING, 0.5 * spec.cutoff)},
        },
        density={"type": "Gaussian", "width": spec.width},
        basis={
            "type": "TensorProduct",
            "max_angular": spec.l,
            "radial": {"type": "Gto", "max_radial": spec.n - 1},
        },
    )


_held = threading.local()


def _own_calculator(spec: SoapSpec) -> Any:
    """Return the calculator of this thread: making one takes as long as a batch."""
    if getattr(_held, "spec", None) != spec:
        _held.spec, _held.calculator = spec, _calculator(spec)
    return _held.calculator


class _Layout:
    """Where the blocks of a power spectrum go: one per pair of species, each entry once."""

    def __init__(self, spec: SoapSpec, species: IntArray) -> None:
        self._n, self._l = spec.n, spec.l + 1
        self._upper = np.triu_indices(spec.n)
        self._once = np.where(self._upper[0] == self._upper[1], 1.0, np.sqrt(2.0))
        self._columns: dict[tuple[int, int], slice] = {}
        numbers, at = np.sort(species).tolist(), 0
        for i, a in enumerate(numbers):
            for b in numbers[i:]:
                size = self._l * (len(self._once) if a == b else self._n**2)
                self._columns[a, b] = slice(at, at + size)
                at += size
        self.dimensions = at
        self._maps: dict[tuple[int, int], FloatArray] = {}
        self._projected = spec.dimensions if at > spec.dimensions else 0

    def fill(self, spectrum: Any, offsets: IntArray, out: FloatArray) -> None:
        """Write the normalised (and projected) rows of some structures.

        Parameters
        ----------
        spectrum : TensorMap
            Blocks by the species of the centre and of two neighbours; samples (system, atom).
        offsets : int array (m + 1,)
            Structure s owns the rows ``offsets[s] - offsets[0]`` on.
        out : float32 array (n, d)
        """
        total = np.zeros((len(out), self._projected or self.dimensions))
        squares = np.zeros(len(out))
        for key, block in spectrum.items():
            pair = int(key["neighbor_1_type"]), int(key["neighbor_2_type"])
            samples = np.asarray(block.samples.values)
            rows = offsets[samples[:, 0]] - offsets[0] + samples[:, 1]
            part = self._folded(np.asarray(block.values), pair)
            squares[rows] += np.einsum("ij,ij->i", part, part)
            if self._projected:
                total[rows] += part @ self._map(pair)
            else:
                total[rows, self._columns[pair]] = part
        out[:] = total / np.sqrt(squares)[:, None]

    def _folded(self, values: FloatArray, pair: tuple[int, int]) -> FloatArray:
        """Return (rows, l n n') with equal entries once; featomic has the factor for ab and ba."""
        if pair[0] != pair[1]:
            return values.reshape(len(values), -1)
        square = values.reshape(len(values), self._l, self._n, self._n)
        upper = square[:, :, self._upper[0], self._upper[1]] * self._once
        return np.asarray(upper.reshape(len(values), -1))

    def _map(self, pair: tuple[int, int]) -> FloatArray:
        """Return the random matrix of a species pair (entries of the pair, dimensions)."""
        if pair not in self._maps:
            text = f"soap {pair[0]} {pair[1]} {self._projected}".encode()
            seed = int.from_bytes(hashlib.blake2b(text, digest_size=8).digest(), "little")
            columns = self._columns[pair]
            shape = (columns.stop - columns.start, self._projected)
            normal = np.random.default_rng(seed).standard_normal(shape)
            self._maps[pair] = normal / np.sqrt(self._projected)
        return self._maps[pair]


DESCRIPTORS.register("soap")((SoapSpec, compute_soap))
