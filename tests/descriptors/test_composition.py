"""Composition descriptor: distances, the element of an atom and those around it."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from ase.neighborlist import neighbor_list
from makers import Recorder, dataset_of
from numpy.testing import assert_allclose, assert_array_equal

from analytics.descriptors import base
from analytics.descriptors.base import DESCRIPTORS, resolved_spec
from analytics.descriptors.composition import CompositionSpec, compute_composition
from analytics.descriptors.distances import DistanceSpec, compute_distances, describe
from analytics.runtime.errors import Cancelled, InputError, WinnowError


def alloy(seed: int, symbols: str = "NbMoTaW") -> Atoms:
    rng = np.random.default_rng(seed)
    atoms = bulk("Ta", cubic=True).repeat(2)
    atoms.symbols = rng.choice(Atoms(symbols).get_chemical_symbols(), len(atoms))
    atoms.positions += rng.normal(scale=0.2, size=(len(atoms), 3))
    return atoms


def water() -> Atoms:
    return Atoms("OH2", [(0, 0, 0), (0.96, 0, 0), (-0.24, 0.93, 0)])


def elements_around(atoms: Atoms, species: list[str], cutoff: float, k: int) -> np.ndarray:
    """Sum w(r) / r by element over the neighbour list of ASE, over the root of k."""
    i, j, r = neighbor_list("ijd", atoms, cutoff)
    found = np.zeros((len(atoms), len(species)))
    symbols = np.array(atoms.get_chemical_symbols())
    for column, symbol in enumerate(species):
        own = symbols[j] == symbol
        np.add.at(found[:, column], i[own], (1.0 - (r[own] / cutoff) ** 2) ** 2 / r[own])
    return found / np.sqrt(k)


@pytest.mark.parametrize(
    ("atoms", "species", "k", "cutoff"),
    [
        (alloy(0), ["Mo", "Nb", "Ta", "W"], 32, 5.0),
        (alloy(1, "MoW"), ["Mo", "W"], 5, 4.0),  # more neighbours within the cutoff than k
        (water(), ["H", "O"], 32, 5.0),
    ],
)
def test_a_row_is_distances_then_what_is_around_then_the_element(atoms, species, k, cutoff):
    found = compute_composition(dataset_of(atoms), CompositionSpec(k, cutoff))
    assert found.spec.species == ",".join(species)
    blind = compute_distances(dataset_of(atoms), DistanceSpec(k, cutoff)).values
    width, told = 2 * k - 1, len(species)
    assert found.values.shape == (len(atoms), width + 2 * told)
    assert_array_equal(found.values[:, :width], blind)
    expected = elements_around(atoms, species, cutoff, k)
    assert_allclose(found.values[:, width : width + told], expected, atol=1e-12)
    own = np.array([[symbol == each for each in species] for symbol in atoms.symbols])
    assert_allclose(found.values[:, width + told :], own / np.sqrt(2.0))


def test_one_element_is_the_blind_descriptor():
    data = dataset_of(alloy(0, "W"))
    assert_array_equal(compute_composition(data).values, compute_distances(data).values)


def test_exchanging_foreign_elements_around_an_atom_is_seen():
    one = Atoms("WMoNb", [(0, 0, 0), (2.5, 0, 0), (0, 2.9, 0)])
    two = one.copy()
    two.symbols = "WNbMo"
    blind = compute_distances(dataset_of(one, two)).values
    assert_allclose(blind[0], blind[3], atol=1e-12)
    found = compute_composition(dataset_of(one, two)).values
    assert np.linalg.norm(found[0] - found[3]) > 0.01


def test_no_two_environments_come_closer_and_those_of_two_elements_stay_apart():
    data = dataset_of(*[alloy(seed) for seed in range(3)])
    rng = np.random.default_rng(0)
    i, j = rng.integers(0, data.n_environments, (2, 500))
    blind, full = compute_distances(data).values, compute_composition(data).values
    gap = np.linalg.norm(full[i] - full[j], axis=1)
    assert (gap - np.linalg.norm(blind[i] - blind[j], axis=1)).min() > -1e-12
    assert gap[data.numbers[i] != data.numbers[j]].min() >= 1.0 - 1e-12


def test_neighbours_that_move_alike_move_sums_and_distances_equally_far():
    """Why the sums are divided by the root of k: k equal changes count once, not k times."""
    shell = np.array([v for v in np.ndindex(3, 3, 3) if v != (1, 1, 1)], float) - 1.0
    shell /= np.linalg.norm(shell, axis=1)[:, None]
    rows = [
        compute_composition(
            dataset_of(Atoms("W" + "Mo" * 26, np.vstack([np.zeros(3), shell * r]))),
            CompositionSpec(k=26),
        ).values[0]
        for r in (2.5, 2.45)
    ]
    first = np.linalg.norm(rows[1][:26] - rows[0][:26])
    sums = np.linalg.norm(rows[1][51:53] - rows[0][51:53])
    assert_allclose(sums, first, rtol=1e-9)


# --- species -----------------------------------------------------------------------------------


def test_data_sets_are_compared_with_the_elements_of_both():
    one, two = dataset_of(alloy(0, "MoW")), dataset_of(alloy(1, "TaW"))
    spec = resolved_spec(CompositionSpec(k=4), one, two)
    assert spec.species == "Mo,Ta,W"
    assert resolved_spec(spec, one) == spec
    assert {describe(d, spec).values.shape[1] for d in (one, two)} == {7 + 6}


def test_isolated_atoms_are_left_out_and_bring_no_element():
    found = compute_composition(dataset_of(alloy(0, "MoW"), Atoms("H"), Atoms("Ta")))
    assert found.n_structures == 1
    assert found.spec.species == "Mo,W"
    assert compute_composition(dataset_of(Atoms("H"))).n_environments == 0


def test_refuses_an_element_that_is_not_named():
    with pytest.raises(InputError, match="structure 0: Mo is not among the species"):
        compute_composition(dataset_of(alloy(0, "MoMo")), CompositionSpec(species="W"))
    with pytest.raises(ValueError, match="Xx"):
        CompositionSpec(species="Xx")


def test_refuses_what_memory_cannot_hold(monkeypatch):
    monkeypatch.setattr(base, "physical_memory", lambda: 1000.0)
    with pytest.raises(WinnowError, match="16 environments with 67 numbers"):
        compute_composition(dataset_of(alloy(0, "MoW")))


def test_a_cancel_is_heard():
    with pytest.raises(Cancelled):
        compute_composition(dataset_of(alloy(0)), monitor=Recorder(cancel_at=1))


def test_is_registered():
    assert DESCRIPTORS["composition"] == (CompositionSpec, compute_composition)
