"""Methods against budgets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from makers import Recorder, make_analysis
from numpy.testing import assert_allclose

import winnow_atomistic as winnow
from analytics.evaluation.comparison import ERRORS, METRICS, compare, compare_selections, measure
from analytics.runtime.arrays import ragged_rows
from analytics.runtime.errors import Cancelled, WinnowError
from analytics.selection.base import METHODS, Budget, select

NAMES = [m.name for m in METRICS]


def test_one_row_per_method_and_budget_with_every_metric() -> None:
    analysis = make_analysis()
    methods, budgets = ["random", "msc", "facility_location"], [0.1, 0.5, 3, 25]
    found = compare(analysis, methods, budgets)
    assert list(found.table.columns) == ["method", "budget", *NAMES]
    assert found.table["method"].tolist() == [m for m in methods for _ in budgets]
    assert found.table["budget"].tolist() == budgets * 3
    sizes = [Budget(b).of(25) for b in budgets]
    assert found.table["n_structures"].tolist() == sizes * 3
    assert [s.method for s in found.selections] == methods
    assert {
        "n_structures",
        "n_environments",
        "entropy_nats",
        "diversity_nats",
        "overlap",
        "outliers_kept",
        "force_w1",
        "force_top1pct_kept",
    } <= set(NAMES)


def test_columns_say_unit_and_direction() -> None:
    for metric in METRICS:
        assert metric.title
        assert metric.better in (-1, 0, 1)
    assert {m.name: m.better for m in METRICS}["force_w1"] == -1
    assert {m.name: m.unit for m in METRICS}["entropy_nats"] == "nats"


def test_one_run_serves_every_budget() -> None:
    analysis = make_analysis()
    together = compare(analysis, ["facility_location"], [0.1, 0.2, 0.4]).table
    apart = [compare(analysis, ["facility_location"], [b]).table for b in (0.1, 0.2, 0.4)]
    expected = pd.concat(apart, ignore_index=True)
    certificate = together.pop("certificate"), expected.pop("certificate")
    pd.testing.assert_frame_equal(together, expected)
    # a longer run has seen more prefixes to bound from
    assert np.all(certificate[0] >= certificate[1] - 1e-3)


def test_all_kept_is_the_full_set() -> None:
    analysis = make_analysis()
    row = measure(analysis, select(analysis), 1000)
    assert row["n_structures"] == 25
    assert row["n_environments"] == analysis.n_environments
    assert_allclose(row["entropy_nats"], analysis.entropy_nats)
    assert_allclose(row["diversity_nats"], analysis.diversity_nats)
    assert row["overlap"] == row["outliers_kept"] == row["force_top1pct_kept"] == 1
    assert row["force_w1"] == row["force_ks"] == 0
    assert row["force_max"] == analysis.force_norms.max()
    assert_allclose(row["certificate"], 1.0, rtol=1e-5)


def test_forces_are_those_of_the_kept() -> None:
    analysis = make_analysis()
    chosen = select(analysis, "largest_force")
    row = measure(analysis, chosen, 4)
    rows = ragged_rows(analysis.descriptors.structure_offsets, chosen.positions[:4])
    assert row["n_environments"] == len(rows)
    assert_allclose(row["force_q50"], np.median(analysis.force_norms[rows]))
    assert row["force_max"] == analysis.force_norms.max()
    assert row["force_top1pct_kept"] == 1
    assert np.isnan(row["certificate"])


def test_nothing_kept_and_no_forces() -> None:
    analysis = make_analysis(forces=False)
    table = compare(analysis, ["random", "msc"], [0, 0.2]).table
    assert table["n_structures"].tolist() == [0, 5, 0, 5]
    assert table["entropy_nats"].isna().tolist() == [True, False, True, False]
    assert table[[n for n in NAMES if n.startswith("force_")]].isna().all(axis=None)


def test_existing_selections_are_not_run_again() -> None:
    analysis = make_analysis()
    kept = select(analysis, "random", seed=4, keep=[7])
    found = compare_selections(analysis, [kept], [0.2])
    assert found.selections == (kept,)
    assert found.table["n_structures"].tolist() == [5]


def test_what_is_not_nested_is_run_for_each_budget() -> None:
    analysis = make_analysis()
    table = compare(analysis, ["kmeans"], [0.2, 0.6], seed=5).table
    for row, size in zip(table.to_dict(orient="records"), (5, 15), strict=True):
        own = select(analysis, "kmeans", size=size, seed=5)
        assert row["overlap"] == measure(analysis, own, size)["overlap"]


def test_one_and_one_point_zero_are_two_budgets() -> None:
    table = compare(make_analysis(), ["random", "kmeans"], [0.5, 1, 1.0, 7]).table
    assert table["n_structures"].tolist() == [12, 1, 25, 7] * 2
    assert [repr(budget) for budget in table["budget"]] == ["0.5", "1", "1.0", "7"] * 2
    shares = compare(make_analysis(), ["random"], [np.float64(0.5), 0.9, 1.0]).table
    assert shares["n_structures"].tolist() == [12, 22, 25]
    assert shares["budget"].dtype == np.float64


def test_the_seed_reaches_random() -> None:
    analysis = make_analysis()
    found = compare(analysis, ["random"], [0.2], seed=3).selections[0]
    assert (
        found.structures.tolist() == select(analysis, "random", seed=3, size=5).structures.tolist()
    )


def test_errors() -> None:
    analysis = make_analysis(forces=False)
    with pytest.raises(ValueError, match="at least one budget"):
        compare(analysis, ["random"], [])
    with pytest.raises(ValueError, match=r"budget is 1\.5"):
        compare(analysis, ["random"], [1.5])
    with pytest.raises(WinnowError, match="unknown selection method"):
        compare(analysis, ["nope"], [0.1])
    with pytest.raises(WinnowError, match="needs forces"):
        compare(analysis, ["largest_force"], [0.1])


def test_progress_and_cancel() -> None:
    told = Recorder()
    compare(make_analysis(), list(METHODS), [0.5], monitor=told)
    assert told.fractions == sorted(told.fractions)
    with pytest.raises(Cancelled):
        compare(make_analysis(), list(METHODS), [0.5], monitor=Recorder(cancel_at=3))


def test_a_sampled_comparison_says_so() -> None:
    analysis = make_analysis(seed=2)
    sampled = winnow.analyse(analysis.dataset, analysis.descriptors, analysis.spec, sample=40)
    found = compare(sampled, ["random", "facility_location"], [0, 0.2, 0.5]).table
    assert list(found.columns) == ["method", "budget", *NAMES, "sampled", *ERRORS]
    kept = found[found["n_structures"] > 0]
    assert (kept["sampled"] == 40).all()
    # few enough to be computed as a whole
    assert (kept["entropy_error"] == 0).all()
    exact = compare_selections(analysis, [select(analysis, "random")], [0.2, 0.5]).table
    assert_allclose(kept["entropy_nats"][:2], exact["entropy_nats"], atol=1e-6)
    assert (kept["overlap_error"] > 0).any()
    assert not set(ERRORS) & set(exact.columns)


def test_certified_figures_hold_the_exact_ones() -> None:
    analysis = make_analysis(seed=2)
    sampled = winnow.analyse(analysis.dataset, analysis.descriptors, analysis.spec, sample=40)
    selections = [select(analysis, "random"), select(analysis, "facility_location")]
    exact = compare_selections(analysis, selections, [0.2, 0.5]).table
    found = compare_selections(sampled, selections, [0.2, 0.5], error=0.5, confidence=0.999).table
    assert (found["confidence"] == 0.999).all()
    for name in ("entropy_nats", "diversity_nats", "overlap", "mean_delta_entropy"):
        error = found[f"{name.removesuffix('_nats')}_error"]
        assert (error <= (0.05 if name == "overlap" else 0.5)).all()
        assert (np.abs(found[name] - exact[name]) <= error + 1e-4).all()
    unsampled = compare_selections(analysis, selections, [0.2, 0.5], error=0.5).table
    pd.testing.assert_frame_equal(unsampled, exact)


def test_by_environments_every_method_keeps_as_many_atoms() -> None:
    analysis = make_analysis()
    methods, budgets = ["random", "msc", "kmeans"], [0.2, 0.5, 30]
    found = compare(analysis, methods, budgets, unit="environments").table
    for row in found.to_dict(orient="records"):
        most = Budget(row["budget"]).of(analysis.n_environments)
        own = select(analysis, row["method"], size=row["budget"], unit="environments")
        assert row["n_structures"] == len(own)
        assert row["n_environments"] == analysis.sizes[own.positions].sum() <= most
