"""What a person types to find structures, and the filter it stands for."""

import ase.io
import numpy as np
import pytest
from ase import Atoms
from ase.formula import Formula

import winnow_atomistic as winnow
from analytics.curation.expression import matching
from analytics.curation.expression_syntax import ExpressionError
from analytics.curation.properties import Properties
from analytics.curation.search import understood

FORMULAS = ["Ti2Al", "Ti4Al2", "TiAl", "Ti", "Al3", "C60", "C30", "CO", "Co", "TiAlCo"]


class Table:
    """Structures of the formulas above."""

    def __init__(self):
        frames = [Atoms(formula) for formula in FORMULAS]
        symbols = sorted({s for atoms in frames for s in atoms.symbols})
        self.n_structures = len(frames)
        self.owners = np.arange(self.n_structures)
        self.columns = {
            "index": np.arange(100, 100 + len(frames)),
            "natoms": np.array([len(atoms) for atoms in frames]),
            "config_type": np.array(["bulk", "Surface", "a b", *[""] * (len(frames) - 3)]),
            "formula": np.array([atoms.symbols.get_chemical_formula() for atoms in frames]),
        } | {f"n_{s}": np.array([list(a.symbols).count(s) for a in frames]) for s in symbols}

    def available(self):
        class Said:
            of = "structure"

            def __init__(self, name, values):
                self.name, self.kind = name, "category" if values.dtype.kind == "U" else "number"

        return tuple(Said(name, values) for name, values in self.columns.items())

    def values(self, name):
        return self.columns[name]


def found(text):
    table = Table()
    return [
        FORMULAS[s] for s in np.flatnonzero(matching(understood(text, table), table).structures)
    ]


@pytest.mark.parametrize(
    ("text", "indices"),
    [("103", [3]), ("103-105", [3, 4, 5]), ("100,104-105 109", [0, 4, 5, 9]), ("7", []),
     ("101:102", [1, 2]), (" 100, 109 ", [0, 9])],
)  # fmt: skip
def test_indices_of_the_file(text, indices):
    assert found(text) == [FORMULAS[s] for s in indices]


@pytest.mark.parametrize("text", ["Ti", "Ti-Al", "Al Ti", "Ti,Al,Co", "C-O", "Co", "Al + Ti"])
def test_elements_are_all_there(text):
    wanted = set(text.replace("-", " ").replace(",", " ").replace("+", " ").split())
    assert found(text) == [f for f in FORMULAS if wanted <= set(Formula(f).count())]


@pytest.mark.parametrize("text", ["Ti2Al", "AlTi2", "TiAl", "CO", "OC", "TiAlCo", "Al1"])
def test_a_formula_is_found_in_any_multiple(text):
    wanted = Formula(text).reduce()[0].count()
    assert found(text) == [f for f in FORMULAS if Formula(f).reduce()[0].count() == wanted]


@pytest.mark.parametrize("text", ["C60", "Ti4Al2", "Al3", "C45"])
def test_a_formula_with_a_common_factor_is_that_many_atoms(text):
    assert found(text) == [f for f in FORMULAS if Formula(f).count() == Formula(text).count()]


def test_a_class_is_found_by_its_name():
    assert understood("surface", Table()) == 'config_type == "Surface"'
    assert understood("a b", Table()) == 'config_type == "a b"'


def test_an_expression_stays_what_it_is():
    assert understood(" natoms < 3 ", Table()) == "natoms < 3"


@pytest.mark.parametrize(
    ("text", "words"),
    [("Pu", "no structure has Pu"), ("W-Al", "no structure has W"), ("Pu2Al", "no structure has"),
     ("9-3", "upwards"), ("1" * 30, "beyond"), ("Ti0", "no number")],
)  # fmt: skip
def test_what_cannot_be_found_is_told(text, words):
    with pytest.raises(ExpressionError, match=words):
        understood(text, Table())


def test_columns_of_a_file_are_searched(tmp_path):
    frames = [
        Atoms("C2", [[0, 0, 0], [0, 0, 1.4]]),
        Atoms("C"),
        Atoms("CO", [[0, 0, 0], [0, 0, 1]]),
    ]
    for at, atoms in enumerate(frames):
        atoms.info.update(config_type=["dimer", "IsolatedAtom", "dimer"][at], source=f"run-{at}")
        atoms.arrays["charge"] = np.arange(len(atoms)) - 0.5
    path = tmp_path / "few.xyz"
    ase.io.write(path, frames)
    columns = Properties(winnow.analyse(winnow.read(path)))

    def rows(text):
        answer = matching(understood(text, columns), columns)
        return answer.structures.tolist(), answer.environments.tolist()

    assert rows("C2") == ([True, False, False], [True, True, False, False])
    assert rows("C") == ([True, True, True], [True] * 4)
    assert rows("charge > 0") == ([True, False, True], [False, True, False, True])
    assert rows("run-2") == ([False, False, True], [False, False, True, True])
    assert rows('element == "O"') == ([False, False, True], [False, False, False, True])
