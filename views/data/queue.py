"""Work queue on the page: the next things worth doing, what each would gain, a button for each."""

from __future__ import annotations

from typing import Any

import panel as pn

from analytics.curation.work_queue import ERRORS, LABELS, REPEATS, Suggestion
from views.kit import layout
from views.kit.action_list import Act, ActionList, Entry
from views.kit.text import Html, grouped, heading
from views.kit.widgets import reveal
from views.state.session import Session
from views.state.work_queue import WorkQueue

__all__ = ["QueueCard"]

#: More would be no queue; the rest follows when these are done.
MOST = 8
ORDER = (
    "Errors first, then doubtful labels, other warnings, what repeats itself, classes, what is "
    "far from all that is kept; the most environments first within each."
)


class QueueCard(pn.viewable.Viewer):
    """What is worth doing, in order; what is done or waived falls away."""

    def __init__(self, session: Session, shown: Any = True, **params: Any) -> None:
        super().__init__(**params)
        self._session, self.state = session, WorkQueue(session, shown=shown)
        self.head = Html()
        self.list = ActionList("The next things worth doing", self._act, css_classes=["numbered"])
        self._layout = layout.card(self.head, self.list, look="roomy", styles={"display": "none"})
        self.state.param.watch(self._show, ["queue", "running"])
        session.findings.param.watch(self._show, ["looking"])
        self._show()

    def _show(self, *_: Any) -> None:
        reveal(self._layout, self._session.opened is not None)
        queue = self.state.queue
        waits = self.state.running or self._session.findings.looking
        more = f"the first {MOST} of {grouped(len(queue))}" if len(queue) > MOST else ""
        text = ORDER if queue else "Nothing is left to do." if not waits else ""
        self.head.object = heading(
            "The next things worth doing", "still looking…" if waits else more, text=text
        )
        self.list.show([self._entry(at, one) for at, one in enumerate(queue[:MOST])])

    def _entry(self, at: int, one: Suggestion) -> Entry:
        tone = "error" if one.level == ERRORS else "quiet"
        acts = [Act("show", "Show", "Brush them and look at the first; ← and → step through them")]
        found = self._session.findings.get(one.finding)
        count = len(self._session.findings.removal(found)) if found is not None else 0
        if found is not None and 0 < count < self._session.dataset.n_structures:
            acts.append(Act("reject", f"Reject {grouped(count)}", "Undo takes it back"))
        if one.level in (LABELS, REPEATS):
            acts.append(Act("Review", "Go to Review", "Brush them and look at them closely"))
        if not one.finding:
            acts.append(Act("Compare", "In the maps", "Brush them and go to Compare"))
        return Entry(one.key, f"{at + 1}", tone, one.text, [one.gain], acts)

    def _act(self, key: str, name: str, text: str) -> None:
        self.state.act(key, name)

    def __panel__(self) -> Any:
        return self._layout
