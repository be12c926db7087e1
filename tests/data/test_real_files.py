"""Every published data set reads, and says what ASE and its own description say."""

from __future__ import annotations

import re

import ase.io
import numpy as np
import pytest
from makers import assert_same
from numpy.testing import assert_array_equal

from analytics.data.checks.registry import check
from analytics.data.dataset import Dataset
from analytics.data.export import write_subset
from analytics.data.readers import read
from analytics.runtime.errors import InputError

COUNTS = {
    "mlearn_Cu_train.xyz": (262, 27416),
    "mlearn_Cu_test.xyz": (31, 3178),
    "mlearn_Mo_train.xyz": (194, 10087),
    "mlearn_Mo_test.xyz": (23, 1189),
    "mlearn_Si_train.xyz": (214, 13233),
    "mlearn_Si_test.xyz": (25, 1525),
    "mlearn_Ge_train.xyz": (228, 14072),
    "mlearn_Ge_test.xyz": (25, 1568),
    "nbmotaw_train.xyz.gz": (5282, 108464),
    "nbmotaw_test_id.xyz.gz": (360, 8400),
    "nbmotaw_test_ood_quaternary.xyz.gz": (16, 2048),
    "ta_snap2014.xyz.gz": (363, 4224),
    "acac_train_300K.xyz.gz": (500, 7500),
    "acac_train_600K.xyz.gz": (500, 7500),
    "acac_test_300K.xyz.gz": (650, 9750),
    "acac_test_600K.xyz.gz": (650, 9750),
    "acac_test_dihedral.xyz.gz": (45, 675),
    "acac_test_Htransfer.xyz.gz": (15, 225),
    "3bpa_train_300K.xyz.gz": (500, 13500),
    "3bpa_train_mixedT.xyz.gz": (500, 13500),
    "acac_isolated_atoms.xyz.gz": (3, 3),
    "3bpa_isolated_atoms.xyz.gz": (4, 4),
}
NO_FORCES = ("acac_test_dihedral", "acac_test_Htransfer", "isolated_atoms")
# all structures with forces of exactly zero, as the description counts them
ZERO_FORCES = {
    "mlearn_Cu_train.xyz": 90,
    "mlearn_Si_train.xyz": 28,
    "nbmotaw_train.xyz.gz": 724,
    "ta_snap2014.xyz.gz": 91,
}


@pytest.mark.parametrize("name", COUNTS)
def test_counts_and_labels(real_data, name) -> None:
    data = read(real_data / name)
    assert (data.n_structures, data.n_environments) == COUNTS[name]
    assert data.energies is not None
    assert np.isfinite(data.energies).all()
    assert (data.forces is None) == any(part in name for part in NO_FORCES)
    assert (data.config_type != "").all()
    assert data.isolated.all() == ("isolated" in name)
    assert data.pbc.all() == bool(re.match("mlearn|nbmotaw|ta_", name))
    report = check(data)
    assert not report.of("error")
    zero = [len(f.structures) for f in report.findings if f.code == "zero_forces"]
    if name in ZERO_FORCES:
        assert zero == [ZERO_FORCES[name]]


@pytest.mark.parametrize(
    "name",
    [
        "mlearn_Si_test.xyz",
        "nbmotaw_test_ood_quaternary.xyz.gz",
        "acac_test_dihedral.xyz.gz",
        "3bpa_isolated_atoms.xyz.gz",
        "3bpa_train_mixedT.xyz.gz",
    ],
)
def test_same_as_ase(real_data, name) -> None:
    data, images = read(f"{real_data / name}@:40"), ase.io.read(real_data / name, ":40")
    assert len(images) == data.n_structures
    for s, atoms in enumerate(images):
        rows = data.rows(s)
        assert_array_equal(data.numbers[rows], atoms.numbers)
        assert_array_equal(data.positions[rows], atoms.positions)
        assert_array_equal(data.cells[s], atoms.cell)
        assert_array_equal(data.pbc[s], atoms.pbc)
        assert data.energies[s] == atoms.get_potential_energy()
        if data.forces is not None:
            assert_array_equal(data.forces[rows], atoms.get_forces())
        assert data.config_type[s] == str(atoms.info["config_type"])
        info = {k: v for k, v in data.records[s].info.items() if k != "energy"}
        assert info.keys() == atoms.info.keys()
        for key, value in info.items():
            assert_array_equal(value, atoms.info[key])


@pytest.fixture(scope="module")
def tungsten_beryllium(real_data) -> Dataset:
    return read(real_data / "wbe_snap2019.xyz.gz")


def test_the_large_one(tungsten_beryllium) -> None:
    data = tungsten_beryllium
    assert (data.n_structures, data.n_environments) == (25_422, 531_642)
    report = check(data)
    findings = {finding.code: finding for finding in report.findings}
    # 367 structures repeat an earlier one as it is written, 222 in slice_sample, 101 in EOS_FCC
    # (the description says so); the others are moved, in another image or rounded differently
    copies = data.config_type[findings["duplicates"].structures]
    assert len(copies) == 415
    assert np.sum(copies == "slice_sample") == 230
    assert np.sum(copies == "EOS_FCC") == 102
    assert len(findings["zero_forces"].structures) == 9_460
    assert "0.69 Å" in findings["close_atoms"].evidence
    assert set(data.config_type[findings["close_atoms"].structures]) >= {"Defect_BOct"}
    assert "0.774 eV/Å" in findings["net_force"].evidence


def test_a_copy_of_the_large_one_is_the_same(tungsten_beryllium, tmp_path) -> None:
    data = tungsten_beryllium
    some = np.arange(0, data.n_structures, 7)
    write_subset(data, some, tmp_path / "copy.xyz")
    assert read(tmp_path / "copy.xyz").fingerprint == data.take(some).fingerprint


def test_every_case_that_is_read_comes_back(real_data, tmp_path) -> None:
    """Extended XYZ and deepmd folders of all sorts: values, columns and labels."""
    folder = real_data / "cases"
    deepmd = sorted({place.parent.parent for place in folder.rglob("type.raw")})
    came_back = 0
    for path in [*sorted(folder.glob("*xyz*")), *sorted(folder.glob("*.XYZ")), *deepmd]:
        try:
            data = read(path)
        except InputError:
            continue
        write_subset(data, np.arange(data.n_structures), tmp_path / f"{came_back}.xyz")
        back = read(tmp_path / f"{came_back}.xyz")
        (index,) = back.records[0].info.keys() - data.records[0].info.keys()
        if data.understood.left_out:  # a copy has no column for what could not be used
            assert back.fingerprint == data.fingerprint
        else:
            assert_same(data, back, added=(index,))
        came_back += 1
    assert came_back > 50
