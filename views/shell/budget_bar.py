"""Budget bar: the one question at the top, how much to keep."""

from __future__ import annotations

from typing import Any

import numpy as np
import panel as pn
import panel_material_ui as pmui

from analytics.runtime import html
from views.kit import layout
from views.kit.gestures import Newest
from views.kit.text import Html, counted, grouped, percent
from views.kit.widgets import Button, look, number_field
from views.state.session import Session

__all__ = ["BudgetBar"]

STEPS = 241
ALWAYS = "Isolated atoms are always kept and not counted here"


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
            start=0,
            end=1,
            value=0,
            sizing_mode="stretch_width",
            min_width=140,
            max_width=400,
            **look("unseen-label", margin=(6, 18, 0, 14)),
        )
        self.number = number_field(
            "Structures to keep",
            value=1,
            start=1,
            width=72,
            variant="outlined",
            **look("unseen-label", "number", "low", "budget", margin=(0, 6, 0, 0)),
        )
        self.readout = Html(wide=False, margin=(0, 0, 0, 4))
        self.strip = Html(wide=False, margin=(0, 10, 0, 0))
        self.undo = Button(
            label="Undo",
            on_click=lambda e: session.undo(),
            margin=(0, 4, 0, 4),
            hint="Take back the last decision, whatever it was about (Ctrl+Z)",
        )
        self.redo = Button(
            label="Redo",
            on_click=lambda e: session.redo(),
            margin=0,
            hint="Take the last undo back (Ctrl+Shift+Z)",
        )
        self.ledger = Button(
            label="Ledger",
            margin=(0, 0, 0, 4),
            hint="Every removal with its step, reason and time, and the way back",
        )
        self._row = layout.row(
            Html(html.span("Keep", class_="lead"), wide=False),
            self.slider,
            self.number,
            self.readout,
            pn.Spacer(sizing_mode="stretch_width"),
            pn.Row(self.strip, self.undo, self.redo, self.ledger, margin=0),
            css_classes=["budget"],
            gives="breaks",
            margin=(0, 12, 8, 0),
        )
        self.slider.param.watch(self._on_slider, "value")
        self.number.param.watch(lambda e: session.set_budget(e.new or 1), "value")
        session.param.watch(self._fill, ["opened"])
        session.param.watch(
            self._show,
            [
                "opened",
                "budget",
                "brush",
                "in_view",
                "pinned",
                "rejected",
                "waived",
                "n_columns",
                "target",
            ],
        )
        for slot in session.every_slot:
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
        self._session.set_budget(int(self._sizes[max(0, min(at, len(self._sizes) - 1))]))

    def _show(self, *_: Any) -> None:
        session = self._session
        if session.analysis is None:
            return
        budget, n = session.budget, session.analysis.n_structures
        self._moving = True
        self.slider.value = int(np.argmin(np.abs(self._sizes - budget)))
        self.number.value = budget
        self._moving = False
        known = [slot for slot in session.slots if slot.selection is not None]
        counts = [len(session.kept_rows(slot)) for slot in known] or [0]
        low, high = min(counts), max(counts)
        env = grouped(low) if low == high else f"{grouped(low)} to {grouped(high)}"
        environments = f"{env} of {grouped(session.analysis.n_environments)} env."
        self.readout.object = html.span(
            html.span(f"of {counted(n, 'structure')} ", title=ALWAYS),
            html.b(percent(budget / n)),
            html.span(environments, title=f"environments. {ALWAYS}"),
            self._target(),
            class_="readout spaced",
        )
        self.strip.object = self._strip()
        self.undo.disabled = not session.can_undo
        self.redo.disabled = not session.can_redo

    def _target(self) -> html.Markup:
        """Say that coverage is not of the data, where that is so; Compare has room for the name."""
        target = self._session.target
        if target is None:
            return html.join()
        size = counted(len(target.values), "environment")
        why = f"Delta entropy and coverage are of {target.name} ({size}), not of these data"
        return html.span(" · for a target", title=why)

    def _strip(self) -> html.Markup:
        session = self._session
        assert session.dataset is not None
        items = {
            "all": session.dataset.n_structures,
            "in view": session.in_view,
            "brushed": len(session.brushed_structures),
            "kept": session.budget,
            "pinned": len(session.pinned),
            "rejected": len(session.rejected),
        }
        unit = {"in view": " env."}
        if len(session.brush):
            unit["brushed"] = f" · {grouped(len(session.brush))} env."
        help_ = {
            "in view": "environments within the frame of the maps",
            "all": "structures in the file",
            "brushed": "structures that a brushed environment belongs to, and how many those are",
        }
        return html.span(
            (
                html.span(
                    f"{name} ",
                    html.b(f"{grouped(count)}{unit.get(name, '')}"),
                    title=help_.get(name, "structures"),
                )
                for name, count in items.items()
            ),
            class_="strip",
        )

    def __panel__(self) -> Any:
        return self._row
