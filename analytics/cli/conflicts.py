"""``winnow conflicts``: conflicting labels (alike atoms, unlike forces or energies)."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from analytics.cli.arguments import add_analysis, add_input
from analytics.cli.errors import UsageError
from analytics.cli.files import add_force, check_targets, input_title
from analytics.cli.options import add_spec_options, parse_count, spec_from_arguments
from analytics.cli.output import columns, count, counted, print_json
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import describe_input, kernel_spec, read_input, width_of
from analytics.cli.tables import table_of, write_tables
from analytics.curation.conflicts import Conflicts, ConflictSpec, conflicts
from analytics.data.dataset import Dataset
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]

#: In place of --force, which is a threshold here.
OVERWRITE = "--overwrite"

COLUMNS = {
    "energies": (
        "structures", "spread_eV_per_atom", "exact", "distance_h", "energies_eV_per_atom",
        "force_difference_eV_per_A", "config_types",
    ),
    "forces": (
        "structure_first", "atom_first", "config_type_first", "force_first_eV_per_A",
        "structure_second", "atom_second", "config_type_second", "force_second_eV_per_A",
        "difference_eV_per_A", "distance_h",
    ),
    "out_of_line": (
        "structure", "config_type", "z_score", "residual_eV_per_atom", "median_eV_per_atom",
        "scale_eV_per_atom", "volume_A3_per_atom",
    ),
}  # fmt: skip


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser)
    parser.add_argument(
        "--top", type=parse_count, default=10, metavar="N", help="rows to print (default 10)"
    )
    parser.add_argument(
        "-o",
        "--output",
        metavar="OUT.csv",
        help="write all rows: OUT_energies.csv, OUT_forces.csv and OUT_out_of_line.csv",
    )
    add_force(parser, OVERWRITE)
    group = parser.add_argument_group("what counts as alike, and as a conflict")
    add_spec_options(group, {"": ConflictSpec}, "")
    add_analysis(parser)


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    spec = spec_from_arguments(ConflictSpec, arguments, "")
    kernel_spec(arguments)  # refused before anything is computed
    targets = _targets(arguments.output)
    check_targets(targets.values(), *arguments.files, force=arguments.overwrite, flag=OVERWRITE)
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.1))
        if dataset.energies is None and dataset.forces is None:
            raise InputError("no labels to compare: no energies, no forces", source=dataset.name)
        (descriptors,) = describe_input(arguments, [dataset], Part(monitor, 0.1, 0.2))
        bandwidth = width_of(arguments, dataset, descriptors).alike
        found = conflicts(
            dataset, descriptors, spec, bandwidth=bandwidth, monitor=Part(monitor, 0.2, 1.0)
        )
    content = found.to_dict(dataset)
    tables = {path: table_of(content[kind], COLUMNS[kind]) for kind, path in targets.items()}
    write_tables(tables, force=arguments.overwrite)
    if arguments.json:
        print_json({"name": dataset.name, "fingerprint": dataset.fingerprint} | content)
    elif targets:
        for kind, path in targets.items():
            print(f"{path}: {counted(len(content[kind]), 'row')}")
    else:
        print(_text(dataset, found, content, input_title(arguments.files), arguments.top))
    return 0


def _targets(output: str | None) -> dict[str, Path]:
    if output is None:
        return {}
    path = Path(output)
    if path.suffix.lower() != ".csv":
        raise UsageError(f"-o {output}: tables are CSV; name it .csv")
    return {kind: path.with_name(f"{path.stem}_{kind}.csv") for kind in COLUMNS}


def _text(dataset: Dataset, found: Conflicts, content: dict[str, Any], name: str, top: int) -> str:
    exact = sum(c.exact for c in found.energies)
    lines = [
        f"{name}: {counted(dataset.n_structures, 'structure')}",
        f"energies: {counted(len(found.energies), 'group')} of alike structures with unlike "
        f"energies or forces ({count(exact)} of the same structure), "
        f"{counted(len(found.structures), 'structure')} in all",
    ]
    if found.energies:
        head = [["structures", "meV/atom apart", "alike", "|ΔF| eV/Å", "config_type"]]
        lines += [columns(head, [_energy_row(c) for c in content["energies"][:top]]), ""]
    lines.append(
        f"forces: {counted(len(found.forces), 'environment')} with another one within "
        f"{found.spec.tolerance:g} h whose |F| is smaller by more than {found.spec.force:g} eV/Å "
        f"and {found.spec.relative_force:.0%}"
    )
    if len(found.forces):
        head = [["atom (structure:atom)", "|F| eV/Å", "alike to", "|F| eV/Å", "distance, h"]]
        lines += [columns(head, [_force_row(r) for r in content["forces"][:top]]), ""]
    blocks = found.out_of_line.blocks
    lines.append(
        f"out of line: {counted(len(found.out_of_line), 'structure')} beyond a gap and "
        f"{found.spec.z_score:g} robust standard deviations of their class and composition, "
        f"{counted(len(blocks), 'block')}"
    )
    if blocks:
        head = [["structures", "eV/atom from the others", "", "config_type", "frames"]]
        lines.append(columns(head, [_block_row(r) for r in content["blocks"][:top]]))
    return "\n".join(lines)


def _energy_row(record: dict[str, Any]) -> list[str]:
    frames = record["structures"]
    alike = "exact" if record["exact"] else f"{record['distance_h']:.3f} h"
    alike += ", differ beyond the cutoff" if record["differ_only_beyond_cutoff"] else ""
    force = record["force_difference_eV_per_A"]
    return [
        " ".join(map(str, frames[:4])) + (" ..." if len(frames) > 4 else ""),
        f"{1e3 * record['spread_eV_per_atom']:.2f}",
        alike,
        "-" if force != force else f"{force:.3f}",
        " ".join(dict.fromkeys(record["config_types"]))[:30],
    ]


def _force_row(record: dict[str, Any]) -> list[str]:
    return [
        f"{record['structure_first']}:{record['atom_first']} {record['config_type_first']}",
        f"{record['force_first_eV_per_A']:.3f}",
        f"{record['structure_second']}:{record['atom_second']} {record['config_type_second']}",
        f"{record['force_second_eV_per_A']:.3f}",
        f"{record['distance_h']:.3f}",
    ]


def _block_row(record: dict[str, Any]) -> list[str]:
    low, high = record["lowest_eV_per_atom"], record["highest_eV_per_atom"]
    frames = record["structures"]
    return [
        f"{record['n_structures']} of {record['n_compared']}",
        f"{low:+.3f}" if len(frames) == 1 else f"{low:+.3f} to {high:+.3f}",
        {"outliers": "", "level": "a level of their own", "island": "island"}[record["kind"]],
        " ".join(x for x in (record["config_type"], record["composition"]) if x),
        " ".join(map(str, frames[:4])) + (" ..." if len(frames) > 4 else ""),
    ]
