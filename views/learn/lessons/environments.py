"""Lesson 1: what an environment is, what redundant means, and that the kernel width decides it."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from analytics.information.analysis import Analysis
from analytics.information.entropy import delta_entropy, entropy
from analytics.information.kernel import COVERED_BELOW, kernel_sums
from analytics.information.outliers import outlier_scores
from analytics.runtime.arrays import FloatArray
from analytics.runtime.progress import Monitor
from analytics.runtime.text import PAGE
from views.learn.controls import Answer, Choose, Number, Pick, Steps, Taps, Task, Values
from views.learn.drawing import Discs, Field, Line, Plot, Points, Rule, Seen, Texts
from views.learn.lab import Lab
from views.learn.lesson import CHECK, PREDICT, SEE, TRY, Lesson, Screen, register
from views.learn.toy import SIDE, crowds, grid, liquid, plane_kernel

__all__ = ["Environments", "redundancy_of"]

WIDTHS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.6, 0.8, 1.2, 1.6, 2.4, 4.0, 6.0)
WIDTH = Steps("h", "Width h of the kernel", WIDTHS, 0.6)
SET = Pick("set", "Points", {"0": "Set 1", "1": "Set 2", "2": "Set 3"}, "0")
POINT = Taps("point", "Point looked at (tap one)", of=60, most=1, default=(5,))
PLACES = tuple(np.round(np.arange(0.0, SIDE + 0.01, 0.25), 2).tolist())
X, Y = Steps("x", "Across", PLACES, 1.5), Steps("y", "Up", PLACES, 6.0)
GROUPS = Steps("groups", "Number of groups", (1, 2, 3, 4, 5, 6), 3)
#: Widths over that which Winnow has chosen for carbon, and those of them that an axis names.
FACTORS = (0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0)
NAMED = (0.25, 0.5, 1.0, 2.0, 4.0)
FACTOR = Steps("factor", "Width", FACTORS, 1.0, "times h")
#: Classes of carbon that are compared: name, tone, and how their config_type begins.
CLASSES = (
    ("graphene", "m0", ("graphene",)),
    ("diamond", "m1", ("diamond",)),
    ("amorphous", "m2", ("amorphous_low_density", "amorphous_medium_density",
                         "amorphous_high_density")),
)  # fmt: skip
MORE, LESS, SAME = range(3)


def redundancy_of(x: FloatArray, width: float) -> float:
    """Return the share of environments beyond the effective number, sum over i of 1 / p_i."""
    return max(0.0, 1.0 - float(np.sum(1.0 / kernel_sums(x, bandwidth=width))) / len(x))


def _scores(x: FloatArray, width: float) -> FloatArray:
    return outlier_scores(x, np.arange(len(x) + 1), bandwidth=width).environment


def _plane(*layers, **params) -> Plot:  # type: ignore[no-untyped-def]
    usual = {"x_range": (0.0, SIDE), "y_range": (0.0, SIDE), "square": True, "height": 520}
    return Plot(layers, **usual | params)


def _nats(value: float) -> str:
    return f"{PAGE.number(value, 2)}\u202fnats"


# ---- one point ----------------------------------------------------------------------------------


def near(lab: Lab, values: Values) -> Seen:
    """Show how alike all points are to one of them."""
    x, h = crowds(0), values["h"]
    at = values["point"][-1] if values["point"] else 0
    alike = plane_kernel(x[at : at + 1], x, h)[0]
    total = float(kernel_sums(x[at : at + 1], x, bandwidth=h)[0])
    score = float(_scores(x, h)[at])
    here = x[at : at + 1]
    return Seen(
        plots=(
            _plane(
                Discs("reach", here[:, 0], here[:, 1], h, tone="active", alpha=0.08),
                Points("points", x[:, 0], x[:, 1], size=10, values=alike),
                Points("here", here[:, 0], here[:, 1], size=17, tone="active", hollow=True,
                       label="the point looked at; the circle has radius h"),
                tap=("point",), tapped="points",
                note="60 points. Yellow: alike (kernel near 1); violet: not alike (near 0).",
            ),
        ),
        facts=(
            (f"{total:.1f}", f"kernel sum p: about so many of the {len(x)} points are like "
                             f"this one"),
            (_nats(score), "outlier score, −ln of the sum over all others"),
        ),
    )  # fmt: skip


def _four(values: Values) -> tuple[FloatArray, FloatArray]:
    """Return four candidates of a set, from the common to the lone, in an order of the set."""
    seed = int(values["set"])
    x = crowds(seed)
    order = np.argsort(_scores(x, 0.6))
    some = order[[6, 26, 48, len(x) - 1]]
    return x, np.random.default_rng(100 + seed).permutation(some)


def candidates(lab: Lab, values: Values) -> Seen:
    """Show four points with letters."""
    x, four = _four(values)
    return Seen(
        plots=(
            _plane(
                Points("points", x[:, 0], x[:, 1], size=9, tone="rest"),
                Points("four", x[four, 0], x[four, 1], size=13, tone="text"),
                Texts("letters", x[four, 0], x[four, 1], tuple("ABCD"), tone="text"),
                note="60 points.",
            ),
        )
    )


def scored(lab: Lab, values: Values) -> Seen:
    """Show the outlier scores of all points."""
    x, four = _four(values)
    scores = _scores(x, 0.6)
    texts = tuple(f"{c}: {PAGE.number(scores[i], 1)}" for c, i in zip("ABCD", four, strict=True))
    low, high = float(scores.min()), float(np.quantile(scores, 0.96))
    return Seen(
        plots=(
            _plane(
                Points("points", x[:, 0], x[:, 1], size=10, values=scores, low=low, high=high),
                Points("four", x[four, 0], x[four, 1], size=17, tone="text", hollow=True),
                Texts("letters", x[four, 0], x[four, 1], texts, tone="text"),
                note="Outlier score in nats, at h = 0.6: violet is crowded, yellow is sparse.",
            ),
        )
    )


def sparsest(lab: Lab, values: Values) -> Answer:
    """Return which of the four has the highest score."""
    x, four = _four(values)
    scores = _scores(x, 0.6)[four]
    best = int(np.argmax(scores))
    return Answer(
        best,
        f"Its kernels to all others add up to {np.exp(-scores[best]):.2g}, so its score is "
        f"{_nats(float(scores[best]))}. Far from everything is what sparse means, not: unusual to "
        "look at.",
    )


# ---- a new environment, and the whole set -------------------------------------------------------


def novelty(lab: Lab, values: Values) -> Seen:
    """Show the delta entropy of a new environment, over the landscape of all."""
    x, h = crowds(0), 0.6
    spot = np.array([[values["x"], values["y"]]])
    change = float(delta_entropy(spot, x, bandwidth=h)[0])
    cells, extent = grid()
    sums = kernel_sums(cells, x, bandwidth=h).reshape(90, 90)
    said = "the set has it already" if change < COVERED_BELOW else "it is new to the set"
    return Seen(
        plots=(
            _plane(
                Field("sums", np.minimum(1.0, sums), extent, tone="m0"),
                Points("points", x[:, 0], x[:, 1], size=7, tone="rest", label="the set"),
                Points("spot", spot[:, 0], spot[:, 1], size=14, tone="active", marker="diamond",
                       label="a new environment: tap where it is to be"),
                tap=("x", "y"),
                note="Blue: kernel sum to the set; where it is full, 1 or more. h = 0.6.",
            ),
        ),
        facts=((_nats(change), f"delta entropy, −ln of the kernel sum over the set; {said}"),),
    )  # fmt: skip


def landscape(lab: Lab, values: Values) -> Seen:
    """Show the field of kernel sums, and entropy and redundancy of the set."""
    x, h = crowds(0), values["h"]
    cells, extent = grid()
    sums = kernel_sums(cells, x, bandwidth=h).reshape(90, 90)
    high, n = entropy(x, bandwidth=h), len(x)
    effective = n * (1 - redundancy_of(x, h))
    return Seen(
        plots=(
            _plane(
                Field("sums", sums / sums.max(), extent, tone="m0"),
                Points("points", x[:, 0], x[:, 1], size=6, tone="text"),
                note=f"Kernel sum from 0 to {sums.max():.1f}, and the {n} points that it is "
                f"made of.",
            ),
        ),
        facts=(
            (_nats(high), f"entropy H; at most ln {n} = {np.log(n):.2f}"),
            (f"{effective:.1f}", f"effective number of environments, of {n}"),
            (PAGE.percent(redundancy_of(x, h), 0), "redundant: the rest"),
        ),
    )


@lru_cache(maxsize=16)
def _groups(count: int) -> FloatArray:
    angle = 2 * np.pi * np.arange(count) / count
    centres = 5.0 + 3.4 * np.column_stack([np.cos(angle), np.sin(angle)])
    return np.repeat(centres, 60 // count, axis=0)


def groups(lab: Lab, values: Values) -> Seen:
    """Show groups of equal environments."""
    count = int(values["groups"])
    x = _groups(count)
    centres = x[:: 60 // count]
    return Seen(
        plots=(
            _plane(
                Points("groups", centres[:, 0], centres[:, 1], size=26, tone="m0"),
                Texts("sizes", centres[:, 0], centres[:, 1] + 0.35,
                      tuple([f"{60 // count} equal"] * count), tone="text"),
                note=f"{len(x)} environments in {count} groups, far apart compared with h = 0.2.",
            ),
        )
    )  # fmt: skip


def entropy_of_groups(lab: Lab, values: Values) -> Answer:
    """Return the entropy of the groups."""
    count = int(values["groups"])
    value = entropy(_groups(count), bandwidth=0.2)
    return Answer(
        value,
        f"Each environment has {60 // count} like it, itself included: p = {60 // count}, and "
        f"H = −mean ln(p/60) = ln {count} = {value:.2f} nats. exp(H) counts the groups.",
    )


# ---- the width ----------------------------------------------------------------------------------

SETS = {"crowds": ("two crowds and loners", crowds, "m0"), "liquid": ("a liquid", liquid, "m2")}


@lru_cache(maxsize=8)
def _curve(name: str, seed: int) -> tuple[FloatArray, FloatArray]:
    widths = np.geomspace(WIDTHS[0], WIDTHS[-1], 40)
    x = SETS[name][1](seed)
    return widths, np.array([redundancy_of(x, float(h)) for h in widths])


def _curves(names: tuple[str, ...], h: float) -> Plot:
    layers = []
    for name in names:
        words, _, tone = SETS[name]
        widths, shares = _curve(name, 0)
        layers.append(Line(name, widths, 100 * shares, tone=tone, width=2.5, label=words))
    return Plot(
        (*layers, Rule("h", h, tone="text")), x="width h of the kernel", y="redundant (%)",
        x_scale="log", x_range=(WIDTHS[0], WIDTHS[-1]), y_range=(-3.0, 103.0), height=300,
    )  # fmt: skip


def widths(lab: Lab, values: Values) -> Seen:
    """Show redundancy along the width, for the crowds."""
    return Seen(
        plots=(_curves(("crowds",), values["h"]),),
        facts=((PAGE.percent(redundancy_of(crowds(0), values["h"]), 0), f"redundant at h = "
                                                                        f"{values['h']:g}"),),
    )  # fmt: skip


def wider(lab: Lab, values: Values) -> Answer:
    """Return what a wider kernel does."""
    narrow, wide = (redundancy_of(crowds(0), h) for h in (0.2, 2.4))
    return Answer(
        MORE if wide > narrow else LESS if wide < narrow else SAME,
        f"From h = 0.2 to 2.4 it goes from {PAGE.percent(narrow, 0)} to {PAGE.percent(wide, 0)}. "
        "The points have not moved: the width says from when on two of them count as one.",
    )


def _liquid_plot(h: float) -> Plot:
    x = liquid(0)
    return _plane(
        Discs("reach", x[:, 0], x[:, 1], min(h, 2 * SIDE), tone="m2", alpha=0.05),
        Points("points", x[:, 0], x[:, 1], size=6, tone="m2"),
        height=360, note=f"{len(x)} points that keep a distance, as atoms of a liquid; circles: h.",
    )  # fmt: skip


def liquid_alone(lab: Lab, values: Values) -> Seen:
    """Show the points of the liquid."""
    return Seen(plots=(_liquid_plot(0.15),))


def liquid_widths(lab: Lab, values: Values) -> Seen:
    """Show the liquid, and its redundancy along the width."""
    h = values.get("h", 0.15)
    share = redundancy_of(liquid(0), h)
    return Seen(
        plots=(_liquid_plot(h), _curves(("crowds", "liquid"), h)),
        facts=((PAGE.percent(share, 0), f"of the liquid is redundant at h = {h:g}"),),
    )


def liquid_share(lab: Lab, values: Values) -> Answer:
    """Return how redundant the liquid is at a narrow width, %."""
    x = liquid(0)
    share, wide = (100 * redundancy_of(x, h) for h in (0.15, WIDTHS[-1]))
    return Answer(
        share,
        "No two points are within h of each other, so each counts for itself. At "
        f"h = {WIDTHS[-1]:g} the same set is {wide:.0f}\u202f% redundant. A liquid has no copies, "
        "only likeness: between nothing and everything the width alone decides.",
    )


def halfway(lab: Lab, values: Values) -> Answer:
    """Say whether the liquid is about half redundant."""
    share = redundancy_of(liquid(0), values["h"])
    return Answer(
        0.4 <= share <= 0.65,
        f"At h = {values['h']:g} the liquid is {PAGE.percent(share, 0)} redundant.",
    )


# ---- carbon -------------------------------------------------------------------------------------


def class_widths(analysis: Analysis, factors: FloatArray, monitor: Monitor) -> FloatArray:
    """Return the redundancy of classes of carbon, each by itself, at widths, (classes, widths)."""
    own = analysis.descriptors
    kinds = analysis.dataset.config_type[own.structures][own.owners]
    found = np.empty((len(CLASSES), len(factors)))
    for row, (_, _, names) in enumerate(CLASSES):
        x = own.values[np.isin(kinds, names)]
        for column, factor in enumerate(factors):
            found[row, column] = redundancy_of(x, float(factor) * analysis.spec.bandwidth)
            monitor.checkpoint()
    return found


def _of_carbon(lab: Lab) -> tuple[FloatArray, FloatArray]:
    factors = np.array(FACTOR.steps)
    return factors, lab.find("redundancy of classes along the width", class_widths, factors)


def carbon(lab: Lab, values: Values) -> Seen:
    """Show the redundancy of three classes of carbon along the width."""
    factors, shares = _of_carbon(lab)
    analysis, factor = lab.carbon(), values.get("factor", 1.0)
    h = analysis.spec.bandwidth
    at = int(np.argmin(abs(factors - factor)))
    own = analysis.descriptors
    kinds = analysis.dataset.config_type[own.structures][own.owners]
    layers = [
        Line(name, factors * h, 100 * shares[row], tone=tone, width=2.5, label=name)
        for row, (name, tone, _) in enumerate(CLASSES)
    ]
    return Seen(
        plots=(
            Plot(
                (*layers, Rule("h", factor * h, tone="text")), x="width h of the kernel (1/Å)",
                y="redundant (%)", x_scale="log", x_range=(factors[0] * h, factors[-1] * h),
                y_range=(-3.0, 103.0), height=420, x_ticks={f * h: f"{f * h:.3g}" for f in NAMED},
                note=f"Each class by itself. Carbon: "
                     f"{PAGE.counted(analysis.n_environments, 'environment')}.",
            ),
        ),
        head=("Class", "Environments", f"Redundant at h = {factor * h:.3g} 1/Å"),
        rows=tuple(
            (name, PAGE.count(int(np.isin(kinds, names).sum())), PAGE.percent(shares[row, at], 1))
            for row, (name, _, names) in enumerate(CLASSES)
        ),
    )  # fmt: skip


def carbon_curves(lab: Lab, values: Values) -> Seen:
    """Show the curves alone, to read a number off."""
    seen = carbon(lab, values)
    return Seen(plots=seen.plots)


def most_redundant(lab: Lab, values: Values) -> Answer:
    """Return the class that is least redundant at the width of the page."""
    factors, shares = _of_carbon(lab)
    column = shares[:, int(np.argmin(abs(factors - 1.0)))]
    least = int(np.argmin(column))
    told = ", ".join(
        f"{name} {PAGE.percent(share, 1)}"
        for (name, _, _), share in zip(CLASSES, column, strict=True)
    )
    return Answer(least, f"At the width that Winnow chooses: {told}. Crystals repeat themselves.")


def amorphous_share(lab: Lab, values: Values) -> Answer:
    """Return how redundant the amorphous carbons are at the width, %."""
    factors, shares = _of_carbon(lab)
    at = int(np.argmin(abs(factors - values["factor"])))
    share = 100 * float(shares[2, at])
    h = values["factor"] * lab.carbon().spec.bandwidth
    return Answer(
        share,
        f"Where the dashed line at h = {h:.3g} 1/Å meets the curve of amorphous carbon stands "
        f"{share:.0f}\u202f%. Whoever says how redundant a set is has to say at which width.",
    )


def together(lab: Lab, values: Values) -> Seen:
    """Show what was seen, in numbers of the carbon set."""
    analysis = lab.carbon()
    return Seen(
        facts=(
            (f"{analysis.entropy_nats:.2f}\u202fnats", f"entropy H of carbon; at most "
                                                       f"{analysis.max_entropy_nats:.2f}"),
            (PAGE.percent(analysis.redundancy, 1), "redundant"),
            (f"{analysis.spec.bandwidth:.3g}\u202f1/Å", "at this width"),
            (PAGE.count(analysis.n_environments), "environments"),
        ),
        text="These stand in the bar at the top of the page for whatever file is open, with "
             "the width "
        "beside them. Winnow chooses the width at which a random tenth of the structures covers "
        "90\u202f% of the rest; under Data it can be changed, and everything follows.",
    )  # fmt: skip


@register
class Environments(Lesson):
    """What an environment is, what redundant means, and that the width decides it."""

    name, title, place, minutes = "environments", "Alike or not: environments and width", 10, 12
    learns = (
        "what a kernel, an outlier score, delta entropy and entropy say",
        "why a set is redundant only at a width",
        "why crystals repeat themselves and a liquid does not",
    )
    sources = (
        "Schwalbe-Koda et al., Nat. Commun. 16, 4014 (2025), doi:10.1038/s41467-025-59232-0: "
        "entropy and delta entropy of environments",
        "Yu, Lordi, Schwalbe-Koda, arXiv:2511.10561: overlap of data sets, and what can be "
        "left out",
    )
    notes = """
        Let everybody predict before anyone presses Show, and take a show of hands. Most expect the
        point between the two crowds to be the sparsest.

        The exercise with groups carries the lesson: exp(H) counts what is different. Let the class
        derive H = ln 3 by hand before the computer says so.

        With the liquid, ask: which width is the right one? There is none in the picture. It comes
        from what the data are for; that is why a paper that states a redundancy without a width has
        stated nothing.

        The liquid is made here: 150 points put down at random, none within 0.5 of another. It is
        no simulation; it has what matters, no copies and no loners.
    """
    screens = (
        Screen(
            name="point", kind=TRY, title="An environment is a point",
            text="An atom and its neighbours, written as numbers, are a point. Here there are two "
            "numbers, so that you can see it.\n\nTwo points closer than about *h* are alike: their "
            "kernel exp(−distance²/2h²) is near 1. Tap points, and change h.",
            show=near, controls=(WIDTH, POINT),
            presets={
                "In the crowd": {"point": (5,), "h": 0.6},
                "On its own": {"point": (57,), "h": 0.6},
                "Wide": {"point": (5,), "h": 2.4},
            },
        ),
        Screen(
            name="sparse", kind=PREDICT, title="Which one is the sparsest?",
            text="The *outlier score* is −ln of the kernel sum over all other points: the "
                 "fewer are "
            "near, the higher it is.",
            before=candidates, show=scored, controls=(SET,),
            question=Choose(
                "Which has the highest score at h = 0.6?", ("A", "B", "C", "D"), sparsest
            ),
        ),
        Screen(
            name="new", kind=TRY, title="What would a new one add?",
            text="*Delta entropy* asks the same of an environment that is not in the set: −ln "
                 "of its "
            "kernel sum over the set. Zero or less: there is one like it already.\n\nTap anywhere, "
            "or move the sliders.",
            show=novelty, controls=(X, Y),
            presets={
                "In the crowd": {"x": 3.0, "y": 3.25}, "Between": {"x": 4.75, "y": 4.75},
                "In the corner": {"x": 9.5, "y": 9.5},
            },
        ),
        Screen(
            name="entropy", kind=TRY, title="One number for the whole set",
            text="Add the kernels of all points. *Entropy* H is the mean of −ln(p/n): high when "
            "most points have the place to themselves, 0 when all are alike.\n\nChange the width, "
            "and watch all three numbers.",
            show=landscape, controls=(WIDTH,),
            presets={"Narrow": {"h": 0.1}, "Wide": {"h": 6.0}},
        ),
        Screen(
            name="groups", kind=CHECK, title="Entropy counts what is different",
            text="Sixty environments in a few groups. Within a group all are equal, the groups are "
            "far apart.",
            show=groups, controls=(GROUPS,),
            question=Number(
                "What is the entropy H of this set?", entropy_of_groups, tolerance=0.03,
                unit="nats", digits=3,
                way_on="How many of the 60 are like any one of them? That is p. Then take "
                       "−ln(p/60).",
            ),
        ),
        Screen(
            name="wider", kind=PREDICT, title="Same points, wider kernel",
            text="*Redundant* is the share of environments beyond the effective number.",
            show=widths, controls=(WIDTH,),
            question=Choose(
                "With a wider kernel the set is",
                ("more redundant", "less redundant", "as redundant as before"), wider,
            ),
        ),
        Screen(
            name="liquid", kind=PREDICT, title="How redundant is a liquid?",
            text="Its points keep a distance of at least 0.5 from each other. Take h = 0.15.",
            before=liquid_alone, show=liquid_widths,
            question=Number(
                "How much of it is redundant?", liquid_share, tolerance=5, unit="%", digits=2
            ),
        ),
        Screen(
            name="halfway", kind=CHECK, title="Nothing or everything",
            text="A liquid is 0 % or 100 % redundant, as you like: look how steep its curve is.",
            show=liquid_widths, controls=(Steps("h", "Width h of the kernel", WIDTHS, 0.15),),
            question=Task(
                "Make the liquid about half redundant: between 40 and 65 %.", halfway,
                goal="between 40 and 65 % is wanted",
                way_on="Wider makes more of them alike. There are only a few steps in between.",
            ),
        ),
        Screen(
            name="carbon", kind=PREDICT, title="And real data?",
            text="The carbon set has graphene, diamond and amorphous carbon, among others. Each "
            "atom has an environment of 32 neighbours; h has the unit 1/Å.",
            show=carbon,
            question=Choose(
                "Which is the least redundant by itself, at the width that Winnow chooses?",
                tuple(name for name, _, _ in CLASSES), most_redundant,
            ),
        ),
        Screen(
            name="read", kind=CHECK, title="Say the width with the number",
            text="Move the width, then read the answer off the curve.",
            show=carbon_curves, controls=(FACTOR,),
            question=Number(
                "How redundant is amorphous carbon at this width?", amorphous_share, tolerance=6,
                unit="%", digits=2,
                way_on="Follow the dashed line up to the curve of amorphous carbon, then left.",
            ),
        ),
        Screen(
            name="together", kind=SEE, title="What to take along",
            text="An environment is a point. Kernel sums say how crowded it is there. Entropy "
                 "counts "
            "what is different.\n\nNone of it without a *width*: it is part of every answer.",
            show=together,
        ),
    )  # fmt: skip
