"""Density settings bar: which system, how much is kept, and how it is chosen."""

from __future__ import annotations

import io
import shlex
from pathlib import Path
from typing import Any

import panel as pn
import panel_material_ui as pmui

from analytics.density.readers import EMBEDDED
from analytics.density.results import COLUMNS
from analytics.runtime import html
from analytics.selection.base import Budget
from views.density.state import BETAS, DensityState
from views.kit import layout
from views.kit.drop_zone import DropZone
from views.kit.gestures import Newest
from views.kit.text import Html, counted, exact_percent, grouped, heading, note
from views.kit.widgets import Button, Download, look, number_field, segments
from views.state.session import Session

__all__ = ["Bar", "OwnFiles", "table_csv"]

OWN = "own"


def table_csv(state: DensityState) -> io.StringIO:
    """Write the results shown with the columns of `winnow density compare`."""
    out = io.StringIO()
    if state.results is not None:
        table = state.results.table
        if not state.results.settings.get("network", {}).get("epochs", 0):
            table = table[table["steps"] == state.results.steps]
        table[list(COLUMNS)].to_csv(out, index=False, float_format="%.6g")
    out.seek(0)
    return out


def _segments(label: str, options: Any, value: Any) -> Any:
    return segments(label, options, value=value, margin=(0, 14, 0, 0))


def _readout(text: Any) -> html.Markup:
    return html.span(text, class_="readout")


def _word(said: Any) -> Any:
    return Html(said, wide=False, margin=(0, 6, 0, 0))


class Bar(pn.viewable.Viewer):
    """Two lines of controls in one card."""

    def __init__(self, state: DensityState, own: OwnFiles, **params: Any) -> None:
        super().__init__(**params)
        self._state, self._own = state, own
        self._moving, self._newest = False, Newest(self._keep, wait=30)
        self._make_first()
        self._make_second()
        state.param.watch(self._show, [
            "system", "title", "prepared", "kept", "unit", "beta", "strata", "scale", "seeds",
            "energy", "training", "arrived", "results", "trained",
        ])  # fmt: skip
        self._show()

    def _make_first(self) -> None:
        state = self._state
        self.system = pmui.Select(
            label="System", width=260,
            options={**{t: n for n, t in EMBEDDED.items()}, "Own files…": OWN},
            value=state.system or "al", align="center",
            **look("unseen-label", margin=(0, 14, 0, 0)),
        )  # fmt: skip
        self.kept = pmui.IntSlider(
            label="Share to keep", show_value=False, start=0, end=1,
            value=0, sizing_mode="stretch_width", min_width=120, max_width=300, align="center",
            **look("unseen-label", margin=(0, 14, 0, 10)),
        )  # fmt: skip
        of = state.param
        self.readout = Html(
            pn.bind(self._readout, of.kept, of.unit, of.prepared, of.results, of.system),
            wide=False, margin=(0, 14, 0, 0), min_width=250,
        )  # fmt: skip
        self.unit = _segments(
            "Unit of pruning", {"Grid points": "points", "Whole snapshots": "snapshots"}, "points"
        )
        self.train = Button(
            label="Train",
            hint="Train all three methods at several shares; results show as they arrive",
            variant="contained", margin=0, align="center",
            on_click=lambda e: state.train(),
        )  # fmt: skip
        self.system.param.watch(self._on_system, "value")
        self.kept.param.watch(self._on_slider, "value")
        self.unit.param.watch(lambda e: state.set_unit(e.new), "value")
        self.first = layout.row(
            self.system,
            Html(html.span("Keep", class_="lead"), wide=False),
            self.kept, self.readout, self.unit,
            pn.Spacer(sizing_mode="stretch_width"),
            self.train, gives="tools",
        )  # fmt: skip

    def _make_second(self) -> None:
        state = self._state
        self.beta = pmui.IntSlider(
            label="CCS beta", show_value=False, start=0, end=len(BETAS) - 1, value=0, width=110,
            align="center", **look("unseen-label", margin=(0, 12, 0, 8)),
        )  # fmt: skip
        self.beta_word = _word(
            pn.bind(lambda beta: _readout(exact_percent(beta)), state.param.beta)
        )
        self.strata = self._number("Strata", 2, 1000, "strata")
        self.scale = _segments("Scale of the strata", {"linear": "linear", "log": "log"}, "linear")
        self.seeds = self._number("Seeds", 1, 10, "seeds")
        self.energy = pmui.Checkbox(
            label="energies too", value=False, margin=(0, 14, 0, 0), align="center", size="small"
        )
        self.origin = _segments(
            "Results shown", {"Precomputed": "precomputed", "Trained here": "trained"},
            "precomputed",
        )  # fmt: skip
        of = state.param
        origin = pn.bind(self._origin, of.results, of.trained, of.training, of.arrived, of.prepared)
        self.said = Html(origin, wide=False, margin=(0, 12, 0, 0))
        self.csv = Download(
            callback=lambda: table_csv(state), filename="density.csv", label="Table as CSV",
            margin=0, align="center",
            sx={"&&&": {"color": "var(--winnow-text)", "borderColor": "var(--winnow-outline)"}},
        )  # fmt: skip
        self.beta.param.watch(lambda e: self._set(beta=BETAS[e.new]), "value")
        self.scale.param.watch(lambda e: self._set(scale=e.new), "value")
        self.energy.param.watch(lambda e: self._set(energy=e.new), "value")
        self.origin.param.watch(lambda e: None if self._moving else state.show(e.new), "value")
        self.second = layout.row(
            _word(_readout("CCS leaves out the hardest")), self.beta, self.beta_word,
            _word(_readout("strata")), self.strata, self.scale,
            _word(_readout("seeds")), self.seeds, self.energy,
            pn.Spacer(sizing_mode="stretch_width"),
            self.said, self.origin, self.csv, gives="tools", margin=(4, 0, 0, 0),
        )  # fmt: skip

    def _number(self, label: str, low: int, high: int, name: str) -> Any:
        field = number_field(
            label, start=low, end=high, value=getattr(self._state, name), width=62,
            align="center", **look("unseen-label", "number", "low", margin=(0, 12, 0, 0)),
        )  # fmt: skip
        field.param.watch(lambda e: self._set(**{name: e.new}) if e.new else None, "value")
        return field

    def _set(self, **values: Any) -> None:
        if not self._moving:
            self._state.param.update(**values)

    # ---- gestures ---------------------------------------------------------------------------

    def _on_system(self, event: Any) -> None:
        if self._moving:
            return
        if event.new == OWN:
            self._own.reveal(True)
            if self._state.system:
                self._show()  # what is shown stays until files have been opened
        else:
            self._own.reveal(False)
            self._state.open_system(event.new)

    def _on_slider(self, event: Any) -> None:
        if not self._moving:
            self._newest(int(event.new))

    def _keep(self, at: int) -> None:
        shares = self._state.shares
        self._state.kept = shares[::-1][min(at, len(shares) - 1)]

    # ---- state to widgets -------------------------------------------------------------------

    def _show(self, *_: Any) -> None:
        state, shares = self._state, self._state.shares[::-1]
        self._moving = True
        at = min(range(len(shares)), key=lambda i: abs(shares[i] - state.kept))
        self.system.value = state.system or OWN
        self.kept.param.update(end=max(1, len(shares) - 1), value=at, disabled=len(shares) < 2)
        self.unit.value, self.scale.value = state.unit, state.scale
        self.beta.value = min(range(len(BETAS)), key=lambda i: abs(BETAS[i] - state.beta))
        self.strata.value, self.seeds.value = state.strata, state.seeds
        self.energy.param.update(
            value=state.energy,
            visible=state.prepared is not None and not state.prepared.no_energies,
        )
        both = state.trained is not None and state.shipped() is not None and bool(
            state.trained.rows) and state.trained.unit == state.unit  # fmt: skip
        own = state.results is not None and state.results is state.trained
        self.origin.param.update(visible=both, value="trained" if own else "precomputed")
        self._moving = False
        self.train.disabled = state.training or state.prepared is None
        self.csv.disabled = state.results is None
        name = (state.system or "own").replace(" ", "_")
        self.csv.filename = f"density_{name}_{state.unit}.csv"

    def _readout(self, *_: Any) -> html.Markup:
        state = self._state
        total = state.n_candidates
        if not total:
            return html.span(html.b(exact_percent(state.kept)), class_="readout")
        size = Budget(float(state.kept)).of(total)
        factor = total / size
        noun = "point" if state.unit == "points" else "snapshot"
        one = f"1 of {factor:.3g}" if factor < 1000 else f"1 of {factor:,.0f}"
        said = f"{grouped(size)} of {counted(total, noun)} · {one}"
        return html.span(html.b(exact_percent(state.kept)), said, class_="readout")

    def _origin(self, *_: Any) -> html.Markup:
        return _readout(self._where_from())

    def _where_from(self) -> Any:
        state = self._state
        results = state.results
        done, total = state.arrived
        if state.training:
            return f"trained here: {done} of {total} models" if total else "preparing to train"
        if results is None:
            return "nothing trained yet" if state.prepared is not None else ""
        if results is state.trained:
            more = "" if done >= total else f" ({done} of {total} models)"
            return f"trained here, {grouped(results.steps)} steps{more}"
        told = ", ".join(f"{k} {v}" for k, v in results.versions.items())
        version = results.versions.get("winnow", "")
        said = f"precomputed with Winnow {version}, {grouped(results.steps)} steps"
        return html.span(said, title=told)

    def __panel__(self) -> Any:
        return layout.card(self.first, self.second, look="density-bar", margin=(8, 12, 10, 0))


class OwnFiles(pn.viewable.Viewer):
    """Paths or dropped files, several snapshots at once."""

    def __init__(self, session: Session, state: DensityState, **params: Any) -> None:
        super().__init__(**params)
        self._state = state
        self._dropped: list[Path] = []  # several may have the same name
        self.drop = DropZone(session, self._take, multiple=True, height=90, margin=(0, 0, 6, 0))
        self.path = pmui.TextInput(
            label="or paths on the machine that runs Winnow", size="small",
            placeholder="run/*/CHGCAR or density.npz", sizing_mode="stretch_width",
            margin=(4, 10, 0, 0), visible=session.places.named,
        )  # fmt: skip
        self.species = pmui.TextInput(
            label="Elements of the types", size="small", placeholder="1=Si,2=O", width=220,
            margin=(4, 10, 0, 0), visible=False,
        )  # fmt: skip
        self.open = Button(label="Open densities", margin=(0, 10, 0, 0), align="end")
        self.close = Button(label="Close", margin=0, align="end", variant="text")
        self.clear = Button(label="Forget dropped", margin=(0, 10, 0, 0), align="end")
        self.text = Html()
        self.clear.on_click(lambda e: self._forget())
        self.open.on_click(self._open)
        self.close.on_click(lambda e: self.reveal(False))
        state.param.watch(self._on_opened, ["prepared"])
        state.param.watch(self._on_asked, ["asked"])
        self._layout = layout.card(
            self.text, self.drop,
            layout.row(self.path, self.species, self.open, self.clear, self.close),
            margin=(0, 12, 10, 0), visible=False,
        )  # fmt: skip
        self._describe()

    def reveal(self, shown: bool) -> None:
        """Open or close the panel."""
        self._layout.visible = shown

    def _on_opened(self, *_: Any) -> None:
        if not self._state.system:
            self.reveal(False)
            self._forget()

    def _on_asked(self, *_: Any) -> None:
        types = self._state.asked
        self.species.param.update(
            visible=bool(types), placeholder=",".join(f"{name}=Si" for name in types), value=""
        )

    def _forget(self) -> None:
        self._dropped = []
        self._describe()

    def _describe(self) -> None:
        self.clear.visible = bool(self._dropped)
        names = ", ".join(path.name for path in self._dropped)
        dropped = note("dropped: ", html.b(names)) if names else None
        said = (
            "npz archives (rho in e/bohr³, pos and cell in Å, Z), VASP CHGCAR, Gaussian cube, XSF, "
            "also compressed; two or more snapshots of one system. They stay on the machine that "
            "runs Winnow."
        )
        self.text.object = html.join(heading("Your own densities", text=said), dropped)

    def _take(self, path: Path) -> None:
        self._dropped.append(path)
        self._describe()

    def _open(self, *_: Any) -> None:
        paths = [str(path) for path in self._dropped]
        try:
            words = shlex.split(self.path.value or "")
        except ValueError:  # an odd quotation mark: then it is one path
            words = [self.path.value]
        if paths or words:
            self._state.open_files([*paths, *words], self.species.value or "")

    def __panel__(self) -> Any:
        return self._layout
