"""Properties to colour and filter by: what there is, what it is worth, and what is missing."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.io import write
from ase.units import GPa
from makers import make_analysis
from numpy.testing import assert_allclose, assert_array_equal

import winnow_atomistic as winnow
from analytics.curation.file_columns import expression_name
from analytics.curation.properties import Properties
from analytics.data.energy_levels import reference_energies
from analytics.runtime.errors import WinnowError


def frame(symbols, seed, **info):
    rng = np.random.default_rng(seed)
    atoms = Atoms(symbols, positions=rng.uniform(0, 5, (len(Atoms(symbols)), 3)))
    atoms.set_cell(np.diag([5.0, 6.0, 7.0]))
    atoms.pbc = True
    atoms.info.update(info)
    atoms.arrays["magmom"] = rng.normal(size=len(atoms))
    atoms.arrays["spin"] = rng.normal(size=(len(atoms), 3))
    atoms.arrays["frozen"] = rng.random(len(atoms)) < 0.5
    return atoms


@pytest.fixture(scope="module")
def frames():
    """Structures of several compositions with columns of many kinds, the first without some."""
    made = [
        frame("TiO2", 0, **{"REF-gap (eV)": 1.5}, source="paper A", density=3.0, done=True),
        frame("Ti2O", 1, **{"REF-gap (eV)": 2.5}, source="paper B", density=4.0, done=False),
        frame("O2", 2, dipole=np.array([3.0, 0.0, 4.0]), tensor=np.eye(3), lambda_=1),
        frame("Ti", 3, **{"class": "x", "mixed": 1.0}),
        frame("TiO", 4, **{"class": "y", "mixed": "word"}),
    ]
    for at, atoms in enumerate(made):
        atoms.info["energy"] = -5.0 * len(atoms) + at
        atoms.info["stress"] = -0.01 * (at + 1) * np.eye(3)
        atoms.arrays["forces"] = np.random.default_rng(at).normal(size=(len(atoms), 3))
    return made


@pytest.fixture(scope="module")
def properties(frames, tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "columns.xyz"
    write(path, frames, format="extxyz")
    dataset = winnow.read(path)
    return Properties(winnow.analyse(dataset, winnow.describe(dataset)))


def test_what_is_computed_is_what_ase_says(frames, properties):
    of = properties.values
    assert_array_equal(of("natoms"), [len(a) for a in frames])
    assert_array_equal(of("formula"), [a.get_chemical_formula("metal") for a in frames])
    assert_array_equal(of("elements"), ["O-Ti", "O-Ti", "O", "Ti", "O-Ti"])
    assert_array_equal(
        of("n_Ti"), [a.symbols.count("Ti") if "Ti" in a.symbols else 0 for a in frames]
    )
    assert_array_equal(of("nelements"), [2, 2, 1, 1, 2])
    assert_array_equal(of("index"), range(5))
    assert_allclose(of("volume"), 210.0)
    assert_allclose(of("volume_per_atom"), [210.0 / len(a) for a in frames])
    assert_allclose(of("energy"), [a.info["energy"] for a in frames])
    assert_allclose(of("energy_per_atom"), [a.info["energy"] / len(a) for a in frames])
    masses = [a.get_masses().sum() for a in frames]
    assert_allclose(of("density"), np.array(masses) * 1.66053907 / 210.0, rtol=1e-6)
    assert_allclose(of("pressure"), 0.01 * np.arange(1, 6) / GPa)
    norms = [np.linalg.norm(a.arrays["forces"], axis=1) for a in frames]
    assert_allclose(of("max_force"), [n.max() for n in norms], rtol=1e-6)
    assert_allclose(of("mean_force"), [n.mean() for n in norms], rtol=1e-6)
    assert_allclose(of("force"), np.concatenate(norms), rtol=1e-6)
    assert_array_equal(of("element"), np.concatenate([a.get_chemical_symbols() for a in frames]))
    assert_allclose(of("energy_residual"), reference_energies(properties.analysis.dataset)[1])
    scores = properties.analysis.outliers
    assert_array_equal(of("outlier_score"), scores.environment)
    assert_array_equal(of("max_outlier_score"), scores.structure_max)


def test_columns_of_the_file_come_under_their_own_keys(frames, properties):
    of = properties.values
    assert_array_equal(of("REF_gap_eV"), [1.5, 2.5, np.nan, np.nan, np.nan])
    assert properties["REF_gap_eV"].title == "REF-gap (eV)"
    assert_array_equal(of("source"), ["paper A", "paper B", "", "", ""])
    assert_array_equal(of("file_density"), [3.0, 4.0, np.nan, np.nan, np.nan])
    assert_array_equal(of("done"), ["True", "False", "", "", ""])
    assert_array_equal(of("file_class"), ["", "", "", "x", "y"])
    assert properties["mixed"].kind == "category"
    assert_allclose(of("magmom"), np.concatenate([a.arrays["magmom"] for a in frames]), rtol=1e-6)
    assert set(of("frozen")) <= {"True", "False"}
    assert_allclose(of("dipole_norm"), [np.nan, np.nan, 5.0, np.nan, np.nan])
    assert_allclose(of("dipole_z"), [np.nan, np.nan, 4.0, np.nan, np.nan])
    spin = np.concatenate([a.arrays["spin"] for a in frames])
    assert_allclose(of("spin_norm"), np.linalg.norm(spin, axis=1), rtol=1e-6)
    assert "tensor" not in properties
    assert "file_energy" not in properties  # the label itself, which is `energy`


def test_every_property_has_one_value_for_each_and_a_name_that_can_be_typed(properties):
    names = [p.name for p in properties.available()]
    assert len(set(names)) == len(names)
    n = {
        "structure": properties.analysis.dataset.n_structures,
        "environment": properties.analysis.n_environments,
    }
    for shown in properties.available():
        values = properties.values(shown.name)
        assert shown.name.isidentifier()
        assert values.shape == (n[shown.of],)
        assert values.dtype.kind == ("U" if shown.kind == "category" else "f")
        assert not values.flags.writeable
        assert properties.values(shown.name) is values  # worked out once
        assert properties.of_environments(shown.name).shape == (n["environment"],)


def test_structures_give_theirs_to_their_atoms_and_atoms_their_largest(properties):
    owners = properties.analysis.descriptors.owners
    assert_array_equal(properties.of_environments("natoms"), properties.values("natoms")[owners])
    assert_allclose(properties.of_structures("force"), properties.values("max_force"))


def test_isolated_atoms_have_what_a_file_says_and_no_score():
    analysis = make_analysis(sizes=(3, 4), isolated=1)
    properties = Properties(analysis)
    assert_array_equal(properties.values("natoms"), [3, 4, 1])
    assert_array_equal(properties.values("isolated"), ["False", "False", "True"])
    assert np.isnan(properties.values("max_outlier_score")).tolist() == [False, False, True]


def test_what_the_data_have_not_is_not_offered():
    properties = Properties(make_analysis(sizes=(3, 4), forces=False))
    assert "force" not in properties
    assert "pressure" not in properties
    with pytest.raises(WinnowError, match="no property 'pressure'"):
        properties.values("pressure")


def test_scores_from_a_sample_are_missing_where_they_are_not_known():
    analysis = make_analysis(sizes=[4] * 30)
    sampled = winnow.analyse(analysis.dataset, analysis.descriptors, analysis.spec, sample=20)
    values = Properties(sampled).values("max_outlier_score")
    assert np.isnan(values).any()


@pytest.mark.parametrize(
    ("key", "taken", "name"),
    [
        ("volume", ("volume",), "file_volume"),
        ("a b", ("a_b", "file_a_b"), "file_a_b_2"),
        ("2nd", (), "file_2nd"),
        ("and", (), "file_and"),
        ("µ", (), "µ"),
        ("%", (), "column"),
    ],
)
def test_keys_become_names_of_an_expression(key, taken, name):
    assert expression_name(key, taken).isidentifier()
    assert expression_name(key, taken) == name
