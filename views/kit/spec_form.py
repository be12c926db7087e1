"""Forms: widgets made from specs, so that a new option needs no new view code."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import panel_material_ui as pmui

from analytics.runtime.registry import Option, options_of, spec_from
from views.kit.widgets import look, number_field

__all__ = ["SpecForm"]


def _widget(item: Option, value: Any, choices: Mapping[str, str] | None) -> Any:
    label = f"{item.name.replace('_', ' ')}{f' ({item.unit})' if item.unit else ''}"
    common = {
        "label": label,
        "description": item.help,
        "value": value,
    } | look("number")
    if choices:
        return pmui.Select(options=dict(choices), **common)
    if item.choices:
        return pmui.Select(options=list(item.choices), **common)
    if _typed(item):
        if item.words:
            common["label"] = f"{label}: {', '.join(item.words)} or a number"
        return pmui.TextInput(**common | {"value": _text(value)})
    if isinstance(item.default, int):
        return number_field(start=_int(item.low), end=_int(item.high), **common)
    if isinstance(item.default, float):
        step = item.default / 10 or 0.1
        return number_field(whole=False, start=item.low, end=item.high, step=step, **common)
    return pmui.TextInput(**common)


#: A number field of pmui 0.16 rounds what is smaller to 0.
SMALL = 1e-3


def _typed(item: Option) -> bool:
    """Whether a number is typed as text: it may be a word, or too small for a number field."""
    return bool(item.words) or (isinstance(item.default, float) and 0 < item.default < SMALL)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else f"{value:g}"


def _int(bound: float | None) -> int | None:
    return None if bound is None else int(bound)


class SpecForm:
    """One widget per option of a spec.

    Parameters
    ----------
    spec : dataclass
    choices : mapping, optional
        Option -> title -> value, for options that name something registered.
    **layout
        Given to every widget.
    """

    def __init__(
        self, spec: Any, choices: Mapping[str, Mapping[str, str]] | None = None, **layout: Any
    ) -> None:
        self._kind = type(spec)
        self._typed = {item.name: item for item in options_of(spec) if _typed(item)}
        self.widgets = {
            item.name: _widget(item, getattr(spec, item.name), (choices or {}).get(item.name))
            for item in options_of(spec)
        }
        for widget in self.widgets.values():
            widget.param.update(**layout)

    def spec(self) -> Any:
        """Return the spec the widgets describe; ValueError if a value is out of bounds."""
        values = {name: widget.value for name, widget in self.widgets.items()}
        values |= {name: item.read(values[name]) for name, item in self._typed.items()}
        return spec_from(self._kind, values)
