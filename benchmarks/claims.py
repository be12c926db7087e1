"""Published claims held against all labelled sets of the shared folder: docs/claims.md.

    python -m benchmarks claims               # all sets; resumes where it stopped
    python -m benchmarks claims Si aspirin    # some
    python -m benchmarks claims write         # docs/claims.md from what is there

With the descriptor and the kernel width that were published (distances, 0.015 1/Å). Results are
kept in ``$WINNOW_SURVEY`` (default: winnow_survey).
"""

from __future__ import annotations

import math
import os
from collections import Counter
from collections.abc import Sequence
from datetime import date
from pathlib import Path

import numpy as np

from analytics.claims.registry import CLAIMS
from analytics.claims.survey import (
    Survey,
    Surveyed,
    SurveySet,
    order_of_claims,
    summary,
    survey,
    write_survey,
)
from analytics.claims.survey_page import survey_page
from analytics.cli.survey import line_of
from analytics.data.dataset import Dataset
from analytics.descriptors.distances import DistanceSpec
from analytics.information.analysis import Analysis
from analytics.information.kernel import KernelSpec
from analytics.pipeline import Pipeline
from analytics.runtime.progress import Monitor
from benchmarks.labelled_sets import DATA, LABELLED, present

__all__ = ["main"]

#: Of every kind first, and of that the cheap ones: what is there when time is up is most of it.
ORDER = (
    "tial", "Si", "ethanol", "Mo", "water", "aspirin", "Ta", "sio", "nimo", "acac", "benzene", "Ge",
    "malonaldehyde", "Cu", "uracil", "nbmotaw", "toluene", "pbte", "wbe", "3bpa", "mosi2n4",
    "graphene", "h2o", "naphthalene", "salicylic", "paracetamol", "azobenzene", "acac600",
    "3bpa_mixed", "ecemc", "solvent",
)  # fmt: skip
BANDWIDTH = 0.015
SIGNS = {
    "reproduced": "yes", "not reproduced": "no", "undecided": "?", "not computed": "",
    "cannot be asked": "",
}  # fmt: skip
DOCS = Path(__file__).parents[1] / "docs" / "claims.md"


def main(words: Sequence[str] = ()) -> None:
    """Survey the sets named, or all; "write" writes the document as well."""
    named = [word for word in words if word in LABELLED]
    names = [name for name in (*ORDER, *LABELLED) if name in (named or LABELLED)]
    names = present(list(dict.fromkeys(names)))
    folder = Path(os.environ.get("WINNOW_SURVEY") or "winnow_survey")
    settings = {"descriptor": "distances", "bandwidth": BANDWIDTH}
    found = []
    only_known = "write" in words
    for one in survey([_set(name) for name in names], folder, _analyse, settings=settings,
                      only_known=only_known):  # fmt: skip
        print(line_of(one), flush=True)
        found.append(one)
    result = summary(found, settings | {"resamples": 5, "seed": 0})
    write_survey(result, folder, survey_page(result))
    if only_known:
        left = [name for name in names if name not in {one.name for one in found}]
        DOCS.write_text(document(result, left), encoding="utf-8")


def _set(name: str) -> SurveySet:
    own = LABELLED[name]
    options = {} if own.species is None else {"species": own.species}
    return SurveySet(
        name, tuple(DATA / f for f in own.files), tuple(DATA / f for f in own.tests), options
    )


def _analyse(dataset: Dataset, monitor: Monitor) -> Analysis:
    return Pipeline().analyse(dataset, DistanceSpec(), KernelSpec(BANDWIDTH), monitor=monitor)


# ------------------------------------------------------------------------------- the document


def document(found: Survey, left: Sequence[str] = ()) -> str:
    """Return docs/claims.md: what holds where, the figures, and which sets are left to survey."""
    answered = [one for one in found.sets if not one.error]
    parts = [HEAD.format(sets=len(answered), date=date.today().isoformat())]
    if left:
        parts.append(
            f"**{len(left)} labelled sets are not in these tables yet** (`python -m benchmarks "
            f"claims` adds them; what other code answered it asks again): {', '.join(left)}. "
            "Counts over sets are counts over those that are.\n"
        )
    parts.append(_tally(found, answered))
    if found.across:
        parts.append("## Across data sets\n")
        parts += [
            f"- **{answer.verdict}**: {answer.statement} {answer.measured}. Counts if "
            f"{answer.criterion}.\n"
            for answer in found.across
        ]
    parts.append("## Claims by data set\n\nyes: reproduced, no: not reproduced, ?: undecided, "
                 "empty: cannot be asked.\n")  # fmt: skip
    parts.append(_grid(found, answered))
    for subject, systems in found.shipped.items():
        parts.append(f"## On {subject}, from the results that come with Winnow\n")
        parts.append(_grid(found, list(systems)))
    parts.append(_sets(answered))
    missing = [one for one in found.sets if one.error]
    if missing:
        parts.append("## Not surveyed\n")
        parts += [f"- {one.name}: {one.error}\n" for one in missing]
    return "\n".join(parts)


HEAD = """# Published claims, held against data

{sets} labelled data sets, of each at most 300 structures and 15 000 environments drawn at random,
and the electron densities that come with Winnow. Written by `python -m benchmarks claims write`
from the results of `python -m benchmarks claims`, {date}. For your own data:
`winnow claims FILE`, `winnow survey DIR`.

**How.** Each of 5 resamples draws four fifths of a set; every method picks from these alone, and a
sparse SOAP-GAP is trained on what it picks. All figures are paired within a resample. The interval
is that of the mean of 5 with a variance that knows that resamples overlap (Nadeau and Bengio 2003,
doi:10.1023/A:1024068626366), at 95 %. A claim is *reproduced* if the whole interval lies on its
side of the threshold, *not reproduced* if it lies on the other, else *undecided*. "Better than the
others" is held against the closest rival of random, k-means, fps and farthest_mean. Descriptor and
kernel width are the published ones (distances, k = 32, 5 Å, h = 0.015 1/Å). Intervals of rank
correlations across methods are for these methods: they do not say what another method would do.
The claims of arXiv:2507.09001 are about networks for electron densities, of up to millions of
points; asked of a potential and a few hundred structures they are another question, and are called
`potential_...`.
"""


def _tally(found: Survey, answered: Sequence[Surveyed]) -> str:
    lines = [
        "## How often each holds\n",
        "| claim | says | reproduced | not | undecided | cannot be asked | median effect |",
        "|---|---|---|---|---|---|---|",
    ]
    for name in order_of_claims(found):
        answers = [a for one in answered for a in one.answers if a.name == name]
        if not answers:
            continue
        seen = Counter(answer.verdict for answer in answers)
        values = [a.value for a in answers if math.isfinite(a.value)]
        unit = next((a.unit for a in answers if a.unit), "")
        middle = f"{np.median(values):.2g} {unit}" if values else ""
        counts = " | ".join(
            str(seen[v]) for v in ("reproduced", "not reproduced", "undecided", "cannot be asked")
        )
        lines.append(f"| `{name}` | {CLAIMS[name].sentence} | {counts} | {middle} |")
    return "\n".join(lines) + "\n"


def _grid(found: Survey, sets: Sequence[Surveyed]) -> str:
    lines = [
        "| claim | " + " | ".join(one.name for one in sets) + " |",
        "|---" * (len(sets) + 1) + "|",
    ]
    for name in order_of_claims(found):
        by_set = [next((a for a in one.answers if a.name == name), None) for one in sets]
        if any(by_set):
            cells = ["" if a is None else SIGNS[a.verdict] for a in by_set]
            lines.append(f"| `{name}` | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def _sets(answered: Sequence[Surveyed]) -> str:
    lines = [
        "## The sets\n",
        "| set | kind | structures (of) | environments | processor, s |",
        "|---|---|---|---|---|",
    ]
    lines += [
        f"| {one.name} | {one.kind} | {one.facts['n_structures']} "
        f"({one.facts['structures_of_file']}) | {one.facts['n_environments']} | "
        f"{one.facts['seconds']:.0f} |"
        for one in answered
    ]
    return "\n".join(lines) + "\n"
