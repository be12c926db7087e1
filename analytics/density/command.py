"""``winnow density``: compare prunings of Kohn-Sham electron densities, check claims."""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from analytics.claims.claim import Answer
from analytics.cli.arguments import add_json
from analytics.cli.errors import UsageError
from analytics.cli.files import add_force, check_targets
from analytics.cli.options import parse_count, parse_list, parse_share
from analytics.cli.output import (
    aligned,
    columns,
    count,
    counted,
    exact_percent,
    number,
    percent,
    print_json,
    significant,
    with_error,
)  # fmt: skip
from analytics.cli.progress import progress_on_terminal
from analytics.cli.tables import say_written, table_of, write_tables
from analytics.density.claims import check_claims
from analytics.density.descriptor import PointSpec
from analytics.density.energy_check import energies_possible
from analytics.density.grid import DensityData
from analytics.density.points import suggest
from analytics.density.pruning import PRUNINGS
from analytics.density.readers import EMBEDDED, read_density
from analytics.density.results import COLUMNS, MORE_COLUMNS, DensityResults, collect, precomputed
from analytics.density.study import FULL, StudySpec, compare_density, prepare_study, spec_for
from analytics.density.surrogate import NetworkSpec
from analytics.runtime.errors import InputError
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]

Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


# ------------------------------------------------------------------------------- parsers


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the commands of the command."""
    inner = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)
    _add_compare(inner)
    _add_info(inner)
    _add_claims(inner)


def run(arguments: argparse.Namespace) -> int:
    """Run the command of the command and return the exit code."""
    code: int = arguments.inner(arguments)
    return code


def _add_command(
    commands: Commands, name: str, run: Callable[[argparse.Namespace], int], text: str
) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
    parser.set_defaults(inner=run)
    return parser


def _add_system(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "system",
        nargs="+",
        metavar="SYSTEM",
        help=f"{', '.join(EMBEDDED)}, or your files (npz, CHGCAR, cube, XSF)",
    )
    parser.add_argument(
        "--unit", choices=("e/bohr3", "e/A3"), help="of npz files that do not say (e/bohr3)"
    )
    parser.add_argument(
        "--electrons", type=_positive, metavar="NUMBER", help="electrons of each snapshot"
    )
    parser.add_argument(
        "--species", metavar="1=Si,2=O", help="elements of the types of a CHGCAR that names none"
    )
    parser.add_argument(
        "--any-atoms", action="store_true", help="read densities that do not fit their atoms, too"
    )
    add_json(parser)


def _add_compare(commands: Commands) -> None:
    text = "Train models on pruned data, one row per method, share kept and seed."
    parser = _add_command(commands, "compare", _compare, text)
    _add_system(parser)
    parser.add_argument(
        "--methods",
        type=parse_list(str),
        default=("random", "ccs", "grand"),
        metavar="NAME,...",
        help=f"of {FULL}, {', '.join(PRUNINGS)}; with options such as ccs:beta=0.1:scale=log "
        "(default random,ccs,grand)",
    )
    parser.add_argument(
        "--kept", type=parse_list(parse_share), default=(0.5, 0.1, 0.01), metavar="SHARE,...",
        help="shares of the points that are kept, such as 0.1 or 10%%; 1.0 is all (default "
        "0.5,0.1,0.01)",
    )  # fmt: skip
    parser.add_argument(
        "--seeds",
        type=parse_count,
        default=3,
        metavar="N",
        help="models each (default %(default)s)",
    )
    parser.add_argument(
        "--prune", choices=("points", "snapshots"), default="points",
        help="what is kept or dropped: grid points, or whole snapshots, which is what saves "
        "calculations (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("-o", "--output", metavar="OUT.csv", help="file for the table")
    add_force(parser)
    parser.add_argument(
        "--all-columns", action="store_true", help=f"also write {', '.join(MORE_COLUMNS)}"
    )
    parser.add_argument(
        "--claims", action="store_true",
        help="also hold the results against published claims (trains a few more models)",
    )  # fmt: skip
    parser.add_argument(
        "--energy", choices=("auto", "yes", "no"), default="auto",
        help="errors in energy by one Harris-Foulkes step; auto: where PySCF is installed and "
        "the calculation is known",
    )  # fmt: skip
    _add_model(parser)


def _add_model(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    group.add_argument("--steps", type=parse_count, default=1500, help="of training (default 1500)")
    group.add_argument(
        "--epochs",
        type=parse_count,
        help="passes over the kept points instead of a number of steps",
    )
    group.add_argument("--cutoff", type=_positive, help="of the descriptor, Å (default 6, in "
                       "vacuum 4.5)")  # fmt: skip
    group.add_argument("--target", choices=("density", "root"), help="what is learned: the "
                       "density, or its square root (default in vacuum)")  # fmt: skip
    group.add_argument("--beta", type=_beta, help="share of the hardest points that CCS leaves out")
    group.add_argument("--scale", choices=("linear", "log"), help="of the strata of CCS")
    group.add_argument(
        "--workers", type=parse_count, default=2, help="models at a time (default 2)"
    )


def _add_info(commands: Commands) -> None:
    text = "Say what a density holds: grid, unit, electrons, conditions."
    _add_system(_add_command(commands, "info", _info, text))


def _add_claims(commands: Commands) -> None:
    text = "Say which published claims hold on the embedded systems, from shipped results."
    parser = _add_command(commands, "claims", _claims, text)
    parser.add_argument("system", nargs="*", metavar="SYSTEM", help=f"of {', '.join(EMBEDDED)}")
    add_json(parser)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def _beta(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0.0 <= value <= 0.95:
        raise argparse.ArgumentTypeError(f"{text!r} is not between 0 and 0.95")
    return value


# ------------------------------------------------------------------------------- compare


def _compare(arguments: argparse.Namespace) -> int:
    """Train models on pruned data and measure them."""
    if arguments.output is not None:
        files = [system for system in arguments.system if Path(system).is_file()]
        check_targets([Path(arguments.output)], *files, force=arguments.overwrite)
    with progress_on_terminal() as monitor:
        data = _read(arguments)
        for doubt in data.doubts:
            print("winnow: doubtful:", doubt, file=sys.stderr)
        spec = _spec(arguments, data)
        study = prepare_study(data, spec, monitor=Part(monitor, 0.0, 0.2))
        models = list(compare_density(study, monitor=Part(monitor, 0.2, 1.0)))
        results = collect(study, models, dimension=False)
    claims = check_claims(results) if arguments.claims else ()
    asked = [r for r in _long_rows(results, spec) if r["method"] in spec.methods]
    if arguments.output is not None:
        names = [*COLUMNS, *(MORE_COLUMNS if arguments.all_columns else ())]
        write_tables({Path(arguments.output): table_of(asked, names)}, force=arguments.overwrite)
    if arguments.json:
        print_json(_content(results, asked, claims))
    elif arguments.output is not None:
        say_written(arguments.output, counted(len(asked), "row"))
    else:
        print(_table_text(results))
    if claims and not arguments.json:
        print(_claims_text(results.system, claims))
    return 0


def _read(arguments: argparse.Namespace) -> DensityData:
    return read_density(
        arguments.system,
        unit=arguments.unit,
        electrons=arguments.electrons,
        species=arguments.species,
        any_atoms=arguments.any_atoms,
    )


def _spec(arguments: argparse.Namespace, data: DensityData) -> StudySpec:
    reason = energies_possible(data)
    if reason and arguments.energy == "yes":
        raise UsageError(f"--energy yes: {reason}")
    try:
        network = NetworkSpec(steps=arguments.steps, epochs=arguments.epochs or 0)
        spec = spec_for(
            data,
            methods=arguments.methods,
            kept=arguments.kept,
            seeds=arguments.seeds,
            unit=arguments.prune,
            network=network,
            third=arguments.claims,
            energy=arguments.energy != "no" and not reason,
            workers=arguments.workers,
        )
        if arguments.cutoff is not None:
            spec = replace(spec, points=PointSpec(cutoff=arguments.cutoff))
    except ValueError as error:
        raise UsageError(str(error)) from None
    given = {"beta": arguments.beta, "scale": arguments.scale}
    own = {name: value for name, value in given.items() if value is not None}
    options = dict(spec.options) | {"ccs": {**spec.options["ccs"], **own}}
    return replace(spec, options=options, target=arguments.target or spec.target)


def _long_rows(results: DensityResults, spec: StudySpec) -> list[dict[str, Any]]:
    """Return the rows of models that were trained for all steps."""
    if spec.network.epochs:
        return list(results.rows)
    return [row for row in results.rows if row["steps"] == spec.network.steps]


def _content(
    results: DensityResults, rows: Sequence[Mapping[str, Any]], claims: Iterable[Answer]
) -> dict[str, Any]:
    reference = [row for row in results.rows if row["method"] == FULL]
    return {
        "system": results.system,
        "rows": [{name: row[name] for name in (*COLUMNS, *MORE_COLUMNS, "by_condition")}
                 for row in rows],
        "full": [{name: row[name] for name in (*COLUMNS, *MORE_COLUMNS)} for row in reference],
        "facts": results.facts,
        "claims": [claim.to_dict() for claim in claims],
        "settings": results.settings,
        "versions": results.versions,
    }  # fmt: skip


# ------------------------------------------------------------------------------- text


def _table_text(results: DensityResults) -> str:
    """Return mean and spread over the seeds, with what any model should beat."""
    head = [
        ["method", "kept", "points", "density error", "unseen", "electrons", "energy error",
         "time"],
        ["", "", "", "% of electrons", "%", "kept, %", "meV/atom", "CPU s"],
    ]  # fmt: skip
    rows = [
        [
            row["method"],
            exact_percent(row["kept"]),
            count(row["n_points"]),
            with_error(row["density_error_pct_mean"], row["density_error_pct_std"]),
            significant(row["unseen_error_pct_mean"]),
            significant(row["electrons_kept_pct_mean"]),
            significant(row["energy_error_mev_atom_mean"]),
            number(row["train_seconds_mean"], 2),
        ]
        for row in results.summary().to_dict(orient="records")
    ]
    facts = results.facts
    told = (
        f"{results.title}: {counted(facts['n_train'], 'snapshot')} to learn from "
        f"({counted(facts['n_points'], 'point')}), {facts['n_test']} to test on, "
        f"{facts['n_unseen']} under unseen conditions.\n"
        f"Fitted spherical atoms: {significant(facts['baseline_density_error_pct'])} % of the "
        "electrons"
    )
    energy = facts["baseline_energy_error_mev_atom"]
    if energy is not None and math.isfinite(energy):
        told += f", {significant(energy)} meV/atom"
    return f"{columns(head, rows)}\n{told}."


def _claims_text(system: str, claims: Iterable[Answer]) -> str:
    lines = [f"{system}: claims of Hossain et al., arXiv:2507.09001"]
    for claim in claims:
        lines += [
            f"  {claim.verdict}: {claim.statement}",
            f"    {claim.measured}",
            f"    (criterion: {claim.criterion})",
        ]
    return "\n".join(lines)


# ------------------------------------------------------------------------------- info, claims


def _info(arguments: argparse.Namespace) -> int:
    """Say what a density holds."""
    data = _read(arguments)
    found = suggest(data)
    integrals = data.integrals
    off = np.abs(integrals / data.electrons - 1.0)
    if arguments.json:
        print_json(
            {
                "system": data.name,
                "snapshots": data.n_snapshots,
                "points": data.n_points,
                "shapes": data.shapes,
                "electrons": data.electrons,
                "integrals": integrals,
                "roles": data.roles,
                "conditions": data.conditions,
                "sources": data.sources,
                "notes": data.notes,
                "doubts": data.doubts,
                "vacuum_share": found.vacuum,
                "suggested": asdict(found),
                "energies": energies_possible(data) or "possible",
            }
        )
        return 0
    shapes = sorted({" × ".join(map(str, shape)) for shape in data.shapes.tolist()})
    conditions = ", ".join(dict.fromkeys(c for c in data.conditions.tolist() if c))
    largest = f"integrals off by at most {100 * off.max():.2g} %"
    rows = [
        ("snapshots", count(data.n_snapshots), conditions),
        ("grid points", count(data.n_points), ", ".join(shapes)),
        ("electrons", f"{data.electrons[0]:g}", largest),
        ("vacuum", percent(found.vacuum, 0), "of the points below 1e-4 e/bohr³"),
        ("cutoff", f"{found.cutoff:g} Å", f"suggested; target {found.target}, CCS strata "
         f"{found.scale}, beta {found.beta:g}"),
    ]  # fmt: skip
    doubts = (f"doubtful: {doubt}" for doubt in data.doubts)
    print("\n".join([*data.notes, *doubts, aligned(rows)]))
    print(f"  errors in energy: {energies_possible(data) or 'possible'}")
    return 0


def _claims(arguments: argparse.Namespace) -> int:
    """Hold the shipped results against the published claims."""
    names = arguments.system or list(EMBEDDED)
    found = {}
    for name in names:
        results = precomputed(name)
        if results is None:
            known = ", ".join(EMBEDDED)
            raise InputError(f"no shipped results; there are systems {known}", source=name)
        found[name] = results
    if arguments.json:
        print_json(
            {
                name: {
                    "claims": [claim.to_dict() for claim in check_claims(results)],
                    "versions": results.versions,
                    "steps": results.steps,
                }
                for name, results in found.items()
            }
        )
        return 0
    print("\n\n".join(_claims_text(name, check_claims(r)) for name, r in found.items()))
    return 0
