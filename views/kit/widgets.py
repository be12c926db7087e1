"""Buttons whose name is what is written on them, and labels that are heard but not seen."""

from __future__ import annotations

from typing import Any, ClassVar

import panel as pn
import panel_material_ui as pmui
from panel_material_ui.widgets.base import MaterialWidget

__all__ = ["HINTS", "NEVER", "UNSEEN_LABEL", "Button", "Dialog", "Region", "Toggle", "reveal"]

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


class Dialog(pmui.Dialog):
    """A dialog that its cross, Escape and a click beside it close."""

    LOOK: ClassVar[dict[str, Any]] = {
        "& .MuiDialog-paper": {
            "backgroundImage": "none",  # dark: a veil that would lighten it
            "border": "1px solid var(--winnow-outline)",
        },
        "& .MuiDialogTitle-root": {"fontSize": "17px", "padding": "14px 26px 8px"},
        "& .MuiDialogTitle-root + .MuiIconButton-root": {
            "color": "var(--winnow-quiet)",
            "margin": "8px 8px 0 0",
        },
        # the name of the first field stands half above it
        "& .MuiDialogContent-root": {"paddingTop": "6px !important"},
    }

    def __init__(self, *objects: Any, **params: Any) -> None:
        usual = {"show_close_button": True, "close_on_click": True, "width_option": "sm"}
        super().__init__(*objects, **(usual | {"sx": self.LOOK} | params))

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme: what is in a closed dialog does not hear of a change."""
        for widget in self.select(MaterialWidget):
            widget.dark_theme = dark


class Region(pn.Column):
    """A column that assistive technology announces as a region of the page."""

    def __init__(self, *objects: Any, title: str, role: str = "region", **params: Any) -> None:
        self._attributes = {"role": role, "aria-label": title}
        super().__init__(*objects, **params)

    def _get_properties(self, doc: Any) -> dict[str, Any]:
        properties: dict[str, Any] = super()._get_properties(doc)
        return properties | {"html_attributes": self._attributes}


def reveal(part: pn.viewable.Viewable, shown: bool) -> None:
    """Show or hide a part of the page that no plot makes room for.

    To change `visible` is to lay out and draw the whole page, every plot of it: half a second.
    """
    # empty takes it back; what is merely left out stays as it was in the browser
    part.styles = {**part.styles, "display": "" if shown else "none"}
