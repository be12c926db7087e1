"""Electron density: one per cent of the grid points is enough, and how GraNd fails."""

from __future__ import annotations

import numpy as np

from analytics.runtime.arrays import FloatArray
from analytics.runtime.text import PAGE
from views.learn.controls import Answer, Choose, Number, Pick, Steps, Task, Values
from views.learn.densities import METHODS_PRUNED, SHARES, SYSTEMS, everything, pruned
from views.learn.drawing import Bars, Layer, Line, Plot, Points, Rule, Seen
from views.learn.lab import Lab
from views.learn.lesson import CHECK, PREDICT, Lesson, Screen, register

#: Share that is asked about.
ONE = SHARES.index(0.01)
#: As good as everything: within so many times its error.
TIMES = 2.0
TONES = {"random": "m0", "ccs": "m1", "grand": "m2"}

SYSTEM = Pick("system", "System", SYSTEMS, "water")
SHARE = Steps("kept", "Grid points kept", tuple(100 * share for share in SHARES), 10.0, "%")


def _percent(value: float) -> str:
    return f"{PAGE.significant(value, 2)}\u202f%"


def _curves(lab: Lab, system: str, methods: tuple[str, ...], *more: Layer) -> Plot:
    whole, layers = everything(lab, system), []
    x = 100 * np.array(SHARES)
    for method in methods:
        y = pruned(lab, system, method).errors
        layers.append(Line(method, x, y, tone=TONES[method]))
        layers.append(
            Points(f"{method} points", x, y, tone=TONES[method], size=8,
                   label=METHODS_PRUNED[method])
        )  # fmt: skip
    rules = (
        Rule("all", whole.error, across="y", tone="text"),
        Rule("atoms", whole.baseline, across="y", tone="quiet", dash="dotted"),
    )
    return Plot(
        (*layers, *rules, *more), x="grid points kept (%)", y="density error (% of the electrons)",
        x_scale="log", y_scale="log" if len(methods) > 1 else "linear", height=320,
        x_ticks={100 * share: f"{100 * share:g}" for share in SHARES},
        note=f"{SYSTEMS[system]}: one model per point, trained here; dashed: all "
        f"{PAGE.count(whole.points)} points of {whole.snapshots} snapshots; dotted: atoms put "
        "together, no model",
    )  # fmt: skip


def _rows(lab: Lab, system: str, methods: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (METHODS_PRUNED[m], *map(_percent, pruned(lab, system, m).errors)) for m in methods
    )


HEAD = ("error with", *(f"{100 * share:g} %" for share in SHARES))


def _shown(lab: Lab, system: str, methods: tuple[str, ...], *more: Layer) -> Seen:
    whole = everything(lab, system)
    facts = ((_percent(whole.error), f"error with all {PAGE.count(whole.points)} points"),)
    plot = _curves(lab, system, methods, *more)
    return Seen(plots=(plot,), facts=facts, head=HEAD, rows=_rows(lab, system, methods))


# ---- one per cent -------------------------------------------------------------------------------


def at_random(lab: Lab, values: Values) -> Seen:
    """Show what models lose that learn from few points drawn at random."""
    more = (Rule("kept", values["kept"], tone="active"),) if "kept" in values else ()
    return _shown(lab, "al", ("random",), *more)


def one_percent(lab: Lab, values: Values) -> Answer:
    """Say how much worse a model of one per cent is."""
    whole, few = everything(lab, "al"), pruned(lab, "al", "random")
    times = few.errors[ONE] / whole.error
    return Answer(
        0 if times < 2 else 1 if times < 10 else 2,
        f"{_percent(whole.error)} with all points, {_percent(few.errors[ONE])} with "
        f"{PAGE.count(int(few.points[ONE]))} of {PAGE.count(whole.points)}. Points next to each "
        "other say nearly the same.",
    )


def smallest_enough(lab: Lab, values: Values) -> Answer:
    """Say whether the share set is the smallest at which random points are as good as all."""
    whole, errors = everything(lab, "al").error, pruned(lab, "al", "random").errors
    at = _at(values["kept"])
    smallest = int(np.argmax(errors <= TIMES * whole))
    return Answer(
        at == smallest,
        f"With {100 * SHARES[at]:g} % the error is {_percent(errors[at])}, "
        f"{errors[at] / whole:.1f} times that of everything.",
    )


def _at(percent: float) -> int:
    return int(np.argmin(np.abs(100 * np.array(SHARES) - percent)))


# ---- GraNd --------------------------------------------------------------------------------------


def hardest(lab: Lab, values: Values) -> Seen:
    """Show random points against those with the largest gradients."""
    return _shown(lab, values.get("system", "al"), ("random", "grand"))


def grand_fails(lab: Lab, values: Values) -> Answer:
    """Say how a model of the hardest one per cent does."""
    few = [pruned(lab, "al", method).errors[ONE] for method in ("random", "grand")]
    times = few[1] / few[0]
    return Answer(
        0 if times < 0.8 else 1 if times < 2 else 2,
        f"{_percent(few[1])}, against {_percent(few[0])} at random. It learns the exceptions and "
        "never sees the rule: where it has no points it makes the density up.",
    )


def _histogram(counts: FloatArray, edges: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return middles of the bins (log10) and the share of the points in each, %."""
    middles = 0.5 * (np.log10(edges[1:]) + np.log10(edges[:-1]))
    return middles, 100 * counts / counts.sum()


def where(lab: Lab, values: Values) -> Seen:
    """Show at which densities the kept points lie."""
    whole, system = everything(lab, "water"), "water"
    plots = []
    x, every = _histogram(whole.histogram, whole.edges)
    width = float(x[1] - x[0])
    for method in ("random", "grand"):
        found = pruned(lab, system, method)
        _, kept = _histogram(found.histograms[ONE], whole.edges)
        plots.append(
            Plot(
                (Bars("all", x, every, width=width, tone="rest", label="all points"),
                 Line("kept", x, kept, tone=TONES[method], width=2.5,
                      label=f"1 % kept, {METHODS_PRUNED[method]}")),
                x="log10 of the density (e/bohr³)", y="share of the points (%)", height=280,
                note=f"water: {PAGE.count(int(found.points[ONE]))} of {PAGE.count(whole.points)} "
                "points kept",
            )
        )  # fmt: skip
    rows = tuple(
        (METHODS_PRUNED[m], _percent(pruned(lab, system, m).electrons[ONE]),
         _percent(pruned(lab, system, m).errors[ONE]))
        for m in ("random", "grand")
    )  # fmt: skip
    head = ("1 % kept", "electrons they stand for", "density error")
    return Seen(plots=tuple(plots), head=head, rows=rows)


def from_where(lab: Lab, values: Values) -> Answer:
    """Say at which densities the hardest points lie: the third of the log scale that has most."""
    kept = pruned(lab, "water", "grand").histograms[ONE]
    thirds = [float(part.sum()) for part in np.array_split(kept, 3)]
    share = 100 * max(thirds) / sum(thirds)
    return Answer(
        int(np.argmax(thirds)),
        f"{_percent(share)} of them lie in that third of the scale. Nothing of the tails and of "
        "the empty space, where most grid points are, is learned.",
    )


def electrons(lab: Lab, values: Values) -> Answer:
    """Say which share of the electrons the hardest one per cent of the points stand for."""
    found = float(pruned(lab, "water", "grand").electrons[ONE])
    return Answer(found, f"1 % of the points, {_percent(found)} of the electrons, all near nuclei.")


# ---- strata -------------------------------------------------------------------------------------


def strata(lab: Lab, values: Values) -> Seen:
    """Show all three."""
    return _shown(lab, values.get("system", "water"), tuple(METHODS_PRUNED))


def best_on(lab: Lab, system: str) -> tuple[int, list[float]]:
    """Return which method is best at one per cent, and all errors."""
    errors = [float(pruned(lab, system, method).errors[ONE]) for method in METHODS_PRUNED]
    return int(np.argmin(errors)), errors


def best_on_water(lab: Lab, values: Values) -> Answer:
    """Say which method is best at one per cent of the points of water."""
    first, errors = best_on(lab, "water")
    said = ", ".join(
        f"{title} {_percent(e)}" for title, e in zip(METHODS_PRUNED.values(), errors, strict=True)
    )
    return Answer(
        first,
        f"With 1 %: {said}. Most of a box around a molecule is empty, so that random points miss "
        "the nuclei; equal shares of strata of the score take some of everything.",
    )


def system_where_close(lab: Lab, values: Values) -> Answer:
    """Say whether in the system set random is about as good as the strata at one per cent."""
    _, errors = best_on(lab, values["system"])
    times = errors[0] / errors[1]
    return Answer(
        times < 1.25,
        f"{SYSTEMS[values['system']].capitalize()}: {_percent(errors[0])} at random, "
        f"{_percent(errors[1])} with strata.",
    )


@register
class Densities(Lesson):
    """Electron density: one per cent is enough."""

    name, title, place, minutes = "densities", "Electron density: one per cent", 60, 10
    learns = (
        "most grid points of a density say what their neighbours say",
        "the hardest points alone (GraNd) teach a model nothing of the rest",
        "strata take some of everything; when random is as good, and when not",
    )
    notes = (
        "All models are trained while the room looks: about a second each, once for everybody. The "
        "seed is fixed, one model per point: a class may ask how much another seed would change "
        "(the stage Density has three).\n\n"
        "Ask for a guess of the smallest share before *One per cent*. Few go below ten.\n\n"
        "GraNd fails on both systems, for one reason seen twice: in the metal it takes the "
        "neighbourhood of displaced atoms, in water that of the nuclei. Its scores are no "
        "nonsense: with half of the points it beats random on water. What fails is to take "
        "*only* the top."
    )
    sources = (
        "Hossain et al., arXiv:2507.09001",
        "Paul, Ganguli, Dziugaite, NeurIPS 2021, arXiv:2107.07075 (GraNd)",
        "Zheng et al., ICLR 2023, arXiv:2210.15809 (CCS)",
    )
    screens = (
        Screen(
            name="one", kind=PREDICT, title="One per cent",
            text="A network learns the electron density of aluminium at *grid points* from what "
            "is around them. Twenty snapshots have more than a hundred thousand points.\n\nIt now "
            "learns from one per cent of them, drawn at random.",
            show=at_random, slow=True,
            question=Choose(
                "How much larger is its error on snapshots never seen?",
                ("Less than twice", "Two to ten times", "More than ten times"), one_percent,
            ),
        ),
        Screen(
            name="fewest", kind=CHECK, title="How few are enough?",
            text=f"Within {TIMES:g} times the error of all points shall be enough.",
            show=at_random, controls=(SHARE,), slow=True,
            question=Task(
                "Set the smallest share of the points that is enough.",
                smallest_enough, "the smallest that is enough",
                way_on="Double the error of all points and read along the row of the table.",
            ),
        ),
        Screen(
            name="grand", kind=PREDICT, title="Only the hardest",
            text="*GraNd* scores a point by how strongly it would pull at the network's weights. "
            "Hard points pull most. One per cent again, now the *hardest*.",
            show=hardest, slow=True,
            question=Choose(
                "Next to random points its error is",
                ("smaller: hard points teach most", "about the same", "more than twice as large"),
                grand_fails,
            ),
        ),
        Screen(
            name="where", kind=CHECK, title="Where do they lie?",
            text="A water molecule in a box. Grey: at which densities the grid points lie. Line: "
            "those that are kept.",
            show=where, slow=True,
            question=Choose(
                "GraNd takes its points where the density is",
                ("low: the empty box", "in between: the tails", "high: near the nuclei"),
                from_where, way_on="Compare the line with the grey bars, in the second plot.",
            ),
        ),
        Screen(
            name="electrons", kind=CHECK, title="One per cent of what?",
            text="Points are not electrons: each has the density of its place.",
            show=where, slow=True,
            question=Number(
                "Which share of the electrons do GraNd's one per cent of the points stand for?",
                electrons, tolerance=2.0, unit="%", way_on="It is in the table.",
            ),
        ),
        Screen(
            name="strata", kind=PREDICT, title="Some of everything",
            text="*CCS* sorts the points by the same score into strata and takes an equal share of "
            "each, hard and easy.",
            show=strata, slow=True,
            question=Choose(
                "With one per cent of the points of water, which is best?",
                tuple(METHODS_PRUNED.values()), best_on_water,
            ),
        ),
        Screen(
            name="hard_to_beat", kind=CHECK, title="When is random hard to beat?",
            text="In a crystal every region of the cell is full of electrons. In a box with a "
            "molecule it is not.",
            show=strata, controls=(SYSTEM,), slow=True, follows="strata",
            question=Task(
                "Set the system in which one per cent at random does about as well as strata.",
                system_where_close, "random within a quarter of the strata",
                way_on="Set a system, and compare the first two rows under 1 %.",
            ),
        ),
    )  # fmt: skip
