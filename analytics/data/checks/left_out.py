"""Frames, and labels of frames, that could not be used and were left out when the file was read."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject, named_frames


@register("left_out")
def check_left_out(subject: Subject) -> Iterator[Finding]:
    """Report what was left out, first the frames; a frame that was is no structure to point at."""
    dataset = subject.dataset
    places = dataset.structure_of_frame()
    for part in ("frame", "energy", "forces", "stress"):
        found = [one for one in dataset.understood.left_out if one.part == part]
        if not found:
            continue
        what = f"{'' if part == 'frame' else f'{part} of '}{len(found)} frame"
        frames = named_frames([one.frame for one in found])
        yield Finding(
            code=f"{part}_left_out",
            severity="warning",
            message=f"{what}{'s' * (len(found) != 1)} left out ({frames})",
            structures=np.array([places[f.frame] for f in found if f.frame in places], np.int64),
            evidence=f"frame {found[0].frame}: {found[0].said}",
            advice="the others are used; mend them in the file, or --strict refuses it",
        )
