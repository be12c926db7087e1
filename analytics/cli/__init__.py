"""The command line: ``winnow analyse``, and so on."""

from analytics.cli.command_line import main

__all__ = ["main"]
