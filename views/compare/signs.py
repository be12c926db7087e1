"""What the signs mean: colours, bars, dashes and marks of Compare, in a dialog."""

from __future__ import annotations

from views.kit.text import Html, facts
from views.kit.widgets import Button, Dialog

__all__ = ["Signs"]

SIGNS = {
    "grey": "the full set: what is not kept, or has no value of the property in the legend",
    "colour": "what a column keeps, in the colour of its method; or the property in the legend, "
    "faint where it is not kept",
    "dark points, dashes": "what is brushed: points in the maps, a dashed line in the tails",
    "◆": "the structure under inspection, or its atom",
    "●": "beside a figure: the best of its row; in a table: the column of this colour keeps the "
    "structure",
    "bar": "a figure of the score card, as long as it is good; the upright mark on its track is "
    "the full set",
    "thin line on a bar, ○": "the figure from half to twice the kernel width; ○: no column is "
    "the best, for the reason under the mouse",
    "band": "no subset can do better than its upper edge: the certificate",
}


class Signs:
    """A button and the dialog that it opens."""

    def __init__(self) -> None:
        self.dialog = Dialog(
            Html(facts(SIGNS.items(), "help"), margin=(5, 10)), title="What the signs mean"
        )
        self.button = Button(
            label="Signs",
            variant="text",
            margin=(0, 0, 0, 4),
            align="center",
            hint="What grey, dashed, the bar, ● and ◆ mean",
            on_click=lambda event: setattr(self.dialog, "open", True),
        )
