"""Cells that are NaN, infinite or without volume."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Mask, Subject
from analytics.data.contacts import THINNEST


@register("cells")
def check_cells(subject: Subject) -> Iterator[Finding]:
    """Report cells that are not finite, and periodic ones thinner than `THINNEST`."""
    dataset = subject.dataset
    broken: Mask = np.asarray(~np.isfinite(dataset.cells).all(axis=(1, 2)))
    yield from subject.found(
        "cell_not_finite", "error", broken,
        "has a cell with NaN or infinity in it", "have a cell with NaN or infinity in it",
    )  # fmt: skip
    flat, heights = subject.flat & ~broken, subject.heights
    thinnest = int(np.argmin(np.where(flat[:, None], heights, np.inf).min(axis=1)))
    yield from subject.having(
        "cell_without_volume", "error", flat,
        f"a periodic cell of zero volume (thinner than {THINNEST} Å in a periodic direction)",
        f"thinnest: {heights[thinnest].min():.3g} Å in frame {dataset.frame_indices[thinnest]}",
    )  # fmt: skip
