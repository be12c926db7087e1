"""Buttons whose name is what is written on them, and labels that are heard but not seen."""

from __future__ import annotations

from typing import Any

import panel as pn
import panel_material_ui as pmui

__all__ = ["HINTS", "NEVER", "UNSEEN_LABEL", "Button", "Region", "Toggle"]

#: Milliseconds before a Material tooltip shows: it would lie over the next button. Its text then
#: serves as the accessible name of a button that shows a sign only.
NEVER = 2**31 - 1

#: For a field whose meaning is plain from its place: the label is kept for screen readers.
UNSEEN_LABEL = """
label { position: absolute !important; width: 1px; height: 1px; overflow: hidden;
  clip-path: inset(50%); }
legend { display: none !important; }
fieldset { top: 0 !important; }
.MuiInput-root { margin-top: 0 !important; }
"""


#: What is written on a button -> its hint, which `Keys` puts on the button in the browser.
HINTS: dict[str, str] = {}


class _Hinted:
    """Explained by the browser's own tooltip, which covers nothing and takes no click.

    A Material tooltip (`description`) lies over the next button and replaces the accessible name.
    A button that shows a sign is heard as what it is the `sign_for`.
    """

    def __init__(self, *, hint: str = "", sign_for: str = "", **params: Any) -> None:
        if hint:
            HINTS[params["label"]] = hint
        if sign_for:
            params |= {"description": sign_for, "description_delay": NEVER}
        super().__init__(**params)


class Button(_Hinted, pmui.Button):
    """A button with a hint."""


class Toggle(_Hinted, pmui.Toggle):
    """A button that stays down, with a hint."""


class Region(pn.Column):
    """A column that assistive technology announces as a region of the page."""

    def __init__(self, *objects: Any, title: str, role: str = "region", **params: Any) -> None:
        self._attributes = {"role": role, "aria-label": title}
        super().__init__(*objects, **params)

    def _get_properties(self, doc: Any) -> dict[str, Any]:
        properties: dict[str, Any] = super()._get_properties(doc)
        return properties | {"html_attributes": self._attributes}
