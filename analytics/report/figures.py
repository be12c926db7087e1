"""Figures of a report: force tails, retention curves, certificates, maps."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from analytics.evaluation.embedding import Embedding
from analytics.evaluation.tails import complementary_distribution
from analytics.information.mean_delta_entropy import CAP
from analytics.report.contents import Column, Report
from analytics.report.maps import embedded, map_picture
from analytics.report.svg import Axis, Line, chart
from analytics.runtime.arrays import FloatArray, ragged_rows
from analytics.runtime.html import Markup, figcaption, figure, i, join
from analytics.runtime.text import PAGE
from analytics.selection.certificates.curve import certified_share

__all__ = [
    "COLOURS", "Picture", "distortion", "maps_of", "pictures", "retention", "swatch", "tails",
]  # fmt: skip

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


@dataclass(frozen=True, slots=True)
class Picture:
    """A figure: as it stands in a report, and as a file of its own.

    Attributes
    ----------
    name : str
        Of the file, with its ending.
    content : str or bytes
        SVG, or a PNG.
    title : str
        For readers who do not see it.
    caption : Markup or str
    """

    name: str
    content: Markup | bytes
    title: str
    caption: Any

    def written(self) -> Markup:
        """Write it into a page."""
        content = self.content
        drawn = embedded(content, self.title) if isinstance(content, bytes) else content
        return figure(drawn, figcaption(self.caption))

    def file(self) -> tuple[str, bytes]:
        """Return name and content of its file."""
        content = self.content
        return self.name, content if isinstance(content, bytes) else str(content).encode()


def pictures(report: Report) -> list[Picture]:
    """Return every figure of a report."""
    return [*tails(report), *maps(report), *retention(report)]


def _legend(report: Report, chosen: Iterable[int] | None = None) -> list[tuple[str, str]]:
    columns = report.columns
    some = range(len(columns)) if chosen is None else chosen
    return [(colour_of(at), columns[at].title) for at in some]


def tails(report: Report) -> list[Picture]:
    """Draw the share of atoms above each |F|, of everything and of what is kept; none without."""
    analysis = report.analysis
    norms = analysis.force_norms
    x, share = complementary_distribution(norms)
    if not len(x):
        return []
    offsets = analysis.descriptors.structure_offsets
    lines = [Line(x, share, FULL, 3.0)]
    for at, column in enumerate(report.columns):
        rows = ragged_rows(offsets, column.selection.positions[: report.size])
        lines.append(Line(*complementary_distribution(norms[rows]), colour_of(at)))
    low = max(float(np.quantile(x, 0.02)), float(x[-1]) / 1e4)
    across = Axis("|F| per atom, eV/Å", low, float(x[-1]) * 1.05, log=True)
    up = Axis("share of atoms above", float(share[-1]) / 1.5, 1.2, log=True)
    title = "Share of atoms with forces above a value, of the full set and of each selection"
    known = PAGE.counted(int(np.isfinite(norms).sum()), "environment")
    caption = (
        f"Share of the atoms whose force is larger than |F|: of all {known} with a force, and of "
        "those that each column keeps, by themselves. Both axes are logarithmic."
    )
    key = [(FULL, "full set"), *_legend(report)]
    drawn = chart(across, up, lines, legend=key, title=title)
    return [Picture("force_tails.svg", drawn, title, caption)]


def retention(report: Report) -> list[Picture]:
    """Draw how coverage and mean delta entropy follow the number kept, and the certificates."""
    most = max(float(np.nanmax(each.retention.mean_delta_entropy)) for each in report.columns)
    most = min(CAP, most) if math.isfinite(most) and most > 0 else 1.0
    found = [
        _curves(report, "overlap", Axis("coverage, share of environments", 0, 1.0)),
        _curves(report, "mean_delta_entropy", Axis("mean delta entropy, nats", 0, most)),
    ]
    certified = [at for at, each in enumerate(report.columns) if each.selection.bound is not None]
    if certified:
        up = Axis("at least this share of the best", 0, 1.0)
        lines = [_certificate(report.columns[at], colour_of(at)) for at in certified]
        title = "Certificate against the number of structures kept"
        caption = (
            "Certificate: by the objective of the method itself, no selection of the same cost "
            "reaches more than what this one does divided by the share that is drawn. Methods "
            "without an objective have none."
        )
        drawn = chart(
            _sizes(report),
            up,
            [*lines, _here(report, up)],
            legend=_legend(report, certified),
            title=title,
        )
        found.append(Picture("certificate.svg", drawn, title, caption))
    return found


def _sizes(report: Report) -> Axis:
    return Axis("structures kept", 1, max(2, report.analysis.n_structures), log=True)


def _curves(report: Report, name: str, up: Axis) -> Picture:
    lines = [
        Line(column.retention.sizes.astype(float), getattr(column.retention, name), colour_of(at))
        for at, column in enumerate(report.columns)
    ]
    what = up.label.partition(",")[0]
    title = f"{what[0].upper()}{what[1:]} of the full set against the number of structures kept"
    caption = f"{title}; the dashed line is the budget of this report."
    drawn = chart(
        _sizes(report), up, [*lines, _here(report, up)], legend=_legend(report), title=title
    )
    return Picture(f"{name}.svg", drawn, title, caption)


def _here(report: Report, up: Axis) -> Line:
    size = float(report.size)
    return Line(np.array([size, size]), np.array([up.low, up.high]), "#1b222b", 1.0, "4 4")


def _certificate(column: Column, colour: str) -> Line:
    sizes = np.unique(np.geomspace(1, len(column.selection), POINTS).astype(int))
    shares: FloatArray = np.array(
        [certified_share(column.selection, int(m), column.tight) or np.nan for m in sizes]
    )
    return Line(sizes.astype(float), shares, colour)


def maps(report: Report) -> list[Picture]:
    """Draw each map once for every column."""
    return [each for embedding in report.maps for each in maps_of(report, embedding)]


def maps_of(report: Report, embedding: Embedding) -> list[Picture]:
    """Draw a map once for every column."""
    analysis = report.analysis
    owners = analysis.descriptors.owners
    found = []
    for at, column in enumerate(report.columns):
        chosen = np.zeros(analysis.n_structures, dtype=bool)
        chosen[column.selection.positions[: report.size]] = True
        kept = chosen[owners]
        title = f"{embedding.method} map: what {column.title} keeps"
        said = (
            f"{column.title}: {PAGE.count(int(kept.sum()))} of "
            f"{PAGE.counted(len(kept), 'environment')} kept"
        )
        name = f"map_{embedding.method.lower()}_{at + 1}_{column.selection.method}.png"
        drawn = map_picture(embedding, kept, colour_of(at))
        found.append(Picture(name, drawn, title, join(swatch(at), said)))
    return found


def distortion(report: Report, embedding: Embedding) -> str:
    """Say what a map shows, and how far it can be trusted."""
    n = report.analysis.n_environments
    said = f"{embedding.method} of all {PAGE.count(n)} environments"
    if embedding.placed:
        said += f", of which {PAGE.count(len(embedding.laid_out))} were laid out and the others "
        said += embedding.placed
    if any(embedding.axes):
        said += f", {embedding.axes[0]} across and {embedding.axes[1]} up"
    if embedding.explained:
        said += f", which shows {PAGE.percent(sum(embedding.explained), 0)} of the variance"
    if math.isfinite(embedding.trustworthiness):
        said += f". Trustworthiness {PAGE.number(embedding.trustworthiness, 2)} (1: whatever is "
        said += "near in the map is near in descriptor space)"
    return f"{said}. A map leaves things out: figures are computed in descriptor space, not in it."
