"""Extended XYZ as scripts write it: Python's own words, lists in quotes, cells by other names."""

from __future__ import annotations

import bz2
import gzip
import lzma

import ase.io
import numpy as np
import pytest

from analytics.data.export import write_subset
from analytics.data.readers import read
from analytics.runtime.errors import InputError

ATOMS = "Cu 0 0 0\nCu 1.8 1.8 0\n"
LATTICE = 'Lattice="3.6 0 0 0.1 3.7 0 0.2 0.3 3.8"'
CELL = [[3.6, 0, 0], [0.1, 3.7, 0], [0.2, 0.3, 3.8]]


def write(path, *comments, atoms=ATOMS, columns="Properties=species:S:1:pos:R:3"):
    path.write_text("".join(f"2\n{columns} {comment}\n{atoms}" for comment in comments))
    return path


@pytest.mark.parametrize(
    "word",
    ["np.float64(-1.5)", "numpy.float32(-1.5)", "[-1.5]", '"[-1.5]"', "array(-1.5)",
     '"tensor(-1.5, dtype=torch.float64)"', "tensor([-1.5])", "-1.5D+00"],
)  # fmt: skip
def test_an_energy_in_the_words_of_python(tmp_path, word) -> None:
    data = read(write(tmp_path / "a.xyz", f"energy={word}"))
    assert data.energies.tolist() == [-1.5]


@pytest.mark.parametrize("word", ["np.float64(nan)", "None", "1.2.3", "[1.0, 2.0]", "f(1.5)"])
def test_what_is_no_energy_stays_none(tmp_path, word) -> None:
    data = read(write(tmp_path / "a.xyz", *["energy=-1.0"] * 2, f"energy={word}"))
    assert np.isnan(data.energies).tolist() == [False, False, True]


@pytest.mark.parametrize("empty", ["energy=", "energy= ", "energy =", "energy = "])
def test_a_name_without_a_value_does_not_take_the_next_one(tmp_path, empty) -> None:
    path = write(tmp_path / "a.xyz", f'{LATTICE} {empty} pbc="T F T" run= 7 title = x')
    data = read(path)
    assert data.energies is None or np.isnan(data.energies).all()
    assert data.pbc.tolist() == [[True, False, True]]
    assert data.records[0].info["run"] == 7
    assert data.records[0].info["title"] == "x"


@pytest.mark.parametrize(
    "flags", ['"[ True False  True]"', '"[True, False, True]"', '"(1, 0, 1)"', '"true,false,true"']
)
def test_periodicity_in_the_words_of_numpy(tmp_path, flags) -> None:
    data = read(write(tmp_path / "a.xyz", f"{LATTICE} pbc={flags}"))
    assert data.pbc.tolist() == [[True, False, True]]


def test_words_that_are_no_periodicity_are_refused(tmp_path) -> None:
    with pytest.raises(InputError, match="not three of T and F"):
        read(write(tmp_path / "a.xyz", f'{LATTICE} pbc="yes yes no"'))


@pytest.mark.parametrize(
    "comment",
    ['Lattice="[[3.6, 0, 0], [0.1, 3.7, 0], [0.2, 0.3, 3.8]]"',
     'Lattice="[3.6, 0, 0, 0.1, 3.7, 0, 0.2, 0.3, 3.8]"',
     'cell="3.6 0 0 0.1 3.7 0 0.2 0.3 3.8"',
     "lattice_vectors=[[3.6, 0, 0], [0.1, 3.7, 0], [0.2, 0.3, 3.8]]"],
)  # fmt: skip
def test_cells_in_other_words_and_under_other_names(tmp_path, comment) -> None:
    data = read(write(tmp_path / "a.xyz", f"{comment} energy=-1"))
    np.testing.assert_allclose(data.cells[0], CELL)
    assert data.pbc.all()
    write_subset(data, np.array([0]), tmp_path / "out.xyz")
    np.testing.assert_allclose(read(tmp_path / "out.xyz").cells[0], CELL)


def test_a_cell_under_another_name_is_said(tmp_path) -> None:
    data = read(write(tmp_path / "a.xyz", 'cell="3 0 0 0 3 0 0 0 3" periodic="T T F"'))
    assert data.pbc.tolist() == [[True, True, False]]
    said = " ".join(data.understood.notes)
    assert "under cell" in said
    assert "under periodic" in said
    # the lattice of the format itself comes first
    both = read(write(tmp_path / "b.xyz", f'{LATTICE} cell="9 0 0 0 9 0 0 0 9"'))
    np.testing.assert_allclose(both.cells[0], CELL)


def test_numbers_of_elements_among_types_are_offered_as_such(tmp_path) -> None:
    water = "3\n\n8 0 0 0\n1 1 0 0\n1 0 1 0\n"
    path = tmp_path / "a.xyz"
    path.write_text(water)
    with pytest.raises(InputError, match="1=H,8=O"):
        read(path)
    assert read(path, species="1=H,8=O").numbers.tolist() == [8, 1, 1]
    path.write_text(water.replace("8 0", "2 0"))
    with pytest.raises(InputError, match="1=Si,2=O"):
        read(path)


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_utf_16_is_named(tmp_path, encoding) -> None:
    path = tmp_path / "a.xyz"
    path.write_bytes(f"2\n{LATTICE}\n{ATOMS}".encode(encoding))
    with pytest.raises(InputError, match="UTF-16"):
        read(path)


def test_lzma_is_read_and_twice_compressed_files_are_named(tmp_path) -> None:
    text = f"2\n{LATTICE}\n{ATOMS}".encode()
    path = tmp_path / "a.xyz.lzma"
    path.write_bytes(lzma.compress(text, format=lzma.FORMAT_ALONE))
    assert read(path).n_structures == 1
    for pack in (gzip.compress, bz2.compress, lzma.compress):
        path = tmp_path / "twice.xyz.gz"
        path.write_bytes(gzip.compress(pack(text)))
        with pytest.raises(InputError, match="compressed twice"):
            read(path)


def test_moments_in_the_comment_tell_states_apart(tmp_path) -> None:
    from analytics.data.checks.registry import check

    comments = [
        f'{LATTICE} energy={energy} magmoms="{moments}"'
        for energy, moments in ((-1.0, "1 1"), (-2.0, "1 -1"))
    ]
    codes = {one.code for one in check(read(write(tmp_path / "a.xyz", *comments))).findings}
    assert "charge_and_spin" in codes
    assert "conflicting_duplicates" not in codes
    # as one column of each atom
    atoms = ("Cu 0 0 0 1\nCu 1.8 1.8 0 1\n", "Cu 0 0 0 1\nCu 1.8 1.8 0 -1\n")
    path = tmp_path / "b.xyz"
    columns = "Properties=species:S:1:pos:R:3:magmoms:R:1"
    path.write_text(
        "".join(f"2\n{LATTICE} {columns} energy={-i}\n{own}" for i, own in enumerate(atoms, 1))
    )
    assert "conflicting_duplicates" not in {one.code for one in check(read(path)).findings}


def test_a_trajectory_of_ase_that_is_cut_short_keeps_its_whole_frames(tmp_path) -> None:
    path = write(tmp_path / "a.xyz", *[f"{LATTICE} energy={-i}" for i in range(9)])
    ase.io.write(tmp_path / "a.traj", ase.io.read(path, ":"))
    whole = (tmp_path / "a.traj").read_bytes()
    (tmp_path / "cut.traj").write_bytes(whole[: len(whole) * 3 // 4])
    data = read(tmp_path / "cut.traj")
    assert 4 < data.n_structures < 9
    assert data.energies.tolist() == [-float(i) for i in range(data.n_structures)]
    assert [one.frame for one in data.understood.left_out] == list(range(data.n_structures, 9))
