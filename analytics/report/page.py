"""HTML page of a report: sections in the order of the work, one file that needs no other."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from analytics.curation.findings import Actionable
from analytics.curation.ledger import Waiver
from analytics.data.checks.report import Finding
from analytics.data.overview import understood_rows
from analytics.descriptors.base import descriptor_name
from analytics.evaluation.embedding import Embedding
from analytics.report.commands import command_of
from analytics.report.contents import Report, Table
from analytics.report.figures import (
    Picture,
    distortion,
    maps_of,
    pictures,
    retention,
    swatch,
    tails,
)
from analytics.report.score_table import score_table
from analytics.report.sources import bibtex, cited, sources_of
from analytics.report.words import methods_paragraphs
from analytics.runtime.archive import zipped
from analytics.runtime.assets import asset
from analytics.runtime.html import (
    Markup,
    b,
    code,
    dd,
    div,
    dl,
    document,
    dt,
    h1,
    h2,
    h3,
    join,
    li,
    p,
    pre,
    section,
    small,
    span,
    table,
    tbody,
    td,
    th,
    thead,
    tr,
    ul,
)
from analytics.runtime.progress import SILENT, Monitor
from analytics.runtime.text import PAGE
from analytics.runtime.versions import versions
from analytics.selection.base import METHODS

__all__ = ["figure_files", "report_file", "report_page"]

#: Structures that are named one by one.
NAMED = 40
#: Letters of an option that are written.
WORDS = 80
REMOVALS = ("step", "reason", "number", "structures", "when (UTC)")
SIGNS = {"error": "✕", "warning": "!", "note": "i"}


def report_page(report: Report) -> str:
    """Return the report as the text of one HTML file.

    It asks for nothing outside itself and runs no script; citations are links.
    """
    data = report.analysis.dataset
    kept = PAGE.counted(report.size, "structure")
    sections = [
        ("Data", _data(report)),
        ("Findings", _findings(report)),
        (f"Comparison at {kept}", _comparison(report)),
        ("Force tails", _figures(tails(report))),
        ("Maps", [_map(report, each) for each in report.maps]),
        ("Retention", div(_figures(retention(report)), class_="figures")),
        *((each.title, _table(each)) for each in report.tables),
        ("What was taken out", _removals(report)),
        ("Parameters", _parameters(report)),
        ("Methods", _methods(report)),
    ]
    title = f"{data.name}: what it can spare"
    return document(
        title,
        asset("css/report.css").read_text(),
        h1(title),
        p(_headline(report), class_="headline"),
        p(_about(report), class_="quiet"),
        (section(h2(name), content) for name, content in sections if content),
    )


def report_file(report: Report, monitor: Monitor = SILENT) -> bytes:
    """Return the report as a file; runs in a worker process."""
    return report_page(report).encode()


def _headline(report: Report) -> str:
    analysis = report.analysis
    low, high = report.whole.span("redundancy")
    error = analysis.redundancy_error
    known = f" ± {PAGE.percent_error(error)}" if error > 0 else ""
    return (
        f"{PAGE.counted(analysis.dataset.n_structures, 'structure')}, "
        f"{PAGE.counted(analysis.dataset.n_environments, 'environment')}; "
        f"{PAGE.percent(analysis.redundancy)}{known} of the environments are redundant at the "
        f"kernel width {analysis.spec.bandwidth:.3g} ({PAGE.percent(low)} to {PAGE.percent(high)} "
        "from half to twice that)."
    )


def _about(report: Report) -> str:
    winnow = f"Winnow {versions()['winnow']}"
    return f"Made by {winnow}{f' on {report.made}' if report.made else ''}."


# ---- data ---------------------------------------------------------------------------------------


def _pairs(pairs: Iterable[tuple[str, Any]]) -> Markup:
    return dl(((dt(name), dd(said)) for name, said in pairs), class_="facts")


def _data(report: Report) -> Markup:
    analysis, data = report.analysis, report.analysis.dataset
    figures = [
        ("entropy", f"{PAGE.with_error(analysis.entropy_nats, analysis.entropy_error, 2)} nats of "
         f"at most ln n = {PAGE.significant(analysis.max_entropy_nats)}"),
        ("diversity", f"{PAGE.with_error(analysis.diversity_nats, analysis.diversity_error, 2)} "
         f"nats: as many as {PAGE.count(round(float(np.exp(analysis.diversity_nats))))} "
         "environments that have nothing in common"),
    ]  # fmt: skip
    if analysis.sampled is not None:
        what = "coverage and mean delta entropy are" if analysis.exact else "all figures are"
        figures.append(
            ("sampled", f"{what} estimated from {PAGE.counted(analysis.sampled, 'environment')}, "
             f"seed {analysis.seed}; ± is one standard error")
        )  # fmt: skip
    if analysis.scores_said():
        figures.append(("outlier scores", analysis.scores_said()))
    labels, counts = np.unique(data.config_type, return_counts=True)
    return join(
        h3("As it was understood"),
        _pairs(understood_rows(data, PAGE)),
        h3("Figures"),
        _pairs(figures),
        _classes(labels.tolist(), counts.tolist()),
    )


def _classes(labels: Sequence[str], counts: Sequence[int]) -> Markup | None:
    if len(labels) < 2:
        return None
    order = np.argsort(-np.asarray(counts), kind="stable")[:NAMED]
    rest = len(labels) - len(order)
    return join(
        h3("Classes"),
        p(
            (span(labels[at] or "(none)", " ", small(PAGE.count(counts[at])), class_="item")
             for at in order),
            f"and {PAGE.count(rest)} more" if rest > 0 else None,
        ),
    )  # fmt: skip


# ---- findings -----------------------------------------------------------------------------------


def _findings(report: Report) -> Markup:
    data, decided = report.analysis.dataset, report.decided
    waived = {one.finding: one for one in decided.waivers}
    told = [
        _finding(one.finding, report, *_state(one, report, waived)) for one in report.listed
    ] + [_finding(one, report) for one in report.findings]
    gone = [one for key, one in waived.items() if key not in {each.key for each in report.listed}]
    opens = sum(
        one.state(data, decided.keep, decided.drop, waived) == "open" for one in report.listed
    )
    return join(
        p(f"{PAGE.counted(opens, 'finding')} open." if told else "Nothing was found."),
        ul(told, class_="findings") if told else None,
        (h3("Waived besides"), ul(li(b(one.message or one.finding), *_waiver(one)) for one in gone))
        if gone
        else None,
    )


def _state(one: Actionable, report: Report, waived: dict[str, Waiver]) -> tuple[Any, ...]:
    """Return what was decided about a finding, in words."""
    decided = report.decided
    state = one.state(report.analysis.dataset, decided.keep, decided.drop, waived)
    if state == "waived":
        return ("waived", *_waiver(waived[one.key]))
    return ("settled: what it names was taken out",) if state == "settled" else ()


def _waiver(waiver: Waiver) -> tuple[Any, ...]:
    return f": {waiver.reason}", small(" ", _when(waiver.when))


def _finding(finding: Finding, report: Report, *decided: Any) -> Markup:
    frames = report.analysis.dataset.frame_indices[finding.structures]
    more = [each for each in (finding.evidence, finding.advice) if each]
    return li(
        span(SIGNS[finding.severity], class_=f"sign {finding.severity}"),
        b(finding.severity),
        f": {finding.message}",
        div(decided, class_="decided") if decided else None,
        small(". ".join(more), class_="block") if more else None,
        small(_named_all(frames.tolist(), report), class_="block") if len(frames) else None,
    )


def _named_all(frames: Sequence[int], report: Report) -> str:
    if len(frames) == report.analysis.dataset.n_structures:
        return "all structures"
    return f"structure{'s' * (len(frames) > 1)} {named(frames)}"


def named(indices: Sequence[int]) -> str:
    """Write indices of the original file: the first of many, and how many there are."""
    shown = ", ".join(str(index) for index in indices[:NAMED])
    rest = len(indices) - NAMED
    return f"{shown} and {PAGE.count(rest)} more" if rest > 0 else shown


def _when(time: str) -> str:
    """Write a time of a ledger, 2026-01-31T10:20:30Z, to the minute."""
    return time[:16].replace("T", " ")


# ---- figures ------------------------------------------------------------------------------------


def _figures(drawn: Iterable[Picture]) -> list[Markup]:
    return [each.written() for each in drawn]


def _map(report: Report, embedding: Embedding) -> Markup:
    return join(
        div(_figures(maps_of(report, embedding)), class_="maps"),
        div(distortion(report, embedding), class_="said"),
    )


def figure_files(report: Report, monitor: Monitor = SILENT) -> bytes:
    """Return an archive (zip) of the figures as SVG and PNG; runs in a worker process."""
    return zipped(each.file() for each in pictures(report))


# ---- comparison ---------------------------------------------------------------------------------


def _comparison(report: Report) -> Markup:
    analysis = report.analysis
    n = analysis.n_structures
    isolated = int(analysis.dataset.isolated.sum())
    also = f" {PAGE.counted(isolated, 'isolated atom')} kept besides." if isolated else ""
    sampled = "" if analysis.sampled is None else " ± is one standard error of what was sampled."
    return join(
        p(
            f"Each column keeps {PAGE.count(report.size)} of {PAGE.counted(n, 'structure')} "
            f"({PAGE.percent(report.size / n)}).{also} ● marks the best of a row; nobody is marked "
            "where the best is within the error of the others or depends on the kernel width. "
            f"Below a figure: what it is from half to twice the kernel width.{sampled}"
        ),
        score_table(report),
    )


def _table(content: Table) -> Markup:
    head, *others = content.head
    return join(
        (p(note) for note in content.notes),
        table(
            thead(tr(th(head, scope="col"), (th(name, scope="col") for name in others))),
            tbody(
                tr(th(first, scope="row"), (td(cell) for cell in cells))
                for first, *cells in content.rows
            ),
        ),
    )


# ---- ledger -------------------------------------------------------------------------------------


def _were(number: int) -> str:
    if not number:
        return "Nothing was"
    return f"{PAGE.counted(number, 'structure')} {'was' if number == 1 else 'were'}"


def _removals(report: Report) -> Markup:
    n, frames = report.analysis.n_structures, report.analysis.dataset.frame_indices
    forced = sum(len(each.structures) for each in report.removals)
    left = n - report.size - forced
    rows = [
        tr(
            th(each.by or each.step, scope="row"),
            td(each.reason),
            td(PAGE.count(len(each.structures))),
            td(named(each.structures), class_="long"),
            td(_when(each.when)),
        )
        for each in report.removals
    ]
    pinned = frames[list(report.decided.keep)].tolist()
    return join(
        p(
            f"{_were(forced)} forced "
            f"out before the methods picked; each column leaves {PAGE.count(max(0, left))} more "
            "unpicked at this budget."
        ),
        p(f"Forced in: {named(pinned)}.") if pinned else None,
        table(
            thead(tr(th(name, scope="col") for name in REMOVALS)),
            tbody(rows),
        )
        if rows
        else None,
        p("Structures are numbered from zero, as in the original file.", class_="quiet"),
    )


# ---- parameters and methods ---------------------------------------------------------------------


def _parameters(report: Report) -> Markup:
    analysis, data = report.analysis, report.analysis.dataset
    width, spec = analysis.width, analysis.descriptors.spec
    published = "" if width.published is None else f"; published {width.published:g}"
    share, aim = PAGE.exact_percent(width.share), PAGE.exact_percent(width.aim)
    facts: list[tuple[str, Any]] = [
        ("file", data.name),
        ("fingerprint of the data", code(data.fingerprint)),
        ("descriptor", f"{descriptor_name(spec)} ({_written(asdict(spec))})"),
        ("kernel width h", f"{analysis.spec.bandwidth:.6g} ({width.asked})"),
        ("width by the rule", f"{width.auto:g}, {width.low:.3g} to {width.high:.3g} over random "
         f"draws: a random {share} of the structures covers {aim} of the rest{published}"),
        ("covered below", f"delta entropy {analysis.spec.covered_below:g} nats"),
        ("versions", ", ".join(f"{name} {version}" for name, version in versions().items())),
    ]  # fmt: skip
    commands = [
        div(
            p(swatch(at), b(column.title), small(_options(column.selection))),
            pre(command_of(analysis, column.selection, report.size)),
            class_="command",
        )
        for at, column in enumerate(report.columns)
    ]
    return join(
        _pairs(facts),
        h3("To pick the same structures again"),
        commands,
    )


def _options(selection: Any) -> str:
    told = _written(asdict(selection.spec))
    return f" {selection.method}{f' ({told})' if told else ''}"


def _written(options: dict[str, Any]) -> str:
    return ", ".join(f"{name} {_shortened(str(value))}" for name, value in options.items())


def _shortened(text: str) -> str:
    return text if len(text) <= WORDS else f"{text[:WORDS]}…"


def _methods(report: Report) -> Markup:
    methods = list(dict.fromkeys(column.selection.method for column in report.columns))
    sources = sources_of(methods, [each.method for each in report.maps])
    return join(
        (p(text) for text in methods_paragraphs(report)),
        p(
            join(b(METHODS[name].title), f" ({name}): {METHODS[name].summary}. ")
             for name in methods
        ),
        p(b("Sources: "), cited(sources), "."),
        h3("BibTeX"),
        pre(bibtex(sources), class_="small"),
    )  # fmt: skip
