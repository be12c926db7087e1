"""The smallest share of a pool that trains as well as all of it."""

from __future__ import annotations

import ase.io
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose
from retrain_makers import make_structures

import winnow_atomistic as winnow
from analytics.evaluation.retrain.ground import prepare_ground
from analytics.evaluation.retrain.redundancy_by_training import (
    ByEntropy,
    TrainingRedundancy,
    redundancy_by_training,
    sizes_along,
    smallest_within,
)
from analytics.information.analysis import Analysis
from analytics.information.kernel import KernelSpec
from analytics.potential.spec import RetrainSpec

pytest.importorskip("featomic")

SMALL = RetrainSpec(cutoff=4.0, radial=4, angular=3, references=12)


@pytest.fixture(scope="module")
def analysis() -> Analysis:
    data = winnow.read(make_structures(26))
    return winnow.analyse(data, winnow.describe(data), KernelSpec(0.015))


@pytest.fixture(scope="module")
def found(analysis: Analysis) -> TrainingRedundancy:
    return redundancy_by_training(analysis, ["largest_force"], resamples=3, spec=SMALL)


def test_a_lucky_fit_is_no_answer() -> None:
    assert smallest_within(np.array([0.9, 0.01, 0.3, 0.04, 0.0]), 0.05) == 3
    assert smallest_within(np.array([0.01, 0.0]), 0.05) == 0
    assert smallest_within(np.array([0.9, np.nan, 0.0]), 0.05) == 2
    assert smallest_within(np.array([0.9, 0.8]), 0.05) == 1  # all of them always are


@pytest.mark.parametrize("pool", [1, 2, 3, 17, 191, 4000])
def test_sizes_are_close_and_end_at_the_pool(pool: int) -> None:
    sizes = sizes_along(pool)
    assert sizes[-1] == pool
    assert (np.diff(sizes) > 0).all()
    assert (sizes[1:] <= np.maximum(sizes[:-1] + 1, 1.34 * sizes[:-1])).all()


def test_every_answer_by_brute_force(analysis: Analysis, found: TrainingRedundancy) -> None:
    ground = prepare_ground(analysis, resamples=3, spec=SMALL)
    for r, split in enumerate(ground.splits):
        norms = np.linalg.norm(analysis.dataset.forces, axis=1)
        norms = np.array([norms[analysis.dataset.rows(int(s))].max() for s in split.pool])
        order = split.pool[np.argsort(-norms)]
        whole = ground.tests[r].errors(ground.equations.fit(split.pool))[0].force_rmse_ev_a
        sizes = sizes_along(len(split.pool)).tolist()
        fits = [ground.equations.fit(order[:size]) for size in sizes]
        rises = [ground.tests[r].errors(fit)[0].force_rmse_ev_a / whole - 1 for fit in fits]
        rows = found.curve.query("method == 'largest_force' and resample == @r")
        assert_allclose(rows["force_rise"], rises, atol=1e-6)
        for tolerance in (0.02, 0.05, 0.1):
            inside = [s for s, _ in enumerate(sizes) if all(x <= tolerance for x in rises[s:])]
            row = found.table.query(
                "method == 'largest_force' and resample == @r and label == 'force' "
                "and tolerance == @tolerance"
            )
            assert row["n_structures"].item() == sizes[inside[0]]
            assert row["share"].item() == sizes[inside[0]] / len(split.pool)


def test_a_larger_tolerance_asks_for_no_more(found: TrainingRedundancy) -> None:
    for _, rows in found.table.groupby(["method", "label", "resample"]):
        assert rows.sort_values("tolerance")["n_structures"].is_monotonic_decreasing
    assert set(found.summary()["method"]) == {"random", "largest_force"}


def verdict(training: float, entropy: float, slope: float, *, blind: bool, ratio: float):
    """The verdict on made-up figures; slope is the change of redundancy from half to twice h."""
    widths = 0.015 * 2.0 ** np.arange(-2, 2.5, 0.5)
    values = np.clip(entropy + slope * np.log2(widths / 0.015) / 2, 0, 1)
    rows = [
        {"method": "random", "label": "force", "tolerance": 0.05, "resample": r, "share": 1 - x,
         "n_structures": 1, "share_of_environments": 1 - x, "next_smaller": 0}
        for r, x in enumerate((training - 0.01, training, training + 0.01))
    ]  # fmt: skip
    limits = [{"resample": 0, "label": "force", "held_out": 1.0, "trained_on": ratio}]
    own = ByEntropy(entropy, 0.0, 0.015, widths, values, blind)
    return TrainingRedundancy(
        pd.DataFrame(rows), pd.DataFrame(), pd.DataFrame(limits), own, 9
    ).verdict


@pytest.mark.parametrize(
    ("figures", "reasons"),
    [
        ((0.8, 0.75, 0.0, True, 0.99), ()),  # they agree: nothing to explain
        ((0.8, 0.1, 0.0, True, 0.99), ("model",)),
        ((0.8, 0.1, 0.9, False, 0.5), ("width",)),
        ((0.3, 0.9, 0.0, True, 0.99), ("elements",)),
        ((0.3, 0.9, 0.0, False, 0.5), ("learning",)),
        ((0.3, 0.9, 0.0, False, 0.95), ()),
    ],
)
def test_a_disagreement_is_explained_by_what_was_measured(figures, reasons) -> None:
    training, entropy, slope, blind, ratio = figures
    said = verdict(training, entropy, slope, blind=blind, ratio=ratio)
    assert said.reasons == reasons
    assert said.agree == (abs(training - entropy) < 0.15)
    assert len(said.sentences) == 2 + (0 if said.agree else max(1, len(reasons)))


def test_the_command(run, run_json, fails, tmp_path) -> None:
    ase.io.write(tmp_path / "a.xyz", make_structures(16))
    options = ("--potential-references", 8, "--potential-radial", 3, "--potential-angular", 2)
    call = ("redundancy", tmp_path / "a.xyz", "--resamples", 2, *options)
    found = run_json(*call, "--within", "5%,50%")
    assert {row["tolerance"] for row in found["summary"]} == {0.05, 0.5}
    assert found["by_entropy"]["redundancy"] == pytest.approx(found["verdict"]["by_entropy"])
    code, out, _ = run(*call, "--curve", tmp_path / "curve.csv")
    assert code == 0
    assert "By training" in out
    assert "By entropy" in out
    assert (tmp_path / "curve.csv").read_text().startswith("method,resample,n_structures,")
    assert "--within" in fails_with_usage(fails, call)


def fails_with_usage(fails, call) -> str:
    return fails(*call, "--within", "5%,0")
