"""The retrain engine gives terminal and page the same numbers for the same arguments."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from pandas.testing import assert_frame_equal
from retrain_makers import make_structures

import winnow_atomistic as winnow
from analytics.data.readers import dataset_from_atoms
from analytics.evaluation.retrain.engine import Wanted, repetitions
from analytics.evaluation.retrain.evaluate import COLUMNS, retrain
from analytics.evaluation.retrain.ground import Ground, prepare_ground
from analytics.information.analysis import Analysis
from analytics.pipeline import Pipeline
from analytics.selection.base import is_nested
from views.retrain.runs import CLASS, FILE, HOLD_OUT, SHARES, TAIL
from views.retrain.state import RetrainState
from views.state.jobs import Inline
from views.state.session import Session

pytest.importorskip("featomic")

KEYS = ["method", "budget", "resample", "test"]
METHODS = ("least_variance", "kmeans", "random")


@pytest.fixture(scope="module")
def page() -> tuple[Session, RetrainState]:
    """A page on which three methods were retrained, and what is out of distribution."""
    session = Session(Inline(), Pipeline())
    session.open_dataset(dataset_from_atoms(make_structures(30), name="made.xyz"))
    for column, method in enumerate(METHODS):
        session.choose(column, method)
    session.set_budget(9)
    state = RetrainState(session, resamples=2, shown=True)
    state._files[FILE + "other"] = dataset_from_atoms(make_structures(6, seed=5), name="other")
    state.start()
    state.outside = CLASS + "square"
    return session, state


def terminal(session: Session, split: str, **more: object) -> pd.DataFrame:
    analysis = winnow.analyse(session.dataset, winnow.describe(session.dataset))
    tables = [
        retrain(
            analysis, [method], SHARES if is_nested(method) else [9 / 30], split=split,
            resamples=2, seed=session.slots[column].seed, **more,
        ).table
        for column, method in enumerate(METHODS)
    ]  # fmt: skip
    return pd.concat(tables).drop_duplicates()


@pytest.mark.parametrize("split", ["random", "high_force", "leave_class_out"])
def test_page_and_terminal_have_the_same_numbers(
    split: str, page: tuple[Session, RetrainState]
) -> None:
    session, state = page
    key, tests = {
        "random": (HOLD_OUT, {FILE + "other": state._files[FILE + "other"]}),
        "high_force": (TAIL, {}),
        "leave_class_out": (CLASS + "square", {}),
    }[split]
    expected = terminal(session, split, tests=tests)
    names = {*tests, key.removeprefix(CLASS)}
    expected = expected[expected.test.isin(names)].sort_values(KEYS, ignore_index=True)
    found = state.table()
    found = found[found.test.isin(names)].sort_values(KEYS, ignore_index=True)
    assert list(found.columns) == list(COLUMNS)
    assert set(found.test) == names
    assert set(found.method) == {*METHODS, "whole_pool"}
    assert_frame_equal(found, expected, check_exact=True)


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    data = dataset_from_atoms(make_structures(20), name="made.xyz")
    return winnow.analyse(data, winnow.describe(data))


@pytest.fixture(scope="module")
def ground(analysis: Analysis) -> Ground:
    return prepare_ground(analysis, resamples=2)


def test_what_is_known_is_not_made_again(ground: Ground) -> None:
    one, other = (Wanted(name, None, 0, (0.25, 1.0)) for name in ("random", "largest_force"))
    before = tuple(repetitions(ground, {"a": one, "b": one}))
    after = tuple(repetitions(ground, {"a": one, "b": other}, known=before))
    for old, new in zip(before, after, strict=True):
        assert new.part is old.part
        assert new.whole is old.whole
        assert new.curves["a"] is old.curves["a"]
        assert new.check.orders["a"] is old.check.orders["a"]
        assert not np.array_equal(new.check.orders["b"].order, old.check.orders["b"].order)


def test_another_test_needs_no_other_orders(ground: Ground) -> None:
    wanted = {"a": Wanted("random", None, 0, (4,))}
    before = tuple(repetitions(ground, wanted))
    files = {"other": dataset_from_atoms(make_structures(6, seed=5), name="other")}
    (first, _) = repetitions(ground, wanted, files, known=before)
    assert first.check.orders["a"] is before[0].check.orders["a"]
    assert set(first.curves["a"].errors) == {"hold_out", "other"}
    assert set(first.whole) == {"hold_out", "other"}


def test_a_budget_may_be_a_single_structure(ground: Ground) -> None:
    """One meaning of a budget: neither terminal nor page trains on more than was asked for."""
    (first, _) = repetitions(ground, {"a": Wanted("random", None, 0, (1, 0.01, 1.0))})
    assert_array_equal(first.curves["a"].sizes, [1, 1, 16])
