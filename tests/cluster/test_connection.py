"""The same calls on two worker processes of a Dask cluster."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from makers import Recorder, dask_workers, make_dataset
from numpy.testing import assert_array_equal

import winnow_atomistic as winnow
from analytics.cluster.connection import Cluster, connect, scheduler_address
from analytics.cluster.transport import packed, unpacked
from analytics.cluster.two_rounds import select_in_two_rounds
from analytics.data.dataset import Dataset
from analytics.descriptors.channels import SpeciesDistanceSpec
from analytics.information.kernel import KernelSpec, kernel_sums, log_kernel_sums
from analytics.information.kernel_loops import accumulate_block
from analytics.runtime.errors import Cancelled, WinnowError
from analytics.runtime.parallel import in_order
from analytics.runtime.progress import SILENT


@pytest.fixture
def cluster(scheduler: str) -> Iterator[Cluster]:
    with connect(scheduler) as connected:
        assert connected is not None
        connected._client.wait_for_workers(1, timeout=60)
        yield connected


@pytest.fixture(scope="module")
def dataset() -> Dataset:
    return make_dataset([20, 31, 5, 44] * 10, seed=2, isolated=2)


def pids(cluster: Cluster) -> list[int]:
    return list(cluster._client.run(os.getpid).values())


# --- the same numbers --------------------------------------------------------------------------


def test_descriptors_are_the_same_to_the_last_bit(cluster: Cluster, dataset: Dataset) -> None:
    for spec in (None, SpeciesDistanceSpec(k=8)):
        there = winnow.describe(dataset, spec)
        with connect_nowhere():
            here = winnow.describe(dataset, spec)
        assert_array_equal(there.values, here.values)
        assert there.fingerprint == here.fingerprint


def connect_nowhere():
    """Run on this machine, whatever was entered before."""
    from analytics.runtime.parallel import running_on

    return running_on(None)


@pytest.mark.parametrize("leave_one_out", [False, True])
def test_kernel_sums_are_the_same_to_the_last_bit(cluster: Cluster, leave_one_out: bool) -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(3000, 20))
    x[:10] += 50.0  # far ones, summed in the log domain
    calls = [
        lambda: kernel_sums(x, bandwidth=1.5, leave_one_out=leave_one_out),
        lambda: kernel_sums(x[:1000], x[1000:], bandwidth=1.5),
        lambda: log_kernel_sums(x, bandwidth=1.5, leave_one_out=leave_one_out),
    ]
    for call in calls:
        there = call()
        with connect_nowhere():
            assert_array_equal(there, call())


def test_an_analysis_and_a_selection_are_the_same(cluster: Cluster, dataset: Dataset) -> None:
    def run() -> tuple[dict[str, object], np.ndarray]:
        described = winnow.describe(dataset)
        analysis = winnow.analyse(dataset, described, KernelSpec(0.1))
        return analysis.summary(), winnow.select(analysis, "facility_location").structures

    there = run()
    with connect_nowhere():
        here = run()
    assert there[0] == here[0]
    assert_array_equal(there[1], here[1])


def test_two_rounds_are_the_same(cluster: Cluster, dataset: Dataset) -> None:
    described = winnow.describe(dataset)
    there = select_in_two_rounds(described, 6, bandwidth=0.1, seed=3)
    with connect_nowhere():
        here = select_in_two_rounds(described, 6, bandwidth=0.1, seed=3)
    assert_array_equal(there.structures, here.structures)
    assert_array_equal(there.gains, here.gains)


# --- what can go wrong -------------------------------------------------------------------------


def slowly(block: int) -> tuple[int, int]:
    time.sleep(0.1)
    return block, os.getpid()


class Killer(Recorder):
    """A monitor that kills a worker in the middle of the work."""

    def __init__(self, victim: int) -> None:
        super().__init__()
        self.victim = victim

    def report(self, fraction: float, message: str = "") -> None:
        super().report(fraction, message)
        if len(self.fractions) == 5:
            os.kill(self.victim, signal.SIGKILL)


def test_a_killed_worker_loses_nothing(cluster: Cluster) -> None:
    killer = Killer(pids(cluster)[0])
    found = list(in_order(slowly, range(24), killer, "slowly"))
    assert [block for block, _ in found] == list(range(24))
    assert {pid for _, pid in found} > {killer.victim}
    assert killer.fractions == sorted(killer.fractions)
    assert killer.fractions[-1] == 1.0


def test_cancelled_work_ends_at_once_and_the_cluster_goes_on(
    cluster: Cluster, tmp_path: Path
) -> None:
    def noted(block: int) -> None:
        (tmp_path / str(block)).touch()
        slowly(block)

    with pytest.raises(Cancelled):
        list(in_order(noted, range(400), Recorder(cancel_at=5), "slowly"))
    assert 0 < len(list(tmp_path.iterdir())) < 400
    assert [block for block, _ in in_order(slowly, range(3), SILENT, "")] == [0, 1, 2]


def test_a_long_block_does_not_keep_a_cancelled_job(cluster: Cluster, tmp_path: Path) -> None:
    release, ended = tmp_path / "release", tmp_path / "ended"

    def long(_: int) -> None:
        until = time.monotonic() + 60
        while not release.exists() and time.monotonic() < until:
            time.sleep(0.05)
        ended.touch()

    with pytest.raises(Cancelled):
        list(in_order(long, range(1), Recorder(cancel_at=3), ""))
    assert not ended.exists()
    release.touch()


def test_an_error_of_a_block_is_the_callers(cluster: Cluster) -> None:
    def fail(block: int) -> None:
        raise WinnowError(f"block {block} is wrong")

    with pytest.raises(WinnowError, match="block 0 is wrong"):
        list(in_order(fail, range(3), SILENT, ""))


def test_nothing_is_lost_when_no_worker_is_left_for_a_while() -> None:
    """What was sent to them is gone too."""
    with dask_workers(1) as address, connect(address) as cluster:
        killer = Killer(*pids(cluster))
        found = list(in_order(slowly, range(12), killer, "slowly"))
    assert [block for block, _ in found] == list(range(12))
    assert {pid for _, pid in found} > {killer.victim}


# --- connecting --------------------------------------------------------------------------------


def test_without_an_address_everything_runs_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DASK_SCHEDULER_ADDRESS", raising=False)
    assert scheduler_address() is None
    with connect() as connected:
        assert connected is None
        assert list(in_order(os.getpgid, [0], SILENT, "")) == [os.getpgid(0)]


def test_the_address_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, scheduler: str
) -> None:
    monkeypatch.setenv("DASK_SCHEDULER_ADDRESS", scheduler)
    assert scheduler_address() == scheduler
    assert scheduler_address("tcp://other:1") == "tcp://other:1"
    with connect() as connected:
        assert connected is not None
        assert connected.address == scheduler
        (pid,) = in_order(lambda _: os.getpid(), [0], SILENT, "")
        assert pid != os.getpid()


def test_a_scheduler_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr("analytics.cluster.connection.PATIENCE", 0.5)
    with (
        pytest.raises(WinnowError, match=r"no Dask scheduler answers at tcp://127\.0\.0\.1:9"),
        connect("tcp://127.0.0.1:9"),
    ):
        pass


def test_an_address_that_is_none() -> None:
    pytest.importorskip("distributed")
    with pytest.raises(WinnowError, match="no Dask scheduler answers"), connect("nonsense://x"):
        pass


def test_without_dask_the_way_to_get_it_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WinnowError, match=r"winnow-atomistic\[cluster\]"), connect("tcp://x:1"):
        pass


# --- what is sent ------------------------------------------------------------------------------


def test_compiled_functions_travel_by_name_and_local_variables_by_value() -> None:
    pytest.importorskip("cloudpickle")
    local = np.arange(3)

    def work(block: int) -> object:
        return accumulate_block, local[block]

    content = packed(work)
    assert len(content) < 5000
    function, value = unpacked(content)(2)
    assert function is accumulate_block
    assert value == 2
