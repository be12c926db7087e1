"""Numbers as people read them, in a terminal and on a page."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analytics.runtime.text import PAGE, TERMINAL, certain_error

NONE = [None, math.nan, math.inf, -math.inf]


def test_counts() -> None:
    assert [TERMINAL.count(n) for n in (0, 999, 24034, 1234567)] == [
        "0",
        "999",
        "24 034",
        "1 234 567",
    ]
    assert PAGE.count(24034) == "24\u202f034"
    assert TERMINAL.counted(1, "structure") == "1 structure"
    assert TERMINAL.counted(24034, "environment") == "24 034 environments"
    assert (TERMINAL.counted(0, "is", "are"), TERMINAL.counted(1, "is", "are")) == ("0 are", "1 is")


@pytest.mark.parametrize("value", NONE)
def test_no_number_is_a_dash(value: float | None) -> None:
    for write in (TERMINAL.number, TERMINAL.percent, TERMINAL.significant):
        assert write(value) == "-"
    assert PAGE.percent(value) == "–"


def test_decimals() -> None:
    assert TERMINAL.number(1.23456) == "1.235"
    assert TERMINAL.number(12345.678, 1) == "12 345.7"
    assert PAGE.number(-0.4, 0) == "0"  # a minus before nothing would ask what it is
    assert TERMINAL.number(-1.5, 1) == "-1.5"


def test_a_page_writes_a_true_minus() -> None:
    assert PAGE.number(-57.564) == "−57.564"
    assert PAGE.significant(-8.66) == "−8.66"
    assert PAGE.significant(-1.23e-7) == "−1.23e-07"
    assert PAGE.percent(-0.5) == "−50.0\u202f%"
    assert PAGE.with_error(-2.312, 0.04) == "−2.31 ± 0.04"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [
        (0, 3, "0"),
        (0.00123456, 3, "0.00123"),
        (1.2, 3, "1.20"),
        (9.996, 3, "10.0"),
        (99.96, 1, "100"),
        (12345.6, 3, "12 346"),
        (99999.9, 3, "1.00e+05"),
        (1.23e-5, 3, "1.23e-05"),
        (0.00009999, 1, "0.0001"),
        (-250.0, 1, "-250"),
        (12.0, 1, "12"),
    ],
)
def test_significant_digits(value: float, digits: int, text: str) -> None:
    assert TERMINAL.significant(value, digits) == text


@pytest.mark.parametrize(
    ("share", "digits", "text"),
    [
        (0, 0, "0 %"),
        (1, 0, "100 %"),
        (0.5, 0, "50 %"),
        (0.123456, 1, "12.3 %"),
        (1e-6, 0, "< 1 %"),
        (1e-6, 1, "< 0.1 %"),
        (0.004, 0, "< 1 %"),
        (0.006, 0, "1 %"),
        (0.9999, 0, "> 99 %"),
        (0.9996, 1, "> 99.9 %"),
        (0.9994, 1, "99.9 %"),
        (0.99999, 2, "> 99.99 %"),
        (1 - 1e-12, 1, "100.0 %"),  # rounding of a sum
        (1e-12, 1, "0.0 %"),
        (-0.0001, 1, "0.0 %"),
        (-0.25, 0, "-25 %"),
        (1.7, 0, "170 %"),
    ],
)
def test_per_cent_says_all_and_none_only_where_it_is(share: float, digits: int, text: str) -> None:
    assert TERMINAL.percent(share, digits) == text
    assert PAGE.percent(share, digits) == text.replace(" ", "\u202f").replace("-", "−")
    assert TERMINAL.percent(share, digits, sign=False) == text.removesuffix(" %")


def test_shares_of_numpy_are_shares() -> None:
    shares = np.float64([0.9999, 0.0001])
    assert [TERMINAL.percent(s, 0) for s in shares] == ["> 99 %", "< 1 %"]
    assert [TERMINAL.percent(s, 0) for s in shares.astype(np.float32)] == ["> 99 %", "< 1 %"]


def test_lower_bounds_are_rounded_down() -> None:
    shares = {0.97999: "97.9 %", 0.98: "98.0 %", 1 - 1e-6: "99.9 %", 1: "100.0 %", 1e-6: "0.0 %"}
    assert [TERMINAL.percent(s, at_least=True) for s in shares] == list(shares.values())
    assert TERMINAL.percent(0.29, 2, at_least=True) == "29.00 %"


def test_errors_of_shares() -> None:
    assert [TERMINAL.percent_error(e) for e in (0.00123, 0.12, 0.0)] == ["0.1 %", "12 %", "0 %"]


def test_shares_as_they_are_asked_for() -> None:
    assert [TERMINAL.exact_percent(s) for s in (0.05, 0.0025, 0.07, 1)] == [
        "5 %",
        "0.25 %",
        "7 %",
        "100 %",
    ]


@pytest.mark.parametrize(
    ("value", "error", "digits", "text"),
    [
        (2.3123, 0.0412, 1, "2.31 ± 0.04"),
        (2.3123, 0.0412, 2, "2.312 ± 0.041"),
        (2.3123, 0.096, 1, "2.3 ± 0.1"),
        (1234.5, 56.7, 1, "1 230 ± 60"),
        (417.4, 514.1, 2, "420 ± 510"),
        (12345.6, 996, 2, "12 300 ± 1 000"),
        (-0.04, 3.2, 1, "0 ± 3"),
        (1.5, 0, 1, "1.50"),
        (1.5, math.nan, 1, "1.50"),
        (math.nan, 1.0, 1, "-"),
    ],
)
def test_errors(value: float, error: float, digits: int, text: str) -> None:
    assert TERMINAL.with_error(value, error, digits) == text


def test_errors_of_potentials_end_where_their_spread_does() -> None:
    assert PAGE.label_error_and_spread(417.4, 514.1, "energy") == ("420", "510")
    assert PAGE.label_error_and_spread(0.1234, 0.0121, "force") == ("0.123", "0.012")
    assert PAGE.label_error_and_spread(12.34, math.nan, "energy") == ("12.3", "")
    assert PAGE.label_error_and_spread(math.nan, math.nan, "energy") == ("–", "")


def test_errors_of_potentials() -> None:
    assert [TERMINAL.label_error(e, "energy") for e in (0.04, 12.34, 1234.5)] == [
        "0.0",
        "12.3",
        "1 234",
    ]
    assert [PAGE.label_error(f, "force") for f in (0.12345, 12.345)] == ["0.123", "12.35"]
    assert PAGE.label_error(math.nan, "force") == "–"


@pytest.mark.parametrize(
    ("share", "error", "text"),
    [
        (0.8812, 0.0043, "88.1 % ± 0.4 %"),
        (0.9761, 0.0008, "97.61 % ± 0.08 %"),
        (0.35, 0.02, "35 % ± 2 %"),
        (0.35, 0.0, "35.0 %"),
        (0.35, float("nan"), "35.0 %"),
        (float("nan"), 0.02, "-"),
    ],
)
def test_a_share_is_written_as_far_as_its_error(share: float, error: float, text: str) -> None:
    assert TERMINAL.share_with_error(share, error) == text


@pytest.mark.parametrize("digits", [1, 2, 3])
def test_a_certified_error_holds_of_the_value_as_written(digits: int) -> None:
    rng = np.random.default_rng(0)
    errors = np.append(10.0 ** rng.uniform(-6, 1, 500), [9.6e-3, 9.99e-3, 0.0949, 0.095, 0.1, 1.0])
    for error in errors:
        value = rng.uniform(0, 30)
        shown = TERMINAL.with_error(value, certain_error(error, digits), digits)
        middle, off = (float(part.replace(" ", "")) for part in shown.split("±"))
        assert middle - off <= value - error + 1e-9
        assert middle + off >= value + error - 1e-9


def test_a_certified_share_holds_as_written() -> None:
    for error in (0.00096, 0.00123, 0.01, 0.096):
        for share in (0.0, 0.93217, 1.0):
            shown = TERMINAL.share_with_error(share, certain_error(error, 2), 2)
            middle, off = (float(part.replace("%", "")) for part in shown.split("±"))
            assert abs(middle - 100 * share) + 100 * error <= off + 1e-9
