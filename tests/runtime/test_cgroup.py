"""Limits of containers and jobs, read from folders made up for the test."""

from __future__ import annotations

import os
from math import inf
from pathlib import Path

import pytest

from analytics.runtime import cgroup
from analytics.runtime.memory import physical_memory
from analytics.runtime.parallel import cores

GB = 1 << 30


@pytest.fixture
def group(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Return a function that puts this process into groups with the files given."""
    monkeypatch.setattr(cgroup, "MOUNT", tmp_path / "mount")
    monkeypatch.setattr(cgroup, "MEMBERSHIP", tmp_path / "membership")
    monkeypatch.delenv("WINNOW_THREADS", raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(16)), raising=False)

    def make(membership: str, **files: str) -> None:
        (tmp_path / "membership").write_text(membership)
        for name, text in files.items():
            path = tmp_path / "mount" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text + "\n")

    return make


def test_version_2_the_lowest_limit_of_the_groups_above_counts(group) -> None:
    group("0::/job/step\n", **{
        "job/step/cpu.max": "max 100000", "job/cpu.max": "150000 100000",
        "job/step/memory.max": str(4 * GB), "job/memory.max": "max",
    })  # fmt: skip
    assert cgroup.cpu_quota() == 1.5
    assert cores() == 2
    assert cgroup.memory_limit() == 4 * GB
    assert physical_memory() <= 4 * GB


def test_version_1_with_the_path_of_the_host(group) -> None:
    group("5:cpu,cpuacct:/docker/abc\n4:memory:/docker/abc\n3:cpuset:/\n", **{
        "cpu,cpuacct/cpu.cfs_quota_us": "300000", "cpu,cpuacct/cpu.cfs_period_us": "100000",
        "memory/memory.limit_in_bytes": str(2 * GB),
        "memory/docker/abc/memory.limit_in_bytes": "9223372036854771712",
    })  # fmt: skip
    assert (cgroup.cpu_quota(), cores()) == (3.0, 3)
    assert cgroup.memory_limit() == 2 * GB


@pytest.mark.parametrize(
    ("membership", "files"),
    [
        ("", {}),
        ("0::/\n", {"cpu.max": "max 100000", "memory.max": "max"}),
        ("2:cpu:/\n", {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000"}),
        ("0::/\n", {"cpu.max": "nonsense", "memory.max": ""}),
    ],
    ids=["no groups", "2, no limit", "1, no limit", "unreadable"],
)
def test_without_a_limit_the_machine_counts(group, membership, files) -> None:
    group(membership, **files)
    assert (cgroup.cpu_quota(), cgroup.memory_limit()) == (inf, inf)
    assert cores() == 16


def test_a_sliver_of_a_core_is_one_thread_and_the_variable_wins(group, monkeypatch) -> None:
    group("0::/\n", **{"cpu.max": "10000 100000"})
    assert cores() == 1
    monkeypatch.setenv("WINNOW_THREADS", "5")
    assert cores() == 5
