"""The data set as a value."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from makers import make_dataset
from numpy.testing import assert_array_equal

from analytics.data.dataset import Dataset, Record
from analytics.data.read_options import LabelKeys
from analytics.descriptors.base import Descriptors, described_structures


def one_atom(config_type: str, pbc: bool) -> bool:
    dataset = Dataset(
        numbers=[6],
        positions=[[0, 0, 0]],
        structure_offsets=[0, 1],
        cells=[np.eye(3)],
        pbc=[[pbc] * 3],
        config_type=np.array([config_type]),
    )
    return bool(dataset.isolated[0])


def test_arrays_are_read_only_and_of_their_type() -> None:
    dataset = make_dataset(isolated=1)
    for item in dataclasses.fields(dataset):
        value = getattr(dataset, item.name)
        if isinstance(value, np.ndarray):
            assert not value.flags.writeable, item.name
    assert dataset.numbers.dtype == dataset.structure_offsets.dtype == np.int64
    assert dataset.positions.dtype == dataset.cells.dtype == np.float64
    with pytest.raises(dataclasses.FrozenInstanceError):
        dataset.name = "other"  # type: ignore[misc]


def test_defaults() -> None:
    dataset = Dataset([6, 6], np.zeros(6), [0, 1, 2], np.zeros((2, 3, 3)), np.zeros((2, 3)))
    assert dataset.positions.shape == (2, 3)
    assert dataset.config_type.tolist() == ["", ""]
    assert dataset.frame_indices.tolist() == [0, 1]
    assert (dataset.energies, dataset.forces, dataset.records) == (None, None, ())
    assert np.isnan(dataset.force_norms).tolist() == [True, True]
    assert dataset.keys == LabelKeys()


def test_an_empty_data_set() -> None:
    dataset = Dataset([], np.zeros((0, 3)), [0], np.zeros((0, 3, 3)), np.zeros((0, 3)))
    assert (dataset.n_structures, dataset.n_environments) == (0, 0)
    assert len(dataset.isolated) == len(described_structures(dataset)) == 0


def test_counts_and_rows() -> None:
    dataset = make_dataset([3, 1, 4], isolated=1)
    assert (dataset.n_structures, dataset.n_environments) == (4, 9)
    assert dataset.sizes.tolist() == [3, 1, 4, 1]
    assert dataset.rows(2) == slice(4, 8)
    assert_array_equal(dataset.force_norms, np.linalg.norm(dataset.forces, axis=1))


@pytest.mark.parametrize(
    ("config_type", "pbc", "isolated"),
    [
        ("", False, True),
        ("bulk", False, True),
        ("bulk", True, False),  # a primitive cell
        ("isolated_atom", True, True),
        ("IsolatedAtom", True, True),
        ("isolated-atom-C", True, True),
        ("iso_atoms", True, True),
        ("isotropic", True, False),
    ],
)
def test_isolated_atoms(config_type: str, pbc: bool, isolated: bool) -> None:
    assert one_atom(config_type, pbc) == isolated


@pytest.mark.parametrize(
    ("edge", "isolated"), [(2.5, False), (6.0, False), (8.0, True), (20, True)]
)
def test_a_single_atom_in_a_large_box_is_isolated_whatever_its_class(edge, isolated) -> None:
    cells = [edge * np.eye(3), edge * np.array([[1, 0, 0], [7, 1, 0], [0, -3, 1]])]
    dataset = Dataset([29, 29], np.zeros((2, 3)), [0, 1, 2], cells, np.ones((2, 3), dtype=bool))
    assert dataset.isolated.tolist() == [isolated] * 2


def test_a_molecule_is_not_an_isolated_atom() -> None:
    dataset = Dataset(
        [6, 8, 6],
        np.zeros((3, 3)),
        [0, 2, 3, 3],
        np.zeros((3, 3, 3)),
        np.zeros((3, 3)),
        config_type=np.array(["isolated_atom", "", ""]),
    )
    assert dataset.isolated.tolist() == [False, True, False]
    assert described_structures(dataset).tolist() == [0]  # not the empty one either


def test_take_keeps_every_column_in_the_order_given() -> None:
    dataset = dataclasses.replace(
        make_dataset([2, 1, 3]),
        records=tuple(Record(info={"number": i}) for i in range(3)),
        frame_indices=[10, 20, 30],
        keys=LabelKeys(energy="REF_energy"),
    )
    part = dataset.take(np.array([2, 0]))
    rows = [3, 4, 5, 0, 1]
    assert_array_equal(part.numbers, dataset.numbers[rows])
    assert_array_equal(part.positions, dataset.positions[rows])
    assert_array_equal(part.forces, dataset.forces[rows])
    assert_array_equal(part.energies, dataset.energies[[2, 0]])
    assert_array_equal(part.cells, dataset.cells[[2, 0]])
    assert_array_equal(part.pbc, dataset.pbc[[2, 0]])
    assert part.structure_offsets.tolist() == [0, 3, 5]
    assert part.frame_indices.tolist() == [30, 10]
    assert part.config_type.tolist() == ["class2", "class0"]
    assert [r.info["number"] for r in part.records] == [2, 0]
    assert (part.name, part.keys) == (dataset.name, dataset.keys)
    assert dataset.take(np.arange(3)).fingerprint == dataset.fingerprint
    assert dataset.take(np.array([], dtype=int)).n_structures == 0


@pytest.mark.parametrize(
    "field", ["numbers", "positions", "cells", "pbc", "energies", "forces", "config_type"]
)
def test_the_fingerprint_follows_the_physical_content(field: str) -> None:
    dataset = make_dataset()
    value = getattr(dataset, field).copy()
    value.flat[-1] = {"pbc": False, "config_type": "other"}.get(field, 77)
    changed = dataclasses.replace(dataset, **{field: value})
    assert changed.fingerprint != dataset.fingerprint


def test_the_fingerprint_follows_missing_labels_and_borders() -> None:
    dataset = make_dataset([3, 1, 4])
    others = [
        dataclasses.replace(dataset, energies=None),
        dataclasses.replace(dataset, forces=None),
        dataclasses.replace(dataset, structure_offsets=[0, 3, 5, 8]),
    ]
    assert len({d.fingerprint for d in (dataset, *others)}) == 4


def test_the_fingerprint_ignores_names() -> None:
    dataset = make_dataset()
    other = dataclasses.replace(dataset, name="copy.xyz", frame_indices=[5, 6, 7])
    assert other.fingerprint == dataset.fingerprint == make_dataset().fingerprint


def test_descriptors_are_frozen_and_fingerprinted() -> None:
    @dataclasses.dataclass(frozen=True)
    class Spec:
        k: int = 1

    def made(k: int = 1, source: str = "a") -> Descriptors:
        return Descriptors(np.zeros((5, 2)), [0, 2], [0, 2, 5], [0, 1, 4, 5, 6], Spec(k), source)

    one = made()
    assert not one.values.flags.writeable
    assert (one.n_structures, one.n_environments) == (2, 5)
    assert one.owners.tolist() == [0, 0, 1, 1, 1]
    assert one.fingerprint == made().fingerprint
    assert len({one.fingerprint, made(k=2).fingerprint, made(source="b").fingerprint}) == 3
