"""Headline figures over a range of widths, and what is found about them."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from numpy.testing import assert_allclose

import winnow_atomistic as winnow
from analytics.evaluation.comparison import compare_selections
from analytics.evaluation.headline_findings import Headlines, headline_findings
from analytics.evaluation.width_range import RANGED, compare_widths, width_range
from analytics.information.analysis import Analysis
from analytics.information.kernel import KernelSpec
from tests.makers import kernel_twin, make_analysis


@cache
def analysis() -> Analysis:
    return make_analysis(seed=5)


@cache
def selections(found: Analysis) -> list:
    return [winnow.select(found, name, size=12) for name in ("random", "facility_location", "msc")]


def at_width(width: float) -> Analysis:
    return winnow.analyse(analysis().dataset, analysis().descriptors, KernelSpec(width))


def test_figures_at_each_width_are_those_of_an_analysis_at_that_width():
    found = width_range(analysis())
    h = analysis().spec.bandwidth
    assert found.in_use == h
    assert_allclose(found.widths[[0, -1]], [h / 2, 2 * h])
    assert found.n_sampled == analysis().n_environments
    for width in (h / 2, h, 2 * h):
        other = at_width(width)
        for name, wanted in (
            ("entropy", other.entropy_nats),
            ("diversity", other.diversity_nats),
            ("redundancy", other.redundancy),
        ):
            assert found.at(name, width) == pytest.approx(wanted, abs=1e-5), (name, width)
    low, high = found.span("redundancy")
    assert low <= analysis().redundancy <= high
    assert found.to_frame()["in_use"].sum() == 1


def test_metrics_of_selections_at_each_width_are_those_measured_there():
    found = compare_widths(analysis(), selections(analysis()), [6, 0.4])
    assert found.n_sampled == analysis().n_environments
    for width, where in zip(found.widths, ("half", "in_use", "twice"), strict=True):
        other = at_width(width)
        same = [replace(each, source=other.fingerprint) for each in selections(analysis())]
        wanted = compare_selections(other, same, [6, 0.4]).table
        for metric in RANGED:
            rows = found.table[found.table["metric"] == metric]
            for row in rows.to_dict(orient="records"):
                own = wanted[(wanted["method"] == row["method"])]
                own = own[[b == row["budget"] for b in own["budget"]]]
                assert row[where] == pytest.approx(float(own[metric].iloc[0]), abs=2e-4)
                assert row[f"{where}_error"] == 0.0  # of all environments


def test_a_sample_is_right_within_its_error(monkeypatch):
    monkeypatch.setattr("analytics.evaluation.width_range.MOST", 60)
    whole = compare_widths(analysis(), selections(analysis()), [12]).table
    monkeypatch.undo()
    exact = compare_widths(analysis(), selections(analysis()), [12]).table
    off = (whole["in_use"] - exact["in_use"]).abs() / whole["in_use_error"].clip(lower=1e-9)
    assert np.median(off) < 2.5
    assert (whole["in_use_error"] > 0).any()


def test_coverage_by_hand():
    found = compare_widths(analysis(), selections(analysis())[:1], [5])
    picks = selections(analysis())[0].positions[:5]
    owners, x = analysis().descriptors.owners, analysis().descriptors.values
    row = found.table[found.table["metric"] == "overlap"].iloc[0]
    for width, where in zip(found.widths, ("half", "in_use", "twice"), strict=True):
        sums = kernel_twin(x, x[np.isin(owners, picks)], width).sum(axis=1)
        assert row[where] == pytest.approx(np.mean(-np.log(sums) < 1e-5))


def codes(shown: Analysis, **more) -> dict[str, str]:
    chosen = selections(shown)
    headlines = Headlines(
        shown,
        width_range(shown),
        compare_selections(shown, chosen, [5, 10]),
        compare_widths(shown, chosen, [5, 10]),
    )
    found: dict[str, str] = {}
    for each in headline_findings(replace(headlines, **more)):
        found[each.code] = f"{found.get(each.code, '')} | {each.message}"
    return found


def test_a_width_that_is_too_narrow_is_said_to_be():
    found = codes(at_width(1e-3))
    assert "nearly every environment as new" in found["entropy_empty"]
    assert "coverage is the budget" in found["coverage_is_the_budget"]
    assert "methods_alike" in found or "winner_flips" not in found


def test_a_width_that_is_too_wide_is_said_to_be():
    found = codes(at_width(100.0))
    assert "as one: everything covers everything" in found["entropy_empty"]
    assert "coverage: all methods are within the error" in found["methods_alike"]


def test_what_certified_errors_tell_apart_is_not_called_alike():
    shown = at_width(100.0)
    found = compare_selections(shown, selections(shown), [5, 10])
    errors = [f"{name.removesuffix('_nats')}_error" for name in RANGED]
    table = found.table.assign(confidence=0.99, **dict.fromkeys(errors, 0.001))
    for values, alike in (([0.9] * len(table), True), (np.linspace(0.5, 0.9, len(table)), False)):
        given = replace(found, table=table.assign(overlap=values))
        said = codes(shown, comparison=given).get("methods_alike", "")
        assert ("coverage: all methods are within the error" in said) == alike


def test_a_published_width_with_another_answer_is_said(monkeypatch):
    shown = at_width(analysis().width.auto)
    shown = replace(shown, width=replace(shown.width, published=1e-3))
    assert (
        "at the published width 0.001 0 % of the environments" in codes(shown)["published_differs"]
    )
    assert "published_differs" not in codes(at_width(0.5))


def test_a_winner_that_depends_on_the_width_is_said():
    shown = analysis()
    ranged = compare_widths(shown, selections(shown), [5])
    ties = ranged.ties.copy()
    mine = ties["metric"] == "overlap"
    ties.loc[mine, "as_good"] = 1
    ties.loc[mine, "best"] = ["random", "msc", "msc"]
    found = codes(shown, comparison_over_widths=replace(ranged, ties=ties))
    assert (
        "coverage at budget 5: msc is best, but random at half the width" in found["winner_flips"]
    )


def test_equal_numbers_of_structures_of_unlike_size_are_named_with_the_cost():
    shown = analysis()
    unlike = compare_selections(shown, selections(shown), [5, 10])
    table = unlike.table.copy()
    assert "cost_differs" not in codes(shown)
    table.loc[table.index[0], "n_environments"] *= 7
    said = codes(shown, comparison=replace(unlike, table=table))["cost_differs"]
    assert "at budget 5" in said
    assert "equal numbers of structures are not equal cost" in said


def test_what_is_empty_because_of_copies_is_not_blamed_on_the_width():
    shown = at_width(100.0)
    shown = replace(shown, width=replace(shown.width, copies=1.0))
    said = [each.advice for each in headline_findings(Headlines(shown, width_range(shown)))]
    assert any("no width tells apart" in each for each in said)
    assert not any("narrower" in each for each in said)
