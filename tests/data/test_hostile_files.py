"""Files made to harm: every one of them is read rightly or refused in one line."""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import resource
import socket
import sys
import threading

import numpy as np
import pytest

from analytics.data import extxyz, opened
from analytics.data.readers import read
from analytics.runtime.errors import Cancelled, InputError
from analytics.runtime.progress import Silent

PROPERTIES = "Properties=species:S:1:pos:R:3:tag:I:1:fix:L:1"


def refusal(path, **asked) -> str:
    with pytest.raises(InputError) as caught:
        read(path, **asked)
    text = str(caught.value)
    assert len(text) < 600
    assert text.isprintable()
    return text


# ---------------------------------------------------------------- what the C parser cannot take


@pytest.mark.parametrize("blank", [" ", "\t", "\r\t "])
@pytest.mark.parametrize("letter", ["a", "9", "[", "\x0b", "\x1f", "é"])
@pytest.mark.parametrize(("at", "column"), [(0, "species"), (2, "pos"), (4, "tag"), (5, "fix")])
def test_words_longer_than_any_number(write, blank, letter, at, column) -> None:
    words = ["H", "0", "0", "0", "1", "T"]
    first = blank.join(words)
    words[at] = letter * 3000
    text = refusal(write(f"2\n{PROPERTIES}\n{first}\n{blank.join(words)}\n"))
    assert text.startswith("a.xyz, structure 0: atom 1")
    if not letter.isspace():
        assert f"3000 characters in column '{column}'" in text


def test_long_numbers_that_are_numbers(write) -> None:
    digits = "0." + "123456789" * 20
    data = read(write(f"1\n\nH {digits} 0 {'0' * 250}\n"))
    assert data.positions[0].tolist() == [float(digits), 0.0, 0.0]


def test_more_columns_than_there_are_words(write) -> None:
    # 4295 x 999999 is 28409 in 32 bit: room for less than the first line holds
    first = "H" + " 0" * 40_000
    text = refusal(
        write("4295\nProperties=species:S:1:pos:R:3:x:R:999999\n" + first + "\nH 0 0 0" * 4294)
    )
    assert "atom 0 has 40001 values in its line where 1000003 are announced" in text


@pytest.mark.parametrize("length", [1022, 1023, 1024, 2047, 100_000, 3_000_000])
def test_comments_of_any_length(write, length) -> None:
    comment = "energy=-1 note=" + "x" * (length - 16)
    data = read(write(f"1\n{comment}\nH 1 2 3\n1\nenergy=2\nHe 4 5 6\n"))
    assert data.energies.tolist() == [-1, 2]
    assert data.positions.tolist() == [[1, 2, 3], [4, 5, 6]]


@pytest.mark.parametrize("length", [1023, 1024, 2047, 70_000, 5_000_000])
def test_atom_lines_of_any_length(write, length) -> None:
    line = "H 1 2 3".ljust(length - 1)
    assert read(write(f"2\n\n{line}\nH 0 0 0\n")).positions[0].tolist() == [1, 2, 3]


def test_structures_are_found_across_pieces(write, monkeypatch) -> None:
    text = "\ufeff\n \n" + "".join(f"{n}\n" + "x=é\n" + "H 0 0 1\n" * n for n in range(1, 40))
    expected = read(write(text))
    assert expected.sizes.tolist() == list(range(1, 40))
    for piece in (1, 2, 7, 64, 1001):
        for module in (opened, extxyz):
            monkeypatch.setattr(module, "PIECE", piece)
        assert read(write(text.rstrip("\n"))) == expected


def test_reading_in_threads(write) -> None:
    texts = []
    for kind in range(4):
        extra = "".join(f":k{i}:R:1" for i in range(kind * 3))
        line = f"H 0 0 {kind}" + " 1" * (kind * 3)
        texts.append(f"1\nProperties=species:S:1:pos:R:3{extra}\n{line}\n" * 300)
    paths = [write(text, f"{kind}.xyz") for kind, text in enumerate(texts)]
    found = {}

    def work(kind: int) -> None:
        found[kind] = read(paths[kind]).positions[:, 2]

    threads = [threading.Thread(target=work, args=(kind,)) for kind in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for kind in range(4):
        assert found[kind].tolist() == [kind] * 300


# ---------------------------------------------------------------- no files, or changing ones


def test_pipes_devices_and_sockets_are_not_opened(tmp_path) -> None:
    for name in ("a.xyz", "OUTCAR", "b.xyz.gz"):
        os.mkfifo(tmp_path / name)
        assert "is a named pipe, not a file" in refusal(tmp_path / name)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s.xyz"))
        assert "is a socket" in refusal(tmp_path / "s.xyz")
    (tmp_path / "zero.xyz").symlink_to("/dev/zero")
    assert "is a device" in refusal(tmp_path / "zero.xyz")
    assert "is a device" in refusal("/dev/zero")
    (tmp_path / "round.xyz").symlink_to(tmp_path / "round.xyz")
    with pytest.raises(InputError):
        read(tmp_path / "round.xyz")


@pytest.mark.skipif(sys.platform != "linux", reason="/proc")
def test_files_of_the_kernel_are_empty() -> None:
    assert "the file is empty" in refusal("/proc/self/environ")


class Meanwhile(Silent):
    """Does something when the structures are known and not yet read."""

    def __init__(self, act) -> None:
        self.act = act

    def report(self, fraction: float, message: str = "") -> None:
        if message == "looking for structures" and self.act:
            self.act()
            self.act = None


STRUCTURES = "".join(f"1\nenergy={i}\nH 0 0 {i}\n" for i in range(2_000))


@pytest.fixture
def piecemeal(monkeypatch):
    for module in (opened, extxyz):
        monkeypatch.setattr(module, "PIECE", 1000)


@pytest.mark.parametrize("left", [0, 10, 20_000])
def test_a_file_that_gets_shorter(write, piecemeal, left) -> None:
    path = write(STRUCTURES)
    text = ""
    with pytest.raises(InputError) as caught:
        read(path, monitor=Meanwhile(lambda: os.truncate(path, left)))
    text = str(caught.value)
    assert text.startswith("a.xyz: was changed by another program while it was read")


def test_a_file_that_is_written_anew(write, piecemeal) -> None:
    path = write(STRUCTURES)
    with pytest.raises(InputError, match="changed by another program"):
        read(path, monitor=Meanwhile(lambda: path.write_text("1\n\nHe 0 0 0\n" * 9_000)))


def test_a_file_that_grows(write) -> None:
    path = write("1\n\nH 0 0 0\n" * 10)

    def append() -> None:
        with path.open("a") as file:
            file.write("1\n\nH 0 0")

    assert read(path, monitor=Meanwhile(append)).n_structures == 10


# ---------------------------------------------------------------- compressed files


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
@pytest.mark.parametrize("content", [b"\n", b"\0"])
def test_bombs_end_early(write, monkeypatch, pack, content) -> None:
    monkeypatch.setattr(opened, "FREE", 1 << 20)
    text = refusal(write(pack(content * (6_000_000 // len(content))), "a.xyz.gz"))
    assert "unpacks to more than 200 times its size" in text


def test_a_bomb_takes_no_memory(write) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    path = write(gzip.compress(b"\n" * 200_000_000, 1), "a.xyz.gz")
    assert "unpacks to more" in refusal(path)
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 400_000


def test_small_files_may_repeat_themselves(write) -> None:
    text = "1\n\nH 0 0 0\n" * 3_000
    assert read(write(lzma.compress(text.encode()), "a.xyz.xz")).n_structures == 3_000


def test_the_limit_on_what_is_read(write, monkeypatch) -> None:
    monkeypatch.setenv("WINNOW_READ_LIMIT", "1 kB")
    text = "1\n\nH 0 0 0\n" * 1000
    for path in (
        write(text),
        write(gzip.compress(text.encode()), "a.xyz.gz"),
        write(text, "POSCAR"),
    ):
        assert "set WINNOW_READ_LIMIT" in refusal(path)


def test_unpacking_can_be_cancelled_and_reports(write) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(48, 57, 10_000_000, dtype=np.uint8).tobytes()
    reports = []

    class Stop(Silent):
        def report(self, fraction: float, message: str = "") -> None:
            reports.append((fraction, message))

        def checkpoint(self) -> None:
            if len([1 for _, message in reports if message == "unpacking"]) > 1:
                raise Cancelled

    with pytest.raises(Cancelled):
        read(write(gzip.compress(noise, 1), "a.xyz.gz"), monitor=Stop())
    fractions = [fraction for fraction, _ in reports]
    assert fractions == sorted(fractions)


@pytest.mark.parametrize(
    ("head", "name"),
    [
        (b"\x28\xb5\x2f\xfd", "cannot be decompressed"),
        (b"PK\x03\x04", "cannot be unpacked"),
        (b"Rar!\x1a\x07", "is a rar archive"),
        (b"7z\xbc\xaf\x27\x1c", "is a 7z archive"),
    ],
)
def test_other_compressions_are_named(write, head, name) -> None:
    for file in ("a.xyz.zst", "a.xyz", "OUTCAR.zst"):
        assert name in refusal(write(head + b"x" * 100, file))


# ---------------------------------------------------------------- comment lines


@pytest.mark.parametrize(
    "unit",
    ["a={ ", 'a="\\', "a='\\", '"\\', "a=[ [1] ", "a=[[1] ", "a    ", "a=1 ", "[[", "= ", "'{"],
)
def test_comments_take_a_time_that_grows_with_their_length(write, unit) -> None:
    read(write(f"1\n{unit * 100_000}\nH 0 0 0\n"))  # the square of it would be an hour


@pytest.mark.parametrize(
    "value",
    [
        "9" * 5000,
        '"' + "9" * 5000 + ' 1"',
        '"_JSON ' + "[" * 5000 + "]" * 5000 + '"',
        "[[" + "1," * 5000 + "1],[1]]",
        '[["' + "x" * 100_000 + '"' + ',"y"' * 10_000 + "]]",
        "1e999",
        "-" + "9" * 400,
        '"1 ' + "9" * 400 + '"',
    ],
)
def test_values_beyond_what_numbers_and_lists_can_be(write, value) -> None:
    assert read(write(f"1\nthing={value}\nH 0 0 0\n")).n_structures == 1
    path = write(f"1\nenergy={value}\nH 0 0 0\n")
    if value in ("1e999", "9" * 5000):
        assert np.isinf(read(path).energies).all()
    else:
        assert refusal(path).startswith("a.xyz, structure 0: energy 'energy' is ")


@pytest.mark.parametrize(
    "properties",
    [
        ":".join(["a:R:1"] * 20_000),
        ":".join(f"a{i}:R:1" for i in range(20_000)),
        "species:S:1:pos:R:3:" + "x" * 10_000 + ":Q:1",
        "species:S:1:pos:R:3:x:R:" + "9" * 5000,
        "species:S:1:pos:R:-3",
        "::::::",
    ],
)
def test_lists_of_properties_that_are_none(write, properties) -> None:
    assert "Properties" in refusal(write(f"1\nProperties={properties}\nH 0 0 0\n"))


def test_a_class_as_long_as_a_book(write) -> None:
    text = refusal(write(f"1\nconfig_type={'x' * 10_000}\nH 0 0 0\n"))
    assert "structure 0: config type 'config_type' is no class" in text


def test_errors_are_one_line_of_what_can_be_shown(write) -> None:
    path = write("1\nPropertie\x1bs=\x07\nH\u2028a 0 0 0\n", "a\nb\x1b.xyz")
    assert refusal(path).startswith("a b\\x1b.xyz, structure 0: atom 0: 'a' in column 'pos'")


# ---------------------------------------------------------------- names and folders


@pytest.mark.parametrize(
    "name",
    [
        "a\0b.xyz",
        "x" * 300,
        "x/" * 3000,
        "a.xyz@" + "9" * 5000,
        "\ud800.xyz",
        "a\nb.xyz",
        "a.xyz/b",
    ],
)
def test_odd_names(write, name) -> None:
    path = write("1\n\nH 0 0 0\n")
    refusal(f"{path.parent}/{name}")


def test_folders_are_not_walked(tmp_path, monkeypatch) -> None:
    deep = tmp_path / "one" / "two"
    deep.mkdir(parents=True)
    (deep / "type.raw").write_text("0")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "round").symlink_to(tmp_path / "round")
    assert "no data set in this folder or the folders in it" in refusal(tmp_path)
    assert "no data set in this folder" in refusal("/")
    monkeypatch.setattr(opened, "MOST_ENTRIES", 2)
    assert "holds more than 2 files" in refusal(tmp_path)


@pytest.mark.parametrize("name", ["type.raw", "type_map.raw", "set.0/coord.npy", "set.0/box.npy"])
def test_pipes_in_a_deepmd_folder(tmp_path, name) -> None:
    (tmp_path / "set.0").mkdir()
    (tmp_path / "type.raw").write_text("0\n")
    (tmp_path / "type_map.raw").write_text("H\n")
    np.save(tmp_path / "set.0" / "coord.npy", np.zeros((2, 3)))
    assert read(tmp_path).n_structures == 2
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    refusal(tmp_path)
