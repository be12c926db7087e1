"""What is computed once about a data set."""

from __future__ import annotations

import dataclasses
import json
from functools import cache

import numpy as np
import pytest
from makers import Recorder, make_analysis, real_analysis, real_descriptors
from numpy.testing import assert_allclose

import winnow_atomistic as winnow
from analytics.information import analysis as analysis_module
from analytics.information import bounded_sums as bounded_module
from analytics.information.analysis import Analysis, certify, refine
from analytics.information.kernel import PUBLISHED, KernelSpec
from analytics.runtime.errors import Cancelled, InputError, WinnowError


def test_figures_are_those_of_the_functions() -> None:
    found = make_analysis(seed=1)
    x = found.descriptors.values
    assert_allclose(found.entropy_nats, winnow.entropy(x, bandwidth=0.5), rtol=1e-5)
    assert_allclose(found.diversity_nats, winnow.diversity(x, bandwidth=0.5), rtol=1e-5)
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
    assert_allclose(found.entropy_nats, winnow.entropy(x), atol=1e-6)


def test_the_fingerprint_follows_data_descriptor_and_kernel() -> None:
    one, same = make_analysis(), make_analysis()
    assert one.fingerprint == same.fingerprint
    others = [make_analysis(seed=1), make_analysis(bandwidth=0.6)]
    assert len({one.fingerprint, *(a.fingerprint for a in others)}) == 3


def test_isolated_atoms_only_is_an_error() -> None:
    dataset = make_analysis(isolated=2).dataset.take(np.array([25, 26]))
    with pytest.raises(InputError, match=r"made\.xyz: nothing to analyse"):
        winnow.analyse(dataset, winnow.describe(dataset))


def test_progress_and_cancel() -> None:
    dataset, described = real_descriptors("mlearn_Si_test.xyz")
    told = Recorder()
    winnow.analyse(dataset, described, monitor=told)
    assert told.fractions == sorted(told.fractions)
    assert told.fractions[-1] == 1.0
    with pytest.raises(Cancelled):
        winnow.analyse(dataset, described, KernelSpec(), monitor=Recorder(cancel_at=2))


def test_it_is_frozen() -> None:
    found = make_analysis()
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.spec = KernelSpec()  # type: ignore[misc]


@cache
def halves(seed: int = 0) -> Analysis:
    dataset, described = real_descriptors("mlearn_Si_train.xyz")
    return winnow.analyse(dataset, described, KernelSpec(PUBLISHED), sample=1500, seed=seed)


class TestSampled:
    def test_scores_are_ranked_only_where_they_are_known(self) -> None:
        truth, found = real_analysis("mlearn_Si_train.xyz").outliers, halves()
        for name in ("ranked", "structure_ranked"):
            ranked, exact = getattr(found.outliers, name), getattr(truth, name)
            known = np.isfinite(ranked)
            assert 0 < known.sum() < len(ranked)
            assert_allclose(ranked[known], exact[known], atol=1e-5)
            assert exact[~known].max() <= exact[known].min() + 1e-5
        assert f"{found.outliers.known.sum()} of " in found.scores_said()
        assert refine(found).scores_said() == ""

    def test_estimates_lie_within_their_errors(self) -> None:
        truth = real_analysis("mlearn_Si_train.xyz")
        off = []
        for seed in range(6):
            found = halves(seed)
            assert (found.sampled, found.exact) == (1500, False)
            assert 0 < found.entropy_error < 0.1
            assert 0 < found.diversity_error < 0.1
            off.append((found.entropy_nats - truth.entropy_nats) / found.entropy_error)
            off.append((found.diversity_nats - truth.diversity_nats) / found.diversity_error)
            assert abs(found.redundancy - truth.redundancy) < 4 * found.redundancy_error
        assert np.max(np.abs(off)) < 4
        assert np.std(off) < 1.6

    def test_it_says_that_it_is_sampled(self) -> None:
        summary = halves().summary()
        assert summary["sampled_environments"] == 1500
        assert summary["entropy_error"] > 0
        assert "entropy_error" not in make_analysis().summary()
        assert make_analysis().sampled is None
        assert make_analysis().entropy_error == make_analysis().diversity_error == 0

    def test_methods_and_metrics_have_samples_of_their_own(self) -> None:
        found = halves()
        both = np.intersect1d(found.kernel.sample.rows, found.measured.sample.rows)
        assert len(both) < 0.25 * 1500
        assert found.measured is found.audit
        whole = make_analysis()
        assert whole.measured is whole.kernel

    def test_refined_it_is_exact(self) -> None:
        truth, found = real_analysis("mlearn_Si_train.xyz"), refine(halves())
        assert found.exact
        assert found.sampled == 1500
        assert_allclose(found.entropy_nats, truth.entropy_nats, atol=1e-6)
        assert_allclose(found.diversity_nats, truth.diversity_nats, atol=1e-6)
        assert found.entropy_error == 0
        assert_allclose(found.kernel_sums, truth.kernel_sums, rtol=1e-5)
        assert found.fingerprint not in (halves().fingerprint, truth.fingerprint)
        assert refine(found) is found
        assert refine(truth) is truth

    def test_fingerprints_tell_samples_apart(self) -> None:
        again = halves.__wrapped__(0)
        assert halves(0).fingerprint == again.fingerprint != halves(1).fingerprint

    def test_a_sample_of_everything_is_the_set_itself(self) -> None:
        dataset, described = real_descriptors("mlearn_Si_test.xyz")
        found = winnow.analyse(dataset, described, sample=10**6)
        assert found.sampled is None
        assert found.audit is None

    def test_entropy_and_diversity_can_be_certified(self, monkeypatch: pytest.MonkeyPatch) -> None:
        truth, found = real_analysis("mlearn_Si_train.xyz"), halves()
        monkeypatch.setattr(bounded_module, "_affordable", len)  # however dear, and not exact
        stated = certify(found, error=0.05, confidence=0.999)
        assert not stated.exact
        for name in ("entropy", "diversity"):
            error = getattr(stated, f"{name}_error")
            assert 0 < error <= 0.05
            off = getattr(stated, f"{name}_nats") - getattr(truth, f"{name}_nats")
            assert abs(off) <= error
        assert stated.summary()["certified_confidence"] == 0.999
        assert stated.fingerprint != found.fingerprint
        assert stated.kernel_fingerprint == found.kernel_fingerprint
        assert_allclose(stated.kernel_sums, found.kernel_sums)
        refined = refine(stated)
        assert refined.certificate is None
        assert refined.entropy_error == 0
        assert certify(refined) is refined

    def test_memory_decides(self, monkeypatch: pytest.MonkeyPatch) -> None:
        dataset, described = real_descriptors("mlearn_Si_train.xyz")
        monkeypatch.setattr(analysis_module, "SAMPLE", 500)
        assert winnow.analyse(dataset, described, memory=1e7).sampled == 500
        assert winnow.analyse(dataset, described, memory=1e9).sampled is None
        with pytest.raises(WinnowError, match=r"may take 0\.0; allow a sample.*FILE@::10"):
            winnow.analyse(dataset, described, sample=0, memory=1e5)
        with pytest.raises(ValueError, match="a sample of -1"):
            winnow.analyse(dataset, described, sample=-1)

    def test_a_sample_is_as_large_as_fits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        dataset, described = real_descriptors("mlearn_Si_train.xyz")
        monkeypatch.setattr(analysis_module, "SKIP_PILOT_BELOW", 0.0)
        errors = []
        for memory in (1e5, 6e6, 1.2e7):
            found = winnow.analyse(dataset, described, memory=memory)
            kernels = (found.kernel, found.measured, found.reaching)
            assert found.sampled is not None
            if found.sampled > analysis_module.LEAST_SAMPLE:
                assert 0.5 * memory < sum(each.nbytes for each in kernels) < 1.2 * memory
            errors.append(found.entropy_error)
        assert errors == sorted(errors, reverse=True)  # what is known less well says so
        # so many numbers could not be prepared at once, however few kernels there are
        monkeypatch.setattr(analysis_module, "PREPARED", 1e6)
        assert winnow.analyse(dataset, described, memory=1e9).sampled is not None

    def test_the_pilot_foretells_the_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        _, described = real_descriptors("mlearn_Cu_train.xyz")
        truth = real_analysis("mlearn_Cu_train.xyz").kernel.nbytes
        monkeypatch.setattr(analysis_module, "SKIP_PILOT_BELOW", 0.0)
        spec = KernelSpec(0.015)
        order = np.arange(described.n_structures)
        pilot = analysis_module._Pilot.of(described, spec, order, Recorder())
        needed = pilot.needed(described, spec)
        assert 0.7 * truth < needed < 1.5 * truth

    def test_the_environment_sets_the_memory(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.delenv("WINNOW_MEMORY_GB", raising=False)
        assert 0 < analysis_module.kernel_memory() <= 4e9
        monkeypatch.setenv("WINNOW_MEMORY_GB", "0.5")
        assert analysis_module.kernel_memory() == 0.5e9
        for wrong in ("much", "-1", "nan"):
            monkeypatch.setenv("WINNOW_MEMORY_GB", wrong)
            with pytest.raises(InputError, match="WINNOW_MEMORY_GB"):
                analysis_module.kernel_memory()

    def test_progress_and_cancel(self) -> None:
        dataset, described = real_descriptors("mlearn_Si_test.xyz")
        told = Recorder()
        found = winnow.analyse(dataset, described, sample=200, monitor=told)
        refine(found, monitor=Recorder())
        assert told.fractions == sorted(told.fractions)
        assert told.fractions[-1] == 1.0
        for run in (
            lambda m: winnow.analyse(dataset, described, sample=200, monitor=m),
            lambda m: refine(found, monitor=m),
        ):
            with pytest.raises(Cancelled):
                run(Recorder(cancel_at=2))
