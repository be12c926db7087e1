"""Where each method loses: errors by config_type, as a table to read and to take home."""

from __future__ import annotations

import html
import io
from typing import Any

import numpy as np
import panel_material_ui as pmui

from analytics.evaluation.retrain.errors import Spread
from views.retrain.parity import MODELS
from views.retrain.state import HOLD_OUT, LEFT_OUT, RetrainState
from views.retrain.style import (
    card,
    error_text,
    leaders,
    losers,
    pane,
    test_title,
    tools,
)
from views.state.session import Session

__all__ = ["ClassTable"]


class ClassTable:
    """The errors of the test looked at, by class, next to those of the whole pool."""

    def __init__(self, session: Session, state: RetrainState) -> None:
        self._session, self._state = session, state
        self.head, self.body = pane(), pane()
        download = {"auto": True, "embed": False, "variant": "outlined", "size": "small"}
        self.download = pmui.FileDownload(
            callback=self.csv, filename="retrain.csv", label="Errors at all budgets (CSV)",
            margin=(4, 8, 0, 0), **download,
        )  # fmt: skip
        self.download_classes = pmui.FileDownload(
            callback=self.classes_csv, filename="retrain_classes.csv", label="This table (CSV)",
            margin=(4, 0, 0, 0), **download,
        )  # fmt: skip
        self.card = card(tools(self.head, self.download, self.download_classes), self.body)
        state.param.watch(self._show, ["now", "outside", "looked_at"])
        self._show()

    def restyle(self, dark: bool) -> None:
        """Use the colours of the theme."""
        for widget in (self.download, self.download_classes):
            widget.dark_theme = dark

    @property
    def _test(self) -> str:
        return HOLD_OUT if self._state.looked_at == LEFT_OUT else self._state.looked_at

    def _series(self, test: str) -> list[tuple[str, str, str]]:
        """Return (key, title, colour) of what has errors in a test."""
        known = self._state.now.get(test, {})
        found = [
            (str(i), slot.title, f"var(--winnow-m{i})")
            for i, slot in enumerate(self._session.slots)
            if str(i) in known
        ]
        others = [key for key in known if key not in {"0", "1", "2", "whole"}]
        found += [(key, key, "var(--winnow-quiet)") for key in others[:MODELS]]
        return found + (
            [("whole", "whole pool", "var(--winnow-quiet)")] if "whole" in known else []
        )

    def _show(self, *_: Any) -> None:
        test = self._test
        known, series = self._state.now.get(test, {}), self._series(test)
        self.head.object = (
            f'<div class="head">Where each method loses<small>{html.escape(test_title(test))}, '
            f"by config_type</small></div>"
        )
        if not series:
            self.body.object = '<p class="hint">nothing computed yet</p>'
            return
        names = sorted({name for now in known.values() for name in now.classes})
        head = "<tr><th></th><th></th>" + "".join(
            f'<th class="gap" colspan="{len(series)}">{title}</th>'
            for title in ("energy, meV/atom", "force, eV/Å")
        )
        second = "".join(
            f'<th class="who{" gap" if at == 0 else ""}" title="{html.escape(title)}">'
            f'<span class="sq" style="color:{color}">■</span> {html.escape(title)}</th>'
            for _ in range(2)
            for at, (_key, title, color) in enumerate(series)
        )
        rows = [self._class_row("all", {key: known[key].total for key, *_ in series}, series)]
        for name in names:
            each = {
                key: known[key].classes[name] for key, *_ in series if name in known[key].classes
            }
            rows.append(self._class_row(name, each, series))
        self.body.object = (
            f'<div class="scroll" tabindex="0" role="region" aria-label="Errors by config_type">'
            f'<table><thead>{head}</tr><tr><th>config_type</th><th title="structures '
            f'tested, mean over resamples">n</th>{second}</tr></thead>{"".join(rows)}</table></div>'
            '<p class="hint" style="margin-top:6px">Mean over resamples. <b>Bold</b>: lowest of '
            'the three methods; <span style="color:var(--winnow-warning)">coloured</span>: '
            "highest, where they differ by more than the spread.</p>"
        )

    @staticmethod
    def _class_row(name: str, each: dict[str, Spread], series: list[tuple[str, str, str]]) -> str:
        cells = []
        for what in ("energy", "force"):
            values = {
                key: getattr(found, what) for key, found in each.items() if key in {"0", "1", "2"}
            }
            best, worst = leaders(values, what), losers(each, values, what)
            for at, (key, *_rest) in enumerate(series):
                found = each.get(key)
                value = float("nan") if found is None else getattr(found, what)
                std = float("nan") if found is None else getattr(found, f"{what}_std")
                classes = [
                    *(["gap"] if at == 0 else []),
                    *(["best"] if key in best else ["worst"] if key in worst else []),
                ]
                spread = f"± {error_text(std, what)}" if np.isfinite(std) else ""
                cells.append(
                    f'<td class="{" ".join(classes)}" title="{spread}">'
                    f"{error_text(value, what)}</td>"
                )
        n = next(iter(each.values())).n_structures if each else 0
        text = f"{n:.0f}" if abs(n - round(n)) < 0.05 else f"{n:.1f}"
        return (
            f"<tr><td>{html.escape(name) or '(no class)'}</td><td>{text}</td>{''.join(cells)}</tr>"
        )

    def csv(self) -> io.BytesIO:
        """Return all errors that are drawn."""
        return io.BytesIO(self._state.table().to_csv(index=False).encode())

    def classes_csv(self) -> io.BytesIO:
        """Return the table by class."""
        return io.BytesIO(self._state.class_table(self._test).to_csv(index=False).encode())
