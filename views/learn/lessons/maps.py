"""Why a map lies: neighbours that a map makes up or parts, and winners that only it sees."""

from __future__ import annotations

import numpy as np

from analytics.evaluation.embedding import display_sample
from analytics.evaluation.map_distortion import Coverage
from analytics.runtime.arrays import FloatArray, IntArray, ragged_rows
from analytics.runtime.text import PAGE
from analytics.selection.base import METHODS
from views.learn.carbon_map import METHODS_SHOWN, carbon_map, covered
from views.learn.controls import Answer, Choose, Number, Pick, Steps, Taps, Task, Values
from views.learn.cylinder import COLUMNS, KEPT, MAPS, NEAR, SIZE, cylinder
from views.learn.drawing import Layer, Plot, Points, Seen, Texts
from views.learn.lab import Lab
from views.learn.lesson import CHECK, PREDICT, Lesson, Screen, register

#: Of the nearest in the map, so many must be strangers.
STRANGERS = 7
#: Torn: as far as this share of the map's extent.
TORN = 0.5
#: Carbon environments drawn.
DRAWN = 1500

POINT = Taps("point", "Environment (tap one)", SIZE, 1, (0,))
SEEN = Pick("map", "Map", MAPS, "side")
SIZES = Steps("kept", "Structures kept", (10, 14, 28, 55, 110, 166), 28)
SHOWN = Pick(
    "column", "Drawn", {name: METHODS[name].title for name in METHODS_SHOWN}, METHODS_SHOWN[1]
)


def _points(name: str, xy: FloatArray, rows: IntArray | list[int], **look: object) -> Points:
    rows = np.asarray(rows, dtype=np.int64)
    return Points(name, xy[rows, 0], xy[rows, 1], **look)  # type: ignore[arg-type]


def _cloud(name: str) -> Points:
    xy = cylinder().maps[name]
    every = np.arange(SIZE)
    return _points("all", xy, every, size=6, alpha=0.5, label="all environments")


def _plot(name: str, *layers: Layer, tap: bool = False) -> Plot:
    note = f"{MAPS[name]}; all {SIZE} environments"
    taps = {"tap": ("point",), "tapped": "all"} if tap else {}
    return Plot((_cloud(name), *layers), height=300, note=note, **taps)  # type: ignore[arg-type]


def _share(value: float) -> str:
    return PAGE.percent(value)


# ---- two on one spot ----------------------------------------------------------------------------


def marked(lab: Lab, values: Values) -> Seen:
    """Show three environments in both maps."""
    toy = cylinder()
    one, on_it, beside = toy.marked
    plots = []
    for name in MAPS:
        xy = toy.maps[name]
        at = xy[list(toy.marked)]
        plots.append(
            _plot(
                name,
                _points("marked", xy, list(toy.marked), size=11, tone="active"),
                Texts("names", at[:, 0] + [-0.06, 0.06, 0], at[:, 1], ("A", "B", "C"), tone="text"),
            )
        )
    seen = np.linalg.norm(toy.maps["side"] - toy.maps["side"][one], axis=1)
    far = toy.distances[one]
    rows = (
        ("A to B", f"{seen[on_it]:.2f}", f"{far[on_it]:.2f}"),
        ("A to C", f"{seen[beside]:.2f}", f"{far[beside]:.2f}"),
    )
    head = ("distance", "in the map", "in all five numbers")
    said = "The set is a cylinder. Seen from the side its back lies on its front."
    return Seen(plots=tuple(plots), head=head, rows=rows, text=said)


def spot(lab: Lab, values: Values) -> Seen:
    """Show the three in the side view alone."""
    return Seen(plots=marked(lab, values).plots[:1])


def more_alike(lab: Lab, values: Values) -> Answer:
    """Say whether B or C is nearer to A."""
    toy = cylinder()
    one, on_it, beside = toy.marked
    far = toy.distances[one]
    return Answer(
        int(far[beside] < far[on_it]),
        f"In all five numbers B is {far[on_it]:.2f} from A and C is {far[beside]:.2f}. The map "
        "leaves out the direction in which A and B differ.",
    )


# ---- strangers and torn neighbours --------------------------------------------------------------


def neighbours(lab: Lab, values: Values) -> Seen:
    """Show the nearest of an environment, as the maps have them and as they are."""
    toy, point = cylinder(), values["point"][0] if values["point"] else 0
    near, plots = toy.near(point), []
    for name in MAPS:
        xy, seen = toy.maps[name], toy.near_in(name, point)
        strangers = np.setdiff1d(seen, near)
        plots.append(
            _plot(
                name,
                _points("near", xy, near, size=9, tone="m0", label="nearest in five numbers"),
                _points("strangers", xy, strangers, size=9, tone="m2",
                        label="near in this map only"),
                _points("one", xy, [point], size=13, tone="active", label="the one tapped"),
                tap=True,
            )
        )  # fmt: skip
    facts = tuple(
        (f"{toy.strangers(name, point)} of {NEAR}", f"strangers among the nearest, {said}")
        for name, said in MAPS.items()
    )
    far = toy.torn("rolled", point)
    said = f"Rolled out, its farthest true neighbour lies {_share(far)} of the map away."
    return Seen(plots=tuple(plots), facts=facts, text=said)


def enough_strangers(lab: Lab, values: Values) -> Answer:
    """Say whether the tapped one has enough strangers beside it in the side view."""
    if not values["point"]:
        return Answer(False, "Tap an environment first.")
    found = cylinder().strangers("side", values["point"][0])
    return Answer(
        found >= STRANGERS,
        f"{found} of its {NEAR} nearest in the side view are not among its {NEAR} nearest.",
    )


def is_torn(lab: Lab, values: Values) -> Answer:
    """Say whether the rolled map has put a true neighbour of the tapped one far away."""
    if not values["point"]:
        return Answer(False, "Tap an environment first.")
    far = cylinder().torn("rolled", values["point"][0])
    return Answer(
        far >= TORN, f"Rolled out, its farthest true neighbour lies {_share(far)} of the map away."
    )


# ---- two numbers for it -------------------------------------------------------------------------


def measures(lab: Lab, values: Values) -> Seen:
    """Show trustworthiness and continuity of both maps, and where they are worst."""
    toy, rows, plots = cylinder(), [], []
    for name, said in MAPS.items():
        own = toy.distortion(name)
        rows.append((said, f"{own.trustworthiness:.3f}", f"{own.continuity:.3f}"))
        xy = toy.maps[name]
        worst = own.worst(0.1)
        plots.append(
            _plot(name, _points("worst", xy, worst, size=8, tone="error", label="placed worst"))
        )
    return Seen(
        plots=tuple(plots),
        head=("map", "trustworthiness", "continuity"),
        rows=tuple(rows),
        text="1 is perfect, about 0.5 is chance; 15 neighbours are compared.",
    )


def both(lab: Lab, values: Values) -> Seen:
    """Show the two maps."""
    return Seen(plots=tuple(_plot(name) for name in MAPS))


def lower_of_side(lab: Lab, values: Values) -> Answer:
    """Say which of the two numbers is lower for the side view."""
    own = cylinder().distortion("side")
    return Answer(
        int(own.continuity < own.trustworthiness),
        f"Trustworthiness {own.trustworthiness:.3f}, continuity {own.continuity:.3f}. A projection "
        "leaves numbers out: distances only shrink, so it makes up neighbours and seldom parts "
        "them. Cut and rolled out it is the other way round.",
    )


# ---- who covers most ----------------------------------------------------------------------------


def _table(found: Coverage, titles: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (title, _share(found.in_map[at]), _share(found.in_space[at]))
        for at, title in enumerate(titles)
    )


HEAD = ("column", "covers in the map", "covers in fact")


def columns(lab: Lab, values: Values) -> Seen:
    """Show what three columns keep of the toy set, in one map."""
    toy, name = cylinder(), values.get("map", "side")
    xy = toy.maps[name]
    plots = tuple(
        Plot(
            (_cloud(name),
             _points("kept", xy, kept, size=9, tone=f"m{at}", label=f"{title}: {KEPT} kept")),
            height=230,
        )
        for at, (title, kept) in enumerate(zip(COLUMNS, toy.kept, strict=True))
    )  # fmt: skip
    found = toy.coverage(name)
    return Seen(plots=plots, head=HEAD, rows=_table(found, COLUMNS))


def pictures(lab: Lab, values: Values) -> Seen:
    """Show the maps without the figures."""
    return Seen(plots=columns(lab, values).plots)


def named_in_map(lab: Lab, values: Values) -> Answer:
    """Say which column seems to cover most in the side view."""
    found = cylinder().coverage("side")
    seen, fact = found.in_map, found.in_space
    first = int(np.argmax(seen))
    return Answer(
        first,
        f"In the map {COLUMNS[first]} covers {_share(seen[first])}; in fact {_share(fact[first])}, "
        f"and {COLUMNS[found.best]} {_share(fact[found.best])}. The map cannot show that the back "
        "is empty.",
    )


def flattered(lab: Lab, values: Values) -> Answer:
    """Say by how many points of a per cent the side view flatters the first column."""
    found = cylinder().coverage("side")
    by = 100 * float(found.in_map[0] - found.in_space[0])
    return Answer(by, f"{_share(found.in_map[0])} in the map, {_share(found.in_space[0])} in fact.")


# ---- carbon -------------------------------------------------------------------------------------


def _carbon(lab: Lab, size: int, column: str) -> Plot:
    analysis, xy = lab.carbon(), carbon_map(lab).embedding.xy
    drawn = display_sample(analysis.descriptors, DRAWN)
    kept = lab.select(column).positions[:size]
    rows = ragged_rows(analysis.descriptors.structure_offsets, kept)
    some = np.random.default_rng(0).permutation(rows)[:DRAWN]
    total = PAGE.count(analysis.n_environments)
    title, tone = METHODS[column].title, f"m{METHODS_SHOWN.index(column)}"
    note = f"PCA, {len(drawn)} of {total} environments drawn; kept: {len(some)} of {len(rows)}"
    cloud = _points("all", xy, drawn, size=4, alpha=0.5, label="all environments")
    own = _points("kept", xy, some, size=4, alpha=0.7, tone=tone, label=f"kept by {title}")
    return Plot((cloud, own), x="PC 1", y="PC 2", height=320, note=note)


def carbon(lab: Lab, values: Values) -> Seen:
    """Show carbon in its PCA map, and what three methods cover in it and in fact."""
    size = int(values.get("kept", 10))
    found, own = covered(lab, size), carbon_map(lab)
    measure = own.distortion
    facts = (
        (PAGE.with_error(measure.trustworthiness, measure.trustworthiness_error),
         "trustworthiness of this map"),
        (PAGE.with_error(measure.continuity, measure.continuity_error), "continuity"),
        (_share(sum(own.embedding.explained)), "of the variance along its axes"),
    )  # fmt: skip
    titles = tuple(METHODS[name].title for name in METHODS_SHOWN)
    return Seen(
        plots=(_carbon(lab, size, values.get("column", "msc")),),
        facts=facts,
        head=HEAD,
        rows=_table(found, titles),
        text=_winners(found, titles),
    )


def crowd(lab: Lab, values: Values) -> Seen:
    """Show the map of carbon without the figures."""
    return Seen(plots=carbon(lab, values).plots)


def _winners(found: Coverage, titles: tuple[str, ...]) -> str:
    seen, fact = (titles[at] if at >= 0 else "" for at in (found.named, found.best))
    if not fact:
        return "In fact the first two cannot be told apart."
    if not seen:
        return f"In fact {fact} covers most; in the map the first two cannot be told apart."
    if seen == fact:
        return f"A reader of the map names {seen}, and so do the figures."
    return f"A reader of the map names {seen}; in fact {fact} covers most."


def ten_of_msc(lab: Lab, values: Values) -> Answer:
    """Say how much ten structures of the set-cover method cover, next to what the map shows."""
    found = covered(lab, 10)
    seen, fact = float(found.in_map[-1]), float(found.in_space[-1])
    at = 0 if fact > 0.75 * seen else 1 if fact > 0.25 * seen else 2
    return Answer(
        at,
        f"The map shows {_share(seen)}, in fact it is {_share(fact)}. What is first picked is odd: "
        "in the map it lies amid the rest, because the map leaves out in what it is odd.",
    )


def misled(lab: Lab, values: Values) -> Answer:
    """Say whether a reader of the map names another winner at this size."""
    found = covered(lab, int(values["kept"]))
    titles = tuple(METHODS[name].title for name in METHODS_SHOWN)
    return Answer(found.misleads, _winners(found, titles))


TITLE = METHODS["msc"].title


@register
class Maps(Lesson):
    """Why a map lies."""

    name, title, place, minutes = "maps", "Why a map lies", 40, 10
    learns = (
        "two dots on one spot need not be alike, and neighbours may be far apart",
        "trustworthiness and continuity say how far",
        "who covers most is asked of the descriptors, not of the picture",
    )
    notes = (
        "Hold up a roll of paper and look at it from the side, then cut it open: these are the two "
        "maps of this lesson. Every flat map of something round does one or the other.\n\n"
        "A good question for the room: which of the two errors is worse if one looks for outliers? "
        "And if one looks for clusters?\n\n"
        "UMAP is no way out: it bends and tears where it likes, and its trustworthiness on carbon "
        "is only a little higher. Let somebody measure it on the stage Compare (*How far can this "
        "map be trusted?*)."
    )
    sources = (
        "Venna, Kaski, Neural Networks 19, 889 (2006), doi:10.1016/j.neunet.2006.05.014",
        "McInnes, Healy, Melville, arXiv:1802.03426",
    )
    screens = (
        Screen(
            name="spot", kind=PREDICT, title="Two on one spot",
            text="A map shows environments as dots; each is described by *five* numbers here, by "
            "dozens in real life.\n\nIn the map, B lies right on A. C lies a little aside.",
            show=marked, before=spot,
            question=Choose(
                "Which is more like A, in all five numbers?",
                ("B, which lies on it", "C, which lies aside"), more_alike,
            ),
        ),
        Screen(
            name="strangers", kind=CHECK, title="Strangers on one spot",
            text="Tap an environment. Blue are those that *are* its ten nearest, orange those "
            "that are near in that map only.",
            show=neighbours, controls=(POINT,),
            question=Task(
                f"Find an environment with {STRANGERS} or more strangers among its {NEAR} nearest "
                "in the side view.",
                enough_strangers, f"{STRANGERS} strangers or more",
                way_on="Try the middle of the cylinder, where front and back lie on each other.",
            ),
        ),
        Screen(
            name="torn", kind=CHECK, title="Neighbours torn apart",
            text="Cut open and rolled out, nothing lies on anything. But there is a cut.",
            show=neighbours, controls=(POINT,),
            question=Task(
                "Find an environment that the rolled map has torn from a true neighbour: half the "
                "map away or more.",
                is_torn, "a neighbour half the map away",
                way_on="Where does the paper end? Tap near that edge.",
            ),
        ),
        Screen(
            name="measures", kind=PREDICT, title="Two numbers for it",
            text="*Trustworthiness* falls where a map makes up neighbours; *continuity* where it "
            "parts them. Both are 1 for a perfect map.\n\nPCA only leaves numbers out.",
            show=measures, before=both,
            question=Choose(
                "Which of the two is lower for the PCA map?",
                ("Trustworthiness", "Continuity"), lower_of_side,
            ),
        ),
        Screen(
            name="winner", kind=PREDICT, title="Who covers most?",
            text=f"Three columns keep {KEPT} of the {SIZE}. One takes them from the *front only*, "
            "one at *random*, one such that they *cover all*.\n\nYou look at the PCA map from the "
            "side, as a reader would.",
            show=columns, before=pictures,
            question=Choose(
                "Which seems to cover most, in that map?", COLUMNS, named_in_map,
            ),
        ),
        Screen(
            name="flattered", kind=CHECK, title="How much does it flatter?",
            text="The other map of the same set names the same column as the figures do. Switch "
            "between the two.",
            show=columns, controls=(SEEN,), follows="winner",
            question=Number(
                "By how many points of a per cent does the side view flatter Front only?",
                flattered, tolerance=1.5, unit="points",
                way_on="Choose the map from the side; take the difference of the first row.",
            ),
        ),
        Screen(
            name="odd", kind=PREDICT, title="Odd ones in the crowd",
            text=f"Now carbon: {TITLE} keeps ten of 552 structures, the oddest first. The PCA "
            "map has nearly all of the variance, and in it they seem to cover most.",
            show=carbon, before=crowd,
            question=Choose(
                "How much do they cover in fact?",
                ("About as much", "About half of that", "A small part of that"), ten_of_msc,
            ),
        ),
        Screen(
            name="misled", kind=CHECK, title="Would the map name the same winner?",
            text="Mostly it does. Not always.",
            show=carbon, controls=(SIZES, SHOWN),
            question=Task(
                "Find a number of structures at which a reader of the map names another winner "
                "than the figures do.",
                misled, "another winner in the map",
                way_on="Read the sentence above the table while you go through the sizes.",
            ),
        ),
    )  # fmt: skip
