'''Lesson contract: screens that let one predict, try, see and check, and the registry of lessons.

A lesson is a class in a file of its own, filed with `@register`. Those that come with Winnow are
listed in `LESSONS`, a line each, and imported when they are first looked at. A package of somebody
else names a module with a lesson in it under the entry-point group ``winnow.lessons``::

    [project.entry-points."winnow.lessons"]
    mine = "my_package.lesson"

A whole lesson, which can be copied and changed::

    """How many neighbours an atom has."""

    import numpy as np

    from views.learn.controls import Answer, Number, Steps, Values
    from views.learn.drawing import Bars, Plot, Seen
    from views.learn.lab import Lab
    from views.learn.lesson import CHECK, TRY, Lesson, Screen, register

    WIDTH = Steps("bins", "Number of bins", (5, 10, 20, 40), 10)


    def forces(lab: Lab, values: Values) -> Seen:
        norms = lab.carbon().force_norms
        counts, edges = np.histogram(norms, bins=int(values["bins"]))
        bars = Bars("bars", edges[:-1], counts, width=edges[1] - edges[0], tone="m0")
        return Seen(
            plots=(Plot((bars,), x="|F| per atom (eV/Å)", y="number of atoms"),),
            facts=((f"{norms.mean():.2f} eV/Å", "mean |F|"),),
        )


    def largest(lab: Lab, values: Values) -> Answer:
        most = float(np.nanmax(lab.carbon().force_norms))
        return Answer(most, f"The largest force of an atom in this set is {most:.1f} eV/Å.")


    @register
    class Forces(Lesson):
        """What forces there are in a training set."""

        name, title, place, minutes = "forces", "Forces", 70, 5
        learns = ("to read a histogram",)
        notes = "Ask first what a force of 10 eV/Å does to a bond."
        sources = ("arXiv:2511.10561",)
        screens = (
            Screen(
                name="histogram", kind=TRY, title="A histogram hides its tail",
                text="Most atoms feel next to nothing. More bins show more of the rest.",
                show=forces, controls=(WIDTH,), presets={"Fine": {"bins": 40}},
            ),
            Screen(
                name="largest", kind=CHECK, title="How large is the largest?",
                text="Read it off the plot.",
                show=forces, controls=(WIDTH,),
                question=Number(
                    "The largest |F| of any atom?", largest, tolerance=0.1, relative=True,
                    unit="eV/Å", way_on="Take many bins and look at the right end.",
                ),
            ),
        )

`show` and what is right are plain functions of (lab, values): `values` are what the controls of the
screen are set to, `lab` gives the carbon set, selections and findings of it (`views.learn.lab`).
They run aside of the page, in a thread; what takes more than about a tenth of a second belongs into
`lab.find`, which calls a function of a module in a worker process and remembers what it found. They
touch nothing else and import nothing of Panel, so that a test calls them as they are::

    def test_the_largest_force():
        screen = Forces.screen("largest")
        assert screen.question.judge(Lab(), screen.values(), 55.8).right
'''

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeVar

from analytics.runtime.registry import Registry
from views.learn.controls import Control, Question, Values
from views.learn.drawing import Seen
from views.learn.lab import Lab

__all__ = [
    "CHECK", "KINDS", "LESSONS", "PREDICT", "SEE", "TRY", "Lesson", "Screen", "lessons_in_order",
    "register",
]  # fmt: skip

PREDICT, TRY, SEE, CHECK = KINDS = ("predict", "try", "see", "check")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Screen:
    """One idea.

    Attributes
    ----------
    name : str
        In links; letters, digits and underscores.
    kind : str
        ``predict``: the question is answered before the pane is uncovered. ``try``: controls.
        ``see``: what came out, beside what was predicted on the screen it `follows`. ``check``:
        the question is an exercise, the program says whether the answer is right, and why.
    title, text : str
        Few words; an empty line begins a paragraph, ``*stars*`` make words bold.
    show : callable
        (lab, values) -> `Seen`.
    controls : tuple of Control
    presets : mapping of str to values
        What a button of this name sets the controls to.
    question : Question, optional
        Needed by ``predict`` and ``check``.
    before : callable, optional
        (lab, values) -> `Seen`: what one predicts from, while the pane of a ``predict`` is covered.
    follows : str
        Name of an earlier screen with a question: the answer to it is repeated here.
    pane : str
        ``module:name`` of a callable (session, dark) -> pane that stands beside what is drawn: for
        maps, structures in 3D and other panes of the page. Imported when the screen is looked at.
        If what it returns has a method ``restyle(dark)``, it is called at a change of theme.
    slow : bool
        Whether what is shown may take seconds the first time: it then runs beside the page's quick
        work, with its progress in sight and a way to cancel it.
    """

    name: str
    kind: str
    title: str
    text: str
    show: Callable[[Lab, Values], Seen]
    controls: tuple[Control, ...] = ()
    presets: Mapping[str, Values] = field(default_factory=dict)
    question: Question | None = None
    before: Callable[[Lab, Values], Seen] | None = None
    follows: str = ""
    pane: str = ""
    slow: bool = False

    def __post_init__(self) -> None:
        """Refuse a screen that could not be shown."""
        if self.kind not in KINDS:
            raise ValueError(f"screen {self.name}: kind is {self.kind!r}, not one of {KINDS}")
        if self.kind in (PREDICT, CHECK) and self.question is None:
            raise ValueError(f"screen {self.name}: to {self.kind} there must be a question")
        for title, values in self.presets.items():
            unknown = sorted(set(values) - {control.name for control in self.controls})
            if unknown:
                raise ValueError(f"screen {self.name}: preset {title!r} sets {unknown}")

    def values(self, given: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """Return what the controls are set to; what cannot be taken stays at its default."""
        found = {}
        for control in self.controls:
            found[control.name] = control.default
            if given and control.name in given:
                try:
                    found[control.name] = control.read(given[control.name])
                except (TypeError, ValueError):
                    continue
        return found


class Lesson:
    """About ten minutes: screens in their order.

    Attributes
    ----------
    name : str
        In links.
    title : str
    place : int
        Order among the lessons, ascending; those of Winnow are 10 to 60.
    minutes : int
        About how long it takes.
    learns : tuple of str
        What one knows or can do afterwards.
    notes : str
        For the teacher: what to ask, what goes wrong, how to go on. Paragraphs as in a text.
    sources : tuple of str
        Papers: authors, where, and arXiv number or DOI.
    screens : tuple of Screen
    """

    name: ClassVar[str]
    title: ClassVar[str]
    place: ClassVar[int]
    minutes: ClassVar[int]
    learns: ClassVar[tuple[str, ...]]
    notes: ClassVar[str]
    sources: ClassVar[tuple[str, ...]] = ()
    screens: ClassVar[tuple[Screen, ...]]

    @classmethod
    def screen(cls, name: str) -> Screen:
        """Return the screen of a name, the first if there is none of that name."""
        return next((each for each in cls.screens if each.name == name), cls.screens[0])


#: Lessons by name.
LESSONS: Registry[type[Lesson]] = Registry(
    "lesson",
    {
        "views.learn.lessons.environments": ("environments",),
        "views.learn.lessons.coverage": ("coverage",),
        "views.learn.lessons.tail": ("tail",),
        "views.learn.lessons.maps": ("maps",),
        "views.learn.lessons.training": ("training",),
        "views.learn.lessons.densities": ("densities",),
    },
    groups=("winnow.plugins", "winnow.lessons"),
)

Kind = TypeVar("Kind", bound=type[Lesson])


def register(lesson: Kind) -> Kind:
    """File a lesson under its name.

    Raises
    ------
    ValueError
        If two of its screens share a name, or one follows none.
    """
    names = [screen.name for screen in lesson.screens]
    if len(set(names)) < len(names) or not names:
        raise ValueError(f"lesson {lesson.name}: screens need names of their own, not {names}")
    for at, screen in enumerate(lesson.screens):
        if screen.follows and screen.follows not in names[:at]:
            raise ValueError(f"lesson {lesson.name}: {screen.name} follows no earlier screen")
    LESSONS.register(lesson.name)(lesson)
    return lesson


def lessons_in_order() -> list[type[Lesson]]:
    """Return all lessons in the order of their places."""
    return sorted((LESSONS[name] for name in LESSONS), key=lambda lesson: lesson.place)
