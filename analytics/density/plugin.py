"""What the plug-in of electron densities brings, named by its entry point in pyproject.toml.

It is installed by default and enters as anybody's would: nothing else in Winnow names it.
"""

from analytics.claims.registry import CLAIMS, SHIPPED
from analytics.cli.registry import register

register(
    "density", "Compare prunings of Kohn-Sham electron densities.", "analytics.density.command"
)
CLAIM_NAMES = (
    "random_nearly_free", "ccs_hundredfold", "chemical_accuracy", "grand_fails",
    "third_of_the_time", "unseen_conditions", "lost_coverage",
)  # fmt: skip
CLAIMS.declare("analytics.density.claims", *CLAIM_NAMES)
SHIPPED.declare("analytics.density.claims", "density")
