"""Who leads among a few values."""

from __future__ import annotations

import pytest

from analytics.evaluation.ranking import leaders

NAN = float("nan")


@pytest.mark.parametrize(
    ("values", "options", "expected"),
    [
        ([3.0, 1.0, 2.0], {}, [False, True, False]),
        ([3.0, 1.0, 2.0], {"better": 1}, [True, False, False]),
        ([1.0, 1.0, 2.0], {}, [True, True, False]),
        ([1.0, 1.0, 1.0], {}, [False] * 3),
        ([1.0, NAN, NAN], {}, [False] * 3),
        ([1.0, NAN, 1.0], {}, [False] * 3),
        ([2.0, NAN, 1.0], {}, [False, False, True]),
        ([1.04, 1.01, 2.0], {"written": ["1.0", "1.0", "2.0"]}, [True, True, False]),
        ([1.3, 1.0, 2.0], {"spreads": [0.35, NAN, 0.1]}, [True, True, False]),
        ([1.4, 1.0, 2.0], {"spreads": [0.3, 0.1, 0.1]}, [False, True, False]),
        ([], {}, []),
    ],
)
def test_leaders(values: list[float], options: dict, expected: list[bool]) -> None:
    assert leaders(values, **options) == expected
