"""Net torque: forces that would turn a molecule that nothing holds."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.net_force import NET_FORCE
from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject

NET_TORQUE = 0.02
"""Share of the sum of distance times force; 22 published sets of molecules stay below 0.0007."""
SMALLEST = 0.1
"""Torques below this are of no interest, eV: relaxed structures have nothing but rounding."""


@register("net_torque")
def check_net_torque(subject: Subject) -> Iterator[Finding]:
    """Report structures without periodicity whose forces have a torque about their middle.

    The energy of a molecule does not depend on how it is turned, so that the torque is zero;
    forces that belong to other atoms, or to another orientation, do not have that in common.
    """
    dataset = subject.dataset
    free = ~dataset.pbc.any(axis=1) & (dataset.sizes > 2)
    if dataset.forces is None or not free.any():
        return
    known = np.isfinite(dataset.forces) & np.isfinite(dataset.positions)
    forces = np.where(known, dataset.forces, 0.0)
    places = np.where(known, dataset.positions, 0.0)
    middle = dataset.reduced(np.add, places, 0.0) / np.maximum(dataset.sizes, 1)[:, None]
    places -= np.repeat(middle, dataset.sizes, axis=0)
    lengths = np.linalg.norm(places, axis=1) * np.linalg.norm(forces, axis=1)
    torques = dataset.reduced(np.add, np.cross(places, forces), 0.0)
    torque = np.linalg.norm(torques, axis=1)
    most = dataset.reduced(np.add, lengths, 0.0)
    turned = free & (torque > SMALLEST) & (torque > NET_TORQUE * most)
    # a sum of forces is reported by itself, and has a torque
    turned &= subject.every_atom(known) & (subject.net_forces <= NET_FORCE)
    worst = int(np.argmax(np.where(turned, torque, 0.0)))
    yield from subject.having(
        "net_torque", "warning", turned,
        "forces that sum to zero and would turn it (a torque above "
        f"{NET_TORQUE:.0%} of the sum of distance times force)",
        f"largest: {torque[worst]:.3g} eV in frame {dataset.frame_indices[worst]}",
        "are the forces in the order of the atoms, and in the same orientation as the positions "
        "(Gaussian prints several)? A cell that is not in the file leaves a torque too, as does "
        "an external field",
    )  # fmt: skip
