"""The width of the kernel that the data choose, and what may be asked for instead of it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import brentq
from scipy.spatial.distance import cdist

import winnow_atomistic as winnow
from analytics.descriptors.base import Descriptors
from analytics.descriptors.distances import DistanceSpec
from analytics.evaluation.prefixes import prefix_metrics
from analytics.information.analysis import dataset_width
from analytics.information.kernel import AUTO, COVERED_BELOW, PUBLISHED, KernelSpec
from analytics.information.width import GIVEN, auto_bandwidth
from analytics.pipeline import Pipeline
from analytics.runtime.cache import Cache
from analytics.runtime.errors import InputError
from tests.makers import Given, kernel_twin, make_analysis, make_dataset, relabelled


def described(values: np.ndarray, size: int = 3, spec: object = None) -> Descriptors:
    """Descriptors of structures of one size, given row by row."""
    n = len(values)
    return Descriptors(
        values=values,
        structures=np.arange(n // size),
        structure_offsets=np.arange(0, n + 1, size),
        environments=np.arange(n),
        spec=Given(1) if spec is None else spec,
        source="made",
    )


@pytest.fixture(scope="module")
def clusters() -> np.ndarray:
    rng = np.random.default_rng(3)
    centres = rng.normal(size=(6, 4))
    return centres[rng.integers(0, 6, 600)] + 0.1 * rng.normal(size=(600, 4))


def test_a_random_tenth_covers_nine_tenths_of_the_rest(clusters):
    width = auto_bandwidth(described(clusters), resamples=30)
    shares, rng = [], np.random.default_rng(99)  # draws that the rule has not seen
    blocks = clusters.reshape(200, 3, 4)
    for _ in range(40):
        dealt = rng.permutation(200)
        kept, rest = (blocks[part].reshape(-1, 4) for part in (dealt[:20], dealt[20:]))
        sums = kernel_twin(rest, kept, width.value).sum(axis=1)
        shares.append(np.mean(sums > np.exp(-COVERED_BELOW)))
    assert np.mean(shares) == pytest.approx(width.aim, abs=0.04)
    assert width.coverage() == pytest.approx(width.aim, abs=0.04)
    assert not width.doubt
    assert width.low < width.value < width.high


def test_critical_widths_are_those_at_which_the_kernel_sum_reaches_the_threshold():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(24, 3)) * rng.lognormal(size=(24, 1))
    x[5] = x[4]  # a copy: covered at any width if one is drawn
    found = auto_bandwidth(described(x, 1), share=0.5, resamples=1, seed=2)
    dealt = np.random.default_rng((2, 0)).permutation(24)
    wanted = []
    for squares in cdist(x[dealt[12:]], x[dealt[:12]], "sqeuclidean"):
        level = lambda log_h, d=squares: (  # noqa: E731
            np.exp(-d / (2 * np.exp(2 * log_h))).sum() - np.exp(-COVERED_BELOW)
        )
        wanted.append(np.exp(brentq(level, -8, 12)) if squares.min() > 0 else 0.0)
    assert_allclose(found.critical, np.sort(wanted), rtol=1e-5)


def test_it_has_the_unit_of_the_descriptor_and_a_shift_changes_nothing(clusters):
    width = auto_bandwidth(described(clusters)).value
    scaled = auto_bandwidth(described(1000.0 * clusters + 5.0)).value
    assert scaled == pytest.approx(1000.0 * width, rel=0.01)


def test_the_order_of_the_file_does_not_matter():
    analysis = make_analysis(seed=4)
    other = relabelled(analysis, np.random.default_rng(0).permutation(analysis.n_structures))
    assert dataset_width(analysis.dataset, analysis.descriptors) == dataset_width(
        other.dataset, other.descriptors
    )


def test_copies_do_not_make_the_width_one_of_rounding(clusters):
    copies = np.repeat(clusters[:3], 300, axis=0)[np.arange(900) % 3 * 300]
    width = auto_bandwidth(described(np.concatenate([clusters, copies])), resamples=20)
    alone = auto_bandwidth(described(clusters), resamples=20)
    assert width.copies > 0.5
    assert width.value == pytest.approx(alone.value, rel=0.5)


@pytest.mark.parametrize("spec", [DistanceSpec(), Given(7)])
def test_where_everything_is_a_copy_any_width_will_do_and_that_is_said(spec):
    values = np.full((60, 4), 3.0) + 1e-7 * np.random.default_rng(0).normal(size=(60, 4))
    width = auto_bandwidth(described(values, spec=spec))
    assert "copies" in width.doubt
    assert width.value > 1e-3
    assert width.value == (width.published or width.value)


@pytest.mark.parametrize("n", [1, 2, 6])
def test_few_structures_get_a_width_and_a_doubt(n, clusters):
    width = auto_bandwidth(described(clusters[: 20 * n], 20))
    assert width.value > 0
    assert "only" in width.doubt


def test_a_tenth_that_is_a_handful_of_environments_does_not_make_everything_alike():
    values = np.random.default_rng(1).normal(size=(8, 4))
    width = auto_bandwidth(described(values, 8, DistanceSpec()))
    assert width.value == width.published == 0.015
    assert "only 1 environment" in width.doubt
    many = auto_bandwidth(
        described(np.random.default_rng(1).normal(size=(600, 4)), 3, DistanceSpec())
    )
    assert many.value > 0.015


def test_a_single_environment_gets_a_width():
    assert auto_bandwidth(described(np.ones((1, 3)), 1)).value > 0


def test_one_width_asked_for_in_three_ways():
    analysis = make_analysis(seed=1)
    data, x = analysis.dataset, analysis.descriptors
    auto = winnow.analyse(data, x)
    assert auto.spec == KernelSpec(auto.width.auto)
    assert auto.width.asked == AUTO
    given = winnow.analyse(data, x, KernelSpec(auto.width.auto))
    assert given.fingerprint == auto.fingerprint
    assert given.width.asked == GIVEN
    with pytest.raises(InputError, match="no published bandwidth"):
        winnow.analyse(data, x, KernelSpec(PUBLISHED))
    own = make_dataset([4] * 25)
    published = winnow.analyse(own, spec=KernelSpec(PUBLISHED))
    assert published.spec.bandwidth == 0.015
    assert published.width.asked == PUBLISHED


def test_a_width_asked_for_by_name_and_by_number_is_one_analysis():
    data, pipeline = make_dataset([4] * 25), Pipeline(Cache())
    auto = pipeline.analyse(data)
    given = pipeline.analyse(data, kernel=KernelSpec(auto.spec.bandwidth))
    assert given.kernel is auto.kernel
    assert (auto.width.asked, given.width.asked) == (AUTO, GIVEN)


def test_what_counts_as_covered_is_the_users_to_say():
    made = make_analysis(seed=2)
    strict, loose = (
        winnow.analyse(made.dataset, made.descriptors, KernelSpec(0.5, below))
        for below in (1e-5, 1.0)
    )
    picks = np.arange(strict.n_structures)[:6]
    rows = slice(0, int(strict.descriptors.structure_offsets[6]))
    x = strict.descriptors.values
    sums = kernel_twin(x, x[rows], 0.5).sum(axis=1)
    for analysis in (strict, loose):
        covered = prefix_metrics(analysis, picks, np.array([6])).overlap[0]
        below = analysis.spec.covered_below
        assert covered == pytest.approx(np.mean(-np.log(sums) < below))
    assert strict.fingerprint != loose.fingerprint


@pytest.mark.parametrize("bandwidth", ["wide", 0.0, -1.0, "0.02"])
def test_other_words_are_refused(bandwidth):
    with pytest.raises(ValueError, match="bandwidth is"):
        KernelSpec(bandwidth)


def test_kinds_that_a_tenth_may_miss_leave_the_width_in_doubt():
    rng = np.random.default_rng(3)
    kinds = np.repeat(np.array([[0.0, 0.0], [40.0, 0.0]]), [5 * 32, 5 * 8], axis=0)
    width = auto_bandwidth(described(kinds + 0.01 * rng.normal(size=kinds.shape), 5))
    assert width.high / width.low > 4.0
    assert "factor of 2" in width.doubt
