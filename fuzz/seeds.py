"""Seeds of the fuzzing: small valid inputs of every kind, written by ASE or by hand."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import tempfile
import warnings
from dataclasses import replace
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
from ase import Atoms
from ase.build import bulk, molecule
from ase.calculators.singlepoint import SinglePointCalculator
from ase.io.cube import write_cube
from ase.io.formats import ioformats

import winnow_atomistic as winnow
from analytics.curation.ledger import Removal, Waiver
from analytics.density.grid import BOHR
from fuzz.mutations import Files
from views.state.columns import Choice
from views.state.decisions import Step
from views.state.saved import SavedSession, Source

RICH = """\
2
Lattice="5.0 0.0 0.0 0.5 5.0 0.0 0.0 0.0 5.5" Properties=species:S:1:pos:R:3:forces:R:3:tag:I:1:fixed:L:1:label:S:1 energy=-1.5 stress="1 0 0 0 1 0 0 0 1" config_type=bulk pbc="T T F" note="a \\"b\\" c" list=[1,2,3] matrix=[[1,2],[3,4]] name=007 flag=T x={1 2} json="_JSON {\\"a\\": [1, 2]}"
C 0.0 0.0 0.0 0.1 -0.2 0.3 1 T a
H 1.0 0.1 0.2 -0.1 0.2 -0.3 2 F b
3
Lattice="5.0 0.0 0.0 0.0 5.0 0.0 0.0 0.0 5.0" Properties=species:S:1:pos:R:3:forces:R:3:tag:I:1:fixed:L:1:label:S:1 energy=-2.5 config_type=slab pbc="F F F" name="two words"
C 0.0 0.0 0.1 0.1 -0.2 1e-3 1 T a
H 1.0 0.1 0.2 -0.1 0.2 -0.3 2 F b
O 2.5 2.5 2.5 0 0 0 3 F c
1
Properties=species:S:1:pos:R:3:forces:R:3:tag:I:1:fixed:L:1:label:S:1 energy=-0.1 config_type=isolated_atom pbc="F F F"
H 0.0 0.0 0.0 0 0 0 0 T x
"""  # noqa: E501
PLAIN = """\
3
water
O 0.0 0.0 0.119
H 0.0 0.763 -0.477
H 0.0 -0.763 -0.477
"""
FEATURES = """\
2
Properties=species:S:1:pos:R:3:features:R:4:Z:I:1 dipole="0 1 2" REF_energy=-3 virial="1 2 3 4 5 6 7 8 9" pbc="F F F"
Si 0 0 0 0.1 0.2 0.3 0.4 14
Si 2.3 0 0 0.5 0.6 0.7 0.8 14
2
Properties=species:S:1:pos:R:3:features:R:4:Z:I:1 REF_energy=-3.1 pbc="F F F"
Si 0 0 0 0.1 0.2 0.3 0.5 14
Si 2.4 0 0 0.5 0.6 0.7 0.9 14
"""  # noqa: E501


def extxyz() -> list[Files]:
    rich = RICH.encode()
    return [
        {"a.xyz": rich},
        {"b.extxyz": PLAIN.encode()},
        {"c.xyz": FEATURES.encode()},
        {"d.xyz.gz": gzip.compress(rich, mtime=0)},
        {"e.xyz.bz2": bz2.compress(rich)},
        {"f.xyz.xz": lzma.compress(rich)},
    ]


def _calculated(atoms: Atoms, energy: float = -1.0) -> Atoms:
    forces = np.linspace(-0.1, 0.1, 3 * len(atoms)).reshape(-1, 3)
    atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
    return atoms


def of_ase() -> list[Files]:
    """Return a file of every format that ASE writes and Winnow reads again."""
    cell = np.diag([4.2, 4.3, 4.4])
    crystal = Atoms("NaCl", [[0, 0, 0], [2.1, 0.1, 0]], cell=cell, pbc=True)
    loose = molecule("CH3OH", vacuum=2.0)
    found: list[Files] = []
    for name, kind in ioformats.items():
        if not (kind.can_write and kind.can_read) or name in ("mysql", "postgresql", "extxyz"):
            continue
        names = [f"x.{ending}" for ending in (*kind.extensions, name.rpartition("-")[2])]
        names += [glob.replace("*", "x") for glob in kind.globs]
        for images in ([_calculated(crystal)], [_calculated(loose)]):
            files = _written(list(dict.fromkeys(names)), name, images * (1 if kind.single else 2))
            if files:
                found.append(files)
    return found


def _written(names: list[str], kind: str, images: list[Atoms]) -> Files | None:
    for name in names:
        with tempfile.TemporaryDirectory() as place:
            path = Path(place) / name
            try:
                with warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    ase.io.write(path, images if len(images) > 1 else images[0], format=kind)
                    if path.is_dir():
                        return None
                    winnow.read(path)
                    return {name: path.read_bytes()}
            except Exception:  # a format that ASE cannot write so, or that Winnow refuses
                continue
    return None


def _npy(values: Any) -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.asarray(values))
    return stream.getvalue()


def deepmd() -> list[Files]:
    rng = np.random.default_rng(0)
    coord = rng.uniform(0, 4, (3, 9))
    system = {
        "type.raw": b"0\n1\n1\n",
        "type_map.raw": b"O\nH\n",
        "set.000/coord.npy": _npy(coord),
        "set.000/box.npy": _npy(np.tile(np.diag([5.0, 5, 6]).ravel(), (3, 1))),
        "set.000/energy.npy": _npy(rng.normal(size=3)),
        "set.000/force.npy": _npy(rng.normal(size=(3, 9)).astype(np.float32)),
        "set.000/virial.npy": _npy(rng.normal(size=(3, 9))),
    }
    mixed = system | {"set.000/real_atom_types.npy": _npy([[0, 1, 1], [1, 1, 0], [0, 0, 1]])}
    two = {f"{name}/{path}": data for name in ("one", "two") for path, data in system.items()}
    return [system, mixed, two | {"two/nopbc": b""}]


def _density() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the density (e/bohr^3), the positions and the cell of two atoms, 2 electrons."""
    shape, cell = (6, 6, 7), np.diag([3.0, 3.1, 3.4])
    points = np.stack(np.meshgrid(*[np.arange(m) / m for m in shape], indexing="ij"), -1) @ cell
    sites = np.array([[0.5, 0.5, 0.5], [1.8, 1.9, 2.0]])
    rho = sum(np.exp(-((points - r) ** 2).sum(-1)) for r in sites)
    rho *= 2.0 / (rho.mean() * np.linalg.det(cell) / BOHR**3)
    return rho, sites, cell


def density_npz() -> list[Files]:
    rho, sites, cell = _density()
    full = {
        "rho": np.array([rho, rho, rho]), "pos": np.array([sites, sites + 0.01, sites]),
        "cell": cell, "Z": np.array([3, 1]), "energy": np.array([-1.0, -1.1, -1.2]),
        "electrons": np.array(2.0), "role": np.array(["train", "test", "unseen"]),
        "condition": np.array(["a", "a", "b"]), "unit": np.array("e/bohr3"),
        "mesh": np.array([6, 6, 7]), "stride": np.array(1), "k": np.array(2),
        "sigma": np.array(0.01), "origin": np.zeros(3),
    }  # fmt: skip
    plain = {key: full[key] for key in ("rho", "pos", "cell", "Z")}
    found = []
    for arrays in (full, plain):
        stream = io.BytesIO()
        np.savez_compressed(stream, **arrays)
        found.append({"d.npz": stream.getvalue()})
    return found


def volumes() -> list[Files]:
    rho, sites, cell = _density()
    atoms = Atoms([3, 1], sites, cell=cell, pbc=True)
    with tempfile.TemporaryFile("w+") as file:
        write_cube(file, atoms, data=rho, comment="density")
        file.seek(0)
        cube = file.read()
    values = (rho * np.linalg.det(cell) / BOHR**3).transpose(2, 1, 0).ravel()
    rows = [" ".join(f"{v:.10E}" for v in values[i : i + 5]) for i in range(0, len(values), 5)]
    head = io.StringIO()
    ase.io.write(head, atoms, format="vasp")
    chgcar = head.getvalue() + "\n 6 6 7\n" + "\n".join(rows) + "\naugmentation occupancies 1 4\n"
    return [
        {"d.cube": cube.encode()},
        {"CHGCAR": chgcar.encode()},
        {"e.cube.gz": gzip.compress(cube.encode(), mtime=0)},
    ]


def few_structures() -> bytes:
    """Return the data set that recipes and options are fuzzed with: silicon, displaced."""
    images = []
    for at in range(6):
        atoms = bulk("Si", cubic=True)
        atoms.rattle(0.1, seed=at)
        atoms.info["config_type"] = "ab"[at % 2]
        images.append(_calculated(atoms, energy=-1.0 - at))
    stream = io.StringIO()
    ase.io.write(stream, images, format="extxyz")
    return stream.getvalue().encode()


def recipes() -> list[Files]:
    found = []
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "data.xyz"
        path.write_bytes(few_structures())
        data = winnow.read(path)
        described = winnow.describe(data)
        analysis = winnow.analyse(data, described)
        copies = winnow.duplicates(data, described)
        for method in ("facility_location", "random", "kmeans"):
            selection = winnow.select(analysis, method, size=3, keep=[1], drop=[4])
            recipe = winnow.recipe(analysis, selection, reasons={4: "odd"}, duplicates=copies)
            found.append(recipe.to_dict())
        selection = winnow.select(analysis, "facility_location", size=2, reference=described)
        found.append(winnow.recipe(analysis, selection, reference=data).to_dict())
    return [{"r.json": json.dumps(content).encode()} for content in found]


def sessions() -> list[Files]:
    source = Source("/data/a.xyz@0:6", False, {"energy_key": "E"}, "a.xyz", "ab", 6, 48)
    choices = [
        Choice("random", 3),
        Choice("facility_location", 0, {"width": 2.0}),
        Choice("largest_force"),
    ]
    when, odd = "2026-01-02T03:04:05Z", {2: Removal(2, reason="why")}
    few = SavedSession(
        source=source, descriptor=("distances", {"k": 32, "cutoff": 5.0}),
        kernel={"bandwidth": 0.015}, choices=choices, budget=3, pinned=[1], rejected=[2, 4],
        removals={s: Removal(s, "A finding", "odd", when) for s in (2, 4)},
        brush=np.array([1, 2, 40]), active=1, active_atom=2,
        undo=[Step([], [2], odd, choices, {}, 4, {"energy_key": "E"}, "it")],
        waived={"rare": Waiver("rare", "meant", when, "a rare element")},
        redo=[Step([1], [2, 4], {}, choices)],
        marks={1: 5, 2: 2**32 - 1, 4: 7}, stage="Review", stages={"Review": {"tolerance": 0.2}},
        title="Silicon", saved=1.7e9,
    )  # fmt: skip
    many = replace(few, brush=np.arange(0, 10_000, 3), undo=[], redo=[])
    return [{"s.winnow": session.to_bytes()} for session in (few, many)]


def options() -> list[Files]:
    """Return command lines; FILE stands for the data set."""
    lines = [
        "check FILE", "duplicates FILE", "conflicts FILE", "overlap FILE", "overlap FILE FILE",
        "compare FILE --methods random,kmeans --budgets 2,3", "bandwidth FILE", "methods",
        "analyse FILE", "density info al", "replay FILE FILE",
        "select FILE --json --budget 2 --descriptor stored --descriptor-key forces",
        *(f"select FILE --json --budget 2 --method {name}" for name in winnow.METHODS),
    ]  # fmt: skip
    return [{"arguments.json": json.dumps(line.split()).encode()} for line in lines]
