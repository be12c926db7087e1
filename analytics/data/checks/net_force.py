"""Net force: forces of a structure that do not sum to zero."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject

NET_FORCE = 0.05
"""Forces of a structure without external field sum to zero; more than this is doubtful, eV/Å."""


@register("net_force")
def check_net_force(subject: Subject) -> Iterator[Finding]:
    """Report structures whose forces are all known and sum to more than `NET_FORCE`."""
    dataset = subject.dataset
    if dataset.forces is None:
        return
    net = subject.net_forces
    largest = int(np.argmax(net))
    yield from subject.having(
        "net_force", "warning", net > NET_FORCE,
        f"forces that do not sum to zero (|sum F| above {NET_FORCE} eV/Å)",
        f"largest: {net[largest]:.3g} eV/Å in frame {dataset.frame_indices[largest]}",
        "fixed atoms, an external field or a loose convergence of the calculation leave such a sum",
    )  # fmt: skip
