"""Harris-Foulkes energy: one non-self-consistent step of PySCF from a predicted density.

PySCF is optional. Where it is missing, `available` says so and nothing else here is called.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import brentq
from scipy.special import entr, expit

from analytics.runtime.arrays import FloatArray
from analytics.runtime.errors import WinnowError

__all__ = ["BASIS", "FUNCTIONAL", "HARTREE_MEV", "PSEUDOPOTENTIAL", "Hamiltonian", "available",
           "version"]  # fmt: skip

BASIS = "gth-dzvp-molopt-sr"
PSEUDOPOTENTIAL = "gth-pade"
FUNCTIONAL = "lda,vwn"
HARTREE_MEV = 27211.386245988
#: Densities below this many e/bohr^3 are raised to it, so that the functional has a value there.
LEAST_DENSITY = 1e-12

ComplexArray = npt.NDArray[np.complexfloating[Any, Any]]


def available() -> bool:
    """Whether PySCF is installed."""
    return importlib.util.find_spec("pyscf") is not None


def version() -> str:
    """Return the version of PySCF."""
    return importlib.metadata.version("pyscf")


def _pyscf(name: str) -> Any:
    try:
        return importlib.import_module(f"pyscf.{name}")
    except ImportError:
        raise WinnowError("energies need PySCF: pip install pyscf") from None


@dataclass(frozen=True, slots=True)
class _Bands:
    """Orbitals of one diagonalisation; occupations run from 0 to 2."""

    energies: FloatArray
    orbitals: ComplexArray
    occupations: FloatArray
    free_term: float  # -sigma S, Ha


class Hamiltonian:
    """The Kohn-Sham problem of one structure on its grid; everything but the density is fixed.

    LDA (Slater exchange, VWN correlation), GTH pseudopotentials, Gaussian basis; kinetic energy,
    pseudopotential, overlap and orbitals on the grid are computed once.

    Parameters
    ----------
    numbers : int array (n_atoms,)
    positions : float array (n_atoms, 3), angstrom
    cell : float array (3, 3), angstrom
    mesh : three ints
        Points of the grid along each cell vector.
    k : int
        Points of the regular k-mesh along each direction.
    smearing : float, Ha
        Width of the Fermi distribution; 0 fills the lowest orbitals.
    """

    def __init__(
        self,
        numbers: npt.ArrayLike,
        positions: npt.ArrayLike,
        cell: npt.ArrayLike,
        mesh: npt.ArrayLike,
        *,
        k: int = 1,
        smearing: float = 0.0,
    ) -> None:
        gto = _pyscf("pbc.gto")
        atoms = list(zip(np.asarray(numbers).tolist(), np.asarray(positions, float), strict=True))
        system = gto.Cell(
            atom=[(int(z), tuple(r)) for z, r in atoms],
            a=np.asarray(cell, dtype=float),
            unit="angstrom",
            basis=BASIS,
            pseudo=PSEUDOPOTENTIAL,
            mesh=[int(m) for m in np.asarray(mesh)],
            verbose=0,
        )
        system.build()
        self.mesh: tuple[int, ...] = tuple(int(m) for m in system.mesh)
        self.n_electrons = int(system.nelectron)
        self.smearing = float(smearing)
        self._point = float(system.vol / np.prod(self.mesh))  # bohr^3
        self._fixed(system, system.make_kpts([k] * 3))

    def _fixed(self, system: Any, kpts: FloatArray) -> None:
        multigrid = _pyscf("pbc.dft.multigrid")
        numint = _pyscf("pbc.dft.numint")
        local = np.asarray(multigrid.MultiGridNumInt(system).get_pp(kpts))
        kinetic = np.asarray(system.pbc_intor("int1e_kin", 1, 1, kpts))
        self._core = local.reshape(kinetic.shape) + kinetic
        self._overlap = np.asarray(system.pbc_intor("int1e_ovlp", 1, 1, kpts))
        grid = system.get_uniform_grids(self.mesh)
        self._orbitals = [np.asarray(a) for a in numint.eval_ao_kpts(system, grid, kpts)]
        g = np.einsum("gi,gi->g", *[system.get_Gv(self.mesh)] * 2)
        self._coulomb = np.divide(4 * np.pi, g, out=np.zeros_like(g), where=g > 1e-12)
        self._ewald = float(system.energy_nuc())

    def harris_foulkes(self, density: npt.ArrayLike) -> float:
        r"""Return the energy of one step from a density, without self-consistency.

        .. math::
            E[n] = \sum_i f_i \epsilon_i - \int n (v_H/2 + v_{xc}) + \int n \epsilon_{xc}
                   + E_{Ewald} - \sigma S

        The error is of second order in the error of the density.

        Parameters
        ----------
        density : float array of the shape of the mesh, e/bohr^3
            Is scaled to the number of electrons first.

        Returns
        -------
        float
            Ha per cell.

        References
        ----------
        J. Harris, Phys. Rev. B 31, 1770 (1985), doi:10.1103/PhysRevB.31.1770;
        W. M. C. Foulkes and R. Haydock, Phys. Rev. B 39, 12520 (1989),
        doi:10.1103/PhysRevB.39.12520.
        """
        return self.step(self.normalised(density))[0]

    def normalised(self, density: npt.ArrayLike) -> FloatArray:
        """Return a density as a flat array without zeros that holds the number of electrons."""
        flat: FloatArray = np.maximum(np.asarray(density, dtype=float).ravel(), LEAST_DENSITY)
        return np.asarray(flat * (self.n_electrons / (flat.sum() * self._point)))

    def step(self, density: FloatArray) -> tuple[float, FloatArray]:
        """Return the Harris-Foulkes energy of a normalised density and the density that follows."""
        hartree, exchange, energy_density = self._potentials(density)
        bands = self._diagonalise(hartree + exchange)
        band_sum = float(np.sum(bands.occupations * bands.energies) / len(bands.energies))
        double_counted = float(density @ (0.5 * hartree + exchange - energy_density) * self._point)
        energy = band_sum - double_counted + self._ewald + bands.free_term
        return energy, self._density_of(bands)

    def _potentials(self, density: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        transformed = np.fft.fftn(density.reshape(self.mesh)).ravel() * self._coulomb
        hartree = np.fft.ifftn(transformed.reshape(self.mesh)).real.ravel()
        energy_density, potential = _pyscf("dft.libxc").eval_xc(FUNCTIONAL, density)[:2]
        return hartree, np.asarray(potential[0]), np.asarray(energy_density)

    def _diagonalise(self, potential: FloatArray) -> _Bands:
        energies, orbitals = [], []
        for core, overlap, values in zip(self._core, self._overlap, self._orbitals, strict=True):
            matrix = core + values.conj().T @ (values * (potential * self._point)[:, None])
            # canonical orthogonalisation: diffuse functions of neighbours are nearly dependent
            weights, vectors = np.linalg.eigh(overlap)
            good = weights > 1e-9
            basis = vectors[:, good] / np.sqrt(weights[good])
            e, c = np.linalg.eigh(basis.conj().T @ matrix @ basis)
            energies.append(e)
            orbitals.append(basis @ c)
        least = min(map(len, energies))
        levels = np.array([e[:least] for e in energies])
        occupations, free_term = self._occupy(levels)
        return _Bands(levels, np.array([c[:, :least] for c in orbitals]), occupations, free_term)

    def _occupy(self, levels: FloatArray) -> tuple[FloatArray, float]:
        """Fill the levels; the free-energy term is -sigma times the entropy, per cell."""
        n_k = len(levels)
        if self.smearing == 0.0:
            filled = np.zeros(levels.size)
            filled[np.argsort(levels, axis=None)[: self.n_electrons * n_k // 2]] = 2.0
            return filled.reshape(levels.shape), 0.0

        def surplus(fermi: float) -> float:
            share = expit((fermi - levels) / self.smearing)
            return float(2.0 * share.sum() / n_k - self.n_electrons)

        fermi = brentq(surplus, levels.min() - 1.0, levels.max() + 1.0, xtol=1e-14)
        share = expit((fermi - levels) / self.smearing)
        entropy = 2.0 * float(np.sum(entr(share) + entr(1.0 - share))) / n_k
        return 2.0 * share, -self.smearing * entropy

    def _density_of(self, bands: _Bands) -> FloatArray:
        total = np.zeros(len(self._coulomb))
        for values, c, f in zip(self._orbitals, bands.orbitals, bands.occupations, strict=True):
            used = f > 1e-14
            waves = values @ c[:, used]
            total += (waves.real**2 + waves.imag**2) @ f[used]
        return total / len(bands.energies)
