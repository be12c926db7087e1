"""Calibration of the width in the terminal: rank correlations of metrics with retrained errors."""

from __future__ import annotations

import argparse

from analytics.cli.output import columns, count, number, percent
from analytics.cli.stages import kernel_spec, pipeline_of
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.evaluation.calibration import Calibration, calibrate
from analytics.potential.design_rows import check_labels
from analytics.runtime.progress import Monitor, Part

__all__ = ["add_calibration", "calibrate_input", "calibration_text"]


def add_calibration(parser: argparse.ArgumentParser) -> None:
    """Add the options that ask for it."""
    parser.add_argument(
        "--calibrate",
        action="store_true",
        help="with labels: train a potential on each of some 45 subsets of a tenth and show at "
        "which width each metric ranks them as their errors do (seconds to a minute)",
    )
    parser.add_argument(
        "--calibration", metavar="OUT.csv", help="file for the table of --calibrate"
    )


def calibrate_input(
    arguments: argparse.Namespace, dataset: Dataset, descriptors: Descriptors, monitor: Monitor
) -> Calibration | None:
    """Return the calibration if it was asked for."""
    if not arguments.calibrate and arguments.calibration is None:
        return None
    check_labels(dataset)
    analysis = pipeline_of(arguments).analyse(
        dataset, descriptors.spec, kernel_spec(arguments), monitor=Part(monitor, 0.0, 0.3)
    )
    return calibrate(analysis, seed=arguments.seed, monitor=Part(monitor, 0.3, 1.0))


def calibration_text(found: Calibration) -> str:
    """Return what to conclude, and correlations against the width."""
    low, high = found.force_range
    part = "a random part: " if found.sampled else ""
    lines = [
        f"calibration: {found.force_errors.shape[1]} subsets of {count(found.size)} structures, "
        f"each fitted, on {found.force_errors.shape[0]} hold-outs ({part}"
        f"{count(found.n_structures)} structures, {count(found.n_environments)} environments)",
        found.verdict,
        f"force errors of the subsets: {number(low, 2)} to {number(high, 2)} of their median, "
        f"{number(float(_middle(found)), 3)} eV/Å; whole pool {number(found.whole_force, 3)} eV/Å",
    ]
    names = [metric.replace("_", " ") for metric in found.metrics]
    head = [["h", "covered by a", *names, ""], ["", "random tenth", *["force"] * len(names), ""]]
    rows = []
    for k, width in enumerate(found.widths):
        cells = [_cell(found, metric, float(width)) for metric in found.metrics]
        mark = "in use" if width == found.chosen else ""
        rows.append([f"{width:.5g}", percent(float(found.covered[k])), *cells, mark])
    return "\n".join([*lines, columns(head, rows), "* as good as the best, within the spread"])


def _middle(found: Calibration) -> float:
    return float(sorted(found.force_errors.ravel())[found.force_errors.size // 2])


def _cell(found: Calibration, metric: str, width: float) -> str:
    mean, spread = found.correlation(metric, width)
    low, high = found.flat(metric)
    star = "*" if low <= width <= high else " "
    return f"{number(mean, 2)} ± {number(spread, 2)}{star}"
