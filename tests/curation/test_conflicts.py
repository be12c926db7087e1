"""Labels that contradict one another are found, ranked, and shown with the evidence."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from makers import Recorder, make_dataset, real_descriptors, real_file
from numpy.testing import assert_allclose
from scipy.spatial.transform import Rotation

import winnow_atomistic as winnow
from analytics.curation.conflicts import ConflictSpec, conflicts
from analytics.curation.duplicates import near_duplicates
from analytics.curation.references import energy_outliers
from analytics.data.dataset import Dataset
from analytics.data.energy_levels import reference_energies
from analytics.data.exact_duplicates import duplicate_groups
from analytics.descriptors.distances import DistanceSpec
from analytics.runtime.errors import Cancelled


def dimers(lengths, forces, energies=None, config_type=None, turn=True, numbers=(6, 6)):
    """Make pairs of atoms along random directions with the given forces along the bond."""
    n = len(lengths)
    rng = np.random.default_rng(3)
    positions, vectors = [], []
    for at, (length, force) in enumerate(zip(lengths, forces, strict=True)):
        axis = Rotation.random(random_state=at).apply([1.0, 0, 0]) if turn else [1.0, 0, 0]
        middle = rng.normal(size=3) if turn else np.zeros(3)
        positions += [middle, middle + length * np.asarray(axis)]
        vectors += [-force * np.asarray(axis), force * np.asarray(axis)]
    return Dataset(
        numbers=np.tile(numbers, n),
        positions=np.array(positions),
        structure_offsets=np.arange(0, 2 * n + 1, 2),
        cells=np.zeros((n, 3, 3)),
        pbc=np.zeros((n, 3), dtype=bool),
        energies=None if energies is None else np.asarray(energies, dtype=float),
        forces=np.array(vectors),
        config_type=np.full(n, "dimer") if config_type is None else np.asarray(config_type),
    )


def conflicts_of(dataset, **options):
    return conflicts(dataset, winnow.describe(dataset), ConflictSpec(**options))


def test_alike_atoms_with_unlike_forces_whatever_the_orientation():
    dataset = dimers([1.2, 1.5, 1.5, 1.5, 1.2], [5.0, 1.0, 1.0, 3.0, 5.0])
    found = conflicts_of(dataset).forces
    assert len(found) == 2
    assert found.first.tolist() == [6, 7]
    assert set(found.second // 2) <= {1, 2}
    assert_allclose(found.force_first, 3.0)
    assert_allclose(found.force_second, 1.0)
    assert_allclose(found.difference, 2.0)
    assert found.distance.max() < 1e-6


def test_equal_lengths_are_no_conflict_even_if_the_vectors_differ():
    assert len(conflicts_of(dimers([1.5, 1.5], [2.0, -2.0])).forces) == 0


def test_both_thresholds_count():
    dataset = dimers([1.5, 1.5], [2.0, 2.2])
    assert len(conflicts_of(dataset).forces) == 2
    assert len(conflicts_of(dataset, force=0.3).forces) == 0
    assert len(conflicts_of(dataset, relative_force=0.2).forces) == 0


def test_other_elements_are_not_alike():
    dataset = dimers([1.5, 1.5], [1.0, 2.0])
    mixed = Dataset(
        numbers=np.array([6, 6, 6, 8]),
        positions=dataset.positions,
        structure_offsets=dataset.structure_offsets,
        cells=dataset.cells,
        pbc=dataset.pbc,
        forces=dataset.forces,
    )
    # with the species-blind descriptor, for which they are: conflicts tell them apart by themselves
    blind = winnow.describe(mixed, DistanceSpec())
    assert_allclose(np.ptp(blind.values, axis=0), 0, atol=1e-9)
    assert len(conflicts(mixed, blind, ConflictSpec()).forces) == 0
    assert len(conflicts_of(mixed).forces) == 0
    # the same element among other neighbours is not alike either
    assert len(conflicts_of(dataset).forces) == 2


def test_forces_against_all_pairs():
    whole, _ = real_descriptors("ta_snap2014.xyz.gz")
    kinds = ("Surface", "GSF_112", "Elastic_BCC")
    dataset = whole.take(np.flatnonzero(np.isin(whole.config_type, kinds)))
    described = winnow.describe(dataset)
    spec = ConflictSpec(tolerance=0.1, force=0.05, relative_force=0.0)
    found = conflicts(dataset, described, spec).forces
    x, f = described.values, dataset.force_norms
    worst = {}
    for i in np.flatnonzero(f > 0.05):
        near = np.flatnonzero((f < f[i] - 0.05) & (np.abs(x - x[i]).max(axis=1) <= 0.0015))
        near = near[np.linalg.norm(x[near] - x[i], axis=1) <= 0.0015]
        if len(near):
            worst[int(i)] = float(f[near].min())
    assert len(worst) > 20
    assert dict(zip(found.first.tolist(), found.force_second.tolist(), strict=True)) == worst
    assert (np.diff(found.difference) <= 0).all()


def test_equal_structures_with_unlike_energies_come_first():
    lengths = [1.2, 1.5, 1.5, 1.5, 1.9]
    dataset = dimers(lengths, [1.0] * 5, [-4.0, -3.0, -3.5, -3.0, -2.0], turn=False)
    (found,) = conflicts_of(dataset).energies
    assert found.exact
    assert sorted(found.structures.tolist()) == [1, 2, 3]
    assert found.structures[0] == 2
    assert found.spread == pytest.approx(0.25)
    assert found.force_difference == 0
    near = conflicts_of(dimers(lengths, [1.0] * 5, [-4.0, -3.0, -3.5, -3.0, -2.0])).energies[0]
    assert not near.exact
    assert np.isnan(near.force_difference)
    assert near.spread == pytest.approx(0.25)


def test_equal_structures_with_unlike_forces_conflict_even_if_lengths_agree():
    dataset = dimers([1.5, 1.5], [2.0, -2.0], [1.0, 1.0], turn=False)
    (found,) = conflicts_of(dataset).energies
    assert found.force_difference == pytest.approx(4.0)
    assert found.spread == 0
    unlabelled = dimers([1.5, 1.5], [2.0, -2.0], turn=False)
    (found,) = conflicts_of(unlabelled).energies
    assert found.force_difference == pytest.approx(4.0)
    assert found.structures.tolist() == [0, 1]


def test_thresholds_of_energies():
    dataset = dimers([1.5, 1.5], [1.0] * 2, [1.0, 1.008], turn=False)
    assert len(conflicts_of(dataset).energies) == 1
    assert len(conflicts_of(dataset, exact_energy=0.005).energies) == 0
    turned = dimers([1.5, 1.5], [1.0] * 2, [1.0, 1.008])
    assert len(conflicts_of(turned).energies) == 0
    assert len(conflicts_of(turned, energy=0.003).energies) == 1


@cache
def wbe():
    return winnow.read(real_file("wbe_snap2019.xyz.gz"))


def test_exact_duplicates_are_those_of_the_checks():
    dataset = wbe()
    groups = duplicate_groups(dataset)
    assert sum(len(g) - 1 for g in groups) == 415  # 367 of them in the same order and image
    part = dataset.take(np.unique(np.concatenate(groups)))
    found = near_duplicates(part, winnow.describe(part))
    assert found.exact.sum() == 415
    named = {tuple(part.frame_indices[g].tolist()) for g in found.exact_groups}
    assert named == {tuple(g.tolist()) for g in groups}
    assert set(np.flatnonzero(found.exact)) <= set(found.copies.tolist())


def test_published_contradictions_are_found():
    """Thirty-five groups of equal geometry, up to 3.0 eV/atom apart."""
    dataset = wbe()
    energies = dataset.energies / dataset.sizes
    groups = [g for g in duplicate_groups(dataset) if np.ptp(energies[g]) > 1e-3]
    assert sum(map(len, groups)) == 78
    part = dataset.take(np.unique(np.concatenate([*groups, np.arange(4690, 4740)])))
    found = conflicts_of(part)
    exact = [c for c in found.energies if c.exact]
    assert len(exact) == len(groups) == 35
    assert sum(len(c.structures) for c in exact) == 78
    assert [c.spread for c in exact[:3]] == pytest.approx([2.9984, 1.9793, 1.9748], abs=1e-4)
    # cells so wide that neighbours hardly count; those in which no atom sees another (4723 to 4725,
    # 14 eV/atom apart) are near-duplicates of none
    worst = found.energies[0]
    assert part.frame_indices[np.sort(worst.structures)].tolist() == [4700, 4701, 4702]
    assert worst.beyond_cutoff
    assert worst.spread > 10
    assert (np.diff([c.spread for c in found.energies]) <= 0).all()


def test_a_set_without_contradictions():
    dataset, described = real_descriptors("mlearn_Si_train.xyz")
    found = conflicts(dataset, described)
    assert len(found.energies) == 0
    assert len(found.forces) == 0


def test_records_name_structures_of_the_file():
    dataset = dimers([1.5, 1.5], [1.0, 3.0], [1.0, 2.0]).take(np.array([1, 0]))
    found = conflicts_of(dataset).to_dict(dataset)
    assert found["energies"][0]["structures"] == [0, 1]
    record = found["forces"][0]
    assert (record["structure_first"], record["structure_second"]) == (1, 0)
    assert record["force_first_eV_per_A"] == pytest.approx(3.0)
    assert {record["atom_first"], record["atom_second"]} <= {0, 1}


# ------------------------------------------------------------------------------- references


def alloy(n=60, seed=0, noise=0.0):
    """Make structures of two elements with known energies per atom."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(2, 9, n)
    numbers = rng.choice([4, 74], sizes.sum())
    offsets = np.concatenate([[0], np.cumsum(sizes)])
    own = np.where(numbers == 4, -3.7, -12.9)
    energies = np.add.reduceat(own, offsets[:-1]) + rng.normal(size=n) * noise * sizes
    return Dataset(
        numbers=numbers,
        positions=rng.uniform(0, 9, (len(numbers), 3)),
        structure_offsets=offsets,
        cells=np.broadcast_to(9.0 * np.eye(3), (n, 3, 3)),
        pbc=np.ones((n, 3), dtype=bool),
        energies=energies,
        config_type=np.array(["a"] * 30 + ["b"] * (n - 35) + ["few"] * 5),
    )


def test_references_are_found_in_spite_of_broken_energies():
    dataset = alloy()
    energies = np.array(dataset.energies)
    energies[[3, 40, 41]] += 500.0
    broken = Dataset(
        **{
            name: getattr(dataset, name)
            for name in ("numbers", "positions", "structure_offsets", "cells", "pbc", "config_type")
        },
        energies=energies,
    )
    references, residuals = reference_energies(broken)
    assert references[4] == pytest.approx(-3.7, abs=1e-3)
    assert references[74] == pytest.approx(-12.9, abs=1e-3)
    assert_allclose(np.delete(residuals, [3, 40, 41]), 0, atol=2e-3)
    found = energy_outliers(broken)
    assert sorted(found.structures.tolist()) == [3, 40, 41]
    assert (np.diff(np.abs(found.z_scores)) <= 0).all()
    assert found.n_compared == 55  # the class of five has no median worth comparing with


def test_an_energy_beyond_all_bounds_does_not_decide_the_fit():
    dataset = make_dataset([3, 4, 5, 6] * 4)
    expected, _ = reference_energies(dataset.take(np.arange(1, 16)))
    energies = dataset.energies.copy()
    energies[0] = 1e308  # its square is infinite
    found, residuals = reference_energies(replace(dataset, energies=energies))
    assert found == pytest.approx(expected)
    assert residuals[0] > 1e300


def test_z_scores_are_those_of_the_class():
    dataset = alloy(noise=0.02)
    found = energy_outliers(dataset, z_score=0.0)
    _, residuals = reference_energies(dataset)
    for name in ("a", "b"):
        members = np.flatnonzero(dataset.config_type == name)
        middle = np.median(residuals[members])
        scale = 1.4826 * np.median(np.abs(residuals[members] - middle))
        z = dict(zip(found.structures.tolist(), found.z_scores.tolist(), strict=True))
        for s in members:
            if s in z:
                assert z[int(s)] == pytest.approx((residuals[s] - middle) / scale)


def test_no_energies_is_no_outlier():
    dataset = dimers([1.5] * 12, [1.0] * 12)
    assert len(energy_outliers(dataset)) == 0
    assert np.isnan(reference_energies(dataset)[1]).all()


@pytest.mark.usefixtures("no_ticks")
def test_conflicts_can_be_cancelled():
    dataset, described = real_descriptors("ta_snap2014.xyz.gz")
    part = dataset.take(np.arange(340, 363))
    described, dataset = winnow.describe(part), part
    told = Recorder()
    conflicts(dataset, described, monitor=told)
    assert told.fractions == sorted(told.fractions)
    assert told.fractions[-1] == 1.0
    with pytest.raises(Cancelled):
        conflicts(dataset, described, monitor=Recorder(cancel_at=told.checkpoints - 1))


# ------------------------------------------------------------------------------- what is none


def chains(spacings, energies, config_type="eos"):
    """Make cubic cells of one copper atom with these lattice constants and energies."""
    n = len(spacings)
    return Dataset(
        numbers=np.full(n, 29),
        positions=np.zeros((n, 3)),
        structure_offsets=np.arange(n + 1),
        cells=np.asarray(spacings)[:, None, None] * np.eye(3),
        pbc=np.ones((n, 3), dtype=bool),
        energies=np.asarray(energies, dtype=float),
        config_type=np.full(n, config_type),
    )


def test_neighbours_on_a_smooth_equation_of_state_do_not_conflict():
    a = np.linspace(2.0, 2.4, 400)
    energies = 60.0 * (a - 2.5) ** 2  # 24 to 60 meV from one to the next
    assert len(conflicts_of(chains(a, energies)).energies) == 0
    energies[200] += 0.3
    (found,) = conflicts_of(chains(a, energies)).energies
    assert 200 in found.structures


def test_what_has_no_neighbour_is_named_and_no_near_duplicate():
    dataset = chains([7.0, 7.05, 2.5, 2.5001], [0.0, 3.0, -3.0, -3.0])
    found = near_duplicates(dataset, winnow.describe(dataset))
    assert found.lonely.tolist() == [0, 1]
    assert found.copies.tolist() == [3]
    assert len(conflicts_of(dataset).energies) == 0


def test_structures_that_differ_only_beyond_the_cutoff_are_said_to():
    pair = np.array([[0.0, 0.0, 0.0], [2.2, 0.0, 0.0]])
    positions = [np.concatenate([pair, pair + np.array([x, 0.0, 0.0])]) for x in (9.0, 9.5)]
    dataset = Dataset(
        numbers=np.full(8, 29),
        positions=np.concatenate(positions),
        structure_offsets=np.array([0, 4, 8]),
        cells=np.zeros((2, 3, 3)),
        pbc=np.zeros((2, 3), dtype=bool),
        energies=np.array([-4.0, -3.0]),
    )
    (found,) = conflicts_of(dataset).energies
    assert found.beyond_cutoff
    assert not found.exact
