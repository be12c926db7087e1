"""JSON documents of others are read within limits; what is none is refused in one line."""

import os

import pytest

from analytics.runtime.documents import Entries, load_json
from analytics.runtime.errors import InputError, WinnowError


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("", "cut short or damaged"),
        ('{"a": 1', "cut short or damaged"),
        ("\xff", "not UTF-8"),
        ("[" * 100_000 + "]" * 100_000, "nested too deeply"),
        ('{"a":' * 100_000 + "1" + "}" * 100_000, "nested too deeply"),
        ('{"a": NaN}', "NaN is no number"),
        ('{"a": -Infinity}', "-Infinity is no number"),
        ('{"a": 1e400}', "1e400 is no number"),
        ("9" * 5000, "cut short or damaged"),
        ('{"a": 1, "a": 2}', "'a' stands twice"),
    ],
)
def test_what_is_no_json_is_one_line(tmp_path, text, cause) -> None:
    path = tmp_path / "a.json"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match=rf"a\.json: is not JSON.*{cause}") as caught:
        load_json(path)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("item", "times"),
    [("[],", 1_100_000), ('{"a":[1]},', 600_000), ("1,", 11_000_000), ('"",', 11_000_000)],
)
def test_what_is_far_more_in_memory_than_in_the_file_is_refused(tmp_path, item, times) -> None:
    path = tmp_path / "a.json"
    path.write_text(f'{{"a":[{item * times}0]}}')
    with pytest.raises(InputError, match="far too much"):
        load_json(path)


def test_only_files_are_read(tmp_path) -> None:
    for place, cause in ((tmp_path, "is no file"), (tmp_path / "gone", "cannot be read")):
        with pytest.raises(InputError, match=cause):
            load_json(place)
    if hasattr(os, "mkfifo"):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(InputError, match="is no file"):
            load_json(tmp_path / "pipe")


def test_entries_say_where_something_is_wrong() -> None:
    entries = Entries({"a": {"b": [{"c": 3.0}]}, "t": "x", "n": None, "f": True}, "the file")
    assert next(entries.object("a").each("b")).whole("c") == 3
    assert (entries.text("t"), entries.flag("f"), "n" in entries) == ("x", True, False)
    for ask, cause in (
        (lambda: next(entries.object("a").each("b")).text("c"), r"a\.b\[0\]\.c is 3\.0"),
        (lambda: entries["d"], "the file has no 'd'"),
        (lambda: entries.flag("t"), "t is 'x', not true or false"),
        (lambda: entries.indices("t"), "t is 'x', not a list"),
        (lambda: Entries([], "the file"), "the whole is a list"),
    ):
        with pytest.raises(WinnowError, match=cause):
            ask()
