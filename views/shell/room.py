"""Room of a stage in the document: skeleton until built, and switching in the browser by CSS.

All rooms are in the document from the start. Which one is seen is said by style variables on the
root of the document, which reach into every shadow tree: a script in the browser sets them at the
click, whatever the server is doing.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

import panel as pn
import panel_material_ui as pmui
from bokeh.models import CustomJS

from analytics.runtime import html
from views.kit import layout
from views.kit.text import Html
from views.shell.stage import Stage

__all__ = ["Room", "StageTabs", "seen_with", "switching"]

log = logging.getLogger("winnow")

#: What can be seen or not, by the stage that is chosen: a stage itself, and what stands beside it.
_BESIDE = ("inspector", "budget")


def _variable(part: str | int) -> str:
    return f"--winnow-{'stage-' if isinstance(part, int) else 'beside-'}{part}"


def seen_with(part: str | int, at_first: bool) -> dict[str, str]:
    """Return the style of what is seen with some stages only.

    Parameters
    ----------
    part : str or int
        "inspector", "budget", or the place of a stage among the others.
    at_first : bool
        Whether it is seen when the page opens.
    """
    return {"display": f"var({_variable(part)}, {'flex' if at_first else 'none'})"}


def switching(stages: Sequence[type[Stage]]) -> str:
    """Return the script that shows the stage whose title is `cb_obj.value`."""
    shown = {
        stage.title: {_variable(i): "flex" if i == at else "none" for i in range(len(stages))}
        | {_variable(part): "flex" if getattr(stage, part) else "none" for part in _BESIDE}
        for at, stage in enumerate(stages)
    }
    return (
        f"const shown = {json.dumps(shown)}[cb_obj.value] ?? {{}};"
        "for (const [name, display] of Object.entries(shown))"
        " document.documentElement.style.setProperty(name, display)"
    )


class StageTabs(pmui.RadioButtonGroup):
    """The stages along the top: a choice is seen in the browser at once.

    The script is not a `jscallback`: as soon as one part of a page has one, Panel (1.9.4,
    `Callback._process_callbacks`) walks all models of the page at every change of a layout.
    """

    def __init__(self, script: str, **params: Any) -> None:
        self._script = script  # what happens at a choice, see `switching`
        super().__init__(**params)

    def _get_model(self, *args: Any, **kwargs: Any) -> Any:
        model = super()._get_model(*args, **kwargs)
        model.data.js_on_change("value", CustomJS(code=self._script))
        return model


class Room(pn.viewable.Viewer):
    """Where one stage stands: its skeleton, which says what is awaited, until it is built."""

    def __init__(self, stage: Stage, at: int, **params: Any) -> None:
        super().__init__(**params)
        self.stage, self.built = stage, False
        self._chosen: Mapping[str, Any] = {}  # of a saved session, until it is built
        self._place = ""  # of a link, until it is built
        self._skeleton = Html()
        self._column = layout.column(
            self._skeleton, gives="shrinks", styles=seen_with(at, stage.opening)
        )
        self.await_(stage.waiting)

    def await_(self, what: str) -> None:
        """Say what is being waited for, while nothing has been built."""
        if not self.built:
            blank = html.div(aria_hidden="true")
            self._skeleton.object = html.div(
                html.p(what), blank, blank, class_="skeleton", role="status"
            )

    def fill(self, dark: bool) -> None:
        """Build the stage, unless that has been done; one that fails says so in its place."""
        if self.built:
            return
        try:
            built = self.stage.build(dark)
        except Exception as error:  # it may be somebody else's: the other stages go on
            log.exception("stage %s cannot be built", self.stage.title)
            self.await_(f"{self.stage.title} cannot be shown: {error}")
            return
        self.built = True
        self._column[:] = [built]
        self.restore(self._chosen)
        self.go(self._place)

    def save(self) -> Mapping[str, Any]:
        """Return what was chosen in the stage."""
        return self.stage.save() if self.built else self._chosen

    def restore(self, chosen: Mapping[str, Any]) -> None:
        """Bring back what was chosen in the stage, as soon as it is built."""
        self._chosen = chosen
        if self.built and chosen:
            try:
                self.stage.restore(chosen)
            except Exception:  # somebody else's stage, or a file that nobody has written
                log.exception("stage %s cannot be restored", self.stage.title)
                what = f"what was chosen under {self.stage.title} cannot be brought back"
                self.stage.session.notice = ("warning", what)

    def place_in(self) -> str:
        """Return where in the stage the user is, for a link."""
        return self.stage.place_in() if self.built else self._place

    def go(self, place: str) -> None:
        """Go where a link says, as soon as the stage is built."""
        self._place = "" if self.built else place
        if self.built and place:
            self.stage.go(place)

    def __panel__(self) -> Any:
        return self._column
