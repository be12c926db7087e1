"""Data stage: open a file, how it was understood, findings of the checks, labels, settings."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import panel as pn
import panel_material_ui as pmui

from analytics.data.dataset import Dataset
from analytics.descriptors.base import DESCRIPTORS, descriptor_name, suggested_bandwidth
from analytics.descriptors.model_files import model_files
from analytics.information.kernel import AUTO, PUBLISHED, KernelSpec
from analytics.information.width import GIVEN
from analytics.runtime import html
from analytics.runtime.pieces import fields_of
from analytics.runtime.registry import options_of
from views.data.findings import FindingsCard
from views.data.headlines import headline_tiles, headline_words, setting_words
from views.data.question import QuestionCard
from views.data.queue import QueueCard
from views.data.reading import Reading
from views.data.understanding import understanding
from views.kit import layout
from views.kit.drop_zone import DropZone
from views.kit.spec_form import SpecForm
from views.kit.tables import cells, read_table
from views.kit.text import Html, grouped, heading
from views.kit.widgets import Button, reveal, segments
from views.state.over_widths import HeadlinesOverWidths
from views.state.session import DEMO, Session

__all__ = ["DataView"]

DESCRIPTOR_TITLES = {
    "auto": "By the elements of the file",
    "distances": "Distances",
    "composition": "Distances and elements around",
    "species_distances": "Distances, a channel per element",
    "soap": "SOAP (needs featomic)",
    "stored": "Stored in the file, per atom",
    "chgnet": "CHGNet features (needs chgnet)",
    "sevennet": "SevenNet features (needs sevenn)",
    "mace": "MACE features of a model file (needs mace-torch)",
}


def _stored_arrays(dataset: Dataset | None) -> dict[str, str]:
    """Return the numeric per-atom arrays that every structure of a data set has."""
    records = dataset.records if dataset is not None else ()
    names = [
        {key for key, array in arrays.items() if array.dtype.kind in "buif"}
        for arrays in fields_of(records, "arrays")
    ]
    return {name: name for name in sorted(set.intersection(*names))} if names else {}


def _card(*items: Any) -> Any:
    return layout.card(*items, look="roomy")


class DataView(pn.viewable.Viewer):
    """The Data stage."""

    def __init__(self, session: Session, shown: Any = True, **params: Any) -> None:
        super().__init__(**params)
        self._session = session
        self.queue = QueueCard(session, shown)
        self.drop = DropZone(session, session.open, height=110)
        self.path = pmui.TextInput(
            label="or a path on the machine that runs Winnow",
            size="small",
            placeholder="folder/data.xyz or data.xyz@0:1000:10",
            visible=session.places.named,
            sizing_mode="stretch_width",
        )
        self.load = Button(label="Open path", margin=(7, 0, 10, 0), visible=session.places.named)
        self.demo = Button(
            label="Open the carbon demonstration set",
            variant="text",
            on_click=lambda e: session.open(DEMO),
        )
        self.load.on_click(lambda e: session.open(self.path.value) if self.path.value else None)
        self.understood, self.question = Html(margin=(0, 10)), QuestionCard(session)
        self.overview, self.findings = Html(margin=(0, 10)), FindingsCard(session)
        #: What is there to say once a file is open.
        self.answers = [_card(part) for part in (self.understood, self.overview)]
        self.reading = Reading(session)
        titles = {DESCRIPTOR_TITLES.get(name, name): name for name in DESCRIPTORS}
        self.kind = pmui.Select(
            label="Descriptor",
            options=titles,
            value=descriptor_name(session.descriptor),
            size="small",
            width=252,
        )
        self.descriptor = SpecForm(session.descriptor, width=190)
        self.kernel = SpecForm(session.kernel, width=190)
        self.settings = pn.FlexBox(*self.descriptor.widgets.values(), *self.kernel.widgets.values())
        self.kind.param.watch(self._on_kind, "value")
        self.width = segments("Kernel width", {}, margin=(10, 10, 12, 10), align="start")
        self.width.param.watch(self._on_width, "value")
        self.in_use = Html(margin=(0, 10))
        self.over_widths = HeadlinesOverWidths(session)
        self.over_widths.param.watch(self._show_headlines, ["over_widths", "elements"])
        self.recompute = Button(label="Analyse again")
        self.recompute.on_click(self._reanalyse)
        session.param.watch(self._fill, ["opened"])
        session.param.watch(self._follow, ["descriptor", "kernel"])
        self._offer_widths(session.descriptor)
        self._fill()
        if pn.state.curdoc is None:
            self.over_widths.refresh()
        else:  # behind what a user waits for
            pn.state.onload(self.over_widths.refresh)

    def _on_kind(self, event: Any) -> None:
        """Offer the options of a descriptor; the width is chosen anew."""
        own = descriptor_name(self._session.descriptor) == event.new
        spec = self._session.descriptor if own else DESCRIPTORS[event.new][0]()
        kernel = self._session.kernel
        # a number is in the unit of the other descriptor
        self._offer(spec, kernel if own else replace(kernel, bandwidth=AUTO))

    def _follow(self, *_: Any) -> None:
        """Show the settings that the analysis in sight was made with."""
        kind = descriptor_name(self._session.descriptor)
        if self.kind.value == kind:
            self._offer(self._session.descriptor, self._session.kernel)
        else:
            self.kind.value = kind

    def _offer(self, descriptor: Any, kernel: KernelSpec) -> None:
        choices = {"key": _stored_arrays(self._session.dataset)}
        for item in options_of(descriptor):
            if item.file:
                choices[item.name] = {path.name: str(path) for path in model_files()}
        self.descriptor = SpecForm(descriptor, choices=choices, width=190)
        self.kernel = SpecForm(kernel, width=190)
        self._offer_widths(descriptor)

    def _offer_widths(self, descriptor: Any) -> None:
        """Offer the widths that a descriptor has; the number has a field of its own."""
        field = self.kernel.widgets["bandwidth"]
        unit = " (1/Å)" if hasattr(descriptor, "cutoff") else ""
        field.label = f"Own width of the kernel{unit}"
        published = suggested_bandwidth(descriptor)
        options = {"Width by the data": AUTO}
        if published is not None:
            options[f"Published, {published:g}"] = PUBLISHED
        options["Own number"] = GIVEN
        asked = field.value if field.value in (AUTO, PUBLISHED) else GIVEN
        self.width.param.update(options=options, value=asked)
        field.visible = asked == GIVEN
        self._lay_out()

    def _lay_out(self) -> None:
        forms = (self.descriptor, self.kernel)
        self.settings.objects = [w for form in forms for w in form.widgets.values() if w.visible]

    def _on_width(self, event: Any) -> None:
        """Put the width that was chosen into the form; a number begins with the one in use."""
        field, analysis = self.kernel.widgets["bandwidth"], self._session.analysis
        own = event.new == GIVEN
        if own and field.value in (AUTO, PUBLISHED):
            field.value = "" if analysis is None else f"{analysis.spec.bandwidth:g}"
        elif not own:
            field.value = event.new
        field.visible = own
        self._lay_out()

    def _reanalyse(self, *_: Any) -> None:
        try:
            self._session.reanalyse(self.descriptor.spec(), self.kernel.spec())
        except ValueError as error:
            self._session.notice = ("error", str(error))

    def _fill(self, *_: Any) -> None:
        opened = self._session.opened
        for card in self.answers:
            reveal(card, opened is not None)
        if opened is None:
            return
        self.understood.object = understanding(opened.dataset)
        self._show_headlines()
        self.in_use.object = setting_words(opened.analysis)

    def _show_headlines(self, *_: Any) -> None:
        if self._session.opened is not None:
            self.overview.object = self._overview()

    def _overview(self) -> html.Markup:
        opened = self._session.opened
        assert opened is not None
        data, analysis, over = opened.dataset, opened.analysis, self.over_widths
        groups: dict[str, list[int]] = {}
        for kind, size in zip(data.config_type, data.sizes, strict=True):
            entry = groups.setdefault(str(kind) or "(no class)", [0, 0])
            entry[0] += 1
            entry[1] += int(size)
        rows = (
            cells(kind, grouped(structures), grouped(environments))
            for kind, (structures, environments) in sorted(
                groups.items(), key=lambda item: -item[1][1]
            )
        )
        return html.join(
            heading("Structures and environments"),
            headline_tiles(analysis, over.over_widths),
            headline_words(analysis, over.over_widths, over.elements, over.findings),
            read_table(
                cells("config_type", "structures", "environments", tag="th"), rows, height=None
            ),
        )

    def __panel__(self) -> Any:
        opening = _card(
            Html(
                heading(
                    "Open your own file",
                    text="Extended XYZ, VASP, DeePMD, ASE databases, HDF5, npz and whatever ASE "
                    "reads, also compressed, in a zip or tar. Nothing leaves the machine that "
                    "runs Winnow.",
                ),
                margin=(0, 10, 6, 10),
            ),
            self.drop,
            layout.row(self.path, self.load),
            self.demo,
        )
        settings = _card(
            Html(heading("Descriptor and kernel"), margin=(0, 10, 6, 10)),
            self.kind,
            self.width,
            self.settings,
            self.recompute,
            self.in_use,
        )
        return layout.row(
            layout.column(opening, self.reading, settings, max_width=640),
            layout.column(self.question, self.findings, self.queue, *self.answers),
            gives="stacks",
        )
