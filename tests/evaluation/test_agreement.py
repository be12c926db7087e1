"""Agreement of two selections, against sets of Python and many random draws."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from makers import make_analysis

from analytics.evaluation.agreement import agreement_of

SIZES = [3, 1, 4, 2, 5, 3, 2, 4]
ANALYSIS = make_analysis(sizes=SIZES, isolated=1)
KEPT = st.lists(st.integers(0, len(SIZES) - 1), unique=True)


@given(KEPT, KEPT)
def test_the_sides_are_those_of_sets(first, second):
    found = agreement_of(ANALYSIS, first, second)
    a, b, n = set(first), set(second), set(range(len(SIZES)))
    expected = {"both": a & b, "first": a - b, "second": b - a, "neither": n - a - b}
    for side, members in expected.items():
        assert found.sides[side].tolist() == sorted(members)
        assert found.environments[side] == sum(SIZES[s] for s in members)
    if a | b:
        assert found.jaccard == len(a & b) / len(a | b)
    else:
        assert np.isnan(found.jaccard)


def test_chance_is_the_mean_over_random_draws():
    rng = np.random.default_rng(0)
    shared = [
        len(np.intersect1d(rng.permutation(8)[:5], rng.permutation(8)[:3])) for _ in range(4000)
    ]
    found = agreement_of(ANALYSIS, range(5), range(3))
    assert found.by_chance == 15 / 8
    assert abs(np.mean(shared) - found.by_chance) < 4 * np.std(shared) / np.sqrt(len(shared))
