"""Does it train? Retraining as the judge, in distribution and out of it, and leakage."""

from __future__ import annotations

import numpy as np

from analytics.runtime.text import PAGE
from analytics.selection.base import METHODS
from views.learn.controls import Answer, Choose, Number, Pick, Steps, Task, Values
from views.learn.drawing import Band, Bars, Layer, Line, Plot, Points, Rule, Seen
from views.learn.lab import Lab
from views.learn.lesson import CHECK, PREDICT, TRY, Lesson, Screen, register
from views.learn.trainings import (
    CLASSES,
    COPIES,
    LEFT_OUT,
    METHODS_TRAINED,
    SIZES,
    Curve,
    Leak,
    Outside,
    Trained,
    leaking,
    left_out,
    trained,
)

TITLES = tuple(METHODS[name].title for name in METHODS_TRAINED)
#: Size at which the methods are told apart.
ASKED = 16
#: Within this share of the whole pool's error is as good as the whole pool.
NEAR = 0.15

TIMES = Steps("times", "Times trained on other pools", (1, 3, 5, 10), 5)
WHAT = Pick("what", "Error of", {"energy": "energy", "force": "forces"}, "energy")
SIZE = Steps("kept", "Structures kept", tuple(map(float, SIZES)), 4.0)
DEALING = Pick("split", "A fifth is held out", {"random": "at random", "apart": "no copy across"},
               "random")  # fmt: skip


def inside(lab: Lab, times: float = TIMES.default) -> Trained:
    """Return the learning curves with the test drawn at random; seconds, once."""
    return lab.find("lesson: learning curves", trained, int(times))


def outside(lab: Lab) -> Outside:
    """Return those with a class left out."""
    return lab.find("lesson: class left out", left_out, int(TIMES.default))


def leak(lab: Lab) -> Leak:
    """Return the test errors with leakage and without."""
    return lab.find("lesson: leakage", leaking)


# ---- learning curves ----------------------------------------------------------------------------


def _layers(curves: dict[str, Curve], what: str) -> tuple[Layer, ...]:
    found: list[Layer] = []
    x = np.array(SIZES, dtype=float)
    for at, (method, curve) in enumerate(curves.items()):
        y, spread = getattr(curve, what), getattr(curve, f"{what}_std")
        tone = f"m{at}"
        low = np.maximum(y - spread, 0.3 * y)  # the axis is logarithmic
        found += [
            Band(f"{method} spread", x, low, y + spread, tone=tone, alpha=0.12),
            Line(method, x, y, tone=tone),
            Points(f"{method} points", x, y, tone=tone, size=7, label=METHODS[method].title),
        ]
    return tuple(found)


def _curves(found: Trained | Outside, what: str, whole: float, note: str, *more: Layer) -> Plot:
    unit = {"energy": "energy RMSE (meV/atom)", "force": "force RMSE (eV/Å)"}[what]
    rule = Rule("whole", whole, across="y", tone="text")
    return Plot(
        (*_layers(found.curves, what), rule, *more),
        x="structures trained on", y=unit, x_scale="log", y_scale="log", height=320,
        x_ticks={float(size): str(size) for size in SIZES},
        note=f"{note}; shaded: ± 1 standard deviation over {found.resamples} pools; dashed: all "
        f"{found.pool} of the pool",
    )  # fmt: skip


def learning(lab: Lab, values: Values) -> Seen:
    """Show learning curves, tested on a random fifth."""
    what = values.get("what", "energy")
    found = inside(lab, values.get("times", TIMES.default))
    more = (Rule("size", values["kept"], tone="active"),) if "kept" in values else ()
    whole = getattr(found, what)
    plot = _curves(found, what, whole, "tested on a random fifth", *more)
    rows = tuple(
        (title, *(_error(getattr(curve, what)[at], what) for at in range(len(SIZES))))
        for title, curve in zip(TITLES, found.curves.values(), strict=True)
    )
    head = ("error with", *(f"{size} kept" for size in SIZES))
    facts = ((_error(whole, what), f"with all {found.pool} of the pool"),)
    return Seen(plots=(plot,), facts=facts, head=head, rows=rows)


def _error(value: float, what: str) -> str:
    unit = "meV/atom" if what == "energy" else "eV/Å"
    return f"{PAGE.significant(value, 2)}\u202f{unit}"


def _best(curves: dict[str, Curve], what: str) -> tuple[int, list[float]]:
    at = SIZES.index(ASKED)
    errors = [float(getattr(curve, what)[at]) for curve in curves.values()]
    return int(np.argmin(errors)), errors


def best_energy(lab: Lab, values: Values) -> Answer:
    """Say which selection of sixteen trains best for the energy."""
    first, errors = _best(inside(lab).curves, "energy")
    said = ", ".join(f"{t} {_error(e, 'energy')}" for t, e in zip(TITLES, errors, strict=True))
    return Answer(
        first,
        f"With {ASKED} structures: {said}. What is trained on the largest forces alone has hardly "
        "seen a quiet structure, and most of the test is quiet.",
    )


def smallest_enough(lab: Lab, values: Values) -> Answer:
    """Say whether the size set is the smallest at which coverage forces are near the pool's."""
    found = inside(lab, values["times"])
    errors = found.curves["facility_location"].force
    enough = errors <= (1 + NEAR) * found.force
    smallest = SIZES[int(np.argmax(enough))] if enough.any() else 0
    at = SIZES.index(int(values["kept"]))
    said = (
        f"With {SIZES[at]} structures {TITLES[1]} errs by {_error(errors[at], 'force')}; all "
        f"{found.pool} by {_error(found.force, 'force')}."
    )
    return Answer(int(values["kept"]) == smallest, said)


# ---- out of distribution ------------------------------------------------------------------------


def without(lab: Lab, values: Values) -> Seen:
    """Show the errors on a class that was left out, and on the same when it was not."""
    found, own = outside(lab), inside(lab)
    within = Rule("inside", own.left_out, across="y", tone="brush", dash="dotted")
    note = f"tested on {LEFT_OUT}, none of it trained on"
    plot = _curves(found, "force", found.force, note, within)
    facts = (
        (_error(own.left_out, "force"), f"on {LEFT_OUT}, some of them trained on (dotted)"),
        (_error(found.force, "force"), "on the same class, none trained on (dashed)"),
    )
    text = "More of everything else brings the error down to the dashed line, and no further."
    return Seen(plots=(plot,), facts=facts, text=text)


def _times_worse(lab: Lab) -> float:
    return outside(lab).force / inside(lab).left_out


def worse_outside(lab: Lab, values: Values) -> Answer:
    """Say how much worse a class is predicted that was left out."""
    times = _times_worse(lab)
    at = 0 if times < 1.25 else 1 if times < 5 else 2
    return Answer(
        at,
        f"It is {times:.1f} times the error of the same class when some of it is trained on. "
        "A random test never shows this: what it holds out is like what is kept.",
    )


def best_outside(lab: Lab, values: Values) -> Answer:
    """Say which selection of sixteen does best on the class left out."""
    first, errors = _best(outside(lab).curves, "force")
    said = ", ".join(f"{t} {_error(e, 'force')}" for t, e in zip(TITLES, errors, strict=True))
    return Answer(first, f"With {ASKED} structures: {said}.")


# ---- leakage ------------------------------------------------------------------------------------


def leakage(lab: Lab, values: Values) -> Seen:
    """Show the test errors with copies on both sides and without."""
    found = leak(lab)
    which = values.get("split", "")
    bars = []
    for at, (name, errors) in enumerate((("random", found.at_random), ("apart", found.without))):
        if which in ("", name):
            x = np.arange(len(errors)) + 1 + (0.2 if at else -0.2) * (which == "")
            label = DEALING.options[name]
            bars.append(Bars(name, x, errors, width=0.36, tone=("m2", "m0")[at], label=label))
    top = 1.1 * max(found.at_random.max(), found.without.max())
    plot = Plot(
        tuple(bars), x="repetition", y="force RMSE on the test (eV/Å)", height=300,
        x_range=(0.4, len(found.without) + 0.6), y_range=(0.0, float(top)),
        note=f"{found.molecules} small molecules and chains, each {COPIES} times in the file",
    )  # fmt: skip
    shown = found.without if which == "apart" else found.at_random
    leaked = 0 if which == "apart" else round(found.leaked)
    dealt = DEALING.options[which or "random"]
    facts = (
        (_error(float(shown.mean()), "force"), f"mean, held out {dealt}"),
        (f"{leaked} of {found.tested}", "of the test have a copy in the training set"),
    )  # fmt: skip
    return Seen(plots=(plot,), facts=facts)


def hidden(lab: Lab) -> float:
    """Return how many times too small the error with leakage is."""
    found = leak(lab)
    return float(found.without.mean() / found.at_random.mean())


def copies_hide(lab: Lab, values: Values) -> Answer:
    """Say what copies do to the error that is measured."""
    times = hidden(lab)
    at = 0 if times < 0.8 else 1 if times < 1.25 else 2
    found = leak(lab)
    return Answer(
        at,
        f"At random {round(found.leaked)} of {found.tested} test structures have a copy in the "
        f"training set; with no copy across the error is {times:.1f} times as large.",
    )


def times_too_small(lab: Lab, values: Values) -> Answer:
    """Say by which factor the random split is too good."""
    found = leak(lab)
    return Answer(
        hidden(lab),
        f"{_error(float(found.without.mean()), 'force')} without copies across, "
        f"{_error(float(found.at_random.mean()), 'force')} with them.",
    )


TOTAL = sum(CLASSES.values())


@register
class Training(Lesson):
    """Whether a potential trains on what was kept."""

    name, title, place, minutes = "training", "Does it train?", 50, 10
    learns = (
        "only retraining says what a subset is worth",
        "a test drawn at random says nothing of what the set lacks",
        "copies on both sides of a split make any model look good",
    )
    notes = (
        "The potential is a small SOAP-GAP, fitted here and now: the first who looks waits some "
        "seconds, the others do not. It ranks subsets; it is no production model.\n\n"
        "Have the room vote before *Show*: most expect the largest forces to teach most. They do "
        "teach the tail, see lesson 3, and lose the energy of everything quiet.\n\n"
        "With few repetitions curves cross that do not cross with ten: let two groups take 1 and "
        "10 and compare. For leakage ask who of them has ever split a trajectory at random."
    )
    sources = (
        "Bartók, Payne, Kondor, Csányi, Phys. Rev. Lett. 104, 136403 (2010), arXiv:0910.1019",
        "Nadeau, Bengio, Mach. Learn. 52, 239 (2003), doi:10.1023/A:1024068626366",
    )
    screens = (
        Screen(
            name="judge", kind=PREDICT, title="The judge",
            text=f"From a small carbon set ({TOTAL} structures: crystals, strained ones, "
            f"vacancies) a fifth is held out at random. Of the rest, {ASKED} are kept, at random, "
            "by coverage, or those with the largest forces; a potential is trained on each.",
            show=learning, slow=True,
            question=Choose(
                "Whose energies are best on the fifth that was held out?", TITLES, best_energy,
            ),
        ),
        Screen(
            name="curves", kind=TRY, title="One training is no measurement",
            text="Each curve is a mean over several trainings, each on another four fifths of the "
            "set. Take one, then ten: which differences remain?",
            show=learning, controls=(WHAT, TIMES), slow=True,
            presets={"One, energy": {"times": 1.0, "what": "energy"},
                     "Ten, forces": {"times": 10.0, "what": "force"}},
        ),
        Screen(
            name="enough", kind=CHECK, title="How few are enough?",
            text=f"Within {PAGE.percent(NEAR, 0)} of the error of the whole pool shall be enough.",
            show=lambda lab, values: learning(lab, {**values, "what": "force"}),
            controls=(SIZE, TIMES), slow=True,
            question=Task(
                f"Set the smallest number of structures at which {TITLES[1]} predicts *forces* "
                "that well.".replace("*", ""),
                smallest_enough, "the smallest that is enough",
                way_on=f"Multiply the error of the whole pool by {1 + NEAR:g} and read along the "
                "second row of the table.",
            ),
        ),
        Screen(
            name="outside", kind=PREDICT, title="What the set has never seen",
            text="Vacancies of graphene (*graphene_vacancy*) now stand outside: none is trained "
            "on, all are the test.",
            show=without, slow=True,
            question=Choose(
                "Next to a potential that has seen some of them, the force error on vacancies is",
                ("about the same", "a few times as large", "more than five times as large"),
                worse_outside,
            ),
        ),
        Screen(
            name="winner", kind=CHECK, title="Who is best outside?",
            text="A selection cannot keep what is not there. But it can keep what is most like it.",
            show=without, slow=True, follows="outside",
            question=Choose(
                f"Which selection of {ASKED} has the smallest force error on the vacancies?",
                TITLES, best_outside, way_on=f"Read the three curves at {ASKED}.",
            ),
        ),
        Screen(
            name="copies", kind=PREDICT, title="Copies in the test",
            text=f"Another file: small molecules and chains, each *{COPIES} times*, turned and "
            "with its atoms in another order. A random fifth is the test.",
            show=leakage, slow=True,
            question=Choose(
                "The error on that test, next to the error on molecules never seen, is",
                ("too large", "right", "too small"), copies_hide,
            ),
        ),
        Screen(
            name="factor", kind=CHECK, title="How much does leakage hide?",
            text="Winnow finds the copies, whichever way they are turned, and keeps them on one "
            "side: *winnow split*, or the card on the stage Review.",
            show=leakage, controls=(DEALING,), slow=True, follows="copies",
            question=Number(
                "How many times as large is the error with no copy across?",
                times_too_small, tolerance=0.1, relative=True,
                way_on="Switch between the two; divide the two means.",
            ),
        ),
    )  # fmt: skip
