"""``winnow select-rows``: pick rows, or groups of rows, of a table or array of features."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from analytics.cli.arguments import add_json, add_method_options, add_seed
from analytics.cli.errors import UsageError
from analytics.cli.files import add_force, check_targets
from analytics.cli.options import add_spec_options, parse_budget, parse_list, spec_from_arguments
from analytics.cli.output import counted, number, print_json
from analytics.cli.stages import method_specs
from analytics.cli.tables import csv_writer
from analytics.data.numpy_files import read_npy
from analytics.information.kernel import KernelSpec
from analytics.runtime.errors import InputError
from analytics.runtime.registry import options_of
from analytics.runtime.writing import write_files
from analytics.selection.base import METHODS
from analytics.selector import UNITS, Selector

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument(
        "file",
        metavar="FILE",
        help="features, a row each: an array (.npy), or a table with a head (.csv, .parquet)",
    )
    add_json(parser)
    parser.add_argument(
        "--method",
        default="facility_location",
        metavar="NAME",
        help=f"one of {', '.join(METHODS)}, except those that train a potential (default "
        "%(default)s)",
    )
    parser.add_argument(
        "--budget",
        type=parse_budget,
        required=True,
        help="how much to keep: a share (0.1 or 10%%) or a number of groups, or of rows",
    )
    parser.add_argument(
        "--unit", choices=tuple(UNITS), default="groups", help="what --budget counts"
    )
    add_seed(parser)
    group = parser.add_argument_group("columns of a table (the others are features)")
    group.add_argument("--group", metavar="COLUMN", help="rows of one value are kept as a whole")
    group.add_argument(
        "--label",
        metavar="COLUMN",
        help="class of a row (text) or its energy (a number), for methods that go by it",
    )
    group.add_argument(
        "--importance", metavar="COLUMN", help="size of the force on a row, or what is like it"
    )
    group.add_argument(
        "--ignore", metavar="COLUMN,...", type=parse_list(str), default=(), help="no features"
    )
    group = parser.add_argument_group("what is written")
    group.add_argument(
        "-o", "--output", metavar="OUT", help="file for the rows kept, in the format of FILE"
    )
    add_force(group)
    add_method_options(parser)
    add_spec_options(parser.add_argument_group("kernel"), {"": KernelSpec}, "")


def run(arguments: argparse.Namespace) -> int:
    """Run the command and return the exit code."""
    spec = method_specs(arguments, [arguments.method])[arguments.method]
    kernel = spec_from_arguments(KernelSpec, arguments, "")
    file = Path(arguments.file)
    target = None if arguments.output is None else Path(arguments.output)
    if target is not None:
        if target.suffix.lower() != file.suffix.lower():
            raise UsageError(f"-o {target}: ends otherwise than {file.name}")
        check_targets([target], str(file), force=arguments.overwrite)
    elif not arguments.json:
        raise UsageError("say with -o where to write, or ask for --json")
    table = _read(file)
    named = {"group": arguments.group, "label": arguments.label, "importance": arguments.importance}
    columns = {what: _column(file, table, name) for what, name in named.items()}
    apart = {name for name in (*named.values(), *arguments.ignore) if name is not None}
    for name in arguments.ignore:
        _column(file, table, name)
    features = table.drop(columns=[name for name in table if str(name) in apart])
    options = {item.name: getattr(spec, item.name) for item in options_of(spec)}
    selector = Selector(
        arguments.method, size=arguments.budget.value, unit=arguments.unit,
        bandwidth=kernel.bandwidth, covered_below=kernel.covered_below,
        random_state=arguments.seed, **options,
    )  # fmt: skip
    _refuse_text(file, features)
    selector.fit(
        features.to_numpy(), columns["label"], groups=columns["group"], forces=columns["importance"]
    )
    if target is not None:
        write_files({target: _writer(target, table[selector.support_])}, force=arguments.overwrite)
    if arguments.json:
        print_json(_content(arguments, selector, table))
    else:
        kept = counted(len(selector.groups_), "group" if arguments.group else "row")
        print(
            f"{target}: {kept} of {file.name}, {counted(int(selector.support_.sum()), 'row')} of "
            f"{len(table)} in all, by {arguments.method} "
            f"(bandwidth {number(selector.bandwidth_)})"
        )
    return 0


def _content(
    arguments: argparse.Namespace, selector: Selector, table: pd.DataFrame
) -> dict[str, Any]:
    return {
        "name": Path(arguments.file).name,
        "n_rows": len(table),
        "n_features": selector.n_features_in_,
        "method": arguments.method,
        "seed": arguments.seed,
        "bandwidth": selector.bandwidth_,
        "groups": [str(name) for name in selector.groups_] if arguments.group else None,
        "rows": np.flatnonzero(selector.support_) if arguments.group else selector.indices_,
        "output": arguments.output,
    }


def _read(file: Path) -> pd.DataFrame:
    kind = file.suffix.lower()
    if kind not in (".npy", ".csv", ".parquet"):
        raise UsageError(f"{file.name}: features are read from .npy, .csv and .parquet")
    try:
        if kind == ".npy":
            rows = read_npy(file)
            if rows.ndim != 2:
                raise InputError(f"has shape {rows.shape}, not (rows, features)", source=file.name)
            return pd.DataFrame(rows)
        return pd.read_csv(file) if kind == ".csv" else pd.read_parquet(file)
    except ImportError:
        raise UsageError(
            f"{file.name}: parquet needs pyarrow: pip install 'winnow-atomistic[formats]'"
        ) from None
    except ValueError as error:  # those of pandas and pyarrow among them
        raise InputError(f"cannot be read ({error})", source=file.name) from None


def _column(file: Path, table: pd.DataFrame, name: str | None) -> Any:
    if name is None:
        return None
    for column in table:
        if str(column) == name:
            return table[column].to_numpy()
    there = ", ".join(map(str, list(table)[:12]))
    raise InputError(f"has no column {name!r}; there are {there}", source=file.name)


def _refuse_text(file: Path, features: pd.DataFrame) -> None:
    for name in features:
        if features[name].dtype.kind not in "buif":
            raise InputError(
                f"the column {name} does not hold numbers: name it with --group, --label or "
                "--ignore",
                source=file.name,
            )


def _writer(target: Path, kept: pd.DataFrame) -> Any:
    kind = target.suffix.lower()
    if kind == ".npy":
        return lambda out: np.save(out, kept.to_numpy(), allow_pickle=False)
    if kind == ".parquet":
        return lambda out: out.write(kept.to_parquet(index=False))
    return csv_writer(kept)
