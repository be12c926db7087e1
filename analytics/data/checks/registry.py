"""Registry of data checks, and the run of all of them over a data set.

A check is a function with a decorator, in a file of its own::

    from collections.abc import Iterator

    from analytics.data.checks.registry import register
    from analytics.data.checks.report import Finding
    from analytics.data.checks.subject import Subject

    @register("high_forces")
    def check_high_forces(subject: Subject) -> Iterator[Finding]:
        data = subject.dataset
        if data.forces is not None:
            high = ~subject.every_atom(data.force_norms < 50.0)
            yield from subject.having("high_forces", "warning", high, "forces above 50 eV/Å")

What it gets
    A `Subject`: the data set, what several checks need of it (finite positions, cells and their
    heights, closest contacts, groups of duplicates: worked out by the first check that asks and
    shared by all), and a monitor. Any label may be missing: `energies` and `forces` may be None,
    and hold NaN or infinity; positions and cells may hold those too.
What it gives
    Findings, none where nothing is wrong. `Subject.found` and `Subject.having` put the sentence
    together: how many structures, what, the first frames, the worst case as evidence, and advice:
    what to do about it. Codes are stable names: scripts ask for them. A check may give several,
    each of a severity of its own. It changes nothing, draws no random numbers and depends on the
    data set alone, because reports are kept by its fingerprint and that of `marks`.
What it may cost
    About linear in the number of atoms: every check runs each time a file is opened. One that
    takes over 100 ms calls ``subject.monitor.report`` and ``subject.monitor.checkpoint``.

One of this package has its name in `BUILT_IN`, whose order is that of the findings of equal
severity. One from elsewhere is registered by a module that an entry point of the group
``winnow.plugins`` names, and comes after them. A check that raises becomes a warning in the
report, and the others go on.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from analytics.data.checks.report import CheckReport, Finding, counts_of
from analytics.data.checks.subject import Subject
from analytics.data.dataset import Dataset
from analytics.runtime.arrays import fingerprint_of
from analytics.runtime.errors import WinnowError
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import Registry

__all__ = ["CHECKS", "Check", "check", "marks", "register"]

Check = Callable[[Subject], Iterable[Finding]]

#: The checks of this package, each in the module of its name.
BUILT_IN = (
    "left_out", "positions", "cells", "open_boundaries", "species_columns", "duplicate_keys",
    "fractional_positions", "lengths",
    "overlapping_atoms", "close_atoms", "energies", "energies_per_atom", "energy_units",
    "all_electron_energies", "forces", "large_forces", "forces_against_energies", "labels_apart",
    "net_force", "net_torque",
    "frozen_atoms", "zero_forces", "stress", "unconverged", "duplicates",
    "conflicting_duplicates", "conflicting_forces", "charge_and_spin", "energy_out_of_line",
    "reference_energies", "isolated_atoms", "no_neighbours", "rare_elements", "other_labels",
    "config_types",
)  # fmt: skip
CHECKS: Registry[Check] = Registry(
    "check", {f"analytics.data.checks.{name}": (name,) for name in BUILT_IN}
)
register = CHECKS.register


def check(dataset: Dataset, *, monitor: Monitor = SILENT) -> CheckReport:
    """Look for errors, doubtful structures and duplicates: run every registered check.

    Parameters
    ----------
    dataset : Dataset
    monitor : Monitor

    Returns
    -------
    CheckReport

    Examples
    --------
    >>> for finding in winnow.check(data).findings:
    ...     print(finding.severity, finding.code)
    note isolated_atoms
    """
    subject, names = Subject(dataset), list(CHECKS)
    found: list[Finding] = []
    for at, name in enumerate(names):
        words = f"checking: {name.replace('_', ' ')}"
        subject.monitor = Part(monitor, at / len(names), (at + 1) / len(names), words)
        subject.monitor.report(0.0)
        subject.monitor.checkpoint()
        found += _findings(name, subject)
    monitor.report(1.0, "checked")
    return CheckReport(
        findings=tuple(sorted(found, key=lambda finding: finding.place)),
        counts=counts_of(dataset, subject.duplicate_groups),
        duplicate_groups=subject.duplicate_groups,
    )


def marks(dataset: Dataset) -> str:
    """Return a digest of what checks may look at in the records: all but arrays of reals."""
    return fingerprint_of(_marks(dataset))


def _marks(dataset: Dataset) -> Iterator[Any]:
    for record in dataset.records:
        for name, value in record.info.items():
            if not isinstance(value, np.ndarray) or value.ndim == 0:
                yield f"{name}={value}"
        for name, array in record.arrays.items():
            if array.dtype.kind in "biu":
                yield from (name, array)


def _findings(name: str, subject: Subject) -> list[Finding]:
    try:
        return list(CHECKS[name](subject))
    except WinnowError:
        raise
    except Exception as error:  # one check, maybe somebody else's: the others go on
        message = f"the check {name} failed: {error!r}"
        warnings.warn(message, stacklevel=3)
        return [Finding(name, "warning", message, np.zeros(0, dtype=np.int64))]
