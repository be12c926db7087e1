"""The command line: ``winnow analyse``, and so on."""

from analytics.cli._main import main

__all__ = ["main"]
