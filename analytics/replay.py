"""Replay of a recipe: run it again, and say what differs if it gives something else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from analytics.cluster.sampled_demand import demand_of
from analytics.cluster.two_rounds import two_rounds_of
from analytics.curation.duplicates import DuplicateSpec, near_duplicates
from analytics.data.dataset import Dataset
from analytics.descriptors.base import DESCRIPTORS, Descriptors
from analytics.descriptors.distances import describe
from analytics.information.analysis import Analysis, analyse, refine
from analytics.information.kernel import KernelSpec
from analytics.recipe import Recipe, make_recipe, removable_copies
from analytics.runtime.progress import SILENT, Monitor, Part
from analytics.runtime.registry import spec_from
from analytics.runtime.value import Value
from analytics.runtime.versions import versions
from analytics.selection.base import METHODS, Selection, select

__all__ = ["Replay", "data_differences", "replay", "specs_of"]


@dataclass(frozen=True)
class Replay(Value):
    """What came of running a recipe again.

    Attributes
    ----------
    recipe : Recipe
        The one that was given.
    made : Recipe or None
        The one of the new run; None if the input differs, and nothing was run.
    selection : Selection or None
    differences : tuple of str
        Inputs that differ, or results that do although no input does; empty if the same
        structures were picked in the same order.
    notes : tuple of str
        Versions that differ. No difference by themselves.
    """

    recipe: Recipe
    made: Recipe | None
    selection: Selection | None
    differences: tuple[str, ...]
    notes: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Whether the same structures were picked in the same order."""
        return not self.differences


def replay(
    recipe: Recipe,
    dataset: Dataset,
    reference: Dataset | None = None,
    *,
    monitor: Monitor = SILENT,
) -> Replay:
    """Run a recipe on a data set.

    Parameters
    ----------
    recipe : Recipe
    dataset : Dataset
        Must be the one that the recipe was made from, read as it was.
    reference : Dataset, optional
        Likewise, for a selection that adds to one.
    monitor : Monitor

    Returns
    -------
    Replay
        Nothing is run if an input differs.

    Examples
    --------
    >>> winnow.replay(winnow.recipe(information, kept), data).same
    True
    """
    notes = _version_notes(recipe.versions)
    differences = data_differences(recipe, dataset, reference)
    specs, unknown = specs_of(recipe)
    differences += [f"{what}: {cause}" for what, cause in unknown]
    differences += _absent(recipe, dataset) if not differences else []
    if differences:
        return Replay(recipe, None, None, tuple(differences), notes)
    made, selection = _run(recipe, specs, dataset, reference, monitor)
    return Replay(recipe, made, selection, tuple(_result_differences(recipe, made, notes)), notes)


def data_differences(
    recipe: Recipe, dataset: Dataset, reference: Dataset | None = None
) -> list[str]:
    """Return in which data a run would differ from that of the recipe, in words."""
    given = {
        "fingerprint": recipe.fingerprint,
        "n_structures": recipe.n_structures,
        "n_environments": recipe.n_environments,
        "name": recipe.name,
    }
    found = _unlike("data", given, dataset)
    if recipe.reference is not None and reference is None:
        found.append(f"reference: the recipe adds to {recipe.reference['name']}, none was given")
    elif recipe.reference is None and reference is not None:
        found.append("reference: the recipe adds to none, one was given")
    elif recipe.reference is not None and reference is not None:
        found += _unlike("reference", recipe.reference, reference)
    return found


def _unlike(what: str, given: Mapping[str, Any], dataset: Dataset) -> list[str]:
    if given["fingerprint"] == dataset.fingerprint:
        return []
    counts = [
        f"{dataset_count} {name} and not {given[key]}"
        for name, key, dataset_count in (
            ("structures", "n_structures", dataset.n_structures),
            ("environments", "n_environments", dataset.n_environments),
        )
        if given[key] != dataset_count
    ]
    detail = ", ".join(counts) or "as many structures and atoms, other positions, cells or labels"
    return [
        f"{what}: {dataset.name} has the fingerprint {dataset.fingerprint}, the recipe was made "
        f"from {given['name']} with {given['fingerprint']} ({detail})"
    ]


def _absent(recipe: Recipe, dataset: Dataset) -> list[str]:
    """Return what the recipe says of structures that the data does not have, in words."""
    known = set(dataset.frame_indices.tolist())
    groups = (("forces in", recipe.keep), ("forces out", recipe.drop))
    return [
        f"structures: the recipe {what} {min(absent)}, which the data does not have"
        for what, frames in groups
        if (absent := set(frames) - known)
    ]


def _version_notes(made_with: Mapping[str, str]) -> tuple[str, ...]:
    here = versions()
    return tuple(
        f"{name} is {here.get(name, 'absent')}, the recipe was made with {version}"
        for name, version in made_with.items()
        if here.get(name) != version
    )


def specs_of(recipe: Recipe) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Return specs made from a recipe, and what of it cannot be done again, with the cause."""
    specs: dict[str, tuple[type, Mapping[str, Any]]] = {}
    unknown = []
    if recipe.descriptor in DESCRIPTORS:
        specs["descriptor"] = DESCRIPTORS[recipe.descriptor][0], recipe.descriptor_spec
    else:
        unknown.append(("descriptor", f"this Winnow has no descriptor {recipe.descriptor!r}"))
    if recipe.method in METHODS:
        specs["method"] = METHODS[recipe.method].spec, recipe.method_spec
    else:
        unknown.append(("method", f"this Winnow has no method {recipe.method!r}"))
    if recipe.equations:
        cause = (
            f"{recipe.method} was given normal equations ({recipe.equations}), which a recipe does "
            "not carry"
        )
        unknown.append(("equations", cause))
    specs["kernel"] = (KernelSpec, recipe.kernel_spec)
    if recipe.duplicates is not None:
        specs["duplicates"] = (DuplicateSpec, recipe.duplicates)
    made: dict[str, Any] = {}
    for what, (kind, values) in specs.items():
        try:
            made[what] = spec_from(kind, values)
        except (TypeError, ValueError) as error:
            unknown.append((what, str(error)))
    return made, unknown


def _run(
    recipe: Recipe,
    specs: Mapping[str, Any],
    dataset: Dataset,
    reference: Dataset | None,
    monitor: Monitor,
) -> tuple[Recipe, Selection]:
    descriptors = describe(dataset, specs["descriptor"], monitor=Part(monitor, 0.0, 0.2))
    known: Descriptors | None = None
    if reference is not None:
        known = describe(reference, specs["descriptor"], monitor=Part(monitor, 0.2, 0.3))
    sample = recipe.sample or {}
    analysis = analyse(
        dataset, descriptors, specs["kernel"], sample=sample.get("environments"),
        seed=sample.get("seed", 0), monitor=Part(monitor, 0.3, 0.6),
    )  # fmt: skip
    if sample.get("exact_scores"):
        analysis = refine(analysis, monitor=Part(monitor, 0.6, 0.7))
    places = dataset.structure_of_frame()
    keep, drop = ([places[frame] for frame in frames] for frames in (recipe.keep, recipe.drop))
    duplicates = None
    if "duplicates" in specs:
        duplicates = near_duplicates(
            dataset, descriptors, specs["duplicates"], bandwidth=_alike(recipe, analysis),
            keep=keep, exclude=drop, monitor=Part(monitor, 0.7, 0.8, "duplicates"),
        )  # fmt: skip
        drop = [*drop, *removable_copies(duplicates, keep).tolist()]
    part = Part(monitor, 0.8, 1.0, "selecting")
    if recipe.demand is not None:
        selection = demand_of(
            analysis, recipe.method, recipe.size, spec=specs["method"],
            demand=recipe.demand["environments"], candidates=recipe.demand["candidates"],
            seed=recipe.seed, keep=keep, drop=drop, reference=known, monitor=part,
        )  # fmt: skip
    elif recipe.parts > 1:
        selection = two_rounds_of(
            analysis, recipe.method, recipe.size, spec=specs["method"], parts=recipe.parts,
            seed=recipe.seed, keep=keep, drop=drop, monitor=part,
        )  # fmt: skip
    else:
        selection = select(
            analysis, recipe.method, spec=specs["method"], size=recipe.size, seed=recipe.seed,
            keep=keep, drop=drop, reference=known, monitor=part,
        )  # fmt: skip
    made = make_recipe(
        analysis,
        selection,
        budget=recipe.budget,
        duplicates=duplicates,
        reference=reference,
        removals=recipe.removals(places),
        waivers=recipe.waivers,
        brushes=recipe.brushes,
    )
    return made, selection


def _alike(recipe: Recipe, analysis: Analysis) -> float:
    """Return the unit of near-duplicates; before there was one of its own it was the width."""
    return float((recipe.width or {}).get("alike") or analysis.spec.bandwidth)


def _result_differences(recipe: Recipe, made: Recipe, notes: tuple[str, ...]) -> list[str]:
    if made.picked == recipe.picked:
        return []
    pairs = zip(made.picked, recipe.picked, strict=False)
    at = next((at for at, (a, b) in enumerate(pairs) if a != b), min(made.size, recipe.size))
    both = len(set(made.picked) & set(recipe.picked))
    found = [
        f"result: {both} of {recipe.size} structures are the same, the order differs from pick "
        f"{at} on"
    ]
    here, there = (
        made.full_set.get("sampled_environments"),
        recipe.full_set.get("sampled_environments"),
    )
    if here != there:
        words = ["all environments" if n is None else f"a sample of {n}" for n in (here, there)]
        found.append(f"memory: this run is from {words[0]}, the recipe from {words[1]}")
    if made.rules != recipe.rules:
        version = recipe.versions.get("winnow", "unknown")
        found.append(
            f"versions: the recipe is of a Winnow (version {version}) with other rules for ties "
            f"and random draws, {recipe.rules} and not {made.rules}"
        )
    if notes:
        found.append(f"versions: {'; '.join(notes)}")
    if len(found) == 1:
        here, there = (one.full_set.get("entropy_nats") for one in (made, recipe))
        if here is None or there is None:
            agree = here is there
        else:
            agree = abs(here - there) <= 1e-9 * max(1.0, abs(there))
        cause = (
            "the entropies of the full set agree, so the method differs or rounds otherwise"
            if agree
            else f"the entropy of the full set is {here} and was {there}"
        )
        found.append(f"no input differs; {cause}")
    return found
