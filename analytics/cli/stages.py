"""Pipeline steps that commands share: read a file, describe its environments, analyse them."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from analytics.cli.arguments import reading_options
from analytics.cli.errors import UsageError
from analytics.cli.files import input_paths
from analytics.cli.messages import MESSAGES
from analytics.cli.options import refuse_foreign_options, spec_from_arguments
from analytics.curation.expression_syntax import ExpressionError
from analytics.curation.narrowing import narrowed
from analytics.data.dataset import Dataset
from analytics.data.overview import understood_rows
from analytics.data.readers import read
from analytics.descriptors.base import (
    DESCRIPTORS,
    Descriptors,
    descriptor_name,
    resolved_spec,
    suggested_bandwidth,
)
from analytics.information.analysis import Analysis
from analytics.information.kernel import PUBLISHED, KernelSpec
from analytics.information.width import Width
from analytics.pipeline import Pipeline
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor, Part
from analytics.selection.base import METHODS, missing_labels

__all__ = [
    "analyse_input",
    "analyse_with_target",
    "analysis_content",
    "describe_input",
    "descriptor_spec",
    "kernel_spec",
    "method_specs",
    "pipeline_of",
    "place_of",
    "places_in",
    "read_input",
    "refuse_without_labels",
    "width_of",
]


def read_input(arguments: argparse.Namespace, monitor: Monitor, file: str | None = None) -> Dataset:
    """Read the files of a command, or another one with the same names of labels.

    Of the files of the command --where leaves the structures that match.
    """
    files = arguments.files if file is None else [file]
    input_paths(*files)
    part = Part(monitor, 0.0, 1.0, "reading")
    dataset = read(files, **reading_options(arguments), monitor=part)
    _say_left_out(dataset)
    where = getattr(arguments, "where", None)
    if where is None or file is not None:
        return dataset
    try:
        found = narrowed(dataset, where)
    except ExpressionError as error:
        raise UsageError(f"--where: {error}") from None
    print(f"where {found.said}", file=sys.stderr)
    return found.dataset


def _say_left_out(dataset: Dataset) -> None:
    """Say what of a file is not used, where the command does not begin with what was understood."""
    told = ("analyse", "check")
    if dataset.understood.left_out and not MESSAGES.quiet and MESSAGES.command not in told:
        said = dict(understood_rows(dataset))["left out"]
        print(f"warning: left out of {dataset.name}: {said}", file=sys.stderr)


def descriptor_spec(arguments: argparse.Namespace) -> Any:
    """Return the spec of the descriptor asked for; options of others are refused."""
    specs = {name: DESCRIPTORS[name][0] for name in DESCRIPTORS}
    refuse_foreign_options(arguments, "descriptor-", specs, [arguments.descriptor])
    return spec_from_arguments(specs[arguments.descriptor], arguments, "descriptor-")


def kernel_spec(arguments: argparse.Namespace) -> KernelSpec:
    """Return the kernel asked for."""
    spec = spec_from_arguments(KernelSpec, arguments, "")
    published = suggested_bandwidth(descriptor_spec(arguments))
    if spec.bandwidth == PUBLISHED and published is None:
        raise UsageError(
            f"the descriptor {arguments.descriptor} has no published bandwidth: say --bandwidth "
            "auto or a number"
        )
    return spec


def width_of(arguments: argparse.Namespace, dataset: Dataset, descriptors: Descriptors) -> Width:
    """Return the width of the kernel asked for, as it is for a described data set."""
    return pipeline_of(arguments).width(dataset, descriptors).taken(kernel_spec(arguments))


def pipeline_of(arguments: argparse.Namespace) -> Pipeline:
    """Return what runs the stages: here or on a cluster, from disk what is known already."""
    return Pipeline(scheduler=getattr(arguments, "scheduler", None))


def describe_input(
    arguments: argparse.Namespace, datasets: list[Dataset], monitor: Monitor
) -> list[Descriptors]:
    """Describe data sets so that their environments can be compared."""
    spec = resolved_spec(descriptor_spec(arguments), *datasets)
    pipeline = pipeline_of(arguments)
    n = len(datasets)
    found = []
    for at, dataset in enumerate(datasets):
        part = Part(monitor, at / n, (at + 1) / n, "describing environments")
        found.append(pipeline.describe(dataset, spec, monitor=part))
        if found[-1].n_environments == 0:
            raise InputError(
                "nothing to analyse: the file holds isolated atoms only", source=dataset.name
            )
    return found


def analyse_input(arguments: argparse.Namespace, dataset: Dataset, monitor: Monitor) -> Analysis:
    """Describe and analyse a data set with the descriptor and kernel asked for.

    Entropy and diversity are exact, within the certified error asked for, or left as the sample
    has them.
    """
    kernel, pipeline = kernel_spec(arguments), pipeline_of(arguments)
    spec = resolved_spec(descriptor_spec(arguments), dataset)
    found = pipeline.analyse(dataset, spec, kernel, monitor=Part(monitor, 0.0, 0.6))
    return _exact_or_certified(arguments, pipeline, found, Part(monitor, 0.6, 1.0))


def _exact_or_certified(
    arguments: argparse.Namespace, pipeline: Pipeline, found: Analysis, monitor: Monitor
) -> Analysis:
    error = getattr(arguments, "error", None)
    if getattr(arguments, "sampled", False):
        return found
    if error is None:
        return pipeline.refine(found, monitor=Part(monitor, 0.0, 1.0, "exact kernel sums"))
    part = Part(monitor, 0.0, 1.0, "certified kernel sums")
    return pipeline.certify(found, error=error, confidence=arguments.confidence, monitor=part)


def analyse_with_target(
    arguments: argparse.Namespace, dataset: Dataset, monitor: Monitor
) -> tuple[Analysis, Descriptors | None]:
    """Analyse a data set as `analyse_input` does, and describe what --target names likewise."""
    if arguments.target is None:
        return analyse_input(arguments, dataset, monitor), None
    target = read_input(arguments, Part(monitor, 0.0, 0.1), arguments.target)
    described = describe_input(arguments, [dataset, target], Part(monitor, 0.1, 0.3))
    kernel, pipeline = kernel_spec(arguments), pipeline_of(arguments)
    spec = described[0].spec
    found = pipeline.analyse(dataset, spec, kernel, monitor=Part(monitor, 0.3, 0.7))
    return _exact_or_certified(arguments, pipeline, found, Part(monitor, 0.7, 1.0)), described[1]


def analysis_content(analysis: Analysis) -> dict[str, Any]:
    """Return the figures of an analysis and what made it, for JSON."""
    spec = analysis.descriptors.spec
    return analysis.summary() | {
        "effective_environments": float(np.exp(analysis.diversity_nats)),
        "descriptor_name": descriptor_name(spec),
        "descriptor": asdict(spec),
        "kernel": asdict(analysis.spec),
    }


def place_of(dataset: Dataset) -> dict[int, int]:
    """Return for the index of each structure in its file the place in the data set."""
    return {int(frame): place for place, frame in enumerate(dataset.frame_indices)}


def places_in(dataset: Dataset, frames: tuple[int, ...], flag: str) -> list[int]:
    """Return the places in the data set of structures named by their index in the file."""
    places = place_of(dataset)
    missing = [frame for frame in frames if frame not in places]
    if missing:
        first, last = dataset.frame_indices[[0, -1]]
        raise UsageError(
            f"{flag} names structure {missing[0]}, which was not read: "
            f"{dataset.name} was read from structure {first} to {last}"
        )
    chosen = [places[frame] for frame in frames]
    if flag == "--drop" and dataset.isolated[chosen].any():
        frame = dataset.frame_indices[chosen][dataset.isolated[chosen]][0]
        raise UsageError(f"--drop names structure {frame}, an isolated atom: always kept")
    return chosen


def method_specs(arguments: argparse.Namespace, names: Iterable[str]) -> dict[str, Any]:
    """Return the spec of each method, and refuse options that are none of theirs."""
    names = tuple(names)
    kinds = {name: METHODS[name].spec for name in [*METHODS, *names]}
    refuse_foreign_options(arguments, "method-", kinds, names)
    return {name: spec_from_arguments(METHODS[name].spec, arguments, "method-") for name in names}


def refuse_without_labels(dataset: Dataset, specs: Mapping[str, Any]) -> None:
    """Raise for methods whose labels are missing, before anything is computed."""
    for name, spec in specs.items():
        label = missing_labels(dataset, name, spec)
        if label:
            title = METHODS[name].title
            raise InputError(f"{title} needs {label}, and there are none", source=dataset.name)
