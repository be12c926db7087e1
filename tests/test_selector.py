"""Selection from arrays: the same as of atoms, with the manners of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

import winnow_atomistic as winnow
from analytics.runtime.assets import asset
from analytics.selection.base import METHODS


@pytest.fixture(scope="module")
def carbon():
    """Descriptors of carbon as an array, and the analysis that they came from."""
    data = winnow.read(f"{asset('carbon.xyz.gz')}@1:120")
    return winnow.analyse(data, winnow.describe(data))


@pytest.fixture(scope="module")
def table():
    rng = np.random.default_rng(3)
    return rng.normal(size=(60, 4)), np.repeat(np.arange(20), 3)


def arrays(analysis):
    described = analysis.descriptors
    return described.values, described.owners


@pytest.mark.parametrize(
    "method", ["facility_location", "saturated_coverage", "msc", "fps", "farthest_environment",
               "outlier_score", "structure_entropy", "largest_force"],
)  # fmt: skip
def test_the_same_structures_as_from_atoms(carbon, method):
    values, groups = arrays(carbon)
    expected = winnow.select(carbon, method, size=12)
    forces = carbon.dataset.forces[carbon.descriptors.environments]
    found = winnow.Selector(method, size=12, bandwidth=carbon.spec.bandwidth)
    found.fit(values, groups=groups, forces=forces)
    assert found.groups_.tolist() == expected.positions.tolist()
    assert np.allclose(found.gains_, expected.gains)
    assert found.support_.sum() == carbon.sizes[expected.positions].sum()


def test_the_width_is_chosen_by_the_same_rule(carbon):
    values, groups = arrays(carbon)
    found = winnow.Selector(size=5).fit(values, groups=groups)
    # drawn from other structures, as the content of an array is not that of atoms
    assert found.bandwidth_ == pytest.approx(carbon.spec.bandwidth, rel=0.25)
    scaled = winnow.Selector(size=5).fit(100 * values, groups=groups)
    assert scaled.bandwidth_ == pytest.approx(100 * found.bandwidth_, rel=0.25)


def test_rows_in_another_order_are_the_same_rows(table):
    X, groups = table
    order = np.random.default_rng(0).permutation(len(X))
    for method in ("facility_location", "random", "kmeans"):
        one = winnow.Selector(method, size=0.25).fit(X, groups=groups)
        other = winnow.Selector(method, size=0.25).fit(X[order], groups=groups[order])
        assert set(one.groups_) == set(other.groups_)
        assert np.array_equal(np.sort(order[other.indices_]), np.sort(one.indices_))
        assert np.array_equal(np.isin(groups, one.groups_), one.support_)


def test_without_groups_every_row_is_one(table):
    X, _ = table
    found = winnow.Selector("fps", size=0.1, bandwidth=1.0).fit(X)
    assert found.indices_.tolist() == found.groups_.tolist()
    assert len(found.indices_) == 6
    assert np.array_equal(found.transform(X), X[np.sort(found.indices_)])
    assert found.get_support(indices=True).tolist() == sorted(found.indices_)
    assert np.array_equal(found.fit_transform(X), X[found.get_support()])
    most = winnow.Selector(size=10, unit="rows").fit(X, groups=np.repeat(np.arange(20), 3))
    assert most.support_.sum() == 9


def test_manners_of_scikit_learn(table):
    X, _ = table
    first = winnow.Selector("hybrid", size=5, share=0.3, bandwidth=0.7)
    assert first.get_params()["share"] == 0.3
    second = clone(first)
    assert second.get_params() == first.get_params()
    assert second.fit(X).indices_.tolist() == first.fit(X).indices_.tolist()
    assert first.set_params(size=7, share=0.9) is first
    assert len(first.fit(X).indices_) == 7
    assert "share=0.9" in repr(first)
    with pytest.raises(NotFittedError):
        winnow.Selector().transform(X)


def test_labels(table):
    X, groups = table
    energies = np.zeros(len(X))
    energies[groups == 7] = 5.0
    found = winnow.Selector("highest_energy", size=1).fit(X, energies, groups=groups)
    assert found.groups_.tolist() == [7]
    importance = np.where(groups == 4, 9.0, 1.0)
    found = winnow.Selector("largest_force", size=1).fit(X, groups=groups, forces=importance)
    assert found.groups_.tolist() == [4]
    classes = np.where(groups < 16, "many", "few")
    found = winnow.Selector("stratified", size=4, allocation="equal").fit(X, classes, groups=groups)
    assert sorted(found.groups_ < 16) == [False, False, True, True]


@pytest.mark.parametrize(
    ("parameters", "more", "said"),
    [
        ({"method": "best"}, {}, "unknown selection method 'best'"),
        ({"method": "el2n"}, {}, "el2n trains a potential and needs atoms"),
        ({"shar": 1}, {}, "shar is neither a parameter nor an option of facility_location"),
        ({"method": "largest_force"}, {}, "forces"),
        ({"unit": "atoms"}, {}, "unit is 'atoms', not one of groups, rows"),
        ({"bandwidth": -1.0}, {}, "bandwidth is -1.0, outside"),
        ({"size": -3}, {}, "-3"),
        ({"method": "hybrid", "share": 7.0}, {}, "share is 7.0, outside"),
        ({}, {"groups": [1, 2]}, "groups has shape (2,), not (60,)"),
        ({}, {"y": [1.0]}, "y has 1 rows, and X has 60"),
        ({}, {"forces": np.zeros((60, 2))}, "forces has shape (60, 2)"),
        ({}, {"X": np.full((3, 2), np.nan)}, "not a finite number in row 0"),
        ({}, {"X": np.zeros(5)}, "X has shape (5,)"),
        ({}, {"X": [["a", "b"]]}, "X does not hold numbers"),
    ],
)
def test_what_cannot_be_used_is_said_in_one_line(table, parameters, more, said):
    with pytest.raises(winnow.WinnowError) as error:
        winnow.Selector(**parameters).fit(more.pop("X", table[0]), **more)
    assert said in str(error.value)
    assert "\n" not in str(error.value)


def test_every_method_that_needs_no_potential_can_be_used(table):
    X, groups = table
    for name in METHODS:
        if name == "given" or any(each.by_model for each in METHODS[name].family()):
            continue
        found = winnow.Selector(name, size=4)
        found.fit(X, np.ones(len(X)), groups=groups, forces=np.ones(len(X)))
        assert len(found.groups_) == 4, name
