"""The collector is paused as long as anybody wants it to be, and left as it was."""

from __future__ import annotations

import gc

import pytest

from analytics.runtime.garbage import collector_paused


def test_paused_until_the_last_one_is_done() -> None:
    assert gc.isenabled()
    with collector_paused():
        with pytest.raises(KeyError), collector_paused():
            raise KeyError
        assert not gc.isenabled()
    assert gc.isenabled()


def test_stays_off_where_it_was_off() -> None:
    gc.disable()
    try:
        with collector_paused():
            pass
        assert not gc.isenabled()
    finally:
        gc.enable()
