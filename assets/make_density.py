"""Compute the Kohn-Sham densities that Winnow carries, ``density/*_f16.npz``.

Four systems on regular grids, all with one set-up: LDA (Slater exchange, VWN correlation), GTH
pseudopotentials (``gth-pade``: only valence electrons, no cusps), basis ``gth-dzvp-molopt-sr``.
The self-consistent cycle mixes densities (Anderson) until they change by less than 1e-5 of the
electrons.  Total energies agree within 0.001 meV/atom with those of PySCF's own cycle on the five
snapshots where both were run (`--verify`).  The train and test geometries of the files are an
earlier draw from the same distributions: a fresh run makes others, `--verify` those of the files.

    al       4 atoms, fcc, 4.05 A, displaced by 0.06-0.16 A         20 train, 4 test
             the same with the cell strained by -3 %, +3 %, sheared  6 unseen
    sigesn   8 atoms, random alloys on the diamond lattice          24 train, 6 test
             pure tin and a half-and-half alloy of Si and Sn         4 unseen
    water    one molecule in a cube of 6 A, 300 and 500 K           20 train, 4 test
             the same at 1000 K                                      4 unseen
    ethanol  one molecule, 8 x 7 x 6.8 A, 300 and 500 K             20 train, 4 test
             the same at 1000 K                                      4 unseen

Keys of the files: ``pos`` (n, atoms, 3) and ``cell`` (n, 3, 3) in Angstrom, ``Z`` (n, atoms),
``rho`` (n, nx, ny, nz) in electrons per cubic bohr (float16: rounding moves 0.02 % of the
electrons), ``energy`` (n) in hartree, the free energy where smeared, ``mesh`` and ``stride`` (the
point (i, j, l) is at fractional coordinates stride * (i, j, l) / mesh), ``k`` (points of the
k-mesh along each direction), ``sigma`` (Fermi smearing, Ha), ``role`` and ``condition`` (n).

PySCF is needed (``pip install pyscf``); Winnow itself runs without it.

Usage
    python assets/make_density.py                     everything anew, about 10 minutes on a core
    python assets/make_density.py al water            these systems
    python assets/make_density.py al --verify 0 21    recompute stored snapshots and compare
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from scipy.optimize import minimize

from analytics.density.energy import HARTREE_MEV, Hamiltonian

Array = np.ndarray
Geometry = tuple[Array, Array, Array]  # numbers, positions, cell

FOLDER = Path(__file__).with_name("density")
SEED = 20250709
BOHR = 0.529177210903  # angstrom
KELVIN = 3.166811563e-6  # Ha
ELECTRON_MASSES = 1822.888486209  # per atomic mass unit
WAVENUMBER = 4.556335252912e-6  # Ha per 1/cm
#: Softest mode of a molecule that is sampled as it is; harmonic amplitudes below are absurd.
SOFTEST = 250.0 * WAVENUMBER
CONVERGED = 1e-5
MEMORY = 8

FCC = np.array([[0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
DIAMOND = np.concatenate([FCC, FCC + 0.25])
LATTICE = {14: 5.431, 32: 5.658, 50: 6.489}
MASS = {1: 1.008, 6: 12.011, 8: 15.999}


@dataclass(frozen=True)
class System:
    """Grid and numerical parameters of one file, and what makes its geometries."""

    mesh: tuple[int, int, int]
    stride: int
    k: int
    smearing: float
    geometries: Callable[[np.random.Generator], Iterator[tuple[str, str, Geometry]]]


# ------------------------------------------------------------------------------- crystals


def rattled(
    rng: np.random.Generator, numbers: Array, sites: Array, cell: Array, low: float, high: float
) -> Geometry:
    width = rng.uniform(low, high)
    return numbers, sites @ cell + rng.normal(0.0, width, sites.shape), cell


def aluminium(rng: np.random.Generator) -> Iterator[tuple[str, str, Geometry]]:
    numbers, cube = np.full(4, 13), 4.05 * np.eye(3)
    shear = np.eye(3)
    shear[0, 1] = shear[1, 0] = 0.03
    strains = (("-3 % strain", 0.97 * np.eye(3)), ("+3 % strain", 1.03 * np.eye(3)),
               ("3 % shear", shear))  # fmt: skip
    for at in range(24):
        role = "train" if at < 20 else "test"
        yield role, "4.05 Å", rattled(rng, numbers, FCC, cube, 0.06, 0.16)
    for condition, strain in strains:
        for _ in range(2):
            yield "unseen", condition, rattled(rng, numbers, FCC, cube @ strain, 0.06, 0.16)


def alloy(rng: np.random.Generator, numbers: Array) -> Geometry:
    edge = np.mean([LATTICE[int(z)] for z in numbers])
    return rattled(rng, numbers, DIAMOND, edge * np.eye(3), 0.05, 0.12)


def silicon_germanium_tin(rng: np.random.Generator) -> Iterator[tuple[str, str, Geometry]]:
    for at in range(30):
        numbers = rng.choice([14, 32, 50], 8, p=rng.dirichlet(np.ones(3)))
        yield "train" if at < 24 else "test", "random alloy", alloy(rng, numbers)
    for _ in range(2):
        yield "unseen", "Sn8", alloy(rng, np.full(8, 50))
    for _ in range(2):
        yield "unseen", "Si4Sn4", alloy(rng, rng.permutation(np.repeat([14, 50], 4)))


# ------------------------------------------------------------------------------- molecules


def relaxed(numbers: Array, start: Array) -> tuple[Array, Array]:
    """Return minimum (bohr) and Hessian (Ha/bohr^2, flat) of a free molecule, LDA/6-31G."""
    from pyscf import dft, gto
    from pyscf.hessian import rks  # noqa: F401  (adds Hessian to the Kohn-Sham class)

    def solved(flat: Array):  # type: ignore[no-untyped-def]
        atoms = [(int(z), tuple(r)) for z, r in zip(numbers, flat.reshape(-1, 3), strict=True)]
        molecule = gto.M(atom=atoms, unit="bohr", basis="6-31g", verbose=0)
        field = dft.RKS(molecule, xc="lda,vwn")
        field.conv_tol = 1e-10
        return field.run()

    def value(flat: Array) -> tuple[float, Array]:
        field = solved(flat)
        return field.e_tot, field.nuc_grad_method().kernel().ravel()

    best = minimize(value, start.ravel() / BOHR, jac=True, method="BFGS", options={"gtol": 1e-4})
    n = best.x.size
    hessian = solved(best.x).Hessian().kernel().transpose(0, 2, 1, 3).reshape(n, n)
    return best.x.reshape(-1, 3), hessian


def normal_modes(numbers: Array, hessian: Array) -> tuple[Array, Array]:
    """Return frequencies (Ha, softest raised) and mass-weighted modes without the rigid ones."""
    masses = np.repeat([MASS[int(z)] for z in numbers], 3) * ELECTRON_MASSES
    squares, modes = np.linalg.eigh(hessian / np.sqrt(np.outer(masses, masses)))
    squares, modes = squares[6:], modes[:, 6:]
    frequencies = np.maximum(np.sqrt(np.maximum(squares, 0.0)), SOFTEST)
    return frequencies, modes / np.sqrt(masses)[:, None]


def rotation(rng: np.random.Generator) -> Array:
    q, r = np.linalg.qr(rng.normal(size=(3, 3)))
    q = q * np.sign(np.diag(r))
    return q * np.linalg.det(q)


def molecule(
    numbers: Array, start: Array, box: Array, mesh: tuple[int, int, int], turn: bool
) -> Callable[[np.random.Generator], Iterator[tuple[str, str, Geometry]]]:
    """Return a maker of quantum harmonic samples, <Q^2> = coth(w / 2kT) / 2w."""

    def geometries(rng: np.random.Generator) -> Iterator[tuple[str, str, Geometry]]:
        minimum, hessian = relaxed(numbers, start)
        frequencies, modes = normal_modes(numbers, hessian)
        for at in range(28):
            kelvin = 1000 if at >= 24 else 500 if at % 2 else 300
            spread = 1 / np.tanh(frequencies / (2 * KELVIN * kelvin)) / (2 * frequencies)
            moved = minimum.ravel() + modes @ (rng.normal(size=len(spread)) * np.sqrt(spread))
            positions = moved.reshape(-1, 3) * BOHR
            positions = positions - positions.mean(axis=0)
            # a planar molecule on the grid would give each point an exact mirror image
            if turn:
                positions = positions @ rotation(rng).T
            positions = positions + box / 2 + rng.uniform(0.0, box / np.array(mesh))
            role = "unseen" if at >= 24 else "train" if at < 20 else "test"
            yield role, f"{kelvin} K", (numbers, positions, np.diag(box))

    return geometries


WATER = (np.array([8, 1, 1]), np.array([[0, 0, 0], [0.76, 0.59, 0], [-0.76, 0.59, 0]]))
ETHANOL = (
    np.array([6, 6, 8, 1, 1, 1, 1, 1, 1]),
    np.array(
        [[-1.2, -0.4, 0], [0, 0.5, 0], [1.2, -0.3, 0], [2.0, 0.3, 0], [-1.2, -1.0, 0.9],
         [-1.2, -1.0, -0.9], [-2.1, 0.2, 0], [0, 1.2, 0.9], [0, 1.2, -0.9]]
    ),
)  # fmt: skip

SYSTEMS = {
    "al": System((18, 18, 18), 1, 2, 0.01, aluminium),
    "sigesn": System((24, 24, 24), 1, 2, 0.005, silicon_germanium_tin),
    "water": System(
        (40, 40, 40), 2, 1, 0.0, molecule(*WATER, np.full(3, 6.0), (40, 40, 40), turn=True)
    ),
    "ethanol": System(
        (50, 44, 42), 2, 1, 0.0,
        molecule(*ETHANOL, np.array([8.0, 7.0, 6.8]), (50, 44, 42), turn=False),
    ),
}  # fmt: skip


# ------------------------------------------------------------------------------- self-consistency


def first_guess(hamiltonian: Hamiltonian, geometry: Geometry) -> Array:
    """Return a superposition of Gaussians at the atoms, normalised."""
    numbers, positions, cell = geometry
    axes = [np.arange(m) / m for m in hamiltonian.mesh]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    total = np.zeros(len(points))
    for z, r in zip(numbers, positions, strict=True):
        apart = points - r @ np.linalg.inv(cell)
        apart = (apart - np.round(apart)) @ cell
        valence = {1: 1.0, 8: 6.0}.get(int(z), 4.0)
        total += valence * np.exp(-np.sum(apart**2, axis=1) / (2 * 0.6**2))
    return hamiltonian.normalised(total)


def self_consistent(hamiltonian: Hamiltonian, density: Array) -> tuple[float, Array]:
    """Return energy (Ha) and density (flat, e/bohr^3) at self-consistency."""
    inputs: list[Array] = []
    residuals: list[Array] = []
    for _ in range(80):
        energy, following = hamiltonian.step(density)
        # the sum over the grid misses the number of electrons by some 1e-5 of it
        residuals = [*residuals, hamiltonian.normalised(following) - density][-MEMORY:]
        inputs = [*inputs, density][-MEMORY:]
        if np.abs(residuals[-1]).sum() < CONVERGED * density.sum():
            return energy, following
        mixed_input, mixed_residual = inputs[-1], residuals[-1]
        if len(inputs) > 1:
            steps = np.array([r - residuals[-1] for r in residuals[:-1]])
            weights = np.linalg.lstsq(steps.T, -residuals[-1], rcond=1e-10)[0]
            mixed_residual = mixed_residual + weights @ steps
            mixed_input = mixed_input + weights @ np.array([x - inputs[-1] for x in inputs[:-1]])
        density = hamiltonian.normalised(mixed_input + 0.5 * mixed_residual)
    raise RuntimeError("the density does not converge")


def solve(system: System, geometry: Geometry) -> tuple[float, Array]:
    """Return energy (Ha) and stored density (nx, ny, nz) of one snapshot."""
    hamiltonian = Hamiltonian(*geometry, system.mesh, k=system.k, smearing=system.smearing)
    energy, density = self_consistent(hamiltonian, first_guess(hamiltonian, geometry))
    step = slice(None, None, system.stride)
    return energy, density.reshape(system.mesh)[step, step, step]


# ------------------------------------------------------------------------------- files


def make(name: str) -> None:
    system = SYSTEMS[name]
    rows: dict[str, list] = {key: [] for key in ("pos", "cell", "Z", "rho", "energy")}
    roles, conditions = [], []
    for role, condition, geometry in system.geometries(np.random.default_rng(SEED)):
        start = time.perf_counter()
        energy, density = solve(system, geometry)
        for key, value in zip(("Z", "pos", "cell"), geometry, strict=True):
            rows[key].append(value)
        rows["energy"].append(energy)
        rows["rho"].append(density)
        roles.append(role)
        conditions.append(condition)
        seconds = time.perf_counter() - start
        print(f"{name} {len(roles) - 1:3d} {role:7} {condition:12} {energy:14.8f} Ha "
              f"{seconds:6.1f} s", flush=True)  # fmt: skip
    save(name, system, rows, roles, conditions)


def save(name: str, system: System, rows: dict, roles: list[str], conditions: list[str]) -> None:
    FOLDER.mkdir(exist_ok=True)
    path = FOLDER / f"{name}_f16.npz"
    np.savez_compressed(
        path,
        pos=np.asarray(rows["pos"], dtype=np.float32),
        cell=np.asarray(rows["cell"], dtype=np.float32),
        Z=np.asarray(rows["Z"], dtype=np.int8),
        rho=np.asarray(rows["rho"], dtype=np.float16),
        energy=np.asarray(rows["energy"], dtype=np.float64),
        mesh=np.array(system.mesh),
        stride=np.array(system.stride),
        k=np.array(system.k),
        sigma=np.array(system.smearing),
        role=np.array(roles),
        condition=np.array(conditions),
    )
    print(f"{path.name}: {path.stat().st_size} bytes")


def verify(name: str, snapshots: list[int]) -> None:
    """Recompute stored snapshots; say how far energy and density are from the file."""
    with np.load(FOLDER / f"{name}_f16.npz") as stored:
        for at in snapshots:
            geometry = tuple(stored[key][at].astype(float) for key in ("Z", "pos", "cell"))
            energy, density = solve(SYSTEMS[name], (geometry[0].astype(int), *geometry[1:]))
            moved = np.abs(density - stored["rho"][at].astype(float)).sum() / density.sum()
            off = (energy - stored["energy"][at]) * HARTREE_MEV / len(geometry[0])
            print(f"{name} {at}: energy {off:+.5f} meV/atom, density {100 * moved:.4f} %")


def main() -> None:
    parser = argparse.ArgumentParser(description="Compute the densities that Winnow carries.")
    parser.add_argument("systems", nargs="*", help=f"of {', '.join(SYSTEMS)} (default: all)")
    parser.add_argument("--verify", nargs="+", type=int, metavar="SNAPSHOT")
    arguments = parser.parse_args()
    unknown = sorted(set(arguments.systems) - set(SYSTEMS))
    if unknown:
        parser.error(f"no system {', '.join(unknown)}")
    for name in arguments.systems or SYSTEMS:
        if arguments.verify is None:
            make(name)
        else:
            verify(name, arguments.verify)


if __name__ == "__main__":
    main()
