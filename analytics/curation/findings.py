"""Findings that can be acted on: what of them would be rejected, which repair reads the file anew.

Those of the checks are known when a file is open; those about alike structures and environments
(near-duplicates, labels that contradict one another) are worked out afterwards, and say only what
the checks have not said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from analytics.curation.conflicts import Conflicts
from analytics.curation.duplicates import Duplicates
from analytics.data.checks.report import CheckReport, Finding
from analytics.data.checks.subject import finding_about, named_frames
from analytics.data.dataset import Dataset
from analytics.data.units import USUAL
from analytics.runtime.arrays import IntArray, frozen, owners
from analytics.runtime.value import Value

__all__ = ["Actionable", "Repair", "State", "alike_findings", "check_findings", "errors_first"]

State = Literal["open", "waived", "settled", "note"]

#: What the ledger calls the step, where that is shorter than the code in words.
_TITLES = {
    "duplicates": "Exact duplicates",
    "near_duplicates": "Near-duplicates",
    "duplicates_across_classes": "Duplicates across classes",
    "conflicting_duplicates": "Conflicting energies",
    "conflicting_alike": "Conflicting energies of alike structures",
    "conflicting_environments": "Conflicting forces of alike environments",
    "energy_out_of_line": "Energies out of line",
    "further_energies": "Energies out of line, below 1 eV/atom",
    "left_out": "Left out",
}
#: Label -> words in the codes of findings that are about it.
_ABOUT = {"stress": ("stress",), "forces": ("force", "labels_apart"), "energy": ("energ",)}
#: Findings about single structures: to leave out a label of all would be no answer.
_SINGLE = {
    "large_forces", "impossible_forces", "force_out_of_line", "close_and_strong", "zero_forces",
    "energy_out_of_line", "missing_energy", "missing_forces", "reference_energies",
    "conflicting_forces", "other_forces", "other_energy", "net_force", "net_torque",
    "stress_not_symmetric",
}  # fmt: skip
#: Other names of a label that are offered.
RIVALS = 3
_OPTION = re.compile(
    r"--units (?P<unit>\w+=[^\s,;:]+)|--repair (?P<repair>fractional)"
    r"|--(?P<none>energy|forces|stress|config-type)-key ''"
)


@dataclass(frozen=True, slots=True)
class Repair(Value):
    """Another way to read the file, after which a finding should be gone.

    Attributes
    ----------
    words : str
        What it does: "Read stress in GPa".
    options : mapping of str to str
        As arguments of `analytics.data.read_options.ReadOptions.of`.
    """

    words: str
    options: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Actionable(Value):
    """A finding with what can be done about it.

    Attributes
    ----------
    key : str
        Tells it from all others of the data set; the same each time the file is opened.
    finding : Finding
    groups : tuple of int array
        Structures that repeat one another: a rejection leaves one of each. Empty where all
        structures of the finding would go.
    repairs : tuple of Repair
    environments : int array
        Atoms that it is about, as rows of the data set; empty where it is about structures.
    """

    key: str
    finding: Finding
    groups: tuple[IntArray, ...] = ()
    repairs: tuple[Repair, ...] = ()
    environments: IntArray = field(default_factory=lambda: frozen(np.empty(0), np.int64))

    @property
    def title(self) -> str:
        """What the ledger calls it."""
        code = self.finding.code
        return _TITLES.get(code, code.replace("_", " ").capitalize())

    def removal(
        self, dataset: Dataset, pinned: Collection[int], rejected: Collection[int]
    ) -> dict[int, str]:
        """Return the structures that a rejection takes out, with the reason of each.

        Of a group that repeats itself one stays: what is pinned, otherwise the first that is not
        rejected yet. Isolated atoms and what is pinned stay.
        """
        isolated, forced, gone = dataset.isolated, set(pinned), set(rejected)
        frames = dataset.frame_indices
        if not self.groups:
            some = self.finding.structures[~isolated[self.finding.structures]]
            gone_too = dict.fromkeys(some.tolist(), _without_frames(self.finding.message))
            return {s: why for s, why in gone_too.items() if s not in forced}
        found: dict[int, str] = {}
        for group in self.groups:
            members = [int(s) for s in group if not isolated[s]]
            stay = [s for s in members if s in forced] or [s for s in members if s not in gone][:1]
            found |= {s: f"repeats {frames[stay[0]]}" for s in members if stay and s not in stay}
        return found

    def state(
        self,
        dataset: Dataset,
        pinned: Collection[int],
        rejected: Collection[int],
        waived: Collection[str],
    ) -> State:
        """Say whether there is something left to decide.

        "settled" where all that a rejection would take out is rejected, or forced in one by one;
        a note is one whether it is settled or not, unless it was waived.
        """
        if self.key in waived:
            return "waived"
        some = self.finding.structures
        decided = not {*rejected, *pinned}.isdisjoint(some.tolist())
        if decided and set(self.removal(dataset, pinned, rejected)) <= set(rejected):
            return "settled"
        return "note" if self.finding.severity == "note" else "open"


def _without_frames(message: str) -> str:
    """Return a message of a finding without the frames that it names and how many there are."""
    text = re.sub(r" \(frames? [^)]*\)", "", message)
    return re.sub(r"^(\d+) structures? (are|is|has|have|repeats?) ", "", text) or text


def check_findings(report: CheckReport, dataset: Dataset) -> tuple[Actionable, ...]:
    """Return the findings of the checks, and what can be done about each.

    Notes
    -----
    O(n) in the structures that the findings are about.
    """
    found: list[Actionable] = []
    seen: dict[str, int] = {}
    for finding in report.findings:
        seen[finding.code] = count = seen.get(finding.code, 0) + 1
        groups = report.duplicate_groups if finding.code == "duplicates" else ()
        key = finding.code if count == 1 else f"{finding.code}-{count}"
        found.append(Actionable(key, finding, groups, tuple(_repairs(finding, dataset))))
    across = [g for g in report.duplicate_groups if len(set(dataset.config_type[g])) > 1]
    if across:
        found.append(_across(dataset, across))
    return errors_first(found)


def alike_findings(
    dataset: Dataset, report: CheckReport, duplicates: Duplicates, conflicts: Conflicts
) -> tuple[Actionable, ...]:
    """Return what is found by comparing structures and environments, beyond what the checks say.

    Parameters
    ----------
    dataset : Dataset
    report : CheckReport
        Of the same data set.
    duplicates : Duplicates
    conflicts : Conflicts
    """
    said = {code: _said(report, code) for code in ("conflicting_duplicates", "energy_out_of_line")}
    found = [
        *_near(dataset, report, duplicates),
        *_unlike_energies(dataset, conflicts, said["conflicting_duplicates"]),
        *_unlike_forces(dataset, conflicts),
        *_out_of_line(dataset, conflicts, said["energy_out_of_line"]),
    ]
    return errors_first(found)


def _said(report: CheckReport, code: str) -> set[int]:
    return {s for f in report.findings if f.code == code for s in f.structures.tolist()}


def errors_first(found: Iterable[Actionable]) -> tuple[Actionable, ...]:
    """Return findings with errors first, then warnings, then notes."""
    return tuple(sorted(found, key=lambda one: one.finding.place))


def _across(dataset: Dataset, groups: list[IntArray]) -> Actionable:
    some = np.unique(np.concatenate(groups))
    kinds = sorted({" and ".join(sorted(set(dataset.config_type[g]))) for g in groups})
    more = f"; and {len(kinds) - 3} more" if len(kinds) > 3 else ""
    finding = finding_about(
        dataset, "duplicates_across_classes", "warning", some,
        "is equal to one of another class",
        "are equal to one of another class",
        f"{len(groups)} groups: {'; '.join(kinds[:3])}{more}",
        "a split by class would put the same structure into training and test",
    )  # fmt: skip
    return Actionable(finding.code, finding, tuple(groups))


def _near(dataset: Dataset, report: CheckReport, duplicates: Duplicates) -> Iterator[Actionable]:
    exact = {int(s) for group in report.duplicate_groups for s in group[1:]}
    copies, groups = duplicates.copies, duplicates.groups
    if exact.issuperset(copies.tolist()):  # the checks have said so
        return
    atoms = int(dataset.sizes[copies].sum())
    farthest = float(duplicates.distance[copies].max())
    finding = finding_about(
        dataset, "near_duplicates", "note", copies,
        "repeats another, or nearly",
        "repeat another, or nearly",
        f"{len(groups)} groups within {duplicates.spec.tolerance:g} h, the farthest at "
        f"{farthest:.2g} h; {len(exact)} are equal atom by atom; {atoms} environments",
        "Review lists them and lets the tolerance be chosen",
    )  # fmt: skip
    yield Actionable("near_duplicates", finding, tuple(groups))


def _unlike_energies(
    dataset: Dataset, conflicts: Conflicts, said: set[int]
) -> Iterator[Actionable]:
    groups = [g for g in conflicts.energies if not said.issuperset(g.structures.tolist())]
    if not groups:
        return
    some = np.unique(np.concatenate([g.structures for g in groups]))
    worst = max(groups, key=lambda group: group.spread)
    finding = finding_about(
        dataset, "conflicting_alike", "warning", some,
        "is alike another and differs in its labels",
        "are alike others and differ in their labels",
        f"{len(groups)} groups; largest difference {1e3 * worst.spread:.3g} meV/atom in "
        f"{named_frames(dataset.frame_indices[worst.structures].tolist())}",
        "evidence to look at, not proof: a descriptor does not see everything",
    )  # fmt: skip
    yield Actionable("conflicting_alike", finding)


def _unlike_forces(dataset: Dataset, conflicts: Conflicts) -> Iterator[Actionable]:
    pairs = conflicts.forces
    if not len(pairs):
        return
    of = owners(dataset.structure_offsets)
    atoms = np.unique(np.concatenate([pairs.first, pairs.second]))
    finding = finding_about(
        dataset, "conflicting_environments", "warning", np.unique(of[pairs.first]),
        "has an atom whose force contradicts that of an alike one",
        "have atoms whose forces contradict those of alike ones",
        f"{len(pairs)} environments; largest difference {pairs.difference.max():.3g} eV/Å in "
        f"frame {dataset.frame_indices[of[pairs.first[0]]]}",
        "Review lists the pairs; thermal noise of labels is one cause, a wrong setting another",
    )  # fmt: skip
    yield Actionable("conflicting_environments", finding, environments=frozen(atoms, np.int64))


def _out_of_line(dataset: Dataset, conflicts: Conflicts, said: set[int]) -> Iterator[Actionable]:
    found = conflicts.out_of_line
    rest = np.array(sorted(set(found.structures.tolist()) - said), dtype=np.int64)
    if not len(rest):
        return
    blocks = [b for b in found.blocks if not said.issuperset(b.structures.tolist())]
    named = "; ".join(block.words for block in blocks[:3])
    finding = finding_about(
        dataset, "further_energies", "note", rest,
        "has an energy out of line with its class and composition",
        "have energies out of line with their class and composition",
        named + (f"; and {len(blocks) - 3} more" if len(blocks) > 3 else ""),
        "",
    )  # fmt: skip
    yield Actionable("further_energies", finding)


# ---- repairs ------------------------------------------------------------------------------------


def _repairs(finding: Finding, dataset: Dataset) -> Iterator[Repair]:
    """Yield what the advice names first, then other names of the label, then to do without it."""
    told = set[tuple[tuple[str, str], ...]]()
    for repair in (*_advised(finding), *_instead(finding, dataset)):
        mark = tuple(repair.options.items())
        if mark not in told:
            told.add(mark)
            yield repair


def _advised(finding: Finding) -> Iterator[Repair]:
    for found in _OPTION.finditer(finding.advice):
        if unit := found["unit"]:
            quantity, _, name = unit.partition("=")
            yield Repair(f"Read {quantity} in {name}", {"units": unit})
        elif found["repair"]:
            yield Repair("Multiply coordinates by the cell", {"repair": "fractional"})
        else:
            name = found["none"].replace("-", "_")
            yield Repair(f"Leave {name} out", {f"{name}_key": ""})


def _negative(unit: str) -> str:
    return unit[1:] if unit.startswith("-") else f"-{unit}"


def _instead(finding: Finding, dataset: Dataset) -> Iterator[Repair]:
    about = (name for name, words in _ABOUT.items() if any(w in finding.code for w in words))
    label = next(about, "")
    if not label or finding.code in _SINGLE or finding.severity == "note":
        return
    used = getattr(dataset.keys, label)
    if "reversed" in finding.code:
        unit = next((u.unit for u in dataset.understood.units if u.quantity == label), USUAL[label])
        yield Repair(f"Turn the sign of {label}", {"units": f"{label}={_negative(unit)}"})
    rivals = (c.key for c in dataset.understood.candidates if c.label == label)
    for key in [key for key in dict.fromkeys(rivals) if key != used][:RIVALS]:
        yield Repair(f"Read {label} from {key}", {f"{label}_key": key})
    if used is not None and not finding.code.startswith("no_"):
        yield Repair(f"Leave {label} out", {f"{label}_key": ""})
