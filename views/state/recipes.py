"""Recipes on the page: what one differs in from what is shown, and taking it over. No Panel."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from analytics.recipe import Recipe, forced_out, forced_structures
from analytics.replay import data_differences, specs_of
from analytics.runtime.versions import versions
from analytics.selection.base import METHODS
from views.state.columns import Choice
from views.state.restored import ranges
from views.state.session import Session

__all__ = ["Difference", "differences", "reproduced", "take_over", "unfit"]


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that a recipe has otherwise than the page.

    Attributes
    ----------
    what : str
        "method", "budget", "pinned", ...
    recipe, page : str
        How either has it.
    """

    what: str
    recipe: str
    page: str


def unfit(recipe: Recipe, session: Session) -> list[str]:
    """Return why a recipe cannot be taken over, in words; empty if it can."""
    data = session.dataset
    if data is None:
        return ["no data set is open"]
    found = data_differences(recipe, data) if recipe.reference is None else []
    if recipe.reference is not None:
        found.append(f"it adds to {recipe.reference['name']}, which the page does not do")
    if recipe.parts > 1:
        found.append("it selects in two rounds, which the page does not do")
    if recipe.demand is not None:
        found.append("it selects from a sampled demand, which the page does not do")
    if recipe.sample is not None and session.analysis.sampled is None:
        found.append("its kernels were sampled, those of the page are whole")
    _, unknown = specs_of(recipe)
    return found + [f"{what}: {cause}" for what, cause in unknown]


def differences(recipe: Recipe, session: Session, column: int) -> list[Difference]:
    """Compare a recipe with what a column of the page shows."""
    data, choice = session.dataset, session.choice(column)
    specs, _ = specs_of(recipe)
    found = []

    def compare(what: str, recipe_has: Any, page_has: Any) -> None:
        if recipe_has != page_has:
            found.append(Difference(what, str(recipe_has), str(page_has)))

    compare("file", recipe.name, data.name if data else "none")
    if data is not None:
        compare("content of the file", recipe.fingerprint[:12], data.fingerprint[:12])
    compare("method", _title(recipe.method), _title(choice.method))
    if choice.method == recipe.method and "method" in specs:
        own = choice.spec or METHODS[choice.method].spec()
        compare("options", _options(specs["method"], own), _options(own, specs["method"]))
        if METHODS[recipe.method].random:
            compare("seed", recipe.seed, choice.seed)
    compare("budget", f"{recipe.size} structures", f"{session.budget} structures")
    if data is not None:
        keep, drop = forced_structures(recipe, data)
        compare("pinned", ranges(keep) or "none", ranges(session.pinned) or "none")
        compare("rejected", ranges(drop) or "none", ranges(session.rejected) or "none")
    shown_by = session.analysis
    descriptor, kernel = session.descriptor, session.kernel
    if shown_by is not None:  # what auto came to
        descriptor, kernel = shown_by.descriptors.spec, shown_by.spec
    for name, shown in (("descriptor", descriptor), ("kernel", kernel)):
        if name in specs:
            compare(name, _options(specs[name], shown), _options(shown, specs[name]))
    here = versions()
    for name, version in recipe.versions.items():
        compare(f"version of {name}", version, here.get(name, "absent"))
    return found


def take_over(recipe: Recipe, session: Session, column: int) -> None:
    """Put the method of a recipe into a column, with its settings, budget, pins and rejections.

    What takes it back is one undo; settings of descriptor and kernel are not part of that.
    """
    specs, data = specs_of(recipe)[0], session.dataset
    assert data is not None
    keep, _ = forced_structures(recipe, data)
    removals = forced_out(recipe, data)
    spec = specs["method"]
    waived = {one.finding: one for one in recipe.waivers}
    choice = Choice(recipe.method, recipe.seed, None if spec == type(spec)() else spec)
    session.decide(column, choice, recipe.size, sorted(keep), removals, waived)
    session.reanalyse(specs["descriptor"], specs["kernel"])


def reproduced(recipe: Recipe, session: Session, column: int) -> tuple[int, bool]:
    """Return how many of the recipe's structures a column keeps, and whether in its order."""
    data = session.dataset
    if data is None:
        return 0, False
    picked = data.frame_indices[session.kept(session.slots[column])].tolist()
    return len(set(picked) & set(recipe.picked)), tuple(picked) == recipe.picked


def _title(method: str) -> str:
    return METHODS[method].title if method in METHODS else method


def _options(spec: Any, other: Any) -> str:
    """Write those options that another spec has otherwise."""
    kind = type(spec).__name__.removesuffix("Spec")
    if type(spec) is not type(other):
        return kind
    fields = getattr(spec, "__dataclass_fields__", {})
    told = [f"{n} {getattr(spec, n)}" for n in fields if getattr(spec, n) != getattr(other, n)]
    return ", ".join(told)
