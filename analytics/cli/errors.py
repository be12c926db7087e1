"""Usage errors of the command line: an option or argument that cannot be used."""

from __future__ import annotations

from analytics.runtime.errors import WinnowError

__all__ = ["UsageError"]


class UsageError(WinnowError):
    """An option or argument that cannot be used, named in the message."""
