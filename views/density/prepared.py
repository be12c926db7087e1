"""Prepared density systems (cached): what is done once before anything is kept or trained."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from analytics.density.energy_check import energies_possible
from analytics.density.grid import DensityData
from analytics.density.pictures import Projection, project_points
from analytics.density.pruning import Candidates
from analytics.density.readers import read_density
from analytics.density.results import DensityResults, collect
from analytics.density.study import Study, prepare_study, spec_for, vary_study
from analytics.runtime.arrays import fingerprint
from analytics.runtime.cache import shared_cache
from analytics.runtime.progress import Monitor, Part

__all__ = ["Prepared", "prepare", "prepare_once", "ready"]

#: Grey points behind the kept ones: more would be slow to draw and look the same.
BACKGROUND = 5_000


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
    _name: str = field(default_factory=lambda: uuid4().hex)

    @property
    def data(self) -> DensityData:
        """The densities."""
        return self.study.data

    def candidates(self, unit: str) -> Candidates:
        """Return what the methods pick from, made once."""
        key = self.key("candidates", unit)
        return shared_cache().result(key, lambda _: vary_study(self.study, unit=unit).candidates())

    def key(self, what: str, *details: Any) -> str:
        """Return the key in the cache of what is made from this system."""
        return fingerprint(f"density {what}", self._name, *details)


def _key(system: str) -> str:
    return fingerprint("density prepared", system)


def ready(system: str) -> Prepared | None:
    """Return an embedded system that somebody has looked at before."""
    found: Prepared | None = shared_cache().get(_key(system))
    return found


def prepare_once(system: str, make: Callable[[Monitor], Prepared], monitor: Monitor) -> Prepared:
    """Return an embedded system that somebody has looked at before, or as it is made now."""
    return shared_cache().result(_key(system), make, monitor=monitor)


def prepare(source: str | list[str], dimension: bool, species: str, monitor: Monitor) -> Prepared:
    """Read and describe an embedded system by name, or a user's own files: snapshots of one.

    Runs in a worker process.
    """
    data = read_density(source, species=species, monitor=monitor)
    study = prepare_study(data, spec_for(data), monitor=Part(monitor, 0.0, 0.85))
    monitor.report(0.85, "projecting points")
    projection = project_points(study, background=BACKGROUND)
    part = Part(monitor, 0.9, 1.0, "intrinsic dimension")
    head = collect(study, [], dimension=dimension, monitor=part)
    return Prepared(study, projection, head, energies_possible(data))
