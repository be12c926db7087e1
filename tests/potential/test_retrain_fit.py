"""The potential of the retrain check: its forces, its equations, its accuracy."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from makers import Recorder, real_file
from numpy.testing import assert_allclose, assert_array_equal
from retrain_makers import as_dataset, labelled, rattled, structures

import winnow_atomistic as winnow
from analytics.data.dataset import Dataset
from analytics.evaluation.retrain.errors import make_test, parity_of_fit
from analytics.potential.basis import choose_bases, choose_basis, normalised_spectra
from analytics.potential.design_rows import check_labels, compute_design
from analytics.potential.normal_equations import ATOMIC_PRIOR, make_equations, solve
from analytics.potential.soap_gap import make_rows, structure_rows
from analytics.potential.spec import RetrainSpec
from analytics.potential.spectra import expanded, make_expansion, spectra_of
from analytics.runtime.errors import Cancelled, InputError, WinnowError

pytest.importorskip("featomic")

SMALL = RetrainSpec(cutoff=4.0, radial=4, angular=3, references=12)
STEP = 1e-4


@pytest.mark.parametrize("exponent", [1, 2, 3])
def test_forces_are_minus_the_derivative_of_the_energy(exponent: int) -> None:
    frames = structures()
    dataset = as_dataset(frames)
    spec = RetrainSpec(cutoff=4.0, radial=4, angular=3, references=12, exponent=exponent)
    basis = choose_basis(dataset, spec)
    maker = make_rows(basis)
    rng = np.random.default_rng(0)
    for s, atoms in enumerate(frames):
        _, forces = structure_rows(maker, dataset, s)
        for atom in rng.permutation(len(atoms))[:2]:
            direction = rng.normal(size=3)
            ends = []
            for sign in (1.0, -1.0):
                moved = atoms.copy()
                moved.positions[atom] += sign * STEP * direction
                ends.append(structure_rows(maker, as_dataset([moved]), 0)[0])
            expected = -(ends[0] - ends[1]) / (2 * STEP)
            found = direction @ forces[3 * atom : 3 * atom + 3]
            assert_allclose(found, expected, atol=2e-6)


def test_rows_do_not_see_rotations_and_the_order_of_atoms() -> None:
    water = rattled(molecule("CH3CH2OH"), 5)
    turned = water.copy()
    turned.rotate(37, (1, 2, 3))
    order = np.random.default_rng(1).permutation(len(water))
    dataset = as_dataset([water, turned, water[order]])
    basis = choose_basis(dataset, SMALL)
    maker = make_rows(basis)
    (e, f), (e_turned, _), (e_other, f_other) = (
        structure_rows(maker, dataset, s) for s in range(3)
    )
    assert_allclose(e_turned, e, atol=1e-6)
    assert_allclose(e_other, e, atol=1e-9)
    by_atom = f.reshape(len(water), 3, -1)
    assert_allclose(f_other.reshape(len(water), 3, -1), by_atom[order], atol=1e-10)


def test_functions_are_the_kernel_of_the_gaussian_process() -> None:
    """Whitened functions of the references themselves multiply to the kernel between them."""
    basis = choose_basis(labelled(), SMALL)
    for first, last in zip(basis.reference_offsets, basis.reference_offsets[1:], strict=False):
        part = slice(first, last)
        kernel = (basis.references[part] @ basis.references[part].T) ** 2
        functions = kernel @ basis.whitening[part, part]
        assert_allclose(functions @ functions.T, kernel, atol=1e-6)


def test_references_come_from_the_pool_and_differ() -> None:
    dataset = labelled()
    pool = np.array([0, 2, 3])
    basis = choose_basis(dataset, SMALL, pool)
    expansion = make_expansion(basis.spec, basis.species)
    own = [normalised_spectra(expansion, dataset, int(s)) for s in pool]
    numbers = np.concatenate([dataset.numbers[dataset.rows(s)] for s in pool])
    for number in basis.species.tolist():
        references = basis.references[basis.part(number)]
        products = references @ np.vstack(own)[numbers == number].T
        assert_allclose(products.max(axis=1), 1.0)  # each is an environment of the pool
        assert len(np.unique(products.argmax(axis=1))) == len(references)
        assert len(references) == min(SMALL.references, int((numbers == number).sum()))
    twice = choose_basis(dataset.take(np.array([0, 0, 2, 2, 3, 3])), SMALL)
    assert len(twice) == len(choose_basis(dataset.take(pool), SMALL))


def test_a_family_of_pools_shares_its_rows() -> None:
    """Rows projected from the union of the references are those of each basis by itself."""
    dataset = labelled()
    pools = [None, np.array([0, 1, 2, 3, 4]), np.array([2, 3, 4, 5, 6, 7])]
    spec = RetrainSpec(cutoff=4.0, radial=4, angular=3, references=6)
    union, parts = choose_bases(dataset, spec, pools)
    design = compute_design(dataset, union)
    assert len(union) < sum(map(len, parts))
    for pool, part in zip(pools, parts, strict=True):
        projection = union.projection(part)
        assert_allclose(projection.T @ projection, np.eye(len(part)), atol=1e-6)
        shared, alone = design.restricted(part), compute_design(dataset, union.restricted(part))
        assert_allclose(shared.energy_rows, alone.energy_rows, atol=1e-6)
        assert_allclose(shared.force_rows, alone.force_rows, atol=1e-5)
        # what a pool takes does not depend on what else is asked for
        assert_allclose(
            np.sort(choose_basis(dataset, spec, pool).references, axis=0),
            np.sort(union.restricted(part).references, axis=0),
        )


def test_spectra_are_those_of_featomic() -> None:
    from featomic import SoapPowerSpectrum

    scaling = {"type": "Willatt2018", "rate": 1.0, "scale": 2.0, "exponent": 3.0}
    calculator = SoapPowerSpectrum(
        cutoff={"radius": 4.0, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
        density={"type": "Gaussian", "width": SMALL.width, "scaling": scaling},
        basis={
            "type": "TensorProduct",
            "max_angular": SMALL.angular,
            "radial": {"type": "Gto", "max_radial": SMALL.radial - 1},
        },
    )
    frames = [rattled(bulk("CuAu", "rocksalt", a=5.4), 1), rattled(molecule("CH3CH2OH"), 3)]
    for atoms in frames:
        found = calculator.compute(atoms)
        found = found.keys_to_samples("center_type").keys_to_properties(
            ["neighbor_1_type", "neighbor_2_type"]
        )
        block = found.block()
        expected = np.zeros((len(atoms), block.values.shape[1]))
        expected[np.asarray(block.samples["atom"])] = block.values
        dataset = as_dataset([atoms])
        expansion = make_expansion(SMALL, np.unique(dataset.numbers))
        parts = list(expanded(expansion, dataset, 0, slopes=False))
        mine = np.vstack([spectra_of(expansion, part.coefficients) for part in parts])
        assert_allclose(mine @ mine.T, expected @ expected.T, rtol=1e-6, atol=1e-9)


def dense_fit(design, dataset: Dataset, atomic: np.ndarray, spec: RetrainSpec) -> np.ndarray:
    """The ten-line twin: stack weighted rows, add the prior as rows, least squares."""
    sizes = dataset.sizes[:, None]
    energy = np.hstack([design.energy_rows, design.composition]) / sizes
    target = (dataset.energies - design.composition @ atomic) / sizes[:, 0]
    known = np.isfinite(target)
    force = np.nan_to_num(dataset.forces).reshape(-1)
    zeros = np.zeros((len(force), len(atomic)))
    prior = np.append(np.full(len(design.basis), 1 / spec.prior), np.full(len(atomic), 1 / 10))
    rows = [
        energy[known] / (1e-3 * spec.energy_error),
        np.hstack([design.force_rows, zeros]) / spec.force_error,
        np.diag(prior),
    ]
    right = [target[known] / (1e-3 * spec.energy_error), force / spec.force_error, 0 * prior]
    return np.linalg.lstsq(np.vstack(rows), np.concatenate(right), rcond=None)[0]


@pytest.mark.parametrize("packed", [True, False])
def test_summed_equations_give_the_fit_on_stacked_rows(
    packed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not packed:
        monkeypatch.setattr("analytics.potential.normal_equations.PACKED_BYTES", 0.0)
    assert ATOMIC_PRIOR == 10.0
    dataset = labelled()
    energies, forces = np.array(dataset.energies), np.array(dataset.forces)
    energies[2], forces[5:9] = np.nan, np.nan
    dataset = with_labels(dataset, energies, forces)
    design = compute_design(dataset, choose_basis(dataset, SMALL))
    equations = make_equations(design)
    assert (equations.packed is not None) == packed
    found = equations.fit(np.arange(len(equations)))
    twin = dense_fit(design, dataset, equations.atomic, SMALL)
    for rows in (equations.energy_rows, design.force_rows):
        assert_allclose(rows @ found[: rows.shape[1]], rows @ twin[: rows.shape[1]], atol=2e-5)


def with_labels(
    dataset: Dataset, energies: np.ndarray | None, forces: np.ndarray | None
) -> Dataset:
    return Dataset(
        dataset.numbers,
        dataset.positions,
        dataset.structure_offsets,
        dataset.cells,
        dataset.pbc,
        energies=energies,
        forces=forces,
        config_type=dataset.config_type,
        name="made.xyz",
    )


def test_a_permuted_subset_gives_the_same_fit() -> None:
    dataset = labelled()
    equations = make_equations(compute_design(dataset, choose_basis(dataset, SMALL)))
    one, other = equations.fit(np.array([0, 3, 5, 6])), equations.fit(np.array([6, 5, 0, 3]))
    assert_allclose(one, other, rtol=1e-6, atol=1e-8)


def test_errors_are_those_of_the_parity() -> None:
    dataset = labelled()
    forces = np.array(dataset.forces)
    forces[3:5] = np.nan
    dataset = with_labels(dataset, dataset.energies, forces)
    equations = make_equations(compute_design(dataset, choose_basis(dataset, SMALL)))
    coefficients = equations.fit(np.array([0, 1, 2]))
    structures = np.array([2, 4, 5, 7])
    total, by_class = make_test("x", equations, structures).errors(coefficients)
    parity = parity_of_fit(equations, structures, coefficients)
    energy = parity.predicted_energies - parity.energies
    force = parity.predicted_forces - parity.forces
    assert_allclose(total.energy_rmse_mev_atom, 1e3 * np.sqrt(np.mean(energy**2)))
    assert_allclose(total.force_rmse_ev_a, np.sqrt(np.nanmean(force**2)), rtol=1e-4)
    assert set(by_class) == set(dataset.config_type[structures])
    assert sum(one.n_structures for one in by_class.values()) == len(structures)
    assert_array_equal(dataset.energies[structures] / dataset.sizes[structures], parity.energies)


def test_published_error_levels_are_met_on_silicon() -> None:
    train = winnow.read(real_file("mlearn_Si_train.xyz"))
    test = winnow.read(real_file("mlearn_Si_test.xyz"))
    basis = choose_basis(train, RetrainSpec())
    equations = make_equations(compute_design(train, basis))
    tested = make_equations(compute_design(test, basis), atomic=equations.atomic, single=False)
    total, _ = make_test("test", tested).errors(equations.fit(np.arange(len(equations))))
    assert total.energy_rmse_mev_atom < 1.25 * 5.5
    assert total.force_rmse_ev_a < 1.25 * 0.118


# ------------------------------------------------------------------------------- labels


@pytest.mark.parametrize("kind", ["energies", "forces"])
def test_one_kind_of_label_is_enough(kind: str) -> None:
    dataset = labelled(energies=kind == "energies", forces=kind == "forces")
    check_labels(dataset)
    equations = make_equations(compute_design(dataset, choose_basis(dataset, SMALL)))
    everything = np.arange(len(equations))
    total, _ = make_test("x", equations).errors(equations.fit(everything))
    nothing, _ = make_test("x", equations).errors(np.zeros(equations.energy_rows.shape[1]))
    if kind == "energies":
        assert np.isnan(total.force_rmse_ev_a)
        assert total.energy_rmse_mev_atom < 0.2 * nothing.energy_rmse_mev_atom
    else:
        assert np.isnan(total.energy_rmse_mev_atom)
        assert total.force_rmse_ev_a < nothing.force_rmse_ev_a


def test_isolated_atoms_of_large_energies_are_fitted() -> None:
    frames = [Atoms("C"), *(rattled(molecule("C2H6"), seed) for seed in range(6))]
    dataset = as_dataset(frames)
    energies = np.array([-1000.0, *(-2100.0 + 0.01 * k for k in range(6))])
    dataset = with_labels(dataset, energies, None)
    equations = make_equations(compute_design(dataset, choose_basis(dataset, SMALL)))
    total, _ = make_test("x", equations).errors(equations.fit(np.arange(7)))
    assert total.energy_rmse_mev_atom < 5.0


def test_unusable_labels_are_named() -> None:
    dataset = labelled()
    with pytest.raises(InputError, match=r"made\.xyz: neither energies nor forces"):
        check_labels(with_labels(dataset, None, None))
    with pytest.raises(InputError, match=r"all 8 energies are -3 eV.*--energy-key"):
        check_labels(with_labels(dataset, np.full(8, -3.0), dataset.forces))
    with pytest.raises(InputError, match="nothing to learn"):
        check_labels(with_labels(dataset, np.full(8, -3.0), None))
    with pytest.raises(InputError, match="all forces are zero"):
        check_labels(with_labels(dataset, None, 0 * dataset.forces))
    with pytest.raises(InputError, match="a single structure"):
        check_labels(dataset.take(np.array([0])))


def test_a_species_that_the_basis_lacks_is_named() -> None:
    basis = choose_basis(as_dataset([bulk("Cu"), bulk("Cu", cubic=True)]), SMALL)
    with pytest.raises(InputError, match=r"structure 1: has Au, which the pool lacks"):
        compute_design(as_dataset([bulk("Cu"), bulk("Au")]), basis)


def test_progress_and_cancel() -> None:
    dataset = labelled()
    told = Recorder()
    basis = choose_basis(dataset, SMALL, monitor=told)
    compute_design(dataset, basis, monitor=told)
    assert told.fractions[-1] == pytest.approx(1.0)
    assert all(0 <= f <= 1 for f in told.fractions)
    with pytest.raises(Cancelled):
        choose_basis(dataset, SMALL, monitor=Recorder(cancel_at=2))
    with pytest.raises(Cancelled):
        compute_design(dataset, basis, monitor=Recorder(cancel_at=2))


def test_without_featomic_the_way_to_get_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "featomic", None)
    with pytest.raises(WinnowError, match="pip install featomic"):
        choose_basis(labelled(), SMALL)


def test_functions_that_nothing_tells_apart_still_give_a_fit() -> None:
    row = np.array([1.0, 2.0, 3.0]) * 1e9
    x = solve(np.outer(row, row), row, np.full(3, 1e-12))
    assert_allclose(row @ x, 1.0, rtol=1e-6)
