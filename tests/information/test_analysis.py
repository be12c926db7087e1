"""What is computed once about a data set."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from makers import Recorder, make_analysis, real_analysis, real_descriptors
from numpy.testing import assert_allclose

import analytics
from analytics.information import KernelSpec
from analytics.runtime.errors import Cancelled, InputError


def test_figures_are_those_of_the_functions() -> None:
    found = make_analysis(seed=1)
    x = found.descriptors.values
    assert_allclose(found.entropy_nats, analytics.entropy(x, bandwidth=0.5), rtol=1e-5)
    assert_allclose(found.diversity_nats, analytics.diversity(x, bandwidth=0.5), rtol=1e-5)
    assert found.max_entropy_nats == np.log(len(x))
    assert_allclose(found.redundancy, 1 - np.exp(found.diversity_nats) / len(x))
    assert found.sizes.sum() == found.n_environments == len(x)


def test_the_summary_can_be_written_as_json() -> None:
    summary = json.loads(json.dumps(make_analysis(isolated=2).summary()))
    assert summary["n_isolated_atoms"] == 2
    assert {
        "n_structures",
        "n_environments",
        "entropy_nats",
        "diversity_nats",
        "max_entropy_nats",
    } <= set(summary)


def test_real_data() -> None:
    found = real_analysis("mlearn_Si_train.xyz")
    assert_allclose(found.entropy_nats, 5.31102, atol=1e-4)
    x = found.descriptors.values
    assert_allclose(found.entropy_nats, analytics.entropy(x), atol=1e-6)


def test_the_fingerprint_follows_data_descriptor_and_kernel() -> None:
    one, same = make_analysis(), make_analysis()
    assert one.fingerprint == same.fingerprint
    others = [make_analysis(seed=1), make_analysis(bandwidth=0.6)]
    assert len({one.fingerprint, *(a.fingerprint for a in others)}) == 3


def test_isolated_atoms_only_is_an_error() -> None:
    dataset = make_analysis(isolated=2).dataset.take(np.array([25, 26]))
    with pytest.raises(InputError, match=r"made\.xyz: nothing to analyse"):
        analytics.analyse(dataset, analytics.describe(dataset))


def test_progress_and_cancel() -> None:
    dataset, described = real_descriptors("mlearn_Si_test.xyz")
    told = Recorder()
    analytics.analyse(dataset, described, monitor=told)
    assert told.fractions == sorted(told.fractions)
    assert told.fractions[-1] == 1.0
    with pytest.raises(Cancelled):
        analytics.analyse(dataset, described, KernelSpec(), monitor=Recorder(cancel_at=2))


def test_it_is_frozen() -> None:
    found = make_analysis()
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.spec = KernelSpec()  # type: ignore[misc]
