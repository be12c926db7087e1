"""Lesson 2: random is hard to beat, what coverage is, greedy step by step, and its certificate."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from itertools import combinations
from math import comb, log10

import numpy as np

from analytics.runtime.arrays import FloatArray, IntArray
from analytics.runtime.text import PAGE
from analytics.selection.base import Selection, select
from analytics.selection.certificates.online_bound import share_of
from views.learn.controls import Answer, Choose, Number, Pick, Steps, Taps, Task, Values
from views.learn.drawing import Band, Bars, Discs, Layer, Line, Plot, Points, Rule, Seen, Texts
from views.learn.kept import DRAWS, METHODS, kept_of
from views.learn.lab import Lab
from views.learn.lesson import CHECK, PREDICT, SEE, TRY, Lesson, Screen, register
from views.learn.toy import SIDE, crowds, plane_analysis, plane_kernel

__all__ = ["Coverage", "best_pair", "greedy", "value_of"]

#: Width of the analysis; facility location works at twice that by default.
H = 0.5
REACH = 2 * H
FIVE, DRAWN = 5, 400
SET = Pick("set", "Points", {"0": "Set 1", "1": "Set 2", "2": "Set 3"}, "0")
PICKED = Taps("picked", "Points kept (tap up to five)", of=60, most=FIVE)
STEP = Steps("step", "Points kept", tuple(float(i) for i in range(9)), 1.0)
SIZE = Steps("size", "Points kept", (1.0, 2.0, 3.0, 4.0, 5.0, 6.0), 2.0)
RAISED = str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹")
#: Share of what the best reaches that greedy is sure to reach, whatever the data.
SURE = 1 - np.exp(-1)


@lru_cache(maxsize=16)
def _likeness(seed: int) -> FloatArray:
    return plane_kernel(crowds(seed), crowds(seed), REACH)


def value_of(seed: int, picks: list[int]) -> float:
    """Return how well a set is represented: the mean likeness of a point to the nearest kept."""
    return float(_likeness(seed)[:, picks].max(axis=1).mean()) if picks else 0.0


@lru_cache(maxsize=16)
def greedy(seed: int) -> Selection:
    """Return the order in which the core's facility location picks the points of a set."""
    return select(plane_analysis("crowds", seed, H), "facility_location", size=12)


@lru_cache(maxsize=16)
def _random_values(seed: int, size: int) -> FloatArray:
    rng = np.random.default_rng(1000 + seed)
    draws = (rng.choice(60, size, replace=False).tolist() for _ in range(DRAWN))
    return np.sort([value_of(seed, picks) for picks in draws])


@lru_cache(maxsize=16)
def best_pair(seed: int, size: int) -> tuple[float, tuple[int, ...]]:
    """Return the best value of all sets of one, two or three points, by trying them all."""
    likeness = _likeness(seed)
    sets = np.array(list(combinations(range(60), size)))
    totals = np.zeros(len(sets))
    for row in likeness:
        totals += row[sets].max(axis=1)
    best = int(np.argmax(totals))
    return float(totals[best]) / 60, tuple(sets[best].tolist())


def _percent(share: float, digits: int = 0) -> str:
    return PAGE.percent(share, digits)


def _represented(seed: int, picks: list[int], **params) -> Plot:  # type: ignore[no-untyped-def]
    """Draw how well every point is represented by those picked."""
    x = crowds(seed)
    best = _likeness(seed)[:, picks].max(axis=1) if picks else np.zeros(60)
    at = x[picks] if picks else np.empty((0, 2))
    usual = {
        "x_range": (0.0, SIDE), "y_range": (0.0, SIDE), "square": True, "height": 420,
        "note": "60 points, each a structure of one atom. Yellow: a kept one is like it; violet: "
        "none is.",
    }  # fmt: skip
    order = tuple(str(i + 1) for i in range(len(picks)))
    return Plot(
        (
            Discs("reach", at[:, 0], at[:, 1], REACH, tone="m1", alpha=0.06),
            Points("points", x[:, 0], x[:, 1], size=9, values=best),
            Points("kept", at[:, 0], at[:, 1], size=16, tone="m1", hollow=True, label="kept"),
            Texts("order", at[:, 0], at[:, 1] + 0.05, order, tone="text"),
        ),
        **usual | params,
    )


# ---- random -------------------------------------------------------------------------------------


def _seed(values: Values) -> int:
    return int(values.get("set", "0"))


def by_hand(lab: Lab, values: Values) -> Seen:
    """Show what the points picked by hand reach, among what random draws reach."""
    seed, picks = _seed(values), list(values["picked"])
    value, drawn = value_of(seed, picks), _random_values(seed, FIVE)
    counts, edges = np.histogram(drawn, bins=np.linspace(0, 1, 26))
    beaten = float((drawn < value).mean())
    error = float(drawn.std(ddof=1) / np.sqrt(DRAWN))
    yours = (_percent(beaten), "of the random draws do worse than yours")
    if len(picks) < FIVE:
        yours = (str(FIVE - len(picks)), "more to tap")
    return Seen(
        plots=(
            _represented(seed, picks, tap=("picked",), tapped="points"),
            Plot(
                (
                    Bars("random", 100 * (edges[:-1] + edges[1:]) / 2, counts, width=3.6, tone="m0",
                         label=f"{DRAWN} random draws of {FIVE}"),
                    Rule("yours", 100 * value, tone="text", label="yours"),
                ),
                x="represented (%)", y="draws", x_range=(0, 100), height=280,
            ),
        ),
        facts=(
            (_percent(value), "represented: mean likeness of a point to the nearest kept"),
            (f"{_percent(drawn.mean(), 1)} ± {PAGE.percent_error(error)}", "a random five, on "
                                                                           "average"),
            yours,
        ),
    )  # fmt: skip


def beats(lab: Lab, values: Values) -> Answer:
    """Say whether the points picked beat nine of ten random draws."""
    seed, picks = _seed(values), list(values["picked"])
    drawn = _random_values(seed, FIVE)
    share = float((drawn < value_of(seed, picks)).mean())
    return Answer(
        share >= 0.9 and len(picks) == FIVE,
        f"Your {len(picks)} points represent {_percent(value_of(seed, picks))} and beat "
        f"{_percent(share)} of {DRAWN} random draws of {FIVE}.",
    )


def along_budget(lab: Lab, values: Values) -> Seen:
    """Show the coverage of carbon along the budget, for three methods."""
    kept = kept_of(lab)
    share = 100 * kept.sizes / kept.sizes[-1]
    at = kept.at(values.get("budget", 10.0) / 100)
    spread = kept.coverage_spread
    lines = [
        Line(method, share, 100 * kept.coverage[row], tone=tone, width=2.5, label=title)
        for row, (method, title, tone) in enumerate(METHODS)
    ]
    band = Band("spread", share, 100 * (kept.coverage[0] - spread),
                100 * (kept.coverage[0] + spread), tone="m0")  # fmt: skip
    return Seen(
        plots=(
            Plot(
                (band, *lines, Rule("budget", float(share[at]), tone="text")),
                x="structures kept (%)", y="environments covered (%)", x_scale="log",
                x_range=(0.5, 100.0), y_range=(0.0, 102.0), height=400,
                note=f"Carbon, {PAGE.counted(int(kept.sizes[-1]), 'structure')}. Random: mean of "
                f"{DRAWS} draws; the band is their standard deviation.",
            ),
        ),
        head=("Method", f"Covered by {PAGE.counted(int(kept.sizes[at]), 'structure')}"),
        rows=tuple(
            (title, PAGE.percent(float(kept.coverage[row, at]))
             + (f" ± {PAGE.percent_error(float(spread[at]))}" if row == 0 else ""))
            for row, (_, title, _) in enumerate(METHODS)
        ),
    )  # fmt: skip


def random_tenth(lab: Lab, values: Values) -> Answer:
    """Return how much of carbon a random tenth covers, %."""
    kept = kept_of(lab)
    at = kept.at(0.1)
    random, coverage, force = (100 * kept.coverage[:, at]).tolist()
    return Answer(
        random,
        f"One structure in ten covers {random:.0f}\u202f% of all environments, drawn blindly: "
        f"common "
        f"ones are drawn often, and they are most of the set. Coverage reaches "
        f"{coverage:.0f}\u202f%, "
        f"largest force first {force:.0f}\u202f%.",
    )


# ---- greedy -------------------------------------------------------------------------------------


def _gains_plot(seed: int, done: int) -> Plot:
    gains = np.array(greedy(seed).gains[:8]) / 60
    shown = gains[:done]
    return Plot(
        (Bars("gains", np.arange(1, done + 1), 100 * shown, tone="m1", label="what each pick "
                                                                             "gained"),),
        x="pick", y="gained (% represented)", x_range=(0.4, 8.6),
        y_range=(0.0, float(110 * gains[0])), height=280,
        x_ticks={float(i): str(i) for i in range(1, 9)},
    )  # fmt: skip


def stepwise(lab: Lab, values: Values) -> Seen:
    """Show the first picks of greedy, and what each gained."""
    seed, done = _seed(values), int(values["step"])
    order = greedy(seed)
    picks = order.structures[:done].tolist()
    facts = [(_percent(value_of(seed, picks), 1), f"represented by {done}")]
    if done:
        last = float(order.gains[done - 1]) / 60
        facts.append((f"+{_percent(last, 1)}", f"gained by pick {done}"))
    return Seen(plots=(_represented(seed, picks), _gains_plot(seed, done)), facts=tuple(facts))


def _next_four(seed: int, done: int) -> tuple[IntArray, FloatArray]:
    """Return four candidates for the next pick, and what each would gain, shuffled."""
    order, likeness = greedy(seed), _likeness(seed)
    picks = order.structures[:done].tolist()
    reached = likeness[:, picks].max(axis=1) if picks else np.zeros(60)
    gains = np.maximum(likeness - reached[:, None], 0).mean(axis=0)
    true = int(order.structures[done])
    x, others = crowds(seed), [true]
    for candidate in np.argsort(-gains).tolist():  # apart from each other, so that one can point
        if gains[candidate] < 0.75 * gains[true] and all(
            np.hypot(*(x[candidate] - x[other])) > 0.8 for other in [*others, *picks]
        ):
            others.append(candidate)
        if len(others) == 4:
            break
    four = np.random.default_rng(10 * seed + done).permutation(others)
    return four, gains[four]


NEXT = Steps("step", "Points kept so far", (1.0, 2.0, 3.0), 1.0)


def which_next(lab: Lab, values: Values) -> Seen:
    """Show what is kept, and four candidates."""
    seed, done = _seed(values), int(values["step"])
    four, _ = _next_four(seed, done)
    plot = _represented(seed, greedy(seed).structures[:done].tolist())
    at = crowds(seed)[four]
    layers = (
        *plot.layers,
        Points("four", at[:, 0], at[:, 1], size=13, tone="active", marker="diamond",
               label="candidates"),
        Texts("letters", at[:, 0], at[:, 1] + 0.1, tuple("ABCD"[: len(four)]), tone="text"),
    )  # fmt: skip
    return Seen(
        plots=(
            replace(plot, layers=layers),
        )
    )  # fmt: skip


def greedy_next(lab: Lab, values: Values) -> Answer:
    """Return which of the candidates greedy picks."""
    seed, done = _seed(values), int(values["step"])
    _, gains = _next_four(seed, done)
    told = ", ".join(f"{c} {100 * g:.1f}" for c, g in zip("ABCD", gains, strict=False))
    return Answer(
        int(np.argmax(gains)),
        f"Greedy takes what gains most, given what is kept already. Gains in %: {told}.",
    )


def _band(reached: FloatArray, bound: FloatArray, size: int) -> tuple[Layer, ...]:
    """Draw what greedy reaches with each size, and the bound above it, shares of the whole."""
    sizes = np.arange(1, len(reached) + 1)
    return (
        Band("between", sizes, 100 * reached, 100 * bound, tone="m1"),
        Line("bound", sizes, 100 * bound, tone="m1", dash="dashed",
             label="no set of that size can do better"),
        Line("greedy", sizes, 100 * reached, tone="m1", width=2.6, label="greedy"),
        Rule("size", size, tone="text"),
    )  # fmt: skip


def certificate(lab: Lab, values: Values) -> Seen:
    """Show what greedy reaches and what no set of that size can exceed."""
    seed, size = _seed(values), int(values["size"])
    order = greedy(seed)
    reached, bound = np.cumsum(order.gains) / 60, np.asarray(order.bound) / 60
    return Seen(
        plots=(
            Plot(
                _band(reached, bound, size),
                x="points kept", y="represented (%)", x_range=(0.8, 12.2), y_range=(0.0, 103.0),
                height=420,
            ),
        ),
        facts=(
            (_percent(float(reached[size - 1]), 1), f"represented by the greedy {size}"),
            (_percent(float(bound[size - 1]), 1), f"the most that any {size} could reach"),
        ),
    )  # fmt: skip


def certified(lab: Lab, values: Values) -> Answer:
    """Return at least what share of the best greedy reaches, %."""
    seed, size = _seed(values), int(values["size"])
    order = greedy(seed)
    share = share_of(float(np.sum(order.gains[:size])), float(order.bound[size - 1]))  # type: ignore[index]
    return Answer(
        100 * share,
        f"What is reached divided by the most that can be reached: at least "
        f"{100 * share:.1f}\u202f% "
        f"of the best. That is known without knowing the best. In general greedy is sure of "
        f"1 − 1/e = {100 * SURE:.1f}\u202f% only.",
    )


def truth(lab: Lab, values: Values) -> Seen:
    """Show greedy, the best of all sets, and the bound, for sizes that can be tried out."""
    seed = _seed(values)
    order = greedy(seed)
    rows = []
    for size in (1, 2, 3):
        reached = float(np.sum(order.gains[:size])) / 60
        best, _ = best_pair(seed, size)
        bound = float(order.bound[size - 1]) / 60  # type: ignore[index]
        tried = len(list(combinations(range(60), size)))
        shown = (_percent(v, 2) for v in (reached, best, bound))
        rows.append(
            (str(size), PAGE.count(tried), *shown, _percent(min(1.0, round(reached / best, 6)), 1))
        )
    _, best = best_pair(seed, 3)
    plot = _represented(seed, order.structures[:3].tolist())
    at = crowds(seed)[list(best)]
    layers = (*plot.layers, Points("best", at[:, 0], at[:, 1], size=22, tone="active", hollow=True,
                                   label="the best three"))  # fmt: skip
    return Seen(
        plots=(
            replace(plot, layers=layers),
        ),
        head=("Kept", "Sets tried", "Greedy", "Best", "Bound", "Greedy / best"),
        rows=tuple(rows),
    )  # fmt: skip


def on_carbon(lab: Lab, values: Values) -> Seen:
    """Show the certificate of a tenth of carbon."""
    order, analysis = lab.select("facility_location"), lab.carbon()
    size = max(1, round(0.1 * analysis.n_structures))
    ways = log10(comb(analysis.n_structures, size))
    values_along = np.cumsum(order.gains) / analysis.n_environments
    bounds = np.asarray(order.bound) / analysis.n_environments
    reached, bound = float(values_along[size - 1]), float(bounds[size - 1])
    return Seen(
        plots=(
            Plot(
                _band(values_along, bounds, size),
                x="structures kept", y="represented (%)", x_scale="log",
                x_range=(1.0, float(len(bounds))), y_range=(0.0, 103.0), height=340,
                note=f"Carbon, {PAGE.counted(analysis.n_structures, 'structure')}.",
            ),
        ),
        facts=(
            (_percent(reached, 1), f"represented by {size} structures of carbon, picked greedily"),
            (_percent(bound, 1), "the most that any other could reach"),
            (PAGE.percent(share_of(reached, bound), 1, at_least=True), "of the best, at least"),
            ("10" + f"{ways:.0f}".translate(RAISED), "ways to pick as many"),
        ),
        text="The Compare stage says so beside the method and draws the band. A certificate "
        "is about the objective, not about the potential trained on the subset: for that "
        "there is Retrain.",
    )  # fmt: skip


@register
class Coverage(Lesson):
    """Why random is hard to beat, what coverage is, and how good greedy is."""

    name, title, place, minutes = "coverage", "Random is hard to beat: coverage", 20, 12
    learns = (
        "why a random tenth is a strong opponent",
        "how greedy picks, and why its gains fall",
        "how a certificate says how far from the best one is, without knowing the best",
    )
    sources = (
        "Yu, Lordi, Schwalbe-Koda, arXiv:2511.10561: overlap (here: coverage) of subsets",
        "Cornuejols, Fisher, Nemhauser, Manage. Sci. 23, 789 (1977), doi:10.1287/mnsc.23.8.789: "
        "facility location; Nemhauser, Wolsey, Fisher, Math. Program. 14, 265 (1978), "
        "doi:10.1007/BF01588971: 1 − 1/e",
        "Leskovec et al., KDD 2007, doi:10.1145/1281192.1281239: the online bound",
    )
    notes = """
        Make a contest of the first screen: who picks the best five by hand? Whoever spends points
        on the loners loses.

        Greedy is not the best: on the screen with all sets tried, let the class find a size or a
        set where the best is not greedy's. The bound holds for both.

        If time is short, leave out the screen on carbon at the end.
    """
    screens = (
        Screen(
            name="hand", kind=TRY, title="Keep five of sixty",
            text="Tap five points that stand for all. A point is *represented* by the nearest kept "
            "one, as far as it is like it.\n\nThen look how many random draws do worse.",
            show=by_hand, controls=(PICKED, SET),
            presets={
                "Only loners": {"picked": (56, 57, 58, 59)},
                "One crowd": {"picked": (1, 4, 9, 16, 25)},
            },
        ),
        Screen(
            name="beat", kind=CHECK, title="Beat random",
            text="Random puts most of its points where most of the points are. That is not stupid.",
            show=by_hand, controls=(PICKED, SET),
            question=Task(
                "Pick five that do better than nine of ten random draws.", beats,
                goal="five points that beat 90 % of the draws are wanted",
                way_on="One in the middle of the dense crowd, most others over the loose one. A "
                "lone point stands for itself only.",
            ),
        ),
        Screen(
            name="tenth", kind=PREDICT, title="A random tenth of carbon",
            text="*Coverage* is the share of all environments that have a kept one next to them: "
            "delta entropy given the kept below 10⁻⁵ nats (overlap in arXiv:2511.10561).",
            show=along_budget,
            question=Number(
                "How much of carbon does a random tenth of its structures cover?", random_tenth,
                tolerance=5, unit="%", digits=2,
            ),
        ),
        Screen(
            name="greedy", kind=TRY, title="Greedy, one step at a time",
            text="*Facility location* adds the point that gains most, given what is kept already. "
            "Step through it with the slider: first the crowds, the loners last.",
            show=stepwise, controls=(STEP, SET),
        ),
        Screen(
            name="next", kind=CHECK, title="What comes next?",
            text="Yellow points are represented already: to pick one like them gains little.",
            show=which_next, controls=(NEXT, SET),
            question=Choose(
                "Which of these does greedy take next?", ("A", "B", "C", "D"), greedy_next,
                way_on="Look for many violet points near a candidate: what would turn yellow?",
            ),
        ),
        Screen(
            name="fall", kind=PREDICT, title="What do later picks gain?",
            text="Every pick takes from what is left to gain.",
            show=lambda lab, values: stepwise(lab, {**values, "step": 8.0}), controls=(SET,),
            question=Choose(
                "From pick to pick, the gains",
                ("never rise", "rise and fall", "rise"), lambda lab, values: _falling(values),
            ),
        ),
        Screen(
            name="bound", kind=CHECK, title="A certificate",
            text="Because gains never rise, what is reached plus the largest gains that are "
                 "left is "
            "more than any set of that size can reach: the *bound*.",
            show=certificate, controls=(SIZE, SET),
            question=Number(
                "At least what share of the best does greedy reach here?", certified, tolerance=1.0,
                unit="%", digits=3,
                way_on="Divide what the greedy points represent by the most that any could reach.",
            ),
        ),
        Screen(
            name="truth", kind=SEE, title="The best, for once",
            text="Up to three points one can try every set. The best lies between greedy and the "
            "bound, always.",
            show=truth, controls=(SET,),
        ),
        Screen(
            name="carbon", kind=SEE, title="On carbon nobody can try them all",
            text="There are far too many ways to pick a tenth of the structures. The certificate "
            "does not need to look at them.",
            show=on_carbon,
        ),
    )  # fmt: skip


def _falling(values: Values) -> Answer:
    gains = np.array(greedy(_seed(values)).gains)
    rises = bool((np.diff(gains) > 1e-6 * gains[0]).any())
    first, last = 100 * gains[0] / 60, 100 * gains[7] / 60
    return Answer(
        1 if rises else 0,
        f"From {first:.1f}\u202f% for the first to {last:.1f}\u202f% for the eighth. What a point "
        "adds can only shrink as more is kept: the function is submodular. That is why greedy "
        "works.",
    )
