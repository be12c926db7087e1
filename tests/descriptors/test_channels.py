"""The distance descriptor with species channels against quests, and in its limits."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from hypothesis import given, settings
from hypothesis import strategies as st
from makers import Recorder, dataset_of, make_dataset, real_file
from numpy.testing import assert_allclose, assert_array_equal

import winnow_atomistic as winnow
from analytics.descriptors import base
from analytics.descriptors.base import DESCRIPTORS, resolved_spec, suggested_bandwidth
from analytics.descriptors.channels import SpeciesDistanceSpec, compute_species_distances
from analytics.descriptors.distances import DistanceSpec, compute_distances, describe
from analytics.runtime.errors import Cancelled, InputError, WinnowError


def frames_of(name: str, rows: str) -> list[Atoms]:
    data = winnow.read(f"{real_file(name)}@{rows}")
    return [
        Atoms(data.numbers[data.rows(s)], data.positions[data.rows(s)], cell=cell, pbc=pbc)
        for s, (cell, pbc) in enumerate(zip(data.cells, data.pbc, strict=True))
    ]


def quests_values(frames: list[Atoms], species: str, **options) -> np.ndarray:
    quests = pytest.importorskip("quests.descriptor")
    return quests.get_descriptors_multicomponent(frames, species=species.split(","), **options)


def alloy(seed: int, symbols: str = "NbMoTaW") -> Atoms:
    rng = np.random.default_rng(seed)
    atoms = bulk("Ta", cubic=True).repeat(2)
    atoms.symbols = rng.choice(Atoms(symbols).get_chemical_symbols(), len(atoms))
    atoms.positions += rng.normal(scale=0.2, size=(len(atoms), 3))
    return atoms


# --- golden values -----------------------------------------------------------------------------


def test_equals_quests_on_an_alloy():
    frames = frames_of("nbmotaw_train.xyz.gz", "::100")
    result = compute_species_distances(dataset_of(*frames))
    assert result.spec.species == "Mo,Nb,Ta,W"
    expected = quests_values(frames, result.spec.species)
    # a row differs where the last neighbour is drawn from equals: quests takes any, we average
    rattled = np.abs(result.values - expected).max(axis=1) < 1e-6
    assert rattled.mean() > 0.8
    assert_allclose(result.values[:, : 5 * 32], expected[:, : 5 * 32], rtol=0, atol=1e-6)
    crystals = result.owners[~rattled]
    for s in np.unique(crystals):
        frames[s].rattle(0.01, seed=1)
    again = compute_species_distances(dataset_of(*frames))
    assert_allclose(again.values, quests_values(frames, again.spec.species), rtol=0, atol=1e-6)


def test_equals_quests_on_molecules():
    frames = frames_of("acac_train_300K.xyz.gz", "::25")
    result = compute_species_distances(dataset_of(*frames))
    assert result.values.shape == (len(frames) * 15, 4 * 63)
    for atoms in frames:  # quests takes crystals only: a box larger than molecule and cutoff
        atoms.set_cell(np.eye(3) * 20.0)
        atoms.pbc = True
    assert_allclose(result.values, quests_values(frames, "C,H,O"), rtol=0, atol=1e-6)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(5, 4.0), (12, 5.0)]))
def test_equals_quests_on_random_alloys(seed, k_cutoff):
    k, cutoff = k_cutoff
    atoms = alloy(seed)
    spec = SpeciesDistanceSpec(k, cutoff, "Ta, W,Mo Nb Re")
    found = compute_species_distances(dataset_of(atoms), spec).values
    expected = quests_values([atoms], "Mo,Nb,Re,Ta,W", k=k, cutoff=cutoff)
    assert_allclose(found, expected, rtol=0, atol=1e-6)


# --- the definition ----------------------------------------------------------------------------


def test_channels_are_the_blind_descriptor_and_that_of_the_own_kind():
    frames, k = [alloy(1, "MoW"), alloy(2, "MoW")], 6
    found = compute_species_distances(dataset_of(*frames), SpeciesDistanceSpec(k)).values
    blind = compute_distances(dataset_of(*frames), DistanceSpec(k)).values
    first, second = found[:, : 3 * k].reshape(-1, 3, k), found[:, 3 * k :].reshape(-1, 3, k - 1)
    assert_array_equal(np.hstack([first[:, 0], second[:, 0]]), blind)
    row = 0
    for atoms in frames:
        for channel, symbol in ((1, "Mo"), (2, "W")):
            own = atoms.symbols == symbol
            rows = row + np.flatnonzero(own)
            sublattice = compute_distances(dataset_of(atoms[own]), DistanceSpec(k)).values
            both = np.hstack([first[rows, channel], second[rows, channel]])
            assert_array_equal(both, sublattice)
            other = row + np.flatnonzero(~own)
            assert not first[other, channel].any()
            assert not second[other, channel].any()
        row += len(atoms)


def test_one_species_is_the_blind_descriptor():
    data = dataset_of(alloy(0, "W"))
    assert_array_equal(compute_species_distances(data).values, compute_distances(data).values)


def test_no_two_environments_come_closer_than_species_blind():
    data = dataset_of(*[alloy(seed) for seed in range(3)])
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, data.n_environments, (2, 500))
    blind, full = compute_distances(data).values, compute_species_distances(data).values
    gap = np.linalg.norm(full[i] - full[j], axis=1) - np.linalg.norm(blind[i] - blind[j], axis=1)
    assert gap.min() > -1e-12
    assert suggested_bandwidth(SpeciesDistanceSpec()) == suggested_bandwidth(DistanceSpec())


# --- species -----------------------------------------------------------------------------------


def test_data_sets_are_compared_with_the_species_of_both():
    one, two = dataset_of(alloy(0, "MoW")), dataset_of(alloy(1, "TaW"))
    spec = resolved_spec(SpeciesDistanceSpec(k=4), one, two)
    assert spec.species == "Mo,Ta,W"
    assert resolved_spec(spec, one) == spec
    assert {describe(d, spec).values.shape[1] for d in (one, two)} == {4 * 7}
    named = describe(one, SpeciesDistanceSpec(k=4, species="W, Mo"))
    assert_array_equal(named.values, describe(one, SpeciesDistanceSpec(k=4)).values)


def test_isolated_atoms_bring_no_species():
    data = dataset_of(alloy(0, "MoW"), Atoms("H"))
    result = compute_species_distances(data)
    assert result.spec.species == "Mo,W"
    assert result.n_environments == data.n_environments - 1
    assert compute_species_distances(dataset_of(Atoms("H"))).n_environments == 0


def test_a_species_that_is_not_named_is_refused():
    data = dataset_of(
        alloy(0, "W"), alloy(1, "MoW"), name="a.xyz", frame_indices=np.array([10, 20])
    )
    with pytest.raises(InputError, match=r"a\.xyz, structure 20: Mo is not among .* W") as caught:
        compute_species_distances(data, SpeciesDistanceSpec(species="W"))
    assert caught.value.structure == 20


@pytest.mark.parametrize("wrong", [{"k": 0}, {"cutoff": 0.0}, {"species": "W,Xx"}])
def test_spec_checks_its_values(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SpeciesDistanceSpec(**wrong)


def test_geometry_is_checked():
    lost = alloy(0)
    lost.positions[1, 1] = np.nan
    with pytest.raises(InputError, match="structure 1: a position"):
        compute_species_distances(dataset_of(alloy(1), lost))


def test_what_does_not_fit_is_refused(monkeypatch):
    data = dataset_of(alloy(0))
    monkeypatch.setattr(base, "physical_memory", lambda: 4.0 * 16 * 315 * 8 - 1.0)
    with pytest.raises(WinnowError, match=r"16 environments with 315 numbers .*lower k"):
        compute_species_distances(data)


# --- long work ---------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_ticks")
def test_progress_and_cancel():
    data = make_dataset([30] * 20)
    told = Recorder()
    compute_species_distances(data, monitor=told)
    assert told.fractions == sorted(told.fractions)
    assert told.fractions[-1] == 1.0
    assert told.checkpoints > 2
    with pytest.raises(Cancelled):
        compute_species_distances(data, monitor=Recorder(cancel_at=told.checkpoints - 1))


def test_it_is_registered():
    assert DESCRIPTORS["species_distances"] == (SpeciesDistanceSpec, compute_species_distances)
