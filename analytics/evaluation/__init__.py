"""What a selection keeps and loses."""

from analytics.evaluation import retrain
from analytics.evaluation.comparison import (
    METRICS,
    Comparison,
    compare,
    compare_selections,
    measure,
)
from analytics.evaluation.embedding import Embedding, display_sample, embed_pca, embed_umap
from analytics.evaluation.prefixes import PrefixMetrics, budget_grid, prefix_metrics
from analytics.evaluation.redundancy import (
    LearningCurve,
    Redundancy,
    information_efficiency,
    learning_curve,
    redundancy,
)
from analytics.evaluation.tails import TailSummary, complementary_distribution, tail_summary

__all__ = [
    "METRICS",
    "Comparison",
    "Embedding",
    "LearningCurve",
    "PrefixMetrics",
    "Redundancy",
    "TailSummary",
    "budget_grid",
    "compare",
    "compare_selections",
    "complementary_distribution",
    "display_sample",
    "embed_pca",
    "embed_umap",
    "information_efficiency",
    "learning_curve",
    "measure",
    "prefix_metrics",
    "redundancy",
    "retrain",
    "tail_summary",
]
