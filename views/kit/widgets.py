"""Buttons with tooltips, segmented choices, selects and dialogs: Material widgets as used here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from html import escape
from io import BytesIO
from typing import Any, ClassVar

import panel as pn
import panel_material_ui as pmui
import param
from panel_material_ui.widgets.base import MaterialWidget

from analytics.curation.properties import Property
from analytics.runtime.html import in_order
from views.kit.style_sheets import css

__all__ = [
    "SMALL", "Button", "Dialog", "Download", "Notice", "Prepared", "Region", "Toggle", "choice",
    "heading_select", "look", "number_field", "property_groups", "property_select", "reveal",
    "segments",
]  # fmt: skip

#: Milliseconds before a Material tooltip shows: it would lie over the next button. Its text then
#: serves as the accessible name of a button that shows a sign only.
NEVER = 2**31 - 1
#: The look of buttons under a picture and beside a list.
SMALL = {
    "margin": (8, 6, 0, 0),
    "sx": {
        "fontSize": "12.5px",
        "minWidth": 0,
        "px": 1,
        "height": 30,
        "&:not(.MuiButton-contained)": {"borderColor": "var(--winnow-outline)"},
    },
}


class _Hinted:
    """A small outlined button, explained by the browser's own tooltip.

    That tooltip covers nothing and takes no click; Material's (`description`) lies over the next
    button and replaces the accessible name. A button that shows a sign is heard as what it is the
    `sign_for`.
    """

    def __init__(self, *, hint: str = "", sign_for: str = "", **params: Any) -> None:
        self._attributes = {"title": hint} if hint else {}
        if sign_for:
            params |= {"description": sign_for, "description_delay": NEVER}
        super().__init__(**{"size": "small", "variant": "outlined"} | params)

    def _get_properties(self, doc: Any) -> dict[str, Any]:
        # Panel 1.9.4 has no parameter for Bokeh's html_attributes
        properties: dict[str, Any] = super()._get_properties(doc)  # type: ignore[misc]
        return properties | {"html_attributes": self._attributes}


class Button(_Hinted, pmui.Button):
    """A button with a hint."""


class Notice(pmui.Alert):
    """A message; pmui would read it as Markdown, and fetch an image that a file name spells."""

    def _process_param_change(self, params: dict[str, Any]) -> dict[str, Any]:
        text = params.get("object")
        changed: dict[str, Any] = super()._process_param_change(params)
        if text is not None:
            changed["object"] = escape(escape(in_order(text)))  # the browser takes one layer off
        return changed


class Toggle(_Hinted, pmui.Toggle):
    """A button that stays down, with a hint."""


class Download(_Hinted, pmui.FileDownload):
    """A button that hands out a file, made when it is pressed."""

    def __init__(self, **params: Any) -> None:
        super().__init__(**{"auto": True, "embed": False} | params)


#: Takes a file, or None where there is none.
Done = Callable[[bytes | None], None]


class Prepared(Download):
    """A button that hands out a file once it has been made, which may take a while.

    Parameters
    ----------
    prepare : callable
        Has the file made in the background; is given what is to be called with its content, or
        with None where there is none.
    """

    def __init__(self, prepare: Callable[[Done], None], **params: Any) -> None:
        super().__init__(callback=self._content, **params)
        self._prepare, self._made = prepare, b""

    def _handle_click(self, event: Any = None) -> None:
        self.loading = True
        self._prepare(self._hand_out)

    def give_up(self) -> None:
        """Wait no longer: the work was cancelled."""
        self.loading = False

    def _hand_out(self, content: bytes | None) -> None:
        self.loading = False
        if content is not None:
            self._made = content
            self.data = None  # the browser hears of a change only
            self._transfer()
            self._made = b""

    def _content(self) -> BytesIO:
        return BytesIO(self._made)


def look(*classes: str, **params: Any) -> dict[str, Any]:
    """Return parameters that give a field classes of css/field.css, with further parameters."""
    return {"css_classes": list(classes), "stylesheets": [css("field")], "size": "small"} | params


def number_field(label: str, *, whole: bool = True, **params: Any) -> Any:
    """Make a field for a number, written in digits and a point: it is typed over, and read back.

    Parameters
    ----------
    label : str
    whole : bool
        Whether the number is a whole one.
    """
    # pmui 0.16.6 writes 2,542, which it refuses when it is typed
    kind, digits = (pmui.IntInput, "0") if whole else (pmui.FloatInput, "0.0[000]")
    return kind(label=label, format=digits, **params)


#: As many as there are columns share one line, however long the names of the methods are.
PARTS = {
    "width": "100%",
    "& > button": {
        "flex": "1 1 0",
        "minWidth": 0,
        "padding": "0 8px",
        "display": "inline-block",
        "overflow": "hidden",
        "textOverflow": "ellipsis",
    },
}
#: A select that is the heading of its column (MUI 7: the text and the line have no parameter).
HEADING = {
    "& .MuiSelect-select": {"fontWeight": 600, "fontSize": "14px", "py": "5px"},
    "&&.MuiInput-root:before": {"borderBottomColor": "transparent"},
}
#: A select beside other controls, as high as they are (MUI 7).
LOW = {"& .MuiSelect-select": {"fontSize": "13px", "py": "5px"}}


def segments(
    label: str,
    options: Any,
    *,
    columns: bool = False,
    kind: Any = pmui.RadioButtonGroup,
    **params: Any,
) -> Any:
    """Make a choice between two or more that stand side by side.

    Parameters
    ----------
    label : str
        Heard, not seen.
    options : list or dict
    columns : bool
        Whether it chooses the column shown where there is room for one.
    kind : type
        The widget, or one made of it.
    """
    usual: dict[str, Any] = {"variant": "outlined", "color": "default", "align": "center"}
    if columns:
        usual |= {
            "css_classes": ["only-narrowest", "unseen-label"],
            "stylesheets": [css("field"), css("layout")],
            "sizing_mode": "stretch_width",
            "margin": (0, 10, 8, 0),
            "sx": PARTS,
        }
    return kind(label=label, options=options, **look("unseen-label") | usual | params)


def choice(label: str, **params: Any) -> Any:
    """Make a select of what a card is about; its options may come later."""
    usual = {"options": {}, "width": 220, "margin": (4, 8, 0, 0), "variant": "outlined", "sx": LOW}
    return pmui.Select(label=label, size="small", **usual | params)


def heading_select(label: str, **params: Any) -> Any:
    """Make a select that is the heading of its column; its label is heard, not seen."""
    usual: dict[str, Any] = {"variant": "standard", "sizing_mode": "stretch_width"}
    usual |= {"min_width": 60, "margin": (0, 8, 0, 8), "sx": HEADING}
    return pmui.Select(label=label, **look("unseen-label") | usual | params)


def property_groups(properties: Iterable[Property]) -> dict[str, dict[str, str]]:
    """Return the options of a select by their headings: title and unit -> name of a property."""
    groups: dict[str, dict[str, str]] = {}
    for shown in properties:
        options = groups.setdefault(shown.group, {})
        label = shown.label if shown.label not in options else f"{shown.label} [{shown.name}]"
        options[label] = shown.name
    return groups


def property_select(label: str, value: str, **params: Any) -> pmui.Select:
    """Make a select of properties, in which one can search; its groups may come later."""
    usual = {"width": 190, "variant": "outlined", "searchable": True, "dropdown_height": 420}
    own = {"label": label, "groups": {}, "value": value, "margin": (6, 8, 4, 0), "sx": LOW}
    return pmui.Select(**look(**usual | own | params))


class Dialog(pmui.Dialog):
    """A dialog that its cross, Escape and a click beside it close; filled when first opened."""

    #: The cross and the room above the first field, half of whose name stands above it (MUI 7).
    LOOK: ClassVar[dict[str, Any]] = {
        "& .MuiDialogTitle-root + .MuiIconButton-root": {
            "color": "var(--winnow-quiet)",
            "margin": "8px 8px 0 0",
        },
        "&& .MuiDialogTitle-root ~ .MuiDialogContent-root": {"paddingTop": "6px"},
    }

    #: As wide as it may be, whatever is in it: for tables.
    WIDE: ClassVar[dict[str, Any]] = LOOK | {"& .MuiDialog-paper": {"width": "100%"}}

    def __init__(self, *objects: Any, **params: Any) -> None:
        usual = {"show_close_button": True, "close_on_click": True, "width_option": "sm"}
        super().__init__(**(usual | {"sx": self.LOOK} | params))
        self._held = list(objects)  # until then no visit pays for it

    @param.depends("open", watch=True)
    def _fill(self) -> None:
        if self.open and self._held:
            self.objects, self._held = self._held, []

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme: what is in a closed dialog does not hear of a change."""
        for part in (self, *self._held):
            for widget in part.select(MaterialWidget):
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
