"""What all tests share: none of them may touch the cache of the person who runs them."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory):
    """Keep results in a folder of this run; servers that tests start inherit it."""
    before = {name: os.environ.get(name) for name in ("WINNOW_CACHE", "WINNOW_CACHE_LIMIT")}
    os.environ["WINNOW_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ.pop("WINNOW_CACHE_LIMIT", None)
    yield
    for name, value in before.items():
        os.environ.pop(name, None)
        if value is not None:
            os.environ[name] = value
