"""Legends: what they show of a colouring, and what is chosen in them; without a browser."""

import numpy as np
import pytest

from analytics.curation.properties import Property
from views.kit.legend import ColourLegend
from views.kit.scales import colours
from views.state.colouring import colouring_of

NUMBER = Property("x", "X", "eV")
WORD = Property("w", "W", kind="category")


@pytest.fixture
def chosen():
    return []


@pytest.fixture
def legend(chosen):
    legend = ColourLegend()
    legend.on_choice(
        lambda low, high, mode: chosen.append((low, high, mode)),
        lambda category, mode: chosen.append((category, mode)),
    )
    return legend


def test_bars_count_and_a_drag_over_them_is_a_range(legend, chosen):
    colouring = colouring_of(NUMBER, (np.append(np.linspace(0, 1, 1000), [50.0, np.nan]),))
    legend.show(colouring, dark=False)
    edges, counts = colouring.legend.edges, colouring.legend.counts
    assert len(legend.shown["heights"]) == len(counts) == len(legend.shown["colours"])
    assert max(legend.shown["heights"]) == 1.0
    assert legend.shown["ends"][1].startswith("≥ ")
    assert "higher" in legend.shown["said"][-1]
    legend._handle_msg({"bars": [3, 5], "mode": "add"})
    assert chosen == [(edges[3], edges[6], "add")]
    legend._handle_msg({"bars": [-7, 10**6], "mode": "replace"})  # a browser may say anything
    assert chosen[1] == (edges[0], edges[-1], "replace")
    rows = colouring.within(edges[3], edges[4])
    assert abs(len(rows) - counts[3]) <= 2  # the edges belong to both


def test_bars_show_how_much_of_them_is_brushed(legend):
    colouring = colouring_of(NUMBER, (np.linspace(0, 1, 640),))
    legend.show(colouring, dark=True, brush=np.arange(640))
    assert legend.brushed == legend.shown["heights"]
    legend.light(np.arange(5))
    assert [at for at, height in enumerate(legend.brushed) if height] == [0]
    legend.light(np.empty(0, dtype=np.int64))
    assert legend.brushed == []


def test_chips_count_and_a_click_on_one_is_its_category(legend, chosen):
    colouring = colouring_of(WORD, (np.array(["a", "b<i>", "b<i>", ""]),), why="nobody said")
    legend.show(colouring, dark=False)
    chips = legend.shown["chips"]
    assert [(c["name"], c["count"]) for c in chips] == [("b<i>", "2"), ("a", "1"), ("", "1")]
    assert [c["colour"] for c in chips[:2]] == colours(colouring, dark=False)
    assert "nobody said" in chips[2]["hint"]
    legend._handle_msg({"category": "a", "mode": "subtract"})
    assert chosen == [("a", "subtract")]


def test_nothing_is_shown_and_nothing_chosen_without_a_colouring(legend, chosen):
    legend.show(colouring_of(WORD, (np.array(["a"]),)), dark=False)
    legend.show(None, dark=False)
    assert legend.shown == {}
    legend._handle_msg({"category": "a", "mode": "replace"})
    assert chosen == []
