"""The script that makes the embedded densities: its geometries, without any calculation."""

from __future__ import annotations

import importlib.util
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose

from analytics.density.readers import read_density

SCRIPT = Path(__file__).parents[2] / "assets" / "make_density.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("make_density", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_density"] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules["make_density"]


@pytest.mark.parametrize("name", ["al", "sigesn"])
def test_crystals_are_those_of_the_files(script, name) -> None:
    made = list(script.SYSTEMS[name].geometries(np.random.default_rng(script.SEED)))
    data = read_density(name)
    assert Counter(role for role, _, _ in made) == Counter(data.roles.tolist())
    assert [c for _, c, _ in made] == data.conditions.tolist()
    for at, (role, condition, (numbers, positions, cell)) in enumerate(made):
        assert_allclose(np.linalg.det(cell), np.linalg.det(data.cells[at]), rtol=0.6)
        if role == "unseen":  # drawn by this script; the others are older
            assert_allclose(positions, data.atoms_of(at)[1], atol=1e-5)
            assert_allclose(cell, data.cells[at], atol=1e-5)
            assert numbers.tolist() == data.atoms_of(at)[0].tolist(), condition


def test_meshes_are_those_of_the_files(script) -> None:
    for name, system in script.SYSTEMS.items():
        data = read_density(name)
        assert (data.shapes[0] * system.stride).tolist() == list(system.mesh)
        assert data.calculation.k == system.k
        assert data.calculation.smearing == system.smearing


def test_rotations_are_proper(script) -> None:
    rng = np.random.default_rng(0)
    turns = np.array([script.rotation(rng) for _ in range(200)])
    assert_allclose(turns @ turns.transpose(0, 2, 1), np.broadcast_to(np.eye(3), (200, 3, 3)),
                    atol=1e-12)  # fmt: skip
    assert_allclose(np.linalg.det(turns), 1.0)
    assert np.abs(turns.mean(axis=0)).max() < 0.15  # no direction is preferred


def test_normal_modes_of_springs(script) -> None:
    """Atoms on springs to the origin vibrate with sqrt(k / m); the six softest are left out."""
    numbers = np.array([8, 1, 1])
    stiffness = np.linspace(1.0, 2.0, 9)
    frequencies, modes = script.normal_modes(numbers, np.diag(stiffness))
    masses = np.repeat([script.MASS[8], *[script.MASS[1]] * 2], 3) * script.ELECTRON_MASSES
    expected = np.sort(np.sqrt(stiffness / masses))[6:]
    assert_allclose(frequencies, np.maximum(expected, script.SOFTEST), rtol=1e-10)
    assert_allclose(modes.T @ (masses[:, None] * modes), np.eye(3), atol=1e-10)
