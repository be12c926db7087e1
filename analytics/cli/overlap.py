"""``winnow overlap``: leakage and novelty between files, or between classes of one file."""

from __future__ import annotations

import argparse
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np

from analytics.cli.arguments import add_analysis, add_json, add_labels
from analytics.cli.files import add_force, check_targets, input_name, input_paths
from analytics.cli.options import add_spec_options, parse_seed, parse_share, spec_from_arguments
from analytics.cli.output import columns, count, number, percent, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import describe_input, kernel_spec, read_input, width_of
from analytics.cli.tables import say_written, table_of, write_tables
from analytics.curation.duplicates import DuplicateSpec
from analytics.curation.file_comparison import lacking_elements, same_structures
from analytics.curation.label_relations import energy_relation, force_relation
from analytics.curation.overlap import (
    Leakage,
    OverlapMatrix,
    classes_of,
    leakage,
    overlap_matrix,
    sets_of,
)
from analytics.data.dataset import Dataset
from analytics.descriptors.base import Descriptors
from analytics.information.false_alarms import FalseAlarms
from analytics.information.kernel import KernelSpec
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Monitor, Part

__all__ = ["add_arguments", "run"]

SHOWN = 10
LABELS = ("energy", "forces", "stress")
NOVELTY = (
    "structure", "config_type", "largest_delta_entropy_nats", "mean_delta_entropy_nats", "covered",
    "p_value", "near_duplicate_of", "exact",
)  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "file", metavar="A", type=input_name, help="data set; A@0:1000:10 reads a slice"
    )
    parser.add_argument("others", nargs="*", metavar="B", type=input_name, help="further data sets")
    add_json(parser)
    add_labels(parser)
    parser.add_argument(
        "--sample",
        type=_sample,
        default=2000,
        metavar="N",
        help="environments measured of each set where there are more than two sets "
        "(default %(default)s, 0 for all)",
    )
    parser.add_argument(
        "--rate",
        type=parse_share,
        default=0.01,
        metavar="SHARE",
        help="false-alarm rate at which structures of B are called novel (default %(default)s)",
    )
    parser.add_argument(
        "--seed", type=parse_seed, default=0, help="of the sample (default %(default)s)"
    )
    parser.add_argument(
        "-o", "--output", metavar="OUT.csv", help="file for the table: per pair, or per structure"
    )
    add_force(parser)
    add_spec_options(parser.add_argument_group("what counts as a leak"), {"": DuplicateSpec}, "")
    add_analysis(parser)


def _sample(text: str) -> int:
    if not (text.isascii() and text.isdigit()):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of environments")
    return int(text)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    spec = spec_from_arguments(DuplicateSpec, arguments, "")
    kernel = kernel_spec(arguments)
    files = [arguments.file, *arguments.others]
    for file in files:
        input_paths(file)
    if arguments.output is not None:
        check_targets([Path(arguments.output)], *files, force=arguments.overwrite)
    with progress_on_terminal() as monitor:
        n = len(files)
        reading = [Part(monitor, 0.1 * at / n, 0.1 * (at + 1) / n) for at in range(n)]
        datasets = [read_input(arguments, p, f) for p, f in zip(reading, files, strict=True)]
        described = describe_input(arguments, datasets, Part(monitor, 0.1, 0.3))
        width = width_of(arguments, datasets[0], described[0])
        kernel = replace(kernel, bandwidth=width.value)
        part = Part(monitor, 0.3, 1.0)
        if n == 2:
            pair = list(zip(datasets, described, strict=True))
            found = leakage(
                pair[0], pair[1], spec, bandwidth=kernel.bandwidth,
                covered_below=kernel.covered_below, alike=width.alike, monitor=part,
            )  # fmt: skip
            return _report_pair(arguments, datasets, found, kernel)
        matrix = _matrix(arguments, datasets, described, kernel, part)
    return _report_matrix(arguments, datasets, matrix)


def _matrix(
    arguments: argparse.Namespace,
    datasets: list[Dataset],
    described: list[Descriptors],
    kernel: KernelSpec,
    monitor: Monitor,
) -> OverlapMatrix:
    if len(datasets) > 1:
        sets = sets_of([dataset.name for dataset in datasets], described)
    else:
        classes = classes_of(datasets[0], described[0])
        sets = {name or "(none)": x for name, x in classes.items()}
        if len(sets) < 2:
            raise InputError(
                "has a single config_type; name a second file to compare with",
                source=datasets[0].name,
            )
    return overlap_matrix(
        sets,
        bandwidth=kernel.bandwidth,
        covered_below=kernel.covered_below,
        sample=arguments.sample or None,
        seed=arguments.seed,
        monitor=monitor,
    )


# ------------------------------------------------------------------------------- two files


def _report_pair(
    arguments: argparse.Namespace, datasets: list[Dataset], found: Leakage, kernel: KernelSpec
) -> int:
    train, test = datasets
    records = _novelty_records(train, test, found)
    if arguments.output is not None:
        write_tables(
            {Path(arguments.output): table_of(records, NOVELTY)}, force=arguments.overwrite
        )
    if arguments.json:
        print_json(
            {
                "reference": {"name": train.name, "fingerprint": train.fingerprint},
                "measured": {"name": test.name, "fingerprint": test.fingerprint},
                "n_structures": found.n_test,
                "n_environments": len(found.novelty.delta_entropy),
                "kernel": asdict(kernel),
                "coverage": found.novelty.covered_environments,
                "mean_delta_entropy_nats": float(found.novelty.delta_entropy.mean()),
                "median_delta_entropy_nats": float(np.median(found.novelty.delta_entropy)),
                "elements_lacking_in_reference": list(lacking_elements(train, test)),
                "n_environments_of_these": found.novelty.foreign_environments,
                "false_alarms": _false_alarms(arguments, found),
                "n_near_duplicates": len(found.test),
                "n_exact": int(found.exact.sum()),
                "labels_of_equal_structures": _relations(train, test),
                "near_duplicates": found.records(train, test),
                "structures": records,
            }
        )
    elif arguments.output is not None:
        say_written(arguments.output, f"{len(records)} rows")
    else:
        print(_pair_text(train, test, found, records, kernel, arguments))
    return 0


def _rate(arguments: argparse.Namespace, alarms: FalseAlarms) -> float:
    """Return the false-alarm rate asked for, or the smallest that the set allows."""
    return max(float(arguments.rate), alarms.smallest_rate)


def _false_alarms(arguments: argparse.Namespace, found: Leakage) -> dict[str, Any] | None:
    """Return the thresholds at the rate asked for and how many structures are novel, for JSON."""
    alarms = found.novelty.alarms
    if alarms is None:
        return None
    rate = _rate(arguments, alarms)
    return alarms.to_dict(rate) | {"n_novel": _novel(found, rate)}


def _novel(found: Leakage, rate: float) -> int:
    """Return how many structures are novel; none that is there already, however rare it is."""
    new = found.novelty
    novel = new.p_value <= rate * (1 + 1e-12)
    return int(np.sum(novel & ~np.isin(new.structures, found.test)))


def _novelty_records(train: Dataset, test: Dataset, found: Leakage) -> list[dict[str, Any]]:
    """Return one record per structure of B, the most novel first."""
    leaks = {record["test_structure"]: record for record in found.records(train, test)}
    new, records = found.novelty, []
    for at in new.order():
        frame = int(test.frame_indices[new.structures[at]])
        leak = leaks.get(frame)
        records.append(
            {
                "structure": frame,
                "config_type": str(test.config_type[new.structures[at]]),
                "largest_delta_entropy_nats": float(new.largest[at]),
                "mean_delta_entropy_nats": float(new.mean[at]),
                "covered": float(new.covered[at]),
                "p_value": float(new.p_value[at]),
                "near_duplicate_of": None if leak is None else leak["train_structure"],
                "exact": False if leak is None else leak["exact"],
            }
        )
    return records


def _pair_text(
    train: Dataset,
    test: Dataset,
    found: Leakage,
    records: list[dict[str, Any]],
    kernel: KernelSpec,
    arguments: argparse.Namespace,
) -> str:
    new, leaks = found.novelty, len(found.test)
    lines = [
        f"{test.name} given {train.name}",
        *_differences(train, test, found),
        f"  {percent(new.covered_environments)} of {count(len(new.delta_entropy))} environments "
        f"are covered (delta entropy below {kernel.covered_below:g} nats at the width "
        f"{kernel.bandwidth:g}); "
        f"delta entropy mean {number(float(new.delta_entropy.mean()))}, "
        f"median {number(float(np.median(new.delta_entropy)))} nats",
        f"  {count(leaks)} of {count(found.n_test)} structures "
        f"({percent(leaks / max(1, found.n_test))}) are near-duplicates of structures there, "
        f"{count(int(found.exact.sum()))} of them exact",
    ]
    if new.alarms is not None:
        rate = _rate(arguments, new.alarms)
        lines.append(
            f"  {count(_novel(found, rate))} of {count(found.n_test)} structures are novel at a "
            f"false-alarm rate of {percent(rate)} (largest delta entropy above "
            f"{number(new.alarms.threshold(rate), 2)} nats; each structure of {train.name} given "
            "the others)"
        )
    if leaks:
        head = [["leaks", "repeats", "distance, h", ""]]
        rows = [
            [str(r["test_structure"]), str(r["train_structure"]), f"{r['distance']:.3f}",
             "exact" if r["exact"] else ""]
            for r in found.records(train, test)[:SHOWN]
        ]  # fmt: skip
        lines += ["", columns(head, rows)]
        if leaks > SHOWN:
            lines.append(f"... and {count(leaks - SHOWN)} more (-o, --json: all)")
    head = [["most novel", "largest, nats", "mean, nats", "p-value", "covered", "config_type"]]
    rows = [
        [
            str(r["structure"]),
            number(r["largest_delta_entropy_nats"], 1),
            number(r["mean_delta_entropy_nats"], 2),
            number(r["p_value"], 4),
            percent(r["covered"]),
            r["config_type"],
        ]
        for r in records[:SHOWN]
    ]
    return "\n".join([*lines, "", columns(head, rows)])


def _differences(train: Dataset, test: Dataset, found: Leakage) -> list[str]:
    """Return what is to be known before any figure: elements, and labels of equal structures."""
    lacking = lacking_elements(train, test)
    lines = []
    if lacking:
        n = found.novelty.foreign_environments
        lines.append(
            f"  {train.name} has no atom of {', '.join(lacking)}: {count(n)} environments of "
            "these are not covered"
        )
    for relation in _relations(train, test).values():
        if relation["relation"] not in ("equal", "missing"):
            lines.append(
                f"  {relation['label']} of {count(relation['n'])} structures that are in both, "
                f"here against there: {relation['words']}"
            )
    keys = [(each, getattr(train.keys, each), getattr(test.keys, each)) for each in LABELS]
    for label, there, here in keys:
        if there and here and there != here:
            lines.append(f"  {label} is read from {here} here and from {there} there")
    return lines


def _relations(train: Dataset, test: Dataset) -> dict[str, dict[str, Any]]:
    pairs = same_structures(train, test)
    relations = energy_relation(train, test, pairs), force_relation(train, test, pairs)
    return {
        each.label: {
            "label": "energies" if each.label == "energy" else "forces",
            "relation": each.kind,
            "n": each.n,
            "value": each.value,
            "words": each.words,
        }
        for each in relations
    }


# ------------------------------------------------------------------------------- many sets


def _report_matrix(
    arguments: argparse.Namespace, datasets: list[Dataset], matrix: OverlapMatrix
) -> int:
    table = matrix.table
    if arguments.output is not None:
        write_tables({Path(arguments.output): table}, force=arguments.overwrite)
    if arguments.json:
        print_json(
            {
                "files": [{"name": d.name, "fingerprint": d.fingerprint} for d in datasets],
                "seed": arguments.seed,
                "names": list(matrix.names),
                "rows": table.to_dict(orient="records"),
            }
        )
    elif arguments.output is not None:
        say_written(arguments.output, f"{len(table)} rows")
    else:
        print(_matrix_text(matrix))
    return 0


def _matrix_text(matrix: OverlapMatrix) -> str:
    few = bool((matrix.sampled < matrix.counts).any())
    lines = [
        "Percentage of the environments of a column that the set of a row covers"
        + (f" (at most {count(int(matrix.sampled.max()))} of each sampled)" if few else "")
    ]
    head = [["", *(str(at) for at in range(len(matrix.names)))]]
    rows = [
        [f"{at} {name}", *(percent(share, 0, sign=False) for share in matrix.coverage[at])]
        for at, name in enumerate(matrix.names)
    ]
    return "\n".join([*lines, columns(head, rows)])
