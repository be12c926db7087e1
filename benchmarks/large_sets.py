"""Large sets made from real ones, with planted duplicates and outliers whose recovery is scored.

    python -m benchmarks large_sets --structures N --into FOLDER [--seed S] [--atoms A] [--score]
    python -m benchmarks large_sets --structures N --into FOLDER --check

Structures of several sets in the folder of data (see `SOURCES`), as supercells where they stay
small enough, strained by up to 3 % and rattled; one in a hundred repeats an earlier one (in another
order, or moved by a little), and a few have an atom pushed into another or a cell blown up (which
the score, taken atom by atom, may miss: the atoms of a strange crystal are like each other). They
are written one after another as `large.xyz`, each from a seed of its own, so that memory does not
grow with their number and any of them can be made again; `planted.json` beside it says what was
planted. Forces and energies are those of springs to the places before rattling: consistent, and
nothing more.

--score reads the set, describes it and says what was found again; --check runs `winnow check` on
it. Both in a process of their own, whose time and peak memory are printed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from ase.data import chemical_symbols

import winnow_atomistic as winnow
from benchmarks.check_speed import HEADINGS, measure
from benchmarks.labelled_sets import DATA

__all__ = ["Mixture", "main", "recovered", "write_large_set"]

#: Sets that are mixed, each as often as any other.
SOURCES = (
    "nbmotaw_train.xyz.gz",
    "wbe_snap2019.xyz.gz",
    "mlearn_Cu_train.xyz",
    "mlearn_Si_train.xyz",
    "mlearn_Ge_train.xyz",
    "3bpa_train_300K.xyz.gz",
)
#: Share of structures that repeat an earlier one; every second of them exactly.
DUPLICATES = 0.01
#: Share of planted outliers, and the most of them: many would be outliers no more.
OUTLIERS, MOST_OUTLIERS = 0.001, 60
STRAIN, RATTLE = 0.03, (0.02, 0.06)
#: Standard deviation of the coordinates of a near-duplicate from those of the original, angstrom.
NEAR = 3e-4
#: How close an atom is pushed to another, as a share of their distance, and how far a cell grows.
SQUEEZED, BLOWN_UP = 0.4, 1.8
#: Shares of the structures, highest outlier scores first, that outliers are looked for in.
LOOKED_AT = (0.01, 0.05)
#: eV/angstrom^2, eV
SPRING, PER_ATOM = 5.0, -3.5
_LINE = "{} {:.8f} {:.8f} {:.8f} {:.6f} {:.6f} {:.6f}\n"


@dataclass(frozen=True)
class Made:
    """A structure as it is written."""

    symbols: list[str]
    positions: np.ndarray
    cell: np.ndarray
    pbc: np.ndarray
    forces: np.ndarray
    energy: float
    source: str


class Mixture:
    """Structures of several sets, from which the one of any number is made by its seed.

    Parameters
    ----------
    sets : sequence of Dataset
    atoms : int
        About how many atoms a structure has: those with more than 1.5 times as many are left out,
        and supercells stay below that, unless the smallest of a set are larger.
    n : int
        How many structures there will be.
    seed : int
    """

    def __init__(self, sets: list[winnow.Dataset], atoms: int, n: int, seed: int) -> None:
        self._sets, self._most, self._seed = sets, int(1.5 * atoms), seed
        self._allowed = []
        for data in sets:
            sizes = np.diff(data.structure_offsets)
            several = np.flatnonzero(sizes > 1)
            most = max(self._most, int(sizes[several].min()))
            self._allowed.append(several[sizes[several] <= most])
        rng = np.random.default_rng([seed, n])
        some = rng.permutation(np.arange(1, n))
        n_outliers = min(MOST_OUTLIERS, round(OUTLIERS * n))
        n_copies = round(DUPLICATES * n)
        self.outliers = {
            int(s): ("squeezed", "blown up")[k % 2] for k, s in enumerate(some[:n_outliers])
        }
        copies = np.sort(some[n_outliers : n_outliers + n_copies])
        taken = {*self.outliers, *copies.tolist()}
        self.copies: dict[int, tuple[int, str]] = {}
        for k, s in enumerate(copies.tolist()):
            of = int(rng.integers(0, s))
            while of in taken:  # 0 is never taken
                of = int(rng.integers(0, of)) if of else 0
            self.copies[s] = of, ("exact", "near")[k % 2]

    def structure(self, s: int) -> Made:
        """Make structure s; the same at any time."""
        if s in self.copies:
            of, kind = self.copies[s]
            return self._copy(self.structure(of), kind, np.random.default_rng([self._seed, s, 1]))
        rng = np.random.default_rng([self._seed, s])
        made = self._ordinary(rng)
        return self._spoilt(made, self.outliers[s], rng) if s in self.outliers else made

    def _ordinary(self, rng: np.random.Generator) -> Made:
        which = int(rng.integers(len(self._sets)))
        data, allowed = self._sets[which], self._allowed[which]
        s = int(allowed[rng.integers(len(allowed))])
        rows = slice(int(data.structure_offsets[s]), int(data.structure_offsets[s + 1]))
        numbers, places = data.numbers[rows], np.array(data.positions[rows], dtype=float)
        cell, pbc = np.array(data.cells[s], dtype=float), np.array(data.pbc[s])
        for axis in np.flatnonzero(pbc):
            if 2 * len(numbers) <= self._most and rng.random() < 0.5:
                places = np.concatenate([places, places + cell[axis]])
                numbers, cell[axis] = np.concatenate([numbers, numbers]), 2 * cell[axis]
        if pbc.all():
            strain = rng.uniform(-STRAIN, STRAIN, (3, 3))
            deformed = np.eye(3) + 0.5 * (strain + strain.T)
            places, cell = places @ deformed, cell @ deformed
        moved = rng.normal(0.0, rng.uniform(*RATTLE), places.shape)
        moved -= moved.mean(axis=0)
        return Made(
            [chemical_symbols[z] for z in numbers],
            places + moved,
            cell,
            pbc,
            -SPRING * moved,
            PER_ATOM * len(numbers) + 0.5 * SPRING * float((moved**2).sum()),
            data.name.split(".")[0],
        )

    @staticmethod
    def _copy(made: Made, kind: str, rng: np.random.Generator) -> Made:
        """Shift the atoms together and list them in another order; a near copy is moved besides."""
        order = rng.permutation(len(made.symbols))
        moved = rng.normal(0.0, NEAR, made.positions.shape) if kind == "near" else 0.0
        return Made(
            [made.symbols[i] for i in order],
            (made.positions + moved + rng.uniform(0.0, 1.0, 3))[order],
            made.cell,
            made.pbc,
            made.forces[order],
            made.energy,
            made.source,
        )

    @staticmethod
    def _spoilt(made: Made, kind: str, rng: np.random.Generator) -> Made:
        places, cell = made.positions.copy(), made.cell
        if kind == "blown up":
            places, cell = BLOWN_UP * places, BLOWN_UP * cell
        else:
            i = int(rng.integers(len(places)))
            apart = np.linalg.norm(places - places[i], axis=1)
            apart[i] = np.inf
            j = int(apart.argmin())
            places[i] = places[j] + SQUEEZED * (places[i] - places[j])
        return Made(made.symbols, places, cell, made.pbc, made.forces, made.energy, made.source)


def write_large_set(folder: Path, mixture: Mixture, n: int) -> tuple[Path, int]:
    """Write n structures and what was planted; return the file and the number of atoms."""
    folder.mkdir(parents=True, exist_ok=True)
    path, atoms = folder / "large.xyz", 0
    with path.open("w") as file:
        for s in range(n):
            made = mixture.structure(s)
            _write(file, made)
            atoms += len(made.symbols)
    planted = {
        "structures": n,
        "atoms": atoms,
        "duplicates": [
            {"structure": s, "of": of, "kind": kind}
            for s, (of, kind) in sorted(mixture.copies.items())
        ],
        "outliers": [
            {"structure": s, "kind": kind} for s, kind in sorted(mixture.outliers.items())
        ],
    }
    (folder / "planted.json").write_text(json.dumps(planted, indent=1))
    return path, atoms


def _write(file: TextIO, made: Made) -> None:
    n = len(made.symbols)
    cell = " ".join(f"{x:.8f}" for x in made.cell.ravel())
    lattice = f'Lattice="{cell}" ' if made.cell.any() else ""
    pbc = " ".join("FT"[int(p)] for p in made.pbc)
    file.write(
        f"{n}\n{lattice}Properties=species:S:1:pos:R:3:forces:R:3 energy={made.energy:.8f} "
        f'pbc="{pbc}" config_type={made.source}\n'
    )
    rows = np.concatenate([made.positions, made.forces], axis=1).tolist()
    file.writelines(
        _LINE.format(symbol, *row) for symbol, row in zip(made.symbols, rows, strict=True)
    )


def recovered(folder: Path) -> dict[str, Any]:
    """Read a set and say which share of what was planted is found, and what is found besides."""
    planted = json.loads((folder / "planted.json").read_text())
    data = winnow.read(folder / "large.xyz")
    analysis = winnow.analyse(data)
    found = winnow.duplicates(data, analysis.descriptors, bandwidth=analysis.width.alike)
    first, same = found.representative, found.exact_of
    shares = {}
    for kind in ("exact", "near"):
        pairs = np.array(
            [(d["structure"], d["of"]) for d in planted["duplicates"] if d["kind"] == kind]
        ).reshape(-1, 2)
        of = same if kind == "exact" else first
        shares[kind] = float(np.mean(of[pairs[:, 0]] == of[pairs[:, 1]])) if len(pairs) else np.nan
    copies = np.setdiff1d(found.copies, [d["structure"] for d in planted["duplicates"]])
    described = analysis.descriptors.structures
    order = described[np.argsort(-analysis.outliers.structure_max, kind="stable")]
    place = np.full(data.n_structures, data.n_structures)
    place[order] = np.arange(len(order))
    outliers = {}
    for kind in ("squeezed", "blown up"):
        places = place[[o["structure"] for o in planted["outliers"] if o["kind"] == kind]]
        outliers[kind] = [
            (float(np.mean(places < share * len(order))) if len(places) else float("nan"))
            for share in LOOKED_AT
        ]
    return {
        "environments": analysis.n_environments,
        "bandwidth": analysis.spec.bandwidth,
        "exact": shares["exact"],
        "near": shares["near"],
        "others": len(copies),
        "outliers": outliers,
    }


def _peak() -> float:
    """Return the peak memory of this process, GB."""
    scale = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * scale / 1e9


def _score(folder: Path) -> None:
    start, used = time.perf_counter(), time.process_time()
    found = recovered(folder)
    for kind, (few, more) in found["outliers"].items():
        print(
            f"outliers, {kind}: {few:.0%} in the {LOOKED_AT[0]:.0%} of structures with the highest "
            f"scores, {more:.0%} in {LOOKED_AT[1]:.0%}"
        )
    print(
        f"duplicates found: exact {found['exact']:.1%}, near {found['near']:.1%}, and "
        f"{found['others']} that were not planted (h = {found['bandwidth']} 1/A)\n"
        f"{found['environments']} environments: {time.perf_counter() - start:.0f} s, "
        f"{time.process_time() - used:.0f} s of the processors, peak {_peak():.2f} GB",
        flush=True,
    )


def main(arguments: list[str]) -> None:
    """Write a set, unless it is there already, and score or check it."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks large_sets")
    parser.add_argument("--structures", type=int, required=True)
    parser.add_argument("--into", type=Path, required=True, help="folder; outside the project")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--atoms", type=int, default=10, help="about how many per structure")
    parser.add_argument("--sets", nargs="+", default=SOURCES, metavar="FILE")
    parser.add_argument("--score", action="store_true")
    parser.add_argument("--check", action="store_true")
    given = parser.parse_args(arguments)
    path = given.into / "large.xyz"
    beside = given.into / "planted.json"
    if beside.is_file() and json.loads(beside.read_text())["structures"] == given.structures:
        atoms = json.loads(beside.read_text())["atoms"]
    else:
        sets = [winnow.read(DATA / name) for name in given.sets if (DATA / name).is_file()]
        if not sets:
            parser.error(f"no data sets in {DATA}; WINNOW_DATA names another folder")
        mixture = Mixture(sets, given.atoms, given.structures, given.seed)
        start = time.perf_counter()
        path, atoms = write_large_set(given.into, mixture, given.structures)
        print(
            f"{given.structures} structures, {atoms} atoms, {path.stat().st_size / 1e6:.0f} MB "
            f"written in {time.perf_counter() - start:.0f} s, peak {_peak():.2f} GB",
            flush=True,
        )
    if given.check:
        print(HEADINGS)
        print(measure(path, given.structures, atoms), flush=True)
    if given.score:
        # in a process of its own: its peak is not that of the writing
        work = (
            f"from benchmarks.large_sets import _score; import pathlib; "
            f"_score(pathlib.Path({str(given.into)!r}))"
        )
        subprocess.run([sys.executable, "-c", work], check=True, env=os.environ)
