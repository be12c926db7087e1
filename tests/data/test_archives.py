"""Archives of structures: read file by file, refused in one line where they mean harm."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from contextlib import suppress
from random import Random

import pytest
import zstandard
from numpy.testing import assert_array_equal

from analytics.data import opened
from analytics.data.readers import read
from analytics.runtime.errors import InputError


def many(n: int, first: int = 0) -> str:
    return "".join(f"1\nenergy={i}\nH 0 0 0\n" for i in range(first, first + n))


def zipped(files: dict[str, str | bytes]) -> bytes:
    place = io.BytesIO()
    with zipfile.ZipFile(place, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return place.getvalue()


def taped(files: dict[str, str], mode: str = "w:gz") -> bytes:
    place = io.BytesIO()
    with tarfile.open(fileobj=place, mode=mode) as archive:
        for name, content in files.items():
            item = tarfile.TarInfo(name)
            item.size = len(content)
            archive.addfile(item, io.BytesIO(content.encode()))
    return place.getvalue()


@pytest.mark.parametrize("pack", [zipped, taped, lambda files: taped(files, "w")])
def test_an_archive_of_one_file_is_that_file(write, pack) -> None:
    path = write(pack({"data/": "", "data/train.xyz": many(3), "README.md": "# hello"}), "a.dat")
    assert_array_equal(read(path).energies, [0, 1, 2])
    assert_array_equal(read(f"{path}@1:").frame_indices, [1, 2])
    assert read(f"{path}/data/train.xyz").name == "a.dat/data/train.xyz"


def test_files_of_one_format_are_read_one_after_the_other(write) -> None:
    files = {"b.xyz": many(2, 10), "a.xyz": many(3), "__MACOSX/._a.xyz": "junk", "LICENSE": "MIT"}
    path = write(zipped(files), "a.zip")
    assert_array_equal(read(path).energies, [0, 1, 2, 10, 11])
    assert_array_equal(read(path).frame_indices, range(5))
    assert_array_equal(read(f"{path}@-2:").energies, [10, 11])
    assert_array_equal(read(f"{path}/b.xyz@0").energies, [10])


def test_broken_structures_of_several_files_say_where(write) -> None:
    files = {"a.xyz": many(3), "b.xyz": many(2) + "2\n\nH 0 0 0\n"}
    data = read(write(zipped(files), "a.zip"))
    (left,) = data.understood.left_out
    assert left.frame == 5
    assert left.cause.startswith("b.xyz: the file ends early")


def test_several_kinds_are_listed(write) -> None:
    path = write(zipped({"a.xyz": many(1), "b.cif": "data_", "INCAR": "x"}), "a.zip")
    with pytest.raises(InputError, match=r"kinds \(INCAR, a.xyz, b.cif\); name the one .*a.zip/a"):
        read(path)
    assert read(f"{path}/a.xyz").n_structures == 1
    with pytest.raises(InputError, match=r"no file 'c.xyz' in it; it holds INCAR, a.xyz, b.cif"):
        read(f"{path}/c.xyz")
    with pytest.raises(InputError, match="is no archive"):
        read(f"{write(many(1))}/c.xyz")


def test_a_tree_of_deepmd_folders(write) -> None:
    files = {
        "w/type.raw": "0\n1\n",
        "w/type_map.raw": "H\nO\n",
        "w/coord.raw": "0 0 0 0 0 1\n",
        "w/box.raw": "9 0 0 0 9 0 0 0 9\n",
        "w/energy.raw": "-1\n",
    }
    data = read(write(taped(files), "a.tgz"))
    assert_array_equal(data.energies, [-1])


def test_zstandard(write) -> None:
    packed = zstandard.compress(many(2).encode())
    assert read(write(packed, "a.xyz.zst")).n_structures == 2
    assert read(write(packed * 2, "b")).n_structures == 4


def test_compressed_files_in_an_archive(write) -> None:
    assert read(write(zipped({"a.xyz.gz": gzip.compress(many(2).encode())}))).n_structures == 2
    inner = zipped({"a.xyz": many(2)})
    with pytest.raises(InputError, match="an archive in an archive"):
        read(write(zipped({"b.zip": inner})))


@pytest.mark.parametrize("name", ["../a.xyz", "/tmp/a.xyz", "a/../../b.xyz", "C:a.xyz"])
@pytest.mark.parametrize("pack", [zipped, taped])
def test_nothing_is_written_outside(write, tmp_path, pack, name) -> None:
    with pytest.raises(InputError, match="outside of itself"):
        read(write(pack({name: many(1)})))


def test_links_are_passed_over(write) -> None:
    place = io.BytesIO()
    with tarfile.open(fileobj=place, mode="w") as archive:
        item = tarfile.TarInfo("a.xyz")
        item.type, item.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(item)
    with pytest.raises(InputError, match="holds no files"):
        read(write(place.getvalue()))


def test_bombs_and_crowds(write, monkeypatch) -> None:
    monkeypatch.setattr(opened, "FREE", 1 << 20)
    with pytest.raises(InputError, match="unpacks to more than 200 times"):
        read(write(zipped({"a.xyz": "\n" * 6_000_000})))
    monkeypatch.setattr("analytics.data.archives.MOST_ENTRIES", 3)
    with pytest.raises(InputError, match="more than 3 files"):
        read(write(zipped({f"{i}.xyz": many(1) for i in range(5)})))
    monkeypatch.setenv("WINNOW_READ_LIMIT", "1 kB")
    with pytest.raises(InputError, match="set WINNOW_READ_LIMIT"):
        read(write(zipped({f"{i}.xyz": many(20) for i in range(3)})))


@pytest.mark.parametrize("at", [0.1, 0.5, 0.9])
def test_damaged_archives(write, at) -> None:
    whole = zipped({"a.xyz": many(500), "b.xyz": many(500)})
    for content in (whole[: int(at * len(whole))], taped({"a.xyz": many(500)})[: int(at * 900)]):
        with pytest.raises(InputError):
            read(write(content))


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, zstandard.compress])
def test_damaged_compressed_files(write, pack) -> None:
    rng = Random(1)
    whole = pack("".join(f"1\ni = {i}\nH 0 0 {rng.random()}\n" for i in range(50)).encode())
    for trial in range(20):
        content = bytearray(whole)
        content[8 + rng.randrange(len(content) - 8)] ^= 1 << (trial % 8)
        with suppress(InputError):
            read(write(bytes(content), "a.xyz.gz"))


def test_encrypted_archives_are_named(write) -> None:
    content = bytearray(zipped({"a.xyz": many(2)}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(InputError, match="is encrypted"):
        read(write(bytes(content)))


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        ("version https://git-lfs.github.com/spec/v1\noid sha256:1\nsize 9\n", "git-LFS"),
        ("\n<!DOCTYPE html>\n<html>", "is a web page"),
        ("<HTML><body>", "is a web page"),
        ("404: Not Found", "the download failed"),
        (gzip.compress(b"<html>", mtime=0), "is a web page"),
    ],
)
@pytest.mark.parametrize("name", ["a.xyz", "OUTCAR"])
def test_what_is_downloaded_in_place_of_a_file(write, content, cause, name) -> None:
    with pytest.raises(InputError, match=cause):
        read(write(content, name))


def test_several_paths_and_wildcards(write, tmp_path) -> None:
    for name, first in (("run1.xyz", 0), ("run2.xyz", 5)):
        write(many(2, first), name)
    data = read(f"{tmp_path}/run*.xyz")
    assert data.name == "run1.xyz and 1 more"
    assert_array_equal(data.energies, [0, 1, 5, 6])
    assert read([tmp_path / "run1.xyz", str(tmp_path / "run2.xyz")]) == data
    assert_array_equal(read(f"{tmp_path}/run*.xyz@1::2").frame_indices, [1, 3])
    assert read([tmp_path / "run1.xyz"]).name == "run1.xyz"
    with pytest.raises(InputError, match="no such file"):
        read(f"{tmp_path}/walk*.xyz")
    with pytest.raises(InputError, match="several files at once"):
        read([f"{tmp_path}/run1.xyz@0", f"{tmp_path}/run2.xyz"])
    write(many(1), "[1].xyz")
    assert read(tmp_path / "[1].xyz").n_structures == 1


@pytest.mark.parametrize("cut", [1, 3, 5, 40])
@pytest.mark.parametrize("parts", [1, 2])
def test_a_zstd_file_that_ends_early_is_named(tmp_path, cut, parts) -> None:
    structures = "".join(f"1\n\nCu {i} {i * i} {i**3}\n" for i in range(60)).encode()
    packed = b"".join([zstandard.ZstdCompressor(write_checksum=True).compress(structures)] * parts)
    whole, path = tmp_path / "whole.xyz.zst", tmp_path / "a.xyz.zst"
    skipped = b"\x50\x2a\x4d\x18\x04\x00\x00\x00abcd"
    whole.write_bytes(packed + skipped)
    assert read(whole).n_structures == 60 * parts
    path.write_bytes(packed[:-cut])
    with pytest.raises(InputError, match="cannot be decompressed: the file ends early"):
        read(path)


def test_a_zstd_file_cut_between_two_of_its_blocks_is_named(tmp_path) -> None:
    noise = Random(0).randbytes(300_000).hex().encode()
    structures = b"".join(b"1\n%b\nCu 0 0 0\n" % noise[i : i + 500] for i in range(0, 600_000, 500))
    packed = zstandard.ZstdCompressor().compress(structures)
    block = int.from_bytes(packed[(start := zstandard.frame_header_size(packed)) :][:3], "little")
    path = tmp_path / "a.xyz.zst"
    path.write_bytes(packed[: start + 3 + (block >> 3)])
    with pytest.raises(InputError, match="ends early"):
        read(path)
