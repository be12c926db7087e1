"""Densities are read with the right unit and electrons, and what is none is named as such."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.io.cube import write_cube
from density_makers import archive, write
from makers import real_file
from numpy.testing import assert_allclose, assert_array_equal

from analytics.density.grid import BOHR
from analytics.density.readers import EMBEDDED, read_density
from analytics.density.validation import _valence, formula
from analytics.runtime.errors import InputError

FOLDER = Path(__file__).parents[2] / "assets" / "density"


def integral(rho: np.ndarray, cell: np.ndarray) -> float:
    return float(rho.mean() * abs(np.linalg.det(cell)) / BOHR**3)


# ------------------------------------------------------------------------------- embedded


@pytest.mark.parametrize(
    ("name", "electrons", "counts"),
    [("al", 12, (20, 4, 6)), ("sigesn", 32, (24, 6, 4)),
     ("water", 8, (20, 4, 4)), ("ethanol", 20, (20, 4, 4))],
)  # fmt: skip
def test_embedded_systems(name, electrons, counts) -> None:
    data = read_density(name)
    assert [int((data.roles == r).sum()) for r in ("train", "test", "unseen")] == list(counts)
    assert_array_equal(data.electrons, electrons)
    assert_allclose(data.integrals, electrons, rtol=0.02)
    assert np.isfinite(data.energies).all()
    assert data.calculation is not None
    assert not data.densities.flags.writeable
    seen = set(data.conditions[data.roles == "train"])
    assert not seen & set(data.conditions[data.roles == "unseen"])


def test_embedded_data_fits_its_allowance() -> None:
    sizes = [path.stat().st_size for path in FOLDER.glob("*.npz")]
    assert len(sizes) == len(EMBEDDED)
    assert sum(sizes) <= 2_000_000


# ------------------------------------------------------------------------------- npz


def test_npz_by_short_and_long_keys(tmp_path) -> None:
    arrays = archive()
    short = read_density(write(tmp_path / "short.npz"))
    np.savez(
        tmp_path / "long.npz", density=arrays["rho"], positions=arrays["pos"],
        cells=arrays["cell"][0], numbers=arrays["Z"][0],
    )  # fmt: skip
    long = read_density(tmp_path / "long.npz")
    assert short.fingerprint == long.fingerprint
    assert short.n_snapshots == 4
    assert_allclose(short.density_of(2), arrays["rho"][2], rtol=1e-6)
    # the skewed cell: the point (1, 2, 3) is where the atoms say it is
    expected = np.array([1 / 10, 2 / 10, 3 / 12]) @ arrays["cell"][0]
    row = np.ravel_multi_index((1, 2, 3), (10, 10, 12))
    assert_allclose(short.points_of(0, np.array([row]))[0], expected)


def test_unit_is_converted_and_said(tmp_path) -> None:
    per_angstrom = archive()["rho"] / BOHR**3
    path = write(tmp_path / "a.npz", rho=per_angstrom)
    with pytest.raises(InputError, match=r"a\.npz, structure 0: integrates to 13.*e/Å"):
        read_density(path)
    data = read_density(path, unit="e/A3")
    assert_allclose(data.integrals, 2.0, rtol=1e-3)
    assert "e/A3" in data.notes[0]
    stated = write(tmp_path / "b.npz", rho=per_angstrom, unit=np.array("e/A3"))
    assert_allclose(read_density(stated).integrals, 2.0, rtol=1e-3)


def test_several_files_are_one_system(tmp_path) -> None:
    a, b = write(tmp_path / "a.npz"), write(tmp_path / "b.npz", **archive(2, seed=5))
    data = read_density([a, b])
    assert data.n_snapshots == 6
    assert data.sources == ("a.npz",) * 4 + ("b.npz",) * 2
    assert len(data.notes) == 2


BAD = {
    "negative": (lambda a: {"rho": a["rho"] - 0.002}, "negative at"),
    "nan": (lambda a: {"rho": np.where(a["rho"] > a["rho"].max() * 0.99, np.nan, a["rho"])},
            "not finite at"),
    "zero": (lambda a: {"rho": np.zeros_like(a["rho"])}, "integrates to 0 electrons"),
    "shape": (lambda a: {"rho": a["rho"][0, 0]}, "rho has shape"),
    "missing": (lambda a: {"Z": None}, "no electron density: Z"),
    "atoms": (lambda a: {"Z": np.ones((4, 3))}, "3 atomic numbers but positions"),
    "snapshots": (lambda a: {"pos": a["pos"][:3]}, "does not fit 4 snapshots"),
    "flat cell": (lambda a: {"cell": np.ones((4, 3, 3))}, "no volume"),
    "grid": (lambda a: {"rho": a["rho"][:, ::5]}, "does not match the cell.*apart along its vec"),
    "grid, exchanged": (lambda a: {"rho": a["rho"][:, ::5], "cell": a["cell"] * [[2], [.4], [1]]},
                        "does not match the cell.*; 10 × 2 × 12 would: are its axes exchanged"),
    "mesh": (lambda a: {"mesh": np.array([20, 20, 20]), "stride": np.array(2)}, "not every 2"),
    "electrons": (lambda a: {"electrons": np.array(5)}, "not 5"),
    "element": (lambda a: {"Z": np.zeros((4, 2))}, "atomic number 0"),
    "words": (lambda a: {"role": np.array(["a", "b", "c", "d"])}, "role 'a'"),
    "text": (lambda a: {"rho": np.full((4, 2, 2, 2), "x")}, "type"),
    "unit": (lambda a: {"unit": np.array("C/m3")}, "unit 'C/m3'"),
    "empty": (lambda a: {"rho": a["rho"][:0]}, "no snapshots"),
}  # fmt: skip


@pytest.mark.parametrize("kind", BAD)
def test_bad_archives_are_named(tmp_path, kind) -> None:
    change, cause = BAD[kind]
    path = write(tmp_path / "bad.npz", **change(archive()))
    with pytest.raises(InputError, match=cause) as caught:
        read_density(path)
    assert caught.value.source == "bad.npz"
    assert "\n" not in str(caught.value)


def test_stretched_cell_is_noticed_by_its_electrons(tmp_path) -> None:
    path = write(tmp_path / "a.npz", cell=1.3 * archive()["cell"])
    with pytest.raises(InputError, match=r"integrates to 4\.39"):
        read_density(path)


def test_pickles_are_refused(tmp_path) -> None:
    path = tmp_path / "a.npz"
    np.savez(path, rho=np.array([{"a": 1}], dtype=object))
    with pytest.raises(InputError, match="cannot be read"):
        read_density(path)


@pytest.mark.parametrize(
    ("content", "cause"),
    [(b"PK\x03\x04 no zip", "cannot be unpacked"), (b"hello\n" * 9, "no electron density"),
     (b"\xff\xfe\x00binary", "not text"), (b"", "the file is empty"),
     (b"\x1f\x8b broken", "cannot be decompressed")],
)  # fmt: skip
def test_other_files_are_refused(tmp_path, content, cause) -> None:
    path = tmp_path / "strange"
    path.write_bytes(content)
    with pytest.raises(InputError, match=cause):
        read_density(path)
    with pytest.raises(InputError, match="no such file"):
        read_density(tmp_path / "absent")


def test_small_negative_values_are_clipped_and_said(tmp_path) -> None:
    rho = archive()["rho"].copy()
    rho[1, 0, 0, 0] = -1e-5
    data = read_density(write(tmp_path / "a.npz", rho=rho))
    assert data.densities.min() == 0.0
    assert "clipped in 1" in data.notes[0]


def test_different_systems_are_refused(tmp_path) -> None:
    a = write(tmp_path / "a.npz")
    b = write(tmp_path / "b.npz", Z=np.broadcast_to([11, 9], (4, 2)),
              rho=4 * archive()["rho"])  # fmt: skip
    with pytest.raises(InputError, match=r"b\.npz, structure 0: FNa is another .* HLi"):
        read_density([a, b])
    with pytest.raises(InputError, match="another system"):
        read_density(["water", "ethanol"])


# ------------------------------------------------------------------------------- text formats


def cube_of(path: Path, arrays: dict) -> Path:
    atoms = Atoms(numbers=arrays["Z"][0], positions=arrays["pos"][0], cell=arrays["cell"][0])
    with path.open("w") as handle:
        write_cube(handle, atoms, data=arrays["rho"][0])
    return path


def chgcar_of(path: Path, arrays: dict, scale: float = 1.0) -> Path:
    cell, rho = arrays["cell"][0], arrays["rho"][0]
    fractions = np.linalg.solve(cell.T, arrays["pos"][0].T).T
    lines = ["made", f"{scale}", *(" ".join(map(repr, (v / scale).tolist())) for v in cell)]
    lines += ["Li H", "1 1", "Direct", *(" ".join(map(repr, f.tolist())) for f in fractions), ""]
    values = (rho * abs(np.linalg.det(cell)) / BOHR**3).transpose(2, 1, 0).ravel()
    lines.append(" ".join(map(str, rho.shape)))
    lines += [" ".join(f"{v:.11E}" for v in values[i : i + 5]) for i in range(0, len(values), 5)]
    lines += ["augmentation occupancies   1   2", " 0.1E+00 0.2E+00"]
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_cube_and_chgcar_say_the_same_as_npz(tmp_path, packed) -> None:
    arrays = archive()
    wanted = read_density(write(tmp_path / "a.npz"))
    files = [cube_of(tmp_path / "a.cube", arrays), chgcar_of(tmp_path / "CHGCAR", arrays, 1.7)]
    for path in files:
        if packed:
            path = path.with_name(path.name + ".gz")
            path.write_bytes(gzip.compress(path.with_suffix("").read_bytes()))
        data = read_density(path)
        assert_allclose(data.density_of(0), wanted.density_of(0), rtol=1e-4, atol=1e-7)
        assert_allclose(data.positions, wanted.positions[:2], atol=1e-5)
        assert_allclose(data.cells[0], wanted.cells[0], atol=1e-5)
        assert data.electrons.tolist() == [2.0]


def test_cube_origin_moves_the_grid(tmp_path) -> None:
    arrays = archive()
    path = cube_of(tmp_path / "a.cube", arrays)
    lines = path.read_text().splitlines()
    lines[2] = "    2    0.5    0.0    -0.25"
    path.write_text("\n".join(lines) + "\n")
    origin = np.array([0.5, 0.0, -0.25]) * BOHR
    assert_allclose(read_density(path).points_of(0, np.array([0]))[0], origin, rtol=1e-6)


def test_truncated_files_are_named(tmp_path) -> None:
    files = [cube_of(tmp_path / "a.cube", archive()), chgcar_of(tmp_path / "CHGCAR", archive())]
    for path in files:
        text = path.read_text()
        path.write_text(text[: len(text) // 2])
        with pytest.raises(InputError, match=path.name):
            read_density(path)
    poscar = tmp_path / "POSCAR"
    poscar.write_text("\n".join(chgcar_of(tmp_path / "x", archive()).read_text().splitlines()[:10]))
    with pytest.raises(InputError, match="no CHGCAR"):
        read_density(poscar)


@pytest.mark.parametrize("word", ["***", "nan?", "1.0x"])
def test_overflowed_values_are_no_numbers(tmp_path, word) -> None:
    path = chgcar_of(tmp_path / "CHGCAR", archive())
    lines = path.read_text().splitlines()
    lines[20] = lines[20].replace(lines[20].split()[2], word)
    path.write_text("\n".join(lines) + "\n")
    with pytest.raises(InputError, match="no number"):
        read_density(path)


@pytest.mark.parametrize(
    ("name", "electrons", "formula_"),
    [("CHGCAR_Li_32.gz", 1, "Li"), ("CHGCAR_NaCl_56.gz", 8, "ClNa")],
)
def test_real_chgcar(name, electrons, formula_) -> None:
    data = read_density(real_file(f"fixtures/{name}"))
    assert data.electrons[0] == electrons
    assert_allclose(data.integrals, electrons, rtol=1e-6)
    assert formula(data.atoms_of(0)[0]) == formula_


def test_real_cube_and_mala_archive() -> None:
    silica = read_density(real_file("fixtures/silica_elec_24.cube.gz"))
    assert silica.shapes.tolist() == [[23, 23, 24]]
    assert "assumed" in silica.notes[0]
    beryllium = read_density(real_file("density_be2_mala.npz"))
    assert beryllium.n_snapshots == 5
    assert_allclose(beryllium.integrals, 4.0, atol=1e-3)


def test_valence_electrons() -> None:
    expected = {1: 1, 3: 1, 8: 6, 13: 3, 14: 4, 26: 8, 30: 12, 31: 3, 50: 4, 53: 7, 55: 1, 78: 10,
                79: 11, 82: 4}  # fmt: skip
    assert {z: _valence(z) for z in expected} == expected


# ------------------------------------------------------------------------------- damaged

MIXED = np.zeros(4, dtype=[("a", "<f8"), ("b", "S3")])
STRANGE = {
    "structured": ({"role": MIXED}, "role: values of type"),
    "structured_numbers": ({"Z": MIXED}, "Z: values of type"),
    "text_positions": ({"pos": np.full((4, 2, 3), "x")}, "pos is of type <U1"),
    "complex_cell": ({"cell": np.eye(3) + 0j}, "cell is of type complex128"),
    "half_elements": ({"Z": np.array([3.5, 1.0])}, "Z is 3.5, not a whole number"),
    "missing_elements": ({"Z": np.array([np.nan, 1.0])}, "Z is nan, not a whole number"),
    "origin": ({"origin": np.zeros(2)}, "origin has shape"),
    "origin_nan": ({"origin": np.array([0, np.nan, 0])}, "origin is not finite"),
    "energy": ({"energy": np.zeros(3)}, "energy has shape"),
    "electrons_text": ({"electrons": np.array("two")}, "electrons is of type"),
    "electrons_negative": ({"electrons": np.array(-2.0)}, "states -2 electrons"),
    "electrons_missing": ({"electrons": np.array(np.nan)}, "states nan electrons"),
    "stride": ({"mesh": np.array([10, 10, 12]), "stride": np.array(0)}, "stride is 0"),
    "k": ({"k": np.array(1e300)}, r"k is 1e\+300"),
    "sigma": ({"sigma": np.array(np.inf)}, "sigma is inf"),
    "role_bytes": ({"role": np.array([b"\xff"] * 4)}, "role is no text"),
    "huge_density": ({"rho": np.full((4, 10, 10, 12), 1e308)}, "integrates to"),
    "flat_cell": ({"cell": np.array([[3.2, 0, 0], [3.2, 1e-4, 0], [0, 0, 3.7]])}, "Å apart"),
    "far_atom": ({"pos": np.full((4, 2, 3), 1e12)}, "atom 0 is more than"),
}


@pytest.mark.parametrize("kind", STRANGE)
def test_strange_arrays_are_refused_in_one_line(tmp_path, kind) -> None:
    change, cause = STRANGE[kind]
    with pytest.raises(InputError, match=rf"bad\.npz.*{cause}") as caught:
        read_density(write(tmp_path / "bad.npz", **change))
    assert len(str(caught.value).splitlines()) == 1


def volumetric(kind: str) -> str:
    """Return a cube or CHGCAR file of lithium hydride as text."""
    first = {key: value[0] for key, value in archive().items()}
    if kind == "cube":
        values = " ".join(f"{v:.6e}" for v in first["rho"].ravel())
        axes = first["cell"] / np.array([[10], [10], [12]]) / BOHR
        rows = [f"{n} {x} {y} {z}" for n, (x, y, z) in zip((10, 10, 12), axes, strict=True)]
        atoms = [f"{z} 0 {x} {y} {w}" for z, (x, y, w) in
                 zip((3, 1), first["pos"] / BOHR, strict=True)]  # fmt: skip
        return "\n".join(["a", "b", "2 0 0 0", *rows, *atoms, values])
    cell = first["cell"]
    values = first["rho"].transpose(2, 1, 0).ravel() * np.linalg.det(cell) / BOHR**3
    rows = [" ".join(map(str, row)) for row in cell.tolist()]
    sites = [" ".join(map(str, r)) for r in first["pos"].tolist()]
    numbers = " ".join(f"{v:.6e}" for v in values)
    return "\n".join(
        ["x", "1.0", *rows, "Li H", "1 1", "Cartesian", *sites, "", "10 10 12", numbers]
    )


@pytest.mark.parametrize(
    ("kind", "old", "new", "cause"),
    [
        ("cube", "", "", None),
        ("cube", "\n2 0", "\n200000000 0", "atoms announced"),
        ("cube", "\n2 0 0 0", "\n2 0 0 0 1000000000", "1000000000 values per point"),
        ("cube", "\n2 0", "\n-2 0", "values per point"),
        ("cube", "\n10 ", "\n10000000000 ", "the file ends after 1200 of"),
        ("cube", "e-0", "e+300 ", "damaged cube|integrates"),
        ("CHGCAR", "", "", None),
        ("CHGCAR", "1 1", "1 99999999", "99999999 atoms"),
        ("CHGCAR", "1 1", f"1 {'9' * 5000}", "999 atoms"),
        ("CHGCAR", "10 10 12", "10 10 999999999999", "the file ends after 1200 of"),
        ("CHGCAR", "10 10 12", "10 10 ²", "no grid after"),
        ("CHGCAR", "1.0", "0.0", "no volume|damaged CHGCAR"),
    ],
)
def test_announced_counts_are_not_believed(tmp_path, kind, old, new, cause) -> None:
    path = tmp_path / kind
    path.write_text(volumetric(kind).replace(old, new, 1), encoding="utf-8")
    if cause is None:
        assert_allclose(read_density(path).integrals, 2.0, rtol=0.02)
        return
    with pytest.raises(InputError, match=cause) as caught:
        read_density(path)
    assert len(str(caught.value).splitlines()) == 1
