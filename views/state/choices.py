"""Choices of a stage as plain values, and back: what a session saves of each stage. No Panel."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import param

__all__ = ["choices_of", "choose"]


def choices_of(state: param.Parameterized, names: Iterable[str]) -> dict[str, Any]:
    """Return those of the parameters that are not as they were at first, as values for JSON."""
    found = {}
    for name in names:
        value = getattr(state, name)
        if isinstance(value, np.generic):
            value = value.item()
        if value == state.param[name].default or (
            isinstance(value, float) and not math.isfinite(value)
        ):
            continue
        found[name] = list(value) if isinstance(value, tuple) else value
    return found


def choose(
    state: param.Parameterized, names: Iterable[str], chosen: Mapping[str, Any]
) -> tuple[str, ...]:
    """Set parameters to what was chosen, in one step.

    Parameters
    ----------
    state : Parameterized
    names : iterable of str
        The parameters that may be set.
    chosen : mapping of str to JSON value
        Not trusted: what a parameter does not take stays as it is.

    Returns
    -------
    tuple of str
        Names of what was not taken.
    """
    refused = []
    with param.parameterized.batch_call_watchers(state):
        for name in names:
            if name in chosen:
                value = chosen[name]
                if isinstance(state.param[name], param.Tuple) and isinstance(value, list):
                    value = tuple(value)
                try:
                    setattr(state, name, value)
                except (TypeError, ValueError):
                    refused.append(name)
    return tuple(refused)
