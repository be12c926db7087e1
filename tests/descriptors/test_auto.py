"""Default descriptor: elements are told apart where there are several."""

from __future__ import annotations

import pytest
from ase import Atoms
from makers import dataset_of, make_dataset
from numpy.testing import assert_array_equal
from test_composition import alloy

import winnow_atomistic as winnow
from analytics.descriptors.auto import AutoSpec
from analytics.descriptors.base import DESCRIPTORS, descriptor_fingerprint, resolved_spec
from analytics.descriptors.composition import CompositionSpec
from analytics.descriptors.distances import DistanceSpec
from analytics.pipeline import Pipeline
from analytics.runtime.cache import Cache


@pytest.mark.parametrize(
    ("symbols", "stands_for"),
    [("W", DistanceSpec(6, 4.0)), ("MoW", CompositionSpec(6, 4.0, "Mo,W"))],
)
def test_stands_for_a_descriptor_that_its_descriptors_name(symbols, stands_for):
    data = dataset_of(alloy(0, symbols))
    found, spec = winnow.describe(data, AutoSpec(6, 4.0)), AutoSpec(6, 4.0)
    assert found.spec == stands_for
    expected = winnow.describe(data, stands_for)
    assert_array_equal(found.values, expected.values)
    assert found.fingerprint == expected.fingerprint == descriptor_fingerprint(data, spec)
    pipeline = Pipeline(Cache())
    assert pipeline.describe(data, spec) is pipeline.describe(data, stands_for)


def test_is_what_describes_where_nothing_is_asked_for():
    assert winnow.describe(make_dataset()).spec == resolved_spec(AutoSpec(), make_dataset())
    assert Pipeline(Cache()).describe(dataset_of(alloy(0))).spec.species == "Mo,Nb,Ta,W"
    assert DESCRIPTORS["auto"][0] is AutoSpec


def test_of_several_data_sets_the_elements_of_all_count():
    one, two = dataset_of(alloy(0, "W")), dataset_of(alloy(1, "MoMo"))
    assert resolved_spec(AutoSpec(), one) == DistanceSpec()
    assert resolved_spec(AutoSpec(), one, two) == CompositionSpec(species="Mo,W")
    found = winnow.overlap(one, two)
    assert found.novelty.covered_environments == 0.0
    assert winnow.overlap(one, one).novelty.covered_environments == 1.0


def test_isolated_atoms_are_no_second_element():
    assert winnow.describe(dataset_of(alloy(0, "W"), Atoms("H"))).spec == DistanceSpec()
