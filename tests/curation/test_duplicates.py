"""Structures that repeat another one, however they are written down."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import Recorder, real_descriptors
from scipy.spatial.transform import Rotation

import winnow_atomistic as winnow
from analytics.curation.duplicates import DuplicateSpec, near_duplicates
from analytics.curation.environments import prepare
from analytics.curation.matching import match_structures
from analytics.data.dataset import Dataset
from analytics.descriptors.distances import DistanceSpec
from analytics.runtime.errors import Cancelled

H = 0.015


def joined(structures, pbc=True):
    """Make a data set of (numbers, positions, cell)."""
    sizes = [len(numbers) for numbers, _, _ in structures]
    return Dataset(
        numbers=np.concatenate([numbers for numbers, _, _ in structures]),
        positions=np.concatenate([positions for _, positions, _ in structures]),
        structure_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        cells=np.stack([cell for _, _, cell in structures]),
        pbc=np.full((len(structures), 3), pbc),
    )


def crystal(seed=0, n=8, edge=6.0, numbers=None):
    """Return a disordered periodic structure without close atoms."""
    rng = np.random.default_rng(seed)
    grid = np.array(list(itertools.product(range(2), repeat=3)))[:n] * edge / 2
    species = np.full(n, 14) if numbers is None else np.asarray(numbers)
    return species, grid + rng.normal(size=(n, 3)) * 0.15, edge * np.eye(3)


def duplicates_of(dataset, spec=None, **options):
    return near_duplicates(dataset, winnow.describe(dataset), spec, **options)


def disguised(structure, seed):
    """Return the same structure, rotated, shifted, with other atoms first and a skewed cell."""
    numbers, positions, cell = structure
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(numbers))
    turn = Rotation.random(random_state=seed).as_matrix()
    moved = positions[order] + rng.normal(size=3)
    moved += rng.integers(-1, 2, size=moved.shape) @ cell
    skew = cell.copy()
    skew[1] += skew[0]
    skew[2] -= skew[1]
    return numbers[order], moved @ turn.T, skew @ turn.T


@given(seed=st.integers(0, 1000))
@settings(max_examples=15, deadline=None)
def test_a_disguised_copy_is_found(seed):
    one, other = crystal(seed), crystal(seed + 1)
    found = duplicates_of(joined([one, other, disguised(one, seed)]))
    assert found.representative.tolist() == [0, 1, 0]
    assert found.distance[2] < 1e-6
    assert not found.exact.any()


def test_exact_copies_are_flagged_and_the_lowest_index_stands_for_them():
    a, b = crystal(0), crystal(1)
    dataset = joined([b, a, disguised(a, 5), b, a, b])
    found = duplicates_of(dataset)
    assert found.representative.tolist() == [0, 1, 1, 0, 1, 0]
    assert found.exact.tolist() == [False, False, False, True, True, True]
    assert [g.tolist() for g in found.groups] == [[0, 3, 5], [1, 2, 4]]
    assert [g.tolist() for g in found.exact_groups] == [[0, 3, 5], [1, 4]]
    assert found.copies.tolist() == [2, 3, 4, 5]


def test_the_distance_is_that_of_the_worst_environment():
    a = crystal(0)
    moved = (a[0], a[1].copy(), a[2])
    moved[1][3] += 0.002
    dataset = joined([a, moved])
    x = winnow.describe(dataset).values
    expected = np.linalg.norm(x[:8] - x[8:], axis=1).max() / H
    assert 0 < expected < 1
    found = duplicates_of(dataset, DuplicateSpec(tolerance=expected * 1.01))
    assert found.copies.tolist() == [1]
    assert found.distance[1] == pytest.approx(expected)
    assert len(duplicates_of(dataset, DuplicateSpec(tolerance=expected * 0.99)).copies) == 0


def test_groups_are_stars_and_no_chains():
    """Each is near the next, and none near the one after that."""
    base = crystal(0)
    steps = []
    for at in range(5):
        positions = base[1].copy()
        positions[0, 0] += 0.004 * at
        steps.append((base[0], positions, base[2]))
    dataset = joined(steps)
    x = winnow.describe(dataset).values.reshape(5, 8, -1)
    apart = np.linalg.norm(x[1:] - x[:-1], axis=2).max() / H
    found = duplicates_of(dataset, DuplicateSpec(tolerance=1.3 * apart))
    assert found.representative.tolist() == [0, 0, 2, 2, 4]


def test_counts_must_match():
    """Environments of the same kinds, but three of one and one of the other."""
    values = np.array([0.0, 0.0, 0.0, 1.0, 0.0, 1.0, 1.0, 1.0, 0.0, 0.0, 1.0, 0.0])[:, None]
    dataset = joined([crystal(s, n=4) for s in range(3)])
    described = winnow.describe(dataset)
    made = type(described)(
        values=values,
        structures=described.structures,
        structure_offsets=described.structure_offsets,
        environments=described.environments,
        spec=described.spec,
        source=dataset.fingerprint,
    )
    found = near_duplicates(dataset, made)
    assert found.representative.tolist() == [0, 1, 0]


def test_composition_and_cell_must_agree():
    a = crystal(0)
    wider = (a[0], a[1], a[2] * np.array([1.0, 1.0, 1.05])[:, None])
    other = (np.array([14] * 7 + [6]), a[1], a[2])
    apart = joined([a, other])
    assert len(duplicates_of(apart).copies) == 0
    # a molecule in vacuum: its environments say nothing about the cell
    molecule = [(n, p * 0.25, c * 4) for n, p, c in (a, wider)]
    assert len(duplicates_of(joined(molecule)).copies) == 0
    assert duplicates_of(joined(molecule), DuplicateSpec(cell=0.06)).copies.tolist() == [1]
    assert duplicates_of(joined(molecule, pbc=False)).copies.tolist() == [1]


def test_two_orderings_on_one_lattice_are_two_structures():
    """A species-blind descriptor cannot tell them apart."""
    grid = np.array(list(itertools.product(range(2), repeat=3))) * 2.8
    cell = 5.6 * np.eye(3)
    rock_salt = np.where(grid.sum(axis=1) / 2.8 % 2 == 0, 11, 17)
    layered = np.where(grid[:, 0] == 0, 11, 17)
    turned = np.where(grid[:, 1] == 0, 17, 11)
    dataset = joined([(z, grid, cell) for z in (rock_salt, layered, turned)])
    blind = winnow.describe(dataset, DistanceSpec())
    assert np.ptp(blind.values, axis=0).max() < 1e-9
    assert near_duplicates(dataset, blind).representative.tolist() == [0, 1, 1]
    assert duplicates_of(dataset).representative.tolist() == [0, 1, 1]


def test_crowded_environments_are_assigned_exactly():
    """Nearest-first pairing gets stuck: 0.45 is taken from the one with no other partner."""
    dataset = joined([crystal(s, n=2) for s in range(2)])
    described = winnow.describe(dataset)
    made = type(described)(
        values=np.array([[0.4], [1.2], [-0.4], [0.45]]),
        structures=described.structures,
        structure_offsets=described.structure_offsets,
        environments=described.environments,
        spec=described.spec,
        source=dataset.fingerprint,
    )
    (environments,) = prepare([dataset], [made])
    found = match_structures(environments, 0, environments, np.array([1]), 0.81, 1.0)
    assert found[0] == pytest.approx(0.8)
    assert np.isnan(match_structures(environments, 0, environments, np.array([1]), 0.79, 1.0))


def brute_force(dataset, tolerance):
    """Compare every pair of structures of equal composition by an optimal assignment."""
    from scipy.optimize import linear_sum_assignment

    described = winnow.describe(dataset)
    x = [described.values[a:b] for a, b in itertools.pairwise(described.structure_offsets)]
    representative = np.arange(len(x))
    for j in range(len(x)):
        for i in range(j):
            if representative[i] != i or len(x[i]) != len(x[j]) or representative[j] != j:
                continue
            d = np.linalg.norm(x[i][:, None] - x[j][None], axis=2)
            cost = np.where(d <= tolerance * H, 0.0, 1.0)
            volumes = [np.linalg.det(dataset.cells[s]) for s in (i, j)]
            same = abs(volumes[0] / volumes[1] - 1) < 0.03
            if same and cost[linear_sum_assignment(cost)].sum() == 0:
                representative[j] = i
    return representative


def test_real_data_against_all_pairs():
    dataset, described = real_descriptors("ta_snap2014.xyz.gz")
    found = near_duplicates(dataset, described)
    assert np.array_equal(found.representative, brute_force(dataset, 0.1))
    assert len(found.copies) == 145


def test_symmetric_strains_of_silicon_are_duplicates():
    """Strains along x, y and z are one structure turned: their energies agree."""
    dataset, described = real_descriptors("mlearn_Si_train.xyz")
    found = near_duplicates(dataset, described)
    assert len(found.copies) == 40
    assert set(dataset.config_type[found.copies]) == {"Elastic"}
    energies = dataset.energies / dataset.sizes
    apart = energies[found.copies] - energies[found.representative[found.copies]]
    assert np.abs(apart).max() < 1e-6


def test_structures_to_keep_come_first_and_rejected_ones_do_not_count():
    a = crystal(0)
    dataset = joined([a, disguised(a, 1), disguised(a, 2), a])
    assert duplicates_of(dataset, keep=[2]).representative.tolist() == [2, 2, 2, 2]
    assert duplicates_of(dataset, exclude=[0]).representative.tolist() == [0, 1, 1, 1]
    both = duplicates_of(dataset, keep=[3], exclude=[0])
    assert both.representative.tolist() == [0, 3, 3, 3]
    assert [g.tolist() for g in both.groups] == [[3, 1, 2]]


def test_isolated_atoms_never_repeat():
    dataset = joined([(np.array([14]), np.zeros((1, 3)), np.zeros((3, 3)))] * 2, pbc=False)
    both = Dataset(
        numbers=np.concatenate([dataset.numbers, crystal(0)[0]]),
        positions=np.concatenate([dataset.positions, crystal(0)[1]]),
        structure_offsets=np.array([0, 1, 2, 10]),
        cells=np.stack([np.zeros((3, 3)), np.zeros((3, 3)), crystal(0)[2]]),
        pbc=np.array([[False] * 3, [False] * 3, [True] * 3]),
    )
    assert len(duplicates_of(both).copies) == 0


def test_nothing_to_compare_and_plain_values():
    found = duplicates_of(joined([crystal(0)]))
    assert found.groups == ()
    content = found.to_dict(np.array([7]))
    assert content["copies"] == []
    with pytest.raises(ValueError, match="tolerance is -1"):
        DuplicateSpec(tolerance=-1)


def test_it_can_be_cancelled():
    dataset, described = real_descriptors("ta_snap2014.xyz.gz")
    part = dataset.take(np.arange(60))
    told = Recorder()
    near_duplicates(part, winnow.describe(part), monitor=told)
    assert told.fractions == sorted(told.fractions)
    with pytest.raises(Cancelled):
        near_duplicates(dataset, described, monitor=Recorder(cancel_at=2))


@pytest.mark.parametrize("spec", [DistanceSpec(), None])
def test_atoms_that_see_nothing_are_lonely_whatever_their_elements(spec):
    apart = [(np.array([6, 8]), np.array([[0.0, 0, 0], [x, 0, 0]]), np.eye(3)) for x in (6.0, 7.0)]
    near = (np.array([6, 8]), np.array([[0.0, 0, 0], [1.2, 0, 0]]), np.eye(3))
    dataset = joined([*apart, near, near], pbc=False)
    found = near_duplicates(dataset, winnow.describe(dataset, spec))
    assert found.lonely.tolist() == [0, 1]
    assert found.copies.tolist() == [3]
