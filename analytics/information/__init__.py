"""Kernel, entropy and outlier scores."""

from analytics.information.analysis import Analysis, analyse
from analytics.information.entropy import delta_entropy, diversity, entropy, overlap
from analytics.information.kernel import KernelSpec, kernel_sums, log_kernel_sums, structure_kernel
from analytics.information.outliers import OutlierScores, outlier_scores

__all__ = [
    "Analysis",
    "KernelSpec",
    "OutlierScores",
    "analyse",
    "delta_entropy",
    "diversity",
    "entropy",
    "kernel_sums",
    "log_kernel_sums",
    "outlier_scores",
    "overlap",
    "structure_kernel",
]
