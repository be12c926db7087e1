"""Methods paragraph of a report: what was computed, in sentences that a paper could use."""

from __future__ import annotations

from analytics.descriptors.base import descriptor_name
from analytics.report.contents import Report
from analytics.runtime.text import PAGE

__all__ = ["methods_paragraphs"]


def methods_paragraphs(report: Report) -> list[str]:
    """Return the paragraphs, facts of this report filled in."""
    analysis = report.analysis
    width = analysis.width
    chosen = {
        "auto": "was chosen by the data, without labels, as the one at which a random "
        f"{PAGE.exact_percent(width.share)} of the structures covers "
        f"{PAGE.exact_percent(width.aim)} of the environments held out",
        "published": "is the one that the descriptor is published with",
    }.get(width.asked, "was given")
    sampled = (
        "All sums run over all environments."
        if analysis.sampled is None
        else f"Coverage and mean delta entropy were estimated from "
        f"{PAGE.counted(analysis.sampled, 'environment')} drawn at random (seed {analysis.seed}), "
        "and are given with one standard error."
        + ("" if analysis.exact else " So were entropy and diversity.")
    )
    known = f" {analysis.scores_said()}." if analysis.scores_said() else ""
    known = known[:1] + known[1:2].upper() + known[2:]
    return [
        f"Environments of {PAGE.counted(analysis.n_structures, 'structure')} "
        f"({PAGE.counted(analysis.n_environments, 'environment')}; isolated atoms are kept and "
        f"left out) were described by the descriptor {descriptor_name(analysis.descriptors.spec)} "
        "and compared with the kernel K(x, y) = exp(−|x − y|²/2h²). The width h = "
        f"{analysis.spec.bandwidth:.4g} {chosen}. With p the sums of the kernel over a set of n "
        "environments, its entropy is H = −mean ln(p/n), its diversity D = ln Σ 1/p, and "
        "1 − exp(D)/n of it is redundant. The delta entropy of an environment given a set is "
        "minus the logarithm of its kernel sum over that set; it counts as covered below "
        f"{analysis.spec.covered_below:g} nats, the coverage of a selection is the share of all "
        "environments that are, and the mean delta entropy is taken over all of them. The "
        "outlier score of an environment is minus the logarithm of its kernel sum over all "
        f"others. {sampled}{known}",
        "What depends on the width is given from half to twice of it. A certificate is a lower "
        "bound on the objective of a selection over that of the best selection of the same cost.",
    ]
