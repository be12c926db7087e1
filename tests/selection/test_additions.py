"""Additions to a set that is there: against the definition, and where they stop."""

import numpy as np
from makers import make_analysis
from numpy.testing import assert_allclose

from analytics.selection.additions import TOGETHER, additions_to, own_part, worth_adding

SIZES = [3, 1, 4, 2, 5, 3, 2, 4]


def test_what_is_there_is_not_added_and_gains_are_given_it():
    analysis = make_analysis(sizes=SIZES, isolated=1)
    known = np.array([1, 4])
    reference = own_part(analysis.descriptors, known)
    assert reference.n_environments == 1 + 5
    found = additions_to(analysis, reference, "facility_location", (1, 4))
    assert sorted(found.structures.tolist()) == [0, 2, 3, 5, 6, 7]
    x, h = analysis.descriptors, analysis.spec.bandwidth
    there = [reference.values]
    for structure, gain in zip(found.structures.tolist(), found.information, strict=True):
        own = x.values[x.structure_offsets[structure] : x.structure_offsets[structure + 1]]
        squares = ((own[:, None] - np.concatenate(there)[None]) ** 2).sum(axis=2)
        expected = -np.log(np.exp(-squares / (2 * h * h)).sum(axis=1)).mean()
        assert_allclose(gain, expected, rtol=1e-4, atol=1e-6)
        there.append(own)


def test_it_stops_where_gains_stay_below():
    rng = np.random.default_rng(1)
    for _ in range(50):
        gains = rng.normal(size=40) + np.linspace(2, -2, 40)
        count = worth_adding(gains, 0.5)
        assert (gains[count : count + TOGETHER] < 0.5).all()
        for before in range(count):
            assert (gains[before : before + TOGETHER] >= 0.5).any()
    assert worth_adding(np.array([5.0, 4.0, -2.0]), 0.1) == 2
    assert worth_adding(np.array([5.0, 4.0]), 0.1) == 2
    assert worth_adding(np.array([0.0, 0.0]), 0.1) == worth_adding(np.empty(0), 1.0) == 0
