"""What the keys held during a drag do to the brush: none replaces, Shift adds, Alt subtracts."""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["brush_mode"]


def brush_mode(held: Mapping[str, bool] | None) -> str:
    """Return "replace", "add" or "subtract"; Ctrl+Shift is Bokeh's own word for subtracting."""
    shift, ctrl, alt = ((held or {}).get(key, False) for key in ("shift", "ctrl", "alt"))
    if alt or (shift and ctrl):
        return "subtract"
    return "add" if shift else "replace"
