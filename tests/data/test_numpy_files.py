"""npy files and npz archives of others are read as they are, or refused in one line."""

import io
import struct
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from analytics.data.numpy_files import read_npy, read_npz


def npy(text: str, content: bytes = b"") -> bytes:
    """Return a npy file with a header of one's own."""
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode() + content


def header(descr: object = "<f8", shape: object = (2,), by_columns: object = False) -> str:
    return repr({"descr": descr, "fortran_order": by_columns, "shape": shape}) + "\n"


@pytest.mark.parametrize(
    "array",
    [np.arange(6.0).reshape(2, 3), np.asfortranarray(np.eye(3)[:2]), np.array(2), np.array(["a"]),
     np.zeros((0, 3), np.float32), np.array([1, 2], ">i4")],
)  # fmt: skip
def test_what_numpy_writes_is_read(tmp_path, array) -> None:
    np.save(tmp_path / "a.npy", array)
    found = read_npy(tmp_path / "a.npy")
    assert_array_equal(found, array)
    assert found.dtype == array.dtype
    np.savez_compressed(tmp_path / "a.npz", a=array, other=array)
    assert_array_equal(read_npz(tmp_path / "a.npz", {"a", "b"})["a"], array)


@pytest.mark.parametrize(
    ("content", "cause"),
    [
        (b"", "no npy file"),
        (npy(header(shape=(10**12,)), bytes(16)), "announces 8000000000000 bytes, there are 16"),
        (npy(header(shape=(2**62, 4)), bytes(16)), "announces"),
        (npy(header(shape=(10**30,)), bytes(16)), "announces"),
        (npy(header(shape=(-2,)), bytes(16)), "no array is of that shape"),
        (npy(header(), bytes(15)), "announces 16 bytes, there are 15"),
        (npy(header(shape=(1.5,))), "damaged header"),
        (npy(header()[:-4]), "damaged header"),  # numpy: TokenError
        (npy("(" * 5000), "damaged header"),
        (npy("1" * 5000), "damaged header"),
        (npy(header([("a", "<f8"), ("b", "S3")]), bytes(22)), "neither numbers nor text"),
        (npy(header("|O"), bytes(16)), "neither numbers nor text"),
        (npy(header("<M8[ns]"), bytes(16)), "neither numbers nor text"),
    ],
)
def test_damaged_arrays_are_one_line(tmp_path, content, cause) -> None:
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    with pytest.raises(ValueError, match=cause) as caught:
        read_npy(path)
    assert len(str(caught.value)) < 200
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("a.npy", content)
    with pytest.raises(ValueError, match=f"a: .*{cause}"):
        read_npz(tmp_path / "a.npz", {"a"})


def test_bombs_and_damaged_archives_are_refused(tmp_path) -> None:
    stream = io.BytesIO()
    np.savez_compressed(stream, a=np.zeros(4_000_000))
    path = tmp_path / "a.npz"
    path.write_bytes(stream.getvalue())
    with pytest.raises(ValueError, match="would unpack to 32000128"):
        read_npz(path, {"a"})
    assert read_npz(path, {"b"}) == {}
    content = bytearray(stream.getvalue())
    content[60:80] = bytes(20)
    for damaged in (content[:-30], content, b"PK\x03\x04"):
        path.write_bytes(bytes(damaged))
        with pytest.raises((ValueError, OSError)):
            read_npz(path, {"a"})
