"""Stages in a worker process with a Dask scheduler: what goes there, and that it is the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from makers import make_dataset
from numpy.testing import assert_array_equal

from analytics.pipeline import Pipeline
from analytics.runtime.cache import Cache
from analytics.runtime.store import Store
from analytics.runtime.workers import Workers


@pytest.fixture
def workers() -> Iterator[Workers]:
    made = Workers(1)
    yield made
    made.close()


def test_blocks_of_descriptors_and_kernels_go_there_and_the_rest_stays(
    scheduler: str, task_steps: Callable[[], int], workers: Workers, tmp_path: Path
) -> None:
    data = make_dataset([20, 31, 5, 44], seed=2)
    here, there = (
        Pipeline(Cache(store=Store(tmp_path / name)), address, processes)
        for name, address, processes in (("here", None, None), ("there", scheduler, workers))
    )
    counts = [task_steps()]
    x = there.describe(data)
    counts.append(task_steps())
    analysis = there.analyse(data)
    counts.append(task_steps())
    order = there.select(analysis, "facility_location")
    there.retention(analysis, order)
    there.check(data)
    there.embed(x)
    counts.append(task_steps())
    described, analysed, others = np.diff(counts)
    assert described > 0
    assert analysed > 0
    assert others == 0
    assert_array_equal(x.values, here.describe(data).values)
    again = here.analyse(data)
    assert_array_equal(analysis.outliers.environment, again.outliers.environment)
    assert_array_equal(order.structures, here.select(again, "facility_location").structures)
