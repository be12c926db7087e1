"""Energy outliers: energies per atom apart from those of the same class and composition."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject
from analytics.data.energy_levels import energy_levels

OUT_OF_LINE = 1.0
"""Energies that are out of line by less are for `winnow conflicts` to list, eV/atom."""
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
