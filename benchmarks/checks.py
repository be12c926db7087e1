"""What the checks say about data sets, as a table, and what they cost.

``python -m benchmarks checks FOLDER_OR_FILE ...`` writes one line for each finding.
"""

from __future__ import annotations

import sys
import time
import warnings
from collections.abc import Iterable, Iterator
from pathlib import Path

from analytics.data.checks.registry import check
from analytics.data.readers import read
from analytics.runtime.errors import WinnowError

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def main(places: Iterable[str] = ()) -> None:
    """Print a table of the findings of every data set that can be read."""
    print("| set | finding | structures | evidence |\n|---|---|---|---|")
    for path in _files([Path(place) for place in places] or [DATA, DATA / "public"]):
        try:
            dataset = read(path)
        except WinnowError as error:
            print(f"{path.name} is left out: {error}", file=sys.stderr)
            continue
        begin = time.process_time()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            report = check(dataset)
        spent = time.process_time() - begin
        print(f"{path.name}: {spent:.2f} s for {dataset.n_environments} atoms", file=sys.stderr)
        head = f"{path.name} ({dataset.n_structures})"
        for finding in report.findings:
            what = f"{finding.severity} `{finding.code}`"
            print(f"| {head} | {what} | {len(finding.structures)} | {finding.evidence} |")
        if not report.findings:
            print(f"| {head} | none | | |")


def _files(places: Iterable[Path]) -> Iterator[Path]:
    for place in places:
        if place.is_dir() and not _deepmd(place):
            inside = sorted(path for path in place.iterdir() if path.name != "README.md")
            yield from (path for path in inside if path.is_file() or _deepmd(path))
        else:
            yield place


def _deepmd(folder: Path) -> bool:
    several = any(folder.glob("*/type.raw")) and not any(folder.glob("*.xyz"))
    return (folder / "type.raw").exists() or several
