"""One step from a density: exact at self-consistency, second order around it. Needs PySCF."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analytics.density.energy import HARTREE_MEV, Hamiltonian, available
from analytics.density.energy_check import energies_possible
from analytics.density.readers import read_density
from analytics.runtime.errors import WinnowError


def test_missing_pyscf_is_said(monkeypatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyscf.pbc.gto", None)
    with pytest.raises(WinnowError, match="pip install pyscf"):
        Hamiltonian([1], [[0, 0, 0]], 4 * np.eye(3), (8, 8, 8))


def test_data_of_unknown_origin_has_no_energies() -> None:
    data = read_density("al")
    object.__setattr__(data, "calculation", None)
    assert "how it was calculated" in energies_possible(data)
    if not available():
        assert "PySCF" in energies_possible(read_density("al"))


@pytest.fixture(scope="module")
def aluminium():
    pytest.importorskip("pyscf")
    data = read_density("al")
    numbers, positions = data.atoms_of(20)
    how = data.calculation
    problem = Hamiltonian(
        numbers, positions, data.cells[20], data.shapes[20], k=how.k, smearing=how.smearing
    )
    return data, problem


def test_stored_densities_give_the_stored_energies(aluminium) -> None:
    data, problem = aluminium
    energy = problem.harris_foulkes(data.density_of(20))
    assert abs(energy - data.energies[20]) * HARTREE_MEV / 4 < 0.01
    assert problem.n_electrons == 12


def test_error_is_of_second_order_and_scale_does_not_matter(aluminium) -> None:
    data, problem = aluminium
    density = data.density_of(20).astype(float)
    wave = np.cos(2 * np.pi * np.arange(18) / 18)[:, None, None]
    exact = problem.harris_foulkes(density)
    off = [problem.harris_foulkes(density * (1 + a * wave)) - exact for a in (0.02, 0.04)]
    assert_allclose(off[1] / off[0], 4.0, rtol=0.1)
    assert_allclose(problem.harris_foulkes(3 * density), exact, atol=1e-12)


def test_step_conserves_electrons(aluminium) -> None:
    data, problem = aluminium
    _, following = problem.step(problem.normalised(data.density_of(20)))
    assert_allclose(following.sum() * data.volume_elements[20], 12.0, rtol=1e-4)
