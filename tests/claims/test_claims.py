"""Claims: verdicts follow from intervals, figures from pools that all claims share."""

from __future__ import annotations

import math

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import spearmanr, t

import winnow_atomistic as winnow
from analytics.claims.claim import (
    DATA_SET,
    VERDICTS,
    Answer,
    CannotBeAsked,
    Claim,
    Measured,
    ask,
    claims_about,
)
from analytics.claims.compression.force_tail import tail_distance
from analytics.claims.compression.information_gap import asymptote
from analytics.claims.evidence import RIVALS, Evidence
from analytics.claims.registry import CLAIMS, SHIPPED
from analytics.claims.report import ClaimReport, check_claims, error_rows
from analytics.claims.statistics import (
    closest_rival,
    correlation_interval,
    interval,
    ratio_interval,
    row_means,
)
from analytics.evaluation.ranking import rank_correlation
from analytics.evaluation.retrain.errors import parity_of_fit
from analytics.information.kernel import KernelSpec
from tests.makers import kernel_twin, make_analysis
from tests.retrain_makers import make_structures

#: The chains and squares are distorted by a few hundredths of an angstrom.
WIDTH = 0.1


def analysis_of(frames):
    data = winnow.read(frames)
    return winnow.analyse(data, winnow.describe(data), KernelSpec(WIDTH))


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    tests = {"test.xyz": winnow.read(make_structures(12, seed=7))}
    return Evidence(analysis_of(make_structures(48)), tests, resamples=2)


@pytest.fixture(scope="module")
def answers(evidence) -> dict[str, Answer]:
    return {claim.name: ask(claim, evidence) for claim in claims_about(DATA_SET)}


# ------------------------------------------------------------------------------- verdicts


@pytest.mark.parametrize(
    ("low", "high", "below", "verdict"),
    [
        (0.8, 0.9, True, "reproduced"),
        (1.1, 1.2, True, "not reproduced"),
        (0.9, 1.1, True, "undecided"),
        (1.1, 1.2, False, "reproduced"),
        (0.8, 0.9, False, "not reproduced"),
        (-math.inf, math.inf, False, "undecided"),
        (math.nan, math.nan, False, "undecided"),
    ],
)
def test_verdict_is_the_side_on_which_the_whole_interval_lies(low, high, below, verdict) -> None:
    found = Measured((low + high) / 2, low, high, 1.0, "", "", below=below)
    assert found.verdict == verdict


def test_a_tie_is_not_better() -> None:
    assert Measured(0.0, 0.0, 0.0, 0.0, "", "", strict=True).verdict == "undecided"
    assert Measured(1.0, 1.0, 1.0, 1.0, "", "", below=True, strict=True).verdict == "undecided"


def test_a_claim_that_cannot_be_asked_says_why_and_keeps_its_figures() -> None:
    def measure(evidence):
        raise CannotBeAsked("no labels", {"n": 3})

    claim = Claim("x", "Says.", "paper", "criterion", "data", DATA_SET, (), measure)
    answer = ask(claim, None)
    assert (answer.verdict, answer.measured, answer.figures["n"]) == (
        "cannot be asked", "no labels", 3,
    )  # fmt: skip
    again = Answer.from_dict(answer.to_dict() | {"value": None})  # as JSON has it
    assert again.measured == "no labels"
    assert math.isnan(again.value)


def test_every_claim_says_what_it_is() -> None:
    names = list(CLAIMS)
    assert len(names) == len(set(names)) >= 22
    for name in names:
        claim = CLAIMS[name]
        assert claim.sentence.endswith((".", ")."))
        assert claim.criterion
        assert claim.changed_by
        assert "arXiv" in claim.paper
        assert claim.measure.__module__.startswith(("analytics.claims.", "analytics.density."))
    modules = [CLAIMS[n].measure.__module__ for n in names if CLAIMS[n].subject == DATA_SET]
    assert len(set(modules)) == len(modules)  # one file each
    for subject in SHIPPED:
        assert claims_about(subject)


# ------------------------------------------------------------------------------- intervals


def test_interval_is_that_of_nadeau_and_bengio() -> None:
    values = np.random.default_rng(0).normal(size=5)
    found = interval(values)
    error = math.sqrt((1 / 5 + 0.2 / 0.8) * values.var(ddof=1))
    assert_allclose((found.low, found.high), values.mean() + t.ppf([0.025, 0.975], 4) * error)
    alone = interval(values[:1])
    assert (alone.low, alone.high) == (-math.inf, math.inf)
    assert math.isnan(interval(np.array([np.nan])).mean)


def test_ratio_is_paired_and_averaged_in_the_logarithm() -> None:
    under = np.random.default_rng(1).uniform(1, 9, (4, 3))
    found = ratio_interval(1.5 * under, under)  # the same in every resample, whatever its level
    assert_allclose((found.mean, found.low, found.high), 1.5)


def test_closest_rival_is_the_one_hardest_to_beat() -> None:
    own = np.array([3.0, 3.1, 2.9])
    rivals = {"weak": own - 2.0, "near": own - np.array([0.1, 0.2, 0.3])}
    name, margin = closest_rival(own, rivals)
    assert name == "near"
    assert_allclose(margin.mean, 0.2)
    name, margin = closest_rival(own, {"a": own * 4, "b": own * 2}, ratio=True, lower=True)
    assert name == "b"
    assert_allclose(margin.mean, 0.5)


def test_correlations() -> None:
    x, y = np.random.default_rng(2).integers(0, 6, (2, 40)).astype(float)
    assert_allclose(rank_correlation(x, y), spearmanr(x, y).statistic)
    assert math.isnan(rank_correlation(x, np.ones(40)))
    found = correlation_interval(np.array([0.9, 0.99, 0.7]))
    assert -1 < found.low < found.mean < found.high < 1
    assert_array_equal(row_means(np.array([[1.0, np.nan], [2.0, 4.0]])), [1.0, 3.0])


def test_tail_distance_is_the_area_between_the_tails() -> None:
    rng = np.random.default_rng(3)
    full = rng.exponential(size=4000)
    kept = rng.permutation(full)[:900]
    edge = np.quantile(full, 0.99)
    grid = np.linspace(edge, full.max(), 200_001)
    steps = [np.searchsorted(np.sort(v[v > edge]), grid, "right") / (v > edge).sum() for v in
             (kept, full)]  # fmt: skip
    area = np.abs(steps[0] - steps[1])[:-1].sum() * (grid[1] - grid[0])
    assert_allclose(tail_distance(kept, full), area, rtol=1e-3)
    assert tail_distance(full, full) == 0
    nothing = tail_distance(np.array([0.1]), full)
    assert_allclose(nothing, (full[full > edge] - edge).mean())


def test_asymptote_of_a_known_curve() -> None:
    n = np.geomspace(30, 3000, 6)
    assert_allclose(asymptote(n, 7.0 - 5.0 * n**-0.4), 7.0, rtol=1e-3)
    assert asymptote(n, np.full(6, 3.0)) == 3.0


# ------------------------------------------------------------------------------- evidence


def test_all_claims_are_answered(answers) -> None:
    asked = {name for name, answer in answers.items() if answer.verdict != "cannot be asked"}
    assert {"msc_outliers", "msc_out_of_distribution", "msc_unseen_class"} <= asked
    assert {"msc_published_tests", "potential_random_nearly_free", "information_gap"} <= asked
    assert {answer.verdict for answer in answers.values()} <= set(VERDICTS)
    # a hundredth of 38 structures is none, and one set is one point
    assert "a hundredth of 38" in answers["potential_grand_fails"].measured
    assert answers["potential_low_dimension"].verdict == "cannot be asked"


def test_margin_of_msc_is_that_over_the_best_rival(evidence, answers) -> None:
    trial = evidence.random
    kept = {}
    for method in ("msc", *RIVALS):
        per_resample = []
        for r in range(2):
            part = trial.part(r)
            shares = []
            for budget in (0.05, 0.1, 0.2):
                picks = winnow.select(part, method, size=budget, seed=r).positions
                top = np.sort(part.outliers.environment)[-math.ceil(0.01 * part.n_environments) :]
                rows = np.concatenate([np.flatnonzero(part.descriptors.owners == p) for p in picks])
                scores = part.outliers.environment[rows]
                shares.append((scores >= top[0]).sum() / len(top))
            per_resample.append(np.mean(shares))
        kept[method] = np.array(per_resample)
    margin = min((kept["msc"] - kept[m]).mean() for m in RIVALS)
    assert_allclose(answers["msc_outliers"].value, margin, atol=1e-12)


def test_force_errors_and_delta_entropies_are_of_the_same_atoms(evidence) -> None:
    trial = evidence.high_force
    ground = trial.trained()
    rows, x = trial.tested(0)
    errors = trial.force_errors("random", 0, 0.2)
    order = trial.order("random", 0, 0.2)
    fit = ground.equations.fit(trial.splits[0].pool[order])
    parity = parity_of_fit(ground.equations, np.arange(len(ground.equations)), fit)
    apart = np.linalg.norm(parity.predicted_forces - parity.forces, axis=1)
    # two ways to the same forces: the rounding of forces shows in small errors, as the BLAS has it
    assert_allclose(errors, apart[rows], rtol=1e-5, atol=1e-5 * apart.max())
    part = trial.part(0)
    kept = part.descriptors.values[np.isin(part.descriptors.owners, order)]
    sums = kernel_twin(x, kept, WIDTH).sum(axis=1)
    known = sums > 1e-15
    assert_allclose(trial.delta_entropy("random", 0, 0.2)[known], -np.log(sums[known]), atol=1e-4)


def test_error_rows_hold_every_potential_and_its_ratio_to_random(evidence, answers) -> None:
    rows = error_rows(evidence)
    assert {row["split"] for row in rows} == {
        "random", "high_force", "class:chain", "class:square",
    }  # fmt: skip
    assert {row["test"] for row in rows if row["split"] == "random"} == {"", "test.xyz"}
    for row in rows:
        if row["method"] == "random":
            assert row["force_ratio"] == row["energy_ratio"] == 1.0
    wanted = [
        row for row in rows
        if (row["split"], row["method"], row["budget"]) == ("high_force", "msc", 0.1)
    ]  # fmt: skip
    errors = evidence.high_force.errors_at("msc", 0.1)["force"]
    assert_array_equal([row["force_rmse_ev_a"] for row in wanted], errors)


def test_answers_are_the_same_again(answers) -> None:
    again = check_claims(analysis_of(make_structures(48)), ["msc_outliers"], resamples=2)
    assert again.answers[0].to_dict() == answers["msc_outliers"].to_dict()
    assert len(again.to_frame()) == 1
    assert isinstance(again, ClaimReport)


def test_without_labels_only_what_needs_none_is_asked() -> None:
    sizes = [2] * 45
    analysis = make_analysis(sizes=sizes, forces=False)
    found = {a.name: a for a in check_claims(analysis, resamples=2).answers}
    assert found["msc_outliers"].verdict != "cannot be asked"
    assert found["maps_cannot_show"].verdict != "cannot be asked"
    assert "no forces" in found["msc_force_tail"].measured
    assert {"cannot be asked"} == {found[name].verdict for name in found if CLAIMS[name].needs}


def test_few_structures_are_too_few() -> None:
    found = check_claims(make_analysis(sizes=[2] * 12), resamples=2)
    assert {answer.verdict for answer in found.answers} == {"cannot be asked"}
    assert "too few" in found.answers[0].measured


def test_without_labels_methods_that_select_by_a_model_are_left_out() -> None:
    frames = make_structures(60)
    for atoms in frames:
        atoms.calc = None
    found = check_claims(analysis_of(frames), resamples=2).answers
    assert any(math.isfinite(each.value) for each in found)
