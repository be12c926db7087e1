"""Formats of ASE: read in a process of their own that starts no program and leaves its folder."""

from __future__ import annotations

import subprocess
import sys

import ase.io
import ase.io.formats
import pytest
from ase import Atoms
from ase.build import bulk
from ase.db import connect
from ase.spacegroup import crystal
from numpy.testing import assert_array_equal

from analytics.data.ase_reader import EXCLUDED, FORMATS, read_frames
from analytics.data.confined import confined
from analytics.data.readers import read
from analytics.runtime.errors import Cancelled, InputError, WinnowError
from analytics.runtime.progress import SILENT, Silent

#: A valid input whose `end` has no empty line after it: the regular expression of ASE's reader
#: takes twice as long for each further atom.
NWCHEM = (
    "geometry units angstrom\n" + "  Si 0.000000 0.700000 0.300000\n" * 40
    + "end\nbasis\n * library 6-31g\nend\ntask dft energy\n"
)  # fmt: skip


def test_every_format_of_ase_is_read_or_there_is_a_reason() -> None:
    known = {name for name, form in ase.io.formats.ioformats.items() if form.can_read}
    assert known - {"xyz", "extxyz"} == FORMATS | set(EXCLUDED)
    assert not FORMATS & set(EXCLUDED)


def test_a_reader_that_does_not_return(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("WINNOW_READER_SECONDS", "2")
    path = tmp_path / "a.nwi"
    path.write_text(NWCHEM)
    with pytest.raises(InputError) as caught:
        read(path)
    assert str(caught.value) == "a.nwi: ASE cannot read it: it takes longer than 2 s"
    monkeypatch.setenv("WINNOW_READER_SECONDS", "soon")
    with pytest.raises(WinnowError, match="WINNOW_READER_SECONDS is 'soon'"):
        read(path)


def test_a_reader_that_does_not_return_can_be_cancelled(tmp_path) -> None:
    class Stop(Silent):
        asked = 0

        def checkpoint(self) -> None:
            self.asked += 1
            if self.asked > 5:
                raise Cancelled

    path = tmp_path / "a.nwi"
    path.write_text(NWCHEM)
    with pytest.raises(Cancelled):
        read(path, monitor=Stop())


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory")
def test_a_reader_that_takes_all_memory(tmp_path) -> None:
    path = tmp_path / "a.cfg"
    ase.io.write(path, bulk("Cu"))
    path.write_text(path.read_text().replace("particles = 1", "particles = 300000000"))
    with pytest.raises(InputError, match=r"^a\.cfg: ASE cannot read it as cfg \(MemoryError"):
        read(path)


def test_no_reader_starts_a_program(tmp_path, monkeypatch) -> None:
    program, trace = tmp_path / "castep", tmp_path / "started"
    program.write_text(f"#!/bin/sh\ntouch {trace}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    path = tmp_path / "a.cell"
    path.write_text("%BLOCK LATTICE_CART\n5 0 0\n0 5 0\n0 0 5\n%ENDBLOCK LATTICE_CART\n"
                    "%BLOCK POSITIONS_FRAC\nSi 0 0 0\n%ENDBLOCK POSITIONS_FRAC\n")  # fmt: skip
    with pytest.raises(InputError, match="starts the program castep"):
        read(path)
    assert not trace.exists()


def test_no_reader_leaves_its_folder(tmp_path) -> None:
    (tmp_path / "secret.dat").write_text("2.5 2.5 2.5\n")
    folder = tmp_path / "here"
    folder.mkdir()
    include = "%BLOCK POSITIONS_ABS\nang\nINCLUDEFILE {}\n%ENDBLOCK POSITIONS_ABS\n"
    path = folder / "a.dat"
    path.write_text("%block lattice_cart\nang\n5 0 0\n0 5 0\n0 0 5\n%endblock lattice_cart\n"
                    + include.format("../secret.dat"))  # fmt: skip
    with pytest.raises(InputError) as caught:
        read(path)
    assert "2.5" not in str(caught.value)


@pytest.mark.parametrize(
    "act",
    [
        lambda folder: (folder.parent / "b").read_text(),
        lambda folder: (folder / "link").read_text(),
        lambda folder: (folder / "a").write_text("x"),
        lambda folder: (folder / "new").touch(),
        lambda folder: (folder / "a").unlink(),
        lambda folder: list(folder.parent.iterdir()),
        lambda _: subprocess.run(["true"], check=True),
        lambda _: __import__("os").system("true"),
        lambda _: __import__("socket").create_connection(("127.0.0.1", 9)),
        lambda _: __import__("pickle").loads(b"cos\nsystem\n(S'true'\ntR."),
    ],
)
def test_what_is_refused_within_a_folder(tmp_path, act) -> None:
    folder = tmp_path / "here"
    folder.mkdir()
    (folder / "a").write_text("a")
    (tmp_path / "b").write_text("b")
    (folder / "link").symlink_to(tmp_path / "b")
    with confined(folder):
        assert (folder / "a").read_text() == "a"
        assert [path.name for path in folder.iterdir() if path.name == "a"] == ["a"]
        with pytest.raises(PermissionError):
            act(folder)
    assert (tmp_path / "b").read_text() == "b"


def test_values_that_only_python_knows_become_text(tmp_path) -> None:
    path = tmp_path / "salt.cif"
    places = [(0, 0, 0), (0.5, 0.5, 0.5)]
    cell = [5.6, 5.6, 5.6, 90, 90, 90]
    ase.io.write(path, crystal(["Na", "Cl"], places, spacegroup=225, cellpar=cell))
    data = read(path)
    assert data.n_environments == 8
    assert data.records[0].info["spacegroup"] == "P 1"


@pytest.mark.parametrize(
    ("name", "kind"), [("POSCAR.gz", "vasp"), ("a.xsf.bz2", "xsf"), ("a.cif.xz", "cif")]
)
def test_compressed_files(tmp_path, name, kind) -> None:
    ase.io.write(tmp_path / name, bulk("Cu", cubic=True), format=kind)
    data = read(tmp_path / name)
    assert (data.name, data.n_environments) == (name, 4)


def test_folders_of_ase(tmp_path) -> None:
    path = tmp_path / "a.bundle"
    images = [Atoms("H", positions=[[0, 0, z]]) for z in range(3)]
    ase.io.write(path, images, format="bundletrajectory")
    assert_array_equal(read(f"{path}@1:").positions[:, 2], [1, 2])


POSCAR = "silicon {0}\n1.0\n{0} 0 0\n0 {0} 0\n0 0 {0}\nSi\n2\nDirect\n0 0 0\n0.5 0.5 0.5\n"
VELOCITIES = (
    "Lattice velocities and vectors\n  1\n" + "  0.0 0.0 0.1\n" * 6 + "\n" + " 0.0 0.1 0.2\n" * 2
    + "\n 1\n 2.0\n 0.1 0.2 0.3 0.4\n" + " 0.0 0.1 0.2\n" * 6
)  # fmt: skip


def test_poscars_one_after_the_other_are_all_read(tmp_path) -> None:
    path = tmp_path / "POSCAR"
    path.write_text(POSCAR.format(4) + POSCAR.format(5) + "\n" + POSCAR.format(6))
    found = read_frames(str(path), SILENT)
    assert [frame.cell[0, 0] for frame in found] == [4.0, 5.0, 6.0]


@pytest.mark.parametrize("more", ["", "\n 0.0 0.1 0.2\n 0.0 0.1 0.2\n", VELOCITIES])
def test_velocities_of_a_contcar_are_no_second_structure(tmp_path, more) -> None:
    path = tmp_path / "CONTCAR"
    path.write_text(POSCAR.format(4) + more)
    assert len(read_frames(str(path), SILENT)) == 1


def test_poscar_of_vasp_4_is_said_to_name_no_elements(tmp_path) -> None:
    path = tmp_path / "POSCAR"
    path.write_text(POSCAR.format(4).replace("\nSi\n", "\n").replace("silicon", "a crystal"))
    with pytest.raises(InputError, match="POSCAR of VASP 4, which names no elements"):
        read_frames(str(path), SILENT)


def test_a_damaged_database_is_refused_in_one_line(tmp_path):
    path = tmp_path / "a.db"
    with connect(path) as base:
        base.write(Atoms("H"))
    content = bytearray(path.read_bytes())
    content[100:1000] = b"\xff" * 900  # the first page, with the list of tables
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"^a\.db: (is a damaged SQLite database|ASE cannot)"):
        read(path)
