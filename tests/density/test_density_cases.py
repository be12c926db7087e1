"""Densities as people have them: each case is read, or refused with the cause, never guessed."""

from __future__ import annotations

import argparse
import bz2
import lzma
import zipfile
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from makers import real_file
from numpy.testing import assert_allclose

from analytics.density.command import add_arguments, run
from analytics.density.grid import BOHR, DensityData
from analytics.density.readers import read_density
from analytics.runtime.errors import InputError

CELL = np.array([[4.0, 0.0, 0.0], [0.0, 4.0, 0.0], [0.0, 0.5, 5.0]])
SITES = np.array([[0.3, 0.4, 0.5], [2.1, 2.2, 2.6]])


READ = {
    "58a_bohr.cube": [], "58b_negative_counts_angstrom.cube": ["read as Å, as the electrons say"],
    "58e_three_digit_exponent.cube": [], "59_origin_shifted.cube": [], "64_dset_ids.cube": [],
    "60_CHGCAR_spin": ["left out 1 further grid: the magnetisation"],
    "60b_CHG_spin_no_augmentation": ["left out 1 further grid: the magnetisation"],
    "61_CHGCAR_soc": ["left out 3 further grids: the magnetisation along x, y, z"],
    "62c_CHGCAR_symbol_with_hash": [], "62d_CHGCAR_glued_numbers": [],
    "65a_density.xsf": ["read as e/Å³, as the electrons say"],
    "66a_CHGCAR.bz2": [], "66c_CHGCAR_crlf": [], "base_CHGCAR": [],
}  # fmt: skip
REFUSED = {
    "58c_positive_counts_but_angstrom_written.cube":
        r"0\.5927 electrons.*\(right if the lengths are in Å",
    "62b_CHGCAR_vasp4_no_symbols": r"names no elements \(VASP 4\): 1 1 atoms of 2 types",
    "65b_LOCPOT": r"negative at 53 of 5120 grid points.*a potential \(LOCPOT\)",
    "65c_ELFCAR": r"between 4\.03e-09 and 1: an electron localisation function \(ELFCAR\)",
    "66b_CHGCAR_truncated": r"the file ends after 1699 of 5120 values",
}  # fmt: skip


@pytest.mark.parametrize("name", READ)
def test_cases_that_are_read(name) -> None:
    data = read_density(real_file(f"cases/{name}"))
    assert_allclose(data.integrals, 4.0, rtol=0.004)  # 58e: one value of 5120 is 1e-102
    assert data.electrons.tolist() == [4.0]
    assert_allclose(data.cells[0], CELL, atol=2e-5)
    assert_allclose(data.positions - data.origins[0], SITES, atol=2e-5)
    assert data.numbers.tolist() == [3, 1]
    heaviest = int(np.argmax(data.densities))
    assert np.linalg.norm(data.points_of(0, np.array([heaviest]))[0] - data.positions[0]) < 0.25
    said = data.notes[1:]
    assert len(said) == len(READ[name])
    assert all(words in note for words, note in zip(READ[name], said, strict=True))


@pytest.mark.parametrize("name", REFUSED)
def test_cases_that_are_refused_with_the_cause(name) -> None:
    with pytest.raises(InputError, match=REFUSED[name]) as caught:
        read_density(real_file(f"cases/{name}"))
    assert caught.value.source == name


# ------------------------------------------------------------------------------- made here


@cache
def density() -> np.ndarray:
    """Return two Gaussian atoms, 3 and 1 electrons, on a grid of 16 x 16 x 20, e/bohr^3."""
    from density_makers import gaussian_atoms

    return gaussian_atoms(SITES, CELL, (16, 16, 20), (3, 1))


def cube(
    unit: float = BOHR, sign: int = 1, *, n_atoms: str = "    2", after: str = "",
    form: str = "{:13.5E}",
) -> str:  # fmt: skip
    """Return a cube file of it with lengths in a unit of so many angstrom."""
    lines = ["title", "density", f"{n_atoms}  0.0  0.0  0.0"]
    for n, vector in zip((16, 16, 20), CELL, strict=True):
        lines.append(f"{sign * n:5d}" + "".join(f"{x / n / unit:13.7f}" for x in vector))
    for z, place in zip((3, 1), SITES, strict=True):
        lines.append(f"{z:5d}{float(z):13.6f}" + "".join(f"{x / unit:13.7f}" for x in place))
    values = [form.format(v) for v in density().ravel()]
    rows = ["".join(values[at : at + 6]) for at in range(0, len(values), 6)]
    return "\n".join([*lines, *([after] if after else []), *rows]) + "\n"


def chgcar(title: str = "test", symbols: str = "Li H", head: str = "Direct") -> str:
    volume = abs(np.linalg.det(CELL)) / BOHR**3
    values = [f"{v:18.11E}" for v in (density() * volume).transpose(2, 1, 0).ravel()]
    places = SITES @ np.linalg.inv(CELL)
    lines = [title, " 1.0", *(" ".join(f"{x:.6f}" for x in v) for v in CELL)]
    lines += [symbols] * bool(symbols) + ["1 1", *head.split("|")]
    lines += [" ".join(f"{x:.8f}" for x in p) for p in places] + ["", " 16 16 20"]
    rows = ["".join(values[at : at + 5]) for at in range(0, len(values), 5)]
    return "\n".join([*lines, *rows]) + "\n"


def xsf(factor: float = 1.0, *, atoms: str = "PRIMCOORD", end: int | None = None) -> str:
    whole = np.pad(density() * factor, ((0, 1),) * 3, mode="wrap").transpose(2, 1, 0)
    vectors = [" ".join(f"{x:.6f}" for x in v) for v in CELL]
    places = [f"{z} {p[0]} {p[1]} {p[2]}" for z, p in zip(("Li", "1"), SITES, strict=True)]
    head = ["# made", "CRYSTAL", "PRIMVEC", *vectors, atoms]
    head += ["2 1"] * (atoms == "PRIMCOORD") + places
    grid = ["BEGIN_BLOCK_DATAGRID_3D", "rho", "BEGIN_DATAGRID_3D_rho", "17 17 21", "0. 0. 0."]
    values = [f"{v:.6E}" for v in whole.ravel()[:end]]
    rows = [" ".join(values[at : at + 5]) for at in range(0, len(values), 5)]
    return "\n".join([*head, *grid, *vectors, *rows, "END_DATAGRID_3D"]) + "\n"


def reads(tmp_path: Path, name: str, content: str | bytes, **options) -> DensityData:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    data = read_density(path, **options)
    assert_allclose(data.density_of(0), density(), rtol=2e-4, atol=1e-6)
    assert_allclose(data.positions, SITES, atol=1e-5)
    assert data.numbers.tolist() == [3, 1]
    return data


@pytest.mark.parametrize(("unit", "sign", "said"), [
    (BOHR, 1, None), (1.0, -1, "read as Å, as the electrons say"),
    (BOHR, -1, "read as bohr, as the electrons say"),
])  # fmt: skip
def test_unit_of_a_cube_with_negative_counts_goes_by_the_electrons(
    tmp_path, unit, sign, said
) -> None:
    notes = reads(tmp_path, "a.cube", cube(unit, sign)).notes
    assert len(notes) == 1 if said is None else said in notes[1]
    # without known electrons it is what the documentation of Gaussian says, and an assumption
    if sign < 0:
        text = cube(unit, sign).replace("    3     3.0", "    7     3.0")
        (tmp_path / "b.cube").write_text(text)
        assert "assumption" in read_density(tmp_path / "b.cube").notes[1] or unit == BOHR


def test_cubes_of_other_programs(tmp_path) -> None:
    reads(tmp_path, "ids.cube", cube(n_atoms="   -2", after="    1    1"))
    reads(tmp_path, "nval.cube", cube().replace("0.0  0.0  0.0\n", "0.0  0.0  0.0    1\n", 1))
    reads(tmp_path, "crlf.cube", cube().replace("\n", "\r\n"))
    reads(tmp_path, "latin.cube", cube().replace("title", "Å").encode("latin-1"))
    reads(tmp_path, "D.cube", cube().replace("E-", "D-").replace("E+", "D+"))
    for content, cause in (
        (cube(n_atoms="   -2", after="    2    1    2"), "2 values per point"),
        (cube().replace("    1     1.000000", "    1     1.000000 x"), "line 8 holds no atom"),
        (cube(n_atoms=" 9999999"), "9999999 atoms announced"),
        (cube().replace("   16", "  -16", 1), "points along the vectors"),
        (cube()[:30_000], r"the file ends after \d+ of 5120 values"),
    ):
        (tmp_path / "bad.cube").write_text(content)
        with pytest.raises(InputError, match=cause):
            read_density(tmp_path / "bad.cube")


def test_numbers_as_fortran_prints_them(tmp_path) -> None:
    text = cube()
    first = text.splitlines()[8].split()[0]
    assert first in text
    bare = text.replace(first, "0.00000-101", 1)
    data = read_density_of(tmp_path, bare)
    assert data.density_of(0)[0, 0, 0] == 0.0
    for bad, cause in (
        ("***********", r"line 9: '\*+', value 1 of 5120 on the grid.*did not fit its column"),
        ("0.1,2", "line 9: '0.1,2', value 1 of 5120"),
        ("garbage", "the grid ends after 0 of 5120 values, at 'garbage' in line 9"),
        ("NaN", r"not finite at 1 of 5120 grid points, first at \(0, 0, 0\)"),
    ):
        with pytest.raises(InputError, match=cause):
            read_density_of(tmp_path, text.replace(first, bad, 1))
    # no blank between the fields, because each begins with a sign
    glued = chgcar().replace(" -", "-").replace("  ", " ")
    reads(tmp_path, "CHGCAR", glued)
    reads(tmp_path, "signed.cube", cube(form="{:+.5E}"))


def read_density_of(tmp_path: Path, text: str) -> DensityData:
    (tmp_path / "made.cube").write_text(text)
    return read_density(tmp_path / "made.cube")


def test_elements_of_vasp_4(tmp_path) -> None:
    old = chgcar(symbols="")
    with pytest.raises(InputError, match=r"say which.*--species 1=") as caught:
        reads(tmp_path, "CHGCAR", old)
    assert caught.value.asks == ("species", "1", "2")
    assert "Li H from what was stated" in reads(
        tmp_path, "CHGCAR", old, species="1=Li,2=H").notes[1]  # fmt: skip
    titled = chgcar(title="Li H", symbols="")
    assert "from the first line" in reads(tmp_path, "CHGCAR", titled).notes[1]
    (tmp_path / "POTCAR").write_text(
        "  PAW_PBE Li_sv 10Sep2004\n   TITEL  = PAW_PBE Li_sv 10Sep2004\n  TITEL  = PAW H 1Jan\n"
    )
    assert "from the POTCAR beside it" in reads(tmp_path, "CHGCAR", old).notes[1]


def test_xsf(tmp_path) -> None:
    assert "e/bohr³, as" in reads(tmp_path, "a.xsf", xsf()).notes[1]
    assert "e/Å³, as" in reads(tmp_path, "b.xsf", xsf(1 / BOHR**3, atoms="ATOMS")).notes[1]
    for content, cause in (
        (xsf(end=1000), "the grid ends after 1000 of 6069 values, at 'END_DATAGRID_3D' in line"),
        (xsf().split("BEGIN_BLOCK")[0], "a structure only"),
        (xsf().replace("17 17 21", "17 x 21"), "damaged grid"),
        (xsf().replace("Li 0.3", "Lx 0.3"), "'Lx' is not the symbol"),
    ):
        (tmp_path / "bad.xsf").write_text(content)
        with pytest.raises(InputError, match=cause):
            read_density(tmp_path / "bad.xsf")


@pytest.mark.parametrize("pack", [bz2.compress, lzma.compress])
def test_compressed(tmp_path, pack) -> None:
    reads(tmp_path, "CHGCAR", pack(chgcar().encode()))
    with pytest.raises(InputError, match="cannot be decompressed"):
        reads(tmp_path, "cut", pack(chgcar().encode())[:2000])


def test_archive_of_calculations(tmp_path) -> None:
    path = tmp_path / "runs.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for at in range(2):
            file.writestr(f"run{at}/CHGCAR", chgcar(symbols=""))
            file.writestr(f"run{at}/POTCAR", "TITEL  = PAW_PBE Li\nTITEL  = PAW_PBE H\n")
    data = read_density(path)
    assert data.n_snapshots == 2
    assert data.numbers.tolist() == [3, 1] * 2
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("README", "nothing")
    with pytest.raises(InputError, match=r"runs\.zip: no electron density among README"):
        read_density(path)


# ------------------------------------------------------------------------------- atoms


WRONG = {
    "ch4_axes_swapped.npz": r"7\.\d+ % of its.*0\.07\d* % with the axes of the grid in the order "
                            r"\(2, 1, 0\)",
    "ch4_points_shuffled.npz": "the points of the grid are in disorder",
    "ch4_positions_in_bohr.npz": r"with positions × 0\.5292 \(they seem to be in bohr\)",
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_right_electrons_in_the_wrong_places_are_refused(name) -> None:
    path = real_file(f"cases/science/{name}")
    with pytest.raises(InputError, match=WRONG[name]) as caught:
        read_density(path)
    assert caught.value.source == name
    assert read_density(path, any_atoms=True).n_snapshots == 1


@pytest.mark.parametrize("name", [
    "cases/science/ch4_ok.npz", "density_be2_mala.npz", "density/al_f16.npz",
    "density/water_f16.npz", "density/sigesn_f16.npz", "density/ethanol_f16.npz",
    "fixtures/CHGCAR_Li_32.gz", "fixtures/CHGCAR_NaCl_56.gz", "fixtures/silica_elec_24.cube.gz",
])  # fmt: skip
def test_right_densities_pass_without_a_word(name) -> None:
    assert read_density(real_file(name)).doubts == ()


def _in_memory_order(rho: np.ndarray) -> np.ndarray:
    return rho.ravel(order="F").reshape(rho.shape)


MISREAD = {
    "two axes": (lambda a: {"rho": a["rho"].transpose(1, 0, 2)}, r"in the order \(1, 0, 2\)"),
    "all axes": (lambda a: {"rho": a["rho"].transpose(1, 2, 0)}, r"in the order \(2, 0, 1\)"),
    "memory": (lambda a: {"rho": _in_memory_order(a["rho"])},
               r"the values as a grid of \(20, 16, 16\) and then its axes in the order"),
    "reversed": (lambda a: {"rho": a["rho"][::-1]}, "points along a reversed"),
    "centred": (lambda a: {"rho": np.roll(a["rho"], (8, 8, 10), (0, 1, 2))},
                "the grid moved by half the cell along a, b, c"),
    "bohr": (lambda a: {"pos": a["pos"] / BOHR}, r"positions × 0\.5292"),
    "angstrom": (lambda a: {"pos": a["pos"] * BOHR}, r"positions × 1\.89"),
    "nm": (lambda a: {"pos": a["pos"] / 10}, "positions × 10"),
    "fractional": (lambda a: {"pos": a["pos"] @ np.linalg.inv(a["cell"])}, "as fractional"),
    "disorder": (lambda a: {"rho": np.random.default_rng(0).permutation(a["rho"].ravel()).reshape(
        a["rho"].shape)}, "in disorder"),
}  # fmt: skip


@pytest.mark.parametrize("kind", MISREAD)
def test_the_reading_that_fits_is_named(tmp_path, kind) -> None:
    right = {"rho": density(), "pos": SITES, "cell": CELL, "Z": np.array([3, 1])}
    change, cause = MISREAD[kind]
    np.savez(tmp_path / "a.npz", **right | change(right))
    with pytest.raises(InputError, match=cause):
        read_density(tmp_path / "a.npz")


def test_one_wrong_snapshot_of_many_is_named(tmp_path) -> None:
    rho = np.stack([density()] * 4)
    rho[2] = rho[2].transpose(1, 0, 2)
    np.savez(tmp_path / "a.npz", rho=rho, pos=[SITES] * 4, cell=CELL, Z=np.array([3, 1]))
    with pytest.raises(InputError, match=r"a\.npz, structure 2: .*in the order \(1, 0, 2\)"):
        read_density(tmp_path / "a.npz")


def test_other_atoms_are_doubtful_and_said(tmp_path, capsys) -> None:
    path = tmp_path / "a.npz"
    places = SITES + np.array([[0.9, 0.4, 1.1], [0.6, 1.3, 0.0]])
    np.savez(path, rho=density(), pos=places, cell=CELL, Z=np.array([3, 1]))
    (doubt,) = read_density(path).doubts
    assert "are these its atoms?" in doubt
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert run(parser.parse_args(["info", str(path)])) == 0
    assert f"doubtful: {doubt}" in capsys.readouterr().out
