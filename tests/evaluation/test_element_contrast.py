"""Elements: what is told apart with them and without."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from makers import dataset_of, kernel_twin

import winnow_atomistic as winnow
from analytics.descriptors.distances import DistanceSpec
from analytics.evaluation import element_contrast as room
from analytics.evaluation.element_contrast import element_contrast
from analytics.information.kernel import KernelSpec


def decorated(*symbols: str) -> winnow.Dataset:
    """The same rattled crystals, each atom of an element drawn from those given."""
    frames: list[Atoms] = []
    for seed in range(4):
        atoms = bulk("Ni", cubic=True).repeat(2)
        atoms.rattle(0.002, seed=seed)
        atoms.symbols = np.random.default_rng(seed).choice(symbols, len(atoms))
        frames.append(atoms)
    return dataset_of(*frames)


def test_figures_are_those_of_the_blind_descriptor_at_the_same_width():
    data, kernel = decorated("Ni", "Al"), KernelSpec(0.02)
    found = element_contrast(winnow.analyse(data, spec=kernel))
    blind = winnow.analyse(data, winnow.describe(data, DistanceSpec()), kernel)
    x = blind.descriptors.values
    sums = kernel_twin(x, x, 0.02).sum(axis=1)
    assert found.effective_blind == pytest.approx((1.0 / sums).sum(), rel=1e-5)
    assert found.entropy_blind == pytest.approx(np.log(len(x)) - np.log(sums).mean(), rel=1e-5)
    assert found.effective_blind_error == found.entropy_blind_error == 0.0
    assert found.redundancy_blind == pytest.approx(blind.redundancy, abs=1e-5)
    assert found.elements == ("Al", "Ni")
    # a crystal is one environment to who sees no elements
    assert found.effective_blind < 2 < 10 < found.effective
    assert found.differs
    assert "without elements" in found.finding
    assert found.to_dict()["effective_environments"] == found.effective


def test_a_sample_has_an_error_that_it_keeps(monkeypatch):
    analysis = winnow.analyse(decorated("Ni", "Al"), spec=KernelSpec(0.005))
    exact = element_contrast(analysis)
    monkeypatch.setattr(room, "SAMPLE", 40)
    found = element_contrast(analysis)
    assert found.n_sampled == 40
    assert found.effective_blind_error > 0.0
    gap = abs(found.effective_blind - exact.effective_blind)
    assert gap < 4.0 * found.effective_blind_error


def test_nothing_to_say_of_one_element_or_of_another_descriptor():
    assert element_contrast(winnow.analyse(decorated("Ni"))) is None
    data = decorated("Ni", "Al")
    blind = winnow.analyse(data, winnow.describe(data, DistanceSpec()))
    assert element_contrast(blind) is None
