"""Blocks of work in a fixed order, here or elsewhere."""

from __future__ import annotations

import os
import threading
import time
from collections import UserList

import numpy as np
import pytest
from makers import Recorder

from analytics.runtime.errors import Cancelled
from analytics.runtime.parallel import fill_rows, in_order, running_on
from analytics.runtime.progress import SILENT


def test_results_come_in_order_whatever_ends_first() -> None:
    def work(block: int) -> int:
        time.sleep(0.01 * (block % 3))
        return block * block

    told = Recorder()
    assert list(in_order(work, range(20), told, "squares")) == [b * b for b in range(20)]
    assert told.fractions == [(b + 1) / 20 for b in range(20)]
    assert set(told.messages) == {"squares"}
    assert list(in_order(work, [], told, "nothing")) == []


def test_few_blocks_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "cpu_count", lambda: 4)
    taken = []

    class Blocks(UserList):
        def __getitem__(self, item):
            taken.extend(self.data[item])
            return self.data[item]

    results = in_order(lambda block: block, Blocks(range(1000)), SILENT, "")
    assert [next(results) for _ in range(3)] == [0, 1, 2]
    assert 3 <= len(taken) < 100
    results.close()


def test_an_error_of_a_block_is_raised() -> None:
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda block: 1 // block, range(3), SILENT, ""))


def test_a_long_block_does_not_keep_a_cancelled_job() -> None:
    release, monitor = threading.Event(), Recorder(cancel_at=3)

    class Releasing(Recorder):
        def checkpoint(self) -> None:
            try:
                monitor.checkpoint()
            except Cancelled:
                release.set()
                raise

    released = []
    with pytest.raises(Cancelled):
        list(in_order(lambda _: released.append(release.wait(60)), range(2), Releasing(), ""))
    assert released  # none had to wait until its time was over
    assert all(released)


def test_another_executor_is_used_inside_and_by_this_thread_only() -> None:
    class Elsewhere:
        def in_order(self, work, blocks, monitor, message):
            return (("elsewhere", work(block)) for block in blocks)

    found = []

    def other_thread() -> None:
        found.extend(in_order(lambda block: block, range(1), SILENT, ""))

    with running_on(Elsewhere()):
        assert list(in_order(lambda block: block, range(2), SILENT, "")) == [
            ("elsewhere", 0),
            ("elsewhere", 1),
        ]
        thread = threading.Thread(target=other_thread)
        thread.start()
        thread.join()
        with running_on(None):
            assert list(in_order(lambda block: block, range(1), SILENT, "")) == [0]
    assert found == [0]
    assert list(in_order(lambda block: block, range(1), SILENT, "")) == [0]


def test_rows_are_the_same_written_in_place_and_sent_from_elsewhere() -> None:
    ranges, given = [(0, 3), (3, 4), (4, 9)], []

    def write(block: int, rows: np.ndarray) -> None:
        given.append(rows)
        rows[:] = np.arange(*ranges[block])[:, None] * [1, 10]

    class Elsewhere:
        """Hands over copies, as another process would."""

        def in_order(self, work, blocks, monitor, message):
            return (work(block).copy() for block in blocks)

    expected = np.arange(9)[:, None] * [1, 10]
    here, there, told = np.full((9, 2), -1), np.full((9, 2), -1), Recorder()
    fill_rows(here, write, ranges, told, "rows")
    assert told.fractions == [1 / 3, 2 / 3, 1]
    assert all(np.shares_memory(rows, here) for rows in given)
    given.clear()
    with running_on(Elsewhere()):
        fill_rows(there, write, ranges, SILENT, "rows")
    assert not any(np.shares_memory(rows, there) for rows in given)
    np.testing.assert_array_equal(here, expected)
    np.testing.assert_array_equal(there, expected)
