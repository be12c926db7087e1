"""Messages of the errors, and the monitor that maps parts onto the whole."""

from __future__ import annotations

import pytest
from makers import Recorder

from analytics.runtime.errors import Cancelled, InputError, WinnowError
from analytics.runtime.progress import SILENT, Part


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ({}, "no atoms"),
        ({"source": "a.xyz"}, "a.xyz: no atoms"),
        ({"structure": 0}, "structure 0: no atoms"),
        ({"source": "a.xyz", "structure": 3}, "a.xyz, structure 3: no atoms"),
    ],
)
def test_an_input_error_says_where_and_why(place: dict, message: str) -> None:
    error = InputError("no atoms", **place)
    assert str(error) == message
    assert isinstance(error, WinnowError)
    assert (error.cause, error.source, error.structure) == (
        "no atoms",
        place.get("source"),
        place.get("structure"),
    )


@pytest.mark.parametrize("odd", ["a\nb\r\nc", "x" * 100_000, "a\u2028b", "\n"])
def test_an_input_error_is_one_line_whatever_it_repeats(odd: str) -> None:
    for error in (InputError(f"{odd!s} is no number"), InputError("no atoms", source=odd)):
        assert len(str(error).splitlines()) == 1
        assert len(str(error)) < 1100


def test_cancelled_is_a_winnow_error() -> None:
    assert issubclass(Cancelled, WinnowError)
    assert str(Cancelled()) == "cancelled"


def test_a_part_reports_on_the_scale_of_the_whole() -> None:
    whole = Recorder()
    part = Part(Part(whole, 0.5, 1.0, "outer"), 0.0, 0.5, "inner")
    part.report(0.0)
    part.report(1.0, "own")
    assert whole.fractions == [0.5, 0.75]
    assert whole.messages == ["inner", "own"]


def test_a_part_passes_the_cancel_on() -> None:
    with pytest.raises(Cancelled):
        Part(Recorder(cancel_at=1), 0.0, 1.0).checkpoint()


def test_the_silent_monitor_does_nothing() -> None:
    SILENT.report(0.5, "step")
    SILENT.checkpoint()
