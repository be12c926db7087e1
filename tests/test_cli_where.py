"""--where: commands on the structures of a file that match an expression."""

import json

import ase.io
import numpy as np
import pytest
from ase.build import bulk

from analytics.cli.main import main


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """Twelve structures of silicon and germanium, and two isolated atoms."""
    rng, frames = np.random.default_rng(0), []
    for at in range(12):
        atoms = bulk("Si" if at % 2 else "Ge", cubic=at % 3 == 0) * (2, 1, 1)
        atoms.rattle(0.05, seed=at)
        atoms.info |= {"energy": float(at), "config_type": "warm" if at < 6 else "hot"}
        atoms.arrays["forces"] = rng.normal(size=(len(atoms), 3))
        frames.append(atoms)
    for symbol in ("Si", "Ge"):
        frames.append(ase.Atoms(symbol, info={"config_type": "IsolatedAtom", "energy": -1.0}))
    place = tmp_path_factory.mktemp("data") / "alloys.xyz"
    ase.io.write(place, frames)
    return place


def run(capsys, *arguments):
    code = main([str(each) for each in arguments])
    out, err = capsys.readouterr()
    return code, out, err


def test_export_writes_what_matches_and_isolated_atoms(path, tmp_path, capsys):
    target = tmp_path / "hot.xyz"
    where = 'config_type == "hot" and n_Si > 0'
    code, _, err = run(capsys, "export", path, "--where", where, "-o", target)
    assert code == 0
    assert "3 of 14 structures; 2 isolated atoms besides" in err
    written = ase.io.read(target, ":")
    assert [a.info["config_type"] for a in written] == ["hot"] * 3 + ["IsolatedAtom"] * 2
    assert all(set(a.symbols) == {"Si"} for a in written[:3])


def test_isolated_atoms_are_as_asked_where_they_are_named(path, tmp_path, capsys):
    target = tmp_path / "pure.xyz"
    where = "natoms > 0 and not isolated"
    assert run(capsys, "export", path, "--where", where, "-o", target)[0] == 0
    assert len(ase.io.read(target, ":")) == 12


def test_select_keeps_indices_of_the_file_and_is_replayed(path, tmp_path, capsys):
    target = tmp_path / "few.xyz"
    arguments = ("--where", "Ge", "--method", "random", "--budget", "3", "-o", target)
    assert run(capsys, "select", path, *arguments)[0] == 0
    recipe = json.loads((tmp_path / "few.json").read_text())
    assert set(recipe["picked_frame_indices"]) <= {0, 2, 4, 6, 8, 10}
    code, out, _ = run(capsys, "replay", tmp_path / "few.json", path)
    assert code == 0
    assert "the same 3 structures" in out


def test_what_was_understood_counts_what_is_left(path, capsys):
    code, out, _ = run(capsys, "analyse", path, "--where", "hot", "--json")
    content = json.loads(out)
    assert code == 0
    assert content["n_structures"] == 6
    assert {key["frames"] for key in content["understood"]["keys"]} <= {6, 8}


@pytest.mark.parametrize(
    ("where", "words"),
    [("n_Sii > 0", "did you mean n_Si?"), ("natoms > 999", "no structure matches"),
     ("Pu", "no structure has Pu"), ("natoms = 3", "write ==")],
)  # fmt: skip
def test_what_cannot_be_is_one_line(path, where, words, tmp_path, capsys):
    code, out, err = run(capsys, "export", path, "--where", where, "-o", tmp_path / "x.xyz")
    assert code != 0
    assert words in err
    assert out == ""
    assert len(err.strip().splitlines()) == 1
    assert not (tmp_path / "x.xyz").exists()
