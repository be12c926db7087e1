"""The one question at the top: how much to keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from views.kit.gestures import Newest
from views.kit.text import counted, grouped, percent
from views.kit.theme import NARROW
from views.kit.widgets import UNSEEN_LABEL, Button
from views.state.session import Session

__all__ = ["BudgetBar"]

STEPS = 241
ALWAYS = "Isolated atoms are always kept and not counted here"
#: Plus and minus one are the arrow keys of the slider and of the field.
FIELD = """
.MuiInputAdornment-root { display: none !important; }
input { padding: 5px 8px !important; text-align: right; font-weight: 600; }
"""
STYLE = """
.readout { font-size: 13px; color: var(--winnow-quiet); white-space: nowrap; line-height: 32px; }
.readout b { color: var(--winnow-text); font-size: 14px; margin: 0 8px; }
.readout .env { margin-left: 6px; }
.strip { font-size: 12px; color: var(--winnow-quiet); white-space: nowrap; line-height: 32px;
  text-align: right; }
.strip b { color: var(--winnow-text); margin-right: 10px; }
.lead { font-weight: 600; font-size: 14px; line-height: 32px; color: var(--winnow-text); }
"""


class BudgetBar(pn.viewable.Viewer):
    """Slider, exact number, the budget in all three units, and the status strip."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session, self._moving = session, False
        self._newest = Newest(self._keep)
        self._sizes = np.array([1])
        self.slider = pmui.IntSlider(
            label="Structures to keep",
            show_value=False,
            stylesheets=[UNSEEN_LABEL],
            start=0,
            end=1,
            value=0,
            size="small",
            sizing_mode="stretch_width",
            min_width=140,
            max_width=400,
            margin=(6, 18, 0, 14),
        )
        self.number = pmui.IntInput(
            label="Structures to keep",
            value=1,
            start=1,
            width=72,
            stylesheets=[UNSEEN_LABEL, FIELD],
            size="small",
            margin=(0, 6, 0, 0),
            variant="outlined",
        )
        self.readout = pn.pane.HTML("", stylesheets=[STYLE], margin=(0, 0, 0, 4))
        self.strip = pn.pane.HTML("", stylesheets=[STYLE], margin=(0, 10, 0, 0))
        self.undo = Button(
            label="Undo",
            variant="outlined",
            size="small",
            on_click=lambda e: session.undo(),
            margin=(0, 4, 0, 4),
            hint="Take back the last pin, rejection or method (Ctrl+Z)",
        )
        self.redo = Button(
            label="Redo",
            variant="outlined",
            size="small",
            on_click=lambda e: session.redo(),
            margin=0,
            hint="Take the last undo back (Ctrl+Shift+Z)",
        )
        self._row = pn.Row(
            pn.pane.HTML('<span class="lead">Keep</span>', stylesheets=[STYLE], margin=0),
            self.slider,
            self.number,
            self.readout,
            pn.Spacer(sizing_mode="stretch_width"),
            pn.Row(self.strip, self.undo, self.redo, margin=0),
            sizing_mode="stretch_width",
            css_classes=["budget"],
            stylesheets=[NARROW],
            margin=(0, 12, 8, 0),
        )
        self.slider.param.watch(self._on_slider, "value")
        self.number.param.watch(lambda e: session.set_budget(e.new or 1), "value")
        session.param.watch(self._fill, ["opened"])
        session.param.watch(self._show, ["opened", "budget", "brush", "pinned", "rejected"])
        for slot in session.slots:
            slot.param.watch(self._show, ["selection"])
        self._fill()
        self._show()

    def _fill(self, *_: Any) -> None:
        if self._session.analysis is None:
            return
        n = self._session.analysis.n_structures
        # small budgets get more room: 10 % lies at two fifths of the track
        self._sizes = np.round(1 + (n - 1) * np.linspace(0, 1, STEPS) ** 2.5).astype(int)
        self._moving = True
        self.slider.param.update(end=max(1, len(self._sizes) - 1), disabled=n < 2)
        self.number.end = n
        self._moving = False

    def _on_slider(self, event: Any) -> None:
        if not self._moving:
            self._newest(int(event.new))

    def _keep(self, at: int) -> None:
        self._session.set_budget(int(self._sizes[min(at, len(self._sizes) - 1)]))

    def _show(self, *_: Any) -> None:
        session = self._session
        if session.analysis is None:
            return
        budget, n = session.budget, session.analysis.n_structures
        self._moving = True
        self.slider.value = int(np.argmin(np.abs(self._sizes - budget)))
        self.number.value = budget
        self._moving = False
        counts = [len(session.kept_rows(slot)) for slot in session.slots]
        low, high = min(counts), max(counts)
        env = grouped(low) if low == high else f"{grouped(low)} to {grouped(high)}"
        self.readout.object = (
            f'<span class="readout"><span title="{ALWAYS}">of {counted(n, "structure")}</span> '
            f'<b>{percent(budget / n)}</b><span class="env" title="{ALWAYS}">{env} of '
            f"{counted(session.analysis.n_environments, 'environment')}</span></span>"
        )
        self.strip.object = self._strip()
        self.undo.disabled = not session.can_undo
        self.redo.disabled = not session.can_redo

    def _strip(self) -> str:
        session = self._session
        assert session.dataset is not None
        shown = len(session.embedding.rows) if session.embedding else 0
        items = {
            "all": session.dataset.n_structures,
            "in view": shown,
            "brushed": len(session.brushed_structures),
            "kept": session.budget,
            "pinned": len(session.pinned),
            "rejected": len(session.rejected),
        }
        unit = {"in view": " environments"}
        help_ = {"in view": "drawn in the maps", "all": "structures in the file"}
        return (
            '<span class="strip">'
            + "".join(
                f'<span title="{help_.get(k, "structures")}">{k} '
                f"<b>{grouped(v)}{unit.get(k, '')}</b></span>"
                for k, v in items.items()
            )
            + "</span>"
        )

    def __panel__(self) -> Any:
        return self._row
