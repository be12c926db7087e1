"""``winnow export``, formats of ``winnow select``, and standard input and output."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import ase.io
import numpy as np
import pytest

import winnow_atomistic as winnow
from analytics.cli import files
from analytics.cli.main import main

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def structures(tmp_path):
    """Eight pairs of atoms with energies and forces, and one without."""
    path = tmp_path / "pairs.xyz"
    frames = [
        f"2\nProperties=species:S:1:pos:R:3:forces:R:3 energy=-{i}.5 config_type=pair\n"
        f"C 0 0 0 0 0 {i}\nC 0 0 1.{i} 0 0 -{i}\n"
        for i in range(1, 9)
    ]
    path.write_text("".join(frames) + "1\nProperties=species:S:1:pos:R:3 tag=x\nC 0 0 0\n")
    return path


def test_export_converts_a_file(run, run_json, structures, tmp_path):
    out = tmp_path / "train.xyz"
    code, text, err = run("export", structures, "-o", out, "--format", "mace")
    assert (code, err) == (0, "")
    assert text.startswith(f"{out}: 9 structures for MACE")
    frames = ase.io.read(out, ":")
    assert [atoms.info.get("REF_energy") for atoms in frames] == [*np.arange(-1.5, -9, -1), None]
    found = run_json("export", structures, "-o", tmp_path / "a.cfg")
    assert found["format"] == "mtp"
    assert "1 of 9 structures are not written: mtp needs energy and forces" in found["notes"][0]


def test_select_in_a_format(run_json, structures, tmp_path):
    found = run_json(
        "select", structures, "--budget", 3, "-o", tmp_path / "s", "--format", "fitsnap"
    )
    kept, rest = tmp_path / "s" / "pair", tmp_path / "s_rest" / "pair"
    assert (len(list(kept.iterdir())), len(list(rest.iterdir()))) == (3, 5)
    assert found["files"]["kept"] == str(tmp_path / "s")
    assert (tmp_path / "s.json").exists()
    assert any("groups to be named" in note for note in found["format_notes"])
    assert json.loads((tmp_path / "s.json").read_text())["written_as"]["name"] == "fitsnap"
    again = ("replay", tmp_path / "s.json", structures, "-o", tmp_path / "again", "--no-rest")
    assert run_json(*again, "--format", "fitsnap")["same"]
    same = [path.name for path in (tmp_path / "again" / "pair").iterdir()]
    assert sorted(same) == sorted(path.name for path in kept.iterdir())


def test_what_does_not_go_together(fails, structures, tmp_path):
    select = ("select", structures, "--budget", 3)
    assert "--format says what -o writes" in fails(*select, "--json", "--format", "mace")
    assert "both write to the standard output" in fails(*select, "--json", "-o", "-")
    assert "is a folder of files" in fails(*select, "-o", "-", "--format", "deepmd")
    assert "name it without the ending" in fails(*select, "-o", "a.xyz", "--format", "deepmd")
    assert "its ending tells no format" in fails(
        "export", structures, "-o", tmp_path / "input.data"
    )
    full = tmp_path / "full"
    full.mkdir()
    (full / "precious").touch()
    assert "exists already; --force" in fails(
        "export", structures, "-o", full, "--format", "deepmd"
    )
    forced = fails("export", structures, "-o", full, "--format", "deepmd", "--force")
    assert "holds precious, which is no part of DeePMD" in forced
    inside = fails("export", structures, "-o", tmp_path, "--format", "deepmd", "--force")
    assert "would overwrite what is read" in inside


def piped(*arguments, **more):
    words = [sys.executable, "-m", "analytics.cli", *map(str, arguments)]
    return subprocess.run(words, cwd=ROOT, capture_output=True, timeout=300, **more)


def test_a_pipe_from_end_to_end(structures, tmp_path):
    done = piped("export", "-", "-o", "-", input=structures.read_bytes())
    assert (done.returncode, done.stderr.count(b"\n")) == (0, 1)
    assert b"9 structures" in done.stderr
    (tmp_path / "out.xyz").write_bytes(done.stdout)  # structures and nothing else
    assert winnow.read(tmp_path / "out.xyz") == winnow.read(structures)


def test_a_slice_of_the_standard_input(monkeypatch, run_json, structures, tmp_path):
    files._standard_input.cache_clear()
    with structures.open("rb") as file:
        monkeypatch.setattr("sys.stdin", type("Stdin", (), {"buffer": file}))
        assert run_json("export", "-@2:5", "-o", tmp_path / "a.xyz")["n_structures"] == 3
    assert list(winnow.read(tmp_path / "a.xyz").energies) == [-3.5, -4.5, -5.5]
    files._standard_input.cache_clear()


def test_whoever_reads_may_stop(structures):
    reading, writing = os.pipe()
    os.close(reading)
    done = subprocess.run(
        [sys.executable, "-m", "analytics.cli", "export", structures, "-o", "-"],
        cwd=ROOT, stdout=writing, stderr=subprocess.PIPE, timeout=300, check=False,
    )  # fmt: skip
    os.close(writing)
    assert (done.returncode, done.stderr) == (141, b"")


def test_selected_structures_go_to_the_standard_output(capfdbinary, structures):
    assert main(["select", str(structures), "--budget", "3", "-o", "-", "--format", "mtp"]) == 0
    out, err = capfdbinary.readouterr()
    assert out.count(b"BEGIN_CFG") == 3
    assert b"BEGIN_CFG" not in err
    assert b"entropy H" in err


def test_several_files_are_one_data_set(run, run_json, fails, structures, tmp_path, monkeypatch):
    for name in ("b.xyz", "a.xyz"):
        (tmp_path / name).write_text(structures.read_text())
    files = (structures, tmp_path / "a.xyz", tmp_path / "b.xyz")
    found = run_json("select", *files, "--budget", 3, "-o", tmp_path / "out.xyz")
    assert found["n_structures"] == 27
    again = run("replay", tmp_path / "out.json", *files)
    assert again[0] == 0, again
    assert "pairs.xyz and 2 more" in run("check", *files)[1]
    monkeypatch.chdir(tmp_path)
    code, out, _ = run("export", "[ab].xyz", "-o", "both.cfg")  # where no shell has done it
    assert (code, "18 structures" in out) == (0, True)
    assert "overwrite the file" in fails("export", structures, "a.xyz", "-o", "a.xyz")
    assert "overwrite the file" in fails("export", "[ab].xyz", "-o", "b.xyz")
    assert "no such file" in fails("check", structures, "c.xyz")


# ------------------------------------------------------------------------------ RO-Crate


def test_a_crate_describes_the_files_beside_it(run_json, structures, tmp_path):
    licence = "https://creativecommons.org/licenses/by/4.0/"
    place = tmp_path / "out"
    place.mkdir()
    words = ("--budget", 3, "-o", place / "s.xyz", "--crate", "--licence", licence)
    found = run_json("select", structures, *words)
    crate = json.loads((place / "ro-crate-metadata.json").read_text())
    assert found["files"]["crate"] == str(place / "ro-crate-metadata.json")
    entities = {entity["@id"]: entity for entity in crate["@graph"]}
    assert len(entities) == len(crate["@graph"])
    assert entities["ro-crate-metadata.json"]["about"] == {"@id": "./"}
    root = entities["./"]
    parts = {part["@id"] for part in root["hasPart"]}
    assert parts == {"s.xyz", "s_rest.xyz", "s.json"}
    assert {path.name for path in place.iterdir()} == parts | {"ro-crate-metadata.json"}
    for name in parts:
        content = (place / name).read_bytes()
        assert entities[name]["sha256"] == hashlib.sha256(content).hexdigest()
        assert entities[name]["contentSize"] == str(len(content))
    assert root["license"]["@id"] == licence
    assert entities["#source"]["identifier"].endswith(found["input"]["fingerprint"])
    assert {part["@id"] for part in entities["#selection"]["result"]} == parts

    def named(value):
        if isinstance(value, dict):
            yield from [value["@id"]] if set(value) == {"@id"} else ()
            yield from (name for each in value.values() for name in named(each))
        elif isinstance(value, list):
            yield from (name for each in value for name in named(each))

    outside = {name for name in named(crate["@graph"]) if name not in entities}
    assert outside == {"https://w3id.org/ro/crate/1.1"}


def test_a_crate_of_folders_and_what_it_needs(run_json, fails, structures, tmp_path):
    place = tmp_path / "out"
    place.mkdir()
    words = ["--budget", 3, "-o", place / "s", "--format", "fitsnap", "--crate"]
    recipe = ["--recipe", tmp_path / "r.json"]
    run_json("select", structures, *words, *recipe)
    crate = json.loads((place / "ro-crate-metadata.json").read_text())
    files = {entity["@id"] for entity in crate["@graph"] if entity["@type"] == "File"}
    there = {path.relative_to(place).as_posix() for path in place.rglob("*") if path.is_file()}
    assert {name for name in files if name.startswith("s/")} == {
        name for name in there if name.startswith("s/")
    }
    assert files <= there
    select = ("select", structures, "--budget", 3)
    assert "exists already" in fails(*select, "-o", place / "t.xyz", "--crate")
    assert "--crate describes the files that -o writes" in fails(*select, "--json", "--crate")
    assert "--licence goes with --crate" in fails(*select, "-o", "x.xyz", "--licence", "mine")
