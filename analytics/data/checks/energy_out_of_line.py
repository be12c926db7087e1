"""Energy outliers: energies per atom apart from those of the same class and composition."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import CLOSE_RATIO, Subject
from analytics.data.energy_levels import energy_levels, kinds_of
from analytics.runtime.arrays import members_of

OUT_OF_LINE = 1.0
"""Energies that are out of line by less are for `winnow conflicts` to list, eV/atom."""
FEW = (6, 10)
"""Structures of one composition, from and below, of which one alone is looked for."""
FAR, TIMES = 5.0, 10.0
"""How far it has to be from the others, in eV/atom and in ranges of theirs."""
NAMED = 5
"""Blocks that are named, the farthest first."""


@register("energy_out_of_line")
def check_energy_out_of_line(subject: Subject) -> Iterator[Finding]:
    """Note blocks of structures whose energies a gap parts from the others of their kind."""
    if subject.dataset.energies is None:
        return
    blocks = [b for b in energy_levels(subject.dataset).blocks if b.farthest > OUT_OF_LINE]
    explained = np.concatenate([np.zeros(0, np.int64), *subject.mixed_energies.values()])
    # another unit is the cause of these, and another finding
    blocks = [b for b in blocks if not np.isin(b.structures, explained).all()]
    few = [] if blocks or len(explained) else _of_few(subject)
    yield from subject.having(
        "energy_out_of_line", "note", np.array(few, dtype=np.int64),
        f"an energy over {FAR:g} eV/atom away from the others of the same composition, which lie "
        "close together",
        advice="look at it: another unit or setting, a calculation that did not converge, or a "
        "geometry unlike the others",
    )  # fmt: skip
    if not blocks:
        return
    named = "; ".join(block.words for block in blocks[:NAMED])
    more = f"; and {len(blocks) - NAMED} more" if len(blocks) > NAMED else ""
    yield from subject.having(
        "energy_out_of_line", "note", np.unique(np.concatenate([b.structures for b in blocks])),
        f"an energy over {OUT_OF_LINE:g} eV/atom away from others of the same class and "
        "composition, with a gap between",
        named + more,
        "look at one of each block: another unit or setting, a calculation that did not converge, "
        "or a geometry unlike the others; winnow conflicts lists all",
    )  # fmt: skip


def _of_few(subject: Subject) -> list[int]:
    """Return single structures far from the few others of their composition."""
    dataset, found = subject.dataset, []
    assert dataset.energies is not None
    energies = dataset.energies / np.maximum(1, dataset.sizes)
    usable = np.isfinite(energies) & ~dataset.isolated & subject.looked_at
    usable &= subject.contacts.ratio > CLOSE_RATIO  # else the atoms are the cause
    for group in members_of(kinds_of(dataset, 2, classes=False)):
        members = group[usable[group]]
        if not FEW[0] <= len(members) < FEW[1]:
            continue
        order = members[np.argsort(energies[members], kind="stable")]
        for odd, others in ((order[-1], order[:-1]), (order[0], order[1:])):
            away = np.abs(energies[others] - energies[odd]).min()
            if away > max(FAR, TIMES * np.ptp(energies[others])):
                found.append(int(odd))
    return found
