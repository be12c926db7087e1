"""Few atoms: structures so small that their atoms see their own images."""

from collections.abc import Iterator

from analytics.data.checks.registry import register
from analytics.data.checks.report import Finding
from analytics.data.checks.subject import Subject

#: Periodic structures with fewer atoms are named.
FEWEST = 3


@register("few_atoms")
def check_few_atoms(subject: Subject) -> Iterator[Finding]:
    """Note periodic structures of fewer atoms than `FEWEST`."""
    data = subject.dataset
    few = (data.sizes < FEWEST) & data.pbc.any(axis=1)
    yield from subject.having("few_atoms", "note", few, f"fewer than {FEWEST} atoms")
