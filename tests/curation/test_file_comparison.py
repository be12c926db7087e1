"""Two files against one another: geometries, labels, elements, keys."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase import Atoms
from ase.calculators.singlepoint import SinglePointCalculator
from ase.units import Hartree
from makers import real_file

import winnow_atomistic as winnow
from analytics.cli.main import main
from analytics.curation.file_comparison import compare_files
from analytics.data.dataset import Dataset
from analytics.data.readers import dataset_from_atoms


def frames(change=None, seed: int = 0, n: int = 8) -> Dataset:
    """Return labeled structures; `change` maps (energy, forces, atoms) to other labels."""
    rng, found = np.random.default_rng(seed), []
    for at in range(n):
        symbols = "O" * (1 + at % 3) + "H" * (2 + at % 2)
        atoms = Atoms(symbols, rng.uniform(0, 6, (len(symbols), 3)), cell=6 * np.eye(3), pbc=True)
        energy, forces = rng.normal() - 10.0 * len(atoms), rng.normal(size=(len(atoms), 3))
        if change is not None:
            energy, forces = change(energy, forces, atoms)
        atoms.calc = SinglePointCalculator(atoms, energy=energy, forces=forces)
        found.append(atoms)
    return dataset_from_atoms(found)


@pytest.mark.parametrize(
    ("change", "energy", "forces"),
    [
        (None, "equal", "equal"),
        (lambda e, f, a: (e + 1.5, -f), "offset", "sign"),
        (lambda e, f, a: (e + 0.3 * len(a), f), "offset_per_atom", "equal"),
        (lambda e, f, a: (e + 2.0 * a.symbols.count("O") - a.symbols.count("H"), f),
         "offset_per_element", "equal"),
        (lambda e, f, a: (e / Hartree, f / Hartree), "factor", "factor"),
        (lambda e, f, a: (e + np.sin(99 * e), f + 0.3 * np.cos(99 * f)), "unlike", "unlike"),
    ],
)  # fmt: skip
def test_how_labels_are_related(change, energy, forces):
    one, other = frames(), frames(change)
    order = np.random.default_rng(3).permutation(8)
    found = compare_files(one, other.take(order))
    assert (found.energy.kind, found.forces.kind) == (energy, forces)
    assert order[found.pairs[:, 1]].tolist() == found.pairs[:, 0].tolist() == list(range(8))
    if energy == "factor":
        assert "the second may be in hartree" in found.energy.words
        assert "hartree/Å" in found.forces.words


def test_a_few_other_energies_are_counted():
    def change(energy, forces, atoms):
        return energy + 3.0 * (len(atoms) == 6), forces

    assert "equal in " in compare_files(frames(), frames(change)).energy.words


def test_what_is_only_in_one_and_elements_that_are_missing():
    one, other = frames(n=6), frames(n=8)
    found = compare_files(one, other)
    assert (len(found.pairs), len(found.only_first), found.only_second.tolist()) == (6, 0, [6, 7])
    silver = dataset_from_atoms([Atoms("Ag", cell=3 * np.eye(3), pbc=True)])
    assert compare_files(one, silver).lacks_first == ("Ag",)
    assert compare_files(one, silver).energy.kind == "missing"


def test_published_pair_with_the_other_sign(capsys):
    files = [str(real_file(f"cases/science/{name}.xyz")) for name in "ab"]
    assert main(["compare-files", *files]) == 0
    text = capsys.readouterr().out
    assert "geometries: the same, one for one" in text
    assert "energies: +1.5 eV per structure" in text
    assert "forces: the other sign" in text
    assert main(["compare-files", *files, "--json"]) == 0
    labels = json.loads(capsys.readouterr().out)["labels"]
    assert labels["energy"]["value"] == pytest.approx(1.5)
    assert labels["forces"]["relation"] == "sign"


def test_copper_does_not_cover_silver(capsys):
    base, silver = (
        str(real_file(f"cases/{name}.xyz")) for name in ("base", "98_same_positions_other_element")
    )
    assert main(["overlap", base, silver]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[1].strip().startswith("base.xyz has no atom of Ag: 96 environments")
    assert lines[2].strip().startswith("0.0 % of 96 environments are covered")
    asked = [
        "select",
        silver,
        "--reference",
        base,
        "--budget",
        "3",
        "--method",
        "facility_location",
    ]
    assert main([*asked, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["elements_lacking_in_reference"] == ["Ag"]


def test_overlap_says_how_labels_of_equal_structures_differ(capsys):
    files = [str(real_file(f"cases/science/{name}.xyz")) for name in "ab"]
    assert main(["overlap", *files]) == 0
    text = capsys.readouterr().out
    assert "the other sign" in text
    assert "+1.5 eV per structure" in text
    assert winnow.compare_files(frames(), frames()).energy.kind == "equal"
