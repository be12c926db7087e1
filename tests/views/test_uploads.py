"""Uploads: limits and names hold on the server, whatever the browser says."""

import pytest

from analytics.runtime.errors import InputError
from views.state import uploads
from views.state.uploads import Uploads


@pytest.fixture
def folder(tmp_path):
    """Make a new folder each time."""
    made = []

    def make():
        made.append(tmp_path / str(len(made)))
        made[-1].mkdir()
        return made[-1]

    return make


def piece(name="a.xyz", data=b"12345", chunk=1, total_chunks=1):
    return {"name": name, "data": data, "chunk": chunk, "total_chunks": total_chunks, "type": ""}


def test_pieces_become_a_file(folder):
    some = Uploads()
    assert some.take(piece(data=b"123", total_chunks=2), folder) is None
    assert some.take(piece("b.xyz"), folder).read_bytes() == b"12345"
    whole = some.take(piece(data=b"4", chunk=2, total_chunks=2), folder)
    assert (whole.name, whole.read_bytes()) == ("a.xyz", b"1234")
    assert (some.size, some.count) == (9, 2)


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", "../a.xyz", "/etc/passwd", "a/b.xyz", "a\\b.xyz", "C:\\a.xyz", "a\0b.xyz",
        "a\nb.xyz", "\u202egpj.xyz", "\ud800.xyz", "x" * 300, "é" * 150, "con", "NUL.xyz",
        "lpt1.txt",
    ],
)  # fmt: skip
def test_odd_names_get_a_message(folder, tmp_path, name):
    some = Uploads()
    with pytest.raises(InputError) as refusal:
        some.take(piece(name), folder)
    assert str(refusal.value).isprintable()
    assert len(str(refusal.value)) < 150
    assert list(tmp_path.iterdir()) == []
    assert some.take(piece("fine.xyz"), folder).exists()  # nothing is lost


@pytest.mark.parametrize(
    "wrong",
    [
        {}, {"name": 3}, {"data": "text"}, {"data": None}, {"chunk": 2}, {"chunk": None},
        {"chunk": 0}, {"total_chunks": None}, {"total_chunks": 0}, {"name": ["a"]}, {"chunk": "1"},
        {"total_chunks": float("inf")}, {"chunk": [1]},
    ],
)  # fmt: skip
def test_what_is_no_upload_gets_a_message(folder, wrong):
    with pytest.raises(InputError):
        Uploads().take(piece() | wrong if wrong else {}, folder)


def test_limits_hold(folder, tmp_path, monkeypatch):
    monkeypatch.setattr(uploads, "FILE_LIMIT", 8e-6)
    some = Uploads(limit=12)
    assert some.take(piece(total_chunks=9), folder) is None
    with pytest.raises(InputError, match=r"a\.xyz: it is larger than"):
        some.take(piece(chunk=2, total_chunks=9), folder)
    assert some.size == 0
    assert not list(tmp_path.glob("*/a.xyz"))
    with pytest.raises(InputError, match="a piece of it was lost"):
        some.take(piece(chunk=3, total_chunks=9), folder)
    some.take(piece("b.xyz"), folder)
    some.take(piece("c.xyz"), folder)
    with pytest.raises(InputError, match="which is all it may"):
        some.take(piece("d.xyz"), folder)
    assert some.take(piece("e.xyz", b"1"), folder).exists()
    monkeypatch.setattr(uploads, "MOST", 3)
    with pytest.raises(InputError, match="3 files at most"):
        some.take(piece("f.xyz", b""), folder)


def test_many_that_never_end_are_refused(folder, monkeypatch):
    monkeypatch.setattr(uploads, "AT_ONCE", 2)
    some = Uploads()
    for name in "ab":
        some.take(piece(name, total_chunks=2), folder)
    some.take(piece("a", total_chunks=2), folder)  # begun again
    with pytest.raises(InputError, match="on their way already"):
        some.take(piece("c", total_chunks=2), folder)


def test_what_is_given_up_leaves_nothing(folder, tmp_path):
    some = Uploads()
    some.take(piece(total_chunks=2), folder)
    some.give_up("a.xyz")
    some.give_up("never.xyz")
    assert some.size == some.count == 0
    assert not list(tmp_path.glob("*/a.xyz"))
    with pytest.raises(InputError, match="a piece of it was lost"):
        some.take(piece(chunk=2, total_chunks=2), folder)


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    with pytest.raises(InputError, match=r"a\.xyz: it could not be kept: No such file"):
        Uploads().take(piece(), lambda: tmp_path / "gone")


def test_the_environment_tells_the_limit(monkeypatch):
    monkeypatch.setenv("WINNOW_UPLOAD_LIMIT", "2MB")
    assert Uploads().limit == 2_000_000
