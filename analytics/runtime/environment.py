"""Environment variables: sizes and numbers that users set, read with one line for nonsense."""

from __future__ import annotations

import os
import re
from typing import TypeVar

from analytics.runtime.errors import WinnowError

__all__ = ["count_from", "parse_size", "positive_from", "size_from"]

T = TypeVar("T")

_UNITS = {"": 1, "k": 10**3, "m": 10**6, "g": 10**9, "t": 10**12}


def parse_size(text: str, name: str) -> int:
    """Return the number of bytes of a text such as ``8GB``, ``500 MB`` or ``0``.

    Parameters
    ----------
    text : str
    name : str
        Whose value it is, for the error.

    Raises
    ------
    WinnowError
        If it is no size.
    """
    match = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*([kmgt]?)b?\s*", text.lower())
    if match is None:
        raise WinnowError(f"{name} is {text!r}, not a size such as 8GB")
    return int(float(match[1]) * _UNITS[match[2]])


def size_from(name: str, default: T) -> int | T:
    """Return the bytes that a variable says, or the default if it is not set; see `parse_size`."""
    text = os.environ.get(name)
    return parse_size(text, name) if text else default


def count_from(name: str, default: T, least: int) -> int | T:
    """Return the whole number that a variable says, or the default if it is not set.

    Raises
    ------
    WinnowError
        If it is no number from `least` on.
    """
    text = os.environ.get(name)
    if not text:
        return default
    if not text.isdecimal() or int(text) < least:
        raise WinnowError(f"{name} is {text!r}, not a number from {least} on")
    return int(text)


def positive_from(name: str, default: T, what: str) -> float | T:
    """Return the number above 0 that a variable says, or the default if it is not set.

    Raises
    ------
    WinnowError
        If it is none: "not a number of `what`".
    """
    text = os.environ.get(name)
    if not text:
        return default
    try:
        value = float(text)
    except ValueError:
        value = float("nan")
    if not value > 0:
        raise WinnowError(f"{name} is {text!r}, not a number of {what}")
    return value
