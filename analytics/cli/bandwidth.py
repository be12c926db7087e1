"""``winnow bandwidth``: scan of kernel widths against entropy, and the rule by volume."""

from __future__ import annotations

import argparse
from dataclasses import asdict
from pathlib import Path

from analytics.cli.arguments import add_analysis, add_input, add_seed
from analytics.cli.calibration import add_calibration, calibrate_input, calibration_text
from analytics.cli.files import add_force, check_targets, input_title
from analytics.cli.options import parse_count, parse_list
from analytics.cli.output import columns, count, number, percent, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import describe_input, kernel_spec, read_input, width_of
from analytics.cli.tables import say_written, table_of, write_tables
from analytics.information.bandwidth import BandwidthScan, bandwidth_scan
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]

COLUMNS = (
    "bandwidth", "mark", "entropy_nats", "entropy_error_nats", "diversity_nats",
    "diversity_error_nats", "covered", "covered_error", "dimension",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "--bandwidths",
        type=parse_list(_width),
        metavar="H,...",
        help="widths to measure (default: 17 from an eighth to eight times --bandwidth)",
    )
    parser.add_argument(
        "--sample",
        type=parse_count,
        metavar="N",
        help="environments to average over (default: all of up to 14 000, else fewer)",
    )
    add_seed(parser)
    add_calibration(parser)
    parser.add_argument("-o", "--output", metavar="OUT.csv", help="file for the table")
    add_force(parser)
    add_analysis(parser)


def _width(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = -1.0
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a bandwidth")
    return value


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    kernel = kernel_spec(arguments)
    outputs = [Path(name) for name in (arguments.output, arguments.calibration) if name is not None]
    check_targets(outputs, *arguments.files, force=arguments.overwrite)
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.2))
        (descriptors,) = describe_input(arguments, [dataset], Part(monitor, 0.2, 0.4))
        width = width_of(arguments, dataset, descriptors)
        scan = bandwidth_scan(
            dataset,
            descriptors,
            chosen=width.value,
            bandwidths=arguments.bandwidths,
            sample=arguments.sample,
            covered_below=kernel.covered_below,
            seed=arguments.seed,
            monitor=Part(monitor, 0.4, 0.6),
        )
        calibration = calibrate_input(arguments, dataset, descriptors, Part(monitor, 0.6, 1.0))
    records = scan.records()
    tables = {arguments.output: table_of(records, COLUMNS)}
    if calibration is not None:
        tables[arguments.calibration] = calibration.to_frame()
    write_tables(
        {Path(path): table for path, table in tables.items() if path is not None},
        force=arguments.overwrite,
    )
    if arguments.json:
        head = {"name": dataset.name, "fingerprint": dataset.fingerprint}
        facts = {
            "chosen": scan.chosen,
            "rule": scan.rule,
            "volume_A3_per_atom": asdict(scan.volume),
            "n_environments": scan.n_environments,
            "n_sampled": scan.n_sampled,
            "seed": arguments.seed,
            "descriptor": asdict(descriptors.spec),
        }
        found = {} if calibration is None else {"calibration": calibration.to_dict()}
        print_json(head | facts | {"rows": records} | found)
        return 0
    for path, table in tables.items():
        if path is not None:
            say_written(path, f"{len(table)} rows")
    if arguments.output is None:
        print(_text(scan, input_title(arguments.files)))
    if calibration is not None and arguments.calibration is None:
        print("\n" + calibration_text(calibration))
    return 0


def _text(scan: BandwidthScan, name: str) -> str:
    sampled = scan.n_sampled < scan.n_environments
    lines = [f"{name}: {count(scan.n_environments)} environments"]
    if sampled:
        lines[0] += f", averages over {count(scan.n_sampled)} of them"
    if scan.rule is None:
        lines.append(
            "the rule by atomic volume does not apply: no periodic structure or other units"
        )
    else:
        v = scan.volume
        lines.append(
            f"rule by atomic volume: h = {scan.rule:.4f} 1/Å at {v.median:.2f} Å³ per atom (median "
            f"of {count(v.n_structures)} periodic structures, quartiles {v.low:.2f} and "
            f"{v.high:.2f})"
        )
    head = [["h", "entropy, nats", "diversity, nats", "covered by another", "dimension", ""]]
    rows = [
        [
            f"{r['bandwidth']:.5g}",
            number(r["entropy_nats"]) + (f" ± {r['entropy_error_nats']:.3f}" if sampled else ""),
            number(r["diversity_nats"]),
            percent(r["covered"]),
            number(r["dimension"], 1),
            r["mark"],
        ]
        for r in scan.records()
    ]
    return "\n".join([*lines, columns(head, rows)])
