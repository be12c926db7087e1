"""Linking: what of a session a link holds, and what is said of the rest. No Panel here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from analytics.curation.expression import Columns
from analytics.descriptors.auto import AutoSpec
from analytics.information.kernel import KernelSpec
from analytics.runtime.arrays import IntArray
from analytics.runtime.errors import InputError, WinnowError
from analytics.runtime.progress import Monitor
from analytics.runtime.registry import options_of
from analytics.selection.base import Budget
from views.state.columns import GIVEN
from views.state.links import CHECK, KERNEL, LONGEST, Link, packed_rows
from views.state.painting import METHOD
from views.state.places import Places
from views.state.search import find
from views.state.session import DEMO, Session

__all__ = ["CARBON", "file_of", "make_link"]

#: What the set that comes with Winnow is called in a link.
CARBON = "carbon"


def file_of(name: str, places: Places, served: str | Path) -> str:
    """Return the file that a link names.

    Parameters
    ----------
    name : str
        "carbon", the name of the file that the server was started with, or a path that visitors
        may open.
    places : Places
    served : str or Path
        What a page opens with.

    Raises
    ------
    InputError
        If visitors may not open it.
    """
    if not name:
        return str(served)
    if name == CARBON:
        return str(DEMO)
    if name == Path(str(served)).name:
        return str(served)
    if not places.named:
        raise InputError("this server opens no file by its name", source=name)
    return places.allowed(name)


def make_link(
    session: Session,
    stage: str,
    served: str | Path,
    done: Callable[[str, list[str]], None],
    at: str = "",
) -> None:
    """Write what is shown as a link, aside.

    Parameters
    ----------
    session : Session
    stage : str
        The stage shown; empty for the one that the page opens with.
    served : str or Path
        What a page opens with.
    done : callable
        Gets what stands behind the question mark, and what the link does not hold.
    at : str
        Where in the stage.
    """
    data, analysis = session.dataset, session.analysis
    if data is None or analysis is None:
        return
    left: list[str] = []
    frames = data.frame_indices
    pinned, rejected = (
        tuple(frames[list(some)].tolist()) for some in (session.pinned, session.rejected)
    )
    choices = []
    for column, choice in enumerate(session.choices):
        if choice.method == GIVEN:
            left.append(f"column {column + 1}, which is a list of its own")
            continue
        if choice.spec is not None and not _writable(choice.spec):
            left.append(f"the options of column {column + 1}")
            choice = choice._replace(spec=None)
        choices.append(choice)
    kernel, default = session.kernel, KernelSpec()
    link = Link(
        data=_name_of(session, served, left),
        check=data.fingerprint[:CHECK],
        reading={name: value for name, value in session.options.items() if value},
        choices=tuple(choices),
        budget=Budget(session.budget),
        pinned=pinned,
        rejected=rejected,
        descriptor=None if session.descriptor == AutoSpec() else session.descriptor,
        kernel={
            name: getattr(kernel, name)
            for name in KERNEL
            if getattr(kernel, name) != getattr(default, name)
        },
        stage=stage,
        at=at,
        map="" if session.map_kind == "PCA" else session.map_kind,
        colour="" if session.colour_by == METHOD else session.colour_by,
        size=session.size_by,
        structure=int(frames[session.active]) if session.active >= 0 else -1,
    )
    for name in ("pinned", "rejected"):
        if len(replace(Link(), **{name: getattr(link, name)}).query()) > LONGEST:
            left.append(f"what is {name}: take a session or a recipe")
            link = replace(link, **{name: ()})
    if session.removals:
        left.append("why structures were rejected")
    brush, text = session.brush, next(iter(session.searches), "")
    columns, shelf = session.properties, getattr(session.saver, "shelf", None)

    def work(monitor: Monitor) -> tuple[Link, list[str]]:
        return with_brush(link, brush, text, columns, shelf, left)

    def finish(found: tuple[Link, list[str]]) -> None:
        done(found[0].query(), found[1])

    session.run("link", work, finish, place="here", quiet=True)


def with_brush(
    link: Link, brush: IntArray, text: str, columns: Columns, shelf: Any, left: list[str]
) -> tuple[Link, list[str]]:
    """Return a link with a brush: as what was searched for, as rows, or as a key of the server."""
    if not len(brush):
        return link, left
    if text and np.array_equal(find(text, columns).rows, brush):
        return replace(link, brush=text), left
    packed = packed_rows(brush)
    if len(packed) <= LONGEST:
        return replace(link, rows=packed), left
    if shelf is None:
        return link, [*left, f"the brush of {len(brush)} environments"]
    try:
        return replace(link, rows=shelf.keep_brush(packed)), left
    except WinnowError as error:
        return link, [*left, f"the brush ({error})"]


def _writable(spec: Any) -> bool:
    """Whether all options can be written into an address, and read back."""
    try:
        items = options_of(type(spec))
    except TypeError:
        return False
    return all(
        isinstance(getattr(spec, item.name), str | int | float)
        and not set(str(getattr(spec, item.name))) & set(",~=")
        for item in items
    )


def _name_of(session: Session, served: str | Path, left: list[str]) -> str:
    """Return what a link calls the open file; nothing for what was uploaded or made in memory."""
    source = session.source
    if source == str(DEMO):
        return CARBON
    if source == str(served):
        return Path(source).name
    shelf = getattr(session.saver, "shelf", None)
    uploaded = shelf is not None and Path(source).is_relative_to(shelf.uploads)
    if not source or uploaded or not session.places.named:
        left.append("the data: whoever opens the link has to open them first")
        return ""
    for root in session.places.roots or ():
        if Path(source).is_relative_to(root):
            return str(Path(source).relative_to(root))
    return source
