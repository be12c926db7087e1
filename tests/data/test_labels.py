from __future__ import annotations

import numpy as np
import pytest
from ase import units
from numpy.testing import assert_allclose, assert_array_equal

from analytics.data.dataset import Dataset
from analytics.data.export import write_subset
from analytics.data.frames import Frame
from analytics.data.gathered import gathered
from analytics.data.labels import assemble
from analytics.data.read_options import ReadOptions
from analytics.runtime.errors import InputError

RNG = np.random.default_rng(0)


def frame(index: int = 0, n: int = 2, arrays=None, types=(), unit=None, **info) -> Frame:
    """Return a structure of copper in a box of 4 angstrom, as a reader of extended XYZ gives it."""
    return Frame(
        index=index,
        numbers=np.full(n, 0 if types else 29),
        positions=np.arange(3.0 * n).reshape(n, 3) / 2,
        cell=4 * np.eye(3),
        pbc=np.full(3, True),
        info=info,
        arrays=dict(arrays or {}),
        columns=(("species", "S", 1), ("pos", "R", 3)),
        types=types,
        units=unit or {},
    )


def joined(*frames: Frame, **options) -> Dataset:
    return assemble(gathered(frames), "a.xyz", ReadOptions.of(**options))


def uses(data: Dataset, label: str) -> dict[str, int]:
    return {use.key: use.frames for use in data.understood.keys_of(label)}


def forces(n: int = 2) -> np.ndarray:
    return RNG.normal(size=(n, 3))


# ---------------------------------------------------------------- keys, frame by frame


def test_frames_without_the_key_have_the_label_from_another() -> None:
    one, other = forces(), forces()
    data = joined(
        *(frame(i, REF_energy=1.0 + i, arrays={"REF_forces": one}) for i in range(3)),
        frame(3, energy=9.0, arrays={"forces": other}),
    )
    assert (data.keys.energy, data.keys.forces) == ("REF_energy", "REF_forces")
    assert uses(data, "energy") == {"REF_energy": 3, "energy": 1}
    assert uses(data, "forces") == {"REF_forces": 3, "forces": 1}
    assert_array_equal(data.energies, [1, 2, 3, 9])
    assert_array_equal(data.forces[-2:], other)
    assert [record.forces for record in data.records] == [*["REF_forces"] * 3, "forces"]
    assert not any(record.arrays for record in data.records)


def test_a_key_that_says_something_else_fills_in_nothing() -> None:
    data = joined(*(frame(i, REF_energy=1.0, energy=3.0) for i in range(3)), frame(3, energy=3.0))
    assert uses(data, "energy") == {"REF_energy": 3}
    assert_array_equal(data.energies, [1, 1, 1, np.nan])
    said = "energy is not taken for the 1 without REF_energy"
    assert any(said in note for note in data.understood.notes)


def test_the_key_of_a_model_is_never_taken_by_itself() -> None:
    data = joined(frame(0, MACE_energy=1.0), frame(1, MACE_energy=1.0))
    assert data.energies is None
    (rival,) = data.understood.candidates
    assert (rival.key, rival.frames) == ("MACE_energy", 2)
    assert "of a model; --energy-key MACE_energy takes it" in rival.note
    mixed = joined(frame(0, energy=1.0), frame(1, MACE_energy=2.0))
    assert_array_equal(mixed.energies, [1, np.nan])


def test_a_key_that_was_asked_for_stands_alone() -> None:
    frames = [frame(0, REF_energy=1.0), frame(1, energy=2.0)]
    assert_array_equal(joined(*frames, energy_key="REF_energy").energies, [1, np.nan])
    assert joined(*frames, energy_key="").energies is None


def test_model_and_reference_side_by_side_are_told_apart() -> None:
    data = joined(
        *(
            frame(i, REF_energy=1.0, energy=1.0 + 0.4, arrays={"forces": a, "REF_forces": a + 0.3})
            for i, a in enumerate(forces() for _ in range(3))
        )
    )
    assert (data.keys.energy, data.keys.forces) == ("REF_energy", "REF_forces")
    energy, force = data.understood.candidates
    assert (energy.key, force.key) == ("energy", "forces")
    assert energy.difference == pytest.approx(0.2)  # eV/atom, of two atoms
    assert force.difference == pytest.approx(0.3)
    assert any("Retrain draws the parity" in note for note in data.understood.notes)


def test_labels_of_one_source_go_together() -> None:
    given = {"forces": forces(), "dft_forces": forces()}
    data = joined(frame(dft_energy=1.0, arrays=given))
    assert (data.keys.energy, data.keys.forces) == ("dft_energy", "dft_forces")


def test_an_energy_of_somebody_unknown_is_taken_if_it_is_alone_and_looks_like_one() -> None:
    sizes = [1, 2, 3, 4, 6]
    data = joined(*(frame(i, n, foo_energy=-3.0 * n + 0.01 * i) for i, n in enumerate(sizes)))
    assert data.keys.energy == "foo_energy"
    assert "the only one there" in data.understood.notes[0]
    same = joined(*(frame(i, n, foo_energy=-3.0 + 0.01 * i) for i, n in enumerate(sizes)))
    assert same.energies is None


def test_what_fits_nothing_is_listed_with_the_option_that_takes_it() -> None:
    frames = [
        frame(i, n, count=i, u=-3.1 * n, gap=1.0 / n, arrays={"grad": forces(n), "v": forces(n)})
        for i, n in enumerate([1, 2, 3, 5])
    ]
    found = {one.key: one.note for one in joined(*frames).understood.candidates}
    assert found["u"] == "grows with the number of atoms; --energy-key u takes it"
    assert found["gap"].startswith("does not grow")
    assert found["count"].startswith("whole numbers")
    assert found["v"] == "three columns; --forces-key v takes it"


# ---------------------------------------------------------------- labels that cannot be used


def test_an_energy_that_is_no_number_is_left_out_alone() -> None:
    frames = [frame(i, energy="None" if i == 1 else -1.0) for i in range(3)]
    data = joined(*frames)
    assert_array_equal(data.energies, [-1, np.nan, -1])
    (left,) = data.understood.left_out
    assert (left.frame, left.part) == (1, "energy")
    assert "is 'None', not a number" in left.cause
    with pytest.raises(InputError, match="structure 1: energy 'energy' is 'None'"):
        joined(*frames, strict=True)


@pytest.mark.parametrize("value", [None, np.nan, "", "null", "missing"])
def test_an_energy_that_is_missing_is_no_error(value) -> None:
    data = joined(frame(0, energy=1.0), frame(1, energy=value), strict=True)
    assert_array_equal(data.energies, [1, np.nan])


def test_energies_of_which_none_is_a_number_are_refused() -> None:
    with pytest.raises(InputError, match="'1 eV', not a number"):
        joined(frame(0, energy="1 eV"), frame(1, energy="2 eV"))
    assert joined(frame(0, energy="None")).energies is None


def test_a_stated_unit_is_no_energy() -> None:
    data = joined(frame(0, energy_unit="eV"), frame(1, energy_units="eV", force_unit="eV/A"))
    assert data.energies is None
    assert not data.understood.left_out


def test_forces_of_the_wrong_shape_are_left_out_alone() -> None:
    frames = [
        frame(0, arrays={"forces": forces()}),
        frame(1, arrays={"forces": np.ones((2, 2))}),
    ]
    data = joined(*frames)
    assert np.isnan(data.forces[2:]).all()
    assert [(left.frame, left.part) for left in data.understood.left_out] == [(1, "forces")]
    with pytest.raises(InputError, match="have 2 columns per atom"):
        joined(*frames, strict=True)


def test_a_column_of_energies_is_no_total_energy() -> None:
    data = joined(frame(arrays={"energy": np.ones(2)}))
    assert data.energies is None
    (rival,) = data.understood.candidates
    assert (rival.key, rival.note.startswith("a column")) == ("energy", True)


def test_frames_whose_forces_are_all_missing_are_not_counted() -> None:
    nothing = np.full((2, 3), np.nan)
    data = joined(frame(0, arrays={"forces": forces()}), frame(1, arrays={"forces": nothing}))
    assert uses(data, "forces") == {"forces": 1}
    assert "forces" in data.records[1].arrays


# ---------------------------------------------------------------- elements of types


def test_types_ask_for_their_elements() -> None:
    with pytest.raises(
        InputError, match=r"types of atoms \(1, 2\).*--species '1=Si,2=O'"
    ) as caught:
        joined(frame(types=("1", "2")))
    assert caught.value.asks == ("species", "1", "2")
    data = joined(frame(types=("1", "2")), species="1=Si,2=O")
    assert_array_equal(data.numbers, [14, 8])


def test_types_of_which_one_is_not_said_ask_again() -> None:
    with pytest.raises(InputError, match=r"types of atoms \(2\)") as caught:
        joined(frame(types=("1", "2")), species="1=Si")
    assert caught.value.asks == ("species", "1", "2")
    with pytest.raises(InputError, match="--species 1=Xy: 'Xy' is not the symbol"):
        joined(frame(types=("1",)), species="1=Xy")


def test_types_that_are_elements_are_not_asked_for() -> None:
    with pytest.raises(InputError) as caught:
        joined(frame(types=("O", "Y or Zr")))
    assert caught.value.asks == ("species", "Y or Zr")
    assert_array_equal(joined(frame(types=("O", "Cu"))).numbers, [8, 29])


def test_a_heavier_hydrogen_is_hydrogen() -> None:
    assert_array_equal(joined(frame(types=("a", "b")), species="a=D,b=O").numbers, [1, 8])


# ---------------------------------------------------------------- units


def test_units_that_the_file_states_are_converted_once() -> None:
    given = forces()
    said = {"energy-unit": "hartree", "force-unit": "hartree/bohr"}
    data = joined(frame(energy=1.0, arrays={"forces": given}, **said), frame(1, energy=1.0, **said))
    assert_allclose(data.energies, [units.Ha, units.Ha])
    assert_allclose(data.forces[:2], given * units.Ha / units.Bohr)
    found = {use.quantity: (use.unit, use.known_from) for use in data.understood.units}
    assert found["energy"] == ("hartree", "file")
    assert found["length"] == ("Å", "assumed")


def test_units_differ_between_frames_and_names() -> None:
    data = joined(
        *(frame(i, energy=-1.0) for i in range(3)),
        frame(3, energy_Ha=1.0),
        frame(4, energy=1.0, energy_unit="kcal/mol"),
    )
    assert_allclose(data.energies, [-1, -1, -1, units.Ha, units.kcal / units.mol])


def test_lengths_in_bohr_move_atoms_and_cell() -> None:
    data = joined(frame(length_unit="bohr"))
    assert_allclose(data.cells[0], 4 * units.Bohr * np.eye(3))
    assert_allclose(data.positions, frame().positions * units.Bohr)


def test_what_the_user_says_comes_before_the_file() -> None:
    data = joined(frame(energy=1.0, energy_unit="foo"), units="energy=kcal/mol")
    assert_allclose(data.energies, [units.kcal / units.mol])
    assert "the file states foo" in data.understood.notes[0]


def test_an_unknown_unit_is_refused_and_asked_for() -> None:
    with pytest.raises(InputError, match=r"the unit .foo. is not known.*--units energy=") as caught:
        joined(frame(energy=1.0, energy_unit="foo"))
    assert caught.value.asks == ("units", "energy")
    with pytest.raises(InputError, match="--units: 'mass' is none of"):
        joined(frame(), units="mass=kg")


@pytest.mark.parametrize("info", [{"energy": 1.0, "energy_unit": "Ha"}, {"energy_Ha": 1.0}])
def test_forces_beside_energies_in_hartree_are_asked_for(info) -> None:
    given = {"forces": forces()}
    with pytest.raises(InputError, match="--units forces=") as caught:
        joined(frame(arrays=given, **info))
    assert caught.value.asks == ("units", "forces")
    data = joined(frame(arrays=given, **info), units="forces=eV/A")
    assert_array_equal(data.forces, given["forces"])
    molar = joined(frame(energy=1.0, energy_unit="kcal/mol", arrays=given))
    assert_allclose(molar.forces, given["forces"] * units.kcal / units.mol)


def test_frames_without_forces_ask_for_no_unit_of_them() -> None:
    data = joined(
        frame(0, energy=1.0, arrays={"forces": forces()}), frame(1, energy=1.0, energy_unit="Ha")
    )
    assert_allclose(data.energies, [1, units.Ha])


def test_units_of_a_reader_hold_for_its_values() -> None:
    data = joined(frame(energy=1.0, E=2.0, unit={"energy": "eV", "E": "hartree"}), energy_key="E")
    assert_allclose(data.energies, [2 * units.Ha])


def test_an_export_has_the_numbers_of_the_file(tmp_path) -> None:
    from analytics.data.readers import read

    path = tmp_path / "a.xyz"
    text = (
        "1\nProperties=species:S:1:pos:R:3:forces:R:3 length_unit=bohr energy=1.5 "
        'Lattice="9 0 0 0 9 0 0 0 9" energy_unit=hartree force_unit=hartree/bohr\nH 1 2 3 4 5 6\n'
    )
    path.write_text(text)
    data = read(path)
    write_subset(data, [0], tmp_path / "b.xyz")
    again = read(tmp_path / "b.xyz")
    assert_allclose(again.positions, data.positions)
    assert_allclose(again.forces, data.forces)
    assert_allclose(again.cells, data.cells)
    written = (tmp_path / "b.xyz").read_text()
    assert "energy=1.5" in written
    assert [float(word) for word in written.splitlines()[2].split()[1:]] == [1, 2, 3, 4, 5, 6]


# ---------------------------------------------------------------- stress


def test_stress_and_virial_are_one_quantity() -> None:
    stress = np.array([[1.0, 0.1, 0.2], [0.1, 2.0, 0.3], [0.2, 0.3, 3.0]])
    volume = 64.0
    six = np.array([1.0, 2.0, 3.0, 0.3, 0.2, 0.1])  # xx, yy, zz, yz, xz, xy
    for info in (
        {"stress": stress},
        {"stress": stress.ravel()},
        {"stress": six},
        {"virial": -stress * volume},
        {"REF_virials": -stress.ravel() * volume},
        {"stress_GPa": stress / units.GPa},
        {"stress": stress / units.GPa, "stress_unit": "GPa"},
    ):
        assert_allclose(joined(frame(**info)).stress, [stress], rtol=1e-12, err_msg=str(info))


def test_stress_and_virial_side_by_side_are_rivals() -> None:
    stress = np.diag([1.0, 2.0, 3.0])
    data = joined(frame(stress=stress, virial=64 * stress))
    assert data.keys.stress == "stress"
    (rival,) = data.understood.candidates
    assert (rival.label, rival.key) == ("stress", "virial")
    assert rival.difference == pytest.approx(np.sqrt(np.mean((2 * stress) ** 2)))
    assert joined(frame(stress=stress, virial=64 * stress), stress_key="virial").keys.stress == (
        "virial"
    )


def test_a_virial_without_a_volume_is_no_stress() -> None:
    from dataclasses import replace

    alone = replace(frame(virial=np.eye(3)), cell=np.zeros((3, 3)), pbc=np.full(3, False))
    assert joined(alone).stress is None


# ---------------------------------------------------------------- classes


def test_classes_under_two_names() -> None:
    data = joined(frame(0, config_type="a"), frame(1, config_type="b"), frame(2, Config_type="c"))
    assert list(data.config_type) == ["a", "b", "c"]
    assert uses(data, "config_type") == {"config_type": 2, "Config_type": 1}


def test_energies_per_atom_are_multiplied_when_they_are_asked_for() -> None:
    frames = [frame(i, energy_per_atom=-1.5, n=n) for i, n in enumerate((1, 2, 4))]
    (candidate,) = joined(*frames).understood.candidates
    takes = "--energy-key energy_per_atom takes it times the number of atoms"
    assert candidate.note == f"per atom; {takes}"
    data = joined(*frames, energy_key="energy_per_atom")
    assert_array_equal(data.energies, [-1.5, -3.0, -6.0])
    said = "energy_per_atom is per atom: multiplied by the number of atoms"
    assert said in data.understood.notes


def test_a_type_that_is_said_twice_is_refused_and_one_that_is_not_there_is_said() -> None:
    with pytest.raises(InputError, match="says both 1=Si and 1=O"):
        ReadOptions.of(species="1=Si,1=O")
    data = joined(frame(0, types=("1", "1")), species="1=Si,3=Al")
    assert "--species 3: the file has no such type of atoms" in data.understood.notes


# ---------------------------------------------------------------- what is no label is said


def test_a_word_without_a_number_is_no_energy() -> None:
    data = joined(frame(0, **{"energy:": True}), frame(1, **{"energy:": True}))
    assert data.energies is None
    assert "energy: is a word without a number, or T or F: not read" in data.understood.notes


def test_a_label_that_is_missing_everywhere_is_not_offered() -> None:
    data = joined(frame(0, energy=np.nan), frame(1, energy=np.nan))
    assert data.energies is None
    assert not data.understood.candidates


def test_a_stress_of_other_than_six_or_nine_numbers_is_said() -> None:
    data = joined(frame(0, stress=np.zeros(3)), frame(1, stress=np.zeros(3)))
    assert data.stress is None
    said = "stress is not read where it has 3 numbers: a stress has six or nine"
    assert said in data.understood.notes


def test_a_stress_as_a_list_in_quotes_is_read() -> None:
    data = joined(frame(0, stress="[[1e-3, 0, 0], [0, 2e-3, 0], [0, 0, 3e-3]]"))
    assert_array_equal(data.stress, [np.diag([1e-3, 2e-3, 3e-3])])
    assert joined(frame(0, stress="[[1e-3, 0], [0, 2e-3, 0]]")).stress is None


def test_energies_in_free_text_are_pointed_out() -> None:
    data = joined(frame(0, comment="energy: -5.07 gnorm: 0.0002 xtb: 6.4.1"))
    (note,) = data.understood.notes
    assert note == (
        "comment lines of free text are not read, such as 'energy: -5.07 gnorm: 0.0002 xtb: 6.4.1'"
    )
