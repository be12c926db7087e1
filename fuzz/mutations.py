"""Mutations: how a fuzzed input comes of a valid one, for text, JSON, npz archives and folders."""

from __future__ import annotations

import io
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Callable
from functools import cache
from random import Random
from typing import Any

import numpy as np

#: A file or folder: what is opened comes first; the key is the path within the folder.
Files = dict[str, bytes]

NUMBERS = (
    b"nan", b"-1", b"0", b"inf", b"-inf", b"1e25", b"-1e12", b"1e308", b"1e400", b"1e-320",
    b"1000000000000000000", b"9223372036854775808", b"1.0D+01", b"1_000", b"0x10", b"007", b"1.2.3",
    b"2147483648", b"4294967297", b"\xd9\xa3", b"99999", b"1e5", b"", b"T", b"H",
    b"1" * 1100, b"1" * 5000, b"0." + b"0" * 2000 + b"1", b"x" * 1100, b"x" * 70_000,
)  # fmt: skip
GENTLE = (b"1", b"2.5", b"-0.5", b"3", b"1e-3", b"10", b"0.0", b"2", b"12.25", b"T", b"C", b"O")
WORDS = (
    b"Properties=species:S:1:pos:R:3", b"Properties=species:S:1:pos:R:999999", b"Properties=",
    b"Properties=species:S:1:pos:R:3:pos:R:3", b'Lattice="0 0 0 0 0 0 0 0 0"', b"Lattice=",
    b'Lattice="1e-30 0 0 0 1 0 0 0 1"', b'Lattice="1e30 0 0 0 1e30 0 0 0 1e30"', b'pbc="T F maybe"',
    b'Lattice="1 0 0 1 0 0 0 0 1"', b"energy=nan", b"energy=T", b"energy=[1,2]", b'energy="1 eV"',
    b'a="_JSON ' + b"[" * 100_000 + b'"', b"b=" + b"[" * 100_000, b'c="_JSON {\\"a\\": NaN}"',
    b'"odd key"=1', b"'=1", b"=", b'"', b"{", b"[[1,2],[3]]", b"e=1 e=2", b"original_index=3",
    b"forces=T", b'forces="1 2 3"', b"config_type=", b"config_type=[[1,2],[3,4]]", b"\x00", b"\xff",
    b"\xef\xbb\xbf", b"\r", b"\x0c", b"\x1a", b"\xc3\xa9", b"\xe2\x80\xa8", b"$(touch x)",
    b"../../etc/passwd", b"%INCLUDE", b"#include", b"!", b"&", b"/", b"<x>", b"]]>",
)  # fmt: skip
KEYS = (
    b"energy", b"forces", b"stress", b"virial", b"momenta", b"config_type", b"Lattice", b"pbc",
    b"Properties", b"pos", b"species", b"Z", b"numbers", b"positions", b"original_index",
)  # fmt: skip
_NUMBER = re.compile(rb"[-+]?\d+\.?\d*(?:[eE][-+]?\d+)?")
_KEY = re.compile(rb"\b[A-Za-z_]\w*(?=[=:])")


def mutate_bytes(data: bytes, random: Random) -> bytes:
    """Damage a file anywhere: bits, bytes, pieces, its end."""
    data = data or b"\0"
    at = random.randrange(len(data))
    size = random.choice((1, 2, 4, 16, 200))
    piece = data[at : at + size]
    kind = random.randrange(7)
    if kind == 0:
        changed = bytearray(data)
        for _ in range(random.choice((1, 1, 1, 8))):
            changed[random.randrange(len(changed))] ^= 1 << random.randrange(8)
        return bytes(changed)
    if kind == 1:
        return data[:at]
    if kind == 2:
        return data[:at] + data[at + size :]
    if kind == 3:
        return data[:at] + piece * random.choice((2, 3, 100)) + data[at + size :]
    if kind == 4:
        other = random.randrange(len(data))
        return data[:at] + data[other : other + size] + data[at + size :]
    if kind == 5:
        return data[:at] + random.randbytes(size) + data[at + size :]
    return data[:at] + bytes([random.choice((0, 255, 10, 32))]) * size + data[at + size :]


def mutate_text(data: bytes, random: Random) -> bytes:
    """Damage a text file: lines, numbers, keys and words, now and then single bytes."""
    kind = random.randrange(8)
    if kind == 0:
        return mutate_bytes(data, random)
    if kind in (1, 2, 3):
        return _replaced(data, _NUMBER, NUMBERS, random)
    if kind == 4:
        return _replaced(data, _KEY, KEYS, random)
    lines = data.split(b"\n")
    at = random.randrange(len(lines))
    if kind == 5:
        words = lines[at].split(b" ")
        words[random.randrange(len(words))] = random.choice(NUMBERS + WORDS)
        lines[at] = b" ".join(words)
    elif kind == 6:
        lines[at] += b" " + random.choice(NUMBERS + WORDS)
    else:
        other = random.randrange(len(lines))
        step = random.randrange(6)
        if step == 0:
            del lines[at]
        elif step == 1:
            lines.insert(at, lines[other])
        elif step == 2:
            lines[at], lines[other] = lines[other], lines[at]
        elif step == 3:
            lines[at : at + 1] = [lines[at]] * random.choice((2, 300))
        elif step == 4:
            lines[at : at + 2] = [b" ".join(lines[at : at + 2])]
        else:
            return random.choice((b"\r\n", b"\r", b"\n\n", b"\0")).join(lines)
    return b"\n".join(lines)


def _replaced(
    data: bytes, pattern: re.Pattern[bytes], by: tuple[bytes, ...], random: Random
) -> bytes:
    found = list(pattern.finditer(data))
    if not found:
        return mutate_bytes(data, random)
    match = random.choice(found)
    if by is NUMBERS and random.random() < 0.5:
        by = GENTLE
    return data[: match.start()] + random.choice(by) + data[match.end() :]


def several(mutate: Callable[[bytes, Random], bytes], data: bytes, random: Random) -> bytes:
    """Damage a file once, as a rule, or a few times."""
    for _ in range(random.choice((1, 1, 1, 2, 5))):
        data = mutate(data, random)
    return data


# ---------------------------------------------------------------------------------- JSON

STRANGE: tuple[Any, ...] = (
    None, True, -1, 0, 1.5, 10**18, 10**400, float("nan"), float("inf"), 1e300, "", "x" * 100_000,
    "\0", "1", "../..", [], {}, [[]], [1, 2], ["a"], [None], [float("nan")], {"a": 1}, [10**30],
    [0.5], [-1], [True], "\ud800", "a\nb", [[1], [2]], {"": None},
)  # fmt: skip


def mutate_json(data: bytes, random: Random) -> bytes:
    """Damage a JSON document: values of another type, other names, names twice, deep nesting."""
    kind = random.randrange(10)
    if kind == 0:
        return mutate_bytes(data, random)
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError):
        return mutate_bytes(data, random)
    places = list(_places(tree, ()))
    if kind == 1:
        depth = random.choice((100, 5000, 100_000))
        opening, closing = random.choice((("[", "]"), ('{"a":', "}")))
        token = opening * depth + "1" + closing * depth
    elif kind == 2:
        token = "9" * random.choice((400, 5000, 100_000))
    else:
        token = ""
    if not places:
        return token.encode() or b"[]"
    holder, key = random.choice(places)
    if kind == 3 and isinstance(holder, dict):
        value = holder.pop(key)
        if random.random() < 0.5:
            holder[str(key) + "x"] = value
    elif kind == 4 and isinstance(holder, dict):
        named = json.dumps(str(key)).encode()
        text = json.dumps(tree).encode()
        return text.replace(named, named + b": 1, " + named, 1)
    elif kind == 5:
        other, name = random.choice(places)
        holder[key] = other[name] if not isinstance(other[name], dict | list) else "moved"
    elif token:
        holder[key] = "@@"
    else:
        holder[key] = random.choice(STRANGE)
    return json.dumps(tree).replace('"@@"', token).encode("utf-8", "surrogatepass")


def _places(tree: Any, above: tuple[Any, ...]) -> Any:
    """Yield every container with every key in it."""
    keys = tree.keys() if isinstance(tree, dict) else range(len(tree))
    for key in list(keys):
        yield tree, key
        if isinstance(tree[key], dict | list) and len(above) < 20:
            yield from _places(tree[key], (*above, key))


# ---------------------------------------------------------------------------------- numpy


def mutate_npy(data: bytes, random: Random) -> bytes:
    """Damage a npy file: its values, shape, type, the header alone, or its bytes."""
    if random.random() < 0.3:
        return mutate_bytes(data, random)
    try:
        array = np.load(io.BytesIO(data), allow_pickle=False)
    except Exception:  # damaged before
        return mutate_bytes(data, random)
    return _npy(array, random)


def _npy(array: np.ndarray, random: Random) -> bytes:
    if random.random() < 0.3:
        return _false_header(array, random)
    stream = io.BytesIO()
    np.save(stream, _changed(array, random), allow_pickle=True)
    return stream.getvalue()


def _false_header(array: np.ndarray, random: Random) -> bytes:
    """Return a npy file whose header announces what is not there."""
    shape: Any = random.choice((
        (10**12,), (2**62, 4), (2**32, 2**32), (-1,), (0,), (10**30,), (1.5,), ("a",), 5, (True,),
        (*array.shape, 1), array.shape[::-1], (500_000_000,), (1,) * 40, (1,) * 80,
    ))  # fmt: skip
    descr: Any = random.choice((
        array.dtype.str, array.dtype.str, array.dtype.str, "|O", "<U100000000", "<f3", "<x8", "",
        [("a", "<f8")], [("a", "<f8", (10**9,))], "<M8[ns]", "|V0", "<c16",
    ))  # fmt: skip
    header = {
        "descr": descr,
        "fortran_order": random.choice((True, False, None, 2)),
        "shape": shape,
    }
    text = random.choice((
        repr(header), repr(header), repr(header), repr(header)[:-3], "(" * 5000, "{" + "'a':" * 900,
        "[" * 200 + "]" * 200, "1" * 5000, "", "__import__('os')", repr(header) + "\0", "'''",
    )).encode() + b"\n"  # fmt: skip
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + array.tobytes()


def _changed(array: np.ndarray, random: Random) -> np.ndarray:
    kind = random.randrange(14)
    if kind == 0:
        return array.astype(object)
    if kind == 1:
        mixed = np.zeros(array.shape, dtype=[("a", "<f8"), ("b", "S3")])
        return mixed
    if kind == 2:
        to = random.choice(("c16", "U8", "S4", "?", "f2", "i1", "u8", ">f8", "f4", "M8[s]", "g"))
        with np.errstate(all="ignore"):
            try:
                return array.astype(to)
            except (TypeError, ValueError):
                return np.zeros(array.shape, to)
    if kind == 3:
        return array.reshape(-1)
    if kind == 4:
        return array.reshape(-1)[0] if array.size else array[()]
    if kind == 5:
        return array[None]
    if kind == 6:
        return np.asfortranarray(array.T)
    if kind == 7:
        return array[:0] if array.ndim else array.astype(object)
    if kind == 8:
        return array[..., : max(1, array.shape[-1] - 1)] if array.ndim else array
    if kind == 9:
        return np.concatenate([array, array]) if array.ndim else array
    if array.dtype.kind in "US":
        return np.full(array.shape, random.choice(("", "nobody", "x" * 10_000, "\0", "a\nb")))
    values = np.array(array, dtype=np.float64 if array.dtype.kind == "f" else array.dtype)
    strange = (np.nan, np.inf, -1, 0, 1e300, 1e25, -1e12, 1e-320, 119, 10**9)
    value = random.choice(strange)
    if values.dtype.kind in "iu":
        value = int(value) if np.isfinite(value) and abs(value) < 2**31 else -(2**31)
    if values.dtype.kind not in "fiu" or values.dtype.kind == "u":
        return values
    if kind == 10 or not values.ndim:
        values[...] = value
    elif kind == 11:
        values *= 10 if values.dtype.kind in "iu" else random.choice((1e3, 1e10, 1e-10, -1.0))
    elif values.size:
        values.flat[random.randrange(values.size)] = value
    return values


def mutate_npz(data: bytes, random: Random) -> bytes:
    """Damage a npz archive: an array of it, its list of members, or its bytes."""
    kind = random.randrange(10)
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            if sum(item.file_size for item in archive.infolist()) > 10**8:
                return mutate_bytes(data, random)
            members = {name: archive.read(name) for name in archive.namelist()}
    except Exception:  # damaged before
        return mutate_bytes(data, random)
    if kind == 0 or not members:
        return mutate_bytes(data, random)
    name = random.choice(list(members))
    if kind == 1:
        if random.random() < 0.5:
            del members[name]
        else:
            new = random.choice(("role", "condition", "stride", "mesh", "k", "sigma", "origin",
                                 "electrons", "energy", "unit"))  # fmt: skip
            members[new + ".npy"] = members[name]
    elif kind == 2:
        members[name.removesuffix(".npy") + random.choice(("", ".txt", "/../x.npy"))] = members.pop(
            name
        )
    elif kind == 3 and random.random() < 0.1:
        return bomb(name)
    else:
        members[name] = mutate_npy(members[name], random)
    stream = io.BytesIO()
    packing = random.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_LZMA))
    with zipfile.ZipFile(stream, "w", packing) as archive:
        for member, content in members.items():
            archive.writestr(zipfile.ZipInfo(member), content, packing)
    return stream.getvalue()


@cache
def bomb(name: str, megabytes: int = 3000) -> bytes:
    """Return an archive of 3 MB with one array of 3 GB of zeros."""
    header = io.BytesIO()
    shape = (megabytes // 8, 100, 100, 100)
    np.lib.format.write_array_header_1_0(
        header, {"descr": "<f8", "fortran_order": False, "shape": shape}
    )
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    start = packer.compress(header.getvalue()) + packer.flush(zlib.Z_FULL_FLUSH)
    million = packer.compress(bytes(10**6)) + packer.flush(zlib.Z_FULL_FLUSH)
    size = len(header.getvalue()) + 10**6 * megabytes
    packed = start + million * megabytes + packer.flush()
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name), b"", zipfile.ZIP_DEFLATED)
    plain = stream.getvalue()
    sizes = struct.pack("<II", len(packed), size % 2**32)
    local = 30 + len(name)
    head = plain[:18] + sizes + plain[26:local]
    directory = plain[plain.index(b"PK\x01\x02") :]
    directory = directory[:20] + sizes + directory[28:]
    end = directory.index(b"PK\x05\x06")
    directory = (
        directory[: end + 16] + struct.pack("<I", len(head + packed)) + directory[end + 20 :]
    )
    return head + packed + directory
