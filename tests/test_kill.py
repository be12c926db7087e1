"""Commands killed (-9) while they run: a few of what `make kill` does a hundred times."""

from __future__ import annotations

import pytest

from benchmarks import kill


def test_a_killed_command_leaves_nothing_half_written(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WINNOW_CACHE", "")  # so that it is as before afterwards
    found = kill.run(count=2, seed=5)
    assert {what: states.total() for what, states in found.items()} == {
        "select": 2, "compare": 2, "replay": 2,
    }  # fmt: skip
