"""A stage of the page: how many structures have how many atoms."""

from typing import ClassVar

import numpy as np
import panel as pn
from panel.viewable import Viewable

from views.shell.stage import Stage, register


@register
class SizesStage(Stage):
    """Numbers of atoms, counted."""

    title: ClassVar[str] = "Sizes"
    place: ClassVar[int] = 90
    words: ClassVar[dict[str, str]] = {"Size": "the number of atoms of a structure"}

    def build(self, dark: bool) -> Viewable:
        """See `Stage`; called once, when the stage is first looked at and data are there."""
        sizes, counts = np.unique(self.session.dataset.sizes, return_counts=True)
        rows = [f"{count} of {size} atoms" for size, count in zip(sizes, counts, strict=True)]
        return pn.pane.Str("\n".join(rows))
