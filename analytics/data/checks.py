"""What is wrong, doubtful or worth knowing about a data set before anything is selected.

Selection methods that look for the unusual pick broken structures first, so the checks come
before them. They report and change nothing. Frame numbers in messages are zero-based and refer
to the original file.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from ase.data import chemical_symbols, covalent_radii

from analytics.data.contacts import THINNEST, Contacts, cell_extents, closest_contacts
from analytics.data.dataset import Dataset
from analytics.runtime.arrays import FloatArray, IntArray, frozen, owners
from analytics.runtime.progress import SILENT, Monitor

__all__ = ["CheckReport", "Finding", "Severity", "check", "duplicate_groups"]

Severity = Literal["error", "warning", "note"]
Mask = npt.NDArray[np.bool_]

OVERLAP = 0.5
"""No two nuclei are closer than this in a structure that means something, angstrom."""
CLOSE_RATIO = 0.6
"""Closer than this part of the sum of covalent radii is doubtful (it may be meant)."""
NET_FORCE = 0.05
"""Forces of a structure without external field sum to zero; more than this is doubtful, eV/Å."""
SAME = 1e-6
"""Positions (angstrom) and cells are the same structure when they round to the same multiple."""
CONFLICT = 1e-3
"""Copies of a structure disagree when their energies differ by more than this, eV/atom."""
OUT_OF_LINE = 5.0
"""Energies farther than this from the median of the same composition are pointed out, eV/atom."""


@dataclass(frozen=True, slots=True, eq=False)
class Finding:
    """One kind of thing found, and where.

    Attributes
    ----------
    code : str
        Stable name of the check.
    severity : 'error', 'warning' or 'note'
        An error is physically impossible or unusable; a warning is doubtful; a note is normal
        in many data sets and worth knowing.
    message : str
        One sentence: how many structures, what, with units, and the first frames.
    structures : int array
        Indices in the data set (not in the file), ascending.
    evidence : str
        The worst case, with its value and unit.
    """

    code: str
    severity: Severity
    message: str
    structures: IntArray
    evidence: str = ""

    def __post_init__(self) -> None:
        """Freeze the indices."""
        object.__setattr__(self, "structures", frozen(self.structures, np.int64))

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "structures": self.structures.tolist(),
            "evidence": self.evidence,
        }


@dataclass(frozen=True, slots=True, eq=False)
class CheckReport:
    """All findings, errors first, and what the data set consists of.

    Attributes
    ----------
    findings : tuple of Finding
    counts : mapping of str to int
        Structures, environments, elements and so on; also structures by chemical system under
        ``system W-Be`` and so on.
    duplicate_groups : tuple of int array
        Indices of structures that are the same (ascending; the first is the original).
    """

    findings: tuple[Finding, ...]
    counts: Mapping[str, int]
    duplicate_groups: tuple[IntArray, ...] = ()

    def of(self, severity: Severity) -> tuple[Finding, ...]:
        """Return the findings of one severity."""
        return tuple(f for f in self.findings if f.severity == severity)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "findings": [finding.to_dict() for finding in self.findings],
            "counts": dict(self.counts),
            "duplicate_groups": [group.tolist() for group in self.duplicate_groups],
        }


def check(dataset: Dataset, *, monitor: Monitor = SILENT) -> CheckReport:
    """Look for errors, doubtful structures and duplicates.

    Parameters
    ----------
    dataset : Dataset
    monitor : Monitor

    Returns
    -------
    CheckReport
    """
    monitor.report(0.0, "checking structures")
    cells, heights = cell_extents(dataset)
    finite = _every_atom(dataset, np.isfinite(dataset.positions))
    flat: Mask = np.asarray((heights < THINNEST).any(axis=1))
    # radii differ, so the search reaches as far as the largest pair needs
    reach = max(OVERLAP, CLOSE_RATIO * 2.0 * float(covalent_radii[dataset.numbers].max()))
    contacts = closest_contacts(dataset, finite & ~flat, cells, reach, monitor)
    groups = duplicate_groups(dataset)
    monitor.report(0.9, "checking labels")
    monitor.checkpoint()
    found = [
        *_geometry(dataset, finite, flat, heights),
        *_overlaps(dataset, contacts),
        *_energy_labels(dataset),
        *_force_labels(dataset),
        *_duplicates(dataset, groups),
        *_energies_out_of_line(dataset),
        *_classes(dataset),
    ]
    order: list[Severity] = ["error", "warning", "note"]
    monitor.report(1.0, "checked")
    return CheckReport(
        findings=tuple(sorted(found, key=lambda f: order.index(f.severity))),
        counts=_counts(dataset, groups),
        duplicate_groups=groups,
    )


def _finding(
    dataset: Dataset,
    code: str,
    severity: Severity,
    where: Mask | IntArray,
    what: tuple[str, str],
    evidence: str = "",
) -> Iterator[Finding]:
    """Yield a finding if there is any structure; `what` is said of one and of several."""
    indices = np.flatnonzero(where) if where.dtype == bool else np.sort(where)
    structures: IntArray = np.asarray(indices, dtype=np.int64)
    n = len(structures)
    if n == 0:
        return
    subject = "1 structure" if n == 1 else f"{n} structures"
    message = f"{subject} {what[n != 1]} ({_frames(dataset, structures)})"
    yield Finding(code, severity, message, structures, evidence)


def _frames(dataset: Dataset, structures: IntArray) -> str:
    shown = ", ".join(str(f) for f in dataset.frame_indices[structures[:5]])
    more = ", ..." if len(structures) > 5 else ""
    return f"frame{'s' * (len(structures) != 1)} {shown}{more}"


def _every_atom(dataset: Dataset, holds: Mask) -> Mask:
    """Return for each structure whether something holds of all components of all its atoms.

    Parameters
    ----------
    holds : bool array (n_environments,) or (n_environments, 3)
    """
    rows = holds if holds.ndim == 1 else np.asarray(holds.all(axis=1))
    owner = owners(dataset.structure_offsets)[~rows]
    return np.asarray(np.bincount(owner, minlength=dataset.n_structures) == 0)


def _geometry(dataset: Dataset, finite: Mask, flat: Mask, heights: FloatArray) -> Iterator[Finding]:
    yield from _finding(
        dataset, "positions_not_finite", "error", ~finite,
        ("has positions that are NaN or infinite", "have positions that are NaN or infinite"),
    )  # fmt: skip
    broken: Mask = np.asarray(~np.isfinite(dataset.cells).all(axis=(1, 2)))
    yield from _finding(
        dataset, "cell_not_finite", "error", broken,
        ("has a cell with NaN or infinity in it", "have a cell with NaN or infinity in it"),
    )  # fmt: skip
    flat = flat & ~broken
    thinnest = int(np.argmin(np.where(flat[:, None], heights, np.inf).min(axis=1)))
    what = f"a periodic cell of zero volume (thinner than {THINNEST} Å in a periodic direction)"
    yield from _finding(
        dataset, "cell_without_volume", "error", flat, (f"has {what}", f"have {what}"),
        f"thinnest: {heights[thinnest].min():.3g} Å in frame {dataset.frame_indices[thinnest]}",
    )  # fmt: skip


def _overlaps(dataset: Dataset, contacts: Contacts) -> Iterator[Finding]:
    overlap = contacts.distance < OVERLAP
    what = f"atoms closer than {OVERLAP} Å"
    yield from _finding(
        dataset, "overlapping_atoms", "error", overlap, (f"has {what}", f"have {what}"),
        _closest(dataset, contacts.distance, contacts.distance, contacts.pairs),
    )  # fmt: skip
    close = (contacts.ratio < CLOSE_RATIO) & ~overlap
    what = f"atoms closer than {CLOSE_RATIO} times the sum of their covalent radii"
    yield from _finding(
        dataset, "close_atoms", "warning", close, (f"has {what}", f"have {what}"),
        _closest(dataset, np.where(close, contacts.ratio, np.inf), None, contacts.ratio_pairs),
    )  # fmt: skip


def _closest(
    dataset: Dataset, order: FloatArray, distance: FloatArray | None, pairs: IntArray
) -> str:
    s = int(np.argmin(order))
    if not np.isfinite(order[s]):
        return ""
    i, j = (int(i) for i in pairs[s])
    numbers = dataset.numbers[dataset.rows(s)][[i, j]]
    if distance is None:
        length = float(order[s]) * float(covalent_radii[numbers].sum())
    else:
        length = float(distance[s])
    names = "-".join(chemical_symbols[number] for number in numbers)
    where = f"atom {i} and its own image" if i == j else f"atoms {i} and {j}"
    return f"closest: {length:.2f} Å, {names}, {where} of frame {dataset.frame_indices[s]}"


def _energy_labels(dataset: Dataset) -> Iterator[Finding]:
    if dataset.energies is None:
        everything = np.arange(dataset.n_structures)
        yield Finding("no_energies", "warning", "no structure has an energy", everything)
        return
    yield from _finding(
        dataset, "missing_energy", "warning", np.isnan(dataset.energies),
        ("has no energy", "have no energy"),
    )  # fmt: skip
    yield from _finding(
        dataset, "energy_infinite", "error", np.isinf(dataset.energies),
        ("has an infinite energy", "have an infinite energy"),
    )  # fmt: skip


def _force_labels(dataset: Dataset) -> Iterator[Finding]:
    isolated = dataset.isolated
    if dataset.forces is None:
        if not isolated.all():
            everything = np.flatnonzero(~isolated)
            yield Finding("no_forces", "warning", "no structure has forces", everything)
        return
    missing_rows: Mask = np.asarray(np.isnan(dataset.forces).any(axis=1))
    missing = _every_atom(dataset, missing_rows)
    partly = ~missing & ~_every_atom(dataset, ~missing_rows)
    yield from _finding(
        dataset, "missing_forces", "warning", missing & ~isolated,
        ("has no forces", "have no forces"),
    )  # fmt: skip
    yield from _finding(
        dataset, "incomplete_forces", "error", partly,
        ("has forces on some atoms only (NaN)", "have forces on some atoms only (NaN)"),
    )  # fmt: skip
    infinite = ~_every_atom(dataset, ~np.isinf(dataset.forces))
    yield from _finding(
        dataset, "force_infinite", "error", infinite,
        ("has infinite forces", "have infinite forces"),
    )  # fmt: skip
    yield from _force_sums(dataset, missing | partly | infinite, isolated)


def _force_sums(dataset: Dataset, unusable: Mask, isolated: Mask) -> Iterator[Finding]:
    assert dataset.forces is not None
    forces = np.where(np.isfinite(dataset.forces), dataset.forces, 0.0)
    net = np.linalg.norm(np.add.reduceat(forces, dataset.structure_offsets[:-1]), axis=1)
    net[unusable] = 0.0
    largest = int(np.argmax(net))
    what = f"forces that do not sum to zero (|sum F| above {NET_FORCE} eV/Å)"
    yield from _finding(
        dataset, "net_force", "warning", net > NET_FORCE, (f"has {what}", f"have {what}"),
        f"largest: {net[largest]:.3g} eV/Å in frame {dataset.frame_indices[largest]}",
    )  # fmt: skip
    zero = _every_atom(dataset, dataset.forces == 0) & ~isolated
    what = "forces of exactly zero on every atom; reported, not taken as missing"
    yield from _finding(
        dataset, "zero_forces", "note", zero, (f"has {what}", f"have {what}"),
        "perfect and symmetric cells have zero forces",
    )  # fmt: skip


def duplicate_groups(dataset: Dataset) -> tuple[IntArray, ...]:
    """Group structures of the same cell, periodicity, species and positions, atom by atom."""
    positions = _grid(dataset.positions)
    cells = _grid(dataset.cells)
    groups: dict[tuple[bytes, ...], list[int]] = {}
    for s in range(dataset.n_structures):
        rows = dataset.rows(s)
        key = (
            dataset.numbers[rows].tobytes(),
            positions[rows].tobytes(),
            cells[s].tobytes(),
            dataset.pbc[s].tobytes(),
        )
        groups.setdefault(key, []).append(s)
    return tuple(frozen(group, np.int64) for group in groups.values() if len(group) > 1)


def _grid(lengths: FloatArray) -> FloatArray:
    return np.asarray(np.rint(lengths / SAME) + 0.0)  # no negative zeros: their bytes differ


def _duplicates(dataset: Dataset, groups: tuple[IntArray, ...]) -> Iterator[Finding]:
    """Report the repeats, and apart from them the groups whose energies disagree.

    The structures of the first finding are the copies without their originals, so that their
    number is what could be taken out; those of the second are whole groups.
    """
    if not groups:
        return
    copies = np.concatenate([group[1:] for group in groups])
    sizes = [len(group) for group in groups]
    same = f"(cell, species and positions equal to {SAME:g} Å)"
    where = "1 group" if len(groups) == 1 else f"{len(groups)} groups"
    yield from _finding(
        dataset, "duplicates", "warning", copies,
        (f"repeats an earlier one {same}", f"repeat an earlier one {same}"),
        f"{where} of equal structures, {sum(sizes)} structures with the originals; "
        f"largest group: {max(sizes)}",
    )  # fmt: skip
    if dataset.energies is None:
        return
    energies = dataset.energies / dataset.sizes
    spread = [_spread(energies[group]) for group in groups]
    apart = [group for group, s in zip(groups, spread, strict=True) if s > CONFLICT]
    if apart:
        worst = groups[int(np.argmax(spread))]
        # always two or more
        what = f"are equal to another and differ in energy by over {CONFLICT * 1e3:g} meV/atom"
        yield from _finding(
            dataset, "conflicting_duplicates", "warning", np.concatenate(apart),
            (what, what),
            f"largest: {max(spread) * 1e3:.3g} meV/atom in {_frames(dataset, worst)}",
        )  # fmt: skip


def _spread(energies: FloatArray) -> float:
    energies = energies[np.isfinite(energies)]
    return float(np.ptp(energies)) if len(energies) else 0.0


def _energies_out_of_line(dataset: Dataset) -> Iterator[Finding]:
    """Compare each energy per atom with the median of the structures of the same composition.

    Only compositions with at least ten structures have a median worth comparing with.
    """
    if dataset.energies is None:
        return
    energies = dataset.energies / dataset.sizes
    away = np.zeros(dataset.n_structures)
    fractions = _compositions(dataset) / dataset.sizes[:, None]
    _, group = np.unique(np.rint(fractions * 1e6), axis=0, return_inverse=True)
    order = np.argsort(group, kind="stable")
    for members in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        members = members[np.isfinite(energies[members])]
        if len(members) >= 10:
            away[members] = energies[members] - np.median(energies[members])
    worst = int(np.argmax(np.abs(away)))
    what = (
        f"an energy more than {OUT_OF_LINE:g} eV/atom away from the median of the same composition"
    )
    yield from _finding(
        dataset, "energy_out_of_line", "note", np.abs(away) > OUT_OF_LINE,
        (f"has {what}", f"have {what}"),
        f"farthest: {away[worst]:+.3g} eV/atom in frame {dataset.frame_indices[worst]}; "
        "strongly compressed cells are such a case",
    )  # fmt: skip


def _compositions(dataset: Dataset) -> IntArray:
    """Return the number of atoms of each element, int array (n_structures, n_elements)."""
    elements, kind = np.unique(dataset.numbers, return_inverse=True)
    flat = owners(dataset.structure_offsets) * len(elements) + kind
    counts = np.bincount(flat, minlength=dataset.n_structures * len(elements))
    return counts.reshape(dataset.n_structures, len(elements))


def _classes(dataset: Dataset) -> Iterator[Finding]:
    yield from _finding(
        dataset, "isolated_atoms", "note", dataset.isolated,
        ("is an isolated atom: always kept, and left out of entropy, quotas and tails",
         "are isolated atoms: always kept, and left out of entropy, quotas and tails"),
    )  # fmt: skip
    unlabeled = np.asarray(dataset.config_type == "")
    if unlabeled.all():
        everything = np.arange(dataset.n_structures)
        yield Finding("no_config_type", "note", "no structure has a config_type", everything)
        return
    yield from _finding(
        dataset, "missing_config_type", "note", unlabeled,
        ("has no config_type", "have no config_type"),
    )  # fmt: skip


def _counts(dataset: Dataset, groups: tuple[IntArray, ...]) -> dict[str, int]:
    elements = [chemical_symbols[number] for number in np.unique(dataset.numbers)]
    present, times = np.unique(_compositions(dataset) > 0, axis=0, return_counts=True)
    systems = {
        "-".join(e for e, there in zip(elements, row, strict=True) if there): int(n)
        for row, n in zip(present, times, strict=True)
    }
    counts = {
        "structures": dataset.n_structures,
        "environments": dataset.n_environments,
        "elements": len(elements),
        "config_types": len(Counter(dataset.config_type[dataset.config_type != ""].tolist())),
        "isolated_atoms": int(dataset.isolated.sum()),
        "periodic": int(dataset.pbc.all(axis=1).sum()),
        "partly_periodic": int((dataset.pbc.any(axis=1) & ~dataset.pbc.all(axis=1)).sum()),
        "not_periodic": int((~dataset.pbc.any(axis=1)).sum()),
        "chemical_systems": len(systems),
        "duplicate_groups": len(groups),
        "duplicate_copies": sum(len(group) - 1 for group in groups),
    }
    return counts | {f"system {name}": n for name, n in systems.items()}
