"""The session file: what is written is read back, and nothing in a file is trusted."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.curation.ledger import Removal, Waiver
from analytics.runtime.errors import InputError
from analytics.selection.coverage import FacilityLocationSpec
from views.state.columns import Choice
from views.state.decisions import Step
from views.state.saved import FORMAT_VERSION, SavedSession, Source, load, parse

WHEN = "2026-11-27T07:00:00Z"
SOURCE = Source(
    "/data/si.xyz@0:50", False, {"energy_key": "E", "forces_key": ""}, "si.xyz", "ab", 50, 900
)
CHOICES = [
    Choice("random", 3),
    Choice("facility_location", 0, {"width": 2.0}),
    Choice("largest_force"),
]


def made(**changes):
    values = {
        "source": SOURCE,
        "descriptor": ("distances", {"k": 32, "cutoff": 5.0}),
        "kernel": {"bandwidth": 0.015},
        "choices": CHOICES,
        "budget": 21,
        "pinned": [1, 4],
        "rejected": [2, 7],
        "removals": {
            s: Removal(s, "Labels", "conflicting energy", WHEN, "finding") for s in (2, 7)
        },
        "waived": {"rare": Waiver("rare", "meant", WHEN, "1 structure has a rare element")},
        "brush": np.arange(0, 100_000, 3),
        "named_brushes": {"a, b": np.arange(200), "c": np.array([7])},
        "searches": ["natoms < 5", "W-Be"],
        "undo": [
            Step(
                [], [2], {2: Removal(2, reason="why")}, CHOICES, {}, 20, {"strict": True}, "it", "a"
            )
        ],
        "redo": [Step([1, 4, 9], [2, 7], {}, CHOICES)],
        "marks": {1: 5, 2: 2**32 - 1},
        "stage": "Review",
        "stages": {"Review": {"tolerance": 0.2}, "Learn": {"lesson": "a", "steps": [1, [2]]}},
        "title": "Silicon, äöü",
        "saved": 1.7e9,
    }
    return SavedSession(**(values | changes))


def plain(session):
    return session.to_dict()


def test_what_is_written_is_read_back():
    session = made()
    again = parse(session.to_bytes())
    assert plain(again) == plain(session)
    assert again.removals == session.removals
    assert again.waived == session.waived
    assert again.undo == session.undo
    np.testing.assert_array_equal(again.brush, session.brush)
    np.testing.assert_array_equal(again.named_brushes["a, b"], np.arange(200))


def test_a_session_from_before_brushes_had_names_is_read():
    content = made().to_dict()
    del content["named_brushes"], content["searches"]
    again = parse(json.dumps(content).encode())
    assert again.named_brushes == {}
    assert again.searches == []


def test_options_are_written_as_plain_values():
    spec = FacilityLocationSpec()
    session = made(choices=[Choice("facility_location", 0, spec), *CHOICES[1:]])
    assert parse(session.to_bytes()).choices[0].spec == {
        name: getattr(spec, name) for name in spec.__slots__
    }


def test_a_large_brush_is_written_compactly():
    session = made(brush=np.arange(500_000))
    assert len(session.to_bytes()) - len(made(brush=np.arange(0)).to_bytes()) < 20_000


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(0, 10**9), unique=True, max_size=300).map(sorted))
def test_any_set_of_indices_survives(rows):
    assert parse(made(rejected=rows, pinned=[], removals={}).to_bytes()).rejected == rows


def test_an_entry_of_a_newer_version_is_named():
    content = plain(made()) | {"comments": [1], "colour": "red"}
    assert parse(json.dumps(content).encode()).unknown == ("colour", "comments")


def changed(**values):
    return json.dumps(plain(made()) | values).encode()


BAD = {
    "empty": b"",
    "not text": b"\xff\xfe{}",
    "not JSON": b"{'a': 1}",
    "nested without end": b"[" * 200_000,
    "a list": b"[]",
    "something else": b'{"format": "winnow-recipe"}',
    "a newer format": changed(format_version=FORMAT_VERSION + 1),
    "an odd format": changed(format_version=["1"] * 10_000),
    "a missing entry": json.dumps({k: v for k, v in plain(made()).items() if k != "undo"}).encode(),
    "another type": changed(budget="21"),
    "a truth for a number": changed(budget=True),
    "a negative budget": changed(budget=-1),
    "a number without end": changed(budget=10**400),
    "no number": changed(saved=float("nan")),
    "infinity by overflow": changed(saved=0).replace(b'"saved": 0', b'"saved": 1e999'),
    "indices out of order": changed(pinned=[4, 1]),
    "an index twice": changed(pinned=[1, 1]),
    "pinned and rejected": changed(pinned=[2]),
    "a bomb": changed(brush={"count": 10**9, "packed": "eJw="}),
    "odd letters": changed(brush={"count": 3, "packed": "ß" * 40}),
    "not packed": changed(brush={"count": 3, "packed": "AAAA" * 40}),
    "no columns": changed(columns=[]),
    "five columns": changed(columns=[{"method": "random", "seed": 0, "spec": None}] * 5),
    "a column of lists": changed(columns=[[], [], []]),
    "too many steps": changed(undo=[plain(made())["undo"][0]] * 1000),
    "a zero in a text": changed(title="a\0b"),
    "half a character": changed(title="\ud800"),
    "a stage that is a number": changed(stages={"Review": 3}),
    "nested options": changed(kernel={"bandwidth": {"a": 1}}),
    "other lengths": changed(marks={"structures": [1, 2], "digests": [3]}),
}


@pytest.mark.parametrize("content", BAD.values(), ids=BAD)
def test_what_is_no_session_is_one_line(content):
    with pytest.raises(InputError) as told:
        parse(content, "mine.winnow")
    assert str(told.value).startswith("mine.winnow: ")
    assert "\n" not in str(told.value)
    assert len(str(told.value)) < 200


def test_every_cut_is_told(tmp_path):
    content, path = made(brush=np.arange(5)).to_bytes(), tmp_path / "cut.winnow"
    for end in range(0, len(content) - 1, 37):
        path.write_bytes(content[:end])
        with pytest.raises(InputError, match=r"cut\.winnow"):
            load(path)


def test_a_folder_and_a_missing_file_are_told(tmp_path):
    for path in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="cannot be read"):
            load(path)
