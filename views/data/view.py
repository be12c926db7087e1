"""Open a file, see what the checks found, change the label keys and the settings."""

from __future__ import annotations

import html
import math
from typing import Any

import panel as pn
import panel_material_ui as pmui

from analytics.data.dataset import Dataset
from analytics.data.readers import available_keys
from analytics.descriptors.base import DESCRIPTORS, suggested_bandwidth
from analytics.information.kernel import KernelSpec
from views.kit.drop_zone import DropZone
from views.kit.spec_form import SpecForm
from views.kit.text import grouped
from views.kit.theme import CARD, THREE
from views.state.session import DEMO, Session

__all__ = ["DataView"]

STYLE = """
h3 { font-size: 14px; margin: 0 0 6px; color: var(--winnow-text); overflow-wrap: anywhere; }
p { font-size: 13px; line-height: 19px; margin: 0 0 8px; color: var(--winnow-quiet); }
.finding { display: grid; grid-template-columns: 76px 1fr; column-gap: 10px; font-size: 13px;
  line-height: 19px; padding: 6px 0; border-top: 1px solid var(--winnow-border);
  color: var(--winnow-text); }
.finding span { overflow-wrap: anywhere; min-width: 0; }
.finding small { font-size: 12px; color: var(--winnow-quiet); display: block; }
.error { color: var(--winnow-error); font-weight: 600; }
.warning { color: var(--winnow-warning); font-weight: 600; }
.note { color: var(--winnow-quiet); }
table { font-size: 13px; border-collapse: collapse; color: var(--winnow-text); }
td, th { text-align: right; padding: 2px 0 2px 18px; font-variant-numeric: tabular-nums; }
td:first-child, th:first-child { text-align: left; padding-left: 0; overflow-wrap: anywhere; }
th { font-weight: 400; color: var(--winnow-quiet); }
.big { display: flex; flex-wrap: wrap; gap: 8px 28px; margin: 2px 0 4px; }
.big div { font-size: 12px; color: var(--winnow-quiet); }
.big b { display: block; font-size: 20px; font-weight: 600; color: var(--winnow-text); }
"""
#: One below the other where two would be too narrow.
STACKED = f"""
@media (max-width: {THREE - 0.02}px) {{
  :host {{ flex-direction: column !important; min-width: 0 !important; }}
  .part {{ flex: none !important; width: 100% !important; max-width: none !important; }}
}}
"""
NONE = "(none)"
DESCRIPTOR_TITLES = {
    "distances": "Distances",
    "species_distances": "Distances, elements told apart",
    "soap": "SOAP (needs featomic)",
    "stored": "Stored in the file, per atom",
}


def _stored_arrays(dataset: Dataset | None) -> dict[str, str]:
    """Return the numeric per-atom arrays that every structure of a data set has."""
    records = dataset.records if dataset is not None else ()
    names = [
        {key for key, array in record.arrays.items() if array.dtype.kind in "buif"}
        for record in records
    ]
    return {name: name for name in sorted(set.intersection(*names))} if names else {}


def _card(*items: Any, **params: Any) -> pn.Column:
    return pn.Column(
        *items,
        css_classes=["card"],
        stylesheets=[CARD, ":host(.card) {padding: 14px 16px;}"],
        sizing_mode="stretch_width",
        margin=(0, 10, 10, 0),
        **params,
    )


class DataView(pn.viewable.Viewer):
    """The Data stage."""

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.drop = DropZone(session, session.open, height=110)
        self.path = pmui.TextInput(
            label="or a path on the machine that runs Winnow",
            size="small",
            placeholder="folder/data.xyz or data.xyz@0:1000:10",
            sizing_mode="stretch_width",
        )
        self.load = pmui.Button(label="Open path", size="small", variant="outlined")
        self.demo = pmui.Button(
            label="Open the carbon demonstration set",
            size="small",
            variant="text",
            on_click=lambda e: session.open(DEMO),
        )
        self.load.on_click(lambda e: session.open(self.path.value) if self.path.value else None)
        self.overview = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width")
        self.findings = pn.pane.HTML("", stylesheets=[STYLE], sizing_mode="stretch_width")
        self.keys = {
            name: pmui.Select(label=label, options=[NONE], size="small", width=190)
            for name, label in (
                ("energy_key", "Energy (eV)"),
                ("forces_key", "Forces (eV/Å)"),
                ("config_type_key", "Class"),
            )
        }
        self.use_keys = pmui.Button(label="Read again", size="small", variant="outlined")
        self.use_keys.on_click(self._reread)
        titles = {DESCRIPTOR_TITLES.get(name, name): name for name in DESCRIPTORS}
        self.kind = pmui.Select(
            label="Descriptor",
            options=titles,
            value=self._kind_of(session.descriptor),
            size="small",
            width=252,
        )
        self.descriptor = SpecForm(session.descriptor, width=190)
        self.kernel = SpecForm(session.kernel, width=190)
        self.settings = pn.FlexBox(*self.descriptor.widgets.values(), *self.kernel.widgets.values())
        self.kind.param.watch(self._on_kind, "value")
        self.recompute = pmui.Button(label="Analyse again", size="small", variant="outlined")
        self.recompute.on_click(self._reanalyse)
        session.param.watch(self._fill, ["opened"])
        session.param.watch(self._follow, ["descriptor", "kernel"])
        self._fill()

    def _reread(self, *_: Any) -> None:
        chosen = {
            name: "" if select.value == NONE else select.value for name, select in self.keys.items()
        }
        self._session.reread(**chosen)

    @staticmethod
    def _kind_of(spec: Any) -> str:
        return next(name for name in DESCRIPTORS if DESCRIPTORS[name][0] is type(spec))

    def _on_kind(self, event: Any) -> None:
        """Offer the options of a descriptor, with the bandwidth it is usually used with."""
        own = self._kind_of(self._session.descriptor) == event.new
        spec = self._session.descriptor if own else DESCRIPTORS[event.new][0]()
        kernel = self._session.kernel
        if not own:
            usual = suggested_bandwidth(spec)
            kernel = KernelSpec() if usual is None else KernelSpec(bandwidth=usual)
        self._offer(spec, kernel)

    def _follow(self, *_: Any) -> None:
        """Show the settings that the analysis in sight was made with."""
        kind = self._kind_of(self._session.descriptor)
        if self.kind.value == kind:
            self._offer(self._session.descriptor, self._session.kernel)
        else:
            self.kind.value = kind

    def _offer(self, descriptor: Any, kernel: KernelSpec) -> None:
        arrays = _stored_arrays(self._session.dataset)
        self.descriptor = SpecForm(descriptor, choices={"key": arrays}, width=190)
        self.kernel = SpecForm(kernel, width=190)
        forms = (self.descriptor, self.kernel)
        self.settings.objects = [w for form in forms for w in form.widgets.values()]

    def _reanalyse(self, *_: Any) -> None:
        try:
            self._session.reanalyse(self.descriptor.spec(), self.kernel.spec())
        except ValueError as error:
            self._session.notice = ("error", str(error))

    def _fill(self, *_: Any) -> None:
        opened = self._session.opened
        if opened is None:
            return
        data = opened.dataset
        self.overview.object = self._overview()
        self.findings.object = "<h3>Checks</h3>" + (
            "".join(
                f'<div class="finding"><span class="{f.severity}">{f.severity}</span>'
                f"<span>{html.escape(f.message)}"
                f"<small>{html.escape(f.evidence)}</small></span></div>"
                for f in opened.report.findings
            )
            or "<p>Nothing found.</p>"
        )
        found = available_keys(data)
        for name, field, candidates in (
            ("energy_key", data.keys.energy, found.energy),
            ("forces_key", data.keys.forces, found.forces),
            ("config_type_key", data.keys.config_type, found.config_type),
        ):
            options = list(dict.fromkeys([*([field] if field else []), *candidates, NONE]))
            self.keys[name].param.update(options=options, value=field or NONE)

    def _overview(self) -> str:
        opened = self._session.opened
        assert opened is not None
        data, analysis = opened.dataset, opened.analysis
        effective = grouped(round(float(math.exp(analysis.diversity_nats))))
        groups: dict[str, list[int]] = {}
        for kind, size in zip(data.config_type, data.sizes, strict=True):
            entry = groups.setdefault(str(kind) or "(no class)", [0, 0])
            entry[0] += 1
            entry[1] += int(size)
        rows = "".join(
            f"<tr><td>{html.escape(k)}</td><td>{grouped(s)}</td><td>{grouped(e)}</td></tr>"
            for k, (s, e) in sorted(groups.items(), key=lambda item: -item[1][1])
        )
        return (
            f"<h3>{html.escape(data.name)}</h3><div class='big'>"
            f"<div><b>{grouped(data.n_structures)}</b>"
            f"structure{'s' * (data.n_structures != 1)}</div>"
            f"<div><b>{grouped(data.n_environments)}</b>"
            f"environment{'s' * (data.n_environments != 1)}</div>"
            f"<div><b>{analysis.redundancy:.0%}</b>redundant</div>"
            f"<div><b>{effective}</b>effective environments, exp D</div>"
            f"<div><b>{analysis.entropy_nats:.2f}</b>entropy, nats "
            f"(at most {analysis.max_entropy_nats:.2f})</div></div>"
            f"<table><tr><th>config_type</th><th>structures</th><th>environments</th></tr>"
            f"{rows}</table>"
        )

    def __panel__(self) -> Any:
        opening = _card(
            pn.pane.HTML(
                "<h3>Open your own file</h3><p>Extended XYZ (also .gz), ASE databases, VASP, "
                "DeePMD folders and whatever ASE reads. Nothing leaves the machine that runs "
                "Winnow.</p>",
                stylesheets=[STYLE],
                sizing_mode="stretch_width",
            ),
            self.drop,
            pn.Row(self.path, self.load, sizing_mode="stretch_width", align="end"),
            self.demo,
        )
        settings = _card(
            pn.pane.HTML("<h3>Labels read from</h3>", stylesheets=[STYLE]),
            pn.FlexBox(*self.keys.values()),
            self.use_keys,
            pn.pane.HTML("<h3>Descriptor and kernel</h3>", stylesheets=[STYLE]),
            self.kind,
            self.settings,
            self.recompute,
        )
        return pn.Row(
            pn.Column(
                opening,
                settings,
                sizing_mode="stretch_width",
                max_width=640,
                margin=0,
                css_classes=["part"],
            ),
            pn.Column(
                _card(self.findings),
                _card(self.overview),
                sizing_mode="stretch_width",
                margin=0,
                css_classes=["part"],
            ),
            sizing_mode="stretch_width",
            margin=0,
            stylesheets=[STACKED],
        )
