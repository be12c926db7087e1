"""Per-atom arrays of the file as descriptors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.io import write
from numpy.testing import assert_allclose, assert_array_equal

import winnow_atomistic as winnow
from analytics.data.dataset import Dataset, Record
from analytics.descriptors.base import DESCRIPTORS
from analytics.descriptors.distances import describe
from analytics.descriptors.stored import StoredSpec, read_stored
from analytics.information.kernel import KernelSpec
from analytics.runtime.errors import InputError


def frames(features: bool = True) -> list[Atoms]:
    rng = np.random.default_rng(0)
    made = [bulk("Si", cubic=True), bulk("C"), bulk("Ge", cubic=True)]
    for atoms in made:
        atoms.rattle(0.1, seed=1)
        if features:
            atoms.new_array("features", rng.normal(size=(len(atoms), 64)))
            atoms.new_array("charge", rng.normal(size=len(atoms)))
            atoms.new_array("tag", rng.integers(0, 3, len(atoms)))
            atoms.new_array("site", np.array(["a"] * len(atoms)))
    return [*made, Atoms("H")]


@pytest.fixture
def dataset(tmp_path: Path) -> Dataset:
    write(tmp_path / "with_features.xyz", frames(), format="extxyz")
    return winnow.read(tmp_path / "with_features.xyz")


def with_arrays(*arrays: dict[str, object]) -> Dataset:
    made = frames(features=False)[: len(arrays)]
    return Dataset(
        numbers=np.concatenate([a.numbers for a in made]),
        positions=np.concatenate([a.positions for a in made]),
        structure_offsets=np.concatenate([[0], np.cumsum([len(a) for a in made])]),
        cells=np.array([a.cell.array for a in made]),
        pbc=np.array([a.pbc for a in made]),
        records=tuple(Record({}, a) for a in arrays),
        frame_indices=np.arange(len(arrays)) * 10,
        name="made.xyz",
    )


def test_features_of_a_file_are_the_descriptor(dataset: Dataset) -> None:
    found = describe(dataset, StoredSpec("features"))
    expected = np.concatenate([a.arrays["features"] for a in frames()[:3]])
    assert_allclose(found.values, expected, atol=1e-7)  # as many digits as the file has
    assert_array_equal(found.structures, [0, 1, 2])
    assert_array_equal(found.structure_offsets, [0, 8, 10, 18])
    assert_array_equal(found.environments, np.arange(18))


def test_one_number_per_atom_and_whole_numbers(dataset: Dataset) -> None:
    charges = describe(dataset, StoredSpec("charge")).values
    assert_allclose(charges[:, 0], np.concatenate([a.arrays["charge"] for a in frames()[:3]]),
                    atol=1e-7)  # fmt: skip
    tags = describe(dataset, StoredSpec("tag")).values
    assert tags.dtype == np.float64
    assert_array_equal(tags[:, 0], np.concatenate([a.arrays["tag"] for a in frames()[:3]]))


def test_rows_of_unit_length(dataset: Dataset) -> None:
    plain = describe(dataset, StoredSpec("features")).values
    unit = describe(dataset, StoredSpec("features", "unit")).values
    assert_allclose(unit * np.linalg.norm(plain, axis=1, keepdims=True), plain, rtol=1e-12)
    none = with_arrays({"f": np.zeros((8, 2))})
    assert not describe(none, StoredSpec("f", "unit")).values.any()


def test_a_number_of_single_precision_stays_one() -> None:
    data = with_arrays({"f": np.ones((8, 2, 3), np.float32)}, {"f": np.ones((2, 6), np.float32)})
    found = describe(data, StoredSpec("f")).values
    assert found.shape == (10, 6)
    assert found.dtype == np.float32


def test_the_fingerprint_follows_the_array_not_only_the_atoms() -> None:
    one, two = (with_arrays({"f": np.full((8, 2), x), "g": np.ones((8, 1))}) for x in (1.0, 2.0))
    assert one.fingerprint == two.fingerprint
    assert describe(one, StoredSpec("f")).fingerprint != describe(two, StoredSpec("f")).fingerprint
    assert describe(one, StoredSpec("g")).fingerprint == describe(two, StoredSpec("g")).fingerprint


def test_the_chain_runs_on_it(dataset: Dataset) -> None:
    described = describe(dataset, StoredSpec("features"))
    analysis = winnow.analyse(dataset, described, KernelSpec(5.0))
    x = described.values
    sums = np.exp(-((x[:, None] - x) ** 2).sum(axis=2) / 50.0).sum(axis=1)
    assert_allclose(analysis.entropy_nats, -np.log(sums / 18).mean(), rtol=1e-5)
    assert len(winnow.select(analysis, "facility_location", size=2)) == 2


BAD = np.ones((2, 3))
BAD[1, 2] = np.nan


@pytest.mark.parametrize(
    ("second", "cause"),
    [
        ({}, "no per-atom array 'f'; there are f, g"),
        ({"f": np.ones((3, 3))}, "has 3 rows for 2 atoms"),
        ({"f": np.float64(1.0)}, "has 1 rows for 2 atoms"),
        ({"f": np.ones((2, 4))}, "has 4 columns, and 3 in the structures before"),
        ({"f": np.ones((2, 0))}, "has no columns"),
        ({"f": np.array(["a", "b"])}, "does not hold numbers"),
        ({"f": np.ones((2, 3), complex)}, "does not hold numbers"),
        ({"f": BAD}, "not a finite number at atom 1"),
    ],
)
def test_what_is_of_no_use_is_refused_by_structure(second: dict, cause: str) -> None:
    data = with_arrays({"f": np.ones((8, 3)), "g": np.ones(8)}, second)
    with pytest.raises(InputError, match=f"made.xyz, structure 10: .*{cause}") as caught:
        read_stored(data, StoredSpec("f"))
    assert caught.value.structure == 10


def test_without_a_key_the_arrays_are_listed(dataset: Dataset) -> None:
    with pytest.raises(InputError, match="needed as key; there are features, charge, tag"):
        describe(dataset, StoredSpec())
    with pytest.raises(InputError, match="no per-atom array 'f'; there is no numeric one"):
        describe(with_arrays({}), StoredSpec("f"))


def test_spec_and_table() -> None:
    with pytest.raises(ValueError, match="scaling is 'l2', not one of none, unit"):
        StoredSpec("f", "l2")
    assert DESCRIPTORS["stored"] == (StoredSpec, read_stored)
