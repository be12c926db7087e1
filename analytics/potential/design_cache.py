"""Cache of design rows and normal equations: computed once for all sessions, kept between runs.

Rows of several pools that have most of their reference environments in common are computed once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from analytics.data.dataset import Dataset
from analytics.potential.design_rows import Design, check_species, compute_design, row_bytes
from analytics.potential.normal_equations import Equations, make_equations
from analytics.potential.potentials import FixedBasis, PoolPart, potential_of
from analytics.potential.spec import PotentialSpec, RetrainSpec
from analytics.runtime.arrays import IntArray, fingerprint
from analytics.runtime.cache import shared_cache
from analytics.runtime.memory import physical_memory
from analytics.runtime.progress import SILENT, Monitor, Part

__all__ = ["design_in", "design_of", "equations_of"]

#: Bytes that rows may take which serve several pools.
FAMILY_BYTES = 1e9


@dataclass(frozen=True, slots=True)
class Family:
    """Rows for the references of several pools, and which of them are those of each.

    `design` is None if the rows of all would take too much memory.
    """

    design: Design | None
    parts: tuple[PoolPart, ...]


def design_of(
    dataset: Dataset,
    spec: PotentialSpec | None = None,
    pool: IntArray | None = None,
    *,
    family: Sequence[IntArray | None] = (),
    monitor: Monitor = SILENT,
) -> Design:
    """Return the design of a data set, from memory, from disk or computed now.

    Parameters
    ----------
    dataset : Dataset
    spec : PotentialSpec, optional
        Which potential, and its options (default: SOAP-GAP).
    pool : int array, optional
        Structures that the basis may be made from (default: all).
    family : sequence of int arrays or None, optional
        Pools, this one among them, that will be asked for one after the other. Their bases have
        most references in common (`choose_bases`), so the rows are computed once, for all of
        them; what the others then cost is a product with a matrix. The result is that without a
        family up to rounding, and is kept apart from it. Without effect if the rows of all would
        take too much memory.
    monitor : Monitor
    """
    spec = RetrainSpec() if spec is None else spec
    names = [_name(each) for each in (pool, *family)]
    if names[0] not in names[1:]:
        return _own_design(dataset, spec, pool, monitor)

    def make(monitor: Monitor) -> Design:
        shared = _family(dataset, spec, family, monitor)
        if shared.design is None:
            return _own_design(dataset, spec, pool, monitor)
        return shared.design.restricted(shared.parts[names[1:].index(names[0])])

    key = fingerprint("design of a family", dataset.fingerprint, repr(spec), *names)
    return _for(dataset, shared_cache().result(key, make, monitor=monitor))


def _name(pool: IntArray | None) -> str:
    return "all" if pool is None else fingerprint(np.asarray(pool, dtype=np.int64))


def _for(dataset: Dataset, design: Design) -> Design:
    """Return a design with this data set: another file may hold the same structures."""
    return design if design.dataset is dataset else replace(design, dataset=dataset)


def _own_design(
    dataset: Dataset, spec: PotentialSpec, pool: IntArray | None, monitor: Monitor
) -> Design:
    def make(monitor: Monitor) -> Design:
        choose = potential_of(spec).choose_bases
        union, parts = choose(dataset, spec, [pool], Part(monitor, 0.0, 0.15))
        basis = union.restricted(parts[0])
        return compute_design(dataset, basis, monitor=Part(monitor, 0.15, 1.0))

    key = fingerprint("design", dataset.fingerprint, repr(spec), _name(pool))
    found = shared_cache().result(
        key, make, made_by=(compute_design,), known={"dataset": dataset}, monitor=monitor
    )
    return _for(dataset, found)


def _family(
    dataset: Dataset, spec: PotentialSpec, pools: Sequence[IntArray | None], monitor: Monitor
) -> Family:
    def make(monitor: Monitor) -> Family:
        choose = potential_of(spec).choose_bases
        union, parts = choose(dataset, spec, pools, Part(monitor, 0.0, 0.15))
        if row_bytes(dataset, len(union)) > min(FAMILY_BYTES, 0.1 * physical_memory()):
            return Family(None, tuple(parts))
        design = compute_design(dataset, union, monitor=Part(monitor, 0.15, 1.0))
        return Family(design, tuple(parts))

    key = fingerprint("designs", dataset.fingerprint, repr(spec), *map(_name, pools))
    return shared_cache().result(
        key, make, made_by=(compute_design,), known={"dataset": dataset}, monitor=monitor
    )


def design_in(
    dataset: Dataset, basis: FixedBasis, *, pool: str = "the pool", monitor: Monitor = SILENT
) -> Design:
    """Return the design of a data set in the basis of another."""

    def make(monitor: Monitor) -> Design:
        return compute_design(dataset, basis, pool=pool, monitor=monitor)

    check_species(dataset, basis.species, pool)
    key = fingerprint("design in a basis", dataset.fingerprint, basis.fingerprint)
    known = {"dataset": dataset, "basis": basis}
    found = shared_cache().result(
        key, make, made_by=(compute_design,), known=known, monitor=monitor
    )
    return _for(dataset, found)


def equations_of(
    dataset: Dataset, spec: PotentialSpec | None = None, *, monitor: Monitor = SILENT
) -> Equations:
    """Return the normal equations of a data set, the basis made from all of it."""
    spec = RetrainSpec() if spec is None else spec

    def make(monitor: Monitor) -> Equations:
        design = design_of(dataset, spec, monitor=Part(monitor, 0.0, 0.95))
        return make_equations(design, monitor=Part(monitor, 0.95, 1.0))

    key = fingerprint("normal equations", dataset.fingerprint, repr(spec))
    found = shared_cache().result(key, make, monitor=monitor)
    design = _for(dataset, found.design)
    return found if design is found.design else replace(found, design=design)
