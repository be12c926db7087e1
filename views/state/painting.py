"""Colours, sizes and axes: by which property what is looked at is drawn. No Panel here."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import param

from analytics.curation.clusters import clusters
from analytics.curation.properties import Property
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import IntArray
from analytics.runtime.progress import Monitor
from views.state.colouring import Colouring, colouring_of
from views.state.columns import only_refined
from views.state.jobs import Runner
from views.state.lists import Listing
from views.state.looking import NOTHING
from views.state.properties import (
    CLUSTER,
    DELTA_ENTROPY,
    FORCE_ERROR,
    SessionProperties,
)

__all__ = ["METHOD", "Painting"]

#: Colour by what is kept, in the colours of the methods.
METHOD = "method"
#: Axes of the score plane, the likeliest first.
USUAL_AXES = ("outlier_score", "force", "energy_per_atom", "volume_per_atom", "natoms")
#: Of a sampled analysis, where not every environment has one.
SAMPLED = "worked out for a sample of the environments"
UNTESTED = "not in the test of the last retrain"


class Painting(Listing):
    """By what environments are coloured and how large their points are, and where it is known."""

    colour_by = param.String(METHOD, doc="Name of the property, or `METHOD`.")
    colouring = param.ClassSelector(
        class_=Colouring, doc="The colours of environments; None for those of the methods."
    )
    size_by = param.String("", doc="Name of the property that points are as large as; or none.")
    sizing = param.ClassSelector(class_=Colouring, doc="The same scale for sizes; or None.")
    atoms_by = param.String("", doc="Property of the atoms in the picture; empty: as the maps.")
    atoms_colouring = param.ClassSelector(
        class_=Colouring, doc="The colours of the atoms; None for those of the elements."
    )
    plane_x = param.String("", doc="Property along the score plane; empty: the usual one.")
    plane_y = param.String("", doc="Property up the score plane; empty: the usual one.")
    worked_out = param.Event(doc="A property was worked out that had to be asked for.")

    #: Set by `Session`.
    pipeline: Any

    def __init__(self, runner: Runner, **params: Any) -> None:
        super().__init__(runner, **params)
        self._properties: SessionProperties | None = None
        self.param.watch(self._on_opened_anew, ["opened"])
        self.param.watch(self._on_decided, ["budget", "pinned", "rejected", "n_columns"])
        self.param.watch(self._on_colour_by, ["colour_by"])
        self.param.watch(self._on_size_by, ["size_by"])
        self.param.watch(self._on_atoms_by, ["atoms_by"])
        self.param.watch(self._colour_atoms, ["colouring"])

    @property
    def properties(self) -> SessionProperties:
        """What the structures and environments of the open data set can be told apart by."""
        assert self.analysis is not None
        if self._properties is None or self._properties.analysis is not self.analysis:
            before, self._properties = self._properties, SessionProperties(self.analysis, self)
            if before is not None and only_refined(before.analysis, self.analysis):
                self._properties.found = before.found
        return self._properties

    def offered(self) -> tuple[Property, ...]:
        """Return the properties to choose from: what there is, and what can be worked out."""
        if self.analysis is None:
            return ()
        there = [p for p in self.properties.available() if _stem(p.name) not in _COLUMN_WISE]
        own = {p.name for p in there}
        asked = [p for p in (CLUSTER, DELTA_ENTROPY) if p.name not in own]
        if FORCE_ERROR.name in self.properties.found:
            asked.append(FORCE_ERROR)
        return (*there, *asked)

    def property_of(self, name: str) -> Property | None:
        """Return what a name that is offered stands for; None if there is no such property."""
        return next((p for p in self.offered() if p.name == name), None)

    # ---- what is asked for ------------------------------------------------------------------

    def paint(self, name: str) -> None:
        """Colour by a property; by the methods for a name that is not there."""
        self.colour_by = name if self.property_of(name) else METHOD

    def paint_atoms(self, name: str) -> None:
        """Colour the atoms of the picture by a property; as the maps for a name not there."""
        self.atoms_by = name if self.property_of(name) else ""

    def size(self, name: str) -> None:
        """Draw points as large as a property; all alike for a name that is not there."""
        self.size_by = name if self._number(name) else ""

    def plane(self) -> tuple[Property, Property] | None:
        """Return the axes of the score plane: those wanted, where the open data set has them."""
        numbers = [p for p in self.offered() if p.kind == "number" and p.name not in _COLUMN_WISE]
        if not numbers:
            return None
        usual = [p for name in USUAL_AXES for p in numbers if p.name == name] or numbers
        x = self._number(self.plane_x) or usual[0]
        y = self._number(self.plane_y) or usual[min(1, len(usual) - 1)]
        return x, y

    def _number(self, name: str) -> Property | None:
        shown = self.property_of(name)
        return shown if shown is not None and shown.kind == "number" else None

    def find(self, name: str, values: tuple[Any, ...]) -> None:
        """Take over what was worked out about the open data set; empty takes it away.

        Parameters
        ----------
        name : str
            Of `FORCE_ERROR`, say.
        values : tuple of arrays (n_environments,)
            For each column, or one for all.
        """
        if self.analysis is None:
            return
        if values:
            self.properties.found[name] = values
        elif self.properties.found.pop(name, None) is None:
            return
        self.param.trigger("worked_out")
        self._follow(lambda shown: shown == name)

    # ---- what follows -----------------------------------------------------------------------

    def _on_opened_anew(self, event: Any) -> None:
        if event.new is not None:
            before = event.old
            if before is not None and not event.new.only_refines(before):
                # before anybody draws: colours of another file do not fit what is shown now
                self.param.update(colouring=None, sizing=None, atoms_colouring=None)
            self._on_colour_by()
            self._on_size_by()
            self._on_atoms_by()

    def _on_decided(self, *_: Any) -> None:
        if self.analysis is not None:
            self._follow(_hangs_on_decisions)

    def _follow(self, concerned: Callable[[str], bool]) -> None:
        """Bring up to date what shows a property that has changed."""
        if concerned(self.colour_by):
            self._colour()
        if concerned(self.size_by):
            self._size()
        if concerned(self.atoms_by):
            self._colour_atoms()

    def _offers(self, name: str, unpainted: str = "") -> bool:
        return name == unpainted or self.property_of(name) is not None

    def _on_colour_by(self, *_: Any) -> None:
        if self.analysis is not None and not self._offers(self.colour_by, METHOD):
            self.colour_by = METHOD  # of another file, or of an older Winnow
        self._colour()

    def _on_size_by(self, *_: Any) -> None:
        if self.analysis is not None and self.size_by and not self._number(self.size_by):
            self.size_by = ""
        self._size()

    def _on_atoms_by(self, *_: Any) -> None:
        if self.analysis is not None and not self._offers(self.atoms_by):
            self.atoms_by = ""
        self._colour_atoms()

    def _colour(self) -> None:
        self._scale("colouring", self.colour_by, lambda: self.colour_by)

    def _size(self) -> None:
        self._scale("sizing", self.size_by, lambda: self.size_by)

    @property
    def atoms_shown_by(self) -> str:
        """The property of the atoms in the picture: that of the maps where these have one."""
        if self.atoms_by or self.colour_by != METHOD:
            return self.atoms_by or self.colour_by
        known = self.analysis is not None and self.analysis.exact
        return "outlier_score" if known else "element"

    def _colour_atoms(self, *_: Any) -> None:
        if not self.atoms_by and self.colour_by != METHOD:
            self.atoms_colouring = self.colouring
        else:
            self._scale("atoms_colouring", self.atoms_shown_by, lambda: self.atoms_shown_by)

    def _scale(self, target: str, name: str, wanted: Callable[[], str]) -> None:
        """Put a property on a scale, aside from what the page answers at once."""
        shown, analysis = self.property_of(name), self.analysis
        if shown is None or analysis is None:
            setattr(self, target, None)
            return
        properties = self.properties
        if name == CLUSTER.name and name not in properties.found:
            setattr(self, target, None)
            self._find_clusters(analysis)
            return
        if name in _COLUMN_WISE and name not in properties.found:
            setattr(self, target, None)
            return

        def work(monitor: Monitor) -> Colouring:
            if name in _COLUMN_WISE:
                return colouring_of(shown, properties.found[name], why=self._why(name))
            described = analysis.descriptors
            owners = described.structures[described.owners] if shown.of == "structure" else None
            values = (properties.values(name),)
            return colouring_of(shown, values, owners=owners, why=self._why(name))

        def done(found: Colouring) -> None:
            if self.analysis is analysis and wanted() == name:
                setattr(self, target, found)

        self.run(target, work, done, place="here", quiet=True)

    def _why(self, name: str) -> str:
        """Say why some environments have no value, where it is not the file that has none."""
        assert self.analysis is not None
        if "outlier_score" in name:
            return self.analysis.scores_said()
        return {DELTA_ENTROPY.name: SAMPLED, FORCE_ERROR.name: UNTESTED}.get(name, "")

    def _find_clusters(self, analysis: Analysis) -> None:
        def work(monitor: Monitor) -> IntArray:
            found: IntArray = self.pipeline.finding(
                "clusters", analysis, _clusters, monitor=monitor
            )
            return found

        def done(found: IntArray) -> None:
            if self.analysis is analysis:
                self.find(CLUSTER.name, (found,))

        def failed(error: Exception) -> None:
            if self.colour_by == CLUSTER.name:
                self.paint(METHOD)

        self.run("clusters", work, done, failed=failed)

    # ---- brushing by values -----------------------------------------------------------------

    def brush_values(self, low: float, high: float, mode: str = "replace") -> None:
        """Brush all environments whose value on the scale of colours lies between two."""
        if self.colouring is not None:
            self.set_brush(self.colouring.within(*sorted((low, high))), mode)

    def brush_category(self, category: str, mode: str = "replace") -> None:
        """Brush all environments of a category of the legend; of "" those without a value."""
        if self.colouring is not None:
            known = not category or category in self.colouring.categories
            self.set_brush(self.colouring.members(category) if known else NOTHING, mode)


_COLUMN_WISE = {DELTA_ENTROPY.name, FORCE_ERROR.name}


def _stem(name: str) -> str:
    return name.rpartition("_")[0]


def _hangs_on_decisions(name: str) -> bool:
    return name == "decision" or name.startswith("kept_")


def _clusters(analysis: Analysis, monitor: Monitor) -> IntArray:
    return clusters(analysis, monitor=monitor)
