"""Two worker processes that all tests of this folder share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from makers import dask_workers


@pytest.fixture(scope="session")
def scheduler() -> Iterator[str]:
    with dask_workers(2) as address:
        yield address
