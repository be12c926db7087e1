"""What the plug-in of electron densities brings, named by its entry point in pyproject.toml.

It is installed by default and enters as anybody's would: nothing else in Winnow names it.
"""

from analytics.cli.registry import register

register(
    "density", "Compare prunings of Kohn-Sham electron densities.", "analytics.density.command"
)
