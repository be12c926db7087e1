"""Large made sets (generator of benchmarks): the same each time, and what was planted is found."""

from __future__ import annotations

import json

import numpy as np
import pytest

import winnow_atomistic as winnow
from benchmarks.labelled_sets import DATA
from benchmarks.large_sets import Mixture, recovered, write_large_set

SETS = ("mlearn_Cu_test.xyz", "acac_test_dihedral.xyz.gz")
N = 300


@pytest.fixture(scope="module")
def sets() -> list[winnow.Dataset]:
    if not all((DATA / name).is_file() for name in SETS):
        pytest.skip("the data sets are not there")
    return [winnow.read(DATA / name) for name in SETS]


@pytest.fixture(scope="module")
def folder(sets, tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    write_large_set(folder, Mixture(sets, 10, N, seed=3), N)
    return folder


def test_a_structure_is_the_same_whenever_it_is_made(sets) -> None:
    one, other = Mixture(sets, 10, N, seed=3), Mixture(sets, 10, N, seed=3)
    for s in (250, 0, 17, *one.copies, *one.outliers):
        np.testing.assert_array_equal(one.structure(s).positions, other.structure(s).positions)
    changed = Mixture(sets, 10, N, seed=4).structure(0)
    assert not np.array_equal(changed.positions, one.structure(0).positions)


def test_what_was_planted_is_there_and_found(folder) -> None:
    planted = json.loads((folder / "planted.json").read_text())
    data = winnow.read(folder / "large.xyz")
    assert (planted["structures"], planted["atoms"]) == (N, len(data.positions))
    assert data.n_structures == N
    assert [d["kind"] for d in planted["duplicates"]] == ["exact", "near", "exact"]
    spoilt = {o["structure"] for o in planted["outliers"]}
    for copy in planted["duplicates"]:
        assert copy["of"] < copy["structure"]
        assert copy["of"] not in spoilt
    found = recovered(folder)
    assert (found["exact"], found["near"], found["others"]) == (1.0, 1.0, 0)
    assert set(found["outliers"]) == {"squeezed", "blown up"}
