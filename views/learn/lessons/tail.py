"""Lesson 3: the tail of large forces, importance and outliers, and what a force cut-off costs."""

from __future__ import annotations

import numpy as np
from scipy.stats import spearmanr

from analytics.curation.force_cut import ForceCut, force_cut
from analytics.evaluation.tails import complementary_distribution
from analytics.information.analysis import Analysis
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.text import PAGE
from views.learn.controls import Answer, Choose, Number, Pick, Steps, Task, Values
from views.learn.drawing import Line, Plot, Points, Rule, Seen
from views.learn.kept import DRAWS, METHODS, kept_of
from views.learn.lab import Lab
from views.learn.lesson import CHECK, PREDICT, SEE, TRY, Lesson, Screen, register

__all__ = ["Tail", "largest_forces", "shared_top"]

LIMITS = (2.0, 3.0, 4.0, 5.0, 7.0, 10.0, 15.0, 20.0, 30.0, 40.0, 60.0)
LIMIT = Steps("limit", "Limit of |F|", LIMITS, 10.0, "eV/Å")
#: Where the classes differ.
MIDDLE = Steps("limit", "Limit of |F|", (7.0, 10.0, 15.0, 20.0), 10.0, "eV/Å")
BUDGET = Steps("budget", "Structures kept", (2.0, 5.0, 10.0, 20.0, 30.0, 50.0), 10.0, "%")
TOP = Steps("top", "The highest of each", (10.0, 20.0, 30.0), 20.0)
SEED = Pick("seed", "Random draw", {"0": "Draw 1", "1": "Draw 2", "2": "Draw 3"}, "0")
#: Classes among which a cut is to be guessed, as in the file.
GUESSED = ("dimer", "graphene", "diamond", "nanotube")
AXIS = "|F| per atom (eV/Å)"


def largest_forces(analysis: Analysis) -> FloatArray:
    """Return the largest |F| of each described structure, eV/angstrom; NaN where there is none."""
    starts = analysis.descriptors.structure_offsets[:-1]
    norms = np.nan_to_num(analysis.force_norms, nan=-1.0)
    largest = np.maximum.reduceat(norms, starts)
    return np.where(largest < 0, np.nan, largest)


def shared_top(analysis: Analysis, top: int) -> tuple[IntArray, IntArray]:
    """Return the structures of the largest forces, and those of the highest outlier scores."""
    forces = np.nan_to_num(largest_forces(analysis), nan=-1.0)
    scores = analysis.outliers.structure_max
    return tuple(np.argsort(-values, kind="stable")[:top] for values in (forces, scores))  # type: ignore[return-value]


def _cut(lab: Lab, limit: float) -> ForceCut:
    return force_cut(lab.carbon().dataset, limit)


def _tail_plot(lines: list[Line], *rules: Rule, height: int = 400, note: str = "") -> Plot:
    return Plot(
        (*lines, *rules), x=AXIS, y="share of atoms above", x_scale="log", y_scale="log",
        x_range=(0.3, 80.0), y_range=(2e-5, 1.3), height=height, note=note,
    )  # fmt: skip


def _full(analysis: Analysis) -> Line:
    x, y = complementary_distribution(analysis.force_norms)
    return Line("full", x, y, tone="quiet", width=2.5, label="all atoms")


# ---- the tail -----------------------------------------------------------------------------------


def above(lab: Lab, values: Values) -> Seen:
    """Show the share of atoms above a force."""
    analysis, limit = lab.carbon(), values.get("limit", 10.0)
    norms = analysis.force_norms[np.isfinite(analysis.force_norms)]
    share, count = float((norms > limit).mean()), int((norms > limit).sum())
    n = PAGE.counted(len(norms), "atom")
    return Seen(
        plots=(
            _tail_plot(
                [_full(analysis)], Rule("limit", limit, tone="text"),
                note=f"Carbon, {n}. Both axes are logarithmic: each line up is ten times more.",
            ),
        ),
        facts=(
            (PAGE.percent(share, 2), f"of the atoms feel more than {limit:g} eV/Å: {count}"),
            (f"{np.median(norms):.2f}\u202feV/Å", "median |F|"),
            (f"{norms.max():.1f}\u202feV/Å", "largest |F|"),
        ),
    )  # fmt: skip


def bulk(lab: Lab, values: Values) -> Seen:
    """Show the tail without its numbers."""
    return Seen(plots=above(lab, values).plots)


def share_above(lab: Lab, values: Values) -> Answer:
    """Return the share of atoms above the limit, %."""
    norms, limit = lab.carbon().force_norms, values["limit"]
    norms = norms[np.isfinite(norms)]
    share = 100 * float((norms > limit).mean())
    return Answer(
        share,
        f"{int((norms > limit).sum())} of {PAGE.count(len(norms))} atoms: {share:.2g}\u202f%. "
        f"Where "
        "the dashed line meets the curve stands that share as a power of ten; 10⁻² is 1\u202f%.",
    )


# ---- who keeps it -------------------------------------------------------------------------------


def kept_tails(lab: Lab, values: Values) -> Seen:
    """Show the force tails of what three methods keep, and what each costs."""
    analysis, share = lab.carbon(), values.get("budget", 10.0) / 100
    size = max(1, round(share * analysis.n_structures))
    kept, lines = kept_of(lab), [_full(analysis)]
    at = kept.at(share)
    seed = int(values.get("seed", "0"))
    for method, title, tone in METHODS:
        order = lab.select(method, seed=seed if method == "random" else 0)
        rows = ragged_rows(analysis.descriptors.structure_offsets, order.positions[:size])
        x, y = complementary_distribution(analysis.force_norms[rows], 200)
        lines.append(Line(method, x, y, tone=tone, width=2.2, label=title))
    spreads = (kept.tail_spread[at], kept.coverage_spread[at], kept.far_spread[at])
    rows_ = []
    for row, (_, title, _) in enumerate(METHODS):
        tail, covered, far = kept.tail[row, at], kept.coverage[row, at], kept.far[row, at]
        cells = [PAGE.percent(float(tail)), PAGE.percent(float(covered)), f"{far:.2f}"]
        if row == 0:
            cells[0] += f" ± {PAGE.percent_error(float(spreads[0]))}"
            cells[1] += f" ± {PAGE.percent_error(float(spreads[1]))}"
            cells[2] += f" ± {PAGE.significant(float(spreads[2]), 1)}"
        rows_.append((title, *cells))
    return Seen(
        plots=(
            _tail_plot(
                lines,
                note=f"Of what is kept: {size} of "
                     f"{PAGE.counted(analysis.n_structures, 'structure')}. "
                "A curve above the grey one holds more of the tail than the full set does.",
            ),
        ),
        head=("Method", "Tail kept", "Covered", "Mean delta entropy (nats)"),
        rows=tuple(rows_),
        text=f"Tail kept: of the 1\u202f% of atoms with the largest forces. Random: mean of "
             f"{DRAWS} "
        "draws ± their standard deviation. Mean delta entropy of all given the kept: low is good.",
    )  # fmt: skip


def tail_of_random(lab: Lab, values: Values) -> Answer:
    """Return which share of the tail a random tenth keeps."""
    kept = kept_of(lab)
    at = kept.at(0.1)
    tail, spread, force = kept.tail[0, at], kept.tail_spread[at], kept.tail[2, at]
    about = [0.01, 0.1, 0.5, 1.0]
    return Answer(
        int(np.argmin([abs(np.log(max(tail, 1e-4) / share)) for share in about])),
        f"Random keeps of everything the share that it keeps: here {PAGE.percent(float(tail))} ± "
        f"{PAGE.percent_error(float(spread))} from draw to draw. Largest force first keeps "
        f"{PAGE.percent(float(force))}, for that is what it sorts by.",
    )


def price(lab: Lab, values: Values) -> Answer:
    """Return which method leaves most of the set uncovered at a tenth."""
    kept = kept_of(lab)
    column = kept.coverage[:, kept.at(0.1)]
    told = ", ".join(
        f"{title} {PAGE.percent(float(share))}"
        for (_, title, _), share in zip(METHODS, column, strict=True)
    )
    return Answer(
        int(np.argmin(column)),
        f"Covered by a tenth of the structures: {told}. Who takes the tail has less left for the "
        "crowd. What a potential makes of that, Retrain measures.",
    )


# ---- importance and outliers --------------------------------------------------------------------


def two_scores(lab: Lab, values: Values) -> Seen:
    """Show largest force against highest outlier score of structures."""
    analysis, top = lab.carbon(), int(values.get("top", 20.0))
    forces, scores = largest_forces(analysis), analysis.outliers.structure_max
    by_force, by_score = shared_top(analysis, top)
    known = np.isfinite(forces) & (forces > 0)
    rank = float(spearmanr(forces[known], scores[known]).statistic)
    layers = (
        Points("all", scores[known], forces[known], size=6, tone="rest", alpha=0.7,
               label="structures"),
        Points("force", scores[by_force], forces[by_force], size=14, tone="m2", hollow=True,
               label=f"the {top} largest forces"),
        Points("score", scores[by_score], forces[by_score], size=8, tone="active",
               label=f"the {top} highest outlier scores"),
    )  # fmt: skip
    return Seen(
        plots=(
            Plot(
                layers, x="highest outlier score of an atom (nats)", y="largest |F| (eV/Å)",
                y_scale="log", y_range=(0.05, 90.0), height=430,
                note=f"Carbon, {PAGE.counted(int(known.sum()), 'structure')} with forces. Rank "
                f"correlation {rank:.2f}.",
            ),
        )
    )  # fmt: skip


def in_both(lab: Lab, values: Values) -> Answer:
    """Return how many structures are at the top of both."""
    top = int(values["top"])
    count = len(np.intersect1d(*shared_top(lab.carbon(), top)))
    return Answer(
        count,
        f"{count} of {top} are in both: dots within rings. A large force is importance, a "
        f"matter of "
        "labels; sparse is a matter of geometry. A rare structure at rest has no force at all.",
    )


# ---- cutting off --------------------------------------------------------------------------------


def cut_table(lab: Lab, values: Values) -> Seen:
    """Show what a cut-off takes, in all and by class."""
    limit = values.get("limit", 10.0)
    cut = _cut(lab, limit)
    analysis = lab.carbon()
    rows = tuple(
        (name or "no class", f"{lost} of {total}", PAGE.percent(lost / total, 0))
        for name, lost, total in cut.classes[:7]
    )
    rest = sum(lost for _, lost, _ in cut.classes[7:])
    more = ((f"{len(cut.classes) - 7} more classes", str(rest), ""),) if rest else ()
    return Seen(
        plots=(_tail_plot([_full(analysis)], Rule("limit", limit, tone="text"), height=260),),
        facts=(
            (PAGE.count(cut.n_above), f"atoms above {limit:g} eV/Å"),
            (PAGE.count(len(cut.structures)), f"of {cut.n_structures} structures go with them"),
            (PAGE.count(cut.n_lost), "atoms go in all"),
            (PAGE.percent(cut.tail_lost, 0), "of the tail goes: the 1\u202f% largest forces"),
        ),
        head=("Class", "Structures that go", "Share"),
        rows=(*rows, *more),
    )  # fmt: skip


def structures_cut(lab: Lab, values: Values) -> Answer:
    """Return how many structures a cut-off takes."""
    limit = values.get("limit", 10.0)
    cut = _cut(lab, limit)
    return Answer(
        len(cut.structures),
        f"{cut.n_above} atoms are above {limit:g} eV/Å, in {len(cut.structures)} structures, and "
        f"{PAGE.count(cut.n_lost)} atoms go in all: whoever cuts by atoms loses their "
        f"neighbours too.",
    )


def class_lost(lab: Lab, values: Values) -> Answer:
    """Return which of four classes loses the largest share."""
    limit = values.get("limit", 10.0)
    lost = {name: gone / total for name, gone, total in _cut(lab, limit).classes}
    shares = [lost.get(name, 0.0) for name in GUESSED]
    told = ", ".join(f"{n} {PAGE.percent(s, 0)}" for n, s in zip(GUESSED, shares, strict=True))
    return Answer(
        int(np.argmax(shares)),
        f"Above {limit:g} eV/Å go: {told}. A cut-off is not neutral: it takes whole kinds of "
        "structures, here those that teach how atoms repel each other.",
    )


def spares_tail(lab: Lab, values: Values) -> Answer:
    """Say whether a limit takes little of the tail, and is the lowest that does."""
    at = LIMITS.index(values["limit"])
    lost = _cut(lab, LIMITS[at]).tail_lost
    below = _cut(lab, LIMITS[at - 1]).tail_lost if at else 1.0
    done = lost <= 0.25 < below
    why = (
        f"At {LIMITS[at]:g} eV/Å {PAGE.percent(lost, 0)} of the tail goes, one step lower "
        f"{PAGE.percent(below, 0)}."
    )
    return Answer(done, why)


def together(lab: Lab, values: Values) -> Seen:
    """Show what a tenth by each method keeps."""
    return Seen(
        head=kept_tails(lab, {}).head,
        rows=kept_tails(lab, {}).rows,
        text="A tenth of carbon. Compare shows these three side by side for any file, Review "
        "what a "
        "cut-off would cost, Outliers what is sparse and why, Retrain what a potential makes "
        "of it.",
    )


@register
class Tail(Lesson):
    """What the tail of large forces is, who keeps it, and what cutting it off costs."""

    name, title, place, minutes = "tail", "The tail: importance, outliers, cut-offs", 30, 12
    learns = (
        "to read a tail on logarithmic axes",
        "why importance and coverage keep different things",
        "what a force cut-off takes besides large forces",
    )
    sources = (
        "Yu, Lordi, Schwalbe-Koda, arXiv:2511.10561: what is lost with a part of a training set",
        "Hossain et al., arXiv:2507.09001: importance scores to prune electron densities (Density)",
        "Paul, Ganguli, Dziugaite, NeurIPS 2021: importance scores (GraNd, EL2N)",
    )
    notes = """
        Begin with the question who has ever set a force cut-off, at what, and what went.

        The forces of this set were computed with GFN1-xTB (doi:10.1021/acs.jctc.7b00118), the
        classes are those of the file. Dimers have large forces because they are pressed together:
        they are there on purpose, for the repulsion.

        Importance is no villain. A potential that has never seen a large force is on its own when a
        simulation meets one. The point is the price, and who knows it.
    """
    screens = (
        Screen(
            name="above", kind=TRY, title="Most atoms feel little",
            text="The curve says which share of the atoms feels more than a force. Its right "
                 "end is "
            "the *tail*: few atoms, large forces.\n\nMove the limit.",
            show=above, controls=(LIMIT,),
            presets={"Bulk": {"limit": 2.0}, "Tail": {"limit": 20.0}},
        ),
        Screen(
            name="read", kind=CHECK, title="Read the tail",
            text="On a logarithmic axis one line down is a tenth.",
            show=bulk, controls=(LIMIT,),
            question=Number(
                "Which share of the atoms feels more than the limit?", share_above, tolerance=0.4,
                relative=True, unit="%", digits=2,
                way_on="Follow the dashed line to the curve, then left: 10⁻² is 1 %, 10⁻³ is "
                       "0.1 %.",
            ),
        ),
        Screen(
            name="random", kind=PREDICT, title="Does random keep the tail?",
            text="Take a tenth of the structures of carbon blindly.",
            show=kept_tails, controls=(BUDGET, SEED),
            question=Choose(
                "Of the 1 % of atoms with the largest forces, a random tenth keeps about",
                ("1 %", "10 %", "half", "all"), tail_of_random,
            ),
        ),
        Screen(
            name="price", kind=PREDICT, title="And what does the tail cost?",
            text="*Importance* takes the structures with the largest forces first.",
            show=kept_tails, controls=(BUDGET, SEED),
            question=Choose(
                "Which tenth leaves most environments of carbon uncovered?",
                tuple(title for _, title, _ in METHODS), price,
            ),
        ),
        Screen(
            name="both", kind=CHECK, title="Important is not sparse",
            text="Each point is a structure. Rings: the largest forces. Dots: the highest outlier "
            "scores.",
            show=two_scores, controls=(TOP,),
            question=Number(
                "How many structures are in both?", in_both, tolerance=1.0, digits=2,
                way_on="Count the dots that have a ring around them.",
            ),
        ),
        Screen(
            name="cut", kind=PREDICT, title="Cut it off?",
            text="Large forces are often cut off before training: a structure goes if |F| of "
                 "any of "
            "its atoms is above a limit.",
            before=lambda lab, values: bulk(lab, {"limit": 10.0}), show=cut_table,
            question=Number(
                "How many of the 551 structures of carbon go at 10 eV/Å?", structures_cut,
                tolerance=15, digits=3,
            ),
        ),
        Screen(
            name="who", kind=CHECK, title="Who goes?",
            text="A cut-off is about forces; what goes are whole structures of certain kinds.",
            show=bulk, controls=(MIDDLE,),
            question=Choose(
                "Which of these classes loses the largest share?", GUESSED, class_lost,
                way_on="In which of them are atoms pressed together on purpose?",
            ),
        ),
        Screen(
            name="spare", kind=CHECK, title="A limit that spares the tail",
            text="The tail is the 1 % of atoms with the largest forces. It goes before you think.",
            show=cut_table, controls=(LIMIT,),
            question=Task(
                "Find the lowest limit at which at most a quarter of the tail goes.", spares_tail,
                goal="the lowest limit with at most 25 % of the tail lost is wanted",
                way_on="Watch the last of the big numbers. One step lower it must be above 25 %.",
            ),
        ),
        Screen(
            name="together", kind=SEE, title="No method keeps everything",
            text="Random keeps a little of all. Coverage stands for every kind. Importance "
                 "keeps the "
            "tail and leaves the crowd.\n\nWhat is right depends on what the potential is for.",
            show=together,
        ),
    )  # fmt: skip
