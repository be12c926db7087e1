"""Data card of a subset: what to write beside data that others will train on, as Markdown.

The head is YAML as hubs of data sets read it; the sections answer the questions of [1]_ as far as
the data answer them, and name those that only their author can.

References
----------
.. [1] Gebru et al., Datasheets for Datasets, Commun. ACM 64, 86 (2021), doi:10.1145/3458723.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from analytics.data.overview import understood_rows
from analytics.evaluation.comparison import METRICS
from analytics.recipe import kept_structures
from analytics.report.commands import command_of
from analytics.report.contents import Report
from analytics.report.score_table import error_of, unit_of, written_value
from analytics.report.sources import bibtex, sources_of
from analytics.report.words import methods_paragraphs
from analytics.runtime.arrays import IntArray
from analytics.runtime.html import in_order
from analytics.runtime.text import PAGE
from analytics.runtime.versions import versions

__all__ = ["data_card", "escaped"]

#: Upper bounds of the sizes that hubs sort data sets by, and what each is called.
SIZES = (
    (10**3, "n<1K"), (10**4, "1K<n<10K"), (10**5, "10K<n<100K"), (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
)  # fmt: skip
LARGEST = "n>10M"
#: What only who publishes the data can say.
UNKNOWN = (
    "how the structures were made, and why these",
    "which program, method and settings the labels are of",
    "who may use them for what",
)
#: Signs that Markdown or HTML would take for their own.
SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|~$&])")


def escaped(text: str) -> str:
    """Return a text of somebody else's as one line of Markdown that shows it letter by letter."""
    return SPECIAL.sub(r"\\\1", " ".join(in_order(text).split()))


def data_card(report: Report, licence: str | None = None) -> str:
    """Return the card of what the first column of a report keeps.

    Parameters
    ----------
    report : Report
    licence : str, optional
        Its name, such as cc-by-4.0, or its address.
    """
    parts = [*_head(report, licence), *_kept(report), *_made_of(report), *_wrong(report)]
    parts += [*_measured(report), *_taken_out(report), *_again(report), *_left_to_say(licence)]
    return "\n".join(parts) + "\n"


def _head(report: Report, licence: str | None) -> Iterator[str]:
    n = len(_structures(report))
    size = next((name for most, name in SIZES if n < most), LARGEST)
    yield "---"
    yield f"pretty_name: {json.dumps(_title(report))}"  # a string of JSON is one of YAML
    if licence is not None:
        yield f"license: {json.dumps(licence)}"
    yield "tags: [chemistry, materials, atomistic, interatomic-potentials]"
    yield f'size_categories: ["{size}"]'
    yield "---"
    yield ""
    yield f"# {escaped(_title(report))}"
    yield ""


def _structures(report: Report) -> IntArray:
    """Return what the file of the subset holds, isolated atoms included."""
    selection = report.columns[0].selection
    return kept_structures(report.analysis.dataset, selection, min(report.size, len(selection)))


def _title(report: Report) -> str:
    kept = PAGE.counted(len(_structures(report)), "structure")
    return f"{kept} of {report.analysis.dataset.name}"


def _section(title: str, *paragraphs: str) -> Iterator[str]:
    yield f"## {title}"
    yield ""
    for paragraph in paragraphs:
        yield paragraph
        yield ""


def _items(pairs: Iterable[tuple[str, str]]) -> str:
    return "\n".join(f"- **{escaped(name)}**: {escaped(said)}" for name, said in pairs)


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _block(language: str, text: str) -> str:
    """Write code within a fence that is longer than any in it."""
    longest = max(map(len, re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{in_order(text)}\n{fence}"


def _kept(report: Report) -> Iterator[str]:
    analysis, column = report.analysis, report.columns[0]
    share = PAGE.percent(report.size / analysis.n_structures)
    certificate = float(report.comparison.table.iloc[0].get("certificate", np.nan))
    sure = (
        f" By its own objective it reaches at least {PAGE.percent(certificate, at_least=True)} of "
        "what any selection of that cost could."
        if np.isfinite(certificate)
        else ""
    )
    low, high = report.whole.span("redundancy")
    isolated = int(analysis.dataset.isolated.sum())
    beside = f" and {PAGE.counted(isolated, 'isolated atom')}" if isolated else ""
    yield from _section(
        "What this is",
        f"{PAGE.counted(report.size, 'structure')} ({share}) of {escaped(analysis.dataset.name)}"
        f"{beside}, chosen by {escaped(column.title)} with Winnow {versions()['winnow']}"
        f"{f' on {report.made}' if report.made else ''}.{sure} Of the whole set "
        f"{PAGE.percent(analysis.redundancy)} of the environments are redundant at the kernel "
        f"width {analysis.spec.bandwidth:.3g} ({PAGE.percent(low)} to {PAGE.percent(high)} from "
        "half to twice that).",
    )


def _made_of(report: Report) -> Iterator[str]:
    data = report.analysis.dataset
    labels, counts = np.unique(data.config_type, return_counts=True)
    kept = data.config_type[_structures(report)]
    classes = ""
    if len(labels) > 1:
        rows = [
            (escaped(str(label)) or "(none)", PAGE.count(int((kept == label).sum())),
             PAGE.count(int(count)))
            for label, count in sorted(zip(labels, counts, strict=True), key=lambda one: -one[1])
        ]  # fmt: skip
        classes = _rows(("class", "kept", "of"), rows)
    yield from _section(
        "Composition of the whole set",
        _items(understood_rows(data, PAGE)),
        *([classes] if classes else []),
    )


def _wrong(report: Report) -> Iterator[str]:
    decided = report.decided
    waived = {one.finding: one for one in decided.waivers}
    told = []
    for one in report.listed:
        state = one.state(report.analysis.dataset, decided.keep, decided.drop, waived)
        what = one.finding.severity if state == "note" else f"{one.finding.severity}, {state}"
        if state == "waived":
            what += f" ({waived[one.key].reason})"
        told.append((what, one.finding.message))
    told += [(each.severity, each.message) for each in report.findings]
    yield from _section("What was found", _items(told) if told else "Nothing.")


def _measured(report: Report) -> Iterator[str]:
    rows = report.comparison.table.to_dict(orient="records")
    shown = [each for each in METRICS if any(np.isfinite(float(row[each.name])) for row in rows)]
    lines = [
        (metric.title, unit_of(metric),
         *(written_value(metric, float(row[metric.name]), error_of(row, metric)) for row in rows))
        for metric in shown
    ]  # fmt: skip
    titles = [escaped(column.title) for column in report.columns]
    yield from _section(
        "What it keeps",
        _rows(("", "unit", *titles), [[escaped(cell) for cell in line] for line in lines]),
        "All columns keep the same number of structures; the first is this data set.",
        *(escaped(paragraph) for paragraph in methods_paragraphs(report)),
    )
    for extra in report.tables:
        yield from _section(
            escaped(extra.title),
            *(escaped(note) for note in extra.notes),
            _rows(
                [escaped(cell) for cell in extra.head],
                [[escaped(cell) for cell in row] for row in extra.rows],
            ),
        )


def _taken_out(report: Report) -> Iterator[str]:
    rows = [
        (escaped(one.by or one.step), escaped(one.reason), PAGE.count(len(one.structures)))
        for one in report.removals
    ]
    if rows:
        yield from _section(
            "What was taken out before", _rows(("step", "reason", "structures"), rows)
        )


def _again(report: Report) -> Iterator[str]:
    analysis, column = report.analysis, report.columns[0]
    used = sources_of([each.selection.method for each in report.columns])
    yield from _section(
        "The same again",
        _block("sh", command_of(analysis, column.selection, report.size)),
        f"Fingerprint of the data: `{analysis.dataset.fingerprint}`.",
        _block("bibtex", bibtex(used).strip()),
    )


def _left_to_say(licence: str | None) -> Iterator[str]:
    known = UNKNOWN if licence is None else UNKNOWN[:-1]
    yield from _section(
        "What the data do not say",
        "To be filled in by who publishes them:",
        "\n".join(f"- {each}" for each in known),
    )
