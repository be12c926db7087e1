"""Locked events: what an event of a widget changes is changed with the lock of its document.

Panel (1.9) handles an event of a component (Enter in a field) that comes while a change of the same
page waits to be handled without the lock, and Bokeh may then refuse what the event changes
(docs/upstream.md). The same holds for the few changes that are not to wait.
"""

from __future__ import annotations

from panel.reactive import Syncable

__all__ = ["lock_events"]


def lock_events() -> None:
    """Have events and urgent changes handled with the lock of their document, as others are."""
    for handle in (Syncable._event_coroutine, Syncable._change_coroutine):
        handle.lock = True  # type: ignore[attr-defined]
