"""A lesson: how many atoms the structures of the carbon set have."""

import numpy as np

from views.learn.controls import Answer, Number, Steps, Values
from views.learn.drawing import Bars, Plot, Seen
from views.learn.lab import Lab
from views.learn.lesson import CHECK, TRY, Lesson, Screen, register

BINS = Steps("bins", "Number of bins", (5, 10, 20), 10)


def sizes(lab: Lab, values: Values) -> Seen:
    """Show a histogram of the numbers of atoms."""
    counts, edges = np.histogram(lab.carbon().sizes, bins=int(values["bins"]))
    bars = Bars("bars", edges[:-1], counts, width=edges[1] - edges[0], tone="m0")
    return Seen(plots=(Plot((bars,), x="atoms", y="structures"),))


def largest(lab: Lab, values: Values) -> Answer:
    """Return the right answer and what is said to it."""
    most = int(lab.carbon().sizes.max())
    return Answer(most, f"The largest structure has {most} atoms.")


@register
class Sizes(Lesson):
    """Equal numbers of structures are not equal numbers of atoms."""

    name, title, place, minutes = "sizes", "Sizes", 80, 5
    learns = ("that a budget in structures is not a budget in atoms",)
    notes = "Ask what costs more to compute: ten structures of 64 atoms, or forty of 2."
    screens = (
        Screen(
            name="histogram",
            kind=TRY,
            title="Structures differ in size",
            text="More bins show more of it.",
            show=sizes,
            controls=(BINS,),
        ),
        Screen(
            name="largest",
            kind=CHECK,
            title="How large is the largest?",
            text="Read it off the plot.",
            show=sizes,
            controls=(BINS,),
            question=Number("Atoms of the largest structure?", largest, tolerance=4, unit="atoms"),
        ),
    )
