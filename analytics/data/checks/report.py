"""Findings of the checks, their severity, and the report with the counts of a data set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from ase.data import chemical_symbols

from analytics.data.dataset import Dataset
from analytics.runtime.arrays import IntArray, frozen
from analytics.runtime.value import Table, Value

__all__ = ["SEVERITIES", "CheckReport", "Finding", "Severity", "counts_of"]

Severity = Literal["error", "warning", "note"]
#: In the order of any list of findings.
SEVERITIES: tuple[Severity, ...] = get_args(Severity)


@dataclass(frozen=True, slots=True)
class Finding(Value):
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
    advice : str
        What to do about it, where there is something to do.
    """

    code: str
    severity: Severity
    message: str
    structures: IntArray
    evidence: str = ""
    advice: str = ""

    def __post_init__(self) -> None:
        """Freeze the indices."""
        object.__setattr__(self, "structures", frozen(self.structures, np.int64))

    @property
    def place(self) -> int:
        """Place of its severity in a list: errors first."""
        return SEVERITIES.index(self.severity)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, for JSON."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "structures": self.structures.tolist(),
            "evidence": self.evidence,
            "advice": self.advice,
        }


@dataclass(frozen=True, slots=True)
class CheckReport(Table):
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

    def _facts(self) -> Iterator[str]:
        for severity in SEVERITIES:
            n = sum(finding.severity == severity for finding in self.findings)
            yield f"{n} {severity}{'s' * (n != 1)}"

    def to_frame(self) -> Any:
        """Return one row per finding, errors first."""
        import pandas as pd  # slow to import, and few ask

        return pd.DataFrame([finding.to_dict() for finding in self.findings])

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


def counts_of(dataset: Dataset, groups: tuple[IntArray, ...]) -> dict[str, int]:
    """Return what the data set consists of, see `CheckReport.counts`."""
    elements = [chemical_symbols[number] for number in np.unique(dataset.numbers)]
    present, times = np.unique(dataset.compositions > 0, axis=0, return_counts=True)
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
