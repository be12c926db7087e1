from __future__ import annotations

import numpy as np
import pytest
from ase.io.extxyz import key_val_str_to_dict
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from analytics.data.extxyz_comment import format_comment, parse_comment, parse_properties


def same(a, b) -> bool:
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, str) or isinstance(b, str):
        return type(a) is type(b) and a == b
    a, b = np.asarray(a), np.asarray(b)
    return a.shape == b.shape and a.dtype.kind == b.dtype.kind and np.array_equal(a, b, True)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a=1 b=-2.5 c=1e-3 d=word", {"a": 1, "b": -2.5, "c": 1e-3, "d": "word"}),
        ("a=T b=False flag c=T", {"a": True, "b": False, "flag": True, "c": True}),
        ("a=\"two words\" b='x y'", {"a": "two words", "b": "x y"}),
        (r'a="say \"hi\"" b="back\\slash"', {"a": 'say "hi"', "b": "back\\slash"}),
        ('a="1 2 3"', {"a": np.array([1, 2, 3])}),
        ("a=[1.5, 2] b={1 2} c=[7]", {"a": [1.5, 2.0], "b": [1, 2], "c": [7]}),
        ("a=[[1, 2], [3, 4]]", {"a": np.array([[1, 2], [3, 4]])}),
        ('pbc="T F T"', {"pbc": np.array([True, False, True])}),
        ('stress="1 2 3 4 5 6 7 8 9"', {"stress": np.arange(1, 10).reshape(3, 3).T}),
        ('nine="1 2 3 4 5 6 7 8 9"', {"nine": np.arange(1, 10)}),
        ("i =   7, time =  0.5, E =   -17.25", {"i": 7, "time": 0.5, "E": -17.25}),
        ("id=007 run=1_000 hash=0x1f", {"id": "007", "run": "1_000", "hash": "0x1f"}),
        ("big=123456789012", {"big": 123456789012}),
        ("a=nan b=-inf", {"a": np.nan, "b": -np.inf}),
        ('a=""', {"a": ""}),
        ("url=http://x/y?z=1", {"url": "http://x/y?z=1"}),
        ('"odd key"=3 c-d=4 a:b=5', {"odd key": 3, "c-d": 4, "a:b": 5}),
        (r'a="_JSON {\"x\": [1, null]}"', {"a": {"x": [1, None]}}),
        ('unclosed="abc', {"unclosed": '"abc'}),
        ("water molecule", {"comment": "water molecule"}),
        ("   ", {}),
    ],
)
def test_parse(text, expected) -> None:
    parsed = parse_comment(text)
    if isinstance(expected.get("a"), dict):
        assert parsed == expected
    else:
        assert same(parsed, expected), parsed


def test_parse_properties_names_what_is_wrong() -> None:
    assert parse_properties("species:S:1:pos:R:3") == (("species", "S", 1), ("pos", "R", 3))
    for bad in ("pos", "pos:R", "pos:Q:3", "pos:R:0", "pos:R:-3", "pos:R:3:pos:R:3", ":R:3"):
        with pytest.raises(ValueError, match="Properties"):
            parse_properties(bad)


def test_key_and_value_that_have_no_text_form_are_refused() -> None:
    with pytest.raises(ValueError, match="key"):
        format_comment({"a\0b": 1})
    with pytest.raises(ValueError, match="'x'"):
        format_comment({"x": 1 + 2j})


numbers = st.one_of(
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=True, allow_infinity=True),
)
vectors = st.one_of(
    st.lists(st.integers(-(2**31), 2**31), min_size=1, max_size=10),
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=10),
    st.lists(st.booleans(), min_size=1, max_size=5),
).map(np.array)
matrices = st.lists(
    st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=3, max_size=3),
    min_size=1,
    max_size=4,
).map(np.array)
texts = st.one_of(
    st.text(max_size=20),
    st.text(alphabet=" \"'\\{}[]=,_-.aT1é\n", max_size=12),
    st.sampled_from(["T", "True", "nan", "-inf", "1", "007", "1 2 3", "T F", "_JSON 1", "a, b"]),
)
keys = st.one_of(
    st.from_regex(r"[A-Za-z_][A-Za-z0-9_-]{0,8}", fullmatch=True),
    st.sampled_from(["stress", "virial", "odd key", "a=b", 'quo"te', "back\\slash"]),
).filter(lambda key: key.lower() not in ("uid", "pbc", "lattice", "properties"))
special = st.lists(st.floats(-9, 9), min_size=9, max_size=9).map(
    lambda v: np.array(v).reshape(3, 3)
)


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(keys, st.one_of(numbers, vectors, matrices, texts), max_size=4))
def test_what_is_written_is_read_back(pairs) -> None:
    # nine numbers under these names are a matrix, whoever wrote them
    assume(all(np.size(pairs.get(key, 0)) != 9 for key in ("stress", "virial")))
    line = format_comment(pairs)
    assert "\n" not in line
    assert line.isprintable()
    assert same(parse_comment(line), pairs), line


@settings(max_examples=400, deadline=None)
@given(st.dictionaries(keys, st.one_of(numbers, vectors, matrices, texts), max_size=4), special)
def test_ase_reads_the_same(pairs, matrix) -> None:
    # ASE takes nothing but nine numbers under these names, and "" and "007" for numbers
    pairs = {k: matrix if k in ("stress", "virial") else v for k, v in pairs.items()}
    pairs = {
        k: v
        for k, v in pairs.items()
        if not isinstance(v, str) or not (v.strip(" ,") == "" or _number_to_ase(v))
    }
    assume(pairs)
    line = format_comment(pairs)
    read = key_val_str_to_dict(line)
    # ASE makes lists of logicals
    read = {k: np.array(v) if isinstance(v, list) else v for k, v in read.items()}
    assert same(read, pairs), line


def _number_to_ase(text: str) -> bool:
    try:
        return [float(part) for part in text.replace(",", " ").split()] != []
    except ValueError:
        return False


def test_whole_numbers_beyond_all_floats_stay_text() -> None:
    digits = "9" * 400
    found = parse_comment(f'a="1 {digits}" b={{{digits} 2}} c="1 {10**30}"')
    assert found["a"] == f"1 {digits}"
    assert found["b"] == f"{{{digits} 2}}"
    assert found["c"].tolist() == [1.0, 1e30]
