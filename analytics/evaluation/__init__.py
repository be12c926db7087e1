"""What a selection keeps and loses."""

from analytics.evaluation.comparison import (
    METRICS,
    Comparison,
    compare,
    compare_selections,
    measure,
)
from analytics.evaluation.embedding import Embedding, display_sample, embed_pca, embed_umap
from analytics.evaluation.prefixes import PrefixMetrics, budget_grid, prefix_metrics
from analytics.evaluation.tails import TailSummary, complementary_distribution, tail_summary

__all__ = [
    "METRICS",
    "Comparison",
    "Embedding",
    "PrefixMetrics",
    "TailSummary",
    "budget_grid",
    "compare",
    "compare_selections",
    "complementary_distribution",
    "display_sample",
    "embed_pca",
    "embed_umap",
    "measure",
    "prefix_metrics",
    "tail_summary",
]
