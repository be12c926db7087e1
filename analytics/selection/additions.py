"""Additions (conditional selection): what to add to a set that is there, and where to stop."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from analytics.descriptors.base import Descriptors
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray, IntArray, fingerprint, ragged_rows
from analytics.runtime.progress import SILENT, Monitor
from analytics.selection.base import Selection, select

__all__ = ["MOST", "TOGETHER", "additions_to", "own_part", "worth_adding"]

#: So many additions are looked at: what comes later brings less.
MOST = 500
#: Gains of single structures go up and down; so many in a row are looked at together.
TOGETHER = 10


def own_part(descriptors: Descriptors, structures: IntArray) -> Descriptors:
    """Return the descriptors of some structures of the set, as what is there already.

    Parameters
    ----------
    descriptors : Descriptors
    structures : int array (m,)
        Indices into the data set; isolated atoms have no descriptors.
    """
    places = np.flatnonzero(np.isin(descriptors.structures, structures))
    offsets = descriptors.structure_offsets
    rows = ragged_rows(offsets, places)
    return replace(
        descriptors,
        values=descriptors.values[rows],
        structures=descriptors.structures[places],
        structure_offsets=np.concatenate([[0], np.cumsum(np.diff(offsets)[places])]),
        environments=descriptors.environments[rows],
        fingerprint=fingerprint("part", descriptors.fingerprint, places),
    )


def additions_to(
    analysis: Analysis,
    reference: Descriptors,
    method: str,
    known: tuple[int, ...] = (),
    monitor: Monitor = SILENT,
) -> Selection:
    """Return the structures that add most to a set that is there, in order.

    Parameters
    ----------
    analysis : Analysis
    reference : Descriptors
        What is there: of another file in the same description, or `own_part`.
    method : str
        One that is conditional.
    known : tuple of int
        Structures that are not to be added: those that are there, and what is rejected.

    Returns
    -------
    Selection
        At most `MOST`; `information` is the delta entropy that each brings, nats.
    """
    size = max(0, min(MOST, analysis.n_structures - len(known)))
    return select(
        analysis, method, size=size, drop=known, reference=reference, monitor=monitor
    )  # fmt: skip


def worth_adding(gains: FloatArray, least: float) -> int:
    """Return how many additions come before `TOGETHER` in a row that each bring less than `least`.

    Parameters
    ----------
    gains : float array (m,), nats
        Of the additions in order, see `Selection.information`.
    least : float, nats

    Returns
    -------
    int
        At the end of the order fewer than `TOGETHER` in a row will do.

    Notes
    -----
    O(m).
    """
    enough = np.append(np.flatnonzero(gains >= least), len(gains) + TOGETHER)
    before = np.append(-1, enough[:-1])
    last = before[np.flatnonzero(enough - before > TOGETHER)[0]]
    return int(last) + 1
