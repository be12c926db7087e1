"""Index files: what they may look like, what is refused in one line, and the order they give."""

import json

import numpy as np
import pytest
from makers import make_analysis, make_dataset

from analytics.curation.index_files import read_selection
from analytics.data.export import write_subset
from analytics.data.readers import read
from analytics.recipe import make_recipe
from analytics.runtime.errors import InputError, WinnowError
from analytics.selection.base import METHODS, select
from analytics.selection.given import GivenSpec, listed, written
from analytics.selection.wishes import WISHES, suggest

SIZES = [3, 1, 4, 2, 5, 3, 2, 4]


@pytest.fixture(scope="module")
def analysis():
    return make_analysis(sizes=SIZES, isolated=1)


@pytest.fixture(scope="module")
def data(analysis):
    return analysis.dataset


def test_a_list_is_written_shortly_and_read_back():
    for indices in ([5], [7, 8, 9, 2, 3], [3, 2, 1], list(range(500)), [0, 2, 4]):
        assert listed(written(indices), 500) == indices
    assert written([5, 0, 7, 8, 9]) == "5,0,7-9"
    assert listed("3,9-99999999999,8000", 10) == [3, 9, 10]
    for text in ("5,x", "-3", "1--2", ""):
        with pytest.raises(InputError):
            listed(text, 500)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("some.txt", "# kept\n5 0\n7,2\n"),
        ("some.csv", "index\n5\n0\n7\n2\n"),
        ("some.json", "[5, 0, 7, 2]"),
        ("other.json", '{"indices": [5, 0, 7, 2], "by": "somebody"}'),
    ],
)
def test_the_order_is_that_of_the_file(tmp_path, data, name, content):
    (tmp_path / name).write_text(content)
    assert read_selection(tmp_path / name, data) == (5, 0, 7, 2)


def test_arrays_and_masks(tmp_path, data):
    np.save(tmp_path / "a.npy", np.array([5, 0, 7]))
    assert read_selection(tmp_path / "a.npy", data) == (5, 0, 7)
    np.save(tmp_path / "m.npy", np.arange(data.n_structures) % 4 == 1)
    assert read_selection(tmp_path / "m.npy", data) == (1, 5)


def test_a_recipe_is_in_the_order_of_picking(tmp_path, analysis, data):
    order = select(analysis, "random", seed=3)
    recipe = make_recipe(analysis, order, 4, budget=4)
    (tmp_path / "r.json").write_text(json.dumps(recipe.to_dict()))
    assert read_selection(tmp_path / "r.json", data) == tuple(order.structures[:4].tolist())


def test_structures_are_looked_up_by_their_atoms(tmp_path):
    write_subset(make_dataset(SIZES), np.arange(len(SIZES)), tmp_path / "all.xyz")
    whole = read(tmp_path / "all.xyz")
    write_subset(whole, np.array([1, 4, 6]), tmp_path / "some.xyz")
    assert read_selection(tmp_path / "some.xyz", whole) == (1, 4, 6)
    write_subset(make_dataset([3], seed=9), np.array([0]), tmp_path / "else.xyz")
    with pytest.raises(InputError, match=r"else.xyz, structure 0: all.xyz has no structure with"):
        read_selection(tmp_path / "else.xyz", whole)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("a.txt", "1\n99\n", "a.txt: index 99 is outside: made.xyz has 0 to 8"),
        ("a.txt", "1\n2\n1\n", "a.txt: index 1 is there twice"),
        ("a.txt", "1\n-2\n", "a.txt: line 2: '-2' is no index"),
        ("a.txt", "1.5", "a.txt: line 1: '1.5' is no index"),
        ("a.txt", "", "a.txt: it names no structure"),
        ("a.json", "[1, true]", "a.json: 'True' is no index"),
        ("a.json", '{"x": 1}', "a.json: has no list of indices"),
        ("a.npy", "no array", "a.npy: is no array of numpy"),
        ("gone.txt", None, "gone.txt: cannot be read"),
    ],
)
def test_what_cannot_be_is_one_line(tmp_path, data, name, content, said):
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(InputError) as caught:
        read_selection(tmp_path / name, data)
    assert str(caught.value).startswith(said)
    assert "\n" not in str(caught.value)


def test_a_given_list_is_its_own_order_and_no_more(analysis):
    found = select(analysis, "given", spec=GivenSpec("5,0,7,8,2"))  # 8 is an isolated atom
    assert found.structures.tolist() == [5, 0, 7, 2]
    forced = select(analysis, "given", spec=GivenSpec("5,0,7,2"), keep=[3], drop=[0])
    assert forced.structures.tolist() == [3, 5, 7, 2]
    assert select(analysis, "given", spec=GivenSpec("5,0,7"), size=2).structures.tolist() == [5, 0]
    # what is not there is passed over, as in the part that a potential is trained on
    assert select(analysis, "given", spec=GivenSpec("5,9,0")).structures.tolist() == [5, 0]
    with pytest.raises(WinnowError, match="mine: no structure of it is in made"):
        select(analysis, "given", spec=GivenSpec("9", "mine"))


def test_every_wish_has_a_method_that_the_labels_allow(analysis):
    bare = make_dataset(SIZES, energies=False, forces=False)
    for wish in WISHES:
        assert suggest(wish, analysis.dataset).method in METHODS
        found = suggest(wish, bare)
        assert not METHODS[found.method].needs_forces
        assert found.reason
    assert METHODS[suggest("extend an existing set", bare).method].conditional
