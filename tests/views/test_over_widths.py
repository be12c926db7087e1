"""Headline figures over widths on the page: ranges, empty metrics, no false winner."""

import itertools
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from analytics.data.readers import read
from analytics.descriptors.distances import DistanceSpec
from analytics.evaluation.retrain.method_ranking import BEHIND, LEADS, TIED, Ranking
from analytics.evaluation.verdicts import empty, verdict
from analytics.evaluation.width_range import RANGED, WidthComparison
from analytics.information.kernel import KernelSpec
from analytics.pipeline import Pipeline
from views.compare.ranking_card import RankingCard
from views.compare.rows import NOTHING_HERE, written
from views.compare.view import Columns
from views.data.view import DataView
from views.state.jobs import Inline
from views.state.over_widths import ColumnsOverWidths, HeadlinesOverWidths
from views.state.session import DEMO, Session

TITLES = ("one", "two", "three")
MODELS = ("soap_gap", "linear_ace")


@pytest.fixture(scope="module")
def pipeline():
    return Pipeline()


@pytest.fixture(scope="module")
def opened(pipeline):
    session = Session(Inline(), pipeline)
    session.open_dataset(read(f"{DEMO}@0:552:12"))
    return session.opened


@pytest.fixture
def session(opened, pipeline):
    session = Session(Inline(), pipeline)
    session.adopt(opened, "small.xyz")
    return session


def compared(values, as_good):
    """Make a comparison of three columns: metric -> values at half, once and twice the width."""
    rows, ties = [], []
    for metric, at in values.items():
        for column, three in enumerate(zip(*at, strict=True)):
            named = dict(zip(("half", "in_use", "twice"), three, strict=True))
            rows.append({"method": TITLES[column], "budget": 5, "metric": metric, **named})
        for where, own in zip(("half", "in_use", "twice"), at, strict=True):
            best = TITLES[int(np.argmax(RANGED[metric] * np.array(own)))]
            ties.append(
                {"budget": 5, "metric": metric, "width": where, "best": best, "as_good": as_good}
            )
    return WidthComparison(pd.DataFrame(rows), pd.DataFrame(ties), (0.5, 1.0, 2.0), 100)


def said(over_widths, values, *, sampled=False, better=1, why=""):
    written = [f"{value:.2f}" for value in values]
    return verdict("overlap", values, written, better, TITLES, why, over_widths, sampled)


def test_best_column_is_marked_if_it_is_best_at_every_width():
    over = compared({"overlap": [[0.1, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]]}, 1)
    assert said(over, [0.4, 0.5, 0.6]).leads == (False, False, True)
    assert said(None, [0.4, 0.5, 0.6]).leads == (False, False, True)


def test_nobody_is_the_best_where_the_winner_depends_on_the_width():
    over = compared({"overlap": [[0.5, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]]}, 1)
    found = said(over, [0.4, 0.5, 0.6])
    assert found.leads == (False, False, False)
    assert "three is best at this width, but one at half the width" in found.doubt
    unsure = compared({"overlap": [[0.5, 0.2, 0.3], [0.4, 0.5, 0.6], [0.7, 0.8, 0.9]]}, 2)
    assert said(unsure, [0.4, 0.5, 0.6]).leads == (False, False, True)


def test_nobody_is_the_best_within_the_error_of_an_estimate_or_where_the_metric_is_empty():
    over = compared({"overlap": [[0.1, 0.2, 0.3]] * 3}, 3)
    assert said(over, [0.1, 0.2, 0.3]).leads == (False, False, True)  # known exactly
    assert said(over, [0.1, 0.2, 0.3], sampled=True).doubt
    assert not any(said(over, [0.1, 0.2, 0.3], sampled=True).leads)
    found = said(None, [0.1, 0.2, 0.3], why="all is new")
    assert (found.leads, found.empty) == ((False, False, False), "all is new")


@pytest.mark.parametrize(
    ("width", "words"),
    [
        (1e-6, ("covers what it keeps", "counts as new", "is new")),
        (100.0, ("covers everything", "count as one", "leaves anything open")),
    ],
)
def test_metrics_that_say_nothing_are_named_and_have_no_winner(session, width, words):
    session.reanalyse(DistanceSpec(), KernelSpec(bandwidth=width))
    reasons = [
        empty(name, session.measured, session.analysis)
        for name in ("overlap", "diversity", "mean_delta_entropy")
    ]
    for reason, word in zip(reasons, words, strict=True):
        assert word in reason
    for head in Columns(session).heads:
        card = head.card.object
        assert str(card).count(f">{NOTHING_HERE}<") == 4


def test_a_share_of_the_tail_is_no_entropy_however_small_it_is(session):
    few = [replace(each, outliers_kept=np.array([0.01])) for each in session.measured]
    assert empty("outliers_kept", few, session.analysis) == ""


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("overlap", 0.9996, ">0.99"),
        ("overlap", 1.0, "1.00"),
        ("outliers_kept", 0.0004, "<0.01"),
        ("outliers_kept", 0.0, "0.00"),
        ("diversity", 0.9996, "1.00"),  # a ratio, which may be above 1
        ("mean_delta_entropy", 1e-5, "<0.001"),
        ("mean_delta_entropy", 0.0, "0"),
        ("force_top1pct", np.nan, "n/a"),
    ],
)
def test_what_is_neither_all_nor_none_is_not_written_so(metric, value, text):
    assert written(metric, value) == text


def test_columns_follow_the_budget_and_the_methods(session):
    over = ColumnsOverWidths(session)
    over.refresh()
    first = over.found
    assert first.table["budget"].unique().tolist() == [session.budget]
    assert over.whole.in_use == session.analysis.spec.bandwidth
    session.set_budget(session.budget + 3)
    assert over.found.table["budget"].unique().tolist() == [session.budget]
    session.choose(0, "kmeans")
    assert "kmeans" in set(over.found.table["method"])


def test_bars_have_a_range_that_holds_the_value(session):
    columns = Columns(session)
    for head in columns.heads:
        text = str(head.card.object)
        ranges = re.findall(r'class="range" style="left:([\d.]+)%;width:([\d.]+)%"', text)
        bars = [float(w) for w in re.findall(r'class="bar" style="width:([\d.]+)%"', text)]
        assert len(ranges) == 4
        for bar, (left, width) in zip((*bars[:3], bars[5]), ranges, strict=True):
            assert float(left) - 0.2 <= bar <= float(left) + float(width) + 0.2


# ---- the Data stage -----------------------------------------------------------------------------


def test_headlines_are_known_for_the_width_in_use(session):
    over = HeadlinesOverWidths(session)
    over.refresh()
    low, high = over.over_widths.span("redundancy")
    assert low <= session.analysis.redundancy <= high
    text = str(DataView(session).overview.object)
    assert "redundant; " in text
    assert "from half to twice" in text
    assert "At the published width, 0.015" in text


def test_width_is_a_choice_of_three(session):
    view = DataView(session)
    assert list(view.width.options.values()) == ["auto", "published", "given"]
    field = view.kernel.widgets["bandwidth"]
    assert (view.width.value, field.visible) == ("auto", False)
    assert f"Width in use: {session.analysis.spec.bandwidth:g}" in str(view.in_use.object)
    view.width.value = "given"
    assert field.visible
    assert float(field.value) == session.analysis.spec.bandwidth
    assert view.kernel.widgets["covered_below"].value == "1e-05"  # not 0.0
    view.width.value = "published"
    view.recompute.param.trigger("clicks")
    assert session.analysis.spec.bandwidth == 0.015
    assert view.width.value == "published"
    assert "by the data" in str(view.in_use.object)


# ---- measured on one's own data -----------------------------------------------------------------


def ranking(verdicts):
    """Make a ranking of three methods: what each row says of them, per budget."""
    methods = ("recommended", "random", "kmeans")
    rows = [
        {
            "test": "hold_out", "model": model, "quantity": "force", "budget": budget,
            "method": method, "error": 0.1, "ratio": ratio, "low": 0.9, "high": 1.3,
            "verdict": word, "n_structures": 5.0, "n_environments": 50.0,
        }
        for model, (budget, words) in itertools.product(MODELS, verdicts.items())
        for method, word, ratio in zip(methods, words, (1.0, 1.1, 1.2), strict=True)
    ]  # fmt: skip
    return Ranking(pd.DataFrame(rows), 10, 0.9, methods, ("a note",))


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ({0.1: (LEADS, TIED, TIED)}, "No method can be told from another"),
        ({0.1: (LEADS, BEHIND, BEHIND)}, "best or tied with it in all of 1 ranking"),
        ({0.1: (LEADS, BEHIND, BEHIND), 0.2: (BEHIND, LEADS, BEHIND)}, "among the best everywhere"),
    ],
)
def test_ranking_says_who_leads_and_what_is_tied(session, verdicts, words):
    card = RankingCard(session)
    assert not card.body.visible
    card.request.result = ranking(verdicts)
    text = str(card.answers.object)
    assert card.body.visible
    assert "a note" in text
    assert text.count(words) == 2  # a sentence for each potential
    assert "SOAP-GAP" in text
