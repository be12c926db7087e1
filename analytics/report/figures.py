"""Figures of a report: force tails, retention curves, certificates, maps."""

from __future__ import annotations

import math

import numpy as np

from analytics.evaluation.embedding import Embedding
from analytics.evaluation.tails import complementary_distribution
from analytics.information.mean_delta_entropy import CAP
from analytics.report.contents import Column, Report
from analytics.report.maps import map_picture
from analytics.report.svg import Axis, Line, chart
from analytics.runtime.arrays import FloatArray, ragged_rows
from analytics.runtime.html import Markup, div, figcaption, figure, i, join, span
from analytics.runtime.text import PAGE
from analytics.selection.certificates.curve import certified_share

__all__ = ["COLOURS", "maps", "retention", "swatch", "tails"]

#: Okabe-Ito blue, bluish green, vermilion and reddish purple: told apart by every kind of colour
#: vision.
COLOURS = ("#0072b2", "#009e73", "#d55e00", "#cc79a7")
FULL = "#8a949f"
#: Points of a curve of certificates.
POINTS = 60


def colour_of(column: int) -> str:
    """Return the colour of a column."""
    return COLOURS[column % len(COLOURS)]


def swatch(column: int) -> Markup:
    """Write the square in the colour of a column."""
    return i(class_="swatch", style=f"background:{colour_of(column)}")


def _legend(report: Report, *, full: bool = True) -> Markup:
    return div(
        span(i(class_="swatch", style=f"background:{FULL}"), "full set") if full else None,
        (span(swatch(at), column.title) for at, column in enumerate(report.columns)),
        class_="legend",
    )


def tails(report: Report) -> Markup | None:
    """Draw the share of atoms above each |F|, of everything and of what is kept; None without."""
    analysis = report.analysis
    norms = analysis.force_norms
    x, share = complementary_distribution(norms)
    if not len(x):
        return None
    offsets = analysis.descriptors.structure_offsets
    lines = [Line(x, share, FULL, 3.0)]
    for at, column in enumerate(report.columns):
        rows = ragged_rows(offsets, column.selection.positions[: report.size])
        lines.append(Line(*complementary_distribution(norms[rows]), colour_of(at)))
    low = max(float(np.quantile(x, 0.02)), float(x[-1]) / 1e4)
    across = Axis("|F| per atom, eV/Å", low, float(x[-1]) * 1.05, log=True)
    up = Axis("share of atoms above", float(share[-1]) / 1.5, 1.2, log=True)
    title = "Share of atoms with forces above a value, of the full set and of each selection"
    return figure(
        chart(across, up, lines, title=title),
        figcaption(
            f"Share of the atoms whose force is larger than |F|, of all "
            f"{PAGE.counted(int(np.isfinite(norms).sum()), 'environment')} with a force and of "
            "those that each column keeps, by themselves. Both axes are logarithmic.",
            _legend(report),
        ),
    )


def retention(report: Report) -> Markup:
    """Draw how coverage and mean delta entropy follow the number kept, and the certificates."""
    n = report.analysis.n_structures
    across = Axis("structures kept", 1, max(2, n), log=True)
    most = max(float(np.nanmax(each.retention.mean_delta_entropy)) for each in report.columns)
    most = min(CAP, most) if math.isfinite(most) and most > 0 else 1.0
    panels = [
        ("overlap", "coverage", Axis("coverage, share of environments", 0, 1.0)),
        ("mean_delta_entropy", "mean delta entropy", Axis("mean delta entropy, nats", 0, most)),
    ]
    drawn = []
    for name, what, up in panels:
        lines = [
            Line(
                column.retention.sizes.astype(float),
                getattr(column.retention, name),
                colour_of(at),
            )
            for at, column in enumerate(report.columns)
        ]
        drawn.append(
            figure(
                chart(across, up, [*lines, _here(report, up)], title=f"{what} against size"),
                figcaption(
                    f"{what[0].upper()}{what[1:]} of the full set given the structures kept; the "
                    "dashed line is the budget of this report.",
                    _legend(report, full=False),
                ),
            )
        )
    certified = [
        (at, each) for at, each in enumerate(report.columns) if each.selection.bound is not None
    ]
    if certified:
        up = Axis("at least this share of the best", 0, 1.0)
        lines = [_certificate(each, colour_of(at)) for at, each in certified]
        drawn.append(
            figure(
                chart(across, up, [*lines, _here(report, up)], title="certificate against size"),
                figcaption(
                    "Certificate: no selection of the same cost reaches more than the value of "
                    "this one divided by the share that is drawn, by the objective of the method "
                    "itself. Methods without an objective have none.",
                    _legend(report, full=False),
                ),
            )
        )
    return div(drawn, class_="figures")


def _here(report: Report, up: Axis) -> Line:
    size = float(report.size)
    return Line(np.array([size, size]), np.array([up.low, up.high]), "#1b222b", 1.0, "4 4")


def _certificate(column: Column, colour: str) -> Line:
    sizes = np.unique(np.geomspace(1, len(column.selection), POINTS).astype(int))
    shares: FloatArray = np.array(
        [certified_share(column.selection, int(m), column.tight) or np.nan for m in sizes]
    )
    return Line(sizes.astype(float), shares, colour)


def maps(report: Report) -> Markup:
    """Draw each map once for every column."""
    return join(_maps_of(report, embedding) for embedding in report.maps)


def _maps_of(report: Report, embedding: Embedding) -> Markup:
    analysis = report.analysis
    owners = analysis.descriptors.owners
    pictures = []
    for at, column in enumerate(report.columns):
        chosen = np.zeros(analysis.n_structures, dtype=bool)
        chosen[column.selection.positions[: report.size]] = True
        kept = chosen[owners]
        title = f"{embedding.method} map: what {column.title} keeps"
        said = (
            f"{column.title}: {PAGE.count(int(kept.sum()))} of "
            f"{PAGE.counted(len(kept), 'environment')} kept"
        )
        pictures.append(
            figure(map_picture(embedding, kept, colour_of(at), title), figcaption(swatch(at), said))
        )
    return div(
        div(pictures, class_="maps"),
        div(_distortion(embedding, analysis.n_environments), class_="said"),
    )


def _distortion(embedding: Embedding, n: int) -> str:
    said = f"{embedding.method} of all {PAGE.count(n)} environments"
    if embedding.placed:
        said += f", of which {PAGE.count(len(embedding.laid_out))} were laid out and the others "
        said += embedding.placed
    if embedding.explained:
        said += f", which shows {PAGE.percent(sum(embedding.explained), 0)} of the variance"
    if math.isfinite(embedding.trustworthiness):
        said += f". Trustworthiness {PAGE.number(embedding.trustworthiness, 2)} (1: whatever is "
        said += "near in the map is near in descriptor space)"
    return f"{said}. A map leaves things out: figures are computed in descriptor space, not in it."
