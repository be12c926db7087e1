"""The SOAP power spectrum against featomic itself, and what is done with it here."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from makers import Recorder, dataset_of
from numpy.testing import assert_allclose, assert_array_equal

import winnow_atomistic as winnow
from analytics.descriptors.base import DESCRIPTORS, resolved_spec, suggested_bandwidth
from analytics.descriptors.distances import describe
from analytics.descriptors.soap import SoapSpec, compute_soap
from analytics.information.kernel import KernelSpec
from analytics.runtime.errors import Cancelled, InputError, WinnowError

SMALL = SoapSpec(cutoff=4.0, n=4, l=3)


@pytest.fixture
def featomic():
    return pytest.importorskip("featomic")


def alloy(seed: int, symbols: str = "CuZnAg") -> Atoms:
    rng = np.random.default_rng(seed)
    atoms = bulk("Cu", cubic=True).repeat((2, 1, 1))
    atoms.symbols = rng.choice(Atoms(symbols).get_chemical_symbols(), len(atoms))
    atoms.positions += rng.normal(scale=0.2, size=(len(atoms), 3))
    return atoms


def molecule(seed: int) -> Atoms:
    positions = np.random.default_rng(seed).uniform(0, 3.0, (5, 3))
    return Atoms("CuZnCuAgZn", positions=positions, cell=[1.0, 1.0, 1.0])


def featomic_products(featomic, frames: list[Atoms], spec: SoapSpec) -> np.ndarray:
    """Cosines between all environments, from featomic's own dense matrix."""
    calculator = featomic.SoapPowerSpectrum(
        cutoff={"radius": spec.cutoff, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
        density={"type": "Gaussian", "width": spec.width},
        basis={
            "type": "TensorProduct",
            "max_angular": spec.l,
            "radial": {"type": "Gto", "max_radial": spec.n - 1},
        },
    )
    plain = [a if a.pbc.all() else Atoms(a.numbers, a.positions) for a in frames]
    spectrum = calculator.compute(plain).keys_to_samples("center_type")
    dense = spectrum.keys_to_properties(["neighbor_1_type", "neighbor_2_type"]).block()
    samples = np.asarray(dense.samples.values)
    rows = np.asarray(dense.values)[np.lexsort((samples[:, 1], samples[:, 0]))]
    rows = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return rows @ rows.T


# --- golden values -----------------------------------------------------------------------------


def test_dot_products_are_those_of_featomic(featomic) -> None:
    frames = [alloy(0), molecule(1), alloy(2, "Zn"), alloy(3, "AgCu")]
    found = compute_soap(dataset_of(*frames), SMALL)
    expected = featomic_products(featomic, frames, SMALL)
    assert found.values.shape == (29, 3 * 10 * 4 + 3 * 16 * 4)
    assert found.values.dtype == np.float32
    values = found.values.astype(float)
    assert_allclose(values @ values.T, expected, rtol=0, atol=1e-6)


def test_featomic_counts_a_pair_of_species_both_ways(featomic) -> None:
    """The factor that `_folded` relies on: relabelling half the atoms leaves the sum of squares."""
    atoms = Atoms("CuCu", [[0, 0, 0], [0, 0, 2.0]])
    calculator = featomic.SoapPowerSpectrum(
        cutoff={"radius": 4.0, "smoothing": {"type": "ShiftedCosine", "width": 0.5}},
        density={"type": "Gaussian", "width": 0.5},
        basis={
            "type": "TensorProduct",
            "max_angular": 0,
            "radial": {"type": "Gto", "max_radial": 0},
        },
    )
    ((_, one),) = calculator.compute(atoms).items()
    atoms.symbols = ["Cu", "Zn"]
    mixed = calculator.compute(atoms).blocks({"center_type": 29})
    aa, ab, bb = (float(block.values[0, 0]) for block in mixed)
    assert_allclose(aa + np.sqrt(2.0) * ab + bb, float(one.values[0, 0]), rtol=1e-12)


# --- the definition ----------------------------------------------------------------------------


def test_rows_have_length_one_projected_or_not(featomic) -> None:
    data = dataset_of(alloy(0), molecule(1))
    assert_allclose(np.linalg.norm(compute_soap(data, SMALL).values, axis=1), 1.0, rtol=1e-6)
    projected = compute_soap(data, SoapSpec(cutoff=4.0, n=6, l=4, dimensions=400)).values
    assert_allclose(np.linalg.norm(projected, axis=1), 1.0, atol=4 * np.sqrt(0.5 / 400))


def test_projection_keeps_distances_as_well_as_stated(featomic) -> None:
    data = dataset_of(*[alloy(seed) for seed in range(8)])
    full = compute_soap(data, SoapSpec(cutoff=4.0, dimensions=4096)).values.astype(float)
    few = compute_soap(data, SoapSpec(cutoff=4.0, dimensions=256)).values.astype(float)
    assert (full.shape[1], few.shape[1]) == (3 * 105 + 3 * 180, 256)
    i, j = np.triu_indices(len(full), 1)
    ratio = ((few[i] - few[j]) ** 2).sum(axis=1) / ((full[i] - full[j]) ** 2).sum(axis=1)
    assert abs(ratio.mean() - 1.0) < 0.1
    assert ratio.std() < 1.5 * np.sqrt(2 / 256)


def test_projections_of_different_data_sets_fit_together(featomic) -> None:
    one, two = dataset_of(alloy(0, "CuZn")), dataset_of(alloy(0, "CuZn"), alloy(1, "Ag"))
    few = SoapSpec(cutoff=4.0, n=4, l=3, dimensions=32)
    first, second = compute_soap(one, few).values, compute_soap(two, few).values
    assert_allclose(first, second[:8], atol=1e-6)
    spec = resolved_spec(SMALL, one, two)
    assert spec.species == "Ag,Cu,Zn"
    assert_array_equal(compute_soap(one, spec).values, compute_soap(two, spec).values[:8])


def test_symmetries(featomic) -> None:
    rng = np.random.default_rng(0)
    atoms = alloy(5)
    turn, _ = np.linalg.qr(rng.normal(size=(3, 3)))
    order = rng.permutation(len(atoms))
    other = atoms[order]
    other.positions = (other.positions + rng.integers(-2, 3, (8, 3)) @ atoms.cell.array) @ turn
    other.set_cell(atoms.cell.array @ turn)
    one, two = (compute_soap(dataset_of(a), SMALL).values for a in (atoms, other))
    assert_allclose(two, one[order], atol=1e-6)


@pytest.mark.parametrize("pbc", [(1, 1, 0), (0, 1, 0), (1, 0, 1)])
def test_slabs_and_chains_see_no_images_where_they_are_not_periodic(featomic, pbc) -> None:
    atoms = alloy(3)
    atoms.set_cell(atoms.cell.array + 0.3 * np.roll(atoms.cell.array, 1, axis=1))  # skewed
    atoms.pbc = pbc
    found = compute_soap(dataset_of(atoms), SMALL).values
    repeats = [3 if periodic else 1 for periodic in pbc]
    cluster = atoms.repeat(repeats)
    cluster.pbc = False
    middle = (
        cluster.positions
        - atoms.positions[0]
        - sum(atoms.cell.array[d] for d in range(3) if pbc[d])
    )  # the first atom of the repeat in the middle
    first = int(np.linalg.norm(middle, axis=1).argmin())
    assert_allclose(compute_soap(dataset_of(cluster), SMALL).values[first], found[0], atol=1e-6)


def test_batches_do_not_matter(featomic, monkeypatch) -> None:
    data = dataset_of(*[alloy(seed) for seed in range(6)])
    whole = compute_soap(data, SMALL).values
    monkeypatch.setattr("analytics.descriptors.soap.ENVIRONMENTS_PER_CALL", 10)
    assert_array_equal(compute_soap(data, SMALL).values, whole)


# --- the chain ---------------------------------------------------------------------------------


def test_the_chain_runs_on_it_and_leaves_isolated_atoms_out(featomic) -> None:
    data = dataset_of(*[alloy(seed) for seed in range(4)], Atoms("H"))
    described = describe(data, SMALL)
    assert described.n_environments == 32
    assert described.spec.species == "Ag,Cu,Zn"
    analysis = winnow.analyse(data, described, KernelSpec(suggested_bandwidth(SMALL)))
    assert 0.0 < analysis.entropy_nats <= np.log(32)
    assert len(winnow.select(analysis, "facility_location", size=2)) == 2
    assert describe(dataset_of(Atoms("H")), SMALL).n_environments == 0


def test_progress_and_cancel(featomic) -> None:
    data = dataset_of(*[alloy(seed) for seed in range(80)])
    told = Recorder()
    compute_soap(data, SMALL, monitor=told)
    assert told.fractions == sorted(told.fractions)
    assert told.fractions[-1] == 1.0
    assert told.checkpoints > 2
    with pytest.raises(Cancelled):
        compute_soap(data, SMALL, monitor=Recorder(cancel_at=2))


# --- what is refused ---------------------------------------------------------------------------


def test_without_featomic_the_way_to_get_it_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "featomic", None)
    with pytest.raises(WinnowError, match=r"SOAP needs .* pip install 'winnow-atomistic\[soap\]'"):
        describe(dataset_of(alloy(0)), SMALL)


def test_input_is_checked(featomic) -> None:
    lost = alloy(0)
    lost.positions[1, 1] = np.nan
    with pytest.raises(InputError, match="structure 1: a position"):
        compute_soap(dataset_of(alloy(1), lost))
    with pytest.raises(InputError, match="structure 0: Ag is not among"):
        compute_soap(dataset_of(alloy(1)), SoapSpec(species="Cu,Zn"))


def test_what_does_not_fit_is_refused(featomic, monkeypatch) -> None:
    monkeypatch.setattr("analytics.descriptors.base.physical_memory", lambda: 1000.0)
    with pytest.raises(WinnowError, match="lower dimensions"):
        compute_soap(dataset_of(alloy(0)))


@pytest.mark.parametrize("wrong", [{"n": 0}, {"l": 99}, {"width": 0.0}, {"species": "Qq"}])
def test_spec_checks_its_values(wrong) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        SoapSpec(**wrong)


def test_it_is_registered_with_or_without_featomic() -> None:
    assert DESCRIPTORS["soap"] == (SoapSpec, compute_soap)
    built_in = ["auto", "distances", "composition", "species_distances", "soap", "stored"]
    assert list(DESCRIPTORS)[:6] == built_in
