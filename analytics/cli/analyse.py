"""``winnow analyse``: entropy, diversity and redundancy of a data set."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.cli.arguments import (
    add_analysis,
    add_certified,
    add_input,
    add_seed,
    check_certified,
)
from analytics.cli.errors import UsageError
from analytics.cli.files import add_force, check_targets, input_title
from analytics.cli.options import parse_seed
from analytics.cli.output import (
    aligned,
    columns,
    count,
    counted,
    number,
    percent,
    print_json,
    understood_text,
)
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import (
    analyse_input,
    analysis_content,
    pipeline_of,
    read_input,
)
from analytics.cli.tables import say_written, write_tables
from analytics.cli.widths import (
    chosen_text,
    finding_lines,
    findings_of,
    range_content,
    range_table,
)
from analytics.data.overview import understood_content
from analytics.descriptors.base import descriptor_name
from analytics.descriptors.species import sees_elements
from analytics.evaluation.element_contrast import ElementContrast, element_contrast
from analytics.evaluation.redundancy import Redundancy, information_efficiency, learning_curve
from analytics.evaluation.width_range import WidthRange
from analytics.information.analysis import Analysis
from analytics.information.bounded_sums import Certificate
from analytics.information.intrinsic_dimension import IntrinsicDimension, intrinsic_dimension
from analytics.runtime.progress import Part
from analytics.runtime.text import TERMINAL, certain_error

__all__ = ["add_arguments", "run"]

#: Classes shown; of one class per structure nobody reads them all.
MOST_CLASSES = 30


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "--learning-curve",
        action="store_true",
        help="entropy, diversity and coverage of random parts against their size, with spread",
    )
    parser.add_argument(
        "--orders", type=parse_seed, default=5, help="random orders of the learning curve"
    )
    parser.add_argument(
        "--dimension",
        action="store_true",
        help="intrinsic dimension of the environments (TwoNN), from a sample",
    )
    add_certified(
        parser,
        "entropy and diversity of a set too large for all its kernels within this certified "
        "error, such as 0.01, instead of exactly: in a time that grows with the environments, not "
        "with their pairs",
    )
    parser.add_argument(
        "--sampled",
        action="store_true",
        help="first figures of a set too large for all its kernels: estimates from environments "
        "drawn at random, with standard errors, and nothing exact",
    )
    add_seed(parser)
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT.csv",
        help="file for the table of the config_types, or of the learning curve if that is asked",
    )
    add_force(parser)
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Say how redundant a data set is."""
    if arguments.output is not None:
        check_targets([Path(arguments.output)], *arguments.files, force=arguments.overwrite)
    check_certified(arguments)
    if arguments.sampled and arguments.error is not None:
        raise UsageError("--sampled has standard errors, --error certifies: say one of them")
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.1))
        analysis = analyse_input(arguments, dataset, Part(monitor, 0.1, 0.8))
        pipeline = pipeline_of(arguments)
        classes = pipeline.redundancy(analysis, monitor=Part(monitor, 0.8, 0.83))
        part = Part(monitor, 0.83, 0.85)
        elements = pipeline.finding("elements", analysis, element_contrast, monitor=part)
        over_widths = pipeline.width_range(analysis, monitor=part)
        curve = dimension = None
        if arguments.learning_curve:
            part = Part(monitor, 0.85, 0.9)
            curve = learning_curve(
                analysis, orders=arguments.orders, seed=arguments.seed, monitor=part
            ).table
        if arguments.dimension:
            x, h = analysis.descriptors.values, analysis.spec.bandwidth
            part = Part(monitor, 0.9, 1.0)
            dimension = intrinsic_dimension(x, bandwidth=h, seed=arguments.seed, monitor=part)
        monitor.report(1.0, "analysed")
    whole, findings = classes[0], findings_of(analysis, over_widths)
    table = pd.DataFrame([row.to_dict() for row in classes]) if curve is None else curve
    if arguments.output is not None:
        write_tables({Path(arguments.output): table}, force=arguments.overwrite)
    if arguments.json:
        content = {"understood": understood_content(dataset)} | analysis_content(analysis)
        content["efficiency"] = whole.efficiency
        content |= range_content(analysis.width, over_widths, findings)
        content["without_elements"] = None if elements is None else elements.to_dict()
        content["classes"] = [row.to_dict() for row in classes[1:]]
        if curve is not None:
            content["learning_curve"] = curve.to_dict(orient="records")
        if dimension is not None:
            content["intrinsic_dimension"] = asdict(dimension)
        print_json(content)
    elif arguments.output is not None:
        say_written(arguments.output, f"{len(table)} rows")
    else:
        title = input_title(arguments.files)
        text = analysis_text(analysis, title, classes, curve, dimension, elements, over_widths)
        print("\n".join([text, *finding_lines(findings)]))
    return 0


def analysis_text(
    analysis: Analysis,
    name: str,
    classes: Sequence[Redundancy] = (),
    curve: Any = None,
    dimension: IntrinsicDimension | None = None,
    elements: ElementContrast | None = None,
    over_widths: WidthRange | None = None,
) -> str:
    """Return the figures of an analysis, with units, and one plain counted.

    Parameters
    ----------
    analysis : Analysis
    name : str
    classes : sequence of Redundancy
        The complete set, then its classes.
    curve : DataFrame, optional
        A learning curve.
    dimension : IntrinsicDimension, optional
    elements : ElementContrast, optional
        The figures without elements.
    over_widths : WidthRange, optional
        The figures at other widths of the kernel.
    """
    n, isolated = analysis.n_environments, int(analysis.dataset.isolated.sum())
    besides = f"and {counted(isolated, 'isolated atom')}, left out below" if isolated else ""
    effective = round(float(np.exp(analysis.diversity_nats)))
    unit = "1/Å" if hasattr(analysis.descriptors.spec, "cutoff") else ""
    chosen, rule = chosen_text(analysis.width, unit)
    rows = [
        ("structures", count(analysis.n_structures), besides),
        ("environments", count(n), ""),
        ("entropy H", *_figure(analysis.entropy_nats, analysis.entropy_error, analysis)),
        ("diversity D", *_figure(analysis.diversity_nats, analysis.diversity_error, analysis)),
        ("bandwidth h", f"{analysis.spec.bandwidth:g}", chosen),
        ("", "", rule),
        ("descriptor", descriptor_name(analysis.descriptors.spec), _columns_of(analysis)),
    ]
    efficiency = TERMINAL.share_with_error(
        information_efficiency(analysis.entropy_nats, n),
        information_efficiency(analysis.entropy_error, n),
    )
    rows.insert(4, ("efficiency", efficiency, "of the largest entropy, H / ln n"))
    if analysis.certificate is not None and not analysis.certificate.exact:
        rows.insert(5, ("certified", *_certified(analysis.certificate)))
    if not analysis.exact and analysis.certificate is None:
        rows.insert(5, ("estimated", *_estimated(analysis)))
    if dimension is not None:
        known = np.isfinite(dimension.dimension)
        error = f"± {dimension.error:.2f}, " if known else "too few: "
        sampled = f"{error}TwoNN over {count(dimension.n_sampled)} distinct environments"
        rows.append(("intrinsic dimension", number(dimension.dimension, 2), sampled))
    if elements is not None:
        about = "± " + number(elements.effective_blind_error, 1) + ", " if elements.sampled else ""
        rows.append(
            (
                "without elements",
                number(elements.effective_blind, 1),
                f"{about}effective number if {', '.join(elements.elements)} were one element",
            )
        )
    about, redundant = count(effective), percent(analysis.redundancy, 0)
    if analysis.diversity_error > 0:
        about = TERMINAL.with_error(effective, effective * analysis.diversity_error)
        redundant = TERMINAL.share_with_error(analysis.redundancy, analysis.redundancy_error)
    told = (
        f"{redundant} of the environments are redundant: "
        f"effective number exp(D) = {about} of {count(n)}."
    )
    if over_widths is not None:
        ends = dict.fromkeys(percent(share, 0) for share in over_widths.span("redundancy"))
        told += f"\nFrom half to twice the width of the kernel {' to '.join(ends)} are."
    if elements is not None and elements.differs:
        told += f"\nElements count: {elements.finding}."
    parts = [f"{name}\n{understood_text(analysis.dataset)}", aligned(rows)]
    if over_widths is not None:
        parts.append(range_table(over_widths))
    if len(classes) > 1:
        parts.append(_class_table(classes[1:]))
    if curve is not None:
        parts.append(_curve_table(curve))
    parts[-1] += f"\n{told}"
    return "\n\n".join(parts)


def _class_table(classes: Sequence[Redundancy]) -> str:
    head = [
        ["config_type", "struc-", "environ-", "entropy", "effi-", "effective", "redun-", "covered"],
        ["", "tures", "ments", "nats", "ciency", "number", "dant", "by others"],
    ]
    rows = [
        [
            row.name,
            count(row.n_structures),
            count(row.n_environments),
            TERMINAL.with_error(row.entropy_nats, row.entropy_error)
            if row.entropy_error > 0
            else number(row.entropy_nats),
            TERMINAL.share_with_error(row.efficiency, row.efficiency_error),
            TERMINAL.with_error(row.effective_environments, row.effective_error)
            if row.effective_error > 0
            else number(row.effective_environments, 1),
            TERMINAL.share_with_error(row.redundancy, row.redundancy_error),
            TERMINAL.share_with_error(row.covered_by_others, row.covered_error),
        ]
        for row in sorted(classes, key=lambda row: -row.n_environments)[:MOST_CLASSES]
    ]
    left = len(classes) - len(rows)
    more = f"\nand {count(left)} more config_types: all of them with -o or --json" if left else ""
    return columns(head, rows) + more


def _curve_table(curve: Any) -> str:
    head = [["structures", "environments", "entropy, nats", "diversity, nats", "coverage"]]
    rows = [
        [
            count(int(row["n_structures"])),
            count(round(row["n_environments"])),
            f"{row['entropy_nats']:.3f} ± {row['entropy_spread']:.3f}",
            f"{row['diversity_nats']:.3f} ± {row['diversity_spread']:.3f}",
            f"{percent(row['coverage'])} ± {100 * row['coverage_spread']:.1f}",
        ]
        for row in curve.to_dict(orient="records")
    ]
    return columns(head, rows)


def _columns_of(analysis: Analysis) -> str:
    """Return how long a row of the descriptor is, and which elements it tells apart."""
    spec = analysis.descriptors.spec
    numbers = f"{analysis.descriptors.values.shape[1]} numbers each"
    if len(np.unique(analysis.dataset.numbers)) < 2 or not hasattr(spec, "k"):
        return numbers
    if sees_elements(spec):
        return f"{numbers}, {spec.species.replace(',', ', ')} told apart"
    return f"{numbers}, blind to elements"


def _figure(value: float, error: float, analysis: Analysis) -> tuple[str, str]:
    """Return a figure with its error, and what is to be known of it."""
    shown = TERMINAL.with_error(value, certain_error(error, 3), 3) if error > 0 else number(value)
    return shown, f"nats, at most ln n = {number(analysis.max_entropy_nats)}"


def _certified(found: Certificate) -> tuple[str, str]:
    """Return with which confidence the errors above hold, and from how many exact sums."""
    return TERMINAL.exact_percent(found.confidence), (
        f"confidence that all three ± hold; {count(found.summed)} distinct environments were "
        "compared with all"
    )


def _estimated(analysis: Analysis) -> tuple[str, str]:
    """Return from how many environments figures are estimated, and which outliers are known."""
    known = int(analysis.outliers.known.sum())
    sparse = f"; the {count(known)} sparsest environments are known exactly" if known else ""
    n = count(analysis.n_environments)
    said = f"of {n} environments drawn, each ± is a standard error{sparse}"
    return count(analysis.sampled or 0), said
