"""Blocks of work on all cores, or on a cluster, handed over in a fixed order."""

from __future__ import annotations

from analytics.runtime.parallel import in_order

__all__ = ["in_order"]
