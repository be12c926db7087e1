"""Stage contract: what one stage of the work says of itself, and the registry the bar is made of.

A stage is a class of its own folder, filed with `@register`; the shell shows whatever is
registered. Those that come with Winnow are listed in `STAGES`, a line each. A package of somebody
else names a module with a stage in it under the entry-point group ``winnow.stages``::

    [project.entry-points."winnow.stages"]
    mine = "my_package.stage"
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, TypeVar

import panel_material_ui as pmui
import param
from panel.viewable import Viewable, Viewer

from analytics.report.contents import Table
from analytics.runtime.registry import Registry
from views.state.choices import choices_of, choose
from views.state.session import Session

__all__ = ["STAGES", "Stage", "register", "stages_in_order"]


class Stage(param.Parameterized):
    """One stage of the work: how it is called, what stands beside it, and how it is built.

    Making one is cheap; `build` is called once, when the stage is first looked at.

    Attributes
    ----------
    title : str
        What is written in the bar; no two stages share one.
    place : int
        Order in the bar, ascending: Data 10, Review 20, Compare 30, Outliers 35,
        Retrain 40, Density 50, Learn 60; plug-ins follow.
    inspector, budget : bool
        Whether the structure inspector stands beside it, and the budget bar above it.
    needs_data : bool
        Whether it has nothing to show until a data set is open; `build` then waits for one.
    opening : bool
        Whether the page opens with it.
    turns_pages : bool
        Whether page down and page up are steps in it, as the arrows are.
    waiting : str
        What is being worked out, for its skeleton: a sentence that ends with an ellipsis.
    help, words : mapping of str to str
        Rows for the ? dialog: gesture -> what it does, word -> what it means.
    """

    title: ClassVar[str]
    place: ClassVar[int]
    inspector: ClassVar[bool] = False
    budget: ClassVar[bool] = False
    needs_data: ClassVar[bool] = True
    opening: ClassVar[bool] = False
    turns_pages: ClassVar[bool] = False
    waiting: ClassVar[str] = "Drawing…"
    help: ClassVar[Mapping[str, str]] = {}
    words: ClassVar[Mapping[str, str]] = {}

    shown = param.Boolean(False, doc="Whether the stage is being looked at.")

    def __init__(self, session: Session, **params: Any) -> None:
        super().__init__(**params)
        self.session = session
        self._kept: tuple[param.Parameterized | None, tuple[str, ...]] = (None, ())

    def build(self, dark: bool) -> Viewable | Viewer:
        """Return what the stage shows, in the colours of the theme; called once."""
        raise NotImplementedError

    @property
    def dialogs(self) -> Sequence[pmui.Dialog]:
        """Dialogs of what was built: while one is open, keys belong to it."""
        return ()

    def tables(self) -> Sequence[Table]:
        """Return what a report is to have of what was built, beside the comparison."""
        return ()

    def restyle(self, dark: bool) -> None:
        """Carry another theme into what was built."""

    def place_in(self) -> str:
        """Return where in it a user is, for a link; called once it is built."""
        return ""

    def go(self, place: str) -> None:
        """Go where a link says, once it is built; from outside, it may say anything."""

    def keep(self, state: param.Parameterized, *names: str) -> None:
        """Have parameters of a state saved with the session, and restored: say so in `build`."""
        self._kept = (state, names)
        state.param.watch(lambda *_: self.session.param.trigger("chosen"), list(names))

    def save(self) -> dict[str, Any]:
        """Return what was chosen in what was built, as values for JSON."""
        state, names = self._kept
        return {} if state is None else choices_of(state, names)

    def restore(self, chosen: Mapping[str, Any]) -> None:
        """Take back what `save` has returned, once it is built; from a file that may say anything.

        What cannot be taken is left as it is.
        """
        state, names = self._kept
        if state is not None:
            choose(state, names, chosen)


#: Stages by title.
STAGES: Registry[type[Stage]] = Registry(
    "stage",
    {
        "views.data.stage": ("Data",),
        "views.review.stage": ("Review",),
        "views.compare.stage": ("Compare",),
        "views.outliers.stage": ("Outliers",),
        "views.retrain.stage": ("Retrain",),
        "views.learn.stage": ("Learn",),
    },
    groups=("winnow.plugins", "winnow.stages"),
)

Kind = TypeVar("Kind", bound=type[Stage])


def register(stage: Kind) -> Kind:
    """File a stage under its title."""
    STAGES.register(stage.title)(stage)
    return stage


def stages_in_order() -> list[type[Stage]]:
    """Return all stages in the order of the bar; equal places in that of registration."""
    return sorted((STAGES[title] for title in STAGES), key=lambda stage: stage.place)
