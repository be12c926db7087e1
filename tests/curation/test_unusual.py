"""What is unusual about an outlier, and the list of them."""

from __future__ import annotations

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk
from makers import dataset_of
from numpy.testing import assert_allclose, assert_array_equal

import winnow_atomistic as winnow
from analytics.curation.outlier_list import ATOMS, outlier_list
from analytics.curation.unusual import Unusual, energies_off, surroundings, volumes_per_atom
from analytics.information.analysis import Analysis

N = 60


def crystal(scale: float = 1.0, seed: int = 0) -> Atoms:
    atoms = bulk("Cu", "fcc", a=3.6 * scale, cubic=True)
    atoms.rattle(0.03, seed=seed)
    return atoms


@pytest.fixture(scope="module")
def frames() -> list[Atoms]:
    """Copper at rest; then one stretched, one squeezed pair, one with iron, one isolated atom."""
    stretched, squeezed, mixed = crystal(1.3, 98), crystal(1.0, 99), crystal(1.0, 97)
    squeezed.positions[1] = squeezed.positions[0] + [1.2, 0, 0]
    mixed.numbers[2] = 26
    lone = Atoms("Cu", cell=[20, 20, 20], pbc=False)
    return [*(crystal(seed=s) for s in range(N)), stretched, squeezed, mixed, lone]


@pytest.fixture(scope="module")
def analysis(frames: list[Atoms]) -> Analysis:
    rng = np.random.default_rng(1)
    energies = np.array([len(a) * (-3.0 + 0.01 * rng.normal()) for a in frames])
    energies[N] += 4 * 0.5
    forces = rng.normal(size=(sum(map(len, frames)), 3)) * 0.1
    names = np.array(["bulk"] * N + ["stretched", "bulk", "bulk", "IsolatedAtom"])
    data = dataset_of(*frames, energies=energies, forces=forces, config_type=names)
    return winnow.analyse(data, winnow.describe(data))


def test_surroundings_are_those_of_ase(frames: list[Atoms], analysis: Analysis) -> None:
    chosen = np.array([0, N, N + 1])
    found = surroundings(analysis.dataset, chosen)
    from ase.neighborlist import neighbor_list

    nearest = []
    for s in chosen:
        i, d = neighbor_list("id", frames[s], 5.0)
        nearest += [d[i == atom].min() for atom in range(len(frames[s]))]
    assert_allclose(found.nearest, nearest)
    assert found.coordination[0] == 12
    assert found.nearest[8] == pytest.approx(1.2)


def test_energies_are_compared_within_class_and_composition(analysis: Analysis) -> None:
    data = analysis.dataset
    off, sigmas = energies_off(data)
    per_atom = data.energies / data.sizes
    same = [*range(N), N + 1]
    assert_allclose(off[same], per_atom[same] - np.median(per_atom[same]))
    assert np.isnan(off[[N, N + 2, N + 3]]).all()
    assert np.abs(sigmas[same]).max() < 6


def test_volumes_are_of_periodic_structures(frames: list[Atoms], analysis: Analysis) -> None:
    volumes = volumes_per_atom(analysis.dataset)
    assert_allclose(volumes[:-1], [a.get_volume() / len(a) for a in frames[:-1]])
    assert np.isnan(volumes[-1])


def test_the_list_names_the_odd_ones_and_says_why(analysis: Analysis) -> None:
    found = outlier_list(analysis)
    assert {N + 1, N + 2} <= set(found.structures[:3].tolist())
    assert np.all(np.diff(found.scores) <= 0)
    assert (found.known, found.total) == (N + 3, N + 3)  # no isolated atom
    why = {int(s): "; ".join(w) for s, w in zip(found.structures, found.why, strict=True)}
    assert "closer than 99.5 % of Cu" in why[N + 1]
    assert "alone in its class" in why[N]
    assert "far from everything" in why[N]
    assert sum(w.startswith("nothing") for w in why.values()) > N / 2
    own = analysis.descriptors
    for i, row in enumerate(found.rows.tolist()):
        inside = analysis.outliers.environment[own.owners == own.owners[row]]
        assert analysis.outliers.environment[row] == inside.max() == found.scores[i]


def test_a_rare_element_and_a_high_force_are_named(analysis: Analysis) -> None:
    found = outlier_list(analysis, ATOMS)
    iron = np.flatnonzero(
        analysis.dataset.numbers[analysis.descriptors.environments[found.rows]] == 26
    )
    assert any("Fe is rare" in text for text in found.why[iron[0]])


def test_the_list_of_a_class_is_the_part_of_the_whole_list(analysis: Analysis) -> None:
    whole, part = outlier_list(analysis), outlier_list(analysis, config_type="bulk")
    inside = analysis.dataset.config_type[whole.structures] == "bulk"
    assert_array_equal(part.structures, whole.structures[inside])
    assert part.total == N + 2
    assert len(outlier_list(analysis, config_type="no such class")) == 0


def test_only_what_is_known_is_listed_of_a_sampled_set(analysis: Analysis) -> None:
    sampled = winnow.analyse(
        analysis.dataset, analysis.descriptors, analysis.spec, sample=40, seed=1
    )
    found = outlier_list(sampled, ATOMS)
    assert 0 < found.known < found.total
    assert len(found) == found.known
    exact = outlier_list(analysis, ATOMS)
    assert_allclose(found.scores, exact.scores[: len(found)], atol=1e-5)


def test_where_nothing_is_unusual_it_says_whether_others_are_like_it(analysis: Analysis) -> None:
    said = Unusual(analysis).words
    row = int(np.flatnonzero(analysis.descriptors.owners == 3)[0])
    assert said(row, 100, 0.2, 2.5, 12) == ("nothing: others are like it",)
    assert said(row, 100, 1.7, 2.5, 12) == ("nothing but distance",)
