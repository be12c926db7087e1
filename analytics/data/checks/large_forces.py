"""Large forces: forces whose size alone says that something is wrong with them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject
from analytics.data.contacts import nearest_ratios

IMPOSSIBLE = 1000.0
"""No structure worth learning from has forces above this, eV/Å, unless two nuclei are about to
meet: 23.06² = 532 is the factor of a conversion from kcal/mol done the wrong way round."""
DOUBTFUL = 100.0
"""Above this, eV/Å, atoms have to be close to one another..."""
CLOSE = 0.8
"""...closer than this part of the sum of their covalent radii."""
FAR_OUT = 10.0
"""A force this many times the largest of 99 % of the structures is pointed out."""
ENOUGH = 50
"""Structures that have a distribution."""


@register("large_forces")
def check_large_forces(subject: Subject) -> Iterator[Finding]:
    """Compare the largest force of each structure with what is possible, and with the others."""
    largest = subject.largest_forces
    if not np.isfinite(largest).any():
        return
    known = np.where(np.isfinite(largest), largest, 0.0)
    worst = int(np.argmax(known))
    usual = float(np.median(largest[np.isfinite(largest)]))
    seen = (
        f"largest: {known[worst]:.4g} eV/Å in frame {subject.dataset.frame_indices[worst]}; "
        f"half of the structures stay below {usual:.3g} eV/Å"
    )
    large, close = known > DOUBTFUL, np.zeros(len(known), dtype=bool)
    measured = np.flatnonzero(large & subject.looked_at)
    close[measured] = nearest_ratios(subject.dataset, measured, 1.0) < CLOSE
    close &= usual <= DOUBTFUL
    impossible = (known > IMPOSSIBLE) & ~close
    unit = (
        "look at the unit: all are large, so it is a conversion and no single structure (kcal/mol "
        "to eV done the wrong way round is a factor of 532)"
        if usual > DOUBTFUL
        else "leave these structures out, or calculate them again"
    )
    yield from subject.having(
        "impossible_forces", "error", impossible,
        f"forces above {IMPOSSIBLE:g} eV/Å, beyond any structure worth learning from", seen, unit,
    )  # fmt: skip
    yield from subject.having(
        "large_forces", "warning", large & ~close & ~impossible,
        f"forces above {DOUBTFUL:g} eV/Å and no two atoms that are close", seen, unit,
    )  # fmt: skip
    finite = largest[np.isfinite(largest)]
    if len(finite) >= ENOUGH:
        limit = FAR_OUT * float(np.quantile(finite, 0.99))
        yield from subject.having(
            "force_out_of_line", "note", (known > limit) & (known <= DOUBTFUL),
            f"a force over {FAR_OUT:g} times the largest of 99 % of the structures", seen,
            "look at them: a fit by least squares is drawn towards them",
        )  # fmt: skip
    yield from subject.having(
        "close_and_strong", "note", large & close,
        f"forces above {DOUBTFUL:g} eV/Å where atoms are close", seen,
        "meant for short distances? A fit by least squares is drawn towards them",
    )  # fmt: skip
