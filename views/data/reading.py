"""Label keys, units and elements of types: how the open file is read, and reading it again."""

from __future__ import annotations

from collections import Counter
from typing import Any

import panel as pn
import panel_material_ui as pmui

from analytics.data.dataset import Dataset
from analytics.data.readers import available_keys
from views.data.unit_names import UNITS
from views.kit import layout
from views.kit.option_words import FIELDS
from views.kit.text import Html, heading
from views.kit.widgets import Button, reveal
from views.state.session import Session

__all__ = ["Reading"]

#: No name and no unit said: what is usual is looked for.
AUTOMATIC = "automatic"
NONE = ""
_LABELS = {
    "energy_key": ("energy", FIELDS["--energy-key"]),
    "forces_key": ("forces", FIELDS["--forces-key"]),
    "stress_key": ("stress", FIELDS["--stress-key"]),
    "config_type_key": ("config_type", FIELDS["--config-type-key"]),
}


class Reading(pn.viewable.Viewer):
    """Shows where each label was read from, and reads the file again another way."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.keys = {
            name: pmui.Select(label=title, options=[], size="small", width=252)
            for name, (_, title) in _LABELS.items()
        }
        self.units = {
            name: pmui.Select(label=f"Unit of {name}", options=[], size="small", width=161)
            for name in UNITS
        }
        self.species = pmui.TextInput(
            label=FIELDS["--species"], size="small", width=252, placeholder="1=O,2=H"
        )
        self.strict = _tick(FIELDS["--strict"])
        self.repair = _tick(FIELDS["--repair"])
        self.again = Button(label="Read again", hint="Read the file again with what is chosen here")
        self.again.on_click(lambda e: session.reread(**self.options()))
        self._layout = layout.card(
            Html(heading("Labels read from"), margin=(0, 10, 6, 10)),
            pn.FlexBox(*self.keys.values()),
            pn.FlexBox(*self.units.values()),
            self.species,
            self.repair,
            self.strict,
            self.again,
            look="roomy",
        )
        session.param.watch(self._fill, ["opened"])
        self._fill()

    def options(self) -> dict[str, Any]:
        """Return what is chosen, as further arguments of `Session.open`."""
        chosen: dict[str, Any] = {
            name: select.value for name, select in self.keys.items() if select.value != AUTOMATIC
        }
        units = {n: s.value for n, s in self.units.items() if not s.disabled and s.value}
        if units:
            chosen["units"] = ",".join(f"{name}={unit}" for name, unit in units.items())
        if self.species.value:
            chosen["species"] = self.species.value
        if self.repair.value:
            chosen["repair"] = "fractional"
        if self.strict.value:
            chosen["strict"] = True
        return chosen

    def _fill(self, *_: Any) -> None:
        data, said = self._session.dataset, self._session.options
        reveal(self._layout, data is not None)
        if data is None:
            return
        self._fill_keys(data, said)
        self._fill_units(data, said)
        self.species.value = said.get("species") or ""
        reveal(self.species, bool(self.species.value))
        self.repair.value = bool(said.get("repair"))
        findings = self._session.opened.report.findings
        fractional = any(finding.code == "fractional_positions" for finding in findings)
        reveal(self.repair, fractional or self.repair.value)
        self.strict.value = bool(said.get("strict"))

    def _fill_keys(self, data: Dataset, said: dict[str, Any]) -> None:
        found = available_keys(data)
        for name, (label, _) in _LABELS.items():
            used = [use.key for use in data.understood.keys_of(label)]
            frames = Counter({use.key: use.frames for use in data.understood.keys_of(label)})
            frames.update({c.key: c.frames for c in data.understood.candidates if c.label == label})
            asked = said.get(name)
            known = dict.fromkeys([*used, *([asked] if asked else []), *getattr(found, label)])
            automatic = f"automatic ({' + '.join(used) or 'none found'})"
            options = {automatic if asked is None else AUTOMATIC: AUTOMATIC}
            options |= {f"{k}, {frames[k]} frames" if frames[k] else k: k for k in known}
            options |= {"none": NONE}
            _offer(self.keys[name], options, AUTOMATIC if asked is None else asked)

    def _fill_units(self, data: Dataset, said: dict[str, Any]) -> None:
        asked = dict(part.split("=", 1) for part in (said.get("units") or "").split(",") if part)
        uses = {use.quantity: use for use in data.understood.units}
        for name, select in self.units.items():
            use, own = uses.get(name), asked.get(name, "")
            fixed = use is not None and use.known_from == "format"
            shown = use.unit if use is not None else UNITS[name][0]
            how = "assumed" if use is None or use.known_from == "assumed" else "stated"
            options = {f"{shown} ({how})" if not own else AUTOMATIC: ""}
            options |= {
                unit: unit for unit in dict.fromkeys([*([own] if own else []), *UNITS[name]])
            }
            select.disabled = fixed
            _offer(select, options, own)
            reveal(select, use is not None or bool(own))

    def __panel__(self) -> Any:
        return self._layout


def _tick(label: str) -> Any:
    # its label has the colour of the text around it, which no theme of MUI follows
    styles = {"color": "var(--winnow-text)"}
    return pmui.Checkbox(label=label, size="small", margin=(2, 10), styles=styles)


def _offer(select: Any, options: dict[str, str], value: str) -> None:
    select.param.update(options=options, value=value)
    select.param.trigger("value")  # the same value may be called otherwise than before
