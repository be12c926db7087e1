"""A plug-in for Winnow: what `docs/plug-ins/index.md` walks through."""
