"""Damaged and unusual XYZ files as they occur: what is read, what is left out, what is said."""

from __future__ import annotations

import re
from pathlib import Path
from random import Random

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytics.data.export import write_subset
from analytics.data.extxyz import read_extxyz
from analytics.data.frames import Frame, LeftOut
from analytics.data.readers import read
from analytics.runtime.errors import InputError
from analytics.runtime.progress import SILENT


def found_in(path: Path) -> tuple[list[Frame], list[LeftOut]]:
    found = list(read_extxyz(path, lambda n: list(range(n)), SILENT))
    return (
        [one for one in found if isinstance(one, Frame)],
        [one for one in found if isinstance(one, LeftOut)],
    )


@pytest.fixture(scope="module")
def cases(request) -> Path:
    folder = request.getfixturevalue("real_data") / "cases"
    if not folder.is_dir():
        pytest.skip(f"no cases in {folder}")
    return folder


# ---------------------------------------------------------------- the collected cases


@pytest.mark.parametrize(
    "name",
    [
        *("12_pbc_single_quotes.xyz", "13_pbc_runs_of_spaces.xyz", "21_timestamps_and_urls.xyz"),
        *("20_keys_with_digits_and_dashes.xyz", "22_strings_like_arrays.xyz", "27a_crlf.xyz"),
        *("24a_lower_case_header.xyz", "26_no_final_newline.xyz", "27b_bom_crlf_tabs.xyz"),
        *("27c_tabs_trailing_blanks.xyz", "27d_cr_only.xyz", "28a_fortran_D.xyz", "36a.xyz.gz"),
        *("33a_huge_integer_info.xyz", "34_text_logical_columns_unicode.xyz", "36b.xyz.bz2"),
        *("33b_huge_integer_column.xyz", "33c_float_in_integer_column.xyz", "36c.xyz.xz"),
        *("36d.xyz.zip", "36e.xyz.zst", "37_blank_lines_between_frames.xyz", "81_train"),
        *("75_other_order_of_columns.xyz", "76_Z_against_species.xyz", "81_train.exyz"),
        *("79_config_type_kinds.xyz", "81 spaces @ höhe.XYZ", "87_text_lists_in_comment.xyz"),
        *("32a_duplicate_keys.xyz", "23_long_array.xyz", "78_one_frame.xyz"),
    ],
)
def test_cases_that_are_the_same_structures(cases, name) -> None:
    base, data = read(cases / "base.xyz"), read(cases / name)
    n = data.n_environments
    assert data.n_structures == (1 if name[:2] in ("23", "78") else 12)
    assert_array_equal(data.numbers, base.numbers[:n])
    assert_allclose(data.positions, base.positions[:n], atol=1e-7)
    assert_allclose(data.cells, base.cells[: data.n_structures], atol=1e-7)
    assert not data.understood.left_out


@pytest.mark.parametrize(
    ("name", "frame", "line", "part", "cause"),
    [
        ("25a_truncated_last_frame.xyz", 11, 115, "frame", "ends early: 3 of the 8"),
        ("25b_line_missing_in_frame_2.xyz", 2, 21, "frame", "next structure begins on line 30"),
        ("28c_asterisks_in_forces.xyz", 11, 115, "forces", r"atom 2: '\*{8}' in column 'forces'"),
        ("30_ghost_atoms.xyz", 4, 26, "frame", "'X' is not the symbol of an element"),
        ("80_negative_count.xyz", 0, 1, "frame", "a number of atoms but reads '-8'"),
    ],
)
def test_cases_with_one_bad_frame(cases, name, frame, line, part, cause) -> None:
    data = read(cases / name)
    (left,) = data.understood.left_out
    assert (left.frame, left.line, left.part) == (frame, line, part)
    assert re.search(cause, left.cause)
    kept = [i for i in range(12) if i != frame or part == "forces"]
    assert data.frame_indices.tolist() == kept
    if part == "forces":
        assert np.isnan(data.forces[data.rows(frame)]).all()
        assert np.isfinite(data.forces[data.rows(frame - 1)]).all()
    with pytest.raises(InputError, match=rf"{re.escape(name)}, structure {frame}: .*{cause}"):
        read(cases / name, strict=True)
    others = read(f"{cases / name}@{frame + 1}:" if frame == 0 else f"{cases / name}@:{frame}")
    assert not others.understood.left_out


@pytest.mark.parametrize(
    ("name", "cause"),
    [
        ("19b_qm9_raw_trailing_lines.xyz", "5 atoms are announced on line 1, but line 8"),
        ("24b_gpumd_model_numbers.xyz", "'0' is not the symbol of an element"),
        ("32b_duplicate_columns.xyz", "names a column twice"),
        ("35_latin1.xyz", "byte 0xc5 at offset 224"),
        ("38_count_with_text.xyz", "should hold a number of atoms but reads '8 atoms'"),
        ("39_more_columns_than_announced.xyz", "atom 0 has 8 values .* where 7 are announced"),
        ("83a_lfs_pointer.xyz", "pointer of git-LFS"),
        ("83b_html.xyz", "web page"),
        ("93_species_with_suffix.xyz", "types of atoms \\(Cu1.*--species 'Cu1=Cu"),
    ],
)
def test_cases_that_are_refused(cases, name, cause) -> None:
    with pytest.raises(InputError, match=cause) as caught:
        read(cases / name)
    assert str(caught.value).startswith(name)


@pytest.mark.parametrize(
    ("name", "pbc", "note"),
    [
        ("15a_lattice_zero_no_pbc.xyz", [0, 0, 0], "cell vectors of zero .* not periodic"),
        ("15b_lattice_zero_pbc_T.xyz", [0, 0, 0], "although pbc says"),
        ("15c_lattice_zero_pbc_F.xyz", [0, 0, 0], ""),
        ("16_no_lattice.xyz", [0, 0, 0], ""),
        ("17_lattice_without_properties.xyz", [1, 1, 1], ""),
        ("19a_charges_fifth_column.xyz", [0, 0, 0], "columns after the first 4"),
        ("29_deuterium.xyz", [0, 0, 0], "D .deuterium. is read as hydrogen"),
        ("32a_duplicate_keys.xyz", [1, 1, 1], "'energy' stands twice"),
        ("33b_huge_integer_column.xyz", [1, 1, 1], "beyond 64 bit"),
        ("33c_float_in_integer_column.xyz", [1, 1, 1], "read as real ones"),
        ("72a_slab_zero_third_vector.xyz", [1, 1, 0], ""),
        ("14b_lattice_old_style.xyz", [1, 1, 1], ""),
    ],
)
def test_cases_with_something_to_say(cases, name, pbc, note) -> None:
    frames, left_out = found_in(cases / name)
    assert not left_out
    assert all(frame.pbc.tolist() == [bool(x) for x in pbc] for frame in frames)
    said = {one for frame in frames for one in frame.notes}
    assert len(said) == bool(note)
    assert all(re.search(note, one) for one in said)


def test_nested_lattice_is_the_same_crystal(cases) -> None:
    new, old = (found_in(cases / name)[0] for name in ("14a_lattice_new_style.xyz",
                                                       "14b_lattice_old_style.xyz"))  # fmt: skip
    assert_array_equal([a.cell for a in new], [a.cell for a in old])
    assert {"rows, as the format" in note for frame in new for note in frame.notes} == {True}


def test_types_of_lammps_are_no_elements(cases) -> None:
    frames, _ = found_in(cases / "18a_lammps_xyz_types.xyz")
    assert {frame.types for frame in frames} == {("1", "2", "2")}
    assert not frames[0].numbers.any()
    assert read(cases / "18b_lammps_xyz_symbols.xyz").n_structures == 12


# ---------------------------------------------------------------- other files of their kinds

COMMENT = "Properties=species:S:1:pos:R:3:forces:R:3 energy=-1"
ATOM = "H 0 0 {} 1 2 3\n"


def structure(i: int, n: int = 2, comment: str = COMMENT) -> str:
    return f"{n}\n{comment}\n" + "".join(ATOM.format(i + 0.25 * a) for a in range(n))


GOOD = [structure(i) for i in range(5)]


@pytest.mark.parametrize(
    ("bad", "cause"),
    [
        ("2\n" + COMMENT + "\nH 0 0 0 1 2 3\n", "the next structure begins|ends early"),
        ("2\n" + COMMENT + "\n", "the next structure begins|ends early"),
        ("2\nH 0 0 0 1 2 3\nH 0 0 1 1 2 3\n", "the next structure begins|ends early"),
        (structure(0, 2).replace("2\nP", "3\nP"), "next structure begins|ends early"),
        (structure(0, 2).replace("2\nP", "6\nP"), "next structure begins|ends early"),
        (structure(0, 2).replace("2\nP", "999999999999\nP"), "next structure begins|ends early"),
        (structure(0, 3).replace("3\nP", "2\nP"), r"after them reads 'H 0 0 0\.5"),
        (structure(0) + "1341.3 1341.3\n", "after them reads '1341.3 1341.3'"),
        (structure(0).replace("\nH", "\nWARNING: zbrent\nH", 1), "after them reads 'H 0 0 0.25"),
        (structure(0).replace("\nH", "\n\nH", 1), "after them reads 'H 0 0 0.25"),
        (structure(0).replace("2\nP", "-2\nP"), "a number of atoms but reads '-2'"),
        (structure(0).replace("2\nP", "2.0\nP"), "a number of atoms but reads '2.0'"),
        (structure(0).replace("2\nP", "two\nP"), "a number of atoms but reads 'two'"),
        (structure(0).replace("2\nP", "2 2\nP"), "a number of atoms but reads '2 2'"),
        (structure(0).replace("2\nP", "P"), "a number of atoms but reads 'Properties"),
        ("0\nenergy=1\n", "has no atoms"),
        ("0\n\n", "has no atoms"),
        (structure(0).replace("0.25", "********"), r"atom 1: '\*{8}' in column 'pos'"),
        (structure(0).replace("0.25", "−0.25"), "in column 'pos' is not a value"),
        (structure(0).replace("0.25", "0,25"), "'0,25' in column 'pos' is .* with a point"),
        (structure(0).replace("0.25", "1_0"), "'1_0' in column 'pos'"),
        (structure(0).replace("0.25", "O.25"), "'O.25' in column 'pos'"),
        (structure(0).replace("0 0.25", "0.1-0.25"), "atom 1 has 6 values"),
        (structure(0).replace("0.25 1 2 3", "0.25 1 2"), "atom 1 has 6 values"),
        (structure(0).replace("0.25 1 2 3", "0.25 1 2 3 4"), "atom 1 has 8 values"),
        (structure(0).replace("H 0 0 0.25", "X 0 0 0.25"), "'X' is not the symbol"),
        (structure(0).replace("H 0 0 0.25", "* 0 0 0.25"), r"'\*' is not the symbol"),
        (structure(0).replace("0.25", "1" * 300), "a word of 300 characters"),
        (structure(0).replace("0.25", "1e15"), "a coordinate of 1e.15"),
        (structure(0).replace(":R:3 e", ":Q:3 e"), "Properties has forces:Q:3"),
        (structure(0).replace(":R:3 e", ":R e"), "is not a list of name:type:columns"),
        (structure(0).replace("energy", 'Lattice="1 2 3" pbc="T T" energy'), "pbc=|Lattice="),
        (structure(0).replace("energy", 'Lattice="9 0 0 0 9 0 0 0 *" energy'), "is not nine"),
        (structure(0).replace("energy", 'pbc="T F" energy'), "is not three of T and F"),
        (structure(0).replace("energy", "note=\udcc5 energy"), "byte 0xc5 at offset"),
        (structure(0).replace("0.25", "\udcff"), "byte 0xff at offset"),
        (structure(0).replace("0.25", "\0\0\0"), "byte 0 at offset"),
        ("\0" * 50 + "\n", "a number of atoms but reads"),
    ],
)
@pytest.mark.parametrize("at", [1, 2, 5])
def test_one_bad_frame_is_one_bad_frame(write, bad, cause, at) -> None:
    texts = [*GOOD[:at], bad, *GOOD[at:]]
    path = write("".join(texts).encode(errors="surrogateescape"))
    data = read(path)
    (left,) = data.understood.left_out
    assert re.search(cause, left.cause)
    assert left.frame == at
    assert data.frame_indices.tolist() == [i for i in range(6) if i != at]
    assert data.positions[::2, 2].tolist() == [0, 1, 2, 3, 4]
    first = 1 + "".join(texts[:at]).count("\n")
    assert left.line is None or first <= left.line <= first + bad.count("\n")
    with pytest.raises(InputError, match=cause):
        read(path, strict=True)
    assert read(f"{path}@:{at}").understood.left_out == ()


@pytest.mark.parametrize("at", [0, 1, 2, 5])
@pytest.mark.parametrize(
    "stray", ["Finished.\n", "<<<<<<< HEAD\n", "# step 3\n\n# again\n", "\nwall time 3 s\n"]
)
def test_a_line_between_structures_costs_none_of_them(write, stray, at) -> None:
    data = read(write("".join([*GOOD[:at], stray, *GOOD[at:]])))
    assert not data.understood.left_out
    assert data.frame_indices.tolist() == [0, 1, 2, 3, 4]
    (note,) = data.understood.notes
    line, text = 1 + 4 * at + stray.startswith("\n"), stray.strip().partition("\n")[0]
    assert note == (
        "lines that belong to no structure are not read, first "
        f"line {line} {text!r} (1 of 5 frames)"
    )


@pytest.mark.parametrize("word", ["H1", "HW_a", "H+", "h_pv"])
def test_a_label_in_place_of_an_element_is_asked_for_and_costs_no_more_than_its_frame(
    write, word
) -> None:
    path = write("".join(GOOD).replace("H ", f"{word} "))
    with pytest.raises(InputError, match=f"--species '{re.escape(word)}=H'") as caught:
        read(path)
    assert caught.value.asks == ("species", word)
    data = read(path, species=f"{word}=H")
    assert set(data.numbers.tolist()) == {1}
    data = read(write("".join([*GOOD[:4], GOOD[4].replace("H ", f"{word} ")]), "one.xyz"))
    (left,) = data.understood.left_out
    assert (left.frame, data.n_structures) == (4, 4)
    assert f"--species {word}=H reads it" in left.cause


def test_symbols_in_other_letter_case_are_read_and_that_is_said(write) -> None:
    data = read(write("".join(GOOD).replace("H ", "CU ")))
    assert set(data.numbers.tolist()) == {29}
    assert "elements in other letter case (CU for Cu) are read as such" in data.understood.notes


def test_a_byte_order_mark_within_a_file_put_together(write) -> None:
    assert read(write("\ufeff".join(GOOD))).n_structures == 5


def test_utf_16_is_named(write) -> None:
    with pytest.raises(InputError, match="is UTF-16 text; save the file as UTF-8"):
        read(write("".join(GOOD).encode("utf-16")))


@pytest.mark.parametrize("names", ["fx fy fz", "force_x force_y force_z", "FX FY FZ"])
def test_forces_in_three_columns_of_one(write, names) -> None:
    columns = ":".join(f"{name}:R:1" for name in names.split())
    data = read(write("".join(GOOD).replace("forces:R:3", columns)))
    assert data.forces is not None
    assert data.forces[0].tolist() == [1, 2, 3]
    assert f"forces are the columns {', '.join(names.split())}" in data.understood.notes
    copy = write("")
    write_subset(data, [0], copy, force=True)
    assert_array_equal(read(copy).forces, data.forces[:2])
    assert data.understood.units[0].known_from == "assumed"


@pytest.mark.parametrize("at", [0, 1, 4])
def test_a_number_of_atoms_that_stands_twice_shifts_no_index(write, at) -> None:
    data = read(write("".join([*GOOD[:at], "2\n", *GOOD[at:]])))
    assert not data.understood.left_out
    assert data.frame_indices.tolist() == [0, 1, 2, 3, 4]
    assert f"first line {4 * at + 1} '2'" in data.understood.notes[0]


def surviving(frames: list[list[str]], k: int, damaged: list[str], path: Path) -> set[int]:
    lines = [line for i, frame in enumerate(frames) for line in (damaged if i == k else frame)]
    path.write_text("\n".join(lines) + "\n")
    found = {frame.index: frame for frame in found_in(path)[0]}
    kept = set()
    for i, frame in enumerate(frames):
        z = [float(line.split()[3]) for line in frame[2:]]
        if i in found and found[i].positions[:, 2].tolist() == z:
            kept.add(i)
    return kept


@pytest.mark.parametrize("comment", [COMMENT, "step {}", "", "{}"])
@pytest.mark.parametrize(
    "damage",
    [
        lambda lines, at: lines[:at] + lines[at + 1 :],
        lambda lines, at: [*lines[:at], lines[at][: len(lines[at]) // 2], *lines[at + 1 :]],
        lambda lines, at: ["8x" if at % 2 else "", *lines[1:]],
        lambda lines, at: [*lines[:-1], lines[-1].replace("0.5", "******")],
    ],
    ids=["missing", "cut", "count", "stars"],
)
def test_the_others_are_read_whatever_is_missing(tmp_path, comment, damage) -> None:
    more = " 1 2 3" if comment == COMMENT else ""
    for trial in range(25):
        random = Random(trial)
        sizes = [random.choice([1, 2, 3, 5, 8]) for _ in range(7)]
        frames = [
            [str(n), comment.format(i), *(f"H 0.5 0 {i}.{a}{more}" for a in range(n))]
            for i, n in enumerate(sizes)
        ]
        k = random.randrange(7)
        damaged = damage(frames[k], random.randrange(len(frames[k])))
        kept = surviving(frames, k, damaged, tmp_path / "a.xyz")
        assert kept >= set(range(7)) - {k}, (trial, k, damaged)


@pytest.mark.parametrize("n_bad", [1, 2, 3, 4])
def test_what_is_damaged_for_the_most_part_is_refused(write, n_bad) -> None:
    bad = structure(0).replace("H", "Q")
    path = write("".join([*GOOD[:3], *[bad] * n_bad]))
    if n_bad <= 3:
        assert len(read(path).understood.left_out) == n_bad
    else:
        with pytest.raises(InputError, match=r"'Q' is not .*; 4 of 7 structures cannot be used"):
            read(path)
    assert read(f"{path}@:3").n_structures == 3
    with pytest.raises(InputError, match="structure 3: 'Q' is not the symbol"):
        read(f"{path}@3:4")


def test_negative_indices_count_what_cannot_be_read(write) -> None:
    path = write("".join(GOOD) + structure(9)[:-8])
    assert read(f"{path}@:-1").frame_indices.tolist() == [0, 1, 2, 3, 4]
    assert read(f"{path}@-2").frame_indices.tolist() == [4]
    with pytest.raises(InputError, match="structure 5: "):
        read(f"{path}@-1")


def test_a_force_that_is_none_costs_the_forces_of_its_frame(write) -> None:
    bad = structure(1).replace("1 2 3\n", "1 ******** 3\n", 1)
    path = write(GOOD[0] + bad + GOOD[2])
    data = read(path)
    (left,) = data.understood.left_out
    assert (left.frame, left.line, left.part) == (1, 7, "forces")
    assert np.isnan(data.forces[2:4]).all()
    assert np.isfinite(data.forces[[0, 1, 4, 5]]).all()


@pytest.mark.parametrize(
    ("column", "word", "value", "note"),
    [
        ("q:R:1", "*****", np.nan, "is read as missing"),
        ("q:R:1", "1.5-101", 1.5e-101, "exponents of three digits"),
        ("q:R:1", "-0.15+102", -1.5e101, "exponents of three digits"),
        ("q:R:1", "1.5D-101", 1.5e-101, ""),
        ("q:I:1", "1.0", 1.0, "read as real ones"),
        ("q:I:1", "none", "none", "kept as text"),
        ("q:I:1", "18446744073709551617", "18446744073709551617", "beyond 64 bit"),
        ("q:I:1", "9223372036854775807", 9223372036854775807, ""),
    ],
)
def test_unusual_words_in_columns_that_are_no_labels(write, column, word, value, note) -> None:
    path = write(f"1\nProperties=species:S:1:pos:R:3:{column}\nH 0 0 0 {word}\n" * 2)
    frames, left_out = found_in(path)
    assert not left_out
    assert_array_equal(frames[0].arrays["q"], [value])
    assert [note in one for one in frames[0].notes] == [True] * bool(note)


def test_a_position_with_an_exponent_of_three_digits(write) -> None:
    (frame,), _ = found_in(write("1\n\nH 1.0-101 0 0\n"))
    assert frame.positions[0, 0] == 1e-101


@pytest.mark.parametrize(
    ("columns", "atoms", "types", "numbers"),
    [
        ("species:S:1:pos:R:3", ["1 0 0 0", "2 0 0 1"], ("1", "2"), [0, 0]),
        ("species:I:1:pos:R:3", ["1 0 0 0", "2 0 0 1"], ("1", "2"), [0, 0]),
        ("element:S:1:pos:R:3", ["14 0 0 0", "8 0 0 1"], ("14", "8"), [0, 0]),
        ("type:I:1:pos:R:3", ["1 0 0 0", "2 0 0 1"], ("1", "2"), [0, 0]),
        ("Z:I:1:pos:R:3", ["14 0 0 0", "8 0 0 1"], (), [14, 8]),
        ("atomic_numbers:R:1:pos:R:3", ["14.0 0 0 0", "8.0 0 0 1"], (), [14, 8]),
        ("species:S:1:pos:R:3:Z:I:1", ["1 0 0 0 14", "2 0 0 1 8"], (), [14, 8]),
        ("species:S:1:pos:R:3", ["1 0 0 0", "O 0 0 1"], (), [1, 8]),
        ("species:S:1:pos:R:3:type:I:1", ["Si 0 0 0 1", "O 0 0 1 2"], (), [14, 8]),
    ],
)
def test_types_and_elements(write, columns, atoms, types, numbers) -> None:
    path = write(f"2\nProperties={columns}\n{atoms[0]}\n{atoms[1]}\n")
    (frame,), _ = found_in(path)
    assert frame.types == types
    assert frame.numbers.tolist() == numbers


def test_plain_files_with_numbers_in_front_are_types(write) -> None:
    (frame,), _ = found_in(write("2\nAtoms. Timestep: 0\n1 0 0 0\n2 0 0 1\n"))
    assert frame.types == ("1", "2")


def test_deuterium_stays_deuterium_in_the_columns(write) -> None:
    (frame,), _ = found_in(write("2\nProperties=species:S:1:pos:R:3\nD 0 0 0\nT 0 0 1\n"))
    assert frame.numbers.tolist() == [1, 1]
    assert frame.arrays["species"].tolist() == ["D", "T"]
    assert len(frame.notes) == 2


ROWS = np.array([[4.0, 0, 0], [2.0, 3.5, 0], [0, 0.5, 3.6]])


@pytest.mark.parametrize("taken", ["rows", "columns"])
def test_nested_lattices_of_either_kind(write, taken) -> None:
    listed = ROWS if taken == "rows" else ROWS.T
    crowd = ROWS @ np.eye(3)
    atoms = [crowd[0] * 0.02, crowd[0] * 0.02 + crowd.sum(0) / 2]
    lines = "".join(f"Cu {x} {y} {z}\n" for x, y, z in atoms)
    text = f"2\nLattice={listed.tolist()} Properties=species:S:1:pos:R:3\n{lines}"
    frames, _ = found_in(write(text * 2))
    cells = {tuple(frame.cell.ravel()) for frame in frames}
    (note,) = {note for frame in frames for note in frame.notes}
    assert len(cells) == 1
    if "as rows" in note:
        assert_allclose(frames[0].cell, listed)
    else:
        assert_allclose(frames[0].cell, listed.T)


def test_columns_are_taken_where_rows_would_overlap(write) -> None:
    cell = np.array([[3.0, 0, 0], [0, 3.0, 0], [9.0, 0, 3.0]])  # as rows: c - 3 a is short
    listed = np.array([[0.9, 0, 0], [0, 3.0, 0], [3.0, 0, 3.0]]).T
    text = f"1\nLattice={listed.tolist()} Properties=species:S:1:pos:R:3\nCu 0 0 0\n"
    (frame,), _ = found_in(write(text))
    assert frame.notes[0].startswith("Lattice=[[...]] is read with the cell vectors as ")
    text = f"1\nLattice={cell.tolist()} Properties=species:S:1:pos:R:3\nCu 0 0 0\n"
    (frame,), _ = found_in(write(text))
    assert_array_equal(frame.cell, cell)
    symmetric = f"1\nLattice={np.diag([3.0, 3, 3]).tolist()}\nCu 0 0 0\n"
    assert found_in(write(symmetric))[0][0].notes == ()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("name", ["train", "train.exyz", "train.XYZ", "train.dat", "a.b.c"])
def test_known_by_content(write, end, name) -> None:
    text = "".join(GOOD).replace("\n", end)
    assert read(write(text.encode(), name)).n_structures == 5


def test_comments_that_look_like_atoms(write) -> None:
    texts = [f"2\ngdb {i} 157.7 3.2 0.4\nH 0 0 {i} -.1\nH 1 0 {i} .1\n" for i in range(5)]
    assert read(write("".join(texts))).n_structures == 5
    texts[2] = texts[2].replace("H 1 0 2 .1\n", "")
    data = read(write("".join(texts)))
    assert data.frame_indices.tolist() == [0, 1, 3, 4]


def test_a_first_atom_that_stands_for_the_comment(write) -> None:
    lost = "2\nH 0 0 0\nH 0 0 1\nH 0 0 2\n"  # of '3', '2', three atoms: the count is gone
    path = write("1\nok\nH 0 0 0\n" + lost + "1\nok\nH 0 0 5\n")
    (left,) = read(path).understood.left_out
    assert left.cause == "the comment line reads like an atom; is a line missing?"


def test_files_that_were_joined_without_a_line_break(write) -> None:
    one = "2\nstep\nH 0.10 0.20 0.30\nH 0.10 0.20 0.40\n"
    data = read(write(one + one.rstrip("\n") + one + one))
    assert data.frame_indices.tolist() == [0, 3]
    first, second = data.understood.left_out
    assert "line 8 seems to run on into the number of atoms" in first.cause
    assert "should hold a number of atoms but reads 'step'" in second.cause


def test_known_by_content_with_a_comment_of_any_length(write) -> None:
    text = f'1\nProperties=species:S:1:pos:R:3 list="{"1.5 " * 5000}" energy=1\nH 0 0 0\n'
    assert read(write(text, "train.dat")).energies.tolist() == [1]
