"""Drop zone: it hands on what has arrived, and says what is wrong with which file."""

import pytest

from analytics.pipeline import Pipeline
from views.kit.drop_zone import DropZone
from views.state.jobs import Inline
from views.state.session import Session


@pytest.fixture
def zone():
    """A drop zone, with what it has handed on and what it has told the browser."""
    session, taken, told = Session(Inline(), Pipeline()), [], []
    made = DropZone(session, taken.append)
    made._send_msg = told.append
    yield made, taken, told
    session.end()


def piece(name, data=b"12", chunk=1, total_chunks=1):
    return {"name": name, "data": data, "chunk": chunk, "total_chunks": total_chunks}


def test_a_file_in_pieces_is_handed_on_whole(zone):
    made, taken, told = zone
    made._handle_msg(piece("a.xyz", total_chunks=2))
    assert taken == []
    made._handle_msg(piece("a.xyz", b"3", 2, 2))
    assert [path.read_bytes() for path in taken] == [b"123"]
    assert told == [{"name": "a.xyz", "taken": 1}, {"name": "a.xyz", "taken": 2}]


def test_what_is_refused_is_told_with_its_cause(zone):
    made, taken, told = zone
    made._handle_msg(piece("../a.xyz"))
    assert told == [{"name": "../a.xyz", "refused": "that is no name of a file"}]
    assert made._session.notice[0] == "error"
    made._handle_msg({"name": 3, "given_up": True})
    made._handle_msg("nothing of ours")
    assert taken == []


def test_what_cannot_be_read_is_told_where_it_was_dropped(zone):
    made, taken, told = zone
    made._handle_msg(piece("a.xyz"))
    made._session.open(taken[0])
    assert told[-1]["name"] == "a.xyz"
    assert "a.xyz" not in told[-1]["refused"]
    assert told[-1]["refused"] in made._session.notice[1]
    before = len(told)
    made._session.notice = ("error", "b.xyz: of no concern here")
    assert len(told) == before


def test_what_was_given_up_is_not_handed_on(zone):
    made, taken, told = zone
    made._handle_msg(piece("a.xyz", total_chunks=2))
    made._handle_msg({"name": "a.xyz", "given_up": True})
    made._handle_msg(piece("a.xyz", b"3", 2, 2))
    assert taken == []
    assert "lost on the way" in told[-1]["refused"]
