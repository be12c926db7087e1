"""Filter expressions against pandas' nullable columns, and what an error says."""

import operator
from contextlib import suppress
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.curation.expression import matching
from analytics.curation.expression_syntax import ExpressionError, names_in, quoted, written

N, PER = 12, 3
CLASSES = ["Surface", "bulk Be", ""]


@dataclass(frozen=True)
class Said:
    name: str
    of: str = "structure"
    kind: str = "number"


class Table:
    """Columns of twelve structures of three atoms each, some values missing."""

    def __init__(self, seed=0):
        rng = np.random.default_rng(seed)
        self.n_structures, self.owners = N, np.repeat(np.arange(N), PER)
        self.structures = {
            "natoms": rng.integers(1, 5, N),
            "max_force": np.where(rng.random(N) < 0.3, np.nan, rng.integers(0, 5, N)),
            "config_type": rng.choice(CLASSES, N),
            "elements": rng.choice(["B-W", "Be-W"], N),
            "converged": rng.choice(["True", "False", ""], N),
            "dft-energy": rng.integers(-2, 3, N) * 0.5,
        }
        self.atoms = {
            "force": np.where(rng.random(N * PER) < 0.2, np.nan, rng.integers(0, 5, N * PER)),
            "element": rng.choice(["Be", "W"], N * PER),
        }

    def available(self):
        return tuple(
            Said(name, of, "category" if values.dtype.kind == "U" else "number")
            for of, some in (("structure", self.structures), ("environment", self.atoms))
            for name, values in some.items()
        )

    def values(self, name):
        return {**self.structures, **self.atoms}[name]

    def frame(self, atoms):
        """The same as pandas has it, where NA and the three values of its logic are built in."""
        if atoms:
            wide = {n: v[self.owners] for n, v in self.structures.items()} | self.atoms
        else:
            wide = self.structures
        return {name: _nullable(values) for name, values in wide.items()}


def _nullable(values):
    if values.dtype.kind == "U":
        return pd.Series(values).replace("", pd.NA).astype(pd.StringDtype("python"))
    return pd.Series(values).astype("Float64")


SIGNS = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne,
}  # fmt: skip
NUMBERS = {
    "natoms": lambda frame: frame["natoms"],
    "max_force": lambda frame: frame["max_force"],
    "force": lambda frame: frame["force"],
    "-force": lambda frame: -frame["force"],
    "natoms + max_force": lambda frame: frame["natoms"] + frame["max_force"],
}


def _numbers(name, sign, value):
    return f"{name} {sign} {value}", lambda frame: SIGNS[sign](NUMBERS[name](frame), value)


def _texts(name, sign, value):
    def found(frame):
        return SIGNS[sign](frame[name], value).astype("boolean")

    return f'{name} {sign} "{value}"', found


def _and(a, b):
    return f"({a[0]} and {b[0]})", lambda frame: a[1](frame) & b[1](frame)


def _or(a, b):
    return f"({a[0]} or {b[0]})", lambda frame: a[1](frame) | b[1](frame)


def _not(a):
    return f"not ({a[0]})", lambda frame: ~a[1](frame)


#: Pairs of an expression and what it is in pandas.
EXPRESSIONS = st.recursive(
    st.builds(_numbers, st.sampled_from([*NUMBERS]), st.sampled_from([*SIGNS]), st.integers(-1, 5))
    | st.builds(
        _texts,
        st.sampled_from(["config_type", "element"]),
        st.sampled_from(["==", "!="]),
        st.sampled_from(["Surface", "bulk Be", "Be"]),
    ),
    lambda inner: st.builds(_and, inner, inner) | st.builds(_or, inner, inner)
    | st.builds(_not, inner),
    max_leaves=5,
)  # fmt: skip


@settings(max_examples=100, deadline=None)
@given(EXPRESSIONS, st.integers(0, 20))
def test_as_pandas_finds_it_with_missing_values(pair, seed):
    (expression, in_pandas), table = pair, Table(seed)
    found = matching(expression, table)
    atoms = bool({"force", "element"} & set(names_in(expression)))
    answer = in_pandas(table.frame(atoms))
    true = answer.fillna(False).to_numpy(bool)
    assert found.unknown == int(answer.isna().sum())
    assert found.of == ("environment" if atoms else "structure")
    if atoms:
        assert np.array_equal(found.environments, true)
        assert np.array_equal(found.structures, true.reshape(N, PER).any(axis=1))
    else:
        assert np.array_equal(found.structures, true)
        assert np.array_equal(found.environments, np.repeat(true, PER))


@pytest.mark.parametrize(
    ("expression", "same"),
    [
        ("1 < max_force <= 3", "1 < max_force and max_force <= 3"),
        ("natoms in (1, 3)", "natoms == 1 or natoms == 3"),
        ("natoms not in [1, 3]", "not (natoms == 1 or natoms == 3)"),
        ("(natoms > 2) & ~(max_force > 3)", "natoms > 2 and not max_force > 3"),
        ("natoms > 2 AND NOT max_force > 3", "natoms > 2 and not max_force > 3"),
        ("5 > natoms", "natoms < 5"),
        ("abs(`dft-energy`) > 0.5", "`dft-energy` > 0.5 or `dft-energy` < -0.5"),
        ("max_force == None", "max_force is none"),
        ("max_force != None", "max_force <= 0 or max_force > 0"),
        ("converged", 'converged == "True"'),
        ("converged == False", 'converged == "False"'),
        ('startswith(config_type, "Surf")', 'config_type == "Surface"'),
        ('matches(config_type, "SURF*")', 'config_type == "Surface"'),
        ('"bulk" in config_type', 'contains(config_type, "bulk")'),
        ('contains(elements, "B")', 'elements == "B-W"'),
        ("any(force > 3)", "max(force) > 3"),
        ("count(force > 3) >= 1", "max(force) > 3"),
        ("2 * natoms / 2 == natoms", "True"),
        ("9 ** 9 ** 9 > natoms", "True"),
        ("  natoms <\n 3", "natoms < 3"),
        ('config_type == "AND"', "False"),
    ],
)
def test_other_ways_to_say_the_same(expression, same):
    table = Table(3)
    found, other = (matching(text, table) for text in (expression, same))
    if "count" in expression:  # unknown where an atom has no force
        assert not (found.structures & ~other.structures).any()
    else:
        assert np.array_equal(found.structures, other.structures)
        assert np.array_equal(found.environments, other.environments)


def test_atoms_of_a_structure_taken_together():
    table = Table(1)
    force = table.atoms["force"].reshape(N, PER)
    with np.errstate(invalid="ignore"):
        mean = pd.DataFrame(force).mean(axis=1).to_numpy() > 2
    assert np.array_equal(matching("mean(force) > 2", table).structures, mean)
    below = (force < 4).all(axis=1)  # an atom without a force leaves it open
    assert np.array_equal(matching("all(force < 4)", table).structures, below)
    above = (force >= 4).any(axis=1)
    assert np.array_equal(matching("not all(force < 4)", table).structures, above)


def test_a_structure_without_atoms_analysed_matches_nothing_about_atoms():
    table = Table()
    table.owners = table.owners[:-PER]
    table.atoms = {name: values[:-PER] for name, values in table.atoms.items()}
    assert not matching("force >= 0", table).structures[-1]
    assert not matching("all(force >= 0)", table).structures[-1]
    assert not matching("not any(force > 9)", table).structures[-1]
    assert matching("natoms > 0", table).structures[-1]


@pytest.mark.parametrize(
    ("expression", "position", "words"),
    [
        ("natoms > 1 and max_forces > 10", 16, "did you mean max_force?"),
        ("natom > 1", 1, "did you mean natoms?"),
        ("natoms = 3", 8, "write =="),
        ("natoms > 1 && natoms < 3", 12, "write and"),
        ("natoms >", 9, "ends too early"),
        ("(natoms > 3", 1, "never closed"),
        ('config_type == "Surface', 16, "quotation mark"),
        ("config_type == Surface", 16, 'config_type == "Surface"'),
        ('natoms == "a"', 11, "cannot be compared"),
        ('config_type > "a"', 15, "numbers only"),
        ("natoms", 1, "no condition"),
        ("max_force > 1 & natoms < 3", 13, "write and"),
        ('max_force contains "a"', 11, "contains("),
        ("natoms.real > 3", 1, "a dot"),
        ('__import__("os")', 1, "no function"),
        ("[x for x in natoms]", 1, "not understood"),
        ("(lambda: natoms)()", 1, "no function"),
        ("natoms[0] > 1", 1, "not understood"),
        ('f"{natoms}" == "2"', 1, "not understood"),
        ('"é" == config_type and natom > 3', 24, "did you mean natoms?"),
        ("any(natoms > 3)", 5, "atoms"),
        ("", 1, "nothing"),
        ("-" * 1500 + "1 < 2", 1, "nested"),
        ("(" * 900 + "natoms" + ")" * 900, None, "character"),
        ("natoms > 1" + " " * 2000, None, "longer"),
        ("natoms > 1\x00", None, "character"),
    ],
)
def test_errors_are_one_line_with_the_place(expression, position, words):
    with pytest.raises(ExpressionError) as caught:
        matching(expression, Table())
    text = str(caught.value)
    assert words in text
    assert "\n" not in text
    if position is not None:
        assert text.startswith(f"at character {position}:")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet="natoms_force elements\"'`()[]<>=!&|~.,:0123456789+-*/%\\{}@", max_size=40))
def test_whatever_is_typed_is_answered_or_refused(text):
    with suppress(ExpressionError):
        found = matching(text, Table())
        assert found.structures.shape == (N,)
        assert found.environments.shape == (N * PER,)


def test_a_class_that_is_not_there_is_told():
    (remark,) = matching('config_type == "surface"', Table()).remarks
    assert remark == 'no structure has config_type "surface"; did you mean "Surface"?'
    assert matching('config_type == "Surface"', Table()).remarks == ()


@pytest.mark.parametrize("name", ["natoms", "dft-energy", "class", "NOT", "Ä", "any", "a b"])
def test_names_are_written_so_that_they_can_be_read(name):
    table = Table()
    table.structures[name] = np.arange(N) * 1.0
    assert np.array_equal(matching(f"{written(name)} >= 6", table).structures, np.arange(N) >= 6)
    assert names_in(f"natoms > 1 and {written(name)} >= 6")[-1] == name


@given(st.text(alphabet=st.characters(blacklist_categories=["Cs", "Cc"]), max_size=8))
def test_texts_are_written_so_that_they_can_be_read(text):
    table = Table()
    table.structures["config_type"] = np.array([text or "x", "other"] * (N // 2))
    found = matching(f"config_type == {quoted(text or 'x')}", table).structures
    assert found[::2].all()
