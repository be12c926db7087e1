"""Designs remembered: a few in memory, for all sessions of a process, and on disk between runs."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np

from analytics.data.dataset import Dataset
from analytics.potential.basis import Basis, choose_bases, choose_basis
from analytics.potential.design import Design, check_species, compute_design, row_bytes
from analytics.potential.normal_equations import Equations, make_equations
from analytics.potential.spec import RetrainSpec
from analytics.runtime.arrays import IntArray, fingerprint
from analytics.runtime.memory import physical_memory
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.provenance import code_version
from analytics.runtime.store import Store

__all__ = ["design_in", "design_of", "equations_of"]

T = TypeVar("T")

#: Results held in memory, and their bytes; the one used longest ago goes first.
CAPACITY, CAPACITY_BYTES = 24, 4e9
#: Bytes that rows may take which serve several pools.
FAMILY_BYTES = 1e9

_results: OrderedDict[str, Any] = OrderedDict()
_lock = threading.Lock()
#: One of them is computed at a time: two would only take each other's cores and memory.
_working = threading.RLock()


@dataclass(frozen=True, slots=True)
class Family:
    """Rows for the references of several pools, and which of them are those of each.

    `design` is None if the rows of all would take too much memory.
    """

    design: Design | None
    parts: tuple[IntArray, ...]


def design_of(
    dataset: Dataset,
    spec: RetrainSpec | None = None,
    pool: IntArray | None = None,
    *,
    family: Sequence[IntArray | None] = (),
    monitor: Monitor = SILENT,
) -> Design:
    """Return the design of a data set, from memory, from disk or computed now.

    Parameters
    ----------
    dataset : Dataset
    spec : RetrainSpec, optional
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

    def make() -> Design:
        place = fingerprint(key, code_version(compute_design))
        found = _from_disk(place, dataset)
        if found is None and _name(pool) in names:
            found = _from_family(dataset, spec, family, names.index(_name(pool)), monitor)
        if found is None:
            basis = choose_basis(dataset, spec, pool, monitor=Part(monitor, 0.0, 0.15))
            found = compute_design(dataset, basis, monitor=Part(monitor, 0.15, 1.0))
            _to_disk(place, found)
        return found

    names = [_name(each) for each in family]
    key = fingerprint("retrain design", dataset.fingerprint, repr(spec), _name(pool), *names)
    return _cached(key, make, monitor)


def _name(pool: IntArray | None) -> str:
    return "all" if pool is None else fingerprint(np.asarray(pool, dtype=np.int64))


def _from_family(
    dataset: Dataset,
    spec: RetrainSpec,
    family: Sequence[IntArray | None],
    at: int,
    monitor: Monitor,
) -> Design | None:
    """Return the design of one pool from the rows of all; None if those would take too much."""
    key = fingerprint(
        "retrain family", dataset.fingerprint, repr(spec), *(_name(each) for each in family)
    )
    place = fingerprint(key, code_version(compute_design))

    def make() -> Family:
        found = _family_from_disk(place, dataset)
        if found is None:
            union, parts = choose_bases(dataset, spec, family, monitor=Part(monitor, 0.0, 0.15))
            if row_bytes(dataset, len(union)) > min(FAMILY_BYTES, 0.1 * physical_memory()):
                return Family(None, tuple(parts))
            design = compute_design(dataset, union, monitor=Part(monitor, 0.15, 1.0))
            found = Family(design, tuple(parts))
            _to_disk(place, design, parts)
        return found

    found = _cached(key, make, monitor)
    return None if found.design is None else found.design.restricted(found.parts[at])


def design_in(
    dataset: Dataset, basis: Basis, *, pool: str = "the pool", monitor: Monitor = SILENT
) -> Design:
    """Return the design of a data set in the basis of another."""

    def make() -> Design:
        place = fingerprint(key, code_version(compute_design))
        found = _from_disk(place, dataset)
        if found is None:
            found = compute_design(dataset, basis, pool=pool, monitor=monitor)
            _to_disk(place, found)
        return found

    check_species(dataset, basis.species, pool)
    key = fingerprint("retrain test", dataset.fingerprint, basis.fingerprint)
    return _cached(key, make, monitor)


def equations_of(
    dataset: Dataset, spec: RetrainSpec | None = None, *, monitor: Monitor = SILENT
) -> Equations:
    """Return the normal equations of a data set, the basis made from all of it."""
    spec = RetrainSpec() if spec is None else spec
    key = fingerprint("retrain equations", dataset.fingerprint, repr(spec))

    def make() -> Equations:
        design = design_of(dataset, spec, monitor=Part(monitor, 0.0, 0.95))
        return make_equations(design, monitor=Part(monitor, 0.95, 1.0))

    return _cached(key, make, monitor)


def _cached(key: str, make: Callable[[], T], monitor: Monitor) -> T:
    found = _get(key)
    if found is None:
        while not _working.acquire(timeout=0.1):
            monitor.checkpoint()
        try:
            found = _get(key)
            if found is None:
                found = make()
                _put(key, found)
        finally:
            _working.release()
    return found  # type: ignore[no-any-return]


def _get(key: str) -> Any:
    with _lock:
        if key in _results:
            _results.move_to_end(key)
        return _results.get(key)


def _put(key: str, value: Any) -> None:
    with _lock:
        _results[key] = value
        _results.move_to_end(key)
        held = sum(map(_bytes, _results.values()))
        while len(_results) > CAPACITY or (held > CAPACITY_BYTES and len(_results) > 2):
            held -= _bytes(_results.popitem(last=False)[1])


def _bytes(value: Design | Equations | Family) -> int:
    """Return what a result takes besides what others hold as well."""
    if isinstance(value, Family):
        return 0 if value.design is None else _bytes(value.design)
    if isinstance(value, Design):
        return value.force_rows.nbytes + value.energy_rows.nbytes
    return value.vectors.nbytes + (0 if value.packed is None else value.packed.nbytes)


def _to_disk(place: str, design: Design, parts: Sequence[IntArray] = ()) -> None:
    basis = design.basis
    Store().save(
        place,
        asdict(basis.spec),
        species=basis.species,
        references=basis.references,
        reference_offsets=basis.reference_offsets,
        whitening=basis.whitening,
        energy_rows=design.energy_rows,
        force_rows=design.force_rows,
        parts=np.concatenate([*parts, np.empty(0, np.int64)]),
        part_sizes=np.array([len(part) for part in parts], dtype=np.int64),
    )


def _from_disk(place: str, dataset: Dataset) -> Design | None:
    found = _family_from_disk(place, dataset)
    return None if found is None else found.design


def _family_from_disk(place: str, dataset: Dataset) -> Family | None:
    entry = Store().load(place)
    if entry is None:
        return None
    names = ("species", "references", "reference_offsets", "whitening")
    basis = Basis(RetrainSpec(**entry.tree), *(entry[name] for name in names))
    design = Design(dataset, basis, entry["energy_rows"], entry["force_rows"])
    parts = np.split(entry["parts"], np.cumsum(entry["part_sizes"])[:-1])
    return Family(design, tuple(parts))
