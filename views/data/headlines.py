"""Headline block: redundant share, effective environments, entropy, each with its range."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from analytics.data.checks.report import Finding
from analytics.descriptors.base import descriptor_name
from analytics.descriptors.species import sees_elements
from analytics.evaluation.element_contrast import ElementContrast
from analytics.evaluation.width_range import WidthRange
from analytics.information.analysis import Analysis
from analytics.runtime import html
from analytics.runtime.html import Markup
from views.kit.option_words import on_page
from views.kit.text import (
    estimated,
    exact_percent,
    grouped,
    percent,
    percent_error,
    significant,
    tiles,
)

__all__ = ["headline_tiles", "headline_words", "setting_words"]


def headline_tiles(analysis: Analysis, over_widths: WidthRange | None) -> Markup:
    """Write the headline figures, each with what it is from half to twice the width."""
    data = analysis.dataset
    size = math.exp(analysis.diversity_nats)
    effective = estimated(
        grouped(round(size)), size * analysis.diversity_error, lambda e: grouped(math.ceil(e))
    )
    redundant = estimated(percent(analysis.redundancy, 0), analysis.redundancy_error, percent_error)
    entropy = estimated(
        f"{analysis.entropy_nats:.2f}", analysis.entropy_error, lambda e: significant(e, 1)
    )
    numbers: list[tuple[Any, str]] = [
        (grouped(n), f"{noun}{'s' * (n != 1)}")
        for n, noun in ((data.n_structures, "structure"), (data.n_environments, "environment"))
    ]
    spans = dict.fromkeys(("redundancy", "effective_environments", "entropy"), "")
    if over_widths is not None:
        share = [percent(end, 0) for end in over_widths.span("redundancy")]
        number = [grouped(round(e)) for e in over_widths.span("effective_environments")]
        nats = [f"{end:.2f}" for end in over_widths.span("entropy")]
        spans = {
            name: f"; {low} to {high}"
            for name, (low, high) in zip(spans, (share, number, nats), strict=True)
        }
    numbers += [
        (redundant, f"redundant{spans['redundancy']}"),
        (effective, f"effective environments, exp D{spans['effective_environments']}"),
        (
            entropy,
            f"entropy, nats (at most {analysis.max_entropy_nats:.2f}){spans['entropy']}",
        ),
    ]
    return tiles(numbers)


def headline_words(
    analysis: Analysis,
    over_widths: WidthRange | None,
    elements: ElementContrast | None,
    findings: tuple[Finding, ...],
) -> Markup:
    """Say what the figures depend on, then what is to be known before they are believed."""
    if over_widths is None:
        return html.p("What they are at other widths of the kernel is being worked out…",
                      class_="note")  # fmt: skip
    said = [("note", message, on_page(advice)) for message, advice in _notes(over_widths, elements)]
    said += [
        (f.severity, on_page(f.message), on_page(f.advice))
        for f in findings
        if f.code != "published_differs"  # is among the sentences above
    ]
    return html.join(
        html.p(
            "The figures after the semicolon are for kernels from half to twice as wide as the "
            f"one in use, {analysis.spec.bandwidth:g}.",
            class_="note",
        ),
        *(
            html.div(
                html.span(kind, class_=kind if kind != "note" else "quiet"),
                html.span(message, *([html.small(advice)] if advice else [])),
                class_="finding",
            )
            for kind, message, advice in said
        ),
    )


#: Shares that differ by less are the same answer.
ALIKE = 0.05


def _notes(over_widths: WidthRange, elements: ElementContrast | None) -> Iterator[tuple[str, str]]:
    """Yield what the published width and a look without elements would say instead."""
    found = over_widths
    if found.published is not None and found.published != found.in_use:
        here, there = (found.at("redundancy", h) for h in (found.in_use, found.published))
        few, many = sorted(
            found.at("effective_environments", h) for h in (found.in_use, found.published)
        )
        if abs(here - there) > ALIKE or many > 2.0 * few:
            yield (
                f"At the published width, {found.published:g}, {percent(there, 0)} are redundant "
                f"({grouped(round(found.at('effective_environments', found.published)))} "
                f"effective environments); at the one in use, {found.in_use:.3g}, "
                f"{percent(here, 0)}.",
                "Which of them holds for your purpose is measured under Review: Calibrate by "
                "training.",
            )
    if elements is not None and elements.differs:
        yield (
            f"Without telling {', '.join(elements.elements)} apart there would be "
            f"{grouped(round(elements.effective_blind))} effective environments instead of "
            f"{grouped(round(elements.effective))}: {percent(elements.redundancy_blind, 0)} "
            "redundant.",
            "",
        )


def setting_words(analysis: Analysis) -> Markup:
    """Say which width and which descriptor are in use, and why."""
    width, spec = analysis.width, analysis.descriptors.spec
    unit = " 1/Å" if hasattr(spec, "cutoff") else ""
    share, aim = exact_percent(width.share), exact_percent(width.aim)
    rule = f"the width at which a random {share} of the structures covers {aim} of the rest"
    spread = f"{significant(width.low, 2)} to {significant(width.high, 2)}"
    if width.asked == "auto":
        told = f", {rule} ({spread} over draws)"
        told += f"; published: {width.published:g}" if width.published is not None else ""
    else:
        covers = width.coverage()
        covered = f", a random {share} then covers {percent(covers)}" if covers == covers else ""
        told = f", {width.asked}{covered}; by the data: {width.auto:g} ({spread} over draws)"
    elements = ""
    if hasattr(spec, "species") and sees_elements(spec):
        elements = f", {spec.species.replace(',', ', ')} told apart"
    numbers = f"{analysis.descriptors.values.shape[1]} numbers for each environment"
    return html.join(
        html.p(html.b(f"Width in use: {width.value:g}{unit}"), told, ".", class_="note"),
        html.p("This is doubtful: ", width.doubt, ".", class_="note") if width.doubt else None,
        html.p(
            html.b(f"Descriptor in use: {descriptor_name(spec)}"),
            f"{elements}; {numbers}.",
            class_="note",
        ),
    )
