"""Two worker processes that all tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from makers import dask_workers


@pytest.fixture(scope="session")
def scheduler() -> Iterator[str]:
    with dask_workers(2) as address:
        yield address


@pytest.fixture
def task_steps(scheduler):
    """Return a function that counts what happened to tasks at the scheduler, ever.

    Its log would only reach a thousand steps back.
    """
    distributed = pytest.importorskip("distributed")
    with distributed.Client(scheduler, set_as_default=False) as client:

        def count():
            return client.run_on_scheduler(lambda dask_scheduler: dask_scheduler.transition_counter)

        yield count
