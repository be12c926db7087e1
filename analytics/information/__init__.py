"""Kernel, entropy and outlier scores."""

from analytics.information.analysis import Analysis, analyse, refine
from analytics.information.bandwidth import (
    BandwidthScan,
    atomic_volume,
    bandwidth_by_volume,
    bandwidth_scan,
)
from analytics.information.entropy import delta_entropy, diversity, entropy, overlap
from analytics.information.intrinsic_dimension import IntrinsicDimension, intrinsic_dimension
from analytics.information.kernel import KernelSpec, kernel_sums, log_kernel_sums
from analytics.information.outliers import OutlierScores, outlier_scores
from analytics.information.structure_kernel import StructureKernel

__all__ = [
    "Analysis",
    "BandwidthScan",
    "IntrinsicDimension",
    "KernelSpec",
    "OutlierScores",
    "StructureKernel",
    "analyse",
    "atomic_volume",
    "bandwidth_by_volume",
    "bandwidth_scan",
    "delta_entropy",
    "diversity",
    "entropy",
    "intrinsic_dimension",
    "kernel_sums",
    "log_kernel_sums",
    "outlier_scores",
    "overlap",
    "refine",
]
