"""What the commands print for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from analytics.cli.output import aligned, columns, count, number, percent, sentence
from analytics.data.checks.report import CheckReport
from analytics.evaluation.redundancy import Redundancy, information_efficiency
from analytics.information.analysis import Analysis
from analytics.information.intrinsic_dimension import IntrinsicDimension
from analytics.recipe import Recipe

__all__ = ["analysis_text", "check_text", "comparison_text", "selection_text"]

TABLE = {  # column: head (two lines), and how a value is written
    "n_structures": ("struc-", "tures", count),
    "n_environments": ("environ-", "ments", count),
    "entropy_nats": ("entropy", "nats", number),
    "diversity_nats": ("diversity", "nats", number),
    "overlap": ("overlap", "", percent),
    "outliers_kept": ("outliers", "kept", percent),
    "force_w1": ("force W1", "eV/Å", number),
    "force_top1pct_kept": ("top 1 %", "|F| kept", percent),
}


def analysis_text(
    analysis: Analysis,
    name: str,
    classes: Sequence[Redundancy] = (),
    curve: Any = None,
    dimension: IntrinsicDimension | None = None,
) -> str:
    """Return the figures of an analysis, with units, and one plain sentence.

    Parameters
    ----------
    analysis : Analysis
    name : str
    classes : sequence of Redundancy
        The complete set, then its classes.
    curve : DataFrame, optional
        A learning curve.
    dimension : IntrinsicDimension, optional
    """
    n, isolated = analysis.n_environments, int(analysis.dataset.isolated.sum())
    besides = f"and {sentence(isolated, 'isolated atom')}, left out below" if isolated else ""
    effective = round(float(np.exp(analysis.diversity_nats)))
    unit = "1/Å" if hasattr(analysis.descriptors.spec, "cutoff") else ""
    rows = [
        ("structures", count(analysis.n_structures), besides),
        ("environments", count(n), ""),
        ("entropy H", number(analysis.entropy_nats), _of("nats, at most ln n", analysis)),
        ("diversity D", number(analysis.diversity_nats), _of("nats, at most ln n", analysis)),
        ("bandwidth h", f"{analysis.spec.bandwidth:g}", unit),
    ]
    efficiency = information_efficiency(analysis.entropy_nats, n)
    rows.insert(4, ("efficiency", percent(efficiency), "of the largest entropy, H / ln n"))
    if dimension is not None:
        known = np.isfinite(dimension.dimension)
        error = f"± {dimension.error:.2f}, " if known else "too few: "
        sampled = f"{error}TwoNN over {count(dimension.n_sampled)} distinct environments"
        rows.append(("intrinsic dimension", number(dimension.dimension, 2), sampled))
    told = (
        f"{percent(analysis.redundancy, 0)} of the environments are redundant: "
        f"effective number exp(D) = {count(effective)} of {count(n)}."
    )
    parts = [f"{name}\n{aligned(rows)}"]
    if len(classes) > 1:
        parts.append(_class_table(classes[1:]))
    if curve is not None:
        parts.append(_curve_table(curve))
    parts[-1] += f"\n{told}"
    return "\n\n".join(parts)


def _class_table(classes: Sequence[Redundancy]) -> str:
    head = [
        ["config_type", "struc-", "environ-", "entropy", "effi-", "effective", "redun-", "covered"],
        ["", "tures", "ments", "nats", "ciency", "number", "dant", "by others"],
    ]
    rows = [
        [
            row.name,
            count(row.n_structures),
            count(row.n_environments),
            number(row.entropy_nats),
            percent(row.efficiency),
            number(row.effective_environments, 1),
            percent(row.redundancy),
            percent(row.covered_by_others),
        ]
        for row in classes
    ]
    return columns(head, rows)


def _curve_table(curve: Any) -> str:
    head = [["structures", "environments", "entropy, nats", "diversity, nats", "coverage"]]
    rows = [
        [
            count(int(row["n_structures"])),
            count(round(row["n_environments"])),
            f"{row['entropy_nats']:.3f} ± {row['entropy_spread']:.3f}",
            f"{row['diversity_nats']:.3f} ± {row['diversity_spread']:.3f}",
            f"{percent(row['coverage'])} ± {100 * row['coverage_spread']:.1f}",
        ]
        for row in curve.to_dict(orient="records")
    ]
    return columns(head, rows)


def _of(what: str, analysis: Analysis) -> str:
    return f"{what} = {number(analysis.max_entropy_nats)}"


def selection_text(recipe: Recipe, written: Mapping[str, str | None]) -> str:
    """Return what was kept, what that is worth, and where it was written."""
    full, metrics = recipe.full_set, recipe.metrics
    seed = f", seed {recipe.seed}"
    head = (
        f"{recipe.method}{seed}: {_share(recipe.size, full['n_structures'], 'structures')}, "
        f"{_share(metrics['n_environments'], full['n_environments'], 'environments')}"
    )
    rows = [
        ("entropy H", number(metrics["entropy_nats"]), _whole(full["entropy_nats"])),
        ("diversity D", number(metrics["diversity_nats"]), _whole(full["diversity_nats"])),
        ("overlap", percent(metrics["overlap"]), "of all environments are covered"),
        ("outliers kept", percent(metrics["outliers_kept"]), "of the 1 % sparsest"),
        ("force tail kept", percent(metrics["force_top1pct_kept"]), "of the 1 % largest |F|"),
    ]
    if metrics["certificate"] is not None:
        share = percent(metrics["certificate"])
        rows.append(("certificate", share, "or more of the best possible coverage"))
    return "\n".join([head, aligned(rows), *_estimated(recipe), *_written(recipe, written)])


def _estimated(recipe: Recipe) -> list[str]:
    """Say what a sample stands behind, if one does."""
    if recipe.sample is None:
        return []
    sampled, n = int(recipe.sample["environments"]), int(recipe.full_set["n_environments"])
    told = f"  estimated from {count(sampled)} of {count(n)} environments"
    if recipe.metrics.get("overlap_error") is not None:
        told += f", overlap ± {percent(recipe.metrics['overlap_error'], 2)}"
    return [told + ("; picked by as many others" if recipe.rounds == 1 else "")]


def _share(part: int, whole: int, what: str) -> str:
    return f"{count(part)} of {count(whole)} {what} ({percent(part / whole)})"


def _whole(value: float) -> str:
    return f"nats ({number(value)} for all)"


def _written(recipe: Recipe, written: Mapping[str, str | None]) -> list[str]:
    kept = sentence(len(recipe.kept), "structure")
    if recipe.isolated:
        kept += f", {sentence(len(recipe.isolated), 'isolated atom')} among them"
    rest = sentence(recipe.n_structures - len(recipe.kept), "structure")
    texts = {"kept": kept, "rest": rest, "recipe": "recipe with all settings and indices"}
    return [f"{path}: {texts[what]}" for what, path in written.items() if path]


def comparison_text(analysis: Analysis, table: Any) -> str:
    """Return the table of a comparison; the full set is its first row."""
    head = [
        ["method", "budget", *(first for first, _, _ in TABLE.values())],
        ["", "", *(second for _, second, _ in TABLE.values())],
    ]
    full = {
        "n_structures": analysis.n_structures,
        "n_environments": analysis.n_environments,
        "entropy_nats": analysis.entropy_nats,
        "diversity_nats": analysis.diversity_nats,
    }
    rows = [["(all)", "", *_cells(full)]]
    for row in table.to_dict(orient="records"):
        rows.append([row["method"], str(row["budget"]), *_cells(row)])
    return columns(head, rows)


def _cells(row: Mapping[str, Any]) -> list[str]:
    return [write(row[name]) if name in row else "" for name, (_, _, write) in TABLE.items()]


def check_text(report: CheckReport, name: str) -> str:
    """Return the findings, errors first."""
    counts = report.counts
    lines = [
        f"{name}: {sentence(counts['structures'], 'structure')}, "
        f"{sentence(counts['environments'], 'environment')}"
    ]
    for severity in ("error", "warning", "note"):
        findings = [finding for finding in report.findings if finding.severity == severity]
        if findings:
            lines.append(f"{sentence(len(findings), severity)}:")
        for finding in findings:
            lines.append(f"  {finding.code}: {finding.message}")
            if finding.evidence:
                lines.append(f"    {finding.evidence}")
    if len(lines) == 1:
        lines.append("nothing to report")
    return "\n".join(lines)
