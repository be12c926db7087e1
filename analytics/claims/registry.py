"""Registry of claims: which there are, without loading what measures them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from analytics.runtime.registry import Registry

if TYPE_CHECKING:  # a plug-in that declares its claims loads no numpy
    from analytics.claims.claim import Claim

__all__ = ["CLAIMS", "SHIPPED"]

CLAIMS: Registry[Claim] = Registry(
    "claim",
    {
        f"analytics.claims.{module}": names
        for module, names in {
            "compression.information": ("msc_information",),
            "compression.information_per_environment": ("msc_information_per_environment",),
            "compression.outliers": ("msc_outliers",),
            "compression.diversity": ("msc_diversity",),
            "compression.coverage": ("msc_coverage",),
            "compression.force_tail": ("msc_force_tail",),
            "compression.out_of_distribution": ("msc_out_of_distribution",),
            "compression.unseen_class": ("msc_unseen_class",),
            "compression.published_tests": ("msc_published_tests",),
            "compression.outlier_analysis": ("outliers_explain_errors",),
            "compression.maps": ("maps_cannot_show",),
            "compression.delta_entropy": ("delta_entropy_predicts_errors",),
            "compression.information_gap": ("information_gap",),
            "compression.information_gap_one_size": ("information_gap_one_size",),
            "pruning.random_nearly_free": ("potential_random_nearly_free",),
            "pruning.ccs_hundredfold": ("potential_ccs_hundredfold",),
            "pruning.chemical_accuracy": ("potential_chemical_accuracy",),
            "pruning.grand_fails": ("potential_grand_fails",),
            "pruning.unseen": ("potential_unseen",),
            "pruning.lost_coverage": ("potential_lost_coverage",),
            "pruning.low_dimension": ("potential_low_dimension",),
            "pruning.alike": ("potentials_alike",),
        }.items()
    },
)

#: Evidence that comes with a plug-in, by subject: a function that returns it by name.
SHIPPED: Registry[Callable[[], Mapping[str, Any]]] = Registry("subject of claims")
