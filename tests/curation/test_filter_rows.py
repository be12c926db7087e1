"""Rows of a form and the expression they stand for: there and back again."""

import ast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analytics.curation.expression_syntax import parsed
from analytics.curation.filter_rows import SIGNS, FilterRow, as_rows, joined

NUMBERS = st.one_of(st.integers(-999, 999), st.floats(-1e6, 1e6)).map(str)
TEXTS = st.text(st.characters(blacklist_categories=["Cs", "Cc", "Zs", "Zl", "Zp"],
                              blacklist_characters=","), min_size=1, max_size=6)  # fmt: skip
COLUMNS = st.sampled_from(["natoms", "max_force", "config_type", "dft-energy", "a b"])


@st.composite
def rows(draw):
    found = []
    for at in range(draw(st.integers(1, 4))):
        text = draw(st.booleans())
        sign = draw(st.sampled_from([*SIGNS.values()]))
        values = draw(st.lists(TEXTS if text else NUMBERS, min_size=1, max_size=3))
        value = ", ".join(values if "in" in sign else values[:1])
        join = "or" if at == 0 else draw(st.sampled_from(["and", "or"]))
        found.append(FilterRow(join, draw(COLUMNS), sign, value, text))
    return found


@given(rows())
def test_rows_come_back_from_what_they_wrote(given_rows):
    again = as_rows(joined(given_rows))
    assert [row._replace(value="") for row in again] == [r._replace(value="") for r in given_rows]
    assert joined(again) == joined(given_rows) or all(not row.text for row in again)
    tree, other = (ast.dump(parsed(joined(some))[0]) for some in (again, given_rows))
    assert tree == other


@pytest.mark.parametrize(
    "expression",
    ["natoms", "not natoms > 3", "1 < natoms < 3", "natoms > 1 and (natoms > 2 or natoms > 3)",
     "abs(energy) > 3", "natoms > max_force", "3 < natoms", "natoms == None", "natoms >"],
)  # fmt: skip
def test_what_is_more_than_rows_can_show_is_not_shown_as_rows(expression):
    assert as_rows(expression) is None


def test_a_row_without_a_value_waits():
    complete = FilterRow("and", "natoms", ">", "3", False)
    assert joined([complete, FilterRow("and", "natoms", "<", " ", False)]) == "natoms > 3"
    assert joined([]) == ""
    assert as_rows("  ") == []
