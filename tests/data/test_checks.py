from __future__ import annotations

import json

import numpy as np
import pytest
from ase import Atoms
from ase.build import bulk, molecule
from ase.data import covalent_radii
from ase.neighborlist import neighbor_list
from ase.units import Bohr
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analytics.data.checks.registry import check
from analytics.data.contacts import closest_contacts, nearest_ratios
from analytics.data.dataset import Dataset
from analytics.data.readers import dataset_from_atoms, read
from analytics.geometry.lattice import cell_heights
from analytics.runtime.progress import SILENT


def labeled(atoms: Atoms, energy: float = -1.0, forces=None, config_type: str = "x") -> Atoms:
    atoms = atoms.copy()
    atoms.info |= {"REF_energy": energy, "config_type": config_type}
    atoms.new_array("REF_forces", np.zeros((len(atoms), 3)) if forces is None else forces)
    return atoms


def pushed(n: int, net: float = 0.0) -> np.ndarray:
    forces = np.zeros((n, 3))
    forces[0, 0], forces[1, 0] = 1.0 + net, -1.0
    return forces


def codes(*images: Atoms) -> dict[str, list[int]]:
    report = check(dataset_from_atoms(list(images)))
    return {finding.code: finding.structures.tolist() for finding in report.findings}


GOOD = labeled(bulk("Cu", cubic=True), forces=pushed(4))


def test_a_good_structure_gives_no_finding() -> None:
    apart = np.array([[0, 0, 0], [0, 1, 0], [0, -1, 0]], dtype=float)  # that turn nothing
    assert codes(GOOD, labeled(molecule("H2O"), forces=apart)) == {}


def test_symmetric_cells_with_zero_forces_are_only_noted() -> None:
    report = check(dataset_from_atoms([labeled(bulk("Cu")), GOOD]))
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("zero_forces", "note")
    assert finding.structures.tolist() == [0]
    assert "not taken as missing" in finding.message


def test_overlap_through_a_periodic_boundary() -> None:
    atoms = Atoms("Cu2", positions=[[0.1, 2, 2], [4.9, 2, 2]], cell=[5, 5, 5], pbc=True)
    report = check(dataset_from_atoms([GOOD, labeled(atoms, forces=pushed(2))]))
    (finding,) = report.findings
    assert (finding.code, finding.severity) == ("overlapping_atoms", "error")
    assert finding.structures.tolist() == [1]
    assert finding.message == "1 structure has atoms closer than 0.5 Å (frame 1)"
    assert finding.evidence == "closest: 0.20 Å, Cu-Cu, atoms 0 and 1 of frame 1"
    atoms.pbc = (False, True, True)
    assert codes(labeled(atoms, forces=pushed(2))) == {}


def test_an_atom_can_overlap_with_its_own_image() -> None:
    atoms = labeled(Atoms("Cu", cell=[0.4, 5, 5], pbc=True))
    report = check(dataset_from_atoms([atoms]))
    assert "atom 0 and its own image" in report.of("error")[0].evidence
    skewed = Atoms("Cu", cell=[[3, 0, 0], [2.9, 0.3, 0], [0, 0, 5]], pbc=True)
    assert "overlapping_atoms" in codes(labeled(skewed))  # the difference is 0.32 Å long


def test_of_equally_close_pairs_the_first_is_named_whatever_the_rounding() -> None:
    for nudge in (0.0, 1e-13, -1e-13):
        x = np.array([9.0, 5.0, 5.4 + nudge, 0.0, 0.4])
        atoms = Atoms("Cu5", positions=x[:, None] * [1, 0, 0])
        (finding,) = check(dataset_from_atoms([labeled(atoms, forces=pushed(5))])).findings
        assert finding.evidence == "closest: 0.40 Å, Cu-Cu, atoms 1 and 2 of frame 0"


def test_close_atoms_are_doubtful_by_their_radii() -> None:
    dimer = Atoms("CuH", positions=[[0, 0, 0], [0.8, 0, 0]])
    assert codes(labeled(dimer, forces=pushed(2))) == {"close_atoms": [0]}
    assert codes(labeled(molecule("H2"), forces=pushed(2))) == {}  # 0.74 Å is right for H2


@pytest.mark.parametrize("pbc", [(1, 1, 1), (1, 0, 1), (0, 0, 1), (0, 0, 0)])
@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 10**6))
def test_closest_contacts_are_those_of_a_neighbour_list(pbc, seed) -> None:
    rng = np.random.default_rng(seed)
    cell = np.diag(rng.uniform(0.8, 4, 3)) + rng.normal(size=(3, 3)) / 4
    shear = np.eye(3)
    shear[rng.integers(2), 2] = rng.integers(-4, 5)  # a thin cell of a wide lattice
    cell = shear @ cell
    n = int(rng.integers(1, 7))
    scaled = rng.uniform(-2, 3, (n, 3))  # atoms need not lie in the cell
    atoms = Atoms(rng.choice([1, 8, 29], n), scaled @ cell, cell=cell, pbc=pbc)
    data = dataset_from_atoms([atoms])
    assume((cell_heights(data.cells, data.pbc) > 0.3).all())  # ASE takes minutes for the others
    reach = 1.6
    found = closest_contacts(data, np.array([True]), reach, SILENT)
    i, j, d = neighbor_list("ijd", atoms, reach)
    expected = d.min() if len(d) else np.inf
    np.testing.assert_allclose(found.distance[0], expected, rtol=1e-9)
    ratio = d / (covalent_radii[atoms.numbers[i]] + covalent_radii[atoms.numbers[j]])
    np.testing.assert_allclose(found.ratio[0], ratio.min() if len(ratio) else np.inf, rtol=1e-9)


@pytest.mark.parametrize("farthest", [1.0, 1.5, 2.5])
def test_nearest_ratios_are_those_of_a_neighbour_list(farthest) -> None:
    rng, images = np.random.default_rng(8), []
    for _ in range(20):
        numbers = rng.choice([1, 6, 29, 55], int(rng.integers(1, 6)))
        cell = np.diag(rng.uniform(4, 9, 3)) + rng.normal(size=(3, 3)) / 4
        inside = rng.uniform(-1, 2, (len(numbers), 3)) @ cell
        images.append(Atoms(numbers, inside, cell=cell, pbc=rng.random(3) < 0.5))
    found = nearest_ratios(dataset_from_atoms(images), np.arange(20), farthest)
    for atoms, ratio in zip(images, found, strict=True):
        i, j, d = neighbor_list("ijd", atoms, farthest * 2 * covalent_radii[55])
        ratios = d / (covalent_radii[atoms.numbers[i]] + covalent_radii[atoms.numbers[j]])
        least = min(ratios, default=np.inf)
        np.testing.assert_allclose(ratio, least if least <= farthest else np.inf, rtol=1e-9)


@pytest.mark.parametrize(
    ("cell", "pbc", "found"),
    [
        ([5, 5, 0], True, True),
        ([[5, 0, 0], [10, 0, 0], [0, 0, 5]], True, True),
        ([5, 5, 0.01], True, True),
        ([0, 0, 0], (False, False, True), True),
        ([5, 5, 0], (True, True, False), False),
        ([-5, 5, 5], True, False),
        ([0, 0, 0], False, False),
        ([[5, 0, 0], [0, 5, 0], [400, 300, 0.5]], (True, True, False), False),
    ],
)
def test_cells_without_volume(cell, pbc, found) -> None:
    atoms = Atoms("Cu2", positions=[[0, 0, 0], [2.4, 0, 0]], cell=cell, pbc=pbc)
    assert ("cell_without_volume" in codes(labeled(atoms, forces=pushed(2)))) == found


def test_not_a_number_anywhere_is_an_error() -> None:
    for where, code in (("positions", "positions_not_finite"), ("cell", "cell_not_finite")):
        for value in (np.nan, np.inf):
            atoms = GOOD.copy()
            array = np.array(getattr(atoms, where))
            array[0, 0] = value
            setattr(atoms, where, array)
            assert codes(GOOD, atoms) == {code: [1]}


def test_missing_labels() -> None:
    bare = bulk("Cu", cubic=True)
    assert codes(bare) == {"no_energies": [0], "no_forces": [0], "no_config_type": [0]}
    bare.rattle(0.1)
    found = codes(GOOD, bare, bare[:1])
    assert found["missing_energy"] == [1, 2]
    assert found["missing_forces"] == [1, 2]
    assert found["missing_config_type"] == [1, 2]
    partly, infinite = pushed(4), pushed(4)
    partly[2] = np.nan
    infinite[2] = np.inf
    cu = bulk("Cu", cubic=True)
    assert codes(labeled(cu, forces=partly)) == {"incomplete_forces": [0]}
    assert codes(labeled(cu, forces=infinite)) == {"force_infinite": [0]}
    assert codes(labeled(cu, energy=np.inf, forces=pushed(4))) == {"energy_infinite": [0]}


def test_isolated_atoms_need_no_forces() -> None:
    atom = Atoms("Cu")
    atom.info.update(REF_energy=-0.1, config_type="IsolatedAtom")
    assert codes(GOOD, atom) == {"isolated_atoms": [1]}


def test_net_force() -> None:
    cu = bulk("Cu", cubic=True)
    small, large = labeled(cu, forces=pushed(4, 0.04)), labeled(cu, forces=pushed(4, 0.3))
    small.rattle(0.01)
    report = check(dataset_from_atoms([small, large]))
    (finding,) = report.findings
    assert (finding.code, finding.structures.tolist()) == ("net_force", [1])
    assert finding.evidence == "largest: 0.3 eV/Å in frame 1"


def test_net_torque_names_forces_in_another_order_or_orientation() -> None:
    from ase.build import molecule
    from ase.calculators.emt import EMT

    good = molecule("CH3OH")
    good.rattle(0.1, seed=1)
    good.calc = EMT()
    forces = good.get_forces()
    swapped, turned = forces[[0, 1, 2, 5, 3, 4]], forces[:, [1, 2, 0]]
    images = [labeled(good.copy(), forces=f) for f in (forces, swapped, turned)]
    crystal = labeled(good.copy(), forces=swapped)
    crystal.set_cell([9, 9, 9])
    crystal.pbc = True
    found = {f.code: f for f in check(dataset_from_atoms([*images, crystal])).findings}
    assert found["net_torque"].structures.tolist() == [1, 2]
    assert "order of the atoms" in found["net_torque"].advice


def test_duplicates_compare_the_cell_too() -> None:
    a, b, c = (labeled(Atoms("Cu", cell=[x, 3, 3], pbc=True)) for x in (3, 3.1, 3))
    free = labeled(Atoms("Cu", cell=[3, 3, 3], pbc=(True, True, False)))
    other = labeled(Atoms("Ag", cell=[3, 3, 3], pbc=True))
    negative_zero = labeled(Atoms("Cu", positions=[[-0.0, 0, 0]], cell=[3, 3, 3], pbc=True))
    report = check(dataset_from_atoms([a, b, c, free, other, negative_zero]))
    (found,) = (f for f in report.findings if f.code == "duplicates")
    assert found.structures.tolist() == [2, 5]
    assert [group.tolist() for group in report.duplicate_groups] == [[0, 2, 5]]
    assert "1 group of equal structures, 3 structures with the originals" in found.evidence
    assert report.counts["duplicate_copies"] == 2


def test_copies_that_disagree_in_energy() -> None:
    different = labeled(bulk("Cu", cubic=True), energy=-1.1, forces=pushed(4))
    report = check(dataset_from_atoms([GOOD, different, GOOD]))
    found = {finding.code: finding for finding in report.findings}
    assert found["conflicting_duplicates"].structures.tolist() == [0, 1, 2]
    assert "25 meV/atom" in found["conflicting_duplicates"].evidence
    assert "conflicting_duplicates" not in codes(GOOD, GOOD)


def test_energies_far_from_those_of_the_same_composition() -> None:
    images = []
    for i in range(12):
        atoms = labeled(bulk("Cu", cubic=True), energy=-16 + 0.1 * i, forces=pushed(4))
        atoms.positions[0, 0] += 0.01 * i
        images.append(atoms)
    images[5].info["REF_energy"] = +16.0
    assert codes(*images) == {"energy_out_of_line": [5]}
    assert codes(*images[3:8]) == {}  # too few to say


def test_order_messages_and_plain_values() -> None:
    overlapping = labeled(Atoms("Cu2", positions=np.zeros((2, 3))), forces=pushed(2))
    data = dataset_from_atoms([labeled(bulk("Cu"))] + [overlapping] * 7 + [GOOD])
    data = data.take(np.arange(1, 9))
    report = check(data)
    assert [f.severity for f in report.findings] == ["error", "warning"]
    assert report.findings[0].message == (
        "7 structures have atoms closer than 0.5 Å (frames 1, 2, 3, 4, 5, ...)"
    )
    assert report.findings[0].structures.tolist() == list(range(7))
    assert not report.findings[0].structures.flags.writeable
    plain = json.loads(json.dumps(report.to_dict(), allow_nan=False))
    assert plain["findings"][0]["structures"] == list(range(7))
    assert plain["counts"]["structures"] == 8
    assert plain["counts"]["system Cu"] == 8
    assert plain["duplicate_groups"] == [list(range(7))]


def test_counts() -> None:
    data = dataset_from_atoms([bulk("Cu"), molecule("H2O"), Atoms("He"), bulk("Cu", cubic=True)])
    counts = check(data).counts
    assert counts["environments"] == 9
    assert counts["elements"] == 4
    assert counts["chemical_systems"] == 3
    assert counts["system Cu"] == 2
    assert counts["periodic"] == 2
    assert counts["not_periodic"] == 2
    assert counts["isolated_atoms"] == 1


def test_one_structure_made_in_memory() -> None:
    data = Dataset(
        numbers=np.array([29]),
        positions=np.zeros((1, 3)),
        structure_offsets=np.array([0, 1]),
        cells=np.zeros((1, 3, 3)),
        pbc=np.zeros((1, 3), dtype=bool),
    )
    assert {f.code for f in check(data).findings} == {
        "no_energies", "isolated_atoms", "no_config_type",
    }  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_no_check_fails_whatever_the_numbers(seed) -> None:
    """A check that raises or warns is an error here: empty structures, NaN, infinity, zeros."""
    rng = np.random.default_rng(seed)
    sizes = rng.integers(0, 6, 20)
    n, scale = int(sizes.sum()), 10.0 ** rng.integers(-2, 3)
    cells = np.array([np.diag(rng.uniform(0.5, 8, 3)) * scale * (i % 5 > 0) for i in range(20)])
    pbc = (rng.random((20, 3)) < 0.6) & (np.abs(cells).sum(axis=(1, 2)) > 0)[:, None]
    positions = rng.normal(size=(n, 3)) * scale
    energies, forces = rng.normal(size=20) * scale, rng.normal(size=(n, 3)) * scale**2
    stress = rng.normal(size=(20, 3, 3))
    for values in (positions, cells, energies, forces, stress):
        if rng.random() < 0.5:
            values[rng.integers(len(values))] = np.nan
    energies[rng.integers(20)], forces[rng.integers(n)] = np.inf, np.inf
    if seed % 4 == 0:
        energies[:], forces[:], stress[:] = 0.0, 0.0, 0.0
    data = Dataset(
        numbers=rng.choice([1, 6, 29], n),
        positions=positions,
        structure_offsets=np.concatenate([[0], np.cumsum(sizes)]),
        cells=cells,
        pbc=pbc,
        energies=energies,
        forces=forces,
        stress=stress,
        config_type=rng.choice(["a", "b", ""], 20),
    )
    assert isinstance(check(data).findings, tuple)


def test_what_was_left_out_of_the_file_is_a_finding(tmp_path):
    frame = "1\nProperties=species:S:1:pos:R:3 energy={}\nSi 0 0 0\n"
    path = tmp_path / "some.xyz"
    path.write_text(
        "".join(frame.format(e) for e in (-1.0, "None", -3.0, -4.0)) + "2\n\nSi 0 0 0\n"
    )
    found = {finding.code: finding for finding in check(read(path)).findings}
    assert found["energy_left_out"].structures.tolist() == [1]
    assert "None" in found["energy_left_out"].evidence
    assert found["frame_left_out"].message == "1 frame left out (frame 4)"
    assert found["frame_left_out"].structures.tolist() == []


@pytest.mark.parametrize(("scale", "found"), [(1 / Bohr, True), (1.0, False), (1.5, False)])
def test_a_cell_in_bohr_around_positions_in_angstrom(scale, found) -> None:
    structures = []
    for seed in range(3):
        atoms = bulk("Cu", cubic=True).repeat(2)
        atoms.rattle(0.05, seed=seed)
        atoms.set_cell(atoms.cell * scale)
        structures.append(atoms)
    codes = [one.code for one in check(dataset_from_atoms(structures)).findings]
    assert ("cell_in_bohr" in codes) == found
