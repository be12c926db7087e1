"""Score plane: places are the numbers themselves, or their logarithms where these are positive."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from analytics.evaluation.score_plane import log_floor, score_plane
from analytics.runtime.errors import WinnowError


def test_places_are_the_numbers_and_a_log_axis_says_so():
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=300), 10.0 ** rng.uniform(-3, 2, 300)
    x[3], y[4], y[5], y[6] = np.nan, np.inf, 0.0, 1e-20
    floor = log_floor(y)
    found = score_plane(x, y, ("Score (nats)", "|F| (eV/Å)"))
    assert found.axes == ("Score (nats)", f"log₁₀ of |F| (eV/Å), from {floor:.2g}")
    assert found.method == "plane"
    placed = np.setdiff1d(np.arange(300), [3, 4])
    assert_array_equal(found.laid_out, placed)
    assert_allclose(found.xy[placed], np.column_stack([x, np.log10(np.maximum(y, floor))])[placed])
    assert np.isnan(found.xy[[3, 4]]).all()


@pytest.mark.parametrize(
    ("values", "helps"),
    [
        (np.geomspace(1e-2, 10, 50), True),
        (np.linspace(1, 10, 50), False),
        (np.arange(1.0, 500.0), False),
        (np.linspace(-1, 1000, 50), False),
        (np.append(np.geomspace(1e-2, 10, 50), [0.0, 1e-30]), True),
        (np.zeros(3), False),
        (np.array([]), False),
        (np.array([np.nan]), False),
    ],
)
def test_a_logarithm_is_for_positive_numbers_over_decades(values, helps):
    floor = log_floor(values)
    assert (floor is not None) is helps
    assert floor is None or floor >= 1e-4 * values.max() / 10


def test_without_any_place_there_is_no_plane():
    nan = np.full(3, np.nan)
    with pytest.raises(WinnowError, match="no environment has both A and B"):
        score_plane(nan, np.arange(3.0), ("A", "B"))
