"""``winnow check``: data checks, their findings and the report."""

from __future__ import annotations

import argparse
from pathlib import Path

from analytics.cli.arguments import add_input
from analytics.cli.files import add_force, check_targets, input_title
from analytics.cli.junit import write_junit
from analytics.cli.output import (
    counted,
    print_json,
    understood_text,
)
from analytics.cli.progress import progress_on_terminal
from analytics.cli.stages import (
    read_input,
)
from analytics.data.checks.registry import CHECKS
from analytics.data.checks.registry import check as check_dataset
from analytics.data.checks.report import SEVERITIES, CheckReport
from analytics.data.dataset import Dataset
from analytics.data.overview import understood_content
from analytics.runtime.progress import Part

__all__ = ["add_arguments", "run"]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    add_input(parser, where=False)
    group = parser.add_argument_group("in pre-commit and continuous integration")
    group.add_argument(
        "--fail-on",
        choices=("error", "warning", "never"),
        default="never",
        help="exit with 1 if there are findings that are errors, or warnings or errors "
        "(default %(default)s; --strict means error)",
    )
    group.add_argument(
        "--junit",
        metavar="OUT.xml",
        help="file for a JUnit report: a test case for every check, failed by what --fail-on says "
        "(never: by errors)",
    )
    add_force(group)


def run(arguments: argparse.Namespace) -> int:
    """Report what is wrong, doubtful or worth knowing."""
    junit = None if arguments.junit is None else Path(arguments.junit)
    if junit is not None:
        check_targets([junit], *arguments.files, force=arguments.overwrite)
    fails = arguments.strict or arguments.fail_on != "never"
    failing = SEVERITIES[: 2 if arguments.fail_on == "warning" else 1]
    with progress_on_terminal() as monitor:
        dataset = read_input(arguments, Part(monitor, 0.0, 0.3))
        report = check_dataset(dataset, monitor=Part(monitor, 0.3, 1.0))
    if arguments.json:
        content = report.to_dict()
        for finding in content["findings"]:
            finding["structures"] = dataset.frame_indices[finding["structures"]]
        groups = [dataset.frame_indices[group] for group in content["duplicate_groups"]]
        head = {
            "name": dataset.name,
            "fingerprint": dataset.fingerprint,
            "understood": understood_content(dataset),
        }
        print_json(head | content | {"duplicate_groups": groups})
    else:
        print(check_text(report, input_title(arguments.files), dataset))
    if junit is not None:
        write_junit(junit, report, dataset.name, CHECKS, failing)
    return 1 if fails and any(map(report.of, failing)) else 0


def check_text(report: CheckReport, name: str, dataset: Dataset) -> str:
    """Return what was understood of the file, then the findings, errors first."""
    counts = report.counts
    lines = [
        f"{name}: {counted(counts['structures'], 'structure')}, "
        f"{counted(counts['environments'], 'environment')}",
        understood_text(dataset),
        "",
    ]
    for severity in SEVERITIES:
        findings = [finding for finding in report.findings if finding.severity == severity]
        if findings:
            lines.append(f"{counted(len(findings), severity)}:")
        for finding in findings:
            lines.append(f"  {finding.code}: {finding.message}")
            lines += [f"    {line}" for line in (finding.evidence, finding.advice) if line]
    if not report.findings:
        lines.append("nothing to report")
    return "\n".join(lines)
