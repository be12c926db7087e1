"""Tests of a retrained potential: no leaks, no energies that nothing determines."""

from __future__ import annotations

import numpy as np
from ase import Atoms
from ase.build import molecule
from ase.calculators.singlepoint import SinglePointCalculator
from makers import real_file

import winnow_atomistic as winnow
from analytics.data.dataset import Dataset
from analytics.data.readers import dataset_from_atoms
from analytics.evaluation.retrain.test_labels import outside_span, usable_labels


def labeled(*frames: Atoms) -> Dataset:
    rng = np.random.default_rng(0)
    for atoms in frames:
        forces = rng.normal(size=(len(atoms), 3))
        atoms.calc = SinglePointCalculator(atoms, energy=rng.normal(), forces=forces)
    return dataset_from_atoms(list(frames))


def rattled(name: str, seed: int) -> Atoms:
    atoms = molecule(name)
    atoms.rattle(0.1, seed=seed)
    return atoms


def test_frames_that_are_in_the_pool_are_named_and_their_labels_do_not_count():
    pool = labeled(*(rattled("H2O", seed) for seed in range(6)))
    again = rattled("H2O", 2)[[2, 0, 1]]  # in another order, at another place
    again.positions += 3.0
    test = labeled(rattled("H2O", 10), again, rattled("H2O", 11))
    usable, (note,) = usable_labels(pool, test)
    assert "1 of 3 frames (1) is in" in note
    assert "errors are those of the others" in note
    assert np.isfinite(usable.energies).tolist() == [True, False, True]
    assert np.isfinite(usable.force_norms).tolist() == [True] * 3 + [False] * 3 + [True] * 3
    assert usable_labels(pool, labeled(rattled("H2O", 12)))[1] == ()


def test_compositions_outside_the_span_of_the_pool():
    water, peroxide = rattled("H2O", 0), rattled("H2O2", 0)
    test = labeled(rattled("H2O", 9), rattled("H2O2", 9), Atoms("H2", [[0, 0, 0], [0, 0, 0.8]]))
    assert outside_span(labeled(water), test).tolist() == [False, True, True]
    assert outside_span(labeled(water, peroxide), test).tolist() == [False] * 3
    atoms = [Atoms("H"), Atoms("O")]  # isolated ones make the span wider
    assert outside_span(labeled(water, *atoms), test).tolist() == [False] * 3
    unlabeled = dataset_from_atoms([molecule("H2O2")])
    assert outside_span(unlabeled, test).all()


def test_published_ethanol_says_nothing_about_dimers():
    pool = winnow.read(f"{real_file('public/rmd17_ethanol_train01.xyz.gz')}@:20")
    test = winnow.read(f"{real_file('cases/science/ethanol_dimers_small.xyz')}@:5")
    usable, (note,) = usable_labels(pool, test)
    assert np.isnan(usable.energies).all()
    assert "not averaged" in note
    assert "rank 1 for H, C, O" in note
