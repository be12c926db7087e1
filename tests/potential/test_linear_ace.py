"""The second potential, linear ACE: its forces, its invariance, its scales, its fits."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from makers import make_dataset
from numpy.testing import assert_allclose
from retrain_makers import as_dataset, labelled, rattled, structures

import winnow_atomistic as winnow
from analytics.evaluation.retrain.ground import prepare_ground
from analytics.potential.design_cache import design_in, design_of
from analytics.potential.linear_ace import choose_scales, functions_of, site_functions
from analytics.potential.normal_equations import make_equations
from analytics.potential.potentials import POTENTIALS, potential_of
from analytics.potential.spec import AceSpec, RetrainSpec
from analytics.potential.spectra import expanded
from analytics.runtime.errors import InputError

SMALL = AceSpec(cutoff=4.0, radial=4, angular=4, pairs=3, triples=2)
STEP = 1e-4


@pytest.mark.parametrize("angular", [0, 4])
def test_forces_are_minus_the_derivative_of_the_energy(angular: int) -> None:
    frames = structures()
    dataset = as_dataset(frames)
    basis, _ = choose_scales(dataset, replace(SMALL, angular=angular), [None])
    rows_of = POTENTIALS["linear_ace"].make_rows(basis)
    rng = np.random.default_rng(0)
    for s, atoms in enumerate(frames):
        _, forces = rows_of(dataset, s, True)
        for atom in rng.permutation(len(atoms))[:2]:
            direction = rng.normal(size=3)
            ends = []
            for sign in (1.0, -1.0):
                moved = atoms.copy()
                moved.positions[atom] += sign * STEP * direction
                ends.append(rows_of(as_dataset([moved]), 0, False)[0])
            expected = -(ends[0] - ends[1]) / (2 * STEP)
            found = direction @ forces[3 * atom : 3 * atom + 3]
            assert_allclose(found, expected, atol=1e-5 * (1 + np.abs(expected).max()))


def test_functions_do_not_see_rotations_inversion_and_the_order_of_atoms() -> None:
    ethanol = rattled(molecule("CH3CH2OH"), 5)
    turned, mirrored = ethanol.copy(), ethanol.copy()
    turned.rotate(37, (1, 2, 3))
    mirrored.positions *= -1
    order = np.random.default_rng(1).permutation(len(ethanol))
    dataset = as_dataset([ethanol, turned, mirrored, ethanol[order]])
    basis, _ = choose_scales(dataset, SMALL, [None])
    rows_of = POTENTIALS["linear_ace"].make_rows(basis)
    found = [rows_of(dataset, s, True) for s in range(4)]
    scale = np.abs(found[0][0]).max()
    for energy, _ in found[1:]:
        assert_allclose(energy, found[0][0], atol=1e-10 * scale)
    by_atom = found[0][1].reshape(len(ethanol), 3, -1)
    assert_allclose(found[3][1].reshape(by_atom.shape), by_atom[order], atol=1e-10 * scale)
    assert_allclose(found[2][1], -found[0][1], atol=1e-10 * scale)


def test_products_of_three_are_sums_over_triples_of_neighbours() -> None:
    """Brute force: for one mixture three times, l = 0 is the cube of the sum, (0, 1, 1) cosines."""
    spec = replace(SMALL, radial=1, pairs=1, triples=1)
    atoms = Atoms("Si4", [[0, 0, 0], [1.9, 0.2, 0.1], [-0.4, 2.2, 0.3], [0.1, -0.5, -2.6]])
    dataset = as_dataset([atoms])
    functions = functions_of(spec, np.array([14]))
    part = next(iter(expanded(functions.expansion, dataset, 0, slopes=False)))
    found = site_functions(functions, part.coefficients)[0]
    vectors = atoms.positions[1:] - atoms.positions[0]
    r = np.linalg.norm(vectors, axis=1)
    x = r / spec.cutoff
    radial = np.sin(np.pi * x) / x * (1 - x**2) ** 2 / (1 + (2 * x) ** 3)
    cosines = (vectors / r[:, None]) @ (vectors / r[:, None]).T
    density, y0 = radial.sum(), 1 / np.sqrt(4 * np.pi)
    assert_allclose(found[0], y0 * density, rtol=1e-6)
    two = radial @ (3 * cosines) @ radial / (4 * np.pi)  # l = 1: the addition theorem
    assert_allclose(found[2], functions.pairs[:, 0, 0].prod() * two, rtol=1e-6)
    weight = functions.triples[:, 0, 0].prod()
    assert_allclose(abs(found[6]), abs(weight) * (y0 * density) ** 3, rtol=1e-6)
    # the couplings of a set have the length one: those of (0, 1, 1) are 1 / sqrt(3)
    expected = abs(weight) * y0 * density * abs(two) / np.sqrt(3)
    assert_allclose(abs(found[7]), expected, rtol=1e-6)


def test_a_pool_has_scales_of_its_own_and_shares_the_rows() -> None:
    dataset = labelled()
    pool = np.array([0, 2, 3, 5])
    own = design_of(dataset, SMALL, pool)
    shared = design_of(dataset, SMALL, pool, family=[None, pool])
    assert_allclose(shared.basis.scales, own.basis.scales)  # type: ignore[attr-defined]
    assert_allclose(shared.energy_rows, own.energy_rows, rtol=1e-9, atol=1e-9)
    assert_allclose(shared.force_rows, own.force_rows, rtol=1e-5, atol=1e-5)
    # over the environments of the pool, functions of a degree vary by one, as a root mean square
    one = dataset.take(pool)
    functions = functions_of(own.basis.spec, own.basis.species)  # type: ignore[arg-type]
    values = [
        site_functions(functions, part.coefficients)
        for s in range(one.n_structures)
        for part in expanded(functions.expansion, one, s, slopes=False)
    ]
    of_carbon = np.vstack(values)[one.numbers == own.basis.species[0]]
    varied = of_carbon.var(axis=0) * own.basis.scales[: len(functions)] ** 2  # type: ignore[attr-defined]
    for degree in (1, 2, 3):
        assert_allclose(varied[functions.degrees == degree].mean(), 1.0, rtol=1e-6)


def test_the_number_of_functions_is_bounded_however_many_species() -> None:
    potential = potential_of(AceSpec())
    for n_species in (1, 2, 3, 5, 8, 12):
        assert n_species <= potential.most_functions(AceSpec(), n_species) <= 1200
    dataset = labelled()
    assert len(design_of(dataset, SMALL).basis) == potential.most_functions(SMALL, 2)


def test_equations_tests_and_files_work_with_either_potential() -> None:
    """A fit on everything reproduces labels that the potential itself has made."""
    rng = np.random.default_rng(3)
    dataset = make_dataset((3, 4, 6, 5, 4, 3, 6, 5, 4, 6, 5, 6), seed=0)
    design = design_of(dataset, SMALL)
    truth = 0.1 * rng.normal(size=len(design.basis))
    energies = design.energy_rows @ truth - 3.0 * design.composition.sum(axis=1)
    forces = (design.force_rows @ truth).reshape(-1, 3)
    dataset = replace(dataset, energies=energies, forces=forces)
    information = winnow.analyse(dataset, winnow.describe(dataset))
    exact = replace(SMALL, prior=1e3, force_error=1e-3)
    ground = prepare_ground(information, "random", resamples=1, spec=exact)
    errors = ground.check(0).whole_pool()["hold_out"][0]
    other = prepare_ground(
        information, "random", resamples=1, spec=RetrainSpec(cutoff=4.0, radial=4, references=5)
    )
    worse = other.check(0).whole_pool()["hold_out"][0]
    assert errors.force_rmse_ev_a < 0.2 * worse.force_rmse_ev_a
    # another file in the basis of the first
    file = design_in(dataset.take(np.array([1, 3])), ground.equations.design.basis)
    assert_allclose(file.energy_rows, ground.equations.design.energy_rows[[1, 3]])
    assert make_equations(file, atomic=ground.equations.atomic).fit(np.arange(2)).shape == (
        len(file.basis) + 2,
    )


def test_a_species_that_the_pool_lacks_is_named() -> None:
    dataset = as_dataset(structures())
    basis, _ = choose_scales(dataset, SMALL, [None])
    with pytest.raises(InputError, match="has Si, which the pool lacks"):
        design_in(as_dataset([bulk("Si")]), basis)
