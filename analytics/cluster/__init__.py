"""The same calls on a Dask cluster."""

from analytics.cluster.connection import Cluster, connect, scheduler_address
from analytics.cluster.two_rounds import (
    TooLarge,
    TwoRoundSpec,
    select_in_two_rounds,
    two_rounds_of,
    usual_parts,
    why_one_round,
)

__all__ = [
    "Cluster",
    "TooLarge",
    "TwoRoundSpec",
    "connect",
    "scheduler_address",
    "select_in_two_rounds",
    "two_rounds_of",
    "usual_parts",
    "why_one_round",
]
