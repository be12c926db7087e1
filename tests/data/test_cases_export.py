"""What is exported reads as the original does, to ASE and to the C parser of extended XYZ."""

from __future__ import annotations

import bz2
import gzip
import lzma
from pathlib import Path
from typing import Any

import ase.io
import numpy as np
import pytest
from extxyz import cextxyz
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from analytics.data.export import write_subset
from analytics.data.readers import read
from analytics.runtime.errors import InputError

CASES = Path(__file__).resolve().parents[3] / "shared" / "data" / "cases"
FILES = sorted(CASES.glob("*.xyz*")) if CASES.is_dir() else []
#: Free text in place of key=value pairs becomes the value of a key; other blank lines end the
#: file for ASE, other line breaks are none for the C parser, and CP2K has a reader of its own.
PLAIN = ("18a", "18b", "19a", "37", "27d", "54")


def told_by_ase(path: Path) -> list[dict[str, Any]] | None:
    """Return all values of each structure as ASE reads them; None if it does not."""
    try:
        frames = ase.io.read(path, ":", format="extxyz")
    except Exception:
        return None
    return [
        {
            **{("info", key): value for key, value in atoms.info.items()},
            **{("array", key): value for key, value in atoms.arrays.items()},
            **{("result", k): v for k, v in (atoms.calc.results if atoms.calc else {}).items()},
            "cell": np.array(atoms.cell),
            "pbc": atoms.pbc,
            "fixed": [c.index for c in atoms.constraints if hasattr(c, "index")],
        }
        for atoms in frames
    ]


def told_by_extxyz(path: Path) -> list[dict[str, Any]] | None:
    """Return all values of each structure as the package extxyz reads them; None if it cannot."""
    file, found = cextxyz.cfopen(str(path), "r"), []
    try:
        while True:
            _, info, arrays = cextxyz.read_frame_dicts(file)
            found.append(
                {("info", key): value for key, value in info.items()}
                | {("array", key): value for key, value in arrays.items()}
            )
    except EOFError:
        return found
    except Exception:
        return None
    finally:
        cextxyz.cfclose(file)


def assert_told_alike(before: Any, after: Any) -> None:
    for key, value in before.items():
        there = after[key]
        if isinstance(value, dict):
            assert value == there, key
        else:
            np.testing.assert_array_equal(np.asarray(there), np.asarray(value), err_msg=str(key))
            assert np.asarray(there).dtype.kind == np.asarray(value).dtype.kind, key
    more = [key for key in after if key not in before]
    assert all("original_index" in key[1] for key in more), more


def assert_reads_alike(original: Path, exported: Path, frames: list[int]) -> int:
    """Compare what two readers make of a file and its export; return how many could read it."""
    compared = 0
    for told in (told_by_ase, told_by_extxyz):
        before = told(original)
        if before is None:
            continue
        after = told(exported)
        assert after is not None, f"{told.__name__}: the original can be read and the export not"
        assert len(after) == len(frames)
        for at, frame in enumerate(frames):
            assert_told_alike(before[frame], after[at])
        compared += 1
    return compared


def unpacked(path: Path) -> bytes:
    content = path.read_bytes()
    for magic, kind in ((b"\x1f\x8b", gzip), (b"BZh", bz2), (b"\xfd7z", lzma)):
        if content.startswith(magic):
            return kind.decompress(content)  # type: ignore[attr-defined, no-any-return]
    return content


@pytest.mark.filterwarnings("ignore")
@pytest.mark.skipif(not FILES, reason="needs the shared cases")
@pytest.mark.parametrize("path", FILES, ids=[path.name for path in FILES])
def test_a_case_is_exported_as_it_was(path, tmp_path) -> None:
    if path.name.startswith(PLAIN) or path.suffix in (".zip", ".zst"):
        return
    try:
        data = read(path)
    except InputError:
        return
    (tmp_path / "in.xyz").write_bytes(unpacked(path))
    write_subset(data, np.arange(data.n_structures), tmp_path / "out.xyz")
    assert_reads_alike(tmp_path / "in.xyz", tmp_path / "out.xyz", data.frame_indices.tolist())


LINES = [
    "parents={a1 b2 c3}", 'tags=["x", "y z"]', 'label={"1 3 4 5"}', "flags={T F T}", "ints={1 2}",
    "matrix=[[1, 2, 3], [4, 5, 6]]", "reals=[1.5, -2e-3, 7]", 'words={"a b" c}', "id=007",
    'odd="say \\"hi\\" \\\\ bye"', "big=12345678901234", "huge=123456789012345678901234567890",
    'pbc="T F T"', "pbc=[T, T, F]", "ok=T no=F", "when=2026-11-26T10:00:00 url=x:/y?z", "a-b.c=1",
    "städte=Zürich", 'empty=""', 'nested="_JSON {\\"a\\": {\\"b\\": [1, null]}}"', "single='x y'",
    "energy=-1.25", "free_energy=-1.5 energy=-1.25", 'stress="1 2 3 2 4 5 3 5 6"',
    'virial="1 0 0 0 1 0 0 0 1"', 'dipole="0.1 0.2 0.3"', "charge=1", "REF_energy=3 energy=2",
    'Lattice="9 0 0 1 8 0 0 2 7"', "Lattice=[[9, 0, 0], [0, 8, 0], [0, 0, 7]]", "config_type=a_b",
]  # fmt: skip
COLUMNS = {
    "forces:R:3": ["1e-17 0.5 -3", "0 0.1 0.30000000000000004"],
    "move_mask:L:1": ["T", "F"],
    "move_mask:L:3": ["T F T", "F F F"],
    "tag:I:1": ["3", "-4"],
    "label:S:1": ["up", "Straße"],
    "magmom:R:1": ["0.25", "-1"],
    "MACE_forces:R:3": ["9 8 7", "6 5 4"],
    "cn:I:2": ["1 2", "3 4"],
    "Z:I:1": ["6", "8"],
    "momenta:R:3": ["0 0 1", "2 3 4"],
}


@pytest.mark.filterwarnings("ignore")
@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.differing_executors])
@given(
    lines=st.lists(
        st.lists(st.sampled_from(LINES), max_size=5, unique_by=lambda line: line.split("=")[0]),
        min_size=1,
        max_size=3,
    ),
    columns=st.lists(st.sampled_from(sorted(COLUMNS)), max_size=4,
                     unique_by=lambda column: column.split(":")[0]),
)  # fmt: skip
def test_whatever_is_written_reads_as_it_did(tmp_path_factory, lines, columns) -> None:
    names = ":".join(["species:S:1:pos:R:3", *columns])
    text = ""
    for comment in lines:
        text += f"2\nProperties={names} {' '.join(comment)}\n"
        for atom, symbol in enumerate("CO"):
            words = " ".join(COLUMNS[column][atom] for column in columns)
            text += f"{symbol} {atom}.1 -0.25 1e-3 {words}\n"
    folder = tmp_path_factory.mktemp("any")
    (folder / "in.xyz").write_text(text, encoding="utf-8")
    try:
        data = read(folder / "in.xyz")
    except InputError:
        return  # not accepted
    write_subset(data, np.arange(data.n_structures), folder / "out.xyz")
    assert_reads_alike(folder / "in.xyz", folder / "out.xyz", data.frame_indices.tolist())
