"""The work queue: its order, what each thing would gain, and what falls away."""

import numpy as np
import pytest

from analytics.curation.findings import Actionable, check_findings
from analytics.curation.work_queue import (
    ERRORS,
    FAR,
    LABELS,
    MISSING,
    NEXT,
    REPEATS,
    WARNINGS,
    Standing,
    find_gaps,
    work_queue,
)
from analytics.data.checks.registry import check
from analytics.data.checks.report import Finding
from tests.makers import kernel_twin, make_analysis

BANDWIDTH = 0.5


@pytest.fixture(scope="module")
def analysis():
    """Sixty structures of one to four environments; a few of them far from the rest."""
    rng = np.random.default_rng(1)
    sizes = rng.integers(1, 5, 60)
    values = rng.normal(size=(int(sizes.sum()), 3)) * 0.5
    values[-6:] += 9.0
    return make_analysis(values, sizes, bandwidth=BANDWIDTH)


def about(code, severity, structures):
    finding = Finding(code, severity, f"{len(structures)} of them", np.array(structures))
    return Actionable(code, finding)


FOUND = (
    about("large_forces", "warning", [3]),
    about("near_duplicates", "note", [4, 5]),
    about("conflicting_alike", "warning", [6]),
    about("positions", "error", [7]),
    about("net_force", "warning", [8, 9, 10]),
    about("zero_forces", "note", range(20)),
)


def standing(analysis, findings=FOUND, rejected=(), kept=(), gaps=None):
    return Standing(
        analysis, tuple(findings), frozenset(), frozenset(rejected), np.array(kept, int),
        "facility location", gaps,
    )  # fmt: skip


def test_the_order_is_as_stated(analysis):
    queue = work_queue(standing(analysis))
    assert [one.level for one in queue] == [ERRORS, LABELS, WARNINGS, WARNINGS, REPEATS]
    assert [one.key for one in queue] == [
        "positions", "conflicting_alike", "net_force", "large_forces", "near_duplicates",
    ]  # fmt: skip
    sizes = analysis.dataset.sizes
    assert queue[2].size == sizes[[8, 9, 10]].sum()
    assert f"3 structures, {queue[2].size} environments" in queue[2].gain


def test_an_empty_queue_is_empty(analysis):
    assert work_queue(standing(analysis, (), kept=range(60))) == ()


def test_gaps_are_those_of_a_plain_sum(analysis):
    x = analysis.descriptors
    kept = np.array([0, 5, 11])
    rows = np.concatenate([np.arange(*x.structure_offsets[s : s + 2]) for s in kept])
    nats = -np.log(np.maximum(kernel_twin(x.values, x.values[rows], BANDWIDTH).sum(1), 1e-300))
    gaps = find_gaps(analysis, kept, np.arange(0))
    assert sorted(gaps.environments) == np.flatnonzero(nats > FAR).tolist()
    assert (np.diff(gaps.nats) <= 0).all()
    assert gaps.looked_at == len(x.values)
    queue = work_queue(standing(analysis, (), kept=range(60), gaps=gaps))
    assert [one.level for one in queue] == [NEXT]
    owners = x.structures[x.owners[gaps.environments]]
    assert sorted(queue[0].structures) == sorted(set(owners.tolist()))
    assert queue[0].structures[0] == owners[0]
    left = work_queue(standing(analysis, (), set(owners.tolist()), range(60), gaps))
    assert [one.key for one in left if one.level == NEXT] == []


def test_classes_of_which_nothing_is_kept_are_named(analysis):
    classes = analysis.dataset.config_type
    kept = np.flatnonzero(classes != "class1")
    (one,) = work_queue(standing(analysis, (), kept=kept))
    assert (one.level, one.key) == (MISSING, "class class1")
    assert one.structures.tolist() == np.flatnonzero(classes == "class1").tolist()
    rest = np.flatnonzero(classes == "class1")[2:]
    (few,) = work_queue(standing(analysis, (), rest.tolist(), range(60)))
    assert few.text == "Few structures of class1"
    assert few.gain.startswith("2 structures")


def test_findings_of_the_checks_have_keys_of_their_own(analysis):
    found = check_findings(check(analysis.dataset), analysis.dataset)
    assert len({one.key for one in found}) == len(found)
