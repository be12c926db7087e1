"""What a user says about a file on the command line, and what is said back."""

from __future__ import annotations

import json

import numpy as np
import pytest
from ase import units

RNG = np.random.default_rng(3)


def water(i: int, species: tuple[str, ...] = ("O", "H", "H"), extra: str = "") -> str:
    moved = np.array([[0, 0, 0], [0.96, 0, 0], [-0.24, 0.93, 0]]) + RNG.normal(0, 0.05, (3, 3))
    atoms = "".join(
        f"{s} {x:.6f} {y:.6f} {z:.6f}\n" for s, (x, y, z) in zip(species, moved, strict=True)
    )
    return f"3\nProperties=species:S:1:pos:R:3 energy={-1 - i / 100} {extra}\n{atoms}"


@pytest.fixture
def types(tmp_path):
    path = tmp_path / "types.xyz"
    path.write_text("".join(water(i, ("1", "2", "2")) for i in range(6)))
    return path


def test_check_begins_with_what_was_understood(run, tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text("".join(water(i) for i in range(4)) + water(4).replace("energy", "REF_energy"))
    lines = run("check", path)[1].splitlines()
    assert lines[0] == "a.xyz: 5 structures, 15 environments"
    rows = dict(line.strip().split("  ", 1) for line in lines[1 : lines.index("")])
    assert len(rows) < 15
    assert rows["frames"].strip() == "5 read (extended XYZ)"
    assert rows["elements"].strip() == "H 10, O 5 atoms"
    assert rows["energy"].strip() == "energy in 4, REF_energy in 1"
    found = json.loads(run("check", path, "--json")[1])["understood"]
    assert [(use["key"], use["frames"]) for use in found["keys"]] == [
        *(("energy", 4), ("REF_energy", 1)),
    ]


def test_types_of_atoms_are_asked_for_and_said(run, fails, types):
    assert "--species '1=Si,2=O'" in fails("check", types)
    found = json.loads(run("check", types, "--species", "1=O,2=H", "--json")[1])["understood"]
    assert found["elements"]["O"] == {"atoms": 6, "structures": 6}
    assert "--species" in fails("check", types, "--species", "1=O,2=Xy")
    assert "not of the form" in fails("check", types, "--species", "1:O")


def test_units_are_said(run, fails, tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text(water(0) + water(1))
    out = run("check", path, "--units", "energy=hartree")[1]
    assert f"energy in hartree, times {units.Ha:.6g} (as you say)" in out
    assert "'smoots' is not known" in fails("check", path, "--units", "length=smoots")


def test_strict_refuses_what_cannot_be_used(run, fails, tmp_path):
    path = tmp_path / "a.xyz"
    path.write_text(water(0) + water(1) + water(2).replace("energy=-1.02", "energy=None"))
    assert "energy of frame 2: energy 'energy' is 'None'" in run("check", path)[1]
    assert "structure 2: energy 'energy' is 'None'" in fails("check", path, "--strict")


def test_a_recipe_replays_with_what_was_said(run, types, tmp_path):
    made = tmp_path / "out.xyz"
    said = ("--species", "1=O,2=H", "--units", "energy=hartree")
    assert run("select", types, "--budget", "3", *said, "-o", made)[0] == 0
    recipe = made.with_suffix(".json")
    assert json.loads(recipe.read_text())["reading"] == {
        "species": "1=O,2=H",
        "units": "energy=hartree",
    }
    code, out, _ = run("replay", recipe)
    assert code == 0
    assert "the same 3 structures" in out
