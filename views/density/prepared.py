"""What is done once per system before anything is kept or trained; shared between sessions."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from analytics.density.energy_check import energies_possible
from analytics.density.grid import DensityData
from analytics.density.pictures import Projection, project_points
from analytics.density.pruning import Candidates
from analytics.density.readers import read_density
from analytics.density.results import DensityResults, collect
from analytics.density.study import Study, prepare_study, spec_for, vary_study
from analytics.runtime.progress import Monitor, Part
from views.state.jobs import alone

__all__ = ["Prepared", "prepare_embedded", "prepare_files", "ready"]

#: Grey points behind the kept ones: more would be slow to draw and look the same.
BACKGROUND = 5_000
#: Embedded systems whose described points stay in memory, up to about 0.3 GB each.
KEEP = 2
_READY: OrderedDict[str, Prepared] = OrderedDict()
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Prepared:
    """A described system.

    Attributes
    ----------
    study : Study
        With scores, so that any method can follow without new preparation.
    projection : Projection
    head : DensityResults
        Facts and settings, no models yet.
    no_energies : str
        Why errors in energy cannot be computed here; empty if they can.
    """

    study: Study
    projection: Projection
    head: DensityResults
    no_energies: str
    _candidates: dict[str, Candidates] = field(default_factory=dict)

    @property
    def data(self) -> DensityData:
        """The densities."""
        return self.study.data

    def candidates(self, unit: str) -> Candidates:
        """Return what the methods pick from, made once."""
        if unit not in self._candidates:
            self._candidates[unit] = vary_study(self.study, unit=unit).candidates()
        return self._candidates[unit]


def _prepare(data: DensityData, monitor: Monitor, *, dimension: bool) -> Prepared:
    study = prepare_study(data, spec_for(data), monitor=Part(monitor, 0.0, 0.85))
    monitor.report(0.85, "projecting points")
    projection = project_points(study, background=BACKGROUND)
    part = Part(monitor, 0.9, 1.0, "intrinsic dimension")
    head = collect(study, [], dimension=dimension, monitor=part)
    prepared = Prepared(study, projection, head, energies_possible(data))
    prepared.candidates("points")
    return prepared


def ready(system: str) -> Prepared | None:
    """Return an embedded system that somebody has looked at before."""
    with _LOCK:
        found = _READY.get(system)
        if found is not None:
            _READY.move_to_end(system)
        return found


def prepare_embedded(system: str, monitor: Monitor, *, dimension: bool) -> Prepared:
    """Read and describe an embedded system, once per process."""
    with alone(f"density {system}", monitor):
        found = ready(system)
        if found is None:
            data = read_density(system, monitor=monitor)
            found = _prepare(data, monitor, dimension=dimension)
            with _LOCK:
                _READY[system] = found
                while len(_READY) > KEEP:
                    _READY.popitem(last=False)
        return found


def prepare_files(paths: Sequence[str | Path], monitor: Monitor) -> Prepared:
    """Read and describe a user's own files: snapshots of one system."""
    return _prepare(read_density(list(paths), monitor=monitor), monitor, dimension=True)
