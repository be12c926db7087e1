"""Generate the carbon example data set that Winnow carries, ``carbon.xyz.gz``.

The set is redundant by design: more than half of it is lightly rattled graphene, diamond and
graphite (sigma 0.01-0.04 Angstrom); the rest is layered, curved, strained, defective, molecular
and disordered carbon, a few structures of each kind, with a long tail of large forces.  Random,
coverage and importance selections therefore differ on it visibly.

Method
    Energies and forces are GFN1-xTB, computed with tblite through its ASE calculator:
    S. Grimme, C. Bannwarth, P. Shushkov, J. Chem. Theory Comput. 13, 1989 (2017),
    doi:10.1021/acs.jctc.7b00118.  Spin-restricted (no spin polarisation), electronic temperature
    300 K unless the self-consistent cycle needs more (the log says where), Gamma point only:
    energies per atom of periodic cells carry a sampling error of some 10 meV.  tblite treats a
    structure that is periodic in any direction as periodic in all three, so tubes, sheets and
    slabs were labelled with vacuum between their images; the file gives the true ``pbc``.

Units
    Positions and ``Lattice`` in Angstrom, ``energy`` in eV (total, not per atom; zero is that of
    GFN1-xTB: free nuclei and valence electrons), ``forces`` in eV/Angstrom.

Structures come from seeded generators and geometric rules alone, never from the calculator, so
that they can be regenerated and tested without it.  tblite is a development dependency: only the
labelling (``python assets/make_carbon.py``) needs it, Winnow does not.  Finished labels are cached
in the system's folder for temporary files, so that an interrupted run continues where it stopped.

Usage: ``python assets/make_carbon.py [--output PATH] [--jobs N]``
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import os
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from ase import Atoms
from ase.build import bulk, diamond100, diamond111, graphene_nanoribbon, molecule, nanotube
from ase.build import graphene as ase_graphene
from ase.neighborlist import neighbor_list

Array = np.ndarray
Builder = Callable[[np.random.Generator], Iterator[Atoms]]

SEED = 20170511
METHOD = "GFN1-xTB"
# (electronic temperature in K, largest number of SCF iterations), tried in this order.
SCF_ATTEMPTS = ((300.0, 250), (1000.0, 500), (3000.0, 1000))
CACHE = Path(tempfile.gettempdir()) / "winnow-carbon-labels"
OUTPUT = Path(__file__).with_name("carbon.xyz.gz")

A_GRAPHENE = 2.46
A_DIAMOND = 3.567
BOND = A_GRAPHENE / np.sqrt(3.0)
LAYER_GAP = 3.35
VACUUM = 8.0
SHORTEST_CONTACT = 1.07  # of rattled copies; dimers and squeezed bonds may be shorter
ATOMS_PER_A3 = 0.05014  # one g/cm^3 of carbon


# --- building blocks ---------------------------------------------------------------------------


def shortest_distance(atoms: Atoms) -> float:
    """Shortest interatomic distance in Angstrom, images included (infinite above 1.3)."""
    return float(min(neighbor_list("d", atoms, 1.3), default=np.inf))


def rattled(atoms: Atoms, sigma: float, rng: np.random.Generator) -> Atoms:
    """A copy with Gaussian displacements, drawn again while two atoms come too close."""
    for _ in range(1000):
        copy = atoms.copy()
        copy.positions += rng.normal(0.0, sigma, copy.positions.shape)
        if shortest_distance(copy) > SHORTEST_CONTACT:
            return copy
    raise RuntimeError(f"no rattle of {sigma} Angstrom keeps the atoms of {atoms} apart")


def rattles(atoms: Atoms, sigmas: Array, rng: np.random.Generator) -> Iterator[Atoms]:
    """One rattled copy for each of the given widths."""
    for sigma in sigmas:
        yield rattled(atoms, sigma, rng)


def deformed(atoms: Atoms, strain: Array) -> Atoms:
    """A copy whose cell and positions are deformed by ``1 + strain``."""
    copy = atoms.copy()
    copy.set_cell(copy.cell.array @ (np.eye(3) + strain), scale_atoms=True)
    return copy


def strain_tensor(mode: str, amount: float) -> Array:
    """Strain of a named mode: ``x``, ``y``, ``xy`` (both), ``xyz`` (all) or ``shear``."""
    strain = np.zeros((3, 3))
    if mode == "shear":
        strain[0, 1] = strain[1, 0] = amount / 2.0
    else:
        for letter in mode:
            axis = "xyz".index(letter)
            strain[axis, axis] = amount
    return strain


def strained(
    atoms: Atoms, modes: tuple[str, ...], amounts: Array, rng: np.random.Generator
) -> Iterator[Atoms]:
    """Every mode at every amount, each lightly rattled."""
    for mode in modes:
        for amount in amounts:
            yield rattled(deformed(atoms, strain_tensor(mode, amount)), 0.02, rng)


def without_random_atom(atoms: Atoms, rng: np.random.Generator) -> Atoms:
    """A copy with one atom removed."""
    copy = atoms.copy()
    del copy[int(rng.integers(len(copy)))]
    return copy


def sheet(n: int = 4) -> Atoms:
    """Graphene, ``n`` by ``n`` cells (n not a multiple of three: K must not fold to Gamma)."""
    atoms = ase_graphene(a=A_GRAPHENE, size=(n, n, 1), vacuum=VACUUM)
    atoms.pbc = (True, True, False)
    return atoms


def rectangular_sheet() -> Atoms:
    """Graphene in a rectangular cell of 48 atoms."""
    width, height = A_GRAPHENE, 3.0 * BOND
    corners = [[0, 0, 0.5], [0, 1 / 3, 0.5], [0.5, 0.5, 0.5], [0.5, 5 / 6, 0.5]]
    cell = [width, height, 2 * VACUUM]
    unit = Atoms("C4", scaled_positions=corners, cell=cell, pbc=(True, True, False))
    return unit.repeat((4, 3, 1))


def bilayer(shift: Array, gap: float = LAYER_GAP) -> Atoms:
    """Two sheets, the upper one moved by ``shift`` in the plane."""
    lower, upper = sheet(), sheet()
    upper.positions += [shift[0], shift[1], gap]
    both = lower + upper
    both.center(vacuum=VACUUM, axis=2)
    return both


def graphite_cell() -> Atoms:
    """AB graphite, 64 atoms."""
    both = bilayer(ab_shift())
    cell = both.cell.array.copy()
    cell[2] = [0.0, 0.0, 2 * LAYER_GAP]
    both.set_cell(cell)
    both.pbc = True
    both.positions[:, 2] -= both.positions[:, 2].min()
    return both


def ab_shift() -> Array:
    """In-plane vector along one bond, which turns AA stacking into AB."""
    first, second = sheet().positions[:2]
    return (second - first)[:2]


def diamond_cell() -> Atoms:
    """Cubic diamond, 64 atoms."""
    return bulk("C", "diamond", a=A_DIAMOND, cubic=True).repeat((2, 2, 2))


def lonsdaleite_cell() -> Atoms:
    """Hexagonal diamond, 72 atoms."""
    z = 1.0 / 16.0
    third, two_thirds = 1.0 / 3.0, 2.0 / 3.0
    scaled = [
        [third, two_thirds, z],
        [two_thirds, third, z + 0.5],
        [two_thirds, third, -z],
        [third, two_thirds, 0.5 - z],
    ]
    a, c = A_DIAMOND / np.sqrt(2.0), 2.0 * A_DIAMOND / np.sqrt(3.0)
    unit = Atoms("C4", scaled_positions=scaled, cell=[a, a, c, 90, 90, 120], pbc=True)
    return unit.repeat((3, 3, 2))


# --- geometric relaxation ----------------------------------------------------------------------


def relax_springs(atoms: Atoms, bond: float, second: float, steps: int = 400) -> Atoms:
    """Pull bonds to ``bond`` and, weakly, second neighbours to ``second``: fixed topology."""
    left, right, vector = neighbor_list("ijD", atoms, 1.8)
    shift = vector - (atoms.positions[right] - atoms.positions[left])
    pairs = [(left, right, shift, bond, 1.0), (*second_neighbours(left, right, shift), second, 0.1)]
    copy = atoms.copy()
    for _ in range(steps):
        move = np.zeros_like(copy.positions)
        for i, j, offset, rest, stiffness in pairs:
            between = copy.positions[j] + offset - copy.positions[i]
            length = np.linalg.norm(between, axis=1, keepdims=True)
            np.add.at(move, i, stiffness * (length - rest) / length * between)
        copy.positions += 0.15 * move
    return copy


def second_neighbours(left: Array, right: Array, shift: Array) -> tuple[Array, Array, Array]:
    """Pairs joined by two bonds, both directions, with their periodic shifts."""
    found = [
        (right[p], right[q], shift[q] - shift[p])
        for p in range(len(left))
        for q in np.flatnonzero(left == left[p])
        if p != q
    ]
    first, last, offset = zip(*found, strict=True)
    return np.array(first), np.array(last), np.array(offset)


def stone_wales_sheet() -> Atoms:
    """Graphene of 50 atoms with one bond turned by 90 degrees, its springs relaxed."""
    atoms = sheet(5)
    left, right, vector = neighbor_list("ijD", atoms, 1.6)
    plain = np.linalg.norm(atoms.positions[right] - atoms.positions[left] - vector, axis=1) < 1e-6
    centre = atoms.cell.array[:2].sum(axis=0) / 2.0
    middle = (atoms.positions[left] + atoms.positions[right]) / 2.0
    away = np.linalg.norm((middle - centre)[:, :2], axis=1)
    bond = int(np.argmin(np.where(plain, np.round(away, 6), np.inf)))
    half = np.array([-vector[bond][1], vector[bond][0], 0.0]) / 2.0
    atoms.positions[left[bond]] = middle[bond] - half
    atoms.positions[right[bond]] = middle[bond] + half
    return relax_springs(atoms, BOND, A_GRAPHENE)


def ring_fullerene(sides: int, belts: int) -> Atoms:
    """Fullerene with two ``sides``-gon caps and one or two belts of ``2 sides`` atoms between.

    Five sides give C20 and C30, six give C24 and C36; the springs then relax each of them.
    """
    wide = np.arange(2 * sides)
    cap = wide[::2]
    rings = [cap, *[wide] * belts, wide[1::2] if belts == 1 else cap]
    small = 0.5 * BOND / np.sin(np.pi / sides)
    large = 0.85 * 0.5 * BOND / np.sin(np.pi / (2 * sides))
    radii = [small, *[large] * belts, small]
    heights = np.cumsum([0.0, 1.2, 1.9, 1.2] if belts == 2 else [0.0, 1.3, 1.3])
    zigzag = [0.0, 0.25, -0.25, 0.0] if belts == 2 else [0.0, 0.3, 0.0]
    points = []
    for ring, radius, height, lift in zip(rings, radii, heights, zigzag, strict=True):
        angle = np.pi * ring / sides
        tall = height + lift * np.where(ring % 2 == 1, 1.0, -1.0)
        points.append(np.stack([radius * np.cos(angle), radius * np.sin(angle), tall], axis=1))
    cage = Atoms(f"C{sum(map(len, rings))}", positions=np.concatenate(points))
    return relax_springs(cage, 1.45, 2.40)


def random_packing(count: int, density: float, closest: float, rng: np.random.Generator) -> Atoms:
    """``count`` atoms dropped at random into a cube (g/cm^3), none nearer than ``closest``."""
    side = (count / (density * ATOMS_PER_A3)) ** (1.0 / 3.0)
    points = np.empty((0, 3))
    while len(points) < count:
        trial = rng.uniform(0.0, side, 3)
        apart = points - trial
        apart -= side * np.round(apart / side)
        if np.all(np.linalg.norm(apart, axis=1) > closest):
            points = np.vstack([points, trial])
    return Atoms(f"C{count}", positions=points, cell=[side] * 3, pbc=True)


def settled(atoms: Atoms, valence: Array, kicks: Array) -> Atoms:
    """Pull mutual nearest neighbours to bond length and push all others beyond 2.4 Angstrom.

    ``valence`` is the largest number of bonds of each atom; ``kicks`` (steps, atoms, 3) are random
    displacements that fade over the run.  Cubic cells only.
    """
    copy = atoms.copy()
    side = copy.cell.array[0, 0]
    for step, kick in enumerate(kicks):
        copy.positions += kick * max(0.0, 1.0 - step / (0.7 * len(kicks)))
        apart = copy.positions[None] - copy.positions[:, None]
        apart -= side * np.round(apart / side)
        distance = np.linalg.norm(apart, axis=2)
        np.fill_diagonal(distance, np.inf)
        wanted = np.argsort(np.argsort(distance, axis=1), axis=1) < valence[:, None]
        bonded = wanted & wanted.T & (distance < 2.3)
        stretch = np.where(bonded, distance - 1.45, np.minimum(distance - 2.4, 0.0) * 0.3)
        stretch = np.where(np.isfinite(stretch), stretch / distance, 0.0)
        copy.positions += np.clip(0.15 * np.einsum("ij,ijk->ik", stretch, apart), -0.1, 0.1)
    return copy


# --- one builder per class ---------------------------------------------------------------------


def build_isolated_atom(rng: np.random.Generator) -> Iterator[Atoms]:
    yield Atoms("C", positions=[[0.0, 0.0, 0.0]])


def build_graphene(rng: np.random.Generator) -> Iterator[Atoms]:
    yield from rattles(sheet(), rng.uniform(0.01, 0.04, 188), rng)


def build_diamond(rng: np.random.Generator) -> Iterator[Atoms]:
    yield from rattles(diamond_cell(), rng.uniform(0.01, 0.04, 72), rng)


def build_graphite(rng: np.random.Generator) -> Iterator[Atoms]:
    yield from rattles(graphite_cell(), rng.uniform(0.01, 0.04, 42), rng)


def build_bilayer_ab(rng: np.random.Generator) -> Iterator[Atoms]:
    yield from rattles(bilayer(ab_shift()), rng.uniform(0.01, 0.04, 8), rng)


def build_bilayer_aa(rng: np.random.Generator) -> Iterator[Atoms]:
    for gap in np.linspace(3.2, 3.7, 5):
        yield rattled(bilayer(np.zeros(2), gap), 0.02, rng)


def build_bilayer_displaced(rng: np.random.Generator) -> Iterator[Atoms]:
    for gap in np.linspace(2.8, 4.2, 8):
        yield rattled(bilayer(rng.uniform(0.0, A_GRAPHENE, 2), gap), 0.02, rng)


def build_graphene_strained(rng: np.random.Generator) -> Iterator[Atoms]:
    amounts = np.array([-0.06, -0.03, 0.03, 0.06, 0.10, 0.15])
    yield from strained(sheet(), ("x", "y", "xy", "shear"), amounts, rng)


def build_graphene_rippled(rng: np.random.Generator) -> Iterator[Atoms]:
    for amplitude in np.linspace(0.2, 1.0, 6):
        atoms = rectangular_sheet()
        wave = 2.0 * np.pi * atoms.get_scaled_positions()[:, 0]
        atoms.positions[:, 2] += amplitude * np.sin(wave)
        yield rattled(atoms, 0.02, rng)


def build_graphene_rattled_strongly(rng: np.random.Generator) -> Iterator[Atoms]:
    yield from rattles(sheet(), np.linspace(0.06, 0.12, 8), rng)


def build_graphene_vacancy(rng: np.random.Generator) -> Iterator[Atoms]:
    for sigma in np.linspace(0.01, 0.05, 6):
        yield rattled(without_random_atom(sheet(5), rng), sigma, rng)
    for sigma in (0.02, 0.04):
        once = without_random_atom(sheet(5), rng)
        yield rattled(without_random_atom(once, rng), sigma, rng)


def build_graphene_stone_wales(rng: np.random.Generator) -> Iterator[Atoms]:
    yield from rattles(stone_wales_sheet(), np.linspace(0.01, 0.06, 6), rng)


def build_graphene_adatom(rng: np.random.Generator) -> Iterator[Atoms]:
    for height in np.linspace(1.4, 2.4, 5):
        atoms = sheet()
        left, right = atoms.positions[:2]
        site = left + rng.uniform(0.0, 1.0) * (right - left) + [0.0, 0.0, height]
        yield rattled(atoms + Atoms("C", positions=[site]), 0.02, rng)


def build_graphene_squeezed_bond(rng: np.random.Generator) -> Iterator[Atoms]:
    for length in (1.06, 1.10, 1.14, 1.18, 1.22, 1.26):
        atoms = rattled(sheet(), 0.01, rng)
        atoms.set_distance(0, 1, length, fix=0.5)
        yield atoms


def build_graphene_ribbon(rng: np.random.Generator) -> Iterator[Atoms]:
    for edge, width, length in (("zigzag", 3, 4), ("armchair", 5, 2)):
        ribbon = graphene_nanoribbon(width, length, type=edge, C_C=BOND, vacuum=VACUUM)
        ribbon.pbc = (False, False, True)
        yield from rattles(ribbon, np.array([0.01, 0.03, 0.05]), rng)


def build_graphite_strained(rng: np.random.Generator) -> Iterator[Atoms]:
    yield from strained(graphite_cell(), ("z", "xyz"), np.array([-0.08, -0.04, 0.06]), rng)


def build_nanotube(rng: np.random.Generator) -> Iterator[Atoms]:
    for n, m, length in ((6, 0, 2), (7, 0, 2), (8, 0, 2), (4, 4, 4), (4, 2, 1)):
        tube = nanotube(n, m, length=length, bond=BOND, vacuum=VACUUM)
        yield from rattles(tube, np.array([0.01, 0.03]), rng)
        stretch = rng.uniform(-0.05, 0.08)
        yield rattled(deformed(tube, strain_tensor("z", stretch)), 0.02, rng)


def build_fullerene_c60(rng: np.random.Generator) -> Iterator[Atoms]:
    yield from rattles(molecule("C60"), np.linspace(0.01, 0.06, 6), rng)


def build_fullerene_small(rng: np.random.Generator) -> Iterator[Atoms]:
    for sides, belts in ((5, 1), (6, 1), (5, 2), (6, 2)):
        yield from rattles(ring_fullerene(sides, belts), np.array([0.01, 0.04]), rng)


def build_diamond_strained(rng: np.random.Generator) -> Iterator[Atoms]:
    amounts = np.array([-0.06, -0.03, 0.03, 0.07])
    yield from strained(diamond_cell(), ("x", "xy", "shear"), amounts, rng)


def build_diamond_hydrostatic(rng: np.random.Generator) -> Iterator[Atoms]:
    amounts = np.array([-0.12, -0.08, -0.04, 0.04, 0.08, 0.12])
    yield from strained(diamond_cell(), ("xyz",), amounts, rng)


def build_diamond_rattled_strongly(rng: np.random.Generator) -> Iterator[Atoms]:
    yield from rattles(diamond_cell(), np.linspace(0.07, 0.14, 6), rng)


def build_diamond_vacancy(rng: np.random.Generator) -> Iterator[Atoms]:
    for sigma in np.linspace(0.01, 0.05, 6):
        yield rattled(without_random_atom(diamond_cell(), rng), sigma, rng)


def build_diamond_interstitial(rng: np.random.Generator) -> Iterator[Atoms]:
    centre = A_DIAMOND * np.array([0.5, 0.5, 0.5])
    for _ in range(4):
        crowded = diamond_cell() + Atoms("C", positions=[centre + rng.uniform(-0.3, 0.3, 3)])
        yield rattled(crowded, 0.02, rng)


def build_lonsdaleite(rng: np.random.Generator) -> Iterator[Atoms]:
    yield from rattles(lonsdaleite_cell(), np.linspace(0.01, 0.05, 6), rng)


def build_diamond_100_surface(rng: np.random.Generator) -> Iterator[Atoms]:
    plain = diamond100("C", (3, 4, 6), a=A_DIAMOND, vacuum=VACUUM)
    for slab in (plain, dimerised(plain)):
        slab.pbc = (True, True, False)
        yield from rattles(slab, np.array([0.01, 0.04]), rng)


def dimerised(slab: Atoms) -> Atoms:
    """The (100) slab with the atoms of both faces paired along y, their dangling direction."""
    copy = slab.copy()
    height, spacing = copy.positions[:, 2], A_DIAMOND / np.sqrt(2.0)
    for level in (height.min(), height.max()):
        face = np.flatnonzero(np.abs(height - level) < 0.01)
        row = np.round((copy.positions[face, 1] - copy.positions[face, 1].min()) / spacing)
        copy.positions[face, 1] += np.where(row % 2 == 0, 1.0, -1.0) * (spacing - 1.50) / 2.0
    return copy


def build_diamond_111_surface(rng: np.random.Generator) -> Iterator[Atoms]:
    slab = diamond111("C", (3, 3, 8), a=A_DIAMOND)
    height = slab.positions[:, 2]  # the outermost layers hang by one bond: without them
    slab = slab[(height > height.min() + 0.1) & (height < height.max() - 0.1)]
    slab.center(vacuum=VACUUM, axis=2)
    slab.pbc = (True, True, False)
    yield from rattles(slab, np.linspace(0.01, 0.05, 6), rng)


def build_simple_cubic(rng: np.random.Generator) -> Iterator[Atoms]:
    for a in (1.65, 1.77, 1.90, 2.05):
        yield rattled(bulk("C", "sc", a=a).repeat((3, 3, 3)), 0.02, rng)


def build_amorphous(
    rng: np.random.Generator, density: float, shares: tuple[float, float, float]
) -> Iterator[Atoms]:
    """Eight settled packings; ``shares`` of the atoms have two, three and four bonds."""
    for _ in range(8):
        atoms = random_packing(48, density, 1.3, rng)
        valence = rng.choice([2, 3, 4], size=len(atoms), p=shares)
        kicks = rng.normal(0.0, 0.1, (300, len(atoms), 3))
        yield rattled(settled(atoms, valence, kicks), 0.04, rng)


def build_amorphous_low_density(rng: np.random.Generator) -> Iterator[Atoms]:
    yield from build_amorphous(rng, 1.6, (0.2, 0.75, 0.05))


def build_amorphous_medium_density(rng: np.random.Generator) -> Iterator[Atoms]:
    yield from build_amorphous(rng, 2.3, (0.05, 0.65, 0.30))


def build_amorphous_high_density(rng: np.random.Generator) -> Iterator[Atoms]:
    yield from build_amorphous(rng, 3.0, (0.0, 0.3, 0.7))


def build_random_packing(rng: np.random.Generator) -> Iterator[Atoms]:
    for density in np.linspace(1.2, 3.0, 8):
        atoms = random_packing(36, density, 1.15, rng)
        yield settled(atoms, np.full(len(atoms), 3), np.zeros((5, len(atoms), 3)))


def build_chain_periodic(rng: np.random.Generator) -> Iterator[Atoms]:
    for bond in np.linspace(1.22, 1.45, 8):
        chain = Atoms("C10", positions=[[0.0, 0.0, k * bond] for k in range(10)])
        chain.set_cell([2 * VACUUM, 2 * VACUUM, 10 * bond])
        chain.pbc = (False, False, True)
        chain.positions[:, :2] += VACUUM
        yield rattled(chain, 0.03, rng)


def build_chain_finite(rng: np.random.Generator) -> Iterator[Atoms]:
    for length in range(3, 11):
        chain = Atoms(f"C{length}", positions=[[0.0, 0.0, k * 1.29] for k in range(length)])
        yield rattled(chain, 0.03, rng)


def build_ring(rng: np.random.Generator) -> Iterator[Atoms]:
    for size in (6, 8, 10, 12, 14, 18):
        angle = 2.0 * np.pi * np.arange(size) / size
        radius = 0.5 * 1.30 / np.sin(np.pi / size)
        points = np.stack([radius * np.cos(angle), radius * np.sin(angle), 0 * angle], axis=1)
        yield rattled(Atoms(f"C{size}", positions=points), 0.02, rng)


def build_dimer(rng: np.random.Generator) -> Iterator[Atoms]:
    lengths = (0.95, 1.0, 1.05, 1.1, 1.15, 1.2, 1.25, 1.3, 1.4, 1.55, 1.75, 2.0, 2.4, 2.9, 3.4, 4.0)
    for length in lengths:
        yield Atoms("C2", positions=[[0.0, 0.0, 0.0], [0.0, 0.0, length]])


BUILDERS: dict[str, Builder] = {
    "IsolatedAtom": build_isolated_atom,
    "dimer": build_dimer,
    "chain_finite": build_chain_finite,
    "chain_periodic": build_chain_periodic,
    "ring": build_ring,
    "fullerene_small": build_fullerene_small,
    "fullerene_C60": build_fullerene_c60,
    "nanotube": build_nanotube,
    "graphene": build_graphene,
    "graphene_strained": build_graphene_strained,
    "graphene_rippled": build_graphene_rippled,
    "graphene_rattled_strongly": build_graphene_rattled_strongly,
    "graphene_vacancy": build_graphene_vacancy,
    "graphene_stone_wales": build_graphene_stone_wales,
    "graphene_adatom": build_graphene_adatom,
    "graphene_squeezed_bond": build_graphene_squeezed_bond,
    "graphene_ribbon": build_graphene_ribbon,
    "bilayer_AB": build_bilayer_ab,
    "bilayer_AA": build_bilayer_aa,
    "bilayer_displaced": build_bilayer_displaced,
    "graphite": build_graphite,
    "graphite_strained": build_graphite_strained,
    "diamond": build_diamond,
    "diamond_strained": build_diamond_strained,
    "diamond_hydrostatic": build_diamond_hydrostatic,
    "diamond_rattled_strongly": build_diamond_rattled_strongly,
    "diamond_vacancy": build_diamond_vacancy,
    "diamond_interstitial": build_diamond_interstitial,
    "diamond_100_surface": build_diamond_100_surface,
    "diamond_111_surface": build_diamond_111_surface,
    "lonsdaleite": build_lonsdaleite,
    "simple_cubic": build_simple_cubic,
    "amorphous_low_density": build_amorphous_low_density,
    "amorphous_medium_density": build_amorphous_medium_density,
    "amorphous_high_density": build_amorphous_high_density,
    "random_packing": build_random_packing,
}


def generate() -> list[Atoms]:
    """All structures, class by class, rounded as they are written; no labels."""
    structures = []
    for config_type, build in BUILDERS.items():
        rng = np.random.default_rng([SEED, zlib.crc32(config_type.encode())])
        structures += [finished(atoms, config_type) for atoms in build(rng)]
    return structures


def finished(atoms: Atoms, config_type: str) -> Atoms:
    """A bare copy with rounded numbers and its class."""
    cell = np.round(atoms.cell.array, 6)
    positions = np.round(atoms.positions, 5)
    bare = Atoms(atoms.symbols, positions=positions, cell=cell, pbc=atoms.pbc)
    bare.info["config_type"] = config_type
    return bare


# --- labels ------------------------------------------------------------------------------------


def fingerprint(atoms: Atoms) -> str:
    """Name of the cache entry: the geometry and the settings of the method."""
    settings = f"{METHOD} {SCF_ATTEMPTS}"
    parts = (atoms.positions.tobytes(), atoms.cell.array.tobytes(), atoms.pbc.tobytes())
    return hashlib.sha256(b"".join((settings.encode(), *parts))).hexdigest()[:32]


def compute(atoms: Atoms) -> tuple[float, Array, float] | None:
    """Energy, forces and the electronic temperature that converged, or None."""
    from tblite.ase import TBLite

    copy = atoms.copy()
    copy.pbc = bool(atoms.pbc.any())  # as tblite has it: periodic in one direction is in all
    for temperature, iterations in SCF_ATTEMPTS:
        copy.calc = TBLite(
            method=METHOD,
            electronic_temperature=temperature,
            max_iterations=iterations,
            verbosity=0,
        )
        try:
            return copy.get_potential_energy(), copy.get_forces(), temperature
        except Exception as error:  # tblite raises several kinds, all of them "did not converge"
            print(f"{atoms.info['config_type']}, {temperature:g} K: {error}", flush=True)
    return None


def label(atoms: Atoms) -> tuple[float, Array, float] | None:
    """The same as :func:`compute`, through the cache."""
    entry = CACHE / f"{fingerprint(atoms)}.npz"
    if entry.exists():
        with np.load(entry) as saved:
            return float(saved["energy"]), saved["forces"], float(saved["temperature"])
    result = compute(atoms)
    if result is not None:
        partial = entry.with_suffix(f".{os.getpid()}.npz")
        np.savez(partial, energy=result[0], forces=result[1], temperature=result[2])
        partial.replace(entry)
    return result


# --- file --------------------------------------------------------------------------------------


def extxyz_frame(atoms: Atoms, energy: float, forces: Array) -> str:
    """One structure as extended XYZ; ``Lattice`` only where there is a cell."""
    fields = []
    if atoms.cell.rank == 3:
        numbers = " ".join(f"{x:.6f}" for x in atoms.cell.array.ravel())
        fields.append(f'Lattice="{numbers}"')
    fields.append("Properties=species:S:1:pos:R:3:forces:R:3")
    fields.append(f"config_type={atoms.info['config_type']}")
    fields.append(f"energy={energy:.6f}")
    fields.append('pbc="{} {} {}"'.format(*("T" if p else "F" for p in atoms.pbc)))
    rows = [
        f"{symbol} " + " ".join(f"{x + 0.0:.5f}" for x in (*position, *force))
        for symbol, position, force in zip(
            atoms.symbols, atoms.positions, np.round(forces, 5), strict=True
        )
    ]
    return "\n".join([str(len(atoms)), " ".join(fields), *rows]) + "\n"


def write_gzip(path: Path, text: str) -> None:
    """Compress without a name and a time, so that equal text gives equal bytes."""
    with path.open("wb") as raw, gzip.GzipFile("", "wb", 9, raw, mtime=0) as packed:
        packed.write(text.encode())


def main() -> None:
    """Generate, label and write."""
    parser = argparse.ArgumentParser(description="Generate Winnow's carbon example data set.")
    parser.add_argument("--output", type=Path, default=OUTPUT)
    parser.add_argument("--jobs", type=int, default=1, help="structures labelled at a time")
    arguments = parser.parse_args()
    CACHE.mkdir(parents=True, exist_ok=True)
    structures, frames, start = generate(), [], time.perf_counter()
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for number, (atoms, result) in enumerate(
            zip(structures, pool.map(label, structures), strict=True)
        ):
            if result is None:
                print(f"skipped {number}: {atoms.info['config_type']}", flush=True)
                continue
            energy, forces, temperature = result
            if temperature != SCF_ATTEMPTS[0][0]:
                print(f"{number}: {atoms.info['config_type']} needed {temperature:g} K")
            frames.append(extxyz_frame(atoms, energy, forces))
    write_gzip(arguments.output, "".join(frames))
    seconds = time.perf_counter() - start
    size = arguments.output.stat().st_size / 1e6
    print(f"{len(frames)} of {len(structures)} structures, {size:.2f} MB, {seconds:.0f} s")


if __name__ == "__main__":
    main()
