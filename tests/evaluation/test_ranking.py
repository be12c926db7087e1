"""Who leads among a few values."""

from __future__ import annotations

import math

import pytest

from analytics.evaluation.ranking import known_errors, leaders

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


def test_an_error_below_its_spread_is_not_ranked() -> None:
    ranked = known_errors([417.4, 430.0, 390.0], [514.1, math.nan, 20.0])
    assert ranked[1:] == [430.0, 390.0]
    assert math.isnan(ranked[0])
